"""A pallet that is set down, hidden for a moment, pushed on, and taken away."""

from storeloom.workers.security.left_things import step

PALLET = {"class": "pallet", "box": [0.4, 0.6, 0.2, 0.2]}


def test_it_is_one_thing_while_it_stands_and_gone_after_it_was_away_long_enough():
    first = step({}, [PALLET], 0.0, 10)
    (key,) = first.came
    second = step(first.state, [{**PALLET, "box": [0.42, 0.6, 0.2, 0.2]}], 60.0, 10)
    assert (second.came, second.gone, second.state[key]["since_s"]) == ([], {}, 0.0)
    hidden = step(second.state, [], 65.0, 10)
    assert hidden.gone == {} and key in hidden.state
    away = step(hidden.state, [], 70.0, 10)
    assert (list(away.gone), away.state) == ([key], {})


def test_one_that_is_pushed_on_begins_anew():
    first = step({}, [{**PALLET, "track": "t1"}], 0.0, 10)
    pushed = step(first.state, [{**PALLET, "track": "t1", "box": [0.52, 0.6, 0.2, 0.2]}], 60.0, 10)
    assert list(pushed.gone) == first.came
    (key,) = pushed.came
    assert pushed.state[key]["since_s"] == 60.0


def test_two_of_a_kind_and_another_track_in_one_place_stay_apart():
    pair = step({}, [PALLET, {**PALLET, "box": [0.1, 0.6, 0.2, 0.2]}], 0.0, 10)
    assert len(pair.came) == 2
    again = step(pair.state, [{**PALLET, "box": [0.1, 0.6, 0.2, 0.2]}, PALLET], 5.0, 10)
    assert (again.came, again.gone) == ([], {})
    box = step({}, [{**PALLET, "track": "a"}], 0.0, 10)
    renamed = step(box.state, [{**PALLET, "track": "b"}], 1.0, 10)
    assert renamed.came == []  # the tracker lost it and took it up again


def test_a_frame_that_comes_late_changes_nothing():
    first = step({}, [PALLET], 60.0, 10)
    assert step(first.state, [], 30.0, 10) == (first.state, [], {})
