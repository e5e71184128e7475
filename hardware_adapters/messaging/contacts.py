"""Phone numbers and addresses by person, out of a file of the store's: they stand in no event, status, log line or error.

A CSV with the columns `id` and any of `phone`, `email` and so on, or a JSON object of such objects by id. It is read anew when it changes.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Mapping
from pathlib import Path

import orjson

from storeloom.hardware_adapters.links.errors import Code, DeviceError


class Contacts:
    """The file of a path; an empty one knows nobody."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._read: tuple[int, int] | None = None
        self._known: Mapping[str, Mapping[str, str]] = {}

    def of(self, person: str, way: str) -> str:
        """A person's number or address by that way, empty where there is none. DeviceError where the file cannot be read."""
        if not self.path:
            return ""
        with self._lock:
            self._refresh()
            return self._known.get(person, {}).get(way, "").strip()

    def _refresh(self) -> None:
        file = Path(self.path)
        try:
            about = file.stat()
            stamp = (about.st_mtime_ns, about.st_size)
            if stamp != self._read:
                self._known = _parsed(file.read_bytes())
                self._read = stamp
        except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
            en, zh = f"the file of contacts {file.name} cannot be read", f"无法读取联系人文件 {file.name}"
            raise DeviceError(Code.NO_SERVICE, en, zh) from error


def _parsed(content: bytes) -> dict[str, dict[str, str]]:
    if content.lstrip()[:1] == b"{":
        return {str(person): {way: str(one) for way, one in ways.items()} for person, ways in orjson.loads(content).items()}
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return {row["id"].strip(): {way: one or "" for way, one in row.items() if isinstance(way, str)} for row in rows}
