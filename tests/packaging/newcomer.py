"""Follow the README as somebody new does: a fresh clone, a clean HOME, every command in its order, and what it answers.

    python3 -m tests.packaging.newcomer [--root FOLDER] [--long]

Needs git, make and Python with venv, nothing else: run it on a bare machine, or in a fresh root as an ordinary user. Words in capitals
(BUNDLE, RECEIPTS) are replaced by files that are made here; a command that runs for ever is ended after it has answered. `--long` runs
`make test` and `bench all` whole; without it their set-up and one bench. Ends with 1 where one command does not do as the README says.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.packaging.readme import ROOT, readme

KEPT = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy", "TMPDIR")
GTIN = "6901234567892"
FILM = """
import cv2, numpy
film = cv2.VideoWriter("footage.mp4", cv2.VideoWriter_fourcc(*"mp4v"), 10, (320, 240))
for number in range(30):
    picture = numpy.full((240, 320, 3), 90, numpy.uint8)
    cv2.circle(picture, (10 * number, 120), 20, (0, 0, 255), -1)
    film.write(picture)
film.release()
"""
JOBS = """
[[cameras]]
camera = "entrance"
address = "footage.mp4"
pace = "free"
start = 2026-03-02T10:00:00Z
[cameras.algorithms.door]
algorithm = "line_count"
settings = { points = [[0.5, 0], [0.5, 1]] }
"""


@dataclass
class Stay:
    """Where the newcomer works: the clone, the environment, what runs in the background."""

    clone: Path
    env: Mapping[str, str]
    long: bool = False
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def bin(self) -> Path:
        return self.clone / ".venv" / "bin"

    def run(self, *words: str, limit_s: float = 1800) -> tuple[int, str]:
        """A command to its end: exit code, and what it said."""
        done = subprocess.run(
            words, cwd=self.clone, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit_s, check=False
        )
        return done.returncode, done.stdout

    def start(self, name: str, *words: str) -> None:
        """A command that goes on."""
        log = (self.clone / f"{name}.out").open("w", encoding="utf-8")
        self.running[name] = subprocess.Popen(words, cwd=self.clone, env=self.env, stdout=log, stderr=subprocess.STDOUT, text=True)

    def said(self, name: str) -> str:
        return (self.clone / f"{name}.out").read_text(encoding="utf-8")

    def wait(self, name: str, word: str, limit_s: float = 90) -> None:
        """Until what goes on has said a word."""
        until = time.monotonic() + limit_s
        while word not in self.said(name):
            if time.monotonic() > until or self.running[name].poll() is not None:
                raise AssertionError(f"{name} never said {word!r}:\n{self.said(name)[-800:]}")
            time.sleep(0.2)

    def stop(self, name: str) -> int:
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(60)


@dataclass(frozen=True)
class Case:
    """What a README's command is: its first words; what takes the place of words in capitals; the exit codes that are right; what it must
    say or leave behind; what comes before it, and how it is run where that is another way."""

    words: str
    put: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)
    says: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    before: Callable[[Stay], None] | None = None
    way: Callable[[Stay, list[str]], tuple[int, str]] | None = None


def prepare(stay: Stay) -> None:
    """What a newcomer would have: receipts, footage, jobs."""
    (stay.clone / "receipts").mkdir(exist_ok=True)
    lines = [f"r{number},2026-03-02T1{number}:00:00Z,1,{GTIN},1,9.90,9.90" for number in range(5)]
    text = "\n".join(["receipt,time,line,gtin,qty,price,amount", *lines]) + "\n"
    (stay.clone / "receipts" / "till.csv").write_text(text, encoding="utf-8")
    code, said = stay.run(str(stay.bin / "python"), "-c", FILM)
    assert code == 0, said
    (stay.clone / "jobs.toml").write_text(JOBS, encoding="utf-8")


def tests(stay: Stay, words: list[str]) -> tuple[int, str]:
    """`make test`: whole, or its set-up and the tests of the command line's form."""
    if stay.long:
        return stay.run(*words, limit_s=7200)
    code, said = stay.run("make", ".venv/.dev")
    if code:
        return code, said
    return stay.run(str(stay.bin / "python"), "-m", "pytest", "-p", "no:cacheprovider", "tests/packaging/test_newcomer.py")


def benches(stay: Stay, words: list[str]) -> tuple[int, str]:
    return stay.run(*words, limit_s=7200) if stay.long else stay.run(words[0], "bench", "catalogue")


def store(stay: Stay, words: list[str]) -> tuple[int, str]:
    """The store begins, and goes on for the commands after it."""
    stay.start("store", *words)
    stay.wait("store", "/health")
    return 0, stay.said("store")


def applied(stay: Stay, words: list[str]) -> tuple[int, str]:
    """Another version into the running store, which then ends as it is told."""
    code, said = stay.run(*words)
    return (code, said) if code else (stay.stop("store"), said)


def control_plane(stay: Stay, words: list[str]) -> tuple[int, str]:
    """A chain is made; the control plane begins, answers, and ends as it is told."""
    made = [words[0], "server", "init", "--chain", "north", "--email", "a@north.example", "--folder", "srv"]
    code, said = stay.run(*made)
    if code:
        return code, said
    stay.start("server", *words, "--listen", "127.0.0.1:18080")
    stay.wait("server", "18080")
    with urllib.request.urlopen("http://127.0.0.1:18080/api/v1/openapi.json", timeout=20) as answer:
        document = json.load(answer)
    return stay.stop("server"), f"OpenAPI {document['openapi']}"


BUNDLE = "examples/supermarket/bundle.toml"
PACKED, DATA = "examples/supermarket/bundle.bundle.json", "var"
CASES = (
    Case("make demo", leaves=("out/demo.html", ".venv/bin/storeloom")),
    Case("make test", says=("passed",), way=tests),
    Case("storeloom catalogue", says=("Process", "solutions in"), before=prepare),
    Case("storeloom goals", says=("cut_waste",)),
    Case("storeloom show", says=("smart_cart",)),
    Case("storeloom docs", leaves=("pages/",)),
    Case("storeloom check"),
    Case("storeloom explain", says=("check_rate",)),
    Case("storeloom try examples", leaves=("week.html",)),
    Case("storeloom try BUNDLE", put={"BUNDLE": BUNDLE, "RECEIPTS": "receipts", "FOOTAGE.mp4": "footage.mp4"}),
    Case("storeloom pack", leaves=(PACKED,)),
    Case("storeloom run", put={"BUNDLE.bundle.json": PACKED, "/var/lib/storeloom": DATA}, says=("/health",), way=store),
    Case("storeloom health", put={"/var/lib/storeloom": DATA}),
    Case("storeloom apply", put={"NEW.bundle.json": PACKED, "/var/lib/storeloom": DATA}, way=applied),
    Case("storeloom models list", says=("nanodet",)),
    Case("storeloom vision run", put={"JOBS.toml": "jobs.toml"}),
    Case("storeloom device probe", put={"STORE.toml": "examples/supermarket/store.toml"}),
    Case("storeloom plugin new", leaves=("acme_shop/pyproject.toml",)),
    Case("storeloom plugin check", put={"PACKAGE": "acme_shop"}, says=("gold",), leaves=("report.html",)),
    Case("storeloom doctor", codes=(0, 1), says=("SQLite",)),
    Case("storeloom server run", put={"/srv/loom": "srv"}, says=("OpenAPI 3",), way=control_plane),
    # these two need a chain that was set up: without one they must say so, and what to do
    Case("storeloom fleet rollout", codes=(1, 2), says=("[SL-",)),
    Case("storeloom agent run", put={"/var/lib/storeloom": "home"}, codes=(1,), says=("[SL-AGT-01]", "storeloom agent enrol")),
    Case("storeloom episode run"),
    Case(
        "storeloom bench", codes=(0, 1), says=("goal",), way=benches
    ),  # a busy machine may miss a goal: that is a finding, no fault of the README
)


def case_of(words: list[str]) -> Case:
    """The longest case that a command begins with; LookupError where there is none."""
    line = " ".join(words)
    fitting = [case for case in CASES if line == case.words or line.startswith(f"{case.words} ") or line.startswith(f"{case.words}/")]
    if not fitting:
        raise LookupError(f"no case for: {line}")
    return max(fitting, key=lambda case: len(case.words))


def follow(stay: Stay) -> list[str]:
    """Every command in its order; what went wrong."""
    wrong = []
    for words in readme(stay.clone):
        case, began = case_of(words), time.monotonic()
        line = [case.put.get(word, word) for word in words]
        if line[0] == "storeloom":
            line[0] = str(stay.bin / "storeloom")
        try:
            if case.before is not None:
                case.before(stay)
            code, said = case.way(stay, line) if case.way is not None else stay.run(*line)
            faults = [f"exit code {code}"] if code not in case.codes else []
            faults += [f"does not say {word!r}" for word in case.says if word not in said]
            faults += [f"leaves no {name}" for name in case.leaves if not (stay.clone / name).exists()]
            faults += ["a traceback"] if "Traceback (most recent call last)" in said else []
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            said, faults = "", [f"{type(error).__name__}: {error}"]
        print(f"{'WRONG' if faults else 'ok':5}  {time.monotonic() - began:7.1f} s  {' '.join(words)}", flush=True)
        if faults:
            wrong.append(f"{' '.join(words)}: {'; '.join(faults)}\n{said[-1500:]}")
            print(wrong[-1], flush=True)
    for name in list(stay.running):
        stay.stop(name)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="work here (default: a temporary folder, taken away afterwards)")
    parser.add_argument("--long", action="store_true", help="make test and bench all, whole")
    arguments = parser.parse_args()
    folder = arguments.root or Path(tempfile.mkdtemp(prefix="newcomer-"))
    folder.mkdir(parents=True, exist_ok=True)
    clone, home = folder / "storeloom", folder / "home"
    home.mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    env |= {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "STORELOOM_PASSWORD": "Hedgerow-lantern-42"}
    env |= {"PYTHON": sys.executable}
    stay = Stay(clone, env, arguments.long)
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True, env=env)
    try:
        wrong = follow(stay)
    finally:
        if arguments.root is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(wrong)} of {len(readme())} commands are not as the README says" if wrong else "the README is true")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
