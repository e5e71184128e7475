"""A robot that speaks VDA 5050 2.0 over MQTT (VDA and VDMA, January 2022): orders and instant actions out, state and connection in.

`robot.go` becomes an order, or with `cancel` the instant action cancelOrder, with `pause` startPause or stopPause. It counts as carried
out once the robot's state shows the order and its update number; a robot that rejects it says so among its errors, and the command fails
with its words. An order that the robot has is not sent again. One order at a time: while the robot is at another, the command fails as
busy. Nodes from the first with `released: false` on are the order's horizon; an update may name the whole order anew or only what follows
the end of its base. Angles are radians, places metres on the robot's map.

Each `state` is a `robot.observation` with the robot's own time; errors, emergency stop, field violation, battery and operating mode make
the `device.status`. `visualization` is not listened to. Where maker or serial number are not set, the robot whose serial number is this
device's id is taken, whoever made it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from storeloom.core.kernel.adapter import Found
from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt import PORTS, BadMessage, Message, MqttConfig, MqttDriver, MqttLink
from storeloom.hardware_adapters.links.mqtt_link import Login
from storeloom.hardware_adapters.robot.vda5050_messages import Route, action, fault_in, order_body

VERSION = "2.0.0"
LOOK_S = 0.1
ASKING = "state|"
REJECTIONS = ("validation", "orderUpdate", "order", "noRoute", "noOrderToCancel", "instantAction")
UNHEARD = ("not_heard", {"en": "the robot has not been heard yet", "zh": "尚未收到机器人消息"})
GONE = {
    "OFFLINE": ("offline", {"en": "the robot has signed off", "zh": "机器人已下线"}),
    "CONNECTIONBROKEN": ("connection_broken", {"en": "the robot lost its connection", "zh": "机器人连接中断"}),
    "SILENT": ("silent", {"en": "the robot has sent no state for too long", "zh": "机器人长时间未上报状态"}),
}
Standing = tuple[str, str, Mapping[str, str]]
Told = Mapping[str, Any]


class Vda5050(MqttDriver):
    zh, en = "VDA 5050 机器人", "VDA 5050 robot"
    purpose_zh = "按 VDA 5050 2.0 经 MQTT 下发订单、更新、取消与暂停，校验全部报文，接收机器人位置、电量、错误与运行模式。"
    kind = "robot"
    feeds = ("robot.observation", "device.status")
    takes = ("robot.go",)
    capabilities = ("order_update", "horizon", "cancel", "pause")
    discovers = "a broker, as mqtt://HOST:1883"
    twin = "storeloom.hardware_adapters.robot.vda5050_twin:Vda5050Twin"

    class Config(MqttConfig):
        interface: str = setting("uagv", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#/\s]+$")
        manufacturer: str = setting("", "Maker, as in the topics; empty: any", "制造商（主题中的写法），留空为任意", effect="restart")
        serial_number: str = setting("", "Serial number; empty: the device's id", "序列号，留空则取设备号", effect="restart")
        map: str = setting("map", "Map that places are on", "坐标所在地图")
        blocking: Literal["NONE", "SOFT", "HARD"] = setting("HARD", "How actions block driving", "动作对行驶的阻塞方式")
        accept_s: float = setting(8.0, "Time to accept an order", "接受订单的时限", unit="s", gt=0, le=9)
        silence_s: float = setting(65.0, "Longest time without a state", "状态上报的最长间隔", unit="s", gt=0, le=3600)
        low_battery_pct: float = setting(15.0, "Battery that counts as low", "低电量阈值", unit="%", ge=0, le=100)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._heard = threading.Condition()
        self._maker = config.manufacturer
        self._asked = False
        self._gone: tuple[str, Mapping[str, str]] | None = UNHEARD
        self._state: Told | None = None
        self._state_at = 0.0
        self._states = self._states_asked = 0
        self._newest = datetime.min.replace(tzinfo=UTC)
        self._route: Route | None = None
        self._headers: dict[str, int] = {}
        self._commanding = threading.Lock()

    @property
    def serial(self) -> str:
        return str(self.config.serial_number or self.device)

    def _topic(self, name: str, maker: str = "+") -> str:
        return f"{self.config.interface}/v2/{self.config.manufacturer or maker}/{self.serial}/{name}"

    def topics(self) -> Mapping[str, int]:
        return {self._topic("connection"): 1, self._topic("state"): 1}

    def arrived(self, link: MqttLink) -> None:
        self._state_at, self._asked = time.monotonic(), False

    def heard(self, message: Message) -> Iterator[Fact]:
        """A state or a connection message; BadMessage where it is not as the standard has it, or comes from another maker's robot."""
        name = message.topic.rpartition("/")[2]
        told = message.json_object()
        fault = fault_in(name, told)
        if fault is not None:
            raise BadMessage(f"{message.topic}: not as VDA 5050 has it: {fault}"[:200], f"{message.topic}：不符合 VDA 5050：{fault}"[:200])
        if not told["version"].startswith("2."):
            raise BadMessage(f"{message.topic}: VDA 5050 version {told['version']}", f"{message.topic}：VDA 5050 版本为 {told['version']}")
        maker = message.topic.split("/")[2]
        if self._maker not in ("", maker):
            names = f"{self._maker}, {maker}"
            raise BadMessage(f"robots of {names} share the serial number {self.serial}", f"{names} 的机器人序列号同为 {self.serial}")
        try:
            at = parse_time(told["timestamp"])
        except ValueError as error:
            raise BadMessage(
                f"{message.topic}: no time: {told['timestamp'][:40]}", f"{message.topic}：不是时间 {told['timestamp'][:40]}"
            ) from error
        self._maker = maker
        if name == "state":
            yield self._observed(told, at)
        with self._heard:
            if name == "connection":
                self._gone = GONE.get(told["connectionState"])
                self._newest = datetime.min.replace(tzinfo=UTC)  # one that has started anew may have lost its clock
            elif at >= self._newest:
                self._state, self._newest, self._gone = told, at, None
                self._states += 1
            self._state_at = time.monotonic()
            self._heard.notify_all()
        yield from self.tell("online")

    def _observed(self, told: Told, at: datetime) -> Fact:
        actions = {one["actionId"]: one["actionStatus"] for one in told["actionStates"]}
        results = {one["actionId"]: one["resultDescription"] for one in told["actionStates"] if one.get("resultDescription")}
        values: dict[str, Any] = {
            "update": told["orderUpdateId"],
            "last_node": told["lastNodeId"],
            "nodes_left": len(told["nodeStates"]),
            "driving": told["driving"],
            "paused": told.get("paused", False),
            "mode": told["operatingMode"].lower(),
            "charging": told["batteryState"]["charging"],
        }
        values |= {"actions": actions} if actions else {}
        values |= {"results": results} if results else {}
        data: dict[str, Any] = {
            "robot": self.device,
            "kind": "state",
            "battery_pct": told["batteryState"]["batteryCharge"],
            "values": values,
        }
        data |= {"order": told["orderId"]} if told["orderId"] else {}
        data |= {"errors": [one["errorType"] for one in told["errors"]]} if told["errors"] else {}
        place = told.get("agvPosition")
        if place is not None and place["positionInitialized"]:
            data |= {key: place[key] for key in ("x", "y", "theta")}
        return Fact(self.now(), "robot.observation", self.device, data, at, told["headerId"])

    def tell(self, state: Any, **more: Any) -> Iterator[Fact]:
        """Once the broker is reached the standing is the robot's own."""
        if state == "online":
            state, code, words = self._standing()
            figures = {} if self._state is None else {"battery_pct": float(self._state["batteryState"]["batteryCharge"])}
            more = {"code": code, "words": words, "figures": figures, **more}
        yield from super().tell(state, **more)

    def _standing(self) -> Standing:
        if self._gone is not None:
            return "offline", *self._gone
        return standing_of(self._state, self.config.low_battery_pct)

    def idle(self) -> Iterator[Fact]:
        """A robot tells its state when something happens, or every 30 s: one that is here and unknown is asked."""
        if self._gone is None and self._state is None and not self._asked:
            with self.linked() as link:
                self._ask(link)
        if self._gone is None and time.monotonic() - self._state_at > self.config.silence_s:
            self._gone = GONE["SILENT"]
            yield from self.tell("online")

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        with self._commanding, self.linked() as link:
            state = self._known(link)
            if data.get("cancel"):
                self._cancel(link, data, state)
            elif "pause" in data and not data["nodes"]:
                self._pause(link, data)
            else:
                self._order(link, data, state)
        return list(self.tell("online", cmd=str(data.get("cmd") or f"{data['order']}|{data['update']}")))

    def _ask(self, link: MqttLink) -> None:
        self._asked = True
        self._send(
            link, "instantActions", {"actions": [action(f"{ASKING}{self._headers.get('instantActions', 0)}", "stateRequest", {}, "NONE")]}
        )

    def _known(self, link: MqttLink) -> Told:
        """The newest state. DeviceError while the robot is away, or has not told any."""
        if self._state is None and self._wait(link, lambda: self._maker or None):
            self._ask(link)
        self._wait(link, lambda: self._state if self._gone is None else None)
        if self._gone is not None or self._state is None:
            _, words = self._gone or UNHEARD
            raise DeviceError(Code.OFFLINE, words["en"], words["zh"])
        return self._state

    def _order(self, link: MqttLink, data: Mapping[str, Any], state: Told) -> None:
        order, update = str(data["order"]), int(data["update"])
        same = state["orderId"] == order
        if same and state["orderUpdateId"] >= update:
            return
        if state["operatingMode"] not in ("AUTOMATIC", "SEMIAUTOMATIC"):
            mode = state["operatingMode"].lower()
            raise DeviceError(Code.BUSY, f"the robot takes no orders in {mode} mode", f"机器人处于 {mode} 模式，不接受订单")
        if not same and at_work(state):
            other = state["orderId"]
            raise DeviceError(Code.BUSY, f"the robot is still at order {other}", f"机器人仍在执行订单 {other}")
        known = self._route
        if not same:
            known = None
        elif known is None or known.order != order:
            known = _route_in(state)
        body, route = order_body(data, known, self.config.map, self.config.blocking)
        self._send(link, "order", body)

        def taken(state: Told) -> bool:
            if state["orderId"] == order and state["orderUpdateId"] >= update:
                return True
            _raise_for(state, {"orderId": order, "orderUpdateId": str(update)}, self.device)
            return False

        self._answered(link, taken, f"order {order}", f"订单 {order}")
        self._route = route

    def _cancel(self, link: MqttLink, data: Mapping[str, Any], state: Told) -> None:
        """Cancel the order; one that is not under way is cancelled already."""
        order = str(data["order"])
        if state["orderId"] == order and at_work(state):
            name = f"cancel|{data.get('cmd') or order}"
            self._act(link, name, "cancelOrder", lambda state: state["orderId"] != order or not at_work(state))

    def _pause(self, link: MqttLink, data: Mapping[str, Any]) -> None:
        wanted = bool(data["pause"])
        kind = "startPause" if wanted else "stopPause"
        if (self._state or {}).get("paused") is not wanted:
            self._act(link, f"{kind}|{data.get('cmd') or data['update']}", kind, lambda state: state.get("paused") is wanted)

    def _act(self, link: MqttLink, name: str, kind: str, reached: Callable[[Told], bool]) -> None:
        """An instant action, until the robot says that it has ended, or what it is for has been reached."""
        self._send(link, "instantActions", {"actions": [action(name, kind, {}, "HARD")]})

        def ended(state: Told) -> bool:
            status = next((one["actionStatus"] for one in state["actionStates"] if one["actionId"] == name), "")
            if reached(state) or status == "FINISHED":
                return True
            _raise_for(state, {"actionId": name}, self.device)
            if status == "FAILED":
                raise DeviceError(Code.FAILURE, f"the robot could not carry out {kind}", f"机器人未能执行 {kind}")
            return False

        self._answered(link, ended, kind, kind)

    def _send(self, link: MqttLink, name: str, body: Mapping[str, Any]) -> None:
        number = self._headers[name] = self._headers.get(name, -1) + 1
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = {
            "headerId": number,
            "timestamp": stamp,
            "version": VERSION,
            "manufacturer": self._maker,
            "serialNumber": self.serial,
            **body,
        }
        fault = fault_in(name, message)
        if fault is not None:
            raise DeviceError(Code.ILLEGAL, f"no {name} can be made of it: {fault}", f"无法据此生成 {name}：{fault}")
        self._states_asked = self._states  # before it is sent: a robot on the same host answers before the call is back
        link.publish(self._topic(name, self._maker), orjson.dumps(message), 0)

    def _answered(self, link: MqttLink, decided: Callable[[Told], bool], en: str, zh: str) -> None:
        """Wait for a state that decides it, of those that came after it was sent."""
        seen = [self._states_asked]

        def look() -> bool | None:
            if self._states == seen[0] or self._state is None:
                return None
            seen[0] = self._states
            return decided(self._state) or None

        if self._wait(link, look) is None:
            raise DeviceError(Code.TIMEOUT, f"the robot says nothing to {en}", f"机器人对{zh}没有应答")

    def _wait(self, link: MqttLink, look: Callable[[], Any]) -> Any:
        until = time.monotonic() + self.config.accept_s
        with self._heard:
            while (found := look()) is None and time.monotonic() < until and not self.stopping.is_set():
                link.check()
                self._heard.wait(LOOK_S)
        return found

    def identity(self, link: MqttLink) -> Mapping[str, str | float | bool]:
        state = self._known(link)
        return {"manufacturer": self._maker, "serial_number": self.serial, "protocol": f"VDA 5050 {state['version']}"}

    @classmethod
    def discover(cls, where: str, seconds: float) -> Iterator[Found]:
        from urllib.parse import urlsplit

        place = urlsplit(where)
        if place.scheme not in PORTS or not place.hostname:
            raise ValueError(f"a broker is wanted, as mqtt://HOST:1883, not {where!r}")
        found: list[Message] = []
        login = Login(
            place.hostname, place.port or PORTS[place.scheme], place.scheme == "mqtts", f"storeloom-search-{time.time_ns():x}", session_s=0
        )

        def take(link: MqttLink, message: Message, acknowledge: Callable[[], None]) -> None:
            found.append(message)
            acknowledge()

        link = MqttLink(login, {"+/v2/+/+/connection": 0}, take)
        link.open(("5", "3.1.1"))
        try:
            until, told = time.monotonic() + seconds, 0
            while time.monotonic() < until:
                link.check()
                for one in found[told:]:
                    interface, _, maker, serial, _ = one.topic.split("/")
                    settings = {"address": where, "interface": interface, "manufacturer": maker, "serial_number": serial}
                    yield Found(settings, {"manufacturer": maker, "serial_number": serial})
                    told += 1
                time.sleep(LOOK_S)
        finally:
            link.close()


def at_work(state: Told) -> bool:
    """Whether the order in a state is not done: nodes or edges are left, or actions have not ended (6.6.1)."""
    waiting = any(one["actionStatus"] not in ("FINISHED", "FAILED") for one in state["actionStates"])
    return bool(state["nodeStates"] or state["edgeStates"] or waiting)


def standing_of(state: Told | None, low_battery_pct: float) -> Standing:
    """A robot's standing from its newest state: what is gravest counts."""
    if state is None:
        return "online", "", {"en": "", "zh": ""}
    for level, word in (("FATAL", "fault"), ("WARNING", "degraded")):
        if level == "WARNING":
            if state["safetyState"]["eStop"] != "NONE":
                kind = state["safetyState"]["eStop"].lower()
                return "fault", "emergency_stop", {"en": f"emergency stop ({kind})", "zh": f"急停（{kind}）"}
            if state["safetyState"]["fieldViolation"]:
                return "degraded", "field_violation", {"en": "its protective field is violated", "zh": "防护区域被侵入"}
        for one in state["errors"]:
            if one["errorLevel"] == level and not _of_asking(one):
                text = one.get("errorDescription") or one["errorType"]
                return word, one["errorType"], {"en": text, "zh": text}
    if state["operatingMode"] not in ("AUTOMATIC", "SEMIAUTOMATIC"):
        mode = state["operatingMode"].lower()
        return "degraded", f"mode_{mode}", {"en": f"it is in {mode} mode", "zh": f"处于 {mode} 模式"}
    battery = state["batteryState"]
    if battery["batteryCharge"] < low_battery_pct and not battery["charging"]:
        return "degraded", "battery_low", {"en": "its battery is low", "zh": "电池电量低"}
    return "online", "", {"en": "", "zh": ""}


def _of_asking(error: Told) -> bool:
    """Whether a robot says no more than that it does not know the question for its state."""
    named = (each for each in error.get("errorReferences", ()) if each["referenceKey"] == "actionId")
    return any(each["referenceValue"].startswith(ASKING) for each in named)


def _route_in(state: Told) -> Route:
    """The end of the base as a state tells it: its last released node, or the one where the robot is."""
    released = [one for one in state["nodeStates"] if one["released"]]
    last = max(released, key=lambda one: int(one["sequenceId"]), default=None)
    name, number = (state["lastNodeId"], state["lastNodeSequenceId"]) if last is None else (last["nodeId"], last["sequenceId"])
    return Route(state["orderId"], [name], number)


def _raise_for(state: Told, wanted: Mapping[str, str], device: str) -> None:
    """DeviceError where an error of the state refers to what was sent; an error that names only part of it counts where that part fits."""
    for one in state["errors"]:
        named = {each["referenceKey"]: each["referenceValue"] for each in one.get("errorReferences", ())}
        known = {key: value for key, value in named.items() if key in wanted}
        refusal = any(one["errorType"].lower().startswith(word.lower()) for word in REJECTIONS)
        if known and refusal and all(wanted[key] == value for key, value in known.items()):
            text = one.get("errorDescription") or one["errorType"]
            hint = f" ({one['errorHint']})" if one.get("errorHint") else ""
            raise DeviceError(
                Code.FAILURE, f"{device} refuses it: {one['errorType']}: {text}{hint}", f"{device} 拒绝：{one['errorType']}：{text}{hint}"
            )
