"""The contract of an adapter: the driver of one kind of device or outside system.

Declared like a solution: one class in one module, listed in plugins.toml under its kind. An adapter hands in facts and takes commands;
which streams these are is the kind's (`schemas/adapter_kinds.json`), narrowed by what the driver declares.

Words are UnifiedPOS's (OMG, v1.16) where they fit: capabilities, check health, result codes (`Code`). Opening,
claiming and enabling are one here: a driver claims its device when `facts` begins and lets it go when it is closed.

A config never holds a password, only the name of one of the store's secrets, in a key of the widget `secret`; `self.secret(name)` gives
its value, which belongs into no fact, status, log line or finding.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from storeloom.core.kernel import schemas
from storeloom.core.kernel.contract import SolutionConfig
from storeloom.core.kernel.events import Fact


@dataclass(frozen=True)
class AdapterContext:
    """What a store lends a driver. `clock` is the store's, None where no store is live: recorded input then bears its own times.

    `secrets` are those that the driver's config names, None in a dry run; `language` is the store's, for words in its facts.

    `memory` is what a driver has to know after a restart: JSON values by name, a few kilobytes, for this device alone. What is assigned is
    on the disk when the assignment returns; a value that is changed in place is not, so assign it anew. Where no store is live it is gone
    with the driver. It holds no password, card number or picture of a person. `hardware_adapters.links.kept` keeps ids in it.
    """

    clock: Callable[[], datetime] | None = None
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    language: str = "en"
    memory: MutableMapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Receipt(Protocol):
    """What the store gives for a fact."""

    def wait(self, timeout_s: float | None = None) -> bool | None:
        """True once the fact is stored durably, or was before; False when it was refused or left out, and sending it again helps nothing.

        None when nothing was decided in time, or the store stops: then have it sent again later.
        """


def next_fact(facts: Iterator[Fact], receipt: Receipt | None) -> Fact:
    """The next of what `Adapter.facts` gave, which gets the receipt of the one before it. StopIteration at its end."""
    return facts.send(receipt) if isinstance(facts, Generator) else next(facts)


@dataclass(frozen=True)
class Health:
    """What a health check found: whether the device is fit for use, why not in words, and what it says of itself (model, firmware ...)."""

    ok: bool
    words: Mapping[str, str] = field(default_factory=lambda: {"en": "", "zh": ""})
    facts: Mapping[str, str | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A device that answered a search: the settings under which the driver reaches it, and what it says of itself."""

    settings: Mapping[str, Any]
    facts: Mapping[str, str] = field(default_factory=dict)


class Code(StrEnum):
    """UnifiedPOS's result codes (chapter 1, "Error handling"); the values stand as `code` in `device.status` and in answers to commands."""

    CLOSED = "closed"
    CLAIMED = "claimed"  # another program has it
    NO_SERVICE = "no_service"  # the driver lacks a library or a right on this host
    ILLEGAL = "illegal"  # the command makes no sense to this device
    NO_HARDWARE = "no_hardware"  # there is nothing at the address
    OFFLINE = "offline"  # it is there and does not answer
    NO_EXIST = "no_exist"  # what the command names is not there
    FAILURE = "failure"  # it answered that it could not
    TIMEOUT = "timeout"
    BUSY = "busy"
    EXTENDED = "extended"  # of this kind of device alone: `extended` says what (`cover_open`, `overload`)


AGAIN = frozenset({Code.CLAIMED, Code.NO_HARDWARE, Code.OFFLINE, Code.TIMEOUT, Code.BUSY, Code.CLOSED, Code.FAILURE, Code.EXTENDED})


class DeviceError(Exception):
    """A device did not do what was asked. `words` say why in `en` and `zh`, without a full stop and without a secret.

    `extended` is the device kind's own word where the code is EXTENDED. What is worth another try says `again`.
    """

    def __init__(self, code: Code, en: str, zh: str, *, extended: str = "") -> None:
        super().__init__(en)
        self.code = code
        self.extended = extended
        self.words: Mapping[str, str] = {"en": en, "zh": zh}

    @property
    def again(self) -> bool:
        return self.code in AGAIN

    @property
    def word(self) -> str:
        """The code as it stands in `device.status`."""
        return self.extended or self.code.value


class Adapter:
    """Base of every driver. `device` is the id under which the store knows the device; `context` is set once it is made.

    `capabilities` are words for what not every device of its kind can do (`tare`, `cut`, `status`). `discovers` says in what a search looks
    (`an address range, as 10.0.0.0/28`), empty where the protocol has none. `twin` names the class that plays the device on the other side
    of the protocol, as `package.module:Class`; the conformance suite and dry runs use it. `known` lists devices that speak its protocol by
    their makers' documents.
    """

    zh: ClassVar[str]
    en: ClassVar[str]
    purpose_zh: ClassVar[str]
    feeds: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[tuple[str, ...]] = ()
    capabilities: ClassVar[tuple[str, ...]] = ()
    discovers: ClassVar[str] = ""
    twin: ClassVar[str] = ""
    known: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[str] = "1.0.0"

    class Config(SolutionConfig):
        """Nothing to set."""

    def __init__(self, device: str, config: Any) -> None:
        self.device = device
        self.config = config
        self.context = AdapterContext()

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
        device that sends again what it has sent gives each fact its own `key` and `time`: so the repeat is told. In a live store a
        generator gets each fact's `Receipt` from its `yield` (None elsewhere): so it can acknowledge only what is stored; it therefore
        hands facts on one by one or by `yield from` another generator, for a list takes no receipts.
        """
        return iter(())

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Reference tables that the source brings with it."""
        return {}

    def profile(self) -> dict[str, Any]:
        """What the source knows of its store: keys of a store profile."""
        return {}

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        """Whether a command is for this device: True where it names it or something behind it, False where it is for another's.

        None where the driver cannot tell: then it gets the command unless another device says that it is its own. Asked by the store's
        own thread before the command goes out, once: it answers at once, from the config and what it knows already.
        """
        return True if data.get(schemas.target_field(stream)) == self.device else None

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        """Carry out a command; returns the device's answers that are known at once. DeviceError for what it does not carry out.

        After a kill or a late answer a command comes again with the same `cmd`: what was carried out is not done twice.
        """
        return ()

    def status(self) -> Mapping[str, Any]:
        """How the device is, for `top`, `health` and metrics; empty where the driver cannot tell. From another thread, and at once.

        `state` is a word of `device.status`; `text` says in `en` and `zh` why it is not online; `figures` are numbers and words by name.
        """
        return {}

    def check_health(self) -> Health:
        """Ask the device itself, within a few seconds, whether it is fit for use; while nothing else of this driver runs."""
        told = self.status()
        state = str(told.get("state", "online"))
        return Health(state == "online", told.get("text", {}), told.get("figures", {}))

    @classmethod
    def discover(cls, where: str, seconds: float) -> Iterator[Found]:
        """The devices that answer a search in `where`, as they answer, for so many seconds; ValueError for a place of no such form."""
        return iter(())

    def close(self) -> None:
        """Let the device go. It may come while `facts` waits in another thread, which it should bring to an end."""
