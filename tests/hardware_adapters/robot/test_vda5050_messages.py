"""Orders made from `robot.go`, and the forms of messages beside those that the VDA publishes."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import orjson
import pytest

from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.robot.vda5050 import standing_of
from storeloom.hardware_adapters.robot.vda5050_messages import FORMS, Route, fault_in, order_body

HEADER = {"headerId": 7, "timestamp": "2026-03-02T10:00:00.123Z", "version": "2.0.0", "manufacturer": "acme", "serialNumber": "agv-7"}
STATE: dict[str, Any] = {
    **HEADER,
    "orderId": "o1",
    "orderUpdateId": 0,
    "lastNodeId": "a",
    "lastNodeSequenceId": 0,
    "driving": True,
    "paused": False,
    "nodeStates": [{"nodeId": "b", "sequenceId": 2, "released": True, "nodePosition": {"x": 1, "y": 2, "mapId": "m"}}],
    "edgeStates": [{"edgeId": "a-b", "sequenceId": 1, "released": True}],
    "actionStates": [{"actionId": "1", "actionStatus": "RUNNING", "resultDescription": "x"}],
    "agvPosition": {"x": 0.5, "y": 1, "theta": 0.1, "mapId": "m", "positionInitialized": True, "localizationScore": 0.9},
    "velocity": {"vx": 0.2},
    "loads": [{"loadId": "l", "weight": 3, "loadDimensions": {"length": 1, "width": 1}}],
    "batteryState": {"batteryCharge": 80.5, "charging": False, "batteryHealth": 97, "reach": 400},
    "operatingMode": "AUTOMATIC",
    "errors": [
        {"errorType": "orderError", "errorLevel": "WARNING", "errorReferences": [{"referenceKey": "orderId", "referenceValue": "o1"}]}
    ],
    "information": [{"infoType": "i", "infoLevel": "INFO"}],
    "safetyState": {"eStop": "NONE", "fieldViolation": False},
}
ASKED = [{"referenceKey": "actionId", "referenceValue": "state|1"}]
GO: dict[str, Any] = {
    "robot": "r",
    "order": "o1",
    "update": 0,
    "nodes": [
        {"node": "a", "x": 0, "y": 0},
        {"node": "b", "x": 4, "y": 0, "theta": 1.5 * math.pi, "actions": [{"type": "scan", "params": {"seconds": 3, "shelves": ["A1"]}}]},
        {"node": "c", "x": 4, "y": 2.5, "released": False},
    ],
    "edges": [{"from": "a", "to": "b", "max_speed": 0.6}],
}


def numbered(body: dict[str, Any]) -> list[tuple[str, int, bool]]:
    return [(one["nodeId"], one["sequenceId"], one["released"]) for one in body["nodes"]]


def test_nodes_have_even_numbers_edges_odd_ones_and_what_is_not_released_is_the_horizon() -> None:
    body, route = order_body(GO, None, "m", "HARD")
    assert numbered(body) == [
        ("a", 0, True),
        ("b", 2, True),
        ("c", 4, False),
    ]
    assert [(one["edgeId"], one["sequenceId"], one["released"]) for one in body["edges"]] == [("a-b", 1, True), ("b-c", 3, False)]
    assert [(one["startNodeId"], one["endNodeId"], one.get("maxSpeed")) for one in body["edges"]] == [("a", "b", 0.6), ("b", "c", None)]
    assert body["nodes"][1]["nodePosition"] == {"x": 4, "y": 0, "mapId": "m", "theta": pytest.approx(-0.5 * math.pi)}
    assert body["nodes"][1]["actions"] == [
        {
            "actionId": "o1|2|0",
            "actionType": "scan",
            "blockingType": "HARD",
            "actionParameters": [{"key": "seconds", "value": 3}, {"key": "shelves", "value": ["A1"]}],
        }
    ]
    assert (route.nodes, route.end) == (("a", "b"), 2)
    assert fault_in("order", {**HEADER, **body}) is None


@pytest.mark.parametrize("names", [["a", "b", "c", "d"], ["b", "c", "d"]])
def test_an_update_begins_at_the_end_of_the_base_however_it_is_given(names: list[str]) -> None:
    _, route = order_body(GO, None, "m", "HARD")
    update = {**GO, "update": 1, "nodes": [{"node": name, "x": 4, "y": 0, "actions": []} for name in names], "edges": []}
    body, longer = order_body(update, route, "m", "HARD")
    assert numbered(body) == [
        ("b", 2, True),
        ("c", 4, True),
        ("d", 6, True),
    ]
    assert [(one["edgeId"], one["sequenceId"]) for one in body["edges"]] == [("b-c", 3), ("c-d", 5)]
    assert (longer.nodes, longer.end) == (("a", "b", "c", "d"), 6)


def test_a_base_known_from_a_state_alone_goes_on_too() -> None:
    update = {**GO, "update": 1, "nodes": [{"node": "b", "x": 4, "y": 0}, {"node": "c", "x": 4, "y": 2}], "edges": []}
    body, route = order_body(update, Route("o1", ["b"], 6), "m", "NONE")
    assert [one["sequenceId"] for one in body["nodes"]] == [6, 8] and (route.nodes, route.end) == (("b", "c"), 8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": []}, "an order needs a released node to begin with"),
        ({"edges": [{"from": "a", "to": "c"}]}, "no node c follows node a in this order"),
    ],
)
def test_orders_that_make_no_sense_are_refused_here(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DeviceError) as caught:
        order_body({**GO, **change}, None, "m", "HARD")
    assert (caught.value.code, caught.value.words["en"]) == (Code.ILLEGAL, words)


def test_an_update_from_elsewhere_is_refused_here() -> None:
    with pytest.raises(DeviceError) as caught:
        order_body({**GO, "nodes": [{"node": "x", "x": 0, "y": 0}]}, Route("o1", ["a", "b"]), "m", "HARD")
    assert caught.value.words == {"en": "the update does not go on from node b, where the order ends", "zh": "订单更新未从当前终点 b 接续"}


def mutations(message: Any) -> Iterator[Any]:
    """The message with one part taken out, or made another type, or out of its range."""

    def places(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in pairs:
            yield (*path, key)
            yield from places(value, (*path, key))

    for path in list(places(message, ())):
        for put in (None, "text", -1, 1.5, 7.0e9, True, [], {}):
            changed = copy.deepcopy(message)
            node = changed
            for key in path[:-1]:
                node = node[key]
            if put is None:
                del node[path[-1]]
            else:
                node[path[-1]] = put
            yield changed


@pytest.mark.parametrize("topic", sorted(FORMS))
def test_the_forms_are_those_that_the_vda_publishes(topic: str) -> None:
    pytest.importorskip("vda5050", reason="vda5050-sdk, which brings the published schemas, is absent")
    import jsonschema_rs

    published = jsonschema_rs.validator_for(orjson.loads(files("vda5050").joinpath(f"validation/schemas/{topic}.json").read_bytes()))
    order, _ = order_body(GO, None, "m", "HARD")
    curve = {"degree": 1, "knotVector": [0, 0, 1, 1], "controlPoints": [{"x": 0, "y": 0, "weight": 1}, {"x": 1, "y": 1}]}
    order["edges"][0] |= {"trajectory": curve, "orientation": 0.1, "rotationAllowed": True, "length": 4, "actions": []}
    whole: Any = {
        "order": {**HEADER, **order},
        "instantActions": {**HEADER, "actions": [{"actionType": "cancelOrder", "actionId": "c", "blockingType": "HARD"}]},
        "connection": {**HEADER, "connectionState": "ONLINE"},
        "state": STATE,
    }[topic]
    assert fault_in(topic, whole) is None and published.is_valid(whole)
    verdicts = [(fault_in(topic, one) is None, published.is_valid(one), one) for one in mutations(whole)]
    assert len(verdicts) > 40 and any(good for good, _, _ in verdicts) and not all(good for good, _, _ in verdicts)
    assert [one for mine, theirs, one in verdicts if mine is not theirs] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"errors": []}, ("online", "")),
        (
            {"errors": [{**STATE["errors"][0], "errorReferences": [{"referenceKey": "actionId", "referenceValue": "state|1"}]}]},
            ("online", ""),
        ),
        ({}, ("degraded", "orderError")),
        ({"errors": [{"errorType": "motor", "errorLevel": "FATAL"}]}, ("fault", "motor")),
        ({"safetyState": {"eStop": "MANUAL", "fieldViolation": False}}, ("fault", "emergency_stop")),
        ({"safetyState": {"eStop": "NONE", "fieldViolation": True}}, ("degraded", "field_violation")),
        ({"errors": [], "operatingMode": "TEACHIN"}, ("degraded", "mode_teachin")),
        ({"errors": [], "batteryState": {"batteryCharge": 14.9, "charging": False}}, ("degraded", "battery_low")),
        ({"errors": [], "batteryState": {"batteryCharge": 14.9, "charging": True}}, ("online", "")),
    ],
)
def test_the_gravest_of_what_a_state_says_counts(change: dict[str, Any], expected: tuple[str, str]) -> None:
    assert standing_of({**STATE, **change}, 15.0)[:2] == expected
