"""`storeloom doctor` as a person runs it: on a machine that is given, and once on this one."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storeloom.core.cli import main
from storeloom.core.commands import doctor as command
from storeloom.core.doctor.examine import Asked, examine
from storeloom.core.doctor.folder import FolderFacts
from storeloom.core.doctor.probes import Clock, Probes, Room
from storeloom.core.doctor.reach import ServerFacts
from storeloom.core.doctor.software import Installed

LINES = ("orjson>=3.10", 'numpy>=1.26; extra == "store"', 'flask>=3; extra == "server"')


def played(**other):
    """A machine on which all is well, but for what is given."""
    facts = {
        "python": lambda: (3, 11, 2),
        "system": lambda: "Linux",
        "installed": lambda: Installed({"storeloom": "1.0", "orjson": "3.11", "numpy": "2.4", "flask": "3.1"}, LINES),
        "library": lambda name: True,
        "program": lambda name: True,
        "sqlite": lambda: {"apsw": "3.54.1", "pysqlite3": "3.53.4"},
        "folder": lambda path: FolderFacts(path, path, "ext4", free_mb=9_000, sync_ms=0.8),
        "clock": lambda: Clock(datetime(2026, 3, 2, tzinfo=UTC), True, True),
        "encodings": lambda: ("utf-8",),
        "room": lambda: Room(2.0, 4, 8_000, 6_000, 4_096),
        "shut_in": list,
        "gpus": list,
        "units": lambda: {"": True, "store": True, "server": True, "agent": True, "worker": True},
        "taken": lambda host, port: False,
        "server": lambda url, ca: ServerFacts(status=200, days=80, ahead_s=0.2),
        "environ": {},
    }
    return Probes(**{**facts, **other})


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*words, **other):
        monkeypatch.setattr(command, "examine", lambda asked: examine(asked, played(**other)))
        code = main(["doctor", *words])
        return code, capsys.readouterr().out

    return run


def test_all_is_well_for_a_store_that_tells_its_chain(run):
    code, said = run("--for", "store", "--data", "/data", "--server", "https://loom.example", "--lang", "en")
    assert code == 0 and said.endswith("all is well\n")
    assert "ok  data folder: /data (ext4), 9000 MB free, durable in 0.8 ms\n" in said
    assert "ok  cores, memory, open files: 2 cores, 8000 MB (6000 MB free), 4096 files\n" in said


def test_everything_is_told_at_once_and_only_errors_fail(run):
    lacking = Installed({"storeloom": "1.0", "orjson": "3.11"}, LINES)
    code, said = run("--for", "store", "--lang", "zh", installed=lambda: lacking, units=lambda: {"": True}, library=lambda name: False)
    assert code == 1 and said.endswith("必须处理 1 项，请留意 1 项\n")
    assert "故障  软件包" in said and "storeloom[store] 不完整，缺少：numpy。" in said and "没有随机启动 store 的 systemd 单元。" in said
    code, said = run("--for", "store", "--lang", "en", units=lambda: {"": True})
    assert code == 0 and said.endswith("to be mended: 0; to be looked at: 1\n")


def test_json_says_the_same(run):
    code, said = run("--for", "server", "--server", "http://loom.example", "--json", taken=lambda host, port: True)
    facts = json.loads(said)
    found = {finding["code"] for row in facts["checks"] for finding in row["findings"]}
    assert (code, facts["ok"], facts["for"], found) == (1, False, ["server"], {"SL-AGT-05", "SL-MCH-35"})


def test_an_agent_starts_its_store_so_that_needs_no_unit_of_its_own():
    lines = (*LINES, 'tuf; extra == "agent"')
    units = {"": True, "agent": True}
    rows = examine(Asked(("store", "agent")), played(installed=lambda: Installed({"tuf": "7"}, lines), units=lambda: units))
    assert not [finding for row in rows for finding in row.findings if finding.code == "SL-MCH-29"]


def test_on_this_machine_it_loads_nothing_heavy(tmp_path):
    heavy = ["numpy", "cv2", "onnxruntime", "polars", "pandas", "scipy", "ray", "streamlit", "flask", "sqlalchemy"]
    script = (
        "import sys\nfrom storeloom.core.cli import main\n"
        f"main(['doctor', '--for', 'store', '--data', {str(tmp_path)!r}, '--json'])\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    said, _, loaded = done.stdout.strip().rpartition("\n")
    assert loaded == "[]"
    rows = {row["check"]: row for row in json.loads(said)["checks"]}
    assert rows["sqlite"]["status"] == rows["python"]["status"] == "ok"
    assert rows["folder"]["facts"]["folder"] == str(tmp_path) and list(Path(tmp_path).iterdir()) == []
    assert set(rows) <= set(command.CHECKS)
