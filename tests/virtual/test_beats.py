"""How often devices report: every half hour, and as often as what watches them expects."""

from collections import Counter
from datetime import date
from types import SimpleNamespace

import pytest

from storeloom.core.virtual import VirtualStore, default_profile
from storeloom.core.virtual.trial import watched_beats

SIGNS = frozenset({"device.status", "network.probe"})


@pytest.fixture(scope="module")
def watched():
    store = VirtualStore(default_profile("convenience"), scale=0.01, beats={"esl_gateway": 300.0})
    return store, list(store.run(date(2026, 3, 2), 1, SIGNS))


def gaps(facts, name):
    """The longest silence of each device or probe, seconds."""
    last, longest = {}, Counter()
    for fact in facts:
        if name in fact.data and fact.data.get("state", "online") == "online":
            key, at = fact.data[name], (fact.time or fact.received).timestamp()
            longest[key] = max(longest[key], at - last.get(key, at))
            last[key] = at
    return longest


def test_watched_devices_report_at_the_rate_that_is_expected_of_their_kind(watched):
    store, facts = watched
    down = {row["device"] for row in store.truth.device_faults}
    silences = gaps(facts, "device")
    assert {key for key, longest in silences.items() if longest > 61} == {"esl-1"} | (down & set(silences))
    assert silences["esl-1"] == pytest.approx(300, abs=1)
    assert max(gaps(facts, "target").values()) <= 61


def test_a_device_that_is_down_is_silent(watched):
    store, facts = watched
    for row in store.truth.device_faults:
        said = [f.data for f in facts if f.data.get("device") == row["device"] and f.data.get("state") != "online"]
        assert [data["since"] for data in said if "since" in data].count(row["from"]) == 1
        assert gaps(facts, "device")[row["device"]] > 10 * 60


def test_nobody_watching_they_report_every_half_hour_and_speakers_every_minute(run):
    ran = run("convenience", scale=0.01, streams=SIGNS)
    down = {row["device"] for row in ran.store.truth.device_faults}
    silences = {key: round(longest) for key, longest in gaps(ran.facts, "device").items() if key not in down}
    assert silences.pop("speaker-1") == 60
    assert set(silences.values()) == {1800}


def test_the_shortest_beat_of_several_watchers_counts():
    def plan(*configs):
        return SimpleNamespace(instances=[SimpleNamespace(config=config) for config in configs])

    assert watched_beats(plan({}, {"heartbeat_s": 10})) is None
    assert watched_beats(plan({"heartbeat_s": {"kiosk": 300}}, {})) == {"kiosk": 300.0}
    assert watched_beats(plan({"heartbeat_s": {"kiosk": 300}}, {"heartbeat_s": {"cart": 20}})) == {"cart": 20.0, "kiosk": 60.0}
