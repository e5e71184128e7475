"""The pages of the names that others may build upon, from the names themselves: signature, words and members of each."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, ForwardRef, get_origin

from pydantic import BaseModel

from storeloom.core.pages.page import Page, contents, whole
from storeloom.core.pages.shapes import Shapes

WIDEST = 110
MODULE = re.compile(r"\b[a-z_]\w*\.(?=[A-Za-z])")


def surface_pages(surface: Mapping[str, Mapping[str, Any]], lang: str) -> dict[str, str]:
    """The pages, one a module, by their place in the site, and one that lists the modules."""
    page = Page(lang)
    pages = {f"python/{module}.md": _module(module, names, page) for module, names in surface.items()}
    lines = [f"- [`{module}`]({module}.md): {page.names(f'`{name}`' for name in names)}" for module, names in surface.items()]
    below = contents(f"{module}.md" for module in surface)
    pages["python/index.md"] = whole([f"# {page.word('python')}", page.word("python_is"), "\n".join(lines), below])
    return pages


def _module(module: str, names: Mapping[str, Any], page: Page) -> str:
    parts = [f"# {module}", _doc(sys.modules[module]), page.word("in_english") if page.lang == "zh" else ""]
    for name, thing in names.items():
        if callable(thing) and get_origin(thing) is None:
            parts += [f"## {name}", _shape(name, thing, page), _doc(thing), *_members(thing)]
        else:
            parts += [f"## {name}", _code(f"{name} = {re.sub(MODULE, '', repr(thing))}")]
    return whole(parts)


def _shape(name: str, thing: Any, page: Page) -> str:
    """How a thing is made or called: the members of an enumeration, the settings of a config, the signature of all else."""
    if inspect.isclass(thing) and issubclass(thing, Enum):
        return _code("\n".join(f"{name}.{one.name} = {one.value!r}" for one in thing))
    if inspect.isclass(thing) and issubclass(thing, BaseModel):
        schema = thing.model_json_schema()
        return Shapes(page.lang, schema).settings(schema)
    return signed(name, thing)


def _members(thing: Any) -> Iterator[str]:
    """The public methods and properties that a class itself defines."""
    if not inspect.isclass(thing):
        return
    for name, member in vars(thing).items():
        plain = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(plain):
            continue
        text = _doc(plain).partition("\n\n")[0]
        yield "\n\n".join(filter(None, (f"### {thing.__name__}.{name}", signed(name, plain, isinstance(member, property)), text)))


def _doc(thing: Any) -> str:
    """A docstring as Markdown; one that dataclasses or typing wrote is none."""
    text = inspect.getdoc(thing) or ""
    return "" if text.startswith(("!!!", f"{getattr(thing, '__name__', '')}(")) else text


class _Word(str):
    """An annotation as its source writes it: `str`, where inspect would write `'str'`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def signed(name: str, thing: Any, is_property: bool = False) -> str:
    """A signature as a block of code, an argument a line where it is long; of a property its type."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return _code(f"{name}(...)")
    gives = "" if signature.return_annotation in (inspect.Signature.empty, "None", None) else _plain(signature.return_annotation)
    if is_property:
        return _code(f"{name}: {gives}" if gives else name)
    given = [one.replace(annotation=_word(one.annotation)) for one in signature.parameters.values() if one.name not in ("self", "cls")]
    answer = f" -> {gives}" if gives else ""
    brief = str(signature.replace(parameters=given, return_annotation=inspect.Signature.empty)).replace("<factory>", "...")
    shown = f"{name}{brief}{answer}"
    if len(shown) > WIDEST:
        shown = "\n".join((f"{name}(", *(f"    {line}," for line in _lines(given)), f"){answer}"))
    return _code(shown)


def _lines(given: list[inspect.Parameter]) -> Iterator[str]:
    """The arguments, with the sign behind which they go by name alone."""
    named = False
    for one in given:
        if one.kind == one.KEYWORD_ONLY and not named:
            named = True
            yield "*"
        named = named or one.kind == one.VAR_POSITIONAL
        yield str(one).replace("<factory>", "...")


def _word(annotation: Any) -> Any:
    return annotation if annotation is inspect.Parameter.empty else _Word(_plain(annotation))


def _plain(annotation: Any) -> str:
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"
