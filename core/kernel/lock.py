"""The packed bundle: everything resolved, with a lock, in one canonical JSON file that is the same byte for byte wherever it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.kernel.plan import BoundDevice, InstancePlan, Plan, RuntimeProfile
from storeloom.core.kernel.registry import Catalogue, Entry
from storeloom.core.kernel.sources import open_document

PACKED = "packed/1"
PARTS = ("name", "store", "solutions", "order", "profiles", "arbitrate", "runtime", "lock")


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and nothing between them: one text for one value."""
    import orjson

    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def pack(composition: Composition, catalogue: Catalogue) -> bytes:
    """The packed bundle of a composition. BundleFault when it has errors."""
    plan = composition.require()
    return packed_text(packed_body(composition.sources.name, plan, lock_of(plan, catalogue)))


def packed_body(name: str, plan: Plan, lock: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the packed bundle of a plan and its lock."""
    body = {
        "document": PACKED,
        "name": name,
        "store": plan.store,
        "solutions": {one.name: _instance(one) for one in plan.instances},
        "order": [one.name for one in plan.instances],
        "profiles": [{"name": p.name, "when": p.when, "solutions": p.configs} for p in plan.profiles],
        "arbitrate": {stream: list(order) for stream, order in plan.arbitrate.items()},
        "runtime": dict(plan.runtime),
        "lock": lock,
    }
    body["digest"] = "sha256:" + hashlib.sha256(canonical(body)).hexdigest()
    return body


def packed_text(body: Mapping[str, Any]) -> bytes:
    """A packed bundle as it is written."""
    return canonical(body) + b"\n"


def _instance(one: InstancePlan) -> dict[str, Any]:
    devices = {
        kind: [{"id": d.id, "zone": d.zone, "settings": dict(d.settings)} for d in bound] for kind, bound in sorted(one.devices.items())
    }
    return {"solution": one.solution, "config": dict(one.config), "devices": devices, "from": {k: list(v) for k, v in one.sources.items()}}


def lock_of(plan: Plan, catalogue: Catalogue) -> dict[str, Any]:
    """What pins the plugins of a plan."""
    entries = {one.solution: catalogue.solution(one.solution) for one in plan.instances}
    return {"solutions": {name: fingerprint(entry) for name, entry in sorted(entries.items())}}


def fingerprint(entry: Entry) -> dict[str, str]:
    """What pins a plugin: its package, version, config schema and source."""
    return {
        "package": entry.package.name,
        "version": str(entry["version"]),
        "schema_sha256": str(entry["schema_sha256"]),
        "source_sha256": hashlib.sha256(entry.file.read_bytes()).hexdigest(),
    }


def unpack(path: str | Path, catalogue: Catalogue) -> tuple[str, Plan]:
    """Name and plan of a packed bundle. BundleFault when it was changed, or what it locks is not what is installed."""
    document = open_document(path, PACKED)
    body = dict(document.data)
    digest = body.pop("digest", None)
    if digest != "sha256:" + hashlib.sha256(canonical(body)).hexdigest():
        raise BundleFault(Finding("SL-BND-01", file=document.path))
    if not body.keys() >= set(PARTS):
        missing = next(part for part in PARTS if part not in body)
        raise BundleFault(Finding("SL-CFG-04", {"key": missing, "known": PARTS}, missing, document.path, 1))
    findings = list(_drift(body["lock"], catalogue, document.path))
    if findings:
        raise BundleFault(findings)
    instances = tuple(_read_instance(name, body["solutions"][name]) for name in body["order"])
    profiles = tuple(RuntimeProfile(p["name"], p["when"], p["solutions"]) for p in body["profiles"])
    arbitrate = {stream: tuple(order) for stream, order in body["arbitrate"].items()}
    return str(body["name"]), Plan(body["store"], instances, profiles, arbitrate, body["runtime"])


def digest_of(path: str | Path) -> str:
    """The digest that a packed bundle bears; whether it holds is for `unpack` to say."""
    return str(open_document(path, PACKED).data.get("digest", ""))


def _drift(lock: Mapping[str, Any], catalogue: Catalogue, file: str) -> list[Finding]:
    """Where the installed plugins are not those of the lock."""
    findings = []
    for solution, locked in lock["solutions"].items():
        entry = catalogue.solution(solution)
        installed = fingerprint(entry)
        words = {
            "package": ("package", "软件包"),
            "version": ("version", "版本"),
            "schema_sha256": ("config schema", "配置模式"),
            "source_sha256": ("source", "源码"),
        }
        for key, (what, what_zh) in words.items():
            if locked[key] != installed[key]:
                args = {"what": what, "what_zh": what_zh, "id": solution, "locked": locked[key][:12], "installed": installed[key][:12]}
                findings.append(Finding("SL-BND-02", args, f"lock.solutions.{solution}", file))
                break
    return findings


def _read_instance(name: str, body: Mapping[str, Any]) -> InstancePlan:
    devices = {kind: tuple(BoundDevice(d["id"], kind, d["zone"], d["settings"]) for d in bound) for kind, bound in body["devices"].items()}
    return InstancePlan(name, body["solution"], body["config"], devices, {k: tuple(v) for k, v in body["from"].items()})
