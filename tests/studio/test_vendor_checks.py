"""A vendor's package is checked in processes of its own: what it brings, what holds, and that nothing of it reaches the studio."""

import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from storeloom.studio.vendor import checks
from tests.agent.wheels import wheel
from tests.studio.toy_wheel import toy_wheel

SOON_S = 60.0


def through(check: checks.Check) -> dict[str, tuple[bool, object]]:
    """Each rule with its outcome, once all are through."""
    until = time.monotonic() + SOON_S
    while check.done is None:
        assert time.monotonic() < until, (check.folder / "runner.err").read_text()
        time.sleep(0.05)
    return {f"{row['part']} {row['check']}": (row["ok"], row["got"]) for row in check.rows}


def test_a_good_package_has_its_grade_and_is_told_what_it_brings(tmp_path: Path) -> None:
    made = toy_wheel(tmp_path)
    check = checks.start(made.name, made.read_bytes())
    found = through(check)
    bronze = {f"{row['part']} {row['check']}" for row in check.rows if row["grade"] == "bronze"}
    assert {"wheel readable", "package packaged.listed", "solution indexed.solution", "solution permitted.harmless_solution"} <= bronze
    assert [name for name in bronze if not found[name][0]] == []
    assert (check.brought["name"], check.brought["version"], list(check.brought["solutions"])) == ("toyshop", "1.0.0", ["warm"])
    assert check.done is not None and check.done["ok"] and check.done["grade"] == "bronze" and checks.known(check.id) == check
    assert "Listens to: sensor.reading." in found["solution permitted.told_solution"][1]["en"]
    assert not {name for name in sys.modules if name.startswith("toyshop")}


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("\nopen('/etc/passwd').read()\n", "PermissionError"),
        ("\nimport socket\nsocket.create_connection(('127.0.0.1', 1))\n", "PermissionError"),
        ("\nimport os\nos.fork()\n", "PermissionError"),
        ("\nraise ValueError('bad day')\n", "ValueError: bad day"),
        ("\nimport os\nos._exit(3)\n", "ended with 3"),
    ],
)
def test_code_that_reaches_out_or_breaks_is_stopped_and_told(tmp_path: Path, head: str, words: str) -> None:
    made = toy_wheel(tmp_path, head=head)
    check = checks.start(made.name, made.read_bytes())
    ok, got = through(check)["solution indexed.solution"]
    assert not ok and words in str(got) and check.done is not None and check.done["grade"] is None


def test_what_a_vendor_prints_is_no_verdict(tmp_path: Path) -> None:
    said = '{"rule": "indexed.solution", "findings": [], "figures": {}, "beside": "", "seconds": 0}'
    made = toy_wheel(tmp_path, head=f"\nimport sys, os\nos.write(1, b'{said}\\n')\nprint('{said}')\nraise ValueError('x')\n")
    check = checks.start(made.name, made.read_bytes())
    through(check)
    assert [row["ok"] for row in check.rows if row["check"] == "indexed.solution"] == [False]


def test_a_library_is_read_and_has_no_grade(tmp_path: Path) -> None:
    made = wheel(tmp_path, "toylib", "1.0.0", {"toylib/__init__.py": ""})
    check = checks.start(made.name, made.read_bytes())
    assert through(check) == {"wheel readable": (True, "")} and check.brought["name"] == "toylib"
    assert check.done is not None and check.done["ok"] and check.done["grade"] is None


def test_what_is_no_wheel_is_told_in_both_languages(tmp_path: Path) -> None:
    check = checks.start("toyshop-1.0-py3-none-any.whl", b"no zip")
    ok, got = through(check)["wheel readable"]
    assert not ok and isinstance(got, dict) and got["zh"] != got["en"] and check.brought == {}


def test_a_wheel_writes_nothing_outside_of_its_folder(tmp_path: Path) -> None:
    made = toy_wheel(tmp_path)
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("../../outside.txt", "x")
    check = checks.start(made.name, made.read_bytes())
    assert not through(check)["wheel readable"][0]
    assert not list(check.folder.parent.rglob("outside.txt"))


def test_a_check_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    made = toy_wheel(tmp_path, head="\nimport time\ntime.sleep(600)\n")
    check = checks.start(made.name, made.read_bytes())
    until = time.monotonic() + SOON_S
    while not any(row["check"].startswith("permitted.told") for row in check.rows):
        assert time.monotonic() < until
        time.sleep(0.05)
    check.stop()
    assert through(check) and check.done == {"ok": False, "grade": None, "seconds": 0.0, "died": True}
    left = [one for one in Path("/proc").glob("[0-9]*/cmdline") if os.fsencode(check.folder) in _read(one)]
    assert left == []


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_an_id_that_is_not_one_names_no_check() -> None:
    assert checks.known("../" * 10 + "ab") is None and checks.known("x" * 32) is None
