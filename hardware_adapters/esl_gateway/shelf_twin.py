"""The labels behind the twin of a gateway: each shows the last image that got through; some of what goes over the air is lost."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.twin import Said, Twin

PCT, DBM = 87, -61


class Shelf:
    """Labels by id. `sent` and `answered` count messages over the air either way, lost ones too. Chance comes from the seed alone."""

    def __init__(self, loss: float = 0.0, seed: int = 0) -> None:
        self.loss, self.firmware = loss, "2.4.0"
        self._chance = random.Random(seed)
        self.shown: dict[str, Mapping[str, Any]] = {}
        self.effects: list[Mapping[str, Any]] = []
        self.sent = self.answered = 0
        self._ids: set[str] = set()

    def take(self, label: str, body: Mapping[str, Any], fault: str = "") -> Mapping[str, Any] | None:
        """What the label answers to an image; None where it, or its answer, was lost."""
        self.sent += 1
        if self._lost():
            return None
        answer: dict[str, Any] = {"id": body["id"], "version": body["version"], **self.report()}
        if fault in ("fail", "busy"):
            answer |= {"state": "failed", "code": "radio" if fault == "fail" else "busy"}
        elif fault == "odd":
            answer |= {"state": "perhaps", "battery_pct": "much"}
        else:
            if body["id"] not in self._ids:
                self._ids.add(body["id"])
                self.effects.append({"label": label, "version": body["version"]})
            self.shown[label] = body
            answer |= {"state": "shown", "hash": body.get("hash", "")}
        self.answered += 1
        return None if self._lost() else answer

    def report(self) -> dict[str, Any]:
        return {"battery_pct": PCT, "rssi_dbm": DBM, "firmware": self.firmware}

    def _lost(self) -> bool:
        return self.loss > 0 and self._chance.random() < self.loss


class ShelfTwin(Twin):
    """Base of the twins of gateways, before that of what they speak."""

    def __init__(self, loss: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        self.shelf = Shelf(loss, seed)
        self._acts = 0

    def news(self) -> tuple[dict[str, Any], Said]:
        """The report of a label that has another firmware now, as the fault has it, and what must come of it."""
        self._acts += 1
        self.shelf.firmware = f"2.4.{self._acts}"
        odd = {"battery_pct": "much"} if self.fault == "odd" else {}
        told = {"device": "L1", "state": "online", "firmware": self.shelf.firmware, "metrics": {"battery_pct": PCT}}
        return {**self.shelf.report(), **odd}, Said("device.status", told)

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        fields = {"name": f"Milk {number}", "price": 990 + number, "unit_price": 1980}
        data = {"label": f"L{number % 50}", "version": str(number), "template": "standard", "fields": fields, "cmd": f"c{number}"}
        return "label.update", data

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.shelf.effects)
