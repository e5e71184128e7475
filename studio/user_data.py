"""Where the studio keeps a user's files on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def user_folder(variable: str, name: str) -> Path:
    """The folder that an environment variable names, else `name` in the user's data folder (XDG Base Directory)."""
    given = os.environ.get(variable)
    if given:
        return Path(given)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "storeloom" / name
