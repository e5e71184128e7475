"""A draft on disk: every state of a bundle in work, one file a draft, so that it outlives the browser's page, the session and the server.

States form a tree: undoing goes to the state before, redoing to the newest after it, and an edit after an undo begins a new branch, so
that no state is ever lost. The draft's id cannot be guessed; who has it has the draft.
"""

from __future__ import annotations

import json
import re
import secrets
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.studio.user_data import user_folder

FOLDER = "STORELOOM_DRAFTS"
BUSY_MS = 5000
LEVEL = 1
_ID = re.compile(r"[A-Za-z0-9_-]{32}")
_TABLES = """
CREATE TABLE IF NOT EXISTS state (n INTEGER PRIMARY KEY, parent INTEGER, at TEXT NOT NULL, word TEXT NOT NULL, facts TEXT NOT NULL,
    path TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS beside (name TEXT PRIMARY KEY, body BLOB NOT NULL);
"""


def drafts_folder() -> Path:
    """Where drafts are kept: `STORELOOM_DRAFTS`, else the user's data folder."""
    return user_folder(FOLDER, "drafts")


@dataclass(frozen=True)
class Step:
    """One kept state: its number, the one before, when it was made (UTC), and by which act (`word` of the studio's, filled by `facts`)."""

    n: int
    parent: int | None
    at: datetime
    word: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class DraftFile:
    """The file of one draft, made with its first state. InputFault where it cannot be read or written."""

    folder: Path
    id: str

    @classmethod
    def new(cls) -> DraftFile:
        """A draft that nobody has yet."""
        return cls(drafts_folder(), secrets.token_urlsafe(24))

    @classmethod
    def known(cls, name: str) -> DraftFile | None:
        """The draft of an id, None where there is none."""
        found = cls(drafts_folder(), name)
        return found if _ID.fullmatch(name) and found.file.is_file() else None

    @property
    def file(self) -> Path:
        return self.folder / f"{self.id}.draft"

    @property
    def kept(self) -> bool:
        return self.file.is_file()

    def head(self) -> int:
        """The number of the state that counts, 0 where none is kept."""
        if not self.kept:
            return 0
        with self._opened() as db:
            return _head(db)

    def add(self, path: Path, data: Mapping[str, Any], word: str, facts: Mapping[str, Any], *, over: int | None) -> int:
        """Keep a state after the one numbered `over` (None: the first), and make it count; its number."""
        with self._opened() as db:
            row = (over, datetime.now(UTC).isoformat(), word, json.dumps(facts, ensure_ascii=False), str(path), _packed(data))
            db.execute("INSERT INTO state (parent, at, word, facts, path, body) VALUES (?, ?, ?, ?, ?, ?)", row)
            n = int(db.last_insert_rowid())
            _point(db, n)
            return n

    def read(self, n: int) -> tuple[Path, dict[str, Any]]:
        """The path and the values of a state. KeyError where there is none."""
        with self._opened() as db:
            row = db.execute("SELECT path, body FROM state WHERE n = ?", (n,)).fetchone()
        if row is None:
            raise KeyError(n)
        return Path(row[0]), json.loads(zlib.decompress(row[1]))

    def steps(self) -> list[Step]:
        """All states, the newest first."""
        if not self.kept:
            return []
        with self._opened() as db:
            rows = db.execute("SELECT n, parent, at, word, facts FROM state ORDER BY n DESC").fetchall()
        return [Step(n, parent, datetime.fromisoformat(at), word, json.loads(facts)) for n, parent, at, word, facts in rows]

    def ways(self) -> tuple[int | None, int | None]:
        """The states that undoing and redoing go to."""
        if not self.kept:
            return None, None
        with self._opened() as db:
            at = _head(db)
            before = db.execute("SELECT parent FROM state WHERE n = ?", (at,)).fetchone()
            after = db.execute("SELECT max(n) FROM state WHERE parent = ?", (at,)).fetchone()
        return (before[0] if before else None), (after[0] if after else None)

    def go(self, n: int) -> None:
        """Let another state count."""
        with self._opened() as db:
            _point(db, n)

    def put_beside(self, name: str, value: Any) -> None:
        """Keep something that belongs to the draft and is no part of the bundle."""
        with self._opened() as db:
            db.execute("INSERT OR REPLACE INTO beside VALUES (?, ?)", (name, _packed(value)))

    def delete(self) -> None:
        """Delete it, with every state of it. InputFault where that cannot be done."""
        try:
            self.file.unlink(missing_ok=True)
        except OSError as error:
            args = {"file": str(self.file), "reason": str(error), "remedy": "Look at the drafts folder's place and permissions."}
            raise InputFault(Finding("SL-INP-01", args, file=str(self.file))) from error

    def beside(self, name: str) -> Any:
        """What was kept under a name, None where nothing was."""
        if not self.kept:
            return None
        with self._opened() as db:
            row = db.execute("SELECT body FROM beside WHERE name = ?", (name,)).fetchone()
        return json.loads(zlib.decompress(row[0])) if row else None

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The file's database in one transaction; all of it is kept, or nothing."""
        import apsw

        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.file.touch(0o600)
            db = apsw.Connection(str(self.file))
            try:
                db.set_busy_timeout(BUSY_MS)
                db.execute("PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE")
                db.execute(_TABLES)
                yield db
                db.execute("COMMIT")
            finally:
                db.close()  # what is not committed is taken back
        except (apsw.Error, OSError) as error:
            remedy = "Look at the drafts folder's place and permissions."
            args = {"file": str(self.file), "reason": str(error), "remedy": remedy}
            raise InputFault(Finding("SL-INP-01", args, file=str(self.file))) from error


def _head(db: Any) -> int:
    row = db.execute("SELECT n FROM head").fetchone()
    return int(row[0]) if row else 0


def _point(db: Any, n: int) -> None:
    db.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", (n,))


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False).encode(), LEVEL)
