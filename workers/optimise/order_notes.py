"""What holds a joint order back, and which rules to relax where there is none, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from storeloom.workers.optimise.plans import Note

if TYPE_CHECKING:
    from storeloom.workers.optimise.joint_orders import Problem

WORTH = 1e-7
SHARED = {"budget": ("budget", "预算"), "volume": ("volume", "车辆容积"), "weight": ("payload", "车辆载重")}


def binding(problem: Problem, cases: Mapping[str, int], prices: Mapping[str, float], musts: Mapping[str, float]) -> tuple[Note, ...]:
    """The rules that cost something: `prices` is what one unit more of each is worth, `musts` what a must loses a case."""
    limits = problem.limits
    whole = {"budget": limits.budget, "volume": limits.volume_l, "weight": limits.weight_kg}
    notes = []
    for rule, (en, zh) in SHARED.items():
        price, limit = prices.get(rule, 0.0), whole[rule]
        if price > WORTH and limit is not None:
            notes.append(
                Note(
                    rule,
                    f"The {en} of {limit:g} binds: one more would earn about {price:.4g}.",
                    f"{zh}（{limit:g}）已用尽：每增加 1 约可多赚 {price:.4g}。",
                )
            )
    bought = {line.supplier for line in problem.lines if cases.get(line.item, 0)}
    for one in problem.suppliers:
        price = prices.get(f"supplier:{one.name}", 0.0)
        hopeful = any(line.supplier == one.name and line.gains[0] > 0 for line in problem.lines)
        if one.name in bought and price > WORTH:
            en = f"The minimum of {one.minimum:g} of supplier {one.name} binds: one less would earn about {price:.4g}."
            notes.append(
                Note(f"supplier:{one.name}", en, f"供应商 {one.name} 的起订额（{one.minimum:g}）起约束：每降低 1 约可多赚 {price:.4g}。")
            )
        elif one.name not in bought and hopeful and (one.minimum or one.fee):
            en = f"Nothing from supplier {one.name}: its minimum of {one.minimum:g} and fee of {one.fee:g} leave no gain within the limits."
            zh = f"未向供应商 {one.name} 订货：在限制内，起订额（{one.minimum:g}）与配送费（{one.fee:g}）使其无利可图。"
            notes.append(Note(f"supplier:{one.name}", en, zh))
    for line in problem.lines:
        if musts.get(line.item, 0.0) > WORTH:
            lost = musts[line.item]
            en = f"{line.least} cases of {line.item} must come: one less would earn about {lost:.4g}."
            notes.append(Note(f"must:{line.item}", en, f"{line.item} 必须订 {line.least} 箱：每减少 1 箱约可多赚 {lost:.4g}。"))
        elif line.minimum > 1 and line.gains[0] > 0 and cases.get(line.item, 0) in (0, line.minimum):
            en = f"{line.item} comes in {line.minimum} cases or not at all."
            notes.append(Note(f"line:{line.item}", en, f"{line.item} 起订 {line.minimum} 箱，否则不订。"))
    return tuple(notes)


def relaxed(problem: Problem, by: Mapping[str, float]) -> tuple[Note, ...]:
    """The rules of the least set, each with how far it must give way."""
    notes = []
    for rule, amount in by.items():
        kind, _, name = rule.partition(":")
        if kind in SHARED:
            en, zh = SHARED[kind]
            notes.append(Note(rule, f"Raise the {en} by {amount:g}.", f"将{zh}提高 {amount:g}。", amount))
        elif kind == "supplier":
            en = f"Lower the minimum of supplier {name} by {amount:g}."
            notes.append(Note(rule, en, f"将供应商 {name} 的起订额降低 {amount:g}。", amount))
        elif kind == "must":
            notes.append(Note(rule, f"Ask for {amount:g} cases less of {name}.", f"{name} 的必订量减少 {amount:g} 箱。", amount))
        else:
            en = f"Lower the smallest order of {name} by {amount:g} cases."
            notes.append(Note(rule, en, f"将 {name} 的起订量降低 {amount:g} 箱。", amount))
    return tuple(notes)
