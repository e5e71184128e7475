"""The window of a running store: real sockets on this machine, what it answers, and what it refuses."""

import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from storeloom.core.kernel.errors import DocumentFault, PresenceFault
from storeloom.core.kernel.events import Event
from storeloom.core.runtime import health
from storeloom.core.runtime import http as window
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.presence import NAME, Presence, announce, fetch, fetch_status, read_presence, withdraw


class Loop:
    """Stands in for the store's loop: hands out the status that it made last."""

    def __init__(self, status):
        self.status = status

    def __call__(self):
        return self.status


@pytest.fixture
def store(tmp_path, made_status, monkeypatch):
    """An observed store with room on its disk, whose loop is as the test sets it."""
    monkeypatch.setattr(window, "LOOK_S", 0.05)
    monkeypatch.setattr(window.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))
    loop = Loop(made_status(pid=os.getpid(), instances=made_status().instances[1:2], queues=(), outbox={}, troubles=()))
    observer = window.Observer(tmp_path)
    observer.start("north 1.4.0", loop, tmp_path / "store.db")
    loop.observer = observer
    yield loop
    observer.stop()


def ask(store, path, method="GET", **headers):
    host, port = store.observer.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def raw(store, request):
    """The whole answer to these bytes."""
    host, port = store.observer.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_status_is_the_whole_status_and_comes_back_as_it_was(store, tmp_path, made_status):
    store.status = made_status(pid=os.getpid())
    assert fetch_status(tmp_path) == store.status
    response, body = ask(store, "/status")
    assert response.status == 200 and json.loads(body)["instances"][1]["handled"] == 1204332
    assert response.headers["Cache-Control"] == "no-store" and response.headers["X-Content-Type-Options"] == "nosniff"


def test_metrics_are_served_with_their_content_type(store):
    response, body = ask(store, "/metrics")
    assert response.status == 200 and response.headers["Content-Type"].startswith("text/plain; version=")
    assert b'storeloom_events_handled_total{instance="cold_chain_excursion",solution="cold_chain_excursion"} 1.204332e+06' in body


def test_a_store_that_moves_is_healthy(store):
    response, body = ask(store, "/health")
    answer = json.loads(body)
    assert response.status == 200 and answer["status"] == "ok"
    assert {row["check"]: row["status"] for row in answer["checks"]} == dict.fromkeys(
        ("loop", "solutions", "disk", "queues", "inbox", "outbox", "devices", "troubles"), "ok"
    )


def test_a_loop_that_stands_still_is_a_fault_and_one_that_moves_again_is_none(store, monkeypatch):
    ahead = 0.0
    clock = time.monotonic
    monkeypatch.setattr(window.time, "monotonic", lambda: clock() + ahead)
    ask(store, "/health")
    ahead = 9.0
    assert ask(store, "/health")[0].status == 200
    ahead = 14.0
    response, body = ask(store, "/health", **{"Accept-Language": "zh-CN"})
    found = json.loads(body)
    assert response.status == 503 and found["status"] == "error"
    assert found["checks"][0]["findings"][0]["reason"] == "门店主循环已有 14 秒没有进展。"
    store.status = replace(store.status, now="2026-03-05T14:12:32Z")
    assert ask(store, "/health")[0].status == 200


def test_the_loop_is_watched_even_when_nobody_asks(store, monkeypatch):
    looks = []
    store_look = store.observer._server.pages.look
    monkeypatch.setattr(store.observer._server.pages, "look", lambda: looks.append(1) or store_look())
    time.sleep(0.5)
    assert len(looks) >= 2


@pytest.fixture
def logged(store, tmp_path):
    """Two events in the store's log, one brought by the other."""
    log = StoreLog(tmp_path / "store.db", store="store-014")
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    with log.transaction():
        log.append(Event("pos.sale", at, {"member": "m-secret"}, "ID/1 ä", "store-014", "till-1", at))
        log.append(Event("points.change", at, {"member": "m-secret"}, "ID-2", "store-014", "loyalty", at), 0, 1)
    yield store
    log.close()


def test_a_trace_tells_the_way_but_not_what_the_events_carry(logged):
    response, body = ask(logged, "/trace/ID-2")
    told = json.loads(body)
    assert response.status == 200 and told["asked"] == 2
    assert [(one["id"], one["depth"]) for one in told["events"]] == [("ID/1 ä", 0), ("ID-2", 1)]
    assert b"m-secret" not in body, "whoever may read the file has `storeloom trace`"
    assert json.loads(ask(logged, "/trace/ID%2F1%20%C3%A4")[1])["asked"] == 1
    assert json.loads(ask(logged, "/trace/%232")[1])["asked"] == 2


def test_a_trace_of_what_is_not_there_or_of_no_log(logged, tmp_path):
    response, body = ask(logged, "/trace/ID-3", **{"Accept-Language": "zh"})
    assert response.status == 404 and json.loads(body)["findings"][0]["reason"] == "日志中没有事件“ID-3”。"
    (tmp_path / "store.db").rename(tmp_path / "gone.db")
    response, body = ask(logged, "/trace/ID-2")
    assert response.status == 500 and json.loads(body)["findings"][0]["code"] == "SL-LOG-01"
    assert ask(logged, "/status")[0].status == 200


def test_what_is_not_asked_for_is_not_imported():
    """Metrics and traces cost nothing until they are asked for."""
    check = "import sys, storeloom.core.runtime.http; sys.exit(bool({'prometheus_client', 'rich', 'apsw', 'flask'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
def test_it_only_reads(store, method):
    response, body = ask(store, "/status", method)
    assert response.status == 405 and response.headers["Allow"] == "GET"
    assert json.loads(body)["findings"][0]["reason"] == f"The method {method} is not taken: this address only shows."


@pytest.mark.parametrize("path", ["/", "/admin", "/health/", "/trace", "/trace/", "/../store.db", "/status/x"])
def test_other_paths_are_not_there(store, path):
    response, body = ask(store, path)
    finding = json.loads(body)["findings"][0]
    assert response.status == 404 and finding["code"] == "SL-OBS-06" and finding["fix"].startswith("There are /health")


@pytest.mark.parametrize("host", ["shop.example", "127.0.0.1.shop.example", "localhost.shop.example:80", "192.168.1.9", ""])
def test_a_foreign_host_is_not_answered(store, host):
    """A web page whose own name was pointed at this machine sends that name."""
    response, body = ask(store, "/status", Host=host)
    assert response.status == 403 and json.loads(body)["findings"][0]["code"] == "SL-OBS-08"
    assert b"cold_chain" not in body


@pytest.mark.parametrize("host", ["localhost", "localhost:9464", "127.0.0.1", "LOCALHOST:1", "[::1]:8", "127.0.0.1:65535"])
def test_names_of_this_machine_are(store, host):
    assert ask(store, "/status", Host=host)[0].status == 200


def test_a_listen_address_that_others_reach_answers_to_numbers_but_not_to_names(tmp_path, made_status):
    observer = window.Observer(tmp_path, "0.0.0.0:0")
    observer.start("b", Loop(made_status()), tmp_path / "store.db")
    try:
        assert [observer._server.knows(host) for host in ("192.168.1.9:80", "shop.example", "localhost")] == [True, False, True]
    finally:
        observer.stop()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET /health HTTP/9.9\r\n\r\n", b"505"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(200)) + b"\r\n", b"431"),
    ],
)
def test_what_is_no_request_gets_the_same_shape_of_error(store, request_, code):
    answer = raw(store, request_)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/"):  # an answer to a request that names no HTTP version has no head
        head, body = b" " + code, answer
    assert code in head.splitlines()[0]
    assert json.loads(body)["findings"][0]["code"] == "SL-OBS-09"


def test_few_connections_and_none_for_long(store, monkeypatch):
    monkeypatch.setattr(window, "LONGEST_S", 1.0)
    host, port = store.observer.address.split(":")
    idle = [socket.create_connection((host, int(port)), timeout=10) for _ in range(window.CONNECTIONS)]
    time.sleep(0.3)
    for client in idle:
        client.sendall(b"GET /hea")
    with socket.create_connection((host, int(port)), timeout=10) as more:
        assert more.recv(1) == b"", "one too many is turned away at once"
    begun = time.monotonic()
    for client in idle:
        try:
            while client.recv(4096):
                pass
        except ConnectionResetError:
            continue
        finally:
            client.close()
    assert time.monotonic() - begun < 4
    until = time.monotonic() + 5
    while True:  # the places of those that were cut off are free a moment later
        try:
            assert ask(store, "/status")[0].status == 200
            break
        except (http.client.RemoteDisconnected, ConnectionResetError):
            assert time.monotonic() < until
            time.sleep(0.05)


def test_run_json_is_private_complete_and_gone_after_the_end(tmp_path, made_status):
    observer = window.Observer(tmp_path)
    observer.start("north 1.4.0", Loop(made_status(pid=os.getpid())), tmp_path / "store.db")
    file = tmp_path / NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_presence(tmp_path) == Presence(os.getpid(), observer.address, "north 1.4.0", "2026-03-02T10:00:00Z")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    observer.stop()
    observer.stop()
    assert not file.exists()
    with pytest.raises(PresenceFault) as fault:
        fetch(tmp_path, "/status")
    assert fault.value.findings[0].code == "SL-OBS-01"


def test_another_process_s_run_json_is_left_alone(tmp_path):
    announce(tmp_path, Presence(1, "127.0.0.1:1", "b", "2026-03-02T10:00:00Z"))
    withdraw(tmp_path, os.getpid())
    assert (tmp_path / NAME).is_file()


def test_a_run_json_left_by_a_killed_process_is_recognised(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    announce(tmp_path, Presence(child.pid, "127.0.0.1:9", "b", "2026-03-02T10:00:00Z"))
    with pytest.raises(PresenceFault) as fault:
        fetch(tmp_path, "/status")
    assert fault.value.findings[0].code == "SL-OBS-03" and str(child.pid) in str(fault.value)


def test_another_store_at_the_old_address_is_not_taken_for_this_one(store, tmp_path):
    """The address was given to another store after the first was killed."""
    other = tmp_path / "other"
    other.mkdir()
    announce(other, Presence(2**22 - 3, store.observer.address, "b", "2026-03-02T10:00:00Z"))
    with pytest.raises(PresenceFault) as fault:
        fetch(other, "/status")
    assert fault.value.findings[0].code == "SL-OBS-03"


def test_a_process_that_lives_but_does_not_answer_is_told_with_its_address(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    announce(tmp_path, Presence(os.getpid(), f"127.0.0.1:{port}", "b", "2026-03-02T10:00:00Z"))
    with pytest.raises(PresenceFault) as fault:
        fetch(tmp_path, "/status")
    assert fault.value.findings[0].text() == (
        f"The store on {tmp_path} (process {os.getpid()}) does not answer at 127.0.0.1:{port}: nothing listens there."
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1, "address": "nowhere", "bundle": "b", "started": "t"}'])
def test_a_damaged_run_json_is_named(tmp_path, text):
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    with pytest.raises(DocumentFault, match=r"run\.json"):
        fetch(tmp_path, "/status")


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:99999", "127.0.0.1:", "203.0.113.7:80"])
def test_an_address_that_cannot_be_listened_on_is_named_and_nothing_is_announced(tmp_path, made_status, listen):
    with pytest.raises(PresenceFault) as fault:
        window.Observer(tmp_path, listen).start("b", Loop(made_status()), tmp_path / "store.db")
    assert fault.value.findings[0].code == "SL-OBS-05" and f"'{listen}'" in str(fault.value)
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_named(store, tmp_path, made_status):
    with pytest.raises(PresenceFault, match="in use"):
        window.Observer(tmp_path / "b", store.observer.address).start("b", Loop(made_status()), tmp_path)


def codes(checks):
    return {name: [finding.code for finding in found] for name, found in checks.items() if found}


def test_what_the_checks_find(made_status):
    status = made_status(inbox=4200)
    found = health.assess(status, 10.5, {"pos.sale": 25.0}, 300.0, "data")
    assert codes(found) == {
        "loop": ["SL-HLT-01"],
        "solutions": ["SL-HLT-03", "SL-HLT-04"],
        "disk": ["SL-HLT-06"],
        "queues": ["SL-HLT-07"],
        "inbox": ["SL-HLT-10"],
        "outbox": ["SL-HLT-08"],
        "troubles": ["SL-HLT-09"],
    }
    assert health.summary(found, "en")["status"] == "error"
    found = health.assess(made_status(), 0.0, {"pos.sale": 9.0}, 600.0, "data")
    assert codes(found) == {"solutions": ["SL-HLT-03", "SL-HLT-04"], "outbox": ["SL-HLT-08"], "troubles": ["SL-HLT-09"]}
    assert health.summary(found, "en")["status"] == "warning", "the store sells"


def test_a_store_all_of_whose_solutions_rest_or_without_room_does_not_sell(made_status):
    resting = made_status(instances=made_status().instances[:1], outbox={}, troubles=())
    assert codes(health.assess(resting, 0.0, {}, 600.0, "data")) == {"solutions": ["SL-HLT-02", "SL-HLT-03"]}
    empty = made_status(instances=(), outbox={}, troubles=())
    assert codes(health.assess(empty, 0.0, {}, 63.0, "data")) == {"disk": ["SL-HLT-05"]}


def test_a_queue_counts_as_full_while_it_stays_so_and_only_if_senders_wait(made_status):
    def at(waiting):
        frames, sales, readings = made_status().queues
        return made_status(queues=(frames, replace(sales, waiting=waiting), replace(readings, waiting=1000)))

    watch = health.Watch()
    watch.look(at(10000), 100.0)
    watch.look(at(10000), 108.0)
    assert watch.full_s(112.0) == {"pos.sale": 12.0}
    watch.look(at(9999), 113.0)
    watch.look(at(10000), 114.0)
    assert watch.full_s(116.0) == {"pos.sale": 2.0}
    assert watch.silent_s(116.0) == 2.0
