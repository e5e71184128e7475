"""`docs`: the documentation site's pages in English and Chinese, generated from what is installed."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT, Registry

if TYPE_CHECKING:
    from storeloom.core.pages.site import Known
    from storeloom.core.pages.solution import Sample

LANGUAGES = ("zh", "en")
LEAST_SPREAD = 16  # so many sample runs and more are worth processes of their own


def docs(arguments: argparse.Namespace) -> int:
    """Write `FOLDER/LANG/`: all pages of the site, or only those of the solutions and adapters that are named."""
    folder = Path(arguments.folder)
    pages = _chosen(arguments.ids) if arguments.ids else _everything()
    written = [_write(folder / lang / place, text) for lang, texts in pages.items() for place, text in texts.items()]
    if not arguments.ids and (ROOT / "docs").is_dir():
        _pictures(folder)
    listed = [str(path) for path in written if path.suffix == ".md"]
    if arguments.json:
        print_json({"pages": listed})
    else:
        print(f"{folder}: {len(listed)} {'页' if arguments.lang == 'zh' else 'pages'}")
    return 0


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _pictures(folder: Path) -> None:
    from storeloom.core.pages.guides import Guides

    guides = Guides(ROOT)
    for lang in LANGUAGES:
        for picture in guides.pictures():
            target = folder / lang / picture.relative_to(guides.docs)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, target)


def _everything() -> dict[str, dict[str, str]]:
    """The site in each language: what is generated from code and, in a source tree, the hand-written pages. InputFault without the extra
    `server`, whose API is part of it."""
    from storeloom.core.pages.facts import Facts
    from storeloom.core.pages.guides import Guides
    from storeloom.core.pages.site import reference, site

    try:
        known = gathered()
    except ModuleNotFoundError as error:  # the API's tables
        raise InputFault(Finding("SL-INP-03", {"what": "docs", "extra": "server"})) from error
    registry = Registry()
    facts = Facts(registry, samples(registry, registry.catalogue.solutions))
    if not (ROOT / "docs").is_dir():
        return {lang: reference(facts, known, lang, start="index.md") for lang in LANGUAGES}
    return {lang: site(facts, known, Guides(ROOT), lang) for lang in LANGUAGES}


def _chosen(ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """The pages of some solutions and adapters, with an index."""
    from storeloom.core.pages.adapter import AdapterPage
    from storeloom.core.pages.facts import Facts
    from storeloom.core.pages.site import index_of
    from storeloom.core.pages.solution import SolutionPage

    registry = Registry()
    catalogue = registry.catalogue
    drivers = [catalogue.adapters[name] for name in ids if name in catalogue.adapters]
    chosen = [catalogue.solution(name) for name in ids if name not in catalogue.adapters]
    facts = Facts(registry, samples(registry, [entry.id for entry in chosen]))
    pages: dict[str, dict[str, str]] = {}
    for lang in LANGUAGES:
        texts = pages[lang] = {f"adapters/{entry.id}.md": AdapterPage(facts, entry, lang, alone=True).markdown() for entry in drivers}
        for entry in chosen:
            page = SolutionPage(registry, entry, lang, facts.samples[entry.id], alone=True)
            texts[f"solutions/{entry.id}.md"] = page.markdown()
            texts |= {f"solutions/{entry.id}.svg": page.plot} if page.plot else {}
        texts["index.md"] = index_of(chosen, drivers, lang)
    return pages


def gathered() -> Known:
    """The command line in both languages, the API, the Python surface and a row of each table."""
    from storeloom.core.cli import build_parser
    from storeloom.core.control.api.openapi import document
    from storeloom.core.control.api.problems import TITLES
    from storeloom.core.control.api.resources import RESOURCES
    from storeloom.core.control.api.serve import PREFIX
    from storeloom.core.control.identity.scopes import ROLE_SCOPES
    from storeloom.core.pages.operations import Api
    from storeloom.core.pages.site import Known
    from storeloom.core.surface.reading import MODULES
    from storeloom.core.virtual.tables import default_tables

    rows = {name: table[0] for name, table in default_tables("supermarket", 1).items() if table}
    modules = {name: import_module(name) for name in MODULES}
    surface = {name: {one: getattr(module, one) for one in module.__all__} for name, module in modules.items()}
    parsers = {lang: build_parser(lang) for lang in LANGUAGES}
    return Known(parsers, Api(document(RESOURCES, PREFIX), ROLE_SCOPES, TITLES), surface, rows)


def samples(registry: Registry, ids: Iterable[str]) -> Mapping[str, Sample | None]:
    """The sample runs of solutions; many are spread over the processors."""
    names = list(ids)
    if len(names) < LEAST_SPREAD:
        return {name: _sample(name, registry) for name in names}
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        return dict(zip(names, pool.map(_sample, names, chunksize=4), strict=True))


@cache
def _registry() -> Registry:
    """A process's own registry."""
    return Registry()


def _sample(name: str, registry: Registry | None = None) -> Any:
    from storeloom.core.pages.solution import sample_of

    registry = registry or _registry()
    return sample_of(registry, registry.catalogue.solution(name))
