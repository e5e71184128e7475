"""A folder into which another system drops files: each taken once, whole, and put aside once all that it says is stored.

A file counts as whole when its size and time have stood still for `quiet_s`, or as soon as a second file of its name with
`marker` added is there. Names that begin with a dot, or end as unfinished transfers do, are left alone.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.kept import Kept
from storeloom.hardware_adapters.links.settle import Settled

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~", ".problems.txt")
IDENTITY, REMEMBERED = 20, 40_000  # hexadecimal digits; files, of which the oldest are read again and told as repeats
Identity = tuple[str, int, int]


@dataclass(frozen=True)
class Problem:
    """Something in a file that cannot be taken in, with its place; the rest of the file can. `words` are in `en` and `zh`."""

    en: str
    zh: str


class BadFile(Exception):
    """A file of which nothing can be taken in."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.en)
        self.problem = problem


class DropConfig(SolutionConfig):
    """Settings of a watched folder; a driver narrows `patterns` by its own default."""

    address: str = setting(
        "", "Folder", "文件夹", effect="restart", help_en="Where the other system puts its files.", help_zh="对方系统放置文件的目录。"
    )
    patterns: list[str] = setting(
        lambda: ["*"], "File names (* and ? as wild cards)", "文件名（可用 * 与 ? 通配）", effect="restart", min_length=1
    )
    poll_s: float = setting(2.0, "Time between looks", "查看间隔", unit="s", effect="restart", gt=0, le=3600)
    quiet_s: float = setting(
        5.0, "Unchanged for so long, a file is complete", "文件静止多久视为完整", unit="s", effect="restart", ge=0, le=3600
    )
    marker: str = setting(
        "",
        "Ending of a marker that says a file is complete",
        "表示文件完整的标记后缀",
        effect="restart",
        help_en="With .ok, a.csv is taken once a.csv.ok is there.",
        help_zh="设为 .ok 时，出现 a.csv.ok 后才读取 a.csv。",
    )
    after: Literal["move", "remember"] = setting(
        "move",
        "What becomes of a file",
        "读取后如何处理",
        effect="restart",
        help_en="Moved into done or failed beneath the folder, or left there and remembered.",
        help_zh="移入该目录下的 done 或 failed，或留在原处并记录。",
    )


class Folder:
    """A folder that is open for taking. OSError where it is not there."""

    def __init__(self, config: DropConfig, taken: MutableMapping[str, None]) -> None:
        self.path = Path(config.address)
        self._config = config
        self._still: dict[Identity, float] = {}
        self._left: set[Identity] = set()
        self._taken = taken
        os.listdir(self.path)
        if config.after == "move":
            for name in ("done", "failed"):
                (self.path / name).mkdir(exist_ok=True)

    def ready(self) -> Iterator[Path]:
        """Whole files that were not taken yet, oldest first."""
        now, seen = time.monotonic(), {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                if self._wanted(entry.name) and entry.is_file():
                    about = entry.stat()
                    seen[(entry.name, about.st_size, about.st_mtime_ns)] = about.st_mtime_ns
        self._still = {one: self._still.get(one, now) for one in seen}
        self._left &= set(seen)
        for one in sorted(seen, key=lambda one: (one[2], one[0])):
            path = self.path / one[0]
            if one not in self._left and self._whole(path, now - self._still[one]):
                if self._config.after == "remember" and self._identity(path) in self._taken:
                    self._left.add(one)
                    continue
                yield path

    def _wanted(self, name: str) -> bool:
        config = self._config
        if name.startswith(".") or name.lower().endswith(UNFINISHED) or (config.marker and name.endswith(config.marker)):
            return False
        return any(fnmatch.fnmatch(name.lower(), one.lower()) for one in config.patterns)

    def _whole(self, path: Path, still_s: float) -> bool:
        if self._config.marker:
            return path.with_name(path.name + self._config.marker).exists()
        return still_s >= self._config.quiet_s

    @staticmethod
    def _identity(path: Path) -> str:
        digest = hashlib.sha256(path.name.encode(errors="surrogateescape") + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()[:IDENTITY]

    def put_aside(self, path: Path, problems: Sequence[Problem], *, failed: bool) -> None:
        """Move or remember a file whose facts are stored, with what was wrong with it beside it. One that is gone by now is let go."""
        if self._config.after == "remember":
            self._taken[self._identity(path)] = None
            return
        target = _free(self.path / ("failed" if failed else "done"), path.name)
        if problems:
            target.with_name(target.name + ".problems.txt").write_text(
                "".join(f"{one.en}\n{one.zh}\n" for one in problems), encoding="utf-8"
            )
        os.replace(path, target)
        if self._config.marker:
            path.with_name(path.name + self._config.marker).unlink(missing_ok=True)


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that no file has yet."""
    stem, dot, ending = name.partition(".")
    number, target = 1, folder / name
    while target.exists():
        number += 1
        target = folder / f"{stem}-{number}{dot}{ending}"
    return target


class DropDriver(LinkDriver[Folder]):
    """Base of drivers that read dropped files. A subclass gives `read`; it may write files of its own into other folders."""

    problem_code: ClassVar[str] = "bad_file"

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._taken: Kept[None] = Kept(self, "taken", REMEMBERED)

    @abstractmethod
    def read(self, path: Path) -> Iterable[Fact | Problem]:
        """What a file says, and what in it cannot be taken in. BadFile where nothing can. The same file gives the same again."""

    @contextmanager
    def connect(self) -> Iterator[Folder]:
        if not self.config.address:
            raise DeviceError(Code.ILLEGAL, "no folder is set", "未设置文件夹")
        yield Folder(self.config, self._taken)

    def session(self, link: Folder) -> Facts:
        while not self.stopping.is_set():
            for path in link.ready():
                yield from self._take(link, path)
                if self.stopping.is_set():
                    return
            self.stopping.wait(self.config.poll_s)

    def _take(self, link: Folder, path: Path) -> Facts:
        settled, problems, facts, failed = Settled(), [], 0, False
        try:
            for one in self.read(path):
                if isinstance(one, Problem):
                    problems.append(one)
                    continue
                facts += 1
                settled.note((yield one), self.stopping)
                if self.stopping.is_set():
                    return
        except FileNotFoundError:
            return
        except BadFile as fault:
            problems.append(fault.problem)
            failed = True
        if not settled.all_stored(self.stopping):
            return
        link.put_aside(path, problems, failed=failed or (bool(problems) and not facts))
        for problem in problems:
            for fact in self.problem_told(problem):
                settled.note((yield fact), self.stopping)
        if not problems:
            yield from self.tell("online", figures={"last_file": path.name, "facts": facts, "refused": settled.refused})

    def problem_told(self, problem: Problem) -> list[Fact]:
        """Each problem is told, also after another of its kind."""
        words: Mapping[str, str] = {"en": problem.en, "zh": problem.zh}
        told = list(self.tell("degraded", code=self.problem_code, words=words))
        text = words.get(self.context.language, problem.en)
        data: dict[str, Any] = {"device": self.device, "kind": self.kind, "state": "degraded", "code": self.problem_code, "text": text}
        return told or [Fact(self.now(), "device.status", self.device, data)]
