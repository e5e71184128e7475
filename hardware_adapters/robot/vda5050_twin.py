"""The virtual twin of a robot that speaks VDA 5050 2.0: it drives along the nodes of its order, at `SPEED_M_S`, and tells its state.

It takes and refuses orders as chapter 6.6 of the standard has it: a new order begins where the robot stands, an update at the end of the
base; a repeat is passed over. Actions take no time; `fail` ones fail.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.robot.vda5050_messages import fault_in

MAKER, SERIAL = "acme", "agv-7"
BASE = f"uagv/v2/{MAKER}/{SERIAL}"
SPEED_M_S, TICK_S, REACH_M = 20.0, 0.02, 0.5


class Vda5050Twin(MqttTwin):
    faults = (*MqttTwin.faults, "busy", "fail", "odd")

    def __init__(self) -> None:
        super().__init__()
        self.x, self.y, self.theta, self.battery, self.charging = 0.0, 0.0, 0.0, 93.0, False
        self.mode, self.paused, self.stop, self.field = "AUTOMATIC", False, "NONE", False
        self.errors: list[dict[str, Any]] = []
        self.accepted: list[Mapping[str, Any]] = []
        self.wrong: list[str] = []
        self._headers: dict[str, int] = {}
        self.forget()
        self._ending = threading.Event()
        self._wheels: threading.Thread | None = None

    def forget(self) -> None:
        self.order, self.update = "", 0
        self.last, self.last_number = "home", 0
        self._nodes: list[dict[str, Any]] = []
        self._edges: list[dict[str, Any]] = []
        self._actions: dict[str, dict[str, Any]] = {}
        self._headers.clear()
        self.errors.clear()

    def start(self) -> None:
        super().start()
        self._ending.clear()
        self._wheels = threading.Thread(target=self._drive, name="agv", daemon=True)
        self._wheels.start()

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "manufacturer": MAKER, "serial_number": SERIAL, "accept_s": 1.0}

    def listens(self) -> Sequence[str]:
        return (f"{BASE}/order", f"{BASE}/instantActions")

    def will(self) -> tuple[str, bytes]:
        return f"{BASE}/connection", orjson.dumps(self._message("connection", {"connectionState": "CONNECTIONBROKEN"}))

    def booted(self) -> None:
        with self.lock:
            self.say(f"{BASE}/connection", self._message("connection", {"connectionState": "ONLINE"}), retain=True)
            self.tell()

    def _message(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        number = self._headers[name] = self._headers.get(name, -1) + 1
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"headerId": number, "timestamp": stamp, "version": "2.0.0", "manufacturer": MAKER, "serialNumber": SERIAL, **body}

    def tell(self) -> None:
        """Publish the state."""
        battery: Any = {"batteryCharge": self.battery, "charging": self.charging}
        body = {
            "orderId": self.order,
            "orderUpdateId": self.update,
            "lastNodeId": self.last,
            "lastNodeSequenceId": self.last_number,
            "driving": bool(self._nodes) and not self.paused,
            "paused": self.paused,
            "nodeStates": [{key: one[key] for key in ("nodeId", "sequenceId", "released", "nodePosition")} for one in self._nodes],
            "edgeStates": [{key: one[key] for key in ("edgeId", "sequenceId", "released")} for one in self._edges],
            "actionStates": list(self._actions.values()),
            "agvPosition": {"x": self.x, "y": self.y, "theta": self.theta, "mapId": "map", "positionInitialized": True},
            "batteryState": "flat" if self.fault == "odd" else battery,
            "operatingMode": "MANUAL" if self.fault == "busy" else self.mode,
            "errors": self.errors,
            "safetyState": {"eStop": self.stop, "fieldViolation": self.field},
        }
        self.say(f"{BASE}/state", self._message("state", body))

    def told(self, topic: str, payload: bytes) -> None:
        name, message = topic.rpartition("/")[2], orjson.loads(payload)
        if topic not in self.listens():
            return  # a broker may hand a device its own last will
        with self.lock:
            fault = fault_in(name, message)
            if fault is not None:
                self.wrong.append(fault)
                return
            if name == "order":
                self._ordered(message)
            else:
                for one in message["actions"]:
                    self._instant(one)
            self.tell()

    def _ordered(self, order: Mapping[str, Any]) -> None:
        first, base = order["nodes"][0], [one for one in self._nodes if one["released"]]
        same = order["orderId"] == self.order
        if same and order["orderUpdateId"] == self.update:
            return
        place = first.get("nodePosition", {"x": self.x, "y": self.y})
        end = (base[-1]["nodeId"], base[-1]["sequenceId"]) if base else (self.last, self.last_number)
        if self.fault in ("busy", "fail"):
            self._refuse("orderError", "this robot takes no orders now", order)
        elif same and order["orderUpdateId"] < self.update:
            self._refuse("orderUpdateError", "an older update", order)
        elif same and (first["nodeId"], first["sequenceId"]) != end:
            self._refuse("orderUpdateError", f"the update must begin at node {end[0]}", order)
        elif not same and self._nodes:
            self._refuse("orderError", f"order {self.order} is under way", order)
        elif not same and math.dist((self.x, self.y), (place["x"], place["y"])) > REACH_M:
            self._refuse("noRouteError", f"node {first['nodeId']} is not where the robot stands", order)
        else:
            self._take(order, same)

    def _refuse(self, kind: str, why: str, order: Mapping[str, Any]) -> None:
        references = {"orderId": order["orderId"], "orderUpdateId": str(order["orderUpdateId"])}
        listed = [{"referenceKey": key, "referenceValue": value} for key, value in references.items()]
        self.errors = [{"errorType": kind, "errorLevel": "WARNING", "errorDescription": why, "errorReferences": listed}]

    def _take(self, order: Mapping[str, Any], same: bool) -> None:
        self.errors = []
        self.order, self.update = order["orderId"], order["orderUpdateId"]
        kept = [one for one in self._nodes if one["released"]] if same else []
        self._nodes = [*kept[:-1], *order["nodes"]] if kept else [*order["nodes"]][1 if same else 0 :]
        self._edges = [*(one for one in self._edges if same and one["released"]), *order["edges"]]
        if not same:
            self._actions = {}
        for one in order["nodes"]:
            for what in one["actions"]:
                self._actions.setdefault(
                    what["actionId"], {"actionId": what["actionId"], "actionType": what["actionType"], "actionStatus": "WAITING"}
                )
        self.accepted.append({"order": self.order, "update": self.update})

    def _instant(self, one: Mapping[str, Any]) -> None:
        status = "FINISHED"
        if one["actionType"] == "cancelOrder" and self._nodes:
            self._nodes, self._edges = [], []
            for each in self._actions.values():
                each["actionStatus"] = "FINISHED" if each["actionStatus"] == "FINISHED" else "FAILED"
            self.accepted.append({"cancel": self.order})
        elif one["actionType"] in ("startPause", "stopPause"):
            self.paused = one["actionType"] == "startPause"
            self.accepted.append({"pause": self.paused})
        elif one["actionType"] != "stateRequest":
            status, kind = "FAILED", "noOrderToCancel" if one["actionType"] == "cancelOrder" else "instantActionError"
            listed = [{"referenceKey": "actionId", "referenceValue": one["actionId"]}]
            self.errors = [{"errorType": kind, "errorLevel": "WARNING", "errorReferences": listed}]
        self._actions[one["actionId"]] = {"actionId": one["actionId"], "actionType": one["actionType"], "actionStatus": status}

    def _drive(self) -> None:
        while not self._ending.wait(TICK_S):
            with self.lock:
                if self._nodes and self._nodes[0]["released"] and not self.paused and self.stop == "NONE":
                    self._roll(self._nodes[0])

    def _roll(self, node: Mapping[str, Any]) -> None:
        """A tick's way towards a node; arrived, its actions are done."""
        place = node.get("nodePosition", {"x": self.x, "y": self.y})
        away, step = math.dist((self.x, self.y), (place["x"], place["y"])), SPEED_M_S * TICK_S
        if away > step:
            self.x += (place["x"] - self.x) / away * step
            self.y += (place["y"] - self.y) / away * step
            return
        self.x, self.y, self.theta = place["x"], place["y"], place.get("theta", self.theta)
        self.last, self.last_number = node["nodeId"], node["sequenceId"]
        self._nodes = self._nodes[1:]
        self._edges = [one for one in self._edges if one["sequenceId"] > self.last_number]
        for what in node["actions"]:
            self._actions[what["actionId"]]["actionStatus"] = "FAILED" if what["actionType"] == "fail" else "FINISHED"
        self.battery = max(0.0, self.battery - 0.01)
        self.tell()

    def act(self, number: int) -> Sequence[Said]:
        """It has moved a little, by hand, and lost some of its battery."""
        with self.lock:
            self.battery, self.theta = 90.0 - number % 150 / 2, number % 30 / 10
            self.tell()
        return [Said("robot.observation", {"robot": "unit-1", "kind": "state", "battery_pct": self.battery, "theta": self.theta})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        nodes = [{"node": self.last, "x": self.x, "y": self.y}, {"node": f"n{number}", "x": 0.5 * (number % 2), "y": 0.0}]
        return "robot.go", {"robot": "unit-1", "order": f"o{number}", "update": 0, "nodes": nodes, "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.accepted)

    def close(self) -> None:
        self._ending.set()
        wheels, self._wheels = self._wheels, None
        if wheels is not None:
            wheels.join()
        super().close()
