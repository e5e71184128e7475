"""A few of the solutions alone for a day in a small virtual store; all of them: `python -m tests.virtual.each_solution`."""

import pytest

from storeloom.core.kernel.registry import Registry
from tests.virtual.each_solution import sample, tried

REGISTRY = Registry()


@pytest.mark.parametrize("solution", sample(list(REGISTRY.catalogue.solutions)))
def test_a_solution_runs_alone_without_a_failure_or_a_warning(solution: str) -> None:
    assert tried(REGISTRY, solution, 1, 0.1).wrong == ()
