"""What the engines learn goes to the folder of a live store, and nowhere in a dry run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry, read_catalogue
from storeloom.core.runtime.context import Workers
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog
from tests.workers.vision.items.toys import Colours, plain

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
PROFILE = {"store": "s1", "format": "supermarket", "zone": "Asia/Shanghai", "hours": {"open": "08:00", "close": "22:00"}}


def enrol_apple(workers: Workers) -> None:
    shops = workers.vision.items
    shops._make = Colours
    shops.enrol("produce", "apple", [Colours().embed(plain(0, 0, 200))])


def test_a_live_store_keeps_catalogues_where_train_items_writes_them_and_tells_what_is_wrong(tmp_path: Path) -> None:
    engine = Engine(Plan(PROFILE, ()), Registry(read_catalogue()), StoreLog(), {}, AT, data=tmp_path)
    assert engine.workers.troubles() == ()
    (tmp_path / "items" / "bakery").mkdir(parents=True)
    (tmp_path / "items" / "bakery" / "catalogue.json").write_text("{")
    enrol_apple(engine.workers)
    assert engine.workers.vision.items.gtins("bakery") == ()
    assert [finding.code for finding in engine.workers.troubles()] == ["SL-ITM-11"]
    engine.close()
    assert (tmp_path / "items" / "produce" / "catalogue.json").is_file()


def test_a_dry_run_keeps_them_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    workers = Workers()
    enrol_apple(workers)
    workers.close()
    assert workers.vision.items.gtins("produce") == ("apple",) and list(tmp_path.iterdir()) == []


def test_an_engine_that_nobody_used_is_not_made_to_be_closed(tmp_path: Path) -> None:
    workers = Workers(tmp_path)
    workers.close()
    assert workers._vision is None


def test_heavy_work_runs_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for place, cores in (("inline", 1), ("processes", 2)):
        monkeypatch.setenv("STORELOOM_POOL", place)
        monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
        workers = Workers()
        assert workers.pool is workers.pool
        assert workers.pool.cores == cores
        assert workers.pool.map(square, [2, 3]) == [4, 9]
        workers.close()


def square(number: int) -> int:
    return number * number
