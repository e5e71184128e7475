"""Fresh display fullness watch: how full bins and trays look, topped up by day, left to run down toward closing.

Bins and trays are `fixtures.slots` {slot, camera, polygon}; a slot whose planogram row has a `capacity` is a tray, whose pieces are
counted; one without a plan, as a salad bar's, goes by its own name. In pixels a bin's fullness is measured between its `empty` and its
`full` picture (see `workers.vision.slot_look`), taken on the day `enrolled`; without that day they age from the first frame on. In a
scene a `bin` tells its `fill`, else what lies in the polygon covers its share. A task ends when the bin is ok again. While the store is
closed no bin is topped up: what is low at opening is in the opening's task. A scale's weight belongs to the slot that names it (`scale`),
else to the slots of its item.
"""

from datetime import date, timedelta
from statistics import median

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.vision import bins, slot_history

HIDDEN = 0.2
LAST_TASK = timedelta(minutes=30)
BEFORE_OPENING = timedelta(hours=1)
PAIRS = 60
WEIGHED_WITHIN = timedelta(minutes=10)
ROUNDING = 1e-9


class Evening(SolutionConfig):
    """Levels in the last hours before closing."""

    hours: float = setting(2, "Hours before closing", "闭店前小时数", unit="h", ge=0, le=12)
    low: float = setting(0.15, "Below it: top up", "补货线", ge=0, le=0.9)
    ok: float = setting(0.3, "At or above it: full again", "恢复线", ge=0, le=1)


class FreshFullnessWatch(Solution):
    number = 102
    zh, en = "生鲜排面饱满度监测", "Fresh display fullness watch"
    purpose_zh = "监测散装筐、面包盘和沙拉台的饱满度，按时段提醒补货，临近闭店允许排面走低以减少损耗。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("shelf.state", "task.create", "score.report")
    adapters = ("camera", "scale?")
    reads = ("planogram", "fixtures", "products")
    kpis = {
        "mean_fullness": kpi("%", "Mean fullness", "平均饱满度"),
        "low_minutes": kpi("min", "Time low", "低量时长"),
        "topped_up_on_time": kpi("%", "Topped up on time", "补货及时率"),
        "evening_leftover": kpi("%", "Left at closing", "闭店剩余"),
    }
    kinds = {
        "top_up": ("Top up", "补货"),
        "fill_for_opening": ("Fill for opening", "开店补满"),
        "recalibrate_display": ("Renew the reference pictures", "重拍基准图"),
    }
    load = "vision"

    class Config(SolutionConfig):
        interval: int = setting(120, "Time between samples", "采样间隔", unit="s", ge=30, le=1800)
        samples: int = setting(5, "Clear samples whose median counts", "取中位数的有效样本数", ge=3, le=15)
        low: float = setting(0.4, "Below it: top up", "补货线", ge=0.05, le=0.9)
        ok: float = setting(0.7, "At or above it: full again", "恢复线", ge=0.1, le=1)
        evening: Evening = setting(Evening, "Levels in the last hours before closing", "闭店前的水平")
        morning_full: float = setting(0.9, "Fullness due at opening", "开店应达饱满度", ge=0.3, le=1)
        due: int = setting(15, "Time to top up", "补货时限", unit="min", ge=2, le=120)
        recalibrate: int = setting(30, "Age at which reference pictures are renewed", "基准图更新周期", unit="d", ge=1, le=365)

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision import slots

        camera = event["camera"]
        last = self.state.get(f"camera:{camera}")
        if last and event.time < parse_time(last) + timedelta(seconds=self.config.interval):
            return
        self.state[f"camera:{camera}"] = rfc3339(event.time)
        watched = slots.watched(self.tables.fixtures.rows(), camera)
        if not watched:
            return
        view = self.workers.vision.view(event.data, event.time)
        people = [person.box for person in view.observation.of("person")]
        for fixture, slot in watched:
            if slots.covered_share(slot["polygon"], people) > HIDDEN + ROUNDING:
                continue
            planned = [row for row in self.tables.planogram.rows(fixture=fixture["fixture"]) if row["slot"] == slot["slot"]]
            row = planned[0] if planned else {"gtin": slot.get("gtin", slot["slot"])}
            entry = self._entry(fixture, slot, row, event.time)
            dark, fullness = self._fullness(view, slot, row, people)
            if dark or fullness is None or self._aged(slot, entry, row, event.time):
                yield from self._blind(entry, event.time)
            else:
                yield from self._sample(entry, min(fullness, 1.0), event.time)

    @on("scale.reading?")
    def weigh(self, event):
        """A stable weight beside a fresh sample of the same bin is a pair to learn from."""
        if not event["stable"]:
            return
        for name, scale in self.tables.fixtures.derived("scales", _scales).items():
            entry = self.state.get(name)
            if entry and entry["samples"] and self._weighs(event, scale, entry):
                entry["pairs"] = [*entry["pairs"], [entry["samples"][-1], event["weight_g"] / 1000]][-PAIRS:]

    @every("1d", at="open")
    def opening(self, due):
        yield from self._check_opening(due.time)
        if not self._fresh(due.time):
            wait = timedelta(seconds=self.config.interval * self.config.samples)
            self.timers.set("opened", "", due.time + wait)

    @timer("opened")
    def first_look(self, due):
        """No camera saw the displays before opening: they are judged by what has been seen since."""
        return self._check_opening(due.time)

    @every("1d", at="close")
    def closing(self, due):
        opens = self.store.hours.day(self.store.hours.store_day(due.time - timedelta(microseconds=1)))
        window = {"from": opens[0] if opens else due.time - timedelta(days=1), "to": due.time}
        listed = self.tables.fixtures.derived("scales", _scales)
        for name in [name for name in self.state if name.startswith("slot:") and name not in listed]:
            del self.state[name]
        for entry in self._entries():
            self._count(slot_history.settle(entry, due.time))
            if entry["samples"] and entry["state"] != slot_history.UNKNOWN:
                self.kpi.sample("evening_leftover", 100 * median(entry["samples"]), "mean")
            if entry["task"] and due.time > parse_time(entry["task"]["due"]):
                self.kpi.share("topped_up_on_time", 0, 1)
                entry["task"] = None
            hours, entry["hours"] = entry["hours"], {}
            if hours:
                parts = [{"name": f"hour_{hour}", "value": 100 * total / n, "unit": "%"} for hour, (total, n) in sorted(hours.items())]
                score = 100 * sum(total for total, _ in hours.values()) / sum(n for _, n in hours.values())
                yield out("score.report", window, scheme="fresh_fullness", subject_kind="asset",
                          subject=f"{entry['fixture']}/{entry['slot']}", score=score, parts=parts)  # fmt: skip

    def _entry(self, fixture, slot, row, at):
        """The history of a bin; another item in it begins a new one."""
        name = _name(fixture, slot)
        if name in self.state and self.state[name]["gtin"] != row["gtin"]:
            del self.state[name]
        blank = {"gtin": row["gtin"], "fixture": fixture["fixture"], "zone": fixture.get("zone") or row.get("zone"), "slot": slot["slot"]}
        blank |= {"samples": [], "pairs": [], "hours": {}, "task": None, "asked": False, "first": rfc3339(at)}
        return self.state.setdefault(name, {**slot_history.begin(at), **blank})

    def _fullness(self, view, slot, row, people):
        """Whether it is too dark to tell, and how full a bin or a tray looks; None where that cannot be told."""
        from storeloom.workers.vision import slots

        if row.get("capacity"):
            pieces = slots.goods(view.observation.objects, slot["polygon"])
            return slots.too_dark(view, slot), len(pieces) / row["capacity"]
        return slots.fullness(view, slot, people)

    def _aged(self, slot, entry, row, at):
        """Whether the reference pictures are too old; counting pieces needs none."""
        if row.get("capacity"):
            return False
        taken = slot.get("enrolled") or entry["first"]
        begins = self.store.hours.midnight(date.fromisoformat(taken)) if len(taken) == 10 else parse_time(taken)
        return at - begins > timedelta(days=self.config.recalibrate)

    def _blind(self, entry, at):
        """Nothing can be told of a bin: its state is unknown, and new reference pictures are asked for once."""
        turn, spans = slot_history.expire(entry, at)
        self._count(spans)
        entry["samples"] = []
        if turn is not None or not entry["asked"]:
            yield self._state(entry, slot_history.UNKNOWN)
        if not entry["asked"]:
            entry["asked"] = True
            slot = entry["slot"]
            yield out("task.create", task=f"recalibrate-{entry['fixture']}-{slot}-{at:%Y%m%dT%H%M%S}", kind="recalibrate_display",
                      title=self.say(f"{slot}: take new empty and full pictures, check the light", f"{slot}：重拍空/满基准图并检查照明"),
                      priority=4, zone=entry["zone"], fixture=entry["fixture"], items=[{"gtin": entry["gtin"], "to": slot}])  # fmt: skip

    def _sample(self, entry, fullness, at):
        entry["asked"] = False
        entry["seen"] = rfc3339(at)
        entry["samples"] = [*entry["samples"], fullness][-self.config.samples :]
        if len(entry["samples"]) < self.config.samples:
            return
        seen = median(entry["samples"])
        if self.store.hours.is_open(at):
            self.kpi.sample("mean_fullness", 100 * seen, "mean")
            hour = f"{self.store.hours.local(at):%H}"
            total, n = entry["hours"].get(hour, (0.0, 0))
            entry["hours"][hour] = [total + seen, n + 1]
        before = entry["state"]
        turn, spans = slot_history.follow(entry, bins.state(before, seen, *self._levels(at)), at, 1)
        self._count(spans)
        if turn is not None and (turn.state, before) != ("ok", slot_history.UNKNOWN):
            yield self._state(entry, turn.state, seen)
        if entry["state"] == "low" and not entry["task"] and self._may_ask(at):
            yield self._top_up(entry, seen, at)
        elif entry["state"] == "ok" and entry["task"]:
            self.kpi.share("topped_up_on_time", int(at <= parse_time(entry["task"]["due"])), 1)
            entry["task"] = None

    def _levels(self, at):
        span = self.store.hours.span(at)
        late = span is not None and at >= span[1] - timedelta(hours=self.config.evening.hours)
        return (self.config.evening.low, self.config.evening.ok) if late else (self.config.low, self.config.ok)

    def _may_ask(self, at):
        span = self.store.hours.span(at)
        return span is not None and at < span[1] - LAST_TASK

    def _top_up(self, entry, seen, at):
        due = at + timedelta(minutes=self.config.due)
        entry["task"] = {"task": f"top-up-{entry['fixture']}-{entry['slot']}-{at:%Y%m%dT%H%M%S}", "due": rfc3339(due)}
        full = bins.weight_of_full(entry["pairs"])
        values = {"fullness": round(seen, 3)} | ({"full_kg": round(full, 2), "kg": round(full * (1 - seen), 2)} if full else {})
        name = (self.tables.products.get(entry["gtin"]) or {}).get("name", entry["gtin"])
        return out("task.create", task=entry["task"]["task"], kind="top_up", title=self.say(f"Top up {name}", f"补货：{name}"), priority=2,
                   zone=entry["zone"], fixture=entry["fixture"], due=due, values=values,
                   items=[{"gtin": entry["gtin"], "to": entry["slot"]}])  # fmt: skip

    def _fresh(self, at):
        """Bins that were seen lately, with their fullness."""
        entries = [entry for entry in self._entries() if entry["samples"] and at - parse_time(entry["seen"]) <= BEFORE_OPENING]
        return [(entry, median(entry["samples"])) for entry in entries]

    def _check_opening(self, at):
        short = [(entry, seen) for entry, seen in self._fresh(at) if seen < self.config.morning_full - ROUNDING]
        if not short:
            return
        due = at + timedelta(minutes=self.config.due)
        task = f"opening-{at:%Y%m%dT%H%M%S}"
        for entry, _ in short:
            if entry["state"] == "low" and not entry["task"]:
                entry["task"] = {"task": task, "due": rfc3339(due)}
        items = [{"gtin": entry["gtin"], "to": entry["slot"], "note": f"{100 * seen:.0f} %"} for entry, seen in short]
        zones = {entry["zone"] for entry, _ in short}
        title = self.say(f"Fill {len(short)} displays", f"开店补满 {len(short)} 个陈列")
        yield out("task.create", task=task, kind="fill_for_opening", title=title, priority=2,
                  zone=zones.pop() if len(zones) == 1 else None, due=due, items=items)  # fmt: skip

    def _state(self, entry, state, seen=None):
        confidence = 0.0 if state == slot_history.UNKNOWN else 1.0
        return out("shelf.state", gtin=entry["gtin"], fixture=entry["fixture"], slot=entry["slot"], state=state, by="camera",
                   confidence=confidence, since=entry["since"], fullness=seen)  # fmt: skip

    def _count(self, spans):
        if spans:
            self.kpi.add("low_minutes", slot_history.minutes(spans, self.store.hours.open_seconds, "low"))

    def _entries(self):
        return [self.state[name] for name in sorted(self.state) if name.startswith("slot:")]

    def _weighs(self, event, scale, entry):
        """Whether a reading is the weight of a bin that was seen just before."""
        if event.time - parse_time(entry["seen"]) > WEIGHED_WITHIN:
            return False
        if scale:
            return scale == event["scale"]
        key = self.workers.gs1.item_key
        return event.get("gtin") is not None and key(event["gtin"]) == key(entry["gtin"])


def _name(fixture, slot):
    return f"slot:{fixture['fixture']}|{slot['slot']}"


def _scales(fixtures):
    """The bins of the fixtures, each with the scale that it names, None for those that name none."""
    bearing = [row for row in fixtures if isinstance(row.get("slots"), list)]
    return {_name(row, slot): slot.get("scale") for row in bearing for slot in row["slots"]}
