"""Stretches of frames and of people, worked by hand."""

from storeloom.workers.checkout import sightings


def grown(*times: float) -> sightings.Spans:
    spans: sightings.Spans = []
    for t_s in times:
        sightings.extend(spans, t_s, 2.0, 60.0)
    return spans


def test_a_gap_of_two_seconds_is_none_and_a_longer_one_begins_anew() -> None:
    assert grown(0, 1, 3, 5.1, 6) == [[0, 3], [5.1, 6]]


def test_what_ended_long_ago_is_dropped() -> None:
    assert grown(0, 1, 62) == [[62, 62]]
    assert grown(0, 1, 61) == [[0, 1], [61, 61]]


def test_one_stretch_must_cover_all_but_the_ends() -> None:
    spans = [[10.0, 20.0], [23.0, 30.0]]
    assert sightings.covers(spans, 8.0, 22.0, 2.0)
    assert not sightings.covers(spans, 7.9, 22.0, 2.0)
    assert not sightings.covers(spans, 12.0, 28.0, 2.0)
    assert not sightings.covers([], 1.0, 2.0, 2.0)


def test_touching_counts_both_ends() -> None:
    spans = [[10.0, 20.0]]
    assert sightings.touches(spans, 20.0, 25.0)
    assert sightings.touches(spans, 5.0, 10.0)
    assert not sightings.touches(spans, 20.1, 25.0)
