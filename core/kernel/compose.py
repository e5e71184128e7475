"""Composing: a bundle is checked as a whole before anything runs, and all findings come back at once.

Configs against their schemas and the plugins' own cross-field checks, formats, devices, wiring, commands, runtime profiles, capacity.
Without an error among the findings there is a `Plan` for the runtime.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas, wiring
from storeloom.core.kernel.capacity import capacity_findings
from storeloom.core.kernel.drivers import driver_findings
from storeloom.core.kernel.errors import BundleFault, Finding, PluginFault
from storeloom.core.kernel.overlay import merge_patch
from storeloom.core.kernel.plan import RUNTIME_DEFAULTS, BoundDevice, InstancePlan, Plan, RuntimeProfile
from storeloom.core.kernel.registry import Entry, Registry, hint, unknown
from storeloom.core.kernel.sources import Sources, read_sources
from storeloom.core.kernel.timetable import Schedule, check_schedule

ENVELOPE = ("kind", "zone", "adapter", "settings")


@dataclass
class Instance:
    """One instance of the bundle while it is checked."""

    name: str
    entry: Entry
    body: Mapping[str, Any]
    config: dict[str, Any]
    devices: dict[str, tuple[BoundDevice, ...]] = field(default_factory=dict)
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Composition:
    """What composing found: the findings, the instances and their wiring, and the plan when there is no error."""

    sources: Sources
    instances: tuple[Instance, ...]
    findings: tuple[Finding, ...]
    edges: tuple[wiring.Edge, ...]
    plan: Plan | None

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def require(self) -> Plan:
        """The plan; BundleFault with all errors when there is none."""
        if self.plan is None:
            raise BundleFault(self.errors)
        return self.plan


def compose(path: str | Path, registry: Registry) -> Composition:
    """Compose a bundle file. DocumentFault when the file itself cannot be read; every other fault is a finding."""
    return compose_sources(read_sources(path, registry.catalogue), registry)


def compose_sources(sources: Sources, registry: Registry, given: Collection[str] = ()) -> Composition:
    """Compose what has been read; the streams `given` have a source outside the bundle."""
    findings = list(sources.findings)
    store: Mapping[str, Any] = sources.store.value if sources.store else {}
    instances = list(_instances(sources, registry, findings))
    if not sources.value.get("solutions"):
        findings.append(Finding("SL-BND-04", path="solutions", file=sources.path))
    for one in instances:
        _check_config(one, sources, registry, store, findings)
        if store:
            _check_format(one, sources, store, findings)
            _bind(one, sources, store, findings)
            findings += _strangers(one, sources, store)
    edges: list[wiring.Edge] = []
    if store and isinstance(store.get("devices", {}), Mapping):
        edges = wiring.wire(instances, sources, store, registry.catalogue, findings, given)
        findings += capacity_findings(instances, sources, store)
        findings += driver_findings(store, registry.catalogue, sources.store_place)
    profiles = tuple(_profiles(sources, instances, findings))
    runtime = _runtime(sources, findings)
    plan = None
    if not any(finding.severity == "error" for finding in findings):
        plan = Plan(store, tuple(_plan(one) for one in instances), profiles, _arbitrate(sources), runtime)
    return Composition(sources, tuple(instances), tuple(_ordered(findings)), tuple(edges), plan)


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then by place; a finding that two layers bring stands once."""
    seen = {(f.code, f.path, f.file, f.line, f.text()): f for f in findings}
    return sorted(seen.values(), key=lambda f: (f.severity != "error", f.severity != "warning", f.file or "", f.line or 0, f.path, f.code))


def _instances(sources: Sources, registry: Registry, findings: list[Finding]) -> Iterable[Instance]:
    solutions = sources.value.get("solutions", {})
    if not isinstance(solutions, Mapping):
        return
    for name, body in solutions.items():
        if not isinstance(body, Mapping) or body.get("enabled") is False:
            continue
        try:
            entry = registry.catalogue.solution(body.get("solution", name))
        except PluginFault as fault:
            file, line = sources.place("solutions", name)
            findings += [Finding(f.code, f.args, f"solutions.{name}", file, line) for f in fault.findings]
            continue
        config = body.get("config", {})
        yield Instance(name, entry, body, dict(config) if isinstance(config, Mapping) else {})


def _check_config(one: Instance, sources: Sources, registry: Registry, store: Mapping[str, Any], findings: list[Finding]) -> None:
    at = f"solutions.{one.name}.config"
    place = partial(sources.place, "solutions", one.name, "config")
    faults = schemas.check(one.entry.schema_file, one.config, at=at, place=place, mend=True)
    faults = [replace(fault, patch=fault.patch and {"solutions": {one.name: {"config": fault.patch}}}) for fault in faults]
    faults += _crons(one, sources, at)
    one.valid = not faults
    findings += faults
    if faults:
        return
    findings += schemas.retiring(one.entry.schema_file, one.config, at=at, place=place)
    try:
        findings += own_findings(registry, one.entry.id, one.config, store, at, place)
    except PluginFault as fault:
        findings += fault.findings


def own_findings(
    registry: Registry, solution: str, config: Mapping[str, Any], store: Mapping[str, Any], at: str, place: schemas.Place
) -> list[Finding]:
    """What a solution's own cross-field check says of a config that stands at `at`. PluginFault where the check itself fails."""
    found = []
    for problem in registry.config_problems(solution, config, store):
        args = {"problem": {"en": problem.en, "zh": problem.zh}, "remedy": {"en": problem.remedy_en, "zh": problem.remedy_zh}}
        found.append(Finding("SL-CFG-05", args, f"{at}.{problem.path}".rstrip("."), *place(*problem.path.split("."))))
    return found


def _crons(one: Instance, sources: Sources, at: str) -> Iterable[Finding]:
    """Settings with the widget `cron` whose text is none."""
    for keys, text in schemas.marked(one.entry.schema_file, one.config, "cron"):
        if not isinstance(text, str):
            continue
        try:
            check_schedule(Schedule(cron=text))
        except ValueError as error:
            zh = "五段式 cron 文本：分 时 日 月 星期，如 0 6 * * 1-5"
            args = {"got": schemas.show(text), "allowed": {"en": f"a cron text ({error})", "zh": zh}, "remedy_en": "", "remedy_zh": ""}
            yield Finding("SL-CFG-03", args, schemas.join(at, keys), *sources.place("solutions", one.name, "config", *keys))


def _strangers(one: Instance, sources: Sources, store: Mapping[str, Any]) -> Iterable[Finding]:
    """Settings with the widget `device` that name none of the store's."""
    known = _table(store.get("devices"))
    for keys, device in schemas.marked(one.entry.schema_file, one.config, "device") if one.valid and known else ():
        if isinstance(device, str) and device and device not in known:
            args = {"device": device, "known": list(known), **hint(device, known)}
            at = schemas.join(f"solutions.{one.name}.config", keys)
            yield Finding("SL-DEV-05", args, at, *sources.place("solutions", one.name, "config", *keys))


def _check_format(one: Instance, sources: Sources, store: Mapping[str, Any], findings: list[Finding]) -> None:
    got = store.get("format")
    if isinstance(got, str) and got not in one.entry["formats"]:
        file, line = sources.place("solutions", one.name)
        args = {"instance": one.name, "known": one.entry["formats"], "got": got}
        patch = {"solutions": {one.name: {"enabled": False}}}
        findings.append(Finding("SL-FMT-01", args, f"solutions.{one.name}", file, line, patch))


def needs(entry: Entry) -> list[tuple[tuple[str, ...], bool]]:
    """The adapter kinds that a solution needs: alternatives, and whether they are optional."""
    return [(tuple(spec.rstrip("?").split("|")), spec.endswith("?")) for spec in entry["adapters"]]


def _bind(one: Instance, sources: Sources, store: Mapping[str, Any], findings: list[Finding]) -> None:
    """Bind devices: those that the bundle names, else all of the store's that fit."""
    known = {device_id: facts for device_id, facts in _table(store.get("devices")).items() if isinstance(facts, Mapping)}
    given = {kind: ids for kind, ids in _table(one.body.get("devices")).items() if isinstance(ids, list)}
    kinds = {kind for alternatives, _ in needs(one.entry) for kind in alternatives}
    for kind, ids in given.items():
        place = sources.place("solutions", one.name, "devices", kind)
        path = f"solutions.{one.name}.devices.{kind}"
        if kind not in kinds:
            args = {"instance": one.name, "kind": kind, "known": sorted(kinds)}
            findings.append(Finding("SL-DEV-04", args, path, *place))
            continue
        fitting = [device_id for device_id, facts in known.items() if facts.get("kind") == kind]
        for device_id in ids:
            if device_id not in known:
                args = {"device": device_id, "kind": kind, "known": fitting, **hint(str(device_id), fitting)}
                findings.append(Finding("SL-DEV-02", args, path, *place))
            elif device_id not in fitting:
                args = {"device": device_id, "got": str(known[device_id].get("kind")), "instance": one.name, "kind": kind, "known": fitting}
                findings.append(Finding("SL-DEV-03", args, path, *place))
    for alternatives, optional in needs(one.entry):
        bound = [(kind, _devices(known, kind, given.get(kind))) for kind in alternatives]
        for kind, devices in bound:
            if devices:
                one.devices[kind] = devices
        if not optional and not any(devices for _, devices in bound):
            file, line = sources.place("solutions", one.name)
            patch = {"devices": {f"{alternatives[0]}-1": {"kind": alternatives[0]}}}
            args = {"instance": one.name, "kind": " / ".join(alternatives)}
            findings.append(Finding("SL-DEV-01", args, f"solutions.{one.name}", file, line, {"store": patch}))


def _devices(known: Mapping[str, Mapping[str, Any]], kind: str, wanted: Iterable[str] | None) -> tuple[BoundDevice, ...]:
    return tuple(
        BoundDevice(
            device_id, kind, facts.get("zone"), {**{k: v for k, v in facts.items() if k not in ENVELOPE}, **facts.get("settings", {})}
        )
        for device_id, facts in known.items()
        if facts.get("kind") == kind and (wanted is None or device_id in wanted)
    )


def _profiles(sources: Sources, instances: list[Instance], findings: list[Finding]) -> Iterable[RuntimeProfile]:
    """The runtime profiles; each may switch only keys that take effect live, to values that fit."""
    by_name = {one.name: one for one in instances}
    profiles = sources.value.get("profiles", {})
    for name, body in profiles.items() if isinstance(profiles, Mapping) else ():
        configs: dict[str, Mapping[str, Any]] = {}
        parts = _table(_table(body).get("solutions"))
        for target, part in parts.items():
            path = ("profiles", name, "solutions", target)
            if target not in by_name:
                missing = unknown("instance", "实例", target, by_name)
                findings.append(Finding(missing.code, missing.args, ".".join(path), *sources.place(*path)))
                continue
            configs[target] = _table(_table(part).get("config"))
            findings += _profile_config(by_name[target], configs[target], (*path, "config"), sources)
        yield RuntimeProfile(name, _table(_table(body).get("when")), configs)


def _table(value: Any) -> Mapping[str, Any]:
    """The value if it is a table; one of a wrong shape has its finding already."""
    return value if isinstance(value, Mapping) else {}


def _profile_config(one: Instance, patch: Mapping[str, Any], path: tuple[str, ...], sources: Sources) -> list[Finding]:
    properties = schemas.load(one.entry.schema_file).get("properties", {})
    live = sorted(key for key, facts in properties.items() if facts.get("x-effect") == "live")
    effects_zh = {"reload": "重新加载", "restart": "重启"}
    findings = []
    for key in patch:
        effect = properties.get(key, {}).get("x-effect", "live")
        if effect != "live":
            args = {"key": key, "effect": effect, "effect_zh": effects_zh[effect], "known": live}
            findings.append(Finding("SL-CFG-06", args, ".".join([*path, key]), *sources.place(*path, key)))
    if one.valid:
        merged = merge_patch(one.config, patch)
        findings += schemas.check(one.entry.schema_file, merged, at=".".join(path), place=lambda *keys: sources.place(*path, *keys))
    return findings


def _runtime(sources: Sources, findings: list[Finding]) -> dict[str, Any]:
    """The `[runtime]` table with its defaults: queues of streams that there are and that may lose facts, no log shorter than lateness."""
    runtime = {**RUNTIME_DEFAULTS, **_table(sources.value.get("runtime"))}
    keep, late = runtime["keep_days"], runtime["lateness_d"]
    if all(type(value) in (int, float) for value in (keep, late)) and keep < late:
        place = sources.place("runtime", "keep_days" if "keep_days" in _table(sources.value.get("runtime")) else "lateness_d")
        findings.append(Finding("SL-CFG-09", {"keep": keep, "late": late}, "runtime.keep_days", *place))
    lossy = schemas.lossy_streams()
    for stream, queue in _table(runtime["queues"]).items():
        path, place = f"runtime.queues.{stream}", sources.place("runtime", "queues", stream)
        policy = _table(queue).get("policy", "block")
        if stream not in schemas.streams():
            findings.append(_no_stream(stream, path, place))
        elif policy != "block" and stream not in lossy:
            findings.append(Finding("SL-CFG-08", {"stream": stream, "policy": policy, "known": lossy}, path, *place))
    streams = _table(runtime.get("uplink")).get("streams")
    for stream in streams if isinstance(streams, list) else ():
        if isinstance(stream, str) and stream not in schemas.streams():
            findings.append(_no_stream(stream, "runtime.uplink.streams", sources.place("runtime", "uplink", "streams")))
    return runtime


def _no_stream(stream: str, path: str, place: tuple[str | None, int | None]) -> Finding:
    words = {"known_en": "The streams stand in schemas/streams.", "known_zh": "数据流见 schemas/streams。"}
    args = {"what": "stream", "what_zh": "数据流", "id": stream, **hint(stream, list(schemas.streams())), **words}
    return Finding("SL-PLG-01", args, path, *place)


def _arbitrate(sources: Sources) -> dict[str, tuple[str, ...]]:
    return {stream: tuple(order) for stream, order in sources.value.get("arbitrate", {}).items()}


def _plan(one: Instance) -> InstancePlan:
    wanted = one.body.get("from", {})
    return InstancePlan(one.name, one.entry.id, one.config, one.devices, {stream: tuple(names) for stream, names in wanted.items()})
