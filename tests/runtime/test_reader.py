"""Reading a log beside the store that writes it: in order, live, and a gap is told."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import apsw
import pytest

from storeloom.core.kernel.errors import LogFault
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.reader import PAGE, LogReader

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)


def add(log, count):
    with log.transaction():
        for _ in range(count):
            number = log.last + 1
            log.append(Event("x.y", T0 + timedelta(seconds=number), {"n": number}, f"e{number}", "s1", "probe"))


@pytest.fixture
def log(tmp_path):
    made = StoreLog(tmp_path / "store.db", store="s1")
    yield made
    made.close()


def test_it_yields_what_is_committed_in_order_and_follows(log):
    add(log, PAGE + 3)
    reader, steps = LogReader(log.path, store="s1"), iter((2, 0, 1))

    def wait():
        count = next(steps, None)
        if count:
            add(log, count)
        return count is not None

    assert reader.last == PAGE + 3
    assert [record.seq for record in reader.follow(wait=wait)] == list(range(1, PAGE + 7))
    assert [record.event.data["n"] for record in reader.follow(PAGE + 4)] == [PAGE + 5, PAGE + 6]


def test_what_is_not_committed_is_not_seen(log):
    add(log, 1)
    reader = LogReader(log.path)
    log.begin()
    log.append(Event("x.y", T0, {}, "open", "s1", "probe"))
    assert [record.event.id for record in reader.follow()] == ["e1"] and reader.last == 1
    log.commit()
    assert [record.event.id for record in reader.follow(1)] == ["open"]


def test_it_neither_writes_nor_stops_the_writer(log):
    add(log, 3)
    reader = LogReader(log.path)
    with pytest.raises(LogFault, match="readonly"):
        reader.save_level(1)
    for record in reader.follow():
        add(log, 1)
        if record.seq == 5:
            break
    assert log.last == 8


def test_it_waits_while_a_writer_renews_the_write_ahead_logs_index(log, monkeypatch):
    """SQLite then says at once that the log is locked, whatever time-out was set."""
    busy = [True, True]

    class Renewed(apsw.Connection):
        def wal_checkpoint(self, *args, **named):
            if busy and busy.pop():
                raise apsw.BusyError("database is locked")
            return super().wal_checkpoint(*args, **named)

    add(log, 1)
    monkeypatch.setattr(apsw, "Connection", Renewed)
    assert LogReader(log.path).last == 1 and not busy


def test_compaction_behind_a_follower_goes_unseen_and_before_it_is_told(log):
    add(log, 10)
    reader = LogReader(log.path)
    quick = reader.follow()
    assert [next(quick).seq for _ in range(10)] == list(range(1, 11))
    log.forget(before=8, limit=100)
    add(log, 1)
    assert next(quick).seq == 11
    assert [record.seq for record in reader.follow()] == [8, 9, 10, 11] and reader.oldest == 8
    assert [record.seq for record in reader.follow(7)] == [8, 9, 10, 11]
    with pytest.raises(LogFault) as caught:
        next(reader.follow(3))
    (finding,) = caught.value.findings
    assert finding.code == "SL-LOG-06" and finding.args == {"file": log.path, "first": 4, "oldest": 8}


def test_a_gap_that_comes_while_it_follows_is_told(log):
    add(log, 4)

    def wait():
        add(log, 6)
        log.forget(before=8, limit=100)
        return True

    got = []
    with pytest.raises(LogFault) as caught:
        for record in LogReader(log.path).follow(wait=wait):
            got.append(record.seq)
    assert got == [1, 2, 3, 4] and caught.value.findings[0].args["first"] == 5


def test_there_must_be_a_log(tmp_path):
    with pytest.raises(LogFault, match="no such file"):
        LogReader(tmp_path / "store.db")
    assert list(tmp_path.iterdir()) == []


def test_another_stores_log_is_refused(log):
    with pytest.raises(LogFault) as caught:
        LogReader(log.path, store="s2")
    assert caught.value.findings[0].code == "SL-LOG-04"


WRITER = """
import os, sys
from datetime import UTC, datetime
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log import StoreLog
log = StoreLog(sys.argv[1], store="s1")
for number in range(1, 40):
    with log.transaction():
        log.append(Event("x.y", datetime(2026, 3, 2, tzinfo=UTC), {"n": number}, f"e{number}", "s1", "probe"))
os.kill(os.getpid(), 9)
"""


def test_after_a_kill_it_reads_all_that_was_committed(tmp_path):
    path = tmp_path / "store.db"
    assert subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False).returncode == -9
    assert [record.event.data["n"] for record in LogReader(path).follow()] == list(range(1, 40))
