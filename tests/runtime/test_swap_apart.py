"""Hot swap of an instance in a process of its own, while events and frames flow."""

import time
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Fact
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.guard import HostGuard
from storeloom.core.runtime.hosts import Hosts
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.swap import Swaps

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
BODY = """
version = "{version}"

@on("camera.frame")
def frame(self, event):
    self.state["frames"] = [*self.state.get("frames", []), event["seq"]]
    self.state["by"] = self.state.get("by", "") + "{version}"[0]

@on("sensor.reading")
def reading(self, event):
    {start}
    self.state["readings"] = [*self.state.get("readings", []), event["value"]]
    return out("alert.raise", alert="a", kind="hot", severity="info", state="open", text=str(event["value"]))
"""


def frame(number):
    at = T0 + timedelta(milliseconds=50 * number)
    return Fact(at, "camera.frame", "camera-1", {"camera": "camera-1", "seq": number, "width": 4, "height": 4, "scene": {"objects": []}})


def reading(number):
    at = T0 + timedelta(milliseconds=50 * number)
    return Fact(at, "sensor.reading", "probe-1", {"sensor": "p", "kind": "temperature", "value": number, "unit": "C"})


@pytest.fixture
def shop(toys, another_package, bundle, tmp_path, monkeypatch):
    toys.add("watcher", BODY.format(version="1.0.0", start="pass"), adapters='"camera", "sensor",')
    old = toys.registry()
    plan = compose(bundle("[solutions.watcher]\n", devices={"camera-1": "camera", "probe-1": "sensor"}), old).require()
    release = another_package(tmp_path / "release", "toyshop2")
    monkeypatch.syspath_prepend(str(release.site))

    def new(start="pass", tail=""):
        release.add("watcher", BODY.format(version="2.0.0", start=start), adapters='"camera", "sensor",', tail=tail)
        return release.registry()

    guard = HostGuard(tmp_path / "hosts")
    engine = Engine(plan, old, StoreLog(tmp_path / "s.db"), {}, T0, hosts=Hosts(plan.store, {}, lambda: T0, guard), patience=0.5)
    while engine.crew.members["watcher"].lag is not None:
        time.sleep(0.01)
        engine.advance(T0)
    yield plan, new, engine
    engine.close()
    guard.close()
    release.forget()


def flow(engine, swaps, first, last, pace_s=0.01):
    for number in range(first, last):
        engine.feed(frame(number), number)
        engine.feed(reading(number), number)
        engine.flush()
        swaps.tend()
        time.sleep(pace_s)


def test_frames_and_events_flow_on_while_the_new_process_starts(shop):
    plan, new, engine = shop
    swaps = Swaps(engine)
    flow(engine, swaps, 0, 20)
    swap = swaps.swap(plan.instances[0], new())
    assert swap.state == "starting"
    number = 20
    while swap.state == "starting":
        flow(engine, swaps, number, number + 1)
        number += 1
    flow(engine, swaps, number, number + 20)
    engine.advance(T0 + timedelta(minutes=1))
    state = mirror(engine)
    assert state["frames"] == state["readings"] == list(range(number + 20))
    assert state["by"] == "1" * number + "2" * 20 and number > 25, "the old one went on while the new one started"
    assert engine.crew.members["watcher"].frames_missed == 0
    assert [r.event["text"] for r in engine.log.read() if r.event.stream == "alert.raise"] == list(map(str, range(number + 20)))


def test_a_version_that_cannot_start_leaves_the_old_one_at_work(shop):
    plan, new, engine = shop
    swaps = Swaps(engine)
    flow(engine, swaps, 0, 5)
    registry = new()
    entry = registry.catalogue.solutions["watcher"]
    entry.file.write_text("raise RuntimeError('no')\n", encoding="utf-8")
    swap = swaps.swap(plan.instances[0], registry)
    number = 5
    while swap.state == "starting":
        flow(engine, swaps, number, number + 1)
        number += 1
    assert swap.state == "rolled_back" and "RuntimeError: no" in swap.reason
    flow(engine, swaps, number, number + 3)
    assert mirror(engine)["readings"] == list(range(number + 3)) and swaps.pending == ()


def test_a_version_that_fails_rolls_back_and_nothing_is_counted_twice(shop):
    plan, new, engine = shop
    swaps = Swaps(engine)
    flow(engine, swaps, 0, 5)
    swap = swaps.swap(plan.instances[0], new(start='if event["value"] % 7 == 6: raise ValueError("six")'))
    number = 5
    while swap.state != "rolled_back":
        flow(engine, swaps, number, number + 1)
        number += 1
    flow(engine, swaps, number, number + 10, 0.02)
    for second in range(100):
        engine.advance(T0 + timedelta(minutes=1, seconds=second))
        if engine.crew.members["watcher"].lag is None:
            break
        time.sleep(0.05)
    assert mirror(engine)["readings"] == list(range(number + 10)) and "six" in swap.reason
    said = [r.event["text"] for r in engine.log.read() if r.event.stream == "alert.raise"]
    assert sorted(said, key=int) == list(map(str, range(number + 10)))


def mirror(engine):
    engine.flush()
    return {key: orjson.loads(value) for key, value in engine.log.load_instance("watcher").state.items()}
