"""The labels behind a gateway's twin: each shows the last image that got through to it; a share of what goes over the air is lost."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

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
