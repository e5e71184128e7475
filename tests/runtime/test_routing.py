"""A command goes to the device that it is meant for, not before its time; one that is nobody's is told and kept."""

from datetime import timedelta
from functools import partial

import pytest

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.events import Fact, fact_of, fact_row, rfc3339
from storeloom.core.kernel.plan import BoundDevice, InstancePlan, Plan
from storeloom.core.runtime import outbox as outboxes
from storeloom.core.runtime.outbox import Outbox
from storeloom.core.runtime.routing import in_chinese
from tests.runtime.test_outbox import KINDS, NOW, SECOND, T0, Device, Store

MESSAGE = {"channel": "sms", "to": "m-1", "purpose": "service", "text": "x"}


def of_data(says, stream, data):
    return says(data)


class Routed(Store):
    """A store whose devices say by `serves` (device to function of the data) what is theirs."""

    def __init__(self, serves, language="en", others=(), path=":memory:", **devices):
        self.serves = {device: partial(of_data, says) for device, says in serves.items()}
        self.profile = {"language": language, "devices": {name: {"kind": name.rpartition("-")[0]} for name in (*devices, *others)}}
        super().__init__(path, **devices)

    def begin(self, retry=NOW, drivers=None, **settings):
        bound = {}
        for name, kind in self.kinds.items():
            bound.setdefault(kind, []).append(BoundDevice(name, kind))
        plan = Plan(self.profile, (InstancePlan("sender", "sender", {}, {kind: tuple(some) for kind, some in bound.items()}),))
        drivers = {name: device.command for name, device in self.devices.items()}
        self.outbox = Outbox(self.log, plan, KINDS, drivers, seed=7, retry=retry, serves=self.serves, **settings)
        return self.outbox

    def took(self):
        return {name: [data[next(iter(data))] for data in device.work] for name, device in self.devices.items()}


def devices(*names):
    return {name: Device(name) for name in names}


def test_a_device_that_says_it_is_its_own_gets_it_alone():
    serves = {"relay-1": lambda data: data["relay"] == "pump", "relay-2": lambda data: None, "relay-3": lambda data: False}
    store = Routed(serves, **devices("relay-1", "relay-2", "relay-3"))
    store.send(relay="pump", on=True)
    store.send(relay="lamp", on=True)
    store.drain()
    assert store.drain() == {"sent": 2}
    assert store.took() == {"relay-1": ["pump"], "relay-2": ["lamp"], "relay-3": []}
    assert store.outbox.findings() == []


def test_by_itself_a_driver_serves_what_bears_its_id_and_where_none_does_all_are_asked():
    names = ("relay-1", "relay-2")
    store = Routed({name: partial(Adapter(name, None).serves, "relay.set") for name in names}, **devices(*names))
    for relay in ("relay-2", "pump"):
        store.send(relay=relay, on=True)
    store.drain()
    assert store.took() == {"relay-1": ["pump"], "relay-2": ["relay-2", "pump"]}


def test_of_several_that_say_so_the_one_of_that_id_gets_it():
    store = Routed(dict.fromkeys(("relay-1", "relay-2"), lambda data: True), **devices("relay-1", "relay-2"))
    store.send(relay="relay-2", on=True)
    store.send(relay="pump", on=True)
    store.drain()
    assert store.took() == {"relay-1": ["pump"], "relay-2": ["relay-2", "pump"]}


def test_what_names_a_device_that_has_no_driver_goes_to_no_other():
    store = Routed({"relay-1": lambda data: None}, others=("relay-9",), **devices("relay-1"))
    store.send(relay="relay-9", on=True)
    store.drain()
    assert store.drain() == {"unrouted": 1} and store.took() == {"relay-1": []}
    (dead,) = store.log.dead()
    assert dead.note == "it is for relay-9, which has no driver or is not bound to sender"
    assert in_chinese(dead.note) == "目标设备 relay-9 没有驱动，或未绑定到 sender"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "2 commands message.send went to no device, the newest because none of messaging-1, messaging-2 serves it (message=m2, "),
        (
            "zh",
            "2 条 message.send 指令没有对应设备，最近一条：messaging-1, messaging-2 均不受理（message=m2, ",
        ),
    ],
)
def test_a_message_for_a_channel_that_none_has_is_told_once_and_stands_among_the_dead(language, words):
    serves = dict.fromkeys(("messaging-1", "messaging-2"), lambda data: data["channel"] == "email")
    store = Routed(serves, language, **devices("messaging-1", "messaging-2"))
    for number in (1, 2):
        store.send("message.send", message=f"m{number}", **MESSAGE)
    store.send("message.send", message="m3", **{**MESSAGE, "channel": "email"})
    store.drain()
    assert store.drain() == {"unrouted": 2, "sent": 1}
    assert [one.note for one in store.log.dead()] == [
        f"none of messaging-1, messaging-2 serves it (message=m{number}, channel=sms, purpose=service)" for number in (1, 2)
    ]
    (alert,) = [one for one in store.facts() if one.stream == "alert.raise"]
    assert (alert.data["kind"], alert.data["subject"], alert.data["ref"]["id"]) == ("undelivered", "sender", store.ids[0])
    (finding,) = store.outbox.findings()
    assert finding.code == "SL-OUT-03" and finding.text(language).startswith(words)
    assert finding.severity == "warning"


def test_the_alert_outlives_a_kill_before_it_is_in_the_log(tmp_path):
    store = Routed({"messaging-1": lambda data: False}, path=tmp_path / "s.db", **devices("messaging-1"))
    store.send("message.send", message="m1", **MESSAGE)
    assert len(store.outbox.drain(T0, 5)) == 1  # given out, and then the process dies
    store.begin()
    assert store.log.outbox() == {"answered": 1}
    store.drain()
    assert store.drain() == {"unrouted": 1}
    assert [one.stream for one in store.facts()] == ["alert.raise"]
    assert "none of messaging-1 serves it" in store.log.dead()[0].note


def test_a_driver_that_fails_at_it_gets_the_command(caplog):
    store = Routed({"relay-1": lambda data: 1 / 0}, **devices("relay-1"))
    store.send(relay="pump", on=True)
    store.drain()
    assert store.took() == {"relay-1": ["pump"]} and "ZeroDivisionError" in caplog.text


def test_nothing_goes_before_its_time_and_what_is_held_back_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(outboxes, "IN_MEMORY", 3)
    store = Store(**{"messaging-1": Device("messaging-1")})
    later = rfc3339(T0 + timedelta(hours=2))
    for number in range(5):
        store.send("message.send", message=f"late{number}", not_before=later, **MESSAGE)
    store.send("message.send", message="now", **MESSAGE)
    store.drain()
    assert store.drain() == {"waiting": 5, "sent": 1}
    store.drain(T0 + timedelta(hours=2) - SECOND)
    assert [data["message"] for data in store.devices["messaging-1"].work] == ["now"]
    store.begin()
    store.drain(T0 + timedelta(hours=2))
    assert store.drain(T0 + timedelta(hours=2)) == {"sent": 6}


def test_an_answer_keeps_its_own_key():
    paid = Fact(T0, "payment.result", "pay-1", {"payment": "P1"}, T0 - SECOND, "P1|approved|1|x")
    assert fact_of(fact_row(paid)) == paid
    device = Device("payment-1")
    device.command = lambda stream, data, at: [paid, Fact(at, "device.status", "pay-1", {"device": "pay-1"})]
    store = Store(**{"payment-1": device})
    command = store.send("payment.request", payment="P1", amount=100)
    answers = store.outbox.drain(T0, 5)
    assert [(fact.key, key) for fact, key in answers] == [(paid.key, paid.key), (None, f"{command}|payment-1|1")]
