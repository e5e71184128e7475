"""What a retailer wants, as a document (`goals/1`), and the solutions that are recommended for it in a store of a format."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import needs
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import DocumentFault, Finding
from storeloom.core.kernel.registry import ROOT, Catalogue, Entry, unknown
from storeloom.core.kernel.sources import open_document

GOALS = ROOT / "examples" / "goals.toml"
SCHEMA = schemas.SCHEMAS / "goals.json"


@dataclass(frozen=True)
class Serving:
    """A solution that serves a goal, the figure that shows it, and whether that is to become `higher` or `lower`."""

    solution: str
    kpi: str
    better: str


@dataclass(frozen=True)
class Goal:
    """A goal in words, the solutions that serve it (the first the most), and the scenarios in which more of them stand."""

    id: str
    zh: str
    en: str
    solutions: tuple[Serving, ...]
    scenarios: tuple[str, ...] = ()


@dataclass(frozen=True)
class Advice:
    """A recommended solution and why: the goals that it serves, or the streams that it gives to others of the set (by solution).

    `lacks` are the kinds of devices that it needs and the store does not have, alternatives joined by ` / `.
    """

    solution: str
    serves: tuple[tuple[str, Serving], ...] = ()
    feeds: tuple[tuple[str, str], ...] = ()
    lacks: tuple[str, ...] = ()


def read_goals(path: str | Path = GOALS) -> dict[str, Goal]:
    """The goals of a document, by id, in its order. DocumentFault where it cannot be read or is not one."""
    document = open_document(path, "goals/1")
    findings = schemas.check(SCHEMA, document.data, place=lambda *keys: (document.path, document.line_of(*keys)))
    if findings:
        raise DocumentFault(findings)
    return {name: _goal(name, body) for name, body in document.data["goals"].items()}


def _goal(name: str, body: Mapping[str, Any]) -> Goal:
    served = tuple(Serving(one["solution"], one["kpi"], one["better"]) for one in body["solutions"])
    return Goal(name, body["zh"], body["en"], served, tuple(body.get("scenarios", ())))


def goal_findings(document: Document, catalogue: Catalogue) -> list[Finding]:
    """A finding for each solution, figure and scenario that a document of goals names and that is not there."""
    findings = []
    for name, body in document.data["goals"].items():
        for at, one in enumerate(body["solutions"]):
            entry = catalogue.solutions.get(one["solution"])
            keys = ("goals", name, "solutions", at)
            if entry is None:
                findings.append(_missing(document, keys, "solution", "方案", one["solution"], catalogue.solutions))
            elif one["kpi"] not in entry["kpis"]:
                findings.append(_missing(document, keys, "figure", "指标", one["kpi"], entry["kpis"]))
        for at, scenario in enumerate(body.get("scenarios", ())):
            if scenario not in catalogue.scenarios:
                keys = ("goals", name, "scenarios", at)
                findings.append(_missing(document, keys, "scenario", "场景", scenario, catalogue.scenarios))
    return findings


def _missing(document: Document, keys: tuple[str | int, ...], what: str, zh: str, word: str, known: Mapping[str, Any]) -> Finding:
    found = unknown(what, zh, word, known)
    return Finding(found.code, found.args, schemas.join("", keys), document.path, document.line_of(*keys))


def recommend(goals: Sequence[Goal], store_format: str, catalogue: Catalogue, kinds: Collection[str]) -> list[Advice]:
    """The solutions for some goals in a store of a format with devices of these kinds: those that serve a goal, then those that the
    former need a stream from which no device of the store gives. A goal's solution that is not installed, switched off or made for other
    formats is left out."""
    serves: dict[str, list[tuple[str, Serving]]] = {}
    for goal in goals:
        for one in goal.solutions:
            if _fits(catalogue.solutions.get(one.solution), store_format):
                serves.setdefault(one.solution, []).append((goal.id, one))
    feeds: dict[str, list[tuple[str, str]]] = {}
    chosen = list(serves)
    for solution in chosen:  # it grows while it is gone through: what feeds may need feeding too
        for stream, provider in _wanting(catalogue.solutions[solution], chosen, store_format, catalogue, kinds):
            feeds.setdefault(provider, []).append((stream, solution))
            if provider not in chosen:
                chosen.append(provider)
    return [
        Advice(one, tuple(serves.get(one, ())), tuple(feeds.get(one, ())), tuple(_lacks(catalogue.solutions[one], kinds))) for one in chosen
    ]


def _fits(entry: Entry | None, store_format: str) -> bool:
    return entry is not None and entry.enabled and store_format in entry["formats"]


def _wanting(
    entry: Entry, chosen: Sequence[str], store_format: str, catalogue: Catalogue, kinds: Collection[str]
) -> Iterable[tuple[str, str]]:
    """The streams that a solution needs and neither a device nor another of the chosen gives, each with one that would."""
    for spec in entry["consumes"]:
        providers, feeding = catalogue.providers(spec)
        fitting = [one for one in providers if one != entry.id and _fits(catalogue.solutions[one], store_format)]
        if not spec.endswith("?") and not set(feeding) & set(kinds) and not set(fitting) & set(chosen) and fitting:
            yield spec, fitting[0]


def _lacks(entry: Entry, kinds: Collection[str]) -> Iterable[str]:
    for alternatives, optional in needs(entry):
        if not optional and not set(alternatives) & set(kinds):
            yield " / ".join(alternatives)
