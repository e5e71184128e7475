"""One call surface, the same answers wherever the work runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from storeloom.workers.pool import Failed, Pool, PoolError, Progress, chosen, open_pool
from storeloom.workers.pool.split import parts, seeds
from tests.workers.pool import calls

RAY = pytest.param("ray", marks=pytest.mark.thorough)
PLACES = ("inline", "processes", RAY)


@pytest.fixture(scope="module", params=PLACES)
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    if request.param == "ray" and find_spec("ray") is None:
        pytest.skip("the extra 'ray' is not installed")
    with open_pool(request.param, cores=2) as made:
        yield made


@pytest.fixture(params=("processes", RAY))
def apart(request: pytest.FixtureRequest) -> Iterator[Pool]:
    """A pool whose workers can be killed."""
    if request.param == "ray" and find_spec("ray") is None:
        pytest.skip("the extra 'ray' is not installed")
    with open_pool(request.param, cores=2) as made:
        yield made


def test_results_stand_in_the_order_of_the_items(pool: Pool) -> None:
    assert pool.map(calls.square, range(50)) == [n * n for n in range(50)]
    assert pool.map(calls.square, [7, 1, 7], chunk=1) == [49, 1, 49]
    assert pool.map(calls.square, []) == []


def test_chunks_do_not_change_results(pool: Pool) -> None:
    drawn = [calls.drawn(seed) for seed in seeds(7, 20)]
    assert pool.map(calls.drawn, seeds(7, 20), chunk=1) == drawn
    assert pool.map(calls.drawn, seeds(7, 20), chunk=9) == drawn


def test_all_that_failed_is_named_and_the_rest_is_done(pool: Pool) -> None:
    with pytest.raises(PoolError) as caught:
        pool.map(calls.picky, range(25), chunk=4)
    assert [one.number for one in caught.value.failed] == [3, 13, 23]
    assert "3 of 25 calls failed" in str(caught.value)
    assert "item 13 (13): ValueError: not 13" in str(caught.value)
    assert "picky" in caught.value.failed[0].trace
    kept = pool.map(calls.picky, range(5), errors="keep")
    assert [one.number if isinstance(one, Failed) else one for one in kept] == [0, 1, 2, 3, 4]


def test_a_stream_ends_at_its_first_failure(pool: Pool) -> None:
    stream = pool.stream(calls.picky, range(25), chunk=1)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(PoolError, match="not 3"):
        next(stream)


def test_an_endless_stream_reads_no_further_ahead_than_it_may(pool: Pool) -> None:
    source = count()
    stream = pool.stream(calls.square, source)
    assert [next(stream) for _ in range(5)] == [0, 1, 4, 9, 16]
    stream.close()
    assert next(source) <= 5 + 2 * pool.cores
    assert pool.map(calls.square, [3]) == [9], "the pool goes on"


def test_a_large_table_goes_to_workers_once_and_is_read_only(pool: Pool) -> None:
    table = np.arange(2000.0).reshape(100, 20)
    shared = pool.share(table)
    assert pool.map(calls.total, range(100), shared) == table.sum(axis=1).tolist()
    if pool.cores > 1:
        with pytest.raises(PoolError, match="read-only"):
            pool.map(calls.writes, [0], shared)


def test_progress_counts_items(pool: Pool) -> None:
    told: list[Progress] = []
    pool.map(calls.picky, range(10), chunk=5, progress=told.append, errors="keep")
    assert [(one.done, one.total, one.failed) for one in told] == [(5, 10, 1), (10, 10, 1)]
    assert told[-1].left_s == 0 and told[0].left_s is not None


def test_jobs_end_fail_and_are_cancelled(pool: Pool) -> None:
    first, bad, dropped = pool.submit(calls.square, 6), pool.submit(calls.picky, 3), pool.submit(calls.square, 1)
    dropped.cancel()
    assert first.result() == 36 and first.result() == 36
    with pytest.raises(PoolError, match="ValueError: not 3"):
        bad.result()
    with pytest.raises(PoolError, match="cancelled"):
        dropped.result()
    first.cancel()
    assert first.state == "done"


def test_a_result_that_cannot_travel_is_a_failure(apart: Pool) -> None:
    with pytest.raises(PoolError) as caught:
        apart.map(calls.unpicklable, range(2), chunk=1)
    assert len(caught.value.failed) == 2


def test_work_of_a_lost_worker_is_redone(apart: Pool, tmp_path: Path) -> None:
    items = [(n, str(tmp_path / "killed") if n == 4 else "") for n in range(12)]
    assert apart.map(calls.lost_once, items, chunk=2) == list(range(12))
    assert (tmp_path / "killed").exists()


def test_an_item_that_kills_its_workers_is_named_and_no_other_is_lost(apart: Pool) -> None:
    found = apart.map(calls.deadly, range(8), chunk=4, errors="keep")
    assert [one for one in found if not isinstance(one, Failed)] == [0, 1, 2, 3, 4, 6, 7]
    assert isinstance(found[5], Failed) and "worker was lost" in found[5].error


def test_workers_are_other_processes_of_one_thread(apart: Pool) -> None:
    assert os.getpid() not in apart.map(calls.where, range(4))
    assert set(apart.map(calls.threads, range(4))) == {"1"}


def test_the_main_module_is_not_run_again_in_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ModuleType("__main__")
    page.__file__ = str(tmp_path / "page.py")
    (tmp_path / "page.py").write_text("raise RuntimeError('a page has effects')\n")
    monkeypatch.setitem(sys.modules, "__main__", page)
    with open_pool("processes", cores=1) as made:
        assert made.map(calls.square, [3]) == [9]
    assert sys.modules["__main__"] is page


def test_where_the_environment_sends_work() -> None:
    assert chosen({}) == "inline"
    assert chosen({"RAY_ADDRESS": "ray://head:10001"}) == "ray://head:10001"
    assert chosen({"RAY_ADDRESS": "x:1", "STORELOOM_POOL": "processes"}) == "processes"
    with pytest.raises(ValueError, match="not 'cloud'"):
        open_pool("cloud")


def test_parts_are_of_like_weight() -> None:
    assert parts({"a": 5, "b": 3, "c": 3, "d": 1}, 2) == [["a", "d"], ["b", "c"]]
    assert parts({"a": 1}, 4) == [["a"]]
    assert parts({}, 3) == []
    with pytest.raises(ValueError, match="at least one"):
        parts({"a": 1}, 0)


def test_seeds_depend_on_their_place_alone() -> None:
    assert seeds(1, 5)[:3] == seeds(1, 3)
    assert len(set(seeds(1, 1000))) == 1000
