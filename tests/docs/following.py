"""Follows a tutorial as its reader does: one folder, one shell, block after block.

`python -m tests.docs.following PAGE.md` follows a page and tells the first step that does not hold; with `--write` it puts what each
command printed into the page, where it is not what stands there.

The reader is at home in a folder of his own (`/home/me` in what he sees). His shell has `storeloom`, `python` and `pip` of this
environment, the page's language, and ports of his own: an address `127.0.0.1:PORT` of the page is a free port of the machine.
"""

from __future__ import annotations

import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from storeloom.core.kernel.registry import ROOT
from storeloom.core.pages.tutorial import Block, Step, TutorialFault, listed, pattern

HOME = "/home/me"
DOCS = ROOT / "docs"
LOCALES = {"zh": "zh_CN.UTF-8", "en": "en_US.UTF-8"}
ADDRESS = re.compile(r"(?<=127\.0\.0\.1:)(\d{4,5})\b")
ENDING = re.compile(r"kill %\d+")
ENDED = re.compile(rf"{HOME}/\.reader/\d+\.sh: line \d+: +\d+ (Terminated|Killed) .*")  # what a shell tells of a job
KEPT = ("PYTHONPATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "COVERAGE_PROCESS_START", "TMPDIR")


def language(page: Path) -> str:
    """The language of a page: that of its folder."""
    return "zh" if "zh" in page.relative_to(DOCS).parts else "en"


def twin(page: Path) -> Path:
    """The page in Chinese of one in English."""
    return DOCS / "zh" / page.relative_to(DOCS)


class Reader:
    """A reader's shell. `close` ends all that he left running."""

    def __init__(self, home: Path, lang: str, longest_s: float = 120.0) -> None:
        self.home, self.longest_s = home.resolve(), longest_s
        self.work, self._own = self.home / "work", self.home / ".reader"
        self._ports: dict[str, str] = {}
        self._jobs, self._count = 0, 0
        self.printed: list[str] = []  # by the commands of the block that was followed last
        for folder in (self.work, self._own / "bin"):
            folder.mkdir(parents=True)
        self._shims()
        env = {key: os.environ[key] for key in KEPT if key in os.environ}
        env |= {"HOME": str(self.home), "PATH": f"{self._own / 'bin'}:/usr/local/bin:/usr/bin:/bin", "LANG": LOCALES[lang]}
        env |= {"LC_MESSAGES": LOCALES[lang], "LC_CTYPE": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "COLUMNS": "120"}
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=self.work,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._shell.stdout, selectors.EVENT_READ)

    def _shims(self) -> None:
        """The commands of this environment by their names."""
        python = shlex.quote(sys.executable)
        site = shlex.quote(str(self._own / "site"))
        path = f"export PYTHONPATH={site}${{PYTHONPATH:+:$PYTHONPATH}}"
        commands = {
            "storeloom": f"{path}\nexec {python} -m storeloom.core.cli",
            "python": f"{path}\nexec {python}",
            "pip": f'{path}\ncommand=$1; shift\nexec {python} {shlex.quote(str(Path(__file__).with_name("pip.py")))} {site} "$command"',
        }
        for name, text in commands.items():
            file = self._own / "bin" / name
            file.write_text(f'#!/bin/sh\n{text} "$@"\n', encoding="utf-8")
            file.chmod(0o755)

    def follow(self, block: Block) -> list[str]:
        """Do what a block says; what each of its commands printed. `AssertionError` tells what did not hold."""
        if not block.tested:
            return []
        if block.file:
            return self._write(block)
        if block.language == "python":
            return self._python(block)
        until = time.monotonic() + block.within_s
        while True:
            printed = self.printed = []
            try:
                for number, step in enumerate(block.steps):
                    self._step(block, step, number == len(block.steps) - 1, printed)
                return printed
            except AssertionError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.5)

    def _step(self, block: Block, step: Step, last: bool, printed: list[str]) -> None:
        wanted = pattern(step.output, numbers_vary=block.numbers_vary)
        if step.background:
            printed.append(self.start(step.command, wanted))
            return
        text, code = self.give(step.command)
        printed.append(text)
        assert wanted.fullmatch(text), f"line {step.line}: {step.command}\n-- stands there:\n{step.output}-- came:\n{text}"
        meant = block.exit_code if last else 0
        assert code == meant, f"line {step.line}: {step.command}\nended with {code}, not with {meant}; it printed:\n{text}"

    def _write(self, block: Block) -> list[str]:
        file = self.here() / block.file
        assert self.home in file.resolve().parents, f"line {block.line}: {block.file} is outside the reader's folder"
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "a" if block.adds else "w", encoding="utf-8") as out:
            out.write(self._own_ports(block.text))
        return []

    def _python(self, block: Block) -> list[str]:
        """Run it behind the blocks of Python before it, whose output is told once only."""
        session = self._own / "session.py"
        before = session.read_text(encoding="utf-8") if session.is_file() else ""
        session.write_text(f"{before}{block.text}", encoding="utf-8")
        text, code = self.give(f"python {shlex.quote(str(session))}")
        assert code == 0, f"line {block.line}: the block of Python failed:\n{text}"
        return [text]

    def here(self) -> Path:
        """The folder that the reader is in."""
        return Path(os.readlink(f"/proc/{self._shell.pid}/cwd"))

    def give(self, command: str) -> tuple[str, int]:
        """A command's output and exit code."""
        self._count += 1
        script, mark = self._own / f"{self._count}.sh", f"=={os.getpid()}-{self._count}=="
        ended = f"{command}; wait {command[5:]} 2>/dev/null || true" if ENDING.fullmatch(command) else command
        script.write_text(self._own_ports(ended) + "\n", encoding="utf-8")
        self._tell(f". {shlex.quote(str(script))} </dev/null; printf '%s%d\\n' {mark} $?\n")
        said = self._read(re.compile(re.escape(mark) + r"(\d+)\n"), command)
        text, _, rest = said.partition(mark)
        return self._seen(text), int(rest)

    def start(self, command: str, wanted: re.Pattern[str]) -> str:
        """A command in the background, once it has printed what it must; its output so far."""
        self._jobs += 1
        log = self._own / f"job-{self._jobs}.out"
        text, code = self.give(f"{command[:-2]} >{shlex.quote(str(log))} 2>&1 &")
        assert code == 0, text
        until = time.monotonic() + self.longest_s
        while not wanted.match(printed := self._seen(log.read_text(encoding="utf-8") if log.is_file() else "")):
            assert time.monotonic() < until, f"{command} did not print what stands there, but:\n{printed}"
            time.sleep(0.1)
        return printed

    def _tell(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text.encode())
        self._shell.stdin.flush()

    def _read(self, end: re.Pattern[str], command: str) -> str:
        assert self._shell.stdout is not None
        said, until = b"", time.monotonic() + self.longest_s
        while not end.search(text := said.decode(errors="replace")):
            assert self._ready.select(max(0.0, until - time.monotonic())), f"{command}\ntook over {self.longest_s:g} s; it printed:\n{text}"
            more = os.read(self._shell.stdout.fileno(), 65536)
            assert more, f"{command}\nended the shell; it printed:\n{text}"
            said += more
        return text

    def _own_ports(self, text: str) -> str:
        return ADDRESS.sub(lambda match: self._port(match[1]), text)

    def _port(self, named: str) -> str:
        """The free port that stands for one of the page's."""
        if named not in self._ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self._ports[named] = str(free.getsockname()[1])
        return self._ports[named]

    def _seen(self, text: str) -> str:
        """What the reader sees of an output: his own home, the page's ports."""
        text = text.replace(str(self.home), HOME)
        for named, own in self._ports.items():
            text = re.sub(rf"(?<=127\.0\.0\.1:){own}\b", named, text)
        return "\n".join(row.rstrip() for row in text.strip("\n").splitlines() if not ENDED.match(row))

    def close(self) -> None:
        """End the shell and whatever it or its commands left running in the reader's folder."""
        for pid in self._left():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._shell.wait(10)
        self._ready.close()
        for pipe in (self._shell.stdin, self._shell.stdout):
            if pipe is not None:
                pipe.close()

    def _left(self) -> list[int]:
        """Processes whose home is the reader's; those that keep others alive first, for the oldest have the lowest numbers."""
        mine, found = f"HOME={self.home}".encode(), []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    if mine in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                        found.append(int(name))
                except OSError:
                    continue
        return sorted(found)


def follow(page: Path, home: Path) -> None:
    """Follow a page from its first block to its last."""
    reader = Reader(home, language(page))
    try:
        for block in listed(page):
            try:
                reader.follow(block)
            except AssertionError as fault:
                raise AssertionError(f"{page.relative_to(ROOT)}, {fault}") from None
    finally:
        reader.close()


def rewrite(page: Path, home: Path) -> None:
    """Follow a page and write what its commands print where something else stands."""
    reader = Reader(home, language(page))
    rows = page.read_text(encoding="utf-8").splitlines()
    shift = 0
    try:
        for block in listed(page):
            wanted, length = block.text, len(block.text.splitlines())
            try:
                reader.follow(block)
            except AssertionError as fault:
                print(fault)
                if block.language != "console" or "ended the shell" in str(fault):
                    break
                printed = list(reader.printed)
                lines: list[str] = []
                for number, step in enumerate(block.steps):
                    lines += [("$ " if n == 0 else "> ") + part for n, part in enumerate(step.command.split("\n"))]
                    if number >= len(printed) and not step.background:
                        printed.append(reader.give(step.command)[0])
                    came = printed[number] if number < len(printed) else ""
                    kept = pattern(step.output, numbers_vary=block.numbers_vary).fullmatch(came)
                    lines += (step.output if kept else came).splitlines()
                wanted = "\n".join(lines)
            first = block.line + shift
            rows[first : first + length] = wanted.splitlines()
            shift += len(wanted.splitlines()) - length
    finally:
        reader.close()
        page.write_text("\n".join(rows) + "\n", encoding="utf-8")


def main(words: list[str]) -> int:
    """The command; see the module."""
    write = "--write" in words
    for name in (word for word in words if word != "--write"):
        home = Path(tempfile.mkdtemp(prefix="reader-"))
        try:
            (rewrite if write else follow)(Path(name).resolve(), home)
        except (AssertionError, TutorialFault) as fault:
            print(fault)
            return 1
        finally:
            shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
