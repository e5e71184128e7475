"""The checks of an adapter beside its twin. Each is one `Check`; what is not right says what was expected and what came."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from storeloom.core.conformance.apart import TwinApart
from storeloom.core.conformance.load import SHORT, Carrier, Load, LoadFault
from storeloom.core.conformance.matching import matches
from storeloom.core.conformance.rig import Rig, threads_and_files
from storeloom.core.kernel import schemas
from storeloom.core.kernel.adapter import Adapter, AdapterContext
from storeloom.core.kernel.errors import Finding, PluginFault
from storeloom.core.kernel.registry import Registry, unknown
from storeloom.core.runtime.adapters import make_adapter

SOON_S, RECOVER_S, CLOSE_S, COMMAND_S = 5.0, 20.0, 5.0, 15.0
ACTS = 5
DEVICE = "unit-1"


class Playing(Protocol):
    """A twin, as the checks use it: `hardware_adapters.links.twin.Twin`."""

    faults: Sequence[str]

    def settings(self) -> Mapping[str, Any]: ...
    def secrets(self) -> Mapping[str, str]: ...
    def act(self, number: int) -> Sequence[tuple[str, Mapping[str, Any]]]: ...
    def burst(self, first: int, count: int) -> Sequence[Sequence[tuple[str, Mapping[str, Any]]]]: ...
    def command(self, number: int) -> tuple[str, Mapping[str, Any]] | None: ...
    def took(self) -> Sequence[Mapping[str, Any]]: ...
    def play(self, fault: str) -> None: ...
    def mend(self) -> None: ...
    def start(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Check:
    """One check: its name, whether it held, what came instead (or was measured), how long it took (s), and figures by name."""

    name: str
    ok: bool
    got: str
    seconds: float
    figures: Mapping[str, int] = field(default_factory=dict)


class _NotRight(Exception):
    """What was expected, and what came; with what was measured."""

    def __init__(self, words: str, figures: Mapping[str, int] | None = None) -> None:
        super().__init__(words)
        self.figures = figures or {}


@dataclass(frozen=True)
class _Measured:
    words: str
    figures: Mapping[str, int]


def conform(registry: Registry, adapter: str, only: Sequence[str] = (), load: Load = SHORT) -> Iterator[Check]:
    """Run the checks of an adapter as they come; `only` names those wanted (`round_trip`, `fault:reset:before`, `fault` for all).

    `load` is what the check `messages` carries: some hundreds (`load.SHORT`) or ten thousand (`load.LONG`).
    PluginFault when there is no such adapter, or when it names no twin.
    """
    entry = registry.catalogue.adapters.get(adapter)
    if entry is None:
        raise PluginFault(unknown("adapter", "适配器", adapter, registry.catalogue.adapters))
    twin = entry.facts.get("twin")
    if not twin:
        reason = "it names no twin to be tried with"
        raise PluginFault(Finding("SL-PLG-03", {"id": adapter, "reason": reason, "remedy": "Add twin = 'package.module:Class'."}))
    module, _, name = twin.partition(":")
    twin_class = getattr(importlib.import_module(module), name)
    bench = _Bench(registry, adapter, twin_class, load)
    for check_name, call in bench.checks():
        if only and check_name not in only and check_name.partition(":")[0] not in only:
            continue
        began = time.monotonic()
        try:
            found = call() or _Measured("", {})
            yield Check(check_name, True, found.words, time.monotonic() - began, found.figures)
        except _NotRight as fault:
            yield Check(check_name, False, str(fault), time.monotonic() - began, fault.figures)
        except Exception as error:  # a driver or twin that breaks fails its check, not the others
            yield Check(check_name, False, f"{type(error).__name__}: {error}", time.monotonic() - began)


class _Bench:
    """The checks of one adapter; each with a new twin and a new driver."""

    def __init__(self, registry: Registry, adapter: str, twin_class: Callable[[], Playing], load: Load) -> None:
        self.registry, self.adapter, self.twin_class, self.load = registry, adapter, twin_class, load
        self.entry = registry.catalogue.adapters[adapter]

    def checks(self) -> Iterator[tuple[str, Callable[[], _Measured | None]]]:
        yield "settings", self.settings
        yield "round_trip", self.round_trip
        yield "restart", self.restart
        for fault in self.twin_class().faults:
            for moment in ("before", "between", "during"):
                yield f"fault:{fault}:{moment}", lambda fault=fault, moment=moment: self.fault(fault, moment)  # type: ignore[misc]
        yield "nothing_left_behind", self.nothing_left_behind
        yield "messages", self.messages

    def driver(self, twin: Playing | TwinApart, memory: dict[str, Any] | None = None) -> Adapter:
        context = AdapterContext(secrets=dict(twin.secrets()), memory={} if memory is None else memory)
        return make_adapter(self.registry, self.adapter, DEVICE, twin.settings(), context)

    def settings(self) -> None:
        """The twin's settings fit the schema, one that is not known does not."""
        twin = self.twin_class()
        twin.start()
        try:
            given = dict(twin.settings())
        finally:
            twin.close()
        _need(not schemas.check(self.entry.schema_file, given), f"its schema refuses its twin's settings {given}")
        _need(bool(schemas.check(self.entry.schema_file, {**given, "no_such_key": 1})), "its schema takes unknown keys")

    def round_trip(self) -> None:
        """All that the twin does comes in, in streams that the driver declares, fitting their schemas; all commands are carried out."""
        with _Playing(self) as (twin, rig):
            for number in range(ACTS):
                self._heard(twin, rig, number, SOON_S)
            for number in range(ACTS):
                self._obeyed(twin, rig, number, SOON_S)
            _need(not rig.faults, f"its facts raised {rig.faults[:1]}")
            self._fits(rig)

    def restart(self) -> None:
        """A driver that is closed and made again, with what the first one left in its memory, goes on."""
        with _Playing(self) as (twin, rig):
            self._heard(twin, rig, 0, SOON_S)
            _need(rig.close(CLOSE_S), f"it did not end within {CLOSE_S:g} s of being closed")
            again = Rig(self.driver(twin, orjson.loads(orjson.dumps(dict(rig.adapter.context.memory)))))
            try:
                self._heard(twin, again, 1, RECOVER_S)
                self._obeyed(twin, again, 1, SOON_S)
            finally:
                again.close(CLOSE_S)

    def fault(self, fault: str, moment: str) -> None:
        """The twin goes wrong, then works again: the driver neither hangs nor ends, and is at work again soon."""
        twin = self.twin_class()
        twin.start()
        try:
            if moment == "before":
                twin.play(fault)
            rig = Rig(self.driver(twin))
            try:
                if moment != "before":
                    self._heard(twin, rig, 0, SOON_S)
                    twin.play(fault)
                if moment == "between":
                    twin.act(1)
                wanted = twin.command(1) if moment == "during" else None
                if wanted is not None:
                    _need(rig.send(*wanted, COMMAND_S) is not True, f"a command did not come back within {COMMAND_S:g} s")
                time.sleep(0.5)
                twin.mend()
                self._heard(twin, rig, 2, RECOVER_S)
                self._obeyed(twin, rig, 2, RECOVER_S)
                well = rig.wait_for(lambda: rig.state() in (None, "online", "degraded"), SOON_S)
                _need(well, f"it works again, yet its state is {rig.state()}")
                self._fits(rig)
            finally:
                ended = rig.close(CLOSE_S)
            _need(ended, f"it did not end within {CLOSE_S:g} s of being closed")
        finally:
            twin.close()

    def nothing_left_behind(self) -> None:
        """Twenty drivers come and go: threads and descriptors stay as many as they were."""
        with _Playing(self) as (twin, rig):
            self._heard(twin, rig, 0, SOON_S)
            rig.close(CLOSE_S)
            gc.collect()
            before = threads_and_files()
            for number in range(20):
                again = Rig(self.driver(twin))
                self._heard(twin, again, number, SOON_S)
                _need(again.close(CLOSE_S), f"it did not end within {CLOSE_S:g} s of being closed")
            settled = rig.wait_for(lambda: gc.collect() >= 0 and all(map(int.__le__, threads_and_files(), before)), SOON_S)
            _need(settled, f"threads and descriptors before {before}, after {threads_and_files()}")

    def messages(self) -> _Measured:
        """Each of many messages comes through, and the driver keeps nothing of them: no memory, thread or descriptor."""
        with TwinApart(self.entry.facts["twin"]) as twin:
            rig = Rig(self.driver(twin))
            try:
                carried = Carrier(rig, twin).carry(self.load)
                _need(not rig.faults, f"its facts raised {rig.faults[:1]}")
            except LoadFault as fault:
                raise _NotRight(str(fault)) from fault
            finally:
                ended = rig.close(CLOSE_S)
        words = carried.words(self.load)
        figures = {"messages": carried.messages, "grown_objects": carried.blocks, "grown_kib": carried.resident_kib}
        if carried.wrong:
            raise _NotRight(f"{carried.wrong}: {words}", figures)
        _need(ended, f"it did not end within {CLOSE_S:g} s of being closed")
        return _Measured(words, figures)

    def _heard(self, twin: Playing, rig: Rig, number: int, seconds: float) -> None:
        """What the twin does comes in; it is done again while the driver is not yet at work."""
        until = time.monotonic() + seconds
        while True:
            seen = len(rig.facts)
            said = list(twin.act(number))
            came = lambda: all(matches(one, rig.facts[seen:]) for one in said)  # noqa: E731, B023
            if rig.wait_for(came, min(2.0, max(0.1, until - time.monotonic()))):
                return
            if time.monotonic() > until:
                got = [(one.stream, one.data) for one in rig.facts[seen:]] or f"nothing (state {rig.state()}, {rig.faults[-1:]})"
                raise _NotRight(f"within {seconds:g} s should have come {said}; came {got}")

    def _obeyed(self, twin: Playing, rig: Rig, number: int, seconds: float) -> None:
        """A command is carried out; it is given again while the driver refuses it, as the outbox does."""
        wanted = twin.command(number)
        if wanted is None:
            return
        done, until, answer = len(twin.took()), time.monotonic() + seconds, None
        while time.monotonic() < until:
            answer = rig.send(*wanted, COMMAND_S)
            _need(answer is not True, f"a command did not come back within {COMMAND_S:g} s")
            if answer is None and rig.wait_for(lambda: len(twin.took()) > done, 2.0):
                return
            time.sleep(0.1)
        raise _NotRight(f"{wanted} was not carried out within {seconds:g} s: {answer or 'the device did not get it'}")

    def _fits(self, rig: Rig) -> None:
        for fact in rig.facts:
            _need(fact.stream in self.entry["feeds"], f"it gives {fact.stream}, which it does not declare")
            reason = schemas.first_error(schemas.stream_file(fact.stream), fact.data)
            _need(reason is None, f"{fact.stream} does not fit its schema: {reason}")
            _need((fact.time or fact.received).tzinfo is not None, f"the time of {fact.stream} has no zone")


class _Playing:
    """A twin and a driver at work on it."""

    def __init__(self, bench: _Bench) -> None:
        self._bench, self._twin = bench, bench.twin_class()

    def __enter__(self) -> tuple[Playing, Rig]:
        self._twin.start()
        self._rig = Rig(self._bench.driver(self._twin))
        return self._twin, self._rig

    def __exit__(self, *error: object) -> None:
        self._rig.close(CLOSE_S)
        self._twin.close()


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _NotRight(otherwise)
