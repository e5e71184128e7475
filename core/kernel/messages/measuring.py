"""What can be said of energy days and of the baselines fitted on them."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-ENM-01": Message(
        "error",
        "{count} days of energy are given twice, first {day}.",
        "{count} 天的能耗重复给出，首个为 {day}。",
        "Give one row a day.",
        "每天只给一行。",
    ),
    "SL-ENM-02": Message(
        "error",
        "Column {column} holds {count} values out of range, first {got} on {day}; allowed: {allowed}.",
        "列 {column} 有 {count} 个值超出范围，首个为 {day} 的 {got}；允许：{allowed}。",
        "Correct these days or leave them out.",
        "请更正这些天，或将其排除。",
    ),
    "SL-ENM-03": Message(
        "error",
        "A baseline needs {least} days or more; there are {got}.",
        "基线至少需要 {least} 天，现有 {got} 天。",
        "Wait until there are more days; a year that holds all seasons is best.",
        "请积累更多天数；最好是涵盖四季的一整年。",
    ),
    "SL-ENM-04": Message(
        "error",
        "All {count} days used no energy at all.",
        "{count} 天的能耗全部为 0。",
        "Check the meter and its unit.",
        "请检查电表及其单位。",
    ),
    "SL-ENM-05": Message(
        "error",
        "All {count} days are closed; a baseline needs open days.",
        "全部 {count} 天均为停业日；基线需要营业日。",
        "Check the calendar of closed days.",
        "请核对停业日历。",
    ),
    "SL-ENM-06": Message(
        "warning",
        "The baseline's {figure} is {got} %, over the limit of {limit} %: savings by it prove nothing.",
        "基线的 {figure} 为 {got}%，超过上限 {limit}%：据此计算的节能量不足为证。",
        "Leave out days that are not comparable, or take a longer baseline; until then compare raw use only.",
        "请排除不可比的日子或延长基线期；在此之前只作原始能耗对比。",
    ),
}
