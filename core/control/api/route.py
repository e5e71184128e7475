"""How an address of the API is declared: method, path, the scope that it needs, the forms of what comes in and goes out.

From the declarations come the Flask rules, the OpenAPI document and the tests that ask every address as everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from storeloom.core.control.identity.scopes import SCOPES, Principal

if TYPE_CHECKING:
    from storeloom.core.control.services import Services
    from storeloom.core.kernel.registry import Registry

ANYBODY = "anybody"
Item = TypeVar("Item")
Instant = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(9000, 1, 1, tzinfo=UTC))]


class Wire(BaseModel):
    """What goes over the wire: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Wire):
    """Which stretch of a list: at most `limit` items behind the cursor `after`, which is the `next` of the page before."""

    limit: int = Field(100, ge=1, le=500)
    after: str | None = Field(None, max_length=500)


class Page(BaseModel, Generic[Item]):
    """A stretch of a list; `next` is the cursor behind it, null at the end."""

    items: list[Item]
    next: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a call answers: a body of the declared form, and what stands in the head. `version` becomes the ETag."""

    body: Any = None
    status: int | None = None
    version: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Later:
    """What a call gives back whose answer is still to come: `finish` makes it once the transaction is over and its connection is back."""

    finish: Callable[[], Answer]


@dataclass
class Call:
    """A request, understood. `session` is there for as long as the call runs, its transaction ends with the answer; one that only reads
    is begun when it is first asked for.

    `if_match` is the version that the client believes in. An address with `own_session` gets none and opens its own.
    """

    principal: Principal
    path: Mapping[str, str]
    query: Any
    body: Any
    now: datetime
    services: Services
    address: str = ""
    if_match: str | None = None
    if_none_match: str | None = None
    range: str | None = None
    _language: Callable[[], str] = lambda: "en"
    _session: Session | None = None
    _begin: Callable[[], Session] | None = None

    @property
    def lang(self) -> str:
        """The reader's language."""
        return self._language()

    @property
    def session(self) -> Session:
        if self._session is None:
            if self._begin is None:
                raise RuntimeError("this address opens its own sessions")
            self._session = self._begin()
        return self._session

    @property
    def chain(self) -> str:
        return self.principal.chain

    @cached_property
    def registry(self) -> Registry:
        """The plugins that the asker's chain composes with."""
        return self.services.catalogues.of(self.session, self.chain)


Returned = TypeVar("Returned", bound=Answer | Later)


@dataclass(frozen=True)
class Route:
    """One address; a part `{path}` at its end takes slashes. `body`, `query` and `answer` are forms; `raw` takes or gives bytes of that
    media type instead of JSON. Packed (gzip) a body has at most `max_body` bytes, unpacked `max_unpacked`; `digest` demands a
    `Content-Digest` over the bytes as sent.

    `writes` opens a writing transaction; `versioned` demands an `If-Match` where something that stands is changed; `conditional` answers
    304 to an `If-None-Match` that names what stands; `ranges` answers 206 with the stretch of bytes that a `Range` asks for. `told_once`:
    the answer holds a secret, and is never kept for an `Idempotency-Key`.
    """

    method: str
    path: str
    scope: str
    call: Callable[[Call], Answer | Later]
    summary: str
    summary_zh: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: Any = None
    status: int = 200
    raw_in: str | None = None
    raw_out: str | None = None
    versioned: bool = False
    own_session: bool = False
    told_once: bool = False
    conditional: bool = False
    ranges: bool = False
    digest: bool = False
    max_body: int = 1 << 20
    max_unpacked: int | None = None

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def name(self) -> str:
        """The operation's id, as generated clients call it."""
        return f"{self.call.__module__.rsplit('.', 1)[-1]}_{self.call.__name__}"


class Resource:
    """The addresses of one resource; `name` groups them in the document."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.routes: list[Route] = []

    def route(
        self, method: str, path: str, scope: str, summary: str, summary_zh: str, **more: Any
    ) -> Callable[[Callable[[Call], Returned]], Callable[[Call], Returned]]:
        """Declare the decorated function as an address: `@stores.route("GET", "/stores", "stores:read", "List stores", "门店列表")`."""
        if scope not in (*SCOPES, ANYBODY):
            raise ValueError(f"no scope '{scope}'; known: {', '.join(SCOPES)}")

        def declare(call: Callable[[Call], Returned]) -> Callable[[Call], Returned]:
            self.routes.append(Route(method, path, scope, call, summary, summary_zh, **more))
            return call

        return declare
