"""The repository on disk: one snapshot a publication, whole after a death at any point, small for an agent, signed anew in time."""

import json
import os
import stat
import threading
from datetime import timedelta

import pytest
from tuf.api.metadata import Metadata

from storeloom.core.control.trust import ceremony
from storeloom.core.control.trust.keys import PASSPHRASE, make_key, read_public, read_signer
from storeloom.core.control.trust.repository import Repository
from storeloom.core.kernel.errors import TrustFault
from storeloom.core.trust import durable, names
from tests.trust.made import Chain

OLD, NEW = "stores/s-1/1.json", "stores/s-1/2.json"


@pytest.fixture
def chain(tmp_path):
    made = Chain(tmp_path)
    made.repository.publish({OLD: b"old"})
    return made


class Death(BaseException):
    """A power cut: nothing behind it is done, no clearing up either."""


class Deaths:
    """Dies at the n-th step that changes the disk."""

    def __init__(self, monkeypatch, at):
        self.at, self.steps = at, 0
        for module, name in ((os, "replace"), (durable, "_fill"), (os, "unlink")):
            monkeypatch.setattr(module, name, self.counted(getattr(module, name)))

    def counted(self, call):
        def step(*words, **more):
            self.steps += 1
            if self.steps == self.at:
                raise Death
            return call(*words, **more)

        return step


def deeds(chain):
    """What changes a repository, with what an agent may find before and after."""
    repository = chain.repository
    names_ = {name: key.keyid for name, key in chain.public.items()}

    def root():
        return chain.take(ceremony.change_online(repository, "timestamp"), "r1", "r2")

    def releases():
        return chain.take(ceremony.change_online(repository, names.RELEASES), "t1", "t2")

    def holders():
        file = ceremony.change_holders(repository, "targets", [], [names_["t2"]], 1)
        ceremony.sign(file, chain.signer("r1"))
        ceremony.sign(file, chain.signer("r2"))
        return ceremony.accept(repository, [file])

    def both():
        """The second targets key goes to another holder: old targets do not hold under the new root, so that the two come together."""
        draft = ceremony.change_holders(repository, "targets", [chain.key("t3")], [names_["t2"]])
        targets = ceremony.put(repository, "targets", ceremony.draft(repository, "targets"))
        return chain.take(draft, "r1", "r2", more=[(targets, ("t1", "t3"))])

    def late():
        chain.wait(days=8)
        repository.refresh()

    return {
        "publish": lambda: repository.publish({NEW: b"new", "stores/s-2/2.json": b"two", "stores/s-3/2.json": b"three"}),
        "withdraw": lambda: repository.withdraw([OLD]),
        "refresh": late,
        "root": root,
        "releases": releases,
        "holders": holders,
        "both": both,
    }


@pytest.mark.parametrize("deed", ["publish", "withdraw", "refresh", "root", "releases", "holders", "both"])
def test_a_death_at_any_point_leaves_a_whole_repository(tmp_path, deed):
    """After each death a server starts anew, completes what must be completed, and every agent gets the old state or the new one."""
    at, stride = 0, 1 if deed in ("publish", "both") else 3
    while True:
        at += stride
        chain = Chain(tmp_path / str(at), bits=1)
        chain.repository.publish({OLD: b"old"})
        seasoned = chain.client("seasoned")
        seasoned.refresh()
        with pytest.MonkeyPatch.context() as patch:
            deaths = Deaths(patch, at)
            try:
                deeds(chain)[deed]()
                break
            except Death:
                pass
        again = Repository(chain.repository.folder, "north", lambda chain=chain: chain.clock[0])
        ceremony.complete(again)
        with again.writing():
            pass
        chain.wait(minutes=5)
        if deed == "refresh":
            again.refresh()
        for client in (seasoned, chain.client("fresh")):
            client.refresh()
            seen = {path: _seen(client, path) for path in (OLD, NEW)}
            assert seen in ({OLD: 3, NEW: None}, {OLD: 3, NEW: 3}, {OLD: None, NEW: None}), (deed, at)
        again.publish({OLD: b"old", "stores/s-9/9.json": b"after"} if _seen(client, OLD) else {"stores/s-9/9.json": b"after"})
        client.refresh()
        assert client.download("stores/s-9/9.json", tmp_path / f"got{at}").read_bytes() == b"after"
    assert at > deaths.steps >= at - stride >= 3


def _seen(client, path):
    try:
        return client.find(path).length
    except TrustFault:
        return None


def test_a_publication_is_one_snapshot(chain):
    before = chain.repository.state().snapshot.signed.version
    told = chain.repository.publish({f"stores/s-{number}/2.json": b"%d" % number for number in range(20)})
    assert chain.repository.state().snapshot.signed.version == before + 1
    assert told["stores/s-3/2.json"] == {"sha256": "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce", "length": 1}
    chain.repository.publish({"stores/s-3/2.json": b"3"})
    assert chain.repository.state().snapshot.signed.version == before + 1


def test_what_is_published_never_changes(chain):
    with pytest.raises(TrustFault) as caught:
        chain.repository.publish({NEW: b"new", OLD: b"other"})
    assert [(one.code, one.args["target"]) for one in caught.value.findings] == [("SL-TRU-19", OLD)]
    with pytest.raises(TrustFault):
        chain.client().find(NEW)


@pytest.mark.parametrize("path", ["packages/acme/x.whl", "stores/s-1/0.json", "stores/../1.json", "stores/a/b/1.json", "/etc/passwd"])
def test_only_stores_bundles_are_signed_online(chain, path):
    with pytest.raises(TrustFault) as caught:
        chain.repository.publish({path: b"x"})
    assert caught.value.findings[0].code == "SL-TRU-20"


def test_writers_at_the_same_time_lose_nothing(chain):
    def write(store):
        repository = Repository(chain.repository.folder, "north", lambda: chain.clock[0])
        for number in range(1, 4):
            repository.publish({f"stores/{store}/{number}.json": store.encode()})

    threads = [threading.Thread(target=write, args=(f"w-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client = chain.client()
    assert [client.find(f"stores/w-{number}/{release}.json").length for number in range(4) for release in (1, 2, 3)] == [3] * 12


def test_signatures_are_renewed_before_they_end_and_old_ones_go(chain):
    repository = chain.repository
    assert not repository.refresh()
    for _ in range(400):
        chain.wait(hours=13)
        assert repository.refresh()
    state = repository.state()
    assert state.timestamp.signed.expires - chain.clock[0] == timedelta(days=2)
    assert chain.clock[0] + timedelta(days=7) <= state.snapshot.signed.expires
    assert all(
        repository.load(role, state.version(role)).signed.expires > chain.clock[0] + timedelta(days=80)
        for role in (names.RELEASES, *repository.bins(state).get_roles())
    )
    assert len(list(repository.metadata.glob("*.snapshot.json"))) <= 6
    assert (repository.metadata / "1.root.json").is_file()
    chain.client().find(OLD)


def test_a_chain_that_publishes_every_day_lets_nothing_end(chain):
    """Each publication renews the snapshot; what it does not touch must not end behind it."""
    for number in range(2, 62):
        chain.wait(days=4)
        chain.repository.publish({f"stores/s-1/{number}.json": b"x"})
        chain.repository.refresh()
    client = chain.client()
    for store in ("s-1", *(f"none-{number}" for number in range(20))):
        with pytest.raises(TrustFault) as caught:
            client.find(f"stores/{store}/999.json")
        assert caught.value.findings[0].code == "SL-TRU-09"


def test_a_leaked_online_key_is_replaced_and_signs_nothing_more(chain):
    repository = chain.repository
    agent = chain.client()
    agent.refresh()
    held = {role: repository.state().root.signed.roles[role].keyids[0] for role in ("snapshot", "timestamp")}
    held["releases"] = repository.bins(repository.state()).keyids[0]
    thief = {role: repository.keys.signer(keyid) for role, keyid in held.items()}
    for role, holders in (("snapshot", ("r1", "r3")), ("timestamp", ("r2", "r3")), ("releases", ("t1", "t2"))):
        chain.take(ceremony.change_online(repository, role), *holders)
        assert not (repository.folder / "keys" / f"{held[role]}.pem").exists()
    state = repository.state()
    state.timestamp.signed.version += 1
    state.timestamp.sign(thief["timestamp"])
    chain.mirror.lies["metadata/timestamp.json"] = state.timestamp.to_bytes()
    with pytest.raises(TrustFault) as caught:
        agent.refresh()
    assert caught.value.findings[0].code == "SL-TRU-01"
    chain.mirror.lies.clear()
    repository.publish({NEW: b"new"})
    agent.refresh()
    assert agent.find(NEW).length == 3 and agent.find(OLD).length == 3


def test_a_root_that_the_server_could_not_sign_under_is_refused(chain):
    file = ceremony.change_online(chain.repository, "snapshot")
    for key in (chain.repository.folder / "keys").glob("*.pem"):
        if key.stat().st_mtime_ns == max(one.stat().st_mtime_ns for one in (chain.repository.folder / "keys").glob("*.pem")):
            key.unlink()
    chain.repository.keys._open.clear()
    with pytest.raises(TrustFault) as caught:
        chain.take(file, "r1", "r2")
    assert caught.value.findings[0].code == "SL-TRU-18"
    assert chain.repository.state().root.signed.version == 1


def test_signatures_on_copies_are_brought_together(chain, tmp_path):
    draft = ceremony.change_holders(chain.repository, "root", [chain.key("r4")])
    copies = [tmp_path / f"copy{number}.json" for number in range(2)]
    for copy, holder in zip(copies, ("r1", "r3"), strict=True):
        copy.write_bytes(draft.read_bytes())
        ceremony.sign(copy, chain.signer(holder))
    with pytest.raises(TrustFault) as few:
        ceremony.accept(chain.repository, copies[:1])
    assert few.value.findings[0].args["got"] == 1
    assert ceremony.accept(chain.repository, copies) == ["root 2"]
    with pytest.raises(TrustFault) as again:
        ceremony.accept(chain.repository, [_other_version(chain, copies[0])])
    assert again.value.findings[0].code in ("SL-TRU-15", "SL-TRU-16")


def _other_version(chain, file):
    metadata = Metadata.from_file(str(file))
    metadata.signed.version = 7
    metadata.signatures.clear()
    for holder in ("r1", "r2"):
        metadata.sign(chain.signer(holder), append=True)
    file.write_bytes(metadata.to_bytes())
    return file


def test_an_agents_share_of_ten_thousand_stores_stays_small(tmp_path):
    """One store's agent fetches one bin, not the chain's list: 256 bins, 2,000 bundles here, measured and scaled on paper in the docs."""
    chain = Chain(tmp_path, bits=8)
    chain.repository.publish({f"stores/s-{number}/1.json": b"{}" for number in range(2000)})
    client = chain.client()
    client.refresh()
    client.find("stores/s-77/1.json")
    fetched = [path for path in chain.mirror.asked if path.startswith("metadata/") and chain.mirror.read(path)]
    sizes = {path: len(chain.mirror.read(path)) for path in fetched}
    assert len([path for path in fetched if "-bin-" in path]) == 1
    assert sum(sizes.values()) < 20_000, sizes


def test_online_keys_are_their_owners_alone_and_open_with_the_passphrase(tmp_path, monkeypatch):
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    chain = Chain(tmp_path)
    keys = list((chain.repository.folder / "keys").glob("*.pem"))
    assert len(keys) == 3 and all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys)
    assert all(b"ENCRYPTED" in key.read_bytes() for key in keys)
    monkeypatch.setenv(PASSPHRASE, "wrong")
    again = Repository(chain.repository.folder, "north", lambda: chain.clock[0])
    with pytest.raises(TrustFault) as caught:
        again.publish({OLD: b"x"})
    assert caught.value.findings[0].code == "SL-TRU-14" and "wrong" not in caught.value.findings[0].render()
    assert not (chain.repository.targets / "stores").exists() or chain.repository.state().snapshot.signed.version == 1


def test_key_files(tmp_path):
    public = make_key(tmp_path / "a.pem", "secret words")
    assert read_public(tmp_path / "a.pem.pub") == public
    assert read_signer(tmp_path / "a.pem", "secret words").public_key == public
    for call in (
        lambda: read_signer(tmp_path / "a.pem", "other"),
        lambda: read_signer(tmp_path / "a.pem"),
        lambda: read_signer(tmp_path / "a.pem.pub"),
        lambda: read_public(tmp_path / "a.pem"),
    ):
        with pytest.raises(TrustFault) as caught:
            call()
        assert caught.value.findings[0].code == "SL-TRU-14"
    with pytest.raises(FileExistsError):
        make_key(tmp_path / "a.pem")
    assert json.loads((tmp_path / "a.pem.pub").read_text())["keytype"] == "ed25519"


def test_a_chain_without_a_repository_says_how_to_found_one(tmp_path):
    empty = Repository(tmp_path / "none", "north", lambda: None)
    for call in (empty.root_bytes, empty.state, lambda: empty.publish({OLD: b"x"})):
        with pytest.raises(TrustFault) as caught:
            call()
        assert caught.value.findings[0].code == "SL-TRU-17"
    assert not empty.refresh()
