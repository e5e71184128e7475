"""Area `catalogue`: reading 191 declared solutions as a cold process, beside a bare JSON index."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from storeloom.core.bench.harness import Result, cold
from storeloom.core.bench.made import make_package
from storeloom.core.kernel.registry import read_catalogue

TOTAL, RUNS = 191, 11


def measure() -> list[Result]:
    """Wall time and memory of `storeloom catalogue --json`, and the plugins that it imported."""
    with tempfile.TemporaryDirectory() as folder:
        package = make_package(Path(folder), read_catalogue(), TOTAL)
        env = {**os.environ, "PYTHONPATH": folder}
        ours = [sys.executable, "-m", "storeloom.core.cli", "catalogue", "--json"]
        bare = [sys.executable, "-c", f"import json; json.load(open({str(package.index)!r}))"]
        times: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
        for _ in range(RUNS):
            times["ours"].append(cold(ours, env))
            times["bare"].append(cold(bare, env))
        imported = _imported(env)
    wall = {name: statistics.median(seconds for seconds, _ in found) * 1000 for name, found in times.items()}
    peak = max(mib for _, mib in times["ours"])
    return [
        Result("catalogue_cold", wall["ours"], "ms", "<= 150", "stated limit", RUNS),
        Result("catalogue_peak_memory", peak, "MiB", "<= 25", "stated limit", RUNS),
        Result(
            "catalogue_against_bare_index", wall["ours"] / wall["bare"], "ratio", "<= 5", "json.load of the index in a cold process", RUNS
        ),
        Result("plugins_imported", imported, "count", "<= 0", "stated limit", 1),
    ]


def _imported(env: dict[str, str]) -> int:
    """Plugin modules that a listing of the whole catalogue imports."""
    import subprocess

    code = (
        "import sys; from storeloom.core.cli import main; main(['catalogue', '--json'])\n"
        "print(sum(m.startswith(('storeloom.plugins.', 'benchpack.')) for m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return int(done.stderr.strip().splitlines()[-1])
