"""Whether the drivers that a store profile names are there, and their settings of the form that they declare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import plain
from storeloom.core.kernel.registry import Catalogue, unknown
from storeloom.core.kernel.schemas import Place

LOGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]*:(?!\{password\}@)[^/?#@\s]+@", re.IGNORECASE)
IN_THE_CLEAR = {
    "problem": {"en": "A password stands in the address.", "zh": "地址中写有密码。"},
    "remedy": {
        "en": "Put it into the store's secrets.json, name that secret as password, and take it out of the address.",
        "zh": "请将密码写入门店的 secrets.json，在 password 填写该密钥名，并从地址中删除密码。",
    },
}


def driver_findings(store: Mapping[str, Any], catalogue: Catalogue, place: Place) -> list[Finding]:
    """All that is wrong with the drivers of a store profile's devices. `place` finds file and line of a key of the profile.

    A password in the address of a stream is one: a bundle is copied and kept, and never holds a secret.
    """
    devices = store.get("devices", {})
    if not isinstance(devices, Mapping):
        return []
    return [finding for name, facts in devices.items() for finding in _of(name, facts, catalogue, place)]


def _of(device: str, facts: Any, catalogue: Catalogue, place: Place) -> Iterator[Finding]:
    if not isinstance(facts, Mapping) or not isinstance(facts.get("adapter"), str):
        return
    at, settings = f"store.devices.{device}", facts.get("settings", {})
    entry = catalogue.adapters.get(facts["adapter"])
    if entry is None:
        missing = catalogue.absent.get(facts["adapter"]) or unknown("adapter", "适配器", facts["adapter"], catalogue.adapters)
        yield Finding(missing.code, missing.args, f"{at}.adapter", *place("devices", device, "adapter"))
        return
    lies = partial(place, "devices", device, "settings")
    yield from schemas.check(entry.schema_file, plain(settings), at=f"{at}.settings", place=lies)
    yield from schemas.retiring(entry.schema_file, plain(settings), at=f"{at}.settings", place=lies)
    for key, value in settings.items() if isinstance(settings, Mapping) else ():
        if isinstance(value, str) and LOGIN.match(value.strip()):
            yield Finding("SL-CFG-05", IN_THE_CLEAR, f"{at}.settings.{key}", *place("devices", device, "settings", key))
