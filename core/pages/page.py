"""What all generated pages share: words of one language, tables, links, anchors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storeloom.core.pages.words import word


class Page:
    """A page in one language, as Markdown (MyST). One that stands `alone` links to no other generated page."""

    def __init__(self, lang: str, alone: bool = False) -> None:
        self.lang, self.alone = lang, alone
        self.colon, self.semicolon = ("：", "；") if lang == "zh" else (": ", "; ")

    def word(self, key: str, **values: object) -> str:
        """A word of the page's language."""
        return word(key, self.lang, **values)

    def said(self, facts: Mapping[str, Any]) -> str:
        """Of facts that have `en` and `zh`, the one."""
        return str(facts["zh" if self.lang == "zh" else "en"])

    def titled(self, schema: Mapping[str, Any], otherwise: str = "") -> str:
        """The title of a schema or of one of its parts."""
        return str(schema.get("x-zh" if self.lang == "zh" else "title") or otherwise)

    def helped(self, schema: Mapping[str, Any]) -> str:
        """The note of a schema or of one of its parts; empty where it has none."""
        return str(schema.get("x-help-zh") or "") if self.lang == "zh" else str(schema.get("description") or "")

    def section(self, key: str, text: str, level: int = 2) -> str:
        """A heading with its text, `None.` where that is empty."""
        return f"{'#' * level} {self.word(key)}\n\n{text or self.word('none')}"

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        """A table, its heads by the words' keys; empty without rows."""
        lines = [f"| {' | '.join(cell(one) for one in row)} |" for row in rows]
        if not lines:
            return ""
        return "\n".join([f"| {' | '.join(self.word(head) for head in heads)} |", f"|{'---|' * len(heads)}", *lines])

    def aside(self, text: str) -> str:
        """Words in parentheses, behind what stands before them."""
        return f"（{text}）" if self.lang == "zh" else f" ({text})"

    def link(self, text: str, target: str) -> str:
        """A link to another generated page."""
        return text if self.alone else f"[{text}]({target})"

    def names(self, links: Iterable[str]) -> str:
        """Several in one line."""
        return self.word("and").join(links)


def cell(text: str) -> str:
    """A text as it stands in a table."""
    return text.replace("\n", " ").replace("|", "\\|")


def whole(parts: Iterable[str]) -> str:
    """A page from its parts; empty ones are left out."""
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def contents(targets: Iterable[str]) -> str:
    """The hidden list by which the site knows what stands below a page; empty for none."""
    listed = "\n".join(targets)
    return f"```{{toctree}}\n:hidden:\n\n{listed}\n```" if listed else ""


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", "").replace("\\", ""))
    return re.sub(r"[^\w\- ]", "", plain.strip().lower().replace(" ", "-"))
