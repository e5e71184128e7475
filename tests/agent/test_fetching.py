"""The repository as the agent uses it: what is verified comes in, what is not is sorted by what follows from it."""

import errno
import hashlib
from datetime import datetime

import pytest

from storeloom.core.agent.faults import NoRoom, Unreached, Untrusted
from storeloom.core.agent.fetching import Repository
from storeloom.core.agent.home import Home
from storeloom.core.trust import names
from storeloom.core.trust.wire import PREFIX
from tests.trust.made import Chain, authority, reply, served

ONE, BUNDLE = "stores/s-1/1.json", b'{"bundle": 1}'


@pytest.fixture
def tuf(tmp_path):
    made = Chain(tmp_path)
    made.repository.publish({ONE: BUNDLE})
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


def test_a_download_that_came_damaged_is_fetched_once_more_from_its_beginning_and_then_distrusted(tuf, repository, tmp_path):
    repository.refresh()
    path = f"targets/{names.hashed(ONE, hashlib.sha256(BUNDLE).hexdigest())}"
    mirror, damaged = tuf.mirror, bytes([BUNDLE[0] ^ 1]) + BUNDLE[1:]
    mirror.lies[path] = damaged
    read = mirror._fetch

    def heals(url):
        chunks = list(read(url))
        if url.endswith(path):
            mirror.lies.pop(path, None)
        return iter(chunks)

    mirror._fetch = heals
    into = tmp_path / "bundle.json"
    repository.fetch(ONE, into)
    assert into.read_bytes() == BUNDLE and mirror.asked.count(path) == 2
    mirror._fetch, mirror.lies[path] = read, damaged
    into.unlink()
    with pytest.raises(Untrusted) as caught:
        repository.fetch(ONE, into)
    assert caught.value.findings[0].code == "SL-TRU-04" and mirror.asked.count(path) == 4 and not into.exists()


def test_what_grew_out_of_a_damaged_part_is_fetched_anew(tuf, tmp_path):
    """A power cut left a part whose beginning is not what was sent: the rest is put behind it, and it does not fit."""
    from storeloom.core.trust.client import PARTS

    path = "targets/" + names.hashed(ONE, hashlib.sha256(BUNDLE).hexdigest())
    told = []

    def answer(handler):
        data, begin = tuf.mirror.read(handler.path.lstrip("/")), 0
        if "Range" in handler.headers:
            begin = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
        told.append((handler.path, begin))
        span = {"Content-Range": f"bytes {begin}-{len(BUNDLE) - 1}/{len(BUNDLE)}"} if begin else {}
        reply(handler, (data or b"")[begin:], 404 if data is None else 206 if begin else 200, **span)

    with served(answer) as url:
        client = tuf.client(urls=(f"{url}/metadata", f"{url}/targets"), line=None)
        home = Home(tmp_path / "agent-home")
        home.tuf.mkdir(parents=True)
        fetches = Repository(home, url, lambda: "t", client)
        parts = tmp_path / "agent" / PARTS
        parts.mkdir(parents=True)
        (parts / f"{hashlib.sha256(BUNDLE).hexdigest()}.part").write_bytes(b"????")
        fetches.refresh()
        fetches.fetch(ONE, tmp_path / "bundle.json")
    assert (tmp_path / "bundle.json").read_bytes() == BUNDLE
    assert [begin for where, begin in told if where == f"/{path}"] == [4, 0]


def test_an_authority_of_ones_own_is_trusted_for_the_repository_too(tuf, tmp_path, monkeypatch):
    ca, context = authority(tmp_path)
    home = Home(tmp_path / "agent-home")
    home.folder.mkdir()
    home.root_file.write_bytes(tuf.repository.root_bytes(None))
    monkeypatch.setattr(
        "storeloom.core.trust.client.datetime", type("Then", (datetime,), {"now": classmethod(lambda cls, tz=None: tuf.clock[0])})
    )

    def answer(handler):
        kind, _, rest = handler.path.removeprefix(f"{PREFIX}/tuf/").partition("/")
        data = tuf.mirror.read(f"{kind}/{rest}")
        reply(handler, data or b"", 200 if data else 404)

    with served(answer, context) as url:
        base = url.replace("127.0.0.1", "localhost")
        with pytest.raises(Unreached):
            Repository(home, base, lambda: "t").refresh()
        fetches = Repository(home, base, lambda: "t", ca=str(ca))
        fetches.refresh()
        fetches.fetch(ONE, tmp_path / "bundle.json")
    assert (tmp_path / "bundle.json").read_bytes() == BUNDLE
