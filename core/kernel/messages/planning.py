"""The words of what is wrong in a problem given to the planners: routes, shelf space, tasks, picking, set points, appointments."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-PLN-01": Message(
        "error",
        "There are no {what} to plan with.",
        "没有可用于规划的{what}。",
        "Give at least one.",
        "请至少提供一个。",
    ),
    "SL-PLN-02": Message(
        "error",
        "{what} {name} is given more than once.",
        "{what} {name} 重复出现。",
        "Give each a name of its own.",
        "请为每项指定唯一名称。",
    ),
    "SL-PLN-03": Message(
        "error",
        "{what} {name}: {key} is {got}; allowed: {allowed}.",
        "{what} {name}：{key} 为 {got}；允许：{allowed}。",
        "Correct this value; nothing is planned until all are right.",
        "请更正该值；全部正确后才会规划。",
    ),
    "SL-PLN-04": Message(
        "error",
        "{what} {name}: {key} names {got}, which is not there; there are: {known}.",
        "{what} {name}：{key} 指向的 {got} 不存在；现有：{known}。",
        "Correct the name, or add what it names.",
        "请更正名称，或补充其所指的内容。",
    ),
}
