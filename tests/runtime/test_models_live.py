"""A detector's model replaced in a running store and all its processes: one verdict, and still there after a restart."""

import os
import shutil
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Fact
from storeloom.core.runtime import packages
from storeloom.core.runtime.clock import LiveClock
from storeloom.core.runtime.guard import HostGuard
from storeloom.core.runtime.hosts import Hosts
from storeloom.core.runtime.limits import Limits
from storeloom.core.runtime.live import LiveStore, Parts
from storeloom.core.runtime.log_delivery import KeptModel
from storeloom.workers.vision.models import BUILT_IN

pytest.importorskip("onnxruntime", reason="onnxruntime absent")

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
BODY = """
load = "vision"

@on("camera.frame")
def frame(self, event):
    self.workers.vision.observe(event.data, event.time)
    detector = self.workers.vision.detectors._current(event["camera"])
    self.state["by"] = detector.card.folder.name
    self.state["frames"] = [*self.state.get("frames", []), event["seq"]]
"""
FAILING = """
import os

from storeloom.workers.vision.detect import Detector

SOUND = Detector.detect


def detect(self, frame, *, min_score=None):
    if self.card.folder.name == "other" and frame[0, 0, 0] == 9:
        raise RuntimeError("nine")
    return SOUND(self, frame, min_score=min_score)


if "hosts" in os.environ.get("TMPDIR", ""):
    Detector.detect = detect
"""


class Some(Hosts):
    """Gives a process of its own to those named, and to no other."""

    def apart(self, name, entry):
        return name in self.isolated


@pytest.fixture
def other(tmp_path):
    """A model folder that is not a shipped one."""
    return shutil.copytree(BUILT_IN / "nanodet_int8", tmp_path / "models" / "other")


@pytest.fixture
def shop(toys, bundle, tmp_path, monkeypatch):
    usual = Limits.of
    patient = {"start_s": 120.0, "handler_s": 60.0}  # a detector loads slowly beside other tests
    monkeypatch.setattr(Limits, "of", lambda entry: replace(usual(entry), **patient))
    toys.add("here", BODY, adapters='"camera",')
    guards, stores = [], []

    def start(tail=""):
        toys.add("apart", BODY, adapters='"camera",', tail=tail)
        registry = toys.registry()
        file = bundle("[solutions.here]\n[solutions.apart]\n", devices={"door": "camera", "aisle": "camera"})
        plan = compose(file, registry).require()
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        clock = LiveClock(wall=lambda: T0 + timedelta(seconds=time.monotonic() - began), monotonic=time.monotonic)
        guards.append(HostGuard(tmp_path / f"hosts{len(guards)}"))
        hosts = Some(plan.store, {}, clock.now, guards[-1], isolated=["apart"])
        store = LiveStore(Parts("b", plan, registry, data, hosts=hosts, clock=clock))
        store.requests.models.probation = 4
        store._wait_s = lambda: 0.005  # frames come one after the other here: nothing is to be waited for
        stores.append(store)
        rest(store)
        return store

    began = time.monotonic()
    yield start
    stores[-1].close()
    for guard in guards:
        guard.close()


def seen(store, name):
    store.engine.flush()
    return {key: orjson.loads(value) for key, value in store.log.load_instance(name).state.items()}


def rest(store):
    """Turn until nobody is behind."""
    for _ in range(2000):
        store.turn()
        if all(one.lag is None or (one.lag.call is None and not one.lag.first and one.runner.awake) for one in store.engine.crew):
            return
        time.sleep(0.005)


class Frames:
    """Feeds a store with small pictures of its cameras, each after the last was seen by all."""

    def __init__(self, store):
        self.store, self.number = store, {}

    def feed(self, camera="door", first=0):
        seq = self.number[camera] = self.number.get(camera, -1) + 1
        pixels = np.random.default_rng(seq).integers(0, 256, (48, 64, 3), np.uint8)
        pixels[0, 0, 0] = first
        data = {"camera": camera, "seq": seq, "width": 64, "height": 48, "pixels": pixels}
        self.store.intake.offer(Fact(self.store.clock.now(), "camera.frame", camera, data), f"{camera}{seq}")
        rest(self.store)

    def until(self, number, statuses, camera="door", first=0):
        """Feed until a request's answer is of one of these statuses; the answer."""
        for _ in range(400):
            self.feed(camera, first)
            status, body = self.store.log.answered(number)
            if status in statuses:
                return status, body
            time.sleep(0.01)
        raise AssertionError(self.store.log.answered(number))


def test_a_model_is_kept_when_all_processes_keep_it_and_again_after_a_restart(shop, other):
    store = shop()
    frames = Frames(store)
    frames.feed()
    number = store.log.ask("model", {"model": str(other), "camera": None})
    store.turn()
    status, body = store.log.answered(number)
    assert (status, body["state"], [one["process"] for one in body["processes"]]) == ("trial", "loading", ["store", "apart"])
    status, body = frames.until(number, ("done", "taken_back"))
    assert (status, body["state"], {one["state"] for one in body["processes"]}) == ("done", "kept", {"kept"}), body
    frames.feed()
    for name in ("here", "apart"):
        assert seen(store, name)["by"] == "other"
        assert seen(store, name)["frames"] == list(range(frames.number["door"] + 1)), "no frame lost, none twice"
    assert store.log.kept_models() == [(None, str(other), store.requests.models._chosen[0].model.card.sha256)]
    pid = store.engine.crew.members["apart"].runner.pid
    os.kill(pid, signal.SIGKILL)
    rest(store)
    frames.feed()
    frames.feed()
    assert store.engine.crew.members["apart"].runner.pid != pid and seen(store, "apart")["by"] == "other"
    store.close()

    again = shop()
    frames = Frames(again)
    rest(again)
    frames.feed()
    assert [seen(again, name)["by"] for name in ("here", "apart")] == ["other", "other"]
    assert list(again.requests.troubles()) == []


def test_when_one_process_takes_it_back_all_do(shop, other):
    store = shop(tail=FAILING)
    frames = Frames(store)
    frames.feed()
    number = store.log.ask("model", {"model": str(other), "camera": None})
    status, body = frames.until(number, ("done", "taken_back"), first=9)
    assert (status, body["state"], {one["state"] for one in body["processes"]}) == ("taken_back", "rolled_back", {"rolled_back"})
    assert "in the process of apart it failed on a frame ('RuntimeError: nine')" in body["reason"]["en"]
    assert "在apart 的进程中，处理画面时出错（“RuntimeError: nine”）" in body["reason"]["zh"]
    frames.feed(first=9)
    assert [seen(store, name)["by"] for name in ("here", "apart")] == ["nanodet", "nanodet"]
    assert store.log.kept_models() == []
    (trouble,) = store.requests.troubles()
    assert trouble.code == "SL-RUN-17" and "other was not kept for all cameras" in trouble.text()


def test_one_cameras_model_is_its_own(shop, other):
    store = shop()
    frames = Frames(store)
    frames.feed("door")
    frames.feed("aisle")
    number = store.log.ask("model", {"model": str(other), "camera": "door"})
    assert frames.until(number, ("done", "taken_back"))[0] == "done"
    frames.feed("door")
    assert seen(store, "apart")["by"] == "other"
    frames.feed("aisle")
    assert [seen(store, name)["by"] for name in ("here", "apart")] == ["nanodet", "nanodet"]
    assert [one.camera for one in store.log.kept_models()] == ["door"]
    refused = store.log.ask("model", {"model": str(other), "camera": "dor", "lang": "zh"})
    store.turn()
    status, body = store.log.answered(refused)
    assert status == "refused" and body["findings"] == [{"reason": "没有正在送来画面的摄像机“dor”。", "fix": "现有摄像机：aisle, door。"}]


@pytest.mark.parametrize("fault", ["gone", "another"])
def test_a_kept_model_that_is_gone_or_another_gives_way_to_the_shipped_one(shop, other, fault):
    store = shop()
    sha256 = "0" * 64 if fault == "another" else "1" * 64
    store.log.keep_model(KeptModel(None, str(other), sha256))
    store.close()
    if fault == "gone":
        shutil.rmtree(other)
    again = shop()
    Frames(again).feed()
    rest(again)
    assert [seen(again, name)["by"] for name in ("here", "apart")] == ["nanodet", "nanodet"]
    (trouble,) = again.requests.troubles()
    assert trouble.code == "SL-RUN-16" and "the shipped one is in its place" in trouble.text() and "已改用随附模型" in trouble.text("zh")
    assert ("SHA-256 begins with" in trouble.text()) == (fault == "another")


def test_a_restart_in_the_middle_of_a_trial_ends_it(shop, other):
    store = shop()
    Frames(store).feed()
    number = store.log.ask("model", {"model": str(other), "camera": None})
    store.turn()
    store.close()
    again = shop()
    status, body = again.log.answered(number)
    assert (status, body["state"]) == ("taken_back", "rolled_back") and "the store restarted" in body["reason"]["en"]


def test_a_folder_that_holds_no_model_is_refused_in_the_readers_language(shop, tmp_path):
    store = shop()
    number = store.log.ask("model", {"model": str(tmp_path), "camera": None, "lang": "zh"})
    store.turn()
    status, body = store.log.answered(number)
    assert status == "refused" and body["findings"][0]["code"] == "SL-MOD-02" and "此处没有模型卡片" in body["findings"][0]["reason"]


def test_a_model_needs_only_the_classes_that_are_asked_for(shop, other):
    card = other / "card.json"
    facts = orjson.loads(card.read_bytes())
    card.write_bytes(orjson.dumps(facts | {"classes": [f"own {name}" if name != "person" else name for name in facts["classes"]]}))
    store = shop()
    frames = Frames(store)
    frames.feed()
    number = store.log.ask("model", {"model": str(other), "camera": None})
    status, body = frames.until(number, ("done", "taken_back"))
    assert status == "taken_back" and "it does not know these classes: airplane" in body["reason"]["en"]
    number = store.log.ask("model", {"model": str(other), "camera": None, "classes": ["person"]})
    status, body = frames.until(number, ("done", "taken_back"))
    assert (status, {one["state"] for one in body["processes"]}) == ("done", {"kept"}), body


def test_a_bundle_whose_drivers_do_not_fit_is_refused_and_the_store_goes_on(shop, monkeypatch):
    store = shop()
    plan, registry = store.engine.plan, store.parts.registry
    devices = {**plan.store["devices"], "door": {"kind": "camera", "adapter": "nowhere"}}
    unfit = replace(plan, store={**plan.store, "devices": devices})
    monkeypatch.setattr(packages, "take_in", lambda data, file, anew: ("b", unfit, registry))
    number = store.log.ask("apply", {"file": "/etc/b.json", "lang": "en"})
    store.turn()
    status, body = store.log.answered(number)
    assert status == "refused" and "There is no adapter 'nowhere'." in body["findings"][0]["reason"]
    assert store.leave_with is None and not (store.parts.data / "bundle.json").exists()
