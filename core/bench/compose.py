"""Area `compose`: checking one bundle of 40 solutions, and the configs of 10,000 stores, beside bare jsonschema-rs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from storeloom.core.bench.harness import Result, interleaved
from storeloom.core.bench.made import config, make_package
from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.fleet import check_fleet
from storeloom.core.kernel.registry import Registry, read_catalogue

SOLUTIONS, STORES, SLICE = 40, 10_000, 1_000
STORE = """
[store]
store = "s1"
format = "supermarket"
zone = "Asia/Shanghai"
hours = { open = "08:00", close = "22:00" }
edge = { cores = 8, memory_mb = 16384 }
[store.devices]
till = { kind = "pos" }
probe = { kind = "sensor" }
"""


def measure() -> list[Result]:
    """One bundle from its file to its findings; a tenth of the fleet, scaled up."""
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        try:
            return _measure(Path(folder))
        finally:
            sys.path.remove(folder)


def _measure(folder: Path) -> list[Result]:
    make_package(folder, read_catalogue(), 191)
    registry = Registry(read_catalogue())
    names = [name for name in registry.catalogue.solutions if name.startswith("made_")][:SOLUTIONS]
    file = folder / "bundle.toml"
    body = "".join(f"[solutions.{name}.config]\nlimit_1 = 4\nmode = 'b'\n" for name in names)
    file.write_text(f'document = "bundle/1"\n{body}{STORE}', encoding="utf-8")
    assert compose(file, registry).plan is not None
    one = interleaved({"compose": lambda: compose(file, registry)}, 15)["compose"]

    fleet = [(f"store-{n}", {name: config(n * SOLUTIONS + k) for k, name in enumerate(names)}) for n in range(SLICE)]
    checks = [schemas.validator(registry.catalogue.solutions[name].schema_file).is_valid for name in names]

    def bare() -> None:
        import orjson

        for _, configs in fleet:
            for is_valid, text in zip(checks, configs.values(), strict=True):
                is_valid(orjson.loads(text))

    def ours() -> int:
        return sum(len(findings) for _, findings in check_fleet(fleet, registry.catalogue))

    assert ours() == SLICE * SOLUTIONS // 50
    times = interleaved({"bare": bare, "ours": ours}, 7)
    whole = times["ours"] * STORES / SLICE
    return [
        Result("bundle_of_40", one * 1000, "ms", "<= 50", "stated limit", 15),
        Result("fleet_of_400000_configs", whole, "s", "<= 10", f"stated limit; measured on {SLICE} stores, scaled", 7),
        Result("fleet_against_bare", times["bare"] / times["ours"], "ratio", ">= 0.5", "orjson.loads + jsonschema-rs is_valid", 7),
    ]
