"""The whole site, made once: without sample runs, which are tried solution by solution."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from storeloom.core.commands.docs import gathered
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.pages.facts import Facts
from storeloom.core.pages.guides import Guides
from storeloom.core.pages.site import Known, site


@dataclass(frozen=True)
class Made:
    """The site: what it was made from, and its pages by language and place."""

    facts: Facts
    known: Known
    guides: Guides
    pages: dict[str, dict[str, str]]


@pytest.fixture(scope="package")
def made() -> Made:
    facts, known, guides = Facts(Registry()), gathered(), Guides(ROOT)
    return Made(facts, known, guides, {lang: site(facts, known, guides, lang) for lang in ("en", "zh")})
