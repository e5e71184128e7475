"""One finding's words."""

from __future__ import annotations

from typing import NamedTuple

SEVERITIES = ("error", "warning", "info")


class Message(NamedTuple):
    severity: str
    en: str
    zh: str
    fix_en: str = ""
    fix_zh: str = ""
