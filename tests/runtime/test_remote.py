"""An instance in a process of its own: the same answers as in the engine's, nothing lost when it dies, nothing believed unchecked."""

import os
import pickle
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy
import pytest

from storeloom.core.kernel.errors import ContractFault, HostFault
from storeloom.core.kernel.events import Event
from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.runtime import wire
from storeloom.core.runtime.context import StoreView, Workers
from storeloom.core.runtime.guard import HostGuard, kill_session, members
from storeloom.core.runtime.hosts import Hosts, secrets_for
from storeloom.core.runtime.instance import Instance
from storeloom.core.runtime.log import instant, micros
from storeloom.core.runtime.runner import AlarmRow, Call, Changes, Stored
from storeloom.core.runtime.tables import TableSet

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
PROFILE = {"store": "s1", "format": "supermarket", "zone": "Asia/Shanghai", "language": "en", "hours": {"open": "08:00", "close": "22:00"}}

WATCH = """
@on("sensor.reading")
def follow(self, event):
    seen = self.state["seen"] = self.state.get("seen", 0) + 1
    self.kpi.add("seen")
    self.log.info("reading %s", seen)
    if event["value"] > self.config.limit_c:
        self.timers.set("grace", event["sensor"], event.time + timedelta(seconds=60), {"value": event["value"]})
    if event["value"] == 99:
        raise ValueError("too hot")
    if event["value"] == 98:
        os._exit(5)
    if event["value"] == 97:
        return out("pos.sale", receipt="forged")

@timer("grace")
def late(self, due):
    if due.data["value"] == 50:
        os._exit(6)
    return out("alert.raise", alert=due.key, kind="hot", severity="high", state="open", text=str(due.data["value"]))

@every("15m")
def tick(self, due):
    self.state["ticks"] = self.state.get("ticks", 0) + 1
    if self.state["ticks"] == 3:
        os._exit(7)

@on_table("assets")
def counted(self, table):
    self.state["assets"] = len(self.tables.assets.all_rows())
"""


def at(seconds: float) -> int:
    return micros(NOW) + int(seconds * 1_000_000)


def reading(number: int, value: float, seconds: float | None = None, **more: object) -> Call:
    moment = instant(at(number if seconds is None else seconds))
    data = {"sensor": "s1", "kind": "temperature", "value": value, "unit": "C", **more}
    return Call("event", micros(moment), number, Event("sensor.reading", moment, data, f"E{number}", "s1", "probe-1", moment))


def do(one, call: Call):
    """Give a call and keep its changes; its outputs."""
    one.begin(call)
    answers = one.end()
    one.keep()
    return answers


def refuse(one, call: Call):
    """Give a call that fails; what was raised."""
    one.begin(call)
    with pytest.raises((ContractFault, HostFault)) as caught:
        one.end()
    one.undo()
    return caught.value


@pytest.fixture
def guard(tmp_path):
    made = HostGuard(tmp_path / "hosts")
    yield made
    if made._thread.is_alive():
        made.close()
    assert made.pids() == {}
    assert not (tmp_path / "hosts").exists()


@pytest.fixture
def watch(toys):
    toys.add("watch", WATCH)
    file = toys.root / "solutions" / "watch.py"
    text = file.read_text(encoding="utf-8").replace("\nfrom storeloom", "\nimport os\nfrom datetime import timedelta\n\nfrom storeloom", 1)
    file.write_text(text, encoding="utf-8")
    return toys.registry()


def hosts_of(guard, tables=None, secrets=None, **options):
    return Hosts(PROFILE, tables or {}, lambda: NOW, guard, secrets=secrets, **options)


@pytest.fixture
def make(guard, watch):
    def made(stored=None, config=None, tables=None, **limits):
        entry = watch.catalogue.solutions["watch"]
        watch.catalogue.solutions["watch"] = replace(entry, limits=limits)
        item = InstancePlan("w1", "watch", config or {})
        return hosts_of(guard, tables).maker(item, watch)(item, stored)

    return made


# --- the same as in the engine's process ---


def test_its_answers_state_alarms_and_schedules_are_those_of_the_same_instance_in_this_process(make, watch):
    tables = {"assets": [{"asset": "c1", "kind": "chiller"}]}
    remote = make(tables=tables)
    store = StoreView(PROFILE)
    local = Instance(InstancePlan("w1", "watch", {}), watch.load("watch").cls, None, store, TableSet(tables, store.hours), Workers(), NOW)
    calls = [Call("start", at(0)), reading(1, 3.0), reading(2, 7.5), reading(3, 8.0, sensor="s2")]
    for call in calls:
        assert do(remote, call) == do(local, call)
        assert remote.changes() == local.changes()
        assert (remote.due(), remote.clock_micros) == (local.due(), local.clock_micros)
    assert remote.due() == (at(62), "grace", "s1") and remote.due_cause("grace", "s1") == local.due_cause("grace", "s1") == 2
    for _ in range(4):  # both alarms, then the quarters of an hour
        due = local.due()
        call = Call("due", due[0], local.due_cause(*due[1:]), at=due[0], name=due[1], key=due[2])
        assert do(remote, call) == do(local, call)
        assert remote.changes() == local.changes() and remote.due() == local.due()
    assert remote.figures.values() == local.figures.values() == {"seen": 3.0}
    assert remote.declared == local.declared
    assert remote.memory_mb is not None


def test_a_handler_that_raises_is_told_in_the_same_words_and_changes_nothing(make, watch):
    one = make()
    do(one, reading(1, 1))
    one.changes()
    fault = refuse(one, reading(2, 99))
    assert isinstance(fault, ContractFault)
    source = watch.catalogue.solutions["watch"].file.read_text().splitlines()
    line = next(number for number, text in enumerate(source, 1) if "too hot" in text)
    assert fault.findings[0].text() == f"w1 failed in sensor.reading: ValueError: too hot (line {line})."
    assert not one.changes() and one.due()[1] == "tick"
    do(one, reading(3, 1))
    assert one.changes().state == [("seen", b"2")]


def test_what_it_logs_comes_out_here(make, caplog):
    one = make()
    with caplog.at_level("INFO", logger="storeloom.solution.w1"):
        do(one, reading(1, 1))
    assert [(record.name, record.getMessage()) for record in caplog.records] == [("storeloom.solution.w1", "reading 1")]


def test_a_config_and_a_table_are_switched_while_it_runs_and_after_its_death(make):
    one = make(config={"limit_c": 5.0}, tables={"assets": [{"asset": "c1"}]})
    do(one, Call("table", at(0), name="assets"))
    one.configure({"limit_c": 10.0})
    one.replace_table("assets", [{"asset": "c1"}, {"asset": "c2"}])
    do(one, reading(1, 7))
    do(one, Call("table", at(2), name="assets"))
    assert one.changes().state == [("assets", b"2"), ("seen", b"1")] and one.due()[1] == "tick"
    refuse(one, reading(3, 98))
    one.replace_table("assets", [{"asset": "c1"}])
    do(one, reading(4, 7))
    do(one, Call("table", at(5), name="assets"))
    assert one.changes().state == [("assets", b"1"), ("seen", b"2")] and one.due()[1] == "tick"


def test_a_picture_goes_there_whole(guard, toys):
    toys.add("eye", '@on("camera.frame")\ndef look(self, event):\n    self.state["sum"] = int(event["pixels"].sum())')
    registry = toys.registry()
    item = InstancePlan("eye", "eye", {})
    one = hosts_of(guard).maker(item, registry)(item, None)
    pixels = numpy.full((720, 1280, 3), 2, dtype=numpy.uint8)
    event = Event("camera.frame", NOW, {"camera": "c1", "seq": 1, "pixels": pixels}, "F1", "s1", "c1", NOW)
    do(one, Call("event", at(0), 0, event))
    assert one.changes().state == [("sum", str(720 * 1280 * 3 * 2).encode())]
    one.close()


# --- its death ---


def test_a_dead_process_is_replaced_from_what_was_kept(make):
    one = make()
    do(one, reading(1, 7))
    do(one, reading(2, 7))
    first = one.pid
    fault = refuse(one, reading(3, 98))
    assert isinstance(fault, HostFault) and not fault.starting
    assert fault.findings[0].text() == "The process of w1 ended while it handled sensor.reading: it ended with exit code 5."
    assert one.pid is None and one.memory_mb is None
    assert one.due() == (at(62), "grace", "s1")
    do(one, reading(4, 1))
    assert one.pid not in (None, first)
    assert dict(one.changes().state) == {"seen": b"3"}
    assert one.figures.values() == {"seen": 3.0}
    answers = do(one, Call("due", at(62), 2, at=at(62), name="grace", key="s1"))
    assert answers[0][1][0].data["text"] == "7"


def test_an_alarm_and_a_schedules_instant_that_kill_it_can_be_given_up(make):
    one = make()
    do(one, reading(1, 50))
    alarm = Call("due", at(61), 1, at=at(61), name="grace", key="s1")
    for _ in range(2):
        assert one.due() == (at(61), "grace", "s1")  # undone is as if it had never been given
        assert refuse(one, alarm).findings[0].code == "SL-HST-01"
    one.changes()
    one.skip(alarm)
    assert one.changes().alarms == [AlarmRow("grace", "s1", None, b"{}", 0)]
    for quarter in (1, 2):
        assert one.due() == (at(900 * quarter), "tick", "")
        do(one, Call("due", at(900 * quarter), at=at(900 * quarter), name="tick"))
    third = Call("due", at(2700), at=at(2700), name="tick")
    assert isinstance(refuse(one, third), HostFault)
    one.changes()
    one.skip(third)
    assert one.changes().ticks == [("tick", str(at(2700)).encode())]
    assert one.due() == (at(3600), "tick", "")
    refuse(one, Call("due", at(3600), at=at(3600), name="tick"))
    assert one.due() == (at(3600), "tick", "")


def test_what_the_engine_refuses_is_not_kept_though_the_process_kept_it(make):
    one = make()
    do(one, reading(1, 1))
    before = one.pid
    one.begin(reading(2, 2))
    one.end()
    one.undo()  # as when an output does not pass the engine's own check
    do(one, reading(3, 3))
    assert one.pid != before
    assert one.changes().state == [("seen", b"2")]


def test_one_that_was_killed_between_two_calls_says_so_and_is_given_the_call_again(make):
    one = make()
    do(one, reading(1, 1))
    kill_session(one.pid)
    fault = refuse(one, reading(2, 1))
    assert isinstance(fault, HostFault) and fault.starting  # it never saw the call
    assert "SIGKILL" in fault.findings[0].text()
    do(one, reading(2, 1))
    assert one.changes().state == [("seen", b"2")]


def test_it_goes_on_from_what_the_log_kept(make):
    figures = {"2026-03-02": b'{"seen":{"sum":41}}'}
    stored = Stored("watch", "1.0.0", None, at(30), at(0), {"seen": b"41"}, figures, {"tick": str(at(900)).encode()})
    stored.alarms.append(AlarmRow("grace", "s1", at(1000), b'{"value":7}', 9))
    one = make(stored=stored)
    assert one.due() == (at(1000), "grace", "s1") and one.due_cause("grace", "s1") == 9
    do(one, reading(1000, 1))
    assert one.changes().state == [("seen", b"42")] and one.figures.values() == {"seen": 42.0}
    do(one, Call("due", at(1001), 9, at=at(1000), name="grace", key="s1"))
    assert one.due() == (at(1800), "tick", "")


def test_one_that_cannot_start_says_where_and_is_due_for_another_try(guard, watch):
    file = watch.catalogue.solutions["watch"].file
    whole = file.read_text()
    file.write_text(whole + "\nraise RuntimeError('no licence')\n", encoding="utf-8")
    item = InstancePlan("w1", "watch", {})
    one = hosts_of(guard).maker(item, watch)(item, None)
    assert one.due() == (at(0), "#wake", "")
    fault = refuse(one, Call("start", at(0)))
    assert isinstance(fault, HostFault) and fault.starting
    line = len(whole.splitlines()) + 2
    assert fault.findings[0].text() == f"The process of w1 could not start: RuntimeError: no licence ({file}:{line})."
    file.write_text(whole, encoding="utf-8")
    do(one, Call("due", at(5), at=at(0), name="#wake"))
    assert one.due() == (at(900), "tick", "")
    do(one, reading(6, 1))
    assert one.changes().state == [("seen", b"1")]


def test_the_engine_does_not_wait_longer_than_it_wants(make):
    one = make()
    do(one, Call("start", at(0)))
    kill_session(one.pid)
    refuse(one, reading(1, 1))
    one.begin(reading(1, 1))  # starts another process
    began = time.monotonic()
    assert one.ready(0.02) is False
    assert time.monotonic() - began < 0.2
    assert one.ready(None) is True
    assert one.end() == [("follow", [])]


# --- what it is given ---


def test_it_is_given_only_the_tables_it_declares_and_the_secrets_its_config_names(watch, guard, toys):
    toys.add(
        "keyed",
        '@on("sensor.reading")\ndef follow(self, event):\n    self.state["got"] = [self.secret("mine"), self.secret("named")]',
        source=None,
    )
    file = toys.root / "solutions" / "keyed.py"
    text = file.read_text().replace("limit_c: float", 'key: str = setting("mine", "Key", "密钥", widget="secret")\n        limit_c: float')
    file.write_text(text, encoding="utf-8")
    registry = toys.registry()
    entry = registry.catalogue.solutions["keyed"]
    secrets = {"mine": "1", "named": "2", "other": "3", "sl": "4"}
    assert secrets_for(entry, {"key": "named", "mode": "other"}, secrets) == {"mine": "1", "named": "2"}
    assert secrets_for(entry, {}, None) is None
    tables = {"assets": [{"asset": "c1"}], "staff": [{"staff": "p1"}]}
    item = InstancePlan("k", "keyed", {"key": "named"})
    one = hosts_of(guard, tables, secrets).maker(item, registry)(item, None)
    assert one._making.tables == {"assets": [{"asset": "c1"}]} and b"staff" not in pickle.dumps(one._making.tables)
    do(one, reading(1, 1))
    assert one.changes().state == [("got", b'["1","2"]')]


def test_who_gets_a_process_of_its_own(watch, guard):
    entry = watch.catalogue.solutions["watch"]
    hosts = hosts_of(guard, isolated=["suspect"])
    assert hosts.apart("w1", entry)  # a vendor's
    shared = replace(entry, isolation="shared")
    assert not hosts.apart("w1", shared) and hosts.apart("suspect", shared)
    assert [hosts.apart("w1", replace(shared, facts={**entry.facts, "load": load})) for load in ("vision", "forecast", "optimise")] == [
        False,
        True,
        True,
    ]


def test_what_of_the_sandbox_is_missing_is_said(guard):
    hosts = hosts_of(guard)
    assert hosts.troubles() == ()
    hosts.missing.add("Landlock")
    assert [finding.text() for finding in hosts.troubles()] == ["This machine cannot shut plugins' processes in wholly; missing: Landlock."]


# --- rates, state, silence ---


def test_state_beyond_its_bound_is_refused_and_the_rest_goes_on(guard, toys):
    toys.add("hoard", '@on("sensor.reading")\ndef follow(self, event):\n    self.state[str(event["value"])] = "x" * 400_000')
    registry = toys.registry()
    entry = registry.catalogue.solutions["hoard"]
    registry.catalogue.solutions["hoard"] = replace(entry, limits={"state_mb": 1})
    item = InstancePlan("h", "hoard", {})
    one = hosts_of(guard).maker(item, registry)(item, None)
    do(one, reading(1, 1))
    do(one, reading(2, 2))
    fault = refuse(one, reading(3, 3))
    assert fault.findings[0].text() == "The process of h went over its limit state_mb = 1: it used 1.1."
    do(one, reading(4, 2))  # the same key again
    assert [key for key, _ in one.changes().state] == ["1", "2"]


def test_outputs_are_refused_at_their_rate_and_nothing_of_the_call_stands(guard, toys):
    body = 'self.state["n"] = event["value"]\n    for n in range(event["value"]):\n        '
    body += 'yield out("alert.raise", alert=str(n), kind="hot", severity="info", state="open", text="x")'
    toys.add("burst", f'@on("sensor.reading")\ndef follow(self, event):\n    {body}')
    registry = toys.registry()
    registry.catalogue.solutions["burst"] = replace(registry.catalogue.solutions["burst"], limits={"outputs_s": 2, "outputs_burst": 5})
    item = InstancePlan("b", "burst", {})
    one = hosts_of(guard).maker(item, registry)(item, None)
    assert len(do(one, reading(1, 5))[0][1]) == 5
    fault = refuse(one, reading(2, 3))  # a second later two more may pass
    assert fault.findings[0].text() == "b brings about too much with sensor.reading: more than 2 a second after a burst of 5."
    assert one.changes().state == [("n", b"5")]
    assert len(do(one, reading(3, 4))[0][1]) == 4


def test_alarms_without_end_are_refused_at_their_rate(make):
    one = make(outputs_s=0.1, outputs_burst=0)
    do(one, reading(1, 7))
    call = Call("due", at(61), 1, at=at(61), name="grace", key="s1")
    words = "w1 brings about too much with grace s1: more than 1 a second after a burst of 0."
    assert refuse(one, call).findings[0].text() == words


def test_a_process_that_speaks_unasked_or_nonsense_is_ended(make):
    one = make()
    do(one, reading(1, 1))
    for said, reason in [
        (wire.framed(b'{"n":1}'), "it spoke without being asked"),
        (wire.LENGTH.pack(9 << 20), f"{9 << 20} bytes, allowed are {8 << 20}"),
    ]:
        pid = one.pid
        ours, theirs = one._host.socket, __import__("socket").socketpair()
        theirs[0].setblocking(False)
        one._host.socket = theirs[0]  # as if the plugin had found the wire and wrote on it
        theirs[1].send(said)
        fault = refuse(one, reading(2, 1))
        assert fault.findings[0].text() == f"What the process of w1 answered cannot be used: {reason}."
        assert isinstance(fault, HostFault)
        for end in (ours, theirs[1]):
            end.close()
        do(one, reading(2, 1))
        assert one.pid != pid and not Path(f"/proc/{pid}").exists()
    assert dict(one.changes().state) == {"seen": b"3"}


GREEDY = """
@on("sensor.reading")
def follow(self, event):
    if event["value"] == 1:
        threading.Timer(0.3, many).start()  # after the answer, whenever the guard looks
    elif event["value"] == 2:
        for number in range(6):
            with open(f"{number}.bin", "wb") as file:
                file.write(bytes(400_000))
    elif event["value"] == 4:
        for number in range(400):
            open(f"{number}.empty", "wb").close()
    elif event["value"] == 3:
        with open("big.bin", "wb") as file:
            file.write(bytes(3_000_000))
"""

MANY = """
import threading
import time

def many():
    for _ in range(8):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""


def test_threads_and_files_are_bounded(guard, toys):
    toys.add("greedy", GREEDY, tail=MANY)
    registry = toys.registry()
    registry.catalogue.solutions["greedy"] = replace(registry.catalogue.solutions["greedy"], limits={"threads": 5, "disk_mb": 1})
    item = InstancePlan("g", "greedy", {})
    other = hosts_of(guard).maker(item, registry)(replace(item, name="h"), None)
    assert "OSError: [Errno 27] File too large" in refuse(other, reading(1, 3)).findings[0].text()
    one = hosts_of(guard).maker(item, registry)(item, None)  # with a folder of its own: what was torn off at the limit counts
    for value, words in ((1, "threads = 5: it used "), (2, "disk_mb = 1: it used 2."), (4, "disk_mb = 1: it used 1.")):
        do(one, reading(2, value))
        host, until = one._host, time.monotonic() + 10
        while host.alive and time.monotonic() < until:
            time.sleep(0.05)
        assert words in refuse(one, reading(3, 0)).findings[0].text()


# --- nothing stays behind ---


def test_closing_the_guard_ends_and_clears_everything(make, guard, tmp_path):
    one = make()
    do(one, reading(1, 1))
    pid, before = one.pid, len(os.listdir("/proc/self/fd"))
    folder = one._host.folder
    (folder / "deep").mkdir()
    (folder / "deep" / "note").write_text("x")
    (folder / "deep").chmod(0)
    one.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1
    guard.close()
    assert members([pid]) == {pid: []} and not folder.exists()


def test_a_figure_keeps_its_kind(make):
    one = make()
    do(one, reading(1, 1))
    with pytest.raises(wire.WireFault, match="figure 'seen' was sum and is value"):
        one._mirror.check("w1", Changes(figures=[("2026-03-03", b'{"seen":{"value":1}}')]))
