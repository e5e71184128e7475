"""A screen whose player fetches its schedule over HTTP: the player page that comes with it, in any browser, or one that speaks the same.

Under `http://LISTEN/DEVICE/` the page lies. Beside it:

- `GET schedule?player=ID&queued=N&faults=WORDS`: the schedule (see `signage.schedule`) with `now`, the store's time; `ETag` is its
  version. `faults` names, with commas between, what the player cannot show. 503 with `Retry-After` while this driver does not know any
  (it was started anew without a folder): a player then keeps what it has.
- `GET media/HASH/NAME`: a file, which never changes under its hash.
- `POST played`: `{"reports": [...]}`; 200 once all are stored, `{"taken": [numbers], "refused": [numbers]}`; 503 to try again.

With `token` all but the page itself wants `Authorization: Bearer TOKEN`; the page takes it from `#token=...` in its address once. Pictures
and films lie in `folder` under the names of their assets; what has no file is shown as text. There the schedule is kept, too, so that it
outlasts a restart. A screen without a player for `silence_s` is offline.

Browsers keep a page while the network is away (service worker) only from HTTPS or from the machine itself, so a store that wants that puts
a reverse proxy with a certificate before it, or runs the player on this host.
"""

from __future__ import annotations

import hmac
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.links.driver import Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.inbox import Inbox
from storeloom.hardware_adapters.links.web import Answer, Request, serving
from storeloom.hardware_adapters.signage.schedule import BadReport, Folder, Schedule

PAGE = {"": ("player.html", "text/html; charset=utf-8"), "sw.js": ("sw.js", "text/javascript; charset=utf-8")}
PAGE["player.js"] = ("player.js", "text/javascript; charset=utf-8")
POLICY = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; object-src 'none'"
SHELL = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
MEDIA = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif", "avif": "image/avif"}
MEDIA |= {"svg": "image/svg+xml", "mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm", "ogv": "video/ogg"}
JSON = "application/json"
STORE_S, LOOK_S, PIECE, MOST_REPORTS = 5.0, 0.1, 1 << 16, 500
ALONE = {"en": "no player fetches its schedule", "zh": "没有播放器获取播放计划"}


class HttpSignage(LinkDriver[None]):
    zh, en = "HTTP 数字标牌", "Signage over HTTP"
    purpose_zh = "为屏幕提供网页播放器、播放计划与媒体文件；断网续播，按优先级与时段切换，播放记录逐条确认、恢复后补报。"
    kind = "signage"
    feeds = ("sign.played", "device.status")
    takes = ("sign.play",)
    capabilities = ("image", "video", "text", "priority", "window", "offline")
    twin = "storeloom.hardware_adapters.signage.http_signage_twin:HttpSignageTwin"

    class Config(SolutionConfig):
        listen: str = setting("0.0.0.0:8095", "Address to answer at (HOST:PORT)", "监听地址（主机:端口）", effect="restart")
        folder: str = setting("", "Folder with pictures and films", "图片与视频所在文件夹", effect="restart")
        token: str = setting("", "Secret that players show", "播放器访问令牌的密钥名", effect="restart", widget="secret")
        poll_s: float = setting(5.0, "Time between a player's looks", "播放器轮询间隔", unit="s", ge=0.05, le=300)
        silence_s: float = setting(30.0, "Time without a player that counts as offline", "判定离线的无播放器时长", unit="s", gt=0, le=3600)
        most_entries: int = setting(500, "Entries in the schedule at most", "播放计划条目上限", effect="restart", ge=1, le=10_000)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.inbox = Inbox()
        self.folder = Folder(config.folder)
        self.schedule = Schedule(device, self.folder.media, config.most_entries)
        self._known = False
        self._token: bytes | None = None
        self._players: dict[str, tuple[float, int, str]] = {}
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._restored = False
        self._saved = ""

    def place(self) -> str:
        return f"{self.config.listen}/{self.device}/"

    @contextmanager
    def connect(self) -> Iterator[None]:
        self._token = self.secret(self.config.token).encode() if self.config.token else None
        self._restore()
        with serving(self.config.listen, f"/{self.device}/", self._answer):
            yield None

    def session(self, link: None) -> Facts:
        yield from self.inbox.flow(self.stopping, self._look)

    def _look(self) -> None:
        """Tell what has changed, in any thread, and before what a player says."""
        self.inbox.tell(self.tell("online"))

    def tell(self, state: Any, **more: Any) -> Iterator[Fact]:
        """The screen is as well as its players are."""
        if state == "online":
            now = time.monotonic()
            with self._lock:
                self._players = {name: one for name, one in self._players.items() if now - one[0] < self.config.silence_s}
                players = list(self._players.values())
            faults = sorted({one[2] for one in players if one[2]})
            figures = {"players": float(len(players)), "reports_waiting": float(sum(one[1] for one in players))}
            if not players:
                state, more = "offline", {"code": "no_player", "words": ALONE, **more}
            elif faults:
                shown = ", ".join(faults)
                state, more = "degraded", {"code": "not_shown", "words": {"en": f"not shown: {shown}", "zh": f"无法播放：{shown}"}, **more}
            more = {"figures": figures, **more}
        yield from super().tell(state, **more)

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        self._restore()
        self.schedule.play(data, self.now())
        self._known = True
        self._save()
        return ()

    @property
    def _file(self) -> Path | None:
        return None if self.folder.path is None else self.folder.path / f".schedule-{self.device}.json"

    def _restore(self) -> None:
        """Take up the schedule as it was before a restart. DeviceError where its file cannot be read."""
        file = self._file
        if self._restored or file is None:
            return
        with self._saving:
            if not self._restored:
                try:
                    self.schedule.restore(orjson.loads(file.read_bytes()))
                except FileNotFoundError:
                    pass
                except (OSError, ValueError, KeyError, TypeError) as error:
                    raise DeviceError(Code.FAILURE, f"{file} holds no schedule: {error}", f"{file} 不是播放计划：{error}") from error
                self._restored = self._known = True

    def _save(self) -> None:
        file = self._file
        if file is None:
            return
        with self._saving:
            document = self.schedule.document(self.now())
            if document["version"] == self._saved:
                return
            new = file.with_suffix(".new")
            try:
                with new.open("wb") as out:
                    out.write(orjson.dumps(document))
                    out.flush()
                    os.fsync(out.fileno())
                new.replace(file)
                self._saved = document["version"]
            except OSError as error:
                raise DeviceError(
                    Code.FAILURE, f"{file} cannot be written: {error.strerror}", f"无法写入 {file}：{error.strerror}"
                ) from error

    def _answer(self, asked: Request) -> Answer:
        wanted = "POST" if asked.path == "played" else "GET"
        if asked.method != wanted:
            return Answer(405, headers={"Allow": wanted})
        if asked.path in PAGE:
            name, kind = PAGE[asked.path]
            body = files("storeloom.hardware_adapters.signage").joinpath("player", name).read_bytes()
            return Answer(
                200, kind, [body], {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
            )
        given = asked.headers.get("authorization", "").encode()
        if self._token is not None and not hmac.compare_digest(given, b"Bearer " + self._token):
            return Answer(401, body=[b"a token is wanted\n"], headers={"WWW-Authenticate": "Bearer"})
        if asked.path == "schedule":
            return self._handed_out(asked)
        if asked.path == "played":
            return self._taken(asked.body)
        return self._file_of(asked.path)

    def _handed_out(self, asked: Request) -> Answer:
        player, queued = asked.query.get("player", "")[:64], asked.query.get("queued", "0")
        if player:
            with self._lock:
                self._players[player] = (time.monotonic(), int(queued) if queued.isdigit() else 0, asked.query.get("faults", "")[:200])
            self._look()
        if not self._known:
            return Answer(503, body=[b"no schedule is known yet\n"], headers={"Retry-After": "5"})
        document = self.schedule.document(self.now())
        tag = f'"{document["version"]}"'
        headers = {"ETag": tag, "Cache-Control": "no-store", "X-Store-Time": rfc3339(self.now())}
        if asked.headers.get("if-none-match") == tag:
            return Answer(304, JSON, headers=headers)
        told = {**document, "now": rfc3339(self.now()), "poll_s": self.config.poll_s}
        return Answer(200, JSON, [orjson.dumps(told)], headers)

    def _file_of(self, path: str) -> Answer:
        word, _, rest = path.partition("/")
        tag, _, name = rest.partition("/")
        found = self.folder.file(name) if word == "media" else None
        media = self.folder.media(name) if found is not None else None
        if found is None or media is None or media["hash"] != tag:
            return Answer(404, body=[b"no such file\n"])
        headers = {"Cache-Control": "max-age=31536000, immutable", "Content-Length": str(found.stat().st_size)}
        return Answer(200, MEDIA[found.suffix[1:].lower()], _pieces(found), headers)

    def _taken(self, body: bytes) -> Answer:
        """Reports in; answered once they are stored."""
        try:
            reports = orjson.loads(body)["reports"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            reports = None
        if not isinstance(reports, list) or len(reports) > MOST_REPORTS:
            return Answer(400, body=[f"a JSON object with at most {MOST_REPORTS} reports is wanted\n".encode()])
        facts, taken, refused, why = [], [], [], ""
        for one in reports:
            try:
                facts.append(self.schedule.played(one, self.device, self.now()))
                taken.append(one["number"])
            except BadReport as error:
                why = str(error)
                refused.append(one.get("number") if isinstance(one, dict) else None)
        if not self._stored(facts):
            return Answer(503, body=[b"not stored yet\n"], headers={"Retry-After": "2"})
        return Answer(422 if refused and not taken else 200, JSON, [orjson.dumps({"taken": taken, "refused": refused, "why": why})])

    def _stored(self, facts: Sequence[Fact]) -> bool:
        decided = threading.Semaphore(0)
        until = time.monotonic() + STORE_S
        for fact in facts:
            if not self.inbox.put(fact, lambda _: decided.release(), max(0.0, until - time.monotonic())):
                return False
        left = len(facts)
        while left and time.monotonic() < until and not self.stopping.is_set():
            left -= decided.acquire(timeout=LOOK_S)
        return left == 0


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece
