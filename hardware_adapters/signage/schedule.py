"""What a screen is to play, and what it says that it played: one form for players over HTTP and over MQTT.

The schedule is a JSON object: `screen`, `version` (another for each content), and `entries`, each with `id` (of the command), `number`
(rising from command to command), `priority`, `items`, and where they are given `from`, `to` (RFC 3339) and `audience`. An item has
`asset`, `duration_s`, and where there are some `campaign`, `text`, `params`, and `media`: `url`, `hash`, `kind` (`image` or `video`). Of
the entries that are valid the one of the highest priority plays, of several the one with the highest `number`; its items follow one
another from the first on, and again.

A report of what was played has `player` (an id of the player's own), `number` (rising, never used again by this player), `asset`,
`started` (RFC 3339), `duration_s` (as shown), `complete`, and where they are known `campaign`, `entry` (the id above) and `audience`. A
player sends a report until it is told that it was taken.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.kernel.events import Fact, parse_time, rfc3339
from storeloom.hardware_adapters.links.errors import Code, DeviceError

REPORT = {"player": str, "number": int, "asset": str, "started": str, "duration_s": (int, float), "complete": bool}
ALWAYS = datetime.min.replace(tzinfo=UTC)
MAYBE = {"campaign": str, "entry": str, "audience": int}
Media = Callable[[str], Mapping[str, str] | None]
KINDS = {"image": ("png", "jpg", "jpeg", "webp", "gif", "avif", "svg"), "video": ("mp4", "webm", "m4v", "ogv")}


class BadReport(Exception):
    """A report that makes no sense; `words` say why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words: Mapping[str, str] = {"en": en, "zh": zh}


class Schedule:
    """The entries of a screen. `media` says where an asset's file is to be had, None where it has none. From any thread."""

    def __init__(self, screen: str, media: Media, most: int) -> None:
        self.screen, self._media, self._most = screen, media, most
        self._entries: dict[str, dict[str, Any]] = {}
        self._number = 0
        self._lock = threading.Lock()

    def play(self, data: Mapping[str, Any], now: datetime) -> bool:
        """Take a `sign.play`; False where it is there already. DeviceError for another screen, or without anything to show."""
        screen = str(data["screen"])
        if screen != self.screen:
            raise DeviceError(
                Code.NO_EXIST, f"this device plays for {self.screen}, not for {screen}", f"本设备播放屏幕 {self.screen}，而非 {screen}"
            )
        if not data["items"] or any(one["duration_s"] <= 0 for one in data["items"]):
            raise DeviceError(Code.ILLEGAL, "there is nothing to play in it, or for no time", "播放内容为空或时长不为正")
        entry: dict[str, Any] = {key: rfc3339(parse_time(data[key])) for key in ("from", "to") if data.get(key)}
        entry |= {"priority": int(data.get("priority", 0)), "items": [dict(one) for one in data["items"]]}
        entry |= {"audience": dict(data["audience"])} if data.get("audience") else {}
        name = str(data.get("cmd") or hashlib.sha256(orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24])
        with self._lock:
            self._drop_ended(now)
            if name in self._entries:
                return False
            if "to" in entry and parse_time(entry["to"]) <= now:
                raise DeviceError(Code.ILLEGAL, f"its time was over at {entry['to']}", f"播放时段已于 {entry['to']} 结束")
            self._number += 1
            self._entries[name] = {"id": name, "number": self._number, **entry}
            self._forget_hidden()
        return True

    def _drop_ended(self, now: datetime) -> None:
        for name in [name for name, one in self._entries.items() if "to" in one and parse_time(one["to"]) <= now]:
            del self._entries[name]

    def _forget_hidden(self) -> None:
        """One without an end makes all older ones of no higher priority that begin no earlier useless; the oldest go above `most`."""
        newest = next(reversed(self._entries.values()))
        if "to" not in newest:
            begins = _begins(newest)
            for name, one in list(self._entries.items())[:-1]:
                if one["priority"] <= newest["priority"] and _begins(one) >= begins:
                    del self._entries[name]
        while len(self._entries) > self._most:
            del self._entries[next(iter(self._entries))]

    def document(self, now: datetime) -> dict[str, Any]:
        """The schedule as players get it."""
        with self._lock:
            self._drop_ended(now)
            entries = [{**one, "items": [self._item(item) for item in one["items"]]} for one in self._entries.values()]
        version = hashlib.sha256(orjson.dumps(entries, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
        return {"screen": self.screen, "version": version, "entries": entries}

    def _item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        shown = {key: value for key, value in item.items() if key != "media"}
        media = self._media(str(item["asset"]))
        return shown if media is None else {**shown, "media": dict(media)}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take up what was handed out before; entries that came since stay. KeyError, TypeError or ValueError for another form."""
        if document["screen"] != self.screen:
            raise ValueError(f"a schedule of {document['screen']}")
        known = {str(one["id"]): {**one, "number": int(one["number"]), "priority": int(one["priority"])} for one in document["entries"]}
        with self._lock:
            first = max((one["number"] for one in known.values()), default=0)
            for one in self._entries.values():
                if one["id"] not in known:
                    first += 1
                    one["number"] = first
            self._entries = {**known, **self._entries}
            self._number = max(self._number, first)

    def played(self, report: Any, source: str, now: datetime) -> Fact:
        """The `sign.played` of a report; its key tells a repeat. BadReport where it makes no sense."""
        if not isinstance(report, dict):
            raise BadReport("a report must be a JSON object", "播放记录应为 JSON 对象")
        for name, kind in {**REPORT, **MAYBE}.items():
            value = report.get(name)
            wrong_bool = isinstance(value, bool) and kind is not bool
            if (wrong_bool or not isinstance(value, kind)) and not (name in MAYBE and value is None):  # type: ignore[arg-type]
                raise BadReport(f"{name} of a report: {str(value)[:40]}", f"播放记录的 {name} 有误：{str(value)[:40]}")
        try:
            started = parse_time(report["started"])
        except ValueError:
            raise BadReport(
                f"started of a report: {report['started'][:40]}", f"播放记录的 started 有误：{report['started'][:40]}"
            ) from None
        if not 0 <= report["duration_s"] <= 86400 or report["number"] < 0:
            raise BadReport("duration_s or number of a report out of range", "播放记录的时长或编号超出范围")
        data: dict[str, Any] = {"screen": self.screen, "asset": report["asset"], "started": rfc3339(started)}
        data |= {"duration_s": report["duration_s"], "complete": report["complete"]}
        data |= {key: report[key] for key in ("campaign", "audience") if report.get(key) is not None}
        data |= {"cmd": report["entry"]} if report.get("entry") else {}
        return Fact(now, "sign.played", source, data, started, f"{report['player']}|{report['number']}")


class Folder:
    """The files of a folder, by asset: the name itself, or the name with an ending for pictures or films. No name leads out of it."""

    def __init__(self, folder: str) -> None:
        self.path = Path(folder).resolve() if folder else None
        self._hashes: dict[Path, tuple[float, int, str]] = {}

    def file(self, asset: str) -> Path | None:
        if self.path is None or not asset or asset.startswith("."):
            return None
        endings = [ending for kind in KINDS.values() for ending in kind]
        for name in (asset, *(f"{asset}.{ending}" for ending in endings)):
            with suppress(OSError, ValueError):  # a name that no file can have
                found = (self.path / name).resolve()
                if found.is_relative_to(self.path) and found.suffix[1:].lower() in endings and found.is_file():
                    return found
        return None

    def media(self, asset: str) -> Mapping[str, str] | None:
        found = self.file(asset)
        if found is None:
            return None
        state = found.stat()
        known = self._hashes.get(found)
        if known is None or known[:2] != (state.st_mtime, state.st_size):
            with found.open("rb") as file:
                known = state.st_mtime, state.st_size, hashlib.file_digest(file, "sha256").hexdigest()[:32]
            self._hashes[found] = known
        kind = next(kind for kind, endings in KINDS.items() if found.suffix[1:].lower() in endings)
        return {"url": f"media/{known[2]}/{found.name}", "hash": known[2], "kind": kind}


def _begins(entry: Mapping[str, Any]) -> datetime:
    return parse_time(entry["from"]) if "from" in entry else ALWAYS
