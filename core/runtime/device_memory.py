"""What a driver remembers over a restart: `AdapterContext.memory` of a live store, one file a device in `devices/` of its data folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.kernel.errors import ContractFault, Finding

FOLDER = "devices"
MOST_BYTES = 2 << 20
STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class DeviceMemory(MutableMapping[str, Any]):
    """JSON values by name. An assignment or deletion is on the disk when it returns, and has changed nothing when it raises.

    OSError where the disk does not take it, TypeError for what is no JSON, ContractFault for more than `MOST_BYTES` in all. A file that
    is no JSON object is put aside when it is opened, and `trouble` says so. May be used from several threads.
    """

    def __init__(self, folder: Path, device: str, most_bytes: int = MOST_BYTES) -> None:
        self.device, self.most_bytes = device, most_bytes
        self.trouble: Finding | None = None
        self.file = folder / FOLDER / f"{_file_name(device)}.json"
        self._lock = threading.Lock()
        self._values: dict[str, Any] = self._read()

    def _read(self) -> dict[str, Any]:
        try:
            values = orjson.loads(self.file.read_bytes())
        except FileNotFoundError:
            return {}
        except orjson.JSONDecodeError as error:
            return self._put_aside(str(error))
        return values if isinstance(values, dict) else self._put_aside("no JSON object")

    def _put_aside(self, reason: str) -> dict[str, Any]:
        number = 1
        while (aside := self.file.with_name(f"{self.file.name}.broken-{number}")).exists():
            number += 1
        os.replace(self.file, aside)
        self.trouble = Finding("SL-DEV-06", {"device": self.device, "reason": reason, "file": str(aside)})
        return {}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        with self._lock:
            self._write({**self._values, name: orjson.loads(orjson.dumps(value, option=STRICT))})

    def __delitem__(self, name: str) -> None:
        with self._lock:
            if name not in self._values:
                raise KeyError(name)
            self._write({key: value for key, value in self._values.items() if key != name})

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def _write(self, values: dict[str, Any]) -> None:
        """The file whole or as it was, for the store's user alone."""
        content = orjson.dumps(values)
        if len(content) > self.most_bytes:
            raise ContractFault(Finding("SL-DEV-07", {"device": self.device, "got": len(content), "most": self.most_bytes}))
        folder = self.file.parent
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(folder.parent)
        part = self.file.with_name(f".{self.file.name}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, self.file)
        _sync(folder)
        self._values = values


def _file_name(device: str) -> str:
    """A device's id as the name of a file."""
    return device.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")


def _sync(folder: Path) -> None:
    """Have a folder's names on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
