"""Points and minutes of bays, by hand."""

from datetime import UTC, datetime

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.tidy import Weights, begin, facings, look, minutes, parts, sight, strays, tidied

HOURS = StoreHours("UTC", {"open": "08:00", "close": "22:00"})
WEIGHTS = Weights(50, 10, 20, 1)
AT = "2026-03-02T09:00:00Z"


def slot(name: str, facings: int, depth: float | None, gap: bool = False) -> dict[str, object]:
    return {"slot": name, "facings": facings, "gap": gap} | ({} if depth is None else {"depth": depth})


def test_forty_percent_back_two_misplaced_five_hours() -> None:
    bay = begin(AT)
    look(bay, [slot("1", 4, 0.49), slot("2", 5, 0.5), slot("3", 1, None)])
    bay["strays"] = {"9": {"gtin": "g", "qty": 2}}
    found = parts(bay, WEIGHTS, HOURS, datetime(2026, 3, 2, 14, tzinfo=UTC))
    assert found == {"unfronted": 20, "misplaced": 20, "fefo": 0, "hours": 5}
    assert (facings(bay), strays(bay), minutes(bay, 2, lambda gtin: gtin == "g")) == ((10, 4), 2, 6)
    assert minutes(bay, 2, lambda gtin: gtin != "g") == 4


def test_a_gap_is_not_pulled_back_and_hours_end_at_twenty() -> None:
    bay = begin(AT)
    look(bay, [slot("1", 4, 0.1, gap=True)])
    bay["faults"] = {"g": True}
    found = parts(bay, WEIGHTS, HOURS, datetime(2026, 3, 9, 14, tzinfo=UTC))
    assert found == {"unfronted": 0, "misplaced": 0, "fefo": 20, "hours": 20}
    assert parts(begin(AT), WEIGHTS, HOURS, datetime(2026, 3, 2, 9, tzinfo=UTC))["unfronted"] == 0


def test_a_tidied_bay_is_clean_until_it_is_seen() -> None:
    bay = begin(AT)
    look(bay, [slot("1", 4, 0.1)])
    bay["strays"], bay["faults"] = {"9": {"gtin": "g", "qty": 1}}, {"g": True}
    tidied(bay, "2026-03-02T12:00:00Z")
    assert (facings(bay), strays(bay), bay["faults"], bay["tidied"]) == ((0, 0), 0, {}, "2026-03-02T12:00:00Z")


def test_an_item_seen_again_in_its_place_is_the_same() -> None:
    bay = begin(AT)
    assert [sight(bay, *seen) for seen in (("1", "g", 2), ("1", "g", 3), ("1", "h", 1), ("2", "h", 1), ("1", "h", 0))] == [2, 1, 1, 1, 0]
    assert bay["strays"] == {"2": {"gtin": "h", "qty": 1}}
