"""Cash drawers that hang on an ESC/POS printer's drawer connector, opened by a pulse (ESC p) and seen by the connector's pin 3.

Every opening is told as `pos.exception`: `no_sale` or `drawer_open` with the command's reason, till, cashier and receipt, and one that no
command asked for (a key, force, another program) as `drawer_open` with the reason `unasked`. A drawer without a switch is set so
(`switch` `none`); then an opening is told once the pulse is sent. One that stays open is `degraded` after `left_open_s`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.escpos import DeviceState, EscposConfig, EscposDriver, EscposJob

LOOK_S = 0.1
LEFT_OPEN = {"code": "left_open", "words": {"en": "the drawer was left open", "zh": "钱箱未关闭"}}


class EscposDrawer(EscposDriver):
    zh, en = "钱箱（ESC/POS）", "Cash drawer (ESC/POS)"
    purpose_zh = "通过打印机钱箱口打开钱箱并回读开合状态；记录每次打开的原因，未经指令的打开与长时间未关均上报。"
    kind = "drawer"
    feeds = ("pos.exception", "device.status")
    takes = ("drawer.open",)
    capabilities = ("status",)
    twin = "storeloom.hardware_adapters.drawer.escpos_drawer_twin:EscposDrawerTwin"

    class Config(EscposConfig):
        till: str = setting("", "Till that it belongs to", "所属收银台", effect="restart")
        poll_s: float = setting(2.0, "Status is asked for every", "状态查询间隔", unit="s", effect="restart", ge=0.05, le=3600)
        pin: Literal[2, 5] = setting(2, "Pin of the pulse", "脉冲针脚", effect="restart")
        pulse_ms: int = setting(100, "Length of the pulse", "脉冲时长", unit="ms", effect="restart", ge=2, le=510)
        switch: Literal["high", "low", "none"] = setting(
            "high", "Level of pin 3 while it is open; none: it has no switch", "打开时 3 脚电平，none 为无感应开关", effect="restart"
        )
        open_s: float = setting(1.5, "Time in which it is to open", "打开时限", unit="s", effect="restart", gt=0, le=10)
        left_open_s: float = setting(120.0, "It counts as left open after", "视为未关的时长", unit="s", effect="restart", gt=0, le=86_400)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._open = False
        self._known = False
        self._since = 0.0

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> list[Fact]:
        cmd = data.get("cmd")
        with self.commanded(cmd) as wanted:
            facts = [self._pulse(data)] if wanted else []
            return [*facts, *self.tell("online", cmd=cmd)]

    def _pulse(self, data: Mapping[str, Any]) -> Fact:
        """Open it; where it has a switch, see that it did. A drawer that is open already is not pulsed again."""
        with self.job() as job:
            before = job.state() if self.config.answers else DeviceState()
            if before.problem == "broken":
                before.need_ready()
            if not (self._has_switch() and self._is_open(before)):
                length = bytes([self.config.pulse_ms // 2])
                job.send(b"\x1bp" + (b"\x00" if self.config.pin == 2 else b"\x01") + length + length)
                self._wait_open(job)
        self._open, self._known, self._since = self._has_switch(), True, time.monotonic()
        kind = "no_sale" if data["reason"] == "no_sale" else "drawer_open"
        told = {key: data[key] for key in ("cashier", "receipt") if data.get(key)}
        return self._opened({"kind": kind, "till": data["till"], "reason": data["reason"], **told})

    def _wait_open(self, job: EscposJob) -> None:
        if not self._has_switch():
            if self.config.answers:
                job.wait_done(self.config.timeout_s)
            return
        until = time.monotonic() + self.config.open_s
        while not self._is_open(job.state()):
            if time.monotonic() > until:
                raise DeviceError(Code.EXTENDED, "the drawer did not open", "钱箱未打开", extended="not_opened")
            time.sleep(LOOK_S)

    def _has_switch(self) -> bool:
        return bool(self.config.answers and self.config.switch != "none")

    def _is_open(self, state: DeviceState) -> bool:
        return state.pin_high is bool(self.config.switch == "high")

    def look(self) -> DeviceState:
        """A drawer opens also where its printer has no paper or an open cover."""
        state = super().look()
        self._state = state if state.problem == "broken" else DeviceState(pin_high=state.pin_high)
        if not self._known and self._has_switch():
            self._open, self._known, self._since = self._is_open(state), True, time.monotonic()
        return self._state

    def seen(self, state: DeviceState) -> Iterator[Fact]:
        if not self._has_switch():
            return
        before, self._open = self._open, self._is_open(state)
        if self._open and not before:
            self._since = time.monotonic()
            yield self._opened({"kind": "drawer_open", "till": self.config.till or self.device, "reason": "unasked"})

    def tell(self, state: Any, **more: Any) -> Iterator[Fact]:
        if state == "online" and self._open and time.monotonic() - self._since > self.config.left_open_s:
            state, more = "degraded", {**more, **LEFT_OPEN}
        yield from super().tell(state, **more)

    def _opened(self, data: dict[str, Any]) -> Fact:
        return Fact(self.now(), "pos.exception", self.device, data)
