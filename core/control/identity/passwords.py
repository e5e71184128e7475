"""Passwords: Argon2id (RFC 9106) with the library's parameters; what is stored says them, and is made anew when they grow."""

from __future__ import annotations

from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from storeloom.core.kernel.errors import Finding

LEAST, MOST = 12, 200


class Passwords:
    """How passwords are kept: Argon2id with the parameters of `hasher`, the library's own unless others are given."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()

    def hashed(self, password: str) -> str:
        """What is kept of a password."""
        return self._hasher.hash(password)

    def fits(self, password: str, kept: str | None) -> bool:
        """Whether it is the password. It takes as long where nobody is known (`kept` None), so that time does not tell who is."""
        try:
            matched = self._hasher.verify(kept or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return matched and kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether a password that was just shown should be hashed anew."""
        return self._hasher.check_needs_rehash(kept)

    @cached_property
    def _nobodys(self) -> str:
        return self.hashed("nobody has this password")


def findings(password: str, about: tuple[str, ...]) -> list[Finding]:
    """Why a new password will not do: too short, or made of what everybody knows of its person (`about`)."""
    found = []
    if not LEAST <= len(password) <= MOST:
        found.append(Finding("SL-IDN-01", {"least": LEAST, "most": MOST, "got": len(password)}, "body.password"))
    known = {word.lower() for text in about for word in (text, text.partition("@")[0]) if len(word) >= 4}
    if any(word in password.lower() for word in known) or len(set(password)) < 5:
        found.append(Finding("SL-IDN-02", path="body.password"))
    return found
