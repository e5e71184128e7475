"""`run` over recorded input, or over what the devices have to say, to its end: in one process, without a keeper."""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.commands.store import device_adapters, printer, stop_on_signals
from storeloom.core.commands.trial import real_input
from storeloom.core.kernel.errors import InputFault
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.lock import unpack
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.clock import wall_utc
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.intake import fact_key
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.log_file import STORE_DB
from storeloom.core.runtime.outbox import Outbox
from storeloom.core.runtime.presence import hold
from storeloom.core.runtime.secret_file import read_secrets
from storeloom.core.runtime.tables import read_tables

RECORDED_BATCH = 50  # recorded facts share a transaction: after a kill they are there to be read again
DRAIN_S = 30.0


def replay(arguments: argparse.Namespace) -> int:
    """Take in recorded input, or what the devices have to say, to its end."""
    registry = Registry()
    name, plan = unpack(arguments.file, registry.catalogue)
    folder = Path(arguments.data)
    folder.mkdir(parents=True, exist_ok=True)
    claim = hold(folder)
    secrets = read_secrets(folder, plan, registry)
    log = StoreLog(folder / STORE_DB, store=str(plan.store["store"]))
    recorded = bool(arguments.pos or arguments.video)
    plan, facts, given = real_input(plan, registry, arguments.pos, arguments.video)
    tables = {**read_tables(folder / "tables"), **given}
    adapters = device_adapters(plan, registry, secrets, folder)
    drivers = {device: one.command for device, one in adapters.items()}
    serves = {device: one.serves for device, one in adapters.items()}
    outbox = Outbox(log, plan, registry.catalogue.adapter_kinds, drivers, seed=0, serves=serves)
    sources = heapq.merge(facts, *(one.facts() for one in adapters.values()), key=lambda fact: fact.received)
    first = next(sources, None)
    start = first.received if first is not None and recorded else wall_utc()
    every = RECORDED_BATCH if recorded else 1
    engine = Engine(plan, registry, log, tables, start, commit_every=every, on_output=printer(arguments), secrets=secrets, data=folder)
    stop = stop_on_signals()
    try:
        _feed(engine, outbox, itertools.chain([first] if first else [], sources), stop)
    finally:
        outbox.close(DRAIN_S)
        engine.close()
        for one in adapters.values():
            one.close()
    _tell(arguments, name, plan, engine)
    log.close()
    os.close(claim)
    return 1 if engine.failures else 0


def _tell(arguments: argparse.Namespace, name: str, plan: Plan, engine: Engine) -> None:
    """What the replay brought, and why handlers failed."""
    log = engine.log
    why = sorted({failure.finding.text(arguments.lang) for failure in engine.failures})
    if arguments.json:
        facts = {"store": plan.store["store"], "kpis": engine.figures(), "outbox": log.outbox(), "events": log.last}
        print_json({"name": name, **facts, "failures": why})
        return
    for text in why:
        print(text, file=sys.stderr)
    if arguments.lang == "zh":
        print(f"{name}：日志共 {log.last} 条事件，指令 {log.outbox()}")
    else:
        print(f"{name}: {log.last} events in the log, commands {log.outbox()}")


def _feed(engine: Engine, outbox: Outbox, sources: Iterator[Fact], stop: list[int]) -> None:
    """Take in what the sources have; a fact that the log holds already (after a restart) changes nothing."""
    for number, fact in enumerate(sources):
        engine.feed(fact, fact_key(fact, number))
        if number % RECORDED_BATCH == 0:
            _dispatch(engine, outbox, 0.0)
        if stop:
            return
    _dispatch(engine, outbox, DRAIN_S)


def _dispatch(engine: Engine, outbox: Outbox, wait_s: float) -> None:
    """Send what is due; the devices' answers are facts like any other."""
    engine.flush()
    answers = outbox.drain(engine.now, wait_s) if wait_s else outbox.pump(engine.now)
    for fact, key in answers:
        try:
            engine.feed(fact, key)
        except InputFault as fault:
            print(fault.findings[0].text(), file=sys.stderr)
    engine.flush()
