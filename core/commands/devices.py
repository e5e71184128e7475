"""`device`: find, probe, watch and command the devices of a store without running the store."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from typing import Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel import schemas
from storeloom.core.kernel.adapter import Adapter, AdapterContext
from storeloom.core.kernel.documents import DocumentError, parse_json
from storeloom.core.kernel.drivers import driver_findings
from storeloom.core.kernel.errors import ConfigFault, DocumentFault, Finding, InputFault, MisuseFault, PluginFault
from storeloom.core.kernel.events import Fact, plain, rfc3339
from storeloom.core.kernel.index import adapter_class
from storeloom.core.kernel.registry import Registry, hint, import_plugin, unknown
from storeloom.core.kernel.sources import document_finding, open_document
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.runtime.secret_file import open_secrets

WORDS = {
    "ok": ("ready", "可用"),
    "not_ok": ("not ready: {words}", "不可用：{words}"),
    "found": ("{number} found", "找到 {number} 台"),
    "sent": ("taken by the device", "设备已接收"),
}


def device(arguments: argparse.Namespace) -> int:
    """Run the action. 1 where a device is not fit for use, does not take a command, or none is found."""
    registry = Registry()
    if arguments.action == "find":
        return _find(arguments, registry)
    store, devices = _devices(arguments, registry)
    actions = {"probe": _probe, "watch": _watch, "send": _send}
    return actions[arguments.action](arguments, registry, store, devices)


def _devices(arguments: argparse.Namespace, registry: Registry) -> tuple[Mapping[str, Any], list[str]]:
    """The store profile and the devices that are meant; ConfigFault for what is wrong with their drivers."""
    document = open_document(arguments.file, "store/1")
    store = plain(document.data)
    driven = {name: facts for name, facts in store.get("devices", {}).items() if facts.get("adapter")}
    wanted = list(driven) if arguments.device is None else [arguments.device]
    for name in wanted:
        if name not in store.get("devices", {}):
            args = {"device": name, "kind": "*", "known": list(driven), **hint(name, list(driven))}
            raise ConfigFault(Finding("SL-DEV-02", args, file=arguments.file))
        if name not in driven:
            reason = {"en": f"{name} names no adapter", "zh": f"{name} 未指定适配器"}
            raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom device"}))
    only = {**store, "devices": {name: driven[name] for name in wanted}}
    findings = driver_findings(only, registry.catalogue, lambda *keys: (document.path, document.line_of(*keys)))
    if findings:
        raise ConfigFault(findings)
    return store, wanted


def _made(arguments: argparse.Namespace, registry: Registry, store: Mapping[str, Any], name: str) -> Adapter:
    facts = store["devices"][name]
    secrets = open_secrets(Path(arguments.data)) if arguments.data else {}
    context = AdapterContext(secrets=secrets, language=arguments.lang)
    return make_adapter(registry, facts["adapter"], name, facts.get("settings", {}), context)


def _probe(arguments: argparse.Namespace, registry: Registry, store: Mapping[str, Any], devices: list[str]) -> int:
    rows = []
    for name in devices:
        adapter = _made(arguments, registry, store, name)
        try:
            health = adapter.check_health()
        except LookupError as error:
            raise InputFault(Finding("SL-INP-01", {"file": name, "reason": str(error), "remedy": ""})) from error
        finally:
            adapter.close()
        rows.append({"device": name, "ok": health.ok, "text": health.words.get(arguments.lang, ""), **health.facts})
        if not arguments.json:
            said = _words("ok" if health.ok else "not_ok", arguments.lang, words=rows[-1]["text"])
            print(f"{name}: {said}{''.join(f'  {key}={value}' for key, value in health.facts.items())}", flush=True)
    good = all(row["ok"] for row in rows)
    if arguments.json:
        print_json({"ok": good, "devices": rows})
    return 0 if good else 1


def _watch(arguments: argparse.Namespace, registry: Registry, store: Mapping[str, Any], devices: list[str]) -> int:
    """Print what a device says, a line of JSON each, until interrupted or for `--for` seconds."""
    adapter = _made(arguments, registry, store, devices[0])
    timer = Timer(arguments.seconds, adapter.close) if arguments.seconds else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        for fact in adapter.facts():
            print_json(_row(fact))
    except KeyboardInterrupt:
        pass
    finally:
        if timer is not None:
            timer.cancel()
        adapter.close()
    return 0


def _send(arguments: argparse.Namespace, registry: Registry, store: Mapping[str, Any], devices: list[str]) -> int:
    if not arguments.stream or not arguments.json_data:
        reason = {"en": "send needs STREAM and DATA", "zh": "send 需要 STREAM 与 DATA"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom device"}))
    adapter = _made(arguments, registry, store, devices[0])
    if arguments.stream not in adapter.takes:
        raise PluginFault(unknown("command", "指令", arguments.stream, dict.fromkeys(adapter.takes)))
    try:
        data = parse_json(arguments.json_data, "DATA").data
    except DocumentError as error:
        raise DocumentFault(document_finding(error)) from error
    findings = schemas.check(schemas.stream_file(arguments.stream), data, at="DATA")
    if findings:
        raise InputFault(findings)
    try:
        for fact in adapter.command(arguments.stream, data, adapter.now()):
            print_json(_row(fact))
    except Exception as error:  # what a driver raises is its device's answer
        words = getattr(error, "words", {"en": str(error) or type(error).__name__, "zh": str(error) or type(error).__name__})
        raise InputFault(Finding("SL-INP-09", {"device": devices[0], "stream": arguments.stream, "reason": words})) from error
    finally:
        adapter.close()
    if not arguments.json:
        print(_words("sent", arguments.lang))
    return 0


def _find(arguments: argparse.Namespace, registry: Registry) -> int:
    """Search a place for devices that a driver could run; 1 when there is none."""
    entry = registry.catalogue.adapters.get(arguments.file)
    if entry is None:
        raise PluginFault(unknown("adapter", "适配器", arguments.file, registry.catalogue.adapters))
    cls = adapter_class(entry.id, entry.file, import_plugin(entry.id, entry.package, entry.path))
    if not cls.discovers:
        reason = {"en": f"{entry.id} cannot search", "zh": f"{entry.id} 不支持搜索"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom device"}))
    until = time.monotonic() + (arguments.seconds or 5.0)
    try:
        found = cls.discover(arguments.device or "", max(0.1, until - time.monotonic()))
        rows = [{"adapter": entry.id, "settings": dict(one.settings), **one.facts} for one in itertools.islice(found, 10_000)]
    except ValueError as error:
        reason = {"en": f"{error}; it looks in {cls.discovers}", "zh": f"{error}；搜索范围：{cls.discovers}"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom device"})) from error
    for row in rows:
        print_json(row)
    if not arguments.json:
        print(_words("found", arguments.lang, number=len(rows)))
    return 0 if rows else 1


def _row(fact: Fact) -> dict[str, Any]:
    """A fact as it is printed; pixels by their size alone."""
    data = {key: value if key != "pixels" else "..." for key, value in fact.data.items()}
    times = {"time": rfc3339(fact.time or fact.received), "received": rfc3339(fact.received)}
    return {"stream": fact.stream, "source": fact.source, **times, "data": data}


def _words(name: str, lang: str, **more: Any) -> str:
    return WORDS[name][lang == "zh"].format(**more)
