"""Heat and paths of people on real footage, from pixels over tracks to the report, beside what the boxes made by hand give."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from storeloom.plugins.product.layout_flow.flow_path_analysis import FlowPathAnalysis
from storeloom.plugins.product.layout_flow.store_heatmap import StoreHeatmap
from storeloom.workers.vision.algorithms.placed import Track, TrackForm
from storeloom.workers.vision.detect import Detector
from storeloom.workers.vision.evaluate import read_truth
from storeloom.workers.vision.grab.footage import frames
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.places import places_of
from tests.conftest import DATA, REPO
from tests.plugins.plugin_runs import Run

OPENS, START = datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)
CLOSES = datetime(2026, 3, 2, 22, tzinfo=UTC)
HOURS = {"open": "08:00", "close": "22:00"}
TRUTHS = REPO / "tests" / "workers" / "vision" / "truth"
WIDE_M, DEEP_M = 8.0, 4.0
FLOOR = [[WIDE_M, 0, 0], [0, DEEP_M, 0], [0, 0, 1]]
Walk = list[tuple[float, float, float]]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def zone(name: str, left: float, right: float, kind: str = "sales") -> dict[str, Any]:
    """A strip of the floor that the camera sees, from one share of the picture's width to another."""
    corners = [[left, 0.0], [right, 0.0], [right, 1.0], [left, 1.0]]
    metres = [[WIDE_M * x, DEEP_M * y] for x, y in corners]
    return {"zone": name, "kind": kind, "polygon": metres, "cameras": [{"camera": "cam", "homography": FLOOR, "polygon": corners}]}


def told(
    video: str, zones: list[dict[str, Any]], numbers: Collection[int], detector: Detector
) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    """The tracks that the vision engine tells of the footage's frames of these numbers."""
    path = DATA / "video" / video
    if not path.is_file():
        pytest.skip(f"footage {video} absent")
    worker, track = VisionWorker(lambda: detector), Track(places_of("cam", zones), TrackForm(point_s=0.1, update_s=1.0))
    state: dict[str, Any] = {}
    at = START
    for frame in frames(path):
        if frame.seq > max(numbers):
            break
        if frame.seq not in numbers:
            continue
        at = START + timedelta(seconds=frame.t_s)
        view = worker.view({"camera": "cam", "seq": frame.seq, "pixels": frame.image}, at)
        state, readings = track.look(view, state)
        yield from ((at, reading.data) for reading in readings)
    later = at + timedelta(seconds=5)
    empty = worker.view({"camera": "cam", "seq": 10**6, "scene": {"objects": []}}, later)
    yield from ((later, reading.data) for reading in track.look(empty, state)[1])


def walks(name: str, numbers: Collection[int]) -> list[Walk]:
    """Seconds and floor metres of each person's feet, by the boxes made by hand."""
    truth = read_truth(TRUTHS / f"{name}_boxes.json")
    found: dict[int, Walk] = {}
    for number in numbers:
        for person, (x, y, wide, high) in truth.frames.get(number, {}).items():
            found.setdefault(person, []).append((number / truth.fps, WIDE_M * (x + wide / 2), DEEP_M * (y + high)))
    return list(found.values())


def run(kind: Any, zones: list[dict[str, Any]], config: dict[str, Any], tracks: Iterator[tuple[datetime, Mapping[str, Any]]]) -> Run:
    store = Run(kind, OPENS, {"zones": zones, "products": [], "planogram": []}, None, config, "mall", HOURS)
    for at, data in tracks:
        store.give("vision.track", at, **data)
    store.until(CLOSES)
    return store


def test_the_heat_of_an_aisle_agrees_with_the_boxes_made_by_hand(detector: Detector) -> None:
    zones = [zone("aisle", 0.0, 1.0)]
    store = run(StoreHeatmap, zones, {"min_tracks": 1}, told("store-aisle-detection.gif", zones, range(0, 67, 3), detector))
    told_map = next(one.data for one in store.outs if one.stream == "vision.heatmap")
    cols = told_map["cols"]
    seconds = [sum(told_map["values"][col::cols]) for col in range(cols)]
    expected = [0.0] * cols
    for walk in walks("aisle", range(0, 67, 3)):
        for (start, x, _), (end, _, _) in pairwise(walk):
            expected[math.floor(x)] += end - start
    assert sum(expected) > 9
    assert sum(abs(one - other) for one, other in zip(seconds, expected, strict=True)) < 0.3 * sum(expected)


def test_the_path_of_a_person_agrees_with_the_boxes_made_by_hand(detector: Detector) -> None:
    zones = [zone("left", 0.0, 0.5), zone("middle", 0.5, 0.75), zone("right", 0.75, 1.0, "exit")]
    first = [*range(57, 81, 3), *range(81, 171, 15), *range(171, 202, 3)]
    tracks = told("one-by-one-person-detection.mp4", zones, first, detector)
    store = run(FlowPathAnalysis, zones, {"min_pass_s": 0, "stop_s": 3}, tracks)
    report = next(one.data for one in store.outs if one.stream == "insight.report")
    (walk,) = walks("one_by_one", first)
    strips = ["left" if x < WIDE_M / 2 else "middle" if x < 0.75 * WIDE_M else "right" for _, x, _ in walk]
    path = [strip for k, strip in enumerate(strips) if k == 0 or strip != strips[k - 1]]
    assert path == ["left", "middle", "right"]
    assert report["rows"][0] == {"path": path, "count": 1, "rank": 1}
    begins = [walk[strips.index(name)][0] for name in path] + [walk[-1][0]]
    seconds = {name: begins[k + 1] - begins[k] for k, name in enumerate(path)}
    stops = {row["zone"]: row["stop_rate_pct"] for row in report["rows"] if "zone" in row}
    assert stops == {name: 100 if stay >= 3 else 0 for name, stay in seconds.items()}
