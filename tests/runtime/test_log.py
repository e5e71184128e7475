"""The store log: once and whole, in order; damage is named; nothing stored is lost."""

import errno
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import apsw
import pytest

from storeloom.core.kernel.errors import LogFault
from storeloom.core.kernel.events import Event, event_id
from storeloom.core.runtime.log import Record, StoreLog, instant, micros, safe_version
from storeloom.core.runtime.log_file import fault_of

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)


def fact(number: int) -> Event:
    time = T0 + timedelta(seconds=number)
    return Event("sensor.reading", time, {"n": number}, event_id(time, "s", number), "s1", "probe", time)


def fill(path, count):
    log = StoreLog(path, store="s1")
    with log.transaction():
        for number in range(count):
            log.append(fact(number))
    return log


def code(caught) -> str:
    (finding,) = caught.value.findings
    return finding.code


def test_a_fact_is_appended_once_and_read_back_in_order(tmp_path):
    log = fill(tmp_path / "store.db", 5)
    with log.transaction():
        assert log.append(fact(3)) is None
        assert log.append(fact(5), hops=2, cause=4) == 6
    assert [record.event.data["n"] for record in log.read()] == [0, 1, 2, 3, 4, 5]
    assert [record.seq for record in log.read(after=4)] == [5, 6]
    assert next(log.read(2, 1)).event == fact(2)
    assert next(log.read(5)) == Record(6, fact(5), 2, 4)
    assert log.event(6) == fact(5)


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    log = fill(tmp_path / "store.db", 2)
    with pytest.raises(RuntimeError), log.transaction():
        log.append(fact(7))
        raise RuntimeError
    assert log.last == 2
    with log.transaction():
        assert log.append(fact(8)) == 3


def test_a_fact_that_is_accepted_waits_in_the_inbox_until_it_is_taken(tmp_path):
    log = fill(tmp_path / "store.db", 2)
    assert log.accept([fact(1), fact(2), fact(2), fact(3)]) == [False, True, False, True]
    log.close()
    log = StoreLog(tmp_path / "store.db", store="s1")
    assert log.accept([fact(3)]) == [False]
    first, second = (number for number, _ in log.pending())
    assert log.pending() == [(first, fact(2)), (second, fact(3))] and log.pending(1) == [(first, fact(2))] and log.waiting_facts() == 2
    with log.transaction():
        number, event = log.pending(1)[0]
        assert log.append(event) == 3
        log.taken(number)
    assert log.pending() == [(second, fact(3))]
    assert log.accept([fact(2), fact(4)]) == [False, True]
    assert [event for _, event in log.pending()] == [fact(3), fact(4)] and first < second < log.pending()[1][0]


def test_a_batch_of_facts_is_accepted_whole_or_not_at_all(tmp_path):
    log = StoreLog(tmp_path / "store.db")
    with pytest.raises(TypeError):
        log.accept([fact(1), Event("x", T0, {"n": object()}, "id-2")])
    assert log.pending() == []


def test_a_repeat_is_known_by_its_id_but_a_clash_of_numbers_is_a_fault(tmp_path):
    log = fill(tmp_path / "store.db", 2)
    log.last = 1
    with pytest.raises(LogFault) as caught:
        log.append(fact(9))
    assert code(caught) == "SL-LOG-01" and "log.seq" in str(caught.value)


def test_a_flipped_bit_is_named_and_what_stands_before_it_is_whole(tmp_path):
    fill(tmp_path / "store.db", 5).close()
    with apsw.Connection(str(tmp_path / "store.db")) as db:
        db.execute("UPDATE log SET data = CAST('{\"n\": 9}' AS BLOB) WHERE seq = 4")
    log = StoreLog(tmp_path / "store.db", store="s1")
    got = []
    with pytest.raises(LogFault) as caught:
        for record in log.read():
            got.append(record.seq)
    assert got == [1, 2, 3]
    assert code(caught) == "SL-LOG-02" and "Row 4 of table 'log'" in str(caught.value)


def test_a_record_that_is_missing_is_named(tmp_path):
    fill(tmp_path / "store.db", 5).close()
    with apsw.Connection(str(tmp_path / "store.db")) as db:
        db.execute("DELETE FROM log WHERE seq = 3")
    log = StoreLog(tmp_path / "store.db")
    with pytest.raises(LogFault) as caught:
        list(log.read())
    assert code(caught) == "SL-LOG-02" and "Row 3 of table 'log'" in str(caught.value) and "missing" in str(caught.value)
    with pytest.raises(LogFault) as caught:
        log.event(3)
    assert code(caught) == "SL-LOG-02"


def test_a_record_past_the_end_is_no_longer_or_not_yet_there(tmp_path):
    with pytest.raises(LogFault) as caught:
        fill(tmp_path / "store.db", 2).event(3)
    assert code(caught) == "SL-LOG-06"


def test_a_file_cut_in_half_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "store.db"
    fill(path, 2000).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LogFault) as caught:
        list(StoreLog(path, store="s1").read())
    assert code(caught) == "SL-LOG-01" and str(path) in str(caught.value)
    assert path.read_bytes() == whole[: len(whole) // 2]


def test_a_file_that_is_no_log_and_one_of_another_store_are_refused(tmp_path):
    path = tmp_path / "store.db"
    path.write_text("hello " * 500)
    with pytest.raises(LogFault) as caught:
        StoreLog(path)
    assert code(caught) == "SL-LOG-01"
    fill(tmp_path / "other.db", 1).close()
    with pytest.raises(LogFault) as caught:
        StoreLog(tmp_path / "other.db", store="s2")
    assert code(caught) == "SL-LOG-04" and "'s1'" in str(caught.value)
    with apsw.Connection(str(tmp_path / "foreign.db")) as db:
        db.execute("CREATE TABLE sales(id)")
    with pytest.raises(LogFault) as caught:
        StoreLog(tmp_path / "foreign.db")
    assert code(caught) == "SL-LOG-01" and "some other SQLite file" in str(caught.value)


def test_a_stump_of_a_file_is_not_taken_for_a_new_one(tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(b"SQLite format 3\0")
    with pytest.raises(LogFault) as caught:
        StoreLog(path)
    assert code(caught) == "SL-LOG-01" and "16 bytes" in str(caught.value)


def test_a_later_format_is_refused(tmp_path):
    log = StoreLog(tmp_path / "store.db")
    log.mark("format", 3)
    log.close()
    with pytest.raises(LogFault) as caught:
        StoreLog(tmp_path / "store.db")
    assert code(caught) == "SL-LOG-01" and "its format is 3, this version reads 2" in str(caught.value)


def test_how_far_the_level_instances_are_outlives_the_process(tmp_path):
    log = fill(tmp_path / "store.db", 3)
    assert log.level() == 0
    log.save_level(2)
    log.close()
    assert StoreLog(tmp_path / "store.db").level() == 2


def test_the_oldest_records_go_slice_by_slice_and_numbers_are_not_used_again(tmp_path):
    log = fill(tmp_path / "store.db", 10)
    assert log.oldest == 1
    assert log.forget(before=7, limit=4) == 4 and log.oldest == 5
    assert log.forget(before=7, limit=4) == 2 and log.forget(before=7, limit=4) == 0 and log.oldest == 7
    assert [record.seq for record in log.read()] == [7, 8, 9, 10]
    assert log.forget(before=99, limit=99) == 3 and log.oldest == 10, "the newest record stays"
    log.close()
    log = StoreLog(tmp_path / "store.db")
    assert log.append(fact(10)) == 11
    with pytest.raises(LogFault) as caught:
        log.event(6)
    assert code(caught) == "SL-LOG-06" and "its oldest is 10" in str(caught.value)


def test_the_size_counts_the_write_ahead_log(tmp_path):
    log = fill(tmp_path / "store.db", 100)
    wal = (tmp_path / "store.db-wal").stat().st_size
    assert wal > 10_000 and log.size_bytes() == (tmp_path / "store.db").stat().st_size + wal
    memory = StoreLog()
    assert memory.size_bytes() >= 4096 and memory.size_bytes() % 4096 == 0


def test_a_second_writer_waits_and_then_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("storeloom.core.runtime.log_file.BUSY_MS", 20)
    first, second = StoreLog(tmp_path / "store.db"), StoreLog(tmp_path / "store.db")
    first.begin()
    with pytest.raises(LogFault) as caught:
        second.begin()
    assert code(caught) == "SL-LOG-08"
    first.rollback()
    second.begin()
    second.rollback()


def test_a_full_disk_is_told_from_a_broken_one(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=3 * 1024 * 1024 + 5))
    file = str(tmp_path / "store.db")
    for error, system, code in ((apsw.FullError(), 0, "05"), (apsw.IOError(), errno.ENOSPC, "05"), (apsw.IOError(), errno.EIO, "01")):
        (finding,) = fault_of(error, file, system).findings
        assert finding.code == f"SL-LOG-{code}" and finding.file == file
    assert fault_of(apsw.FullError(), file, 0).findings[0].args["free"] == 3


def test_times_keep_their_microseconds():
    time = datetime(2026, 3, 2, 10, 0, 0, 123457, tzinfo=UTC)
    assert instant(micros(time)) == time and micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1_000_000


@pytest.mark.parametrize(
    ("version", "safe"),
    [("3.51.2", False), ("3.51.3", True), ("3.44.6", True), ("3.44.5", False), ("3.50.7", True), ("3.50.6", False), ("3.54.1", True)],
)
def test_sqlite_with_the_wal_bug_is_refused(version, safe, monkeypatch):
    assert safe_version(version) is safe
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    if safe:
        StoreLog().close()
        return
    with pytest.raises(LogFault) as caught:
        StoreLog()
    assert code(caught) == "SL-LOG-03" and version in str(caught.value)
