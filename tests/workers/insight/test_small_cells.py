"""Groups that are large enough to be shown."""

import pytest

from storeloom.workers.insight.small_cells import merged


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"25-34": 96, "35-44": 60, "45+": 19, "child": 5}, {"25-34": 96, "35-44": 60, "other": 24}),
        ({"a": 20, "b": 6, "c": 4}, {"a": 20, "other": 10}),
        ({"a": 20, "b": 10}, {"a": 20, "b": 10}),
        ({"a": 12, "b": 3}, {"other": 15}),
        ({"a": 5, "b": 4}, {}),
        ({"b": 11, "a": 11, "c": 1}, {"b": 11, "other": 12}),
        ({"other": 30, "a": 10}, {"a": 10, "other": 30}),
        ({}, {}),
    ],
)
def test_small_groups_become_other(counts: dict[str, int], shown: dict[str, int]) -> None:
    assert merged(counts, 10) == shown
