"""Every part's licence is known, allowed, as its own metadata say, and on the page."""

import importlib.metadata
import json
import re

import pytest
from packaging.licenses import canonicalize_license_expression

from tests.packaging import licences
from tests.packaging.parts import ROOT, locked, project, rules


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


def test_the_models_that_ship_are_free():
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "workers" / "vision" / "models").glob("*/card.json")]
    assert cards and {card["licence"] for card in cards} <= set(rules()["free"])
    assert project()["license"] == "Apache-2.0"


@pytest.mark.parametrize("lang", licences.PAGES)
def test_the_page_is_fresh(lang):
    assert licences.PAGES[lang].read_text(encoding="utf-8") == licences.page(lang), "run: python -m tests.packaging.licences"
