"""Compaction takes what nobody needs and nothing else; a snapshot is whole; the check names what is wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from storeloom.core.kernel.errors import LogFault
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.retention import SLICE, Compaction, compact, snapshot, used_bytes
from storeloom.core.runtime.verify import verify

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def event(number):
    time = T0 + timedelta(hours=number)
    return Event("x.y", time, {"n": number, "pad": "x" * 300}, f"e{number}", "s1", "probe", time)


def add(log, count):
    with log.transaction():
        for _ in range(count):
            log.append(event(log.last + 1))
        log.save_level(log.last)


@pytest.fixture
def log(tmp_path):
    made = StoreLog(tmp_path / "store.db", store="s1")
    add(made, 100)  # record n arrived n hours after T0
    yield made
    made.close()


NOW = T0 + timedelta(hours=100)


def test_records_that_are_too_old_go(log):
    done = compact(log, NOW, keep_days=1)
    assert (done.records, done.oldest, done.held_by) == (75, 76, [])  # record 76 arrived 24 h before NOW
    assert [record.seq for record in log.read()] == list(range(76, 101))
    assert compact(log, NOW, keep_days=1).records == 0
    assert compact(log, NOW + timedelta(days=99), keep_days=1).oldest == 100, "the newest stays"


@pytest.mark.parametrize(
    ("hold", "by", "oldest"),
    [
        (lambda log: log.save_instance("slow", "toy", "1", 40, 0, 0), "instance slow", 41),
        (lambda log: log.save_level(50), "level", 51),
        (lambda log: log.advance_consumer("uplink", 30), "consumer uplink", 31),
        (lambda log: log.push("c", 20, "i", "light.set", 0), "outbox waiting", 20),
        (lambda log: (log.push("c", 22, "i", "light.set", 0), log.settle("c", "answered", 1, 0, "[]")), "outbox answered", 22),
        (lambda log: (log.save_instance("a", "toy", "1", 60, 0, 0), log.set_aside("a"), log.drop_instance("a")), "aside a", 61),
    ],
    ids=["behind", "level", "consumer", "waiting", "answered", "aside"],
)
def test_what_somebody_has_yet_to_read_stays(log, hold, by, oldest):
    hold(log)
    done = compact(log, NOW, keep_days=1)
    assert (done.oldest, done.held_by) == (oldest, [by]) and done.records == oldest - 1
    assert verify(log.path).findings == []


def test_a_dead_command_goes_with_the_records_of_its_time(log):
    log.push("c", 21, "i", "light.set", 0)
    log.settle("c", "dead", 30, 0, "no route")
    log.push("d", 90, "i", "light.set", 0)
    log.settle("d", "dead", 30, micros(NOW), "no route")
    done = compact(log, NOW, keep_days=1)
    assert (done.oldest, done.commands, [one.id for one in log.dead()]) == (76, 1, ["d"]) and verify(log.path).findings == []


def test_an_instance_that_is_level_holds_up_nothing(log):
    log.save_instance("quick", "toy", "1", None, 0, 0)
    assert compact(log, NOW, keep_days=1).oldest == 76


def test_a_log_that_is_too_big_loses_its_oldest_records_and_the_file_shrinks(log):
    add(log, 4000)
    before = used_bytes(log)
    done = compact(log, NOW, keep_bytes=before // 2)
    assert used_bytes(log) <= before // 2 and 1500 <= done.records <= 2000 + SLICE
    assert done.shrinks and log.one("PRAGMA freelist_count") == 0
    log.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    assert Path(log.path).stat().st_size <= before // 2
    assert verify(log.path).findings == []


def test_each_slice_is_short_and_the_store_writes_on_between_them(log):
    add(log, 3 * SLICE)
    compaction, oldest, steps = Compaction(log, NOW + timedelta(days=999), keep_days=1), 1, 0
    while compaction.step():
        assert log.oldest - oldest <= SLICE
        oldest, steps = log.oldest, steps + 1
        if steps <= 3:
            with log.transaction():
                log.append(event(log.last + 1))
    assert steps > 3 and log.last == 103 + 3 * SLICE
    assert log.oldest == 100 + 3 * SLICE + 1, "what came meanwhile is past the level, and stays"


def test_settled_commands_failures_and_answered_requests_go_with_the_records(log):
    old, young = micros(T0 + timedelta(hours=50)), micros(T0 + timedelta(hours=90))
    for name, status, due in (("a", "sent", old), ("b", "overruled", old), ("c", "sent", young), ("d", "waiting", old)):
        log.push(name, 80, "i", "light.set", due)
        log.settle(name, status, 1, due)
    log.push("e", 10, "i", "light.set", young)
    log.settle("e", "expired", 1, young)
    for at in (old, young):
        log.save_failure("i", at, "e1", "f", "it broke")
    for number in range(1010):
        log.answer(log.ask("apply", {"n": number}), "done", None)
    waiting = log.ask("apply", {})
    log.run("UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'request'")
    log.answer(log.ask("apply", {}), "done", None)
    done = compact(log, NOW, keep_days=1)
    assert done.commands == 3 and log.outbox() == {"sent": 1, "waiting": 1}, "e's record has gone"
    assert done.failures == 1 and [row[1] for row in log.failures()] == [young]
    assert done.requests == 1010 and [request.id for request in log.asked()] == [waiting]


def test_nothing_goes_without_a_limit(log):
    assert compact(log, NOW + timedelta(days=999)).records == 0


def test_a_snapshot_holds_what_was_committed_and_can_be_put_back(log, tmp_path):
    log.accept([event(500)])
    log.save_instance("counter", "toy", "1", None, 1, 1)
    log.begin()
    log.append(event(101))
    found = snapshot(log, tmp_path / "copies.db")
    log.rollback()
    target = tmp_path / "copies.db"
    assert (found.file, found.last, found.findings) == (str(target), 100, [])
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("copies")) == ["copies.db"]
    add(log, 5)
    copy = StoreLog(target, store="s1")
    assert [record.event for record in copy.read()] == [event(number) for number in range(1, 101)]
    assert copy.instances() == {"counter": None} and copy.level() == 100 and [one.id for _, one in copy.pending()] == ["e500"]
    copy.close()
    assert snapshot(log, target).last == 105


def test_a_snapshot_does_not_change_while_the_store_writes_on(log, tmp_path, monkeypatch):
    monkeypatch.setattr("storeloom.core.runtime.retention.PAGES", 1)
    steps = []

    def write():
        steps.append(log.last)
        if len(steps) < 20:
            add(log, 1)

    assert snapshot(log, tmp_path / "copy.db", write).last == 100
    assert log.last == 119 and len(steps) > 20


def test_a_snapshot_of_a_damaged_log_is_not_made(log, tmp_path):
    (tmp_path / "copy.db").write_bytes(b"older")
    log.run("UPDATE log SET source = 'prove' WHERE seq = 7")
    with pytest.raises(LogFault, match="Row 7 of table 'log'"):
        snapshot(log, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == b"older" and not list(tmp_path.glob("*.part*"))


def test_what_a_killed_snapshot_left_does_no_harm(log, tmp_path):
    for name in ("copy.db.part", "copy.db.part-journal", "copy.db.part-wal"):
        (tmp_path / name).write_bytes(b"half of it" * 1000)
    assert snapshot(log, tmp_path / "copy.db").last == 100
    assert not list(tmp_path.glob("*.part*"))


def test_a_snapshot_never_lands_on_a_log_in_use(log, tmp_path):
    other = StoreLog(tmp_path / "other.db")
    for target in (log.path, other.path):
        with pytest.raises(LogFault, match="a log in use"):
            snapshot(log, target)
    other.close()


def test_a_snapshot_that_cannot_be_written_says_so(log, tmp_path):
    with pytest.raises(LogFault) as caught:
        snapshot(log, tmp_path / "nowhere" / "copy.db")
    assert caught.value.findings[0].code == "SL-LOG-01"


def found_in(log, *damage):
    for statement in damage:
        log.run(statement)
    return [(finding.code, finding.text()) for finding in verify(log.path).findings]


def test_a_whole_log_has_no_findings_and_its_rows_are_counted(log):
    log.accept([event(200)])
    found = verify(log.path)
    assert (found.findings, found.oldest, found.last) == ([], 1, 100)
    assert found.rows["log"] == 100 and found.rows["inbox"] == 1 and found.rows["meta"] == 3


def test_every_damaged_row_is_named_not_only_the_first(log):
    log.save_state("counter", [("n", b"1")])
    found = found_in(log, "UPDATE log SET hops = 1 WHERE seq IN (3, 9)", "UPDATE state SET key = 'm'", "DELETE FROM log WHERE seq = 60")
    rows = [(code, text.split(" in the store")[0]) for code, text in found]
    named = [("3", "log"), ("9", "log"), ("60", "log"), ("counter/m", "state")]
    assert rows == [("SL-LOG-02", f"Row {row} of table '{table}'") for row, table in named]


def test_a_damaged_mark_of_the_file_is_named(log):
    ((code, text),) = found_in(log, "UPDATE meta SET value = 's2' WHERE key = 'store'")
    assert code == "SL-LOG-02" and "Row store of table 'meta'" in text


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        ("DELETE FROM log WHERE seq = 50", "SL-LOG-02", "Row 50 of table 'log'"),
        ("DELETE FROM log WHERE seq < 3", "SL-LOG-02", "Row 1 of table 'log'"),
        ("DELETE FROM log WHERE seq > 98", "SL-LOG-07", "level stands at 100, outside the log"),
        ("DROP INDEX outbox_status", "SL-LOG-07", "'outbox_status' is not as it should be"),
    ],
)
def test_gaps_and_odd_tables_are_named(log, damage, code, words):
    ((got, text),) = found_in(log, damage)
    assert got == code and words in text


def test_positions_that_point_nowhere_are_named(log):
    log.advance_consumer("uplink", 120)
    log.save_instance("ahead", "toy", "1", 101, 0, 0)
    log.push("c", 102, "i", "light.set", 0)
    log.save_instance("edge", "toy", "1", 100, 0, 0)
    texts = [text for _, text in found_in(log)]
    assert len(texts) == 3
    for words in ("instance ahead stands at 101", "consumer uplink stands at 120", "command c names record 102"):
        assert any(words in text for text in texts)


def test_a_fact_both_handled_and_waiting_is_named(log):
    log.accept([event(300)])
    with log.transaction():
        log.append(event(300))
    ((code, text),) = found_in(log)
    assert code == "SL-LOG-07" and "fact e300 is in the log and still in the inbox" in text


def test_numbers_that_are_out_of_order_are_named_and_the_check_comes_to_an_end(log):
    log.close()
    raw = bytearray(Path(log.path).read_bytes())
    start = raw.index(b"e50x.y")  # the row's values; before them the row's header, before that its number
    (at,) = [start - size - 1 for size in range(5, 30) if raw[start - size] == size and raw[start - size - 1] == 50]
    raw[at] = 18
    Path(log.path).write_bytes(raw)
    texts = [finding.text() for finding in verify(log.path).findings]
    assert any("Row 50 of table 'log'" in text for text in texts) and any("out of order" in text for text in texts)
    broken = StoreLog(log.path)
    with pytest.raises(LogFault, match="Row 50 of table 'log'"):
        list(broken.read())
    broken.close()


def test_what_is_no_log_is_a_finding_too(tmp_path):
    (tmp_path / "x.db").write_text("hello" * 1000)
    for name in ("x.db", "none.db"):
        (finding,) = verify(tmp_path / name).findings
        assert finding.code == "SL-LOG-01"


def test_structure_is_checked_by_sqlite_as_well(log):
    log.close()
    with apsw.Connection(log.path) as db:
        page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_log_1'").fetchone()[0]
    raw = bytearray(Path(log.path).read_bytes())
    raw[(page - 1) * 4096 + 3] ^= 1  # the number of cells of the page that indexes the ids
    Path(log.path).write_bytes(raw)
    assert any(finding.code == "SL-LOG-07" for finding in verify(log.path).findings)
