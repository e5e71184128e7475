"""`storeloom log`: check, compact, copy; in both languages and as JSON."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log import StoreLog

T0 = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def data(tmp_path):
    log = StoreLog(tmp_path / "store.db", store="s1")
    with log.transaction():
        for number in range(1, 61):  # record n arrived n days after T0
            log.append(Event("x.y", T0 + timedelta(days=number), {"n": number}, f"e{number}", "s1", "probe"))
        log.save_level(60)
    log.close()
    return tmp_path


def test_a_whole_log_is_said_to_be_whole(call, data):
    assert call("log", "verify", "--data", data, "--lang", "en").out == f"{data / 'store.db'}: records 1 to 60, 63 rows, whole\n"
    assert call("log", "verify", "--data", data, "--lang", "zh").out == f"{data / 'store.db'}: 第 1–60 条记录, 63 行, 完好\n"
    got = call("log", "verify", "--data", data, "--json")
    assert got.code == 0 and got.json["ok"] and got.json["last"] == 60 and got.json["rows"]["log"] == 60 and got.json["findings"] == []


def test_damage_is_named_and_exits_1(call, data):
    log = StoreLog(data / "store.db")
    log.run("UPDATE log SET hops = 1 WHERE seq IN (5, 6)")
    log.close()
    got = call("log", "verify", "--data", data, "--lang", "en")
    assert got.code == 1 and "Row 5 of table 'log'" in got.out and "Row 6 of table 'log'" in got.out and "findings: 2" in got.out
    got = call("log", "verify", "--data", data, "--lang", "zh")
    assert got.code == 1 and "数据表“log”的行 5 损坏" in got.out and "2 个问题" in got.out
    got = call("log", "verify", "--data", data, "--json")
    assert got.code == 1 and [finding["code"] for finding in got.json["findings"]] == ["SL-LOG-02", "SL-LOG-02"]


def test_compaction_counts_the_logs_own_days(call, data):
    got = call("log", "compact", "--data", data, "--json")
    assert got.code == 0 and (got.json["records"], got.json["oldest"], got.json["held_by"]) == (24, 25, [])
    got = call("log", "compact", "--data", data, "--keep-days", "10", "--lang", "en")
    assert "25 records and 0 rows beside them deleted, the oldest is 50" in got.out
    got = call("log", "compact", "--data", data, "--keep-days", "10", "--lang", "zh")
    assert "删除 0 条记录" in got.out and "最早一条为第 50 条" in got.out


def test_who_holds_records_is_named(call, data):
    log = StoreLog(data / "store.db")
    log.advance_consumer("uplink", 4)
    log.close()
    got = call("log", "compact", "--data", data, "--keep-days", "10", "--lang", "en")
    assert "4 records" in got.out and "is needed by: consumer uplink" in got.out
    assert "更早的记录仍被需要：consumer uplink" in call("log", "compact", "--data", data, "--keep-days", "10", "--lang", "zh").out


def test_the_log_of_a_running_store_is_compacted_and_copied_too(call, data, tmp_path):
    running = StoreLog(data / "store.db")
    assert call("log", "compact", "--data", data, "--keep-days", "10", "--json").json["oldest"] == 50
    got = call("log", "snapshot", "--data", data, "-o", tmp_path / "copy.db", "--json")
    assert got.code == 0 and (got.json["oldest"], got.json["last"]) == (50, 60)
    assert [record.seq for record in running.read()] == list(range(50, 61)) and running.append(Event("x.y", T0, {}, "e61")) == 61
    running.close()


def test_a_copy_says_how_it_is_put_back(call, data, tmp_path):
    got = call("log", "snapshot", "--data", data, "--output", tmp_path / "copy.db", "--lang", "en")
    assert got.code == 0 and "records 1 to 60" in got.out and f"To restore: stop the store, copy it to {data / 'store.db'}" in got.out
    assert "恢复：停店后将其复制为" in call("log", "snapshot", "--data", data, "--output", tmp_path / "copy.db", "--lang", "zh").out


def test_a_file_can_be_built_anew(call, data):
    got = call("log", "compact", "--data", data, "--rebuild", "--json")
    assert got.code == 0 and got.json["shrinks"] is True


def test_what_makes_no_sense_is_said(call, data, tmp_path):
    got = call("log", "snapshot", "--data", data, "--lang", "en")
    assert got.code == 2 and "snapshot needs --output FILE" in got.err
    for action in ("verify", "compact", "snapshot"):
        got = call("log", action, "--data", tmp_path / "nowhere", "-o", tmp_path / "x", "--lang", "en")
        assert got.code == 1 and "no such file" in got.said
    assert not (tmp_path / "nowhere").exists()
