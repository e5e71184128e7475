"""`run`: a packed bundle in a store, on the wall clock, with the store's own log."""

from __future__ import annotations

import argparse
import heapq
import itertools
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.commands.trial import real_input
from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.kernel.events import Event, Fact, plain
from storeloom.core.kernel.lock import unpack
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.kernel.sources import open_document
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.runtime.engine import Engine, utc_now
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.outbox import Outbox
from storeloom.core.runtime.tables import read_tables

IDLE_S = 0.2
RECORDED_BATCH = 50  # recorded facts share a transaction: after a kill they are there to be read again


def run(arguments: argparse.Namespace) -> int:
    """Run until the sources end (`--once`) or the process is told to stop; what was acknowledged is in the log."""
    registry = Registry()
    name, plan = unpack(arguments.file, registry.catalogue)
    folder = Path(arguments.data)
    folder.mkdir(parents=True, exist_ok=True)
    secrets = read_secrets(folder, plan, registry)
    log = StoreLog(folder / "store.db", store=str(plan.store["store"]))
    recorded = bool(arguments.pos or arguments.video)
    plan, facts, given = real_input(plan, registry, arguments.pos, arguments.video)
    tables = {**read_tables(folder / "tables"), **given}
    adapters = device_adapters(plan, registry)
    outbox = Outbox(log, plan, {device: one.command for device, one in adapters.items()})
    sources = heapq.merge(facts, *(one.facts() for one in adapters.values()), key=lambda fact: fact.received)
    first = next(sources, None)
    start = first.received if first is not None and recorded else utc_now()
    every = RECORDED_BATCH if recorded else 1
    engine = Engine(plan, registry, log, tables, start, commit_every=every, on_output=_printer(arguments), secrets=secrets)
    stop = _stop_on_signals()
    try:
        _feed(engine, outbox, itertools.chain([first] if first else [], sources), stop)
        if not (arguments.once or recorded):
            _wait(engine, outbox, stop)
    finally:
        engine.close()
        for one in adapters.values():
            one.close()
    why = sorted({failure.finding.text(arguments.lang) for failure in engine.failures})
    if arguments.json:
        print_json(
            {
                "name": name,
                "store": plan.store["store"],
                "kpis": engine.figures(),
                "outbox": log.outbox(),
                "events": log.last,
                "failures": why,
            }
        )
    else:
        for text in why:
            print(text, file=sys.stderr)
        zh = arguments.lang == "zh"
        print(
            f"{name}：日志共 {log.last} 条事件，指令 {log.outbox()}"
            if zh
            else f"{name}: {log.last} events in the log, commands {log.outbox()}"
        )
    log.close()
    return 1 if engine.failures else 0


def read_secrets(folder: Path, plan: Plan, registry: Registry) -> dict[str, str]:
    """The store's secrets by name, from `secrets.json` in its data folder. BundleFault names each that a config asks for in vain."""
    file = folder / "secrets.json"
    secrets = {str(name): str(value) for name, value in open_document(file).data.items()} if file.is_file() else {}
    findings = []
    for one in plan.instances:
        for key, facts in schemas.load(registry.catalogue.solution(one.solution).schema_file).get("properties", {}).items():
            wanted = one.config.get(key)
            if facts.get("x-widget") == "secret" and wanted and wanted not in secrets:
                args = {"secret": wanted, "instance": one.name, "key": key, "file": str(file)}
                findings.append(Finding("SL-CFG-07", args, f"solutions.{one.name}.config.{key}"))
    if findings:
        raise BundleFault(findings)
    return secrets


def device_adapters(plan: Plan, registry: Registry) -> dict[str, Any]:
    """The drivers of the devices that name one in the store profile."""
    devices = plan.store.get("devices", {})
    return {
        device: make_adapter(registry, facts["adapter"], device, facts.get("settings", {}))
        for device, facts in devices.items()
        if "adapter" in facts
    }


def _printer(arguments: argparse.Namespace) -> Any:
    def show(event: Event) -> None:
        if event.stream in ("alert.raise", "task.create") and not arguments.json:
            text = event.data.get("text") or event.data.get("title")
            print(f"{plain(event.time)}  {event.source}  {event.stream}  {event.data['kind']}  {text}", flush=True)

    return show


def _stop_on_signals() -> list[int]:
    """A list that gets the signal's number when the process is told to stop."""
    got: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        got.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    return got


def _feed(engine: Engine, outbox: Outbox, sources: Iterator[Fact], stop: list[int]) -> None:
    """Take in what the sources have; a fact that the log holds already (after a restart) changes nothing."""
    for number, fact in enumerate(sources):
        engine.feed(fact, fact.data.get("receipt") or fact.data.get("seq") or number)
        if number % 50 == 0:
            outbox.dispatch(engine)
        if stop:
            return
    engine.flush()
    outbox.dispatch(engine)


def _wait(engine: Engine, outbox: Outbox, stop: list[int]) -> None:
    """Let the clock run until the process is told to stop."""
    while not stop:
        engine.advance(utc_now())
        outbox.dispatch(engine)
        time.sleep(IDLE_S)
