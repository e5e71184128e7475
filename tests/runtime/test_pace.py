"""Instances that go at their own pace: slow ones, and what their neighbours see of it."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Fact
from storeloom.core.runtime.context import StoreView, Workers
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.instance import make_instance
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.tables import TableSet

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
TELLER = """
@on("sensor.reading")
def f(self, event):
    self.state["seen"] = [*self.state.get("seen", []), event["value"]]
    if event["value"] == 99:
        raise ValueError("ninety-nine")
    self.timers.set("later", "k", event.time + timedelta(seconds=60))
    return out("alert.raise", alert="a", kind="hot", severity="info", state="open", text=f"{self.context.instance} {event['value']}")

@timer("later")
def g(self, due):
    return out("alert.raise", alert="b", kind="hot", severity="info", state="open", text=f"{self.context.instance} later")
"""


class Paced:
    """A runner that is ready only while its gate is open."""

    def __init__(self, inner, gates):
        self._inner, self._gates = inner, gates

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def ready(self, wait_s):
        return wait_s is None or self._gates[self._inner.name]


class Gates:
    """Hosts for a test: the named instances play the part of one in its own process, each with a gate that a test opens and shuts."""

    def __init__(self, store, *names):
        self.store = StoreView(store)
        self.open = dict.fromkeys(names, True)

    def maker(self, item, registry):
        if item.name not in self.open:
            return None
        tables = TableSet({}, self.store.hours)
        return lambda plan, stored: Paced(
            make_instance(registry.load(plan.solution), plan, stored, self.store, tables, Workers(), T0), self.open
        )


def reading(second, value):
    data = {"sensor": "p", "kind": "temperature", "value": value, "unit": "C"}
    return Fact(T0 + timedelta(seconds=second), "sensor.reading", "probe-1", data)


@pytest.fixture
def two(toys, bundle):
    toys.add("slow", TELLER, adapters='"sensor",', tail="\nfrom datetime import timedelta\n")
    toys.add("quick", TELLER, adapters='"sensor",', tail="\nfrom datetime import timedelta\n")
    registry = toys.registry()
    return compose(bundle("[solutions.slow]\n[solutions.quick]\n"), registry).require(), registry


def said(log):
    return [record.event["text"] for record in log.read() if record.event.stream == "alert.raise"]


def seen(engine, name):
    return engine.instances[name].state.snapshot().get("seen", [])


def test_the_others_do_not_wait_for_a_slow_one_and_it_takes_all_in_order(two):
    plan, registry = two
    gates = Gates(plan.store, "slow")
    engine = Engine(plan, registry, StoreLog(), {}, T0, hosts=gates, patience=0.01)
    gates.open["slow"] = False
    for number in range(5):
        engine.feed(reading(number, number), number)
    assert seen(engine, "quick") == [0, 1, 2, 3, 4] and said(engine.log) == [f"quick {n}" for n in range(5)]
    slow = next(one for one in engine.statuses() if one.name == "slow")
    assert slow.health == "behind" and slow.lag == engine.log.last
    gates.open["slow"] = True
    engine.feed(reading(5, 5), 5)
    assert seen(engine, "slow") == [0, 1, 2, 3, 4, 5]
    assert [text for text in said(engine.log) if text.startswith("slow")] == [f"slow {n}" for n in range(6)]
    assert next(one for one in engine.statuses() if one.name == "slow").health == "level"


def test_its_alarms_come_between_its_own_events_as_if_it_had_been_quick(two):
    plan, registry = two
    gates = Gates(plan.store, "slow")
    engine = Engine(plan, registry, StoreLog(), {}, T0, hosts=gates, patience=0.01)
    gates.open["slow"] = False
    for number, second in enumerate((0, 30, 100, 200)):
        engine.feed(reading(second, number), number)
    gates.open["slow"] = True
    engine.advance(T0 + timedelta(seconds=300))
    ours = [text for text in said(engine.log) if text.startswith("slow")]
    assert ours == ["slow 0", "slow 1", "slow later", "slow 2", "slow later", "slow 3", "slow later"]


@pytest.mark.parametrize("shut", [True, False])
def test_stopped_while_behind_it_goes_on_where_it_stood(two, tmp_path, shut):
    plan, registry = two
    gates = Gates(plan.store, "slow")
    first = Engine(plan, registry, StoreLog(tmp_path / "s.db", store="s1"), {}, T0, hosts=gates, patience=0.01)
    first.feed(reading(0, 0), 0)
    gates.open["slow"] = False
    for number in (1, 2):
        first.feed(reading(number, number), number)
    first.log.close()
    gates.open["slow"] = not shut
    again = Engine(plan, registry, StoreLog(tmp_path / "s.db", store="s1"), {}, T0, hosts=gates, patience=0.01)
    gates.open["slow"] = True
    again.advance(T0 + timedelta(seconds=30))
    again.feed(reading(40, 3), 3)
    assert seen(again, "slow") == seen(again, "quick") == [0, 1, 2, 3]
    assert sorted(said(again.log)) == sorted(f"{who} {n}" for who in ("slow", "quick") for n in range(4))


def test_without_patience_a_live_store_and_a_virtual_one_give_the_same(two):
    plan, registry = two
    facts = [reading(second * 20, second) for second in range(12)]
    logs = []
    for hosts in (None, Gates(plan.store, "slow")):
        engine = Engine(plan, registry, StoreLog(), {}, T0, hosts=hosts)
        for number, fact in enumerate(facts):
            engine.feed(fact, number)
        engine.advance(T0 + timedelta(hours=1))
        logs.append([(r.seq, r.event.id, r.event.time, r.cause) for r in engine.log.read()])
    assert logs[0] == logs[1]


def test_what_an_alarm_brings_names_the_event_that_set_it(two):
    plan, registry = two
    engine = Engine(plan, registry, StoreLog(), {}, T0)
    engine.feed(reading(0, 1), 1)
    engine.feed(reading(5, 2), 2)
    engine.advance(T0 + timedelta(minutes=5))
    by_text = {r.event.get("text"): r for r in engine.log.read()}
    second = next(r for r in engine.log.read() if r.event.get("value") == 2)
    assert by_text["quick 2"].cause == second.seq and by_text["quick later"].cause == second.seq


def test_one_that_is_started_late_is_started_once_also_after_a_restart(toys, bundle, tmp_path):
    toys.add(
        "slow",
        """
        def start(self):
            self.state["started"] = self.state.get("started", 0) + 1
            return out("alert.raise", alert="s", kind="hot", severity="info", state="open", text="start")

        @on("sensor.reading")
        def f(self, event):
            self.state["seen"] = self.state.get("seen", 0) + 1
        """,
        adapters='"sensor",',
    )
    registry = toys.registry()
    plan = compose(bundle("[solutions.slow]\n"), registry).require()
    gates = Gates(plan.store, "slow")
    gates.open["slow"] = False
    first = Engine(plan, registry, StoreLog(tmp_path / "s.db", store="s1"), {}, T0, hosts=gates, patience=0.01)
    first.feed(reading(0, 1), 1)
    first.log.close()
    gates.open["slow"] = True
    again = Engine(plan, registry, StoreLog(tmp_path / "s.db", store="s1"), {}, T0, hosts=gates, patience=0.01)
    again.feed(reading(1, 2), 2)
    assert again.instances["slow"].state.snapshot() == {"started": 1, "seen": 2}, "what came before its start was lost"
    assert said(again.log) == ["start"]


def test_a_table_replaced_while_one_is_behind_is_told_when_it_comes_to_it(toys, bundle):
    handlers = """
    @on("sensor.reading")
    def f(self, event):
        self.state["order"] = [*self.state.get("order", []), event["value"]]

    @on_table("assets")
    def g(self, table):
        self.state["order"] = [*self.state.get("order", []), table]
    """
    toys.add("slow", handlers, adapters='"sensor",')
    registry = toys.registry()
    plan = compose(bundle("[solutions.slow]\n"), registry).require()
    gates = Gates(plan.store, "slow")
    engine = Engine(plan, registry, StoreLog(), {}, T0, hosts=gates, patience=0.01)
    gates.open["slow"] = False
    engine.feed(reading(0, 1), 1)
    engine.replace_table("assets", [], T0 + timedelta(seconds=1))
    engine.replace_table("assets", [], T0 + timedelta(seconds=2))
    engine.feed(reading(3, 2), 2)
    gates.open["slow"] = True
    engine.advance(T0 + timedelta(seconds=9))
    order = engine.instances["slow"].state.snapshot()["order"]
    assert order[0] == 1 and sorted(map(str, order)) == ["1", "2", "assets"]
