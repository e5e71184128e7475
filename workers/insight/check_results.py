"""What the answers to a checklist say: which item failed and which passed, however the form wrote it down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PASSED = frozenset({"pass", "passed", "ok", "yes", "true", "good", "合格", "是"})
FAILED = frozenset({"fail", "failed", "not_ok", "nok", "no", "false", "bad", "不合格", "否"})
LISTS = ("results", "answers", "checks", "items")
VERDICTS = ("result", "verdict", "answer", "state", "value", "ok", "pass", "passed")


def answers(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Answer by item of a task's `values`: keyed by item, or under `results`, `answers`, `checks` or `items` as a map or rows with `item`,
    or one item with its answer beside it."""
    values = values or {}
    for name in LISTS:
        inner = values.get(name)
        if isinstance(inner, Mapping):
            return dict(inner)
        if isinstance(inner, list):
            return {str(row["item"]): row for row in inner if isinstance(row, Mapping) and "item" in row}
    if isinstance(values.get("item"), str):
        return {values["item"]: values}
    return dict(values)


def failed(answer: Any, row: Mapping[str, Any]) -> bool | None:
    """Whether an item of the table `checklists` failed by its answer; None for n/a, a picture alone, or what is no verdict.

    Numbers are judged by the row's `min` and `max` where it asks for a value, else 1 is a pass and 0 a fail.
    """
    if isinstance(answer, Mapping):
        return next((failed(answer[name], row) for name in VERDICTS if name in answer), None)
    if isinstance(answer, bool):
        return not answer
    low, high = row.get("min"), row.get("max")
    if isinstance(answer, (int, float)):
        if low is not None or high is not None:
            return (low is not None and answer < low) or (high is not None and answer > high)
        return answer == 0 if row.get("answer") != "value" and answer in (0, 1) else None
    word = str(answer).strip().lower().replace(" ", "_").replace("-", "_")
    return True if word in FAILED else False if word in PASSED else None
