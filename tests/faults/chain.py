"""A chain as its operator has it: the server, three agents, three stores, each a real process, driven by the command line and the API.

What stands between an agent and the server is a line that can be cut, held, and throttled. Nothing here reaches into a process: what a test
knows it reads from the API, from the stores' logs and from the agents' folders.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from storeloom.core.agent.home import Home
from storeloom.core.agent.releases import Releases
from storeloom.core.agent.store import LocalStore, Look
from storeloom.core.agent.working import told
from storeloom.core.cli import main
from storeloom.core.control.client import PREFIX, Access, FleetClient
from storeloom.core.runtime.reader import LogReader
from tests.agent.wheels import packed_folder, wheel
from tests.commands.live_store import Shop
from tests.conftest import ToyPackage
from tests.faults.chain_line import Line

CHAIN, EMAIL, PASSWORD = "north", "ops@north.example", "correct horse battery staple"
STORES = ("s1", "s2", "s3")
GROUP = "[storeloom.plugins]\ntoyshop = toyshop\n"
BALLAST = 3 << 20  # so that the wheel takes a while to come
LIBRARIES = {"chainlib": "import deeplib\n\nDEEP = deeplib.NAME\n", "deeplib": "NAME = 'deep'\n"}
READY_S, OVER_S = 60.0, 120.0
HERE = Path(__file__).parents[2]


def wait_for(what: str, condition: Callable[[], Any], within_s: float = READY_S, tell: Callable[[], Any] = lambda: "") -> Any:
    """What a condition gives once it holds; AssertionError names it when it does not in time."""
    until = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < until, f"{what}: not within {within_s:.0f} s; {tell()}"
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Site:
    """A store's machine: its agent's folder and process, its line, its till."""

    def __init__(self, name: str, folder: Path, port: int) -> None:
        self.name, self.folder = name, folder
        folder.mkdir()
        self.line = Line(port)
        self.home = Home(folder / "home")
        self.data = self.home.folder / "store"
        self.drop = folder / "drop.jsonl"
        self.drop.touch()
        self.store = LocalStore(self.home.current, self.data, self.home.folder / "store.out")
        self.agent: subprocess.Popen[bytes] | None = None
        self.sold: list[str] = []
        self.env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self.env |= {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(HERE)}

    def start(self, *, quick: bool) -> None:
        """Its agent; a quick one looks five times a second, an ordinary one is `storeloom agent run`."""
        words = [sys.executable, "-m", "tests.faults.chain_agent", str(self.home.folder)]
        with open(self.folder / "agent.err", "ab") as errors:
            self.agent = subprocess.Popen(
                words if quick else command("agent", "run", "--home", self.home.folder), env=self.env, stdout=errors, stderr=errors
            )

    def kill(self) -> None:
        """SIGKILL to the agent."""
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()

    def look(self) -> Look | None:
        return self.store.look()

    @property
    def pid(self) -> int:
        """The store's process."""
        look = self.look()
        assert look is not None, f"{self.name} does not answer"
        return look.status.pid

    def sell(self, count: int = 1, mark: str = "") -> None:
        """So many sales at its till, their receipts with a mark behind the number."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with open(self.drop, "a", encoding="utf-8") as file:
            for _ in range(count):
                receipt = f"{self.name}-{len(self.sold)}{mark}"
                self.sold.append(receipt)
                file.write(json.dumps({"receipt": receipt, "at": at}) + "\n")

    def logged(self) -> tuple[list[str], list[str]]:
        """The receipts that the store's log holds, and what the solution told of them, in their order."""
        if not (self.data / "store.db").is_file():
            return [], []
        reader = LogReader(self.data / "store.db")
        try:
            events = [record.event for record in reader.read()]
        finally:
            reader.close()
        sales = [str(one["receipt"]) for one in events if one.stream == "pos.sale"]
        return sales, [str(one["text"]) for one in events if one.stream == "alert.raise"]

    def status(self) -> dict[str, Any]:
        """What `storeloom agent status` shows."""
        return dict(told(self.home))

    def running(self) -> tuple[Path | None, bool]:
        """The release that the store starts with, and whether it is whole as it was verified."""
        releases = Releases(self.home)
        known = releases.known()
        return releases.linked(), known is not None and releases.whole(known)

    def end(self) -> None:
        self.kill()
        self.store.stop()
        self.line.close()


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "storeloom.core.cli", *map(str, words)]


class Vendor:
    """A vendor whose toys are installed where the server is, and whose wheels it signs by itself."""

    def __init__(self, chain: Chain3) -> None:
        self.chain, self.folder = chain, chain.folder / "vendor"
        self.folder.mkdir()
        self.toys = ToyPackage(self.folder / "site")
        self.shop = Shop(self.toys, self.folder)

    def admit(self) -> None:
        """The ceremony: the vendor's key, the chain's word that it may sign."""
        chain, key = self.chain, self.folder / "acme.pem"
        chain.call("trust", "key", key)
        chain.call("trust", "vendor", "acme", "--add", f"{key}.pub", "--chain", CHAIN, "--folder", chain.control)
        draft = next((chain.control / "trust" / CHAIN).rglob("drafts/targets.json"))
        chain.call("trust", "sign", draft, "--key", chain.folder / "keys" / "targets.pem")
        chain.call("trust", "publish", "--chain", CHAIN, "--folder", chain.control)
        person = {"email": "dev@acme.example", "name": "dev", "role": "vendor", "vendor": "acme", "password": PASSWORD}
        chain.ask.post("/users", person)
        chain.login("vendor", "dev@acme.example")

    def install(self, version: str, evil: str = "") -> list[Path]:
        """The package of a version, indexed, as its wheel, and the wheels of two libraries that it cannot do without, one for the other;
        the server has the package once it is started anew."""
        for name, text in LIBRARIES.items():
            (self.toys.site / f"{name}.py").write_text(text)
        self.shop.add("far", version=version, evil=evil, tail="\nimport chainlib\n\nassert chainlib.DEEP == 'deep'\n")
        sys.path.insert(0, str(self.toys.site))
        try:
            self.shop.index()
        finally:
            sys.path.remove(str(self.toys.site))
            self.toys.forget()
        (self.toys.root / "ballast.txt").write_text(version * (BALLAST // len(version)))
        folder = self.folder / "wheels"
        toys = wheel(folder, "toyshop", version, packed_folder(self.toys.root), requires=("chainlib>=1", "orjson>=3"), entry_points=GROUP)
        needs = {"chainlib": ("deeplib==1.0", "winlib; sys_platform == 'win32'"), "deeplib": ()}
        return [toys, *(wheel(folder, name, "1.0", {f"{name}.py": LIBRARIES[name]}, requires=needs[name]) for name in LIBRARIES)]

    def publish(self, made: list[Path]) -> None:
        """Sign wheels and publish them."""
        chain, output = self.chain, self.folder / f"{made[0].stem}.json"
        settings = ["--settings", chain.settings["vendor"]]
        chain.call("plugin", "sign", *made, "--vendor", "acme", "--key", self.folder / "acme.pem", "--output", output, *settings)
        chain.call("plugin", "publish", *made, "--metadata", output, *settings)


class Chain3:
    """The chain: `ask` is its administrator over HTTP, `call` and `fleet` its command line."""

    def __init__(self, folder: Path, database: str | None = None, *, quick: bool = True) -> None:
        self.folder, self.quick = folder, quick
        folder.mkdir(parents=True, exist_ok=True)
        self.control = folder / "control"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {name: folder / f"{name}.toml" for name in ("ops", "vendor")}
        self.vendor = Vendor(self)
        self.env = {**os.environ, "PYTHONPATH": f"{HERE}:{self.vendor.toys.site}", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        self.env |= {"STORELOOM_PASSWORD": PASSWORD, "PYTHONFAULTHANDLER": "1"} | ({"DATABASE_URL": database} if database else {})
        self.database = database
        self.server: subprocess.Popen[bytes] | None = None
        self.sites = {name: Site(name, folder / name, self.port) for name in STORES}
        self.version = 0

    # processes

    def call(self, *words: object, code: int = 0) -> str:
        """A command to its end: in a process of its own, a quick chain's in this one."""
        if not self.quick:
            done = subprocess.run(command(*words), env=self.env, capture_output=True, text=True, timeout=OVER_S, check=False)
            got, said, errors = done.returncode, done.stdout, done.stderr
        else:
            out, err = io.StringIO(), io.StringIO()
            with mock.patch.dict(os.environ, self.env), redirect_stdout(out), redirect_stderr(err):
                got = main([str(word) for word in words])
            said, errors = out.getvalue(), err.getvalue()
        assert got == code and "Traceback" not in errors, f"{words}: {got} {said} {errors}"
        return said

    def fleet(self, *words: object, code: int = 0) -> str:
        return self.call("fleet", *words, "--settings", self.settings["ops"], "--lang", "en", code=code)

    def start_server(self, **hooks: str) -> None:
        """`storeloom server run`; `hooks` are the crash hooks of `chain_server`."""
        run = ("server", "run", "--folder", self.control, "--listen", f"127.0.0.1:{self.port}", "--lang", "en")
        words = [sys.executable, "-m", "tests.faults.chain_server", *map(str, run)] if hooks else command(*run)
        with open(self.folder / "server.err", "ab") as errors:
            self.server = subprocess.Popen(words, env={**self.env, **hooks}, stdout=errors, stderr=errors)

    def wait_for_server(self) -> None:
        def answers() -> bool:
            assert self.server is not None and self.server.poll() is None, (self.folder / "server.err").read_text()[-2000:]
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            return False

        wait_for("the server answers", answers)

    def stop_server(self, how: int = signal.SIGTERM) -> int:
        assert self.server is not None
        if self.server.poll() is None:
            self.server.send_signal(how)
        try:
            return self.server.wait(40)
        except subprocess.TimeoutExpired:
            self.server.send_signal(signal.SIGABRT)  # it tells where its threads are
            self.server.wait()
            raise AssertionError((self.folder / "server.err").read_text()[-8000:]) from None

    def restart_server(self) -> None:
        assert self.stop_server() == 0, "told to stop it ends in order"
        self.start_server()
        self.wait_for_server()

    def kill_server(self) -> None:
        self.stop_server(signal.SIGKILL)

    # what people do

    def publish_version(self, version: str, evil: str = "") -> None:
        """The vendor's next version, published, and installed where the server is."""
        made = self.vendor.install(version, evil)
        self.vendor.publish(made)
        self.restart_server()

    def found(self) -> None:
        """The chain with its repository, its vendor's first wheel, three stores, their agents enrolled and running."""
        self.call("server", "init", "--folder", self.control, "--chain", CHAIN, "--email", EMAIL)
        self.call("trust", "init", "--folder", self.control, "--chain", CHAIN, "--alone", self.folder / "keys", "--bits", "2")
        made = self.vendor.install("1.0.0")
        self.start_server()
        self.wait_for_server()
        self.login("ops", EMAIL)
        self.vendor.admit()
        self.vendor.publish(made)
        self.design({"limit_c": 4.0})
        for site in self.sites.values():
            self._open(site)
        told = self.fleet("stores")
        assert [line.split()[1] for line in told.splitlines()] == ["enrolled"] * 3, told
        for site in self.sites.values():
            site.start(quick=self.quick)

    def login(self, who: str, email: str) -> None:
        self.call("fleet", "login", CHAIN, email, "--server", self.url, "--settings", self.settings[who])

    def _token(self, who: str) -> str:
        return self.settings[who].read_text().split('token = "')[1].split('"')[0]

    @property
    def ask(self) -> FleetClient:
        return FleetClient(Access(self.url, self._token("ops")), "en")

    def send(self, method: str, path: str, data: bytes, kind: str) -> None:
        """Bytes, from the vendor."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        line.request(method, PREFIX + path, data, {"Authorization": f"Bearer {self._token('vendor')}", "Content-Type": kind})
        answer = line.getresponse()
        text = answer.read()
        line.close()
        assert 200 <= answer.status < 300, (answer.status, text)

    def _open(self, site: Site) -> None:
        till = {"kind": "pos", "adapter": "drop_file", "settings": {"path": str(site.drop)}}
        place = {"zone": "Asia/Shanghai", "format": "supermarket", "hours": {"open": "08:00", "close": "22:00"}}
        profile = {"document": "store/1", "store": site.name, "currency": "CNY", "language": "en", **place, "devices": {"till-1": till}}
        profile |= {"edge": {"cores": 4, "memory_mb": 4096}}
        ring = 0 if site.name == STORES[0] else 1
        self.ask.post("/stores", {"id": site.name, "name": site.name, "ring": ring, "profile": profile})
        own = {"runtime": {"uplink": {"url": f"{site.line.url}/api", "token": "uplink"}}}
        self.ask.post(f"/stores/{site.name}/design", {"template": "basic", "own": own})
        code = self.ask.post(f"/stores/{site.name}/enrolment", None).body["code"]
        self.call("agent", "enrol", "--home", site.home.folder, "--server", site.line.url, "--code", code)

    def design(self, config: Mapping[str, Any]) -> None:
        """The template's next revision, and every store brought to it."""
        body = {"name": "Basic", "body": {"solutions": {"far": {"config": dict(config)}}}}
        if self.version == 0:
            self.ask.post("/designs", {"id": "basic", "level": "template", **body})
        else:
            self.ask.put("/designs/basic", body, str(self.version))
            moved = self.ask.post("/designs/basic/moves", {"to": self.version + 1}).body
            assert len(moved["moved"]) == 3, moved
        self.version += 1

    def release(self, name: str) -> str:
        """`fleet release`; its id."""
        told = json.loads(self.fleet("release", name, "--json"))
        assert told["release"], told
        return str(told["release"]["id"])

    def roll(self, release: str, text: str = "", **way: Any) -> str:
        """`fleet rollout new --start` after a look at the plan, by a strategy in TOML where a text is given; the roll-out's id."""
        file = self.folder / f"strategy.{'toml' if text else 'json'}"
        waves = [{"name": "canary", "rings": [0]}, {"name": "rest", "percent": 100}]
        file.write_text(text or json.dumps({"waves": waves, "health_s": 2, "soak_s": 1, "quiet_s": 60, "errors": False, **way}))
        digest = json.loads(self.fleet("plan", release, "--json"))["digest"]
        words = ("rollout", "new", release, "--strategy", file, "--plan-digest", digest, "--start", "--json")
        return str(json.loads(self.fleet(*words))["id"])

    def steps(self, rollout: str) -> dict[str, str]:
        return {one["store"]: one["state"] for one in self.ask.pages(f"/rollouts/{rollout}/stores")}

    def agent(self, store: str) -> dict[str, Any]:
        return dict(self.ask.get(f"/agents/{store}").body)

    @contextmanager
    def selling(self, every_s: float = 0.3) -> Iterator[None]:
        """Meanwhile every store sells."""
        over = threading.Event()

        def sell() -> None:
            while not over.wait(every_s):
                for site in self.sites.values():
                    site.sell()

        thread = threading.Thread(target=sell, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    # what must hold

    def lacking(self, store: str) -> list[str]:
        """What of a store is not told yet, or told otherwise than it is: sales, alerts, reports."""
        site, found = self.sites[store], []
        sales, alerts = site.logged()
        if sales != site.sold:
            at = next(
                (n for n, pair in enumerate(zip(sales, site.sold, strict=False)) if pair[0] != pair[1]), min(len(sales), len(site.sold))
            )
            otherwise = f"{sales[at : at + 3]} for {site.sold[at : at + 3]} from number {at} on"
            found.append(f"{store}: {len(site.sold)} sold, {len(sales)} in the log, {otherwise}")
        reported = self.agent(store)
        made = site.status()
        came = sum(1 for _ in self.ask.pages("/alerts", {"store": store, "limit": 500}))
        if came != len(alerts):
            found.append(f"{store}: {len(alerts)} alerts, {came} at the control plane")
        if (reported["state"], reported["actual"]) != (made["state"], made["running"]) or made["reports_waiting"]:
            found.append(f"{store}: it is {made['state']} {made['running']}, told {reported['state']} {reported['actual']}")
        return found

    def numbers(self) -> dict[str, list[int]]:
        """The numbers of the reports that the control plane has of each store, in order, read from its database."""
        from sqlmodel import select as choose

        from storeloom.core.control.database import connect, reading
        from storeloom.core.control.models.agents import AgentReport

        engine = connect(self.database or f"sqlite:///{self.control / 'control.db'}")
        try:
            with reading(engine) as session:
                rows = session.exec(choose(AgentReport.store, AgentReport.seq).order_by(AgentReport.store, AgentReport.seq)).all()
        finally:
            engine.dispose()
        return {name: [seq for store, seq in rows if store == name] for name in STORES}

    def verified(self, store: str) -> bool:
        """Whether the bundle that a store starts with is, byte for byte, one that the chain signed for it, and all else of it whole."""
        place, whole = self.sites[store].running()
        if place is None or not whole:
            return False
        facts = json.loads((place / "release.json").read_bytes())
        signed = self.ask.get(f"/releases/{facts['desired']['release']}/stores/{store}/bundle").body
        return bool(_plain(signed) == _plain((place / "bundle.json").read_bytes()))

    def strays(self) -> list[str]:
        """Bundles that are signed though no release names them."""
        from storeloom.core.control.trust.repository import Repository

        repository = Repository(self.control / "trust" / CHAIN, CHAIN, lambda: datetime.now(UTC))
        kept = {row["number"] for row in self.ask.pages("/releases")}
        return [one for number in range(1, max(kept) + 50) if number not in kept for one in repository.bundles(number)]

    def at_any_time(self) -> list[str]:
        """What is wrong at a moment at which anything may be under way: a store that began to sell must go on."""
        wrong = []
        for name, site in self.sites.items():
            place, _ = site.running()
            if place is not None and not self.verified(name):
                wrong.append(f"{name}: starts with {place.name}, which is not whole or was not signed for it")
            if site.sold and site.store.holder() is None and site.agent is not None and site.agent.poll() is None:
                with suppress(AssertionError):
                    wait_for("the store comes back", lambda site=site: site.store.holder(), 20)
                if site.store.holder() is None:
                    wrong.append(f"{name}: its store does not run")
        return wrong

    def at_the_end(self) -> list[str]:
        """All that is wrong once everything has come to rest."""
        until = time.monotonic() + READY_S
        while (wrong := [one for name in STORES for one in self.lacking(name)]) and time.monotonic() < until:
            time.sleep(0.2)
        for store, seqs in self.numbers().items():
            if seqs != list(range(1, len(seqs) + 1)):
                wrong.append(f"{store}: numbers of reports are missing: {seqs}")
        wrong += [f"{target} is signed, and no release has its number" for target in self.strays()]
        wrong += [f"{store}: runs what was not signed for it" for store in STORES if not self.verified(store)]
        wrong += [f"{name}: its store is not well" for name, site in self.sites.items() if (look := site.look()) is None or not look.ok]
        if "hold" not in self.call("audit", "verify", "--folder", self.control, "--lang", "en"):
            wrong.append("the audit log does not hold")
        return wrong

    def end(self) -> None:
        for site in self.sites.values():
            site.end()
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait()


def _plain(body: Any) -> Any:
    return json.loads(body) if isinstance(body, (bytes, str)) else body
