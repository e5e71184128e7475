"""Whether things of given widths fit on boards, each on one: bin packing with places that are not for all, by CP-SAT (OR-Tools).

First-fit decreasing (Johnson 1974) is tried first, since it mostly succeeds and costs nothing; the solver decides where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from storeloom.workers.optimise import solving
from storeloom.workers.optimise.plans import SEED


def fit(
    widths: Mapping[str, int], boards: Sequence[int], allowed: Mapping[str, Sequence[int]], *, work: float = 1.0, seed: int = SEED
) -> dict[str, int] | None:
    """The board (its index) of each thing; None where they do not fit, or no way was found within `work` (deterministic time)."""
    if sum(widths.values()) > sum(boards) or any(not allowed[name] for name in widths):
        return None
    found = _first_fit(widths, boards, allowed)
    return found if found is not None else _solved(widths, boards, allowed, work, seed)


def _first_fit(widths: Mapping[str, int], boards: Sequence[int], allowed: Mapping[str, Sequence[int]]) -> dict[str, int] | None:
    rest, found = list(boards), {}
    for name in sorted(widths, key=lambda one: (len(allowed[one]), -widths[one], one)):
        place = next((k for k in allowed[name] if rest[k] >= widths[name]), None)
        if place is None:
            return None
        found[name] = place
        rest[place] -= widths[name]
    return found


def _solved(
    widths: Mapping[str, int], boards: Sequence[int], allowed: Mapping[str, Sequence[int]], work: float, seed: int
) -> dict[str, int] | None:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    on = {(name, k): model.new_bool_var("") for name in sorted(widths) for k in allowed[name]}
    for name in widths:
        model.add_exactly_one(on[name, k] for k in allowed[name])
    for k, room in enumerate(boards):
        model.add(sum(widths[name] * variable for (name, place), variable in on.items() if place == k) <= room)
    solver, outcome = solving.run(model, work, seed)
    return {name: k for (name, k), variable in on.items() if solver.value(variable)} if outcome in ("optimal", "feasible") else None
