"""For category managers: shows with statistical proof which square metres of the floor shoppers use and which hot zones sell too little, so
that display space goes where people are.

Counted is what happens in opening hours. A point lies in the smallest zone around it, on the level of the track's `zone` where that is
named; zones without shoppers (backroom, kitchen, restricted, parking, delivery) have no map. Mean and deviation of z are those of
the whole floor, neighbours those of the zone's own cells: against itself alone hardly a zone could be hot. Points in shares of the picture
(`attrs.plane`), and things that are no persons, are left out.

A part of a track that comes late closes its gap; told twice it counts once. A track that turns out to be staff is taken back. The ends of
a track's stretches and its cells are kept for ten minutes after its last word, then only the cells' sums.

A sale belongs to the zones where the planogram has the goods, by facings, else to those of its category; goods without a zone, and what is
sold online, have no part in the shares. 'Seen, not sold' and 'sought after' are said of zones where goods stand.
"""

from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time

KEPT_FOR = timedelta(minutes=10)
GOODS_STAND = (None, "sales", "fresh")


class StoreHeatmap(Solution):
    number = 113
    zh, en = "门店热区分析", "Store hot-zone analysis"
    purpose_zh = "用统计检验说明顾客实际使用卖场的哪些平方米、哪些热区卖得太少，让陈列资源跟着人走。"
    formats = ("supermarket", "mall", "specialty")
    produces = ("vision.heatmap", "insight.report")
    reads = ("zones", "products", "planogram")
    kpis = {
        "hot_area": kpi("%", "Hot floor cells", "热区面积占比"),
        "cold_area": kpi("%", "Cold floor cells", "冷区面积占比"),
        "seen_not_sold_zones": kpi("count", "Zones seen, not sold", "看多卖少的区域"),
        "dwell_per_visit": kpi("s", "Dwell per visit", "每次到访停留"),
    }
    kinds = {"store_heatmap": ("Hot and cold zones of the day", "当日冷热区")}

    class Config(SolutionConfig):
        cell_m: float = setting(1.0, "Side of a floor cell", "网格边长", unit="m", ge=0.25, le=5)
        max_gap_s: float = setting(5, "Longest gap in a track", "轨迹最长间断", unit="s", ge=1, le=60,
            help_en="Two points of a track further apart in time add nothing.", help_zh="同一轨迹两点间隔更久则不计。")  # fmt: skip
        max_speed: float = setting(3.0, "Fastest move", "最高速度", unit="m/s", ge=1, le=10,
            help_en="Faster moves are tracking errors and ignored.", help_zh="更快的移动视为跟踪错误，不计。")  # fmt: skip
        z_hot: float = setting(1.96, "z score of a hot cell", "热格 z 值", ge=1.28, le=3.3,
            help_en="Getis-Ord Gi*; its negative marks a cold cell.", help_zh="Getis-Ord Gi*；其负值为冷格。")  # fmt: skip
        poor_ratio: float = setting(0.5, "Poor sales share / dwell share", "销售占比与停留占比之比下限", ge=0.1, le=0.9,
            help_en="A hot zone under it is 'seen, not sold'; a cold one over its inverse is 'sought after'.",
            help_zh="热区低于此值为“看多卖少”；冷区高于其倒数为“专程寻找”。")  # fmt: skip
        min_tracks: int = setting(200, "Tracks needed for a verdict", "判定所需轨迹数", ge=1, le=100000,
            help_en="Fewer in the day give maps but no verdict.", help_zh="当日更少则只出图、不判定。")  # fmt: skip
        count_staff: bool = setting(False, "Staff are counted", "计入员工")

    @on("vision.track")
    def moved(self, event):
        attrs = event.get("attrs") or {}
        if event["class"] != "person" or attrs.get("plane") == "picture":
            return
        name = f"{event['camera']}/{event['track']}"
        track = self.state.setdefault(f"track:{name}", {"spans": [], "staff": False, "days": [], "cells": {}})
        self.timers.set("forget", name, self.now + KEPT_FOR)
        if not self.config.count_staff and (track["staff"] or event.get("staff")):
            self._take_back(track)
            return
        from storeloom.workers.vision.floor_cells import enter, speed

        floor = self._floor()
        for when, x, y in sorted(event["points"], key=lambda point: parse_time(point[0])):
            self._came(track, parse_time(when))
            for leg in enter(track["spans"], [parse_time(when).timestamp(), x, y], self.config.max_gap_s):
                if speed(leg) <= self.config.max_speed:
                    self._stood(track, floor, event, leg)

    @timer("forget")
    def forget(self, due):
        self.state.pop(f"track:{due.key}", None)

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] not in ("sale", "return") or event.get("channel") == "online":
            return
        book = self.state.setdefault(f"sales:{self.store.hours.trading_day(event.time)}", {})
        for line in event["lines"]:
            amount = -abs(line["amount"]) if event["kind"] == "return" else line["amount"]
            for zone, share in self._zones_of(line["gtin"]).items():
                book[zone] = book.get(zone, 0) + amount * share

    @every("1d", at="close")
    def close(self, due):
        day = self.store.hours.ended_day(due.time)
        tracks, sales = self.state.get(f"tracks:{day}", 0), self.state.get(f"sales:{day}", {})
        zones = self._floor().shopping
        seconds = {zone.zone: self._values(zone, day) for zone in zones}
        for key in [key for key in self.state if not key.startswith("track:") and key.split(":")[1] <= str(day)]:
            del self.state[key]
        if not tracks or not zones:
            return
        opened = self.store.hours.day(day)
        window = {"from": opened[0] if opened else self.store.hours.midnight(day), "to": due.time}
        self.kpi.share("dwell_per_visit", sum(map(sum, seconds.values())), tracks)
        if tracks < self.config.min_tracks:
            yield from (self._map(zone, seconds[zone.zone], window, None) for zone in zones)
            return
        maps = [self._cell_map(zone, seconds[zone.zone]) for zone in zones]
        spots = self.workers.insight.hot_spots.gi_star(maps)
        yield from (self._map(zone, seconds[zone.zone], window, z) for zone, z in zip(zones, spots.z, strict=True))
        rows = self._judge(zones, maps, spots, sales)
        yield self._report(day, window, tracks, rows, spots)

    def _floor(self):
        from storeloom.workers.vision.floor_cells import floor_of

        cell_m = self.config.cell_m
        return self.tables.zones.derived(f"floor in cells of {cell_m}", lambda rows: floor_of(rows, cell_m))

    def _came(self, track, at):
        """Count a track once on each day on which it is seen in opening hours."""
        day = str(self.store.hours.trading_day(at))
        if day not in track["days"] and self.store.hours.is_open(at):
            track["days"].append(day)
            self.state[f"tracks:{day}"] = self.state.get(f"tracks:{day}", 0) + 1

    def _stood(self, track, floor, event, leg):
        at, seconds = datetime.fromtimestamp(leg[0][0], UTC), round(leg[1][0] - leg[0][0], 6)
        zone = floor.find(leg[0][1:3], event.get("zone"))
        if zone is None or not self.store.hours.is_open(at):
            return
        cell = zone.cell(leg[0][1:3])
        if not floor.counts(zone, cell, event["camera"]):
            return
        key = f"cells:{self.store.hours.trading_day(at)}:{zone.zone}"
        if self.state.get(key, {}).get("grid") != zone.mark:
            self.state[key] = {"grid": zone.mark, "seconds": {}}
        for book in (self.state[key]["seconds"], track["cells"].setdefault(key, {})):
            book[str(cell)] = book.get(str(cell), 0) + seconds

    def _take_back(self, track):
        """Staff: what the track gave goes out again, and nothing more comes in."""
        for key, given in track["cells"].items():
            book = self.state.get(key, {}).get("seconds", {})
            for cell, seconds in given.items():
                if cell in book:
                    book[cell] = max(0, book[cell] - seconds)
        for day in track["days"]:
            if f"tracks:{day}" in self.state:
                self.state[f"tracks:{day}"] -= 1
        track.update(staff=True, spans=[], days=[], cells={})

    def _zones_of(self, gtin):
        """The zones where goods stand and their shares of them."""
        key = self.workers.gs1.item_key(gtin)
        facings = self.tables.planogram.derived("facings by zone", lambda rows: _facings(rows, self.workers.gs1.item_key)).get(key)
        if not facings:
            category = (self.tables.products.get(gtin) or {}).get("category")
            facings = {row["zone"]: 1 for row in self.tables.zones.rows() if category and row.get("category") == category}
        whole = sum(facings.values())
        return {zone: count / whole for zone, count in facings.items()}

    def _values(self, zone, day):
        book = self.state.get(f"cells:{day}:{zone.zone}", {})
        known = book.get("seconds", {}) if book.get("grid") == zone.mark else {}
        return [round(known.get(str(cell), 0.0), 3) for cell in range(zone.grid.cols * zone.grid.rows)]

    def _cell_map(self, zone, values):
        inside = zone.inside | {cell for cell, seconds in enumerate(values) if seconds}
        return self.workers.insight.hot_spots.CellMap(zone.grid.cols, zone.grid.rows, values, inside)

    def _map(self, zone, values, window, z):
        grid = zone.grid
        scores = None if z is None else [round(score, 4) for score in z]
        return out("vision.heatmap", window, zone=zone.zone, cell_m=grid.cell_m, cols=grid.cols, rows=grid.rows, values=values, z=scores)

    def _judge(self, zones, maps, spots, sales):
        """A row for each zone: hot, cold or neither, and how its share of the sales goes with its share of the dwell."""
        z_hot, poor = self.config.z_hot, self.config.poor_ratio
        dwell_s = sum(sum(one.values) for one in maps)
        sold = sum(sales.values())
        rows = []
        for zone, one, z in zip(zones, maps, spots.z, strict=True):
            hot, cold = (sum(sign * z[cell] >= z_hot for cell in one.inside) for sign in (1, -1))
            verdict = "hot" if 2 * hot >= len(one.inside) else "cold" if 2 * cold >= len(one.inside) else "even"
            dwell = sum(one.values) / dwell_s if dwell_s else 0
            share = sales.get(zone.zone, 0) / sold if sold > 0 else None
            finding = None
            if share is not None and (zone.kind in GOODS_STAND or zone.zone in sales):
                if verdict == "hot" and round(share - poor * dwell, 9) < 0:
                    finding = "seen_not_sold"
                elif verdict == "cold" and round(share * poor - dwell, 9) > 0:
                    finding = "sought_after"
            row = {"zone": zone.zone, "verdict": verdict, "finding": finding, "cells": len(one.inside),
                   "hot_cells": hot, "cold_cells": cold, "dwell_s": round(sum(one.values), 3), "dwell_share_pct": round(100 * dwell, 4),
                   "sales_share_pct": None if share is None else round(100 * share, 4),
                   "ratio": round(share / dwell, 4) if share is not None and dwell else None}  # fmt: skip
            rows.append({name: value for name, value in row.items() if value is not None})
        return rows

    def _report(self, day, window, tracks, rows, spots):
        cells, hot, cold, dwell_s = (sum(row[name] for row in rows) for name in ("cells", "hot_cells", "cold_cells", "dwell_s"))
        poor = [row["zone"] for row in rows if row.get("finding") == "seen_not_sold"]
        sought = [row["zone"] for row in rows if row.get("finding") == "sought_after"]
        self.kpi.share("hot_area", hot, cells)
        self.kpi.share("cold_area", cold, cells)
        self.kpi.add("seen_not_sold_zones", len(poor))
        figures = {
            "tracks": (tracks, "count"), "dwell": (round(dwell_s, 3), "s"), "dwell_per_visit": (round(dwell_s / tracks, 3), "s"),
            "cell_mean": (round(spots.mean, 4), "s"), "cell_deviation": (round(spots.deviation, 4), "s"),
            "hot_cells": (hot, "count"), "cold_cells": (cold, "count"),
            "hot_area": (round(100 * hot / cells, 4), "%"), "cold_area": (round(100 * cold / cells, 4), "%"),
            "seen_not_sold_zones": (len(poor), "count"), "sought_after_zones": (len(sought), "count"),
        }  # fmt: skip
        words = [(poor, self.say("Seen, not sold", "看多卖少")), (sought, self.say("Sought after, may draw traffic", "专程寻找，可引流"))]
        text = "; ".join(f"{what}: {', '.join(zones)}" for zones, what in words if zones) or None
        figures = {name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()}
        report = f"store_heatmap-{day}"
        return out("insight.report", window, report=report, kind="store_heatmap", version=1, figures=figures, rows=rows, text=text)


def _facings(rows, item_key):
    found = {}
    for row in rows:
        if row.get("gtin") and row.get("zone"):
            zones = found.setdefault(item_key(row["gtin"]), {})
            zones[row["zone"]] = zones.get(row["zone"], 0) + (row.get("facings") or 1)
    return found
