"""Adapters made from the catalogue: a driver's class by its id, its config checked against its schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.errors import ConfigFault, PluginFault
from storeloom.core.kernel.events import plain
from storeloom.core.kernel.index import adapter_class
from storeloom.core.kernel.registry import Registry, import_plugin, unknown


def make_adapter(registry: Registry, adapter: str, device: str, settings: Mapping[str, Any]) -> Adapter:
    """The driver of a device. PluginFault when there is no such adapter, ConfigFault when its settings do not fit."""
    entry = registry.catalogue.adapters.get(adapter)
    if entry is None:
        raise PluginFault(unknown("adapter", "适配器", adapter, registry.catalogue.adapters))
    findings = schemas.check(entry.schema_file, plain(settings), at=f"devices.{device}.settings")
    if findings:
        raise ConfigFault(findings)
    cls = adapter_class(entry.id, entry.file, import_plugin(entry.id, entry.package, entry.path))
    made: Adapter = cls(device, cls.Config(**settings))
    return made
