"""Line crossings by hand: y runs down, so the right-hand side of a line drawn left to right is below it."""

import json

import pytest

from storeloom.workers.vision import lines
from storeloom.workers.vision.errors import GeometryError
from storeloom.workers.vision.lines import Line

DOOR = Line((0.0, 0.5), (1.0, 0.5))


def walk(line: Line, *ways: tuple[float, float], step_s: float = 1.0) -> list[tuple[str, float]]:
    """Directions and times of one track's way, the state kept as JSON text between frames."""
    state, found = "{}", []
    for k, point in enumerate(ways):
        after, crossings = lines.step(json.loads(state), line, {"p1": point}, k * step_s)
        state = json.dumps(after)
        found += [(c.direction, c.t_s) for c in crossings]
    return found


def test_down_over_a_line_to_the_right_is_in() -> None:
    assert lines.offset(DOOR, (0.3, 0.7)) == pytest.approx(0.2)
    assert walk(DOOR, (0.5, 0.3), (0.5, 0.7)) == [("in", 1.0)]
    assert walk(DOOR, (0.5, 0.7), (0.5, 0.3)) == [("out", 1.0)]
    assert walk(Line((1.0, 0.5), (0.0, 0.5)), (0.5, 0.3), (0.5, 0.7)) == [("out", 1.0)]
    # upwards: the right-hand side lies to the right
    assert walk(Line((0.5, 1.0), (0.5, 0.0)), (0.4, 0.3), (0.6, 0.3)) == [("in", 1.0)]


def test_a_crossing_beside_the_line_counts_nothing() -> None:
    short = Line((0.4, 0.5), (0.6, 0.5))
    assert walk(short, (0.7, 0.3), (0.7, 0.7)) == []
    assert walk(short, (0.7, 0.3), (0.7, 0.7), (0.5, 0.7), (0.5, 0.3)) == [("out", 3.0)]
    # from (0.3, 0.3) to (0.7, 0.7) the way meets the line's height at x = 0.5
    assert walk(short, (0.3, 0.3), (0.7, 0.7)) == [("in", 1.0)]


def test_a_stop_on_the_line_counts_once_or_not_at_all() -> None:
    assert walk(DOOR, (0.5, 0.4), (0.5, 0.5), (0.5, 0.5), (0.5, 0.6)) == [("in", 3.0)]
    assert walk(DOOR, (0.5, 0.4), (0.5, 0.5), (0.5, 0.4)) == []
    assert walk(DOOR, (0.5, 0.5), (0.5, 0.6)) == []


def test_trembling_within_the_margin_counts_nothing() -> None:
    ways = [(0.5, 0.4), (0.5, 0.51), (0.5, 0.49), (0.5, 0.51), (0.5, 0.6)]
    assert walk(DOOR, *ways) == [("in", 1.0), ("out", 2.0), ("in", 3.0)]
    assert walk(Line((0.0, 0.5), (1.0, 0.5), margin=0.02), *ways) == [("in", 4.0)]


def test_a_track_unseen_for_long_starts_anew() -> None:
    assert walk(DOOR, (0.5, 0.4), (0.5, 0.6), step_s=10.0) == [("in", 10.0)]
    assert walk(DOOR, (0.5, 0.4), (0.5, 0.6), step_s=10.1) == []


def test_tracks_are_told_apart_and_the_old_state_stays() -> None:
    first, _ = lines.step({}, DOOR, {"a": (0.2, 0.4), "b": (0.8, 0.6)}, 0.0)
    kept = json.dumps(first)
    _, crossings = lines.step(first, DOOR, {"a": (0.2, 0.6), "b": (0.8, 0.4), "c": (0.5, 0.9)}, 1.0)
    assert [(c.track, c.direction) for c in crossings] == [("a", "in"), ("b", "out")]
    assert json.dumps(first) == kept


def test_a_line_needs_a_length() -> None:
    with pytest.raises(GeometryError, match="no length"):
        Line((0.5, 0.5), (0.5, 0.5))
