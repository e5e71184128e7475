"""A server that publishes, withdraws, renews and changes its keys, killed with SIGKILL at any moment and started again.

After each kill an agent that was there before and one that comes anew must refresh without a refusal, find every bundle that was
acknowledged and fetch it whole, and never find one that was withdrawn. The long form, from the repository's root:

    python -m tests.faults.trust_kills --kills 300
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from storeloom.core.control.trust import ceremony
from storeloom.core.control.trust.keys import read_signer
from storeloom.core.control.trust.repository import Repository
from storeloom.core.kernel.errors import TrustFault
from storeloom.core.trust.client import TufClient, pin
from tests.trust.made import T0, Mirror


def open_repository(folder: Path) -> Repository:
    return Repository(folder / "repository", "north", lambda: T0)


def write(folder: Path, seed: int, number: int) -> None:
    """The server: one deed after another, each acknowledged on standard output when it is done."""
    repository, chance = open_repository(folder), random.Random(seed)
    ceremony.complete(repository)
    for done in range(number + 1, number + 10_000):
        kind = chance.random()
        if kind < 0.7:
            repository.publish({path(done, store): body(done, store) for store in range(3)})
            print(f"published {done}", flush=True)
        elif kind < 0.8:
            repository.withdraw([path(done - 1, store) for store in range(3)])
            print(f"withdrawn {done - 1}", flush=True)
        else:
            role = chance.choice(["timestamp", "snapshot", "releases"])
            draft = ceremony.change_online(repository, role)
            ceremony.sign(draft, read_signer(folder / "keys" / f"{'targets' if role == 'releases' else 'root'}.pem"))
            ceremony.accept(repository, [draft])
            print(f"rotated {done}", flush=True)


def path(number: int, store: int) -> str:
    return f"stores/s-{store}/{number}.json"


def body(number: int, store: int) -> bytes:
    return f"{number} of {store} ".encode() * 50


class Check:
    """The agents before a repository that is killed, and what they may find."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.published, self.withdrawn, self.newest = folder, set[int](), set[int](), 0
        self.last = self.number = 0
        ceremony.found_alone(open_repository(folder), folder / "keys", bits=2)
        self.mirror = Mirror(folder / "repository")
        self.seasoned = self.agent("seasoned")

    def agent(self, name: str) -> TufClient:
        pin(self.folder / name, open_repository(self.folder).root_bytes(1))
        return TufClient(self.folder / name, "mem://metadata", "mem://targets", line=self.mirror, now=lambda: T0)

    def heard(self, lines: list[str]) -> None:
        for line in lines:
            word, _, what = line.partition(" ")
            self.number = max(self.number, int(what or 0))
            if word in ("published", "withdrawn") and what.isdigit():
                (self.published if word == "published" else self.withdrawn).add(int(what))
        self.newest = max([*self.published, self.newest])
        self.last = self.newest if lines and lines[-1] == f"published {self.newest}" else 0

    def after(self, kill: int) -> None:
        """What must hold once a server was started again."""
        repository = open_repository(self.folder)
        ceremony.complete(repository)
        with repository.writing():
            pass
        for client in (self.seasoned, self.agent(f"fresh{kill}")):
            client.refresh()
            for number in sorted(self.published - self.withdrawn)[-4:]:
                found = fetched(client, path(number, 1), self.folder / "got")
                under_way = found is None and number == self.last  # a withdrawal that was cut off before it was acknowledged
                assert found == body(number, 1) or under_way, f"kill {kill}: {number} lost"
            for number in sorted(self.withdrawn)[-2:]:
                assert fetched(client, path(number, 1), self.folder / "got") is None, f"kill {kill}: {number} came back"


def fetched(client: TufClient, target: str, into: Path) -> bytes | None:
    try:
        return client.download(target, into).read_bytes()
    except TrustFault as fault:
        if fault.findings[0].code != "SL-TRU-09":
            raise
        return None


def campaign(folder: Path, kills: int, seed: int, longest_s: float = 0.4) -> int:
    """Kill the server so often; how many deeds were acknowledged. AssertionError or TrustFault says what did not hold."""
    check, chance, deeds = Check(folder), random.Random(seed), 0
    for kill in range(kills):
        words = [sys.executable, "-m", "tests.faults.trust_kills", "--writer", str(folder), str(seed + kill), str(check.number + 10)]
        child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        time.sleep(chance.random() * longest_s)
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.read().splitlines()
        child.wait()
        deeds += len(lines)
        check.heard([line.strip() for line in lines])
        check.after(kill)
    return deeds


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--writer", nargs=3)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.writer:
        write(Path(arguments.writer[0]), int(arguments.writer[1]), int(arguments.writer[2]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        deeds = campaign(Path(folder), arguments.kills, arguments.seed)
    print(f"{arguments.kills} kills, {deeds} deeds acknowledged, none lost, no agent refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
