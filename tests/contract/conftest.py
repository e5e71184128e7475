"""The rules of `core/conformance` over all that is built in: every solution and adapter by every rule, and no list of exemptions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storeloom.core.conformance.rules import Distribution, Scope, Subject
from storeloom.core.kernel.registry import BUILT_IN, ROOT, Package, Registry, read_catalogue

PACKAGE = Package(BUILT_IN, ROOT)


def built_in() -> Subject:
    """What is built in, as a package that is checked."""
    return Subject(PACKAGE, Distribution(BUILT_IN, "0"), Registry(read_catalogue([PACKAGE])), folder=ROOT)


@pytest.fixture(scope="session")
def whole() -> Subject:
    """One subject for the whole run."""
    return built_in()


@pytest.fixture
def registry(whole: Subject) -> Registry:
    return whole.registry


@pytest.fixture
def subject(whole: Subject, about: str) -> Iterator[Subject]:
    """The subject for a rule about one plugin; episodes of another one are let go."""
    labs = whole.notes.get("labs", {})
    for other in labs.keys() - {about}:
        del labs[other]
    yield whole


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`solution` runs over all that are built in; `rule` and `about` over a module's RULES, those of one plugin in a row."""
    if "solution" in metafunc.fixturenames:
        metafunc.parametrize("solution", list(read_catalogue([PACKAGE]).solutions))
    if "rule" in metafunc.fixturenames:
        known = built_in()
        rules = metafunc.module.RULES
        pairs = [(rule, about) for scope in Scope for about in known.ids(scope) for rule in rules if rule.scope is scope]
        metafunc.parametrize(("rule", "about"), pairs, ids=[f"{about}-{rule.id}" for rule, about in pairs])
