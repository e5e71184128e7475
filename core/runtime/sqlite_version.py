"""Which versions of SQLite can be trusted with a log in WAL mode. Imports no driver."""

from __future__ import annotations


def safe_version(version: str) -> bool:
    """Whether an SQLite version is free of the WAL-reset bug (3.7.0 to 3.51.2, mended in 3.44.6 and 3.50.7)."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    return numbers >= (3, 51, 3) or (numbers[:2] == (3, 44) and numbers >= (3, 44, 6)) or (numbers[:2] == (3, 50) and numbers >= (3, 50, 7))
