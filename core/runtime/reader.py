"""A log read from another process, or beside the running engine: records as they are committed, figures, what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from storeloom.core.kernel.errors import LogFault
from storeloom.core.runtime.log_delivery import DeliveryRows
from storeloom.core.runtime.log_file import foreign_format, unusable
from storeloom.core.runtime.log_instances import InstanceRows
from storeloom.core.runtime.log_migrate import OLD_META
from storeloom.core.runtime.log_records import RecordRows
from storeloom.core.runtime.log_tables import Record

PAGE = 256


class LogReader(RecordRows, InstanceRows, DeliveryRows):
    """A log that is only read. It never keeps the store from writing; any write through it is a LogFault.

    LogFault when there is no such file, or it is of another format (one of format 1 is brought up when a store next runs on it).
    """

    def __init__(self, path: str | Path, *, store: str = "") -> None:
        if not Path(path).is_file():
            raise unusable(str(path), {"en": "there is no such file", "zh": "文件不存在"})
        super().__init__(path, readonly=True)
        try:
            if self.columns("meta") == OLD_META:
                raise foreign_format(self.path, "1")
            self.marks(store)
        except LogFault:
            self._abandon()
            raise

    @property
    def last(self) -> int:
        """The newest sequence at this moment."""
        return self.newest()

    def follow(self, after: int | None = None, *, wait: Callable[[], bool] | None = None) -> Iterator[Record]:
        """Records after a sequence (None: from the oldest kept), in order, as they are committed.

        Level with the log it ends, or asks `wait`, which sleeps as it likes and says whether to go on. Each page is a reading of its own,
        so that the store can check-point meanwhile. LogFault (SL-LOG-06, with the oldest that is left) when compaction has deleted what
        was to come next: the follower was no `consumer`, or began too late.
        """
        last = self.oldest - 1 if after is None else after
        while True:
            page = list(self.read(last, PAGE))
            for record in page:
                if record.seq != last + 1:
                    raise self.gone(last + 1)
                last = record.seq
                yield record
            if not page and (wait is None or not wait()):
                return
