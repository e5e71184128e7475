"""A model replaced while frames flow: every frame seen once and in order, tracks carried over, failing models taken back by themselves."""

import gc
import string
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from storeloom.workers.vision import detectors
from storeloom.workers.vision.errors import FrameError, ModelError
from storeloom.workers.vision.models.faults import fault
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.swap import TEXTS, Swap, SwapError, words
from storeloom.workers.vision.things import Detection, Observation
from tests.workers.vision.numbered import BLANK, WALKER, Fake, Found, feed, scores


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not make a model late in tests of other things."""
    monkeypatch.setattr(detectors, "NEVER_LATE_S", 5.0)


def begun(worker: VisionWorker, camera: str | None, new: object, **options: object) -> Swap:
    """A swap whose new model has been loaded, or has failed to."""
    swap = worker.swap_model(camera, new if callable(new) else lambda: new, **options)  # type: ignore[arg-type]
    assert swap.wait(5, ("live",)) != "loading"
    return swap


def tracks(observations: list[Observation]) -> set[str | None]:
    return {o.objects[0].track for o in observations}


def test_the_new_model_takes_over_at_the_next_frame_and_tracks_go_on() -> None:
    old, new = Fake(0.9), Fake(0.8)
    worker = VisionWorker(lambda: old)
    before = feed(worker, 0, 4)
    swap = begun(worker, "c1", new, probation=3)
    during = feed(worker, 5, 6)
    assert (swap.state, swap.frames) == ("live", 2)
    after = feed(worker, 7, 9)
    assert (swap.state, swap.frames) == ("kept", 3)
    assert (old.seen, new.seen) == ([0, 1, 2, 3, 4], [BLANK, 5, 6, 7, 8, 9])
    assert scores(before + during + after) == [0.9] * 5 + [0.8] * 5
    assert tracks(before + during + after) == {"c1#1"}
    assert [o.seq for o in before + during + after] == list(range(10))


def test_a_frame_asked_for_twice_is_seen_once_on_trial_too() -> None:
    old, new = Fake(), Fake()
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 0)
    begun(worker, "c1", new)
    assert feed(worker, 1, 1)[0] is feed(worker, 1, 1)[0]
    assert new.seen == [BLANK, 1]


def test_the_old_model_goes_on_while_the_new_one_is_loaded() -> None:
    old, new, gate = Fake(0.9), Fake(0.8), threading.Event()

    def slow_to_load() -> Fake:
        gate.wait(5)
        return new

    worker = VisionWorker(lambda: old)
    feed(worker, 0, 2)
    swap = worker.swap_model("c1", slow_to_load)
    assert scores(feed(worker, 3, 6)) == [0.9] * 4
    assert swap.state == "loading"
    assert dict(swap.reason) == {
        "en": "slow_to_load is being loaded for camera c1; the model in use goes on.",
        "zh": "正在为摄像机 c1 加载模型 slow_to_load，现用模型继续工作。",
    }
    gate.set()
    assert swap.wait(5, ("live",)) == "live"
    assert scores(feed(worker, 7, 7)) == [0.8]
    assert swap.as_json() == {
        "camera": "c1",
        "model": "slow_to_load",
        "state": "live",
        "reason": {
            "en": "slow_to_load sees the frames of camera c1, on trial for 50 frames.",
            "zh": "模型 slow_to_load 已接管摄像机 c1 的画面，试用 50 帧。",
        },
        "frames": 1,
        "probation": 50,
    }


def raising(error: BaseException) -> Callable[[], Found]:
    def fail() -> Found:
        raise error

    return fail


def seeing(cls: str = "person", score: float = 0.9, box: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2), times: int = 1) -> Callable[[], Found]:
    return lambda: [Detection(cls, score, box)] * times  # type: ignore[arg-type]


def odd_box(box: tuple[float, ...], text: str) -> tuple[Callable[[], Found], str, str]:
    return seeing(box=box), f"it gives a box {text}, which is not in shares of the picture.", f"给出的框 {text} 不是画面比例。"


FAULTS: dict[str, tuple[Callable[[], Found], str, str]] = {
    "raises": (
        raising(RuntimeError("no memory.")),
        "it failed on a frame ('RuntimeError: no memory').",
        "处理画面时出错（“RuntimeError: no memory”）。",
    ),
    "exits": (raising(SystemExit()), "it failed on a frame ('SystemExit').", "处理画面时出错（“SystemExit”）。"),
    "blames": (
        raising(FrameError("Odd.", "pixels", "Mend it.", zh="画面异常。")),
        "it failed on a frame (Odd).",
        "处理画面时出错（画面异常）。",
    ),
    "score": (seeing(score=float("nan")), "it gives a score of nan, which is not from 0 to 1.", "给出的置信度为 nan，不在 0 到 1 之间。"),
    "nan": odd_box((0.1, float("nan"), 0.2, 0.2), "[0.1, nan, 0.2, 0.2]"),
    "pixels": odd_box((120, 40, 60, 90), "[120.0, 40.0, 60.0, 90.0]"),
    "outside": odd_box((0.5, 2.5, 0.2, 0.2), "[0.5, 2.5, 0.2, 0.2]"),
    "flood": (seeing(times=1001), "it reports 1001 objects in one frame, more than 1000.", "一帧报告 1001 个物体，超过 1000 个。"),
    "class": (seeing(cls="ghost"), "it reports the class 'ghost', which it does not list.", "报告了其未列出的类别“ghost”。"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_failing_model_is_taken_back_and_the_old_one_sees_that_very_frame(kind: str) -> None:
    act, en, zh = FAULTS[kind]
    old, new = Fake(0.9), Fake(0.8, classes=("person",))
    new.on[7] = act
    worker = VisionWorker(lambda: old)
    seen = feed(worker, 0, 4)
    swap = begun(worker, "c1", new)
    seen += feed(worker, 5, 9)
    assert scores(seen) == [0.9] * 5 + [0.8] * 2 + [0.9] * 3
    assert (old.seen, new.seen) == ([0, 1, 2, 3, 4, 7, 8, 9], [BLANK, 5, 6, 7])
    assert tracks(seen) == {"c1#1"}
    assert (swap.state, swap.frames) == ("rolled_back", 2)
    name = swap.model
    assert swap.reason["en"] == f"{name} was taken back from camera c1: {en} The model before it goes on."
    assert swap.reason["zh"] == f"模型 {name} 已从摄像机 c1 撤回：{zh}原模型继续工作。"


def test_a_fault_after_the_probation_is_the_cameras_own() -> None:
    old, new = Fake(), Fake()
    new.on[2] = raising(RuntimeError("no memory"))
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 0)
    swap = begun(worker, "c1", new, probation=1)
    feed(worker, 1, 1)
    with pytest.raises(RuntimeError, match="no memory"):
        feed(worker, 2, 2)
    assert (swap.state, old.seen) == ("kept", [0])


def test_a_bad_frame_is_not_laid_to_the_new_models_charge() -> None:
    old, new = Fake(), Fake(0.8)
    old.on[2] = new.on[2] = raising(FrameError("The frame is cut.", "pixels", "Look at the camera."))
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 1)
    swap = begun(worker, "c1", new)
    with pytest.raises(FrameError, match="cut"):
        feed(worker, 2, 2)
    assert scores(feed(worker, 3, 3)) == [0.8]
    assert (swap.state, swap.frames) == ("live", 1)


def test_one_late_frame_is_forgiven_and_seen_by_the_old_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "NEVER_LATE_S", 0.15)
    old, new = Fake(0.9), Fake(0.8)
    new.on[5] = lambda: time.sleep(0.3) or [WALKER]
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 4)
    swap = begun(worker, "c1", new, probation=3)
    assert scores(feed(worker, 5, 5)) == [0.9]
    time.sleep(0.3)
    assert scores(feed(worker, 6, 8)) == [0.8] * 3
    assert (swap.state, old.seen[5:], new.seen) == ("kept", [5], [BLANK, 5, 6, 7, 8])


def test_a_model_ten_times_slower_is_taken_back_at_its_second_late_frame_and_a_little_slower_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detectors, "NEVER_LATE_S", 0.0)
    old, new, slow = Fake(0.9, cost_s=0.02), Fake(0.8, cost_s=0.04), Fake(0.7, cost_s=0.8)
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 4)
    swap = begun(worker, "c1", slow)
    seen = feed(worker, 5, 5)
    time.sleep(0.8)
    seen += feed(worker, 6, 8)
    assert scores(seen) == [0.9] * 4
    assert (swap.state, old.seen, slow.seen) == ("rolled_back", list(range(9)), [BLANK, 5, 6])
    assert "two frames running took it more than" in swap.reason["en"] and "原模型耗时" in swap.reason["zh"]
    swap = begun(worker, "c1", new, probation=2)
    assert (scores(feed(worker, 9, 10)), swap.state) == ([0.8] * 2, "kept")


def test_a_model_that_hangs_costs_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "NEVER_LATE_S", 0.15)
    gate = threading.Event()
    old, new = Fake(0.9), Fake(0.8)
    new.on[6] = lambda: [WALKER] if gate.wait(10) else []
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 4)
    swap = begun(worker, "c1", new)
    start = time.perf_counter()
    seen = feed(worker, 5, 9)
    assert time.perf_counter() - start < 5
    gate.set()
    assert scores(seen) == [0.8] + [0.9] * 4
    assert (swap.state, new.seen) == ("rolled_back", [BLANK, 5, 6])
    assert "still busy with a frame when the next one came, past 150 ms" in swap.reason["en"] and "仍在处理上一帧" in swap.reason["zh"]


@pytest.mark.parametrize(
    ("act", "en", "zh"),
    [
        (
            raising(fault("SL-MOD-03", Path("card.json"), {"reason": "no brace"})),
            "it cannot be loaded or run (The card is not JSON: no brace).",
            "无法加载或运行（模型卡片不是 JSON：no brace）。",
        ),
        (
            raising(ModelError("No JSON.", "card.json", "Restore it.")),
            "it cannot be loaded or run (No JSON).",
            "无法加载或运行（“No JSON”）。",
        ),
        (raising(MemoryError()), "it cannot be loaded or run ('MemoryError').", "无法加载或运行（“MemoryError”）。"),
        (seeing(times=21), "it sees 21 objects in a blank picture.", "在空白画面中看到 21 个物体。"),
        (seeing(score=1.5), "it gives a score of 1.5, which is not from 0 to 1.", "给出的置信度为 1.5，不在 0 到 1 之间。"),
    ],
)
def test_a_model_that_fails_on_the_blank_picture_never_sees_a_frame(act: Callable[[], Found], en: str, zh: str) -> None:
    old, new = Fake(0.9), Fake(0.8)
    new.on[BLANK] = act
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 1)
    swap = begun(worker, None, new)
    assert scores(feed(worker, 2, 3)) == [0.9, 0.9]
    assert (swap.state, new.seen) == ("rolled_back", [BLANK])
    assert swap.reason["en"] == f"{swap.model} was taken back from all cameras: {en} The model before it goes on."
    assert swap.reason["zh"] == f"模型 {swap.model} 已从全部摄像机撤回：{zh}原模型继续工作。"


def test_a_model_whose_own_score_is_no_score_is_refused() -> None:
    new = Fake()
    new.score = float("nan")
    swap = begun(VisionWorker(Fake), None, new)
    assert (swap.state, "a score of nan" in swap.reason["en"]) == ("rolled_back", True)


def test_a_model_that_takes_for_ever_to_load_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "LOAD_S", 0.05)
    gate = threading.Event()
    old, new = Fake(0.9), Fake(0.8)
    worker = VisionWorker(lambda: old)
    feed(worker, 0, 1)
    swap = worker.swap_model("c1", lambda: gate.wait(10) and new)
    assert swap.wait(5) == "rolled_back"
    assert "it was not ready within 0.05 s." in swap.reason["en"] and "0.05 秒内未就绪。" in swap.reason["zh"]
    gate.set()
    assert begun(worker, "c1", new).state == "live"


def test_the_new_model_must_know_the_classes_of_the_old_one_or_those_named() -> None:
    worker = VisionWorker(lambda: Fake(classes=("person", "cup", "cart")))
    feed(worker, 0, 0)
    swap = begun(worker, "c1", Fake(classes=("person", "bottle")))
    assert swap.state == "rolled_back"
    assert "it does not know these classes: cart, cup." in swap.reason["en"]
    assert "缺少以下类别：cart, cup。" in swap.reason["zh"]
    assert begun(worker, "c1", Fake(classes=("person", "bottle")), labels=["person"]).state == "live"
    worker.forget("c1")
    feed(worker, 0, 0)
    assert begun(worker, None, Fake(classes=("cart", "cup", "person", "bottle"))).state == "live"


def test_a_second_swap_on_a_camera_is_refused_until_the_first_is_over() -> None:
    worker = VisionWorker(Fake)
    feed(worker, 0, 0)
    feed(worker, 0, 0, "c2")
    first = begun(worker, "c1", Fake(), probation=2)
    with pytest.raises(SwapError) as caught:
        worker.swap_model("c1", Fake)
    assert caught.value.words == {
        "en": "A model is being replaced on camera c1 already (live).",
        "zh": "摄像机 c1 正在更换模型（live）。",
    }
    assert caught.value.fix == {"en": "Wait until that swap is kept or rolled back.", "zh": "请等该次更换被保留或撤回。"}
    with pytest.raises(SwapError, match="camera c1"):
        worker.swap_model(None, Fake)
    second = begun(worker, "c2", Fake(), probation=1)
    feed(worker, 1, 2)
    feed(worker, 1, 1, "c2")
    assert (first.state, second.state) == ("kept", "kept")
    begun(worker, None, Fake())
    with pytest.raises(SwapError, match="on all cameras already"):
        worker.swap_model("c2", Fake)


def test_an_unknown_camera_and_an_empty_probation_are_refused() -> None:
    worker = VisionWorker(Fake)
    feed(worker, 0, 0, "door")
    feed(worker, 0, 0, "aisle")
    with pytest.raises(SwapError) as caught:
        worker.swap_model("dor", Fake)
    assert caught.value.words == {"en": "There is no camera 'dor' with frames.", "zh": "没有正在送来画面的摄像机“dor”。"}
    assert caught.value.fix == {"en": "Cameras: aisle, door.", "zh": "现有摄像机：aisle, door。"}
    with pytest.raises(ValueError, match="1 frame or more"):
        worker.swap_model("door", Fake, probation=0)


def test_several_swaps_in_a_row() -> None:
    models = [Fake(0.9), Fake(0.8), Fake(0.7), Fake(0.6)]
    models[2].on[6] = raising(RuntimeError("bad"))
    worker = VisionWorker(lambda: models[0])
    seen = feed(worker, 0, 1)
    states = []
    for k, model in enumerate(models[1:], 1):
        swap = begun(worker, "c1", model, probation=2)
        seen += feed(worker, 2 + 3 * (k - 1), 4 + 3 * (k - 1))
        states.append(swap.state)
    assert states == ["kept", "rolled_back", "kept"]
    # 2..4 the second model; 5 the third, which fails on 6; 6 and 7 the second again; 8..10 the fourth
    assert scores(seen) == [0.9] * 2 + [0.8] * 3 + [0.7] + [0.8] * 2 + [0.6] * 3
    assert tracks(seen) == {"c1#1"}


def let_go(model: "weakref.ref[Fake]") -> bool:
    """Whether a model leaves memory at once, give or take the end of the thread that ran it."""
    limit = time.monotonic() + 2
    while model() is not None and time.monotonic() < limit:
        time.sleep(0.005)
    return model() is None


def test_the_old_model_is_let_go_only_after_the_probation_and_a_failed_one_at_once() -> None:
    old, new, third = Fake(0.9), Fake(0.8), Fake(0.7)
    third.on[4] = raising(RuntimeError("bad"))
    held = [weakref.ref(model) for model in (old, new, third)]
    worker = VisionWorker([old].pop)
    feed(worker, 0, 0)
    begun(worker, None, [new].pop, probation=2)
    del old, new
    gc.disable()
    try:
        feed(worker, 1, 1)
        assert held[0]() is not None
        feed(worker, 2, 2)
        assert let_go(held[0]) and held[1]() is not None
        begun(worker, "c1", [third].pop)
        del third
        feed(worker, 3, 4)
        assert let_go(held[2]) and held[1]() is not None
    finally:
        gc.enable()


def test_a_cameras_own_model_leaves_the_others_alone_and_a_swap_of_all_reaches_every_one() -> None:
    worker = VisionWorker(lambda: Fake(0.9))
    for camera in ("c1", "c2"):
        feed(worker, 0, 0, camera)
    begun(worker, "c1", Fake(0.8), probation=1)
    assert [scores(feed(worker, 1, 1, c)) for c in ("c1", "c2", "c3")] == [[0.8], [0.9], [0.9]]
    bad = Fake(0.5)
    bad.on[3] = raising(RuntimeError("bad"))
    swap = begun(worker, None, bad)
    assert [scores(feed(worker, 2, 2, c)) for c in ("c1", "c2")] == [[0.5], [0.5]]
    assert scores(feed(worker, 3, 3, "c2")) == [0.9]
    assert (swap.state, scores(feed(worker, 3, 3, "c1"))) == ("rolled_back", [0.8])
    swap = begun(worker, None, Fake(0.7), probation=2)
    assert [scores(feed(worker, 4, 4, c)) for c in ("c1", "c2", "c3", "c4")] == [[0.7]] * 4
    assert swap.state == "kept"
    assert [scores(feed(worker, 5, 5, c)) for c in ("c1", "c2", "c3", "c4", "c5")] == [[0.7]] * 5


def test_a_camera_taken_away_ends_its_swap_and_forgets_its_model() -> None:
    worker = VisionWorker(lambda: Fake(0.9))
    feed(worker, 0, 0)
    begun(worker, "c1", Fake(0.8), probation=1)
    feed(worker, 1, 1)
    swap = begun(worker, "c1", Fake(0.7))
    worker.forget("c1")
    assert (swap.state, "the camera was taken away." in swap.reason["en"]) == ("rolled_back", True)
    assert scores(feed(worker, 2, 2)) == [0.9]


class Camera(threading.Thread):
    """Frames at a steady rate into a worker; notes what came out and how long each took."""

    def __init__(self, worker: VisionWorker, name: str, count: int, period_s: float) -> None:
        super().__init__(daemon=True)
        self.worker, self.camera, self.count, self.period_s = worker, name, count, period_s
        self.seen: list[Observation] = []
        self.took: list[float] = []

    def run(self) -> None:
        begin = time.perf_counter()
        for seq in range(self.count):
            time.sleep(max(0.0, begin + seq * self.period_s - time.perf_counter()))
            start = time.perf_counter()
            self.seen += feed(self.worker, seq, seq, self.camera)
            self.took.append(time.perf_counter() - start)


def test_with_frames_in_full_flow_none_is_lost_or_seen_twice_and_the_other_camera_does_not_notice() -> None:
    old, other = Fake(0.9, cost_s=0.005), Fake(0.9, cost_s=0.005)
    worker = VisionWorker([other, old].pop)
    feed(worker, 0, 0, "warm")
    begun(worker, "warm", other, probation=1)
    feed(worker, 1, 1, "warm")
    old.seen.clear()
    cameras = [Camera(worker, "c1", 250, 0.01), Camera(worker, "c2", 250, 0.01)]
    for camera in cameras:
        camera.start()
    models = [Fake(0.8, cost_s=0.005), Fake(0.7, cost_s=0.005), Fake(0.6, cost_s=0.005)]
    models[1].on = {seq: raising(RuntimeError("bad")) for seq in range(250)}
    time.sleep(0.4)
    quiet = list(cameras[1].took)
    states = []
    for model in models:
        slow_to_load = partial(lambda model: time.sleep(0.1) or model, model)
        states.append(begun(worker, "c1", slow_to_load, probation=10).wait(5))
    for camera in cameras:
        camera.join(10)
    assert states == ["kept", "rolled_back", "kept"]
    for camera in cameras:
        assert [o.seq for o in camera.seen] == list(range(250))
        assert tracks(camera.seen) == {f"{camera.camera}#1"}
    # every frame of c1 was answered by one model: those that the models saw, less the one on which the second failed, are all frames
    by_model = [[o.seq for o in cameras[0].seen if o.objects[0].score == score] for score in (0.9, 0.8, 0.7, 0.6)]
    assert [min(by_model[0]), max(by_model[0])] == [0, min(by_model[1]) - 1]
    assert by_model[2] == [] and len(models[1].seen) == 2
    assert models[1].seen[1] in models[0].seen
    assert by_model[1] == models[0].seen[1:] and by_model[3] == models[2].seen[1:]
    assert by_model[0] + by_model[1] + by_model[3] == list(range(250))
    assert scores(cameras[1].seen) == [0.9] * 250
    p99_quiet, p99_swap = (float(np.percentile(took, 99)) * 1000 for took in (quiet, cameras[1].took[len(quiet) :]))
    print(f"the other camera's p99: {p99_quiet:.1f} ms before, {p99_swap:.1f} ms while c1's model was swapped three times")
    assert p99_swap <= max(2 * p99_quiet, p99_quiet + 50)


def test_every_text_has_both_languages_and_the_same_gaps() -> None:
    for texts in TEXTS.values():
        en, zh = ({name for _, name, _, _ in string.Formatter().parse(texts[lang]) if name} for lang in ("en", "zh"))
        assert en == zh
    assert words("camera", camera="c1") == {"en": "camera c1", "zh": "摄像机 c1 "}
