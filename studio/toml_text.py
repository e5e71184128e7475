"""A document's values as TOML text: plain keys first, then tables; what TOML has no word for (null) is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_DEEP = 2  # tables below this depth are written inline when they hold no tables themselves


def toml_text(data: Mapping[str, Any]) -> str:
    """TOML that `tomllib` reads back to the same values (without nulls)."""
    return "\n".join(_table((), data)).strip() + "\n"


def _table(path: tuple[str, ...], data: Mapping[str, Any]) -> list[str]:
    inline = {key: value for key, value in data.items() if value is not None and not _own_section(path, value)}
    sections = {key: value for key, value in data.items() if _own_section(path, value)}
    lines = []
    if path and (inline or not sections):
        lines += ["", f"[{'.'.join(map(_key, path))}]"]
    lines += [f"{_key(key)} = {_value(value)}" for key, value in inline.items()]
    for key, value in sections.items():
        lines += _table((*path, key), value)
    return lines


def _own_section(path: tuple[str, ...], value: Any) -> bool:
    """Tables near the top, and deeper ones that hold tables, get a section of their own."""
    return isinstance(value, Mapping) and ((len(path) <= _DEEP and path[-1:] != ("devices",)) or any(map(_is_table, value.values())))


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"TOML has no word for {type(value).__name__}")


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
