"""How an address of the API is declared: method, path, the scope that it needs, the forms of what comes in and goes out.

From the declarations come the Flask rules, the OpenAPI document and the tests that ask every address as everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from storeloom.core.control.identity.scopes import SCOPES, Principal

if TYPE_CHECKING:
    from storeloom.core.control.services import Services

ANYBODY = "anybody"
Item = TypeVar("Item")


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


@dataclass
class Call:
    """A request, understood. `session` is open for as long as the call runs, its transaction ends with the answer.

    `if_match` is the version that the client believes in. An address with `own_session` gets none and opens its own.
    """

    principal: Principal
    path: Mapping[str, str]
    query: Any
    body: Any
    now: datetime
    lang: str
    services: Services
    address: str = ""
    if_match: str | None = None
    if_none_match: str | None = None
    _session: Session | None = None

    @property
    def session(self) -> Session:
        if self._session is None:
            raise RuntimeError("this address opens its own sessions")
        return self._session

    @property
    def chain(self) -> str:
        return self.principal.chain


@dataclass(frozen=True)
class Route:
    """One address. `body`, `query` and `answer` are forms; `raw` takes or gives bytes of that media type instead of JSON.

    `writes` opens a writing transaction; `versioned` demands an `If-Match` where something that stands is changed.
    """

    method: str
    path: str
    scope: str
    call: Callable[[Call], Answer]
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
    max_body: int = 1 << 20

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
    ) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
        """Declare the decorated function as an address: `@stores.route("GET", "/stores", "stores:read", "List stores", "门店列表")`."""
        if scope not in (*SCOPES, ANYBODY):
            raise ValueError(f"no scope '{scope}'; known: {', '.join(SCOPES)}")

        def declare(call: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
            self.routes.append(Route(method, path, scope, call, summary, summary_zh, **more))
            return call

        return declare
