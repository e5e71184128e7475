"""Area `fleet`: the control plane under 10,000 simulated stores: its addresses beside bare Flask, plans, roll-outs, what is stored, and
how each of them grows from 100 stores."""

from __future__ import annotations

import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlmodel import SQLModel

from storeloom.core.bench import fleet_served, fleet_trust
from storeloom.core.bench.fleet_bundles import DESIGNS, make_bundles
from storeloom.core.bench.fleet_stores import Line, SimAgent, make_chain, make_release, make_tokens
from storeloom.core.bench.harness import Result
from storeloom.core.control import models
from storeloom.core.control.agents import desired
from storeloom.core.control.database import connect, make_tables, reading, writing
from storeloom.core.control.design import planning
from storeloom.core.control.identity.tokens import digest
from storeloom.core.control.models.rollouts import Rollout
from storeloom.core.control.rollout import orders, ticker
from storeloom.core.control.rollout.strategy import careful
from storeloom.core.control.services import Services
from storeloom.core.kernel.errors import Finding, MisuseFault

STORES, FEW = 10_000, 100
GROWS = ("poll_cpu", "plan", "plan_and_start", "tick", "database", "server_memory")
CHAIN = "bench"
T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)


def measure(stores: int = STORES, few: int = FEW, rounds: int = fleet_served.ROUNDS, database: str | None = None) -> list[Result]:
    """Everything, and what the trust of targets costs: on SQLite, or in an empty PostgreSQL `database`, which is left empty.

    MisuseFault for a database that holds tables: nothing of somebody's is touched.
    """
    assert models, "all tables are known"
    url = database or os.environ.get("DATABASE_URL")
    found: list[Result] = []
    for count in (few, stores):
        with tempfile.TemporaryDirectory() as folder, _database(url, Path(folder)) as engine:
            found += _of(Path(folder), engine, count, rounds, whole=count == stores)
    return [*found, *_growth(found, few, stores), *fleet_trust.measure()]


def _growth(found: Sequence[Result], few: int, stores: int) -> list[Result]:
    """How many times as much each takes with all stores."""
    values = {one.name: one.value for one in found}
    against = f"{stores} stores over {few}, of which there are {stores / few:g} times as many"
    return [Result(f"growth_{name}", values[f"{name}_{stores}"] / values[f"{name}_{few}"], "times", "", against, 1) for name in GROWS]


@contextmanager
def _database(url: str | None, folder: Path) -> Iterator[Engine]:
    """Empty tables; PostgreSQL's are dropped in the end."""
    engine = connect(url or f"sqlite:///{folder / 'control.db'}")
    try:
        there = inspect(engine).get_table_names()
        if there:
            reason = {"en": f"the database holds tables already: {', '.join(there[:3])}", "zh": f"数据库中已有表：{'、'.join(there[:3])}"}
            raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom bench fleet"}))
        make_tables(engine)
        try:
            yield engine
        finally:
            if url is not None:
                SQLModel.metadata.drop_all(engine)
    finally:
        engine.dispose()


def _size(engine: Engine, folder: Path) -> float:
    """MiB of the database."""
    if engine.dialect.name == "sqlite":
        return sum(file.stat().st_size for file in folder.glob("control.db*")) / 2**20
    with reading(engine) as session:
        return float(session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()) / 2**20


def _of(folder: Path, engine: Engine, stores: int, rounds: int, *, whole: bool) -> list[Result]:
    clock = [T0]
    services = Services(engine, folder, lambda: clock[0])
    names = [f"s-{at:05}" for at in range(stores)]
    with writing(engine) as session:
        agents = make_chain(session, CHAIN, names, T0)
        session.flush()
        make_tokens(session, CHAIN, names, digest, datetime.now(UTC))
        for number, release in ((1, "good-1"), (2, "good-2")):
            make_release(session, CHAIN, release, number, names, T0, make_bundles(session, CHAIN, number, names))
    url = engine.url.render_as_string(hide_password=False)
    served = fleet_served.measure(folder, url, names, rounds)
    first = _median(lambda: _plan(services, "good-1"), 3)
    polls, seconds = _converge(services, clock, agents, names)
    planned = _median(lambda: _plan(services, "good-2"), 3)
    started, rollout = _start(services)
    tick = _median(lambda: ticker.turn(services, CHAIN, rollout), 5)
    size, kind = _size(engine, folder), engine.dialect.name
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    limit = "<= 10" if whole else ""
    return [
        *served,
        Result(f"plan_first_{stores}", first, "s", "", "the whole plan for stores that run nothing yet", 3),
        Result(f"plan_{stores}", planned, "s", limit, "the whole plan of a release over another: changes of each store, 40 designs", 3),
        Result(
            f"plan_and_start_{stores}", started, "s", limit, "plan, roll-out made of it, waves, steps, start; each binds the plan anew", 3
        ),
        Result(f"tick_{stores}", tick, "s", "", "one look at a roll-out of all stores", 5),
        Result(f"polls_to_converge_{stores}", polls, "polls", "<= 3", "10 % lost, doubled, reordered; three tries a poll", 1),
        Result(f"poll_and_report_{stores}", seconds / stores * 1000, "ms", "", "of one store: desired state, reports, in process", 3),
        Result(f"database_{stores}", size, "MiB", "", f"{kind}: two releases, three roll-outs, reports of the polls above", 1),
        Result(f"memory_{stores}", memory, "MiB", "", "peak of this process, simulated stores and plans included", 1),
    ]


def _converge(services: Services, clock: list[datetime], agents: list[SimAgent], names: list[str]) -> tuple[int, float]:
    """Polls until every store runs and proved what it is to run, and is known to; seconds of one round of polls."""
    line = Line(random.Random(1), 0.1)
    with writing(services.engine) as session:
        desired.aim(session, CHAIN, names, "good-1", 0, False)
    took = []
    for polls in range(1, 10):
        clock[0] += timedelta(minutes=1)
        start = time.perf_counter()
        for first in range(0, len(agents), 100):
            with writing(services.engine) as session:
                for agent in agents[first : first + 100]:
                    agent.poll(session, line, clock[0])
        took.append(time.perf_counter() - start)
        with reading(services.engine) as session:
            known = session.execute(
                text("SELECT count(*) FROM agent WHERE state = 'good' AND actual = desired AND told_number = desired_number")
            ).scalar_one()
        if known == len(names):
            return polls, statistics.median(took)
    raise RuntimeError(f"{len(names) - known} stores did not converge")


def _plan(services: Services, release: str) -> str:
    """Plan a release for all stores; the plan's digest. RuntimeError for a plan that is not of them."""
    with reading(services.engine) as session:
        made = planning.plan(session, CHAIN, release)
    if len(made.groups) != min(DESIGNS, made.stores) or any(group.change.nothing for group in made.groups):
        raise RuntimeError(f"a plan of {len(made.groups)} groups for {DESIGNS} designs")
    return made.digest


def _start(services: Services) -> tuple[float, str]:
    """Median seconds to plan, make and start a roll-out of all stores; the last of them, which runs."""
    took = []
    for run in range(3):
        begin = time.perf_counter()
        plan = _plan(services, "good-2")
        with writing(services.engine) as session:
            rollout = orders.create(session, CHAIN, "user:bench", services.now(), "good-2", careful(), plan).id
        with writing(services.engine) as session:
            orders.start(session, session.get_one(Rollout, (CHAIN, rollout)), "user:bench", services.now())
        took.append(time.perf_counter() - begin)
        if run < 2:
            with writing(services.engine) as session:
                orders.abort(session, session.get_one(Rollout, (CHAIN, rollout)), "user:bench", services.now())
    return statistics.median(took), rollout


def _median(call: Callable[[], object], runs: int) -> float:
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return statistics.median(took)
