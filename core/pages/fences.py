"""The fenced blocks of a page in Markdown: where each stands, its language and its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

OPENING = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: the lines of its fences (from 1; `end` is None where it has no second one), its language, what else its opening
    says, its text without the fences and their indent."""

    line: int
    end: int | None
    language: str
    info: str
    text: str


def fences(markdown: str) -> Iterator[Fence]:
    """Every fenced block of a page, in order. One without an end goes on to the page's end."""
    rows = markdown.splitlines()
    number = 0
    while number < len(rows):
        opened = OPENING.match(rows[number])
        first, number = number, number + 1
        if opened is None:
            continue
        closing = re.compile(rf" *{re.escape(opened['fence'][0])}{{{len(opened['fence'])},}} *")
        end = next((at for at in range(number, len(rows)) if closing.fullmatch(rows[at])), None)
        indent = len(opened["indent"])
        inside = rows[number:end]
        text = "".join(f"{row[indent:] if row[:indent].isspace() else row}\n" for row in inside)
        language, _, info = opened["info"].strip().partition(" ")
        yield Fence(first + 1, None if end is None else end + 1, language, info.strip(), text)
        number = len(rows) if end is None else end + 1
