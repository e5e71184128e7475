"""Builders that the tests share: a vendor's package made on the spot, bundles and stores as files."""

from __future__ import annotations

import gc
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from storeloom.core.kernel import index
from storeloom.core.kernel.registry import ROOT, Package, Registry, read_catalogue
from storeloom.core.runtime.status import InstanceStatus, QueueStatus, StoreStatus

# Native pools of threads spin while they wait for one another: tests that share cores are many times slower with more than one each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What a strategy draws may take long on a busy machine: that is no fault of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

REPO = ROOT
DATA = REPO.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules, which mostly wait, are spread over the first two thirds: others work meanwhile, and none is left for the end."""
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    long = [path for path, inside in modules.items() if any(item.get_closest_marker("long") for item in inside)]
    others = iter([path for path in modules if path not in long])
    between = (len(modules) - len(long)) * 2 // (3 * max(1, len(long)))
    order = [path for one in long for path in (one, *islice(others, between))]
    items[:] = [item for path in (*order, *others) for item in modules[path]]


def pytest_collection_finish() -> None:
    """What collecting made stays to the end: no later garbage collection needs to walk over it."""
    gc.collect()
    gc.freeze()


SOLUTION = '''
"""{purpose}"""

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer


class Toy(Solution):
    zh, en = "玩具", "Toy"
    purpose_zh = "测试用"
    formats = ("supermarket",)
    produces = ({produces})
    adapters = ({adapters})
    reads = ("assets",)
    kpis = {{"seen": kpi("count", "Seen", "次数")}}
    kinds = {{"hot": ("Hot", "过热")}}

    class Config(SolutionConfig):
        limit_c: float = setting(5.0, "Limit", "上限", unit="°C", ge=-30, le=15)
        slow: int = setting(1, "Slow", "慢", effect="restart")
        mode: str = setting("a", "Mode", "模式", pattern="^[ab]$")

{handlers}
'''


class ToyPackage:
    """A vendor's package in a folder, installed for this test: on sys.path, with its entry point."""

    def __init__(self, folder: Path, name: str = "toyshop") -> None:
        self.name = name
        self.site = folder
        self.root = folder / name
        self._lines: list[str] = []
        (self.root / "solutions").mkdir(parents=True)
        for init in (self.root, self.root / "solutions"):
            (init / "__init__.py").write_text('"""A vendor."""\n', encoding="utf-8")
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[storeloom.plugins]\n{name} = {name}\n", encoding="utf-8")

    def add(
        self,
        solution: str,
        handlers: str,
        *,
        produces: str = '"alert.raise",',
        adapters: str = "",
        purpose: str = "A toy.",
        tail: str = "",
        source: str | None = None,
    ) -> None:
        """Add a solution, or a new version of it; `handlers` are its methods, `source` replaces the whole module."""
        text = source or SOLUTION.format(
            purpose=purpose, produces=produces, adapters=adapters, handlers=textwrap.indent(textwrap.dedent(handlers), "    ")
        )
        (self.root / "solutions" / f"{solution}.py").write_text(text + textwrap.dedent(tail), encoding="utf-8")
        line = f'{solution} = "solutions/{solution}.py"'
        self._lines += [line] if line not in self._lines else []
        listing = "[scenario.energy.solutions]\n" + "\n".join(self._lines) + "\n"
        (self.root / "plugins.toml").write_text(listing, encoding="utf-8")

    def forget(self) -> None:
        """Let the modules be imported anew."""
        for name in [name for name in sys.modules if name.split(".")[0] == self.name]:
            del sys.modules[name]

    @property
    def package(self) -> Package:
        return Package(self.name, self.root)

    def registry(self) -> Registry:
        """Index the package, and the registry over it and the built-in plugins."""
        _, findings = index.write(self.package)
        assert not findings, [finding.render() for finding in findings]
        return Registry(read_catalogue([Package("storeloom", ROOT), self.package]))


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ToyPackage]:
    """An empty vendor's package that the kernel finds."""
    made = ToyPackage(tmp_path / "site")
    monkeypatch.syspath_prepend(str(made.site))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield made
    made.forget()


@pytest.fixture
def another_package(tmp_path: Path) -> type[ToyPackage]:
    """The builder itself, for tests that need a second package."""
    return ToyPackage


STORE = """
[store]
store = "s1"
format = "supermarket"
zone = "Asia/Shanghai"
language = "en"
hours = {{ open = "08:00", close = "22:00" }}
edge = {{ cores = 4, memory_mb = 4096 }}
[store.devices]
{devices}
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., Path]:
    """Writes a bundle file: its solutions as TOML, its devices by kind."""

    def write(solutions: str, *, devices: Mapping[str, str] | None = None, name: str = "bundle.toml", **more: Any) -> Path:
        lines = "\n".join(f'{device} = {{ kind = "{kind}" }}' for device, kind in (devices or {"probe-1": "sensor"}).items())
        path = tmp_path / name
        path.write_text('document = "bundle/1"\n' + textwrap.dedent(solutions) + STORE.format(devices=lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def made_status() -> Callable[..., StoreStatus]:
    """Makes the status of a store in which all four ways of an instance to be are seen; anything can be set otherwise."""

    def make(**more: Any) -> StoreStatus:
        rows = (
            (
                "shelf_gap_camera",
                "process",
                "resting",
                "RuntimeError: no model file; rests until 14:15:00 UTC",
                812,
                20,
                9,
                0,
                12.18,
                930.1,
                211.5,
            ),
            ("cold_chain_excursion", "shared", "level", "", 1204332, 812, 0, 0, 41.25, 3.21, None),
            ("demand_forecast", "process", "behind", "catching up after a rest", 100, 3, 1, 48211, 300.2, 12031.9, 512.0),
            ("smart_cart", "shared", "level", "", 0, 0, 0, 0, 0.0, 0.0, None),
        )
        facts: dict[str, Any] = {
            "store": "store-014",
            "bundle": "north 1.4.0",
            "pid": 4711,
            "since": "2026-03-02T10:00:00Z",
            "now": "2026-03-05T14:12:31Z",
            "restarts": 2,
            "last": 1204332,
            "oldest": 884001,
            "log_bytes": 412_345_678,
            "inbox": 3,
            "instances": tuple(InstanceStatus(row[0], row[0], "1.0.0", *row[1:]) for row in rows),
            "queues": (
                QueueStatus("camera.frame", "drop_oldest", 64, 64, 120443, 9120, 0, 0),
                QueueStatus("pos.sale", "block", 10000, 0, 20331, 0, 0, 0),
                QueueStatus("sensor.reading", "sample", 1000, 12, 204431, 0, 3, 1),
            ),
            "outbox": {"waiting": 2, "sent": 20331, "dead": 1},
            "uplink": {"waiting": 1204},
            "memory_mb": 312.4,
            "troubles": ("the clock of till-3 is 14 minutes fast",),
        }
        return StoreStatus(**{**facts, **more})

    return make
