"""Reading the records of a log, in order, with none left out unseen."""

from __future__ import annotations

from collections.abc import Iterator

from storeloom.core.kernel.errors import Finding, LogFault
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log_file import LogFile
from storeloom.core.runtime.log_tables import LOG_COLUMNS, Record, damaged, record_of

_READ = f"SELECT {LOG_COLUMNS} FROM log WHERE seq > ? ORDER BY seq LIMIT ?"

_READ_OF = f"SELECT {LOG_COLUMNS} FROM log WHERE seq > ? AND stream IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?"


class RecordRows(LogFile):
    """The log's records."""

    def newest(self) -> int:
        """The newest sequence, 0 in an empty log."""
        return int(self.one("SELECT max(seq) FROM log") or 0)

    @property
    def oldest(self) -> int:
        """The oldest sequence that compaction has left; 1 where it has deleted nothing."""
        return int(self.meta().get("oldest", 1))

    def read(self, after: int = 0, limit: int = -1) -> Iterator[Record]:
        """Kept records after a sequence, in order, each checked. LogFault for one that is damaged or missing."""
        last = after
        for row in self.each(_READ, (after, limit)):
            if row[0] != last + 1 and (last > after or row[0] != self.oldest):
                raise damaged(self.path, "log", last + 1, "it is missing", "记录缺失")
            last = row[0]
            yield record_of(row, self.path)

    def read_of(self, streams: str, after: int, limit: int) -> list[Record]:
        """Kept records of these streams (a JSON list) after a sequence, in order, each checked. LogFault for one that is damaged."""
        return [record_of(row, self.path) for row in self.each(_READ_OF, (after, streams, limit))]

    def event(self, seq: int) -> Event:
        """One logged event. LogFault when it is no longer kept."""
        record = next(self.read(seq - 1, 1), None)
        if record is None or record.seq != seq:
            raise self.gone(seq)
        return record.event

    def gone(self, seq: int) -> LogFault:
        """The fault of a record that is no longer kept."""
        return LogFault(Finding("SL-LOG-06", {"file": self.path, "first": seq, "oldest": self.oldest}, file=self.path))
