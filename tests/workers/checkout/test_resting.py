"""Things that come to rest, each told once."""

from storeloom.workers.checkout.resting import advance, begin

BOX = (0.4, 0.4, 0.2, 0.2)
NEAR = (0.41, 0.4, 0.2, 0.2)
FAR = (0.5, 0.4, 0.2, 0.2)


def test_it_is_told_once_after_its_rest() -> None:
    state = begin()
    assert [advance(state, {"a": BOX}, t, 1.5) for t in (10, 11, 11.5, 12)] == [{}, {}, {"a": 10}, {}]


def test_a_move_begins_the_rest_anew_a_tremble_does_not() -> None:
    state = begin()
    frames = [(10, BOX), (11, NEAR), (11.2, FAR), (12.6, FAR), (12.7, FAR)]
    assert [advance(state, {"a": box}, t, 1.5) for t, box in frames] == [{}, {}, {}, {}, {"a": 10}]


def test_the_next_one_counts_from_when_the_last_went() -> None:
    state = begin()
    for t in (10, 12):
        advance(state, {"a": BOX}, t, 1.5)
    advance(state, {"b": FAR}, 13, 1.5)
    assert advance(state, {"b": FAR}, 14.5, 1.5) == {"b": 13}
    advance(state, {}, 17, 1.5)
    assert state["free_s"] == 14.5


def test_the_same_track_after_a_gap_is_another_thing_and_an_old_frame_none() -> None:
    state = begin()
    for t in (10, 12, 15):
        advance(state, {"a": BOX} if t < 15 else {}, t, 1.5)
    assert [advance(state, {"a": BOX}, t, 1.5) for t in (16, 11, 18)] == [{}, {}, {"a": 16}]
    assert [advance(state, {"a": BOX}, t, 1.5) for t in (100, 102)] == [{}, {"a": 100}]
