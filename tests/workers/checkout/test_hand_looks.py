"""Which of the things in a picture is meant, by hand."""

from typing import Any

from storeloom.workers.checkout.hand_looks import meant


def thing(gtin: str, at: list[str] | None = None, held: bool = False) -> dict[str, Any]:
    return {"at": at, "held": held, "scores": {gtin: 0.9}}


def test_the_slot_goes_before_the_hand_and_the_hand_before_what_lies_about() -> None:
    seen = [thing("a", ["F", "1"]), thing("b", held=True), thing("c"), thing("d", ["F", "2"])]
    assert meant([[10.0, seen]], "F", "1", 10, 5) == {"a": 0.9}
    assert meant([[10.0, seen]], "F", "3", 10, 5) == {"b": 0.9}
    assert meant([[10.0, seen[2:]]], "F", "3", 10, 5) == {"c": 0.9}
    assert meant([[10.0, seen[3:]]], "F", "3", 10, 5) is None


def test_two_that_may_be_meant_are_none() -> None:
    assert meant([[10.0, [thing("a"), thing("b")]]], "F", "1", 10, 5) is None


def test_the_frame_nearest_in_time_that_shows_any_counts() -> None:
    frames = [[1.0, [thing("a")]], [8.0, [thing("b")]], [9.5, []], [12.0, [thing("c")]]]
    assert meant(frames, "F", "1", 9, 5) == {"b": 0.9}
    assert meant(frames, "F", "1", 1, 5) == {"a": 0.9}
    assert meant(frames, "F", "1", 30, 5) is None
