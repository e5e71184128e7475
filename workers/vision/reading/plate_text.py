"""How the text of a Chinese number plate is built (GA 36-2018)."""

from __future__ import annotations

import re

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
COLOURS = frozenset({"blue", "yellow", "green", "white", "black"})
LETTERS = "A-HJ-NP-Z"
ORDINARY = re.compile(rf"^[{PROVINCES}][{LETTERS}][{LETTERS}0-9]{{4}}[{LETTERS}0-9学警挂港澳领]$")
POLICE = re.compile(rf"^[{PROVINCES}][{LETTERS}0-9][{LETTERS}0-9]{{4}}警$")
EMBASSY = re.compile(r"^使\d{6}$|^\d{6}使$")
NEW_ENERGY = re.compile(rf"^[{PROVINCES}][{LETTERS}](?:[A-HJK][{LETTERS}0-9]\d{{4}}|\d{{5}}[A-HJK])$")


def is_valid(text: str) -> bool:
    """Whether a plate is built as GA 36-2018 says: 7 characters, or 8 on a new-energy vehicle, of which D and F (and their
    successors A to K) mark the kind; no I and no O."""
    return any(pattern.match(text) for pattern in (ORDINARY, NEW_ENERGY, POLICE, EMBASSY))
