"""Journeys: what is wrong with a drawn one, and the way through it."""

import pytest

from storeloom.workers.insight import journeys

SOUND = {
    "name": "j",
    "nodes": [
        {"id": "s", "kind": "trigger", "on": "join"},
        {"id": "h", "kind": "split"},
        {"id": "a", "kind": "action", "action": "message"},
        {"id": "b", "kind": "wait", "hours": 2},
        {"id": "e", "kind": "exit"},
    ],
    "edges": [
        {"from": "s", "to": "h"},
        {"from": "h", "to": "a", "branch": "x", "pct": 30},
        {"from": "h", "to": "b", "branch": "y", "pct": 70},
        {"from": "a", "to": "e"},
        {"from": "b", "to": "e"},
    ],
}


def words(nodes=None, edges=None):
    return " ".join(en for en, _ in journeys.faults({**SOUND, "nodes": nodes or SOUND["nodes"], "edges": edges or SOUND["edges"]}))


@pytest.mark.parametrize("name", journeys.BUILT_IN)
def test_built_in_ones_are_sound(name):
    assert list(journeys.faults(journeys.BUILT_IN[name])) == [] and list(journeys.faults(SOUND)) == []


def test_what_is_wrong():
    nodes, edges = SOUND["nodes"], SOUND["edges"]
    assert "cycle: " in words(edges=[*edges[:4], {"from": "b", "to": "s"}])
    assert "b has no way out" in words(edges=edges[:4])
    assert "unknown nodes: z" in words(edges=[*edges, {"from": "a", "to": "z"}])
    assert "exactly one trigger" in words(nodes=[{"id": "s", "kind": "wait", "hours": 1}, *nodes[1:]])
    assert "branches of 100 %" in words(edges=[*edges[:2], {**edges[2], "pct": 60}, *edges[3:]])
    assert "one id" in words(nodes=[*nodes, nodes[0]])
    assert "more than one way out" in words(edges=[*edges, {"from": "a", "to": "b"}])
    assert "waits for" in words(nodes=[*nodes[:3], {"id": "b", "kind": "wait"}, nodes[4]])
    assert "lacks what it gives" in words(nodes=[*nodes[:2], {"id": "a", "kind": "action", "action": "coupon"}, *nodes[3:]])
    assert "yes and no" in words(nodes=[nodes[0], {"id": "h", "kind": "condition", "when": "clicked"}, *nodes[2:]])
    assert "Exit e has a way out" in words(edges=[*edges, {"from": "e", "to": "b"}])


def test_a_branch_never_changes_and_shares_hold():
    people = [f"p{number}" for number in range(2000)]
    first = [journeys.branch_of(SOUND, "h", one) for one in people]
    assert first == [journeys.branch_of(SOUND, "h", one) for one in people]
    assert 0.27 < first.count("x") / len(first) < 0.33
    assert journeys.after(SOUND, "h", "y") == "b" and journeys.after(SOUND, "s") == "h"
