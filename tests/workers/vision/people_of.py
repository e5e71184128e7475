"""Builders of the rules' tests: people standing on a floor in metres, pushed through a rule whose state is JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from storeloom.workers.vision.still import Person


def at(x: float, y: float, *, staff: bool = False, box: tuple[float, float, float, float] = (0.4, 0.4, 0.1, 0.3)) -> Person:
    """Someone at floor metres (x, y), whose picture is the floor at a tenth of its size."""
    return Person((x / 10, y / 10), (x, y), box, staff)


def run(step: Callable[[dict[str, Any], Any, float], tuple[Mapping[str, Any], Any]], frames: list[tuple[float, Any]]) -> list[Any]:
    """The results of a rule over frames (time, input), its state written to JSON and back after each."""
    state: dict[str, Any] = {}
    results = []
    for t_s, given in frames:
        kept = json.dumps(state)
        after, result = step(state, given, t_s)
        assert json.dumps(state) == kept, "the state given was changed"
        state = json.loads(json.dumps(after))
        results.append(result)
    return results
