"""An agent that is killed wherever it may be: before and after each write of its journal, or at random moments.

Each life is a forked process that works on one folder until all is settled or it is killed; the control plane is a process of its own.
After each death what the store would start with must be a whole, verified release, and in the end the control plane must have every report.

    python -m tests.faults.agent_kills --kills 300 --seed 1      # and the sweep over every write
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storeloom.core.agent.journal import Journal
from storeloom.core.agent.talking import Spans
from storeloom.core.trust.wire import PREFIX, Desired
from tests.agent.doubles import Chain, bundle_of
from tests.agent.plane import Plane

STAGES = (("spring", "good"), ("summer", "good"), ("bad", "crash"), ("ill", "rest"), ("autumn", "good"))
SPANS = Spans(wait_s=0, health_s=0.0, figures_s=0.0)
WITHIN_S = 20.0


class Killing(Journal):
    """Kills its process before or after its n-th write."""

    at, after, count = 0, False, 0

    @contextmanager
    def _writing(self) -> Iterator[None]:
        Killing.count += 1
        if Killing.count == Killing.at and not Killing.after:
            os.kill(os.getpid(), signal.SIGKILL)
        with super()._writing():
            yield
        if Killing.count == Killing.at and Killing.after:
            os.kill(os.getpid(), signal.SIGKILL)


class PlaneProcess:
    """The control plane in a process of its own; asked over HTTP like any other."""

    def __init__(self, faults: float = 0.0, seed: int = 1) -> None:
        plane = Plane(faults=faults, seed=seed)
        self.url = plane.url
        self.pid = os.fork()
        if not self.pid:
            try:
                plane.serve()
            finally:
                os._exit(0)

    def start(self) -> PlaneProcess:
        return self

    def _ask(self, method: str, path: str, body: str = "") -> Any:
        line = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=5)
        line.request(method, PREFIX + path, body, {"Authorization": "Bearer token-1"})
        answer = json.loads(line.getresponse().read())
        line.close()
        return answer

    def want(self, desired: Desired) -> None:
        self._ask("PUT", "/want", desired.model_dump_json())

    def reports(self) -> dict[int, dict[str, Any]]:
        return {int(seq): one for seq, one in self._ask("GET", "/debug")["reports"].items()}

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Course:
    """One agent's folder on its way through the stages, one life after another."""

    def __init__(self, folder: Path, faults: float = 0.0, seed: int = 1) -> None:
        folder.mkdir()
        self.plane = PlaneProcess(faults, seed)
        self.chain = Chain(folder, self.plane)  # type: ignore[arg-type]
        self.wrong: list[str] = []
        self.proved = False
        self.lives = self.kills = 0

    def work(self, number: int, kill_at: int, after: bool) -> None:
        """In a child: until the stage is settled and all reports are taken."""
        Killing.at, Killing.after, Killing.count = kill_at, after, 0
        chain = self.chain
        agent = chain.agent(journal=Killing)
        poller, reporter, gatherer = chain.talkers(agent, spans=SPANS)
        while True:
            poller.once()
            agent.step()
            reporter.once()
            standing = agent.standing
            if standing.number == number and standing.state in ("good", "refused"):
                if not agent.journal.waiting():
                    break
            else:
                gatherer.once()

    def life(self, number: int, kill_at: int = 0, after: bool = False, kill_in_s: float | None = None) -> bool:
        """One process; whether it came to the end of the stage."""
        self.lives += 1
        pid = os.fork()
        if not pid:
            code = 1
            try:
                self.work(number, kill_at, after)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        if kill_in_s is not None:
            time.sleep(kill_in_s)
            os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + WITHIN_S
        while not (found := os.waitpid(pid, os.WNOHANG))[0]:
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
                self.wrong.append(f"stage {number} did not end")
            time.sleep(0.002)
        killed = os.WIFSIGNALED(found[1])
        self.kills += killed
        if not killed and os.WEXITSTATUS(found[1]):
            self.wrong.append(f"stage {number}: the agent ended with {os.WEXITSTATUS(found[1])}")
        self.look(f"stage {number}, write {kill_at} {'after' if after else 'before'}")
        return not killed

    def look(self, when: str) -> None:
        """What must hold at every moment: what is started is whole; what the link leads to is, once anything proved good."""
        starts = self.chain.store.starts
        if not all(one["whole"] for one in starts):
            self.wrong.append(f"{when}: a release that is not whole was started")
        place = self.chain.releases.linked()
        if self.proved and (place is None or self.chain.releases.known() is None):
            self.wrong.append(f"{when}: nothing runnable is linked")

    def stage(self, name: str, behaviour: str, lives: Callable[[int], Iterator[dict[str, Any]]]) -> None:
        """Want a release, live through the lives that are given, then until it is settled."""
        chain = self.chain
        chain.number += 1
        target = f"stores/s1/{chain.number}.json"
        chain.shelf.put(target, bundle_of(behaviour))
        health_s = 0 if behaviour == "good" else 1
        number = chain.number
        self.plane.want(Desired(number=number, release=name, release_number=number, target=target, health_s=health_s))
        for how in lives(number):
            if self.life(number, **how):
                break
        while not self.wrong and not self.life(number):
            continue
        self.proved = self.proved or behaviour == "good"

    def end(self, states: list[str] | None) -> list[str]:
        """What was told in the end: all of it, and the same states as without kills."""
        reports = self.plane.reports()
        told = [one["data"]["state"] for _, one in sorted(reports.items()) if one["kind"] == "state"]
        if states is not None and told != states:
            self.wrong.append(f"told {told}, not {states}")
        if sorted(reports) != list(range(1, len(reports) + 1)):
            self.wrong.append("numbers of reports are missing")
        runs = self.chain.store.runs
        linked = self.chain.releases.linked()
        if linked is None or runs != linked.name:
            self.wrong.append(f"runs {runs}, linked is {linked}")
        self.plane.close()
        return told


def none(_number: int) -> Iterator[dict[str, Any]]:
    return iter(())


def sweep(folder: Path, every: int = 1, most: int = 200) -> tuple[list[str], int]:
    """A kill before and after every write of every stage, each in a course of its own; what was wrong, and how many kills there were."""
    reference = Course(folder / "reference")
    for name, behaviour in STAGES:
        reference.stage(name, behaviour, none)
    states, wrong, kills = reference.end(None), list(reference.wrong), 0
    for at in range(1, most, every):
        reached = 0
        for after in (False, True):
            course = Course(folder / f"{at}-{after}")

            def lives(_number: int, at: int = at, after: bool = after) -> Iterator[dict[str, Any]]:
                yield {"kill_at": at, "after": after}

            for name, behaviour in STAGES:
                course.stage(name, behaviour, lives)
            course.end(states)
            wrong += [f"write {at} {'after' if after else 'before'}: {one}" for one in course.wrong]
            kills += course.kills
            reached += course.kills
            if not course.wrong:
                shutil.rmtree(folder / f"{at}-{after}")
        if not reached:
            break
    return wrong, kills


def kill_at_random(folder: Path, kills: int, seed: int, faults: float = 0.1) -> tuple[list[str], int]:
    """So many SIGKILLs at random moments, over stage after stage, with a tenth of the messages lost, doubled or late."""
    draw = random.Random(seed)
    course = Course(folder / "random", faults, seed)
    round_of = 0
    while course.kills < kills and not course.wrong:
        name, behaviour = STAGES[round_of % len(STAGES)]

        def lives(_number: int) -> Iterator[dict[str, Any]]:
            for _ in range(12):
                yield {"kill_in_s": draw.uniform(0.0, 0.08)}

        course.stage(f"{name}-{round_of}", behaviour, lives)
        round_of += 1
    course.end(None)
    return course.wrong, course.kills


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.agent_kills", description="An agent killed wherever it may be.")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="the sweep takes every n-th write")
    given = parser.parse_args()
    logging.disable()
    folder = Path(tempfile.mkdtemp(prefix="agent-kills-"))
    swept, count = sweep(folder, given.every)
    print(f"sweep: {count} kills, {len(swept)} wrong", flush=True)
    hit, random_count = kill_at_random(folder, given.kills, given.seed)
    print(f"random: {random_count} kills, {len(hit)} wrong", flush=True)
    print("\n".join([*swept, *hit][:20]))
    if not (swept or hit):
        shutil.rmtree(folder)
    return 1 if swept or hit else 0


if __name__ == "__main__":
    sys.exit(main())
