"""The words of agents that enrol and report, and of roll-outs."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    # agents become known
    "SL-ENR-01": Message(
        "error",
        "The store '{store}' is closed.",
        "门店“{store}”已关闭。",
        "Make codes for stores that are open.",
        "请为营业中的门店生成注册码。",
    ),
    "SL-ENR-02": Message(
        "error",
        "Too many wrong enrolment codes came from this address.",
        "该地址提交的错误注册码过多。",
        "Try again in {seconds} s.",
        "请在 {seconds} 秒后重试。",
    ),
    "SL-ENR-03": Message(
        "error",
        "Report {got} is too far ahead: all up to {taken} are stored, and none above {most} is taken.",
        "上报 {got} 超前过多：已收到 {taken}，最多接受到 {most}。",
        "Send the reports in order, from the oldest that was not taken.",
        "请从最早的未接收上报开始按序发送。",
    ),
    "SL-ENR-04": Message(
        "error",
        "The enrolment code does not hold: it is mistyped, used, over, or was replaced by a newer one.",
        "注册码无效：输入有误、已使用、已过期或已被新码取代。",
        "Have an operator make a new one for the store.",
        "请让运营人员为门店重新生成。",
    ),
    # roll-outs
    "SL-ROL-01": Message(
        "error",
        "{count} stores that the waves name have no bundle in release '{release}', or are closed: {stores}.",
        "批次所列的 {count} 家门店在版本“{release}”中没有方案包或已关闭：{stores}。",
        "Take them out of the waves, or release for them.",
        "请将其移出批次，或为其发布版本。",
    ),
    "SL-ROL-02": Message(
        "error",
        "No store would change: those that the waves take are to run release '{release}' already, or there are none.",
        "没有门店会变更：所选门店已运行版本“{release}”，或没有选中门店。",
        "Look at the release's plan.",
        "请查看该版本的计划。",
    ),
    "SL-ROL-03": Message(
        "error",
        "The roll-out is {state}; '{order}' wants one that is {allowed}.",
        "发布任务当前为 {state}；“{order}”要求为 {allowed}。",
        "Read the roll-out again.",
        "请重新读取发布任务。",
    ),
    "SL-ROL-04": Message(
        "error",
        "The wave '{wave}' was taken back: the roll-out cannot go on past it.",
        "批次“{wave}”已回退：发布任务无法继续。",
        "Abort it, or roll it back as a whole, and plan a new one.",
        "请中止或整体回退，然后新建发布任务。",
    ),
    "SL-ROL-05": Message(
        "error",
        "The roll-out '{rollout}' is under way in the store '{store}'.",
        "发布任务“{rollout}”正在门店“{store}”进行。",
        "Let it end, abort it or roll it back first.",
        "请等待其结束，或先中止、回退。",
    ),
}
