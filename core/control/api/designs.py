"""Templates and overlays, and stores on them: written, checked, composed, explained, merged with a template's next revision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlmodel import col, select

from storeloom.core.control.api.design_forms import (
    CompositionOut,
    DesignChange,
    DesignCheck,
    DesignNew,
    DesignOut,
    DesignQuery,
    ExplainedAll,
    ExplainQuery,
    Findings,
    Move,
    MoveAll,
    MovedAll,
    MoveOut,
    MoveQuery,
    OwnChange,
    Reset,
    RevisionOut,
    StoreBuild,
    StoreDesignOut,
    StoreDesignQuery,
    StoreOnTemplate,
    StoreRevisionOut,
)
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import missing
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource
from storeloom.core.control.api.stores import expect
from storeloom.core.control.design import designs as rules
from storeloom.core.control.design import store_designs
from storeloom.core.control.design.choosing import chosen
from storeloom.core.control.design.composing import Composer
from storeloom.core.control.design.merging import ABSENT, Conflict, Path, Take
from storeloom.core.control.design.secrets import secret_findings
from storeloom.core.control.design.wheels import wheel_findings
from storeloom.core.control.models.designs import Design, DesignRevision, StoreDesign, StoreDesignRevision
from storeloom.core.kernel.capacity import needed
from storeloom.core.kernel.errors import Finding, StoreloomError

designs = Resource("designs")


@designs.route(
    "GET", "/designs", "designs:read", "List templates and overlays", "模板与覆盖层列表", query=DesignQuery, answer=Page[DesignOut]
)
def list_designs(call: Call) -> Answer:
    """The chain's designs in order of their ids."""
    found = select(Design).where(Design.chain == call.chain)
    for key in ("level", "target", "template"):
        if getattr(call.query, key) is not None:
            found = found.where(getattr(Design, key) == getattr(call.query, key))
    return Answer(page(call.session, found, [col(Design.id)], call.query, show))


@designs.route(
    "POST", "/designs", "designs:write", "Write a template or overlay", "新建模板或覆盖层", body=DesignNew, answer=DesignOut, status=201
)
def add_design(call: Call) -> Answer:
    """Write a new design."""
    given: DesignNew = call.body
    row = Design(chain=call.chain, changed=call.now, changed_by=call.principal.actor, **given.model_dump(exclude={"note"}))
    rules.add(call.session, call.now, call.principal.actor, row, given.note)
    return Answer(show(row), version="1", headers={"Location": f"/api/v1/designs/{row.id}"})


@designs.route("GET", "/designs/{design}", "designs:read", "One template or overlay", "模板或覆盖层详情", answer=DesignOut)
def get_design(call: Call) -> Answer:
    """A design; its ETag is what a change must name."""
    row = rules.open_design(call.session, call.chain, call.path["design"])
    return Answer(show(row), version=str(row.version))


@designs.route(
    "PUT", "/designs/{design}", "designs:write", "Write a revision", "写入新版本", body=DesignChange, answer=DesignOut, versioned=True
)
def put_design(call: Call) -> Answer:
    """Write a design's next revision; those before are kept. 412 where somebody else wrote one meanwhile."""
    row = rules.open_design(call.session, call.chain, call.path["design"], lock=True)
    expect(call, row.version)
    rules.change(call.session, call.now, call.principal.actor, row, call.body.name, call.body.body, call.body.note)
    return Answer(show(row), version=str(row.version))


@designs.route(
    "DELETE", "/designs/{design}", "designs:write", "Retire a template or overlay", "停用模板或覆盖层", status=204, versioned=True
)
def retire_design(call: Call) -> Answer:
    """Retire a design: an overlay ceases to hold, a template takes no new store."""
    row = rules.open_design(call.session, call.chain, call.path["design"], lock=True)
    expect(call, row.version)
    rules.retire(call.session, call.now, call.principal.actor, row)
    return Answer()


@designs.route(
    "GET", "/designs/{design}/revisions", "designs:read", "List revisions", "版本列表", query=PageQuery, answer=Page[RevisionOut]
)
def list_revisions(call: Call) -> Answer:
    """Every revision of a design, the oldest first."""
    row = rules.open_design(call.session, call.chain, call.path["design"])
    found = select(DesignRevision).where(DesignRevision.chain == call.chain, DesignRevision.design == row.id)
    return Answer(
        page(call.session, found, [col(DesignRevision.version)], call.query, lambda one: one.model_dump(exclude={"chain", "design"}))
    )


@designs.route("POST", "/design-checks", "designs:read", "Check a design", "检查设计", body=DesignCheck, answer=Findings)
def check_design(call: Call) -> Answer:
    """Every finding of a design by itself; nothing is written."""
    found = rules.check(call.body.level, call.body.body, call.body.level, call.registry.catalogue)
    return Answer(_findings(found, call.lang))


@designs.route(
    "POST", "/designs/{design}/moves", "designs:write", "Move stores to a revision", "批量更新门店模板", body=MoveAll, answer=MovedAll
)
def move_all(call: Call) -> Answer:
    """Bring stores on a template to a revision of it: where nothing conflicts at once, else the conflicts are told and the store stays."""
    stores, findings = chosen(call.session, call.chain, call.body.choice)
    if findings:
        raise StoreloomError(findings)
    moved, left = store_designs.move_all(
        call.session, call.chain, call.now, call.principal.actor, call.path["design"], call.body.to, stores
    )
    return Answer({"moved": moved, "conflicts": {store: _conflicts(found) for store, found in left.items()}})


@designs.route(
    "GET",
    "/store-designs",
    "designs:read",
    "List stores on templates",
    "已选用模板的门店列表",
    query=StoreDesignQuery,
    answer=Page[StoreOnTemplate],
)
def list_store_designs(call: Call) -> Answer:
    """The stores that are built on a template, in order of their ids; a store without one is not among them."""
    found = select(StoreDesign).where(StoreDesign.chain == call.chain)
    if call.query.template is not None:
        found = found.where(StoreDesign.template == call.query.template)
    return Answer(page(call.session, found, [col(StoreDesign.store)], call.query, lambda one: one.model_dump(exclude={"chain", "own"})))


@designs.route("GET", "/stores/{store}/design", "designs:read", "What a store is built on", "门店所用模板", answer=StoreDesignOut)
def get_store_design(call: Call) -> Answer:
    """A store's template, its revision, and the store's own layer."""
    return _shown(call, store_designs.open_store_design(call.session, call.chain, call.path["store"]))


@designs.route(
    "POST", "/stores/{store}/design", "designs:write", "Build a store", "为门店选用模板", body=StoreBuild, answer=StoreDesignOut, status=201
)
def build_store(call: Call) -> Answer:
    """Build a store on a template."""
    given: StoreBuild = call.body
    row = store_designs.build(
        call.session, call.chain, call.now, call.principal.actor, call.path["store"], given.template, given.template_version, given.own
    )
    return _shown(call, row)


@designs.route(
    "PUT",
    "/stores/{store}/design",
    "designs:write",
    "Write a store's own layer",
    "修改门店自有层",
    body=OwnChange,
    answer=StoreDesignOut,
    versioned=True,
)
def put_own(call: Call) -> Answer:
    """Write a store's own layer anew. 412 where somebody else changed it meanwhile."""
    row = _locked(call)
    store_designs.rewrite(call.session, call.now, call.principal.actor, row, call.body.own, call.body.note)
    return _shown(call, row)


@designs.route(
    "POST",
    "/stores/{store}/design/reset",
    "designs:write",
    "Reset a value to its parent",
    "将取值恢复为上级",
    body=Reset,
    answer=StoreDesignOut,
    versioned=True,
)
def reset_value(call: Call) -> Answer:
    """Give a value back to the layers beneath the store's own."""
    row = _locked(call)
    path = store_designs.pointed(call.body.path)
    store_designs.reset(call.session, call.now, call.principal.actor, row, path, call.body.note)
    return _shown(call, row)


@designs.route(
    "GET",
    "/stores/{store}/design/revisions",
    "designs:read",
    "A store's revisions",
    "门店版本列表",
    query=PageQuery,
    answer=Page[StoreRevisionOut],
)
def list_store_revisions(call: Call) -> Answer:
    """Every revision of what a store is built on, the oldest first."""
    row = store_designs.open_store_design(call.session, call.chain, call.path["store"])
    table = StoreDesignRevision
    found = select(table).where(table.chain == call.chain, table.store == row.store)
    return Answer(page(call.session, found, [col(table.version)], call.query, lambda one: one.model_dump(exclude={"chain", "store"})))


@designs.route(
    "GET", "/stores/{store}/design/move", "designs:read", "Try a template's revision", "预览模板更新", query=MoveQuery, answer=MoveOut
)
def preview_move(call: Call) -> Answer:
    """What another revision of its template makes of a store's own layer, with every conflict; nothing is changed."""
    row = store_designs.open_store_design(call.session, call.chain, call.path["store"])
    found = store_designs.merged(call.session, row, call.query.to, {})
    return Answer({"store": row.store, "to": call.query.to, "own": found.own, "conflicts": _conflicts(found.conflicts)})


@designs.route(
    "POST",
    "/stores/{store}/design/move",
    "designs:write",
    "Move a store to a revision",
    "更新门店模板版本",
    body=Move,
    answer=StoreDesignOut,
    versioned=True,
)
def move_store(call: Call) -> Answer:
    """Bring a store to another revision of its template. 409 with every conflict that no choice settles."""
    row = _locked(call)
    choices: dict[Path, Take] = {store_designs.pointed(one.path): one.take for one in call.body.choices}
    store_designs.move(call.session, call.now, call.principal.actor, row, call.body.to, choices)
    return _shown(call, row)


@designs.route("GET", "/stores/{store}/composition", "designs:read", "Compose a store", "组合门店方案", answer=CompositionOut)
def compose_store(call: Call) -> Answer:
    """A store composed from its layers as they stand: wiring, capacity, every finding, wheels and secrets that are missing."""
    store = store_designs.layers_of_store(call.session, call.chain, call.path["store"])
    registry = call.registry
    made = Composer(registry).compose(store)
    composition = made.composition
    total, shares = needed(composition.instances)
    secrets = secret_findings(call.session, call.chain, store.store.id, made.secrets)
    wheels = wheel_findings(call.session, call.chain, store.store.id, made, registry.catalogue)
    return Answer(
        {
            "store": store.store.id,
            "layers": ["default", *(layer.label for layer in store.layers)],
            "solutions": {
                one.name: {
                    "solution": one.entry.id,
                    "version": one.entry["version"],
                    "config": one.config,
                    "devices": {kind: [device.id for device in bound] for kind, bound in one.devices.items()},
                    **shares[one.name]._asdict(),
                }
                for one in composition.instances
            },
            "wiring": [edge._asdict() for edge in composition.edges],
            **total._asdict(),
            **_findings([*composition.findings, *wheels, *secrets], call.lang),
        }
    )


@designs.route(
    "GET", "/stores/{store}/explain", "designs:read", "Where values come from", "取值来源", query=ExplainQuery, answer=ExplainedAll
)
def explain(call: Call) -> Answer:
    """Each value of a store at or below a place: the layer and revision that set it, and what it overrode."""
    store = store_designs.layers_of_store(call.session, call.chain, call.path["store"])
    rows = store_designs.explain(store, call.registry, store_designs.pointed(call.query.path))
    if not rows:
        raise missing("value", "取值", call.query.path)
    told = [{**asdict(row), "path": store_designs.pointer(row.path)} for row in rows]
    return Answer({"store": store.store.id, "values": told})


def show(row: Design) -> dict[str, Any]:
    """A design as it goes out."""
    return row.model_dump(exclude={"chain"})


def _locked(call: Call) -> Any:
    row = store_designs.open_store_design(call.session, call.chain, call.path["store"], lock=True)
    expect(call, row.version)
    return row


def _shown(call: Call, row: Any) -> Answer:
    newest = rules.open_design(call.session, call.chain, row.template).version
    return Answer({**row.model_dump(exclude={"chain"}), "template_newest": newest}, version=str(row.version))


def _conflicts(found: Iterable[Conflict]) -> list[dict[str, Any]]:
    return [
        {
            "path": store_designs.pointer(one.path),
            **{side: None if (value := getattr(one, side)) is ABSENT else value for side in ("base", "theirs", "ours")},
            "absent": [side for side in ("base", "theirs", "ours") if getattr(one, side) is ABSENT],
        }
        for one in found
    ]


def _findings(found: Iterable[Finding], lang: str) -> dict[str, Any]:
    told = list(found)
    return {"ok": all(one.severity != "error" for one in told), "findings": [one.as_dict(lang) for one in told]}
