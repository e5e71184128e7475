"""The store profile's schema as its forms show it: titles and units where it has none, choices in words in place of codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.kernel.sources import STORE
from storeloom.core.virtual.formats import NAMES
from storeloom.studio.words import LANGUAGES, WORDS

BASICS = ("store", "name", "format", "zone", "currency", "language", "geo", "edge")
COMMON_ZONES = ("Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Europe/Berlin", "Europe/London")
CURRENCIES = {
    "CNY": ("Chinese yuan", "人民币"),
    "HKD": ("Hong Kong dollar", "港元"),
    "TWD": ("New Taiwan dollar", "新台币"),
    "SGD": ("Singapore dollar", "新加坡元"),
    "JPY": ("Japanese yen", "日元"),
    "EUR": ("Euro", "欧元"),
    "GBP": ("Pound sterling", "英镑"),
    "USD": ("US dollar", "美元"),
}
TITLES: Mapping[str, tuple[str, str, str]] = {
    "lat": ("Latitude", "纬度", "°"),
    "lon": ("Longitude", "经度", "°"),
    "cores": ("Processor cores", "处理器核数", ""),
    "memory_mb": ("Memory", "内存", "MB"),
}
Schema = dict[str, Any]


def basics(profile: Mapping[str, Any], *, new: bool) -> Schema:
    """The schema of what a store is, without hours, floor and devices. The id of a store that is kept does not change."""
    known: Schema = schemas.load(STORE)["properties"]
    found = {key: dict(known[key]) for key in BASICS}
    if not new:
        found["store"] |= {"const": profile.get("store")}
    found["format"] |= _choices({name: (WORDS[name]["en"], WORDS[name]["zh"]) for name in NAMES})
    found["language"] |= _choices({name: (words, words) for name, words in LANGUAGES.items()})
    zone = profile.get("zone")
    found["zone"] |= _choices({name: (name, name) for name in _with(zone, time_zones())})
    currencies = {code: (f"{en} ({code})", f"{zh}（{code}）") for code, (en, zh) in CURRENCIES.items()}
    own = profile.get("currency")
    found["currency"] |= _choices(currencies | ({own: (own, own)} if isinstance(own, str) and own not in CURRENCIES else {}))
    found["geo"] |= {"title": "Place on the map", "x-zh": "地理位置"}
    for part in ("geo", "edge"):
        found[part]["properties"] = {key: _titled(key, facts) for key, facts in known[part]["properties"].items()}
    return {"type": "object", "properties": found, "required": ["store", "format", "zone"], "additionalProperties": False}


def device(facts: Mapping[str, Any], catalogue: Catalogue) -> Schema:
    """The schema of one device: kinds and drivers in words, the driver's own settings."""
    found: Schema = {
        key: dict(one) for key, one in schemas.load(STORE)["properties"]["devices"]["additionalProperties"]["properties"].items()
    }
    kinds = {name: (str(one["en"]), str(one["zh"])) for name, one in catalogue.adapter_kinds.items()}
    found["kind"] |= _choices(_kept(kinds, facts.get("kind")))
    drivers = {
        name: (str(entry["en"]), str(entry["zh"])) for name, entry in catalogue.adapters.items() if entry["kind"] == facts.get("kind")
    }
    found["adapter"] |= _choices(_kept(drivers, facts.get("adapter")))
    found["zone"]["x-widget"] = "zone"
    chosen = catalogue.adapters.get(str(facts.get("adapter")))
    schema: Schema = {"type": "object", "properties": found, "required": ["kind"], "additionalProperties": False}
    if chosen is None:
        if not facts.get("settings"):
            del found["settings"]
        return schema
    own = schemas.load(chosen.schema_file)
    titles = {key: found["settings"][key] for key in ("title", "x-zh")}
    found["settings"] = {**{key: one for key, one in own.items() if key not in ("$defs", "$id", "$schema")}, **titles}
    return {**schema, "required": ["kind", "settings"], "$defs": own.get("$defs", {})}


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """The time zones that this machine knows, the common ones first."""
    import zoneinfo

    known = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("Etc/", "posix", "right")))
    return (*COMMON_ZONES, *(name for name in known if name not in COMMON_ZONES), "UTC")


def _titled(key: str, facts: Mapping[str, Any]) -> Schema:
    en, zh, unit = TITLES[key]
    return {**facts, "title": en, "x-zh": zh, **({"x-unit": unit} if unit else {})}


def _choices(words: Mapping[str, tuple[str, str]]) -> Schema:
    """Values in words; takes the place of a plain list of values or a pattern."""
    return {"enum": list(words), "x-options": [{"const": name, "title": en, "x-zh": zh} for name, (en, zh) in words.items()]}


def _kept(words: dict[str, tuple[str, str]], value: Any) -> dict[str, tuple[str, str]]:
    """The choices, and a value that is none of them: what stands is shown, and the check says what is wrong with it."""
    return words | ({value: (value, value)} if isinstance(value, str) and value not in words else {})


def _with(value: Any, known: Iterable[str]) -> list[str]:
    names = list(known)
    return [value, *names] if isinstance(value, str) and value not in names else names
