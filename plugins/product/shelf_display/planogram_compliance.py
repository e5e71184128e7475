"""Planogram compliance by vision: what stands on each shelf against the plan, and which facings to put right, most valuable first.

A bay is a fixture. Of several cameras in its zone the one whose polygon holds the bay reads it, else as many cameras as bays are paired in
order; bays that share a camera share its picture in columns of equal width by their place. Tasks end by `task.done`, or when a later
reading is good again; daily sales are the mean of the last 28 days of `pos.sale`. What is too little sure to be recognised is an intruder
without a name. No picture leaves the engine, so no person can be seen in evidence. A facing is judged by its front pack, not its depth.
"""

from datetime import date, timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

RETRY, RETRIES = timedelta(seconds=60), 5
SALES_DAYS = 28
PACKS = ("item", "pack", "product", "package", "bottle", "can", "box", "cup", "carton", "unknown")
NO_PACKS = ("person", "price_label", "label")
STILL_OPEN = ("accepted", "rejected")


class PlanogramCompliance(Solution):
    number = 119
    zh, en = "陈列合规视觉识别", "Planogram compliance by vision"
    purpose_zh = "每天多次用摄像头比对货架与陈列图，按价值高低告诉员工该调整哪些排面。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("vision.shelf", "score.report", "task.create")
    adapters = ("camera",)
    reads = ("planogram", "products", "fixtures", "zones")
    kpis = {
        "planogram_compliance": kpi("%", "Planogram compliance", "陈列合规率"),
        "misplaced_facings": kpi("count", "Misplaced facings", "错位排面"),
        "bays_not_seen": kpi("%", "Bays not seen", "未看清货架占比"),
        "fix_time": kpi("min", "Time to fix", "整改时长"),
    }
    kinds = {"fix_facings": ("Put facings right", "调整排面")}
    load = "vision"

    class Config(SolutionConfig):
        scan_min: int = setting(60, "Time between two readings of a bay", "同一货架的读取间隔", unit="min", ge=5, le=1440, effect="reload")
        min_confidence: float = setting(
            0.75,
            "Least similarity",
            "最低相似度",
            ge=0.5,
            le=0.99,
            help_en="From which a pack is recognised; below it is unknown.",
            help_zh="达到才算识别出商品，否则为未知。",
        )
        occluded_pct: float = setting(
            15,
            "Hidden share",
            "遮挡比例",
            unit="%",
            ge=0,
            le=80,
            help_en="Share of a bay hidden by people over which the frame is retried.",
            help_zh="货架被人遮挡超过此比例时重拍。",
        )
        votes: Literal[1, 3, 5, 7, 9] = setting(3, "Frames whose majority decides each facing", "以多数判定排面的帧数")
        task_below: float = setting(90, "Compliance under which a task is made", "派任务的合规率（低于）", unit="%", ge=50, le=100)
        cooldown_min: int = setting(120, "Least time between two tasks for a bay", "同一货架的派单间隔", unit="min", ge=0, le=1440)
        skip_no_stock: bool = setting(True, "Items without stock are not held against the store", "无库存商品不计入考核")

    def start(self):
        span = self.store.hours.span(self.now)
        if span:
            self._wait(*span, self._slot(*span, self.now))

    @every("1d", at="open")
    def opening(self, due):
        span = self.store.hours.span(due.time)
        if span:
            self._wait(*span, due.time)

    @on("camera.frame")
    def look(self, event):
        span = self.store.hours.span(event.time)
        if span is None:
            return
        slot = rfc3339(self._slot(*span, event.time))
        bays = self._bays_of(event["camera"], slot)
        wanted = {bay: column for bay, column in bays.items() if self._wants(bay, slot, event.time)}
        if not wanted:
            return
        seen = self.workers.vision.observe(event.data, event.time)
        for bay, column in wanted.items():
            reading = self.state.get(f"bay:{bay}")
            if reading is not None and reading["slot"] < slot and not reading["done"]:
                yield from self._finish(bay, reading)
            if reading is None or reading["slot"] < slot:
                reading = self.state[f"bay:{bay}"] = _reading(slot)
            reading["camera"] = event["camera"]
            yield from self._read(bay, reading, seen, column, event.time)

    @timer("scan")
    def slot_over(self, due):
        """What was not decided in the slot that ends is decided by the frames there are, or was not seen."""
        for bay in sorted({row["fixture"] for row in self.tables.planogram.rows()}):
            if self._cameras_of(bay):
                reading = self.state.setdefault(f"bay:{bay}", _reading(due.data["slot"]))
                if reading["slot"] < due.data["slot"]:
                    reading = self.state[f"bay:{bay}"] = _reading(due.data["slot"])
                if reading["slot"] == due.data["slot"] and not reading["done"]:
                    yield from self._finish(bay, reading)
        span = self.store.hours.span(due.time)
        if span:
            self._wait(*span, due.time)

    @on("inventory.snapshot?")
    def counted(self, event):
        position, name = self.workers.optimise.position, f"stock:{self._key(event['gtin'])}"
        if position.is_count(event.data):
            position.count(self.state.setdefault(name, {}), event.data, event.time)

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        day = self.store.hours.store_day(event.time)
        oldest = (day - timedelta(days=SALES_DAYS)).isoformat()
        for line in event["lines"]:
            name = f"sold:{self._key(line['gtin'])}"
            days = {when: units for when, units in self.state.get(name, {}).items() if when > oldest}
            self.state[name] = {**days, day.isoformat(): days.get(day.isoformat(), 0) + line["qty"]}

    @on("task.done?")
    def task_ended(self, event):
        bay = self.state.get(f"open:{event['task']}")
        if bay is not None and event["state"] not in STILL_OPEN:
            task = self._close(bay)
            if event["state"] in ("done", "approved"):
                self.kpi.sample("fix_time", (event.time - parse_time(task["at"])).total_seconds() / 60)

    @on_table("planogram", "fixtures", "zones")
    def places_changed(self, table):
        for name in [name for name in self.state if name.startswith("view:")]:
            del self.state[name]

    def _slot(self, opens, closes, at):
        """The start of the slot, counted from opening, that holds an instant."""
        step = timedelta(minutes=self.config.scan_min)
        return opens + (at - opens) // step * step

    def _wait(self, opens, closes, slot):
        end = min(slot + timedelta(minutes=self.config.scan_min), closes)
        self.timers.set("scan", "", end, {"slot": rfc3339(slot)})

    def _wants(self, bay, slot, at):
        reading = self.state.get(f"bay:{bay}")
        if reading is None or reading["slot"] < slot:
            return True
        return reading["slot"] == slot and not reading["done"] and at >= parse_time(reading["after"])

    def _read(self, bay, reading, seen, column, at):
        """Take one frame into a bay's reading, or have it retried where people hide the bay."""
        from storeloom.workers.vision import facings

        hidden = facings.hidden_share(column, [person.box for person in seen.of("person")])
        if 100 * hidden > self.config.occluded_pct:
            reading["hidden"] += 1
            reading["after"] = rfc3339(at + RETRY)
            if reading["hidden"] > RETRIES:
                reading["frames"] = []
                yield from self._finish(bay, reading)
            return
        packs = []
        for thing in seen.objects:
            x = thing.box[0] + thing.box[2] / 2
            if (thing.cls in PACKS or ("gtins" in thing.attrs and thing.cls not in NO_PACKS)) and column[0] <= x < column[0] + column[2]:
                item = facings.recognised(thing.attrs.get("gtins"), thing.score, self.config.min_confidence)
                packs.append(facings.Pack(self._key(item) if item else item, thing.box))
        plan = [[self._key(row["gtin"]) for row in shelf] for shelf in self._plan(bay)]
        found = facings.read(plan, packs)
        reading["frames"].append({"matched": found.matched, "intruders": found.intruders})
        if len(reading["frames"]) >= self.config.votes:
            yield from self._finish(bay, reading)

    def _finish(self, bay, reading):
        from storeloom.workers.vision import facings

        reading["done"] = True
        self.kpi.share("bays_not_seen", int(not reading["frames"]), 1)
        plan = self._plan(bay)
        frames = [facings.Reading(_tuples(one["matched"]), _tuples(one["intruders"])) for one in reading["frames"]]
        frames = [one for one in frames if [len(shelf) for shelf in one.matched] == [len(shelf) for shelf in plan]]
        if not frames:
            yield out("vision.shelf", fixture=bay, slots=[], camera=reading["camera"], blocked=True)
            return
        verdict = facings.vote(frames)
        counted = [[self._counts(row["gtin"]) for row in shelf] for shelf in plan]
        yield out("vision.shelf", fixture=bay, slots=_slots(plan, verdict), camera=reading["camera"], blocked=False)
        lost, strange = _faults(plan, verdict, counted, self._key)
        planned = sum(map(sum, counted))
        matched = sum(
            flag and counts for flags, row in zip(verdict.matched, counted, strict=True) for flag, counts in zip(flags, row, strict=True)
        )
        compliance = 100 * matched / planned if planned else 100.0
        fixes = _fixes(lost, strange)
        misplaced = sum(fix["qty"] for fix in fixes if fix["note"] == "misplaced")
        self.kpi.share("planogram_compliance", matched, planned)
        self.kpi.add("misplaced_facings", misplaced)
        figures = {"matched": matched, "planned": planned, "missing": len(lost), "intruders": len(strange), "misplaced": misplaced}
        window = {"from": parse_time(reading["slot"]), "to": self.now}
        parts = [{"name": name, "value": value} for name, value in figures.items()]
        yield out("score.report", window, scheme="planogram_compliance", subject_kind="asset", subject=bay, score=compliance, parts=parts)
        if compliance < self.config.task_below:
            yield from self._ask(bay, plan, fixes, compliance)
        elif f"task:{bay}" in self.state:
            self._close(bay)

    def _close(self, bay):
        """The task of a bay is open no longer."""
        task = self.state[f"task:{bay}"]
        task["open"] = False
        self.state.pop(f"open:{task['task']}", None)
        return task

    def _ask(self, bay, plan, fixes, compliance):
        """One task for a bay, unless one is open or was made just now."""
        last = self.state.get(f"task:{bay}")
        if last and (last["open"] or self.now < parse_time(last["at"]) + timedelta(minutes=self.config.cooldown_min)):
            return
        planned = [self._key(row["gtin"]) for shelf in plan for row in shelf]
        worth = {gtin: self._daily_sales(gtin) / max(1, planned.count(gtin)) for gtin in {fix["gtin"] for fix in fixes}}
        fixes = sorted(fixes, key=lambda fix: -worth[fix["gtin"]] * fix["qty"])
        task, facings = f"facings-{bay}-{self.now:%Y%m%dT%H%M%S}", sum(fix["qty"] for fix in fixes)
        self.state[f"open:{task}"] = bay
        self.state[f"task:{bay}"] = {"task": task, "at": rfc3339(self.now), "open": True}
        yield out(
            "task.create",
            task=task,
            kind="fix_facings",
            title=self.say(f"{bay}: put {facings} facings right", f"{bay}：调整 {facings} 个排面"),
            priority=3,
            zone=self._zone(bay),
            fixture=bay,
            items=[
                {**fix, "gtin": self._written(fix["gtin"])} if fix["gtin"] else {key: fix[key] for key in fix if key != "gtin"}
                for fix in fixes
            ],
            values={"compliance": round(compliance, 1)},
        )

    def _plan(self, bay):
        """The shelves of a bay from the top, each a planogram row for every facing from the left."""
        rows = sorted(self.tables.planogram.rows(fixture=bay), key=lambda row: (row.get("x_mm", 0), row["slot"]))
        heights = {
            one["shelf"]: one["height_mm"] for one in (self.tables.fixtures.get(bay) or {}).get("shelves") or () if "height_mm" in one
        }
        from_floor = len(set(heights.values())) > 1
        shelves = {}
        for row in rows:
            shelves.setdefault(row.get("shelf", 1), []).extend([row] * row.get("facings", 1))
        return [shelves[number] for number in sorted(shelves, key=lambda one: (-heights.get(one, 0) if from_floor else 0, one))]

    def _zone(self, bay):
        rows = self.tables.planogram.rows(fixture=bay)
        return (self.tables.fixtures.get(bay) or {}).get("zone") or next((row["zone"] for row in rows if row.get("zone")), None)

    def _cameras_of(self, bay):
        """The camera that the bay's slots name, else the one of its zone that reads it."""
        from storeloom.workers.vision.zones import contains

        at = self.tables.fixtures.get(bay) or {}
        named = [slot["camera"] for slot in at["slots"] if slot.get("camera")] if isinstance(at.get("slots"), list) else []
        if named:
            return named[:1]
        zone = self._zone(bay)
        views = (self.tables.zones.get(zone) or {}).get("cameras") or [] if zone else []
        if len(views) > 1:
            inside = [view for view in views if view.get("polygon") and "x" in at and contains(view["polygon"], (at["x"], at["y"]))]
            bays = sorted({row["fixture"] for row in self.tables.planogram.rows() if self._zone(row["fixture"]) == zone})
            paired = [views[bays.index(bay)]] if len(bays) == len(views) else views[:1]
            views = inside if len(inside) == 1 else paired
        return [view["camera"] for view in views[:1]]

    def _bays_of(self, camera, slot):
        """The bays that a camera reads in a slot, each with its column [x, y, w, h] of the picture."""
        known = self.state.get(f"view:{camera}")
        if known is None or known["slot"] != slot:
            bays = [bay for bay in sorted({row["fixture"] for row in self.tables.planogram.rows()}) if camera in self._cameras_of(bay)]
            bays.sort(key=lambda bay: ((self.tables.fixtures.get(bay) or {}).get("x", 0), bay))
            known = self.state[f"view:{camera}"] = {"slot": slot, "bays": bays}
        width = 1 / max(1, len(known["bays"]))
        return {bay: (number * width, 0.0, width, 1.0) for number, bay in enumerate(known["bays"])}

    def _counts(self, gtin):
        """Whether a planned facing is held against the store."""
        delisted = (self.tables.products.get(gtin) or {}).get("delisted_on")
        if delisted and date.fromisoformat(delisted[:10]) <= self.store.hours.store_day(self.now):
            return False
        stock = self.workers.optimise.position.units(self.state.get(f"stock:{self._key(gtin)}", {}))
        return not (self.config.skip_no_stock and stock is not None and stock <= 0)

    def _daily_sales(self, gtin):
        oldest = (self.store.hours.store_day(self.now) - timedelta(days=SALES_DAYS)).isoformat()
        return sum(units for day, units in self.state.get(f"sold:{gtin}", {}).items() if day > oldest) / SALES_DAYS

    def _written(self, key):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(key) or {"gtin": key})["gtin"]

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)


def _reading(slot):
    return {"slot": slot, "frames": [], "hidden": 0, "after": slot, "camera": None, "done": False}


def _tuples(rows):
    return tuple(tuple(row) for row in rows)


def _slots(plan, verdict):
    """What stands in each slot: facings as planned that were seen."""
    found = {}
    for row, flag, sure in _planned(plan, verdict.matched, verdict.support):
        slot = found.setdefault(row["slot"], {"slot": row["slot"], "gtin": row["gtin"], "facings": 0, "gap": True, "confidence": 1.0})
        slot["facings"] += flag
        slot["gap"] = slot["facings"] == 0
        slot["confidence"] = min(slot["confidence"], sure)
    return list(found.values())


def _planned(*shelves):
    """Facing by facing through plans and verdicts of the same shape."""
    for rows in zip(*shelves, strict=True):
        yield from zip(*rows, strict=True)


def _faults(plan, verdict, counted, key):
    """Missing facings as (item, slot) and intruders as (item, shelf)."""
    lost = [(key(row["gtin"]), row["slot"]) for row, flag, counts in _planned(plan, verdict.matched, counted) if counts and not flag]
    shelves = [str(shelf[0].get("shelf", 1)) for shelf in plan]
    return lost, [(item, shelves[number]) for number, item in verdict.intruders]


def _fixes(lost, strange):
    """What to do, one entry an item and place: a missing item that stands elsewhere in the bay is misplaced, not missing."""
    strange, fixes = list(strange), {}
    for item, slot in lost:
        elsewhere = next((one for one in strange if one[0] == item), None)
        if elsewhere:
            strange.remove(elsewhere)
        place = {"from": elsewhere[1], "to": slot, "note": "misplaced"} if elsewhere else {"to": slot, "note": "missing"}
        fixes.setdefault((item, *place.values()), {"gtin": item, "qty": 0, **place})["qty"] += 1
    for item, shelf in strange:
        fixes.setdefault((item, shelf, "intruder"), {"gtin": item, "qty": 0, "from": shelf, "note": "intruder"})["qty"] += 1
    return list(fixes.values())
