"""Hot swap: state carried, nothing lost, nothing twice, and back again by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.errors import PluginFault
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.swap import Swaps, migrated

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
SAY = 'out("alert.raise", alert="a", kind="hot", severity="info", state="open", text=f"{self.version} {event[\'value\']} {len(seen)}")'
BODY = """
version = "{version}"

@on("sensor.reading")
def f(self, event):
    seen = self.state.setdefault("{key}", [])
    seen.append(event["value"])
    self.kpi.add("seen")
    if event["value"] in {bad}:
        raise ValueError("cannot")
    self.timers.set("later", "k", event.time + timedelta(seconds=60))
    return {say}

@timer("later")
def g(self, due):
    return out("alert.raise", alert="b", kind="hot", severity="info", state="open", text="later " + str(sorted(self.state)))
"""
MOVED = """
from datetime import timedelta
from storeloom.core.kernel.hooks import hookimpl

@hookimpl
def storeloom_migrate_state(state, version):
    return {"seen_values": state.get("seen", [])} if version == "1.0.0" else None

@hookimpl
def storeloom_migrate_config(config, version):
    return {**config, "mode": "b"} if version == "1.0.0" else None
"""
IMPORT = "\nfrom datetime import timedelta\n"


def body(version="1.0.0", key="seen", bad="()"):
    return BODY.format(version=version, key=key, bad=bad, say=SAY)


def reading(number):
    data = {"sensor": "p", "kind": "temperature", "value": number, "unit": "C"}
    return Fact(T0 + timedelta(seconds=number), "sensor.reading", "probe-1", data)


@pytest.fixture
def shop(toys, another_package, bundle, tmp_path, monkeypatch):
    """A plan on version 1, its registry, and what makes the registry of version 2."""
    toys.add("teller", body(), adapters='"sensor",', tail=IMPORT)
    toys.add("other", body(), adapters='"sensor",', tail=IMPORT)
    old = toys.registry()
    plan = compose(bundle("[solutions.teller]\n[solutions.other]\n"), old).require()

    release = another_package(tmp_path / "release", "toyshop2")
    monkeypatch.syspath_prepend(str(release.site))

    def new(tail=IMPORT, broken=False, **change) -> Registry:
        release.add("teller", body("2.0.0", **change), adapters='"sensor",', tail=tail)
        registry = release.registry()
        if broken:
            release.forget()
            (release.root / "solutions" / "teller.py").write_text("raise RuntimeError('no')\n", encoding="utf-8")
        return registry

    yield plan, old, new
    release.forget()


def said(log, who="teller"):
    return [(r.event.time, r.event["text"]) for r in log.read() if r.event.source == who]


def feed(engine, numbers):
    for number in numbers:
        engine.feed(reading(number), number)


def item_of(plan):
    return next(one for one in plan.instances if one.name == "teller")


def test_the_new_version_takes_over_state_and_alarms_between_two_events(shop):
    plan, old, new = shop
    engine = Engine(plan, old, StoreLog(), {}, T0)
    swaps = Swaps(engine)
    feed(engine, range(3))
    swap = swaps.swap(item_of(plan), new())
    feed(engine, range(3, 6))
    assert [text for _, text in said(engine.log)] == ["1.0.0 0 1", "1.0.0 1 2", "1.0.0 2 3", "2.0.0 3 4", "2.0.0 4 5", "2.0.0 5 6"]
    assert [text for _, text in said(engine.log, "other")][-1] == "1.0.0 5 6"
    assert engine.figures()["teller"] == {"seen": 6} and (swap.before, swap.after, swap.state) == ("1.0.0", "2.0.0", "live")
    engine.advance(T0 + timedelta(minutes=6))
    swaps.tend()
    assert swap.state == "kept" and engine.log.asides() == []
    assert said(engine.log)[-1] == (T0 + timedelta(seconds=65), "later ['seen']")


def test_config_and_state_are_migrated_by_the_plugin(shop):
    plan, old, new = shop
    engine = Engine(plan, old, StoreLog(), {}, T0)
    feed(engine, range(2))
    registry = new(tail=MOVED, key="seen_values")
    item = migrated(item_of(plan), "teller", registry, "1.0.0")
    assert item.config["mode"] == "b"
    Swaps(engine).swap(item, registry)
    feed(engine, [2])
    assert engine.instances["teller"].state.snapshot() == {"seen_values": [0, 1, 2]}


@pytest.mark.parametrize("restart", [False, True])
def test_a_failing_version_rolls_back_and_the_old_one_has_handled_everything_once(shop, tmp_path, restart):
    plan, old, new = shop
    engine = Engine(plan, old, StoreLog(tmp_path / "a.db"), {}, T0)
    feed(engine, range(9))
    engine.advance(T0 + timedelta(minutes=3))
    expected, state = said(engine.log), engine.instances["teller"].state.snapshot()

    engine = Engine(plan, old, StoreLog(tmp_path / "b.db"), {}, T0)
    swaps = Swaps(engine)
    feed(engine, range(3))
    swap = swaps.swap(item_of(plan), new(tail=MOVED, key="seen_values", bad="()" if restart else "(6,)"))
    feed(engine, range(3, 6))
    if restart:  # the store stops on probation and comes back with the bundle it had
        engine.log.close()
        engine = Engine(plan, old, StoreLog(tmp_path / "b.db"), {}, T0)
        Swaps(engine).recover()
    feed(engine, range(6, 9))
    engine.advance(T0 + timedelta(minutes=3))
    assert engine.instances["teller"].state.snapshot() == state and engine.figures()["teller"] == {"seen": 9}
    got = said(engine.log)
    assert [time for time, _ in got] == [time for time, _ in expected]
    assert [text.split(" ", 1)[1] for _, text in got] == [text.split(" ", 1)[1] for _, text in expected]
    if not restart:
        assert swap.state == "rolled_back" and "cannot" in swap.reason
    assert engine.log.asides() == []


def test_one_that_cannot_be_made_leaves_the_old_one_running(shop):
    plan, old, new = shop
    engine = Engine(plan, old, StoreLog(), {}, T0)
    swaps = Swaps(engine)
    feed(engine, range(2))
    with pytest.raises(PluginFault):
        swaps.swap(item_of(plan), new(broken=True))
    feed(engine, [2])
    assert [text for _, text in said(engine.log)] == ["1.0.0 0 1", "1.0.0 1 2", "1.0.0 2 3"]
    assert swaps.pending == () and engine.log.asides() == []


def test_swapped_twice_the_second_waits_for_nobody(shop):
    plan, old, new = shop
    engine = Engine(plan, old, StoreLog(), {}, T0)
    swaps = Swaps(engine)
    first = swaps.swap(item_of(plan), new())
    feed(engine, range(2))
    second = swaps.swap(item_of(plan), old)
    feed(engine, range(2, 4))
    assert (first.state, second.state) == ("kept", "live")
    assert [text for _, text in said(engine.log)] == ["2.0.0 0 1", "2.0.0 1 2", "1.0.0 2 3", "1.0.0 3 4"]
