"""Templates and overlays as they are written: every revision is kept, none is changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from storeloom.core.control import audit
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.models.designs import Design, DesignRevision
from storeloom.core.control.models.fleet import Region
from storeloom.core.kernel import schemas
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.kernel.sources import BUNDLE, OWN_KEYS, STORE, document_findings


def add(session: Session, now: datetime, actor: str, row: Design, note: str) -> Design:
    """Write a new design. ApiFault where there is one of its id, or where what it is for, or its form, does not hold."""
    if session.get(Design, (row.chain, row.id)) is not None:
        raise ApiFault(409, Finding("SL-API-12", {"name": row.id}))
    _require([*_target_findings(session, row), *form_findings(row.level, row.body)])
    session.add(row)
    session.flush()
    _keep(session, now, actor, row, note)
    audit.note(session, row.chain, now, actor, "design.add", row.id, {"level": row.level, "version": row.version})
    return row


def change(session: Session, now: datetime, actor: str, row: Design, name: str, body: Mapping[str, Any], note: str) -> Design:
    """Write a design's next revision."""
    _require(form_findings(row.level, body))
    row.name, row.body, row.version = name, dict(body), row.version + 1
    row.changed, row.changed_by = now, actor
    session.add(row)
    _keep(session, now, actor, row, note)
    audit.note(session, row.chain, now, actor, "design.change", row.id, {"version": row.version})
    return row


def retire(session: Session, now: datetime, actor: str, row: Design) -> None:
    """A design that is written no more: an overlay ceases to hold, a template takes no new store; those built on it go on."""
    row.retired, row.version = now, row.version + 1
    row.changed, row.changed_by = now, actor
    session.add(row)
    _keep(session, now, actor, row, "retired")
    audit.note(session, row.chain, now, actor, "design.retire", row.id)


def check(level: str, body: Mapping[str, Any], label: str, catalogue: Catalogue) -> list[Finding]:
    """Every finding of a design by itself: its form, the solutions that it names, their configs as far as they go."""
    findings = _foreign(body, "")
    return [*findings, *document_findings(Document(label, {k: v for k, v in body.items() if k not in OWN_KEYS}, None), BUNDLE, catalogue)]


def form_findings(level: str, body: Mapping[str, Any]) -> list[Finding]:
    """What keeps a design from being written at all; what is wrong with its values is told by `check`, and kept out of releases."""
    return [*_foreign(body, "body.body"), *schemas.check(BUNDLE, {k: v for k, v in body.items() if k not in OWN_KEYS}, at="body.body")]


def open_design(session: Session, chain: str, name: str, *, lock: bool = False) -> Design:
    """The design of an id, of this chain."""
    row = session.get(Design, (chain, name), with_for_update=lock or None)
    if row is None:
        raise missing("design", "设计", name)
    return row


def revision(session: Session, chain: str, name: str, version: int) -> DesignRevision:
    """A design as it was written at a revision."""
    row = session.get(DesignRevision, (chain, name, version))
    if row is None:
        newest = open_design(session, chain, name).version
        raise ApiFault(404, Finding("SL-DSG-03", {"name": name, "got": version, "newest": newest}))
    return row


def _foreign(body: Mapping[str, Any], at: str) -> list[Finding]:
    """Keys of a bundle's own that are no part of a design."""
    return [Finding("SL-DSG-01", {"key": key}, schemas.join(at, [key])) for key in OWN_KEYS if key in body]


def _target_findings(session: Session, row: Design) -> list[Finding]:
    formats = schemas.load(STORE)["properties"]["format"]["enum"]
    if row.level == "template":
        given = {"target": row.target, "template": row.template}
        return [Finding("SL-DSG-02", {"key": key}, f"body.{key}") for key, value in given.items() if value is not None]
    found = []
    if row.level == "format" and row.target not in formats:
        found.append(Finding("SL-API-05", {"what": {"en": "format", "zh": "业态"}, "name": str(row.target)}, "body.target"))
    if row.level == "region" and (row.target is None or session.get(Region, (row.chain, row.target)) is None):
        found.append(Finding("SL-API-05", {"what": {"en": "region", "zh": "区域"}, "name": str(row.target)}, "body.target"))
    if row.template is not None:
        known = session.exec(select(Design.id).where(Design.chain == row.chain, Design.id == row.template, Design.level == "template"))
        if known.first() is None:
            found.append(Finding("SL-API-05", {"what": {"en": "template", "zh": "模板"}, "name": row.template}, "body.template"))
    return found


def _require(findings: list[Finding]) -> None:
    if findings:
        raise ApiFault(422, findings)


def _keep(session: Session, now: datetime, actor: str, row: Design, note: str) -> None:
    kept = DesignRevision(chain=row.chain, design=row.id, version=row.version, body=row.body, at=now, author=actor, note=note)
    session.add(kept)
    session.flush()
