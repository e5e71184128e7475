"""An agent whose disk is truly full: in a download, in unpacking, in its journal. The store sells on; with room again it goes on by itself.

The disk is a small file system in memory of its own, mounted for the test; where that is not permitted, the tests are skipped.
"""

import os
import subprocess
import threading
import time

import pytest

from storeloom.core.agent import releases
from storeloom.core.agent.fetching import Repository
from storeloom.core.agent.working import opened
from tests.agent.doubles import Chain, bundle_of
from tests.agent.wheels import named, wheel
from tests.trust import made

MB = 1 << 20
SIZE = 40 * MB


@pytest.fixture
def disk(tmp_path):
    """A folder on a disk of 40 MB."""
    place = tmp_path / "chain" / "home"
    place.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no disk of one's own can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


class OnDisk(Chain):
    """A chain of one store whose agent's folder lies on the small disk; the store itself is elsewhere."""

    def __init__(self, disk, monkeypatch):
        self.disk = disk
        monkeypatch.setattr(type(disk), "mkdir", _unless_there(type(disk).mkdir))
        super().__init__(disk.parent)
        self.store._file, self.store._log = disk.parent / "played.json", disk.parent / "starts.log"

    def fill(self, left):
        """Let so many bytes be left."""
        with open(self.disk / "filler", "wb") as file:
            while (free := self.free() - left) > 0:
                file.write(b"\1" * min(free, MB))
                file.flush()

    def free(self):
        found = os.statvfs(self.disk)
        return found.f_bavail * found.f_frsize

    def clear(self):
        (self.disk / "filler").unlink()

    def works(self, agent):
        """The agent's own loop, in a thread."""
        thread = threading.Thread(target=agent.run, daemon=True)
        thread.start()
        return thread


def _unless_there(real):
    return lambda self, *words, **more: real(self, *words, **{**more, "exist_ok": True})


@pytest.fixture
def chain(disk, monkeypatch):
    monkeypatch.setattr(releases, "SPARE_MB", 0.0)  # what else keeps a disk from ever being full
    monkeypatch.setattr(releases, "GROWS", 0)
    found = OnDisk(disk, monkeypatch)
    yield found
    found.close()


def wait_for(condition, within_s=30.0):
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)


def goes_on(chain, agent, wanted, left, stage):
    """With so many bytes left the new release stops at a stage, the store sells on; with room again it comes to be good."""
    runs = chain.store.runs
    chain.fill(left)
    thread = chain.works(agent)
    agent.offer(wanted)
    time.sleep(1.0)
    chain.store.die()
    wait_for(lambda: chain.store.runs == runs)
    assert thread.is_alive() and agent.standing.state == stage and agent.standing.running.release == "spring"
    assert all(one["whole"] for one in chain.store.starts)
    chain.clear()
    wait_for(lambda: agent.standing.state == "good" and agent.standing.running.release == wanted.release)
    agent.stopping.set()
    agent.wake.set()
    thread.join(10)
    assert chain.releases.whole(agent.standing.running) and all(one["whole"] for one in chain.store.starts)
    chain.send(agent)
    assert sorted(chain.plane.reports) == list(range(1, len(chain.plane.reports) + 1))
    return chain.plane.reasons()


def test_a_disk_that_fills_in_a_download(chain, tmp_path):
    tuf = made.Chain(tmp_path / "tuf")
    large = bundle_of("good")[:-1] + b', "ballast": "' + b"x" * (6 * MB) + b'"}'
    spring, summer = chain.publish("spring"), chain.publish("summer")
    tuf.repository.publish({spring.target: bundle_of("good"), summer.target: large})
    fetches = Repository(chain.home, "https://hq", lambda: "t", tuf.client(str(chain.home.tuf)))
    agent = chain.agent(fetches=fetches)
    assert chain.bring(agent, spring) == "good"
    goes_on(chain, agent, summer, 3 * MB, "downloading")


def test_a_disk_that_fills_while_wheels_are_unpacked(chain, tmp_path):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    big = wheel(tmp_path, "acmebig", "1.0", {"acmebig/__init__.py": "", "acmebig/data.txt": "0123456789" * MB})
    chain.shelf.put(f"packages/acme/{big.name}", big.read_bytes())
    # what is packed here is not pressed: the download takes 10 MB, what is unpacked as much again, twice while pip moves it
    reasons = goes_on(chain, agent, chain.publish("summer", wheels=[named(big)]), 14 * MB, "installing")
    assert any(one.startswith("Too little room") for one in reasons), reasons


def test_a_disk_that_is_full_to_the_last_byte_stops_the_journal_and_not_the_store(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    goes_on(chain, agent, chain.publish("summer"), 0, "good")


def test_an_agent_that_starts_on_a_full_disk_starts_its_store(chain):
    agent = chain.agent()
    chain.bring(agent, chain.publish("spring"))
    runs = chain.store.runs
    chain.store.die()
    agent.journal.close()
    chain.fill(0)
    found = []
    pauses = {"pause": lambda seconds: time.sleep(0.05)}
    thread = threading.Thread(
        target=lambda: found.append(opened(chain.home, chain.home.identity(), chain.releases, chain.store, **pauses)), daemon=True
    )
    thread.start()
    wait_for(lambda: chain.store.runs == runs)
    assert not found
    chain.clear()
    thread.join(30)
    assert found[0].standing == agent.standing and not list(chain.home.folder.glob("*.damaged-*")), "the journal is as it was"
    again = chain.agent(journal=lambda path, otherwise: found[0])
    assert chain.bring(again, chain.publish("summer")) == "good"
