"""What an agent and its control plane say to each other, as JSON over HTTPS; `PREFIX` stands before every address.

| address | asked with | answered with |
|---|---|---|
| `POST /enrol` | Enrol | Enrolled |
| `GET /agent/desired?wait=60` (`If-None-Match: "NUMBER"`) | | Desired, or 304 when nothing is newer within `wait` seconds |
| `POST /agent/reports` | Reports | Taken |
| `POST /agent/token` | | NewToken, the old one is good for another hour |
| `GET /tuf/metadata/FILE`, `GET /tuf/targets/PATH` | | the chain's repository (TUF), byte ranges allowed |

A 304 with `Retry-After: S` means that no place to wait was free: ask again after S seconds, not at once. Asked without `If-None-Match` the
desired state is told anew, with windows from now on; an agent whose windows are all past asks so. `POST /agent/reports` may be sent with
`Content-Encoding: gzip`.

Both ends take unknown keys of the other without a word, so that either may be the newer one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

PREFIX = "/api/v1"

State = Literal[
    "enrolled",  # has a token, runs nothing yet
    "downloading",
    "installing",  # wheels into the release's own environment
    "checking",  # dry check against what is installed and the real devices
    "waiting",  # ready, until the store's window opens
    "switching",
    "watching",  # runs it, until the health window is over
    "good",  # runs what it should, and it proved good
    "falling_back",
    "refused",  # cannot or will not run what it should; runs what it did before
]


class Said(BaseModel):
    """What comes from the other end."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Machine(Said):
    """What wheels must fit where an agent installs them: its Python (`3.11.2`), the platforms whose wheels it takes, the best first, the
    values of PEP 508's markers, and the versions of the distributions that are installed there, by canonical name."""

    python: str = Field(max_length=50, pattern=r"^[0-9]+\.[0-9]+")
    platforms: list[Annotated[str, Field(max_length=100)]] = Field(max_length=500)
    markers: dict[Annotated[str, Field(max_length=50)], Annotated[str, Field(max_length=300)]] = Field(max_length=30)
    installed: dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=100)]] = Field(max_length=5000)


class Enrol(Said):
    """A one-time code, and the agent's X25519 public key (base64, 32 bytes) to which its store's secrets will be sealed."""

    code: str = Field(max_length=100)
    public_key: str = Field(max_length=64)
    version: str = Field("", max_length=50)
    machine: Machine | None = None


class Enrolled(Said):
    """Who the agent is, its token, and the root of trust (TUF root metadata, base64) that it pins from now on."""

    chain: str
    store: str
    token: str
    expires: AwareDatetime
    root: str


class Wheel(Said):
    """A file that a release needs beside the bundle: a target of the repository."""

    target: str
    sha256: str
    length: int


class Sealed(Said):
    """A secret, sealed to the agent's key (base64)."""

    sealed: str
    version: int


class Switch(Said):
    """When the store may change over (UTC); outside of it the agent waits, ready."""

    begins: AwareDatetime
    ends: AwareDatetime


class Desired(Said):
    """What a store is to run. `number` rises with every change; `release` null: nothing yet. `wish` rises when somebody wants a release of
    the store, the same one anew too, and not with what else changes (a window, a secret); null: the control plane does not say.

    `target` is the store's packed bundle in the repository. `health_s` is how long a new release is watched before it counts as good;
    `windows` are the next times at which the store may change over, null: at any time. `withdrawn` are releases that must not run again,
    not even to fall back to.
    """

    number: int
    wish: int | None = None
    release: str | None = None
    release_number: int | None = None
    target: str | None = None
    wheels: list[Wheel] = Field(default_factory=list)
    secrets: dict[str, Sealed] = Field(default_factory=dict)
    windows: list[Switch] | None = None
    health_s: int = 900
    withdrawn: list[str] = Field(default_factory=list)


class Report(Said):
    """One thing that an agent tells, numbered by itself from 1 on; sent until it is taken.

    `kind`: `state` (`data.state`, and `data.reason` in en and zh where it is not well), `health` (a look at the running store:
    `data.ok`, `data.solutions` by instance {state, failures, handled}: counted since the store process began, `data.devices`
    {id: {kind, state, text}}), `figures`
    (`data.figures`: [{instance, solution, name, unit, span, begins, value, weight, how}]: how a figure stands so far on the store's day
    that `begins` then (`span` `day`), or in an hour (`hour`); `how` is `sum`, `mean`, `last`, `max`, `min`, `median` or a percentile).
    """

    seq: int = Field(ge=1, le=2_000_000_000)
    at: AwareDatetime
    kind: Literal["state", "health", "figures"]
    release: str | None = None
    data: dict[str, Any]


class Reports(Said):
    """Reports in order, and what the agent runs and is at now.

    `made` is the number of the newest report that it has made (sent or not), so that an older message that comes late changes nothing;
    every change of `state` is a report too. `state` is the agent's way to the desired state `desired_number`. `machine` comes once after
    the agent began to work.
    """

    reports: list[Report] = Field(max_length=500)
    made: int = Field(0, ge=0, le=2_000_000_000)
    running: str | None = None
    state: State
    desired_number: int = 0
    version: str = ""
    machine: Machine | None = None


class Taken(Said):
    """Up to which report all is stored, and the control plane's time."""

    seq: int
    now: datetime


class NewToken(Said):
    """The agent's next token."""

    token: str
    expires: AwareDatetime
