"""The contract of an adapter: the driver of one kind of device or outside system.

Declared like a solution: one class in one module, listed in plugins.toml under its kind. An adapter hands in facts and takes commands;
which streams these are is the kind's (`schemas/adapter_kinds.json`), narrowed by what the driver declares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from storeloom.core.kernel.contract import SolutionConfig
from storeloom.core.kernel.events import Fact


class Adapter:
    """Base of every driver. `device` is the id under which the store knows the device."""

    zh: ClassVar[str]
    en: ClassVar[str]
    purpose_zh: ClassVar[str]
    feeds: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[str] = "1.0.0"

    class Config(SolutionConfig):
        """Nothing to set."""

    def __init__(self, device: str, config: Any) -> None:
        self.device = device
        self.config = config

    def facts(self) -> Iterator[Fact]:
        """What the device has to say, in order of arrival; ends when the source does. InputFault names file and place.

        In a live store it runs in a thread of its own, held back while the store cannot keep up, and begins anew after it raised. A
        device that sends again what it has sent gives each fact its own `key` and `time`: so the repeat is told.
        """
        return iter(())

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Reference tables that the source brings with it."""
        return {}

    def profile(self) -> dict[str, Any]:
        """What the source knows of its store: keys of a store profile."""
        return {}

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        """Carry out a command; returns the device's answers that are known at once."""
        return ()

    def close(self) -> None:
        """Let the device go. It may come while `facts` waits in another thread, which it should bring to an end."""
