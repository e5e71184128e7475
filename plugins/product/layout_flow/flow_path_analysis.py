"""For store planners: turns anonymous tracks into zone-to-zone journeys, finds dead zones and proves whether a re-layout changed where
shoppers go.

A point lies in the smallest zone around it, else in the zone that the track names. A stay lasts until the next sight elsewhere; the last
stay of a visit counts however short in an exit zone, and where it is one sight alone, so that its length is not known. Points outside
opening hours are left out; a track that comes after its day's close counts at the next. At the close every visit ends, and the tracks are
forgotten: what is kept are counts by day, for a year.

A re-layout splits time at its `from`; the visits since the one before it are compared with those that began since then, at every close,
and a new version is told when the zones that shifted are others than before. `zone_penetration` is the mean over the zones.
"""

from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, plain, stamp

KEPT = timedelta(days=365)
UNKNOWN_COLOUR = 100.0


class FlowPathAnalysis(Solution):
    number = 114
    zh, en = "客流动线分析", "Customer path analysis"
    purpose_zh = "把匿名轨迹连成区域间的动线，找出死角，并检验调整布局后顾客去向是否真的改变。"
    formats = ("supermarket", "mall", "specialty")
    produces = ("insight.report", "score.report")
    reads = ("zones",)
    kpis = {
        "zone_penetration": kpi("%", "Zone penetration", "区域渗透率"),
        "dead_zones": kpi("count", "Dead zones", "死角区域数"),
        "zones_per_visit": kpi("count", "Zones per visit", "每次到访区域数"),
        "stop_rate": kpi("%", "Stop rate", "驻足率"),
    }
    kinds = {
        "flow_paths": ("Paths of the day", "当日动线"),
        "relayout_shift": ("What a re-layout changed", "布局调整前后对比"),
    }

    class Config(SolutionConfig):
        stitch_s: float = setting(8, "Longest time between tracks of one person", "同一人轨迹最长间隔", unit="s", ge=1, le=60,
            help_en="Between the end of one track and the start of its continuation.",
            help_zh="上一段轨迹结束到下一段开始的时间。")  # fmt: skip
        stitch_m: float = setting(3, "Longest distance of the same", "同一人轨迹最远间距", unit="m", ge=0.5, le=15)
        min_pass_s: float = setting(2, "Shortest stay in a path", "计入动线的最短停留", unit="s", ge=0, le=30,
            help_en="A shorter stay in a zone is dropped.", help_zh="更短的区域停留不计入动线。")  # fmt: skip
        stop_s: float = setting(10, "A stay from here on is a stop", "达到即为驻足的停留", unit="s", ge=3, le=300,
            help_en="Shorter is a pass.", help_zh="更短为路过。")  # fmt: skip
        idle_min: int = setting(20, "Silence that ends a visit", "结束到访的无踪时长", unit="min", ge=5, le=120)
        dead_zone_pct: float = setting(5, "Dead zone under", "死角渗透率上限", unit="%", ge=0, le=50,
            help_en="Zones with less penetration are dead.", help_zh="渗透率低于此值的区域为死角。")  # fmt: skip
        min_visits: int = setting(300, "Visits on each side of a comparison", "对比每侧所需到访数", ge=10, le=100000)
        path_top: int = setting(10, "Three-zone paths listed", "列出的三区动线条数", ge=1, le=100)

    @on("vision.track")
    def moved(self, event):
        if event["class"] != "person":
            return
        attrs = event.get("attrs") or {}
        track = self.state.setdefault(f"track:{event['camera']}/{event['track']}", {"sights": [], "colour": None, "staff": False})
        track["staff"] = bool(track["staff"] or event.get("staff"))
        track["colour"] = track["colour"] or attrs.get("colour")
        if track["staff"]:
            track["sights"] = []
            return
        note, hours = self.workers.insight.flow_paths.note, self.store.hours
        in_metres = attrs.get("plane") != "picture"
        for when, x, y in event["points"]:
            at = parse_time(when)
            if hours.is_open(at):
                zone = self._zone([x, y] if in_metres else None, event.get("zone"))
                note(track["sights"], [at.timestamp(), zone, *([x, y] if in_metres else [None, None])], 60 * self.config.idle_min)

    @on("calendar.event?")
    def planned(self, event):
        if event["kind"] == "relayout":
            self.state.setdefault("relayouts", {})[event["event"]] = stamp(parse_time(event["from"]))

    @every("1d", at="close")
    def close(self, due):
        flow_paths, config = self.workers.insight.flow_paths, self.config
        day, exits = self.store.hours.ended_day(due.time), self._exits()
        made = self._visits(exits)
        self._keep(day, made, due.time)
        if made:
            flow = flow_paths.flow(made, config.stop_s, exits)
            opened = self.store.hours.day(day)
            window = {"from": opened[0] if opened else self.store.hours.midnight(day), "to": due.time}
            zones = self._zones(flow.entered)
            yield self._paths(day, window, flow, zones)
            yield from (self._score(zone, window, flow) for zone in zones)
        yield from self._compare(due.time)

    def _zone(self, point, named):
        from storeloom.workers.vision.floor_cells import plan_of

        found = self.tables.zones.derived("plan", plan_of).find(point, named) if point else None
        return found.zone if found else named

    def _exits(self):
        return {row["zone"] for row in self.tables.zones.rows() if row.get("kind") == "exit"}

    def _zones(self, seen):
        """The zones that count: where shoppers may go, without levels and parents of others that nobody was seen in."""
        from storeloom.workers.vision.floor_cells import NO_SHOPPERS

        rows = self.tables.zones.rows()
        parents = {row.get("parent") for row in rows}
        known = {row["zone"] for row in rows if row.get("kind") not in NO_SHOPPERS | {"level"} and row["zone"] not in parents}
        return sorted(known | set(seen))

    def _visits(self, exits):
        """The visits of the tracks that came since the last close; the tracks are forgotten."""
        flow_paths, config = self.workers.insight.flow_paths, self.config
        names = [key for key in self.state if key.startswith("track:")]
        tracks = {key: self.state.pop(key) for key in names}
        tracks = {key: track for key, track in tracks.items() if track["sights"]}
        sights = {key: track["sights"] for key, track in tracks.items()}
        rules = flow_paths.Rules(config.stitch_s, config.stitch_m, config.min_pass_s, 60 * config.idle_min, exits)
        chains = flow_paths.joined(sights, {key: track["colour"] for key, track in tracks.items()}, rules, _unlike)
        return [visit for chain in chains for visit in flow_paths.visits([one for key in chain for one in sights[key]], rules)]

    def _keep(self, day, made, now):
        """Count the day's visits and those that entered each zone, apart before and after each re-layout."""
        for visit in made:
            at = datetime.fromtimestamp(visit.start_s, UTC)
            side = max((start for start in self.state.get("relayouts", {}).values() if parse_time(start) <= at), default="")
            book = self.state.setdefault(f"day:{day}:{side}", {"from": plain(at), "visits": 0, "zones": {}})
            book["from"] = min(book["from"], plain(at), key=parse_time)
            book["visits"] += 1
            for zone in set(visit.zones):
                book["zones"][zone] = book["zones"].get(zone, 0) + 1
        for key in [key for key in self.state if key.startswith("day:") and parse_time(self.state[key]["from"]) < now - KEPT]:
            del self.state[key]

    def _paths(self, day, window, flow, zones):
        config = self.config
        entered = {zone: flow.entered.get(zone, 0) for zone in zones}
        dead = [zone for zone in zones if self._is_dead(flow, zone)]
        entries, stops = sum(flow.entries.values()), sum(flow.stops.values())
        self.kpi.share("zone_penetration", sum(entered.values()), flow.visits * len(zones))
        self.kpi.set("dead_zones", len(dead))
        self.kpi.share("zones_per_visit", sum(entered.values()), flow.visits)
        self.kpi.share("stop_rate", stops, entries)
        rows = [{"path": list(path), "count": count, "rank": rank} for rank, (path, count) in enumerate(flow.top(config.path_top), 1)]
        rows += [
            {"from": here, "to": there, "count": count, "share": round(flow.share(here, there), 4)}
            for (here, there), count in sorted(flow.nexts.items())
        ]
        rows += [{"zone": zone, "dead": zone in dead, **_figures(flow, zone)} for zone in zones]
        figures = {
            "visits": {"value": flow.visits, "unit": "count"},
            "zone_penetration": {"value": _pct(sum(entered.values()), flow.visits * len(zones)), "unit": "%"},
            "dead_zones": {"value": len(dead), "unit": "count"},
            "zones_per_visit": {"value": round(sum(entered.values()) / flow.visits, 4), "unit": "count"},
            "stop_rate": {"value": _pct(stops, entries), "unit": "%"},
        }
        text = self.say("Dead zones: ", "死角区域：") + self.say(", ", "、").join(dead) if dead else None
        report = f"flow_paths-{day}"
        return out("insight.report", window, report=report, kind="flow_paths", version=1, figures=figures, rows=rows, text=text)

    def _score(self, zone, window, flow):
        figures = _figures(flow, zone)
        parts = [{"name": name.removesuffix("_pct"), "value": value, **({"unit": "%"} if name.endswith("_pct") else {})}
                 for name, value in figures.items()]  # fmt: skip
        return out(
            "score.report", window, scheme="flow_path_analysis", subject_kind="zone", subject=zone, score=figures["penetration_pct"],
            parts=parts, labels={"state": "dead" if self._is_dead(flow, zone) else "live"},
        )  # fmt: skip

    def _is_dead(self, flow, zone):
        return 100 * flow.entered.get(zone, 0) < self.config.dead_zone_pct * flow.visits

    def _compare(self, now):
        """Each zone's penetration before and since the newest re-layout."""
        starts = sorted({parse_time(start) for start in self.state.get("relayouts", {}).values()})
        begun = [start for start in starts if start <= now]
        if not begun:
            return
        split, since = begun[-1], begun[-2] if len(begun) > 1 else None
        before, after = {"visits": 0, "zones": {}}, {"visits": 0, "zones": {}}
        for key in [key for key in self.state if key.startswith("day:")]:
            book = self.state[key]
            at = parse_time(book["from"])
            side = after if at >= split else before if since is None or at >= since else None
            if side is not None:
                side["visits"] += book["visits"]
                for zone, count in book["zones"].items():
                    side["zones"][zone] = side["zones"].get(zone, 0) + count
        if min(before["visits"], after["visits"]) < self.config.min_visits:
            return
        rows = [row for zone in self._zones({**before["zones"], **after["zones"]}) if (row := self._shift(zone, before, after))]
        told = self.state.setdefault("told", {"split": None, "shifted": [], "version": 0})
        if told["split"] != plain(split):
            told.update(split=plain(split), shifted=[], version=0)
        shifted = [[row["zone"], row["z"] > 0] for row in rows]
        if shifted == told["shifted"]:
            return
        told.update(shifted=shifted, version=told["version"] + 1)
        figures = {"visits_before": before["visits"], "visits_after": after["visits"], "shifted_zones": len(rows)}
        yield out(
            "insight.report", {"from": split, "to": now}, report=f"relayout-{plain(split)}", kind="relayout_shift", version=told["version"],
            figures={name: {"value": value, "unit": "count"} for name, value in figures.items()}, rows=rows,
        )  # fmt: skip

    def _shift(self, zone, before, after):
        """The row of a zone whose penetration has shifted, else None."""
        flow_paths = self.workers.insight.flow_paths
        hits, later = before["zones"].get(zone, 0), after["zones"].get(zone, 0)
        z = flow_paths.shift(hits, before["visits"], later, after["visits"])
        if abs(z) < flow_paths.SHIFT_Z:
            return None
        return {"zone": zone, "z": round(z, 4), "before_pct": _pct(hits, before["visits"]), "after_pct": _pct(later, after["visits"])}


def _figures(flow, zone):
    entries = flow.entries.get(zone, 0)
    return {"penetration_pct": _pct(flow.entered.get(zone, 0), flow.visits), "stop_rate_pct": _pct(flow.stops.get(zone, 0), entries),
            "entries": entries, "last_before_exit": flow.lasts.get(zone, 0)}  # fmt: skip


def _pct(part, whole):
    return round(100 * part / whole, 4) if whole else 0.0


def _unlike(one, other):
    """Distance of two clothing colours (CIEDE2000); a colour that is unknown is as far as any."""
    from storeloom.workers.vision.colour import ColourError, difference, lab, parse

    try:
        return round(difference(lab(parse(one)), lab(parse(other))), 6) if one and other else UNKNOWN_COLOUR
    except ColourError:
        return 0.0 if one == other else UNKNOWN_COLOUR
