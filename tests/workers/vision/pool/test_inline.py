"""The pool of this process: one session for all, changes between two frames, states that go on, faults that stay with their camera."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from storeloom.workers.vision.grab.source import Grabbed, Status
from storeloom.workers.vision.pool.engine import Engine, Order, Pace, Sent
from storeloom.workers.vision.pool.hosted import PoolError
from storeloom.workers.vision.pool.inline import InlinePool
from storeloom.workers.vision.pool.job import JobFault, Report
from storeloom.workers.vision.pool.kept import Kept

from .conftest import BRISK, ZONE, Bright, job, run

WALK = [0] * 10 + [int(30 + 6 * k) for k in range(30)] + [0] * 20
LINE = {"line": {"algorithm": "line_count", "settings": {"points": [[0.5, 0], [0.5, 1]], "window_s": 1}}}
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def bright() -> Bright:
    return Bright()


def pool(jobs: list[Any], bright: Bright, **more: Any) -> InlinePool:
    return InlinePool(jobs, factories={"": lambda: bright}, pace=BRISK, **more)


def test_cameras_share_a_detector_and_every_frame_is_counted_once(film, bright) -> None:
    path = film("walk.avi", WALK)
    with pool([job("a", path, {**ZONE, **LINE}), job("b", path)], bright) as running:
        outcome = run(running)
    assert outcome.counts("a").frames == outcome.counts("b").frames == bright.calls / 2 == 60
    crossed = [one for one in outcome.readings("a") if one.stream == "vision.count" and one.data["in"] + one.data["out"]]
    assert len(crossed) == 1
    assert [one.data for one in outcome.readings("a") if one.stream == "vision.zone"] == [
        {**one.data, "camera": "a"} for one in outcome.readings("b")
    ]
    assert outcome.codes("a") == ["running", "ended"]
    assert outcome.told["a"][1].as_status("zh")["text"] == "录像已读完（至第 59 帧）。"


class Endless:
    """A source of ever brighter frames, ten a second of its own time, as fast as they are read; it ends when it is told to."""

    def __init__(self, live: bool = False) -> None:
        self.number, self.ended, self.opened = 0, False, 0

    def read(self, timeout_s: float) -> Grabbed | None:
        if self.ended:
            return None
        time.sleep(0.005)
        image = np.full((8, 8, 3), 30 + self.number % 200, np.uint8)
        self.number += 1
        return Grabbed(self.number - 1, START + timedelta(seconds=self.number / 10), image, self.number - 1)

    def status(self) -> Status:
        return Status(state="ended" if self.ended else "open", fps=10.0)

    def close(self) -> None:
        self.ended = True


def test_another_set_of_algorithms_takes_effect_between_two_frames_and_the_others_keep_their_state(bright) -> None:
    source = Endless()
    with pool([job("a", "film.avi", {"zone": ZONE["zone"]})], bright, opener=lambda _: source) as running:
        seqs: list[tuple[int, int]] = []
        zones: list[Any] = []
        changed: list[str] | None = None
        for _ in range(300):
            if running.done:
                break
            for news in running.take(0.2):
                if isinstance(news, Report):
                    seqs.append((news.first, news.seq))
                    zones += [one.data for one in news.readings if one.stream == "vision.zone"]
            if changed is None and len(zones) > 3:
                changed = running.set_algorithms("a", {**ZONE, **LINE})
                with pytest.raises(JobFault):
                    running.set_algorithms("a", {"bad": {"algorithm": "none"}})
            elif changed is not None and len(zones) > 9:
                source.ended = True
    assert changed == ["line"]
    assert seqs[0][0] == 0 and all(before[1] + 1 == after[0] for before, after in itertools.pairwise(seqs))
    assert all(before["to"] == after["from"] for before, after in itertools.pairwise(zones)), "the windows have a gap"
    with pytest.raises(PoolError):
        running.set_algorithms("b", ZONE)


def frames(engine: Engine) -> Iterator[Sent]:
    for _ in range(200):
        yield from engine.take(0.1).sent
    raise AssertionError("the camera came to no end")


@pytest.mark.parametrize("to_go", [30, 0], ids=["amid", "all frames reported, the last windows not"])
def test_a_camera_goes_on_from_its_state_as_if_nothing_had_happened(film, bright, to_go) -> None:
    shades = WALK + WALK[10:] + [0] * 20
    after = len(shades) - 1 - to_go
    one = job("a", film("walks.avi", shades), {**ZONE, **LINE})  # the second walk, from frame 60 on, is track a#2
    whole, kept, rest = [], None, []
    engine = Engine(factories={"": lambda: bright}, pace=Pace(0.0, 1, 0.0))
    engine.begin(Order(one, 1))
    for sent in frames(engine):
        whole += list(sent.report.readings) if sent.report else []
        if sent.report and sent.report.seq < 75 and sent.kept is not None:
            kept = sent.kept
        if sent.over:
            break
    assert kept is not None and 65 <= kept.seq < 75
    written = Kept(**kept.as_json())
    engine.begin(Order(one, 2, written, after))
    for sent in frames(engine):
        rest += list(sent.report.readings) if sent.report else []
        if sent.over:
            assert sent.over == "ended"
            break
    engine.close()
    assert rest == [reading for reading in whole if reading.seq > after] and rest


def test_a_camera_that_fails_leaves_the_others_running_and_says_why(film, bright, tmp_path) -> None:
    with pool([job("a", film("walk.avi", WALK)), job("b", tmp_path / "none.avi")], bright) as running:
        outcome = run(running)
    assert outcome.counts("a").frames == 60
    assert outcome.codes("b") == ["running", "failed"]
    told = outcome.told["b"][1]
    assert (told.state, "文件不存在" in told.text["zh"]) == ("fault", True)


class Broken(Bright):
    def detect(self, frame: Any, *, min_score: float | None = None) -> Any:
        self.calls += 1
        if self.calls in (5, 6) or self.calls > 20:
            raise RuntimeError("no more")
        return super().detect(frame)


def test_a_frame_on_which_detection_fails_is_counted_and_the_third_within_minutes_ends_the_camera(film) -> None:
    with pool([job("a", film("walk.avi", WALK))], Broken()) as running:
        outcome = run(running)
    assert outcome.codes("a")[-1] == "failed" and "RuntimeError: no more" in outcome.told["a"][-1].text["en"]
    assert outcome.counts("a").failed == 2


def test_an_overload_lowers_the_least_important_tells_it_and_takes_it_back() -> None:
    sources = {"door": Endless(), "store": Endless()}
    cameras = [
        job("door", "usb:0", {"zone": ZONE["zone"]}, fps=10, priority=1),
        job("store", "usb:1", {"zone": ZONE["zone"]}, fps=10, least_fps=2, priority=9),
    ]
    running = InlinePool(cameras, cores=1, opener=lambda one: sources[one.camera], factories={"": Bright}, pace=BRISK)
    with running:
        told = [news for news in running.take(0.0) if not isinstance(news, Report)]
        # a first guess of 69.7 ms a frame: 697 + 697 of 900
        assert [(one.camera, one.code) for one in told] == [("door", "running"), ("store", "lowered")]
        assert told[1].as_status("en")["state"] == "degraded" and told[1].metrics["fps"] == 2
        assert "每秒 10 帧降至 2 帧" in told[1].text["zh"]
        skipped = 0
        for _ in range(200):
            news = running.take(0.1)
            skipped += sum(one.counts.skipped for one in news if isinstance(one, Report) and one.camera == "store")
            back = [one for one in news if not isinstance(one, Report) and one.code == "restored"]
            if back:
                break
        assert back and back[0].camera == "store", "measured, the cameras cost next to nothing"
        assert skipped > 0


def test_frames_of_a_live_camera_are_numbered_on_after_a_new_start() -> None:
    source = Endless()
    engine = Engine(opener=lambda _: source, factories={"": Bright}, pace=BRISK)
    engine.begin(Order(job("a", "usb:0"), 2, None, 30))
    firsts = []
    for sent in frames(engine):
        firsts += [sent.report.first] if sent.report else []
        if sent.over:
            assert (sent.over, sent.run) == ("stopped", 2) and sent.kept is not None and sent.report is not None
            assert sent.kept.seq == sent.report.seq
            break
        engine.stop("a")
    engine.close()
    assert firsts[0] == 31
