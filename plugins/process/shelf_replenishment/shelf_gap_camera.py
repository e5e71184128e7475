"""Shelf gap camera: fixed cameras watch the fast shelves, and a slot that is truly empty, not just hidden, becomes a fill task at once.

Slots are `fixtures.slots` {slot, camera, polygon}, their items the planogram's. What is recognised as another item is no product of its
slot; what is not recognised is taken for the slot's own. In pixels the front also counts as filled where it looks filled (see
`workers.vision.slot_look`; `empty` at a slot is its picture without goods). Markers of fixtures tell whether the camera was moved; a
camera that was is not believed until they stand in their places again. Gaps that night fill leaves make their tasks when the night ends;
the buyer, who fills nothing, hears of a gap without stock at once. A slot hidden since its camera started is unknown, not unwatched.
A gap stays open while its slot is unknown: only goods seen there close it. No picture is kept, so nobody can be seen in one.
"""

from collections import Counter
from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.vision import slot_history

MOVED = 0.03
ROUNDING = 1e-9
KNOWN = ("full", "low", "out")
PRIORITY = {"A": 2, "B": 3, "C": 4}
SHOWN = ("gtin", "facings", "gap", "confidence")


class FillTimes(SolutionConfig):
    """Minutes to fill a gap by item class."""

    A: int = setting(20, "Class A", "A 类", unit="min", ge=1)
    B: int = setting(60, "Class B", "B 类", unit="min", ge=1)
    C: int = setting(240, "Class C", "C 类", unit="min", ge=1)


class ShelfGapCamera(Solution):
    number = 97
    zh, en = "货架缺货摄像头识别", "Shelf gap camera"
    purpose_zh = "固定摄像头全天巡视畅销货架，排面真正空缺（而非被遮挡）时派补货任务，并按分钟统计货架可得率。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("vision.shelf", "shelf.state", "task.create", "alert.raise", "score.report")
    adapters = ("camera",)
    reads = ("planogram", "fixtures", "products")
    kpis = {
        "on_shelf_availability": kpi("%", "On-shelf availability", "货架可得率"),
        "median_gap": kpi("min", "Median gap", "缺货时长中位数"),
        "tasks_on_time": kpi("%", "Tasks on time", "补货及时率"),
        "unknown_share": kpi("%", "Share of time unknown", "状态未知占比"),
    }
    kinds = {
        "fill_shelf": ("Fill a gap", "补货"),
        "gap_without_stock": ("Gap without stock", "缺货且无库存"),
        "camera_moved": ("Camera moved", "摄像头移位"),
    }
    load = "vision"

    class Config(SolutionConfig):
        interval: int = setting(300, "Time between samples of a shelf", "货架采样间隔", unit="s", ge=30, le=3600)
        clear_share: float = setting(0.9, "Unhidden share for a sample to count", "有效样本的未遮挡比例", ge=0.5, le=1,
            help_en="A slot with less of it in sight gives no sample.", help_zh="货位可见比例低于此值时该样本不计。")  # fmt: skip
        empty_share: float = setting(0.7, "Share without product that reads empty", "判为空的无商品比例", ge=0.3, le=1,
            help_en="Share of a slot's front without product at which it reads empty.",
            help_zh="货位正面无商品的比例达到此值即判为空。")  # fmt: skip
        confirm: int = setting(2, "Samples that change a state", "确认次数", ge=1, le=10,
            help_en="Counting samples in a row that change a slot's state.", help_zh="连续多少个有效样本一致才改变货位状态。")  # fmt: skip
        due: FillTimes = setting(FillTimes, "Minutes to fill by item class", "各类商品补货时限", unit="min",
            help_en="By products.attributes.class, else B.", help_zh="按 products.attributes.class，缺省为 B。")  # fmt: skip
        low_facings: int = setting(1, "Facings that are low", "低量排面数", ge=0, le=10,
            help_en="At or below them a slot of two or more is low.",
            help_zh="两个排面以上的货位，剩余达到或低于此数即为低量。")  # fmt: skip
        night_fill: str = setting("22:00-07:00", "Night fill", "夜间补货时段", pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
            help_en="Local time in which gaps make no tasks.", help_zh="此（本地）时段内的空缺不派任务。")  # fmt: skip
        stale: int = setting(30, "Time without a sample until unknown", "状态失效时间", unit="min", ge=5, le=240,
            help_en="No counting sample for this long: the state is unknown.", help_zh="超过此时长没有有效样本则状态未知。")  # fmt: skip

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision import slots

        camera = event["camera"]
        kept = self.state.setdefault(f"camera:{camera}", {"at": None, "moved": False, "markers": {}})
        if kept["at"] and event.time < parse_time(kept["at"]) + timedelta(seconds=self.config.interval):
            return
        kept["at"] = rfc3339(event.time)
        watched = slots.watched(self.tables.fixtures.rows(), camera)
        if not watched:
            return
        view = self.workers.vision.view(event.data, event.time)
        yield from self._pose(camera, kept, view)
        if kept["moved"]:
            return
        shop = next((one.settings.get("shop", "") for one in self.devices.get("camera", ()) if one.id == camera), "")
        shelves = {}
        for fixture, slot in watched:
            row = yield from self._plan(fixture["fixture"], slot["slot"], event.time)
            if row is not None:
                shelves.setdefault(fixture["fixture"], {})[slot["slot"]] = self._read(view, slot, row, shop)
        for fixture, samples in shelves.items():
            counting = {slot: sample for slot, sample in samples.items() if sample is not None}
            states = [{"slot": slot, **{key: sample[key] for key in SHOWN}} for slot, sample in counting.items()]
            yield out("vision.shelf", fixture=fixture, slots=states, camera=camera, blocked=not counting)
            for slot, sample in samples.items():
                if sample is None:
                    self._count(slot_history.settle(self.state[_name(fixture, slot)], event.time))
                else:
                    yield from self._follow(_name(fixture, slot), sample, event.time)

    @on("inventory.snapshot?")
    def stock(self, event):
        key = self.workers.gs1.item_key(event["gtin"])
        if not self.workers.optimise.position.count(self.state.setdefault(f"stock:{key}", {}), event.data, event.time):
            return
        if (self._units(key) or 0) <= 0:
            return
        for name in self.state.pop(f"short:{key}", []):
            gap = self.state.get(name, {}).get("gap")
            if gap and gap.get("alert"):
                yield self._alert(gap, "cleared")
                del gap["alert"]
                yield from self._act(name, self.now)

    @on_table("fixtures")
    def polygons_changed(self, table):
        """Cameras may have been set up anew: where their markers stand is learnt again, and slots that are gone are dropped."""
        for name in [name for name in self.state if name.startswith("camera:")]:
            self.state[name]["markers"] = {}
        fixtures = [row for row in self.tables.fixtures.all_rows() if isinstance(row.get("slots"), list)]
        listed = {_name(row["fixture"], slot["slot"]) for row in fixtures for slot in row["slots"]}
        for name in [name for name in self.state if name.startswith("slot:") and name not in listed]:
            yield from self._drop(name, self.now)

    @timer("stale")
    def not_seen(self, due):
        entry = self.state.get(due.key)
        if entry is not None:
            turn, spans = slot_history.expire(entry, due.time)
            self._count(spans)
            if turn is not None:
                yield self._state(due.key, turn, 0.0)

    @timer("night")
    def night_over(self, due):
        return self._act(due.key, due.time)

    @every("1d", at="close")
    def report(self, due):
        for name in [name for name in self.state if name.startswith("slot:")]:
            entry = self.state[name]
            self._count(slot_history.settle(entry, due.time))
            gap = entry["gap"] or {}
            if gap.get("task") and not gap.get("late") and due.time > parse_time(gap["due"]):
                gap["late"] = True
                self.kpi.share("tasks_on_time", 0, 1)
        day = self.state.pop("day", None)
        if day is None or day["known"] <= 0:
            return
        opens = self.store.hours.day(self.store.hours.store_day(due.time - timedelta(microseconds=1)))
        parts = [{"name": f"{name}_minutes", "value": day[name], "unit": "min"} for name in ("known", "out", "unknown")]
        yield out("score.report", {"from": opens[0] if opens else due.time - timedelta(days=1), "to": due.time},
                  scheme="on_shelf_availability", subject_kind="store", subject=self.store.id,
                  score=100 * (1 - day["out"] / day["known"]), parts=[*parts, {"name": "gaps", "value": day["gaps"]}])  # fmt: skip

    def _pose(self, camera, kept, view):
        """Whether the camera still looks where it did."""
        from storeloom.workers.vision import markers

        fixtures = self.tables.fixtures.rows()
        reference = {**kept["markers"], **markers.enrolled(fixtures, camera)}
        now = markers.seen(view, {*reference, *(row["fixture"] for row in fixtures)})
        moved = markers.shift(reference, now, view.aspect)
        kept["markers"] = {**now, **kept["markers"]}
        wrong = kept["moved"] if moved is None else moved > MOVED + ROUNDING
        if wrong != kept["moved"]:
            kept["moved"] = wrong
            text = self.say(f"Camera {camera} was moved", f"摄像头 {camera} 已移位") if wrong else self.say(
                f"Camera {camera} stands right again", f"摄像头 {camera} 已复位")  # fmt: skip
            yield out("alert.raise", alert=f"camera-moved-{camera}", kind="camera_moved", severity="warn", subject=camera,
                      asset=camera, state="open" if wrong else "cleared", text=text, value=round(100 * moved, 1), limit=100 * MOVED,
                      unit="%")  # fmt: skip

    def _plan(self, fixture, slot, at):
        """The planogram's row of a slot; what it changes resets the slot."""
        row = next((row for row in self.tables.planogram.rows(fixture=fixture) if row["slot"] == slot), None)
        name = _name(fixture, slot)
        plan = [self._key(row["gtin"]), row.get("facings", 1)] if row is not None else None
        if name in self.state and self.state[name]["plan"] != plan:
            yield from self._drop(name, at)
        if row is not None and name not in self.state:
            entry = {**slot_history.begin(at), "plan": plan, "fixture": fixture, "slot": slot}
            self.state[name] = {**entry, "foreign": None, "gap": None, "told": False}
        return row

    def _drop(self, name, at):
        """Forget a slot that is planned anew or gone; its buyer's alert falls away with it."""
        entry = self.state.pop(name)
        self._count(slot_history.settle(entry, at))
        self.timers.cancel("stale", name)
        self.timers.cancel("night", name)
        if entry["gap"] and entry["gap"].get("alert"):
            yield self._alert(entry["gap"], "cleared")

    def _read(self, view, slot, row, shop):
        """A sample of a slot, None where too much of it is hidden or dark."""
        from storeloom.workers.vision import slots

        own = [thing.box for thing in slots.goods(view.observation.objects, slot["polygon"])]
        whole = [slots.bounds(slot["polygon"])] if view.pixels is not None and shop and not own else []
        ranked = zip([*own, *whole], view.items([*own, *whole], shop), strict=True)
        others = {box: self._written(one.gtin) for box, one in ranked if one.gtin and self._key(one.gtin) != self._key(row["gtin"])}
        own = [box for box in own if box not in others]
        front = slots.front(view, slot, own, others)
        if front.dark or front.visible < self.config.clear_share - ROUNDING:
            return None
        planned = row.get("facings", 1)
        empty = front.empty >= self.config.empty_share - ROUNDING
        facings = 0 if empty else slots.facings(len(own), planned, front.empty)
        state = "out" if empty else "low" if planned >= 2 and facings <= self.config.low_facings else "full"
        return {"gtin": row["gtin"], "facings": facings, "gap": empty, "confidence": front.visible, "state": state,
                "foreign": Counter(others.values()).most_common(1)[0][0] if others else None}  # fmt: skip

    def _follow(self, name, sample, at):
        """Enter a sample in the history of its slot, and act on what it changes."""
        entry = self.state[name]
        if at < parse_time(entry["seen"]):
            return
        entry["foreign"] = sample["foreign"]
        turn, spans = slot_history.follow(entry, sample["state"], at, self.config.confirm)
        self._count(spans)
        self.timers.set("stale", name, at + timedelta(minutes=self.config.stale))
        if turn is None or (turn.state == "full" and not entry["told"]):
            return
        entry["told"] = True
        yield self._state(name, turn, sample["confidence"], sample["facings"])
        if turn.state == "out":
            yield from self._gap(name, entry, turn)
        elif entry["gap"]:
            yield from self._filled(entry, turn)

    def _gap(self, name, entry, turn):
        if entry["foreign"]:
            yield out("shelf.state", gtin=entry["foreign"], fixture=entry["fixture"], slot=entry["slot"], state="misplaced", by="camera",
                      confidence=1.0, since=turn.since)  # fmt: skip
        if not entry["gap"]:
            entry["gap"] = {"since": rfc3339(turn.since)}
            self._day()["gaps"] += 1
            yield from self._act(name, self.now)

    def _act(self, name, at):
        """A fill task for an open gap, or where there is nothing to fill it with an alert for the buyer; at night no task is made yet."""
        entry = self.state[name]
        gap = entry["gap"]
        if not gap or entry["state"] != "out" or gap.get("task") or gap.get("alert"):
            return
        key, fixture, slot = entry["plan"][0], entry["fixture"], entry["slot"]
        gtin, units = self._written(key), self._units(key)
        product = self.tables.products.get(gtin) or {}
        title = product.get("name", gtin)
        zone = (self.tables.fixtures.get(fixture) or {}).get("zone")
        stamp = f"{fixture}-{slot}-{parse_time(gap['since']):%Y%m%dT%H%M%S}"
        if units is not None and units <= 0:
            gap["alert"] = {"alert": f"gap-{stamp}", "subject": gtin, "zone": zone, "asset": fixture,
                            "text": self.say(f"{title}: shelf empty, no stock", f"{title}：货架已空且无库存")}  # fmt: skip
            short = self.state.setdefault(f"short:{key}", [])
            self.state[f"short:{key}"] = [*(other for other in short if other != name), name]
            yield self._alert(gap, "open")
            return
        morning = self._night_ends(at)
        if morning is not None:
            self.timers.set("night", name, morning)
            return
        grade = (product.get("attributes") or {}).get("class", "B")
        grade = grade if grade in PRIORITY else "B"
        gap |= {"task": f"fill-{stamp}", "due": rfc3339(at + timedelta(minutes=getattr(self.config.due, grade)))}
        items = [{"gtin": gtin, "to": slot}]
        items += [{"gtin": entry["foreign"], "from": slot, "note": "misplaced"}] if entry["foreign"] else []
        yield out("task.create", task=gap["task"], kind="fill_shelf", title=self.say(f"Fill {title}", f"补货：{title}"),
                  priority=PRIORITY[grade], zone=zone, fixture=fixture, due=gap["due"], items=items)  # fmt: skip

    def _filled(self, entry, turn):
        gap, entry["gap"] = entry["gap"], None
        self.kpi.sample("median_gap", (turn.since - parse_time(gap["since"])).total_seconds() / 60, "median")
        if gap.get("task") and not gap.get("late"):
            self.kpi.share("tasks_on_time", int(turn.since <= parse_time(gap["due"])), 1)
        if gap.get("alert"):
            yield self._alert(gap, "cleared")

    def _alert(self, gap, state):
        return out("alert.raise", gap["alert"], kind="gap_without_stock", severity="warn", state=state)

    def _state(self, name, turn, confidence, facings=None):
        entry = self.state[name]
        return out("shelf.state", gtin=self._written(entry["plan"][0]), fixture=entry["fixture"], slot=entry["slot"], state=turn.state,
                   by="camera", confidence=confidence, facings=facings, since=turn.since)  # fmt: skip

    def _count(self, spans):
        """Minutes in opening hours, once it is certain in which state they were spent."""
        minutes, open_seconds = slot_history.minutes, self.store.hours.open_seconds
        known, empty, unknown = (minutes(spans, open_seconds, *states) for states in (KNOWN, ("out",), ("unknown",)))
        if known or unknown:
            day = self._day()
            for part, value in (("known", known), ("out", empty), ("unknown", unknown)):
                day[part] += value
            self.kpi.share("on_shelf_availability", known - empty, known)
            self.kpi.share("unknown_share", unknown, known + unknown)

    def _day(self):
        return self.state.setdefault("day", {"known": 0.0, "out": 0.0, "unknown": 0.0, "gaps": 0})

    def _night_ends(self, at):
        """When the night fill around an instant ends, None by day."""
        begins, ends = self.config.night_fill.split("-")
        local = self.store.hours.local(at)
        clock = f"{local:%H:%M}"
        if not (begins <= clock < ends if begins < ends else begins != ends and (clock >= begins or clock < ends)):
            return None
        return self.store.hours.at(local.date() + timedelta(days=clock >= ends), ends)

    def _units(self, key):
        return self.workers.optimise.position.units(self.state.get(f"stock:{key}", {}))

    def _written(self, gtin):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)


def _name(fixture, slot):
    return f"slot:{fixture}|{slot}"
