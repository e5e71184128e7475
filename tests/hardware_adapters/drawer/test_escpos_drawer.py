"""A cash drawer: the pulse, whether it did open, and openings that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.drawer.escpos_drawer import EscposDrawer
from storeloom.hardware_adapters.drawer.escpos_drawer_twin import EscposDrawerTwin
from storeloom.hardware_adapters.links.errors import Code, DeviceError

pytest.importorskip("escpos", reason="python-escpos is not installed")
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def twin() -> Iterator[EscposDrawerTwin]:
    with EscposDrawerTwin() as one:
        yield one


def drawer(twin: EscposDrawerTwin, **settings: Any) -> EscposDrawer:
    return EscposDrawer("unit-1", EscposDrawer.Config(**{**twin.settings(), **settings}))


def asked(reason: str = "sale", cmd: str = "c1") -> Mapping[str, Any]:
    return {"drawer": "unit-1", "till": "till-1", "reason": reason, "cashier": "17", "receipt": "r1", "cmd": cmd}


def test_an_opening_is_told_with_its_reason_and_done_once(twin: EscposDrawerTwin) -> None:
    driver = drawer(twin)
    opened, status = driver.command("drawer.open", asked(), NOW)
    assert opened.data == {"kind": "drawer_open", "till": "till-1", "reason": "sale", "cashier": "17", "receipt": "r1"}
    assert (status.data["state"], status.data["cmd"]) == ("online", "c1")
    assert [one.stream for one in driver.command("drawer.open", asked(), NOW)] == ["device.status"]
    assert twin.jobs == [{"pin": 0}]


def test_no_sale_is_its_own_kind_and_an_open_drawer_is_not_pulsed_again(twin: EscposDrawerTwin) -> None:
    driver = drawer(twin, pin=5)
    assert driver.command("drawer.open", asked("no_sale", "c1"), NOW)[0].data["kind"] == "no_sale"
    driver.command("drawer.open", asked("drop", "c2"), NOW)
    assert twin.jobs == [{"pin": 1}]


def test_a_drawer_that_does_not_open(twin: EscposDrawerTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin, "pulsed", lambda pin: None)
    with pytest.raises(DeviceError) as caught:
        drawer(twin, open_s=0.2).command("drawer.open", asked(), NOW)
    assert (caught.value.code, caught.value.word, caught.value.words["zh"]) == (Code.EXTENDED, "not_opened", "钱箱未打开")
    facts = drawer(twin, switch="none").command("drawer.open", asked(), NOW)
    assert facts[0].stream == "pos.exception"


def test_it_opens_while_its_printer_has_no_paper(twin: EscposDrawerTwin) -> None:
    twin.paper_out = True
    assert drawer(twin).command("drawer.open", asked(), NOW)[0].stream == "pos.exception"


def test_an_opening_that_nobody_asked_for_is_told_once_and_what_is_asked_for_only_as_such(twin: EscposDrawerTwin) -> None:
    rig = Rig(drawer(twin, left_open_s=0.3))

    def told() -> list[str]:
        return [one.data["reason"] for one in rig.facts if one.stream == "pos.exception"]

    try:
        assert rig.wait_for(lambda: rig.state() == "online", 5.0)
        twin.act(0)
        assert rig.wait_for(lambda: told() == ["unasked"], 3.0)
        assert rig.wait_for(lambda: rig.state() == "degraded", 3.0)
        assert next(one.data["code"] for one in rig.facts if one.data.get("state") == "degraded") == "left_open"
        twin.pin_high = False
        assert rig.wait_for(lambda: rig.state() == "online", 3.0)
        assert rig.send("drawer.open", asked(), 5.0) is None
        assert rig.wait_for(lambda: rig.state() == "degraded", 3.0)
        assert told() == ["unasked", "sale"]
        assert rig.faults == []
    finally:
        rig.close(5.0)


def test_a_drawer_that_is_open_when_the_driver_begins_was_opened_before(twin: EscposDrawerTwin) -> None:
    twin.pin_high = True
    driver = drawer(twin, switch="high")
    assert list(driver.seen(driver.look())) == []
    twin.pin_high = False
    assert list(driver.seen(driver.look())) == []
    twin.pin_high = True
    assert [one.data["reason"] for one in driver.seen(driver.look())] == ["unasked"]
