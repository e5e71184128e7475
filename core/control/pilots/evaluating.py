"""From figures to answers: comparable stores, what an estimate is worth, what a pilot did. Answers are JSON values without infinities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.pilots.forms import Choice, Estimate, Metric, Plan
from storeloom.core.control.pilots.panels import panel

if TYPE_CHECKING:
    from storeloom.workers.insight.effects import Effect
    from storeloom.workers.insight.pilot import Judged

WEEKS = 12
BEFORE = timedelta(weeks=26)


def comparable_stores(session: Session, chain: str, metric: Metric, stores: Sequence[str], begins: date, each: int) -> dict[str, Any]:
    """The stores most like each pilot store before the pilot, with how like they are. ApiFault (422) where the figures do not allow it."""
    from storeloom.workers.insight.comparable import comparables
    from storeloom.workers.insight.faults import InsightFault

    rows = session.exec(select(Store.id, Store.region, Store.profile).where(Store.chain == chain, col(Store.closed).is_(None)))
    traits = {store: {"format": profile.get("format"), "region": region} for store, region, profile in rows}
    figures = panel(session, chain, metric, begins - timedelta(weeks=WEEKS), begins - timedelta(days=1), [*traits, *stores])
    try:
        found = comparables(figures, stores, begins, traits=traits, each=each, weeks=WEEKS)
    except InsightFault as fault:
        raise ApiFault(422, fault.findings) from fault
    likeness = [{**asdict(one), "unlike": list(one.unlike), "grade": one.grade} for one in found.likeness]
    silent = set(traits) - set(stores) - set(figures["unique_id"])
    return {"likeness": likeness, "left_out": sorted({*found.left_out, *silent}), "weeks": found.weeks}


def worth_of(effect: Effect, estimate: Estimate, stores: int | None = None) -> dict[str, Any]:
    """What an effect a store and day is worth at an estimate's prices."""
    from storeloom.workers.insight.worth import worth

    running = estimate.running - estimate.hours * estimate.wage
    found = worth(
        effect,
        stores=stores or estimate.stores,
        months=estimate.months,
        earned=estimate.earned,
        one_off=estimate.one_off,
        running=running,
    )
    told: dict[str, Any] = _plain(asdict(found))
    return told


def estimated(estimate: Estimate) -> dict[str, Any]:
    """What is expected to come of it, before it is tried."""
    from storeloom.workers.insight.effects import Effect

    return worth_of(Effect(estimate.effect, estimate.low, estimate.high, math.nan, math.nan), estimate)


def evaluated(session: Session, chain: str, plan: Plan, choice: Choice, estimate: Estimate, last: date) -> dict[str, Any]:
    """What the pilot did until `last` or its end: effect, checks, course by week, drivers, worth. ApiFault (422) where no comparison can be
    made."""
    from storeloom.workers.insight.faults import InsightFault
    from storeloom.workers.insight.pilot import judge

    stores, until = [*choice.stores, *choice.comparables], min(choice.ends, last)
    since = choice.begins - BEFORE
    frame = panel(session, chain, plan.metric, since, until, stores)
    drivers = {f"{one.solution}.{one.name}": panel(session, chain, one, since, until, stores) for one in plan.drivers}
    try:
        found = judge(
            frame, choice.stores, choice.comparables, choice.begins, drivers={name: one for name, one in drivers.items() if one.height}
        )
    except InsightFault as fault:
        raise ApiFault(422, fault.findings) from fault
    return {
        "until": until.isoformat(),
        "days": (until - choice.begins).days + 1,
        "method": found.method,
        "effect": _effect(found.effect),
        "share": found.share,
        "checks": [_check(one) for one in _checks(found)],
        "synthetic": None
        if found.twin is None
        else {"effect": _effect(found.twin.effect), "weights": found.twin.weights, "rank": found.twin.rank},
        "course": [] if found.study is None else _plain(found.study.table.to_dicts()),
        "gaps": [] if found.twin is None else [{**row, "ds": row["ds"].isoformat()} for row in found.twin.gaps.to_dicts()],
        "placebos": [{"at": str(at), **_effect(effect)} for at, effect in found.placebos],
        "drivers": [{"name": one.name, "share": one.share, **_effect(one.effect)} for one in found.drivers],
        "findings": [{"code": one.code, "en": one.text("en"), "zh": one.text("zh")} for one in found.findings],
        "worth": worth_of(found.effect, estimate, len(choice.stores)),
        "worth_of_all": worth_of(found.effect, estimate),
    }


def _checks(found: Judged) -> list[Any]:
    return [*(found.change.checks if found.change else ()), *(found.twin.checks if found.twin else ())]


def _check(one: Any) -> dict[str, Any]:
    return {"en": one.en, "zh": one.zh, "value": _finite(one.value), "expected": one.expected, "held": one.held}


def _effect(one: Effect) -> dict[str, Any]:
    return {name: _finite(getattr(one, name)) for name in ("value", "low", "high", "p_value", "level")}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return _finite(value)
