"""Webhooks in: the caller gets 200 only for what is stored; forgeries, repeats and rubbish are told apart; ports are shared and let go."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from waitress.trigger import trigger

from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.address import address_of
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.http_listener import Incoming, Refused, WebhookGate, listening
from storeloom.hardware_adapters.links.http_sign import sign
from storeloom.hardware_adapters.links.inbox import Inbox
from storeloom.hardware_adapters.links.mqtt_twin import free_port

SECRET, NOW = "key of the hook", datetime(2026, 3, 2, 10, tzinfo=UTC)


class Receipt:
    def __init__(self, store: Store) -> None:
        self.store = store

    def wait(self, timeout_s: float | None = None) -> bool | None:
        return self.store.outcome


class Store:
    """Takes in what comes through a gate; `outcome` is what its receipts say."""

    def __init__(self, port: int, path: str = "/hooks/a", **more: Any) -> None:
        self.port, self.path, self.facts = port, path, list[Fact]()
        self.outcome: bool | None = True
        self.inbox = Inbox(more.pop("limit", 100))
        self.bad: list[str] = []
        told = lambda words: self.bad.append(words["en"])  # noqa: E731
        self.gate = WebhookGate(self.inbox, more.pop("handle", self._facts), [SECRET], lambda: NOW, store_s=0.5, bad=told, **more)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @staticmethod
    def _facts(incoming: Incoming) -> list[Fact]:
        if not isinstance(incoming.content, list):
            raise Refused("a list is wanted", "应为列表")
        return [Fact(NOW, "order.status", "d", {"order": one}, NOW, f"{incoming.id}|{one}") for one in incoming.content]

    def _run(self) -> None:
        flow, receipt = self.inbox.flow(self._stopping), None  # type: Any, Any
        try:
            while True:
                self.facts.append(flow.send(receipt))
                receipt = Receipt(self)
        except StopIteration:
            return

    @contextmanager
    def open(self, running: bool = True) -> Iterator[Store]:
        with listening(f"127.0.0.1:{self.port}", self.path, self.gate):
            if running:
                self._thread.start()
            try:
                yield self
            finally:
                self._stopping.set()
                if running:
                    self._thread.join()

    def post(
        self, body: bytes, message: str = "m1", method: str = "POST", path: str | None = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        signed = sign("standard", headers.pop("secret", SECRET), message, NOW + timedelta(seconds=int(headers.pop("late", "0"))), body)
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        kind = headers.pop("kind", "application/json; charset=utf-8")
        line.request(method, path or self.path, body, {"content-type": kind, **signed, **headers})
        answer = line.getresponse()
        self.retry_after = answer.headers.get("retry-after")
        content = orjson.loads(answer.read() or b"{}")
        line.close()
        return answer.status, content


@pytest.fixture
def store() -> Iterator[Store]:
    with Store(free_port()).open() as one:
        yield one


def test_what_is_stored_is_answered_with_200_and_a_repeat_has_no_second_effect(store: Store) -> None:
    assert store.post(b'["W1", "W2"]') == (200, {})
    assert store.post(b'["W1", "W2"]') == (200, {})
    assert [one.data["order"] for one in store.facts] == ["W1", "W2"]
    assert [one.key for one in store.facts] == ["m1|W1", "m1|W2"]


def test_what_is_not_stored_in_time_is_to_come_again(store: Store) -> None:
    store.outcome = None
    status, problem = store.post(b'["W1"]')
    assert (status, problem["title"], store.retry_after) == (503, "it is not stored yet", "2")
    store.outcome = True
    assert store.post(b'["W1"]')[0] == 200


def test_what_the_store_refuses_is_422(store: Store) -> None:
    store.outcome = False
    assert store.post(b'["W1"]')[0] == 422


@pytest.mark.parametrize(
    ("status", "ask"),
    [
        (401, {"secret": "another"}),
        (401, {"late": "301"}),
        (401, {"late": "-301"}),
        (405, {"method": "GET"}),
        (405, {"method": "PUT"}),
        (404, {"path": "/hooks/b"}),
        (404, {"path": "/hooks/a/"}),
        (415, {"kind": "text/plain"}),
    ],
)
def test_what_is_not_right_is_told_and_not_taken(store: Store, status: int, ask: dict[str, str]) -> None:
    found, problem = store.post(b'["W1"]', **ask)  # type: ignore[arg-type]
    assert (found, problem["status"], store.facts) == (status, status, [])
    assert SECRET not in str(problem)


def test_rubbish_is_told_apart(store: Store) -> None:
    assert store.post(b"[", "m1")[0] == 400
    assert store.post(b"{}", "m2") == (422, {"title": "a list is wanted", "status": 422})
    assert store.post(b'["W1"]', "m3")[0] == 200
    assert store.post(b'["W2"]', "m3")[0] == 409
    assert store.bad == ["no JSON", "a list is wanted", "this id came before with another content"]


def test_a_body_that_is_too_large_is_refused() -> None:
    with Store(free_port(), most_bytes=100).open() as store:
        assert store.post(b'["' + b"x" * 200 + b'"]')[0] == 413
    with Store(free_port()).open() as store:
        line = http.client.HTTPConnection("127.0.0.1", store.port, timeout=5)
        line.putrequest("POST", "/hooks/a")
        line.putheader("content-length", str(2 << 20))
        line.endheaders()
        assert line.getresponse().status == 413
        line.close()


def test_a_store_that_does_not_keep_up_is_told_to_the_sender() -> None:
    with Store(free_port(), limit=1).open(running=False) as store:
        assert store.post(b'["W1", "W2"]')[0] == 503


def test_drivers_share_a_port_each_with_a_path_and_it_is_let_go_with_the_last() -> None:
    port = free_port()
    first, second = Store(port, "/hooks/a"), Store(port, "/hooks/b")
    with first.open():
        with second.open():
            assert (first.post(b'["A"]')[0], second.post(b'["B"]')[0]) == (200, 200)
            with pytest.raises(DeviceError) as caught, Store(port, "/hooks/b").open():
                raise AssertionError
            assert caught.value.code is Code.CLAIMED
        assert (first.post(b'["C"]', "m2")[0], first.post(b"[]", path="/hooks/b")[0]) == (200, 404)
    with pytest.raises(OSError):
        first.post(b'["D"]')
    with Store(port).open() as again:
        assert again.post(b'["E"]')[0] == 200


def test_a_port_of_another_program_is_claimed() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(DeviceError) as caught, Store(other.getsockname()[1]).open():
        raise AssertionError
    assert caught.value.code is Code.CLAIMED


@pytest.mark.parametrize("listen", ["8080", ":80", "host:", "host:http", "host:70000"])
def test_an_address_of_another_form_is_told(listen: str) -> None:
    with pytest.raises(DeviceError, match="HOST:PORT"):
        address_of(listen)


def test_who_waits_is_let_go_when_the_driver_ends() -> None:
    store = Store(free_port())
    store.outcome = None
    found: list[int] = []
    with store.open():
        thread = threading.Thread(target=lambda: found.append(store.post(b'["W1"]')[0]))
        thread.start()
        while not store.facts:
            thread.join(0.01)
    thread.join(5)
    assert found == [503]


def test_a_server_that_is_awake_when_it_is_ended_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled = trigger._physical_pull

    def twice(one: trigger) -> None:
        pulled(one)
        time.sleep(0.1)  # it has heard what it is to do
        pulled(one)

    store = Store(free_port())
    with store.open():
        monkeypatch.setattr(trigger, "_physical_pull", twice)
    monkeypatch.undo()
    with Store(store.port).open() as again:  # the port is free
        assert again.post(b'["W1"]')[0] == 200
