"""Packing bench: brings an order's totes together, proves by weight and scan that it is complete, and lets nothing leave warm or wrong.

A bench is the scale and scanner with the same setting `bench` (else till, else zone; with a single scale there is one bench). Scanning an
order's id (or its tote) puts it on the bench; scanning it again ends its scan, and what was not scanned is named. An order is packed once
its totes are together, its weight is right (or, after a stop, its pieces were all scanned or a second reading fits), and what must be
scanned was. Orders with goods whose weight nobody knows are scanned. A picker's error rate is the lines picked wrongly of all that he
picked.

Goods are cold by their own class, else by their tote's, and outside their zone from `started` of their first `pick.done` until the order is
ready, collected or dispatched; a new `pick.done` of a line starts its time anew. The alert is cleared when all of them were picked afresh.
Ride minutes are the order's `ride_min`, else those from packing to `promised_to`; pick-up has none. An order of one piece teaches its
item's weight when it was right, or was scanned because nobody knew it.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, rfc3339

GONE = ("cancelled", "declined", "rejected", "failed", "expired", "refunded", "returned")
HANDED = ("ready", "collected", "dispatched", "delivered", "done")
COLD = ("chilled", "frozen")
ZH = {"ambient": "常温", "chilled": "冷藏", "frozen": "冷冻"}
ON_SITE = ("pickup", "dine_in", "service", "voucher")
ERRORS, KEPT = 0.005, timedelta(days=2)


class Packaging(SolutionConfig):
    bag: float = setting(85, "Weight of the packaging", "包装重量", unit="g", ge=0, le=5000)
    sd: float = setting(5, "Its standard deviation", "标准差", unit="g", ge=0, le=500)


class WarmLimit(SolutionConfig):
    chilled: float = setting(30, "Chilled", "冷藏", unit="min", ge=1, le=240)
    frozen: float = setting(20, "Frozen", "冷冻", unit="min", ge=1, le=240)


class Ice(SolutionConfig):
    per_min: float = setting(0.02, "Cold packs a minute of the ride", "每分钟冰袋数", ge=0, le=1)
    over_c: float = setting(25, "Heat outside from which more are needed", "高温阈值", unit="°C", ge=-20, le=50)
    factor: float = setting(1.5, "So many times more", "高温倍数", ge=1, le=10)
    reuse_min: float = setting(15, "Rides under this need none", "免冰袋时长", unit="min", ge=0, le=240)


class PackMergeVerify(Solution):
    number = 111
    zh, en = "合流复核打包与温区交接", "Merge, pack check and cold hand-over"
    purpose_zh = "打包台：合并订单各周转箱，以扫描和称重证明齐全，按路程配冰袋，不让超温或错装的订单离店。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("order.status", "print.job", "task.create", "alert.raise", "score.report")
    adapters = ("scale", "scanner", "printer?")
    reads = ("products",)
    kpis = {
        "orders_right": kpi("%", "Orders right at once", "一次复核正确率"),
        "false_stops": kpi("%", "Orders stopped for nothing", "误拦截率"),
        "seconds_per_order": kpi("s", "Bench time of an order", "单均打包用时"),
        "cold_breaches": kpi("count", "Goods warm for too long", "冷链超时次数"),
    }
    kinds = {
        "tote_missing": ("A tote of the order is missing", "缺少周转箱"),
        "check_order": ("Check an order of the wrong weight", "重量不符，核对订单"),
        "scan_order": ("Scan an order through", "逐件扫描订单"),
        "wrong_item": ("An item that is not of the order", "非本单商品"),
        "missing_item": ("An item of the order was not scanned", "漏装商品"),
        "pick_afresh": ("Pick cold goods afresh", "冷链商品重拣"),
        "cold_too_long": ("Cold goods too long outside their zone", "冷链商品离区超时"),
    }

    class Config(SolutionConfig):
        pack_weight: Packaging = setting(Packaging, "Weight of the packaging", "包装重量", unit="g")
        sigma: float = setting(3, "Standard deviations tolerated", "容差倍数", ge=1, le=6,
            help_en="Of the order's weight.", help_zh="以订单重量标准差计。")  # fmt: skip
        scale_e: int = setting(5, "Verification interval of the scale", "秤检定分度值", unit="g", ge=1, le=50,
            help_en="Added to the tolerance.", help_zh="计入容差。")  # fmt: skip
        default_sd: float = setting(0.01, "Deviation of an item never weighed", "未称过商品的标准差", ge=0, le=0.2,
            help_en="Share of its weight.", help_zh="占其重量的比例。")  # fmt: skip
        warm_limit: WarmLimit = setting(WarmLimit, "Longest time outside their zone", "离区时限", unit="min",
            help_en="From the first pick to the hand-over.", help_zh="从首次拣货到交接。")  # fmt: skip
        ice: Ice = setting(Ice, "Cold packs", "冰袋")
        scan: Literal["all", "sample", "none"] = setting("sample", "Orders that are scanned through", "逐件扫描范围")
        sample_share: float = setting(0.1, "Share scanned", "抽扫比例", ge=0, le=1,
            help_en="Where the picker's error rate is under 0.5 %.", help_zh="拣货差错率低于 0.5% 时适用。")  # fmt: skip

    # Orders and totes

    @on("order.placed")
    def placed(self, event):
        name = f"order:{event['order']}"
        if event.get("draft") or (name in self.state and self.state[name]["need"]):
            return
        order = self.state.setdefault(name, self._new())
        order["need"] = {str(line["line"]): self._written(line["gtin"]) for line in event["lines"] if line["qty"] > 0}
        order |= {"kind": event.get("kind", "delivery"), "promised": event.get("promised_to"), "ride": event.get("ride_min")}

    @on("pick.done")
    def picked(self, event):
        order = self.state.setdefault(f"order:{event['order']}", self._new())
        if order["packed"] and not order["warm"]:
            return
        for line in event["lines"]:
            gtin = self._written(line.get("substitute") or line["gtin"])
            storage = (self.tables.products.get(gtin) or {}).get("storage")
            storage = storage if storage in COLD else event.get("temperature_class", "ambient")
            order["got"][str(line["line"])] = {"gtin": gtin, "qty": line["picked"], "g": line.get("weight_g"), "class": storage,
                                               "staff": event["staff"], "started": event["started"], "tote": event.get("tote")}  # fmt: skip
            picker = self.state.setdefault(f"picker:{event['staff']}", {"lines": 0, "wrong": 0})
            picker["lines"] += 1
        if event.get("tote"):
            self.state[f"tote:{event['tote']}"] = event["order"]
        for which in COLD:
            if which in order["warm"] and not any(row.get("warm") and row["class"] == which for row in order["got"].values()):
                yield self._cleared(event["order"], order, which)
            self._watch(event["order"], order, which)
        yield from self._pack(event["order"], order)

    @on("order.status")
    def status(self, event):
        name = f"order:{event['order']}"
        order = self.state.get(name)
        if order is None:
            return
        if event["status"] in (*GONE, *HANDED):
            for which in COLD:
                self.timers.cancel("warm", f"{event['order']}|{which}")
        if event["status"] in HANDED:
            order["handed"] = True
        elif event["status"] in GONE:
            for which in list(order["warm"]):
                yield self._cleared(event["order"], order, which)
            del self.state[name]
        order |= {"promised": event.get("promised_to") or order["promised"], "ride": event.get("ride_min") or order["ride"]}

    @on("weather.forecast?")
    def weather(self, event):
        known = self.state.get("weather", [])
        row = [event["from"], event["to"], event["temp_c"], event["issued"]]
        kept = [one for one in known if parse_time(one[1]) > self.now and (one[0], one[1]) != (row[0], row[1])]
        older = [one for one in known if (one[0], one[1]) == (row[0], row[1]) and parse_time(one[3]) > parse_time(row[3])]
        self.state["weather"] = [*kept, older[0] if older else row]

    # The bench

    @on("scanner.code")
    def scanned(self, event):
        bench = self._bench("scanner", event["scanner"], event.get("till"))
        name = next((one for one in (event["code"], self.state.get(f"tote:{event['code']}")) if one and f"order:{one}" in self.state), None)
        if name is not None:
            again = self.state.get(f"bench:{bench}") == name and name == event["code"]
            self.state[f"bench:{bench}"] = name
            yield from (self._end_scan(name) if again else self._arrive(name, event.time))
            return
        name = self.state.get(f"bench:{bench}")
        order = self.state.get(f"order:{name}")
        gtin = event.get("gtin") or self._gtin(event)
        if gtin is None or order is None or order["packed"]:
            return
        key, gtin = self._key(gtin), self._written(gtin)
        order["scanned"][key] = order["scanned"].get(key, 0) + (event.get("values") or {}).get("qty", 1)
        if order["scanned"][key] > self._wanted(order).get(key, 0):
            order["scanned"][key] = self._wanted(order).get(key, 0)
            self._wrong(order, list(order["got"].values()))
            title = self.say(f"{self._title(gtin)} is not of order {name}", f"{self._title(gtin)} 不属于订单 {name}")
            yield self._task("wrong_item", f"{name}-{gtin}", title, [{"gtin": gtin, "qty": 1, "note": "wrong"}], name)
        else:
            yield from self._pack(name, order)

    def _gtin(self, event):
        """The item that a code names; None for what is no item's code (a badge, an address)."""
        try:
            return self.workers.gs1.parse(event["code"], on=self.store.hours.store_day(event.time)).gtin
        except self.workers.gs1.CodeError:
            return None

    def _arrive(self, name, at):
        """An order comes to the bench: which tote lacks is told."""
        order = self.state[f"order:{name}"]
        order["began"] = order["began"] or rfc3339(at)
        lacking = {line: gtin for line, gtin in order["need"].items() if line not in order["got"]}
        if lacking and not order["packed"] and sorted(lacking) != order["lacks"]:
            order["lacks"] = sorted(lacking)
            classes = sorted({(self.tables.products.get(gtin) or {}).get("storage", "ambient") for gtin in lacking.values()})
            zh = "、".join(ZH.get(one, one) for one in classes)
            title = self.say(f"Order {name}: tote missing ({', '.join(classes)})", f"订单 {name} 缺少周转箱（{zh}）")
            yield self._task("tote_missing", name, title, [{"gtin": gtin, "note": f"line {line}"} for line, gtin in lacking.items()], name)

    def _end_scan(self, name):
        order = self.state[f"order:{name}"]
        missing = {key: n - order["scanned"].get(key, 0) for key, n in self._wanted(order).items() if n > order["scanned"].get(key, 0)}
        if order["packed"] or not order["scanned"] or not missing:
            return
        self._wrong(order, [row for row in order["got"].values() if self._key(row["gtin"]) in missing])
        items = [{"gtin": self._written(key), "qty": n, "note": "missing"} for key, n in missing.items()]
        title = self.say(f"Order {name}: items missing", f"订单 {name} 有漏装商品")
        yield self._task("missing_item", name, title, items, name)

    @on("scale.reading")
    def weighed(self, event):
        session, bench = event.get("session"), self._bench("scale", event["scale"], event.get("till"))
        name = session if f"order:{session}" in self.state else self.state.get(f"bench:{bench}")
        order = self.state.get(f"order:{name}")
        if order is None or order["packed"] or event.get("zero") or event.get("overload") or not event["stable"] or event["weight_g"] <= 0:
            return
        if not self._merged(order):
            if order["began"] is None:
                yield from self._arrive(name, event.time)
            return
        order["began"] = order["began"] or rfc3339(event.time)
        pieces, order["g"] = self._pieces(order), event["weight_g"]
        if pieces is None:
            yield from self._pack(name, order)
            return
        check, config = self.workers.checkout.pack_check, self.config
        whole = check.expected(pieces, config.pack_weight.bag, config.pack_weight.sd, config.sigma, config.scale_e)
        right = whole.fits(event["weight_g"])
        if not order["judged"]:
            order["judged"] = True
            self.kpi.share("orders_right", int(right), 1)
        order["weight"] = "right" if right else "off"
        if right:
            if order["stopped"]:
                self._wrong(order, list(order["got"].values()))
            yield from self._pack(name, order)
        elif not order["stopped"]:
            order["stopped"] = True
            difference = event["weight_g"] - whole.mean_g
            named = check.suspects(pieces, difference, whole.tol_g)
            items = [{"gtin": one.key, "qty": 1, "note": "extra" if one.extra else "missing"} for one in named]
            items = items or [{"gtin": row["gtin"], "qty": row["qty"], "note": "check"} for row in order["got"].values() if row["qty"] > 0]
            title = self.say(f"Order {name} weighs {difference:+.0f} g", f"订单 {name} 重量差 {difference:+.0f} 克")
            yield self._task("check_order", name, title, items, name, values={"difference_g": round(difference, 1), "suspects": len(named)})

    def _pack(self, name, order):
        """Close an order once it is together, right, scanned where it must be, and cold enough."""
        if order["packed"] or not self._merged(order) or order["warm"]:
            return
        wanted = self._wanted(order)
        scanned = all(order["scanned"].get(key, 0) >= n for key, n in wanted.items())
        unknown, proven = self._pieces(order) is None, order["weight"] == "right" or (order["weight"] == "off" and scanned)
        if not (proven or unknown):
            return
        if (unknown or self._must_scan(name, order)) and not scanned:
            if not order["asked"] and order["began"]:
                order["asked"] = True
                items = [{"gtin": self._written(key), "qty": n} for key, n in wanted.items()]
                yield self._task("scan_order", name, self.say(f"Scan order {name} through", f"逐件扫描订单 {name}"), items, name)
            return
        order["packed"] = rfc3339(self.now)
        if unknown or order["weight"] == "right":
            self._learn(order)
        self.kpi.share("false_stops", int(order["weight"] == "off" and not order["wrong"]), 1)
        if order["began"]:
            self.kpi.sample("seconds_per_order", (self.now - parse_time(order["began"])).total_seconds())
        packs = self._cold_packs(order)
        lines = [{"line": int(line), "qty": row["qty"]} for line, row in order["got"].items()]
        printer = next((one.id for one in self.devices.get("printer", ())), None)
        if printer is not None:
            yield out("print.job", printer=printer, job=f"pack-{name}", kind="label", template="packed_order",
                      fields={"order": name, "cold_packs": packs, "pieces": sum(row["qty"] for row in order["got"].values())})  # fmt: skip
        yield out("order.status", order=name, status="packed", lines=lines, cold_packs=packs)

    # Cold goods

    def _watch(self, name, order, which):
        """Set the alarm of goods outside their zone by the first of them that was picked."""
        started = [row["started"] for row in order["got"].values() if row["class"] == which and row["qty"] > 0]
        if not started:
            self.timers.cancel("warm", f"{name}|{which}")
        elif not order["handed"] and which not in order["warm"]:
            first = min(map(parse_time, started))
            self.timers.set("warm", f"{name}|{which}", max(self.now, first + self._limit(which) + timedelta(seconds=1)))

    def _limit(self, which):
        return timedelta(minutes=getattr(self.config.warm_limit, which))

    @timer("warm")
    def warm(self, due):
        name, _, which = due.key.rpartition("|")
        order = self.state.get(f"order:{name}")
        if order is None or order["handed"]:
            return
        order["warm"].append(which)
        order["packed"] = None
        self.kpi.add("cold_breaches")
        rows = {line: row for line, row in order["got"].items() if row["class"] == which and row["qty"] > 0}
        minutes = (due.time - min(parse_time(row["started"]) for row in rows.values())).total_seconds() / 60
        order["weight"], order["scanned"] = None, {}
        for row in rows.values():
            row["warm"] = True
        text = self.say(f"Order {name}: {which} goods outside their zone for too long", f"订单 {name}：{ZH[which]}商品离区超时")
        yield out("alert.raise", alert=f"cold-{name}-{which}", kind="cold_too_long", severity="high", state="open",
                  subject=name, text=text, value=round(minutes, 1), limit=getattr(self.config.warm_limit, which), unit="min")  # fmt: skip
        items = [{"gtin": row["gtin"], "qty": row["qty"], "note": f"line {line}"} for line, row in rows.items()]
        yield self._task(
            "pick_afresh", f"{name}-{which}", self.say(f"Pick afresh: order {name}", f"重拣：订单 {name}"), items, name, priority=1
        )

    def _cleared(self, name, order, which):
        """Goods that were too long outside their zone were all picked afresh, or the order is off; warm goods handed over stay a case."""
        order["warm"].remove(which)
        text = self.say(f"Order {name}: {which} goods settled", f"订单 {name}：{ZH[which]}商品已处理")
        return out("alert.raise", alert=f"cold-{name}-{which}", kind="cold_too_long", severity="high", state="cleared", subject=name,
                   text=text)  # fmt: skip

    def _cold_packs(self, order):
        """For orders with cold goods that go by rider."""
        if order["kind"] in ON_SITE or not any(row["class"] in COLD and row["qty"] > 0 for row in order["got"].values()):
            return 0
        minutes = order["ride"]
        if minutes is None:
            minutes = max(0.0, (parse_time(order["promised"]) - self.now).total_seconds() / 60) if order["promised"] else 0
        now = [row for row in self.state.get("weather", ()) if parse_time(row[0]) <= self.now < parse_time(row[1])]
        outside = max(now, key=lambda row: parse_time(row[3]))[2] if now else None
        return self.workers.checkout.pack_check.cold_packs(minutes, outside, self.config.ice.model_dump())

    # What an order is made of

    def _new(self):
        empty = {"need": {}, "got": {}, "scanned": {}, "warm": [], "lacks": [], "kind": "delivery"}
        unknown = dict.fromkeys(("promised", "ride", "began", "weight", "packed", "g"))
        return {**empty, **unknown, **dict.fromkeys(("stopped", "asked", "judged", "wrong", "handed"), False), "seen": rfc3339(self.now)}

    def _merged(self, order):
        return bool(order["need"]) and all(line in order["got"] for line in order["need"])

    def _pieces(self, order):
        """The order's pieces; None where one's weight is known to nobody."""
        check, found = self.workers.checkout.pack_check, []
        for row in order["got"].values():
            if row["qty"] <= 0:
                continue
            product = self.tables.products.get(row["gtin"]) or {}
            if row["g"] is not None:
                found.append(check.Piece(row["gtin"], 1, row["g"], 0.0))
                continue
            known = self.state.get(f"weight:{self._key(row['gtin'])}")
            weight = check.weight_of(known, product.get("weight_g"), product.get("weight_sd_g"), self.config.default_sd)
            if weight is None:
                return None
            found.append(check.Piece(row["gtin"], row["qty"], *weight))
        return found

    def _learn(self, order):
        """An order of one piece that is right, or was scanned where nobody knew its weight, tells what its item weighs."""
        rows = [row for row in order["got"].values() if row["qty"] > 0]
        if len(rows) == 1 and rows[0]["qty"] == 1 and rows[0]["g"] is None and (order["g"] or 0) > self.config.pack_weight.bag:
            name = f"weight:{self._key(rows[0]['gtin'])}"
            self.state[name] = self.workers.checkout.bagging.learn(self.state.get(name), order["g"] - self.config.pack_weight.bag)

    def _wanted(self, order):
        """Pieces to be scanned by item; what is weighed is scanned once."""
        wanted = {}
        for row in order["got"].values():
            if row["qty"] > 0:
                key = self._key(row["gtin"])
                wanted[key] = wanted.get(key, 0) + (1 if row["g"] is not None else row["qty"])
        return wanted

    def _must_scan(self, name, order):
        if self.config.scan != "sample":
            return self.config.scan == "all"
        pickers = [self.state[f"picker:{staff}"] for staff in sorted({row["staff"] for row in order["got"].values()})]
        if any(one["wrong"] >= ERRORS * one["lines"] and one["wrong"] for one in pickers):
            return True
        return draw(name) < 10000 * self.config.sample_share

    def _wrong(self, order, rows):
        """An order was picked wrongly: once an order, one line of each picker concerned."""
        if not order["wrong"]:
            order["wrong"] = True
            for staff in sorted({row["staff"] for row in rows}):
                self.state[f"picker:{staff}"]["wrong"] += 1

    def _task(self, kind, about, title, items, name, priority=2, values=None):
        stamp = f"{self.now:%Y%m%dT%H%M%S}"
        return out("task.create", task=f"{kind}-{about}-{stamp}", kind=kind, title=title, priority=priority, role="packer", items=items,
                   values={"order": name, **(values or {})})  # fmt: skip

    def _bench(self, kind, device, till):
        """The bench of a device; all are one where there is a single scale."""
        if len(self.devices.get("scale", ())) <= 1:
            return ""
        row = next((one for one in self.devices.get(kind, ()) if one.id == device), None)
        settings = row.settings if row else {}
        return str(settings.get("bench") or till or settings.get("till") or (row.zone if row else None) or "")

    @every("1d", at="close")
    def report(self, due):
        packed = [self.state[key] for key in self.state if key.startswith("order:") and self.state[key]["packed"]]
        today = [one for one in packed if parse_time(one["packed"]) > due.time - timedelta(days=1)]
        if today:
            right = sum(not one["stopped"] and not one["wrong"] for one in today)
            parts = {"orders": len(today), "stopped": sum(one["stopped"] for one in today)}
            yield out("score.report", {"from": due.time - timedelta(days=1), "to": due.time}, scheme="packing", subject_kind="store",
                      subject=self.store.id, score=100 * right / len(today),
                      parts=[{"name": name, "value": value} for name, value in parts.items()])  # fmt: skip
        for key in [key for key in self.state if key.startswith("order:") and self._is_over(self.state[key], due.time)]:
            del self.state[key]
        for key in [key for key in self.state if key.startswith("tote:") and f"order:{self.state[key]}" not in self.state]:
            del self.state[key]

    def _is_over(self, order, at):
        """Whether an order is of days ago, by when it was heard of and when it is due."""
        return max(map(parse_time, filter(None, (order["seen"], order["promised"])))) < at - KEPT

    def _title(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("name", gtin)

    def _written(self, gtin):
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)
