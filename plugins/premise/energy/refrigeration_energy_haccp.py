"""Cold-chain temperature and energy control: keeps an unbroken food-safety record of product temperature, and saves power at night, in
defrost and in door heaters only where safety allows.

Every asset with temperature readings that is no plant or appliance counts as a cabinet (`assets.limits` names its product class). A sensor
whose name holds `evap`, an asset of kind `evaporator` below the cabinet, or `evaporator_c` in the cabinet's device.status gives the
evaporator. The set point before a night rise is the controller's own (`setpoint_c` in device.status), else the coldest air at that moment.
The rack is `assets.parent`. A defrost ends when the controller says so (`defrost` 0 in its metrics, or code `defrost_end`), at the latest
after 30 minutes.
Readings without asset are the room's air: from temperature and humidity comes the dew point.

The goods of a cabinet come from fixtures and planogram; a cabinet that is in none is taken to hold all products of its storage class.
Commands go out as refrigeration.set: night rises with the lowest priority that saves (energy), returns and defrosts as food.
"""

from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight.coldchain import expose
from storeloom.workers.insight.thermal import dew_point_c, share_between

NO_CABINET = ("hvac", "lighting", "meter", "door", "oven", "computer", "scale", "forklift")
SILENT, ROOM_AIR_AGE = timedelta(minutes=15), timedelta(minutes=60)
COLD_BEFORE_RISE, RETURN_BEFORE_OPENING = timedelta(minutes=60), timedelta(minutes=60)
RISE_MARGIN_K, RETURN_MARGIN_K = 1.0, 0.5
DEFROST, TIMED_DEFROST = timedelta(minutes=30), timedelta(hours=6)
HEATER_PERIOD_S = 600
DEFROST_OVER = ("defrost_end", "defrost_ended", "defrost_done", "defrost_off")
FAULTY = "bad"


class RefrigerationEnergyHaccp(Solution):
    number = 152
    zh, en = "冷藏设备温度与能耗管理", "Cold-chain temperature and energy control"
    purpose_zh = "连续记录商品温度以保障食品安全，并仅在安全允许时于夜间、除霜与门加热上节电。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("refrigeration.set", "relay.set", "alert.raise", "task.create", "score.report")
    adapters = ("refrigeration", "sensor", "relay?")
    reads = ("assets", "products", "fixtures?", "planogram?")
    kpis = {
        "excursion_minutes": kpi("min", "Product time over the limit", "商品超温时长"),
        "goods_discarded": kpi("currency", "Goods discarded", "报废商品金额"),
        "night_setback_hours": kpi("h", "Night set-point rise", "夜间升温运行时长"),
        "defrosts_saved": kpi("count", "Defrosts saved against one every 6 hours", "较每 6 小时除霜节省次数"),
    }
    kinds = {
        "use_first": ("Goods to be used first", "商品需优先使用"),
        "inspect_goods": ("Goods to be inspected", "商品需检查"),
        "discard_goods": ("Goods to be discarded", "商品需报废"),
        "stop_sale": ("Stop sale", "停止销售"),
        "sensor_silent": ("No temperature reading", "无温度读数"),
    }

    class Config(SolutionConfig):
        limits: dict[str, float] = setting({"chilled": 5, "produce": 10, "frozen": -15},
            "Critical product temperature", "商品关键温度", unit="°C",
            help_en="By product class; `chilled` serves cabinets that name none. A class that is not here has its cabinet's own limit.",
            help_zh="按商品类别；未注明类别的柜子按 chilled。此处没有的类别用柜子自己的限值。")  # fmt: skip
        tau_min: float = setting(30, "Thermal time constant", "热时间常数", unit="min", ge=5, le=240)
        use_first_min: int = setting(120, "Use first after so long over the limit", "累计超温后优先使用时限", unit="min", ge=10, le=480)
        discard_min: int = setting(240, "Discard after so long over the limit", "累计超温后报废时限", unit="min", ge=20, le=1440)
        night_raise_k: float = setting(1.0, "Night set-point rise", "夜间升温幅度", unit="K", ge=0, le=4,
            help_en="While closed and well below the limit; 0 leaves it.", help_zh="打烊且远低于限值时生效；0 表示不升温。")  # fmt: skip
        frost_dt_k: float = setting(10, "Air minus evaporator that starts a defrost", "触发除霜的空气与蒸发器温差", unit="K", ge=4, le=25)
        max_defrost_h: int = setting(24, "Longest time without defrost", "最长除霜间隔", unit="h", ge=4, le=96)
        dew_range_c: list[float] = setting([7, 15], "Dew points of 0 % and 100 % door heating", "门加热 0% 与 100% 的露点",
            unit="°C", min_length=2, max_length=2)  # fmt: skip

    @on("sensor.reading")
    def reading(self, event):
        if event["kind"] not in ("temperature", "humidity") or event.get("quality") == FAULTY:
            return
        row = self._asset(event.get("asset"), event["sensor"])
        if row is None:
            self.state[f"room|{event.get('zone', '')}"] = {
                **self.state.get(f"room|{event.get('zone', '')}", {}), event["kind"]: event["value"], "at": plain(event.time)}  # fmt: skip
        elif event["kind"] == "temperature" and _is_cabinet(row):
            evaporator = row.get("kind") == "evaporator"
            asset = row["parent"] if evaporator and row.get("parent") else row["asset"]
            if evaporator or "evap" in event["sensor"].lower():
                yield from self._evaporator(asset, event["value"], event.time)
            else:
                yield from self._air(asset, event)

    @on("device.status?")
    def controller(self, event):
        row = self._asset(None, event["device"])
        metrics = event.get("metrics") or {}
        if row is None or not _is_cabinet(row):
            return
        cabinet = self._cabinet(row["asset"])
        if "setpoint_c" in metrics and cabinet["raised"] is None:
            cabinet["setpoint"] = metrics["setpoint_c"]
        if cabinet["defrosting"] and (metrics.get("defrost") in (0, False) or event.get("code") in DEFROST_OVER):
            yield from self._defrost_ended(row["asset"])
        if "evaporator_c" in metrics:
            yield from self._evaporator(row["asset"], metrics["evaporator_c"], event.time)

    @on("task.done")
    def answered(self, event):
        values = event.get("values") or {}
        known = next((k for k in self._cabinets() if event["task"] in self.state[k]["tasks"]), None)
        asset = known.partition("|")[2] if known else values.get("asset")
        if known and event["state"] in ("done", "approved") and event["task"].startswith("discard-"):
            self.kpi.add("goods_discarded", values.get("amount", 0) or sum(self._cost(item) for item in values.get("items", ())))
        if asset and f"cabinet|{asset}" in self.state and event["state"] in ("done", "approved") and _goods_changed(event, values):
            cabinet = self._cabinet(asset)
            for kind in cabinet["open"]:
                yield self._alert(asset, kind, "high", "cleared", self.say("goods changed", "商品已更换"))
            cabinet |= {"over_s": 0, "stage": 0, "open": [], "probes": {}, "tasks": []}

    def _air(self, asset, event):
        cabinet, limit = self._cabinet(asset), self._limit(asset)
        found = expose(cabinet, event["sensor"], event["value"], event.time.timestamp(), limit, self.config.tau_min * 60)
        if found is None:
            return
        cabinet["product_max"] = max(found.warmest_c, found.warmest_c if cabinet["product_max"] is None else cabinet["product_max"])
        silent = timedelta(seconds=found.gap_s) > SILENT
        cabinet["gap_s"] += found.gap_s if silent else 0
        cold = found.warmest_c <= limit - RISE_MARGIN_K
        if not cold or silent or cabinet["cold_since"] is None:
            cabinet["cold_since"] = plain(event.time) if cold else None
        self.timers.set("silent", asset, max(datetime.fromtimestamp(cabinet["last"], UTC) + SILENT, self.now))
        if cabinet["silent"]:
            cabinet["silent"] = False
            yield self._alert(asset, "sensor_silent", "high", "cleared", self.say("reading again", "恢复读数"))
        self.kpi.add("excursion_minutes", found.over_s / 60)
        if found.over_s:
            cabinet["over_s"] += found.over_s
            cabinet["today_over_s"] += found.over_s
            yield from self._time_is_up(asset, cabinet, found.warmest_c)
        yield from self._set_back(asset, cabinet)
        yield from self._frosted(asset, cabinet)

    @timer("silent")
    def silent(self, due):
        cabinet = self._cabinet(due.key)
        cabinet["silent"] = True
        yield self._alert(due.key, "sensor_silent", "high", "open", self.say("no reading for 15 minutes", "15 分钟无读数"))
        yield from self._return(due.key, cabinet)

    def _time_is_up(self, asset, cabinet, warmest):
        """The 2-hour/4-hour rule: each step once until the goods are changed."""
        minutes, frozen = cabinet["over_s"] / 60, self._class(asset) == "frozen"
        goods = self._goods(asset)
        facts = {"value": round(warmest, 2), "limit": self._limit(asset), "unit": "C", "items": goods}
        names = ", ".join(item.get("note", item["gtin"]) for item in goods[:5])
        if minutes >= self.config.discard_min and cabinet["stage"] < 2:
            cabinet["stage"] = 2
            kind = "inspect_goods" if frozen else "discard_goods"
            task = f"{kind.partition('_')[0]}-{asset}-{self.now:%Y%m%dT%H%M%S}"
            cabinet["tasks"].append(task)
            yield self._alert(asset, "stop_sale", "critical", "open", names, **facts)
            title = self.say(f"{self.kinds[kind][0]}: {asset}", f"{self.kinds[kind][1]}：{asset}")
            yield out("task.create", task=task, kind=kind, title=title, priority=1, asset=asset, zone=self._row(asset).get("zone"),
                items=goods, evidence="count", values={"minutes_over": round(minutes, 1), "product_c": round(warmest, 2)})  # fmt: skip
        elif minutes >= self.config.use_first_min and cabinet["stage"] < 1:
            cabinet["stage"] = 1
            yield self._alert(asset, "inspect_goods" if frozen else "use_first", "high", "open", names, **facts)

    def _set_back(self, asset, cabinet):
        """Raise the set point in a closed, safe hour; return it when the product warms."""
        warmest = max((probe["product"] for probe in cabinet["probes"].values()), default=None)
        if warmest is None:
            return
        if cabinet["raised"] and self._limit(asset) - warmest <= RETURN_MARGIN_K:
            yield from self._return(asset, cabinet)
        if cabinet["raised"] or cabinet["silent"] or not cabinet["cold_since"] or not self.config.night_raise_k:
            return
        opens = self.store.hours.next_open(self.now)
        closed_long = not self.store.hours.is_open(self.now) and (opens is None or opens - self.now > RETURN_BEFORE_OPENING)
        if closed_long and self.now - parse_time(cabinet["cold_since"]) >= COLD_BEFORE_RISE:
            if cabinet["setpoint"] is None:
                cabinet["setpoint"] = round(min(probe["air"] for probe in cabinet["probes"].values()), 1)
            cabinet["raised"] = plain(self.now)
            until = opens - RETURN_BEFORE_OPENING if opens else None
            if until:
                self.timers.set("morning", asset, until)
            raised = cabinet["setpoint"] + self.config.night_raise_k
            yield out("refrigeration.set", asset=asset, setpoint_c=raised, until=until, priority="energy")

    @timer("morning")
    def morning(self, due):
        yield from self._return(due.key, self._cabinet(due.key))

    def _return(self, asset, cabinet):
        if cabinet["raised"]:
            self.timers.cancel("morning", asset)
            self.kpi.add("night_setback_hours", (self.now - parse_time(cabinet["raised"])).total_seconds() / 3600)
            cabinet["raised"] = None
            yield out("refrigeration.set", asset=asset, setpoint_c=cabinet["setpoint"], priority="food")

    def _evaporator(self, asset, value, at):
        cabinet = self._cabinet(asset)
        if not cabinet["defrosting"]:
            cabinet["evaporator"] = {"value": value, "at": plain(at)}
            yield from self._frosted(asset, cabinet)

    def _frosted(self, asset, cabinet):
        probes = cabinet["probes"].values()
        if probes and cabinet["evaporator"] and not cabinet["defrosting"]:
            air = max(probe["air"] for probe in probes)
            if air - cabinet["evaporator"]["value"] >= self.config.frost_dt_k:
                yield from self._defrost(asset)

    @timer("defrost_due")
    def defrost_due(self, due):
        last = parse_time(self._cabinet(due.key)["defrosted"])
        if self.now - last >= timedelta(hours=self.config.max_defrost_h):
            yield from self._defrost(due.key)
        else:
            self.timers.set("defrost_due", due.key, last + timedelta(hours=self.config.max_defrost_h))

    def _defrost(self, asset):
        """Start now, or when the rack's running defrost has ended."""
        rack = self.state.setdefault(f"rack|{self._row(asset).get('parent', asset)}", {"running": None, "waiting": []})
        if rack["running"]:
            if asset != rack["running"] and asset not in rack["waiting"]:
                rack["waiting"].append(asset)
            return
        cabinet, until = self._cabinet(asset), self.now + DEFROST
        self.kpi.add("defrosts_saved", max(0, (self.now - parse_time(cabinet["defrosted"])) // TIMED_DEFROST - 1))
        rack["running"] = asset
        cabinet |= {"defrosting": True, "defrosted": plain(self.now), "evaporator": None, "defrosts": cabinet["defrosts"] + 1}
        self.timers.set("defrost_end", asset, until)
        self.timers.set("defrost_due", asset, self.now + timedelta(hours=self.config.max_defrost_h))
        yield out("refrigeration.set", asset=asset, defrost=True, until=until, priority="food")

    @timer("defrost_end")
    def defrost_end(self, due):
        yield from self._defrost_ended(due.key)

    def _defrost_ended(self, asset):
        self.timers.cancel("defrost_end", asset)
        self._cabinet(asset)["defrosting"] = False
        for key in [key for key in self.state if key.startswith("rack|") and self.state[key]["running"] == asset]:
            rack = self.state[key]
            rack["running"] = None
            if rack["waiting"]:
                yield from self._defrost(rack["waiting"].pop(0))

    @every("1d", at="close")
    def closing(self, due):
        for key in self._cabinets():
            self.kpi.add("night_setback_hours", 0)
            yield from self._set_back(key.partition("|")[2], self.state[key])

    @every("10m")
    def door_heaters(self, due):
        low, high = self.config.dew_range_c
        for row in self.tables.assets.rows():
            dew = self._dew_point(row.get("zone", "")) if row.get("relay") and _is_cabinet(row) else None
            if dew is None:
                continue
            seconds = round(share_between(dew, low, high) * HEATER_PERIOD_S, 1)
            if seconds or self.state.get(f"heater|{row['asset']}") != 0:
                yield out("relay.set", relay=row["relay"], on=seconds > 0, seconds=seconds or None, priority="energy",
                    reason=self.say(f"door heater, dew point {dew:.1f} C", f"门加热，露点 {dew:.1f} 摄氏度"))  # fmt: skip
            self.state[f"heater|{row['asset']}"] = seconds

    def _dew_point(self, zone):
        """Of the zone's own air, else of any other room's; None without both readings from the last hour."""
        rooms = sorted((key for key in self.state if key.startswith("room|")), key=lambda key: (key != f"room|{zone}", key))
        for room in map(self.state.get, rooms):
            fresh = self.now - parse_time(room["at"]) <= ROOM_AIR_AGE
            if fresh and "temperature" in room and room.get("humidity", 0) > 0:
                return dew_point_c(room["temperature"], room["humidity"])
        return None

    @every("1d", at="00:00")
    def record(self, due):
        """The day's page of the food-safety record, one a cabinet; it is kept on days without trade too."""
        for key in self._cabinets():
            cabinet, asset = self.state[key], key.partition("|")[2]
            parts = [
                {"name": "minutes_over", "value": cabinet["today_over_s"] / 60, "unit": "min"},
                {"name": "minutes_over_total", "value": cabinet["over_s"] / 60, "unit": "min"},
                {"name": "minutes_without_reading", "value": cabinet["gap_s"] / 60, "unit": "min"},
                {"name": "defrosts", "value": cabinet["defrosts"], "unit": "count"},
            ]
            if cabinet["product_max"] is not None:
                parts.append({"name": "product_max", "value": round(cabinet["product_max"], 2), "unit": "C"})
            labels = {"class": self._class(asset), "state": ("safe", "use_first", "stop_sale")[cabinet["stage"]]}
            yield out("score.report", {"from": self.store.hours.midnight(self.store.hours.store_day(due.time - timedelta(hours=1))),
                "to": due.time}, scheme="haccp", subject_kind="asset", subject=asset, parts=parts, labels=labels)  # fmt: skip
            cabinet |= {"today_over_s": 0, "gap_s": 0, "defrosts": 0, "product_max": None}

    def _alert(self, asset, kind, severity, state, what, **facts):
        if state == "open" and kind != "sensor_silent":
            self._cabinet(asset)["open"].append(kind)
        name = self._row(asset).get("name", asset)
        text = self.say(f"{self.kinds[kind][0]}, {name}: {what}", f"{self.kinds[kind][1]}，{name}：{what}")
        return out("alert.raise", alert=f"{kind}-{asset}", kind=kind, severity=severity, state=state, subject=asset, asset=asset,
            zone=self._row(asset).get("zone"), text=text, **facts)  # fmt: skip

    def _cabinet(self, asset):
        key = f"cabinet|{asset}"
        if key not in self.state:
            self.state[key] = {"probes": {}, "last": None, "silent": False, "over_s": 0, "stage": 0, "open": [], "tasks": [],
                "today_over_s": 0, "gap_s": 0, "product_max": None, "defrosts": 0, "cold_since": None, "setpoint": None, "raised": None,
                "evaporator": None, "defrosting": False, "defrosted": plain(self.now)}  # fmt: skip
            self.timers.set("defrost_due", asset, self.now + timedelta(hours=self.config.max_defrost_h))
        return self.state[key]

    def _cabinets(self):
        return sorted(key for key in self.state if key.startswith("cabinet|"))

    def _asset(self, asset, device):
        """The asset that a reading or status is about: the one named, else the one whose device it is; None for a room's air."""
        if asset:
            return self.tables.assets.get(asset) or {"asset": asset}
        own = self.tables.assets.rows(device=device)
        return own[0] if own else self.tables.assets.get(device)

    def _row(self, asset):
        return self.tables.assets.get(asset) or {}

    def _class(self, asset):
        return next(iter(self._row(asset).get("limits") or {}), "chilled")

    def _limit(self, asset):
        kept = self._class(asset)
        return self.config.limits[kept] if kept in self.config.limits else self._row(asset)["limits"][kept]

    def _goods(self, asset):
        fixtures = [row["fixture"] for row in self.tables.fixtures.rows(asset=asset)]
        placed = dict.fromkeys(row["gtin"] for fixture in fixtures for row in self.tables.planogram.rows(fixture=fixture))
        if placed:
            rows = [self.tables.products.get(gtin) or {"gtin": gtin} for gtin in placed]
        else:
            kept = self._class(asset)
            rows = [row for row in self.tables.products.rows() if kept in (row.get("category"), row.get("storage"))]
        return [{"gtin": row["gtin"], "note": row.get("name", row["gtin"])} for row in rows]

    def _cost(self, item):
        return round((self.tables.products.get(item.get("gtin")) or {}).get("cost", 0) * item.get("qty", 0))


def _is_cabinet(row):
    return bool(row.get("limits")) or row.get("kind") not in NO_CABINET


def _goods_changed(event, values):
    """Whether an answer says 'goods changed', in its note, its task or its values."""
    said = [event["task"], event.get("note", ""), *(key for key, value in values.items() if value is True), *map(str, values.values())]
    return any("goods changed" in text.replace("_", " ").lower() for text in said)


@hookimpl
def storeloom_config_problems(config, store):
    problems = []
    if "chilled" not in config["limits"]:
        problems.append(Problem("limits", "There is no limit for the class chilled", "缺少 chilled 类别的限值",
            "Add chilled, the class of cabinets that name none.", "请补充 chilled：未注明类别的柜子使用它。"))  # fmt: skip
    if config["dew_range_c"][0] >= config["dew_range_c"][1]:
        problems.append(Problem("dew_range_c", "The first dew point is not below the second", "第一个露点不低于第二个",
            "Write the dew point of 0 % first.", "请先写 0% 的露点。"))  # fmt: skip
    return problems
