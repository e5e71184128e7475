"""One-time codes for handing over goods: six digits, drawn from what made them and kept as a hash only.

A code of six digits can be found by trying all of a million, wherever it is checked, so the hash (PBKDF2, RFC 8018, with the store's salt)
is a slow one, and whoever checks codes counts the wrong ones. What a code is drawn from must not be kept beside its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from storeloom.core.kernel.events import draw

DIGITS = 6
ROUNDS = 5_000


def new_code(*parts: object) -> str:
    """The code that these parts draw."""
    return f"{draw(*parts, modulus=10**DIGITS):0{DIGITS}d}"


def fresh(taken: Callable[[str], bool], salt: str, *parts: object) -> tuple[str, str]:
    """A code that these parts draw and its hash, which is not taken."""
    number = 0
    while taken(kept := hashed(code := new_code(*parts, number), salt)):
        number += 1
    return code, kept


def is_code(text: str) -> bool:
    """Whether a text has the shape of a code."""
    return len(text) == DIGITS and text.isascii() and text.isdecimal()


def hashed(code: str, salt: str) -> str:
    """The hash under which a code is kept, as 32 hexadecimal digits."""
    return hashlib.pbkdf2_hmac("sha256", code.encode(), salt.encode(), ROUNDS, 16).hex()
