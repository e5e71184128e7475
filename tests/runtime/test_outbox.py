"""The outbox: each command reaches its device once, in order, again after a fault, dead after the last try."""

import random
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Event, Fact, event_id, rfc3339
from storeloom.core.kernel.plan import BoundDevice, InstancePlan, Plan
from storeloom.core.runtime.delivery import MAX_HANGING
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.outbox import IN_MEMORY, TRIES, Outbox, Retry

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOW = Retry(first=timedelta(0))
KINDS = {**schemas.adapter_kinds(), "acme_lamp": {"feeds": ["device.status"], "takes": {"sign.play": "shared"}}}


class Device:
    """A virtual device that speaks as real ones do: it does a command's work once, however often the command comes, and answers each."""

    def __init__(self, name, faults=()):
        self.name = name
        self.faults = list(faults)
        self.calls = []
        self.done = {}
        self.hold = None

    def command(self, stream, data, at):
        self.calls.append((data["cmd"], at))
        if self.hold is not None:
            self.hold.wait(20)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        self.done.setdefault(data["cmd"], (stream, {key: value for key, value in data.items() if key != "cmd"}))
        return [Fact(at, "device.status", self.name, {"device": self.name, "kind": "relay", "state": "online"})]

    @property
    def work(self):
        return [data for _, data in self.done.values()]


class Store:
    """A log with the commands of one instance that is bound to some devices, and the facts that came back."""

    def __init__(self, path=":memory:", **devices):
        self.log = StoreLog(path, store="s1")
        self.devices = devices or {"relay-1": Device("relay-1")}
        self.kinds = {name: name.rpartition("-")[0] for name in self.devices}
        self.outbox = self.begin()
        self.ids = []

    def begin(self, retry=NOW, drivers=None, **settings):
        """The outbox of a process that has just started."""
        bound = {}
        for name, kind in self.kinds.items():
            bound.setdefault(kind, []).append(BoundDevice(name, kind))
        plan = Plan({"devices": {}}, (InstancePlan("sender", "sender", {}, {kind: tuple(some) for kind, some in bound.items()}),))
        drivers = {name: device.command for name, device in self.devices.items()} if drivers is None else drivers
        self.outbox = Outbox(self.log, plan, KINDS, drivers, seed=7, retry=retry, **settings)
        return self.outbox

    def send(self, stream="relay.set", instance="sender", **data):
        event = Event(stream, T0, data, event_id(T0, "command", len(self.ids)), "s1", instance)
        with self.log.transaction():
            seq = self.log.append(event)
            self.log.push(event.id, seq, instance, stream, micros(T0))
        self.ids.append(event.id)
        return event.id

    def take_in(self, answers):
        """What the live loop does with answers: make events of them, accept them durably."""
        facts = [(fact, event_id(fact.received, fact.source, fact.stream, key)) for fact, key in answers]
        return self.log.accept([Event(fact.stream, fact.received, fact.data, new, "s1", fact.source) for fact, new in facts])

    def drain(self, at=T0):
        self.take_in(self.outbox.drain(at, 5))
        return self.log.outbox()

    def facts(self):
        return [event for _, event in self.log.pending(1000)]


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.002)


def test_a_command_is_done_once_and_its_answer_taken_in():
    store = Store()
    command = store.send(relay="r1", on=True)
    assert store.drain() == {"answered": 1}
    assert store.drain() == {"sent": 1} and store.drain() == {"sent": 1}
    assert store.devices["relay-1"].calls == [(command, T0)] and store.devices["relay-1"].work == [{"relay": "r1", "on": True}]
    assert [(one.stream, one.source) for one in store.facts()] == [("device.status", "relay-1")]


def test_pump_never_waits_for_a_device():
    store = Store()
    store.devices["relay-1"].hold = threading.Event()
    store.send(relay="r1", on=True)
    begun = time.monotonic()
    assert store.outbox.pump(T0) == []
    assert time.monotonic() - begun < 1
    store.devices["relay-1"].hold.set()
    answers = []
    until(lambda: answers.extend(store.outbox.pump(T0)) or answers)
    assert [fact.source for fact, _ in answers] == ["relay-1"]


def test_the_pauses_double_up_to_a_limit_with_full_jitter_and_the_thirtieth_try_is_the_last():
    store = Store(**{"relay-1": Device("relay-1", [OSError("no route")] * 99)})
    store.begin(Retry())
    store.send(relay="r1", on=True)
    at = T0
    while store.drain(at) == {"waiting": 1}:
        at += SECOND
    assert store.log.outbox() == {"dead": 1}
    times = [at for _, at in store.devices["relay-1"].calls]
    waits = [(b - a).total_seconds() for a, b in pairwise(times)]
    most = [5, 10, 20, 40, 80, 160, 320, *[600] * 22]
    assert len(times) == TRIES and all(wait <= longest + 1 for wait, longest in zip(waits, most, strict=True))
    (dead,) = store.log.dead()
    assert (dead.tries, dead.note) == (30, "relay-1: OSError: no route")


def test_the_pauses_fill_the_range_below_the_limit_and_depend_on_the_seed_alone():
    retry = Retry()
    waits = [retry.wait(1, f"c{number}", 3).total_seconds() for number in range(2000)]
    assert 0 <= min(waits) < 0.2 and 19.8 < max(waits) <= 20 and abs(sum(waits) / 2000 - 10) < 0.5
    assert max(retry.wait(1, f"c{number}", 60) for number in range(2000)) <= timedelta(minutes=10)
    assert retry.wait(1, "c", 3) == retry.wait(1, "c", 3) != retry.wait(2, "c", 3)


def test_whatever_a_driver_raises_is_named_counted_and_kept_to_its_command():
    faults = [ValueError("bad frame"), SystemExit(3), KeyError("x")]
    store = Store(**{"relay-1": Device("relay-1", faults)})
    store.begin(Retry(tries=1))
    for number in range(4):
        store.send(relay=f"r{number}", on=True)
    assert store.drain() == {"dead": 3, "answered": 1}
    assert [one.note for one in store.log.dead()] == ["relay-1: ValueError: bad frame", "relay-1: SystemExit: 3", "relay-1: KeyError: 'x'"]


def test_an_answer_that_is_no_fact_is_the_drivers_failure():
    store = Store()
    naive = Fact(datetime(2026, 3, 2), "device.status", "relay-1", {})
    for number, answer in enumerate(
        (["no fact"], [naive], [Fact(T0, "a", "b", {"x": {1, 2}}), object()], iter(lambda: Fact(T0, "a", "b", {}), 0))
    ):
        store.begin(Retry(tries=1), drivers={"relay-1": lambda *_, answer=answer: answer})
        store.send(relay=f"r{number}", on=True)
        store.drain()
    assert store.log.outbox() == {"dead": 4} and store.facts() == []
    assert "more than 1000 answers" in store.log.dead()[3].note


def test_one_target_waits_for_its_first_command_and_other_targets_go_on():
    store = Store(**{"relay-1": Device("relay-1", [OSError("busy")])})
    store.begin(Retry())
    first, second = store.send(relay="r1", on=True), store.send(relay="r1", on=False)
    other = store.send(relay="r2", on=True)
    store.drain()
    device = store.devices["relay-1"]
    assert [command for command, _ in device.calls] == [first, other]
    store.drain(T0 + timedelta(minutes=1))
    assert [command for command, _ in device.calls] == [first, other, first, second]
    assert device.work == [{"relay": "r2", "on": True}, {"relay": "r1", "on": True}, {"relay": "r1", "on": False}]


def test_order_holds_for_each_target_whatever_fails():
    chance = random.Random(5)
    faults = [OSError("x") if chance.random() < 0.4 else None for _ in range(2000)]
    store = Store(**{"relay-1": Device("relay-1", faults)})
    store.begin(Retry(tries=10_000))
    for number in range(300):
        store.send(relay=f"r{chance.randrange(7)}", on=True, note=number)
    at = T0
    while "waiting" in store.drain(at):
        at += timedelta(minutes=11)
    work = store.devices["relay-1"].work
    assert sorted(one["note"] for one in work) == list(range(300))
    for relay in {one["relay"] for one in work}:
        mine = [one["note"] for one in work if one["relay"] == relay]
        assert mine == sorted(mine)


def test_a_device_that_hangs_is_given_up_its_late_answer_ignored_and_the_next_call_goes_through():
    clock = [0.0]
    store = Store()
    device = store.devices["relay-1"]
    store.begin(Retry(first=timedelta(0), tries=3), timeout_s=30, monotonic=lambda: clock[0])
    gate = device.hold = threading.Event()
    command = store.send(relay="r1", on=True)
    store.outbox.pump(T0)
    until(lambda: device.calls)
    clock[0] = 29.9
    store.outbox.pump(T0)
    assert store.log.unsettled()[0].tries == 0
    clock[0], device.hold = 30.1, None
    store.outbox.pump(T0)
    assert store.log.unsettled()[0].tries == 1 and store.log.unsettled()[0].note == "relay-1: no answer within 30 s"
    store.drain()
    threads = threading.active_count()
    gate.set()
    until(lambda: threading.active_count() < threads)
    assert store.drain() == {"sent": 1}
    assert [one for one, _ in device.calls] == [command, command] and len(device.work) == 1 and len(store.facts()) == 1


def test_a_device_that_always_hangs_eats_few_threads_and_its_commands_die():
    store = Store()
    device = store.devices["relay-1"]
    gate = device.hold = threading.Event()
    store.begin(NOW, timeout_s=0.02)
    for number in range(3):
        store.send(relay=f"r{number}", on=True)
    assert store.drain() == {"dead": 3}
    assert len(device.calls) <= MAX_HANGING + 1
    assert any("calls of the driver hang" in one.note for one in store.log.dead())
    assert [finding.args["device"] for finding in store.outbox.findings()] == ["relay-1"]
    gate.set()


def test_a_hanging_device_holds_up_no_other():
    store = Store(**{"relay-1": Device("relay-1"), "gate-1": Device("gate-1")})
    gate = store.devices["relay-1"].hold = threading.Event()
    store.send(relay="r1", on=True)
    store.outbox.pump(T0)
    store.send("gate.open", gate="g1", reason="exit")
    until(lambda: store.outbox.pump(T0) is not None and store.devices["gate-1"].work)
    assert store.devices["relay-1"].work == []
    gate.set()


def test_a_command_for_several_devices_goes_again_only_to_the_one_that_failed():
    store = Store(**{"relay-1": Device("relay-1"), "relay-2": Device("relay-2", [OSError("away")])})
    store.begin(Retry())
    command = store.send(relay="r1", on=True)
    assert store.drain() == {"waiting": 1} and len(store.facts()) == 1
    store.begin(Retry())  # the process starts again: it knows from the log who has it
    store.drain(T0 + timedelta(minutes=1))
    assert store.drain(T0 + timedelta(minutes=1)) == {"sent": 1}
    assert [len(one.calls) for one in store.devices.values()] == [1, 2]
    assert [one.source for one in store.facts()] == ["relay-1", "relay-2"] and command in store.devices["relay-2"].done


def test_one_of_several_devices_that_stays_away_kills_the_command():
    store = Store(**{"relay-1": Device("relay-1"), "relay-2": Device("relay-2", [OSError("away")] * 99)})
    store.send(relay="r1", on=True)
    store.drain()
    assert store.drain() == {"dead": 1} and store.log.dead()[0].note == "relay-2: OSError: away"


def test_a_command_whose_time_is_over_is_not_sent_late():
    store = Store(**{"lighting-1": Device("lighting-1", [OSError("x")]), "messaging-1": Device("messaging-1")})
    store.begin(Retry(first=timedelta(minutes=10)))
    ends = T0 + timedelta(minutes=10)
    store.send("light.set", group="hall", level_pct=40, until=rfc3339(ends))
    store.send("light.set", group="hall", level_pct=80)
    store.send("message.send", message="m1", channel="sms", to="1", template="t", expires=rfc3339(T0))
    store.drain()
    assert store.log.outbox() == {"waiting": 2, "expired": 1} and store.devices["messaging-1"].calls == []
    store.drain(ends)
    assert store.drain(ends) == {"expired": 2, "sent": 1}
    assert store.devices["lighting-1"].work == [{"group": "hall", "level_pct": 80}]


def test_of_what_waits_for_a_screen_only_the_newest_is_shown():
    store = Store(**{"display-1": Device("display-1", [OSError("off")])})
    store.begin(Retry())
    for line in ("a", "b", "c"):
        store.send("display.show", display="d1", lines=[line])
    store.send("display.show", display="d2", lines=["z"])
    store.drain(T0)
    assert [data["lines"] for data in store.devices["display-1"].work] == [["z"]]
    store.drain(T0 + timedelta(minutes=1))
    assert store.drain(T0 + timedelta(minutes=1)) == {"superseded": 2, "sent": 2}
    assert [data["lines"] for data in store.devices["display-1"].work] == [["z"], ["c"]]


def test_a_command_that_no_driver_takes_is_kept_and_named():
    store = Store()
    store.begin(drivers={})
    store.send(relay="r1", on=True)
    store.send(relay="r1", on=True, instance="gone")
    assert store.drain() == {"unrouted": 2}


def test_a_vendors_kind_of_device_takes_its_commands():
    store = Store(**{"acme_lamp-1": Device("acme_lamp-1")})
    store.send("sign.play", screen="s1", items=[])
    store.drain()
    assert store.drain() == {"sent": 1} and store.devices["acme_lamp-1"].work == [{"screen": "s1", "items": []}]


def test_where_the_solution_binds_no_such_device_the_stores_take_it():
    store = Store()
    plan = Plan({"devices": {"relay-1": {"kind": "relay"}, "probe": {"kind": "sensor"}}}, (InstancePlan("sender", "sender", {}),))
    store.outbox = Outbox(store.log, plan, KINDS, dict.fromkeys(("relay-1", "probe"), store.devices["relay-1"].command), seed=1)
    store.send(relay="r1", on=True)
    store.drain()
    assert len(store.devices["relay-1"].calls) == 1


def test_a_dead_command_is_sent_again_from_another_connection(tmp_path):
    store = Store(tmp_path / "store.db", **{"relay-1": Device("relay-1", [OSError("x")] * TRIES)})
    command = store.send(relay="r1", on=True)
    store.drain()
    later = store.send(relay="r2", on=True)
    store.drain()
    assert store.drain() == {"dead": 1, "sent": 1}
    operator = StoreLog(tmp_path / "store.db", store="s1")
    assert operator.resend(command) and not operator.resend(later) and not operator.resend("nothing")
    operator.close()
    store.drain()
    assert store.drain() == {"sent": 2} and list(store.devices["relay-1"].done) == [later, command]


def test_a_command_whose_record_is_gone_is_named_and_stops_nothing():
    store = Store()
    store.begin(drivers={})
    first = store.send(relay="r1", on=True)
    store.drain()
    with store.log.transaction():
        store.log.append(Event("device.status", T0, {"device": "d"}, event_id(T0, "later"), "s1", "d"))
        store.log.forget(2, 100)
    assert store.log.resend(first)
    store.begin()
    second = store.send(relay="r2", on=True)
    store.drain()
    assert store.drain() == {"unrouted": 1, "sent": 1} and list(store.devices["relay-1"].done) == [second]
    assert store.log.dead()[0].note == "the log no longer keeps its record"


def test_more_than_fits_in_memory_goes_out_all_the_same(monkeypatch):
    monkeypatch.setattr("storeloom.core.runtime.outbox.IN_MEMORY", 10)
    assert IN_MEMORY == 20_000
    store = Store()
    for number in range(64):
        store.send(relay=f"r{number % 5}", on=True, note=number)
    for _ in range(20):
        store.drain()
    assert store.log.outbox() == {"sent": 64}
    assert sorted(one["note"] for one in store.devices["relay-1"].work) == list(range(64))


def test_the_end_waits_for_the_call_at_work_and_keeps_what_it_answered():
    store = Store()
    device = store.devices["relay-1"]
    gate = device.hold = threading.Event()
    store.send(relay="r1", on=True)
    store.send(relay="r2", on=True)
    store.outbox.pump(T0)
    until(lambda: device.calls)
    threading.Timer(0.05, gate.set).start()
    assert store.outbox.close(5) == 0
    assert store.log.outbox() == {"answered": 1, "waiting": 1} and len(device.calls) == 1
    store.begin()
    store.drain()
    assert store.drain() == {"sent": 2} and len(device.calls) == 2 and len(store.facts()) == 2


def test_the_end_does_not_wait_for_ever():
    store = Store()
    gate = store.devices["relay-1"].hold = threading.Event()
    store.send(relay="r1", on=True)
    store.outbox.pump(T0)
    until(lambda: store.devices["relay-1"].calls)
    assert store.outbox.close(0.05) == 1 and store.log.outbox() == {"waiting": 1}
    gate.set()


class Kill(BaseException):
    """The process dies here."""


def dying(step, chance, risk):
    """A function that dies before or after its work now and then."""

    def run(*arguments):
        if chance.random() < risk:
            raise Kill
        value = step(*arguments)
        if chance.random() < risk:
            raise Kill
        return value

    return run


def test_a_process_that_dies_anywhere_loses_no_command_and_no_answer_and_doubles_none(tmp_path):
    """Dies between the driver's call and its settling, between giving an answer out and its arrival in the log, and around each commit."""
    assert sum(live_and_die(tmp_path / f"{seed}.db", random.Random(seed)) for seed in range(8)) > 20


def live_and_die(path, chance):
    """Forty commands to two devices through a process that dies now and then; how often it died."""
    faults = [OSError("x") if chance.random() < 0.2 else None for _ in range(500)]
    store = Store(path, **{"relay-1": Device("relay-1", faults), "relay-2": Device("relay-2")})
    for number in range(40):
        store.send(relay=f"r{number % 6}", on=True, note=number)
    deaths = 0
    while set(store.log.outbox()) != {"sent"}:
        store.begin(Retry(tries=1000, first=timedelta(0)))
        store.log.commit, store.log.settle = dying(store.log.commit, chance, 0.08), dying(store.log.settle, chance, 0.01)
        try:
            while set(store.log.outbox()) != {"sent"}:
                answers = store.outbox.drain(T0, 5) if chance.random() < 0.5 else store.outbox.pump(T0)
                if chance.random() < 0.1:
                    raise Kill
                store.take_in(answers)
        except Kill:
            deaths += 1
            store.log.close()
            store.log = StoreLog(path, store="s1")
    for device in store.devices.values():
        assert sorted(one["note"] for one in device.work) == list(range(40))
        for relay in range(6):
            mine = [one["note"] for one in device.work if one["relay"] == f"r{relay}"]
            assert mine == sorted(mine)
    answered = [one.source for one in store.facts()]
    assert (answered.count("relay-1"), answered.count("relay-2")) == (40, 40)
    return deaths
