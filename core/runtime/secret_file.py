"""The store's secrets: `secrets.json` in its data folder, never in a bundle, which only names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Entry, Registry
from storeloom.core.kernel.sources import open_document


def read_secrets(folder: Path, plan: Plan, registry: Registry) -> dict[str, str]:
    """The store's secrets by name, from `secrets.json` in its data folder.

    BundleFault names each that a config asks for in vain, a solution's or a device's.
    """
    file = folder / "secrets.json"
    secrets = {str(name): str(value) for name, value in open_document(file).data.items()} if file.is_file() else {}
    findings = []
    for one in plan.instances:
        for key, facts in schemas.load(registry.catalogue.solution(one.solution).schema_file).get("properties", {}).items():
            wanted = one.config.get(key)
            if facts.get("x-widget") == "secret" and wanted and wanted not in secrets:
                args = {"secret": wanted, "instance": one.name, "key": key, "file": str(file)}
                findings.append(Finding("SL-CFG-07", args, f"solutions.{one.name}.config.{key}"))
    for device, facts in plan.store.get("devices", {}).items():
        entry = registry.catalogue.adapters.get(facts.get("adapter", ""))
        for key, wanted in [] if entry is None else secret_names(entry, facts.get("settings", {})):
            if wanted not in secrets:
                args = {"secret": wanted, "instance": device, "key": key, "file": str(file)}
                findings.append(Finding("SL-CFG-07", args, f"store.devices.{device}.settings.{key}"))
    if findings:
        raise BundleFault(findings)
    return secrets


def secret_names(entry: Entry, settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The keys of a plugin's settings that name a secret, with the names."""
    properties = schemas.load(entry.schema_file).get("properties", {})
    found = ((key, settings.get(key, facts.get("default"))) for key, facts in properties.items() if facts.get("x-widget") == "secret")
    return [(key, str(name)) for key, name in found if name]
