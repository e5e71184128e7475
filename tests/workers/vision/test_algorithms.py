"""Each algorithm from scenes to readings that fit their streams, and what its settings refuse."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from storeloom.core.kernel import schemas
from storeloom.workers.vision.algorithms import CATALOGUE, Algorithm, AlgorithmError, Reading, algorithm_class, described, make
from storeloom.workers.vision.errors import ColourError, GeometryError, VisionError
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.readers import ShippedReaders
from storeloom.workers.vision.reading.results import Code, corners
from storeloom.workers.vision.things import Detection

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
FLOOR = [[[0, 0], [0, 0]], [[1, 0], [10, 0]], [[1, 1], [10, 10]], [[0, 1], [0, 10]]]
SALT = {"salt": "a store's secret"}
LEAST: dict[str, dict[str, Any]] = {"plates": SALT, "crowding": {"area_m2": 10}}
Objects = list[dict[str, Any]]


def thing(cls: str, x: float, y: float, name: str | None = None, **more: Any) -> dict[str, Any]:
    """An object 0.1 wide and 0.2 high whose foot is at (x, y)."""
    return {"class": cls, "box": [x - 0.05, y - 0.2, 0.1, 0.2], **({"id": name} if name else {}), **more}


def run(algorithm: Algorithm[Any], frames: list[tuple[float, Objects]]) -> list[Mapping[str, Any]]:
    """All readings over scenes at these seconds, with their stream; each is checked against its stream's schema, the state kept as JSON."""
    worker = VisionWorker()
    state: dict[str, Any] = {}
    found = []
    for seq, (t_s, objects) in enumerate(frames):
        view = worker.view({"camera": "cam", "seq": seq, "scene": {"objects": objects}}, START + timedelta(seconds=t_s))
        after, readings = algorithm.look(view, state)
        state = json.loads(json.dumps(after))
        for reading in readings:
            check(algorithm, reading)
            found.append({"stream": reading.stream, "t_s": t_s, **reading.data})
    return found


def check(algorithm: Algorithm[Any], reading: Reading) -> None:
    assert reading.stream in algorithm.streams
    faults = list(schemas.validator(schemas.stream_file(reading.stream)).iter_errors(json.loads(json.dumps(reading.data))))
    assert not faults, [(fault.instance_path, fault.message) for fault in faults]


def part(reading: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(reading.get(name) for name in names)


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_is_described_and_takes_its_own_defaults(name: str) -> None:
    about = described(name)
    settings = about["settings"]
    assert settings["additionalProperties"] is False and "every_s" in settings["properties"]
    for key, one in settings["properties"].items():
        assert one["title"] and one["x-zh"] and "default" in one, key
        assert any("一" <= c <= "鿿" for c in one["x-zh"]), key
    defaults = {key: one["default"] for key, one in settings["properties"].items()}
    made = make(name, defaults | LEAST.get(name, {}))
    assert set(about["needs"]) == made.needs
    assert run(made, [(t, []) for t in range(3)]) == []


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_polygon_must_lie_in_the_picture_and_span_something(name: str) -> None:
    if "polygon" not in described(name)["settings"]["properties"]:
        return
    for polygon, words in (
        ([[0, 0], [1, 0]], "2 corners"),
        ([[0, 0], [1.2, 0], [1, 1]], "outside the picture"),
        ([[0, 0], [0.5, 0.5], [1, 1]], "spans nothing"),
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "cross"),
    ):
        with pytest.raises(GeometryError, match=words):
            make(name, LEAST.get(name, {}) | {"polygon": polygon})


@pytest.mark.parametrize(
    ("name", "settings", "kind", "words"),
    [
        ("line_count", {"points": [[0.5, 0.5], [0.5, 0.5]]}, GeometryError, "no length"),
        ("line_count", {"points": []}, GeometryError, "no length"),
        ("queue", {"service": [[0.5, 0.5]]}, GeometryError, "no length"),
        ("heat_map", {"floor": [[[0, 0], [0, 0]]] * 3}, GeometryError, "3 picture points"),
        ("crowding", {}, AlgorithmError, "area is not known"),
        ("crowding", {"area_m2": 5, "busy": 3}, GeometryError, "do not rise"),
        ("plates", {"salt": "short"}, AlgorithmError, "shorter than 8"),
        ("uniform", {"colours": ["tartan"]}, ColourError, "tartan"),
        ("facings", {"shelves": [["a"], []]}, AlgorithmError, "has no facing"),
        ("queue", {"join": 3}, AlgorithmError, "join.*Settings: every_s, zone, polygon, service, join_s"),
        ("nothing", {}, AlgorithmError, "Known: line_count, zone_occupancy"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, settings: dict[str, Any], kind: type[VisionError], words: str) -> None:
    with pytest.raises(kind, match=words):
        make(name, settings)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(AlgorithmError) as caught:
        make("queue", {"join_s": -1, "zone": "", "polygon": [[0, "a"]]})
    for place in ("join_s", "zone", "polygon.0.1"):
        assert place in caught.value.what


def test_the_catalogue_loads_neither_opencv_nor_onnxruntime() -> None:
    code = (
        "import sys; from storeloom.workers.vision.algorithms import CATALOGUE, described, make; import storeloom.workers.vision.cameras;"
        "[described(name) for name in CATALOGUE]; make('cleanliness'); make('privacy');"
        "print([m for m in ('cv2', 'onnxruntime', 'zxingcpp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_line_count_by_windows_without_staff_and_take_backs() -> None:
    frames: list[tuple[float, Objects]] = []
    for t in range(125):
        objects = [thing("person", 0.3, 0.3 if t < 10 else 0.7, "a"), thing("person", 0.6, 0.3 if t < 20 else 0.7, "s", staff=True)]
        # b crosses to and fro within a second, c goes out
        objects += [thing("person", 0.8, 0.7 if t == 30 else 0.3, "b"), thing("person", 0.1, 0.7 if t < 70 else 0.3, "c")]
        frames.append((t, objects))
    readings = run(make("line_count", {"line": "door"}), frames)
    # from left to right, down is the right-hand side: in
    assert [part(r, "in", "out", "from", "to") for r in readings] == [
        (1, 0, "2026-03-02T10:00:00Z", "2026-03-02T10:01:00Z"),
        (0, 1, "2026-03-02T10:01:00Z", "2026-03-02T10:02:00Z"),
    ]
    assert part(readings[0], "line", "class", "camera", "staff_excluded") == ("door", "person", "cam", True)


def test_silence_of_a_line_is_told_too() -> None:
    assert [part(r, "in", "out") for r in run(make("line_count"), [(t, []) for t in range(0, 130, 10)])] == [(0, 0), (0, 0)]


LEFT_HALF = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]


def test_zone_occupancy_with_stays() -> None:
    frames = [(t, [thing("person", 0.3 if 5 <= t < 25 else 0.8, 0.5, "a"), thing("person", 0.2, 0.9, "b")]) for t in range(61)]
    readings = run(make("zone_occupancy", {"zone": "z", "polygon": LEFT_HALF, "each_stay": True}), frames)
    stay, window = readings
    assert part(stay, "dwell_s", "occupancy", "from", "to") == (19, 1, "2026-03-02T10:00:05Z", "2026-03-02T10:00:24Z")
    assert part(window, "occupancy", "entered", "left", "dwell_mean_s") == (1, 2, 1, 19)


def test_queue_length_and_wait() -> None:
    frames: list[tuple[float, Objects]] = []
    for t in range(41):
        a = [thing("person", 0.3, 0.5 if t < 12 else 0.9, "a")] if t < 20 else []
        frames.append((t, [*a, thing("person", 0.4, 0.6, "b"), thing("person", 0.6, 0.95, "till", staff=True)]))
    readings = run(make("queue", {"service": [[0, 0.8], [1, 0.8]], "report_s": 10, "floor": FLOOR}), frames)
    lengths = [(r["t_s"], r["queue"]) for r in readings if "state" not in r]
    assert lengths == [(10, 2), (20, 1), (30, 1), (40, 1)]
    (ended,) = [r for r in readings if "state" in r]
    assert part(ended, "state", "dwell_s", "staff") == ("served", 12, 1)
    # a was served from 12 to 19; one waits
    assert readings[-1]["attrs"] == {"serving": 0, "longest_s": 40, "expected_s": 7}


def test_heat_lies_on_the_floor() -> None:
    settings = {"floor": FLOOR, "cell_m": 5, "cols": 2, "rows": 2, "window_s": 60}
    frames = [(t, [thing("person", 0.75, 0.25, "a"), thing("person", 0.1, 0.9, "s", staff=True)]) for t in range(61)]
    (reading,) = run(make("heat_map", settings), frames)
    # x 7.5 m, y 2.5 m is the second cell of the first row; the last second belongs to the next window
    assert reading["values"] == [0, 59, 0, 0]
    assert part(reading, "cell_m", "cols", "rows", "to") == (5, 2, 2, "2026-03-02T10:01:00Z")


def test_crowding_opens_updates_and_closes() -> None:
    def crowd(count: int) -> Objects:
        return [thing("person", 0.1 + 0.03 * k, 0.5, f"p{k}") for k in range(count)]

    counts = [(range(10), 12), (range(10, 20), 25), (range(20, 40), 2)]
    frames = [(float(t), crowd(count)) for span, count in counts for t in span]
    readings = run(make("crowding", {"area_m2": 10}), frames)
    incidents = [r for r in readings if r["stream"] == "vision.incident"]
    assert [part(r, "t_s", "state", "severity", "count") for r in incidents] == [
        (5, "open", "warn", 12),
        (15, "update", "critical", 25),
        (25, "closed", None, 2),
    ]
    assert len({r["incident"] for r in incidents}) == 1
    assert [r["state"] for r in readings if r["stream"] == "vision.zone"] == ["dense", "critical", "free"]


def test_loitering_and_intrusion() -> None:
    frames = [(t, [thing("person", 0.3, 0.5, "a")] if t <= 200 else []) for t in range(0, 230, 2)]
    loiter = run(make("loitering", {"zone": "exit"}), frames)
    assert [part(r, "t_s", "kind", "state", "started", "track") for r in loiter] == [
        (180, "loiter", "open", "2026-03-02T10:00:00Z", "a"),
        (212, "loiter", "closed", "2026-03-02T10:00:00Z", "a"),
    ]
    assert loiter[0]["incident"] == loiter[1]["incident"] and loiter[1]["ended"] == "2026-03-02T10:03:20Z"
    assert run(make("loitering", {"limit_s": 2, "kind": "intrusion"}), frames)[0]["kind"] == "intrusion"


def test_fall() -> None:
    up, down = [0.4, 0.3, 0.1, 0.4], [0.3, 0.6, 0.3, 0.1]
    frames = [(t, [{"id": "a", "class": "person", "box": up if t < 5 else down}]) for t in range(12)]
    (fall,) = run(make("fall"), frames)
    assert part(fall, "t_s", "kind", "severity", "started") == (9, "fall", "critical", "2026-03-02T10:00:05Z")


def test_uniform_is_judged_once_from_several_frames() -> None:
    people = [thing("person", 0.3, 0.5, "in", colour="#101840"), thing("person", 0.6, 0.5, "out", colour="#d02020")]
    (one,) = run(make("uniform", {"colours": ["navy"]}), [(t, people) for t in range(20)])
    assert part(one, "t_s", "kind", "track", "score") == (7, "uniform", "out", 1.0)


def test_stray_things_of_known_classes() -> None:
    frames: list[tuple[float, Objects]] = []
    for t in range(0, 100, 2):
        owner = thing("person", 0.32 if t < 10 else 0.9, 0.5, "p")
        frames.append((t, [owner, thing("backpack", 0.3, 0.5, "bag")]))
    (left,) = run(make("stray_tracked", {"floor": FLOOR}), frames)
    assert part(left, "t_s", "kind", "state", "track", "started") == (40, "left_object", "open", "bag", "2026-03-02T10:00:10Z")


def test_cleanliness_of_scenes() -> None:
    wet = {"class": "wet", "box": [0.2, 0.2, 0.1, 0.1]}
    spill = run(make("cleanliness"), [(t, [wet] if 3 <= t < 30 else []) for t in range(40)])
    assert [part(r, "t_s", "kind", "state") for r in spill] == [(13, "spill", "open"), (34, "spill", "closed")]
    assert spill[0]["score"] == pytest.approx(0.01) and spill[0]["incident"] == spill[1]["incident"]
    hidden = [wet, {"class": "person", "box": [0.1, 0.1, 0.3, 0.5]}]
    assert not run(make("cleanliness"), [(t, hidden) for t in range(30)])
    fill = [(float(t), [{"class": "bin", "box": [0.4, 0.4, 0.1, 0.1], "fill": t / 20}]) for t in range(31)]
    (full,) = run(make("cleanliness", {"what": "bin"}), fill)
    assert part(full, "t_s", "kind", "started") == (26, "bin_full", "2026-03-02T10:00:16Z")


def test_a_new_reference_number_forgets_the_old_dirt() -> None:
    algorithm = make("cleanliness", {"reference": 2})
    view = VisionWorker().view({"camera": "cam", "seq": 0, "scene": {"objects": []}}, START)
    after, _ = algorithm.look(view, {"number": 1, "dirty_s": 5.0, "first_s": 5.0, "last_s": 5.0})
    assert after == {"number": 2}


def test_facings_by_vote_and_blocked() -> None:
    def pack(item: str, x: float) -> dict[str, Any]:
        return {"class": "pack", "box": [x, 0.4, 0.08, 0.2], "gtins": [[item, 0.9]]}

    shelf = {"fixture": "f1", "shelves": [["a", "a", "b"]], "frames": 3}
    full, gap = [pack("a", 0.1), pack("a", 0.2), pack("b", 0.3)], [pack("a", 0.1), pack("a", 0.2)]
    # one frame of three misses b
    (reading,) = run(make("facings", shelf), [(0, full), (2, gap), (4, full)])
    assert [part(s, "slot", "gtin", "facings", "gap") for s in reading["slots"]] == [("1-1", "a", 2, False), ("1-2", "b", 1, False)]
    assert reading["slots"][1]["confidence"] == pytest.approx(2 / 3)
    (reading,) = run(make("facings", shelf), [(0, full), (2, gap), (4, gap)])
    assert part(reading["slots"][1], "facings", "gap") == (0, True)
    someone: dict[str, Any] = {"class": "person", "box": [0.0, 0.0, 0.6, 1.0]}
    (blocked,) = run(make("facings", shelf), [(t, [*full, someone]) for t in range(0, 20, 2)])
    assert part(blocked, "blocked", "slots", "t_s") == (True, [], 4)


def test_facings_without_a_plan_count_packs() -> None:
    packs = [{"class": "bottle", "box": [0.1 * k, 0.4, 0.05, 0.2]} for k in range(1, 4)]
    (reading,) = run(make("facings", {"frames": 3}), [(0, packs), (2, packs[:2]), (4, packs)])
    assert reading["slots"] == [{"slot": "all", "facings": 3, "gap": False, "confidence": pytest.approx(2 / 3)}]


def test_items_are_told_once_until_they_change() -> None:
    def item(gtins: list[list[Any]]) -> Objects:
        return [thing("item", 0.5, 0.5, "t1", gtins=gtins)]

    frames = [(t, item([["a", 0.9], ["b", 0.05]])) for t in range(5)] + [(5.0, item([["b", 0.8]]))]
    frames += [(t, item([["a", 0.3], ["b", 0.3]])) for t in range(6, 10)]
    known, unknown = run(make("items"), [(float(t), objects) for t, objects in frames])
    assert (known["t_s"], known["candidates"][0]) == (1, {"gtin": "a", "score": 0.9})
    assert (unknown["t_s"], unknown["candidates"][0]["class"], unknown["candidates"][1]["gtin"]) == (7, "unknown", "a")


@pytest.mark.parametrize(
    ("said", "counted"), [({}, 1), ({"staff": True}, 0), ({"staff": 0.9}, 0), ({"staff": 0.2}, 1), ({"staff": "s7"}, 0)]
)
def test_who_is_staff(said: dict[str, Any], counted: int) -> None:
    frames = [(t, [thing("person", 0.3, 0.3 if t < 10 else 0.7, "a", **said)]) for t in range(61)]
    assert run(make("line_count"), frames)[0]["in"] == counted


def test_the_uniform_tells_staff_where_nothing_else_does() -> None:
    people = [thing("person", 0.3, 0.5, "a", colour="#101840"), thing("person", 0.6, 0.5, "b", colour="#d02020")]
    frames = [(t, people) for t in range(61)]
    (window,) = run(make("zone_occupancy", {"uniform": ["navy"]}), frames)
    assert window["occupancy"] == 1


def test_texts_and_codes_are_told_when_they_appear() -> None:
    label = {"class": "price_label", "box": [0.4, 0.4, 0.2, 0.1], "text": "牛奶 9.90"}
    far = {"class": "sign", "box": [0.9, 0.9, 0.1, 0.1], "text": "EXIT"}
    shown = [(t, [label, far] if t < 10 or t > 100 else []) for t in range(0, 120, 2)]
    texts = run(make("texts", {"kind": "price_label", "polygon": [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]}), shown)
    assert [part(r, "t_s", "text", "kind") for r in texts] == [(0, "牛奶 9.90", "price_label"), (102, "牛奶 9.90", "price_label")]
    code = {"class": "barcode", "box": [0.4, 0.4, 0.1, 0.1], "gtins": [["6901234567892", 1.0]]}
    (read,) = run(make("codes", {"till": "t1"}), [(t, [code]) for t in range(5)])
    assert part(read, "stream", "kind", "till") == ("vision.item", "read", "t1")
    assert read["candidates"] == [{"gtin": "06901234567892", "score": 1.0}]


def test_a_code_that_names_no_item_is_told_as_text() -> None:
    class OneCode(ShippedReaders):
        def codes(self, picture: Any, on: Any) -> list[Code]:
            box = (0.4, 0.4, 0.1, 0.1)
            return [Code("https://example.com", "QR Code", None, box, corners(box))]

    frame = {"camera": "cam", "seq": 1, "width": 64, "height": 36, "pixels": np.zeros((36, 64, 3), np.uint8)}
    algorithm = make("codes")
    _, (reading,) = algorithm.look(VisionWorker(readers=OneCode()).view(frame, START), {})
    check(algorithm, reading)
    assert part({"stream": reading.stream, **reading.data}, "stream", "text", "kind") == ("vision.text", "https://example.com", "other")


def test_plates_are_hashes_with_a_direction() -> None:
    def plate(y: float, text: str) -> Objects:
        return [{"class": "number_plate", "box": [0.4, y, 0.1, 0.03], "text": text, "colour": "green"}]

    coming = run(make("plates", SALT), [(t, plate(0.2 + 0.1 * t, "粤BD12345")) for t in range(5)])
    assert [part(r, "direction", "electric", "colour", "lane") for r in coming] == [("in", True, "green", "lane")]
    going = run(make("plates", SALT), [(t, plate(0.7 - 0.1 * t, "粤BD12345")) for t in range(5)])
    assert going[0]["direction"] == "out" and going[0]["plate_hash"] == coming[0]["plate_hash"]
    other = run(make("plates", {"salt": "another secret"}), [(t, plate(0.5, "粤BD12345")) for t in range(2)])
    assert other[0]["plate_hash"] != coming[0]["plate_hash"]
    assert "12345" not in json.dumps(coming + going + other, ensure_ascii=False)
    assert not run(make("plates", SALT), [(t, plate(0.5, "12")) for t in range(5)])


def test_privacy_keeps_the_boxes_of_the_last_moments() -> None:
    algorithm, worker, state = make("privacy"), VisionWorker(), {}
    for seq, objects in enumerate([[thing("person", 0.5, 0.5, "a")], [], []]):
        view = worker.view({"camera": "cam", "seq": seq, "scene": {"objects": objects}}, START + timedelta(seconds=seq * 0.8))
        state, readings = algorithm.look(view, state)
        assert readings == []
        assert len(state["boxes"]) == (1, 1, 0)[seq]


def test_privacy_hides_people_whom_the_detector_doubts() -> None:
    class Doubting:
        score = 0.35

        def detect(self, frame: Any, *, min_score: float | None = None) -> list[Detection]:
            boxes = {0.21: (0.1, 0.1, 0.2, 0.5), 0.19: (0.5, 0.1, 0.2, 0.5)}
            people = [Detection("person", score, box) for score, box in boxes.items()]
            return [*people, Detection("cup", 0.3, (0.8, 0.8, 0.1, 0.1))]

    pixels = np.zeros((90, 160, 3), np.uint8)
    view = VisionWorker(Doubting).view({"camera": "cam", "seq": 1, "pixels": pixels}, START)
    assert view.observation.objects == ()
    assert [box for box, _ in make("privacy").look(view, {})[0]["boxes"]] == [[0.1, 0.1, 0.2, 0.5]]


def test_stray_things_of_any_kind_are_seen_in_pictures() -> None:
    class Nobody:
        score = 0.5

        def detect(self, frame: Any, *, min_score: float | None = None) -> list[Any]:
            return []

    algorithm, worker = make("stray_seen", {"still_s": 10}), VisionWorker(Nobody)
    state: dict[str, Any] = {}
    found: list[Reading] = []
    for seq in range(40):
        pixels = np.full((90, 160, 3), 120, np.uint8)
        pixels[40:70, 60:90] = (30, 60, 200) if seq >= 5 else 120
        frame = {"camera": "cam", "seq": seq, "width": 160, "height": 90, "pixels": pixels}
        state, readings = algorithm.look(worker.view(frame, START + timedelta(seconds=seq)), json.loads(json.dumps(state)))
        found += readings
    assert [r.data["kind"] for r in found] == ["left_object"]
    check(algorithm, found[0])


def test_classes_say_what_they_take_over() -> None:
    lines, zones = algorithm_class("line_count"), algorithm_class("zone_occupancy")
    assert lines.takes_over(lines, {"a": 1}) == {"a": 1}
    assert lines.takes_over(zones, {"a": 1}) is None


CLASSES = ("person", "backpack", "bottle", "pack", "bin", "wet", "number_plate", "price_label", "barcode")


def chaos(seed: int) -> list[tuple[float, Objects]]:
    """Things that come, wander, jump, change their shape and go, seen at uneven times."""
    rng = np.random.default_rng(seed)
    frames, t_s, alive = [], 0.0, dict[str, str]()
    for number in range(120):
        t_s += float(rng.choice([0.1, 0.5, 3.0, 40.0]))
        alive = {name: cls for name, cls in alive.items() if rng.random() > 0.1}
        alive[f"t{number}"] = str(rng.choice(CLASSES))
        objects: Objects = []
        for name, cls in alive.items():
            x, y = rng.random(2) * 0.8
            more: dict[str, Any] = {"staff": True} if rng.random() < 0.2 else {"colour": "#d02020"} if rng.random() < 0.5 else {}
            more |= {"floor": (rng.random(2) * 10).tolist()} if rng.random() < 0.5 else {}
            more |= {"text": f"粤B{rng.integers(10000, 10003)}", "fill": float(rng.random()), "gtins": [["6901234567892", 0.9]]}
            size = (rng.choice([0.0, 0.05, 0.2], 2)).tolist()
            objects.append({"id": name, "class": cls, "box": [float(x), float(y), *size], **more})
        frames.append((t_s, objects))
    return frames


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_scene_upsets_an_algorithm_and_its_state_stays_small(name: str, seed: int) -> None:
    worker, algorithm = VisionWorker(), make(name, LEAST.get(name, {}))
    state: dict[str, Any] = {}
    for seq, (t_s, objects) in enumerate(chaos(seed)):
        view = worker.view({"camera": "cam", "seq": seq, "scene": {"objects": objects}}, START + timedelta(seconds=t_s))
        kept = json.dumps(state)
        after, readings = algorithm.look(view, state)
        assert json.dumps(state) == kept
        state = json.loads(json.dumps(after))
        for reading in readings:
            check(algorithm, reading)
    assert len(json.dumps(state)) < 20_000
