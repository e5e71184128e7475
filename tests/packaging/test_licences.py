"""Every part's licence is known, allowed, as its own metadata say, and on the page."""

import importlib.metadata
import re

import pytest
from packaging.licenses import canonicalize_license_expression

from tests.packaging import licences
from tests.packaging.parts import ROOT, locked, project, rules, weights


def names(expression):
    return {word for word in re.split(r"[()\s]+", expression) if word not in ("", "AND", "OR")}


def test_every_package_of_every_lock_has_its_licence_and_no_other_has():
    assert rules()["licences"].keys() == {part.name for part in locked("dev")}


def test_only_what_is_allowed_comes_in():
    rule = rules()
    free, lesser = set(rule["free"]), set(rule["lesser"])
    told, others = {name for name, text in rule["licences"].items() if not names(text) <= free}, set(rule["reasons"])
    assert told == others, "what is not free needs its reason, nothing else does"
    grave = {name for name in told if not names(rule["licences"][name]) <= free | lesser}
    shipped = {part.name for use in ("store", "studio", "server") for part in locked(use)}
    assert grave == {"docutils"} and not grave & shipped
    assert not free & lesser and not [one for one in free | lesser if one.startswith(("GPL", "AGPL", "SSPL"))]


def test_the_table_is_what_the_packages_say_of_themselves():
    checked, wrong = 0, {}
    for name, expression in rules()["licences"].items():
        try:
            said = importlib.metadata.metadata(name).get("License-Expression")
        except importlib.metadata.PackageNotFoundError:
            continue
        if said:
            checked += 1
            if canonicalize_license_expression(said) != canonicalize_license_expression(expression):
                wrong[name] = said
    assert checked > 50 and not wrong


def test_the_libraries_inside_wheels_are_listed():
    rule, seen = rules(), 0
    for wheel, known in rule["inside"].items():
        try:
            files = importlib.metadata.files(wheel) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        libraries = [file.name for file in files if file.parts[0].endswith(".libs") and ".so" in file.name]
        here = {re.sub(r"(-[0-9a-f]{8}[0-9.]*)*\.so.*", "", name) for name in libraries}
        seen += len(here)
        assert here <= known.keys(), f"{wheel} brings {sorted(here - known.keys())}"
    others = {
        part.name
        for part in locked("dev")
        if part.name not in rule["inside"] and any(".libs" in file.parts[0] for file in _files(part.name) if ".so" in file.name)
    }
    assert seen > 20 and not others, f"not listed under [inside]: {others}"
    expressions = {licence for known in rule["inside"].values() for licence in known.values()}
    words = {word for expression in expressions for word in expression.split(" AND ")}
    assert words <= {*rule["free"], *rule["free_inside"], *rule["lesser"]}


def _files(name):
    try:
        return importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def test_the_models_that_ship_are_free():
    assert len(weights()) > 9 and {one.licence for one in weights()} <= set(rules()["free"])
    assert {one.file for one in weights()} >= {str(path.relative_to(ROOT)) for path in (ROOT / "workers").rglob("*.onnx")}
    assert project()["license"] == "Apache-2.0"


@pytest.mark.parametrize("lang", licences.PAGES)
def test_the_page_is_fresh(lang):
    assert licences.PAGES[lang].read_text(encoding="utf-8") == licences.page(lang), "run: python -m tests.packaging.licences"
