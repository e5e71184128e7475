"""`storeloom plugin new`: what it writes works at once, is well set, and never takes a file's place; what is wrong is told all at once."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storeloom.core.cli import main
from storeloom.core.conformance.adapters import conform
from storeloom.core.kernel import index, schemas
from storeloom.core.kernel.registry import BUILT_IN, ROOT, Package, Registry, read_catalogue
from storeloom.core.scaffold.listing import with_line
from storeloom.core.scaffold.render import FRAMES, STATUS, version_range
from storeloom.core.scaffold.request import LONGEST, Wanted
from storeloom.core.scaffold.samples import literal, sample
from storeloom.core.virtual.episode import run_all

CATALOGUE = read_catalogue([Package(BUILT_IN, ROOT)])
New = Callable[..., Path]


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[New]:
    """Runs `plugin new` in a folder of its own; the package's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made: list[str] = []

    def run(name: str, *words: str) -> Path:
        made.append(name)
        assert main(["plugin", "new", name, *words]) == 0
        return tmp_path / name

    yield run
    for module in [module for module in sys.modules if module.split(".")[0] in {name.replace("-", "_") for name in made}]:
        del sys.modules[module]


def package_of(folder: Path) -> Package:
    name = folder.name.replace("-", "_")
    return Package(name, folder / "src" / name)


def test_a_new_package_works_at_once(new: New, capsys: pytest.CaptureFixture[str]) -> None:
    """Its schemas are fresh, its episodes hold, its driver works with its twin, its first episode is the sample; nothing is left to do."""
    folder = new("acme-shop", "--solution", "premise/energy/acme_warm", "--adapter", "scale/acme_scale", "--vendor", 'Acme "A" GmbH')
    assert "+ src/acme_shop/solutions/acme_warm.py" in capsys.readouterr().out
    package = package_of(folder)
    assert index.check(package) == []
    registry = Registry(read_catalogue([Package(BUILT_IN, ROOT), package]))
    results = list(run_all([package.root / "tests"], registry))
    assert len(results) == 2 and [result.differences for result in results if not result.ok] == []
    sample_file = registry.sample_episode("acme_warm")
    assert sample_file is not None and sample_file.name == "01_over_its_limit.yaml"
    checks = list(conform(registry, "acme_scale", ("settings", "round_trip", "restart", "fault:stale:during", "fault:reset:between")))
    assert len(checks) == 5 and [(check.name, check.got) for check in checks if not check.ok] == []
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["storeloom.plugins"] == {"acme_shop": "acme_shop"}
    assert project["dependencies"] == [f"storeloom[devices]{version_range('0.1.0')}"] and project["license"] == "MIT"
    assert project["authors"] == [{"name": 'Acme "A" GmbH'}]


def test_the_text_is_as_ruff_leaves_it_whatever_the_names(new: New, tmp_path: Path) -> None:
    """With ruff's own defaults: for the shortest and longest names, and drivers that feed, take, do both."""
    longest = "x" * LONGEST
    new("a", "--solution", "energy/b", "user_reach/vip_reach", "--adapter", "rfid/c", "printer/d")
    new("y" * LONGEST, "--solution", f"energy/{longest}", "--adapter", f"online_store/{longest}", "terminal/d")
    for words in (["check"], ["format", "--check", "--diff"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--isolated", "--no-cache", str(tmp_path)], check=False, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("kind", CATALOGUE.adapter_kinds)
def test_what_a_new_twin_says_and_is_told_fits_the_streams(kind: str) -> None:
    facts = CATALOGUE.adapter_kinds[kind]
    for stream in [*(one for one in facts["feeds"] if one not in (STATUS, FRAMES))][:1]:
        said = [eval(literal(sample(stream, command=False), 0), {"UNIT": "unit-1", "number": number}) for number in (0, 999)]
        assert [schemas.first_error(schemas.stream_file(stream), one) for one in said] == [None, None]
        assert said[0] != said[1]
    for stream in [*facts["takes"]][:1]:
        told = eval(literal(sample(stream, command=True), 0), {"UNIT": "unit-1", "number": 7})
        assert schemas.first_error(schemas.stream_file(stream), told) is None
        assert told[schemas.target_field(stream)] == "unit-1" and told["cmd"] == "c7"


def test_more_is_added_to_the_package_here_and_nothing_else_changes(new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new("acme-shop", "--solution", "energy/acme_warm")
    listing = package_of(folder).listing
    listing.write_text(listing.read_text(encoding="utf-8") + "# kept\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.chdir(folder)
    assert main(["plugin", "new", "--solution", "energy/acme_cold", "--adapter", "gate/acme_gate"]) == 0
    changed = {path for path, text in before.items() if path.read_bytes() != text}
    assert changed == {listing, package_of(folder).index}
    assert listing.read_text(encoding="utf-8").splitlines()[2:] == [
        "[scenario.energy.solutions]",
        'acme_warm = "solutions/acme_warm.py"',
        'acme_cold = "solutions/acme_cold.py"',
        "# kept",
        "",
        "[adapters.gate]",
        'acme_gate = "adapters/acme_gate.py"',
    ]
    assert index.check(package_of(folder)) == []


def test_no_file_is_overwritten_and_all_that_stand_in_the_way_are_told(new: New, capsys: pytest.CaptureFixture[str]) -> None:
    folder = new("acme-shop", "--solution", "energy/acme_warm")
    source = package_of(folder).root
    kept = [source / "solutions" / "mine.py", source / "adapters" / "gate_twin.py"]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    words = ["--solution", "energy/mine", "energy/acme_warm", "--adapter", "gate/gate", "--json"]
    assert main(["plugin", "new", "acme-shop", *words]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [one["code"] for one in found] == ["SL-NEW-04", "SL-NEW-10", "SL-NEW-10"]
    assert {os.path.basename(one["file"]) for one in found[1:]} == {"mine.py", "gate_twin.py"}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_all_that_is_wrong_is_told_at_once_in_both_languages(new: New, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    solutions = ["enrgy/Foo", "people/energy/a", "energy", "energy/smart_cart", "energy/b", "energy/b"]
    words = ["plugin", "new", "json", "--solution", *solutions, "--adapter", "scael/x", "scale/sics_scale", "scale/class"]
    for lang, hint in (("en", "Did you mean 'energy'?"), ("zh", "是否想写“energy”？")):
        assert main([*words, "--lang", lang]) == 1
        told = capsys.readouterr().err
        codes = ["NEW-01", "PLG-01", "NEW-03", "NEW-05", "NEW-02", "NEW-04", "NEW-06", "PLG-01", "NEW-04", "NEW-03"]
        assert [line.split("[SL-")[1].rstrip("]") for line in told.splitlines() if "[SL-" in line] == codes
        assert hint in told and ("foo" in told) and ("scale" in told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["acme"], "SL-NEW-09", 2),
        (["--solution", "energy/a"], "SL-NEW-08", 1),
        (["acme", "other", "--solution", "energy/a"], "SL-CLI-01", 2),
        (["other", "--output", "acme-shop", "--solution", "energy/a"], "SL-NEW-07", 1),
        (["numpy", "--solution", "energy/a"], "SL-NEW-01", 1),
        (["1shop", "--solution", "energy/a"], "SL-NEW-01", 1),
    ],
)
def test_a_request_that_makes_no_sense(new: New, capsys: pytest.CaptureFixture[str], words: list[str], code: str, exit_code: int) -> None:
    new("acme-shop", "--solution", "energy/acme_warm")
    capsys.readouterr()
    assert main(["plugin", "new", *words]) == exit_code
    assert f"[{code}]" in capsys.readouterr().err


def test_a_line_goes_into_its_table_or_is_refused() -> None:
    one = Wanted("adapter", "gate", "g")
    assert (
        with_line('[adapters.gate]\na = "a.py"\n\n[adapters.pos]\n', one)
        == '[adapters.gate]\na = "a.py"\ng = "adapters/g.py"\n\n[adapters.pos]\n'
    )
    with pytest.raises(ValueError):
        with_line('[adapters]\ngate = { a = "a.py" }\n', one)


def test_a_package_of_drivers_alone_is_looked_for_among_adapters(new: New) -> None:
    folder = new("acme-gates", "--adapter", "gate/acme_gate")
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.count("$ storeloom catalogue --adapters --search acme_gate") == 2 and text.count("$ storeloom show acme_gate") == 2


@pytest.mark.parametrize(("version", "wanted"), [("0.1.0", ">=0.1,<0.2"), ("1.4.2", ">=1.4,<2"), ("2.0.0rc1", ">=2.0,<3")])
def test_the_range_of_storeloom_ends_where_it_may_break(version: str, wanted: str) -> None:
    assert version_range(version) == wanted


@pytest.mark.skipif(int(importlib.metadata.version("setuptools").split(".")[0]) < 77, reason="setuptools 77 knows SPDX licences (PEP 639)")
def test_its_wheel_is_whole_and_works_where_it_is_installed(new: New, tmp_path: Path) -> None:
    """Built and installed as a vendor does; in other processes its own tests pass, and it is listed and shown as its README says."""
    folder = new("acme-shop", "--solution", "energy/acme_warm", "--adapter", "scale/acme_scale")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    site = tmp_path / "site"
    subprocess.run([*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", str(tmp_path), str(folder)], check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--no-compile", "--target", str(site), str(wheel)], check=True, capture_output=True)
    own = package_of(folder).root
    shipped = {path.relative_to(own) for path in own.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert shipped == {path.relative_to(site / "acme_shop") for path in (site / "acme_shop").rglob("*") if path.is_file()}
    script = tmp_path / "bin" / "storeloom"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m storeloom.core.cli "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    env = {
        **os.environ,
        "PATH": os.pathsep.join([str(script.parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(site)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }

    def ran(*words: str) -> str:
        done = subprocess.run(words, capture_output=True, text=True, env=env, cwd=folder, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "3 passed" in ran(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    said = re.findall(r"^\$ (storeloom (?:catalogue|show) .+)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(said) == 4 and "Acme warm  (acme_warm 0.1.0, acme_shop)" in ran(*said[1].split())
    assert "acme_warm" in ran(*said[0].split())
