"""Versions of algorithms, exchanged while frames flow."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from storeloom.workers.vision import versions
from storeloom.workers.vision.algorithms import CATALOGUE, AlgorithmError
from storeloom.workers.vision.algorithms.placed import ZoneDwell
from storeloom.workers.vision.cameras import Turn
from storeloom.workers.vision.lineup import LineUp
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.places import Place
from storeloom.workers.vision.things import Detection
from storeloom.workers.vision.versions import NAMES, Site, build, order_of, parse, settings_of

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
HALL = Site("cam", (Place("hall", kind="backroom", alone=True),), ("navy",))
STRIDES = {"zone_dwell": 5, "uniform": 25}


class Person:
    """A detector that finds one person."""

    score = 0.5

    def detect(self, frame: Any, *, min_score: float | None = None) -> list[Detection]:
        return [Detection("person", 0.9, (0.25, 0.25, 0.25, 0.5))]


class Camera:
    """A camera at one frame a second whose line-up goes through JSON between two frames."""

    def __init__(self, pixels: bool = False, **own: Mapping[str, Any]) -> None:
        self.worker = VisionWorker(Person)
        self.kept: dict[str, Any] = {}
        self.pixels, self.own, self.seq = pixels, own, 1
        self.runs: dict[str, list[int]] = {}
        self.news: list[Any] = []

    def frame(self, *labels: str, load_s: Mapping[str, float] | None = None, colour: str = "navy") -> Turn:
        at = START + timedelta(seconds=self.seq)
        data: dict[str, Any] = {"camera": "cam", "seq": self.seq, "width": 64, "height": 48}
        scene = {"objects": [{"id": "p", "class": "person", "box": [0.25, 0.25, 0.25, 0.5], "colour": colour}]}
        data |= {"pixels": np.full((48, 64, 3), 90, np.uint8)} if self.pixels else {"scene": scene}
        line_up = LineUp(self.kept, HALL, self.worker)
        line_up.ask(labels, self.own, at, load_s or {}, pixels=self.pixels)
        turn = line_up.turn(self.worker.view(data, at), STRIDES, 80, {})
        for name in (*turn.ran, *turn.failed):
            self.runs.setdefault(self.kept["running"][name][0], []).append(self.seq)
        line_up.tend(at, load_s or {})
        self.news += line_up.news
        self.kept = json.loads(json.dumps(self.kept))
        self.seq += 1
        return turn

    def frames(self, count: int, *labels: str, **more: Any) -> None:
        for _ in range(count):
            self.frame(*labels, **more)


def test_the_worked_exchange() -> None:
    """Asked for with frame 43, warm with frame 44: zone_dwell@1 runs on 5..40, zone_dwell@2 on 45..100, and no frame is lost."""
    camera = Camera()
    camera.frames(42, "track@1", "zone_dwell@1", "uniform@1", colour="red")
    camera.frames(58, "track@1", "zone_dwell@2", "uniform@1", load_s={"zone_dwell@2": 1}, colour="red")
    assert camera.runs["track@1"] == list(range(1, 101)) and camera.runs["uniform@1"] == [25, 50, 75, 100]
    assert (camera.runs["zone_dwell@1"], camera.runs["zone_dwell@2"]) == (list(range(5, 41, 5)), list(range(45, 101, 5)))
    assert camera.news == []
    # the stay that began under the old version goes on under the new one
    stay = camera.kept["set"]["algorithms"]["zone_dwell"]["state"]["zones"]["hall"]["stays"]["p"]
    assert stay[1] - stay[0] == 95


def test_what_is_not_there_leaves_the_old_one_and_is_told_once() -> None:
    camera = Camera()
    camera.frames(5, "zone_dwell@1")
    camera.frames(10, "zone_dwell@9")
    (news,) = camera.news
    assert (news.kind, news.asked, news.running, news.late) == ("not_loaded", "zone_dwell@9", "zone_dwell@1", False)
    assert "Known: zone_dwell@1, zone_dwell@2" in news.why
    assert camera.runs == {"zone_dwell@1": [5, 10, 15]}
    camera.frames(6, "zone_dwell@2")
    assert camera.kept["refused"] == {} and camera.runs["zone_dwell@2"] == [20]


def test_the_time_to_load_runs_out() -> None:
    camera = Camera()
    camera.frames(1, "track@1")
    camera.frames(3, "track@1", "heatmap@1", load_s={"heatmap@1": 30})
    for after_s, late in ((29, [True]), (30, [])):
        line_up = LineUp(json.loads(json.dumps(camera.kept)), HALL, camera.worker)
        line_up.overdue("heatmap", START + timedelta(seconds=2 + after_s))
        assert [news.late for news in line_up.news] == late


FAILING = {"uniform@1": {"zone": "x", "polygon": [[0.8, 0], [1, 0], [1, 1], [0.8, 1]]}, "uniform@2": {"zone": "x"}}


def test_a_failure_on_trial_brings_the_old_one_back_on_that_frame() -> None:
    camera = Camera(**FAILING)
    camera.frames(23, "uniform@1")
    camera.frame("uniform@2")
    turn = camera.frame("uniform@2", colour="no colour")
    assert turn.ran == ("uniform",) and "no colour" in turn.taken_back["uniform"] and not turn.failed
    (news,) = camera.news
    assert (news.kind, news.asked, news.running) == ("taken_back", "uniform@2", "uniform@1")
    camera.frames(25, "uniform@2")
    assert camera.runs == {"uniform@1": [25, 50]}


def test_after_three_sound_runs_there_is_no_way_back() -> None:
    camera = Camera(**FAILING)
    camera.frame("uniform@1")
    camera.frames(99, "uniform@2")
    assert camera.runs == {"uniform@2": [25, 50, 75, 100]} and camera.kept["before"] == {}
    camera.frames(24, "uniform@2")
    assert camera.frame("uniform@2", colour="no colour").failed == ["uniform"]


def test_other_settings_are_another_version() -> None:
    camera = Camera()
    camera.frames(5, "zone_dwell@1")
    camera.own = {"zone_dwell": {"window_s": 30.0}}
    camera.frame("zone_dwell@1")
    assert camera.kept["swaps"]["zone_dwell"]["warm"] is True
    camera.frame("zone_dwell@1")
    assert json.loads(camera.kept["running"]["zone_dwell"][1]) == {"zone_dwell": {"window_s": 30.0}}


def test_an_exchange_that_is_no_longer_wanted_ends() -> None:
    camera = Camera()
    camera.frame("track@1", "zone_dwell@1")
    camera.frame("track@1", "zone_dwell@2", load_s={"zone_dwell@2": 9})
    camera.frame("zone_dwell@1", "track@1")
    assert camera.kept["swaps"] == {} and list(camera.kept["set"]["algorithms"]) == ["zone_dwell", "track"]
    camera.frame("zone_dwell@1")
    assert list(camera.kept["set"]["algorithms"]) == ["zone_dwell"]


def test_on_pixels_a_version_loads_beside_the_old_one() -> None:
    camera = Camera(pixels=True)
    camera.frames(5, "zone_dwell@1")
    deadline = time.monotonic() + 20
    while "zone_dwell@2" not in camera.runs and time.monotonic() < deadline:
        camera.frame("zone_dwell@2")
        time.sleep(0.01)
    first = camera.runs["zone_dwell@2"][0]
    assert camera.runs["zone_dwell@1"] == list(range(5, first, 5)) and camera.news == []


def test_on_pixels_what_cannot_be_loaded_is_told() -> None:
    camera = Camera(pixels=True)
    camera.frame("zone_dwell@1")
    deadline = time.monotonic() + 20
    while not camera.news and time.monotonic() < deadline:
        camera.frame("zone_dwell@7")
        time.sleep(0.01)
    assert "There is no zone_dwell@7" in camera.news[0].why


@pytest.mark.parametrize(
    ("label", "words"),
    [("track", "names no version"), ("track@0", "names no version"), ("trak@1", "no algorithm 'trak'")],
)
def test_labels_that_name_nothing(label: str, words: str) -> None:
    with pytest.raises(AlgorithmError, match=words):
        parse(label)


def test_an_algorithm_is_named_once() -> None:
    with pytest.raises(AlgorithmError, match="track is named twice, as track@1 and track@2"):
        order_of(["track@1", "heatmap@1", "track@2"])


def test_settings_of_a_version() -> None:
    own = {"zone_dwell": {"leave_s": 1.0, "window_s": 5.0}, "zone_dwell@3": {"leave_s": 9.0}}
    assert settings_of("zone_dwell@2", own) == {"vanish_s": 5.0, "leave_s": 1.0, "window_s": 5.0}
    assert settings_of("zone_dwell@3", own) == {"leave_s": 9.0, "window_s": 5.0}


def test_every_algorithm_can_be_run_by_its_name() -> None:
    assert len(NAMES) >= 20 and set(CATALOGUE) <= set(NAMES)
    needed = {"plates": {"salt": "yard"}, "crowding": {"area_m2": 10}}
    site = Site("cam", HALL.places, secrets=(("yard", "a long secret"),))
    for name in NAMES:
        build(f"{name}@1", site, {name: needed.get(name, {})})


def test_a_salt_is_a_secret_of_the_site() -> None:
    with pytest.raises(AlgorithmError, match="shorter than 8"):
        build("plates@1", HALL, {"plates": {"salt": "a long name that is no secret"}})
    assert "a long secret" not in repr(Site("cam", secrets=(("yard", "a long secret"),)))


def test_zones_bring_their_rules() -> None:
    stock = Place("stock", kind="backroom", capacity=10, area_m2=20, alone=True)
    shop = Place("shop", kind="sales", alone=True)
    incident: Any = build("incident@1", Site("cam", (stock, shop)))
    assert sorted(incident._parts) == ["crowding:stock", "fall:shop", "fall:stock", "loitering:stock"]
    assert (incident._parts["crowding:stock"].settings.dense, incident._parts["loitering:stock"].settings.kind) == (0.5, "intrusion")
    uniform: Any = build("uniform@1", HALL)
    assert list(uniform._parts) == ["hall"] and uniform._parts["hall"].settings.colours == ("navy",)
    dwell = build("zone_dwell@2", HALL)
    assert isinstance(dwell, ZoneDwell) and dwell.settings.leave_s == 3.0
    with pytest.raises(AlgorithmError, match="no setting speed"):
        build("incident@1", HALL, {"incident": {"speed": 1}})


def test_a_version_is_made_once() -> None:
    assert versions.built("track@1", HALL, "{}") is versions.built("track@1", HALL, "{}")
