"""Algorithms over the zones of a camera."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storeloom.workers.vision.algorithms.base import Algorithm, Reading
from storeloom.workers.vision.algorithms.placed import DwellForm, Together, Track, TrackForm, ZoneDwell, ZoneHeat, ZoneHeatForm, grid_of
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.places import Place

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
METRES = ((0.0, 0.0), (4.0, 0.0), (4.0, 2.0), (0.0, 2.0))
HALL = Place("hall", metres=METRES, picture=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
Objects = Sequence[Mapping[str, Any]]


def person(left: float, track: str = "p", **more: Any) -> dict[str, Any]:
    return {"id": track, "class": "person", "box": [left, 0.2, 0.1, 0.4], **more}


def run(algorithm: Algorithm[Any], shown: Sequence[tuple[float, Objects]]) -> list[Reading]:
    """What is read from scenes at seconds after the start; the state goes through every one of them."""
    worker, state, readings = VisionWorker(), dict[str, Any](), list[Reading]()
    for seq, (t_s, objects) in enumerate(shown):
        view = worker.view({"camera": "cam", "seq": seq, "scene": {"objects": list(objects)}}, START + timedelta(seconds=t_s))
        state, found = algorithm.look(view, state)
        readings += found
    return readings


def test_a_track_is_new_told_on_and_ends() -> None:
    shown: list[tuple[float, Objects]] = [(t, [person(0.1)]) for t in range(12)]
    readings = run(Track((HALL,)), [*shown, (12, []), (14, [])])
    assert [(r.data["state"], len(r.data["points"])) for r in readings] == [("new", 1), ("update", 10), ("end", 1)]
    first = readings[0].data
    assert (first["zone"], first["attrs"]) == ("hall", {"plane": "picture"})
    assert first["points"] == [["2026-03-02T10:00:00Z", pytest.approx(0.15), pytest.approx(0.6)]]


def test_a_track_is_in_metres_where_they_are_known() -> None:
    flat = Place("hall", metres=METRES, homography=((10.0, 0.0, 0.0), (0.0, 5.0, 0.0), (0.0, 0.0, 1.0)))
    mapped, known = (
        run(Track((place,)), [(0, [thing])])[0].data for place, thing in ((flat, person(0.1)), (HALL, person(0.1, floor=[3, 1])))
    )
    assert mapped["points"][0][1:] == pytest.approx([1.5, 3.0]) and "attrs" not in mapped and "zone" not in mapped
    assert known["points"][0][1:] == [3.0, 1.0] and known["zone"] == "hall"


def test_staff_are_marked_in_tracks_and_left_out_of_stays_and_heat() -> None:
    shown: list[tuple[float, Objects]] = [(t, [person(0.1, "s", staff=True, floor=[1, 1])]) for t in range(60)]
    shown.append((60, []))
    assert run(Track((HALL,)), shown)[0].data["staff"] is True
    (window,) = run(ZoneDwell((HALL,)), shown)
    assert [window.data[key] for key in ("occupancy", "entered", "left", "staff")] == [0, 0, 0, 1]
    (heat,) = run(ZoneHeat((HALL,), ZoneHeatForm(window_s=60.0)), shown)
    assert sum(heat.data["values"]) == 0
    (counted,) = run(ZoneHeat((HALL,), ZoneHeatForm(window_s=60.0, without_staff=False)), shown)
    assert sum(counted.data["values"]) == 59


def test_stays_and_windows_of_two_zones() -> None:
    yard = Place("yard", picture=((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
    shown: list[tuple[float, Objects]] = [(t, [person(0.1 if t < 20 else 0.7)]) for t in range(40)]
    readings = run(ZoneDwell((HALL, yard), DwellForm(window_s=60.0)), [*shown, (50, []), (60, [])])
    stays = [(r.data["zone"], r.data["dwell_s"]) for r in readings if "dwell_s" in r.data]
    windows = [(r.data["zone"], r.data["entered"], r.data["left"], r.data["dwell_mean_s"]) for r in readings if "entered" in r.data]
    assert stays == [("hall", 19.0), ("yard", 19.0)]
    assert windows == [("hall", 1, 1, 19.0), ("yard", 1, 1, 19.0)]


def test_an_uncertain_zone_is_not_told_as_empty() -> None:
    unsure = Place("hall", metres=METRES, certain=False)
    nobody: list[tuple[float, Objects]] = [(t, []) for t in (0, 60)]
    somebody: list[tuple[float, Objects]] = [(0, [person(0.9, floor=[1, 1])]), (1, [person(0.9, floor=[1, 1])]), (60, [])]
    for made in (ZoneDwell((unsure,)), ZoneHeat((unsure,), ZoneHeatForm(window_s=60.0))):
        assert run(made, nobody) == []
        assert run(made, somebody)


def test_cells_cover_the_zone_and_are_not_too_many() -> None:
    grid = grid_of(HALL, 0.5)
    assert (grid.cols, grid.rows, grid.origin) == (8, 4, (0.0, 0.0))
    large = grid_of(Place("x", metres=((0, 0), (1000, 0), (1000, 1000), (0, 1000))), 0.1)
    assert (large.cell_m, large.cols, large.rows) == (10, 100, 100)


def test_rules_together_keep_states_of_their_own() -> None:
    parts = {"a": Track((HALL,)), "b": Track((HALL,), TrackForm(update_s=2.0))}
    readings = run(Together(parts), [(t, [person(0.1)]) for t in range(4)])
    assert [r.data["state"] for r in readings] == ["new", "new", "update"]
