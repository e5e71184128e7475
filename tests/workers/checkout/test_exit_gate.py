"""Openings and passages of an exit gate."""

from datetime import UTC, datetime, timedelta

from storeloom.workers.checkout import exit_gate

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def at(seconds):
    return AT + timedelta(seconds=seconds)


def test_the_second_on_one_opening_is_a_tailgate_once():
    openings = []
    exit_gate.opened(openings, "R1", AT, 5)
    assert [exit_gate.passed(openings, at(s))[1] for s in (1, 2, 3)] == [False, True, False]


def test_two_receipts_are_two_people_and_a_late_passage_uses_none():
    openings = []
    exit_gate.opened(openings, "R1", AT, 5)
    exit_gate.opened(openings, "R2", at(2), 5)
    assert [exit_gate.passed(openings, at(3))[0]["receipt"] for _ in range(2)] == ["R1", "R2"]
    assert exit_gate.passed(openings, at(9)) == (None, False)
    exit_gate.opened(openings, "R3", at(10), 5)
    assert [one["receipt"] for one in openings] == ["R3"]


def test_a_receipt_has_no_more_unused_openings_than_uses_left():
    openings = []
    exit_gate.opened(openings, "R1", AT, 5)
    exit_gate.opened(openings, "R1", at(4), 5)
    assert [one["until"] for one in openings] == ["2026-03-02T10:00:09Z"]
    assert [exit_gate.passed(openings, at(s))[1] for s in (5, 6)] == [False, True]
    exit_gate.opened(openings, "R2", at(7), 5, left=2)
    exit_gate.opened(openings, "R2", at(7), 5, left=2)
    assert [one["receipt"] for one in openings] == ["R1", "R2", "R2"]


def test_validity_and_checks():
    assert not exit_gate.late(AT, at(1800), timedelta(minutes=30)) and exit_gate.late(AT, at(1801), timedelta(minutes=30))
    found = [
        exit_gate.check_failed("done", values) for values in ({}, {"missing": 0}, {"missing": 2}, {"missing": ["A"]}, {"passed": False})
    ]
    assert found == [False, False, True, True, True] and exit_gate.check_failed("rejected", {})
