"""Staff terminals and time clocks over HTTP: clocking, finished tasks and answers come in as signed webhooks, tasks go out.

Signatures and payload are those of Standard Webhooks 1.0.0. What a terminal sends again after it was offline, with its id and time, is
stored once, as of when it happened.
"""

from __future__ import annotations

from storeloom.hardware_adapters.links.signed import SignedConfig, SignedDriver


class HttpTerminal(SignedDriver):
    zh, en = "员工终端（HTTP）", "Staff terminal over HTTP"
    purpose_zh = "通过签名 HTTP 对接员工终端与考勤机：接收打卡、任务完成与审批结果，下发任务、审批与零工岗位。"
    kind = "terminal"
    feeds = (
        "staff.clock",
        "task.done",
        "training.event",
        "shift.propose",
        "shift.fixed",
        "gig.accept",
        "approval.result",
        "pick.done",
        "inventory.movement",
        "inventory.snapshot",
        "device.status",
    )
    takes = ("task.create", "approval.request", "gig.post")
    twin = "storeloom.hardware_adapters.terminal.http_terminal_twin:HttpTerminalTwin"

    class Config(SignedConfig):
        """The terminals' server, and where its webhooks come in."""
