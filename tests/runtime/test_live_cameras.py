"""Cameras in a live store: recordings in their place, one that stalls beside one that goes on, and what the status says of each."""

import time

import pytest

from storeloom.core.kernel.adapter import Adapter, AdapterContext
from storeloom.core.kernel.compose import compose
from storeloom.core.runtime import health
from storeloom.core.runtime.clock import LiveClock
from storeloom.core.runtime.live import LiveStore, Parts
from storeloom.core.runtime.metrics import exposition

pytest.importorskip("cv2")
from storeloom.hardware_adapters.camera.camera import Camera
from storeloom.hardware_adapters.camera.video_file import VideoFile
from tests.workers.vision.peers import film, mjpeg_cameras, picture

BODY = """
@on("camera.frame")
def f(self, event):
    seen = self.state.setdefault(event["camera"], {"first": None, "frames": 0})
    seen["first"] = seen["first"] or event.time.isoformat()
    seen["frames"] += 1
"""


class Broken(Adapter):
    def status(self):
        raise OSError("no such register")


@pytest.fixture
def live(toys, bundle, tmp_path):
    """Makes a live store on these drivers, with a solution that counts each camera's frames; closed at the end."""
    toys.add("watcher", BODY, adapters='"camera",')
    toys.forget()
    registry = toys.registry()
    stores = []

    def make(*adapters):
        file = bundle("[solutions.watcher]\n", devices={adapter.device: "camera" for adapter in adapters})
        clock = LiveClock()
        for adapter in adapters:
            adapter.context = AdapterContext(clock.now, {}, "zh")
        (tmp_path / "data").mkdir()
        drivers = {adapter.device: adapter for adapter in adapters}
        stores.append(LiveStore(Parts("b", compose(file, registry).require(), registry, tmp_path / "data", adapters=drivers, clock=clock)))
        return stores[0]

    yield make
    for store in stores:
        store.close()


def seen(store, camera):
    return store.engine.instances["watcher"].state.snapshot().get(camera, {"frames": 0})["frames"]


def run_until(store, met, limit_s=40):
    deadline = time.monotonic() + limit_s
    for feeder in store.feeders:
        if not feeder._thread.is_alive() and not feeder.ended:
            feeder.start()
    while not met():
        assert time.monotonic() < deadline, store.status
        store.turn()


def devices(store):
    return {one.device: one for one in store.status.devices}


def test_a_recording_in_place_of_a_camera_just_runs(live, tmp_path):
    path = film(tmp_path / "a.avi", 12, fps=20.0)
    looped, once = (VideoFile(name, VideoFile.Config(path=str(path), loop=loop)) for name, loop in (("cam-1", True), ("cam-2", False)))
    store = live(looped, once)
    began = store.clock.now()
    run_until(store, lambda: seen(store, "cam-1") >= 20 and store.feeders[1].ended)
    assert 5 <= seen(store, "cam-2") <= 12
    first = store.engine.instances["watcher"].state.snapshot()["cam-1"]["first"]
    assert began.isoformat() <= first <= store.clock.now().isoformat()
    frames = next(queue for queue in store.status.queues if queue.stream == "camera.frame")
    assert (frames.late, frames.refused) == (0, 0)
    run_until(store, lambda: devices(store)["cam-2"].reason == "The recording has ended.")
    assert devices(store)["cam-1"].state == "online"


def test_one_camera_that_stalls_leaves_the_other_and_is_named(live, tmp_path):
    served = []

    def script(part):
        served.append(1)
        for _ in range(20 if served == [1] else 0):
            part(picture(64, 48, 90))
            time.sleep(0.02)
        time.sleep(60)

    limits = {"open_s": 1, "stall_s": 1, "longest_wait_s": 1, "fps": 20}
    well = Camera("cam-1", Camera.Config(source=str(film(tmp_path / "a.avi", 40, fps=20.0)), **limits))
    with mjpeg_cameras() as serve:
        stalls = Camera("cam-2", Camera.Config(source=serve(script), **limits))
        store = live(well, stalls)
        run_until(store, lambda: "cam-2" in devices(store) and devices(store)["cam-2"].reason == "No frame came for 1 s.")
        before = seen(store, "cam-1")
        assert before > 0 and seen(store, "cam-2") > 0
        run_until(store, lambda: seen(store, "cam-1") >= before + 20 and devices(store)["cam-1"].figures["fps"] > 5)
    (found,) = health.assess(store.status, 0.0, {}, 9999.0, "data")["devices"]
    assert found.text("en").startswith("cam-2 (camera) is ")
    figures, _ = exposition(store.status, 0.0)
    assert b'storeloom_device_online{device="cam-1",kind="camera"} 1.0' in figures
    assert b'storeloom_device_online{device="cam-2",kind="camera"} 0.0' in figures
    told = [(record.event["device"], record.event["state"]) for record in store.log.read() if record.event.stream == "device.status"]
    assert sorted(told) == [("cam-1", "online"), ("cam-2", "online")], "a change within the same minute is told later"


def test_a_driver_that_cannot_say_how_it_is_stops_nothing(live):
    store = live(Broken("cam-1", None))
    store.turn()
    (one,) = store.status.devices
    assert (one.state, one.reason) == ("fault", "OSError: no such register")
