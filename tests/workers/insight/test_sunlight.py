from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.workers.insight.sunlight import accent_pct, contrast_of, sun_turns, warm_share


@pytest.mark.parametrize(
    ("day", "lat", "lon", "rise", "sets"),
    [
        (date(2026, 6, 21), 31.23, 121.47, "2026-06-20T20:50", "2026-06-21T11:01"),  # Shanghai
        (date(2026, 12, 21), 51.5, -0.13, "2026-12-21T08:04", "2026-12-21T15:53"),  # London
    ],
)
def test_the_sun_rises_and_sets_as_almanacs_say(day, lat, lon, rise, sets):
    found = sun_turns(day, lat, lon)
    assert found is not None
    for got, told in zip(found, (rise, sets), strict=True):
        assert abs(got - datetime.fromisoformat(told).replace(tzinfo=UTC)) < timedelta(minutes=3)


def test_in_the_polar_night_it_does_neither():
    assert sun_turns(date(2026, 12, 21), 78.2, 15.6) is None


def test_accents_follow_the_light_around_them():
    assert [accent_pct(5, lux, 3000) for lux in (600, 1200, 300)] == pytest.approx([80, 160, 40])
    assert contrast_of(1200, 100, 3000) == pytest.approx(3.5)
    assert contrast_of(600, 80, 3000) == pytest.approx(5)
    assert contrast_of(0, 80, 3000) == 1


def test_whites_are_mixed_in_mired():
    assert warm_share(4000, 2700, 6500) == pytest.approx(0.444, abs=5e-4)
    assert (warm_share(2000, 2700, 6500), warm_share(9000, 2700, 6500)) == (1, 0)
