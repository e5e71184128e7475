"""Trays that are paid one after the other."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.events import plain
from storeloom.workers.checkout.counter import WHOLE, announce, arrive, find, new_counter, paid, trays_in
from storeloom.workers.vision.things import Seen

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HERE, NEAR, FAR = (0.1, 0.1, 0.4, 0.4), (0.12, 0.1, 0.4, 0.4), (0.55, 0.1, 0.4, 0.4)


def with_tray(track="a"):
    counter = new_counter("k1")
    assert arrive(counter, {track: HERE}, NOON) == track
    return counter


def seen(box=HERE):
    return {"at": plain(NOON), "box": box}


def test_trays_by_track_and_the_whole_picture_where_goods_lie_on_none():
    plate, tray, unsure = Seen("p", "plate", 0.9, HERE), Seen("t", "tray", 0.9, FAR), Seen(None, "tray", 0.3, HERE)
    assert trays_in([plate, tray, unsure], goods=True) == {"t": FAR}
    assert trays_in([plate, unsure], goods=True) == {WHOLE: None} and trays_in([], goods=False) == {}


@pytest.mark.parametrize(
    ("trays", "later_s", "track", "found"),
    [
        ({"b": NEAR, "a": FAR}, 9, "a", "a"),
        ({"c": FAR, "b": NEAR}, 1, "b", "b"),  # renamed where it lies
        ({"b": NEAR}, 1.1, "a", None),  # another one, put down later
        ({"b": FAR}, 0.2, "a", None),
        ({WHOLE: None}, 0.2, "a", WHOLE),  # the detector missed the tray once
        ({}, 0.2, "a", None),
    ],
)
def test_a_tray_is_found_again(trays, later_s, track, found):
    counter = with_tray()
    assert find(counter, trays, seen(), NOON + timedelta(seconds=later_s)) == found
    assert counter["tray"]["track"] == track
    assert find(new_counter("k1"), trays, seen(), NOON) is None


def test_a_picture_without_trays_may_turn_out_to_have_one():
    counter = with_tray(WHOLE)
    assert find(counter, {"a": FAR}, seen(None), NOON) == "a" == counter["tray"]["track"]


def test_a_paid_track_is_no_new_tray_under_any_of_its_names():
    counter = with_tray()
    paid(counter, NOON)
    assert find(counter, {"b": NEAR}, seen(), NOON) == "b"
    counter["tray"] = None
    assert arrive(counter, {"a": HERE, "b": NEAR}, NOON + timedelta(minutes=30)) is None and set(counter["paid"]) == {"a", "b"}
    assert arrive(counter, {"a": HERE, "c": FAR}, NOON) == "c"
    assert arrive(counter, {"a": HERE}, NOON + timedelta(minutes=30, seconds=1)) == "a"


def test_without_tracks_the_next_tray_can_be_paid_too():
    counter = with_tray(WHOLE)
    paid(counter, NOON)
    counter["tray"] = None
    assert arrive(counter, {WHOLE: None}, NOON) == WHOLE


def test_a_session_goes_to_one_tray():
    counter = new_counter("k1")
    announce(counter, "S1", "M")
    announce(counter, "S1", None)  # the member of a session stays
    assert arrive(counter, {"a": HERE}, NOON) == "a"
    assert (counter["tray"]["session"], counter["tray"]["member"], counter["next"]) == ("S1", "M", None)
    announce(counter, "S1", "N")
    assert counter["tray"]["member"] == "M" and counter["next"] is None


def test_a_new_session_takes_over_until_payment_is_asked_for():
    counter = with_tray()
    announce(counter, "S1", None)
    announce(counter, "S2", None)
    assert counter["tray"]["session"] == "S2" and counter["used"] == ["S1", "S2"]
    counter["tray"]["asked"] = "S2-1"
    announce(counter, "S3", None)
    assert counter["tray"]["session"] == "S2" and counter["next"] == {"session": "S3", "member": None}
