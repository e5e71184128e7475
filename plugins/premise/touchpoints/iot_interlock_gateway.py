"""Store IoT gateway and interlocks: collects ambience, energy, access and safety devices into one gateway with one set of local rules and a
clear order of who may command what.

A condition looks at the readings of its kind and zone and holds when one that is not stale meets it; without a kind its hours alone decide.
Besides the sensors' own kinds there are `occupancy` (people in a zone), `staff` (clocked in), `gate` (1: open) and `device_fault` (1:
offline or faulty), which do not age. `*` as a command's target stands for all exits or all lamps.

A point is one command's target. A rule of a higher class takes it at once; otherwise it stays with its owner's class for `hold_min` after
the owner's rule ended, then the next active rule commands it, or nobody. Fail commands are their safety rule's for as long as a reading of
it is stale. What safety has let go, and every gate, is commanded anew the next time, even by the same command. A sensor that has been
silent for a week is taken out.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

CLASSES = ("safety", "access", "energy", "ambience")
PRIORITY = {"safety": "safety", "energy": "energy", "ambience": "comfort"}
TARGETS = {"light.set": "group", "relay.set": "relay", "hvac.set": "unit", "gate.open": "gate"}
CLOCK = r"^(([01]\d|2[0-3]):[0-5]\d|24:00|open|close)$"
STATES = ("staff", "gate", "device_fault", "occupancy")
ALL = "*"
GONE = timedelta(days=7)


class When(SolutionConfig):
    kind: str | None = Field(None, title="Kind of reading", json_schema_extra={"x-zh": "读数类型"})
    zone: str | None = Field(None, title="Zone", json_schema_extra={"x-zh": "区域"})
    above: float | None = Field(None, title="Above", json_schema_extra={"x-zh": "高于"})
    below: float | None = Field(None, title="Below", json_schema_extra={"x-zh": "低于"})
    equals: float | None = Field(None, alias="is", title="Is", json_schema_extra={"x-zh": "等于"})
    start: str | None = Field(None, alias="from", pattern=CLOCK, title="From", json_schema_extra={"x-zh": "开始"})
    end: str | None = Field(None, alias="to", pattern=CLOCK, title="To", json_schema_extra={"x-zh": "结束"})


class Order(SolutionConfig):
    stream: Literal["light.set", "relay.set", "hvac.set", "gate.open"] = Field(title="Command", json_schema_extra={"x-zh": "命令"})
    data: dict[str, bool | float | str] = Field(default_factory=dict, title="Values", json_schema_extra={"x-zh": "参数"})


class Rule(SolutionConfig):
    id: str = Field(min_length=1, title="Name", json_schema_extra={"x-zh": "名称"})
    level: Literal["safety", "access", "energy", "ambience"] = Field(alias="class", title="Class", json_schema_extra={"x-zh": "等级"})
    when: When = Field(default_factory=When, title="When", json_schema_extra={"x-zh": "条件"})
    for_s: int = Field(0, ge=0, title="Held for", json_schema_extra={"x-zh": "持续", "x-unit": "s"})
    then: list[Order] = Field(default_factory=list, title="Commands", json_schema_extra={"x-zh": "命令"})
    fail: list[Order] = Field(default_factory=list, title="Commands in fail state", json_schema_extra={"x-zh": "失效时命令"})


def built_in() -> list[dict[str, Any]]:
    lit, dark = ({"stream": "light.set", "data": {"group": ALL, "level_pct": level}} for level in (100, 0))
    opened = {"stream": "gate.open", "data": {"gate": ALL, "direction": "both", "hold": True, "reason": "smoke"}}
    return [
        {"id": "smoke", "class": "safety", "when": {"kind": "smoke", "is": 1}, "then": [lit, opened]},
        {"id": "closed", "class": "energy", "when": {"from": "close", "to": "open"}, "then": [dark]},
    ]


class IotInterlockGateway(Solution):
    number = 149
    zh, en = "门店物联网关与联动控制", "Store IoT gateway and interlocks"
    purpose_zh = "把环境、能耗、门禁与安全设备接入一个网关，本地统一规则，谁可指挥什么有明确次序。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("relay.set", "light.set", "hvac.set", "gate.open", "alert.raise", "insight.report")
    adapters = ("sensor", "relay", "lighting?", "hvac?", "gate?")
    reads = ("assets", "zones")
    kpis = {
        "devices_connected": kpi("count", "Devices connected", "接入设备数"),
        "readings_suppressed": kpi("%", "Readings left out of the digest", "摘要中省去的读数"),
        "commands_overruled": kpi("count", "Commands overruled", "被上级规则否决的命令"),
        "stale_points": kpi("count", "Readings that are stale", "过期测点数"),
    }
    kinds = {
        "stale_reading": ("A safety rule's reading is stale", "安全规则的读数过期"),
        "digest": ("Readings of the last while", "读数摘要"),
    }

    class Config(SolutionConfig):
        rules: list[Rule] = setting(
            built_in, "Rules, in order", "联动规则（按顺序）",
            help_en="Safety goes before access, energy and ambience; within a class the earlier rule.",
            help_zh="安全>门禁>能耗>环境；同级按先后。",
        )  # fmt: skip
        hold_min: int = setting(10, "A point stays with its class for", "规则结束后保持", unit="min", ge=0, le=240)
        dead_bands: dict[str, Annotated[float, Field(ge=0)]] = setting(
            lambda: {"temperature": 0.5, "humidity": 3, "lux": 30}, "Changes too small for the digest", "摘要死区",
            help_en="By kind of reading; any change of the others counts.", help_zh="按读数类型；其余类型有变化即计入。",
        )  # fmt: skip
        report_s: int = setting(900, "Digest, and an unchanged value, every", "摘要与不变值上报间隔", unit="s", ge=10, le=86_400)
        stale_s: int = setting(300, "Readings are stale after", "读数过期", unit="s", ge=10, le=3600)
        min_switch_s: int = setting(180, "Least time between two switchings", "最小切换间隔", unit="s", ge=0, le=3600,
            help_en="Safety ignores it.", help_zh="安全规则不受限。")  # fmt: skip

    def start(self):
        yield from self._all_rules()

    # Readings

    @on("sensor.reading")
    def sensed(self, event):
        kind, sensor, bad = event["kind"], event["sensor"], event.get("quality") == "bad"
        key = f"reading:{kind}:{sensor}"
        known = self.state.get(key)
        if bad or (known and event.time <= parse_time(known["at"])):
            return
        zone = event.get("zone") or (self.tables.assets.get(event.get("asset") or sensor) or {}).get("zone")
        value = self.workers.security.readings.standard(event["value"], event["unit"])
        self.state[key] = {"kind": kind, "zone": zone, "value": value, "at": plain(event.time), "stale": False}
        self._connected(sensor, True)
        self._digest(key, event)
        self.timers.set("stale", key, max(self.now, event.time + timedelta(seconds=self.config.stale_s)))
        if known and known["stale"]:
            self._count_stale()
            yield from self._fresh_again(key)
        yield from self._rules_of(kind)

    @on("gate.state?")
    def gate(self, event):
        if event["kind"] in ("opened", "forced", "held", "closed"):
            yield from self._state_of("gate", event["gate"], None, event["kind"] != "closed", event.time)

    @on("device.status?")
    def status(self, event):
        faulty = event["state"] in ("offline", "fault")
        self._connected(event["device"], not faulty)
        yield from self._state_of("device_fault", event["device"], None, faulty, event.time)

    @on("vision.zone?")
    def occupied(self, event):
        yield from self._state_of("occupancy", event["zone"], event["zone"], event["occupancy"], event.time)

    @on("staff.clock?")
    def clocked(self, event):
        inside = self.state.setdefault("inside", [])
        if event["kind"] in ("in", "break_end") and event["staff"] not in inside:
            inside.append(event["staff"])
        elif event["kind"] in ("out", "break_start") and event["staff"] in inside:
            inside.remove(event["staff"])
        yield from self._state_of("staff", "store", None, len(inside), event.time)

    def _state_of(self, kind, name, zone, value, at):
        key = f"reading:{kind}:{name}"
        known = self.state.get(key)
        if known is None or at >= parse_time(known["at"]):
            self.state[key] = {"kind": kind, "zone": zone, "value": float(value), "at": plain(at), "stale": False}
            yield from self._rules_of(kind)

    def _connected(self, name, here):
        devices = self.state.setdefault("devices", {})
        if here:
            devices[name] = 1
        else:
            devices.pop(name, None)
        self.kpi.set("devices_connected", len(devices))

    # The digest

    def _digest(self, key, event):
        """Take a value that differs by the dead band from the last one taken, or that is due."""
        taken, one = self.state.setdefault("taken", {}), self.state[key]
        last = taken.get(key)
        band = self.config.dead_bands.get(one["kind"], 0)
        moved = last is None or (abs(one["value"] - last["value"]) >= band - 1e-9 and one["value"] != last["value"])
        due = last is not None and (event.time - parse_time(last["at"])).total_seconds() >= self.config.report_s
        self.kpi.share("readings_suppressed", not (moved or due), 1)
        counts = self.state.setdefault("counts", {"all": 0, "taken": 0})
        counts["all"] += 1
        if moved or due:
            counts["taken"] += 1
            taken[key] = {"value": one["value"], "at": one["at"]}
            row = {"sensor": event["sensor"], "kind": one["kind"], "value": one["value"], "at": one["at"], "zone": one["zone"]}
            self.state.setdefault("rows", []).append({name: value for name, value in row.items() if value is not None})
            if self.timers.get("digest", "") is None:
                self.state["since"] = plain(self.now)
                self.timers.set("digest", "", self.now + timedelta(seconds=self.config.report_s))

    @timer("digest")
    def digest(self, due):
        counts, rows = self.state.pop("counts"), self.state.pop("rows")
        share = 100 * (counts["all"] - counts["taken"]) / counts["all"]
        figures = {"readings": {"value": counts["all"], "unit": "count"}, "taken": {"value": counts["taken"], "unit": "count"},
                   "suppressed": {"value": share, "unit": "%"}}  # fmt: skip
        yield out("insight.report", {"from": parse_time(self.state.pop("since")), "to": due.time}, report=f"digest-{plain(due.time)}",
                  kind="digest", version=1, figures=figures, rows=rows)  # fmt: skip

    # Rules

    @timer("stale")
    def stale(self, due):
        one = self.state[due.key]
        one["stale"] = True
        self._count_stale()
        if self._guards(one):
            sensor = due.key.split(":", 2)[2]
            yield self._alert(sensor, True, self.say(f"{sensor} has been silent since {one['at']}", f"{sensor} 自 {one['at']} 起无读数"))
        yield from self._rules_of(one["kind"])
        yield from self._failing(one)

    def _fresh_again(self, key):
        one, sensor = self.state[key], key.split(":", 2)[2]
        if self._guards(one):
            yield self._alert(sensor, False, self.say(f"{sensor} reads again", f"{sensor} 读数恢复"))
        yield from self._failing(one)

    def _guards(self, one):
        """The safety rules about a reading."""
        return [rule for rule in self.config.rules if rule.level == "safety" and self._about(rule, one)]

    def _failing(self, one):
        """Put the safety rules about a reading into fail state, or take them out of it when all they look at reads again."""
        for rule in self._guards(one):
            known = self.state.setdefault(f"rule:{rule.id}", {"active": False})
            failed = any(other["stale"] for other in self._readings() if self._about(rule, other))
            if failed != known.get("failed", False):
                known["failed"] = failed
                for point, _ in self._orders(rule.fail):
                    yield from self._settle(point)

    def _alert(self, sensor, opened, text):
        return out("alert.raise", alert=f"stale-{sensor}", kind="stale_reading", severity="high", state="open" if opened else "cleared",
                   subject=sensor, text=text)  # fmt: skip

    def _count_stale(self):
        self.kpi.set("stale_points", sum(one["stale"] for one in self._readings()))

    def _readings(self):
        return [self.state[key] for key in self.state if key.startswith("reading:")]

    def _about(self, rule, one):
        return rule.when.kind == one["kind"] and rule.when.zone in (None, one["zone"])

    @every("1d", at="00:00")
    def day(self, due):
        for key in [key for key in self.state if key.startswith("reading:") and due.time - parse_time(self.state[key]["at"]) > GONE]:
            yield from self._taken_out(key)
        yield from self._all_rules()

    def _taken_out(self, key):
        """Forget a sensor that has not read for a week; what does not age stays."""
        one, sensor = self.state[key], key.split(":", 2)[2]
        if one["stale"]:
            del self.state[key]
            self.state["taken"].pop(key, None)
            self._connected(sensor, False)
            self._count_stale()
            if self._guards(one):
                yield self._alert(sensor, False, self.say(f"{sensor} is taken out", f"{sensor} 已移出"))
            yield from self._failing(one)

    @timer("clock")
    def hours_turn(self, due):
        yield from self._all_rules()

    def _all_rules(self):
        edges = [edge for rule in self.config.rules if rule.when.start for edge in self._edges(rule.when)]
        if later := [edge for edge in edges if edge > self.now]:
            self.timers.set("clock", "", min(later))
        for rule in self.config.rules:
            yield from self._judge(rule)

    def _edges(self, when):
        """The next beginnings and ends of a condition's hours."""
        hours, today = self.store.hours, self.store.hours.store_day(self.now)
        for bound in (when.start, when.end or "24:00"):
            if bound in ("open", "close"):
                yield hours.next_open(self.now) if bound == "open" else hours.next_close(self.now)
            else:
                yield from (hours.at(today + timedelta(days=n), "00:00" if bound == "24:00" else bound) for n in (0, 1))

    def _rules_of(self, kind):
        for rule in self.config.rules:
            if rule.when.kind == kind:
                yield from self._judge(rule)

    def _judge(self, rule):
        """A rule turns once its condition has held, or not held, for as long as it says; a stale reading ends it at once."""
        known, holds = self.state.setdefault(f"rule:{rule.id}", {"active": False}), self._holds(rule)
        if holds == known["active"]:
            self.timers.cancel("turn", rule.id)
        elif not rule.for_s or (not holds and self._blind(rule)):
            self.timers.cancel("turn", rule.id)
            yield from self._turn(rule, holds)
        elif self.timers.get("turn", rule.id) is None:
            self.timers.set("turn", rule.id, self.now + timedelta(seconds=rule.for_s))

    @timer("turn")
    def turn(self, due):
        rule = next((one for one in self.config.rules if one.id == due.key), None)
        if rule:
            yield from self._turn(rule, self._holds(rule))

    def _turn(self, rule, active):
        self.state[f"rule:{rule.id}"]["active"] = active
        for point, _ in self._orders(rule.then):
            yield from self._settle(point, turned=rule if active else None)

    def _holds(self, rule):
        when = rule.when
        if when.start and not self._inside(when):
            return False
        if when.kind is None:
            return bool(when.start)
        return any(self.workers.security.readings.meets(one["value"], when.above, when.below, when.equals)
                   for one in self._readings() if not one["stale"] and self._about(rule, one))  # fmt: skip

    def _blind(self, rule):
        """Whether all readings of a condition are stale."""
        found = [one for one in self._readings() if self._about(rule, one) and one["kind"] not in STATES]
        return bool(found) and all(one["stale"] for one in found)

    def _inside(self, when):
        hours, day = self.store.hours, self.store.hours.day(self.store.hours.store_day(self.now))
        if {when.start, when.end} == {"open", "close"}:
            return hours.is_open(self.now) == (when.start == "open")
        words = {"open": day and day[0], "close": day and day[1]}
        start, end = (f"{hours.local(words[one]):%H:%M}" if words.get(one) else one for one in (when.start, when.end or "24:00"))
        now = f"{hours.local(self.now):%H:%M}"
        return start <= now < end if start <= end else now >= start or now < end

    # Who commands what

    def _orders(self, orders):
        """Each point with its command, `*` for all exits or lamps."""
        engine, tables = self.workers.security.emergency, (self.tables.assets.rows(), self.tables.zones.rows())
        for order in orders:
            field = TARGETS[order.stream]
            names = [order.data.get(field)]
            if names == [ALL]:
                devices = [one.id for one in self.devices.get("gate" if field == "gate" else "lighting", ())]
                names = (engine.gates if field == "gate" else engine.lamps)(*tables, devices)
            for name in names:
                if name:
                    yield f"{order.stream}|{name}", {"stream": order.stream, "data": {**order.data, field: name}}

    def _wanted(self, point):
        """Who commands a point, with rule and command, the first in charge: active rules, and those in fail state."""
        found = []
        for place, rule in enumerate(self.config.rules):
            known = self.state.get(f"rule:{rule.id}", {})
            for held, owner, orders in ((known.get("active"), rule.id, rule.then), (known.get("failed"), f"{rule.id}!", rule.fail)):
                rank = (CLASSES.index(rule.level), place, owner)
                found += [(rank, owner, rule, order) for name, order in self._orders(orders) if held and name == point]
        return sorted(found, key=lambda one: one[0])

    def _settle(self, point, turned=None):
        known = self.state.setdefault(f"point:{point}", {"owner": None, "level": None, "sent": None, "switched": None, "held": False})
        wanted = self._wanted(point)
        first = wanted[0] if wanted else None
        overruled = turned is not None and (first[1] != turned.id or known["owner"] not in (None, turned.id))
        self.kpi.add("commands_overruled", int(overruled))
        if first and first[1] == known["owner"]:
            self.timers.cancel("hold", point)
            known["held"] = False
            return
        higher = first and (known["level"] is None or CLASSES.index(first[2].level) < CLASSES.index(known["level"]))
        lost = known["owner"] is not None and all(owner != known["owner"] for _, owner, _, _ in wanted)
        if lost and not higher:
            if not known["held"]:
                known["held"] = True
                self.timers.set("hold", point, self.now + timedelta(minutes=self.config.hold_min))
            return
        yield from self._hand_over(point, known, first)

    @timer("hold")
    def held(self, due):
        known, wanted = self.state[f"point:{due.key}"], self._wanted(due.key)
        yield from self._hand_over(due.key, known, wanted[0] if wanted else None)

    @timer("switch")
    def switch(self, due):
        known, wanted = self.state[f"point:{due.key}"], self._wanted(due.key)
        if wanted and wanted[0][1] == known["owner"]:
            yield from self._hand_over(due.key, known, wanted[0])

    def _hand_over(self, point, known, first):
        self.timers.cancel("hold", point)
        if first is None and (known["level"] == "safety" or point.startswith("gate.open")):
            known["sent"] = None
        known.update(held=False, owner=first and first[1], level=first and first[2].level)
        if first is None:
            return
        _, _, rule, order = first
        free = parse_time(known["switched"]) + timedelta(seconds=self.config.min_switch_s) if known["switched"] else self.now
        load = order["stream"] != "gate.open" and rule.level != "safety"
        if load and free > self.now and order["data"] != known["sent"]:
            self.timers.set("switch", point, free)
        elif order["data"] != known["sent"]:
            known.update(sent=order["data"], switched=plain(self.now))
            yield self._command(order, rule)

    def _command(self, order, rule):
        priority = {"priority": PRIORITY[rule.level]} if rule.level in PRIORITY and order["stream"] != "gate.open" else {}
        reason = {} if order["stream"] == "light.set" else {"reason": rule.id}
        return out(order["stream"], {**priority, **reason, **order["data"]})


@hookimpl
def storeloom_config_problems(config, store):
    """Rules have names of their own, and every command says what it commands."""
    names = [rule["id"] for rule in config["rules"]]
    found = []
    if len(set(names)) < len(names):
        found.append(Problem("rules", "Two rules have one name", "规则名称重复", "Give each its own.", "请使用不同名称。"))
    orders = [order for rule in config["rules"] for order in (*rule.get("then", ()), *rule.get("fail", ()))]
    if any(not order.get("data", {}).get(TARGETS[order["stream"]]) for order in orders):
        found.append(
            Problem("rules", "A command names no target", "命令未指定对象", "Name the group, relay, unit or gate.", "请填写对象。")
        )
    return found
