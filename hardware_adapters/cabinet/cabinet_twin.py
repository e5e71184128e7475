"""The virtual twins of cabinets, lockers and vending machines behind a broker: eight cells; scales in cell 1, where milk of 260 g lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.twin import Said

MILK, MILK_G = "6901234567892", 260.0


class CabinetTwin(MqttTwin):
    faults = (*MqttTwin.faults, "busy", "fail", "odd")
    base: ClassVar[str] = "cabinet"

    def __init__(self) -> None:
        super().__init__()
        self._opened: list[Mapping[str, Any]] = []
        self._ids: set[str] = set()
        self._seq = 0

    def settings(self) -> Mapping[str, Any]:
        goods = [{"cell": "1", "gtin": MILK, "weight_g": MILK_G}]
        return {**super().settings(), "answer_s": 0.5, "cabinet": "unit-1", "goods": goods}

    def listens(self) -> Sequence[str]:
        return (f"{self.base}/command",)

    def told(self, topic: str, payload: bytes) -> None:
        told = orjson.loads(payload)
        answer: dict[str, Any] = {"id": told["id"], "ok": True}
        if self.fault in ("busy", "fail"):
            answer |= {"ok": False, "code": "busy" if self.fault == "busy" else "lock_stuck"}
        elif self.fault == "odd":
            answer |= {"ok": "perhaps"}
        elif told["id"] not in self._ids:
            with self.lock:
                self._ids.add(told["id"])
                self._opened.append({"cell": told.get("cell", ""), "do": told["do"]})
            self._event("pick" if told["do"] == "vend" else "opened", id=told["id"], session=told["session"], cell=told.get("cell", ""))
        self.say(f"{self.base}/answer", answer)

    def _event(self, kind: str, **more: Any) -> int:
        with self.lock:
            self._seq += 1
            seq = self._seq
        self.say(f"{self.base}/event", {"kind": "melted" if self.fault == "odd" else kind, "seq": seq, **more})
        return seq

    def act(self, number: int) -> Sequence[Said]:
        self.await_driver()
        if number % 2:
            self.say(f"{self.base}/door/3", "open" if number % 4 == 1 else "closed")
            return [Said("cabinet.event", {"cabinet": "unit-1", "kind": "opened" if number % 4 == 1 else "closed", "cell": "3"})]
        items = [{"gtin": MILK, "qty": 1 + number}]
        seq = self._event("put", cell="1", items=items, temperature_c=3.5, time="2026-03-02T10:00:00Z")
        return [Said("cabinet.event", {"cabinet": "unit-1", "kind": "put", "seq": seq, "items": items, "temperature_c": 3.5})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        data = {"cabinet": "unit-1", "session": f"s{number}", "reason": "visit", "cell": str(1 + number % 8), "cmd": f"c{number}"}
        return "cabinet.open", data

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self._opened)


class LockerTwin(CabinetTwin):
    base = "locker"


class VendingTwin(CabinetTwin):
    base = "vending"
