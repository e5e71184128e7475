"""A connection that session and commands share; addresses; what a driver says itself; a twin that goes from one fault to another."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event as Flag
from typing import Any

import pytest

from storeloom.core.kernel.adapter import next_fact
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.address import address_of
from storeloom.hardware_adapters.links.driver import Facts, SharedLinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.inbox import Inbox
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, WireTwin

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Lamp(SharedLinkDriver[str]):
    """Its connections are called a, b, c ...; each ends when `lost` is set."""

    kind = "relay"
    first_wait_s = 30.0

    class Config(SolutionConfig):
        timeout_s: float = setting(0.1, "Time for an answer", "应答时限", unit="s")

    def __init__(self, timeout_s: float = 0.1) -> None:
        super().__init__("lamp", self.Config(timeout_s=timeout_s))
        self.names, self.open, self.lost = iter("abc"), list[str](), Flag()

    @contextmanager
    def connect(self) -> Iterator[str]:
        name = next(self.names)
        self.open.append(name)
        try:
            yield name
        finally:
            self.open.remove(name)

    def session(self, link: str) -> Facts:
        with self.holding(link):
            yield Fact(NOW, "device.status", "lamp", {"link": link})
            if self.lost.wait(5.0):
                raise ConnectionResetError


def test_a_command_has_the_sessions_connection_and_waits_for_no_other_than_that() -> None:
    lamp = Lamp()
    facts = lamp.facts()
    next(facts), next(facts)
    with lamp.linked() as link:
        assert (link, lamp.link, lamp.open) == ("a", "a", ["a"])
    lamp.lost.set()
    assert next(facts).data["state"] == "offline"
    with pytest.raises(DeviceError, match="lamp is not connected") as caught, lamp.linked():
        raise AssertionError
    assert (caught.value.code, lamp.link, lamp.open) == (Code.OFFLINE, None, [])
    lamp.close()
    assert list(facts) == []


def test_a_command_that_waits_gets_the_connection_that_comes() -> None:
    lamp = Lamp(5.0)
    facts, got = lamp.facts(), list[str]()
    next(facts)  # connected, and not yet held

    def command() -> None:
        with lamp.linked() as link:
            got.append(link)

    thread = threading.Thread(target=command)
    thread.start()
    next(facts)
    thread.join(5.0)
    assert got == ["a"]
    lamp.lost.set()
    lamp.close()
    list(facts)


def test_while_facts_does_not_run_a_command_has_a_connection_of_its_own() -> None:
    lamp = Lamp()
    with lamp.linked() as link:
        assert (link, lamp.open, lamp.link) == ("a", ["a"], None)
    assert lamp.open == []
    lamp.close()
    with pytest.raises(DeviceError, match="not connected"), lamp.linked():
        raise AssertionError


@pytest.mark.parametrize(
    ("text", "default", "found"),
    [
        ("10.0.0.7:502", None, ("10.0.0.7", 502)),
        ("[::1]:80", None, ("::1", 80)),
        ("10.0.0.7", 161, ("10.0.0.7", 161)),
        ("switch-1:1161", 161, ("switch-1", 1161)),
        ("fe80::1", 161, ("fe80::1", 161)),
        ("[fe80::1]:1161", 161, ("fe80::1", 1161)),
    ],
)
def test_addresses(text: str, default: int | None, found: tuple[str, int]) -> None:
    assert address_of(text, default) == found


@pytest.mark.parametrize("text", ["", "host:", "host:http", ":161", "host:70000", "host:0"])
def test_addresses_of_another_form_are_told(text: str) -> None:
    with pytest.raises(DeviceError, match="HOST:PORT"):
        address_of(text, 161)


def test_what_the_driver_says_itself_keeps_its_order_while_there_is_no_room() -> None:
    inbox, stopping = Inbox(2), Flag()
    inbox.tell(Fact(NOW, "device.status", "d", {"n": number}) for number in range(3))
    inbox.tell([Fact(NOW, "device.status", "d", {"n": 3})])
    flow, seen = inbox.flow(stopping), list[int]()
    for _ in range(4):
        seen.append(next_fact(flow, None).data["n"])
        inbox.tell(())
    assert seen == [0, 1, 2, 3]


def test_the_next_fact_of_a_list_takes_no_receipt_and_that_of_a_generator_does() -> None:
    class Paper:
        def wait(self, timeout_s: float | None = None) -> bool | None:
            return True

    facts, given = [Fact(NOW, "device.status", "d", {"n": number}) for number in range(2)], list[Any]()

    def told() -> Facts:
        for fact in facts:
            given.append((yield fact))

    plain, asked, paper = iter(facts), told(), Paper()
    assert [next_fact(plain, None), next_fact(plain, paper)] == facts == [next_fact(asked, None), next_fact(asked, paper)]
    assert given == [paper]


class Echo(WireTwin):
    faults = (*WIRE_FAULTS, "odd", "reboot")

    def __init__(self) -> None:
        self.boots = self.shuts = 0
        self._server: socket.socket | None = None

    def serve(self) -> int:
        self._server = socket.create_server(("127.0.0.1", 0))
        return int(self._server.getsockname()[1])

    def shut(self) -> None:
        self.shuts += self._server is not None
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def reboot(self) -> None:
        self.boots += 1
        self.blink()

    def settings(self) -> Mapping[str, Any]:
        return {"address": f"127.0.0.1:{self.port}"}

    def act(self, number: int) -> Sequence[Said]:
        return ()


def test_a_twin_behind_a_wire_plays_one_fault_at_a_time_and_ends_once() -> None:
    def reached() -> bool:
        try:
            socket.create_connection(("127.0.0.1", twin.port), 2.0).close()
        except ConnectionRefusedError:
            return False
        return True

    with Echo() as twin:
        assert reached()
        twin.play("refuse")
        assert not reached()
        twin.play("odd")
        assert reached() and twin.fault == "odd"
        twin.play("reboot")
        assert reached() and twin.boots == 1
        twin.mend()
        with pytest.raises(KeyError):
            twin.play("melt")
    twin.close()
    assert twin.shuts == 1
    with pytest.raises(AssertionError, match="not been started"):
        twin.settings()
