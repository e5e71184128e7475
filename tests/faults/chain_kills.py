"""A chain whose server and agents are killed again and again while releases go over it, on SQLite or PostgreSQL.

    python -m tests.faults.chain_kills days [--database postgresql]       # the scenes of `chain_days`, with ordinary agents
    python -m tests.faults.chain_kills kills --kills 300 --seed 1         # SIGKILL to server or agents at random moments
    python -m tests.faults.chain_kills commits --most 40                  # the server before and after each commit of a roll-out

After each kill no store may start with a release that is not whole and signed for it, and a store that sells goes on; in the end all
roll-outs are over, every report has come, with numbers without gaps, and the audit log holds.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.chain import STORES, Chain3, wait_for
from tests.faults.chain_days import bad_release, changed_setting, cut_line, error_release, first_release, server_away
from tests.postgres import Postgres

OVER = ("done", "rolled_back", "aborted")


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str | None]:
    """The address of an empty database, None for the server's own file."""
    if kind == "sqlite":
        yield None
        return
    home = folder / "postgres"
    home.mkdir(parents=True)
    server = Postgres(home)
    server.start()
    try:
        server.run("CREATE DATABASE chain")
        yield server.url("chain")
    finally:
        server.stop(kill=True)


def days(chain: Chain3) -> list[str]:
    """Every scene once."""
    chain.found()
    with chain.selling():
        first_release(chain)
        good = changed_setting(chain)
        bad_release(chain, good)
        error_release(chain, good)
        cut_line(chain)
        server_away(chain)
    return chain.at_the_end()


def roll_over(chain: Chain3, number: int, draw: random.Random | None = None) -> str:
    """The next roll-out of a setting, its release made under fire where there is a `draw`; its id."""
    chain.design({"limit_c": 3.0 + number % 9})
    release = chain.release(f"r{number}") if draw is None else under_fire(chain, f"r{number}", draw)
    return chain.roll(release, health_s=1, soak_s=0)


def under_fire(chain: Chain3, name: str, draw: random.Random) -> str:
    """A release whose server is killed while it makes it, and takes it up again when it is started; its id."""
    job = chain.ask.post("/releases", {"name": name}).body["id"]
    time.sleep(draw.uniform(0.0, 0.4))
    kill(chain, "server", draw)
    done = wait_for(
        "the release is made",
        lambda: found if (found := chain.ask.get(f"/release-jobs/{job}").body)["state"] in ("done", "failed") else None,
    )
    assert done["state"] == "done", done
    return str(done["release"])


def finish(chain: Chain3, rollout: str) -> list[str]:
    """Wait until a roll-out is over: `done`, for nothing is wrong with its release."""
    state = wait_for(
        "the roll-out ends",
        lambda: found if (found := chain.ask.get(f"/rollouts/{rollout}").body["state"]) in (*OVER, "paused") else None,
        150,
        lambda: chain.steps(rollout),
    )
    return [] if state == "done" else [f"roll-out {rollout} ended {state}: {chain.ask.get(f'/rollouts/{rollout}').body['reason']}"]


def kill(chain: Chain3, who: str, draw: random.Random) -> None:
    """SIGKILL to the server or a store's agent, which is started again a moment later."""
    if who == "server":
        chain.kill_server()
        time.sleep(draw.uniform(0.0, 0.5))
        chain.start_server()
        chain.wait_for_server()
    else:
        chain.sites[who].kill()
        time.sleep(draw.uniform(0.0, 0.5))
        chain.sites[who].start(quick=chain.quick)


def kills(chain: Chain3, count: int, seed: int) -> tuple[list[str], int]:
    """So many SIGKILLs at random moments, over roll-out after roll-out; what was wrong, and how many roll-outs there were."""
    draw, done, number, wrong = random.Random(seed), 0, 0, list[str]()
    chain.found()
    with chain.selling(1.0):
        first_release(chain)
        while done < count and not wrong:
            number += 1
            rollout = roll_over(chain, number, draw)
            done += 1
            for _ in range(min(count - done, 10)):
                time.sleep(draw.uniform(0.0, 1.5))
                who = draw.choice(("server", *STORES))
                kill(chain, who, draw)
                done += 1
                wrong += [f"kill {done} ({who}): {one}" for one in chain.at_any_time()]
            wrong += finish(chain, rollout)
            print(f"{done} kills, {number} roll-outs, {len(wrong)} wrong", flush=True)
    return wrong + chain.at_the_end(), number


def commits(chain: Chain3, most: int, every: int = 1) -> tuple[list[str], int]:
    """The server dies before and after its n-th commit while a roll-out is under way, for each n; what was wrong, and how often it died."""
    wrong, died, number = list[str](), 0, 0
    chain.found()
    with chain.selling(1.0):
        first_release(chain)
        for at in range(1, most + 1, every):
            for after in ("0", "1"):
                number += 1
                rollout = roll_over(chain, number)
                chain.kill_server()
                chain.start_server(CHAIN_COMMIT=str(at), CHAIN_AFTER=after)
                server = chain.server
                assert server is not None
                wait_for("the server dies", lambda server=server: server.poll() is not None, 90)
                died += 1
                chain.start_server()
                chain.wait_for_server()
                wrong += [
                    f"commit {at} {'after' if after == '1' else 'before'}: {one}" for one in (*chain.at_any_time(), *finish(chain, rollout))
                ]
                if wrong:
                    return wrong, died
    return wrong + chain.at_the_end(), died


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chain_kills", description="A chain whose processes are killed.")
    parser.add_argument("what", choices=("days", "kills", "commits"))
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="days: agents with short spans")
    given = parser.parse_args()
    folder, began = Path(tempfile.mkdtemp(prefix="chain-kills-")), time.monotonic()
    folder.chmod(0o755)
    with database(given.database, folder) as url:
        chain = Chain3(folder / "chain", url, quick=given.quick or given.what != "days")
        try:
            if given.what == "days":
                wrong, count = days(chain), 5
            elif given.what == "kills":
                wrong, count = kills(chain, given.kills, given.seed)
            else:
                wrong, count = commits(chain, given.most)
        finally:
            chain.end()
    print(f"{given.what} on {given.database}: {count}, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
    print("\n".join(wrong[:20]))
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
