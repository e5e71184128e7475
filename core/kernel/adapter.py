"""The contract of an adapter: the driver of one kind of device or outside system.

Declared like a solution: one class in one module, listed in plugins.toml under its kind. An adapter hands in facts and takes commands;
which streams these are is the kind's (`schemas/adapter_kinds.json`), narrowed by what the driver declares.

A config never holds a password, only the name of one of the store's secrets, in a key of the widget `secret`; `self.secret(name)` gives
its value, which belongs into no fact, status, log line or finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from storeloom.core.kernel.contract import SolutionConfig
from storeloom.core.kernel.events import Fact


@dataclass(frozen=True)
class AdapterContext:
    """What a store lends a driver. `clock` is the store's, None where no store is live: recorded input then bears its own times.

    `secrets` are those that the driver's config names, None in a dry run; `language` is the store's, for words in its facts.
    """

    clock: Callable[[], datetime] | None = None
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    language: str = "en"


class Adapter:
    """Base of every driver. `device` is the id under which the store knows the device; `context` is set once it is made."""

    zh: ClassVar[str]
    en: ClassVar[str]
    purpose_zh: ClassVar[str]
    feeds: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[str] = "1.0.0"
    context: AdapterContext = AdapterContext()

    class Config(SolutionConfig):
        """Nothing to set."""

    def __init__(self, device: str, config: Any) -> None:
        self.device = device
        self.config = config

    def secret(self, name: str) -> str:
        """The value of a secret that the config names; in a dry run its name. LookupError when the store has none of this name."""
        if self.context.secrets is None:
            return name
        if name not in self.context.secrets:
            raise LookupError(f"the store has no secret '{name}'; put it into secrets.json of its data folder")
        return self.context.secrets[name]

    def now(self) -> datetime:
        """The store's time where it is live, else the machine's."""
        return datetime.now(UTC) if self.context.clock is None else self.context.clock()

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

    def status(self) -> Mapping[str, Any]:
        """How the device is, for `top`, `health` and metrics; empty where the driver cannot tell. From another thread, and at once.

        `state` is a word of `device.status`; `text` says in `en` and `zh` why it is not online; `figures` are numbers and words by name.
        """
        return {}

    def close(self) -> None:
        """Let the device go. It may come while `facts` waits in another thread, which it should bring to an end."""
