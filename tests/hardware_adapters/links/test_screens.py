"""Screens by WebSocket: let in, shown and acknowledged by number, resumed, their events told once; beside a bare client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.cart.ws_cart import WsCart
from storeloom.hardware_adapters.kiosk.ws_kiosk import WsKiosk
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.screens import BadEvent, ScreenBook
from storeloom.hardware_adapters.links.wire_twin import held_port

SOON_S = 15.0
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
SCAN = {"e": 1, "series": "s", "time": "2026-03-02T09:59:58Z", "event": {"session": "x", "kind": "scan", "value": "a"}}


def until(look: Callable[[], Any]) -> None:
    end = time.monotonic() + SOON_S
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)


class Store:
    """A driver at work, and the screens that connect to it."""

    def __init__(self, stack: ExitStack, cls: Any = WsKiosk, **more: Any) -> None:
        self._stack = stack
        self.port = stack.enter_context(held_port()).getsockname()[1]
        driver = cls("lane", cls.Config(listen=f"127.0.0.1:{self.port}", token="t", ack_s=0.5, **more))
        driver.context = AdapterContext(secrets={"t": "door"})
        self.rig = Rig(driver)
        until(lambda: self.rig.facts)

    def line(self, screen: str, token: str = "door", series: str = "", last: int = 0) -> Any:
        from websockets.sync.client import connect

        one = self._stack.enter_context(connect(f"ws://127.0.0.1:{self.port}", proxy=None, close_timeout=0.2))
        say(one, {"hello": {"screen": screen, "token": token, "series": series, "last": last}})
        return one

    def show(self, screen: str, **more: Any) -> BaseException | bool | None:
        return self.rig.send("kiosk.show", {"kiosk": screen, "screen": "list", **more}, SOON_S)

    def events(self) -> list[Any]:
        return [one for one in self.rig.facts if one.stream.endswith(".event")]

    def states(self) -> dict[str, str]:
        return {one.data["device"]: one.data["state"] for one in self.rig.facts if one.stream == "device.status"}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@pytest.fixture
def store(stack: ExitStack) -> Iterator[Store]:
    one = Store(stack)
    yield one
    assert one.rig.close(5.0)


def say(line: Any, message: dict[str, Any]) -> None:
    line.send(orjson.dumps(message).decode())


def hear(line: Any) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(line.recv(timeout=SOON_S))
    return told


def answering(line: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Hear a message and answer it."""
    told = hear(line)
    say(line, {"ack": told["n"], **answer})
    return told


def send_and(store: Store, line: Any, answer: dict[str, Any], **more: Any) -> tuple[Any, dict[str, Any]]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        given = pool.submit(store.show, "k1", **more)
        told = answering(line, answer)
        return given.result(), told


def test_a_screen_is_shown_what_it_is_to_show_and_a_repeat_does_nothing(store: Store) -> None:
    line = store.line("k1")
    welcome = hear(line)["welcome"]
    result, told = send_and(store, line, {"state": "shown"}, text="欢迎", params={"n": 1}, cmd="c1")
    assert result is None
    assert told == {"n": 1, "cmd": "c1", "show": {"screen": "list", "text": "欢迎", "params": {"n": 1}}}
    assert store.show("k1", text="欢迎", cmd="c1") is None
    result, told = send_and(store, line, {"state": "failed", "why": "no such page"}, cmd="c2")
    assert isinstance(result, DeviceError)
    assert result.words == {"en": "screen k1 cannot show it: no such page", "zh": "屏幕 k1 无法显示：no such page"}
    result, told = send_and(store, line, {"state": "shown"}, cmd="c2")
    assert result is None and (told["n"], told["cmd"]) == (3, "c2")
    assert len(welcome["series"]) == 16


def test_one_that_says_nothing_or_is_away_is_told(store: Store) -> None:
    away = store.show("k1", cmd="c1")
    assert isinstance(away, DeviceError) and (away.code, away.words["zh"]) == (Code.OFFLINE, "屏幕 k1 未连接")
    line = store.line("k1")
    hear(line)
    until(lambda: store.states().get("k1") == "online")
    late = store.show("k1", cmd="c1")
    assert isinstance(late, DeviceError) and late.code == Code.TIMEOUT
    first = hear(line)
    result, again = send_and(store, line, {"state": "shown"}, cmd="c1")
    assert result is None and again["n"] == first["n"], "a try again keeps its number"


def test_a_screen_that_comes_back_gets_the_newest_message_unless_it_has_it(store: Store) -> None:
    line = store.line("k1")
    series = hear(line)["welcome"]["series"]
    assert send_and(store, line, {"state": "shown"}, cmd="c1")[0] is None
    back = store.line("k1", series=series, last=1)
    hear(back)
    say(back, SCAN)
    assert hear(back) == {"got": 1}, "nothing was to be shown again"
    rebooted = store.line("k1")
    hear(rebooted)
    assert hear(rebooted) == {"n": 1, "cmd": "c1", "show": {"screen": "list"}, "again": True}
    from websockets.exceptions import ConnectionClosed

    with pytest.raises(ConnectionClosed) as closed:
        hear(back)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4000


@pytest.mark.parametrize(("screen", "token", "code"), [("k1", "wrong", 4001), ("k9", "door", 4002), ("", "door", 4002)])
def test_who_is_not_let_in_hears_why(stack: ExitStack, screen: str, token: str, code: int) -> None:
    from websockets.exceptions import ConnectionClosed

    store = Store(stack, screens=["k1"])
    with pytest.raises(ConnectionClosed) as closed:
        hear(store.line(screen, token))
    assert closed.value.rcvd is not None and closed.value.rcvd.code == code
    gone = store.rig.send("kiosk.show", {"kiosk": "k9", "screen": "x"}, SOON_S)
    assert isinstance(gone, DeviceError) and gone.code == Code.NO_EXIST
    assert store.rig.close(5.0)


def test_an_event_is_told_with_its_own_time_and_number_and_got_once_it_is_stored(store: Store) -> None:
    line = store.line("k1")
    hear(line)
    say(line, SCAN)
    say(line, SCAN)
    assert [hear(line), hear(line)] == [{"got": 1}, {"got": 1}]
    first, second = store.events()
    assert first.data == {"session": "x", "kind": "scan", "value": "a", "kiosk": "k1"}
    assert (first.key, first.time, first.source) == ("k1|s|1", datetime(2026, 3, 2, 9, 59, 58, tzinfo=UTC), "lane")
    assert (second.key, second.time) == (first.key, first.time)


def test_several_screens_of_a_driver_are_told_apart(stack: ExitStack) -> None:
    store = Store(stack, WsCart, screens=["c1", "c2"])
    lines = {name: store.line(name) for name in ("c1", "c2")}
    for name, line in lines.items():
        hear(line)
        say(line, {**SCAN, "event": {"session": name, "seq": 1, "kind": "add"}})
        assert hear(line) == {"got": 1}
    assert [one.data["cart"] for one in store.events()] == ["c1", "c2"]
    until(lambda: store.states() == {"c1": "online", "c2": "online", "lane": "online"})
    lines["c2"].close()
    until(lambda: store.states() == {"c1": "online", "c2": "offline", "lane": "degraded"})
    assert store.rig.close(5.0)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({**SCAN, "e": "1"}, "an event has e, series and event"),
        ({**SCAN, "time": "2026-03-02 10:00"}, "the time of an event is none"),
        ({**SCAN, "event": {"kind": "scan"}}, 'no kiosk.event: "session" is a required property'),
        ({**SCAN, "event": {"session": "x", "kind": "pay", "value": "4111 1111 1111 1111"}}, "no card number may come in"),
    ],
)
def test_events_that_make_no_sense_are_refused(event: dict[str, Any], words: str) -> None:
    with pytest.raises(BadEvent) as caught:
        ScreenBook("lane", "kiosk", "kiosk.event").event("k1", event, NOW)
    assert caught.value.words["en"] == words


def test_a_gtin_is_no_card_number_though_it_looks_like_one() -> None:
    """The first number of a range of Visa that is right both by Luhn and as a GTIN-13."""
    book = ScreenBook("lane", "kiosk", "kiosk.event")
    both = next(
        code
        for code in (f"4{number:011d}{last}" for number in range(2000) for last in range(10))
        if sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(reversed(code))) % 10 == 0
        and sum(sum(divmod(int(one) * (2 if place % 2 else 1), 10)) for place, one in enumerate(reversed(code))) % 10 == 0
    )
    fact = book.event("k1", {**SCAN, "event": {"session": "x", "kind": "scan", "gtin": both}}, NOW)
    assert fact.data["gtin"] == both


def test_what_is_over_is_not_shown_to_one_that_comes_back() -> None:
    book = ScreenBook("lane", "kiosk", "kiosk.event")
    book.show("k1", {"kiosk": "k1", "screen": "hint", "seconds": 0})
    assert book.resumed("k1", "", 0) is None
    book.show("k1", {"kiosk": "k1", "screen": "list"})
    assert book.resumed("k1", "another series", 99) is not None
    assert book.resumed("k1", book.series, 2) is None
