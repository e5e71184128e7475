"""The algorithms of one camera: rates, faults, changes between two frames, snapshots."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from storeloom.workers.vision.algorithms import make
from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import Algorithm, Reading, State, stages
from storeloom.workers.vision.cameras import CameraSet, CameraSetError
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Detection
from storeloom.workers.vision.view import View

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Person:
    """A detector that finds one person, where it is told to."""

    score = 0.5

    def __init__(self) -> None:
        self.calls = 0
        self.sees = True

    def detect(self, frame: Any, *, min_score: float | None = None) -> list[Detection]:
        self.calls += 1
        return [Detection("person", 0.9, (0.25, 0.25, 0.25, 0.5))] if self.sees else []


@dataclass(frozen=True, kw_only=True)
class TallyForm(form.Settings):
    word: str = form.text("a", "Word", "词")


class Tally(Algorithm[TallyForm]):
    """Counts its looks; fails on the frames whose numbers it is told."""

    needs = stages("tracks")
    streams = ("vision.text",)
    en, zh = "Tally", "计数"
    Form = TallyForm

    def __init__(self, settings: TallyForm | None = None, fails: frozenset[int] = frozenset()) -> None:
        super().__init__(settings)
        self._fails = fails

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        if view.seq in self._fails:
            raise ZeroDivisionError("division by zero")
        looks = state.get("looks", 0) + 1
        return {"looks": looks}, [Reading("vision.text", {"text": self.settings.word, "looks": looks, "seq": view.seq})]


class Successor(Tally):
    """Takes over from a tally with ten looks more."""

    @classmethod
    def takes_over(cls, other: type[Algorithm[Any]], state: Mapping[str, Any]) -> State | None:
        return {"looks": state["looks"] + 10} if other is Tally else super().takes_over(other, state)


class Pure(Tally):
    """Needs no more than the frame."""

    needs = stages("frame")


class Camera:
    """A camera of noise at some rate, and its set."""

    def __init__(self, fps: float = 10, **algorithms: Algorithm[Any]) -> None:
        self.detector = Person()
        self.worker = VisionWorker(lambda: self.detector)
        self.set = CameraSet("cam", algorithms)
        self.fps, self.seq = fps, 0

    def view(self, camera: str = "cam") -> View:
        pixels = np.random.default_rng(self.seq).integers(0, 256, (80, 160, 3), np.uint8)
        at = START + timedelta(seconds=self.seq / self.fps)
        return self.worker.view({"camera": camera, "seq": self.seq, "width": 160, "height": 80, "pixels": pixels}, at)

    def run(self, frames: int) -> list[Reading]:
        readings = []
        for _ in range(frames):
            readings += self.set.look(self.view())
            self.seq += 1
        return readings


def tally(every_s: float = 0.0, word: str = "a", **more: Any) -> Tally:
    return Tally(TallyForm(every_s=every_s, word=word), **more)


def looks(readings: list[Reading], word: str = "a") -> list[int]:
    return [r.data["looks"] for r in readings if r.data["text"] == word]


def test_each_algorithm_runs_at_its_rate_over_one_detector_pass() -> None:
    camera = Camera(fps=15, a=tally(), b=tally(1.0, "b"), c=tally(0.5, "c"))
    readings = camera.run(31)
    assert [len(looks(readings, word)) for word in "abc"] == [31, 3, 5]
    assert [r.data["seq"] for r in readings if r.data["text"] == "b"] == [0, 15, 30]
    assert camera.detector.calls == 31


def test_the_detector_sleeps_where_nobody_needs_it() -> None:
    camera = Camera(a=Pure(TallyForm()))
    camera.run(5)
    assert camera.detector.calls == 0
    camera.set.add("b", tally(1.0, "b"))
    camera.run(10)
    # tracks need every frame, however rarely their algorithm looks
    assert camera.detector.calls == 10


def test_three_failures_within_five_minutes_switch_off_that_one_alone() -> None:
    camera = Camera(bad=tally(word="bad", fails=frozenset({2, 5, 9})), good=tally())
    readings = camera.run(20)
    assert looks(readings) == list(range(1, 21))
    # the frames 0, 1, 3, 4, 6, 7, 8 were sound
    assert looks(readings, "bad") == list(range(1, 8))
    bad, good = camera.set.standings()
    assert (bad.on, bad.failures, bad.looks, good.on, good.failures, good.words) == (False, 3, 10, True, 0, None)
    assert bad.words is not None
    assert bad.words["en"] == (
        "bad is switched off on camera cam: 3 failures within 5 minutes, the last one ZeroDivisionError: division by zero. "
        "The other algorithms go on. Replace it or switch it on again."
    )
    assert "已在摄像机 cam 上停用：5 分钟内出错 3 次" in bad.words["zh"]


def test_failures_long_ago_do_not_count_and_one_is_told() -> None:
    # frames 100 s apart: the failures at 0, 200, 500 and 700 s are never three within 300 s
    camera = Camera(fps=0.01, bad=tally(fails=frozenset({0, 2, 5, 7})))
    camera.run(9)
    (bad,) = camera.set.standings()
    assert bad.on and bad.words is not None and "1 more within 5 minutes" in bad.words["en"]


def test_switched_on_again_it_goes_on_from_its_state() -> None:
    camera = Camera(bad=tally(fails=frozenset({2, 3, 4})))
    camera.run(6)
    camera.set.switch_on("bad")
    assert looks(camera.run(1)) == [3]
    assert camera.set.standings()[0].words is None


def test_what_detection_raises_is_nobodys_fault() -> None:
    camera = Camera(a=tally(60.0))
    view = camera.worker.view({"camera": "cam", "seq": 99, "scene": {"objects": [{"class": ""}]}}, START)
    with pytest.raises(Exception, match=r"scene.objects\[0\].class"):
        camera.set.look(view)
    assert camera.set.standings()[0].failures == 0
    # the frame that failed is nobody's turn either
    assert len(camera.run(1)) == 1


def test_replacing_carries_the_state_of_the_same_class_or_of_who_says_so() -> None:
    camera = Camera(a=tally())
    camera.run(4)
    assert camera.set.replace("a", tally(word="b")) is True
    assert looks(camera.run(1), "b") == [5]
    assert camera.set.replace("a", Successor(TallyForm())) is True
    assert looks(camera.run(1)) == [16]
    assert camera.set.replace("a", tally()) is False
    assert looks(camera.run(1)) == [1]


def test_add_and_remove_between_frames() -> None:
    camera = Camera(a=tally())
    camera.run(2)
    camera.set.add("b", tally(word="b"))
    assert [r.data["text"] for r in camera.run(1)] == ["a", "b"]
    camera.set.remove("a")
    assert [r.data["text"] for r in camera.run(1)] == ["b"]
    for act in (lambda: camera.set.remove("a"), lambda: camera.set.add("b", tally()), lambda: camera.set.replace("a", tally())):
        with pytest.raises(CameraSetError, match=r"'[ab]'"):
            act()


def test_changes_from_another_thread_lose_no_frame() -> None:
    camera = Camera(steady=tally(), a=tally(word="b"))
    stop = threading.Event()
    swaps = []

    def swap() -> None:
        while not stop.is_set():
            swaps.append(camera.set.replace("a", tally(word="b")))

    thread = threading.Thread(target=swap)
    thread.start()
    readings = camera.run(100)
    stop.set()
    thread.join()
    assert looks(readings) == looks(readings, "b") == list(range(1, 101))
    assert swaps and all(swaps)


def test_old_and_foreign_frames() -> None:
    camera = Camera(a=tally())
    first = camera.view()
    camera.run(2)
    assert camera.set.look(first) == [] and camera.set.late == 1
    with pytest.raises(FrameError, match="of camera other, not cam"):
        camera.set.look(camera.view("other"))


def test_the_state_goes_through_json_into_another_set() -> None:
    camera = Camera(a=tally(1.0), b=tally(word="b"))
    camera.run(11)
    kept = json.loads(json.dumps(camera.set.state()))
    fresh = CameraSet("cam", {"a": tally(1.0), "b": Successor(TallyForm(word="b")), "c": tally(word="c")})
    assert fresh.restore(kept) == ["b", "c"]
    camera.set = fresh
    readings = camera.run(10)
    assert (looks(readings), looks(readings, "b")[0]) == ([3], 1)


def snapped(camera: Camera, **more: Any) -> Any:
    return camera.set.snapshot(camera.view(), **{"purpose": "audit", "retention_s": 60.0, **more})


def test_a_snapshot_hides_people_and_says_until_when_it_may_be_kept() -> None:
    camera = Camera(a=tally())
    camera.run(1)
    view, shot = camera.view(), snapped(camera)
    assert view.pixels is not None
    # the person covers columns 40..80 and rows 20..60
    assert shot.picture[25:55, 45:75].std() < 25 < view.pixels[25:55, 45:75].std()
    assert np.array_equal(shot.picture[:, 100:], view.pixels[:, 100:])
    assert (shot.purpose, shot.delete_by, shot.hidden) == ("audit", view.time + timedelta(seconds=60), ("person", "face"))


def test_a_person_the_detector_loses_stays_hidden_for_a_moment() -> None:
    camera = Camera(a=tally())
    camera.run(3)
    camera.detector.sees = False
    camera.run(5)
    assert snapped(camera).picture[25:55, 45:75].std() < 25
    camera.run(20)
    assert snapped(camera).picture[25:55, 45:75].std() > 60


def test_a_snapshot_is_refused_without_purpose_or_retention() -> None:
    camera = Camera()
    with pytest.raises(CameraSetError, match="needs a purpose"):
        snapped(camera, purpose=" ")
    for retention_s in (0.0, -1.0, 31 * 86400.0, float("nan")):
        with pytest.raises(CameraSetError, match="Say for how long"):
            snapped(camera, retention_s=retention_s)
    scene = camera.worker.view({"camera": "cam", "seq": 99, "scene": {"objects": []}}, START)
    with pytest.raises(FrameError, match="no picture"):
        camera.set.snapshot(scene, purpose="audit", retention_s=60)


def test_people_are_shown_only_on_a_stated_ground() -> None:
    camera = Camera()
    shot = snapped(camera, show_people="police request 12")
    pixels = camera.view().pixels
    assert pixels is not None and np.array_equal(shot.picture, pixels) and shot.picture is not pixels
    assert (shot.hidden, shot.purpose) == ((), "audit (police request 12)")


def test_real_algorithms_run_together_on_pixels() -> None:
    names = (
        "line_count",
        "zone_occupancy",
        "queue",
        "heat_map",
        "loitering",
        "fall",
        "uniform",
        "stray_tracked",
        "stray_seen",
        "cleanliness",
    )
    camera = Camera(**{name: make(name) for name in (*names, "cleanliness")})
    camera.run(30)
    assert all(s.on and not s.failures for s in camera.set.standings()), camera.set.standings()
    json.dumps(camera.set.state())


def test_an_algorithm_runs_on_the_frames_that_its_stride_divides() -> None:
    camera = Camera(a=tally(), b=tally(word="b"))
    camera.set = CameraSet("cam", {"a": tally(), "b": tally(word="b")}, strides={"b": 5})
    camera.seq = 1
    readings = camera.run(12)
    assert len(looks(readings)) == 12
    assert [r.data["seq"] for r in readings if r.data["text"] == "b"] == [5, 10]


COSTS = {"detector": 30.0, "a": 20.0, "b": 10.0, "c": 20.0}


@pytest.mark.parametrize(
    ("budget_ms", "ran", "skipped"),
    [(80, "abc", ""), (79, "ab", "c"), (60, "ab", "c"), (59, "a", "bc"), (49, "", "abc"), (10, "", "abc")],
)
def test_what_does_not_fit_is_left_out_from_the_end(budget_ms: float, ran: str, skipped: str) -> None:
    camera = Camera(**{name: tally(word=name) for name in "abc"})
    turn = camera.set.turn(camera.view(), budget_ms=budget_ms, costs_ms=COSTS)
    assert (turn.ran, turn.skipped) == (tuple(ran), list(skipped))
    assert camera.detector.calls == 1


def test_a_skipped_algorithm_is_due_again_with_the_next_frame() -> None:
    camera = Camera(a=tally(1.0))
    assert camera.set.turn(camera.view(), budget_ms=10, costs_ms={"a": 11}).skipped == ["a"]
    camera.seq += 1
    assert camera.set.turn(camera.view(), budget_ms=10, costs_ms={"detector": 0, "a": 9}).ran == ("a",)


def test_measured_costs_are_kept_and_fade_where_they_leave_out() -> None:
    camera = Camera(a=tally(), b=tally(word="b"))
    camera.run(1)
    # a first look may load what it needs
    assert camera.set.state()["costs_ms"] == {"detector": 0.0, "a": 0.0, "b": 0.0}
    camera.run(1)
    kept = camera.set.state()
    assert kept["costs_ms"]["detector"] > 0
    camera.set.restore({**kept, "costs_ms": {"detector": 1.0, "a": 1.0, "b": 100.0}})
    camera.set.turn(camera.view(), budget_ms=50)
    camera.seq += 1
    turns = 0
    while camera.set.turn(camera.view(), budget_ms=50).skipped and turns < 100:
        camera.seq, turns = camera.seq + 1, turns + 1
    # 100 ms fade by 2 % a skipped run until 48 ms are left, sooner where the first costs fall; none fades for ever
    assert 20 <= turns <= 40


def test_a_scene_costs_what_is_said_and_nothing_is_measured() -> None:
    camera = Camera(a=tally())
    view = camera.worker.view({"camera": "cam", "seq": 1, "scene": {"objects": []}}, START)
    assert camera.set.turn(view, budget_ms=10).cost_ms == 0
    assert camera.set.state()["costs_ms"] == {}


def test_on_probation_a_failure_brings_the_old_one_back_with_its_state() -> None:
    camera = Camera(a=tally(), b=tally(word="b"))
    camera.run(4)
    camera.set.replace("a", tally(word="new", fails=frozenset({5})), probation=3)
    assert looks(camera.run(1), "new") == [5]
    turn = camera.set.turn(camera.view())
    assert turn.taken_back == {"a": "ZeroDivisionError: division by zero"} and not turn.failed
    # the state is the one that the old one had
    assert [(r.data["text"], r.data["looks"]) for r in turn.readings] == [("a", 5), ("b", 6)]


def test_after_its_probation_a_failure_is_its_own() -> None:
    camera = Camera(a=tally())
    camera.set.replace("a", tally(word="new", fails=frozenset({2})), probation=2)
    camera.run(2)
    turn = camera.set.turn(camera.view())
    assert (turn.taken_back, turn.failed) == ({}, ["a"])


def test_probation_and_failures_survive_a_restart() -> None:
    camera = Camera(a=tally(), bad=tally(word="bad", fails=frozenset({0, 1, 2})))
    camera.run(3)
    camera.set.replace("a", tally(word="new", fails=frozenset({4})), probation=3)
    camera.run(1)
    kept = json.loads(json.dumps(camera.set.state()))
    camera.set = CameraSet("cam", {"a": tally(word="new", fails=frozenset({4})), "bad": tally(word="bad")})
    camera.set.restore(kept, {"a": tally()})
    turn = camera.set.turn(camera.view())
    assert list(turn.taken_back) == ["a"] and looks(turn.readings) == [4]
    assert not camera.set.standings()[1].on


def test_windows_that_are_open_when_the_footage_ends_are_told_cut_short() -> None:
    """A man crosses y = 0.5 downwards (out of the default line's left, in to its right) within the third second."""
    worker = VisionWorker()
    watched = CameraSet("cam", {name: make(name, {"window_s": 60.0}) for name in ("line_count", "zone_occupancy", "heat_map")})
    assert watched.rest() == []
    for seq, top in enumerate((0.0, 0.1, 0.3, 0.4)):
        man = {"id": "p1", "class": "person", "box": [0.4, top, 0.1, 0.3], "floor": [1.2, 1.2]}
        frame = {"camera": "cam", "seq": seq, "scene": {"objects": [man]}}
        watched.look(worker.view(frame, START + timedelta(seconds=seq)))
    before = json.dumps(watched.state(), sort_keys=True)
    count, zone, heat = (reading.data for reading in watched.rest())
    assert (count["in"] + count["out"], count["from"], count["to"]) == (1, "2026-03-02T10:00:00Z", "2026-03-02T10:00:03Z")
    assert (zone["occupancy"], zone["entered"], zone["left"], zone["to"]) == (1, 1, 0, "2026-03-02T10:00:03Z")
    assert (sum(heat["values"]), heat["to"]) == (3.0, "2026-03-02T10:00:03Z")
    assert json.dumps(watched.state(), sort_keys=True) == before, "the set can go on"
