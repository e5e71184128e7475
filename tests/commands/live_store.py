"""A store as an operator runs it: the real command in processes of its own, on a vendor's toys that take facts from a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storeloom.core.runtime.reader import LogReader

DROP_FILE = '''
"""Sales out of a file that others append to, one JSON object a line."""

import json
import threading
from datetime import UTC, datetime

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact, parse_time


class DropFile(Adapter):
    zh, en = "落地文件", "Drop file"
    purpose_zh = "测试用"
    feeds = ("pos.sale",)

    class Config(SolutionConfig):
        path: str = setting("", "File", "文件")

    def __init__(self, device, config):
        super().__init__(device, config)
        self._stop = threading.Event()

    def facts(self):
        """Every line from the first on: what was handed in before a restart is handed in again."""
        with open(self.config.path, encoding="utf-8") as file:
            line = ""
            while not self._stop.is_set():
                line += file.readline()
                if not line.endswith("\\n"):
                    self._stop.wait(0.01)
                    continue
                row, line = json.loads(line), ""
                sale = {"receipt": row["receipt"], "kind": "sale", "till": "t1", "channel": "till", "lines": [], "payments": [], "total": 0}
                yield Fact(datetime.now(UTC), "pos.sale", self.device, sale, parse_time(row["at"]), row["receipt"])

    def close(self):
        self._stop.set()
'''
RELAY_FILE = '''
"""A relay that notes each command in a file."""

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.contract import SolutionConfig, setting


class RelayFile(Adapter):
    zh, en = "记录继电器", "Noting relay"
    purpose_zh = "测试用"
    takes = ("relay.set",)

    class Config(SolutionConfig):
        path: str = setting("", "File", "文件")

    def command(self, stream, data, at):
        with open(self.config.path, "a", encoding="utf-8") as file:
            file.write(data["reason"] + "\\n")
        return ()
'''
BUNDLE = """document = "bundle/1"
{solutions}
[store]
store = "s1"
format = "supermarket"
zone = "Asia/Shanghai"
language = "en"
hours = {{ open = "08:00", close = "22:00" }}
edge = {{ cores = 4, memory_mb = 4096 }}
[store.devices]
till-1 = {{ kind = "pos", adapter = "drop_file", settings = {{ path = "{drop}" }} }}
relay-1 = {{ kind = "relay"{driver} }}
"""
TELLER = """
version = "{version}"

@on("pos.sale")
def ring(self, event):
    receipt = event["receipt"]
    count = self.state["count"] = self.state.get("count", 0) + 1
    self.kpi.add("seen")
    {evil}
    yield out("alert.raise", alert=receipt, kind="hot", severity="info", state="open", text=f"{{self.version}} {{count}} {{receipt}}")
    {more}
"""
COMMANDS = 'yield out("relay.set", relay="relay-1", on=True, reason=receipt)'


def wait_until(condition: Callable[[], Any], within_s: float = 60.0) -> Any:
    """What a condition gives once it holds; the test fails when it does not in time."""
    until = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)
    return found


def children(pid: int) -> list[int]:
    """The children of a process, dead ones that nobody reaped left out."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == pid and state != "Z":
                found.append(int(name))
    return found


def descendants(pid: int) -> list[int]:
    return [one for child in children(pid) for one in (child, *descendants(child))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Shop:
    """A vendor's toys in a folder, and the bundles and stores made of them."""

    def __init__(self, toys: Any, folder: Path) -> None:
        self.toys, self.folder = toys, folder
        self.drop, self.sent = folder / "drop.jsonl", folder / "sent.txt"
        self.drop.touch()
        self._lines: dict[str, str] = {}
        self._drop_file = open(self.drop, "a", encoding="utf-8")  # noqa: SIM115 - open for as long as the shop is
        (toys.root / "adapters").mkdir()
        for name, text in (("__init__", '"""Drivers."""\n'), ("drop_file", DROP_FILE), ("relay_file", RELAY_FILE)):
            (toys.root / "adapters" / f"{name}.py").write_text(text, encoding="utf-8")

    def add(
        self,
        name: str,
        *,
        version: str = "1.0.0",
        evil: str = "",
        shared: bool = False,
        commands: bool = False,
        handler_s: float = 5.0,
        tail: str = "",
    ) -> None:
        """A solution that tells every sale; `evil` is a statement that comes before, with `receipt` and `count` at hand."""
        body = TELLER.format(version=version, evil=evil or "pass", more=COMMANDS if commands else "")
        produces, devices = '"alert.raise",', '"pos",'
        if commands:
            produces, devices = '"alert.raise", "relay.set"', '"pos", "relay"'
        self.toys.add(name, body, produces=produces, adapters=devices, tail=tail)
        isolation = "shared" if shared else "process"
        limits = f"limits = {{ handler_s = {handler_s} }}"
        self._lines[name] = f'{name} = {{ path = "solutions/{name}.py", isolation = "{isolation}", {limits} }}'

    def index(self) -> None:
        """What a vendor does before it ships."""
        listing = ["[scenario.energy.solutions]", *self._lines.values()]
        listing += ["[adapters.pos]", 'drop_file = "adapters/drop_file.py"', "[adapters.relay]", 'relay_file = "adapters/relay_file.py"']
        (self.toys.root / "plugins.toml").write_text("\n".join(listing) + "\n", encoding="utf-8")
        self.toys.forget()
        self.toys.registry()

    def pack(self, *names: str, output: str = "b.bundle.json", store: str = "s1", driver: bool = True) -> Path:
        """A packed bundle of solutions; the relay's `driver` can be left out."""
        named = f', adapter = "relay_file", settings = {{ path = "{self.sent}" }}' if driver else ""
        text = BUNDLE.format(solutions="\n".join(f"[solutions.{name}]" for name in names), drop=self.drop, driver=named)
        file, packed = self.folder / "b.toml", self.folder / output
        file.write_text(text.replace('store = "s1"', f'store = "{store}"'), encoding="utf-8")
        done = self.call("pack", file, "-o", packed)
        assert done.returncode == 0, done.stderr
        return packed

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.toys.site), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "storeloom.core.cli", *map(str, words)]

    def call(self, *words: object) -> subprocess.CompletedProcess[str]:
        """A command in a process of its own, to its end."""
        done = subprocess.run(self.command(*words), env=self.env, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    def sell(self, receipts: Iterable[str]) -> None:
        """Sales, all at once."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._drop_file.write("".join(json.dumps({"receipt": receipt, "at": at}) + "\n" for receipt in receipts))
        self._drop_file.flush()


class RunningStore:
    """`storeloom run` on a data folder."""

    def __init__(self, shop: Shop, packed: Path, data: Path) -> None:
        self.shop, self.packed, self.data = shop, packed, data
        self.seen: set[int] = set()
        self.said = ""

    def start(self, *more: object) -> RunningStore:
        """Begin, and wait until it answers."""
        self._errors = self.data.with_name(f"{self.data.name}.err")
        with open(self._errors, "a") as errors, open(self.data.with_name(f"{self.data.name}.out"), "a") as out:
            self.process = subprocess.Popen(
                self.shop.command("run", self.packed, "--data", self.data, *more), env=self.shop.env, stdout=out, stderr=errors
            )
        self.wait_for_answer()
        return self

    def wait_for_answer(self, other_than: int = 0) -> int:
        """Wait until a store process has announced itself; its id."""

        def announced() -> int:
            assert self.process.poll() is None, self.errors()
            return self.pid if self.pid != other_than else 0

        return int(wait_until(announced))

    @property
    def pid(self) -> int:
        """The store process, 0 while none is announced."""
        try:
            return int(json.loads((self.data / "run.json").read_bytes())["pid"])
        except FileNotFoundError:
            return 0

    @property
    def hosts(self) -> dict[str, int]:
        """The hosts' processes by their order of start."""
        return {str(pid): pid for pid in children(self.pid)}

    def look(self) -> set[int]:
        """Remember every process of the store, so that it can be told later whether all are gone."""
        self.seen |= {self.process.pid, *descendants(self.process.pid)}
        return self.seen

    def errors(self) -> str:
        return self._errors.read_text()

    def stop(self) -> int:
        """Tell it to stop; its exit code."""
        self.look()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def end(self) -> None:
        """Whatever is left of it, ended by force: a test has failed."""
        for pid in {self.process.pid, *descendants(self.process.pid), *(pid for pid in self.seen if alive(pid))}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(10)

    def alerts(self, source: str) -> list[str]:
        """What a solution told, in the order of the log."""
        if not (self.data / "store.db").is_file():
            return []
        reader = LogReader(self.data / "store.db")
        try:
            return [r.event["text"] for r in reader.read() if r.event.stream == "alert.raise" and r.event.source == source]
        finally:
            reader.close()

    def failures(self) -> list[tuple[str, str, str]]:
        """Instance, handler and reason of what failed."""
        reader = LogReader(self.data / "store.db")
        try:
            return [(one[0], one[3], one[4]) for one in reader.failures()]
        finally:
            reader.close()

    def wait_for(self, source: str, count: int, within_s: float = 60.0) -> list[str]:
        """Wait until a solution has told so many sales."""
        try:
            return list(wait_until(lambda: found if len(found := self.alerts(source)) >= count else None, within_s))
        except AssertionError as error:
            raise AssertionError(f"{source}: {len(self.alerts(source))} of {count}; {self.errors()}; {self.failures()}") from error

    def wait_for_version(self, source: str, version: str, count: int) -> None:
        """Wait until a solution has told so many sales as this version."""
        wait_until(lambda: sum(text.startswith(version) for text in self.alerts(source)) >= count)


def told(receipts: Iterable[str], version: str = "1.0.0") -> list[str]:
    """What a teller that saw these sales and no others told."""
    return [f"{version} {count} {receipt}" for count, receipt in enumerate(receipts, 1)]
