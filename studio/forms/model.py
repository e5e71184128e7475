"""A form as a tree of nodes: a schema and a value in, and for each place its control, words, limits, findings, origin, and what an edit
makes of the whole value. Nothing here draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.overlay import same
from storeloom.studio.forms.kinds import MISSING, NESTED, SIMPLE, kind_of
from storeloom.studio.forms.schema import Schema, Settled, blank, fits_schema, settle

Path = tuple[str | int, ...]
PAGE = 24
REST = 8


@dataclass(frozen=True)
class Option:
    """One choice: its value and its words."""

    value: Any
    en: str
    zh: str


@dataclass(frozen=True)
class Form:
    """A schema, a value, and what is known about the value.

    `parent` is the value of the layers below (None where there are none), `layers` name who set a place other than the one in work,
    `findings` are those of the whole document, in which the value stands `at` a place.
    """

    schema: Schema
    value: Mapping[str, Any]
    parent: Mapping[str, Any] | None = None
    findings: tuple[Finding, ...] = ()
    at: str = ""
    layers: Mapping[Path, str] = field(default_factory=dict)

    @cached_property
    def root(self) -> Node:
        return Node(self, (), "", self.schema, dict(self.value), MISSING, True)

    def node(self, path: Path) -> Node:
        """The node at a path. KeyError where there is none."""
        found = self.root
        for key in path:
            found = found.child(key)
        return found

    def put(self, path: Path, value: Any) -> Form:
        """The form after an edit; MISSING takes the place out."""
        new = self.root.changed(path, value)
        return replace(self, value={} if new is MISSING else new)

    def reset(self, path: Path) -> Form:
        """The form with a place as the layers below have it."""
        return self.put(path, deepcopy(self.node(path).parent))

    @cached_property
    def pages(self) -> tuple[tuple[Node, ...], ...]:
        """The settings in pages of about as many controls as a reader takes in at once; a nested one is never torn."""
        pages: list[list[Node]] = []
        room = 0
        for node in self.root.children:
            if not pages or node.weight > room:
                pages.append([])
                room = PAGE
            pages[-1].append(node)
            room -= node.weight
        if len(pages) > 1 and sum(node.weight for node in pages[-1]) <= REST:
            pages[-2:] = [pages[-2] + pages[-1]]
        return tuple(map(tuple, pages))


@dataclass(frozen=True)
class Node:
    """One place of a form. `value` is MISSING where the key is not there; then `fallback` is what counts instead, if anything does."""

    form: Form
    path: Path
    name: str
    schema: Any
    value: Any
    fallback: Any
    required: bool
    known: bool = True

    @cached_property
    def settled(self) -> Settled:
        return settle(self.schema, self.form.schema)

    @property
    def facts(self) -> Schema:
        return self.settled.facts

    @property
    def nullable(self) -> bool:
        return self.settled.nullable

    @property
    def shown(self) -> Any:
        """The value, else what counts instead."""
        return self.fallback if self.value is MISSING else self.value

    @property
    def is_default(self) -> bool:
        """Whether the value is what would count without it."""
        return self.value is MISSING or (self.fallback is not MISSING and same(self.value, self.fallback))

    @cached_property
    def _kind(self) -> tuple[str, str]:
        return ("json", "unknown") if not self.known else kind_of(self.settled, self.form.schema, self.shown)

    @property
    def kind(self) -> str:
        """The control: one of `kinds.SIMPLE` and `kinds.NESTED`, or `code`, `lines`, `choices`, `region`, `json`."""
        return self._kind[0]

    @property
    def reason(self) -> str:
        """Why a JSON editor stands in: `keywords` of the schema, the `value`, an `unknown` key; empty where none does."""
        return self._kind[1]

    @property
    def absent(self) -> bool:
        """A nested place that has no value and need not have one."""
        return self.kind in NESTED - {"list", "map"} and self.shown in (MISSING, None) and (self.nullable or not self.required)

    def title(self, lang: str) -> str:
        """The words of the setting, its key where it has none."""
        words = self.facts.get("x-zh" if lang == "zh" else "title") or self.facts.get("title")
        return str(words or self.name or '""')

    def label(self, lang: str) -> str:
        unit = f" ({self.facts['x-unit']})" if self.facts.get("x-unit") else ""
        return f"{self.title(lang)}{unit}"

    def help(self, lang: str) -> str:
        return str(self.facts.get("x-help-zh" if lang == "zh" else "description") or "")

    @property
    def span(self) -> str:
        """The range of a number as it is written, empty where there is none."""
        return schemas.span(self.facts)

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """The choices; a value that is none of them stands last, so that it is seen."""
        named = {schemas.show(one["const"]): one for one in self.facts.get("x-options", ())}
        values = [True, False] if self.facts.get("type") == "boolean" else list(self.facts.get("enum", ()))
        if self.shown is not MISSING and self.shown is not None and not any(same(one, self.shown) for one in values):
            values.append(self.shown)
        found = []
        for one in values:
            words = named.get(schemas.show(one), {})
            plain = one if isinstance(one, str) else schemas.show(one)
            found.append(Option(one, str(words.get("title", plain)), str(words.get("x-zh", words.get("title", plain)))))
        return tuple(found)

    @cached_property
    def children(self) -> tuple[Node, ...]:
        """The places inside: properties, rows, keys, or the chosen alternative."""
        if self.kind not in NESTED or self.absent:
            return ()
        if self.kind == "union":
            return (replace(self, schema=self._branch_schema),)
        shown = self.shown
        if self.kind == "record":
            return self._properties(shown if isinstance(shown, Mapping) else {})
        if self.kind == "map":
            inside: Iterable[tuple[str | int, Any]] = shown.items() if isinstance(shown, Mapping) else ()
            return tuple(self._inner(key, self.facts["additionalProperties"], True) for key, _ in inside)
        if self.kind == "tuple":
            return tuple(self._inner(k, one, True) for k, one in enumerate(self.facts["prefixItems"]))
        return tuple(self._inner(k, self.facts.get("items", True), True) for k in range(len(shown) if isinstance(shown, list) else 0))

    def _properties(self, shown: Mapping[str, Any]) -> tuple[Node, ...]:
        known: Mapping[str, Any] = self.facts["properties"]
        needed = self.facts.get("required", ())
        extra = self.facts.get("additionalProperties", True)
        found = [self._inner(name, one, name in needed) for name, one in known.items()]
        for name in shown:
            if name not in known:
                found.append(replace(self._inner(name, extra, False), known=isinstance(extra, Mapping)))
        return tuple(found)

    def _inner(self, key: str | int, schema: Any, required: bool) -> Node:
        """The node of a key: what counts without its value comes from what counts without the whole, then from its own default."""
        value, fallback = _get(self.value, key), _get(self.fallback, key) if self.value is MISSING else MISSING
        if fallback is MISSING and isinstance(key, str):
            fallback = settle(schema, self.form.schema).facts.get("default", MISSING)
        return Node(self.form, (*self.path, key), str(key), schema, value, fallback, required)

    def child(self, key: str | int) -> Node:
        for one in self.children:
            if one.path == self.path:
                return one.child(key)
            if one.path[-1] == key:
                return one
        raise KeyError((*self.path, key))

    @property
    def branch(self) -> int:
        """Which alternative the value is: the first that it fits, else the first of its type."""
        branches, root, value = self.settled.branches, self.form.schema, self.shown
        fitting = [k for k, one in enumerate(branches) if value is not MISSING and fits_schema(one, root, value)]
        alike = [k for k, one in enumerate(branches) if value is not MISSING and fits_schema({"type": one.get("type", [])}, root, value)]
        return (fitting or alike or [0])[0]

    @property
    def _branch_schema(self) -> Schema:
        own = {name: one for name, one in self.facts.items() if name not in ("default", "x-widget", "type")}
        return {**own, **self.settled.branches[self.branch]}

    def branched(self, which: int) -> Any:
        """The value to begin with in another alternative."""
        return blank(self.settled.branches[which], self.form.schema)

    @cached_property
    def weight(self) -> int:
        """How many controls it takes to show: of a list, one row is shown at a time."""
        if self.kind in SIMPLE:
            return 1
        if self.kind == "list":
            return 3 + max((one.weight for one in self.children), default=0)
        return 2 + sum(one.weight for one in self.children)

    # findings

    @property
    def place(self) -> str:
        """Where findings say that it stands."""
        return schemas.join(self.form.at, self.path)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """All that is found here and inside."""
        place = self.place
        inside = tuple(f for f in self.form.findings if _where(f) == place or _where(f).startswith((f"{place}.", f"{place}[")))
        return inside if place else self.form.findings

    @property
    def own_findings(self) -> tuple[Finding, ...]:
        """What is found here and in none of the places inside, in words about this place."""
        places = self.children[0].children if self.kind == "union" and self.children else self.children
        inside = {id(f) for one in places for f in one.findings}
        return tuple(self._worded(f) for f in self.findings if id(f) not in inside)

    def _worded(self, finding: Finding) -> Finding:
        """Where a value may be left out, the kernel's verdict speaks of alternatives: say the range instead."""
        if finding.code != "SL-CFG-03" or not self.nullable or _where(finding) != self.place or not self.span:
            return finding
        unit = f" {self.facts['x-unit']}" if self.facts.get("x-unit") else ""
        return replace(finding, args={**finding.args, "allowed": {"en": f"{self.span}{unit}", "zh": f"{self.span}{unit}"}})

    # layers

    @property
    def _in_list(self) -> bool:
        return any(isinstance(key, int) for key in self.path)

    @property
    def parent(self) -> Any:
        """What the layers below say, MISSING where nothing."""
        found: Any = self.form.parent if self.form.parent is not None else MISSING
        for key in self.path:
            found = _get(found, key)
        return found

    @property
    def changed_here(self) -> bool:
        """Whether the layer in work changes it; a list is changed as a whole, so never a part of one."""
        if self._in_list or not self.path:
            return False
        if self.form.parent is None:
            return not self.is_default
        return not _alike(self.value, self.parent)

    @property
    def layer(self) -> str:
        """The layer below that set it, empty where none did."""
        return "" if self.changed_here else self.form.layers.get(self.path, "")

    # edits

    def changed(self, path: Path, new: Any) -> Any:
        """This place's value after a change somewhere inside it; MISSING where it is taken out."""
        if not path:
            return new
        key = path[0]
        base = deepcopy(self.shown)
        if self.kind == "union":
            return self.children[0].changed(path, new)
        if not isinstance(base, (dict, list)):
            base = blank({name: one for name, one in self.facts.items() if name != "default"}, self.form.schema)
        node = next((one for one in self.children if one.path[-1] == key), None)
        inner = new if node is None else node.changed(path[1:], new)
        if isinstance(base, dict):
            base.pop(key, None) if inner is MISSING else base.update({key: inner})
        elif inner is MISSING:
            if self.kind == "tuple":
                base[int(key)] = None
            else:
                del base[int(key)]
        else:
            base[int(key)] = inner
        return base

    # rows and keys

    @property
    def rows(self) -> list[Any]:
        return list(self.shown) if isinstance(self.shown, list) else []

    def added(self) -> list[Any]:
        """The rows and a new one."""
        return [*self.rows, blank(self.facts.get("items", True), self.form.schema)]

    def copied(self, at: int) -> list[Any]:
        rows = self.rows
        return [*rows[: at + 1], deepcopy(rows[at]), *rows[at + 1 :]]

    def dropped(self, at: int) -> list[Any]:
        rows = self.rows
        return [*rows[:at], *rows[at + 1 :]]

    def moved(self, at: int, by: int) -> list[Any]:
        """The rows with one moved up (-1) or down (1), as far as there is room."""
        rows = self.rows
        to = min(max(at + by, 0), len(rows) - 1)
        rows.insert(to, rows.pop(at))
        return rows

    def keyed(self, key: str) -> dict[str, Any]:
        """The map with a new key; unchanged where the key is there already."""
        known = dict(self.shown) if isinstance(self.shown, Mapping) else {}
        return known if key in known else {**known, key: blank(self.facts["additionalProperties"], self.form.schema)}

    @property
    def free_keys(self) -> Sequence[str] | None:
        """The keys that a map may still get, None where any text may be one."""
        names = settle(self.facts.get("propertyNames", True), self.form.schema).facts.get("enum")
        taken = self.shown if isinstance(self.shown, Mapping) else {}
        return None if names is None else [name for name in names if name not in taken]

    def summary(self, lang: str) -> str:
        """A row in a few words: its first plain values."""
        if self.kind == "union":
            return self.children[0].summary(lang)
        if self.kind != "record":
            return schemas.show(self.shown, 40) if self.shown is not MISSING else ""
        plain = [one for one in self.children if one.kind in SIMPLE and one.value not in (MISSING, None, "")]
        return " · ".join(one.value if isinstance(one.value, str) else f"{one.title(lang)} {schemas.show(one.value)}" for one in plain[:3])


def _get(value: Any, key: str | int) -> Any:
    if isinstance(value, Mapping) and isinstance(key, str):
        return value.get(key, MISSING)
    return value[key] if isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value) else MISSING


def _alike(one: Any, other: Any) -> bool:
    return one is other if MISSING in (one, other) else same(one, other)


def _where(finding: Finding) -> str:
    """The place of a finding; that of a missing key is the key's."""
    if finding.code != "SL-CFG-04":
        return finding.path
    return schemas.join(finding.path, [str(finding.args["key"])])


def without_nulls(value: Any) -> Any:
    """A table without its keys that are null, inside tables too: in a layer a null takes a key out, so a key that is not there says it."""
    if not isinstance(value, Mapping):
        return value
    return {key: without_nulls(one) for key, one in value.items() if one is not None}
