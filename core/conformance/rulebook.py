"""All rules of `storeloom plugin check`, in the order in which they are looked at and told."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from enum import StrEnum

from storeloom.core.conformance.rules import Grade, Rule
from storeloom.core.kernel.errors import Finding, MisuseFault
from storeloom.core.kernel.registry import hint


class Part(StrEnum):
    """How rules look: `READ` ones read files and run no line of the package, `RUN` ones run its code and need a process of its own."""

    READ = "read"
    RUN = "run"


# Modules beside this one, each with its `RULES`; one that is not there yet is left out.
MODULES: dict[Part, tuple[str, ...]] = {
    Part.READ: ("packaged", "compatible", "permitted"),
    Part.RUN: ("indexed", "declared", "behaviour", "hostile", "costs", "drivers"),
}


def rules(part: Part | None = None, only: Iterable[str] = ()) -> list[Rule]:
    """The rules of a part, or all. `only` names some, by their id or the group before its dot; MisuseFault for one that there is not."""
    names = [name for one, modules in MODULES.items() if part in (None, one) for name in modules]
    places = [f"{__package__}.{name}" for name in names]
    found: list[Rule] = [
        rule for place in places if importlib.util.find_spec(place) is not None for rule in importlib.import_module(place).RULES
    ]
    wanted = set(only)
    return [rule for rule in found if not wanted or wanted & {rule.id, rule.id.partition(".")[0]}]


def require_known(only: Sequence[str]) -> None:
    """MisuseFault (SL-CHK-19) for the first word that names no rule and no group of rules."""
    known = [rule.id for rule in rules()]
    groups = {name.partition(".")[0] for name in known}
    for word in only:
        if word not in known and word not in groups:
            raise MisuseFault(Finding("SL-CHK-19", {"rule": word, **hint(word, [*known, *groups]), "known": known}))


def by_grade(found: Iterable[Rule]) -> list[Rule]:
    """The rules of the lowest grade first: what is looked at no more after a process died can then raise no grade."""
    order = list(Grade)
    return sorted(found, key=lambda rule: order.index(rule.grade))
