"""The stable surface as flat text: a name for each single promise, and what is promised of it.

`python storeloom.core.setting(unit)`: an argument, its place, type and default; `hook`, `command`, `exit`, `code`, `api`, `stream`,
`table`, `document`, `kind`, `solution` and `adapter` likewise. Two versions are compared name by name (`comparing`); a change reads as a
line.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, ForwardRef

from storeloom.core.kernel import errors, hooks, schemas
from storeloom.core.kernel.messages import MESSAGES
from storeloom.core.kernel.registry import BUILT_IN, ROOT, Package, read_catalogue

MODULES = ("storeloom.core", "storeloom.hardware_adapters.links")
DOCUMENTS = ("bundle", "episode", "goals", "plugins", "prices", "store")
# Given to those who build upon storeloom, not made by them: what it takes to make one may change.
GIVEN = frozenset({"AdapterContext", "Catalogue", "Composition", "Entry", "EpisodeResult", "Package"})
Promise = tuple[str, str]


def surface() -> dict[str, str]:
    """All that is promised, in order of the names. ImportError without the extra `server`, whose API is part of it."""
    found: dict[str, str] = {}
    for module in MODULES:
        found.update(_module(module))
    for part in (_hooks(), _commands(), _exits(), _codes(), _api(), _streams(), _tables(), _documents(), _catalogue()):
        found.update(part)
    return dict(sorted(found.items()))


def _module(name: str) -> Iterator[Promise]:
    module = importlib.import_module(name)
    for word in module.__all__:
        if word != "__version__":
            yield from _thing(f"python {name}.{word}", getattr(module, word))


def _thing(at: str, thing: Any) -> Iterator[Promise]:
    if inspect.isclass(thing):
        bases = [base.__name__ for base in thing.__mro__[1:] if _ours(base)]
        yield at, f"class of {', '.join(bases)}" if bases else "class"
        yield from _class(at, thing)
    elif callable(thing) and _ours(thing):
        yield from _callable(at, thing)
    else:
        yield at, "value"


def _class(at: str, cls: type) -> Iterator[Promise]:
    """Its public members: those that it or a base of ours defines."""
    places = {name: f"{place} " for place, name in enumerate(getattr(cls, "_fields", ()))}  # of a named tuple
    for owner in reversed([one for one in cls.__mro__ if _ours(one)]):
        for name, annotation in inspect.get_annotations(owner).items():
            if not name.startswith("_"):
                yield f"{at}.{name}", places.get(name, "") + _type(annotation)
        for name, member in vars(owner).items():
            if name.startswith("_") and (name != "__init__" or cls.__name__ in GIVEN):
                continue
            plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
            if isinstance(member, property):
                yield f"{at}.{name}", f"property {_type(inspect.signature(member.fget).return_annotation) if member.fget else ''}"
            elif isinstance(member, Enum):
                yield f"{at}.{name}", repr(member.value)
            elif inspect.isfunction(plain) and _ours(plain):
                yield from _callable(f"{at}.{name}", plain)


def _callable(at: str, function: Any) -> Iterator[Promise]:
    """An entry for what it gives, and one for each argument: its place or `keyword`, its type, its default."""
    signature = inspect.signature(function)
    yield at, f"gives {_type(signature.return_annotation)}"
    for place, (name, one) in enumerate(signature.parameters.items()):
        if name in ("self", "cls"):
            continue
        kinds = {"keyword-only": "keyword", "variadic positional": "any number of", "variadic keyword": "any keyword"}
        default = "" if one.default is one.empty else f" = {_default(one.default)}"
        yield f"{at}({name})", f"{kinds.get(one.kind.description, place)} {_type(one.annotation)}{default}"


def _type(annotation: Any) -> str:
    if annotation is inspect.Signature.empty:
        return "anything"
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _default(value: Any) -> str:
    """A default in words that are the same in every process."""
    return repr(value) if isinstance(value, (str, int, float, bool, type(None), tuple)) else "..."


def _ours(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).startswith("storeloom.")


def _hooks() -> Iterator[Promise]:
    for name, spec in vars(hooks.Specs).items():
        if not name.startswith("_"):
            yield from _callable(f"hook {name}", spec)


def _commands() -> Iterator[Promise]:
    """Every command with its arguments and options; an action or a choice is a promise of its own."""
    from storeloom.core.cli import build_parser

    for one in build_parser("en")._actions:
        if isinstance(one, argparse._SubParsersAction):
            yield from _subcommands("command", one)


def _subcommands(at: str, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> Iterator[Promise]:
    for name, sub in commands.choices.items():
        yield f"{at} {name}", "command"
        for one in sub._actions:
            if isinstance(one, argparse._SubParsersAction):
                yield from _subcommands(f"{at} {name}", one)
            elif not isinstance(one, argparse._HelpAction):
                yield from _option(f"{at} {name}", one)


def _option(at: str, one: argparse.Action) -> Iterator[Promise]:
    kind = "switch" if one.nargs == 0 else "value" if one.nargs in (None, "?") else "values"
    for word in one.option_strings or [one.dest]:
        yield f"{at} {word}", kind + (" required" if one.required else "")
        for choice in one.choices or ():
            yield f"{at} {word}={choice}", "choice"


def _exits() -> Iterator[Promise]:
    yield "exit fine", "0"
    for name, one in vars(errors).items():
        if inspect.isclass(one) and issubclass(one, errors.StoreloomError):
            yield f"exit {name}", str(one.exit_code)


def _codes() -> Iterator[Promise]:
    for code, message in MESSAGES.items():
        yield f"code {code}", message.severity


def _api() -> Iterator[Promise]:
    from storeloom.core.control.api.resources import RESOURCES

    for resource in RESOURCES:
        for route in resource.routes:
            yield f"api {route.method} {route.path}", route.scope


def _streams() -> Iterator[Promise]:
    for stream in schemas.streams():
        yield from _schema(f"stream {stream}", schemas.load(schemas.stream_file(stream)))


def _tables() -> Iterator[Promise]:
    for table, key in schemas.tables().items():
        yield f"table {table} key", ", ".join(key)
        yield from _schema(f"table {table}", schemas.load(schemas.table_file(table)))


def _documents() -> Iterator[Promise]:
    for name in DOCUMENTS:
        yield from _schema(f"document {name}", schemas.load(schemas.SCHEMAS / f"{name}.json"))


def _schema(at: str, schema: Mapping[str, Any]) -> Iterator[Promise]:
    yield at, "object"
    yield from _fields(at, schema, schema, 0)


def _fields(at: str, part: Mapping[str, Any], whole: Mapping[str, Any], depth: int) -> Iterator[Promise]:
    """The keys of an object and of what stands in it, five deep: type, whether it is required, and each allowed value."""
    required = part.get("required", ())
    for name, found in part.get("properties", {}).items():
        field = _resolved(found, whole)
        yield f"{at}.{name}", f"{_kind(field)}{' required' if name in required else ''}"
        for value in field.get("enum", ()):
            yield f"{at}.{name}={value}", "value"
        for inner, mark in (
            (field, ""),
            (_resolved(field.get("items"), whole), "[]"),
            (_resolved(field.get("additionalProperties"), whole), ".*"),
        ):
            if inner.get("properties") and depth < 5:
                yield from _fields(f"{at}.{name}{mark}", inner, whole, depth + 1)


def _resolved(part: Any, whole: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(part, Mapping):
        return {}
    if str(part.get("$ref", "")).startswith("#/"):
        found: Any = whole
        for key in str(part["$ref"])[2:].split("/"):
            found = found[key]
        return {**found, **{key: value for key, value in part.items() if key != "$ref"}}
    return part


def _kind(field: Mapping[str, Any]) -> str:
    kind = field.get("type") or ("value" if "enum" in field or "const" in field else "any")
    return " | ".join(kind) if isinstance(kind, list) else str(kind)


def _catalogue(root: Path = ROOT) -> Iterator[Promise]:
    """The built-in solutions and adapters with their major versions (a config that breaks needs another), and the kinds of adapters."""
    catalogue = read_catalogue([Package(BUILT_IN, root)])
    for kind, facts in catalogue.adapter_kinds.items():
        for what in ("feeds", "takes"):
            for stream in facts.get(what, ()):
                yield f"kind {kind} {what} {stream}", "stream"
    for word, entries in (("solution", catalogue.solutions), ("adapter", catalogue.adapters)):
        for name, entry in entries.items():
            yield f"{word} {name}", str(entry["version"]).partition(".")[0]
