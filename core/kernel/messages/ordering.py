"""The words of what is found in the demand, prices and rules that orders and prices are worked out from."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-ORD-01": Message(
        "error",
        "Column {column} is missing; there are: {known}.",
        "缺少列 {column}；现有：{known}。",
        "Name the columns {needed}.",
        "列名应为 {needed}。",
    ),
    "SL-ORD-02": Message(
        "error",
        "{what} holds {got} in {count} places; allowed: {allowed}.",
        "{what} 有 {count} 处为{got}；允许：{allowed}。",
        "Mend or remove them; a day on which demand could not show is null.",
        "请更正或删除；需求无法体现的日期请填空值。",
    ),
    "SL-ORD-03": Message(
        "error",
        "There are {count} {what}; needed: {least} or more.",
        "{what}只有 {count}，至少需要 {least}。",
        "Give a longer history or more items.",
        "请提供更长的历史或更多商品。",
    ),
    "SL-ORD-04": Message(
        "error",
        "{setting} is {got}; allowed: {allowed}.",
        "{setting} 为 {got}；允许：{allowed}。",
        "Set it within what is allowed.",
        "请设为允许的值。",
    ),
    "SL-ORD-05": Message(
        "error",
        "{count} rows repeat an item and time, first {item} at {at}.",
        "{count} 行的商品与时间重复，首处为 {item}（{at}）。",
        "Sum or remove them, so that each item has one row a time.",
        "请合并或删除，使每个商品每个时间只有一行。",
    ),
}
