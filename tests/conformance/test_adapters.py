"""The conformance of adapters: a sound driver passes, and each thing that a driver must not do fails a check of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance.adapters import conform
from storeloom.core.kernel import index
from storeloom.core.kernel.errors import PluginFault
from storeloom.core.kernel.registry import ROOT, Package, Registry, read_catalogue

pytestmark = pytest.mark.long

FOLDER = Path(__file__).parents[1] / "packages"


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        package = Package("acme_store", FOLDER / "acme_store")
        assert index.check(package) == []
        yield Registry(read_catalogue([Package("storeloom", ROOT), package]))


def failed(registry: Registry, *only: str) -> dict[str, str]:
    return {one.name: one.got for one in conform(registry, "line_gate", only) if not one.ok}


def test_a_sound_driver_passes_each_check(registry: Registry) -> None:
    checks = list(conform(registry, "line_gate"))
    assert [(one.name, one.got) for one in checks if not one.ok] == []
    assert {"settings", "round_trip", "restart", "nothing_left_behind", "messages", "fault:reset:during"} <= {one.name for one in checks}
    assert len(checks) == 5 + 8 * 3


def driver_class(registry: Registry) -> Any:
    import importlib

    return importlib.import_module("acme_store.adapters.line_gate").LineGate


@pytest.mark.thorough
def test_a_driver_that_raises_out_of_its_session_for_good_is_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = driver_class(registry)
    sound = cls.facts

    def once(self: Any) -> Any:
        if getattr(self, "ran", False):
            return
        self.ran = True
        with self.connect() as link:
            yield from self.session(link)

    monkeypatch.setattr(cls, "facts", once)
    assert "should have come" in failed(registry, "fault:reset:between")["fault:reset:between"]
    monkeypatch.setattr(cls, "facts", sound)


def test_a_driver_that_does_not_end_is_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_class(registry), "close", lambda self: None)
    monkeypatch.setattr("storeloom.core.conformance.adapters.CLOSE_S", 0.3)
    assert "did not end" in failed(registry, "restart")["restart"]


def test_values_in_another_form_than_their_streams_are_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(driver_class(registry).session.__globals__["STATES"], "open", "ajar")
    monkeypatch.setattr("storeloom.core.conformance.adapters.SOON_S", 0.5)
    assert "ajar" in failed(registry, "round_trip")["round_trip"]


def test_commands_that_get_lost_are_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_class(registry), "command", lambda self, stream, data, at: ())
    monkeypatch.setattr("storeloom.core.conformance.adapters.SOON_S", 0.5)
    assert "was not carried out" in failed(registry, "round_trip")["round_trip"]


def test_an_adapter_without_a_twin_is_refused(registry: Registry) -> None:
    with pytest.raises(PluginFault) as caught:
        next(conform(registry, "receipts_file"))
    assert "names no twin" in str(caught.value)
