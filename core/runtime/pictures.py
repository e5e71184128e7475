"""Pictures that an instance keeps for a while: each says what it is for and when it must be gone, and is gone then.

In a live store they lie under `pictures/<instance>` of its data folder, readable by the store's user alone, beside a label (JSON); in a dry
run, in an episode and in a process of its own an instance keeps them in memory. A picture never enters state, log or outputs: those hold
its name. A file that something else laid there (a photo that a member sent) may be read; unlabelled, it stays for a day.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from storeloom.core.kernel.events import parse_time, rfc3339

NAME = re.compile(r"[^\W_][\w.-]{0,79}")
LABEL = ".label"
HANDED_IN, HANDED_IN_KEPT = "handed in", timedelta(days=1)
LOOK_AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Label:
    """What a picture is for, and when it must be gone."""

    purpose: str
    delete_by: datetime


class Pictures:
    """One instance's pictures, in a folder or (None) in memory. `keep`, `read` and `delete` may be repeated without harm."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}
        self._labels: dict[str, Label] = {}
        self._look_at: datetime | None = None

    def keep(self, name: str, data: bytes, *, purpose: str, delete_by: datetime) -> None:
        """Keep a picture file's bytes until `delete_by`; ValueError for a name that is none, without purpose, or for a naive time.

        The label is written first, so that no picture lies there without its end.
        """
        _check(name)
        if not purpose.strip():
            raise ValueError(f"picture {name}: it needs a purpose; say what it is kept for")
        if delete_by.tzinfo is None:
            raise ValueError(f"picture {name}: delete_by {delete_by} has no zone; give a timezone-aware time")
        self._label(name, Label(purpose, delete_by))
        if self._folder is None:
            self._memory[name] = data
        else:
            _write(self._folder / name, data)
        self._look_at = None

    def read(self, name: str) -> bytes | None:
        """A picture's bytes; None where there is none of that name (any longer)."""
        if not NAME.fullmatch(name) or name.endswith(LABEL):
            return None
        if self._folder is None:
            return self._memory.get(name)
        path = self._folder / name
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None

    def label(self, name: str) -> Label | None:
        """What a picture is for and until when; None where nobody said so."""
        _check(name)
        if self._folder is None:
            return self._labels.get(name)
        path = self._folder / (name + LABEL)
        if not path.is_file():
            return None
        kept = json.loads(path.read_bytes())
        return Label(kept["purpose"], parse_time(kept["delete_by"]))

    def delete(self, name: str) -> None:
        """Delete a picture, then its label; nothing happens where there is none."""
        _check(name)
        self._memory.pop(name, None)
        self._labels.pop(name, None)
        if self._folder is not None:
            (self._folder / name).unlink(missing_ok=True)
            (self._folder / (name + LABEL)).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """The names of all pictures, and of labels whose picture is gone."""
        if self._folder is None:
            return sorted(self._memory)
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted({path.name.removesuffix(LABEL) for path in found if NAME.fullmatch(path.name.removesuffix(LABEL))})

    def tidy(self, now: datetime) -> None:
        """Delete what must be gone by now. The folder is looked through at most once an hour, and when the next picture falls due."""
        if self._look_at is not None and now < self._look_at:
            return
        self._look_at = now + LOOK_AGAIN
        for name in self.names():
            label = self.label(name)
            if label is None:
                label = Label(HANDED_IN, now + HANDED_IN_KEPT)
                self._label(name, label)
            if label.delete_by <= now:
                self.delete(name)
            else:
                self._look_at = min(self._look_at, label.delete_by)

    def _label(self, name: str, label: Label) -> None:
        if self._folder is None:
            self._labels[name] = label
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        said = {"purpose": label.purpose, "delete_by": rfc3339(label.delete_by)}
        _write(self._folder / (name + LABEL), json.dumps(said, ensure_ascii=False).encode())


def _check(name: str) -> None:
    if not NAME.fullmatch(name) or name.endswith(LABEL):
        raise ValueError(f"picture name {name!r}: up to 80 letters, digits, and _ . - after the first, not ending in {LABEL}")


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, for the store's user alone."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
