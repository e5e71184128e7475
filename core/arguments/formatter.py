"""How help is laid out: lines are kept, and wrapped by the width that they take on the screen, where a Chinese sign takes two columns."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import Any

# What is not parted: a run of Latin letters and digits with what stands at it, one Chinese sign with the stops after it, spaces.
PIECES = re.compile(r"[^\s\u2e80-\uffef]+[，。；：、！？）】”]*|[（【“]*[\u2e80-\uffef][，。；：、！？）】”]*|\s+")


def width(text: str) -> int:
    """The columns that a text takes."""
    import unicodedata

    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


def wrapped(text: str, columns: int) -> list[str]:
    """The lines of a text, none wider than `columns` where it can be parted. A line's indent stands before what it goes on with."""
    lines: list[str] = []
    for given in text.splitlines():
        indent = given[: len(given) - len(given.lstrip())]
        line = indent
        for piece in PIECES.findall(given.strip()):
            if line.strip() and width(line) + width(piece.rstrip()) > columns:
                lines.append(line.rstrip())
                line = indent
            if line.strip() or piece.strip():
                line += piece
        lines.append(line.rstrip())
    return lines


class Formatter(argparse.HelpFormatter):
    """Help in English."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(f"{indent}{line}" for line in wrapped(text, width - len(indent)))


class ChineseFormatter(Formatter):
    """Help in Chinese."""

    def add_usage(self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[Any], prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "用法：" if prefix is None else prefix)
