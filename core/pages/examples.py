"""The examples of hand-written pages: fenced blocks in a language that can be run or read, which a test must run.

A block opens with three or more backticks or tildes and its language. `text` and languages not named here are shown, not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUN = ("console", "python", "toml", "yaml", "json")
FENCE = re.compile(r"^( *)(`{3,}|~{3,})\s*([\w+-]*)(.*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the line of its first fence (from 1), its language, what else its opening says, its text without the fences."""

    line: int
    language: str
    info: str
    text: str


def blocks(markdown: str) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    lines = markdown.splitlines()
    number = 0
    while number < len(lines):
        opened = FENCE.match(lines[number])
        first, number = number, number + 1
        if opened is None:
            continue
        indent, fence, language, info = opened.groups()
        inside: list[str] = []
        while number < len(lines) and not re.fullmatch(rf" *{fence[0]}{{{len(fence)},}}\s*", lines[number]):
            inside.append(lines[number].removeprefix(indent))
            number += 1
        number += 1
        yield Block(first + 1, language, info.strip(), "\n".join(inside) + "\n" if inside else "")


def to_run(markdown: str) -> list[Block]:
    """The blocks that a test must run."""
    return [block for block in blocks(markdown) if block.language in RUN]


def pages(docs: Path) -> list[Path]:
    """The pages under `docs` whose examples are run: the quick start and the tutorials, in both languages."""
    found = [place / "quick-start.md" for place in (docs, docs / "zh")]
    found += [page for place in (docs / "tutorials", docs / "zh" / "tutorials") for page in sorted(place.glob("*.md"))]
    return [page for page in found if page.is_file()]
