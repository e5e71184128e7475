"""The contract of a virtual twin: a device simulator on the other side of the real protocol, for dry runs, tests and conformance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

# What a twin can be told to do wrong, from the next exchange on, until it is mended.
FAULTS: Mapping[str, str] = {
    "refuse": "refuses connections",
    "silent": "takes connections and requests, and never answers",
    "reset": "breaks the connection off in the middle of an exchange",
    "vanish": "goes away without closing its connections, and does not come back until it is mended",
    "partial": "sends a message in pieces, with pauses between them",
    "cut": "sends the first half of a message and then nothing",
    "garbage": "sends bytes that are no message, then goes on",
    "checksum": "sends messages whose checksum, signature or format is wrong",
    "slow": "answers late, but within the time-out",
    "late": "answers after the time-out",
    "duplicate": "sends every message or acknowledgement twice",
    "stale": "sends an old message or acknowledgement again before the right one",
    "busy": "says that it is busy, or cannot now",
    "fail": "says that it cannot",
    "flood": "sends a hundred times as often as it should",
    "odd": "sends values that are out of range, missing or of another type",
    "reboot": "restarts: connections end, what it had in memory is gone, it comes back by itself",
}


class Said(NamedTuple):
    """What must come in for something that the twin did: a stream, and the part of its data that is certain."""

    stream: str
    data: Mapping[str, Any]


class Twin(ABC):
    """A simulated device. `with Twin() as twin` starts it; its driver reaches it under `settings`.

    `faults` are those of `FAULTS` that mean something in its protocol. `at_once` is how many things it can say in a row, each of which
    comes in: 1 where a driver polls a value that the next one replaces. It listens on the loopback only, on ports of the system's choice.
    Threads, sockets and files of its own end with `close`.
    """

    faults: ClassVar[tuple[str, ...]] = ()
    at_once: ClassVar[int] = 1
    fault: str = ""

    @abstractmethod
    def start(self) -> None:
        """Begin to play the device."""

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Settings of the driver under which it reaches this twin; secrets stand in `secrets`."""

    def secrets(self) -> Mapping[str, str]:
        """Values of the secrets that the settings name."""
        return {}

    @abstractmethod
    def act(self, number: int) -> Sequence[Said]:
        """Do the next thing that the device says something about, another for each number up to 20,000; what must come in for it.

        Empty where it never speaks of itself.
        """

    def burst(self, first: int, count: int) -> Sequence[Sequence[Said]]:
        """Act up to `count` times in a row, by the numbers from `first` on; what must come in for each time."""
        return [self.act(number) for number in range(first, first + min(count, self.at_once))]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]] | None:
        """A command for this device, another for each number; None where it takes none."""
        return None

    def took(self) -> Sequence[Mapping[str, Any]]:
        """What it has done on command, oldest first, each effect once: a repeat that changes nothing is none."""
        return ()

    def play(self, fault: str) -> None:
        """Go wrong in this way from now on. KeyError for a fault that is not among `faults`."""
        if fault not in self.faults:
            raise KeyError(fault)
        self.fault = fault

    def mend(self) -> None:
        """Work as it should again."""
        self.fault = ""

    @abstractmethod
    def close(self) -> None:
        """End, and leave nothing behind. May be called twice."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
