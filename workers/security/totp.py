"""One-time codes by time, RFC 6238 (TOTP, SHA-1) over RFC 4226 (HOTP, dynamic truncation, section 5.3)."""

from __future__ import annotations

import hmac


def hotp(secret: bytes, counter: int, digits: int) -> str:
    """The code of a counter, with leading zeros."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), "sha1")
    place = digest[-1] & 0x0F
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def totp(secret: bytes, unix_s: float, step_s: int, digits: int) -> str:
    """The code at a Unix time."""
    return hotp(secret, int(unix_s // step_s), digits)


def is_current(code: str, secret: bytes, unix_s: float, step_s: int, digits: int, steps_back: int = 1) -> bool:
    """Whether a code is of the step at a Unix time or of one of so many before it, compared in constant time (RFC 6238, section 5.2)."""
    step = int(unix_s // step_s)
    known = [hotp(secret, step - back, digits) for back in range(steps_back + 1) if step >= back]
    return sum(hmac.compare_digest(one.encode(), code.encode()) for one in known) > 0
