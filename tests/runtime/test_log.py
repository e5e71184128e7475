"""The store log: once and whole, in order; damage is named; nothing stored is lost."""

from datetime import UTC, datetime, timedelta

import apsw
import pytest

from storeloom.core.kernel.errors import LogFault
from storeloom.core.kernel.events import Event, event_id
from storeloom.core.runtime.log import StoreLog, instant, micros, safe_version

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


def test_a_fact_is_appended_once_and_read_back_in_order(tmp_path):
    log = fill(tmp_path / "store.db", 5)
    with log.transaction():
        assert log.append(fact(3)) is None
        assert log.append(fact(5)) == 6
    assert [record.event.data["n"] for record in log.read()] == [0, 1, 2, 3, 4, 5]
    assert [record.seq for record in log.read(after=4)] == [5, 6]
    assert next(log.read(2, 1)).event == fact(2)


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    log = fill(tmp_path / "store.db", 2)
    with pytest.raises(RuntimeError), log.transaction():
        log.append(fact(7))
        raise RuntimeError
    assert log.last == 2
    with log.transaction():
        assert log.append(fact(8)) == 3


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
    (finding,) = caught.value.findings
    assert finding.code == "SL-LOG-02" and "Record 4" in finding.text()


def test_a_file_cut_in_half_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "store.db"
    fill(path, 2000).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LogFault) as caught:
        list(StoreLog(path, store="s1").read())
    (finding,) = caught.value.findings
    assert finding.code == "SL-LOG-01" and str(path) in finding.text()
    assert path.read_bytes() == whole[: len(whole) // 2]


def test_a_file_that_is_no_log_and_one_of_another_store_are_refused(tmp_path):
    path = tmp_path / "store.db"
    path.write_text("hello " * 500)
    with pytest.raises(LogFault) as caught:
        StoreLog(path)
    assert caught.value.findings[0].code == "SL-LOG-01"
    fill(tmp_path / "other.db", 1).close()
    with pytest.raises(LogFault) as caught:
        StoreLog(tmp_path / "other.db", store="s2")
    assert caught.value.findings[0].code == "SL-LOG-04"


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("3.40.1", False),
        ("3.44.5", False),
        ("3.44.6", True),
        ("3.45.0", False),
        ("3.50.6", False),
        ("3.50.7", True),
        ("3.51.2", False),
        ("3.51.3", True),
    ],
)
def test_which_sqlite_versions_may_keep_a_store(version, safe):
    assert safe_version(version) is safe


def test_times_keep_their_microseconds():
    time = datetime(2026, 3, 2, 10, 0, 0, 123457, tzinfo=UTC)
    assert instant(micros(time)) == time
