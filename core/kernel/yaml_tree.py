"""YAML texts as plain values with the line of every key: the core schema of YAML 1.2 over PyYAML's parser.

Built from the parser's events without recursion, because PyYAML's own composer overflows the C stack on deep nesting.
Dates, times and numbers with a leading zero are text; a key is always text, as written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from storeloom.core.kernel.documents import (
    MAX_DEPTH,
    SURROGATE,
    DocumentError,
    Keys,
    depth_error,
    duplicate_error,
    not_a_table_error,
    place_of,
    syntax_error,
)

MAX_ALIAS_VALUES = 100_000

_TAG = "tag:yaml.org,2002:"
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TYPES: dict[str, tuple[type, ...]] = {
    _TAG + "int": (int,),
    _TAG + "float": (float, int),
    _TAG + "bool": (bool,),
    _TAG + "null": (type(None),),
}
_TEXT_TAGS = frozenset(("!", _TAG + "str", _TAG + "timestamp"))
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True, eq=False)
class _Node:
    """A value: a scalar, a list of nodes, or a dict of (line of the key, node)."""

    line: int
    value: Any
    anchor: str | None = None


@dataclass(slots=True, eq=False)
class _Open:
    """A list or mapping whose end is still to come; `key` waits for its value, `merges` were put in with `<<`."""

    node: _Node
    key: str | None = None
    key_line: int = 0
    merge_line: int = 0
    merging: bool = False
    merges: list[_Node] = field(default_factory=list)


def compose(text: str, path: str) -> tuple[dict[str, Any], dict[Keys, int]]:
    """Values and lines of the one document in a text, none for an empty document; raises `DocumentError`."""
    bad = _UNPRINTABLE.search(text)
    if bad:
        raise syntax_error(path, "A control character stands in the text", *place_of(text, bad.start()), "Remove it")
    composer = _Composer(path)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            composer.feed(event)
    except yaml.MarkedYAMLError as problem:
        raise _parser_error(problem, text, path) from None
    if composer.root is None:
        return {}, {}
    if not isinstance(composer.root.value, dict):
        last_line, _ = place_of(text, len(text.rstrip()))
        raise not_a_table_error(path, min(composer.root.line, last_line))
    flat = _Flat(path, composer.count + MAX_ALIAS_VALUES)
    data: dict[str, Any] = flat.plain(composer.root, ())
    return data, flat.lines


def _parser_error(problem: yaml.MarkedYAMLError, text: str, path: str) -> DocumentError:
    mark = problem.problem_mark or problem.context_mark
    reason = problem.problem or problem.context or "This is not YAML"
    if mark is None:
        return syntax_error(path, reason, None)
    if mark.index >= len(text):  # the parser names a line after the last
        return syntax_error(path, reason, *place_of(text, len(text.rstrip())))
    remedy = "Indent with spaces, not tabs" if text[mark.index] == "\t" else None
    return syntax_error(path, reason, mark.line + 1, mark.column + 1, remedy)


class _Composer:
    """Takes the parser's events and leaves the document's tree in `root`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.stack: list[_Open] = []
        self.anchors: dict[str, _Node] = {}
        self.root: _Node | None = None
        self.count = 0

    def feed(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            if self._awaits_key():
                self._refuse(event, "A key must be text")
            if event.anchor not in self.anchors:
                self._refuse(event, f"No finished value is anchored as '{event.anchor}' before this place")
            self._place(self.anchors[event.anchor])
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._refuse(event, "A second document starts here", "Keep one document in a file")

    def _refuse(self, event: Any, reason: str, remedy: str | None = None) -> NoReturn:
        raise syntax_error(self.path, reason, event.start_mark.line + 1, event.start_mark.column + 1, remedy)

    def _awaits_key(self) -> bool:
        if not self.stack:
            return False
        holder = self.stack[-1]
        return isinstance(holder.node.value, dict) and holder.key is None and not holder.merging

    def _place(self, node: _Node) -> None:
        """Put a value where the innermost open list or mapping expects it."""
        self.count += 1
        if not self.stack:
            self.root = node
            return
        holder = self.stack[-1]
        if isinstance(holder.node.value, list):
            holder.node.value.append(node)
        elif holder.merging:
            holder.merges.append(node)
            holder.merging = False
        else:
            holder.node.value[holder.key] = (holder.key_line, node)
            holder.key = None

    def _scalar(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if SURROGATE.search(event.value):
            self._refuse(event, "An escape gives half a character", "Write the character itself")
        if self._awaits_key():
            self._key(event, line)
            return
        if not self.stack and not event.value and event.implicit[0]:
            return  # a document of nothing but its marker
        node = _Node(line, self._typed(event))
        if event.anchor:
            self.anchors[event.anchor] = node
        self._place(node)

    def _key(self, event: Any, line: int) -> None:
        holder = self.stack[-1]
        if event.value == "<<" and event.implicit[0]:
            holder.merging, holder.merge_line = True, line
            return
        if event.value in holder.node.value:
            first_line = holder.node.value[event.value][0]
            raise duplicate_error(self.path, event.value, line, event.start_mark.column + 1, first_line)
        if event.anchor:
            self.anchors[event.anchor] = _Node(line, event.value)
        holder.key, holder.key_line = event.value, line

    def _typed(self, event: Any) -> str | int | float | bool | None:
        text: str = event.value
        if event.tag in _TEXT_TAGS or (event.tag is None and not event.implicit[0]):
            return text
        try:
            value = _core(text)
        except ValueError as problem:
            self._refuse(event, f"A number cannot be read ({problem})", "Write a shorter number or put it in quotes")
        if event.tag is None:
            return value
        if event.tag not in _TYPES:
            self._refuse(event, f"The tag '{event.tag}' is not known", "Remove it")
        if type(value) not in _TYPES[event.tag]:
            self._refuse(event, f"'{text}' is not of the type that its tag names")
        return value

    def _start(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        if event.tag not in (None, "!", _TAG + ("map" if isinstance(value, dict) else "seq")):
            self._refuse(event, f"The tag '{event.tag}' is not known", "Remove it")
        if self._awaits_key():
            self._refuse(event, "A key must be text")
        if len(self.stack) >= MAX_DEPTH:
            raise depth_error(self.path, event.start_mark.line + 1)
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        self.stack.append(_Open(_Node(event.start_mark.line + 1, value, event.anchor)))

    def _end(self, event: Any) -> None:
        closed = self.stack.pop()
        for merge in closed.merges:
            sources = merge.value if isinstance(merge.value, list) else [merge]
            for source in sources:
                if not isinstance(source.value, dict):
                    reason = "'<<' merges something that is not a table"
                    line = closed.merge_line if source.value is None else source.line  # nothing stands after its key, on a line of its own
                    raise syntax_error(self.path, reason, line, None, "Give it an alias of a table")
                for key, entry in source.value.items():
                    closed.node.value.setdefault(key, entry)
        if closed.node.anchor:
            self.anchors[closed.node.anchor] = closed.node
        self._place(closed.node)


def _core(text: str) -> str | int | float | bool | None:
    """A plain scalar by YAML 1.2's core schema, section 10.3.2; digits with a leading zero stay text."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "", 1)) if _SPECIAL.fullmatch(text) else text


class _Flat:
    """Plain values of a tree, aliases copied out, with the line of each path."""

    def __init__(self, path: str, budget: int) -> None:
        self.path, self.budget = path, budget
        self.lines: dict[Keys, int] = {}

    def plain(self, node: _Node, keys: Keys) -> Any:
        self.budget -= 1
        if self.budget < 0:
            reason = f"Aliases repeat more than {MAX_ALIAS_VALUES} values"
            raise syntax_error(self.path, reason, node.line, None, "Write the values out or use fewer aliases")
        if len(keys) > MAX_DEPTH:
            raise depth_error(self.path, node.line)
        if isinstance(node.value, dict):
            return {key: self._child(child, (*keys, key), line) for key, (line, child) in node.value.items()}
        if isinstance(node.value, list):
            return [self._child(child, (*keys, index), child.line) for index, child in enumerate(node.value)]
        return node.value

    def _child(self, node: _Node, keys: Keys, line: int) -> Any:
        self.lines[keys] = line
        return self.plain(node, keys)
