"""The virtual twin of a cash drawer on a printer: opens at a pulse, or by its key; somebody closes it before the next time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.escpos_twin import EscposTwin
from storeloom.hardware_adapters.links.twin import Said

SEEN_S = 0.4


class EscposDrawerTwin(EscposTwin):
    faults = tuple(one for one in EscposTwin.faults if one not in ("busy", "fail"))

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "poll_s": 0.05, "till": "till-1"}

    def pulsed(self, pin: int) -> None:
        self.pin_high = True
        self.jobs.append({"pin": pin})

    def act(self, number: int) -> Sequence[Said]:
        if self.pin_high:
            self.pin_high = False
            time.sleep(SEEN_S)
        self.pin_high = True
        return [Said("pos.exception", {"kind": "drawer_open", "till": "till-1", "reason": "unasked"})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        self.pin_high = False
        return "drawer.open", {"drawer": "unit-1", "till": "till-1", "reason": "sale", "receipt": f"r{number}", "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.jobs)
