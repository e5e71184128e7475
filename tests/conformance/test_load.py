"""The check `messages`: all come and are counted; what a driver loses, keeps or leaves open is found; a twin in its own process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance import load
from storeloom.core.conformance.adapters import Check, conform
from storeloom.core.conformance.apart import TwinApart
from storeloom.core.conformance.load import Carried, Load
from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel import index
from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.registry import ROOT, Package, Registry, read_catalogue

FOLDER = Path(__file__).parents[1] / "packages"
TWIN = "acme_store.adapters.line_gate_twin:LineGateTwin"
FEW = Load(60, 20.0, blocks=400, resident_kib=8192, kept=0)


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        package = Package("acme_store", FOLDER / "acme_store")
        assert index.check(package) == []
        yield Registry(read_catalogue([Package("storeloom", ROOT), package]))


def carried(registry: Registry, given: Load = FEW) -> Check:
    return next(conform(registry, "line_gate", ["messages"], given))


def gate(registry: Registry) -> Any:
    import importlib

    return importlib.import_module("acme_store.adapters.line_gate").LineGate


def test_each_message_is_counted_and_what_was_kept_is_told(registry: Registry) -> None:
    found = carried(registry)
    assert found.ok and found.figures["messages"] == 60
    assert "60 messages (" in found.got and "as many as fit" not in found.got and "KiB over the second half" in found.got


def test_where_the_time_is_too_short_it_says_so(registry: Registry) -> None:
    found = carried(registry, replace(FEW, messages=100_000, seconds=3.0))
    assert found.ok and 0 < found.figures["messages"] < 100_000 and "as many as fit into 3 s" in found.got


def test_a_driver_that_keeps_its_messages_is_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    cls, kept = gate(registry), []
    sound = cls.command

    def hoard(self: Any, stream: str, data: Any, at: datetime) -> Any:
        kept.append([str(number) * 3 for number in range(100_000, 100_200)])
        return sound(self, stream, data, at)

    monkeypatch.setattr(cls, "command", hoard)
    found = carried(registry)
    assert not found.ok and found.got.startswith("it keeps what it should forget (at most 400 objects")
    assert found.figures["grown_objects"] > 400


@pytest.mark.thorough
def test_a_driver_that_leaves_files_open_is_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    cls, left = gate(registry), []
    sound = cls.command

    def leave(self: Any, stream: str, data: Any, at: datetime) -> Any:
        left.append(os.open(os.devnull, os.O_RDONLY))
        return sound(self, stream, data, at)

    monkeypatch.setattr(cls, "command", leave)
    monkeypatch.setattr(load, "SETTLE_S", 0.2)
    try:
        assert carried(registry).got.startswith("threads and descriptors before")
    finally:
        for one in left:
            os.close(one)


def test_a_fact_that_is_lost_is_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = gate(registry)
    sound, seen = cls.session, []

    def forgetful(self: Any, link: Any) -> Any:
        for fact in sound(self, link):
            seen.append(fact)
            if len(seen) != 20:
                yield fact

    monkeypatch.setattr(cls, "session", forgetful)
    monkeypatch.setattr(load, "CAME_S", 0.5)
    found = carried(registry)
    assert not found.ok and "facts did not come within 0.5 s: 1 of 1" in found.got


def test_a_command_that_has_no_effect_is_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    cls, given = gate(registry), []
    sound = cls.command

    def idle(self: Any, stream: str, data: Any, at: datetime) -> Any:
        given.append(data)
        return () if len(given) == 12 else sound(self, stream, data, at)

    monkeypatch.setattr(cls, "command", idle)
    monkeypatch.setattr(load, "CAME_S", 0.5)
    found = carried(registry)
    assert not found.ok and "was not carried out within 0.5 s" in found.got


def test_what_a_driver_may_remember_is_its_first_commands_alone() -> None:
    given = Load(10_000, 60.0, blocks=1000, kept=500)
    assert given.room(0, 0) == given.room(500, 1000) == 1000
    assert given.room(300, 600) == 1000 + 30 * 200
    assert given.room(20, 40) == 1000 + 30 * 20


def test_growth_is_told_with_its_sign() -> None:
    words = Carried(facts=40, commands=2, seconds=60.0, blocks=-12, resident_kib=64).words(Load(100, 60.0))
    assert words == "42 messages (40 facts, 2 commands, as many as fit into 60 s); -12 objects, +64 KiB over the second half"


def test_facts_taken_out_of_a_rig_are_kept_no_longer() -> None:
    now = datetime(2026, 3, 2, 8, tzinfo=UTC)

    class Three(Adapter):
        def facts(self) -> Iterator[Fact]:
            return (Fact(now, "gate.state", "g", {"kind": kind}) for kind in ("opened", "closed", "opened"))

    rig = Rig(Three("g", None))
    assert rig.wait_for(lambda: len(rig.facts) == 3, 5.0)
    assert [one.data["kind"] for one in rig.take()] == ["opened", "closed", "opened"]
    assert rig.take() == [] and rig.facts == []


def test_a_twin_apart_works_in_another_process_and_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    with TwinApart(TWIN) as twin:
        assert twin.settings()["host"] == "127.0.0.1"
        assert [[one.stream for one in each] for each in twin.burst(0, 5)] == [["gate.state"]]
        assert twin.command(3) == ("gate.open", {"gate": "unit-1", "reason": "visit", "cmd": "c3"})
        assert twin.taken() == 0
        process = twin._process
        with pytest.raises(RuntimeError, match="the twin: TypeError"):
            twin.burst("x", "y")  # type: ignore[arg-type]
        assert process is not None and process.poll() is None
    assert process.poll() == 0


def test_a_twin_apart_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="the twin's process ended at 'start'"):
        TwinApart("storeloom.hardware_adapters.links.twin:NoSuchTwin").__enter__()
