"""Stores and the templates that they are built on: the own layer, where each value comes from, the way to a template's next revision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from storeloom.core.control import audit
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.design import designs
from storeloom.core.control.design.composing import sources_of
from storeloom.core.control.design.layers import DEFAULT, StoreLayers, layers_of, template_at
from storeloom.core.control.design.merging import ABSENT, Conflict, Merge, Path, Take, merge, without
from storeloom.core.control.models.designs import Design, StoreDesign, StoreDesignRevision
from storeloom.core.control.models.fleet import Store
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.overlay import merge_patch
from storeloom.core.kernel.registry import Registry
from storeloom.core.kernel.schemas import show


@dataclass(frozen=True)
class Said:
    """A value and the layer that said it; `level` is `default` for what a schema says."""

    level: str
    design: str | None
    revision: int | None
    value: Any


@dataclass(frozen=True)
class Explained:
    """A value of a store, where it comes from, and what it overrode, oldest first. A null there is a removal."""

    path: Path
    value: Any
    origin: Said
    overrode: tuple[Said, ...]


def open_store_design(session: Session, chain: str, store: str, *, lock: bool = False) -> StoreDesign:
    """What a store is built on. ApiFault 404 for a store that is not there, 409 for one without a template."""
    row = session.get(StoreDesign, (chain, store), with_for_update=lock or None)
    if row is None:
        if session.get(Store, (chain, store)) is None:
            raise missing("store", "门店", store)
        raise ApiFault(409, Finding("SL-DSG-04", {"store": store}))
    return row


def layers_of_store(session: Session, chain: str, store: str) -> StoreLayers:
    """The layers of one store."""
    open_store_design(session, chain, store)
    row = session.get(Store, (chain, store))
    return layers_of(session, chain, [row] if row is not None else [])[0][0]


def build(
    session: Session, chain: str, now: datetime, actor: str, store: str, template: str, version: int | None, own: Mapping[str, Any]
) -> StoreDesign:
    """Build a store on a template's revision, the newest where none is named."""
    if session.get(Store, (chain, store)) is None:
        raise missing("store", "门店", store)
    if session.get(StoreDesign, (chain, store)) is not None:
        raise ApiFault(409, Finding("SL-API-12", {"name": store}))
    version = _usable(session, chain, template, version)
    _require_form(own)
    row = StoreDesign(chain=chain, store=store, template=template, template_version=version, own=dict(own), changed=now, changed_by=actor)
    session.add(row)
    session.flush()
    _keep(session, row, "built")
    audit.note(session, chain, now, actor, "store.build", store, {"template": template, "revision": version})
    return row


def rewrite(session: Session, now: datetime, actor: str, row: StoreDesign, own: Mapping[str, Any], note: str) -> StoreDesign:
    """Write a store's own layer anew."""
    _require_form(own)
    row.own = dict(own)
    return _next(session, now, actor, row, "store.design", note)


def reset(session: Session, now: datetime, actor: str, row: StoreDesign, path: Path, note: str) -> StoreDesign:
    """Give a value, or all below a place, back to what the layers beneath the store's own say."""
    beneath: Any = {}
    for layer in layers_of_store(session, row.chain, row.store).shared:
        beneath = merge_patch(beneath, layer.body)
    try:
        if not path:
            raise KeyError
        row.own = without(row.own, path, beneath)
    except KeyError as error:
        raise ApiFault(422, Finding("SL-DSG-06", {"path": pointer(path)}, "body.path")) from error
    return _next(session, now, actor, row, "store.reset", note or pointer(path))


def explain(store: StoreLayers, registry: Registry, prefix: Path = ()) -> list[Explained]:
    """Each value of a store at or below a place, with its origin and what it overrode."""
    by_label = {layer.label: layer for layer in store.layers}

    def said(label: str, value: Any) -> Said:
        layer = by_label.get(label)
        return Said(DEFAULT, None, None, value) if layer is None else Said(layer.level, layer.id, layer.version, value)

    rows = sources_of(store, registry).layered.explain(*prefix)
    return [
        Explained(
            tuple(map(str, row.path)),
            row.value,
            said(row.origin.layer, row.value),
            tuple(said(label, value) for label, value in row.overridden),
        )
        for row in rows
    ]


def merged(session: Session, row: StoreDesign, to: int, choices: Mapping[Path, Take]) -> Merge:
    """What becomes of a store's own layer on another revision of its template. ApiFault for a choice where nothing is to be chosen."""
    if _usable(session, row.chain, row.template, to, going_on=True) == row.template_version:
        return Merge(dict(row.own), ())
    base = template_at(session, row.chain, row.template, row.template_version).body
    theirs = template_at(session, row.chain, row.template, to).body
    if choices:
        known = {conflict.path for conflict in merge(base, theirs, row.own).conflicts}
        strange = [path for path in choices if path not in known]
        if strange:
            args = [{"path": pointer(path), "known": sorted(map(pointer, known))} for path in strange]
            raise ApiFault(422, [Finding("SL-DSG-07", one, "body.choices") for one in args])
    return merge(base, theirs, row.own, choices)


def move(session: Session, now: datetime, actor: str, row: StoreDesign, to: int, choices: Mapping[Path, Take]) -> StoreDesign:
    """Bring a store to another revision of its template. ApiFault 409 with each conflict that no choice settles."""
    found = merged(session, row, to, choices)
    if found.conflicts:
        raise ApiFault(409, [conflict_finding(conflict, row.store, to) for conflict in found.conflicts])
    _step(session, now, actor, row, to, found)
    _told(session, now, actor, row, "store.move")
    return row


def move_all(
    session: Session, chain: str, now: datetime, actor: str, template: str, to: int, stores: Iterable[str]
) -> tuple[list[str], dict[str, tuple[Conflict, ...]]]:
    """Bring the stores on a template to a revision of it: those without conflicts are moved, of the others the conflicts are told."""
    _usable(session, chain, template, to, going_on=True)
    wanted, moved, left = set(stores), [], {}
    found = select(StoreDesign).where(StoreDesign.chain == chain, StoreDesign.template == template, StoreDesign.template_version != to)
    bodies = {to: template_at(session, chain, template, to).body}
    for row in session.exec(found.order_by(col(StoreDesign.store)).with_for_update()).all():
        if row.store not in wanted:
            continue
        if row.template_version not in bodies:
            bodies[row.template_version] = template_at(session, chain, template, row.template_version).body
        outcome = merge(bodies[row.template_version], bodies[to], row.own)
        if outcome.conflicts:
            left[row.store] = outcome.conflicts
        else:
            _step(session, now, actor, row, to, outcome)
            moved.append(row.store)
    session.flush()
    if moved:
        audit.note(session, chain, now, actor, "design.move", template, {"revision": to, "stores": moved})
    return moved, left


def conflict_finding(conflict: Conflict, store: str, to: int) -> Finding:
    """A conflict in words."""
    none = {"en": "nothing", "zh": "无"}

    def word(value: Any) -> Any:
        return none if value is ABSENT else show(value)

    args = {"store": store, "to": to, "base": word(conflict.base), "theirs": word(conflict.theirs), "ours": word(conflict.ours)}
    return Finding("SL-DSG-05", args, pointer(conflict.path))


def pointer(path: Iterable[str]) -> str:
    """A path as a JSON Pointer (RFC 6901): `/solutions/smart_cart/config`, since names may hold dots."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def pointed(text: str) -> Path:
    """The path of a JSON Pointer. ApiFault for a text that is none."""
    if text and not text.startswith("/"):
        reason = {"en": "a JSON Pointer begins with '/'", "zh": "JSON Pointer 须以“/”开头"}
        raise ApiFault(400, Finding("SL-API-03", {"reason": reason}, "path"))
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in text.split("/")[1:])


def _step(session: Session, now: datetime, actor: str, row: StoreDesign, to: int, outcome: Merge) -> None:
    """Write a store's next revision, on another revision of its template."""
    note = f"{row.template} rev {row.template_version} -> {to}"
    row.own, row.template_version = outcome.own, to
    row.version, row.changed, row.changed_by = row.version + 1, now, actor
    _keep(session, row, note)


def _usable(session: Session, chain: str, template: str, version: int | None, *, going_on: bool = False) -> int:
    """A revision of a template that a store can be built on."""
    row = session.get(Design, (chain, template))
    if row is None or row.level != "template":
        raise missing("template", "模板", template)
    if row.retired is not None and not going_on:
        raise ApiFault(409, Finding("SL-DSG-08", {"name": template}))
    if version is not None:
        designs.revision(session, chain, template, version)
    return row.version if version is None else version


def _require_form(own: Mapping[str, Any]) -> None:
    findings = designs.form_findings("store", own)
    if findings:
        raise ApiFault(422, findings)


def _next(session: Session, now: datetime, actor: str, row: StoreDesign, action: str, note: str) -> StoreDesign:
    row.version, row.changed, row.changed_by = row.version + 1, now, actor
    _keep(session, row, note)
    _told(session, now, actor, row, action)
    return row


def _told(session: Session, now: datetime, actor: str, row: StoreDesign, action: str) -> None:
    detail = {"version": row.version, "template": row.template, "revision": row.template_version}
    audit.note(session, row.chain, now, actor, action, row.store, detail)


def _keep(session: Session, row: StoreDesign, note: str) -> None:
    session.add(row)
    said = row.model_dump(include={"chain", "store", "version", "template", "template_version", "own"})
    session.add(StoreDesignRevision(**said, at=row.changed, author=row.changed_by, note=note))
