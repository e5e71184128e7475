"""Settings files read with the line of every key, so that a finding can name the line it is about.

TOML, JSON and YAML come out alike: a table of plain values and a map from each key's path to its line. A file that
cannot be used raises one `DocumentError`, whatever its bytes. YAML is read by the core schema of YAML 1.2, with what
a retailer's data needs: dates, times and digits with a leading zero stay text, and `yes`, `no`, `on`, `off` are words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Keys = tuple[str | int, ...]
Kind = Literal["missing", "unreadable", "not_text", "syntax", "duplicate_key", "wrong_suffix", "not_a_table"]

MAX_DEPTH = 100

SURROGATE = re.compile("[\ud800-\udfff]")
_LONG_NUMBER = re.compile(r"[0-9_]{4300,}")


class DocumentError(Exception):
    """A file that cannot be used: where, why, what to do.

    `line` and `column` count from 1, and are None for the whole file. `reason` and `remedy` are plain English;
    `kind` lets a caller word them in another language, with `key` and `first_line` (where it stands first) set for a
    duplicate key.
    """

    def __init__(
        self,
        kind: Kind,
        path: str,
        reason: str,
        remedy: str,
        *,
        line: int | None = None,
        column: int | None = None,
        key: str | None = None,
        first_line: int | None = None,
    ) -> None:
        super().__init__(kind, path, reason, remedy)
        self.kind, self.path, self.reason, self.remedy = kind, path, reason, remedy
        self.line, self.column, self.key, self.first_line = line, column, key, first_line

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        return f"{where}  {self.reason}. {self.remedy}."


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values and the line, from 1, of each key path (list elements by index) that the file spells out.

    One that was never a file has no `lines`; its `path` says in words what it is.
    """

    path: str
    data: dict[str, Any]
    lines: Mapping[Keys, int] | None

    def line_of(self, *keys: str | int) -> int | None:
        """Line of the key, or of its nearest parent in the file; 1 for the file itself."""
        if self.lines is None:
            return None
        for end in range(len(keys), 0, -1):
            line = self.lines.get(keys[:end])
            if line is not None:
                return line
        return 1


def read(path: str | os.PathLike[str]) -> Document:
    """The document in a .toml, .json, .yaml or .yml file; raises `DocumentError`."""
    name = os.fspath(path)
    try:
        if os.path.isfile(name):
            _parser(name)  # what is of another kind is not read at all
        raw = Path(name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DocumentError("missing", name, "There is no such file", "Check the name and the folder") from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise DocumentError(
            "unreadable", name, f"The file cannot be read ({reason})", "Check that it is a file and its permissions"
        ) from problem
    return parse_bytes(raw, name)


def parse_bytes(raw: bytes, path: str) -> Document:
    """The document in a file's bytes (UTF-8, a byte order mark allowed), its format told by the suffix of `path`."""
    parse = _parser(path)
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        before = raw[: problem.start].decode("utf-8")
        raise _not_text(path, *place_of(before, len(before))) from None
    return parse(text, path)


def parse_toml(text: str, path: str) -> Document:
    """A TOML text; its dates and times are `datetime` values, as `tomllib` gives them."""
    import tomllib

    from storeloom.core.kernel.toml_lines import TomlLines, toml_error

    _check_characters(text, path)
    text = text.replace("\r\n", "\n")
    lines = TomlLines(text, path)
    try:
        data = tomllib.loads(text)
        lines.scan()
    except tomllib.TOMLDecodeError as problem:
        raise toml_error(str(problem), lines) from None
    except ValueError as problem:
        raise _number_error(text, path, problem) from None
    except RecursionError:
        raise depth_error(path, None) from None
    return Document(path, data, lines.lines)


def parse_json(text: str, path: str) -> Document:
    """A JSON text (RFC 8259); NaN, Infinity, half surrogate pairs and keys set twice are refused."""
    import json

    _check_characters(text, path)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as problem:
        raise syntax_error(path, problem.msg, problem.lineno, problem.colno) from None
    except ValueError as problem:
        raise _number_error(text, path, problem) from None
    except RecursionError:
        raise depth_error(path, None) from None
    lines = _json_lines(text, path)
    if not isinstance(data, dict):
        raise not_a_table_error(path, place_of(text, len(text) - len(text.lstrip()))[0])
    return Document(path, data, lines)


def parse_yaml(text: str, path: str) -> Document:
    """A YAML text of one document, empty for an empty table. Keys are text as written; aliases and `<<` merges hold."""
    from storeloom.core.kernel.yaml_tree import compose

    _check_characters(text, path)
    data, lines = compose(text, path)
    return Document(path, data, lines)


_PARSERS: dict[str, Callable[[str, str], Document]] = {
    ".toml": parse_toml,
    ".json": parse_json,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
}


def _parser(path: str) -> Callable[[str, str], Document]:
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _PARSERS:
        known = ", ".join(_PARSERS)
        raise DocumentError(
            "wrong_suffix",
            path,
            f"The format of a '{suffix}' file is not known",
            f"Use a file ending in one of {known}",
        )
    return _PARSERS[suffix]


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset in a text."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _check_characters(text: str, path: str) -> None:
    half = SURROGATE.search(text)
    if half:
        raise _not_text(path, *place_of(text, half.start()))


def _not_text(path: str, line: int, column: int) -> DocumentError:
    return DocumentError("not_text", path, "The file is not UTF-8 text", "Save it as UTF-8 in the editor", line=line, column=column)


def syntax_error(path: str, reason: str, line: int | None, column: int | None = None, remedy: str | None = None) -> DocumentError:
    reason = reason[:1].upper() + reason[1:].rstrip(".")
    return DocumentError("syntax", path, reason, remedy or "Correct this place", line=line, column=column)


def depth_error(path: str, line: int | None) -> DocumentError:
    return syntax_error(path, f"Values are nested deeper than {MAX_DEPTH} levels", line, None, "Nest them less")


def _number_error(text: str, path: str, problem: ValueError) -> DocumentError:
    """For the one value that the parsers pass to Python unchecked: a whole number with more digits than it converts."""
    long = _LONG_NUMBER.search(text)
    line, column = place_of(text, long.start()) if long else (None, None)
    return syntax_error(path, f"A number cannot be read ({problem})", line, column, "Write a shorter number or put it in quotes")


def not_a_table_error(path: str, line: int) -> DocumentError:
    return DocumentError("not_a_table", path, "The file holds no table of keys and values", "Start it with a key", line=line)


def duplicate_error(path: str, key: str, line: int, column: int | None, first_line: int | None) -> DocumentError:
    first = f", first in line {first_line}" if first_line is not None else ""
    return DocumentError(
        "duplicate_key",
        path,
        f"The key '{key}' is set twice{first}",
        "Keep one of the two",
        line=line,
        column=column,
        key=key,
        first_line=first_line,
    )


_JSON_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],\n]|[^\s{}\[\],:"]++')
_JSON_NOT_NUMBERS = frozenset(("NaN", "Infinity", "-Infinity"))


def _json_lines(text: str, path: str) -> dict[Keys, int]:
    """Lines of the keys and elements of a text that `json.loads` accepts."""
    lines: dict[Keys, int] = {}
    place: list[str | int | None] = []  # the key or index in each open container; None where a key comes next
    line = 1
    for match in _JSON_TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            line += 1
        elif token == ",":
            last = place[-1]
            place[-1] = last + 1 if isinstance(last, int) else None
        elif token == "]" or token == "}":
            place.pop()
        elif place and place[-1] is None:
            place[-1] = _json_text(token, path, text, match.start())
            keys = _settled(place)
            if keys in lines:
                raise duplicate_error(path, str(keys[-1]), line, place_of(text, match.start())[1], lines[keys])
            lines[keys] = line
        else:
            if place and isinstance(place[-1], int):
                lines[_settled(place)] = line
            if token == "[" or token == "{":
                place.append(0 if token == "[" else None)
                if len(place) > MAX_DEPTH:
                    raise depth_error(path, line)
            elif token in _JSON_NOT_NUMBERS:
                raise syntax_error(path, f"{token} is no JSON value", *place_of(text, match.start()))
            elif token[0] == '"':
                _json_text(token, path, text, match.start())
    return lines


def _settled(place: list[str | int | None]) -> Keys:
    return tuple(key for key in place if key is not None)


def _json_text(token: str, path: str, text: str, offset: int) -> str:
    """The string that a token spells; one half of a surrogate pair is no character and cannot be stored or sent."""
    if "\\" not in token:
        return token[1:-1]
    import json

    spelt: str = json.loads(token)
    if SURROGATE.search(spelt):
        raise syntax_error(path, "A \\u escape gives half a character", *place_of(text, offset), "Write the character itself")
    return spelt
