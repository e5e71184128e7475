"""The database's form: which one it has, and how it is brought to this version's, forwards and back (Alembic).

After a change of the models, `python -m storeloom.core.control.migrate "what changes"` drafts the next step; read it before it is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from storeloom.core.kernel.errors import ControlFault, Finding

FOLDER = Path(__file__).parent / "migrations"


def revision(engine: Engine) -> str | None:
    """The form that a database has; None where it has none yet."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The form that this version works with."""
    found = ScriptDirectory(str(FOLDER)).get_current_head()
    assert found is not None, "the package holds its migrations"
    return found


def forms() -> list[str]:
    """The forms that this version knows, the oldest first."""
    return list(reversed(list(_steps())))


def bring_to(engine: Engine, target: str = "head") -> None:
    """Bring a database to a form: forwards to `head` or a revision, back to an older revision or `base`. All of it happens, or nothing."""
    here = revision(engine)
    known = list(_steps())
    back = target == "base" or (target in known and here in known and known.index(target) > known.index(here))
    if target not in ("head", "base", *known):
        raise ControlFault(Finding("SL-SRV-02", {"got": target, "known": ["base", *reversed(known), "head"]}))
    with engine.begin() as connection:
        (command.downgrade if back else command.upgrade)(_config(connection), target)


def require(engine: Engine) -> None:
    """ControlFault where a database is not of this version's form."""
    here = revision(engine)
    if here != newest():
        words = {"en": here or "none", "zh": here or "无"}
        raise ControlFault(Finding("SL-SRV-01", {"got": words, "wanted": newest()}))


def _steps() -> Iterator[str]:
    """The known forms, the newest first."""
    return (one.revision for one in ScriptDirectory(str(FOLDER)).walk_revisions())


def _config(connection: Any) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def draft(message: str) -> Path:
    """Write the step from the newest form to what the models say; its file."""
    from storeloom.core.control.database import connect

    engine = connect("sqlite://")
    with engine.begin() as connection:
        command.upgrade(_config(connection), "head")
        made = command.revision(_config(connection), message, autogenerate=True, rev_id=f"{len(list(_steps())) + 1:04}")
    assert made is not None and not isinstance(made, list)
    return Path(made.path)


if __name__ == "__main__":
    print(draft(sys.argv[1]))
