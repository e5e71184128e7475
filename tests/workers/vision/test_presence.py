"""Absences from a post, returns that do not hold, and time of which nothing is known."""

from storeloom.workers.vision import presence

DUTY = [(0.0, 1000.0)]


def run(looks, timeout_s=30):
    state, changes = dict(presence.NEW), []
    for t_s, short in looks:
        presence.advance(state, DUTY, t_s, timeout_s)
        changes.append(presence.look(state, t_s, short))
    return state, changes


def test_an_absence_counts_from_the_first_look_without_anybody():
    state, changes = run([(0, False), (10, True), (20, True), (30, False)])
    assert changes == [None, "began", None, "back"]
    assert state["absent_s"] == state["away_s"] == 20
    assert state["back_s"] == 30


def test_a_return_that_does_not_hold_is_absence():
    state, _ = run([(0, True), (10, False), (20, True), (30, True)])
    assert state["absent_s"] == state["away_s"] == 30
    assert state["back_s"] is None


def test_a_silence_is_unknown_and_ends_what_was_not_told():
    state, changes = run([(0, True), (10, True), (100, True)])
    assert (state["absent_s"], state["unknown_s"], state["from_s"]) == (10, 90, 100)
    assert changes[-1] == "began"


def test_a_silence_leaves_what_was_told():
    state, _ = run([(0, True), (10, True)])
    state["told"] = True
    presence.advance(state, DUTY, 100, 30)
    assert (state["from_s"], state["unknown_s"], state["away_s"]) == (0, 90, 10)


def test_before_the_first_look_nothing_is_known():
    state, _ = run([(50, False)])
    assert state["unknown_s"] == 50


def test_breaks_are_taken_out_of_duty():
    assert presence.without([(0, 100)], [(20, 30), (90, 120), (200, 300)]) == [(0, 20), (30, 90)]
    assert presence.overlap([(0, 20), (30, 90)], 10, 40) == 20
