"""The commands of the README: what stands in its fenced blocks, one a line, without the words beside it. Python's own library alone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("make", "storeloom")


def commands(text: str) -> list[list[str]]:
    """The commands of a page's blocks, in order, as words."""
    found = []
    for block in re.findall(r"^```(?:console|sh|bash|)\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            words = shlex.split(re.sub(r"\s+#.*", "", line).removeprefix("$ "))
            if words and words[0] in PROGRAMS:
                found.append(words)
    return found


def readme(root: Path = ROOT) -> list[list[str]]:
    """Those of the README."""
    return commands((root / "README.md").read_text(encoding="utf-8"))
