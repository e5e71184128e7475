"""A store that is only played, kept in a file so that it outlives an agent that is killed; releases whose bundles say how they behave."""

from __future__ import annotations

import hashlib
import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storeloom.core.agent.agent import Agent, Parts, Times, recovered
from storeloom.core.agent.checking import Checked
from storeloom.core.agent.faults import Unreached
from storeloom.core.agent.home import Home, Identity
from storeloom.core.agent.journal import Journal
from storeloom.core.agent.line import Line, Pace
from storeloom.core.agent.releases import Releases
from storeloom.core.agent.store import Look
from storeloom.core.agent.talking import Gatherer, Poller, Reporter, Spans
from storeloom.core.agent.watching import Limits
from storeloom.core.kernel.errors import Finding, PresenceFault
from storeloom.core.runtime.status import DeviceStatus, FigureStatus, InstanceStatus, StoreStatus
from storeloom.core.trust import seal
from storeloom.core.trust.wire import Desired, Sealed
from tests.agent.plane import Plane

TIMES = Times(look_s=0.01, steady_s=0.01, again_s=0.001, longest_s=0.01, distrust_s=0.01)
SPANS = Spans(wait_s=1, health_s=0.02, figures_s=0.0, least_s=0.0, report_s=0.005)
LIMITS = Limits(ill_s=0.05, crashes=3)


def bundle_of(behaviour: str, store: str = "s1", uplink: str | None = None) -> bytes:
    """A packed bundle as far as an agent reads it. `behaviour`: good, crash, rest, sick, refuse, loop, back."""
    body: dict[str, Any] = {"document": "packed/1", "store": {"store": store, "devices": {}}, "behaviour": behaviour}
    body["runtime"] = {} if uplink is None else {"uplink": {"url": "https://hq", "token": uplink}}
    body["digest"] = "sha256:" + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps(body).encode()


class Shelf:
    """See `releases.Fetches`: targets out of a folder. `cut` fetches fail before one goes through; `fails` is raised instead."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.cut = 0
        self.fails: Exception | None = None
        self.refreshed = 0

    def put(self, target: str, body: bytes) -> None:
        (self.folder / target.replace("/", "%2F")).write_bytes(body)

    def refresh(self) -> None:
        self.refreshed += 1
        if self.fails is not None:
            raise self.fails

    def fetch(self, target: str, into: Path) -> None:
        if self.cut:
            self.cut -= 1
            raise Unreached(Finding("SL-AGT-02", {"url": "https://hq", "reason": "cut"}))
        part = into.with_suffix(".part")
        part.write_bytes((self.folder / target.replace("/", "%2F")).read_bytes())
        part.replace(into)


class PlayedStore:
    """See `store.Store`. What it does follows from its bundle's `behaviour`; what it did stands in `starts.log`."""

    def __init__(self, home: Home, releases: Releases) -> None:
        self._file, self._log = home.folder / "played.json", home.folder / "starts.log"
        self._home, self._releases = home, releases
        self.figures: tuple[FigureStatus, ...] = ()
        self.silent = False

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._file.read_bytes()))
        except FileNotFoundError:
            return {"alive": False, "place": None, "restarts": 0, "looks": 0}

    def _write(self, **changes: Any) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({**self._read(), **changes}))
        part.replace(self._file)

    def _bundle(self, place: Path) -> dict[str, Any]:
        return dict(json.loads((place / "bundle.json").read_bytes()))

    def _runs(self, place: Path, how: str) -> None:
        """Note what it begins to run, and whether that was whole."""
        manifest = json.loads((place / "release.json").read_bytes()) if (place / "release.json").is_file() else {}
        whole = manifest.get("bundle") == hashlib.sha256((place / "bundle.json").read_bytes()).hexdigest()
        with open(self._log, "a") as file:
            file.write(json.dumps({"place": place.name, "how": how, "whole": whole}) + "\n")

    @property
    def starts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.is_file() else []

    @property
    def runs(self) -> str | None:
        """The folder of the release that it runs."""
        found = self._read()
        return found["place"] if found["alive"] else None

    def holder(self) -> int | None:
        return 4711 if self._read()["alive"] else None

    def start(self, stop: Any) -> str | None:
        place = self._home.current.resolve()
        self._runs(place, "start")
        if self._bundle(place)["behaviour"] == "crash":
            return "SIGSEGV"
        self._write(alive=True, place=place.name, restarts=0, looks=0)
        return None

    def apply(self, release: Path, *, restart: bool) -> dict[str, str] | None:
        if self.silent:
            raise PresenceFault(Finding("SL-OBS-01", {"folder": "x"}))
        if self._bundle(release)["behaviour"] == "refuse":
            return {"en": "it does not fit", "zh": "不符"}
        if self._bundle(release)["behaviour"] == "crash":
            self._write(alive=False)
            raise PresenceFault(Finding("SL-OBS-01", {"folder": "x"}))
        self._runs(release, "restart" if restart else "live")
        self._write(place=release.name, looks=0)
        return None

    def stop(self) -> None:
        self._write(alive=False)

    def die(self) -> None:
        self._write(alive=False)

    def look(self) -> Look | None:
        found = self._read()
        if not found["alive"] or self.silent:
            return None
        bundle = self._bundle(self._home.releases / found["place"])
        how, looks = bundle["behaviour"], found["looks"] + 1
        restarts = found["restarts"] + (1 if how == "loop" else 0)
        self._write(looks=looks, restarts=restarts)
        resting = "resting" if how == "rest" and looks > 2 else "level"
        one = InstanceStatus(
            "cart", "cart", "1.0.0", "shared", resting, "no model" if resting == "resting" else "", 9, 0, 1, 0, 0.0, 0.0, None
        )
        device = DeviceStatus("till-1", "pos", "offline" if how == "deaf" else "online")
        now = datetime.now(UTC).isoformat()
        digest = "sha256:other" if how == "back" else bundle["digest"]
        status = StoreStatus("s1", "b", 1, now, now, restarts, 1, 1, 1, 0, (one,), devices=(device,), digest=digest, figures=self.figures)
        return Look(status, how != "sick", {"en": "no room" if how == "sick" else "", "zh": ""})

    def written(self) -> str:
        return "SIGSEGV"


class Chain:
    """A chain of one store: its plane, its shelf of targets, and the agent as it is made anew after each kill."""

    def __init__(self, folder: Path, plane: Plane | None = None, *, enrolled: bool = True) -> None:
        self.folder = folder
        self.plane = plane.start() if plane is not None else Plane().start()
        self.shelf = Shelf(folder / "shelf")
        self.home = Home(folder / "home")
        self.home.folder.mkdir(mode=0o700)
        if enrolled:
            now = datetime.now(UTC)
            data = str(folder / "data")
            self.home.keep_identity(Identity(self.plane.url, "north", "s1", "token-1", now, now + timedelta(days=30), data, now))
            self.home.key()
        self.releases = Releases(self.home)
        self.store = PlayedStore(self.home, self.releases)
        self.checked = Checked(apart=True)
        self.agents: list[Agent] = []
        self.number = 0

    def publish(self, name: str, behaviour: str = "good", **more: Any) -> Desired:
        """A release on the shelf, and what a plane says that wants it."""
        self.number += 1
        target = f"stores/s1/{self.number}.json"
        self.shelf.put(target, bundle_of(behaviour, uplink=more.pop("uplink", None)))
        given = {"number": self.number, "release": name, "release_number": self.number, "target": target, "health_s": 0, **more}
        return Desired(**given)

    def sealed(self, value: str, version: int = 1) -> Sealed:
        return Sealed(sealed=seal.to_text(seal.seal(value.encode(), seal.public_key(self.home.key()))), version=version)

    def agent(self, **changes: Any) -> Agent:
        """A new agent on the same folder, as a process that starts makes it."""
        kind = changes.pop("journal", Journal)
        given: dict[str, Any] = {
            "home": self.home,
            "identity": self.home.identity(),
            "journal": kind(self.home.journal, otherwise=lambda: recovered(self.releases)),
            "releases": self.releases,
            "fetches": self.shelf,
            "store": self.store,
            "pace": Pace(random.Random(1), 0.002),
            "check": lambda question: self.checked,
            "times": TIMES,
            "limits": LIMITS,
        }
        made = Agent(Parts(**{**given, **changes}))
        self.agents.append(made)
        return made

    def talkers(self, agent: Agent, seed: int = 1, spans: Spans = SPANS) -> tuple[Poller, Reporter, Gatherer]:
        identity = agent.parts.identity
        line = Line(identity.server, identity.token)
        pace = (random.Random(seed), 0.002)
        return Poller(agent, line, Pace(*pace), spans), Reporter(agent, line, Pace(*pace), spans), Gatherer(agent, spans)

    def bring(self, agent: Agent, desired: Desired, *, until: tuple[str, ...] = ("good", "refused"), within_s: float = 10.0) -> str:
        """Hand over what is wanted and step until it came to an end."""
        agent.offer(desired)
        return self.step(agent, until=until, within_s=within_s, number=desired.number)

    def step(self, agent: Agent, *, until: tuple[str, ...] = ("good", "refused"), within_s: float = 10.0, number: int = 0) -> str:
        end = time.monotonic() + within_s
        while True:
            pause = agent.step()
            standing = agent.standing
            if standing.state in until and standing.number >= number and (standing.state != "refused" or not standing.again):
                return str(standing.state)
            assert time.monotonic() < end, standing
            time.sleep(min(pause, 0.02))

    def send(self, agent: Agent) -> None:
        """All reports go up."""
        reporter = self.talkers(agent)[1]
        for _ in range(200):
            reporter.once()
            if agent.journal.joined and not agent.journal.waiting():
                return
        raise AssertionError("the reports were not taken")

    def states(self, agent: Agent) -> list[str]:
        """The states that wait to be told."""
        return [one.data["state"] for one in agent.journal.waiting(10_000) if one.kind == "state"]

    def close(self) -> None:
        for agent in self.agents:
            agent.stopping.set()
        self.plane.close()


def spoil(path: Path) -> None:
    """One byte of a file is another."""
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(bytes(body))
