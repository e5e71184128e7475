"""`storeloom unit`: units that systemd takes, shut in, and no value that it would read otherwise."""

import json
import shutil
import subprocess
import sys

import pytest

from storeloom.core.arguments import machines
from storeloom.core.cli import main
from storeloom.core.units import KINDS, unit_name

GIVEN = {
    "store": ["--file", "/etc/storeloom/s.bundle.json", "--data", "/var/lib/storeloom"],
    "agent": ["--home", "/var/lib/storeloom"],
    "server": ["--folder", "/srv/loom"],
    "vision": ["--file", "/etc/storeloom/jobs.toml", "--data", "/var/lib/storeloom"],
    "worker": ["--address", "10.0.0.2:6379", "--data", "/var/lib/storeloom"],
}


def made(capsys, kind, *more):
    assert main(["unit", kind, *GIVEN[kind], "--user", "root", *more]) == 0
    return capsys.readouterr().out


def test_every_kind_can_be_asked_for():
    assert set(machines.UNITS) == set(KINDS) == set(GIVEN)


def test_systemd_takes_every_unit(tmp_path, capsys):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is absent")
    for kind in KINDS:
        (tmp_path / unit_name(kind)).write_text(made(capsys, kind), encoding="utf-8")
    files = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if str(tmp_path) in line]) == (0, [])


@pytest.mark.parametrize("kind", KINDS)
def test_all_are_shut_in_alike(kind, capsys):
    text = made(capsys, kind)
    for line in (
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "RestrictNamespaces=yes",
        "UMask=0077",
        "User=root",
    ):
        assert f"\n{line}\n" in text
    assert ("PrivateDevices=yes" in text, "MemoryDenyWriteExecute=yes" in text) == ((kind == "server"),) * 2
    assert "\nReadWritePaths=/srv/loom\n" in text if kind == "server" else "\nReadWritePaths=/var/lib/storeloom" in text
    assert ("PrivateTmp=yes" in text) != ("ReadWritePaths=/tmp /var/tmp" in text)


def test_what_is_started(capsys):
    start = f"ExecStart={sys.executable} -m storeloom.core.cli"
    assert f"{start} run /etc/storeloom/s.bundle.json --data /var/lib/storeloom --listen 127.0.0.1:9464\n" in made(capsys, "store")
    assert f"{start} server run --folder /srv/loom --listen [::1]:8443\n" in made(capsys, "server", "--listen", "[::1]:8443")
    text = made(capsys, "agent")
    assert "KillMode=process\n" in text and "ReadWritePaths=/var/lib/storeloom /var/lib/storeloom/store\n" in text
    assert "/ray start --block --address=10.0.0.2:6379" in made(capsys, "worker")
    assert json.loads(made(capsys, "server", "--json"))["name"] == "storeloom-server.service"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["store", "--data", "/d"], "store needs --file"),
        (["server", "--folder", "/srv/two words"], "/srv/two words cannot stand in a unit"),
        (["server", "--folder", "/srv/x", "--user", "a%i"], "a%i cannot stand in a unit"),
        (["server", "--folder", "/srv/x", "--home", "/h"], "server takes no --home"),
    ],
)
def test_what_makes_no_sense_is_said(words, said, capsys):
    assert main(["unit", *words, "--lang", "en"]) == 2
    assert said in capsys.readouterr().err
