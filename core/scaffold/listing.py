"""A line more in a plugins.toml, all else in it left as it stands."""

from __future__ import annotations

import re
import tomllib

from storeloom.core.scaffold.request import Wanted

HEAD = "# The plugins of this package, by scenario and by kind of adapter. After a change run: storeloom index --package FOLDER\n"


def header(one: Wanted) -> str:
    """The table of a plugins.toml in which a plugin stands."""
    return f"[scenario.{one.section}.solutions]" if one.group == "solution" else f"[adapters.{one.section}]"


def with_line(text: str, one: Wanted) -> str:
    """The text with the plugin's line at the end of its table, which is added where it is not there.

    ValueError where the file is written so that no line can be added to it (inline tables, dotted keys).
    """
    line, head = f'{one.id} = "{one.path}"', header(one)
    lines = text.splitlines()
    at = next((number for number, each in enumerate(lines) if re.sub(r"\s|#.*", "", each) == head), None)
    if at is None:
        lines += [*([""] if lines and lines[-1].strip() else []), head, line]
    else:
        end = next((number for number in range(at + 1, len(lines)) if lines[number].lstrip().startswith("[")), len(lines))
        while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
            end -= 1
        lines.insert(end, line)
    made = "\n".join(lines) + "\n"
    _check(tomllib.loads(made), one)
    return made


def _check(whole: dict[str, object], one: Wanted) -> None:
    """ValueError unless the line stands where the kernel looks for it."""
    node: object = whole
    for key in [*header(one).strip("[]").split("."), one.id]:
        node = node.get(key) if isinstance(node, dict) else None
    if node != one.path:
        raise ValueError(f"{header(one)} cannot be added to")
