"""CP-SAT as the planners use it: one thread, a seed, and a limit of work in place of one of time, so that answers come out the same."""

from __future__ import annotations

from typing import Any, Literal

Outcome = Literal["optimal", "feasible", "infeasible", "unknown"]


def run(model: Any, work: float, seed: int, linearization: int = 1) -> tuple[Any, Outcome]:
    """Solve a `CpModel` within `work` (CP-SAT's deterministic time); the solver, from which values are read, and what came of it.

    `linearization`: how much of the model goes into the linear relaxation (0..2); 2 where costs spread over sums of many Booleans."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = work
    solver.parameters.linearization_level = linearization
    names: dict[Any, Outcome] = {cp_model.OPTIMAL: "optimal", cp_model.FEASIBLE: "feasible", cp_model.INFEASIBLE: "infeasible"}
    return solver, names.get(solver.solve(model), "unknown")
