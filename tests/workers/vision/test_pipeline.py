"""One detector pass a frame, tracks from scenes and from pixels, lazy loading."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.pipeline import CameraPipeline, VisionWorker
from storeloom.workers.vision.things import Detection

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FRAME = np.zeros((90, 160, 3), np.uint8)
WALKER = Detection("person", 0.9, (0.2, 0.2, 0.1, 0.4))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class FakeDetector:
    """Gives the listed detections that reach the score asked for, and counts its passes."""

    score = 0.35

    def __init__(self, *found: Detection) -> None:
        self.found = list(found)
        self.passes = 0

    def detect(self, frame: np.ndarray, *, min_score: float | None = None) -> list[Detection]:
        self.passes += 1
        least = self.score if min_score is None else min_score
        return [d for d in self.found if d.score >= least]


def scene_of(**things: Any) -> Mapping[str, Any]:
    return {"objects": [{"id": name, "class": "person", "box": [x, 0.2, 0.1, 0.4]} for name, x in things.items()]}


def test_a_frame_is_worked_on_once_whoever_asks() -> None:
    detector = FakeDetector(WALKER)
    pipeline = CameraPipeline("c1", lambda: detector)
    first = pipeline.observe(1, at(0), frame=FRAME)
    assert pipeline.observe(1, at(0), frame=FRAME) is first
    second = pipeline.observe(2, at(1), frame=FRAME)
    assert detector.passes == 2
    assert [s.track for s in first.objects + second.objects] == ["c1#1", "c1#1"]
    assert (first.camera, first.seq, first.time, first.shape) == ("c1", 1, at(0), (90, 160))
    assert first.objects[0].foot == pytest.approx((0.25, 0.6))


def test_a_restarted_camera_may_count_from_one_again() -> None:
    detector = FakeDetector(WALKER)
    pipeline = CameraPipeline("c1", lambda: detector)
    pipeline.observe(1, at(0), frame=FRAME)
    assert pipeline.observe(1, at(0.5), frame=FRAME).objects[0].track == "c1#1"
    assert detector.passes == 2


def test_unsure_objects_show_only_while_they_continue_a_track() -> None:
    detector = FakeDetector(WALKER)
    pipeline = CameraPipeline("c1", lambda: detector)
    pipeline.observe(1, at(0), frame=FRAME)
    faint = Detection("person", 0.2, WALKER.box)
    detector.found = [faint, Detection("person", 0.2, (0.7, 0.2, 0.1, 0.4)), Detection("cup", 0.4, (0.5, 0.5, 0.1, 0.1))]
    seen = pipeline.observe(2, at(0.1), frame=FRAME)
    assert [(s.cls, s.score, s.track) for s in seen.objects] == [("person", 0.2, "c1#1"), ("cup", 0.4, None)]
    assert [(s.cls, s.score, s.box) for s in seen.faint] == [("person", 0.2, (0.7, 0.2, 0.1, 0.4))]


def test_a_scene_names_its_tracks_and_the_tracker_names_the_rest() -> None:
    def no_detector() -> FakeDetector:
        raise AssertionError("a scene needs no detector")

    pipeline = CameraPipeline("c1", no_detector)
    nameless = {"class": "person", "box": [0.6, 0.2, 0.1, 0.4], "score": 0.9, "staff": True, "floor": [1, 2]}
    for k in range(2):
        seen = pipeline.observe(k, at(k / 10), scene={"objects": [*scene_of(p1=0.1)["objects"], nameless]}).objects
        assert [s.track for s in seen] == ["p1", "c1#1"]
    assert seen[1].attrs == {"staff": True} and seen[1].floor == (1.0, 2.0)
    assert seen[1].as_json() == {
        "class": "person",
        "score": 0.9,
        "box": [0.6, 0.2, 0.1, 0.4],
        "track": "c1#1",
        "attrs": {"staff": True, "floor": [1.0, 2.0]},
    }


def test_a_late_frame_is_seen_but_joins_no_track() -> None:
    detector = FakeDetector(WALKER)
    pipeline = CameraPipeline("c1", lambda: detector)
    pipeline.observe(5, at(5), frame=FRAME)
    assert [s.track for s in pipeline.observe(4, at(4), frame=FRAME).objects] == [None]
    assert [s.track for s in pipeline.observe(3, at(3), scene=scene_of(p1=0.1)).objects] == ["p1"]
    assert [s.track for s in pipeline.observe(6, at(5.1), frame=FRAME).objects] == ["c1#1"]


def test_selections_of_an_observation() -> None:
    thing = {"class": "cup", "box": [0, 0, 0.2, 0.2], "score": 0.3}
    seen = CameraPipeline("c1").observe(1, at(0), scene={"objects": [*scene_of(p1=0.1)["objects"], thing]})
    assert [s.cls for s in seen.of("cup", "bowl")] == ["cup"]
    assert seen.feet("person") == {"p1": pytest.approx((0.15, 0.6))}
    assert seen.feet("cup") == {} and seen.floors() == {}
    assert seen.t_s == 1772445600.0


def test_frames_with_neither_or_both_or_naive_time_are_refused() -> None:
    pipeline = CameraPipeline("c1")
    with pytest.raises(FrameError, match="either pixels or a scene"):
        pipeline.observe(1, at(0))
    with pytest.raises(FrameError, match="either pixels or a scene"):
        pipeline.observe(1, at(0), frame=FRAME, scene=scene_of())
    with pytest.raises(FrameError, match="no zone"):
        pipeline.observe(1, datetime(2026, 3, 2), scene=scene_of())


def test_a_worker_shares_one_detector_among_cameras() -> None:
    made: list[FakeDetector] = []

    def make() -> FakeDetector:
        made.append(FakeDetector(WALKER))
        return made[-1]

    worker = VisionWorker(make)
    worker.observe({"camera": "c1", "seq": 1, "scene": scene_of(p1=0.1)}, at(0))
    assert made == []
    for camera in ("c1", "c2"):
        data = {"camera": camera, "seq": 2, "width": 160, "height": 90, "pixels": FRAME}
        assert worker.observe(data, at(1)).objects[0].track == f"{camera}#1"
        worker.observe(data, at(1))
    assert len(made) == 1 and made[0].passes == 2
    worker.forget("c1")
    assert worker.observe({"camera": "c1", "seq": 2, "pixels": FRAME}, at(1)).objects[0].track == "c1#1"
    assert made[0].passes == 3


@pytest.mark.parametrize("data", [{"seq": 1}, {"camera": "", "seq": 1}, {"camera": "c1"}, {"camera": "c1", "seq": True}])
def test_data_of_no_frame_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(FrameError, match=r"camera\.frame\."):
        VisionWorker().observe(data | {"scene": scene_of()}, at(0))


def test_scenes_need_neither_opencv_nor_onnxruntime() -> None:
    code = (
        "import sys, datetime as d\n"
        "from storeloom.workers.vision import lines, zones, heat, colour, models\n"
        "from storeloom.workers.vision.pipeline import VisionWorker\n"
        "t = d.datetime(2026, 1, 1, tzinfo=d.UTC)\n"
        "VisionWorker().observe({'camera': 'c', 'seq': 1, 'scene': {'objects': [{'class': 'cup', 'box': [0, 0, 1, 1]}]}}, t)\n"
        "print(sorted({'cv2', 'onnxruntime'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
