"""A log of format 1, as an older version wrote it, goes on in the present format with nothing lost."""

import sqlite3
import zlib
from datetime import UTC, datetime

import pytest

from storeloom.core.kernel.errors import LogFault
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.reader import LogReader
from storeloom.core.runtime.retention import compact, rebuild
from storeloom.core.runtime.runner import AlarmRow, Stored
from storeloom.core.runtime.verify import verify

T0 = micros(datetime(2026, 3, 2, 10, tzinfo=UTC))
FORMAT_1 = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE log(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, source TEXT NOT NULL,
  store TEXT NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL, hops INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE instance(name TEXT PRIMARY KEY, solution TEXT NOT NULL, version TEXT NOT NULL, offset INTEGER NOT NULL,
  clock INTEGER NOT NULL, started INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE state(instance TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY(instance, key)) WITHOUT ROWID;
CREATE TABLE alarm(instance TEXT, name TEXT, key TEXT, due INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY(instance, name, key)) WITHOUT ROWID;
CREATE TABLE outbox(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, instance TEXT NOT NULL, stream TEXT NOT NULL,
  status TEXT NOT NULL, tries INTEGER NOT NULL, due INTEGER NOT NULL, note TEXT) WITHOUT ROWID;
CREATE TABLE failure(instance TEXT, at INTEGER, event TEXT, handler TEXT, reason TEXT);
INSERT INTO meta VALUES('format', '1'), ('store', 's1');
INSERT INTO instance VALUES('counter', 'toy', '1.0', 3, 900, 100), ('slow', 'toy', '1.0', 2, 800, 100);
INSERT INTO state VALUES('counter', 'n', X'33'), ('counter#figures', '2026-03-02', X'7B7D'), ('counter#ticks', 'daily', X'3930'),
  ('#arbiter', 'light.set|l1', X'31');
INSERT INTO alarm VALUES('counter', 'later', 'r1', 500, X'7B7D');
INSERT INTO outbox VALUES('c1', 2, 'counter', 'relay.set', 'waiting', 1, 700, NULL), ('c0', 1, 'counter', 'relay.set', 'sent', 1, 600, 'x');
INSERT INTO failure VALUES('slow', 400, 'e1', 'f', 'it broke');
"""


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "store.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = DELETE")
    db.executescript(FORMAT_1)
    for seq in (1, 2, 3):
        head = (seq, f"e{seq}", "sensor.reading", "probe", "s1", T0 + seq, T0 + seq, 0)
        data = b'{"n":%d}' % seq
        crc = zlib.crc32(data, zlib.crc32("|".join(map(str, head)).encode()))
        db.execute("INSERT INTO log VALUES(?,?,?,?,?,?,?,?,?,?)", (*head, data, crc))
    db.commit()
    db.close()
    return path


def test_every_row_of_format_1_is_kept(old):
    for _ in range(2):  # brought up once, and the same when opened again
        log = StoreLog(old, store="s1")
        assert [(r.seq, r.event.id, r.event.data["n"], r.cause) for r in log.read()] == [(1, "e1", 1, 0), (2, "e2", 2, 0), (3, "e3", 3, 0)]
        assert log.meta() == {"format": "2", "store": "s1", "level": "3"}
        assert log.instances() == {"counter": None, "slow": 2}
        books = {"n": b"3"}, {"2026-03-02": b"{}"}, {"daily": b"90"}
        assert log.load_instance("counter") == Stored("toy", "1.0", None, 900, 100, *books, [AlarmRow("later", "r1", 500, b"{}", 0)])
        assert log.load_state("#arbiter") == {"light.set|l1": b"1"}
        assert [(row.id, row.tries, row.due) for row in log.unsettled()] == [("c1", 1, 700)] and log.outbox() == {"sent": 1, "waiting": 1}
        assert log.failures() == [("slow", 400, "e1", "f", "it broke")]
        assert log.accept([log.event(2)]) == [False]
        log.close()
    found = verify(old)
    assert found.findings == [] and found.rows["log"] == 3 and found.rows["state"] == 4


def test_a_damaged_record_of_format_1_stops_it_and_leaves_the_file_as_it_is(old):
    db = sqlite3.connect(old)
    db.execute("UPDATE log SET source = 'prove' WHERE seq = 2")
    db.commit()
    db.close()
    with pytest.raises(LogFault) as caught:
        StoreLog(old)
    assert caught.value.findings[0].code == "SL-LOG-02" and "Row 2 of table 'log'" in str(caught.value)
    db = sqlite3.connect(old)
    assert db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() == ("1",)
    assert db.execute("SELECT count(*) FROM log").fetchone() == (3,)
    db.close()


def test_an_unknown_old_format_is_refused(old):
    db = sqlite3.connect(old)
    db.execute("UPDATE meta SET value = '0' WHERE key = 'format'")
    db.commit()
    db.close()
    with pytest.raises(LogFault, match="its format is 0"):
        StoreLog(old)


def test_a_reader_does_not_bring_a_log_up(old):
    with pytest.raises(LogFault, match="its format is 1"):
        LogReader(old)


def test_a_file_of_format_1_shrinks_only_after_it_is_built_anew(old):
    log = StoreLog(old)
    now = datetime(2026, 4, 1, tzinfo=UTC)
    assert compact(log, now, keep_days=1).shrinks is False
    rebuild(log)
    done = compact(log, now, keep_days=1)
    assert done.shrinks is True and done.held_by == ["instance slow", "outbox waiting"]
    assert [record.seq for record in log.read()] == [2, 3], "c1 still waits for its record"
    log.close()
    assert verify(old).findings == []
