"""The store's secrets: `secrets.json` in its data folder, never in a bundle, which only names them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Entry, Registry
from storeloom.core.kernel.sources import open_document

FILE = "secrets.json"


def read_secrets(folder: Path, plan: Plan, registry: Registry) -> dict[str, str]:
    """The store's secrets by name, from `secrets.json` in its data folder.

    BundleFault names each that a config asks for in vain, a solution's or a device's.
    """
    secrets = open_secrets(folder)
    findings = missing_secrets(plan, registry, secrets, folder / FILE)
    if findings:
        raise BundleFault(findings)
    return secrets


def missing_secrets(plan: Plan, registry: Registry, known: Container[str], file: Path) -> list[Finding]:
    """Each secret that a config of a plan names, a solution's or a device's, and that is not among the `known` names."""
    return [
        Finding("SL-CFG-07", {"secret": use.name, "instance": use.owner, "key": use.key, "file": str(file)}, use.path)
        for use in secret_uses(plan, registry)
        if use.name not in known
    ]


class SecretUse(NamedTuple):
    """A place that names a secret: a setting of an instance or a device, its `owner`."""

    name: str
    owner: str
    key: str
    path: str


def secret_uses(plan: Plan, registry: Registry) -> Iterator[SecretUse]:
    """Every place in the configs of a plan's solutions and devices that names a secret."""
    for one in plan.instances:
        for key, name in secret_names(registry.catalogue.solution(one.solution), one.config):
            yield SecretUse(name, one.name, key, f"solutions.{one.name}.config.{key}")
    for device, facts in plan.store.get("devices", {}).items():
        entry = registry.catalogue.adapters.get(facts.get("adapter", ""))
        for key, name in [] if entry is None else secret_names(entry, facts.get("settings", {})):
            yield SecretUse(name, device, key, f"store.devices.{device}.settings.{key}")


def open_secrets(folder: Path) -> dict[str, str]:
    """The values of all secrets in a data folder by name, empty where it has no such file; DocumentFault for one that cannot be read."""
    file = folder / FILE
    return {str(name): str(value) for name, value in open_document(file).data.items()} if file.is_file() else {}


def secret_names(entry: Entry, settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The keys of a plugin's settings that name a secret (`uplink.password`), with the names; also where a default names one."""
    properties = schemas.load(entry.schema_file).get("properties", {})
    defaults = {key: facts["default"] for key, facts in properties.items() if "default" in facts}
    found = schemas.marked(entry.schema_file, {**defaults, **settings}, "secret")
    return [(".".join(map(str, keys)), str(name)) for keys, name in found if name]
