"""Adapters made from the catalogue: a driver's class by its id, its config checked against its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.adapter import Adapter, AdapterContext
from storeloom.core.kernel.errors import ConfigFault, PluginFault
from storeloom.core.kernel.events import plain
from storeloom.core.kernel.index import adapter_class
from storeloom.core.kernel.registry import Entry, Registry, import_plugin, unknown
from storeloom.core.runtime.secret_file import secret_names
from storeloom.core.runtime.status import DeviceStatus


def make_adapter(
    registry: Registry, adapter: str, device: str, settings: Mapping[str, Any], context: AdapterContext | None = None
) -> Adapter:
    """The driver of a device, with those of the context's secrets that its settings name.

    PluginFault when there is no such adapter, ConfigFault when its settings do not fit.
    """
    entry = registry.catalogue.adapters.get(adapter)
    if entry is None:
        raise PluginFault(unknown("adapter", "适配器", adapter, registry.catalogue.adapters))
    findings = schemas.check(entry.schema_file, plain(settings), at=f"devices.{device}.settings")
    if findings:
        raise ConfigFault(findings)
    cls = adapter_class(entry.id, entry.file, import_plugin(entry.id, entry.package, entry.path))
    made: Adapter = cls(device, cls.Config(**settings))
    if context is not None:
        made.context = replace(context, secrets=_named(entry, settings, context.secrets))
    return made


def statuses(adapters: Mapping[str, Adapter], store: Mapping[str, Any]) -> Iterator[DeviceStatus]:
    """How the devices are whose drivers can tell; the reasons are in the store's language. A driver that fails at it is told as such."""
    lang = str(store.get("language", "zh"))[:2]
    for device, adapter in adapters.items():
        kind = str(store.get("devices", {}).get(device, {}).get("kind", ""))
        try:
            told = adapter.status()
            if told:
                yield DeviceStatus(device, kind, str(told["state"]), str(told.get("text", {}).get(lang, "")), dict(told.get("figures", {})))
        except Exception as error:  # whatever a vendor's driver raises must not stop the store's loop
            yield DeviceStatus(device, kind, "fault", f"{type(error).__name__}: {error}")


def _named(entry: Entry, settings: Mapping[str, Any], secrets: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if secrets is None else {name: secrets[name] for _, name in secret_names(entry, settings) if name in secrets}
