"""Documents that are fetched over HTTP again and again: only when they have changed (ETag, Last-Modified: RFC 9110, 13), and of what they
hold only what is new."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.http_client import Peer
from storeloom.hardware_adapters.links.http_driver import HttpConfig, HttpDriver

MOST_BYTES = 16 << 20


class FeedConfig(HttpConfig):
    """Where the document is and how often it is looked at."""

    look_s: float = setting(900.0, "Time between looks", "查看间隔", unit="s", effect="restart", gt=0, le=86400)
    query: dict[str, str] = setting(dict, "Parameters of the address", "地址参数", effect="restart")
    key_parameter: str = setting(
        "",
        "Parameter that bears the access token; empty: the Authorization header",
        "携带访问令牌的地址参数，留空则用 Authorization 头",
        effect="restart",
    )


class Document(NamedTuple):
    """What was fetched, and when it was made, as its source says."""

    content: bytes
    made: datetime | None


class FeedDriver(HttpDriver):
    """Base of such drivers: `read` gives the facts in a document, `bad` takes note of what in it makes no sense."""

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._marks: dict[str, str] = {}
        self._told: dict[str, str] = {}

    @abstractmethod
    def read(self, document: Document) -> Iterable[Fact]:
        """The facts in a document, each with time and key. DeviceError where nothing in it makes sense."""

    def parameters(self) -> Mapping[str, str]:
        """Parameters of the address beside those of the config."""
        return {}

    def peer(self) -> Peer:
        peer = replace(super().peer(), most_bytes=MOST_BYTES)
        return replace(peer, token="", hidden=(*peer.hidden, peer.token)) if self.config.key_parameter else peer

    def look(self) -> Iterator[Fact]:
        document, marks = self.fetch()
        if document is None:
            return
        self._wrong: Mapping[str, str] | None = None
        now_told: dict[str, str] = {}
        for fact in self.read(document):
            name = f"{fact.stream}|{fact.key}"
            digest = hashlib.sha256(orjson.dumps(self.content_of(fact), option=orjson.OPT_SORT_KEYS)).hexdigest()
            now_told[name] = digest
            if self._told.get(name) != digest:
                yield fact
        self._told, self._marks = now_told, marks
        self.odd(self._wrong)

    def content_of(self, fact: Fact) -> Mapping[str, Any]:
        """What of a fact makes it another."""
        return fact.data

    def bad(self, en: str, zh: str) -> None:
        """Take note of something in the document that makes no sense; the first is told."""
        self._wrong = self._wrong or {"en": en, "zh": zh}

    def fetch(self) -> tuple[Document | None, dict[str, str]]:
        """The document with what tells it from a later one; None in its place where it is as before."""
        config = self.config
        if getattr(config, "file", ""):
            return self._from_file(Path(config.file))
        query = {**self.parameters(), **config.query}
        if config.key_parameter:
            query[config.key_parameter] = self.told_secret(config.token)
        asked = {"etag": "if-none-match", "last-modified": "if-modified-since"}
        headers = {asked[name]: value for name, value in self._marks.items()}
        answer = self.client.call("GET", what="document", params=query, headers=headers, also=(304,), at=self.now())
        if answer.status == 304:
            return None, self._marks
        marks = {name: answer.headers[name] for name in asked if name in answer.headers}
        return Document(answer.body, _date(answer.headers.get("last-modified") or answer.headers.get("date", ""))), marks

    def _from_file(self, path: Path) -> tuple[Document | None, dict[str, str]]:
        about = path.stat()
        marks = {"file": f"{about.st_mtime_ns}|{about.st_size}"}
        if marks == self._marks:
            return None, marks
        if about.st_size > MOST_BYTES:
            raise DeviceError(Code.FAILURE, f"{path.name} has more than {MOST_BYTES} bytes", f"{path.name} 超过 {MOST_BYTES} 字节")
        return Document(path.read_bytes(), datetime.fromtimestamp(int(about.st_mtime), UTC)), marks

    def place(self) -> str:
        return str(getattr(self.config, "file", "") or self.config.address)


def _date(text: str) -> datetime | None:
    try:
        time = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
