"""The whole site in one language: what is generated from code, the hand-written pages, and the pages that lead to both."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.messages import MESSAGES
from storeloom.core.kernel.registry import Entry
from storeloom.core.pages.adapter import AdapterPage, adapter_index
from storeloom.core.pages.commands import command_pages, commands_of
from storeloom.core.pages.documents import DOCUMENTS, document_pages
from storeloom.core.pages.errors import error_pages
from storeloom.core.pages.facts import Facts
from storeloom.core.pages.guides import Guides
from storeloom.core.pages.hooks import hook_page
from storeloom.core.pages.keys import keys_of
from storeloom.core.pages.operations import Api, api_pages
from storeloom.core.pages.page import Page, contents, whole
from storeloom.core.pages.solution import SolutionPage
from storeloom.core.pages.stream import StreamPage, TablePage, stream_index, table_index
from storeloom.core.pages.surface import surface_pages

PILLARS = ("people", "personnel", "process", "product", "premise")


@dataclass(frozen=True)
class Known:
    """What the site is made from beside the catalogue: the command line in each language, the API, the names that others may build upon by
    module, a row of each table."""

    parsers: Mapping[str, argparse.ArgumentParser]
    api: Api
    surface: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def reference(facts: Facts, known: Known, lang: str, start: str = "reference.md") -> dict[str, str]:
    """All pages and plots that are generated from code, by their place in the site; `start` leads to all others."""
    pages = {**_solutions(facts, lang)}
    pages |= {f"adapters/{name}.md": AdapterPage(facts, entry, lang).markdown() for name, entry in facts.adapters.items()}
    pages["adapters/index.md"] = adapter_index(facts, lang) + "\n" + contents(f"{name}.md" for name in facts.adapters)
    pages |= {f"streams/{name}.md": StreamPage(facts, name, lang).markdown() for name in schemas.streams()}
    pages["streams/index.md"] = stream_index(lang) + "\n" + contents(f"{name}.md" for name in schemas.streams())
    pages |= {f"tables/{name}.md": TablePage(facts, name, lang, known.rows.get(name)).markdown() for name in schemas.tables()}
    pages["tables/index.md"] = table_index(lang) + "\n" + contents(f"{name}.md" for name in schemas.tables())
    pages |= command_pages(known.parsers[lang], lang) | api_pages(known.api, lang)
    pages |= keys_of({"solutions": facts.solutions, "adapters": facts.adapters}, lang)
    pages["config-keys/index.md"] += "\n" + contents(("solutions.md", "adapters.md"))
    pages |= document_pages(lang) | error_pages(MESSAGES, lang)
    pages["hooks.md"] = hook_page(facts, lang)
    pages |= surface_pages(known.surface, lang)
    pages[start] = _reference_index(facts, known, lang)
    return pages


def _solutions(facts: Facts, lang: str) -> dict[str, str]:
    """The solutions' pages, one that lists those of each pillar by scenario, and one that lists the pillars."""
    pages: dict[str, str] = {}
    page = Page(lang)
    for name, entry in facts.solutions.items():
        one = SolutionPage(facts.registry, entry, lang, facts.samples.get(name))
        pages[f"solutions/{name}.md"] = one.markdown()
        if one.plot:
            pages[f"solutions/{name}.svg"] = one.plot
    scenarios = facts.registry.catalogue.scenarios
    lines = []
    for pillar in PILLARS:
        parts, below = [f"# {page.word(pillar)}"], []
        for scenario, about in scenarios.items():
            mine = [entry for entry in facts.solutions.values() if entry["scenario"] == scenario and entry["pillar"] == pillar]
            rows = [(f"[{page.said(e.facts)}]({e.id}.md)", e["purpose_zh" if lang == "zh" else "purpose_en"]) for e in mine]
            if rows:
                parts += [f"## {page.said(about)}", page.table(("solution", "meaning"), rows)]
                below += [f"{entry.id}.md" for entry in mine]
        count = page.word("all_of", number=len(below), scenarios=(len(parts) - 1) // 2)
        pages[f"solutions/pillar-{pillar}.md"] = whole([parts[0], count, *parts[1:], contents(below)])
        lines.append(f"- [{page.word(pillar)}](pillar-{pillar}.md){page.colon}{count}")
    below = [f"pillar-{pillar}.md" for pillar in PILLARS]
    pages["solutions/index.md"] = whole([f"# {page.word('solutions')}", page.word("solutions_are"), "\n".join(lines), contents(below)])
    return pages


def _reference_index(facts: Facts, known: Known, lang: str) -> str:
    page = Page(lang)
    operations = sum(1 for _ in known.api.operations())
    kinds: list[tuple[str, str, int]] = [
        ("solutions", "solutions/index.md", len(facts.solutions)),
        ("adapters", "adapters/index.md", len(facts.adapters)),
        ("streams", "streams/index.md", len(schemas.streams())),
        ("tables", "tables/index.md", len(schemas.tables())),
        ("config_keys", "config-keys/index.md", sum(_keys(facts))),
        ("documents", "documents/index.md", len(DOCUMENTS)),
        ("commands", "commands/index.md", len(commands_of(known.parsers[lang]))),
        ("api", "api/index.md", operations),
        ("errors", "errors/index.md", len(MESSAGES)),
    ]
    lines = [f"- [{page.word(key)}]({place}){page.colon}{number}" for key, place, number in kinds]
    rest = [("hooks", "hooks.md"), ("python", "python/index.md")]
    lines += [f"- [{page.word(key)}]({place})" for key, place in rest]
    below = contents([*(place for _, place, _ in kinds), *(place for _, place in rest)])
    return whole([f"# {page.word('reference')}", page.word("reference_is"), "\n".join(lines), below])


def index_of(solutions: Iterable[Entry], adapters: Iterable[Entry], lang: str) -> str:
    """The page that leads to some solutions and adapters."""
    page = Page(lang)
    groups = {"solutions": list(solutions), "adapters": list(adapters)}
    listed = {name: "\n".join(f"- [{page.said(one.facts)}]({name}/{one.id}.md)" for one in group) for name, group in groups.items()}
    return whole([f"# {page.word('reference')}", *(page.section(name, lines) for name, lines in listed.items() if lines)])


def _keys(facts: Facts) -> tuple[int, int]:
    """How many config keys solutions and adapters have."""
    counts = [
        sum(len(schemas.load(entry.schema_file).get("properties", {})) for entry in group.values())
        for group in (facts.solutions, facts.adapters)
    ]
    return counts[0], counts[1]


def site(facts: Facts, known: Known, guides: Guides, lang: str) -> dict[str, str]:
    """Every page of the site in one language by its place, plots among them."""
    pages = reference(facts, known, lang)
    pages |= {
        f"{folder}/index.md": _folder(guides, folder, lang) for folder in guides.folders if f"{folder}/index.md" not in guides.english
    }
    pages |= guides.pages(lang, {*pages, "index.md"})
    return {**pages, "index.md": _home(guides, set(pages), lang)}


def _folder(guides: Guides, folder: str, lang: str) -> str:
    """The page that lists the hand-written pages of a folder which has no such page of its own."""
    inside = [place for place in guides.english if place.startswith(f"{folder}/")]
    about = guides.map["folders"].get(folder, {})
    lines = [_line(guides, place, place.partition("/")[2], lang) for place in inside]
    below = contents(place.partition("/")[2] for place in inside)
    return whole([f"# {about.get(lang, folder.capitalize())}", about.get(f"about_{lang}", ""), "\n".join(lines), below])


def _line(guides: Guides, place: str, target: str, lang: str) -> str:
    about = guides.about(place, lang)
    return f"- [{guides.title(place, lang)}]({target}){Page(lang).colon + about if about else ''}"


def _home(guides: Guides, pages: set[str], lang: str) -> str:
    """The first page: what storeloom is, what there is for each reader, and the sections of the site."""
    page = Page(lang)
    home = guides.map["home"]
    parts = [f"# {home[lang]}", home[f"about_{lang}"]]
    for audience in guides.map["audiences"]:
        lines = [_entry(guides, place, page) for place in guides.listed(audience, pages)]
        parts += [f"## {audience[lang]}", audience[f"about_{lang}"], "\n".join(lines)]
    told: set[str] = set()
    for section in guides.map["sections"]:
        inside = guides.listed(section, pages)
        told |= set(inside)
        parts.append(_captioned(section[lang], inside))
    indexes = {f"{folder}/index.md" for folder in guides.folders}
    left = [place for place in guides.english if "/" not in place and place not in told] + sorted(indexes - told)
    return whole([*parts, _captioned(page.word("more"), left)])


def _captioned(caption: str, places: list[str]) -> str:
    return contents(places).replace(":hidden:", f":hidden:\n:caption: {caption}", 1)


def _entry(guides: Guides, place: str, page: Page) -> str:
    if place in guides.english:
        return _line(guides, place, place, page.lang)
    named, folder = guides.map["pages"].get(place.removesuffix(".md"), {}), guides.map["folders"].get(place.partition("/")[0], {})
    title, about = named.get(page.lang) or folder[page.lang], named.get(f"about_{page.lang}", "")
    return f"- [{title}]({place}){page.colon + about if about else ''}"
