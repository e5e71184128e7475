"""`storeloom server run` and `storeloom fleet` against each other, the server in a process of its own."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from storeloom.core.control.client import PREFIX, Access, FleetClient
from storeloom.core.trust import seal
from tests.control.conftest import profile

PASSWORD = "correct horse battery staple"


@pytest.fixture
def served(call, tmp_path, monkeypatch):
    """A chain that was set up by the command line, and its server: its address and its process."""
    monkeypatch.setenv("STORELOOM_PASSWORD", PASSWORD)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name in ("STORELOOM_SERVER", "STORELOOM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "control"
    done = call("server", "init", "--folder", folder, "--chain", "north", "--email", "Ops@north.example", "--lang", "en")
    assert (done.code, done.out) == (0, "chain north is there, with the administrator ops@north.example\n")
    assert call("trust", "init", "--folder", folder, "--chain", "north", "--alone", tmp_path / "keys", "--bits", "2").code == 0
    command = [
        sys.executable,
        "-m",
        "storeloom.core.cli",
        "server",
        "run",
        "--folder",
        str(folder),
        "--listen",
        "localhost:0",
        "--lang",
        "en",
    ]
    errors = open(tmp_path / "server.err", "w")  # noqa: SIM115 - open for as long as the server is
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    said = process.stdout.readline()
    yield said.split()[2], process
    process.kill()
    process.wait()
    errors.close()


@pytest.fixture
def fleet(call, served, tmp_path):
    def run(*words):
        return call("fleet", *words, "--settings", tmp_path / "fleet.toml", "--lang", "en")

    return run


def asking(tmp_path, url):
    token = (tmp_path / "fleet.toml").read_text().split('token = "')[1].split('"')[0]
    return FleetClient(Access(url, token), "en")


def enrolled(ask, store):
    code = ask.post(f"/stores/{store}/enrolment", None).body["code"]
    key = seal.to_text(seal.public_key(seal.new_key()))
    return ask.post("/enrol", {"code": code, "public_key": key, "version": "1"}).body["token"]


def test_from_login_to_a_roll_out_that_is_taken_back(fleet, served, tmp_path):
    url, _ = served
    assert fleet("stores").code == 1, "nobody is logged in"
    refused = fleet("login", "north", "nobody@north.example", "--server", url)
    assert refused.code == 1 and not (tmp_path / "fleet.toml").exists()
    assert f"ops@north.example is logged in to {url}" in fleet("login", "north", "ops@north.example", "--server", url).out
    assert (tmp_path / "fleet.toml").stat().st_mode & 0o777 == 0o600
    assert fleet("stores").out == "no stores yet: POST /stores\n"

    ask = asking(tmp_path, url)
    ask.post("/designs", {"id": "basic", "level": "template", "name": "Basic", "body": {"solutions": {"open_close_compliance": {}}}})
    for store in ("s1", "s2"):
        ask.post("/stores", {"id": store, "name": store, "profile": profile(store, devices={"gate-1": {"kind": "gate"}})})
        ask.post(f"/stores/{store}/design", {"template": "basic"})
    enrolled(ask, "s1")
    lines = fleet("stores").out.splitlines()
    assert (
        lines[0].split()[:5] == ["s1", "enrolled", "-", "=", "-"] and lines[1].split(maxsplit=1)[1] == "no agent: POST /stores/s2/enrolment"
    )

    made = fleet("release", "spring", "--notes", "the first")
    assert made.code == 0 and "\nrelease 1, stores: 2, " in made.out
    release = made.out.split()[-1]
    planned = fleet("plan", release, "--json").json
    assert (planned["stores"], planned["first"]) == (2, 2)
    assert fleet("rollout").out == ""

    strategy = tmp_path / "way.toml"
    strategy.write_text('health_s = 5\nany_time = true\n[[waves]]\nname = "all"\npercent = 100\n')
    new = fleet("rollout", "new", release, "--strategy", strategy, "--plan-digest", planned["digest"])
    assert new.code == 0 and "planned" in new.out
    rollout = new.out.split()[0]
    watched = fleet("watch", rollout)
    assert (watched.code, watched.out.split()[0]) == (1, "planned"), "what has not begun is not followed"
    drifted = fleet("rollout", "new", release, "--plan-digest", f"sha256:{'0' * 64}")
    assert drifted.code == 1 and "[SL-REL-05]" in drifted.err
    assert "running" in fleet("rollout", "start", rollout).out
    assert "paused" in fleet("rollout", "pause", rollout, "--notes", "wait").out
    assert (fleet("watch", rollout).code, fleet("rollout", "resume", rollout).code) == (1, 0)
    assert f"{rollout}  running" in fleet("rollout").out
    back = fleet("rollout", "rollback", rollout, "--json").json
    assert back["state"] in ("rolling_back", "rolled_back")
    watched = fleet("watch", rollout)
    assert watched.code == 1 and "rolled_back" in watched.out, watched.said
    assert fleet("rollout", "halt", rollout).code == 2 and fleet("watch").code == 2
    assert fleet("watch", "nothing").code == 1
    assert "hold" in ask_audit(tmp_path)


def ask_audit(tmp_path):
    command = [sys.executable, "-m", "storeloom.core.cli", "audit", "verify", "--folder", str(tmp_path / "control"), "--lang", "en"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_server_that_is_told_to_stop_sends_home_who_waits_and_ends(fleet, served, tmp_path):
    url, process = served
    fleet("login", "north", "ops@north.example", "--server", url)
    ask = asking(tmp_path, url)
    ask.post("/stores", {"id": "s1", "name": "s1", "profile": profile("s1")})
    token = enrolled(ask, "s1")
    host, port = url.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(120)]
    assert ask.get("/stores").status == 200, "connections in which nothing is said keep nobody out"
    answers = []

    def wait():
        line = http.client.HTTPConnection(host, int(port), timeout=50)
        line.request("GET", f"{PREFIX}/agent/desired?wait=60", headers={"Authorization": f"Bearer {token}", "If-None-Match": '"0"'})
        answers.append(line.getresponse().status)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not json.loads(ask.get("/agents/s1").body and json.dumps(ask.get("/agents/s1").body["seen"])):
        time.sleep(0.05)
    time.sleep(0.5)  # the question is under way
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0
    waiting.join()
    assert answers == [304]
    for one in idle:
        one.close()
