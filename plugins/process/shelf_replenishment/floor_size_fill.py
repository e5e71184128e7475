"""Sales-floor size fill: tags tell which sizes are out on the floor while they lie in the backroom; the fewest pieces mend broken runs.

A read's zone is its own, else its reader's. Zones of kind backroom are behind, of kind exit outside, all others are the floor. A style is
`products.style`, by colour where it has one. An item without any tag counts by the latest `inventory.snapshot` of shelf and backroom
(a figure of the whole store counts as the floor's). The
weekly rate is the forecast of the next seven days, else what sold in the last four weeks, by the week. Pieces of an open list are under
way; a list without an answer lapses after a day. `task.done` may name what went up in `values.filled` ({gtin: pieces}).

A filled piece is verified when a tag of its item comes to the floor after the list went out. What is not verified twice is reported as a
score of the item. A label flashes while its line is open where the store has electronic labels.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339, stamp

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
HISTORY = timedelta(days=28)
MOMENT = timedelta(microseconds=1)
Clock = Annotated[str, Field(pattern=r"^((open|close)([+-]\d{1,3}m?)?|([01]\d|2[0-3]):[0-5]\d)$")]


class FloorSizeFill(Solution):
    number = 103
    zh, en = "卖场断码补货", "Sales-floor size fill"
    purpose_zh = "通过标签得知卖场缺哪些尺码而后仓有货，用最少的件数优先补齐畅销款的断码。"
    formats = ("specialty",)
    produces = ("shelf.state", "task.create", "label.update", "score.report")
    adapters = ("rfid", "esl_gateway?")
    reads = ("planogram", "products", "zones")
    kpis = {
        "size_run_rate": kpi("%", "Styles with all core sizes", "齐码率"),
        "fillable_gaps": kpi("count", "Gaps that the backroom could fill", "可补缺码数"),
        "fill_verified": kpi("%", "Filled pieces read on the floor", "补货核实率"),
        "floor_out_hours": kpi("h", "Hours of missing sizes", "断码时长"),
    }
    kinds = {"fill_shelf": ("Fill sizes on the floor", "补齐尺码")}

    class Config(SolutionConfig):
        window: int = setting(60, "Reads that decide a tag's zone", "标签定位时间窗", unit="s", ge=5, le=600)
        switch_reads: int = setting(3, "More reads before a tag moves", "切换区域所需多读次数", ge=1, le=50,
            help_en="Than in its present zone.", help_zh="相对当前区域。")  # fmt: skip
        floor_min: int = setting(1, "Pieces of each size on the floor", "每码最低陈列件数", unit="each", ge=0, le=20,
            help_en="The planogram's value goes first.", help_zh="陈列图数值优先。")  # fmt: skip
        core_sizes: list[str] = setting(lambda: ["S", "M", "L"], "Sizes that make a run", "核心尺码")
        rounds: list[Clock] = setting(lambda: ["open-30", "13:00", "17:00"], "Times of the fill lists", "补货清单时间",
            help_en="Store times; `open` and `close` with minutes before or after.",
            help_zh="门店时间；open、close 可加减分钟。")  # fmt: skip
        list_max: int = setting(40, "Pieces on a list", "清单最多件数", ge=1, le=500)
        verify: int = setting(30, "Time until a filled piece is read", "补货核实时限", unit="min", ge=5, le=240)
        lost_after: int = setting(72, "Unread time until a tag is not counted", "标签失联时限", unit="h", ge=12, le=720)

    def start(self):
        self._arm(self.now - MOMENT)

    # Where the pieces are

    @on("rfid.read")
    def read(self, event):
        gtin = event.get("gtin") or getattr(self.workers.gs1.epc.sgtin(event["epc"]), "gtin", None)
        devices = self.devices.get("rfid", ())
        zone = event.get("zone") or next((one.zone for one in devices if one.id == event["reader"]), None)
        if gtin is None or zone is None:
            return
        name = f"tag:{event['epc']}"
        if self._kind(zone) == "exit":
            self._gone(event["epc"])
            return
        tag = self.state.setdefault(name, {"key": self._key(gtin), "zone": None, "reads": {}})
        tag["seen"] = max(tag.get("seen", ""), stamp(event.time))
        item = self._item(gtin)
        if event["epc"] not in item["tags"]:
            item["tags"].append(event["epc"])
        self.workers.optimise.size_runs.add_read(tag["reads"], zone, event["rssi_dbm"], event.get("count", 1))
        if self.timers.get("window", event["epc"]) is None:
            self.timers.set("window", event["epc"], event.time + timedelta(seconds=self.config.window))

    @timer("window")
    def decided(self, due):
        yield from self._decide(due.key)

    @on("pos.sale")
    def sold(self, event):
        for line in event["lines"] if event.get("kind", "sale") == "sale" else ():
            item, key = self._item(line["gtin"]), self._key(line["gtin"])
            self.workers.optimise.stock_records.sold(item["sales"], self.store.hours.store_day(event.time), line["qty"])
            self.state.setdefault("first_sale", rfc3339(event.time))
            style = self._style_of(key)
            whole = style is not None and self._whole(style)
            self.workers.optimise.position.take(item["places"], line["qty"], event.time)
            shown = sorted((self.state[f"tag:{epc}"]["seen"], epc) for epc in item["tags"] if self._where(epc) == "floor")
            for epc in [line["epc"]] if line.get("epc") else [epc for _, epc in shown[: round(line["qty"])]]:
                self._gone(epc)
            self._watch(key)
            if whole and not self._whole(style) and self.store.hours.is_open(event.time):
                yield from self._issue(self._styles(style), 1, self.now + timedelta(minutes=self.config.verify), key)

    @on("inventory.snapshot?")
    def counted(self, event):
        self.workers.optimise.position.count(self._item(event["gtin"])["places"], event.data, event.time)
        self._watch(self._key(event["gtin"]))

    @on("forecast.demand?")
    def forecast(self, event):
        if event.get("level", "item") == "item":
            self.workers.optimise.demand_windows.enter(self._item(event["key"])["demand"], event.data, self.now)

    def _decide(self, epc):
        """The end of a tag's window; a tag that comes to the floor verifies a fill."""
        name = f"tag:{epc}"
        self.timers.cancel("window", epc)
        if name not in self.state:
            return
        tag = self.state[name]
        before, tag["zone"] = tag["zone"], self.workers.optimise.size_runs.decide(tag["reads"], tag["zone"], self.config.switch_reads)
        tag["reads"] = {}
        if self._kind(tag["zone"]) == "floor" != self._kind(before):
            self._item(tag["key"])["arrived"].append(rfc3339(self.now))
        if tag["zone"] != before:
            self._watch(tag["key"])
            yield from self._back(tag["key"])

    def _gone(self, epc):
        self.timers.cancel("window", epc)
        tag = self.state.pop(f"tag:{epc}", None)
        if tag:
            self._item(tag["key"])["tags"].remove(epc)
            self._watch(tag["key"])

    # Fill lists

    @every("1d", at="00:00")
    def forget(self, due):
        """Lists without an answer, tags long unread, arrivals of the days before."""
        if not self.timers.get("round", "next"):
            self._arm(due.time - MOMENT)
        for name in [key for key in self.state if key.startswith("task:") and parse_time(self.state[key]["at"]) <= due.time - DAY]:
            yield from self._flash(self.state.pop(name), name.partition(":")[2], "off")
        self._lose()
        for name in [key for key in self.state if key.startswith("item:")]:
            self.state[name]["arrived"] = [at for at in self.state[name]["arrived"] if parse_time(at) > due.time - DAY]

    @timer("round")
    def round(self, due):
        self._arm(due.time)
        if self.workers.optimise.rounds.following(self.store.hours, self.config.rounds, due.time - MOMENT) != due.time:
            return
        self._lose()
        styles = self._styles()
        if not any(self.state[f"item:{self._key(one.gtin)}"].get("known") for sizes in styles.values() for one in sizes):
            return
        self.kpi.add("fillable_gaps", sum(one.wanted > 0 and one.behind > 0 for sizes in styles.values() for one in sizes))
        yield from self._issue(styles, 2, self.timers.get("round", "next"))
        for one in (one for sizes in styles.values() for one in sizes):
            if one.wanted > 0 and one.behind <= 0:
                yield from self._short(one)
        self._rate(styles)

    def _issue(self, styles, priority, due, only=None):
        """A list of pieces (of one item alone if named), those of a bay together, the bay of the most urgent piece first."""
        lines, room = [], self.config.list_max
        for one, pieces, rank in self.workers.optimise.size_runs.fill(styles, self.config.core_sizes):
            key = self._key(one.gtin)
            if room > 0 and only in (None, key):
                lines.append({"gtin": one.gtin, "key": key, "qty": min(pieces, room), "bay": self._bay(key), "rank": round(rank, 2)})
                room -= lines[-1]["qty"]
        bays = list(dict.fromkeys(line["bay"] for line in lines))
        lines.sort(key=lambda line: bays.index(line["bay"]))
        if lines:
            task = f"size-fill-{self.store.hours.local(self.now):%Y%m%dT%H%M%S}"
            yield from self._send(task + (f"-{lines[0]['key']}" if priority == 1 else ""), lines, priority, due, 1)

    def _send(self, task, lines, priority, due, turn):
        self.state[f"task:{task}"] = {"at": rfc3339(self.now), "lines": lines, "turn": turn}
        items = []
        for line in lines:
            row = self._place(line["key"])
            items.append({"gtin": line["gtin"], "qty": line["qty"], **({"from": line["bay"]} if line["bay"] else {}),
                          **({"to": row["slot"]} if row else {})})  # fmt: skip
        zones = {(self._place(line["key"]) or {}).get("zone") for line in lines}
        pieces = sum(line["qty"] for line in lines)
        yield out("task.create", task=task, kind="fill_shelf", priority=priority, due=due, items=items, evidence="scan",
                  zone=zones.pop() if len(zones) == 1 else None, values={"priorities": [line["rank"] for line in lines]},
                  title=self.say(f"Bring up missing sizes (pieces: {pieces})", f"补齐断码：{pieces} 件"))  # fmt: skip
        yield from self._flash(self.state[f"task:{task}"], task, "on")

    @on("task.done?")
    def done(self, event):
        name = f"task:{event['task']}"
        if name not in self.state or event["state"] in ("accepted", "approved"):
            return
        task = self.state.pop(name)
        yield from self._flash(task, event["task"], "off")
        if event["state"] != "done":
            return
        filled = (event.get("values") or {}).get("filled")
        given = None if filled is None else {self._key(gtin): qty for gtin, qty in filled.items()}
        lines = [{**line, "qty": qty} for line in task["lines"] if (qty := line["qty"] if given is None else given.get(line["key"], 0)) > 0]
        if lines:
            self.state[f"verify:{event['task']}"] = {**task, "lines": lines}
            self.timers.set("verify", event["task"], event.time + timedelta(minutes=self.config.verify))

    @timer("verify")
    def verified(self, due):
        """Each filled piece must have come to the floor; what did not is asked for once more, then reported."""
        task = self.state.pop(f"verify:{due.key}")
        missing = []
        for line in task["lines"]:
            item = self._item(line["key"])
            for epc in list(item["tags"]):
                yield from self._decide(epc)
            came = [at for at in item["arrived"] if at >= task["at"]][: line["qty"]]
            item["arrived"] = [at for at in item["arrived"] if at not in came]
            self.kpi.share("fill_verified", len(came), line["qty"])
            if len(came) < line["qty"]:
                missing.append({**line, "qty": line["qty"] - len(came)})
        if missing and task["turn"] == 1:
            yield from self._send(f"{due.key}-again", missing, 1, due.time + timedelta(minutes=self.config.verify), 2)
        for line in missing if task["turn"] > 1 else ():
            yield out("score.report", {"from": parse_time(task["at"]), "to": due.time}, scheme="size_fill_unverified", subject_kind="item",
                      subject=line["gtin"], labels={"state": "unverified"},
                      parts=[{"name": "unverified", "value": line["qty"]}])  # fmt: skip

    @every("1d", at="close")
    def report(self, due):
        for name in [key for key in self.state if key.startswith("item:") and self.state[key].get("gap")]:
            self._out_hours(self.state[name], due.time)
            self.state[name]["gap"] = rfc3339(due.time)
        styles = self._styles()
        if not any(self.state[f"item:{self._key(one.gtin)}"].get("known") for sizes in styles.values() for one in sizes):
            return
        rate = self._rate(styles)
        missing = sum(one.missing > 0 for sizes in styles.values() for one in sizes)
        opens = self.store.hours.day(self.store.hours.ended_day(due.time))
        yield out("score.report", {"from": opens[0] if opens else due.time - DAY, "to": due.time}, scheme="size_runs",
                  subject_kind="store", subject=self.store.id, score=rate, parts=[
                      {"name": "styles", "value": len(styles)}, {"name": "missing_sizes", "value": missing}])  # fmt: skip

    # What is known of items and styles

    def _styles(self, only=None):
        """Planned sizes by style (of one alone if named), with what of them is on the floor, behind and under way."""
        coming, found = {}, {}
        for name in [key for key in self.state if key.startswith(("task:", "verify:"))]:
            for line in self.state[name]["lines"]:
                coming[line["key"]] = coming.get(line["key"], 0) + line["qty"]
        members = self.tables.products.derived("styles", self._by_style)
        for style in [only] if only is not None else sorted(members):
            for key in members[style]:
                if self._style_of(key) is None:
                    continue
                item, product = self._item(key), self.tables.products.get(key)
                floor, behind = self._counts(item)
                under_way = min(coming.get(key, 0), behind)
                found.setdefault(style, []).append(self.workers.optimise.size_runs.Size(
                    product["gtin"], style, product.get("size") or "", floor, self._least(key), behind - under_way, self._weekly(item),
                    under_way))  # fmt: skip
        return found

    def _whole(self, style):
        return self.workers.optimise.size_runs.is_whole(self._styles(style)[style], self.config.core_sizes)

    def _rate(self, styles):
        if not styles:
            return None
        whole = sum(self.workers.optimise.size_runs.is_whole(sizes, self.config.core_sizes) for sizes in styles.values())
        rate = 100 * whole / len(styles)
        self.kpi.set("size_run_rate", rate)
        return rate

    def _counts(self, item):
        """Pieces on the floor and behind: by tags, else by the latest counts."""
        if item["tags"] or item.get("tagged"):
            where = [self._where(epc) for epc in item["tags"]]
            return where.count("floor"), where.count("backroom")
        places = item["places"]
        shown = places.get("shelf", places.get("store", {}))
        return max(0, shown.get("on_hand", 0)), max(0, places.get("backroom", {}).get("on_hand", 0))

    def _weekly(self, item):
        expected = self.workers.optimise.demand_windows.expected(item["demand"], self.store.hours, self.now, self.now + WEEK)
        if expected is not None and item["demand"]:
            return expected
        weekly = self.workers.optimise.stock_records.weekly(item["sales"], self.store.hours.store_day(self.now))
        since = parse_time(self.state["first_sale"]) if "first_sale" in self.state else self.now
        return weekly * (HISTORY / min(max(self.now - since, WEEK), HISTORY))

    def _watch(self, key):
        """Since when a planned size has been missing on the floor."""
        item = self._item(key)
        if item["tags"]:
            item["tagged"] = True
        item["known"] = True
        if self._style_of(key) is None:
            return
        if self._counts(item)[0] < self._least(key):
            item.setdefault("gap", rfc3339(self.now))
        elif "gap" in item:
            self._out_hours(item, self.now)
            del item["gap"]

    def _out_hours(self, item, until):
        if (hours := self.store.hours.open_seconds(parse_time(item["gap"]), until) / 3600) > 0:
            self.kpi.add("floor_out_hours", hours)

    def _short(self, one):
        item = self._item(one.gtin)
        state = "out" if one.floor <= 0 else "low"
        if item.get("state") != state:
            item["state"] = state
            yield self._state(one.gtin, state, one.floor)

    def _back(self, key):
        item = self._item(key)
        if item.get("state") and "gap" not in item:
            del item["state"]
            yield self._state(self.tables.products.get(key)["gtin"], "ok", self._counts(item)[0])

    def _state(self, gtin, state, qty):
        row = self._place(gtin) or {}
        return out("shelf.state", gtin=gtin, fixture=row.get("fixture", ""), slot=row.get("slot", ""), state=state, by="rfid",
                   confidence=1.0, qty=qty)  # fmt: skip

    def _lose(self):
        """Tags read nowhere for long are not counted as present."""
        last = stamp(self.now - timedelta(hours=self.config.lost_after))
        for name in [key for key in self.state if key.startswith("tag:") and self.state[key]["seen"] <= last]:
            self._gone(name.partition(":")[2])
            self.timers.cancel("window", name.partition(":")[2])

    def _by_style(self, rows):
        """Items by style; a style of several colours is several runs."""
        found = {}
        for row in sorted(rows, key=lambda row: row["gtin"]):
            if row.get("style"):
                found.setdefault(_run(row), []).append(self._key(row["gtin"]))
        return found

    def _style_of(self, key):
        """The run that a planned item belongs to."""
        product = self.tables.products.get(key) or {}
        planned = self.workers.optimise.planned.index(self.tables.planogram)
        return _run(product) if product.get("style") and key in planned else None

    def _least(self, key):
        planned = (self._place(key) or {}).get("min_qty")
        return self.config.floor_min if planned is None else planned

    def _place(self, gtin):
        return next(iter(self.workers.optimise.planned.slots(self.tables.planogram, gtin)), None)

    def _bay(self, key):
        zones = [self.state[f"tag:{epc}"]["zone"] for epc in self._item(key)["tags"]]
        return min((zone for zone in zones if self._kind(zone) == "backroom"), default=None)

    def _where(self, epc):
        return self._kind(self.state[f"tag:{epc}"]["zone"])

    def _kind(self, zone):
        """backroom, exit, or floor, which is all else; None of a tag whose zone is not decided yet."""
        kind = (self.tables.zones.get(zone) or {}).get("kind") if zone is not None else None
        return None if zone is None else kind if kind in ("backroom", "exit") else "floor"

    def _flash(self, task, name, flash):
        for line in task["lines"] if self.devices.get("esl_gateway") else ():
            if label := (self._place(line["key"]) or {}).get("label"):
                yield out("label.update", label=label, version=f"{name}-{flash}", template="pick_light", gtin=line["gtin"], fields={},
                          flash=flash)  # fmt: skip

    def _item(self, gtin):
        empty = {"tags": [], "places": {}, "sales": {}, "demand": [], "arrived": []}
        return self.state.setdefault(f"item:{self._key(gtin)}", empty)

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)

    def _arm(self, at):
        if following := self.workers.optimise.rounds.following(self.store.hours, self.config.rounds, at):
            self.timers.set("round", "next", following)


def _run(product):
    return " ".join(str(product[name]) for name in ("style", "colour") if product.get(name))
