"""What an agent refuses to believe (the attacks that TUF names), each time with what it runs untouched and well again afterwards."""

import hashlib
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from storeloom.core.control.trust import ceremony
from storeloom.core.kernel.errors import TrustFault
from storeloom.core.trust import names
from storeloom.core.trust.client import TufClient
from tests.trust.made import T0, Chain

ONE, TWO, THREE = (f"stores/s-1/{number}.json" for number in (1, 2, 3))
TIMESTAMP = "metadata/timestamp.json"


@pytest.fixture
def chain(tmp_path):
    made = Chain(tmp_path)
    made.repository.publish({ONE: b'{"bundle": 1}'})
    return made


@pytest.fixture
def agent(chain):
    """An agent that runs release 1."""
    client = chain.client()
    client.refresh()
    client.download(ONE, chain.folder / "runs")
    return client


def held(chain):
    """All that the agent trusts and runs."""
    files = [*(chain.folder / "agent").glob("*.json"), *(chain.folder / "runs").iterdir()]
    return {file.name: file.read_bytes() for file in files}


@contextmanager
def refused(chain, *codes, trusted=()):
    """A refusal by one of these codes that changes nothing of what the agent holds, but for metadata that is rightly `trusted` by then."""
    before = held(chain)
    with pytest.raises(TrustFault) as caught:
        yield
    assert caught.value.findings[0].code in codes, caught.value.findings[0].render()
    after = held(chain)
    assert {name: data for name, data in after.items() if name not in trusted} == {n: d for n, d in before.items() if n not in trusted}


def well(chain, agent, path=TWO, data=b'{"bundle": 2}'):
    """The attack over, the agent takes the newest release."""
    chain.mirror.lies.clear()
    agent.refresh()
    assert agent.download(path, chain.folder / "runs").read_bytes() == data


def sign_online(chain, role, metadata):
    """What a thief of the online keys could sign."""
    state = chain.repository.state()
    chain.repository.sign(state, role, metadata, chain.clock[0])
    return metadata.to_bytes(JSONSerializer())


def test_rollback_to_an_older_timestamp_is_refused(chain, agent):
    old = chain.mirror.read(TIMESTAMP)
    chain.repository.publish({TWO: b'{"bundle": 2}'})
    agent.refresh()
    chain.mirror.lies[TIMESTAMP] = old
    with refused(chain, "SL-TRU-02"):
        agent.refresh()
    well(chain, agent)


def test_rollback_of_a_role_within_a_newer_snapshot_is_refused(chain, agent):
    repository = chain.repository
    repository.publish({TWO: b'{"bundle": 2}'})
    agent.refresh()
    state = repository.state()
    bin_ = f"{repository.bins(state).get_role_for_target(TWO)}.json"
    state.snapshot.signed.meta[bin_].version -= 1
    state.snapshot.signed.version += 1
    snapshot = sign_online(chain, "snapshot", state.snapshot)
    meta = state.timestamp.signed.snapshot_meta
    meta.version, meta.length, meta.hashes = state.snapshot.signed.version, len(snapshot), {"sha256": hashlib.sha256(snapshot).hexdigest()}
    state.timestamp.signed.version += 1
    chain.mirror.lies[TIMESTAMP] = sign_online(chain, "timestamp", state.timestamp)
    chain.mirror.lies[f"metadata/{meta.version}.snapshot.json"] = snapshot
    with refused(chain, "SL-TRU-02", trusted=("timestamp.json",)):
        agent.refresh()


def test_freeze_is_seen_when_the_timestamp_ends(chain, agent):
    old = chain.mirror.read(TIMESTAMP)
    chain.wait(days=1)
    chain.repository.publish({TWO: b'{"bundle": 2}'})
    chain.mirror.lies[TIMESTAMP] = old
    agent.refresh()
    with pytest.raises(TrustFault) as unknown:
        agent.find(TWO)
    assert unknown.value.findings[0].code == "SL-TRU-09"
    chain.wait(days=1)
    with refused(chain, "SL-TRU-03"):
        agent.refresh()
    chain.repository.refresh()
    well(chain, agent)


def test_mix_and_match_of_two_states_is_refused(chain, agent):
    repository, mirror = chain.repository, chain.mirror
    before = repository.state()
    repository.publish({TWO: b'{"bundle": 2}'})
    after = repository.state()
    old, new = before.snapshot.signed.version, after.snapshot.signed.version
    mirror.lies[f"metadata/{new}.snapshot.json"] = mirror.read(f"metadata/{old}.snapshot.json")
    with refused(chain, "SL-TRU-04", trusted=("timestamp.json",)):
        agent.refresh()
    role = repository.bins(after).get_role_for_target(TWO)
    mirror.lies = {f"metadata/{after.version(role)}.{role}.json": mirror.read(f"metadata/{before.version(role)}.{role}.json")}
    agent.refresh()
    with refused(chain, "SL-TRU-02"):
        agent.find(TWO)
    well(chain, agent)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_a_wrong_key_is_refused_in_every_role(chain, agent, role):
    chain.key("thief")
    if role == "targets":
        chain.take(ceremony.put(chain.repository, role, ceremony.draft(chain.repository, role)), "t1", "t2")
    elif role == "root":
        chain.take(ceremony.put(chain.repository, role, ceremony.draft(chain.repository, role)), "r1", "r2")
    chain.repository.publish({TWO: b'{"bundle": 2}'})
    state = chain.repository.state()
    versions = {"root": state.root.signed.version, "snapshot": state.snapshot.signed.version, "targets": state.version("targets")}
    path = f"metadata/{versions[role]}.{role}.json" if role in versions else TIMESTAMP
    forged = Metadata.from_bytes(chain.mirror.read(path))
    forged.sign(chain.signer("thief"), append=False)
    chain.mirror.lies[path] = forged.to_bytes(JSONSerializer(compact=True))
    below = {"snapshot": ("timestamp.json", "root.json"), "targets": ("timestamp.json", "snapshot.json", "root.json")}
    with refused(chain, "SL-TRU-01", "SL-TRU-04", trusted=below.get(role, ())):
        agent.refresh()
    well(chain, agent)


def test_a_stolen_key_below_the_threshold_signs_nothing(chain, agent):
    """One of two targets keys, one of three root keys: neither an own package list nor a new root comes of them."""
    repository = chain.repository
    root = ceremony.draft(repository, "root")
    root.signed.add_key(chain.key("thief"), "timestamp")
    file = ceremony.put(repository, "root", root)
    stolen = ceremony.sign(file, chain.signer("r1"))
    with pytest.raises(TrustFault) as few:
        ceremony.accept(repository, [file])
    assert (few.value.findings[0].code, few.value.findings[0].args["got"], few.value.findings[0].args["needed"]) == ("SL-TRU-15", 1, 2)
    chain.mirror.lies["metadata/2.root.json"] = stolen.to_bytes(JSONSerializer())
    with refused(chain, "SL-TRU-01"):
        agent.refresh()
    chain.mirror.lies.clear()
    targets = ceremony.draft(repository, "targets")
    targets.signed.targets[ONE] = TargetFile.from_data(ONE, b"evil", ["sha256"])
    file = ceremony.put(repository, "targets", targets)
    ceremony.sign(file, chain.signer("t1"))
    ceremony.sign(file, chain.signer("t1"))
    with pytest.raises(TrustFault):
        ceremony.accept(repository, [file])
    repository.publish({TWO: b'{"bundle": 2}'})
    well(chain, agent)


def vendors(chain):
    """Two vendors, acme and bolt; acme has signed a wheel."""
    for vendor in ("acme", "bolt"):
        chain.take(ceremony.admit_vendor(chain.repository, vendor, [chain.key(vendor)]), "t1", "t2")
    return names.package("acme", "acme-1.0-py3-none-any.whl"), names.package("bolt", "bolt-1.0-py3-none-any.whl")


def commit_vendor(chain, role, metadata):
    """Publish a vendor's metadata without the server's own checks, as a server that was taken over would."""
    with chain.repository.writing() as state:
        chain.repository.commit(state, {}, {role: metadata})


def signed_by(chain, name, **targets):
    metadata = Metadata(Targets(expires=T0 + timedelta(days=300)))
    for path, data in targets.items():
        metadata.signed.targets[path] = TargetFile.from_data(path, data, ["sha256"])
    metadata.sign(chain.signer(name))
    return metadata


def test_a_vendors_signature_on_another_vendors_file_counts_nothing(chain, agent):
    own, foreign = vendors(chain)
    chain.repository.store({own: b"acme's", foreign: b"acme's too"})
    commit_vendor(chain, "vendors/acme", signed_by(chain, "acme", **{own: b"acme's", foreign: b"acme's too", ONE: b"a bundle!"}))
    agent.refresh()
    assert agent.download(own, chain.folder / "wheels").read_bytes() == b"acme's"
    with refused(chain, "SL-TRU-10", "SL-TRU-09"):
        agent.find(foreign)
    assert agent.find(ONE).sha256 == hashlib.sha256(b'{"bundle": 1}').hexdigest()


def test_a_vendors_signature_in_another_vendors_role_is_refused(chain, agent):
    own, foreign = vendors(chain)
    bolt, acme = signed_by(chain, "acme", **{foreign: b"acme's"}), signed_by(chain, "acme", **{own: b"acme's"})
    commit_vendor(chain, "vendors/bolt", bolt)
    commit_vendor(chain, "vendors/acme", acme)
    agent.refresh()
    agent.find(own)  # acme's role, and with it acme's key, is known by now
    with refused(chain, "SL-TRU-01"):
        agent.find(foreign)


def test_arbitrary_software_is_never_put_in_place(chain, agent):
    chain.repository.publish({TWO: b'{"bundle": 2}'})
    agent.refresh()
    served = f"targets/{names.hashed(TWO, agent.find(TWO).sha256)}"
    chain.mirror.lies[served] = b'{"bundle": X}'
    with refused(chain, "SL-TRU-04"):
        agent.download(TWO, chain.folder / "runs")
    assert not list((chain.folder / "agent" / "partial").iterdir())
    chain.mirror.lies[served] = b'{"bundle":'
    with refused(chain, "SL-TRU-08"):
        agent.download(TWO, chain.folder / "runs")
    chain.mirror.lies[served] = b'{"bundle": 2} and more'
    with refused(chain, "SL-TRU-06"):
        agent.download(TWO, chain.folder / "runs")
    well(chain, agent)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_metadata_past_its_end_is_refused(chain, agent, role):
    repository = chain.repository
    lives = repository.lives
    if role in ("root", "targets"):
        chain.wait(days=366)
        repository.refresh()
    else:
        chain.wait(days=3 if role == "timestamp" else 15)
        if role == "snapshot":
            state = repository.state()
            with repository.locked():
                state.timestamp.signed.version += 1
                repository.sign(state, "timestamp", state.timestamp, chain.clock[0])
                (repository.metadata / "timestamp.json").write_bytes(state.timestamp.to_bytes(JSONSerializer()))
    assert lives.timestamp < timedelta(days=3) and lives.snapshot < timedelta(days=15)
    trusted = {"snapshot": ("timestamp.json",), "targets": ("timestamp.json", "snapshot.json")}
    with refused(chain, "SL-TRU-03", trusted=trusted.get(role, ())):
        agent.refresh()
    if role in ("root", "targets"):
        chain.take(ceremony.put(repository, "root", ceremony.draft(repository, "root")), "r1", "r2")
        chain.take(ceremony.put(repository, "targets", ceremony.draft(repository, "targets")), "t1", "t2")
    repository.publish({TWO: b'{"bundle": 2}'})
    well(chain, agent)


def test_a_clock_at_1970_takes_nothing_in_and_sells_on(chain, agent):
    chain.repository.publish({TWO: b'{"bundle": 2}'})
    chain.clock[0] = datetime(1970, 1, 1, tzinfo=UTC)
    asked = len(chain.mirror.asked)
    with refused(chain, "SL-TRU-05"):
        agent.refresh()
    assert len(chain.mirror.asked) == asked
    fresh = chain.client("fresh")
    fresh.time.saw(T0, offline=True)
    with pytest.raises(TrustFault) as caught:
        fresh.refresh()
    assert caught.value.findings[0].args == {"now": "1970-01-01T00:00:00Z", "floor": "2026-03-02T10:00:00Z"}
    chain.clock[0] = T0 + timedelta(hours=1)
    well(chain, agent)


def test_a_clock_ten_years_ahead_takes_nothing_in_and_forgets_nothing(chain, agent):
    chain.repository.publish({TWO: b'{"bundle": 2}'})
    chain.clock[0] = T0 + timedelta(days=3653)
    with refused(chain, "SL-TRU-03"):
        agent.refresh()
    assert agent.time.floor == T0
    chain.clock[0] = T0 + timedelta(hours=1)
    well(chain, agent)


def test_a_restarted_agent_knows_the_time_that_it_saw(chain, agent):
    chain.clock[0] = T0 - timedelta(days=2)
    again = chain.client()
    with refused(chain, "SL-TRU-05"):
        again.refresh()
    (chain.folder / "agent" / "trusted-time").write_bytes(b"\xff damaged")
    with pytest.raises(TrustFault):
        chain.client().refresh()
        chain.client().refresh()


def test_a_stolen_online_key_cannot_push_the_trusted_time_years_ahead(chain, agent):
    state = chain.repository.state()
    state.timestamp.signed.version += 1
    chain.repository.sign(state, "timestamp", state.timestamp, T0 + timedelta(days=3650))
    chain.mirror.lies[TIMESTAMP] = state.timestamp.to_bytes(JSONSerializer())
    agent.refresh()
    assert agent.time.floor == T0


def test_roots_of_several_versions_are_gone_through_one_by_one(chain, agent):
    """Every key changes hands over four roots; an agent of the first arrives at the last, one whose way is broken does not."""
    repository = chain.repository
    holders = ["r1", "r2", "r3"]
    for number in range(4):
        new = f"n{number}"
        add = [chain.key(new)]
        gone = holders.pop(0)
        file = ceremony.change_holders(repository, "root", add, [chain.public[gone].keyid])
        chain.take(file, gone, *holders)
        holders.append(new)
    for role in ("snapshot", "timestamp"):
        chain.take(ceremony.change_online(repository, role), *holders[:2])
    assert repository.state().root.signed.version == 7
    chain.mirror.lies["metadata/4.root.json"] = None
    with refused(chain, "SL-TRU-01", trusted=("root.json",)):
        agent.refresh()
    repository.publish({TWO: b'{"bundle": 2}'})
    well(chain, agent)
    assert json.loads((chain.folder / "agent" / "root.json").read_bytes())["signed"]["version"] == 7
    assert json.loads((chain.folder / "agent" / "pinned-root").read_bytes())["signed"]["version"] == 1


def test_a_new_root_without_the_old_holders_is_refused(chain, agent):
    add = [chain.key(f"own{number}") for number in range(2)]
    file = ceremony.change_holders(chain.repository, "root", add, [chain.public[name].keyid for name in ("r1", "r2", "r3")])
    forged = [ceremony.sign(file, chain.signer(f"own{number}")) for number in range(2)][-1]
    with pytest.raises(TrustFault):
        ceremony.accept(chain.repository, [file])
    chain.mirror.lies["metadata/2.root.json"] = forged.to_bytes(JSONSerializer())
    with refused(chain, "SL-TRU-01"):
        agent.refresh()


def test_a_withdrawn_release_is_signed_no_more(chain, agent):
    chain.repository.withdraw([ONE, THREE])
    agent.refresh()
    bins = [file.name for file in (chain.folder / "agent").glob("releases-bin-*.json")]
    with refused(chain, "SL-TRU-09", trusted=bins):
        agent.find(ONE)
    assert not list(chain.repository.targets.rglob("*.1.json"))


def test_what_is_no_metadata_is_refused(chain, agent):
    for nonsense in (b"", b"{}", b"[" * 5000, b'{"signed": {}, "signatures": []}', b"\xff\xfe"):
        chain.mirror.lies[TIMESTAMP] = nonsense
        with refused(chain, "SL-TRU-10"):
            agent.refresh()


def test_nothing_is_believed_without_a_pinned_root(chain, tmp_path):
    with pytest.raises(TrustFault) as caught:
        TufClient(tmp_path / "nobody", "mem://metadata", line=chain.mirror).refresh()
    assert caught.value.findings[0].code == "SL-TRU-10"


def test_an_agent_that_was_offline_for_months_catches_up(chain, agent):
    for number in range(2, 12):
        chain.wait(days=13)
        chain.repository.refresh()
        chain.repository.publish({f"stores/s-1/{number}.json": b'{"bundle": %d}' % number})
    well(chain, agent, "stores/s-1/11.json", b'{"bundle": 11}')


def test_a_repository_of_another_make_is_understood(tmp_path):
    """Files under plain names, SHA-512, no times of signing: what the specification leaves open."""
    chain = Chain(tmp_path)
    root = ceremony.draft(chain.repository, "root")
    root.signed.consistent_snapshot = False
    chain.take(ceremony.put(chain.repository, "root", root), "r1", "r2")
    targets = ceremony.draft(chain.repository, "targets")
    targets.signed.targets["a file/x.bin"] = TargetFile.from_data("a file/x.bin", b"data", ["sha512"])
    chain.take(ceremony.put(chain.repository, "targets", targets), "t1", "t2")
    state = chain.repository.state()
    for role, version in (("snapshot", state.snapshot.signed.version), ("targets", 2)):
        chain.mirror.lies[f"metadata/{role}.json"] = chain.mirror.read(f"metadata/{version}.{role}.json")
    chain.mirror.lies["targets/a file/x.bin"] = b"data"
    client = chain.client()
    client.refresh()
    assert client.download("a file/x.bin", tmp_path / "got").read_bytes() == b"data"
    assert client.find("a file/x.bin").sha256 == ""
