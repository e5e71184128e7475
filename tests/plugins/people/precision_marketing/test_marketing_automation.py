"""A journey that is redrawn while persons are on their way."""

from datetime import UTC, datetime, timedelta

from storeloom.plugins.people.precision_marketing.marketing_automation import MarketingAutomation
from tests.plugins.plugin_runs import Run

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def drawn(text):
    nodes = [
        {"id": "s", "kind": "trigger", "on": "join"},
        {"id": "w", "kind": "wait", "hours": 2},
        {"id": "m", "kind": "action", "action": "message", "text": text},
        {"id": "e", "kind": "exit"},
    ]
    edges = [{"from": a, "to": b} for a, b in (("s", "w"), ("w", "m"), ("m", "e"))]
    return {"journeys": [{"name": "hello", "nodes": nodes, "edges": edges}]}


def test_a_redrawn_journey_is_for_new_entrants():
    run = Run(MarketingAutomation, START, {"members": [], "coupons": []}, config=drawn("old"))
    run.give("member.event", START, kind="join", member="a")
    run.instance.configure(drawn("new"))
    run.give("member.event", START + timedelta(hours=1), kind="join", member="b")
    run.until(START + timedelta(hours=4))
    assert {out.data["to"]: out.data["text"] for out in run.outs if out.stream == "message.send"} == {"a": "old", "b": "new"}
