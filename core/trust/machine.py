"""What wheels must fit on a machine: its Python, the platforms whose wheels it takes, PEP 508's markers, what is installed there."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from storeloom.core.trust.wire import Machine

OWN = "storeloom"
UNCOUNTED = frozenset({"platform_release", "platform_version"})  # of the kernel's build: they would make every machine another one


def this_machine(installed: Iterable[str] | None = None) -> Machine:
    """This one. `installed`: the canonical names of the distributions that count as there; None: all that are."""
    from packaging import markers, tags

    here = distributions()
    kept = here if installed is None else {name: here[name] for name in installed if name in here}
    values = {name: str(value) for name, value in markers.default_environment().items() if name not in UNCOUNTED}
    return Machine(python=values["python_full_version"], platforms=list(tags.platform_tags()), markers=values, installed=kept)


def distributions() -> dict[str, str]:
    """The version of every distribution on the path, by canonical name; of two of one name that which is imported."""
    from packaging.utils import canonicalize_name

    found = reversed(list(metadata.distributions()))  # the first on the path counts, so it is put in last
    named = ((one.metadata["Name"], one.version) for one in found)
    return {
        str(canonicalize_name(name)): version for name, version in named if name and version and len(name) <= 200 and len(version) <= 100
    }


def own_distributions(extra: str) -> set[str]:
    """The canonical names of storeloom and of what it is installed with for an extra, as far as it is here."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    waiting = [(OWN, frozenset({extra}))]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(str(canonicalize_name(name)))
        for need in map(Requirement, lines):
            if need.marker is None or any(need.marker.evaluate({"extra": one}) for one in ("", *extras)):
                waiting.append((str(canonicalize_name(need.name)), frozenset(need.extras)))
    return found
