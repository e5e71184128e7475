"""Front and rear packs, by hand."""

import pytest

from storeloom.workers.optimise.date_rotation import Scan, judge

EARLY, LATE = "2026-05-14", "2026-05-20"


def scan(expiry: str, position: str | None = None, minute: int = 0, key: str = "milk") -> Scan:
    return {"key": key, "expiry": expiry, "position": position, "at": f"2026-05-12T09:{minute:02d}:00Z"}


@pytest.mark.parametrize(("front", "rear", "faulty"), [(LATE, EARLY, True), (EARLY, LATE, False), (LATE, LATE, False)])
def test_the_front_pack_may_not_expire_after_the_rear_one(front: str, rear: str, faulty: bool) -> None:
    first = judge(scan(front), None, ())
    assert first == (None, scan(front, "front"))
    assert judge(scan(rear, minute=5), first[1], ()) == (faulty, None)
    _, behind = judge(scan(rear, "rear"), None, ())
    assert judge(scan(front, "front"), behind, ()) == judge(scan(front), behind, ()) == (faulty, None)


def test_what_is_no_pair() -> None:
    before = scan(LATE, "front")
    for other in (scan(EARLY, minute=6), scan(EARLY, key="curd"), scan(EARLY, "front")):
        assert judge(other, before, ()) == (None, {**other, "position": "front"})


def test_a_front_pack_is_held_against_the_dates_that_are_there() -> None:
    assert judge(scan(LATE), None, (LATE, EARLY))[0] is True
    assert judge(scan(EARLY), None, (LATE, EARLY))[0] is False
    assert judge(scan(LATE, "rear"), None, (EARLY,))[0] is None
