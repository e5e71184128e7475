"""`storeloom trust`: a repository founded by carried files, its keys changed, a vendor admitted, all by the command line."""

import json

import pytest

from storeloom.core.cli import main
from storeloom.core.control.trust.repository import Repository


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        code = main(["trust", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def founded(run):
    keys = [f"keys/{name}.pem" for name in ("r1", "r2", "r3", "t1", "t2", "acme")]
    assert run("key", *keys)[0] == 0
    pub = [f"{key}.pub" for key in keys]
    made = run("init", "--chain", "north", "--root", *pub[:3], "--threshold", "2", "--targets", *pub[3:5], "--bits", "2")
    assert made[0] == 0 and "drafts/root.json" in made[1]
    for holder, role in (("r1", "root"), ("r3", "root"), ("t1", "targets"), ("t2", "targets")):
        assert run("sign", f"control/trust/north/drafts/{role}.json", "--key", f"keys/{holder}.pem")[0] == 0
    assert run("publish", "--chain", "north")[1] == "Published: root 1, targets 1.\n"
    return run


def status(run):
    code, out, _ = run("status", "--chain", "north", "--json")
    return code, {one["role"]: one["version"] for one in json.loads(out)["roles"]}


def test_a_repository_is_founded_by_files_that_are_carried(founded):
    assert status(founded) == (0, {"root": 1, "snapshot": 1, "timestamp": 1, "targets": 1, "releases": 1})


def test_too_few_signatures_publish_nothing(run):
    run("key", "a.pem", "b.pem", "t.pem")
    run("init", "--chain", "north", "--root", "a.pem.pub", "b.pem.pub", "--targets", "t.pem.pub", "--bits", "1")
    run("sign", "control/trust/north/drafts/root.json", "--key", "a.pem")
    run("sign", "control/trust/north/drafts/targets.json", "--key", "t.pem")
    code, _, err = run("publish", "--chain", "north")
    assert code == 1 and "root of version 1 has 1 of the 2 signatures" in err
    assert run("status", "--chain", "north")[0] == 1


def test_a_holder_sees_what_is_signed(founded):
    founded("rotate", "root", "--chain", "north", "--add", "keys/acme.pem.pub", "--threshold", "3")
    code, out, _ = founded("sign", "control/trust/north/drafts/root.json", "--key", "keys/r1.pem")
    assert code == 0 and "Signed control/trust/north/drafts/root.json: root 2" in out
    assert "root: 3 of " in out and "targets: 2 of " in out


def test_keys_are_changed_online_and_offline(founded):
    founded("rotate", "timestamp", "snapshot", "--chain", "north")
    for holder in ("r1", "r2"):
        founded("sign", "control/trust/north/drafts/root.json", "--key", f"keys/{holder}.pem")
    assert founded("publish", "--chain", "north")[1] == "Published: root 2.\n"
    founded("renew", "targets", "--chain", "north")
    for holder in ("t1", "t2"):
        founded("sign", "control/trust/north/drafts/targets.json", "--key", f"keys/{holder}.pem")
    assert founded("publish", "--chain", "north")[0] == 0
    assert status(founded)[1] | {"snapshot": 0, "timestamp": 0} == {"root": 2, "targets": 2, "releases": 1, "snapshot": 0, "timestamp": 0}


def test_a_vendor_is_admitted_and_dismissed(founded, tmp_path):
    founded("vendor", "acme", "--chain", "north", "--add", "keys/acme.pem.pub")
    for holder in ("t1", "t2"):
        founded("sign", "control/trust/north/drafts/targets.json", "--key", f"keys/{holder}.pem")
    assert founded("publish", "--chain", "north")[0] == 0
    founded("vendor", "acme", "--chain", "north", "--dismiss")
    for holder in ("t1", "t2"):
        founded("sign", "control/trust/north/drafts/targets.json", "--key", f"keys/{holder}.pem")
    assert founded("publish", "--chain", "north")[0] == 0
    targets = Repository(tmp_path / "control/trust/north", "north", lambda: None).state().version("targets")
    assert targets == 3


def test_a_pilot_is_founded_in_one_go(run, tmp_path):
    code, out, _ = run("init", "--chain", "pilot", "--alone", "kept", "--bits", "1", "--lang", "zh")
    assert code == 0 and "移离本机" in out
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == ["root.pem", "root.pem.pub", "targets.pem", "targets.pem.pub"]
    assert run("init", "--chain", "pilot", "--alone", "other", "--bits", "1")[0] == 1


def test_what_is_missing_is_told(run):
    for words in (("status",), ("sign", "x"), ("key",), ("rotate", "--chain", "north")):
        code, _, err = run(*words)
        assert code in (1, 2) and err
    assert run("rotate", "nobody", "--chain", "north")[0] == 1
