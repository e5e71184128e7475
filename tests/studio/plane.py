"""A control plane over real HTTP for tests of the studio's pages of a chain: one chain, a person of each role, stores on a template.

`python -m tests.studio.plane FOLDER` serves one with agents that do as they are told, and prints its address: to look at pages by hand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

from werkzeug.serving import make_server

from storeloom.core.control.api.resources import RESOURCES
from storeloom.core.control.api.serve import create_app
from storeloom.core.control.client import PREFIX, Access, FleetClient
from storeloom.core.control.database import connect, make_tables, writing
from storeloom.core.control.identity.passwords import Passwords
from storeloom.core.control.identity.scopes import ROLE_SCOPES
from storeloom.core.control.identity.tokens import issue
from storeloom.core.control.models.fleet import Region
from storeloom.core.control.models.identity import Chain, User
from storeloom.core.control.rollout.ticker import tick
from storeloom.core.control.services import Services
from storeloom.core.control.trust.ceremony import found_alone
from storeloom.studio.members import Member

CHAIN, PASSWORD = "north", "correct horse battery staple"
PEOPLE = ("admin", "integrator", "operator", "viewer", "vendor")
DEVICES = {"esl-1": {"kind": "esl_gateway"}, "gate-1": {"kind": "gate"}, "lamp-1": {"kind": "lighting"}, "till-1": {"kind": "pos"}}
BASIC: dict[str, Any] = {"solutions": {"esl_price_sync": {"config": {"rise_lead_s": 300}}}}
STORES = ("a", "b", "c")


def profile(store: str, **more: Any) -> dict[str, Any]:
    """A small whole store profile."""
    place = {"zone": "Asia/Shanghai", "format": "supermarket", "hours": {"open": "08:00", "close": "22:00"}, "devices": DEVICES}
    return {"document": "store/1", "store": store, "currency": "CNY", "language": "zh", **place, **more}


class Plane:
    """The control plane, served; `ask(role)` asks as somebody, `member(role)` is that person as a page knows it."""

    def __init__(self, folder: Path, stores: tuple[str, ...] = STORES) -> None:
        url = f"sqlite:///{folder / 'control.db'}"
        engine = connect(url)
        make_tables(engine)
        self.services = Services(engine, folder / "control")
        self.tokens: dict[str, str] = {}
        self._people()
        found_alone(self.services.trust(CHAIN), folder / "offline", bits=2)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        app = create_app(self.services, RESOURCES)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        ask = self.ask("integrator")
        ask.post("/designs", {"id": "basic", "level": "template", "name": "Basic", "body": BASIC})
        for at, store in enumerate(stores):
            new = {"id": store, "name": f"Store {store.upper()}", "ring": min(at, 1), "tags": ["city"], "profile": profile(store)}
            ask.post("/stores", {**new, "region": "east" if at < 2 else "west"})
            ask.post(f"/stores/{store}/design", {"template": "basic"})
        self.version = 1

    def _people(self) -> None:
        now = datetime.now(UTC)
        with writing(self.services.engine) as session:
            session.add(Chain(id=CHAIN, name="North", created=now))
            session.flush()
            session.add_all(Region(chain=CHAIN, id=name, name=name.title()) for name in ("east", "west"))
            secret = Passwords().hashed(PASSWORD)
            for role in PEOPLE:
                vendor = "acme" if role == "vendor" else None
                who = {"id": role, "email": f"{role}@{CHAIN}.example", "name": role, "role": role, "vendor": vendor}
                session.add(User(chain=CHAIN, password=secret, created=now, **who))
                session.flush()
                self.tokens[role] = issue(session, CHAIN, now, user=role)[1]

    def ask(self, role: str) -> FleetClient:
        return FleetClient(Access(self.url, self.tokens[role]), "en", tries=1)

    def member(self, role: str) -> Member:
        vendor = "acme" if role == "vendor" else None
        return Member(self.url, self.tokens[role], CHAIN, role, ROLE_SCOPES[role], f"{role}@{CHAIN}.example", vendor)

    def design(self, config: dict[str, Any], **solutions: Any) -> None:
        """The template's next revision, and every store brought to it."""
        body = {"solutions": {"esl_price_sync": {"config": config}, **solutions}}
        ask = self.ask("integrator")
        ask.put("/designs/basic", {"name": "Basic", "body": body}, str(self.version))
        self.version += 1
        ask.post("/designs/basic/moves", {"to": self.version})

    def release(self, name: str = "spring", **choice: Any) -> dict[str, Any]:
        """A release that stands."""
        ask = self.ask("integrator")
        job = ask.post("/releases", {"name": name, **({"choice": choice} if choice else {})}).body
        while job["state"] not in ("done", "failed"):
            time.sleep(0.02)
            job = ask.get(f"/release-jobs/{job['id']}").body
        assert job["state"] == "done", job
        return dict(ask.get(f"/releases/{job['release']}").body)

    def rollout(self, release: str, *, start: bool = True, **way: Any) -> str:
        """A roll-out; its id."""
        digest = self.ask("viewer").post("/plans", {"release": release}).body["digest"]
        strategy = {"waves": [{"name": "canary", "rings": [0]}, {"name": "rest", "percent": 100}], "soak_s": 0, "errors": None, **way}
        body = {"release": release, "strategy": strategy, "plan_digest": digest, "start": start}
        return str(self.ask("operator").post("/rollouts", body).body["id"])

    def agent(self, store: str) -> SaidAgent:
        """The store's agent, enrolled."""
        code = self.ask("operator").post(f"/stores/{store}/enrolment", None).body["code"]
        return SaidAgent(self.url, code)

    def tick(self) -> None:
        tick(self.services)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.services.releaser.join(5)
        self.services.engine.dispose()


class SaidAgent:
    """An agent that says what a test has it say."""

    def __init__(self, url: str, code: str) -> None:
        key = base64.b64encode(code.encode().ljust(32, b"x")[:32]).decode()
        anybody = FleetClient(Access(url, ""), "en", tries=1)
        told = anybody.post("/enrol", {"code": code, "public_key": key, "version": "1.0"}).body
        self.state = "enrolled"
        self.url, self.token, self.store, self.events = url, str(told["token"]), str(told["store"]), 0
        self._ask, self.seq, self.number, self.running = FleetClient(Access(url, self.token), "en", tries=1), 0, 0, None

    def wants(self) -> dict[str, Any]:
        told = dict(self._ask.get("/agent/desired").body)
        self.number = told["number"]
        return told

    def say(self, kind: str, state: str = "", /, **data: Any) -> None:
        """One report; `state` is what the agent is at from now on."""
        self.seq += 1
        self.state = state = state or self.state
        at = datetime.now(UTC).isoformat()
        one = {"seq": self.seq, "at": at, "kind": kind, "release": self.running, "data": data or {"state": state}}
        where = {"running": self.running, "state": state, "desired_number": self.number, "version": "1.0", "made": self.seq}
        self._ask.post("/agent/reports", {"reports": [one], **where})

    def obey(self, *states: str) -> None:
        """Run what is wanted, by these states."""
        told = self.wants()
        if told["release"] != self.running and self.state != "refused":
            for state in states or ("downloading", "switching", "watching", "good"):
                self.running = told["release"] if state in ("watching", "good") else self.running
                self.say("state", state)

    def well(self) -> None:
        devices = {name: {"kind": facts["kind"], "state": "online", "text": ""} for name, facts in DEVICES.items()}
        solutions = {"esl_price_sync": {"state": "level", "failures": 1, "handled": 250}}
        self.say("health", ok=True, solutions=solutions, devices=devices)

    def figures(self, value: float, **more: Any) -> None:
        """How a figure of a solution stands on the store's day."""
        day = datetime.now(ZoneInfo("Asia/Shanghai")).replace(hour=0, minute=0, second=0, microsecond=0)
        one = {"instance": "esl_price_sync", "solution": "esl_price_sync", "span": "day", "begins": day.isoformat(), "weight": 1.0}
        kpi, unit = "labels_updated", "count"
        self.say("figures", figures=[{**one, "name": kpi, "unit": unit, "how": "sum", "value": value, **more}])

    def alert(self, state: str = "open", text: str = "price differs", **more: Any) -> None:
        """An alert in the store's log, sent up."""
        self.events += 1
        data = {"alert": "label-1", "kind": "label_unconfirmed", "severity": "high", "state": state, "text": text, **more}
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        event = {"seq": self.events, "id": f"e{self.events}", "stream": "alert.raise", "time": at, "source": "esl_price_sync", "data": data}
        body = json.dumps({**event, "store": self.store, "received": at, "hops": 0, "cause": 0}).encode() + b"\n"
        before = self.events - 1
        span = {"generation": 1, "after": before, "after_event": f"e{before}" if before else "", "last": self.events}
        query = urlencode({**span, "last_event": f"e{self.events}", "lost": 0})
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        heads = {"Authorization": f"Bearer {self.token}", "Content-Digest": f"sha-256=:{digest}:", "Content-Type": "application/x-ndjson"}
        asked = Request(f"{self.url}{PREFIX}/stores/{self.store}/events?{query}", body, heads)
        with urlopen(asked) as answer:
            assert answer.status == 200


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    plane = Plane(folder, tuple(f"s{number:02}" for number in range(1, 13)))
    agents = [plane.agent(f"s{number:02}") for number in range(1, 12)]
    print(json.dumps({"url": plane.url, "tokens": plane.tokens}), flush=True)
    round = 1
    while True:
        for at, agent in enumerate(agents):
            agent.obey(*(("downloading", "refused") if at == 10 else ()))
            agent.well()
            agent.figures(round * (at + 3))
            if round == 3 and at < 2:
                agent.alert()
        round += 1
        plane.tick()
        time.sleep(2)


if __name__ == "__main__":
    sys.exit(main())
