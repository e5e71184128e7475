"""Part of area `fleet`: what trust costs an agent and the control plane, the network left out.

The agent's own client refreshes over an in-memory line: from a pinned root alone, when nothing is new, and after a publication; bundles are
verified as they are fetched, beside hashing the same bytes. The control plane publishes a release of many stores in one snapshot.
"""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

from storeloom.core.bench.harness import Result
from storeloom.core.control.trust import ceremony
from storeloom.core.control.trust.repository import Repository
from storeloom.core.trust.client import TufClient, pin

TARGETS, STORES, RUNS = 200, 10_000, 9
LARGE = 64 << 20
SHARED = "/dev/shm"  # a file system in memory: a refresh is durable on disk, whose pace is the disk's
T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Memory(FetcherInterface):
    """A repository's files from memory; counts the bytes of metadata that an agent fetches."""

    def __init__(self, folder: Path) -> None:
        self.files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.json") if "drafts" not in file.parts}
        self.fetched = 0

    def _fetch(self, url: str) -> Iterator[bytes]:
        data = self.files.get(url.partition("://")[2])
        if data is None:
            raise DownloadHTTPError("not there", 404)
        self.fetched += len(data)
        return iter([data])


def measure(targets: int = TARGETS, stores: int = STORES, runs: int = RUNS, large: int = LARGE) -> list[Result]:
    """A refresh with 200 targets (first, nothing new, after a publication), verifying against hashing, and a publication's time, the
    metadata that one agent then fetches, and the repository's metadata, for `stores` stores."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir=SHARED if Path(SHARED).is_dir() else None) as memory:
        place = Path(folder)
        took = _refresh(Path(memory), targets, runs)
        on_disk = _refresh(place / "few", targets, runs)["new"]
        what = f"{targets} targets, refresh and look-up of one bundle"
        return [
            *(
                Result(f"tuf_refresh_{kind}", one * 1e3, "ms", "<= 20", f"{what}, neither network nor disk", runs)
                for kind, one in took.items()
            ),
            Result("tuf_refresh_on_disk", on_disk * 1e3, "ms", "", f"{what} after a publication, durable on this machine's disk", runs),
            *_verify(place / "large", large, runs),
            *_publish(place / "many", stores),
        ]


def _repository(place: Path, bits: int) -> Repository:
    repository = Repository(place / "repository", "bench", lambda: T0)
    ceremony.found_alone(repository, place / "keys", bits=bits)
    return repository


def _client(place: Path, name: str, line: FetcherInterface) -> TufClient:
    return TufClient(place / name, "mem://metadata", "mem://targets", line=line, now=lambda: T0)


def _refresh(place: Path, targets: int, runs: int) -> dict[str, float]:
    """Median seconds of an agent's first refresh, of one without news, of one after a publication; each agent has a folder of its own."""
    repository = _repository(place, 1)
    paths = [f"stores/s-{number}/1.json" for number in range(targets)]
    repository.publish({path: path.encode() for path in paths})
    seconds: dict[str, list[float]] = {"first": [], "same": [], "new": []}
    for run in range(runs):
        line = Memory(repository.folder)
        pin(place / f"agent{run}", repository.root_bytes())
        client = _client(place, f"agent{run}", line)
        for kind in ("first", "same"):
            seconds[kind].append(_timed(client, paths[0]))
        repository.publish({f"stores/s-0/{run + 2}.json": b"new"})
        line.files = Memory(repository.folder).files
        seconds["new"].append(_timed(client, f"stores/s-0/{run + 2}.json"))
    return {kind: statistics.median(took) for kind, took in seconds.items()}


def _timed(client: TufClient, path: str) -> float:
    start = time.perf_counter()
    client.refresh()
    client.find(path)
    return time.perf_counter() - start


def _verify(place: Path, large: int, runs: int) -> list[Result]:
    """A file that is there already is verified again; the bare hash reads the same file from the same cache."""
    repository = _repository(place, 1)
    path, into = "stores/s-1/1.json", place / "runs"
    repository.publish({path: bytes(large)})
    pin(place / "agent", repository.root_bytes())
    client = _client(place, "agent", Memory(repository.folder))
    file = client.download(path, into)
    ratios = []
    for _ in range(runs):
        start = time.perf_counter()
        with open(file, "rb") as opened:
            hashlib.file_digest(opened, "sha256")
        middle = time.perf_counter()
        client.download(path, into)
        ratios.append((middle - start) / (time.perf_counter() - middle))
    against = f"sha256 of the same {large >> 20} MiB"
    return [Result("bundle_verify_against_sha256", statistics.median(ratios), "ratio", ">= 0.7", against, runs)]


def _publish(place: Path, stores: int) -> list[Result]:
    repository = _repository(place, ceremony.BITS)
    bundle = b"x" * 2000
    start = time.perf_counter()
    repository.publish({f"stores/s-{number:05d}/1.json": bundle for number in range(stores)})
    seconds = time.perf_counter() - start
    line = Memory(repository.folder)
    pin(place / "agent", repository.root_bytes())
    client = _client(place, "agent", line)
    client.refresh()
    client.find("stores/s-00007/1.json")
    size = sum(len(data) for name, data in line.files.items() if name.startswith("metadata/"))
    what = f"{stores} stores, {2**ceremony.BITS} bins"
    return [
        Result("tuf_publish", seconds, "s", "", f"{what}, one snapshot, durable", 1),
        Result("tuf_agent_metadata", line.fetched / 1024, "KiB", "", f"{what}, first refresh of one agent", 1),
        Result("tuf_metadata_on_disk", size / (1 << 20), "MiB", "", f"{what}, two versions", 1),
    ]
