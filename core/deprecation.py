"""How a name, an argument or a key of the stable surface goes: it warns for two minor versions, then it may be removed.

Each stands in `DEPRECATED`, which says since when, and what to use instead; a test fails as soon as a version is reached in which one may
be removed. What is used then warns (`SurfaceWarning`, a DeprecationWarning):

- a name of `__all__`: nothing more to do, `lazily` warns whenever it is asked for;
- a function or method: `@deprecated("storeloom.core.Registry.find")`;
- an argument: `@renamed_argument("storeloom.core.compose(given)", "given", "known")` hands on what came under the old name;
- a setting of a solution or an adapter: `setting(..., since="1.4.0", use="limit_c")`. It is told (SL-CFG-10) where a bundle or a store
  profile sets it, and goes with the plugin's next major version.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Returned = TypeVar("Returned")
MINORS = 2


@dataclass(frozen=True)
class Deprecation:
    """What goes (`storeloom.core.NAME`, `storeloom.core.NAME(ARGUMENT)`), the version that said so first, and what to use instead."""

    what: str
    since: str
    use: str

    @property
    def removed_in(self) -> str:
        """The version in which it may be gone."""
        major, minor, _ = numbers(self.since)
        return f"{major}.{minor + MINORS}.0"

    def __str__(self) -> str:
        return f"{self.what} is deprecated since {self.since} and may be gone in {self.removed_in}; use {self.use}"


DEPRECATED: tuple[Deprecation, ...] = ()


class SurfaceWarning(DeprecationWarning):
    """A use of what is deprecated; `deprecation` says of what."""

    def __init__(self, deprecation: Deprecation) -> None:
        super().__init__(str(deprecation))
        self.deprecation = deprecation


def numbers(version: str) -> tuple[int, int, int]:
    """Major, minor and patch of a version. ValueError where it has not these three."""
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)


def overdue(version: str, deprecations: Iterable[Deprecation] | None = None) -> list[Deprecation]:
    """What should be gone in this version."""
    return [one for one in (DEPRECATED if deprecations is None else deprecations) if numbers(version) >= numbers(one.removed_in)]


def known(what: str) -> Deprecation | None:
    """What is said of a deprecated thing, None for one that is not."""
    return next((one for one in DEPRECATED if one.what == what), None)


def deprecated(what: str) -> Callable[[Callable[Given, Returned]], Callable[Given, Returned]]:
    """Mark a function: each call warns. LookupError at the first call where it does not stand in `DEPRECATED`."""

    def mark(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
        @functools.wraps(function)
        def call(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
            _warn(what)
            return function(*args, **kwargs)

        return call

    return mark


def renamed_argument(what: str, old: str, new: str) -> Callable[[Callable[Given, Returned]], Callable[Given, Returned]]:
    """Mark a function: what comes as `old` warns and counts as `new`. TypeError where both come."""

    def mark(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
        @functools.wraps(function)
        def call(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
            if old in kwargs:
                _warn(what)
                if new in kwargs:
                    raise TypeError(f"{function.__qualname__}() got '{new}' and its old name '{old}'")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return mark


def lazily(module: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a module whose names stand in others (PEP 562): `homes` gives, by submodule, the names in it.

    A name is kept after its first use; one that is deprecated is not, and warns each time.
    """
    at = {name: home for home, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in at:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        import importlib
        import sys

        value = getattr(importlib.import_module(f"{module}.{at[name]}"), name)
        if known(f"{module}.{name}") is None:
            setattr(sys.modules[module], name, value)
        else:
            _warn(f"{module}.{name}")
        return value

    return get


def _warn(what: str) -> None:
    found = known(what)
    if found is None:
        raise LookupError(f"{what} does not stand in storeloom.core.deprecation.DEPRECATED")
    warnings.warn(SurfaceWarning(found), stacklevel=3)
