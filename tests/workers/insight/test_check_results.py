"""Answers to checklists in the forms in which they come, and what they say."""

import pytest

from storeloom.workers.insight.check_results import answers, failed

ROW = {"checklist": "q", "item": "X", "answer": "yes_no"}


@pytest.mark.parametrize(
    "values",
    [
        {"X": "fail"},
        {"results": {"X": "fail"}},
        {"answers": [{"item": "X", "result": "fail"}]},
        {"item": "X", "verdict": "fail"},
        {"item": "X", "ok": False},
        {"X": {"passed": False}},
    ],
)
def test_every_form_names_the_item_and_its_verdict(values):
    found = answers(values)
    assert list(found) == ["X"] and failed(found["X"], ROW) is True


def test_without_values_there_are_no_answers():
    assert answers(None) == {} and answers({}) == {}
    assert answers({"results": [{"note": "no item"}]}) == {}


@pytest.mark.parametrize(
    ("answer", "says"), [(True, False), (False, True), (1, False), (0, True), ("OK", False), ("Not OK", True), ("不合格", True)]
)
def test_verdicts(answer, says):
    assert failed(answer, ROW) is says


@pytest.mark.parametrize("answer", ["n/a", "N/A", "", None, "photo-1.jpg", 7, {"note": "later"}])
def test_what_is_no_verdict(answer):
    assert failed(answer, ROW) is None


def test_values_are_judged_by_their_limits():
    row = {"answer": "value", "min": 70, "max": 90}
    assert [failed(value, row) for value in (69.9, 70, 90, 90.1)] == [True, False, False, True]
    assert failed(0, {"answer": "value", "max": 5}) is False
    assert failed(1, {"answer": "value"}) is None
