"""A control plane's backup: database, repositories of signed targets and files as of one order in time, proved by their hashes.

The copy is made while the server runs. The database comes first: what it names was in the repositories and files before, so that nothing in
it points to what the copy lacks; what was published meanwhile lies there unnamed, which harms nobody. A repository is copied while nobody
publishes in it. PostgreSQL is copied by its own tools (`pg_dump`), before this. The list of files with their SHA-256 is written last: a
folder without it is no backup.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, update
from sqlmodel import col

from storeloom.core.control import migrate
from storeloom.core.control.database import connect, sqlite_module, writing
from storeloom.core.control.design.catalogues import FOLDER as CATALOGUE
from storeloom.core.control.models.agents import UNKNOWN, Agent
from storeloom.core.control.trust.repository import Repository
from storeloom.core.kernel.errors import ControlFault, Finding
from storeloom.core.trust import durable

LIST, DATABASE, TRUST, KEYS = "backup.json", "control.db", "trust", "keys"
NOT_COPIED = ("servers", "lock", CATALOGUE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal", DATABASE)
VERSION = "backup/1"
BEYOND = 1_000_000  # changes of one store's desired state between a copy and its return


@dataclass(frozen=True)
class Backup:
    """What a backup holds: when it was begun, the database's kind and form, whether the servers' private keys are in it, and each file's
    SHA-256 by its path."""

    made: str
    database: str
    form: str | None
    keys: bool
    files: dict[str, str]


def back_up(engine: Engine, folder: Path, target: Path, now: datetime, *, keys: bool = False) -> Backup:
    """Copy a control plane into a new folder; `keys`: with the private keys of the repositories' online roles.

    ControlFault where the folder is not empty, or the copy of the database does not hold. OSError where it cannot be written.
    """
    _empty(target)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    form = migrate.revision(engine)
    if engine.dialect.name == "sqlite":
        _copy_sqlite(engine, target / DATABASE)
    for source in _rest(folder):
        if source.name == TRUST:
            for chain in sorted(one for one in source.iterdir() if one.is_dir()):
                _copy_repository(chain, target / TRUST / chain.name, now, keys)
        elif source.is_dir():
            shutil.copytree(source, target / source.name)
        else:
            shutil.copy2(source, target / source.name)
    found = {str(path.relative_to(target)): _sha256(path) for path in _files(target)}
    backup = Backup(now.isoformat(), engine.dialect.name, form, keys, found)
    durable.write(target / LIST, orjson.dumps({"document": VERSION, **asdict(backup)}, option=orjson.OPT_INDENT_2), mode=0o600)
    return backup


def restore(source: Path, folder: Path) -> Backup:
    """Put a backup into an empty folder, where a server of this version can run it. Agents heed it again at once; their trust in
    metadata that is older than they have seen comes back with new keys of `timestamp` and `snapshot` (docs/operations/backup.md).

    ControlFault where the folder is not empty, or with every file of the backup that is missing, changed or beside it, or for a form of the
    database that this version does not know.
    """
    _empty(folder)
    backup = read_backup(source)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in sorted(backup.files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(source / name, folder / name)
    if DATABASE in backup.files:
        engine = connect(f"sqlite:///{folder / DATABASE}")
        go_beyond(engine)
        engine.dispose()
    durable.sync_folder(folder)
    return backup


def go_beyond(engine: Engine) -> None:
    """Number what stores are to run beyond all that a control plane may have told them since the copy was made, for an agent heeds no
    number that it has had before; and wait for no report that an agent has told since, for it tells none twice."""
    with writing(engine) as session:
        session.execute(update(Agent).values(desired_number=col(Agent.desired_number) + BEYOND, reported_seq=UNKNOWN))


def read_backup(source: Path) -> Backup:
    """What a folder's list says, every file compared with it. ControlFault as `restore`."""
    try:
        body: dict[str, Any] = orjson.loads((source / LIST).read_bytes())
        if body.pop("document") != VERSION:
            raise ValueError("it is of another version")
        backup = Backup(**body)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ControlFault(Finding("SL-SRV-05", {"folder": str(source), "reason": str(error)})) from error
    there = {str(path.relative_to(source)) for path in _files(source)} - {LIST}
    wrong = [Finding("SL-SRV-06", {"file": name, "what": WRONG["missing"]}) for name in sorted(backup.files.keys() - there)]
    wrong += [Finding("SL-SRV-06", {"file": name, "what": WRONG["unknown"]}) for name in sorted(there - backup.files.keys())]
    changed = [name for name in sorted(there & backup.files.keys()) if _sha256(source / name) != backup.files[name]]
    wrong += [Finding("SL-SRV-06", {"file": name, "what": WRONG["changed"]}) for name in changed]
    known = migrate.forms()
    if backup.form is not None and backup.form not in known:
        wrong.append(Finding("SL-SRV-02", {"got": backup.form, "known": known}))
    if wrong:
        raise ControlFault(wrong)
    return backup


WRONG = {
    "missing": {"en": "is missing", "zh": "缺失"},
    "unknown": {"en": "is not in its list", "zh": "不在清单中"},
    "changed": {"en": "is not what was copied", "zh": "与备份时不一致"},
}


def _copy_sqlite(engine: Engine, target: Path) -> None:
    """A copy of one moment, made while others write; its pages are checked."""
    with ExitStack() as opened:
        source = opened.enter_context(closing(engine.raw_connection()))
        copy = opened.enter_context(closing(sqlite_module().connect(str(target))))
        source.driver_connection.backup(copy)  # type: ignore[union-attr]
        (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        raise ControlFault(Finding("SL-SRV-05", {"folder": str(target), "reason": str(verdict)}))
    target.chmod(0o600)


def _copy_repository(source: Path, target: Path, now: datetime, keys: bool) -> None:
    repository = Repository(source, source.name, lambda: now)
    left_out = shutil.ignore_patterns("lock", *(() if keys else (KEYS,)))
    with repository.locked():
        shutil.copytree(source, target, ignore=left_out)


def _rest(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name not in NOT_COPIED) if folder.is_dir() else []


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ControlFault(Finding("SL-SRV-03", {"folder": str(folder)}))


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
