"""The words of what is found in the data of a test, in a comparison of stores, and in the checks that an estimate did not pass."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-EXP-01": Message(
        "error",
        "Column {column} is missing; there are: {known}.",
        "缺少列 {column}；现有：{known}。",
        "Name the columns {needed}.",
        "列名应为 {needed}。",
    ),
    "SL-EXP-02": Message(
        "error",
        "{what} holds {got} in {count} places; allowed: {allowed}.",
        "{what} 有 {count} 处为 {got}；允许：{allowed}。",
        "Mend or remove them; nothing is filled in silently.",
        "请更正或删除；系统不会自动补值。",
    ),
    "SL-EXP-03": Message(
        "error",
        "There are {count} {what}; needed: {least} or more.",
        "{what}只有 {count}，至少需要 {least}。",
        "Test longer or with more units; below this an interval would mean nothing.",
        "请延长测试或增加样本；低于此数量的区间没有意义。",
    ),
    "SL-EXP-04": Message(
        "error",
        "{count} rows repeat a unit and time, first {unit} at {at}.",
        "{count} 行的对象与时间重复，首处为 {unit}（{at}）。",
        "Sum or remove them, so that each unit has one value a time.",
        "请合并或删除，使每个对象每个时间只有一个值。",
    ),
    "SL-EXP-05": Message(
        "warning",
        "The check '{check}' does not hold: {got}; expected: {expected}.",
        "检验“{check}”未通过：{got}；应为：{expected}。",
        "Do not act on this estimate before the cause is found.",
        "查明原因前，请勿据此估计做决定。",
    ),
    "SL-EXP-06": Message(
        "error",
        "{what} cannot be estimated: {reason}.",
        "无法估计{what}：{reason}。",
        "Change the design as the reason says.",
        "请按原因调整设计。",
    ),
}
