"""The words of pilot projects."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-PIL-01": Message(
        "error",
        "The pilot is {step}: its {part} stands fast.",
        "试点处于“{step}”阶段：其 {part} 不可再改。",
        "What a pilot is judged by is not changed while it runs; decide for a next round to choose anew.",
        "试点运行期间不得更改评判依据；如需重选，请决策进入下一轮。",
    ),
    "SL-PIL-02": Message(
        "error",
        "A pilot that is {step} cannot become {to}; next comes: {allowed}.",
        "处于“{step}”阶段的试点不能变为“{to}”；下一步为：{allowed}。",
        "The steps are taken one by one.",
        "请逐步推进。",
    ),
    "SL-PIL-03": Message(
        "error",
        "To become {to} it needs {what}.",
        "进入“{to}”需要{what}。",
        "Write it, then take the step.",
        "请先填写，再进入该步骤。",
    ),
    "SL-PIL-04": Message(
        "error",
        "The pilot begins on {begins}, which is still to come.",
        "试点于 {begins} 开始，尚未到期。",
        "Take the step on that day, or choose an earlier one.",
        "请于当日推进，或改选更早日期。",
    ),
    "SL-PIL-05": Message(
        "error",
        "A pilot that is {step} has nothing to evaluate.",
        "处于“{step}”阶段的试点没有可评估的内容。",
        "Let it run for some days first.",
        "请先运行数日。",
    ),
}
