"""Where each key of a TOML text stands: `tomllib` gives the values, not their lines.

A scanner of the tokens that matter for places; it leaves the judgement of the text to `tomllib`.
"""

from __future__ import annotations

import re

from storeloom.core.kernel.documents import (
    MAX_DEPTH,
    DocumentError,
    Keys,
    depth_error,
    duplicate_error,
    place_of,
    syntax_error,
)

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = re.compile(r"Cannot (?:overwrite|declare|redefine|mutate)|Duplicate inline table key")
_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_KEY = re.compile(r'"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|[A-Za-z0-9_-]++')
_DOT = re.compile(r"[ \t]*(\.?)[ \t]*")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'|[^,\]}#\n]++', re.DOTALL)


class TomlLines:
    """Lines of the keys of a text that tomllib accepts; for one that it refuses, finds the first key set twice."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path
        self.offset, self.line = 0, 1
        self.lines: dict[Keys, int] = {}
        self.leaves: set[Keys] = set()
        self.declared: set[Keys] = set()
        self.elements: dict[Keys, int] = {}

    def scan(self) -> None:
        table: Keys = ()
        while self._skip_blank():
            if self.text[self.offset] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.offset)
        if found is None:
            raise ValueError(f"line {self.line} is not TOML")
        self.line += self.text.count("\n", self.offset, found.end())
        self.offset = found.end()
        return found[0]

    def _skip_blank(self) -> bool:
        self._take(_BLANK)
        return self.offset < len(self.text)

    def _at(self, symbol: str) -> bool:
        """Step over the symbol if it comes next."""
        here = self.text.startswith(symbol, self.offset)
        self.offset += len(symbol) if here else 0
        return here

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._take(_BLANK)
            token = self._take(_KEY)
            parts.append(_toml_name(token))
            self._refuse_depth(len(parts))
            if "." not in self._take(_DOT):
                return parts

    def _header(self) -> Keys:
        self._at("[")
        is_array = self._at("[")
        parts = self._key()
        self._at("]")
        if is_array:
            self._at("]")
        keys: Keys = ()
        for part in parts[:-1]:
            keys += (part,)
            self._refuse_if(keys in self.leaves, keys)
            self.lines.setdefault(keys, self.line)
            if keys in self.elements:
                keys += (self.elements[keys],)
        keys += (parts[-1],)
        self._refuse_if(keys in self.leaves or keys in self.declared or (not is_array and keys in self.elements), keys)
        if is_array:
            self.lines.setdefault(keys, self.line)
            self.elements[keys] = self.elements.get(keys, -1) + 1
            keys += (self.elements[keys],)
        self._refuse_depth(len(keys))
        self.declared.add(keys)
        self.lines[keys] = self.line
        return keys

    def _pair(self, table: Keys) -> None:
        parts = self._key()
        keys = table
        for part in parts[:-1]:
            keys += (part,)
            self._refuse_if(keys in self.leaves, keys)
            self.lines.setdefault(keys, self.line)
            self.declared.add(keys)
        keys += (parts[-1],)
        self._refuse_if(keys in self.lines, keys)
        self.lines[keys] = self.line
        self.leaves.add(keys)
        if not self._at("="):
            raise ValueError(f"line {self.line} is not TOML")
        self._skip_blank()
        self._value(keys)

    def _value(self, keys: Keys) -> None:
        self._refuse_depth(len(keys))
        if self._at("["):
            index = 0
            while self._skip_blank() and not self._at("]"):
                self.lines[*keys, index] = self.line
                self._value((*keys, index))
                self._skip_blank()
                self._at(",")
                index += 1
        elif self._at("{"):
            while self._skip_blank() and not self._at("}"):
                self._pair(keys)
                self._skip_blank()
                self._at(",")
        else:
            self._take(_STRING)

    def _refuse_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise depth_error(self.path, self.line)

    def _refuse_if(self, twice: bool, keys: Keys) -> None:
        if twice:
            name = ".".join(str(key) for key in keys)
            raise duplicate_error(self.path, name, self.line, None, self.lines[keys])


def _toml_name(token: str) -> str:
    """The key that a bare or quoted token spells."""
    if token[0] not in "\"'":
        return token
    if "\\" not in token or token[0] == "'":
        return token[1:-1]
    import tomllib

    name: str = tomllib.loads(f"name = {token}")["name"]
    return name


def toml_error(message: str, lines: TomlLines) -> DocumentError:
    """tomllib's complaint with its place; for a key set twice, with the lines of both."""
    place = _PLACE.search(message)
    reason = message[: place.start()] if place else message
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    else:
        line, column = place_of(lines.text, len(lines.text))
    if not _TWICE.match(reason):
        return syntax_error(lines.path, reason, line, column)
    unspecific = DocumentError("duplicate_key", lines.path, reason, "Set each key and declare each table once", line=line, column=column)
    try:
        lines.scan()
    except DocumentError as twice:
        return twice
    except (ValueError, RecursionError):  # more goes wrong after the place that tomllib names
        return unspecific
    return unspecific
