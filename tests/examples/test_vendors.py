"""The vendors of examples/vendors, installed with pip beside storeloom: without a changed line their plugins are listed and tried."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.cli import main
from storeloom.core.conformance.adapters import conform
from storeloom.core.kernel import index
from storeloom.core.kernel.registry import ROOT, Package, Registry, read_catalogue
from storeloom.core.virtual.episode import run_all

VENDORS = ROOT / "examples" / "vendors"
PACKAGES = {"lumen-produce": "lumen_produce", "borea-chain": "borea_chain"}
STORE = """\
document = "store/1"
store = "one"
format = "supermarket"
zone = "UTC"
currency = "EUR"
language = "en"
hours = { open = "08:00", close = "22:00" }
"""
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)
PEPPERS = {"red": (30, 30, 180), "green": (40, 120, 60)}  # BGR

pytestmark = pytest.mark.skipif(
    int(importlib.metadata.version("setuptools").split(".")[0]) < 77, reason="setuptools 77 knows SPDX licences (PEP 639)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Both packages, installed in a folder that is on the path, as beside storeloom; the sources are left as they are."""
    folder = tmp_path_factory.mktemp("vendors")
    before = sources()
    copies = [folder / "sources" / name for name in PACKAGES]
    for name, copy in zip(PACKAGES, copies, strict=True):
        for path, data in before[name].items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes(data)
    words = ["install", "--no-build-isolation", "--no-deps", "--no-compile", "--target", str(folder / "site"), *map(str, copies)]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *words], check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "site"))
        patch.setattr(sys, "dont_write_bytecode", True)
        yield folder / "site"
    for module in [name for name in sys.modules if name.split(".")[0] in PACKAGES.values()]:
        del sys.modules[module]


def sources() -> dict[str, dict[Path, bytes]]:
    """The files of each example, but for what tools leave beside them."""
    left = {"__pycache__", "build", "dist", ".ruff_cache", ".mypy_cache", ".pytest_cache"}
    return {
        name: {
            path.relative_to(VENDORS / name): path.read_bytes()
            for path in (VENDORS / name).rglob("*")
            if path.is_file() and not any(part in left or part.endswith(".egg-info") for part in path.parts)
        }
        for name in PACKAGES
    }


@pytest.mark.parametrize(("name", "module"), PACKAGES.items())
def test_the_sources_are_fresh_and_shipped_whole(site: Path, name: str, module: str) -> None:
    assert index.check(Package(module, VENDORS / name / "src" / module)) == []
    own = Path("src") / module
    shipped = {path.relative_to(site / module) for path in (site / module).rglob("*") if path.is_file()}
    assert shipped == {path.relative_to(own) for path in sources()[name] if path.is_relative_to(own)}
    facts = importlib.metadata.metadata(name)
    assert facts["License-Expression"] == "MIT" and facts["Version"] in (VENDORS / name / "CHANGELOG.md").read_text(encoding="utf-8")
    assert any(str(path).endswith("licenses/LICENSE") for path in importlib.metadata.files(name) or ())


def test_they_are_listed_shown_and_tried_by_the_command_line(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> Any:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert said("show", "lumen_pepper_bins")["package"] == "lumen_produce"
    assert said("show", "borea_chain")["package"] == "borea_chain"
    assert [one["id"] for one in said("catalogue", "--adapters", "--search", "borea shelf")["adapters"]] == ["borea_chain"]
    found = next(one for one in said("models", "list")["models"] if one["name"] == "peppers")
    assert found["licence"] == "MIT" and Path(found["folder"]) == site / "lumen_produce" / "models" / "peppers"
    assert said("try", "--solution", "lumen_pepper_bins", "--scale", "0.05")


def test_the_studio_shows_them(site: Path) -> None:
    pytest.importorskip("streamlit", reason="the extra studio is absent")
    from storeloom.studio import common
    from storeloom.studio.stores import dress
    from storeloom.studio.views import catalogue
    from tests.studio.pages import opened

    cached = (common.registry, catalogue.searcher)
    for one in cached:
        one.clear()  # type: ignore[attr-defined]
    try:
        page = opened("views/catalogue.py", "zh", search="彩椒")
        assert any("彩椒货格混放检查" in button.label for button in page.button)
        page = opened("views/catalogue.py", "en", solution="lumen_pepper_bins")
        assert page.title[0].value == "Pepper bin check"
        page = opened("views/catalogue.py", "en", solution="weight_sensing_shelf")
        assert any("Borea BX-L shelf chain" in str(table.value.values.tolist()) for table in page.table)
        form = dress.device({"kind": "scale", "adapter": "borea_chain"}, common.registry().catalogue)
        assert "borea_chain" in form["properties"]["adapter"]["enum"] and "cells" in form["properties"]["settings"]["properties"]
    finally:
        for one in cached:
            one.clear()  # type: ignore[attr-defined]


def test_what_their_readmes_say_to_set_is_composed(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bins, shelf = ("".join(TOML.findall((VENDORS / name / "README.md").read_text(encoding="utf-8"))) for name in PACKAGES)
    (tmp_path / "bundle.toml").write_text(f'document = "bundle/1"\nname = "One"\nstore = "store.toml"\n{bins}', encoding="utf-8")

    def composed(devices: str) -> Any:
        (tmp_path / "store.toml").write_text(f'{STORE}\n[devices.camera-1]\nkind = "camera"\n{devices}', encoding="utf-8")
        code = main(["compose", str(tmp_path / "bundle.toml"), "--json"])
        told = json.loads(capsys.readouterr().out)
        assert code == (0 if told["ok"] else 1)
        return told

    good = composed(shelf)
    assert good["findings"] == []
    assert good["solutions"]["lumen_pepper_bins"]["config"]["bins"][0]["holds"] == "green_bell"
    found = composed(shelf.replace("cell = 1", "cell = 32"))["findings"]
    assert [one["path"] for one in found] == ["store.devices.shelf-3.settings.cells[0].cell"]


def test_the_episodes_hold_and_the_driver_stands_its_own_faults(site: Path) -> None:
    registry = Registry(read_catalogue())
    results = list(run_all([registry.catalogue.solution("lumen_pepper_bins").package.episodes], registry))
    assert len(results) == 2 and [one.differences for one in results if not one.ok] == []
    faults = ("checksum:during", "stale:during", "busy:during", "odd:between", "reset:between")
    checks = list(conform(registry, "borea_chain", ("settings", "round_trip", "restart", *(f"fault:{one}" for one in faults))))
    assert len(checks) == 8 and [(one.name, one.got) for one in checks if not one.ok] == []


def test_real_pixels_go_through_the_vendors_model(site: Path, tmp_path: Path) -> None:
    """A bin of green peppers is shown red ones for two minutes, then green ones; the bin beside it is right all the time."""
    numpy = pytest.importorskip("numpy")
    pytest.importorskip("onnxruntime", reason="the extra vision is absent")
    from lumen_produce.solutions.lumen_pepper_bins import LumenPepperBins  # type: ignore[import-not-found]

    from tests.plugins.plugin_runs import Run

    start = datetime(2026, 3, 2, 10, tzinfo=UTC)
    bins = [
        {"camera": "camera-1", "slot": "P1", "holds": "green_bell", "box": [0.0, 0.0, 0.5, 1.0]},
        {"camera": "camera-1", "slot": "P2", "holds": "red_bell", "box": [0.5, 0.0, 0.5, 1.0]},
    ]
    store = Run(LumenPepperBins, start, {}, tmp_path, {"bins": bins}, "supermarket")
    for second in range(0, 200, 10):
        picture = numpy.full((48, 64, 3), PEPPERS["red"], numpy.uint8)
        if second >= 150:
            picture[:, :32] = PEPPERS["green"]
        frame = {"camera": "camera-1", "seq": second, "width": 64, "height": 48, "pixels": picture}
        store.give("camera.frame", start + timedelta(seconds=second), **frame)
    told = [(one.stream, one.data.get("subject"), one.data.get("state")) for one in store.outs]
    assert told == [("alert.raise", "P1", "open"), ("task.create", None, None), ("alert.raise", "P1", "cleared")]


def test_the_vendors_own_tests_pass_where_it_is_installed(site: Path) -> None:
    """As its CI runs them, in a process of its own."""
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env = {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    ran = subprocess.run(words, capture_output=True, text=True, env=env, cwd=VENDORS / "lumen-produce", check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "7 passed" in ran.stdout
