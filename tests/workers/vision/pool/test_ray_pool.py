"""The pool over Ray: the same readings as in this process, whatever dies meanwhile, and nothing left behind."""

import importlib.util
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from storeloom.workers.vision.pool import batch

from .conftest import BRISK, ZONE, Outcome, job, run

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra 'ray' is absent")
FAST = {"model": "nanodet_int8", "fps": 5}


@pytest.fixture(scope="module")
def own_ray() -> Iterator[None]:
    """One Ray for the module; the pools share it."""
    from storeloom.workers.pool.ray_session import SESSION
    from storeloom.workers.vision.pool.ray_pool import join

    join("local", 2)
    yield
    SESSION.leave()


def pools() -> tuple[type, type]:
    from storeloom.workers.vision.pool.inline import InlinePool
    from storeloom.workers.vision.pool.ray_pool import RayPool

    return InlinePool, RayPool


@pytest.fixture(scope="module")
def expected(clip: Path) -> Outcome:
    """What the pool of this process makes of two cameras."""
    inline, _ = pools()
    with inline([job("a", clip, **FAST), job("b", clip, **FAST)], pace=BRISK) as pool:
        return run(pool)


@pytest.mark.thorough
def test_actors_read_what_threads_read_and_another_set_of_algorithms_begins_between_two_frames(clip, expected, own_ray) -> None:
    _, over_ray = pools()
    with over_ray([job("a", clip, **FAST), job("b", clip, **FAST)], pace=BRISK) as pool:
        changed: list[list[str]] = []

        def change(outcome: Outcome) -> None:
            if not changed and outcome.reports.get("b"):
                changed.append(pool.set_algorithms("b", {**ZONE, "line": {"algorithm": "line_count", "settings": {"window_s": 1}}}))

        outcome = run(pool, change)
    assert len(expected.readings("a")) >= 10 and any(one.data["occupancy"] == 1 for one in expected.readings("a"))
    assert outcome.readings("a") == expected.readings("a")
    assert changed == [["line"]]
    zone = [(one.seq, one.data) for one in outcome.readings("b") if one.stream == "vision.zone"]
    assert zone == [(one.seq, one.data) for one in expected.readings("b")]
    assert any(one.stream == "vision.count" for one in outcome.readings("b"))
    assert outcome.counts("a").frames == outcome.counts("b").frames == expected.counts("a").frames == 60
    hosts = {told.text["en"] for name in "ab" for told in outcome.told[name] if told.code == "running"}
    assert len(hosts) == 2, "the two cameras shared an actor while one was idle"


def test_a_killed_actor_costs_nothing_of_a_recording_and_is_told(clip, expected, own_ray) -> None:
    _, over_ray = pools()
    with over_ray([job("a", clip, **FAST), job("b", clip, **FAST)], pace=BRISK) as pool:
        killed: list[str] = []

        def kill(outcome: Outcome) -> None:
            now = pool.now()["a"]
            if not killed and now.seq >= 10 and now.host is not None:
                killed.append(now.host)
                os.kill(pool.processes()[now.host], signal.SIGKILL)

        outcome = run(pool, kill)
    assert killed, "the recording was over before anything could be killed"
    for camera in "ab":
        assert outcome.readings(camera) == expected.readings(camera)
        assert outcome.counts(camera).frames == 60
        spans = [(report.first, report.seq) for report in outcome.reports[camera]]
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
    assert outcome.codes("a")[:2] == ["running", "host_lost"] and outcome.codes("a")[-1] == "ended"
    lost = outcome.told["a"][1]
    assert (lost.state, killed[0] in lost.text["zh"]) == ("degraded", True)


def test_ray_data_gives_the_same_rows(clip, tmp_path, own_ray) -> None:
    pytest.importorskip("pyarrow", reason="the extra 'ray' is absent")
    algorithms = {"zone": {"algorithm": "zone_occupancy", "settings": {"window_s": 2}}}
    folder = tmp_path / "night"
    folder.mkdir()
    for camera in "ab":
        (folder / f"{camera}_20260302T220000Z.avi").symlink_to(clip)
    (folder / "b_20260302T220012Z.avi").write_bytes(b"\x00" * 2000)
    wanted = [job(camera, None, algorithms, fps=2, model="nanodet_int8") for camera in "ab"]
    here = list(batch.work(batch.plan(folder, wanted, tmp_path / "here")))
    ray = list(batch.work_on_ray(batch.plan(folder, wanted, tmp_path / "ray"), cores=2))
    assert sorted(map(str, (one.as_json() for one in ray))) == sorted(map(str, (one.as_json() for one in here)))
    assert [one.findings[0].code for one in ray if one.findings] == ["SL-INP-01"]
    for camera in "ab":
        name = f"{camera}/{camera}_20260302T220000Z.avi.jsonl"
        assert (tmp_path / "ray" / name).read_text() == (tmp_path / "here" / name).read_text() != ""


@pytest.mark.parametrize("address", ["127.0.0.1:1", "cluster"])
def test_a_cluster_that_does_not_answer_is_told_at_once(address) -> None:
    from storeloom.workers.vision.pool.hosted import PoolError
    from storeloom.workers.vision.pool.ray_pool import join

    with pytest.raises(PoolError, match="HOST:PORT"):
        join(address, None)
