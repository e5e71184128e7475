"""`storeloom agent` as an operator knows it, its process and the store's in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from storeloom.core.agent.home import Home
from storeloom.core.agent.store import LocalStore
from storeloom.core.cli import main
from storeloom.core.trust.wire import Desired
from tests.agent.plane import CODE, Plane
from tests.trust import made

TARGET = "stores/s1/1.json"


@pytest.fixture
def plane():
    played = Plane().start()
    yield played
    played.close()


@pytest.fixture
def home(tmp_path):
    folder = Home(tmp_path / "home")
    yield folder
    LocalStore(folder.current, folder.folder / "store", folder.folder / "store.out").stop()


def call(*words):
    return main(["agent", *map(str, words)])


def test_enrol_status_and_unit(plane, home, capsys):
    assert call("enrol", "--home", home.folder, "--server", plane.url, "--code", CODE, "--lang", "en") == 0
    assert capsys.readouterr().out == f"enrolled as north/s1; start: storeloom agent run --home {home.folder}\n"
    assert call("status", "--home", home.folder, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["state"], facts["running"], facts["reports_waiting"], facts["data"]) == ("enrolled", None, 0, str(home.folder / "store"))
    assert call("enrol", "--home", home.folder, "--server", plane.url, "--code", CODE, "--lang", "zh") == 1
    assert "已登记为连锁“north”的门店“s1”" in capsys.readouterr().err
    assert call("unit", "--home", home.folder, "--user", "storeloom") == 0
    text = capsys.readouterr().out
    assert f"ExecStart={sys.executable} -m storeloom.core.cli agent run --home {home.folder}\n" in text
    assert "KillMode=process\n" in text and "User=storeloom\n" in text and f"ReadWritePaths={home.folder} {home.folder}/store\n" in text


def test_what_makes_no_sense_is_said(home, capsys):
    assert call("enrol", "--home", home.folder) == 2
    assert call("status", "--home", home.folder, "--lang", "en") == 1
    assert "holds no enrolled agent" in capsys.readouterr().err
    assert call("unit", "--home", "/srv/two words", "--lang", "en") == 2
    assert "cannot stand in a unit" in capsys.readouterr().err


def wait_for(condition, within_s=40.0):
    until = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_the_store_outlives_its_agent_and_the_next_one_finds_it(plane, home, bundle, tmp_path, monkeypatch):
    packed = tmp_path / "s1.bundle.json"
    assert main(["pack", str(bundle("[solutions.open_close_compliance]\n", devices={"gate-1": "gate"})), "-o", str(packed)]) == 0
    monkeypatch.setattr(made, "T0", datetime.now(UTC))
    tuf = made.Chain(tmp_path / "tuf")
    tuf.repository.publish({TARGET: packed.read_bytes()})
    plane.root, plane.file = tuf.repository.root_bytes(None), tuf.mirror.read
    assert call("enrol", "--home", home.folder, "--server", plane.url, "--code", CODE) == 0
    plane.want(Desired(number=1, release="spring", release_number=1, target=TARGET, health_s=900))
    store = LocalStore(home.current, home.folder / "store", home.folder / "store.out")

    def agent():
        with open(tmp_path / "agent.err", "a") as errors:
            return subprocess.Popen([sys.executable, "-m", "storeloom.core.cli", "agent", "run", "--home", str(home.folder)], stderr=errors)

    process = agent()
    try:
        wait_for(lambda: plane.state == "watching")
        keeper = store.holder()
        assert keeper and store.look().status.digest
        second = subprocess.run(
            [sys.executable, "-m", "storeloom.core.cli", "agent", "run", "--home", str(home.folder), "--lang", "en"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1 and f"(process {process.pid})" in second.stderr
        process.kill()
        process.wait()
        assert store.holder() == keeper and store.look().ok, "it sells without its agent"
        process = agent()
        plane.want(Desired(number=2, release="spring", release_number=1, target=TARGET, health_s=1))
        wait_for(lambda: plane.state == "good")
        assert store.holder() == keeper
        os.kill(keeper, signal.SIGKILL)
        wait_for(lambda: store.holder() not in (None, keeper) and store.look())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert store.holder() is not None and store.look().ok
    finally:
        process.kill()
        process.wait()
        store.stop()
    assert plane.states() == ["downloading", "installing", "checking", "waiting", "switching", "watching", "good"]
    assert [one for one in plane.reports.values() if one["kind"] == "health"]
