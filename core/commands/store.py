"""`run`: a packed bundle in a store, on the wall clock and under a keeper, with the store's own log; or over recorded input, once.

The keeper's process imports no more than it needs: everything of the store process is imported in `live`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from storeloom.core.cli import complain, file_fault
from storeloom.core.kernel.errors import LogFault, PluginFault, PresenceFault, StoreloomError
from storeloom.core.kernel.events import Event, plain
from storeloom.core.kernel.lock import digest_of
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime import packages
from storeloom.core.runtime.beat import Beat
from storeloom.core.runtime.device_memory import DeviceMemory
from storeloom.core.runtime.keeper import RESTARTS_ENV, START, Keeper, Verdict, verdicts
from storeloom.core.runtime.presence import hold
from storeloom.core.runtime.requests import chosen_bundle
from storeloom.core.runtime.secret_file import read_secrets

if TYPE_CHECKING:
    from storeloom.core.kernel.adapter import Adapter
    from storeloom.core.runtime.hosts import Hosts
    from storeloom.core.runtime.http import Observer
    from storeloom.core.runtime.live import LiveStore

UNMENDED_CODE = 3  # the keeper does not start again what a person must mend first


def run(arguments: argparse.Namespace) -> int:
    """Run until told to stop, or (`--once`, recorded input) until the sources end; what was acknowledged is in the log."""
    if arguments.once or arguments.pos or arguments.video:
        from storeloom.core.commands.replay import replay

        return replay(arguments)
    beat = Beat.inherited(os.environ)
    return keep(arguments) if beat is None else live(arguments, beat)


def keep(arguments: argparse.Namespace) -> int:
    """The keeper: claims the data folder, starts the store process, watches it, starts it again."""
    folder = Path(arguments.data)
    folder.mkdir(parents=True, exist_ok=True)
    claim = hold(folder)
    packages.start_with(folder, chosen_bundle(folder, Path(arguments.file)))
    words = ["run", str(arguments.file), "--data", str(arguments.data), "--lang", arguments.lang, "--listen", arguments.listen]
    words += ["--json"] if arguments.json else []
    command = [sys.executable, "-c", "import sys; from storeloom.core.cli import main; sys.exit(main(sys.argv[1:]))", *words]

    def say(verdict: Verdict) -> None:
        print(f"{verdict.at}  {verdict.finding().text(arguments.lang)}", file=sys.stderr, flush=True)

    code = Keeper(command, os.environ, say=say, inherit=(claim,)).run()
    return 1 if code == UNMENDED_CODE else code


def live(arguments: argparse.Namespace, beat: Beat) -> int:
    """The store process."""
    from storeloom.core.runtime.heap import settle

    restarts, stop = int(os.environ.get(RESTARTS_ENV, "0")), stop_on_signals()
    with ExitStack() as open_things:
        try:
            try:
                store, observer = _open(arguments, beat, restarts, open_things)
            except OSError as error:
                raise file_fault(error) from error
        except StoreloomError as fault:
            code = complain(fault, arguments.lang, arguments.json)
            return UNMENDED_CODE if _must_be_mended(fault, restarts) else code
        if not arguments.json:
            words = "运行中" if arguments.lang == "zh" else "runs"
            print(f"{store.parts.name}: {words}, http://{observer.address}/health", flush=True)
        settle()
        return store.run(lambda: bool(stop))


def _must_be_mended(fault: StoreloomError, restarts: int) -> bool:
    """Whether starting again cannot help. A store that ran before goes on trying where its disk or its address may come back."""
    if any(finding.code == "SL-LOG-05" for finding in fault.findings):
        return False
    return restarts == 0 or not isinstance(fault, (LogFault, PresenceFault))


def _open(arguments: argparse.Namespace, beat: Beat, restarts: int, open_things: ExitStack) -> tuple[LiveStore, Observer]:
    """All that a store process needs, up to the engine that stands where the log says; closed again by `open_things`."""
    from storeloom.core.runtime.clock import LiveClock
    from storeloom.core.runtime.guard import HostGuard
    from storeloom.core.runtime.hosts import Hosts
    from storeloom.core.runtime.http import Observer
    from storeloom.core.runtime.isolation import isolated
    from storeloom.core.runtime.live import LiveStore, Parts, newest_instant
    from storeloom.core.runtime.log_file import STORE_DB
    from storeloom.core.runtime.records import FILE, Masker, write_logs
    from storeloom.core.runtime.tables import read_tables

    folder, told = Path(arguments.data), verdicts(os.environ)
    bundle = chosen_bundle(folder, Path(arguments.file))
    name, plan, registry, findings = packages.start_with(folder, bundle)
    packages.keep(folder, registry, plan)
    packages.tidy(folder)
    for finding in findings:
        print(finding.render(arguments.lang), file=sys.stderr, flush=True)
    secrets = read_secrets(folder, plan, registry)
    masker = Masker()
    masker.know(secrets.values())
    open_things.enter_context(write_logs(folder / FILE, masker=masker))
    tables, clock = read_tables(folder / "tables"), LiveClock(newest_instant(folder / STORE_DB))
    guard = HostGuard(folder / "hosts")
    open_things.callback(guard.close)
    apart = isolated(folder, told, plan, registry.catalogue)
    hosts = Hosts(plan.store, tables, clock.now, guard, secrets=secrets, isolated=apart)
    beat.alive()
    _set_apart_what_cannot_be_imported(plan, registry, hosts, beat, arguments.lang)
    adapters = device_adapters(plan, registry, secrets, folder, clock.now)
    lost = [one.context.memory.trouble for one in adapters.values() if isinstance(one.context.memory, DeviceMemory)]
    forgotten = [finding for finding in lost if finding is not None]
    for finding in forgotten:
        print(finding.render(arguments.lang), file=sys.stderr, flush=True)
    show, troubles = printer(arguments), lambda: (*findings, *forgotten, *hosts.troubles())
    parts = Parts(name, plan, registry, folder, tables, secrets, adapters, hosts, beat, told, restarts, show, clock, troubles)
    parts.digest = digest_of(bundle)
    store = LiveStore(parts)
    observer = Observer(folder, arguments.listen)
    observer.start(name, lambda: store.status, folder / STORE_DB)
    open_things.callback(observer.stop)
    return store, observer


def _set_apart_what_cannot_be_imported(plan: Plan, registry: Registry, hosts: Hosts, beat: Beat, lang: str) -> None:
    """Import what is to share this process. What cannot be imported gets a process of its own, whose start fails for it alone.

    The keeper is told what is being imported: one that ends this process by that is apart from the next start on.
    """
    for one in plan.instances:
        entry = registry.catalogue.solution(one.solution)
        if hosts.apart(one.name, entry):
            continue
        beat.enter(one.name, START, START)
        try:
            registry.load(one.solution)
        except PluginFault as fault:
            print("\n".join(finding.render(lang) for finding in fault.findings), file=sys.stderr, flush=True)
            hosts.isolated.add(one.name)
        finally:
            beat.leave()


def device_adapters(
    plan: Plan, registry: Registry, secrets: Mapping[str, str], folder: Path, clock: Callable[[], datetime] | None = None
) -> dict[str, Adapter]:
    """The drivers of the devices that name one in the profile, each with its memory in the data folder; `clock` is the live store's."""
    from storeloom.core.kernel.adapter import AdapterContext
    from storeloom.core.runtime.adapters import make_adapter

    language = str(plan.store.get("language", "zh"))[:2]
    made: dict[str, Adapter] = {}
    for device, facts in plan.store.get("devices", {}).items():
        if "adapter" in facts:
            context = AdapterContext(clock, secrets, language, DeviceMemory(folder, device))
            made[device] = make_adapter(registry, facts["adapter"], device, facts.get("settings", {}), context)
    return made


def printer(arguments: argparse.Namespace) -> Any:
    def show(event: Event) -> None:
        if event.stream in ("alert.raise", "task.create") and not arguments.json:
            text = event.data.get("text") or event.data.get("title")
            print(f"{plain(event.time)}  {event.source}  {event.stream}  {event.data['kind']}  {text}", flush=True)

    return show


def stop_on_signals() -> list[int]:
    """A list that gets the signal's number when the process is told to stop."""
    got: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        got.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    return got
