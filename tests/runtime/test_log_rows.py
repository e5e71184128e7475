"""What the log keeps beside its records: instances and their copies aside, commands, readers, requests; each row checked."""

from dataclasses import replace
from datetime import UTC, datetime

import apsw
import pytest

from storeloom.core.kernel.errors import LogFault
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.log_delivery import Command, Request
from storeloom.core.runtime.runner import AlarmRow, Changes, Stored

FACT = Event("sensor.reading", datetime(2026, 3, 2, tzinfo=UTC), {"n": 1}, "e1", "s1", "probe")
ALARM = AlarmRow("later", "r1", 500, b'{"a":1}', 7)
STORED = Stored("counter", "1.0", None, 100, 50, {"count": b"3"}, {"2026-03-02": b"{}"}, {"daily": b"90"}, [ALARM])


@pytest.fixture
def log(tmp_path):
    made = StoreLog(tmp_path / "store.db")
    yield made
    made.close()


def keep(log, name="counter", offset=None):
    log.save_instance(name, "counter", "1.0", offset, 100, 50)
    log.save_changes(name, Changes([("count", b"3")], [("2026-03-02", b"{}")], [("daily", b"90")], [ALARM]))


def test_an_instance_is_loaded_as_it_was_saved(log):
    assert log.load_instance("counter") is None
    keep(log)
    keep(log, "slow", offset=4)
    assert log.load_instance("counter") == STORED and log.load_instance("slow") == replace(STORED, offset=4)
    assert log.instances() == {"counter": None, "slow": 4}


def test_changes_write_keys_and_delete_those_without_a_value(log):
    keep(log)
    log.save_changes("counter", Changes([("count", None), ("sum", b"9")], [], [("daily", b"95")], [ALARM._replace(due=None)]))
    assert log.load_instance("counter") == replace(STORED, state={"sum": b"9"}, ticks={"daily": b"95"}, alarms=[])


def test_an_instance_that_is_dropped_leaves_the_others(log):
    keep(log)
    keep(log, "counter2")
    log.drop_instance("counter")
    assert log.load_instance("counter") is None and log.load_instance("counter2") == STORED
    assert log.one("SELECT count(*) FROM state") == 3 and log.one("SELECT count(*) FROM alarm") == 1


def test_the_copy_aside_comes_back_as_it_was_and_stands_where_it_stood(log):
    keep(log)
    log.save_level(12)
    assert log.set_aside("counter") and not log.set_aside("nobody")
    log.save_changes("counter", Changes([("count", b"99"), ("new", b"1")]))
    log.save_level(20)
    assert log.asides() == ["counter"] and log.aside_offsets() == {"counter": 12} and log.instances() == {"counter": None}
    assert log.bring_back("counter") and not log.bring_back("counter")
    assert log.load_instance("counter") == replace(STORED, offset=12), "level then: behind by what came since"
    assert log.asides() == []


def test_a_copy_aside_replaces_an_older_one_and_can_be_dropped(log):
    keep(log, offset=3)
    log.set_aside("counter")
    log.save_instance("counter", "counter", "1.0", 5, 100, 50)
    log.save_changes("counter", Changes([("count", None)]))
    log.set_aside("counter")
    assert log.aside_offsets() == {"counter": 5}
    log.drop_instance("counter")
    assert log.asides() == ["counter"]
    log.bring_back("counter")
    assert log.load_instance("counter").state == {}
    log.set_aside("counter")
    log.drop_aside("counter")
    assert log.asides() == [] and log.one("SELECT count(*) FROM state") == 2


def test_setting_aside_is_undone_with_the_transaction_that_it_is_part_of(log):
    keep(log)
    log.begin()
    log.set_aside("counter")
    log.rollback()
    assert log.asides() == [] and log.load_instance("counter") == STORED


def test_a_command_waits_until_it_is_settled_and_a_dead_one_can_be_sent_again(log):
    for number, name in enumerate("ab", start=1):
        log.append(replace(FACT, id=f"r-{name}"))
        log.push(name, number, "lamp", "light.set", 100 * number)
    log.push("a", 9, "lamp", "light.set", 0)
    first = Command("a", 1, "lamp", "light.set", "waiting", 0, 100, None)
    assert log.unsettled(limit=1) == [first] and [row.id for row in log.unsettled()] == ["a", "b"] and log.unsettled(after=2) == []
    log.settle("b", "answered", 1, 250, "[]")
    assert [(row.id, row.status, row.note) for row in log.unsettled()] == [("a", "waiting", None), ("b", "answered", "[]")]
    log.settle("a", "dead", 8, 300, "no route")
    log.settle("b", "sent", 1, 250)
    assert log.outbox() == {"dead": 1, "sent": 1} and log.unsettled() == []
    assert log.dead() == [Command("a", 1, "lamp", "light.set", "dead", 8, 300, "no route")]
    assert not log.resend("b") and not log.resend("c") and log.resend("a")
    assert log.unsettled() == [first._replace(due=0)] and log.dead() == []


def test_the_newest_failures_are_told_in_order(log):
    for at in (30, 10, 20):
        log.save_failure("counter", at, f"e{at}", "f", "it broke")
    assert [row[1] for row in log.failures()] == [10, 20, 30]
    assert log.failures(2) == [("counter", 20, "e20", "f", "it broke"), ("counter", 30, "e30", "f", "it broke")]


def test_a_reader_goes_forward_only(log):
    assert log.consumer("uplink") == 0
    log.advance_consumer("uplink", 5)
    log.advance_consumer("uplink", 3)
    log.advance_consumer("mirror", 1)
    assert log.consumers() == {"uplink": 5, "mirror": 1}
    log.drop_consumer("uplink")
    assert log.consumers() == {"mirror": 1}


def test_what_is_asked_from_another_process_is_answered(log, tmp_path):
    other = StoreLog(tmp_path / "store.db")
    first, second = other.ask("apply", {"bundle": "b.json"}, at=5), other.ask("resend", {"id": "c"})
    assert log.asked() == [Request(first, 5, "apply", {"bundle": "b.json"}), Request(second, 0, "resend", {"id": "c"})]
    assert other.answered(first) is None
    log.answer(first, "refused", {"why": "no such file"})
    assert other.answered(first) == ("refused", {"why": "no such file"}) and other.answered(second) is None
    assert [request.id for request in log.asked()] == [second]
    other.close()


DAMAGE = [
    (
        "UPDATE state SET value = CAST('4' AS BLOB) WHERE instance = 'counter'",
        "state",
        "counter/count",
        lambda log: log.load_instance("counter"),
    ),
    ("UPDATE alarm SET due = due + 1", "alarm", "counter/later/r1", lambda log: log.load_instance("counter")),
    ("UPDATE instance SET offset = 3", "instance", "counter", lambda log: log.instances()),
    ("UPDATE outbox SET tries = 1", "outbox", "c1", lambda log: log.unsettled()),
    ("UPDATE inbox SET source = 'prove'", "inbox", "e1", lambda log: log.pending()),
    ("UPDATE meta SET value = '8' WHERE key = 'level'", "meta", "level", lambda log: log.level()),
    ("UPDATE consumer SET offset = 8", "consumer", "uplink", lambda log: log.consumer("uplink")),
    ("UPDATE request SET kind = 'applz'", "request", "5", lambda log: log.asked()),
    ("UPDATE failure SET at = 6", "failure", "counter", lambda log: log.failures()),
]


@pytest.mark.parametrize(("damage", "table", "row", "load"), DAMAGE, ids=[one[1] for one in DAMAGE])
def test_a_damaged_row_is_named_when_it_is_loaded(log, damage, table, row, load):
    keep(log)
    log.save_level(7)
    log.push("c1", 1, "lamp", "light.set", 0)
    log.accept([FACT])
    log.advance_consumer("uplink", 7)
    log.ask("apply", {}, at=5)
    log.save_failure("counter", 5, "e1", "f", "it broke")
    load(log)
    with apsw.Connection(log.path) as db:
        db.execute(damage)
    with pytest.raises(LogFault) as caught:
        load(log)
    (finding,) = caught.value.findings
    assert finding.code == "SL-LOG-02" and f"Row {row} of table '{table}'" in finding.text()
