"""Which locker door an event, a code or a scanner is about."""

from __future__ import annotations

from typing import Any

from storeloom.core.kernel.plan import BoundDevice
from storeloom.workers.checkout import lockers

USED: dict[str, dict[str, Any]] = {
    "L1|1": {"order": "a", "slot": "1", "fixture": "L1", "device": "locker-1"},
    "L2|1": {"order": "b", "slot": "1", "fixture": "L2", "device": "locker-2"},
    "L2|2": {"order": None, "slot": "2", "fixture": "L2", "device": "locker-2"},
}


def bound(name: str, zone: str | None = None, **settings: Any) -> BoundDevice:
    return BoundDevice(id=name, kind="scanner", zone=zone, settings=settings)


def test_the_named_device_opens_else_the_first() -> None:
    devices = [bound("locker-1"), bound("locker-2")]
    assert lockers.opener(("locker-2", "L2"), devices) == "locker-2" and lockers.opener(("x",), devices) == "locker-1"
    assert lockers.opener(("locker-2",), []) is None


def test_where_a_scanner_stands() -> None:
    scanners = [bound("s1", "hall"), bound("s2", "tills"), bound("s3", cabinet="locker-1"), bound("s4", till="till-1"), bound("s5")]
    placed = [bound("locker-1", "hall")]
    assert [lockers.stands_at(f"s{n}", scanners, placed) for n in (1, 2, 3, 4, 5, 6)] == [True, False, True, False, None, None]
    assert lockers.stands_at("locker-1", scanners, placed) is True and lockers.stands_at("s1", scanners, [bound("locker-1")]) is None


def test_the_door_of_an_event() -> None:
    def of(*opened: str, **event: Any) -> str | None:
        return lockers.of_event(USED, event, opened)

    assert of(cabinet="locker-1", cell="1") == "L1|1" and of(cabinet="L2", cell="1") == "L2|1"
    assert (
        of(cabinet="locker-2", cell="2") == "L2|2" and of(cabinet="locker-1", cell="2") is None and of(cabinet="locker-1", cell="9") is None
    )
    assert of(cabinet="x", cell="1") is None and of(cabinet="x", cell="2") == "L2|2"
    assert of(cabinet="x", session="b") == "L2|1" and of(cabinet="x", session="z") is None
    assert of("b", cabinet="locker-2") == "L2|1" and of("b", cabinet="locker-1") is None
    assert of("a", "b", cabinet="x") is None and of("a", cabinet="x", session="z") == "L1|1"


def test_whom_a_wrong_code_was_meant_for() -> None:
    assert lockers.meant(USED, "s1", {}) == ["a", "b"] and lockers.meant(USED, "locker-2", {}) == ["b"]
    assert lockers.meant(USED, "s1", {"order": "a"}) == ["a"] and lockers.meant(USED, "s1", {"cell": 2}) == []
