"""The words of what is found in receipt lines of members, and in what is to be estimated from them."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-CUS-01": Message(
        "error",
        "There are no receipt lines of members.",
        "没有会员的小票明细。",
        "Give at least one line; lines without a member are left out by whoever reads the receipts.",
        "请至少提供一行；无会员的小票应在读取时剔除。",
    ),
    "SL-CUS-02": Message(
        "error",
        "Column {column} is missing; there are: {known}.",
        "缺少列 {column}；现有：{known}。",
        "Name the columns member, receipt, ds (local day), item, qty and amount (paid for the line).",
        "列名应为 member（会员）、receipt（小票）、ds（当地日期）、item（商品）、qty（数量）、amount（该行实付）。",
    ),
    "SL-CUS-03": Message(
        "error",
        "Column {column} holds {got} in {count} rows; allowed: {allowed}.",
        "列 {column} 有 {count} 行为 {got}；允许：{allowed}。",
        "Mend or remove these rows.",
        "请更正或删除这些行。",
    ),
    "SL-CUS-04": Message(
        "error",
        "{count} lines lie after {until}, first receipt {receipt} on {day}.",
        "{count} 行晚于 {until}，首张为小票 {receipt}（{day}）。",
        "Check the dates, or give the day up to which receipts are known.",
        "请核对日期，或给出小票数据的截止日。",
    ),
    "SL-CUS-05": Message(
        "error",
        "{count} receipts belong to several members, first {receipt}.",
        "{count} 张小票属于多个会员，首张为 {receipt}。",
        "Make receipt numbers unique, for instance by store, till and day.",
        "请使小票号唯一，例如加上门店、收银机与日期。",
    ),
    "SL-CUS-06": Message(
        "info",
        "{count} of {total} receipts come to nothing or less (returns) and are no purchases.",
        "{total} 张小票中有 {count} 张合计为零或负（退货），不计为购买。",
    ),
    "SL-CUS-07": Message(
        "error",
        "There are {count} {what}; needed: {least} or more.",
        "{what}只有 {count}，至少需要 {least}。",
        "Give a longer period or more members; below this no estimate is better than a guess.",
        "请提供更长时间或更多会员的数据；低于此数量的估计不比猜测更可靠。",
    ),
    "SL-CUS-08": Message(
        "error",
        "Setting {setting} is {got}; allowed: {allowed}.",
        "设置 {setting} 为 {got}；允许：{allowed}。",
        "Set it to an allowed value.",
        "请改为允许的取值。",
    ),
    "SL-CUS-09": Message(
        "warning",
        "{count} receipts are more than {times} times the median receipt, first {receipt} ({got}); they count.",
        "{count} 张小票超过中位金额的 {times} 倍，首张为 {receipt}（{got}）；照常计入。",
        "If they are wrong or of a business, remove them: they move monetary figures.",
        "如有误或为团购，请剔除：它们会影响金额类指标。",
    ),
    "SL-CUS-10": Message(
        "error",
        "The data do not fix the {model}: {reason}.",
        "数据不足以确定 {model}：{reason}。",
        "Use a longer period with more repeat purchases, or report plain frequencies instead.",
        "请使用重复购买更多的更长时段，或改用简单频次。",
    ),
}
