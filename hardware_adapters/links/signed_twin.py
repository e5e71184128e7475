"""The twin of services with signed webhooks both ways: takes messages once by their idempotency key, sends its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.http_twin import Asked, HttpTwin, Told
from storeloom.hardware_adapters.links.twin import Said


class SignedTwin(HttpTwin):
    """A subclass gives what it says (`word`), and what of it is spoilt by the fault `odd`."""

    faults: ClassVar[tuple[str, ...]] = (*HttpTwin.faults, "checksum", "duplicate", "stale", "flood", "odd")
    odd: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def word(self, number: int) -> tuple[str, Mapping[str, Any]]:
        """What it says next: a stream and its data."""

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), **self.hooks()}

    def reply(self, asked: Asked) -> Told:
        self.did(asked.headers.get("idempotency-key", ""), asked.json())
        return Told(202, {})

    def act(self, number: int) -> Sequence[Said]:
        stream, data = self.word(number)
        self.say(stream, data, self.odd)
        return [Said(stream, data)]
