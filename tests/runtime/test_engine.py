"""The engine: order of time, once, undone as a whole, the same after a restart."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.errors import InputFault
from storeloom.core.kernel.events import Fact
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)

COUNTER = """
@on("sensor.reading")
def count(self, event):
    if event["value"] == 99:
        self.state["seen"] = ["spoiled"]
        self.timers.set("later", "x", self.now)
        raise ValueError("ninety-nine")
    seen = self.state.setdefault("seen", [])
    seen.append(event["value"])
    self.kpi.add("seen")
    self.timers.set("later", "k", event.time + timedelta(seconds=60), {"value": event["value"]})
    if event["value"] > self.config.limit_c:
        yield out("alert.raise", alert="a", kind="hot", severity="high", state="open", text=str(event["value"]))

@timer("later")
def later(self, due):
    yield out("alert.raise", alert="b", kind="hot", severity="info", state="open", text=f"later {due.data['value']}")

@every("1d", at="close")
def close(self, due):
    yield out("alert.raise", alert="c", kind="hot", severity="info", state="open", text="close")
"""
IMPORT = "\nfrom datetime import timedelta\n"


@pytest.fixture
def plan(toys, bundle):
    toys.add("counter", COUNTER, adapters='"sensor",', tail=IMPORT)
    registry = toys.registry()
    return compose(bundle("[solutions.counter]\n"), registry).require(), registry


def reading(second: float, value: float) -> Fact:
    data = {"sensor": "p", "kind": "temperature", "value": value, "unit": "C"}
    return Fact(T0 + timedelta(seconds=second), "sensor.reading", "probe-1", data)


def run(plan, registry, log, facts, until=None, **more):
    outs = []
    engine = Engine(plan, registry, log, {}, T0, on_output=outs.append, **more)
    for number, item in enumerate(facts):
        engine.feed(item, number)
    if until is not None:
        engine.advance(until)
    engine.flush()
    return engine, [(event.time, event.data["text"]) for event in outs]


def test_alarms_come_in_order_of_time_and_after_an_event_of_the_same_instant(plan):
    engine, outs = run(*plan, StoreLog(), [reading(0, 1), reading(60, 7), reading(200, 2)], T0 + timedelta(hours=6))
    assert outs == [
        (T0 + timedelta(seconds=60), "7"),  # the event at second 60 comes first and pushes the alarm back
        (T0 + timedelta(seconds=120), "later 7"),
        (T0 + timedelta(seconds=260), "later 2"),
        (T0 + timedelta(hours=4), "close"),
    ]
    assert engine.figures() == {"counter": {"seen": 3}}


def test_a_repeat_of_an_event_reaches_no_handler(plan):
    engine = Engine(*plan, StoreLog(), {}, T0)
    assert engine.feed(reading(0, 1), "k") is not None
    assert engine.feed(reading(0, 1), "k") is None
    assert engine.instances["counter"].state["seen"] == [1]


def test_a_handler_that_raises_is_undone_as_a_whole_and_named(plan):
    engine, outs = run(*plan, StoreLog(), [reading(0, 1), reading(1, 99), reading(2, 2)], T0 + timedelta(minutes=5))
    assert engine.instances["counter"].state["seen"] == [1, 2]
    assert [text for _, text in outs] == ["later 2"]
    (failure,) = engine.failures
    assert failure.finding.code == "SL-RUN-05" and "ValueError: ninety-nine" in failure.finding.text()
    assert engine.log.failures()[0][0] == "counter"


def test_three_failures_in_five_minutes_pause_it_and_its_events_wait(plan):
    facts = [reading(0, 99), reading(1, 99), reading(2, 99), reading(3, 5), reading(40, 6)]
    engine, _ = run(*plan, StoreLog(), facts)
    assert engine.instances["counter"].state["seen"] == [5, 6]
    engine, _ = run(*plan, StoreLog(), facts[:4])
    assert "seen" not in engine.instances["counter"].state
    assert "ninety-nine" in engine.supervisor.why()["counter"]


def test_an_alarm_whose_handler_raises_has_passed_all_the_same(toys, bundle):
    handlers = """
    @on("sensor.reading")
    def f(self, event):
        self.timers.set("boom", "k", self.now)
        return out("alert.raise", alert="a", kind="hot", severity="info", state="open", text="seen")

    @timer("boom")
    def g(self, due):
        self.timers.set("boom", "k", self.now)
        raise ValueError("boom")
    """
    toys.add("bomb", handlers, adapters='"sensor",')
    registry = toys.registry()
    plan = compose(bundle("[solutions.bomb]\n"), registry).require()
    engine, outs = run(plan, registry, StoreLog(), [reading(n * 20, 1) for n in range(10)], T0 + timedelta(minutes=10))
    assert len(outs) == 10 and len(engine.failures) == 10


@pytest.mark.parametrize("commit_every", [1, 3, 100])
def test_cut_anywhere_a_restart_gives_what_an_unbroken_run_gives(plan, tmp_path, commit_every):
    facts = [reading(second * 25, second % 9) for second in range(20)]
    until = T0 + timedelta(hours=5)
    whole, expected = run(*plan, StoreLog(), facts, until)
    for cut in range(1, len(facts)):
        path = tmp_path / f"{commit_every}-{cut}.db"
        outs = []
        first = Engine(*plan, StoreLog(path, store="s1"), {}, T0, on_output=outs.append, commit_every=commit_every)
        for number, item in enumerate(facts[:cut]):
            first.feed(item, number)
        first.log.close()  # whatever was not committed is gone
        again = Engine(*plan, StoreLog(path, store="s1"), {}, T0)
        for number, item in enumerate(facts):
            again.feed(item, number)
        again.advance(until)
        assert again.instances["counter"].state.snapshot() == whole.instances["counter"].state.snapshot()
        assert again.figures() == whole.figures()
        logged = [(r.event.time, r.event.data["text"]) for r in again.log.read() if r.event.stream == "alert.raise"]
        assert logged == expected
        again.log.close()


def test_strict_state_and_live_state_agree(plan):
    facts = [reading(second * 25, second % 9) for second in range(20)]
    assert run(*plan, StoreLog(), facts, strict=True)[1] == run(*plan, StoreLog(), facts)[1]


def test_an_input_that_does_not_fit_its_stream_is_refused(plan):
    engine = Engine(*plan, StoreLog(), {}, T0)
    bad = Fact(T0, "sensor.reading", "probe-1", {"sensor": "p", "kind": "temperature", "value": "warm", "unit": "C"})
    with pytest.raises(InputFault) as caught:
        engine.feed(bad, 1)
    assert caught.value.findings[0].code == "SL-INP-02" and "value" in caught.value.findings[0].text()
    with pytest.raises(InputFault):
        engine.feed(Fact(T0, "no.stream", "x", {}), 2)
    for nothing in (float("nan"), float("inf")):
        with pytest.raises(InputFault, match="NaN"):
            engine.feed(reading(0, nothing), 3)
    assert engine.log.last == 0


@pytest.mark.parametrize(
    ("handlers", "code"),
    [
        ('return out("task.create", task="t", kind="hot", title="t", priority=1)', "SL-RUN-01"),
        ('return out("alert.raise", alert="a", kind="hot", severity="very", state="open", text="t")', "SL-RUN-02"),
        ("self.tables.products.get('x')", "SL-RUN-03"),
        ('return out("alert.raise", alert="a", kind="cold", severity="info", state="open", text="t")', "SL-RUN-07"),
        ('self.kpi.add("unheard")', "SL-RUN-08"),
        ('return out("alert.raise", alert="a", kind="hot", severity="info", state="open", text="t", value=float("nan"))', "SL-RUN-02"),
        ('self.state["x"] = object()', "SL-RUN-05"),
    ],
)
def test_what_a_solution_does_not_declare_is_refused(toys, bundle, handlers, code):
    toys.add("rogue", f'@on("sensor.reading")\ndef f(self, event):\n    {handlers}\n', adapters='"sensor",')
    registry = toys.registry()
    plan = compose(bundle("[solutions.rogue]\n"), registry).require()
    engine, outs = run(plan, registry, StoreLog(), [reading(0, 1)])
    assert [failure.finding.code for failure in engine.failures] == [code] and outs == []


def test_a_device_that_is_bound_to_others_is_out_of_reach(toys, bundle):
    toys.add(
        "lamps",
        '@on("sensor.reading")\ndef f(self, event):\n    return out("relay.set", relay=f"relay-{event[\'value\']}", on=True)\n',
        produces='"relay.set",',
        adapters='"sensor", "relay"',
    )
    registry = toys.registry()
    devices = {"probe-1": "sensor", "relay-1": "relay", "relay-2": "relay"}
    text = '[solutions.lamps]\n[solutions.lamps.devices]\nrelay = ["relay-1"]\n'
    plan = compose(bundle(text, devices=devices), registry).require()
    engine, _ = run(plan, registry, StoreLog(), [])
    for number in (1, 2, 3):
        engine.feed(reading(number, number), number)
    assert [failure.finding.code for failure in engine.failures] == ["SL-RUN-12"] and "relay-2" in engine.failures[0].finding.text()
    sent = [record.event["relay"] for record in engine.log.read() if record.event.stream == "relay.set"]
    assert sent == ["relay-1", "relay-3"], "what is no device of the store is the driver's to know"


def test_a_loop_that_never_settles_is_stopped(toys, bundle):
    for one in ("ping", "pong"):
        toys.add(
            one,
            '@on("alert.raise?")\ndef f(self, event): return out("alert.raise", event.data)\n'
            '@on("sensor.reading?")\ndef g(self, event):\n'
            '    return out("alert.raise", alert="a", kind="hot", severity="info", state="open", text="t")\n',
        )
    registry = toys.registry()
    plan = compose(bundle("[solutions.ping]\n[solutions.pong]\n"), registry).require()
    engine, _ = run(plan, registry, StoreLog(), [reading(0, 1)])
    assert {failure.finding.code for failure in engine.failures} == {"SL-RUN-06"}


def test_a_runtime_profile_switches_its_keys_at_its_hours(toys, bundle):
    toys.add("counter", COUNTER, adapters='"sensor",', tail=IMPORT)
    registry = toys.registry()
    when = '[profiles.night]\nwhen = { from = "18:30", to = "19:00" }\n'
    body = f"[solutions.counter]\n{when}[profiles.night.solutions.counter.config]\nlimit_c = 9\n"
    plan = compose(bundle(body), registry).require()
    facts = [reading(0, 7), reading(1799, 7), reading(1800, 7), reading(3599, 7), reading(3600, 7)]
    _, outs = run(plan, registry, StoreLog(), facts)
    assert [(time - T0).total_seconds() for time, text in outs if text == "7"] == [0, 1799, 3600]


def test_a_table_is_seen_as_it_stands_at_the_time(toys, bundle):
    handlers = """
    @on("sensor.reading")
    def f(self, event):
        row = self.tables.assets.get("a1")
        return out("alert.raise", alert="a", kind="hot", severity="info", state="open", text=row["name"] if row else "none")

    @on_table("assets")
    def g(self, table):
        return out("alert.raise", alert="a", kind="hot", severity="info", state="open", text=f"changed {table}")
    """
    toys.add("looker", handlers, adapters='"sensor",')
    registry = toys.registry()
    plan = compose(bundle("[solutions.looker]\n"), registry).require()
    outs = []
    rows = [
        {"asset": "a1", "kind": "chiller", "name": "old", "to": "2026-03-03"},
        {"asset": "a1", "kind": "chiller", "name": "new", "from": "2026-03-03"},
    ]
    engine = Engine(plan, registry, StoreLog(), {"assets": rows}, T0, on_output=lambda e: outs.append(e.data["text"]))
    engine.feed(reading(0, 1), 0)
    engine.feed(reading(6 * 3600 - 1, 1), 1)  # 23:59:59 in the store
    engine.feed(reading(6 * 3600, 1), 2)
    engine.replace_table("assets", [], T0 + timedelta(hours=7))
    engine.feed(reading(8 * 3600, 1), 3)
    assert [text for text in outs if text != "close"] == ["old", "old", "new", "changed assets", "none"]
