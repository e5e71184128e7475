"""Screens that connect to the store by WebSocket (RFC 6455), on the library `websockets`; messages as `links.screens` has them.

A screen begins with `{"hello": {"screen": name, "token": text, "series": id, "last": number}}`: the last message that it has shown, and of
which series of the store's. The store answers `{"welcome": {"series": id, "heartbeat_s": seconds}}`, or closes with 4001 (token), 4002
(unknown screen), 4003 (no hello). Then messages go both ways as JSON texts. A screen that connects anew takes the place of its older
connection, which is closed with 4000. Pings find out which connections are dead; a screen that cannot see them, as a page cannot, sends
`{"ping": anything}` and is answered `{"pong": the same}`. `welcome` also bears `now`, the store's time, and `page`, what
`links.screen_page` is to know; that page lies at the same address.
"""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar

import orjson

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.links.address import address_of
from storeloom.hardware_adapters.links.driver import Facts, SharedLinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.inbox import Inbox
from storeloom.hardware_adapters.links.loop import LoopThread, shared_loop
from storeloom.hardware_adapters.links.screen_page import page
from storeloom.hardware_adapters.links.screens import BadEvent, ScreenBook, quiet
from storeloom.hardware_adapters.links.watch import DeviceWatch
from storeloom.hardware_adapters.links.web import not_listening

HELLO_S, CLOSE_S, END_S, ROOM_S = 5.0, 0.5, 5.0, 0.02
MOST_BYTES = 1 << 18
REPLACED, NO_TOKEN, UNKNOWN, NO_HELLO = 4000, 4001, 4002, 4003
NONE = {"en": "no screen is connected", "zh": "没有屏幕连接"}
HERE = {"en": "", "zh": ""}
LOST = {"en": "the screen is not connected", "zh": "屏幕未连接"}


class ScreenConfig(SolutionConfig):
    """Where screens connect to, and which."""

    listen: str = setting("0.0.0.0:8096", "Address to listen at (HOST:PORT)", "监听地址（主机:端口）", effect="restart")
    token: str = setting("", "Secret that screens show", "屏幕接入令牌的密钥名", effect="restart", widget="secret")
    screens: list[str] = setting(
        lambda: [], "Screens; empty: all that show the token", "屏幕编号，留空则接受所有持令牌的屏幕", effect="restart"
    )
    certificate_file: str = setting("", "File with the certificate, for wss", "证书文件（wss）", effect="restart")
    key_file: str = setting("", "File with the certificate's key", "证书私钥文件", effect="restart")
    heartbeat_s: float = setting(10.0, "Time between pings", "心跳间隔", unit="s", effect="restart", gt=0, le=300)
    ack_s: float = setting(5.0, "Time for a screen's answer", "屏幕应答时限", unit="s", gt=0, le=25)
    currency: str = setting("CNY", "Currency on the page (ISO 4217)", "网页显示的币种（ISO 4217）", effect="restart", pattern="^[A-Z]{3}$")
    buttons: dict[str, list[str]] = setting(
        lambda: {}, "Buttons on the page by screen (kinds of events; home: the first screen)", "网页各画面的按钮（事件类型；home 为首页）",
        effect="restart",
    )  # fmt: skip


class WsScreens(SharedLinkDriver[LoopThread]):
    """Base of drivers of screens. A subclass gives its streams and `name_key`, the field that names the screen in both."""

    event_stream: ClassVar[str]
    name_key: ClassVar[str]

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.inbox = Inbox()
        self.book = ScreenBook(device, self.name_key, self.event_stream)
        self._lines: dict[str, Any] = {}
        self._watches: dict[str, DeviceWatch] = {}
        self._bad: Mapping[str, str] | None = None
        self._lock = threading.Lock()
        self._token = b""

    def place(self) -> str:
        return str(self.config.listen)

    @contextmanager
    def connect(self) -> Iterator[LoopThread]:
        self._token = self.secret(self.config.token).encode() if self.config.token else b""
        with shared_loop() as loop:
            server = loop.call(self._serve(), END_S)
            try:
                with self.holding(loop):
                    yield loop
            finally:
                server.close()
                with suppress(TimeoutError):  # what still hangs ends with the loop
                    loop.call(server.wait_closed(), END_S)

    async def _serve(self) -> Any:
        from websockets.asyncio.server import serve

        host, port = address_of(self.config.listen)
        beat = self.config.heartbeat_s
        try:
            server = await serve(
                self._line,
                host,
                port,
                ssl=self._tls(),
                open_timeout=HELLO_S,
                ping_interval=beat,
                ping_timeout=beat,
                close_timeout=CLOSE_S,
                max_size=MOST_BYTES,
                process_request=self._page,
                server_header=None,
                logger=quiet(),
            )
        except OSError as error:
            raise not_listening(error, self.place()) from error
        return _Closing(server)

    def _tls(self) -> Any:
        if not self.config.certificate_file:
            return None
        import ssl

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.config.certificate_file, self.config.key_file or None)
        return context

    def _page(self, line: Any, request: Any) -> Any:
        """Hand out the page to what asks for no WebSocket."""
        from websockets.datastructures import Headers
        from websockets.http11 import Response

        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        found = page(request.path, self.config.screens)
        return Response(found.status, HTTPStatus(found.status).phrase, Headers({**found.headers, "Connection": "close"}), found.body)

    def page_settings(self) -> Mapping[str, Any]:
        """What the page is to know."""
        return {
            "kind": self.kind,
            "language": self.context.language,
            "currency": self.config.currency,
            "buttons": self.config.buttons,
        }

    async def _line(self, line: Any) -> None:
        """One screen's connection, from its hello on."""
        from websockets.exceptions import ConnectionClosed

        screen = ""
        try:
            screen = await self._hello(line)
            if screen:
                async for text in line:
                    await self._heard(line, screen, text)
        except ConnectionClosed:
            pass
        finally:
            with self._lock:
                if self._lines.get(screen) is line:
                    del self._lines[screen]

    async def _hello(self, line: Any) -> str:
        """The screen's name once it is let in, empty where it is not."""
        try:
            hello = orjson.loads(await asyncio.wait_for(line.recv(), HELLO_S))["hello"]
            screen, token = str(hello["screen"]), str(hello.get("token", ""))
            series, last = str(hello.get("series", "")), int(hello.get("last", 0))
        except (TimeoutError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            await line.close(NO_HELLO, "a hello is wanted")
            return ""
        if not hmac.compare_digest(token.encode(), self._token):
            await line.close(NO_TOKEN, "the token is wrong")
            return ""
        if not screen or (self.config.screens and screen not in self.config.screens):
            await line.close(UNKNOWN, "no such screen")
            return ""
        about = {
            "series": self.book.series,
            "heartbeat_s": self.config.heartbeat_s,
            "now": rfc3339(self.now()),
            "page": self.page_settings(),
        }
        with self._lock:
            before, self._lines[screen] = self._lines.get(screen), line
        await _say(line, {"welcome": about})  # its bytes are on their way before a command's are: both go out from this loop
        if before is not None:
            await before.close(REPLACED, "another connection of this screen")
        self._look()
        newest = self.book.resumed(screen, series, last)
        if newest is not None:
            await _say(line, newest.message(again=True))
        return screen

    async def _heard(self, line: Any, screen: str, text: str | bytes) -> None:
        try:
            told = orjson.loads(text)
            if not isinstance(told, dict):
                raise BadEvent("a message is a JSON object", "消息应为 JSON 对象")
            if "ping" in told:
                await _say(line, {"pong": told["ping"]})
                return
            if "ack" in told:
                self.book.acknowledged(screen, told)
                return
            fact = self.book.event(screen, told, self.now())
        except orjson.JSONDecodeError:
            self._bad = BadEvent(f"screen {screen} sends no JSON", f"屏幕 {screen} 发送的不是 JSON").words
            return
        except BadEvent as error:
            self._bad = {"en": f"{screen}: {error.words['en']}", "zh": f"{screen}：{error.words['zh']}"}
            await _say(line, {"refused": told.get("e") if isinstance(told, dict) else None, "why": str(error)})
            return
        self._bad = None
        number, loop = told["e"], self.link

        def stored(kept: bool) -> None:
            """In the driver's thread. What the store refuses helps nobody to be sent again."""
            if loop is not None and loop is self.link:
                loop.start(_say(line, {"got": number} if kept else {"refused": number, "why": "the store refuses it"}))

        while not self.inbox.put(fact, stored, 0.0):
            await asyncio.sleep(ROOM_S)

    def session(self, link: LoopThread) -> Facts:
        yield from self.inbox.flow(self.stopping, self._look)

    def _look(self) -> None:
        """Tell what has changed, in any thread, and before anything that a screen says."""
        self.inbox.tell(self._changes())

    def _changes(self) -> Iterator[Fact]:
        with self._lock:
            here = set(self._lines)
        for screen in sorted({*here, *self.config.screens, *self._watches} - {self.device}):
            watch = self._watches.setdefault(screen, DeviceWatch(screen, self.kind, self.context.language))
            there = screen in here
            fact = watch.note("online" if there else "offline", self.now(), code="" if there else "offline", words=HERE if there else LOST)
            if fact is not None:
                yield Fact(fact.received, fact.stream, self.device, fact.data)
        yield from self.tell("online")

    def tell(self, state: Any, **more: Any) -> Iterator[Fact]:
        """All is well while all screens are there, or any where none is named."""
        if state == "online":
            with self._lock:
                here = set(self._lines)
            missing = sorted(set(self.config.screens) - here)
            if not here:
                state, more = "offline", {"code": "no_screen", "words": NONE, **more}
            elif missing:
                shown = ", ".join(missing)
                words = {"en": f"not connected: {shown}", "zh": f"未连接：{shown}"}
                state, more = "degraded", {"code": "screens_missing", "words": words, **more}
            elif self._bad is not None:
                state, more = "degraded", {"code": "bad_message", "words": self._bad, **more}
            more = {"figures": {"screens": float(len(here))}, **more}
        yield from super().tell(state, **more)

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        """By the screens that it names; where it names none, by those that are connected."""
        screen = str(data[self.name_key])
        if self.config.screens:
            return screen in self.config.screens
        with self._lock:
            return True if screen in self._lines else None

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        screen = str(data[self.name_key])
        if self.config.screens and screen not in self.config.screens:
            raise DeviceError(Code.NO_EXIST, f"there is no screen {screen}", f"没有屏幕 {screen}")
        with self._lock:
            line, loop = self._lines.get(screen), self.link
        if line is None or loop is None:
            raise DeviceError(Code.OFFLINE, f"screen {screen} is not connected", f"屏幕 {screen} 未连接")
        shown = self.book.show(screen, data)
        if shown.state != "shown":
            loop.start(_say(line, shown.message(again=False)))
            self.book.wait(shown, screen, self.config.ack_s)
        return ()


class _Closing:
    """A server that can be closed from another thread."""

    def __init__(self, server: Any) -> None:
        self._server, self._loop = server, asyncio.get_running_loop()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)

    async def wait_closed(self) -> None:
        await self._server.wait_closed()


async def _say(line: Any, message: Mapping[str, Any]) -> None:
    """To one that has gone nothing is said: it asks again when it is back."""
    from websockets.exceptions import ConnectionClosed

    with suppress(ConnectionClosed):
        await line.send(orjson.dumps(message).decode())
