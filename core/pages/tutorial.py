"""The blocks of a tutorial: what its reader types, which files he writes, what must come out. Nothing is run here.

A fenced block is followed in the page's order, in one folder. What it is for is told by its language and by comments in the lines right
above it, which no reader of the page sees:

| comment | on | what it says |
|---|---|---|
| `<!-- file: NAME -->` | any language | the block is this file; the paragraph above names it, so that a reader knows too |
| `<!-- add to: NAME -->` | any language | the block is put at the end of this file |
| `<!-- ends with N -->` | `console` | the last command's exit code (0 otherwise) |
| `<!-- numbers vary -->` | `console` | each number may be another, and columns may be wider |
| `<!-- within N s -->` | `console` | its commands are repeated until the output is as it stands here, N seconds at most |
| `<!-- not run: WHY -->` | any language | the block is only shown |

`console` blocks hold commands (`$ `, what continues one begins with `> `) and behind each what it prints, where `...` stands for any text,
over lines too. A command that ends in ` &` goes on in the background: what stands behind it must come before the next one is given.
`python` blocks without a file are run one after the other in one session of Python a page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storeloom.core.pages.fences import Fence, fences

COMMENT = re.compile(r"^ *<!-- (?P<text>.*?) -->\s*$")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
WHOLE, SECONDS = re.compile(r"ends with (\d+)"), re.compile(r"within (\d+) s")


class TutorialFault(ValueError):
    """A tutorial that cannot be followed as it stands: file, line, what is wrong."""


@dataclass(frozen=True)
class Step:
    """A command and what it must print."""

    command: str
    output: str
    line: int

    @property
    def background(self) -> bool:
        return self.command.endswith(" &")


@dataclass(frozen=True)
class Block:
    """A fenced block. `file` is what it writes (`adds`: at its end); `reason` why it is not run."""

    language: str
    text: str
    line: int
    file: str = ""
    adds: bool = False
    reason: str = ""
    exit_code: int = 0
    numbers_vary: bool = False
    within_s: int = 0
    above: str = field(default="", repr=False)

    @property
    def tested(self) -> bool:
        """Whether the tests run it, or write its file."""
        return not self.reason

    @property
    def steps(self) -> list[Step]:
        """The commands of a `console` block."""
        found: list[Step] = []
        for number, row in enumerate(self.text.splitlines(), self.line + 1):
            if row.startswith("$ "):
                found.append(Step(row[2:], "", number))
            elif not found:
                raise TutorialFault(f"line {number}: a console block begins with a command: $ ...")
            elif row.startswith("> ") and not found[-1].output:
                last = found.pop()
                found.append(Step(f"{last.command}\n{row[2:]}", "", last.line))
            else:
                last = found.pop()
                found.append(Step(last.command, f"{last.output}{row}\n", last.line))
        return found


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a page in its order, each with whether it is run and why not. `TutorialFault` for one that says neither."""
    rows = text.splitlines()
    return [_block(rows, fence) for fence in fences(text)]


def listed(path: Path) -> list[Block]:
    """`blocks` of a file; faults name it."""
    try:
        return blocks(path.read_text(encoding="utf-8"))
    except TutorialFault as fault:
        raise TutorialFault(f"{path}, {fault}") from None


def pattern(output: str, *, numbers_vary: bool = False) -> re.Pattern[str]:
    """What a command's output must match as a whole."""

    def literal(words: str) -> str:
        if not numbers_vary:
            return re.escape(words)
        parts = (re.sub(r"(?:\\ )+", " +", re.escape(part)) for part in NUMBER.split(words))
        return r"\d+(?:[.,]\d+)*".join(parts)

    rows = "\n".join(row.rstrip() for row in output.strip("\n").splitlines())
    return re.compile(r"[\s\S]*?".join(map(literal, rows.split("..."))))


def _block(rows: Sequence[str], fence: Fence) -> Block:
    if fence.end is None:
        raise TutorialFault(f"line {fence.line}: the block has no end")
    above = fence.line - 2
    said: list[str] = []
    while above >= 0 and (comment := COMMENT.match(rows[above])):
        said.insert(0, comment["text"])
        above -= 1
    block = _told(Block(fence.language, fence.text, fence.line, above=_paragraph(rows, above)), said)
    _sound(block)
    return block


def _paragraph(rows: Sequence[str], above: int) -> str:
    """The paragraph that stands before a block."""
    while above >= 0 and not rows[above].strip():
        above -= 1
    first = above
    while first > 0 and rows[first - 1].strip():
        first -= 1
    return "\n".join(rows[first : above + 1]) if above >= 0 else ""


def _told(block: Block, said: Sequence[str]) -> Block:
    """The block with what the comments above it say."""
    more: dict[str, str | int | bool] = {}
    for text in said:
        key, _, value = text.partition(": ")
        if key == "file" and value:
            more["file"] = value
        elif key == "add to" and value:
            more |= {"file": value, "adds": True}
        elif key == "not run" and value:
            more["reason"] = value
        elif text == "numbers vary":
            more["numbers_vary"] = True
        elif match := WHOLE.fullmatch(text):
            more["exit_code"] = int(match[1])
        elif match := SECONDS.fullmatch(text):
            more["within_s"] = int(match[1])
        else:
            raise TutorialFault(f"line {block.line}: the comment above says nothing known: {text!r}")
    return Block(block.language, block.text, block.line, above=block.above, **more)  # type: ignore[arg-type]


def _sound(block: Block) -> None:
    """Refuse a block of which it is not clear what becomes of it."""
    if block.reason:
        return
    if block.file:
        name = block.file.rpartition("/")[2]
        if f"`{block.file}`" not in block.above and f"`{name}`" not in block.above:
            raise TutorialFault(f"line {block.line}: the paragraph above does not name the file `{block.file}`")
    elif block.language not in ("console", "python"):
        what = block.language or "no language"
        raise TutorialFault(f"line {block.line}: a block of {what} is a file (<!-- file: NAME -->) or not run (<!-- not run: WHY -->)")
    elif block.language == "console" and not block.steps:
        raise TutorialFault(f"line {block.line}: a console block without a command")
