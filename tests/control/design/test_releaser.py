"""What a server that died in the midst of a release left is taken up by the next; nothing stays signed that no release names."""

import os
import subprocess
import sys
import time

import pytest
from sqlmodel import select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.lease import Lease
from storeloom.core.control.models.audit import AuditEntry
from storeloom.core.control.models.releases import ReleaseJob
from storeloom.core.control.services import Services

HOLDS = """
import pathlib, sys, time
from storeloom.core.control.lease import Lease
print(Lease(pathlib.Path(sys.argv[1])).id, flush=True)
time.sleep(60)
"""


class Died(BaseException):
    """The server ends here; nothing of it cleans up."""


def next_server(plane):
    """Another server over the same database and folder."""
    return Services(plane.services.engine, plane.services.folder, plane.services.now)


def dies_within(designed, plane, monkeypatch, where, name):
    """A release whose server ends in the middle of a call; the job's id."""
    told = {}

    def dies(*words, **more):
        told["reached"] = True
        raise Died

    job = designed.ask("POST", "/releases", {"name": "spring"}).json["id"]
    plane.services.releaser.join(60)
    with monkeypatch.context() as patched:
        patched.setattr(where, name, dies)
        with pytest.raises(Died):
            plane.services.releaser._work()
    assert told
    return job


@pytest.fixture
def quiet(plane, monkeypatch):
    """Jobs wait until a test lets them begin."""
    monkeypatch.setattr(plane.services.releaser, "wake", lambda: None)


def state(designed, job):
    return designed.ask("GET", f"/release-jobs/{job}").json


def test_a_server_that_ends_while_it_composes_is_followed_by_the_next_at_once(designed, plane, quiet, monkeypatch):
    from storeloom.core.control.design import releasing

    job = dies_within(designed, plane, monkeypatch, releasing, "pack_all")
    assert state(designed, job)["state"] == "composing"
    other = next_server(plane)
    other.releaser.tend()
    assert state(designed, job)["state"] == "composing", "its server lives"
    os.close(plane.services.lease._file)
    other.releaser.tend()
    other.releaser.join(60)
    done = state(designed, job)
    assert (done["state"], done["number"]) == ("done", 1)


def test_bundles_that_were_signed_for_a_release_that_never_was_are_taken_out(designed, plane, quiet, monkeypatch):
    from storeloom.core.control.design import releasing

    job = dies_within(designed, plane, monkeypatch, releasing, "_write")
    trust = plane.services.trust("north")
    assert sorted(trust.bundles(1)) == ["stores/a/1.json", "stores/b/1.json", "stores/c/1.json"]
    os.close(plane.services.lease._file)
    other = next_server(plane)
    other.releaser.tend()
    other.releaser.join(60)
    assert trust.bundles(1) == [] and len(trust.bundles(2)) == 3
    assert (state(designed, job)["state"], state(designed, job)["number"]) == ("done", 2)
    assert not list(trust.targets.rglob("*.1.json"))


def test_a_failure_after_the_signing_leaves_nothing_signed(designed, plane, quiet, monkeypatch):
    from storeloom.core.control.design import releasing

    def full(*words):
        raise OSError(28, "No space left on device")

    job = designed.ask("POST", "/releases", {"name": "spring"}).json["id"]
    monkeypatch.setattr(releasing, "_write", full)
    plane.services.releaser._work()
    trust = plane.services.trust("north")
    assert state(designed, job)["state"] == "failed" and len(trust.bundles(1)) == 3
    withdraw = trust.withdraw
    monkeypatch.setattr(trust, "withdraw", full)
    plane.services.releaser.tend()
    assert len(trust.bundles(1)) == 3, "it could not be written; it is tried again"
    monkeypatch.setattr(trust, "withdraw", withdraw)
    plane.services.releaser.tend()
    assert trust.bundles(1) == [] and state(designed, job)["state"] == "failed"


def test_a_job_that_ends_its_server_again_and_again_is_given_up(designed, plane, quiet, monkeypatch):
    from storeloom.core.control.design import releasing

    job = dies_within(designed, plane, monkeypatch, releasing, "pack_all")
    for _ in range(2):
        plane.services.releaser.tend()
        assert state(designed, job)["state"] == "waiting"
        with monkeypatch.context() as patched:
            patched.setattr(releasing, "pack_all", lambda *words: (_ for _ in ()).throw(Died()))
            with pytest.raises(Died):
                plane.services.releaser._work()
    plane.services.releaser.tend()
    told = state(designed, job)
    assert (told["state"], told["findings"][0]["finding"]["code"]) == ("failed", "SL-REL-06")
    with reading(plane.services.engine) as session:
        assert "release.fail" in session.exec(select(AuditEntry.action)).all()


def test_a_job_of_before_there_were_owners_is_begun_again(designed, plane, quiet):
    at = plane.clock[0]
    with writing(plane.services.engine) as session:
        made = ReleaseJob(chain="north", id="old", state="composing", wanted={}, findings=[], created=at, created_by="x", beat=at)
        session.add(made)
    plane.services.releaser.tend()
    assert state(designed, "old")["state"] == "waiting"


def test_a_server_lives_until_its_process_ends_however_it_ends(tmp_path):
    mine = Lease(tmp_path / "servers")
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path / "servers")], stdout=subprocess.PIPE, text=True) as other:
        name = other.stdout.readline().strip()
        assert mine.lives(name) and mine.lives(mine.id) and not mine.lives("f" * 32)
        other.kill()
    until = time.monotonic() + 10
    while mine.lives(name):
        assert time.monotonic() < until
    assert not (tmp_path / "servers" / name).exists()
    os.close(mine._file)
    later = Lease(tmp_path / "servers")
    assert [one.name for one in (tmp_path / "servers").iterdir()] == [later.id], "what others left is taken away"


def test_a_withdrawal_that_cannot_be_signed_says_so_and_is_made_good(designed, plane, monkeypatch):
    made, trust = designed.release(), plane.services.trust("north")

    def full(paths):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(trust, "withdraw", full)
        told = designed.ask("POST", f"/releases/{made['id']}/withdraw", {"reason": "labels flicker"})
        assert (told.status_code, told.json["state"], told.json["signed"]) == (200, "withdrawn", True)
        plane.services.releaser.tend()
        shown = designed.ask("GET", f"/releases/{made['id']}").json
        assert (shown["state"], shown["signed"], len(trust.bundles(1))) == ("withdrawn", True, 3)
    plane.services.releaser.tend()
    assert designed.ask("GET", f"/releases/{made['id']}").json["signed"] is False and trust.bundles(1) == []
