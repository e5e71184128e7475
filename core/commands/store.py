"""`run`: a packed bundle in a store, on the wall clock and under a keeper, with the store's own log; or over recorded input, once."""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import BundleFault, Finding, InputFault, StoreloomError
from storeloom.core.kernel.events import Event, Fact, plain
from storeloom.core.kernel.lock import unpack
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.kernel.sources import open_document
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.runtime.engine import Engine, utc_now
from storeloom.core.runtime.intake import fact_key
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.outbox import Outbox
from storeloom.core.runtime.requests import chosen_bundle
from storeloom.core.runtime.tables import read_tables

RECORDED_BATCH = 50  # recorded facts share a transaction: after a kill they are there to be read again
UNMENDED_CODE = 3  # the keeper does not start again what a bundle or a config keeps from starting
DRAIN_S = 30.0


def run(arguments: argparse.Namespace) -> int:
    """Run until told to stop, or (`--once`, recorded input) until the sources end; what was acknowledged is in the log."""
    from storeloom.core.runtime.beat import Beat

    if arguments.once or arguments.pos or arguments.video:
        return replay(arguments)
    beat = Beat.inherited(os.environ)
    return keep(arguments) if beat is None else live(arguments, beat)


def keep(arguments: argparse.Namespace) -> int:
    """The keeper: starts the store process, watches it, starts it again."""
    from storeloom.core.runtime.keeper import Keeper, Verdict

    unpack(arguments.file, Registry().catalogue)
    words = ["run", str(arguments.file), "--data", str(arguments.data), "--lang", arguments.lang, "--listen", arguments.listen]
    words += ["--json"] if arguments.json else []
    command = [sys.executable, "-c", "import sys; from storeloom.core.cli import main; sys.exit(main(sys.argv[1:]))", *words]

    def say(verdict: Verdict) -> None:
        print(f"{verdict.at}  {verdict.finding().text(arguments.lang)}", file=sys.stderr, flush=True)

    return Keeper(command, os.environ, say=say).run()


def live(arguments: argparse.Namespace, beat: Any) -> int:
    """The store process."""
    from storeloom.core.runtime.clock import LiveClock
    from storeloom.core.runtime.guard import HostGuard
    from storeloom.core.runtime.hosts import Hosts
    from storeloom.core.runtime.http import Observer
    from storeloom.core.runtime.isolation import isolated
    from storeloom.core.runtime.keeper import RESTARTS_ENV, verdicts
    from storeloom.core.runtime.live import LiveStore, Parts, newest_instant
    from storeloom.core.runtime.records import FILE, Masker, write_logs

    registry, folder = Registry(), Path(arguments.data)
    folder.mkdir(parents=True, exist_ok=True)
    told, stop = verdicts(os.environ), _stop_on_signals()
    try:
        name, plan = unpack(str(chosen_bundle(folder, Path(arguments.file))), registry.catalogue)
        secrets = read_secrets(folder, plan, registry)
        adapters = device_adapters(plan, registry)
    except StoreloomError as fault:
        print("\n".join(finding.render(arguments.lang) for finding in fault.findings), file=sys.stderr, flush=True)
        return UNMENDED_CODE
    tables, clock = read_tables(folder / "tables"), LiveClock(newest_instant(folder / "store.db"))
    guard = HostGuard(folder / "hosts")
    apart = isolated(folder, told, plan, registry.catalogue)
    hosts = Hosts(plan.store, tables, clock.now, guard, secrets=secrets, isolated=apart)
    parts = Parts(
        name,
        plan,
        registry,
        folder,
        tables,
        secrets,
        adapters,
        hosts,
        beat,
        told,
        int(os.environ.get(RESTARTS_ENV, "0")),
        _printer(arguments),
        clock,
        hosts.troubles,
    )
    masker = Masker()
    masker.know(secrets.values())
    observer = Observer(folder, arguments.listen)
    with write_logs(folder / FILE, masker=masker):
        beat.alive()
        store = LiveStore(parts)
        observer.start(name, lambda: store.status, folder / "store.db")
        if not arguments.json:
            words = "运行中" if arguments.lang == "zh" else "runs"
            print(f"{name}: {words}, http://{observer.address}/health", flush=True)
        try:
            return store.run(lambda: bool(stop))
        finally:
            observer.stop()
            guard.close()


def replay(arguments: argparse.Namespace) -> int:
    """Take in recorded input, or what the devices have to say, to its end."""
    from storeloom.core.commands.trial import real_input

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
    drivers = {device: one.command for device, one in adapters.items()}
    outbox = Outbox(log, plan, registry.catalogue.adapter_kinds, drivers, seed=0)
    sources = heapq.merge(facts, *(one.facts() for one in adapters.values()), key=lambda fact: fact.received)
    first = next(sources, None)
    start = first.received if first is not None and recorded else utc_now()
    every = RECORDED_BATCH if recorded else 1
    engine = Engine(plan, registry, log, tables, start, commit_every=every, on_output=_printer(arguments), secrets=secrets)
    stop = _stop_on_signals()
    try:
        _feed(engine, outbox, itertools.chain([first] if first else [], sources), stop)
    finally:
        outbox.close(DRAIN_S)
        engine.close()
        for one in adapters.values():
            one.close()
    _tell(arguments, name, plan, engine)
    log.close()
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
