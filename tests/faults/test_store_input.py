"""A live store against bad times and bad words: jumping clocks, late, early and repeated facts, events that no handler can bear."""

import math
import random
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storeloom.core.kernel.events import Fact
from storeloom.core.runtime.clock import LiveClock
from storeloom.core.runtime.live import LiveStore, Parts
from storeloom.core.runtime.log import StoreLog
from tests.faults import shop
from tests.faults.reference import MOVEMENT, T0


class Hands:
    """A wall clock that can be set, and a monotonic one that only runs."""

    def __init__(self):
        self.wall, self.passed = T0, 0.0

    def run(self, seconds):
        self.wall += timedelta(seconds=seconds)
        self.passed += seconds

    def clock(self, newest=None):
        return LiveClock(newest, wall=lambda: self.wall, monotonic=lambda: self.passed)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return shop.composed(tmp_path_factory.mktemp("bundle")).require()


def live_store(data, plan, hands):
    data.mkdir(exist_ok=True)
    speakers = {f"speaker-{name}": shop.Speaker(f"speaker-{name}", data) for name in "ab"}
    return LiveStore(Parts("tallies", plan, shop.registry(), data, adapters=speakers, clock=hands.clock()))


def counts(store, name="a"):
    state = store.engine.instances[name].state.snapshot()
    return {key[2:]: (cell["n"], cell["sum"]) for key, cell in state.items() if key.startswith("k:")}


def movement(gtin, qty, **more):
    return {"kind": "count", "gtin": gtin, "qty": qty, **more}


@pytest.mark.parametrize("seed", range(3))
def test_jumping_clocks_repeats_late_and_early_facts_give_the_figures_of_a_plain_count(tmp_path, plan, seed):
    """What is at most 30 days late counts once, whatever the wall clock does; what is later is refused. Time never goes back."""
    rng, hands = random.Random(seed), Hands()
    store = live_store(tmp_path / "data", plan, hands)
    wanted, refused, sent, before = {}, 0, [], store.clock.now()
    for number in range(400):
        hands.run(rng.choice((0.1, 1, 5, 20)))
        if rng.random() < 0.04:
            hands.wall += timedelta(seconds=rng.choice((-86400, -7200, -30, 30, 3600, 7200)))
        late = timedelta(seconds=rng.choice((0, 0, 3, 600, -60, -4000, 86400, 40 * 86400)))
        if sent and rng.random() < 0.3:
            time, key, gtin, qty = rng.choice(sent)
            assert store.clock.now() - time < timedelta(days=25)
        else:
            time, key, gtin, qty = store.clock.now() - late, number, f"g{rng.randrange(6)}", rng.randint(1, 9)
            if late > timedelta(days=30):
                refused += 1
            else:
                sent.append((time, key, gtin, qty))
                n, total = wanted.get(gtin, (0, 0))
                wanted[gtin] = (n + 1, total + qty)
        ticket = store.intake.offer(Fact(store.clock.now(), MOVEMENT, "scanner-1", movement(gtin, qty), time), key)
        store.turn()
        assert ticket.wait(0) is (late <= timedelta(days=30) or (time, key, gtin, qty) in sent)
        assert store.clock.now() >= before and store.engine.now >= before
        before = store.clock.now()
    assert counts(store) == counts(store, "b") == wanted
    assert store.engine.figures()["a"]["seen"] == len(sent) > 200 and refused > 10
    (queue,) = [one for one in store.intake.statuses() if one.stream == MOVEMENT]
    assert queue.late == refused
    received = [record.event.received for record in store.log.read()]
    assert received == sorted(received)
    store.close()


def quiet(store):
    return [(r.event.time, r.event["text"]) for r in store.log.read() if r.event.get("kind") == "quiet" and r.event.source == "a"]


def test_an_alarm_that_is_set_to_the_same_instant_again_after_it_rang_is_told_again(tmp_path, plan):
    """Two late facts of one time and product: each sets the alarm, each alarm is overdue."""
    hands = Hands()
    store = live_store(tmp_path / "data", plan, hands)
    for number in range(2):
        store.intake.offer(Fact(store.clock.now(), MOVEMENT, "scanner-1", movement("g", 1), T0 - timedelta(minutes=9)), number)
        store.turn()
        hands.run(60)
        store.turn()
    assert [text for _, text in quiet(store)] == ["1", "2"]
    store.close()


def test_what_comes_due_does_not_overtake_a_fact_that_arrived_before_and_waits(tmp_path, plan, monkeypatch):
    monkeypatch.setattr("storeloom.core.runtime.live.BATCH", 1)
    hands = Hands()
    store = live_store(tmp_path / "data", plan, hands)
    for number, passed in enumerate((60, 60, 1)):  # at 0, 60 and 120 s; quiet after 120.537 s
        store.intake.offer(Fact(store.clock.now(), MOVEMENT, "scanner-1", movement("g", 1)), number)
        hands.run(passed)
    for _ in range(4):
        store.turn()
    assert counts(store)["g"] == (3, 3) and quiet(store) == []
    hands.run(300)
    store.turn()
    assert quiet(store) == [(T0 + timedelta(seconds=240.537), "3")]
    store.close()


NASTY = st.one_of(
    st.text(st.characters(), max_size=40),
    st.sampled_from(
        ["\x00", "\x1b[2J", "\ud800", "a\udfffb", "\u202e\u2066", "' OR 1=1; --", "{{7*7}}", "\n\r\u2028", "nan", "\U0010ffff", "k" * 5000]
    ),
)
HUGE = st.one_of(
    st.integers(-9, 9),
    st.sampled_from([2**63, -(2**63), 2**64, 10**30, 10**400, 1e308, 5e-324, -0.0, math.inf, -math.inf, math.nan]),
)


def deep(levels):
    value = {"end": 1}
    for level in range(levels):
        value = {"x": value} if level % 2 else {"x": [value]}
    return value


DATA = st.builds(
    movement,
    NASTY,
    HUGE,
    reason=NASTY,
    ref=st.one_of(st.dictionaries(NASTY, st.one_of(NASTY, HUGE, st.none(), st.booleans()), max_size=4), st.integers(1, 2000).map(deep)),
)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(payloads=st.lists(DATA, min_size=1, max_size=6))
def test_what_a_device_says_however_odd_never_stops_the_store_and_all_else_counts_once(tmp_path_factory, plan, payloads):
    """Each is taken or refused in words; after a restart from the log nothing has changed."""
    hands, data = Hands(), tmp_path_factory.mktemp("odd") / "data"
    store = live_store(data, plan, hands)
    told = []
    for number, payload in enumerate(payloads):
        hands.run(1)
        for key, body in ((f"odd-{number}", payload), (f"good-{number}", movement("good", 2))):
            told.append((key, store.intake.offer(Fact(store.clock.now(), MOVEMENT, "scanner-1", body), key)))
        store.turn()
    for key, ticket in told:
        assert ticket.wait(0) is True or (key.startswith("odd") and ticket.wait(0) is False and ticket.reason.text("zh"))
    assert counts(store)["good"][0] >= len(payloads) and counts(store)["good"] == counts(store, "b")["good"]
    seen, states = store.engine.figures(), [store.engine.instances[name].state.snapshot() for name in "ab"]
    store.close()
    again = live_store(data, plan, hands)
    assert again.engine.figures() == seen and [again.engine.instances[name].state.snapshot() for name in "ab"] == states
    again.close()


def test_events_that_a_handler_cannot_bear_are_skipped_and_the_rest_counts_once(tmp_path):
    """Three failures open the circuit; what comes in the pause is taken up after it."""
    failing = shop.composed(tmp_path, fail_on="bad").require()
    rng, hands, wanted = random.Random(5), Hands(), Counter()
    store = live_store(tmp_path / "data", failing, hands)
    for number in range(300):
        hands.run(3)
        gtin = "bad" if rng.random() < 0.1 else f"g{rng.randrange(4)}"
        wanted[gtin] += 1
        store.intake.offer(Fact(store.clock.now(), MOVEMENT, "scanner-1", movement(gtin, 1)), number)
        store.turn()
    hands.run(4000)
    for _ in range(20):
        store.turn()
    bad = wanted.pop("bad")
    assert bad > 20 and {gtin: n for gtin, (n, _) in counts(store).items()} == dict(wanted)
    assert store.engine.figures()["a"]["seen"] == wanted.total()
    assert sum(name == "a" for name, *_ in store.log.failures()) == bad
    assert [one.health for one in store.engine.statuses()] == ["level", "level"]
    store.close()
    log = StoreLog(tmp_path / "data" / "store.db")
    assert sum(record.event.stream == MOVEMENT for record in log.read()) == 300
    log.close()
