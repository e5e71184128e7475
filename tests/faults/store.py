"""The long forms of the campaigns against a whole store: `python -m tests.faults.store kills|sweep --help`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.lives import Processes, nursery
from tests.faults.store_kills import kills
from tests.faults.store_sweep import HOW, SWEPT, compiler, sweep


def main() -> int:
    """Run one campaign; 1 when the store ended otherwise than it had to. What was wrong is shown, its folder kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.store", description="A whole store killed and hurt, against a reference.")
    campaigns = parser.add_subparsers(dest="campaign", required=True)
    killed = campaigns.add_parser("kills", help="SIGKILL at random moments while facts flow in and a reader follows")
    killed.add_argument("--facts", type=int, default=100_000, help="facts (default 100000)")
    killed.add_argument("--kills", type=int, default=50, help="kills (default 50)")
    killed.add_argument("--seed", type=int, default=1)
    killed.add_argument(
        "--fork", action="store_true", help="fork the store from a process that has all imported: many kills in little time"
    )
    swept = campaigns.add_parser("sweep", help="kills, torn writes, full and broken disks at the writes of every stage")
    swept.add_argument("--most", type=int, help="about so many points a stage and fault (default: every write)")
    swept.add_argument("--how", nargs="+", choices=HOW, default=list(HOW))
    swept.add_argument("--stages", nargs="+", choices=SWEPT, default=list(SWEPT))
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="store-faults-"))
    if given.campaign == "sweep":
        if compiler() is None:
            print("no C compiler: what lets a system call fail cannot be built", file=sys.stderr)
            return 2
        hurt = sweep(folder / "c", given.most, given.how, given.stages)
        text, wrong = hurt.text(), hurt.wrong
    else:
        text, wrong = _killed(given, folder)
    print(text)
    print("\n".join(line[:1000] for line in wrong[:20]))
    if wrong:
        print(f"left in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if wrong else 0


def _killed(given: argparse.Namespace, folder: Path) -> tuple[str, list[str]]:
    if not given.fork:
        outcome = kills(folder / "c", Processes(), given.seed, given.facts, given.kills)
    else:
        with nursery() as cradle:
            outcome = kills(folder / "c", cradle, given.seed, given.facts, given.kills)
    return outcome.text(), outcome.wrong


if __name__ == "__main__":
    sys.exit(main())
