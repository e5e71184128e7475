"""Scene lighting: every zone carries the look of the moment, displays keep their contrast against daylight, fresh food is never tinted.

All zones but car parks, levels, delivery grids and exits (their lights are safety's) have a general and a decor group, those in
`accent_full_lux` an accent. A look without `cct_k` leaves the white alone; colours go to the decor layer. Without a schedule the day goes
from opening to close: half an hour of opening, day, evening from sunset, half an hour of closing, then off. A schedule counts while open.
A kiosk sets a look by hand by `choose`: `value` is the scene (`auto` ends it), `values` may hold `zone`, `until` or `minutes` (60), and a
look of its own (`level`, `contrast`, `cct_k`, `colour`). A calendar event of a kind in FESTIVE shows the scene of its name or kind, else
`event`, while open. Without the store's place, the sun sets at 18:00.

A light.set also tells the warm channel's share (`warm_pct`). Looks have the lowest priority (comfort), so that limits of energy win.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp
from storeloom.core.kernel.hooks import hookimpl

DARK = ("parking", "level", "grid", "exit")
FESTIVE = ("public_holiday", "festival", "promotion", "local", "sport")
DANGERS = ("smoke", "fire", "gas", "evacuation")
SAFETY, MANUAL, EVENT, SCHEDULE = 4, 3, 2, 1
FADE_S, HALF_HOUR, MINUTE, HOUR = 60, timedelta(minutes=30), timedelta(minutes=1), timedelta(hours=1)
SENSOR_SILENT = timedelta(minutes=5)
SAFE_LOOK = {"level": 100, "cct_k": 4000}
BUILT_IN = {
    "opening": {"level": 80, "cct_k": 5000},
    "day": {"level": 100, "cct_k": 4000},
    "evening": {"level": 80, "cct_k": 3000},
    "event": {"level": 70, "cct_k": 3000},
    "closing": {"level": 40, "cct_k": 3000},
}
Kelvin = Annotated[int, Field(ge=2200, le=6500)]
Lux = Annotated[int, Field(ge=1, le=100000)]
Moment = Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|(sunset|sunrise|open|close)([+-]\d{1,3})?|[A-Za-z_][\w-]*)$")]


class Look(SolutionConfig):
    level: float = setting(100, "Level", "亮度", unit="%", ge=0, le=100)
    contrast: float | None = setting(None, "Contrast", "对比度", ge=1, le=30)
    cct_k: int | None = setting(None, "Colour temperature", "色温", unit="K", ge=1800, le=10000)
    colour: str | None = setting(None, "Colour", "颜色")


class SceneLight(Solution):
    number = 188
    zh, en = "智能灯光场景", "Scene lighting"
    purpose_zh = "每个区域呈现当下的灯光场景，陈列对比度随日光保持，色温随时段与天气变化，生鲜绝不染色。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("light.set", "insight.report", "alert.raise")
    adapters = ("lighting", "sensor?")
    reads = ("zones",)
    kpis = {
        "contrast_achieved": kpi("ratio", "Contrast achieved", "达成对比度"),
        "scene_adherence": kpi("%", "Zones in their planned look", "场景执行率"),
        "fresh_tint_refused": kpi("count", "Tints of fresh food refused", "拒绝生鲜染色"),
        "manual_overrides": kpi("count", "Looks set by hand", "手动设定次数"),
    }
    kinds = {
        "contrast_short": ("Contrast out of reach", "对比度无法达到"),
        "fresh_tint": ("Tinted light over fresh food refused", "拒绝对生鲜使用有色光"),
    }

    class Config(SolutionConfig):
        scenes: dict[str, Look | dict[str, Look]] = setting(dict, "Looks", "场景",
            help_en="One for all zones, or by zone; over the built-in opening, day, evening, event and closing.",
            help_zh="全店一致或按区域；覆盖内置场景。")  # fmt: skip
        schedule: list[Annotated[list[Moment], Field(min_length=2, max_length=2)]] = setting(list, "Which look when", "场景时间表",
            help_en="Pairs of time (09:00, sunset-30, open+10) and scene; empty follows opening hours.",
            help_zh="时间与场景成对；为空则随营业时间。")  # fmt: skip
        accent_full_lux: dict[str, Lux] = setting(dict, "Accent light at 100 %", "重点照明满亮度照度", unit="lx",
            help_en="By zone; others have no accent layer.", help_zh="按区域；未列出的无重点照明。")  # fmt: skip
        contrast: float = setting(5, "Light on goods over light around them", "商品与环境的照度比", ge=1.5, le=30)
        accent_max_step_pct: float = setting(10, "Largest accent change a minute", "重点照明每分钟最大变化", unit="%", ge=1, le=100)
        warm_k: int = setting(2700, "Warm channel", "暖光通道色温", unit="K", ge=2200, le=4000)
        cool_k: int = setting(6500, "Cool channel", "冷光通道色温", unit="K", ge=4000, le=7000)
        cold_c: float = setting(5, "Colder days are lit warmer", "低温日阈值", unit="°C", ge=-20, le=20)
        cold_shift_k: int = setting(300, "How much warmer", "低温日色温下调", unit="K", ge=0, le=1000)
        fresh_cct_k: list[Kelvin] = setting([3000, 5000], "Allowed over fresh food", "生鲜允许色温", unit="K", min_length=2, max_length=2)

    # --- what is told ---

    def start(self):
        yield from self._all()

    @on("sensor.reading?")
    def measured(self, event):
        zone = event.get("zone")
        if event["kind"] != "lux" or event.get("quality") == "bad" or zone not in self.config.accent_full_lux:
            return
        one = self._zone(zone)
        oldest = stamp(event.time - HOUR)
        one["lux"] = sorted([*(read for read in one["lux"] if read[0] >= oldest), [stamp(event.time), event["value"], event["sensor"]]])
        self.timers.set("silent", zone, max(self.now, event.time + SENSOR_SILENT))
        yield from self._accent(zone)

    @on("alert.raise?")
    def danger(self, event):
        if event["kind"] not in DANGERS:
            return
        alerts = self.state.setdefault("alerts", [])
        if event["state"] == "cleared":
            self.state["alerts"] = [alert for alert in alerts if alert != event["alert"]]
        elif event["severity"] == "critical" and event["alert"] not in alerts:
            alerts.append(event["alert"])
        yield from self._all()

    @on("kiosk.event?")
    def by_hand(self, event):
        values, name = event.get("values") or {}, event.get("value")
        own = {key: values[key] for key in ("level", "contrast", "cct_k", "colour") if values.get(key) is not None}
        if event["kind"] != "choose" or not (name in ("auto", *BUILT_IN, *self.config.scenes) or own):
            return
        until = parse_time(values["until"]) if values.get("until") else event.time + timedelta(minutes=values.get("minutes", 60))
        for zone in [values["zone"]] if values.get("zone") else self._zones():
            look = {**self._scenes(zone).get(name, {}), **own}
            self._zone(zone)["manual"] = None if name == "auto" else {"look": look, "name": name or "manual", "until": plain(until)}
        self.kpi.add("manual_overrides", int(name != "auto"))
        yield from self._all()

    @on("calendar.event?")
    def announced(self, event):
        if event["kind"] in (*FESTIVE, "closure"):
            kept = {name: one for name, one in self.state.get("calendar", {}).items() if parse_time(one["to"]) > self.now}
            kept[event["event"]] = {key: event.get(key) for key in ("kind", "name", "from", "to", "zone")}
            self.state["calendar"] = kept
            yield from self._all()

    @on("weather.forecast?")
    def foretold(self, event):
        begin, end = parse_time(event["from"]), parse_time(event["to"])
        for day in {self.store.hours.store_day(begin), self.store.hours.store_day(end - MINUTE)}:
            self.state.setdefault(f"weather:{day}", {})[event["from"]] = event["temp_c"]
        yield from self._all()

    # --- which look a zone has ---

    def _scenes(self, zone):
        """Looks of a zone by name; where a scene does not name the zone, the built-in one of that name, else the day's."""
        found = dict(BUILT_IN)
        for name, scene in self.config.scenes.items():
            look = scene if isinstance(scene, Look) else scene.get(zone)
            found[name] = look.model_dump(exclude_none=True) if look else BUILT_IN.get(name, BUILT_IN["day"])
        return found

    def _zones(self):
        rows = self.tables.zones.rows()
        named = [zone for zone in self.config.accent_full_lux if self.tables.zones.get(zone) is None]
        return [*(row["zone"] for row in rows if row.get("kind") not in DARK), *named]

    def _zone(self, zone):
        fresh = {"lux": [], "manual": None, "look": None, "accent": None, "moved": None, "sent": {}, "refused": None, "short": None}
        return self.state.setdefault(f"zone:{zone}", fresh)

    def _now(self, zone):
        """Rank, name and look of a zone at this time; the name None where it is dark."""
        one, scenes = self._zone(zone), self._scenes(zone)
        if self.state.get("alerts"):
            return SAFETY, "safety", SAFE_LOOK
        if one["manual"] and parse_time(one["manual"]["until"]) > self.now:
            return MANUAL, one["manual"]["name"], one["manual"]["look"]
        held = [day for day in self.state.get("calendar", {}).values()
                if day["zone"] in (None, zone) and parse_time(day["from"]) <= self.now < parse_time(day["to"])]  # fmt: skip
        span = self.store.hours.span(self.now)
        closures = [parse_time(day["from"]) for day in held if day["kind"] == "closure"]
        if span is None or closures:
            closed = max(closures) if span else self._last_close()
            name = "closing" if closed is not None and self.now < closed + HALF_HOUR else None
            return SCHEDULE, name, scenes["closing"] if name else {"level": 0}
        festive = sorted((day for day in held if day["kind"] in FESTIVE), key=lambda day: (parse_time(day["from"]), day["name"]))
        if festive:
            name = next((name for name in (festive[-1]["name"], festive[-1]["kind"]) if name in scenes), "event")
            return EVENT, name, scenes[name]
        name = max((at, number, name) for number, (at, name) in enumerate(self._day(span)) if at <= self.now)[2]
        return SCHEDULE, name, scenes.get(name, BUILT_IN["day"])

    def _last_close(self):
        """When the store closed last, if that was within a day."""
        opened = self.store.hours.span(self.now - HALF_HOUR)
        return opened[1] if opened else None

    def _day(self, span):
        """Moments and scenes of an open day; what a schedule had before opening holds from it."""
        hours = self.store.hours
        day = hours.store_day(span[0])
        if not self.config.schedule:
            return [(span[0], "opening"), (span[0] + HALF_HOUR, "day"), (max(span[0], self._moment("sunset", day, span)), "evening")]
        rows = sorted((self._moment(at, day, span), number, name) for number, (at, name) in enumerate(self.config.schedule))
        before = [name for at, _, name in rows if at <= span[0]] or [rows[-1][2]]
        return [(span[0], before[-1]), *((at, name) for at, _, name in rows if span[0] < at)]

    def _moment(self, text, day, span):
        if text[0].isdigit():
            return self.store.hours.at(day, text)
        name = text.rstrip("+-0123456789")
        geo = self.store.profile.get("geo") or {}
        sun = self.workers.insight.sunlight.sun_turns(day, geo["lat"], geo["lon"]) if geo else None
        dawn, dusk = sun or (self.store.hours.at(day, "06:00"), self.store.hours.at(day, "18:00"))
        dawn, dusk = (one.replace(second=0, microsecond=0) for one in (dawn, dusk))
        return {"sunrise": dawn, "sunset": dusk, "open": span[0], "close": span[1]}[name] + timedelta(minutes=int(text[len(name) :] or 0))

    def _all(self):
        for zone in self._zones():
            yield from self._show(zone)
        self._wait()

    def _wait(self):
        """Look again when something begins or ends."""
        hours, moments = self.store.hours, []
        span = hours.span(self.now)
        if span:
            moments += [span[1], *(at for at, _ in self._day(span))]
        else:
            closed = self._last_close()
            moments += [hours.next_open(self.now), closed + HALF_HOUR if closed else None]
        days = self.state.get("calendar", {}).values()
        moments += [parse_time(day[edge]) for day in days for edge in ("from", "to")]
        moments += [parse_time(day["from"]) + HALF_HOUR for day in days if day["kind"] == "closure"]
        moments += [parse_time(one["until"]) for zone in self._zones() if (one := self._zone(zone)["manual"])]
        self.timers.set("look", "", min((one for one in moments if one and one > self.now), default=self.now + timedelta(days=1)))

    @timer("look")
    def look_again(self, due):
        yield from self._all()

    # --- commands ---

    def _show(self, zone):
        rank, name, look = self._now(zone)
        one, fresh = self._zone(zone), (self.tables.zones.get(zone) or {}).get("kind") == "fresh"
        colour = look.get("colour")
        if fresh and colour and one["refused"] != name:
            one["refused"] = name
            self.kpi.add("fresh_tint_refused")
            text = self.say(f"{colour} light refused over fresh food in {zone}", f"{zone} 生鲜区拒绝 {colour} 有色光")
            yield out("alert.raise", alert=f"fresh-tint-{zone}-{name}", kind="fresh_tint", severity="warn", state="open", subject=zone,
                      zone=zone, text=text)  # fmt: skip
        elif one["refused"] != name:
            one["refused"] = None
        changed = one["look"] != [rank, name, look]
        one["look"] = [rank, name, look]
        fade = 0 if rank >= MANUAL else FADE_S
        white = self._white(look.get("cct_k"), fresh) if rank != SAFETY else {"cct_k": SAFE_LOOK["cct_k"]}
        scene = {"level_pct": look.get("level", 100), "scene": name or "off", **white}
        yield from self._send(zone, "general", scene, rank, fade)
        yield from self._send(zone, "decor", {**scene, "colour": None if fresh else colour}, rank, fade)
        yield from self._accent(zone, at_once=changed and rank == MANUAL)

    def _white(self, target, fresh):
        """Colour temperature of a look on this day, and the share of the warm channel."""
        if target is None:
            return {}
        told = self.state.get(f"weather:{self.store.hours.store_day(self.now)}", {}).values()
        if told and sum(told) / len(told) < self.config.cold_c:
            target -= self.config.cold_shift_k
        if fresh:
            target = min(self.config.fresh_cct_k[1], max(self.config.fresh_cct_k[0], target))
        warm = self.workers.insight.sunlight.warm_share(target, self.config.warm_k, self.config.cool_k)
        return {"cct_k": target, "warm_pct": round(100 * warm, 1)}

    def _lux(self, zone):
        """General light of a zone: what its sensors say now, else the mean of the last hour; None where it was never measured."""
        reads = self._zone(zone)["lux"]
        latest = {sensor: (parse_time(at), value) for at, value, sensor in reads}
        values = [value for at, value in latest.values() if self.now - at < SENSOR_SILENT] or [value for _, value, _ in reads]
        return sum(values) / len(values) if values else None

    def _accent(self, zone, *, at_once=False):
        """Move the accent towards its contrast, by one step a minute."""
        one, full, lux = self._zone(zone), self.config.accent_full_lux.get(zone), self._lux(zone)
        if full is None or one["look"] is None or one["look"][0] == SAFETY:
            return
        rank, name, look = one["look"]
        if lux is None if name is not None else one["accent"] is None:
            return
        sun, contrast = self.workers.insight.sunlight, look.get("contrast") or self.config.contrast
        asked = sun.accent_pct(contrast, lux, full) if name is not None else 0.0
        wanted, now = round(min(100.0, asked), 1), one["accent"]
        if now is None or at_once or name is None:
            level = wanted
        elif one["moved"] and self.now - parse_time(one["moved"]) < MINUTE:
            level = now
        else:
            step = self.config.accent_max_step_pct
            level = round(min(now + step, max(now - step, wanted)), 1)
        if level != now:
            one |= {"accent": level, "moved": plain(self.now)}
        if level != wanted:
            self.timers.set("step", zone, parse_time(one["moved"]) + MINUTE)
        fade = 0 if at_once else FADE_S
        white = {key: value for key, value in one["sent"].get("general", {}).items() if key in ("cct_k", "warm_pct")}
        yield from self._send(zone, "accent", {"level_pct": level, "scene": name or "off", **white}, rank, fade)
        if name is not None:
            self.kpi.sample("contrast_achieved", sun.contrast_of(lux, level, full))
            yield from self._short(zone, one, asked, contrast, sun.contrast_of(lux, 100, full), name)

    def _short(self, zone, one, asked, contrast, best, name):
        """Report a contrast that the lamps cannot give, once until they can, or for another look."""
        if asked <= 100:
            one["short"] = None
        elif one["short"] != name:
            one["short"] = name
            figures = {"achieved": {"value": round(best, 3), "unit": "ratio"}, "wanted": {"value": contrast, "unit": "ratio"}}
            report = f"{self.context.instance}-contrast-{zone}-{plain(self.now)}"
            yield out("insight.report", {"from": self.now, "to": self.now}, report=report, kind="contrast_short", version=1,
                      figures=figures, rows=[{"zone": zone, "scene": name}])  # fmt: skip

    @timer("step")
    def next_step(self, due):
        yield from self._accent(due.key)

    @timer("silent")
    def sensor_silent(self, due):
        yield from self._accent(due.key)

    def _send(self, zone, layer, fields, rank, fade):
        sent = self._zone(zone)["sent"]
        fields = {key: value for key, value in fields.items() if value is not None}
        if sent.get(layer) == fields:
            return
        if layer not in sent and fields["level_pct"] == 0:
            return
        sent[layer] = fields
        self.timers.set("repeat", f"{zone}/{layer}", self.now + HOUR)
        priority = "safety" if rank == SAFETY else "comfort"
        yield out("light.set", fields, group=f"{zone}/{layer}", fade_s=fade, priority=priority)

    @timer("repeat")
    def repeat(self, due):
        zone, _, layer = due.key.rpartition("/")
        fields = self._zone(zone)["sent"].get(layer)
        if fields:
            self.timers.set("repeat", due.key, self.now + HOUR)
            priority = "safety" if self._zone(zone)["look"][0] == SAFETY else "comfort"
            yield out("light.set", fields, group=due.key, fade_s=0, priority=priority)

    @every("1h")
    def hourly(self, due):
        yield from self._all()
        for zone in self._zones():
            self.kpi.share("scene_adherence", int(self._zone(zone)["look"][0] <= EVENT), 1)
        yesterday = f"weather:{self.store.hours.store_day(self.now - timedelta(days=1))}"
        for key in [key for key in self.state if key.startswith("weather:") and key < yesterday]:
            del self.state[key]


@hookimpl
def storeloom_config_problems(config, store):
    known = BUILT_IN.keys() | config["scenes"].keys()
    found = [Problem(f"schedule.{number}", f"No scene {pair[1]}", f"没有场景 {pair[1]}", "Name a scene.", "请填写已有场景。")
             for number, pair in enumerate(config["schedule"]) if pair[1] not in known]  # fmt: skip
    names = ("sunset", "sunrise", "open", "close")
    found += [Problem(f"schedule.{number}", f"{pair[0]} is no time", f"{pair[0]} 不是时间", "Write 09:00 or sunset-30.", "请写 09:00。")
              for number, pair in enumerate(config["schedule"])
              if not pair[0][0].isdigit() and pair[0].rstrip("+-0123456789") not in names]  # fmt: skip
    if config["fresh_cct_k"][0] > config["fresh_cct_k"][1]:
        found.append(Problem("fresh_cct_k", "The range is empty", "色温范围无效", "Give the lower value first.", "请先填较低值。"))
    return found
