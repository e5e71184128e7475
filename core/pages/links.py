"""Links and headings of Markdown, read without a Markdown parser: fenced blocks and code within a line hold neither."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from storeloom.core.pages.fences import fences
from storeloom.core.pages.page import anchor

CODE = r"(?P<code>(?P<ticks>`+)[^`].*?(?P=ticks))"
LINK = r"(?P<bang>!?)\[(?P<text>(?:[^\[\]\\]|\\.|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)"
TOKEN = re.compile(f"{CODE}|{LINK}")
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link or, with `image`, a picture: its line (from 1), its words and where it points."""

    line: int
    text: str
    target: str
    image: bool

    @property
    def external(self) -> bool:
        """Whether it leaves these pages (https:, mailto:)."""
        return bool(EXTERNAL.match(self.target))

    @property
    def place(self) -> str:
        return self.target.partition("#")[0]

    @property
    def anchor(self) -> str:
        return self.target.partition("#")[2]


def _lines(markdown: str) -> Iterator[tuple[int, str, bool]]:
    """Each line with its number, and whether it stands in a fenced block."""
    rows = markdown.splitlines()
    fenced = {number for fence in fences(markdown) for number in range(fence.line, (fence.end or len(rows)) + 1)}
    for number, line in enumerate(rows, 1):
        yield number, line, number in fenced


def links(markdown: str) -> Iterator[Link]:
    """Every link of a page, in order."""
    for number, line, fenced in _lines(markdown):
        for found in () if fenced else TOKEN.finditer(line):
            if found["code"] is None:
                yield Link(number, found["text"], found["target"], bool(found["bang"]))


def rewritten(markdown: str, change: Callable[[Link], str]) -> str:
    """The page with each link in place of which stands what `change` makes of it."""
    lines = []
    for number, line, fenced in _lines(markdown):

        def one(found: re.Match[str], number: int = number) -> str:
            if found["code"] is not None:
                return found[0]
            return change(Link(number, found["text"], found["target"], bool(found["bang"])))

        lines.append(line if fenced else TOKEN.sub(one, line))
    return "\n".join(lines) + "\n"


def headings(markdown: str) -> list[str]:
    """The headings of a page, in order."""
    found = (re.match(r"#{1,6} +(.*?)\s*#*$", line) for _, line, fenced in _lines(markdown) if not fenced)
    return [one[1] for one in found if one]


def anchors(markdown: str) -> list[str]:
    """The anchors of a page's headings, in order; the second of a name ends in -1."""
    found: list[str] = []
    for name in map(anchor, headings(markdown)):
        found.append(next(one for one in chain([name], (f"{name}-{n}" for n in range(1, 10_000))) if one not in found))
    return found


@dataclass(frozen=True, slots=True)
class Dead:
    """A link that leads nowhere: the page and line where it stands, where it points, and what is missing there."""

    page: str
    line: int
    target: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.target}: {self.reason}"


def dead(pages: Mapping[str, str], files: Collection[str] = ()) -> list[Dead]:
    """The dead links among `pages` (text by place); `files` are the pictures and other files beside them. External links are not asked."""
    known: dict[str, list[str]] = {}
    found = []
    for page, text in pages.items():
        for link in links(text):
            if link.external:
                continue
            place = posixpath.normpath(posixpath.join(posixpath.dirname(page), link.place)) if link.place else page
            if place not in pages:
                if place not in files:
                    found.append(Dead(page, link.line, link.target, "no such page or file"))
                continue
            if link.anchor and link.anchor not in known.setdefault(place, anchors(pages[place])):
                found.append(Dead(page, link.line, link.target, f"no such heading; there are: {', '.join(known[place][:20])}"))
    return found


def reachable(pages: Mapping[str, str], start: str) -> set[str]:
    """The pages that a reader comes to from `start` by links and by the lists of what stands below a page."""
    seen, waiting = {start}, [start]
    while waiting:
        page = waiting.pop()
        targets = [link.place for link in links(pages[page]) if not link.external and link.place]
        targets += [line.strip() for line, inside in listed(pages[page]) if inside]
        for target in targets:
            place = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
            if place in pages and place not in seen:
                seen.add(place)
                waiting.append(place)
    return seen


def listed(markdown: str) -> Iterator[tuple[str, bool]]:
    """The lines of a page, and whether each names a page below it (inside a `toctree`)."""
    inside = False
    for _, line, fenced in _lines(markdown):
        if fenced and line.startswith("```"):
            inside = line.startswith("```{toctree}")
        yield line, inside and line.endswith(".md")
