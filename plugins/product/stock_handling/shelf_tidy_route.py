"""Shelf tidying and go-back routes: the bays that most need it, as many as fit the minutes at hand, in one walk.

A bay is a fixture. Its facings come from `vision.shelf`, misplaced items from there (as many as facings show) and from `vision.item` at a
fixture; an item read again in the same place is the same item, one that is picked is gone. A date fault is a front pack (17) that
expires after the rear one scanned by the same scanner within five minutes, `values.position` front or rear, without it front first; or
after the earliest lot that a snapshot of shelf or store knows. The bay is `values.fixture`, else the item's home. A bay is scored from
the first sign of it on; its clock starts there. Blocked views say nothing.

Goods for disposal take no minutes, as they are not carried home. A round starts in the zone (`zone`, else `section`) of who has the
shortest walk of those who are available for all of it, without managers, cashiers and guards where others are; without anyone at its
first bay, for the role `grocery`. `task.done` tidies the bays that it names in `values.tidied`, else all of its own when done; until the
next look they count as clean. A round that nobody answers for a day lapses. Bays that leave the planogram and fixtures are forgotten each
night.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, rfc3339

DAY = timedelta(days=1)
GRID_MIN = 0.5
M_PER_S = 1.0
TINY = 1e-9
COLD = ("chilled", "frozen")


class ShelfTidyRoute(Solution):
    number = 136
    zh, en = "智能理货与归位", "Shelf tidying and go-back routes"
    purpose_zh = "选出最需要拉排面、调整日期和清理错放商品的货架，在可用时间内生成一条理货路线。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "route.plan", "score.report")
    adapters = ("scanner?",)
    reads = ("planogram", "products", "fixtures", "zones", "staff")
    load = "optimise"
    kpis = {
        "fronted_facings": kpi("%", "Facings to the front", "排面前置率"),
        "misplaced_items": kpi("count", "Misplaced items", "错放商品数"),
        "fefo_faults": kpi("count", "Date rotation faults", "先进先出差错数"),
        "score_removed_per_minute": kpi("points/min", "Points removed a minute", "每分钟消除分值"),
    }
    kinds = {"tidy_round": ("Tidy shelves", "理货归位")}

    class Config(SolutionConfig):
        round_min: int = setting(20, "Length of a round", "每轮时长", unit="min", ge=5, le=240)
        round_every_min: int = setting(120, "Time between rounds", "轮次间隔", unit="min", ge=15, le=720,
            help_en="In opening hours, counted from midnight.", help_zh="营业时间内，从零点起算。")  # fmt: skip
        w_unfronted: float = setting(50, "Points: all facings pulled back", "分值：排面全部后缩", ge=0, le=500)
        w_misplaced: float = setting(10, "Points: each misplaced item", "分值：每件错放商品", ge=0, le=100)
        w_fefo: float = setting(20, "Points: each date fault", "分值：每个日期差错", ge=0, le=100,
            help_en="An item whose front date is later than one behind.", help_zh="前排日期晚于后排的商品。")  # fmt: skip
        w_hour: float = setting(1, "Points: each open hour", "分值：每营业小时", ge=0, le=20,
            help_en="Since the last tidying, at most 20 hours.", help_zh="自上次理货起，最多计 20 小时。")  # fmt: skip
        min_score: float = setting(15, "Least score", "最低分值", ge=0, le=500,
            help_en="Cleaner bays are left out.", help_zh="低于此分的货架不安排。")  # fmt: skip
        base_min: float = setting(2, "Time at a bay", "单组货架基础时间", unit="min", ge=0.5, le=30,
            help_en="Plus 0.5 min a facing to front and 1 min an item to carry home.",
            help_zh="另加每个排面 0.5 分钟、每件归位商品 1 分钟。")  # fmt: skip

    @on("vision.shelf")
    def seen(self, event):
        from storeloom.workers.optimise.tidy import facings, look

        if event.get("blocked"):
            return
        bay = self._bay(event["fixture"], event.time)
        if event.time < parse_time(bay.get("seen") or bay["tidied"]):
            return
        bay["seen"] = rfc3339(event.time)
        look(bay, event["slots"])
        whole, back = facings(bay)
        self.kpi.share("fronted_facings", whole - back, whole)
        for slot in event["slots"]:
            if slot.get("gap") or slot.get("gtin"):
                self._stray(event["fixture"], slot.get("gtin"), slot["slot"], 0 if slot.get("gap") else max(1, slot.get("facings") or 1))

    @on("vision.item?")
    def item(self, event):
        best = max((one for one in event["candidates"] if one.get("gtin")), key=lambda one: one.get("score", 0), default={})
        gtin = event.get("chosen") or best.get("gtin")
        if event.get("fixture") and gtin and event.time >= parse_time(self._bay(event["fixture"], event.time)["tidied"]):
            qty = 0 if event["kind"] == "pick" else event.get("qty", 1)
            self._stray(event["fixture"], gtin, event.get("slot") or gtin, qty)

    @on("scanner.code?")
    def scanned(self, event):
        """The front and the rear pack of an item, by their expiry dates."""
        found = None if event.get("till") else self._dated(event)
        if not found:
            return
        (key, expiry), values = found, event.get("values") or {}
        name, lots = f"scan:{event['scanner']}", self.state.get(f"lots:{key}", {})
        scan = {"key": key, "expiry": expiry, "position": values.get("position"), "at": rfc3339(event.time)}
        faulty, kept = self.workers.optimise.date_rotation.judge(scan, self.state.pop(name, None), lots.values())
        if kept:
            self.state[name] = kept
        if faulty is not None:
            self._rotation(key, values.get("fixture"), faulty)

    @on("inventory.snapshot?")
    def lots(self, event):
        """The dates that are there of an item."""
        if event.get("location", "store") not in ("shelf", "store") or not self.workers.optimise.position.is_count(event.data):
            return
        key = self._key(event["gtin"])
        rows = event.get("lots") or (
            [{"lot": event["lot"], "expiry": event.get("expiry"), "qty": event["on_hand"]}] if "lot" in event else []
        )
        dated = {row["lot"]: row["expiry"] for row in rows if row.get("expiry") and row["qty"] > 0}
        if dated and self._homes(key):
            self.state[f"lots:{key}"] = dated
        else:
            self.state.pop(f"lots:{key}", None)

    @every("config.round_every_min", only="open")
    def round(self, due):
        from storeloom.workers.optimise import knapsack, tidy

        config, task = self.config, self.state.get("round")
        if task and parse_time(task["at"]) > due.time - DAY:
            return
        weights = tidy.Weights(config.w_unfronted, config.w_misplaced, config.w_fefo, config.w_hour)
        bays = {key.partition(":")[2]: self.state[key] for key in self.state if key.startswith("bay:")}
        points = {bay: tidy.parts(entry, weights, self.store.hours, due.time) for bay, entry in bays.items()}
        scores = {bay: sum(own.values()) for bay, own in points.items()}
        yield from self._report(points, scores, due.time)
        needy = [bay for bay, score in scores.items() if score >= config.min_score - TINY]
        worth = {bay: (scores[bay], tidy.minutes(bays[bay], config.base_min, self._goes_home)) for bay in needy}
        chosen = knapsack.choose(worth, config.round_min, GRID_MIN)
        if chosen:
            yield from self._send(chosen, bays, worth)

    @on("task.done")
    def done(self, event):
        task, named = self.state.get("round"), (event.get("values") or {}).get("tidied")
        ours = task is not None and event["task"] == task["task"]
        bays = named if named is not None else list(task["scores"]) if ours and event["state"] == "done" else []
        if event["state"] in ("done", "failed", "cancelled"):
            for bay in bays:
                if f"bay:{bay}" in self.state:
                    self.workers.optimise.tidy.tidied(self.state[f"bay:{bay}"], rfc3339(event.time))
        if ours and event["state"] in ("done", "failed", "cancelled", "declined", "rejected"):
            del self.state["round"]
            started = event.get("started")
            spent = (event.time - parse_time(started)).total_seconds() / 60 if started else task["minutes"]
            if bays and spent > 0:
                self.kpi.share("score_removed_per_minute", sum(task["scores"].get(bay, 0) for bay in bays), spent)

    @every("1d", at="00:00")
    def forget(self, due):
        """Bays that are gone, scans without a pair, lots of items that are no longer planned."""
        fixtures = {row["fixture"] for row in (*self.tables.fixtures.rows(), *self.tables.planogram.rows())}
        for key in list(self.state):
            what, _, name = key.partition(":")
            gone = {"bay": name not in fixtures, "scan": True, "lots": not self._homes(name)}
            if gone.get(what):
                del self.state[key]

    def _send(self, chosen, bays, worth):
        """One task for the bays, in walking order, with what to carry home and what to dispose of."""
        from storeloom.workers.optimise import tidy_walk, walks

        local, zones = self.store.hours.local, self.tables.zones.rows()
        people = tidy_walk.starts(
            self.tables.staff.rows(), zones, local(self.now), local(self.now + timedelta(minutes=self.config.round_min))
        )
        staff, route, metres = tidy_walk.shortest(chosen, people, walks.Floor(zones, self.tables.fixtures.rows()))
        work = sum(worth[bay][1] for bay in route)
        strays = [(bay, stray) for bay in route for _, stray in sorted(bays[bay]["strays"].items())]
        carry = [self._carry(bay, stray) for bay, stray in strays]
        lists = {name: [line for own, line in carry if own == name] for name in ("go_backs", "disposal")}
        task = f"tidy-{self.now:%Y%m%dT%H%M%S}"
        self.state["round"] = {"task": task, "at": rfc3339(self.now), "minutes": work, "scores": {bay: worth[bay][0] for bay in route}}
        title = self.say(f"Tidy shelves: {', '.join(route)}", f"理货：{'、'.join(route)}")
        notes = {"go_backs": self.say("carry home", "归位"), "disposal": self.say("disposal", "报损")}
        items = [{"gtin": one["gtin"], "qty": one["qty"], "from": one["from"], **({"to": one["to"]} if "to" in one else {}),
                  "note": notes[name]} for name, ones in lists.items() for one in ones]  # fmt: skip
        tidy = self.workers.optimise.tidy
        yield out("task.create", task=task, kind="tidy_round", title=title, priority=3, staff=staff, role=None if staff else "grocery",
                  zone=(self.tables.fixtures.get(route[0]) or {}).get("zone"), minutes=work, items=items,
                  due=self.now + timedelta(minutes=self.config.round_every_min), values={
                      **lists, "score": round(sum(worth[bay][0] for bay in route), 2), "bays": [
                          {"fixture": bay, "score": round(worth[bay][0], 2), "minutes": worth[bay][1], "front": tidy.facings(bays[bay])[1],
                           "rotate": sorted(bays[bay]["faults"])} for bay in route]})  # fmt: skip
        yield out("route.plan", plan=task, kind="tidy", staff=staff, distance_m=round(metres, 1),
                  duration_s=round(metres / M_PER_S + 60 * work),
                  stops=[{"seq": seq, "place": bay, "service_s": 60 * worth[bay][1]} for seq, bay in enumerate(route, 1)])  # fmt: skip

    def _carry(self, bay, stray):
        """A misplaced item on its list: home, or to disposal where the cold chain was broken."""
        row, homes = self.tables.products.get(stray["gtin"]) or {}, self._homes(self._key(stray["gtin"]))
        line = {"gtin": row.get("gtin", stray["gtin"]), "qty": stray["qty"], "from": bay}
        if not self._goes_home(stray["gtin"]):
            return "disposal", line
        return "go_backs", {**line, "to": homes[0]["slot"], "fixture": homes[0]["fixture"]} if homes else line

    def _goes_home(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("storage") not in COLD

    def _report(self, points, scores, at):
        ranked = sorted(scores, key=lambda bay: (-scores[bay], bay))
        for rank, bay in enumerate(ranked, 1):
            begin = min(parse_time(self.state[f"bay:{bay}"]["tidied"]), at)
            yield out("score.report", {"from": begin, "to": at}, scheme="shelf_tidiness", subject_kind="asset", subject=bay, rank=rank,
                      of=len(ranked), score=round(scores[bay], 3),
                      parts=[{"name": name, "value": round(value, 3)} for name, value in points[bay].items()])  # fmt: skip

    def _stray(self, fixture, gtin, place, qty):
        """Enter what was seen at a place of a bay: an item that is not planned there, or that it is gone."""
        key = self._key(gtin) if gtin else ""
        astray = 0 if not key or any(row["fixture"] == fixture for row in self._homes(key)) else qty
        self.kpi.add("misplaced_items", self.workers.optimise.tidy.sight(self.state[f"bay:{fixture}"], place, key, astray))

    def _rotation(self, key, fixture, wrong):
        homes = self._homes(key)
        bay = fixture or (homes[0]["fixture"] if homes else None)
        if bay is None:
            return
        faults = self._bay(bay, self.now)["faults"]
        if wrong:
            self.kpi.add("fefo_faults", key not in faults)
            faults[key] = True
        else:
            faults.pop(key, None)

    def _dated(self, event):
        """The item and the expiry date of a scan; None of one without both, or that is badly written."""
        gs1, today = self.workers.gs1, self.store.hours.store_day(event.time)
        try:
            ai = event.get("ai") or gs1.parse(event["code"], on=today, layout=None).ai
            gtin = event.get("gtin") or ai.get("01")
            return (self._key(gtin), gs1.gs1_date(ai["17"], today).isoformat()) if gtin and ai.get("17") else None
        except gs1.CodeError:
            return None

    def _bay(self, fixture, at):
        return self.state.setdefault(f"bay:{fixture}", self.workers.optimise.tidy.begin(rfc3339(at)))

    def _homes(self, key):
        return self.workers.optimise.planned.slots(self.tables.planogram, key)

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)
