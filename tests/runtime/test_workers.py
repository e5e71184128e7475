"""What the engines learn goes to the folder of a live store, and nowhere in a dry run."""

import subprocess
import sys
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


def test_what_a_solution_names_of_the_engines_is_there_before_its_first_event() -> None:
    script = "\n".join(
        [
            "import sys",
            "from storeloom.core.kernel.registry import Registry",
            "from storeloom.core.runtime.context import Workers",
            "entry = Registry().load('smart_scheduling')",
            "before = set(sys.modules)",
            "Workers().bring(entry.cls)",
            "print(*sorted(name for name in set(sys.modules) - before if name.startswith('storeloom.workers.')))",
        ]
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    brought = ran.stdout.split()
    assert "storeloom.workers.optimise.shifts" in brought and "storeloom.workers.pool" not in brought


def test_an_engine_that_is_not_installed_is_left_to_the_handler_that_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "storeloom.workers.vision.pipeline", None)  # as without the extra
    declared = Registry(read_catalogue()).load("dish_standard")
    workers = Workers()
    workers.bring(declared.cls)
    with pytest.raises(ImportError):
        workers.vision  # noqa: B018
