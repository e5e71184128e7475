"""The repository as the agent uses it: what is verified comes in, what is not is sorted by what follows from it."""

import errno

import pytest

from storeloom.core.agent.faults import NoRoom, Unreached, Untrusted
from storeloom.core.agent.fetching import Repository
from storeloom.core.agent.home import Home
from tests.trust.made import Chain

ONE = "stores/s-1/1.json"


@pytest.fixture
def tuf(tmp_path):
    made = Chain(tmp_path)
    made.repository.publish({ONE: b'{"bundle": 1}'})
    return made


@pytest.fixture
def repository(tuf, tmp_path):
    home = Home(tmp_path / "agent-home")
    home.folder.mkdir()
    home.root_file.write_bytes(tuf.repository.root_bytes(None))
    return Repository(home, "https://hq", lambda: "t", tuf.client())


def test_a_target_is_put_in_place_once(tuf, repository, tmp_path):
    repository.refresh()
    into = tmp_path / "bundle.json"
    repository.fetch(ONE, into)
    asked = len(tuf.mirror.asked)
    repository.fetch(ONE, into)
    assert into.read_bytes() == b'{"bundle": 1}' and len(tuf.mirror.asked) == asked
    into.write_bytes(b'{"bundle": 2}')
    repository.fetch(ONE, into)
    assert into.read_bytes() == b'{"bundle": 1}', "what was changed is fetched anew"


def test_what_nobody_signed_or_the_line_does_not_bring_is_told_apart(tuf, repository, tmp_path, monkeypatch):
    repository.refresh()
    with pytest.raises(Untrusted):
        repository.fetch("stores/s-1/9.json", tmp_path / "bundle.json")
    before = dict(tuf.mirror.lies)
    tuf.mirror.lies["metadata/timestamp.json"] = None
    with pytest.raises(Unreached):
        repository.refresh()
    tuf.mirror.lies = {**before, "metadata/timestamp.json": b"{}"}
    with pytest.raises(Untrusted):
        repository.refresh()
    tuf.mirror.lies = before
    repository.refresh()

    def full(*words, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("storeloom.core.trust.client.os.replace", full)
    with pytest.raises(NoRoom):
        repository.fetch(ONE, tmp_path / "bundle.json")
    assert not (tmp_path / "bundle.json").exists()
