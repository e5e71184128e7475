"""The messages of VDA 5050 2.0 (VDA and VDMA, January 2022, chapter 6): what is in them, and orders made from `robot.go`.

`fault_in` checks a message of any topic; the forms below say what the standard's tables and its published JSON schemas say, and take
`PAUSED` as an action's status, which stands in its text (6.10.6) and is missing from the published schema.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from storeloom.hardware_adapters.links.errors import Code, DeviceError

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
SIZE: Schema = {"type": "number", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
ANGLE: Schema = {"type": "number", "minimum": -3.14159265359, "maximum": 3.14159265359}
VALUE: Schema = {"type": ["array", "boolean", "number", "string", "object"]}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _all(kind: Schema, *names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, kind)


HEADER = {"headerId": WHOLE, "timestamp": TEXT, "version": TEXT, "manufacturer": TEXT, "serialNumber": TEXT}
ACTION = _object(
    {"actionType": TEXT, "actionId": TEXT, "blockingType": _one_of("NONE", "SOFT", "HARD")},
    {"actionDescription": TEXT, "actionParameters": _many(_object({"key": TEXT, "value": VALUE}))},
)
CURVE = {"knotVector": _many(SHARE), "controlPoints": _many(_object(_all(NUMBER, "x", "y"), {"weight": NUMBER}))}
CURVE_SENT = {**CURVE, "controlPoints": _many(_object(_all(NUMBER, "x", "y"), {"weight": SIZE}))}
NODE = _object(
    {"nodeId": TEXT, "sequenceId": COUNT, "released": FLAG, "actions": _many(ACTION)},
    {
        "nodeDescription": TEXT,
        "nodePosition": _object(
            {"x": NUMBER, "y": NUMBER, "mapId": TEXT},
            {
                "theta": ANGLE,
                "allowedDeviationXY": SIZE,
                "allowedDeviationTheta": {"type": "number", "minimum": -3.141592654, "maximum": 3.141592654},
                "mapDescription": TEXT,
            },
        ),
    },
)
EDGE = _object(
    {**_all(TEXT, "edgeId", "startNodeId", "endNodeId"), "sequenceId": COUNT, "released": FLAG, "actions": _many(ACTION)},
    {
        **_all(TEXT, "edgeDescription", "orientationType", "direction"),
        **_all(NUMBER, "maxSpeed", "maxHeight", "minHeight", "maxRotationSpeed", "length"),
        "orientation": ANGLE,
        "rotationAllowed": FLAG,
        "trajectory": _object({"degree": {"type": "integer", "minimum": 1}, **CURVE_SENT}),
    },
)
REFERENCES = _many(_object(_all(TEXT, "referenceKey", "referenceValue")))
POSITION = _object(
    {**_all(NUMBER, "x", "y", "theta"), "mapId": TEXT, "positionInitialized": FLAG},
    {"mapDescription": TEXT, "localizationScore": SHARE, "deviationRange": NUMBER},
)
VELOCITY = _object({}, _all(NUMBER, "vx", "vy", "omega"))
LOAD = _object(
    {},
    {
        **_all(TEXT, "loadId", "loadType", "loadPosition"),
        "boundingBoxReference": _object(_all(NUMBER, "x", "y", "z"), {"theta": NUMBER}),
        "loadDimensions": _object(_all(NUMBER, "length", "width"), {"height": NUMBER}),
        "weight": SIZE,
    },
)
STATUSES = ("WAITING", "INITIALIZING", "RUNNING", "PAUSED", "FINISHED", "FAILED")
STATE = _object(
    {
        **HEADER,
        "orderId": TEXT,
        "orderUpdateId": WHOLE,
        "lastNodeId": TEXT,
        "lastNodeSequenceId": WHOLE,
        "driving": FLAG,
        "nodeStates": _many(
            _object(
                {"nodeId": TEXT, "sequenceId": WHOLE, "released": FLAG},
                {"nodeDescription": TEXT, "nodePosition": _object({"x": NUMBER, "y": NUMBER, "mapId": TEXT}, {"theta": NUMBER})},
            )
        ),
        "edgeStates": _many(
            _object(
                {"edgeId": TEXT, "sequenceId": WHOLE, "released": FLAG},
                {"edgeDescription": TEXT, "trajectory": _object({"degree": WHOLE, **CURVE})},
            )
        ),
        "actionStates": _many(
            _object(
                {"actionId": TEXT, "actionStatus": _one_of(*STATUSES)}, _all(TEXT, "actionType", "actionDescription", "resultDescription")
            )
        ),
        "batteryState": _object(
            {"batteryCharge": NUMBER, "charging": FLAG},
            {"batteryVoltage": NUMBER, "batteryHealth": {"type": "number", "minimum": 0, "maximum": 100}, "reach": SIZE},
        ),
        "operatingMode": _one_of("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL", "SERVICE", "TEACHIN"),
        "errors": _many(
            _object(
                {"errorType": TEXT, "errorLevel": _one_of("WARNING", "FATAL")},
                {"errorReferences": REFERENCES, "errorDescription": TEXT, "errorHint": TEXT},
            )
        ),
        "safetyState": _object({"eStop": _one_of("AUTOACK", "MANUAL", "REMOTE", "NONE"), "fieldViolation": FLAG}),
    },
    {
        "zoneSetId": TEXT,
        "agvPosition": POSITION,
        "velocity": VELOCITY,
        "loads": _many(LOAD),
        **_all(FLAG, "paused", "newBaseRequest"),
        "distanceSinceLastNode": NUMBER,
        "information": _many(
            _object({"infoType": TEXT, "infoLevel": _one_of("INFO", "DEBUG")}, {"infoReferences": REFERENCES, "infoDescription": TEXT})
        ),
    },
)
FORMS: Mapping[str, Schema] = {
    "order": _object({**HEADER, "orderId": TEXT, "orderUpdateId": COUNT, "nodes": _many(NODE), "edges": _many(EDGE)}, {"zoneSetId": TEXT}),
    "instantActions": _object({**HEADER, "actions": _many(ACTION)}),
    "connection": _object({**HEADER, "connectionState": _one_of("ONLINE", "OFFLINE", "CONNECTIONBROKEN")}),
    "state": STATE,
}


@lru_cache(maxsize=8)
def _checker(topic: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(FORMS[topic])


def fault_in(topic: str, message: Any) -> str | None:
    """What is first wrong with a message of a topic (`order`, `instantActions`, `connection`, `state`), None when it is as it should be."""
    checker = _checker(topic)
    if checker.is_valid(message):
        return None
    error = next(iter(checker.iter_errors(message)))
    place = ".".join(map(str, error.instance_path))
    return f"{place}: {error.message}" if place else str(error.message)


class Route:
    """The base of an order as it was sent: its nodes from the first on, each with its sequence number."""

    def __init__(self, order: str, nodes: Sequence[str], first: int = 0) -> None:
        self.order, self.nodes, self.first = order, tuple(nodes), first

    @property
    def end(self) -> int:
        """The sequence number of the last node of the base, where an update begins (6.6.2)."""
        return self.first + 2 * (len(self.nodes) - 1)

    def onward(self, nodes: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]] | None:
        """The part of an update's nodes from the end of this base on; None where it does not begin there.

        An update may name the new part alone, or the whole order anew.
        """
        names = [str(one["node"]) for one in nodes]
        count = len(self.nodes)
        if self.first == 0 and tuple(names[:count]) == self.nodes:
            return nodes[count - 1 :]
        return nodes if names[:1] == [self.nodes[-1]] else None


def order_body(data: Mapping[str, Any], route: Route | None, map_id: str, blocking: str) -> tuple[dict[str, Any], Route]:
    """The order of a `robot.go`, without its header, and its base; `route` is the base that an update goes on from.

    Nodes and edges are numbered through (nodes even, edges odd). Nodes from the first with `released: false` on are the horizon.
    DeviceError where the edges do not link the nodes or an update does not begin where the base ends.
    """
    nodes: Sequence[Mapping[str, Any]] = data["nodes"]
    start = 0
    if route is not None:
        onward = route.onward(nodes)
        if onward is None:
            end = route.nodes[-1]
            raise DeviceError(
                Code.ILLEGAL, f"the update does not go on from node {end}, where the order ends", f"订单更新未从当前终点 {end} 接续"
            )
        nodes, start = onward, route.end
    if not nodes or not nodes[0].get("released", True):
        raise DeviceError(Code.ILLEGAL, "an order needs a released node to begin with", "订单至少要有一个已释放的起点")
    base = next((number for number, one in enumerate(nodes) if not one.get("released", True)), len(nodes))
    names = [str(one["node"]) for one in nodes]
    speeds = _speeds(data.get("edges", ()), list(map(str, (one["node"] for one in data["nodes"]))))
    made = [
        _node(one, start + 2 * number, number < base, f"{data['order']}|{start + 2 * number}", map_id, blocking)
        for number, one in enumerate(nodes)
    ]
    edges: list[dict[str, Any]] = []
    for number, (a, b) in enumerate(itertools.pairwise(names)):
        edge: dict[str, Any] = {"edgeId": f"{a}-{b}", "sequenceId": start + 2 * number + 1, "released": number + 1 < base}
        edge |= {"startNodeId": a, "endNodeId": b, "actions": []}
        edges.append(edge | ({"maxSpeed": speeds[a, b]} if (a, b) in speeds else {}))
    before = () if route is None else route.nodes[:-1]
    first = start if route is None else route.first
    body = {"orderId": str(data["order"]), "orderUpdateId": data["update"], "nodes": made, "edges": edges}
    return body, Route(str(data["order"]), (*before, *names[:base]), first)


def _speeds(edges: Iterable[Mapping[str, Any]], names: Sequence[str]) -> dict[tuple[str, str], float]:
    links = set(itertools.pairwise(names))
    speeds = {}
    for edge in edges:
        link = (str(edge["from"]), str(edge["to"]))
        if link not in links:
            a, b = link
            raise DeviceError(Code.ILLEGAL, f"no node {b} follows node {a} in this order", f"订单中节点 {a} 之后没有节点 {b}")
        if "max_speed" in edge:
            speeds[link] = edge["max_speed"]
    return speeds


def _node(one: Mapping[str, Any], number: int, released: bool, name: str, map_id: str, blocking: str) -> dict[str, Any]:
    position: dict[str, Any] = {"x": one["x"], "y": one["y"], "mapId": map_id}
    if "theta" in one:
        position["theta"] = math.remainder(one["theta"], math.tau)
    actions = [
        action(f"{name}|{place}", str(what["type"]), what.get("params", {}), blocking) for place, what in enumerate(one.get("actions", ()))
    ]
    return {"nodeId": str(one["node"]), "sequenceId": number, "released": released, "nodePosition": position, "actions": actions}


def action(name: str, kind: str, params: Mapping[str, Any], blocking: str) -> dict[str, Any]:
    """An action; `params` are its parameters."""
    made: dict[str, Any] = {"actionId": name, "actionType": kind, "blockingType": blocking}
    return made | ({"actionParameters": [{"key": key, "value": value} for key, value in params.items()]} if params else {})
