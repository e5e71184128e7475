"""Journeys of a member as directed graphs without cycles: the built-in ones, what is wrong with a drawn one, and the way through it.

A journey is `{"name", "nodes": [node], "edges": [{"from", "to", "branch", "pct"}]}`; nodes have `id` and `kind`. An edge out of a condition
is the branch `yes` or `no`; edges out of a split have a `branch` name and a share `pct`, which sum to 100.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

from storeloom.core.kernel.events import draw
from storeloom.workers.insight import conditions

Journey = Mapping[str, Any]
Words = tuple[str, str]
LONGEST_WAIT_H = 180 * 24
FACTS = ("tier", "points", "tags", "segments", "orders", "visits", "redeemed", "delivered", "read", "clicked", "failed", "messages_week")


def _line(name: str, *nodes: Mapping[str, Any]) -> dict[str, Any]:
    """A journey without branches, with a last wait for the goal that only the longest life of a run ends."""
    ways = [*nodes, {"id": "watch", "kind": "wait", "hours": LONGEST_WAIT_H}, {"id": "end", "kind": "exit"}]
    edges = [{"from": one["id"], "to": after["id"]} for one, after in pairwise(ways)]
    return {"name": name, "nodes": ways, "edges": edges}


def _cart_abandon() -> dict[str, Any]:
    journey = _line(
        "cart_abandon",
        {"id": "start", "kind": "trigger", "on": "cart"},
        {"id": "half", "kind": "split"},
        {"id": "wait", "kind": "wait", "hours": 24},
        {"id": "sms", "kind": "action", "action": "message", "channel": "sms"},
    )
    actions = [{"id": "A", "action": "message"}, {"id": "B", "action": "coupon", "coupon": "cart_abandon"}]
    journey["nodes"] += [{**action, "kind": "action"} for action in actions]
    journey["edges"] = [edge for edge in journey["edges"] if edge["from"] != "half"]
    for action in actions:
        journey["edges"] += [{"from": "half", "to": action["id"], "branch": action["id"], "pct": 50}, {"from": action["id"], "to": "wait"}]
    return journey


BUILT_IN: Mapping[str, Journey] = {
    "cart_abandon": _cart_abandon(),
    "welcome": _line("welcome", {"id": "start", "kind": "trigger", "on": "join"}, {"id": "hello", "kind": "action", "action": "message"}),
    "after_service": _line(
        "after_service",
        {"id": "start", "kind": "trigger", "on": "served"},
        {"id": "wait", "kind": "wait", "hours": 24},
        {"id": "ask", "kind": "action", "action": "message"},
    ),
}


def version(journey: Journey) -> str:
    """A short name of the graph as it stands."""
    return hashlib.sha256(json.dumps(journey, sort_keys=True).encode()).hexdigest()[:12]


def node(journey: Journey, name: str) -> Mapping[str, Any]:
    return next(one for one in journey["nodes"] if one["id"] == name)


def trigger(journey: Journey) -> Mapping[str, Any]:
    return next(one for one in journey["nodes"] if one["kind"] == "trigger")


def ways(journey: Journey, name: str) -> list[Mapping[str, Any]]:
    """The edges out of a node, in the order of drawing."""
    return [edge for edge in journey["edges"] if edge["from"] == name]


def after(journey: Journey, name: str, branch: str | None = None) -> str:
    """The node after this one, on a branch where there are several."""
    return str(next(edge["to"] for edge in ways(journey, name) if branch in (None, edge.get("branch"))))


def branch_of(journey: Journey, name: str, person: str) -> str:
    """The branch of a split that a person takes, always the same: the hash of person, journey and node, modulo 100, against the shares."""
    drawn, passed = draw(person, journey["name"], name, modulus=100), 0
    edges = ways(journey, name)
    for edge in edges:
        passed += edge["pct"]
        if drawn < passed:
            return str(edge["branch"])
    return str(edges[-1]["branch"])


def coupons(journey: Journey) -> list[str]:
    return [one["coupon"] for one in journey["nodes"] if one.get("coupon")]


def faults(journey: Journey) -> Iterator[Words]:
    """All that is wrong with a drawn journey, in English and Chinese."""
    names = [one["id"] for one in journey["nodes"]]
    if len(set(names)) < len(names):
        yield "Two nodes have one id", "节点编号重复"
        return
    strangers = sorted({edge[end] for edge in journey["edges"] for end in ("from", "to")} - set(names))
    if strangers:
        yield f"Edges name unknown nodes: {', '.join(strangers)}", f"连线指向不存在的节点：{'、'.join(strangers)}"
        return
    if sum(one["kind"] == "trigger" for one in journey["nodes"]) != 1:
        yield "It needs exactly one trigger", "必须且只能有一个触发节点"
    try:
        TopologicalSorter({name: [edge["to"] for edge in ways(journey, name)] for name in names}).prepare()
    except CycleError as error:
        way = " > ".join(error.args[1])
        yield f"It has a cycle: {way}", f"存在循环：{way}"
    for one in journey["nodes"]:
        yield from _node_faults(one, ways(journey, one["id"]))


def _node_faults(one: Mapping[str, Any], edges: Collection[Mapping[str, Any]]) -> Iterator[Words]:
    name, kind = one["id"], one["kind"]
    branches = [edge.get("branch") or "" for edge in edges]
    if kind == "exit":
        if edges:
            yield f"Exit {name} has a way out", f"出口 {name} 不应有后续"
    elif not edges:
        yield f"Node {name} has no way out", f"节点 {name} 没有出路"
    elif kind == "condition":
        if sorted(branches) != ["no", "yes"]:
            yield f"Condition {name} needs the branches yes and no", f"条件 {name} 需要 yes 与 no 两个分支"
        wrong = conditions.fault(one.get("when") or "", FACTS)
        if wrong:
            yield f"Condition {name}: {wrong}", f"条件 {name} 有误：{wrong}"
    elif kind == "split":
        if len(set(branches)) < len(branches) or "" in branches or sum(edge.get("pct") or 0 for edge in edges) != 100:
            yield f"Split {name} needs named branches of 100 % in all", f"分流 {name} 的分支须命名且合计 100%"
    elif len(edges) > 1:
        yield f"Node {name} has more than one way out", f"节点 {name} 有多个出路"
    if (kind == "wait" and not one.get("hours")) or (kind == "trigger" and not one.get("on")):
        yield f"Node {name} does not say what it waits for", f"节点 {name} 未说明等待内容"
    if kind == "action" and (not one.get("action") or not one.get(one["action"], one["action"] in ("message", "task"))):
        yield f"Action {name} lacks what it gives", f"动作 {name} 缺少内容"
