"""What the log keeps for others: commands to devices, failures, how far readers are, and what an operator asks of a running store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from storeloom.core.runtime.log_file import LogFile
from storeloom.core.runtime.log_tables import insert, sealed

MODELS = "models"  # the mark that names them
TRIAL, KEPT, TAKEN_BACK = "trial", "done", "taken_back"  # statuses of the answer to who asked for a model
STORE_PROCESS = "store"  # the store's among the processes of such an answer; the others bear their instance's name
OPEN = ("waiting", "answered")  # statuses in which a command still needs its record; a dead one goes with the records of its time
_PUSH = insert("outbox", "INSERT OR IGNORE INTO")


class Command(NamedTuple):
    """One line of the outbox. `seq` is its record in the log; `due` (microseconds) when it is to be sent, or when it was settled."""

    id: str
    seq: int
    instance: str
    stream: str
    status: str
    tries: int
    due: int
    note: str | None


class Request(NamedTuple):
    """What an operator asks; `at` in microseconds, 0 where the asker gave no time."""

    id: int
    at: int
    kind: str
    body: Any


class KeptModel(NamedTuple):
    """A detector's model that proved good: of a `camera`, or (None) of all without one of their own. `place` is its folder, or the name of
    one that ships; `sha256` that of its network."""

    camera: str | None
    place: str
    sha256: str


class DeliveryRows(LogFile):
    """The rows of outbox, failures, consumers and requests, and the models that a request brought."""

    def push(self, command_id: str, seq: int, instance: str, stream: str, due: int) -> None:
        """Put a command into the outbox; the same id twice is one command."""
        self.run(_PUSH, sealed("outbox", command_id, seq, instance, stream, "waiting", 0, due, None))

    def unsettled(self, after: int = 0, limit: int = -1) -> list[Command]:
        """Commands that are to be sent, or whose answers are to be taken in, behind a log sequence; in order of the log."""
        return self._commands("WHERE status IN ('waiting', 'answered') AND seq > ? ORDER BY seq LIMIT ?", (after, limit))

    def other_writers(self) -> int:
        """A number that differs from the last one when another connection has written to the file in between."""
        return int(self.one("PRAGMA data_version"))

    def settle(self, command_id: str, status: str, tries: int, due: int, note: str | None = None) -> None:
        """Record what became of a command: `waiting` (again at `due`), `answered` (its answers, in the note, are not in the log yet),
        `sent`, `dead`, `unrouted`, `expired`, `superseded` or `overruled`."""
        for row in self._commands("WHERE id = ?", (command_id,)):
            self.put("outbox", *row[:4], status, tries, due, note)

    def outbox(self) -> dict[str, int]:
        """How many commands are in which status."""
        return dict(self.rows("SELECT status, count(*) FROM outbox GROUP BY status"))

    def dead(self) -> list[Command]:
        """Commands that were given up, or that no driver took, in order of the log."""
        return self._commands("WHERE status IN ('dead', 'unrouted') ORDER BY seq")

    def resend(self, command_id: str) -> bool:
        """Let a command that was given up, or that no driver took, be tried anew at once; False when there is no such command."""
        with self.together():
            found = self._commands("WHERE id = ? AND status IN ('dead', 'unrouted')", (command_id,))
            for row in found:
                self.put("outbox", *row[:4], "waiting", 0, 0, None)
        return bool(found)

    def _commands(self, where: str, values: tuple[Any, ...] = ()) -> list[Command]:
        return [Command(*row) for row in self.get("outbox", where, values)]

    def save_failure(self, instance: str, at: int, event: str, handler: str, reason: str) -> None:
        """Note a handler that failed."""
        self.put("failure", instance, at, event, handler, reason)

    def failures(self, limit: int = -1) -> list[tuple[str, int, str, str, str]]:
        """Instance, time (microseconds), event, handler and reason of the newest failures, the oldest of them first."""
        rows = self.get("failure", "ORDER BY at DESC, rowid DESC LIMIT ?", (limit,))
        return [(name, at, event, handler, reason) for name, at, event, handler, reason in reversed(rows)]

    def consumer(self, name: str) -> int:
        """How far a reader is in the log; 0 for one that has not begun."""
        return self.consumers().get(name, 0)

    def consumers(self) -> dict[str, int]:
        """How far each reader is; compaction deletes nothing that one of them has yet to read."""
        return dict(self.get("consumer"))

    def advance_consumer(self, name: str, seq: int) -> None:
        """A reader has done with the log up to a sequence; it never goes back."""
        with self.together():
            self.put("consumer", name, max(seq, self.consumer(name)))

    def drop_consumer(self, name: str) -> None:
        """A reader reads no more, and holds up compaction no more."""
        self.run("DELETE FROM consumer WHERE name = ?", (name,))

    def ask(self, kind: str, body: Mapping[str, Any], *, at: int = 0) -> int:
        """Ask something of the running store; the request's id. `at` (microseconds) is the asker's time."""
        with self.together():
            self.put("request", at, kind, orjson.dumps(body), "asked", b"null")
            return int(self._db.last_insert_rowid())

    def asked(self) -> list[Request]:
        """Requests without an answer, in order."""
        ids = [row[0] for row in self.rows("SELECT id FROM request WHERE status = 'asked' ORDER BY id")]
        rows = self.get("request", "WHERE status = 'asked' ORDER BY id")
        return [Request(number, row[0], row[1], orjson.loads(row[2])) for number, row in zip(ids, rows, strict=True)]

    def answer(self, number: int, status: str, body: Any) -> None:
        """Answer a request; `status` is the answerer's word, such as `done` or `refused`."""
        with self.together():
            for at, kind, asked, _, _ in self.get("request", "WHERE id = ?", (number,)):
                fields = (*sealed("request", at, kind, asked, status, orjson.dumps(body)), number)
                self.run("UPDATE request SET at=?, kind=?, body=?, status=?, answer=?, crc=? WHERE id=?", fields)

    def answers(self, status: str) -> list[tuple[int, Any]]:
        """Requests whose answer is of this status, and its body, in order."""
        ids = [row[0] for row in self.rows("SELECT id FROM request WHERE status = ? ORDER BY id", (status,))]
        rows = self.get("request", "WHERE status = ? ORDER BY id", (status,))
        return [(number, orjson.loads(row[4])) for number, row in zip(ids, rows, strict=True)]

    def kept_models(self) -> list[KeptModel]:
        """The models that the store starts with, that of all cameras first."""
        return [KeptModel(*one) for one in orjson.loads(self.meta().get(MODELS, "[]"))]

    def keep_model(self, model: KeptModel) -> None:
        """The store starts with this model from now on; one of all cameras takes the place of those of single cameras too."""
        with self.together():
            others = [] if model.camera is None else [one for one in self.kept_models() if one.camera != model.camera]
            rows = sorted([*others, model], key=lambda one: one.camera or "")
            self.mark(MODELS, orjson.dumps([tuple(one) for one in rows]).decode())

    def answered(self, number: int) -> tuple[str, Any] | None:
        """The status and body of a request's answer; None while there is none."""
        rows = self.get("request", "WHERE id = ? AND status != 'asked'", (number,))
        return next(((row[3], orjson.loads(row[4])) for row in rows), None)
