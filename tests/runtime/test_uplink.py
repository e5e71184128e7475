"""The way up: whatever happens to the line, the receiver ends with the log's events, in its order, once each."""

import http.client
import random
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from storeloom.core.control.api.events import events
from storeloom.core.control.api.serve import create_app
from storeloom.core.control.database import connect, make_tables, reading, writing
from storeloom.core.control.identity.tokens import digest
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.identity import Chain, Token
from storeloom.core.control.reports import received
from storeloom.core.control.services import Services
from storeloom.core.kernel.errors import BundleFault, DeliveryFault, StoreloomError
from storeloom.core.kernel.events import Event, event_id
from storeloom.core.kernel.plan import Plan
from storeloom.core.runtime import uplink as up
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.uplink import RAW, Behind, Uplink, UplinkSettings, uplink_settings

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Head:
    """A control plane on this machine that can go away and come back."""

    def __init__(self, folder, stores=("s1", "s2")):
        self.database = connect(f"sqlite:///{folder / 'control.db'}")
        make_tables(self.database)
        with writing(self.database) as session:
            session.add(Chain(id="north", name="North", created=T0))
            session.flush()
            for store in stores:
                session.add(Store(chain="north", id=store, name=store, tags=[], profile={}, created=T0, changed=T0))
                session.flush()
                known = {"chain": "north", "store": store, "name": "", "scopes": [], "created": T0, "expires": T0 + timedelta(days=1)}
                session.add(Token(sha256=digest(f"secret-{store}"), id=store, **known))
        self._app = create_app(Services(self.database, folder, lambda: T0), [events])
        self._server = None
        self.port = 0
        self.start()

    def start(self):
        self._server = make_server("127.0.0.1", self.port, self._app, threaded=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def has(self, store="s1"):
        with reading(self.database) as session:
            rows = received.events(session, "north", store)
        return [(r.seq, r.id, r.stream, r.source, r.about, r.time, r.received, r.hops, r.cause, r.data) for r in rows]

    def position(self, store="s1"):
        with reading(self.database) as session:
            return received.position(session, "north", store, T0)


class Line:
    """A line between store and control plane that is cut where it is told to, one fate a request; it works when none is left.

    `before`: no connection; `middle`: half of the request arrives; `after`: it arrives, the answer does not; `half`: half of the answer
    does; `twice`: it arrives twice; `late`: it is cut, and arrives behind the one that comes next.
    """

    def __init__(self, port, fates=()):
        self._port = port
        self.fates = list(fates)
        self._kept = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                end, _ = self._socket.accept()
            except OSError:
                return
            with end:
                end.settimeout(5)
                self._pass(end)

    def _pass(self, end):
        fate = self.fates.pop(0) if self.fates else "whole"
        if fate == "before":
            return
        request = read_request(end)
        if not request:
            return
        if fate == "late":
            self._kept.append(request)
            return
        answer = self._ask(request[: len(request) // 2] if fate == "middle" else request)
        if fate == "twice":
            answer = self._ask(request)
        while self._kept:
            self._ask(self._kept.pop())
        if fate == "half":
            end.sendall(answer[: len(answer) // 2])
        elif fate in ("whole", "twice"):
            end.sendall(answer)

    def _ask(self, request):
        with socket.create_connection(("127.0.0.1", self._port), 5) as other:
            other.sendall(request)
            other.shutdown(socket.SHUT_WR)
            parts = []
            while part := other.recv(65536):
                parts.append(part)
        return b"".join(parts)

    def close(self):
        self._socket.close()


def read_request(end):
    data = b""
    while b"\r\n\r\n" not in data:
        part = end.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(row.split(b":")[1]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length")), 0)
    while len(body) < length:
        body += end.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def head(tmp_path):
    made = Head(tmp_path)
    yield made
    made.stop()
    made.database.dispose()


@pytest.fixture
def line(head):
    made = Line(head.port)
    yield made
    made.close()


def fill(log, count, chance=None, store="s1", course=""):
    """Append events as a day brings them: sales, alerts, and raw readings that stay in the store."""
    chance = chance or random.Random(0)
    with log.transaction():
        for _ in range(count):
            number = log.last + 1
            stream = chance.choice(["pos.sale", "alert.raise", "sensor.reading", "vision.track"])
            at = T0 + timedelta(seconds=number, microseconds=number)
            data = {"n": number, "text": "奶" * chance.randrange(9), "price": 1.1 * number}
            event = Event(stream, at, data, event_id(at, store, number, course), store, "till-1", at + timedelta(milliseconds=7))
            log.append(event, number % 3, number // 2)


def held(log, streams=None):
    """What the control plane ought to have: the records of the log that go up."""
    takes = (lambda stream: stream in streams) if streams else (lambda stream: stream not in RAW)
    rows = [(r, r.event) for r in log.read(log.oldest - 1) if takes(r.event.stream)]
    return [(r.seq, e.id, e.stream, e.source, e.store, e.time, e.received, r.hops, r.cause, e.data) for r, e in rows]


@pytest.fixture
def log(tmp_path):
    made = StoreLog(tmp_path / "store.db", store="s1")
    yield made
    made.close()


def way_up(log, port, store="s1", confirmed=0, **settings):
    settings = {"token": f"secret-{store}", "timeout_s": 5, "idle_s": 0.01, "wait_s": 0.01, "longest_wait_s": 0.05, **settings}
    return Uplink(Path(log.path), store, UplinkSettings(f"http://127.0.0.1:{port}/api", **settings), confirmed=confirmed, seed=3)


def push(uplink, log, most=300):
    """Try until the receiver has all; how often it went wrong."""
    failures = 0
    for _ in range(most):
        try:
            uplink.run_once()
            return failures
        except (OSError, http.client.HTTPException, StoreloomError):
            failures += 1
    raise AssertionError("it never came through")


def test_what_the_log_holds_goes_up_in_order_without_raw_readings(head, log):
    fill(log, 300)
    uplink = way_up(log, head.port, batch=50)
    uplink.run_once()
    assert head.has() == held(log) and 100 < len(head.has()) < 200
    assert uplink.status() == {"waiting": log.last - uplink.confirmed, "sent": len(held(log)), "lost": 0, "failures": 0}
    assert log.last - uplink.confirmed < 20 and uplink.findings() == []


def test_it_follows_the_log_and_sends_each_event_once(head, log):
    uplink = way_up(log, head.port)
    for count in (1, 7, 0, 40):
        fill(log, count)
        uplink.run_once()
        assert head.has() == held(log)
    assert uplink.status()["sent"] == len(held(log))


def test_a_bundle_chooses_the_streams(head, log):
    fill(log, 100)
    way_up(log, head.port, streams=frozenset({"sensor.reading"})).run_once()
    assert head.has() == held(log, {"sensor.reading"}) != []


@pytest.mark.parametrize("fate", ["before", "middle", "after", "half", "twice", "late"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_cut_at_any_point_of_any_request_loses_nothing_and_doubles_nothing(head, line, log, fate, place):
    fill(log, 120)
    line.fates = ["whole"] * place + [fate]
    uplink = way_up(log, line.port, batch=20)
    failures = push(uplink, log)
    assert failures == (0 if fate == "twice" else 1)
    assert head.has() == held(log) and uplink.findings() == []


def test_a_wretched_line_and_a_store_that_restarts(head, line, log):
    chance = random.Random(11)
    confirmed = 0
    for _ in range(12):
        fill(log, chance.randrange(60), chance)
        line.fates = chance.choices(["before", "middle", "after", "half", "twice", "late", "whole"], k=6)
        uplink = way_up(log, line.port, confirmed=confirmed, batch=chance.choice([1, 7, 1000]))
        push(uplink, log)
        confirmed = chance.choice([confirmed, uplink.confirmed])  # the store died before or after it wrote its consumer down
    assert head.has() == held(log)


def test_two_stores_go_up_side_by_side_through_threads_and_a_receiver_that_restarts(head, tmp_path):
    logs = {name: StoreLog(tmp_path / f"{name}.db", store=name) for name in ("s1", "s2")}
    for name, log in logs.items():
        fill(log, 400, random.Random(name), name)
    uplinks = {name: way_up(log, head.port, name, batch=15) for name, log in logs.items()}
    for one in uplinks.values():
        one.start()
    for _ in range(3):
        time.sleep(0.05)
        head.stop()
        for name, log in logs.items():
            fill(log, 30, random.Random(name), name)
        time.sleep(0.05)
        head.start()
    end = time.monotonic() + 20
    while any(head.has(name) != held(log) for name, log in logs.items()):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert all(one.stop(5) for one in uplinks.values())
    for log in logs.values():
        log.close()


def test_three_weeks_without_a_line_go_up_in_one_go(head, log):
    for _ in range(21):
        fill(log, 400, random.Random(log.last))
    dead = way_up(log, free_port())
    with pytest.raises(OSError):
        dead.run_once()
    uplink = way_up(log, head.port)
    uplink.run_once()
    assert head.has() == held(log) and log.last == 8400


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_the_thread_says_why_nothing_goes_up_and_that_nothing_is_lost(log):
    fill(log, 10)
    port = free_port()
    uplink = way_up(log, port)
    uplink.start()
    end = time.monotonic() + 5
    while uplink.status()["failures"] < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert uplink.stop(5)
    (finding,) = uplink.findings()
    assert finding.code == "SL-UPL-01" and "ConnectionRefusedError" in finding.text()


def test_a_wrong_token_is_told_in_the_receivers_words(head, log):
    fill(log, 10)
    with pytest.raises(DeliveryFault, match="The request carries no token that is valid"):
        way_up(log, head.port, token="guess").run_once()
    assert head.has() == []


def test_pauses_grow_to_a_limit_with_full_jitter(log, monkeypatch):
    uplink = way_up(log, free_port(), wait_s=1.0, longest_wait_s=300.0)
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 400:
            uplink._stop.set()

    monkeypatch.setattr(uplink._stop, "wait", wait)
    monkeypatch.setattr(uplink, "run_once", lambda: (_ for _ in ()).throw(OSError("no line")))
    uplink._run()
    assert all(wait <= min(300, 2**number) for number, wait in enumerate(waits))
    assert 280 < max(waits) <= 300 and 130 < sum(waits[9:]) / len(waits[9:]) < 170


def test_what_the_disk_limit_took_is_counted_and_said_and_the_rest_goes_up(head, log):
    fill(log, 100)
    uplink = way_up(log, head.port)
    uplink.run_once()
    stood = head.position().seq
    fill(log, 1000)
    had = held(log)
    with log.transaction():
        log.forget(601, 10_000)
    assert log.oldest == 601
    uplink.run_once()
    assert head.has() == [row for row in had if row[0] <= stood or row[0] > 600]
    assert uplink.status()["lost"] == 600 - stood == head.position().lost
    assert [finding.code for finding in uplink.findings()] == ["SL-UPL-03"]


def test_what_was_compacted_after_it_went_up_is_no_loss(head, log):
    fill(log, 100)
    uplink = way_up(log, head.port)
    uplink.run_once()
    before = head.has()
    with log.transaction():
        log.forget(uplink.confirmed + 1, 10_000)
    fill(log, 50)
    uplink.run_once()
    assert uplink.status()["lost"] == 0 and head.has() == before + [row for row in held(log) if row not in before]


@pytest.mark.parametrize("since", [0, 5, 50])
def test_a_log_restored_from_an_older_copy_goes_up_as_a_new_generation(head, tmp_path, since):
    first, second = (StoreLog(tmp_path / f"{name}.db", store="s1") for name in "ab")
    fill(first, 60)
    way_up(first, head.port).run_once()
    old = [row[1] for row in head.has()]
    fill(second, 40)  # the same events up to the copy
    fill(second, since, course="another")
    uplink = way_up(second, head.port)
    uplink.run_once()
    ids = [row[1] for row in head.has()]
    new = [row[1] for row in held(second) if row[1] not in old]
    assert ids == old + new and bool(new) == bool(since)
    assert [finding.code for finding in uplink.findings()] == ["SL-UPL-04"]
    fill(second, 10, course="another")
    again = way_up(second, head.port)
    again.run_once()
    assert again.findings() == [] and {row[1] for row in held(second)} <= {one[1] for one in head.has()}


def test_a_long_stretch_of_what_stays_holds_up_no_compaction(head, log, monkeypatch):
    monkeypatch.setattr(up, "SCAN", 1000)
    fill(log, 1200)
    uplink = way_up(log, head.port, streams=frozenset({"order.placed"}))
    uplink.run_once()
    assert head.has() == [] and uplink.confirmed >= 1000


@pytest.fixture
def most():
    """Sets how large a batch the receiver takes."""
    (route,) = [one for one in events.routes if one.path.endswith("/events")]
    usual = route.max_body
    yield lambda size: object.__setattr__(route, "max_body", size)
    object.__setattr__(route, "max_body", usual)


def test_a_body_too_large_for_the_way_is_halved_until_it_fits(head, log, most):
    fill(log, 200)
    most(1500)
    uplink = way_up(log, head.port)
    uplink.run_once()
    assert head.has() == held(log) and uplink.findings() == []
    most(10)
    fill(log, 20)
    with pytest.raises(DeliveryFault, match="Request Entity Too Large"):
        uplink.run_once()
    assert uplink.status()["lost"] == 0


def test_an_address_that_is_no_receiver_is_named(log):
    server = make_server("127.0.0.1", 0, lambda _environ, start: start("200 OK", [("Content-Type", "text/html")]) and [b"<html>"])
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with pytest.raises(DeliveryFault, match="its answer names no position"):
        way_up(log, server.server_port).run_once()
    server.shutdown()
    server.server_close()


def test_a_receiver_that_moves_on_by_itself_is_asked_again(head, log):
    fill(log, 30)
    uplink = way_up(log, head.port)
    receiver = up.Receiver(uplink._settings, "s1")
    stale = receiver.position()
    uplink.run_once()
    with pytest.raises(Behind):
        receiver.send(stale, up.Stretch(log.last + 5, "x", 0, ()))
    receiver.close()


def test_a_bundle_says_where_events_go_and_the_token_is_a_secret():
    table = {"url": "https://hq.example", "token": "hq", "streams": ["pos.sale"]}
    plan = Plan({}, (), runtime={"uplink": table})
    made = uplink_settings(plan, {"hq": "s3cret"}, Path("secrets.json"))
    assert (made.url, made.token, made.streams) == ("https://hq.example", "s3cret", frozenset({"pos.sale"}))
    assert uplink_settings(Plan({}, (), runtime={}), {}, Path("secrets.json")) is None
    with pytest.raises(BundleFault, match="no secret 'hq'"):
        uplink_settings(plan, {}, Path("secrets.json"))
