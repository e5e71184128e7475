"""For mall operators: estimates how many people each anchor passes on to which tenants and how far visitors climb, as the fact base for
tenant mix, rents and escalator layout.

A mall door is a line of a zone of kind entrance or exit, an escalator or lift one of a zone of kind level, whose `floor` it reaches from
below. A tenant's door goes before both. A window belongs to the hour in which it begins; told again it takes the place of what it said.
A silence of `gap_min` spoils every hour that it reaches into: each is filled with its usual count, or, without any, stays as counted; both
are flagged. Filled hours are not history. A day on which no counter told anything is filled where its weekday has history.

The day is concluded at the close, or ten minutes later where a counter has not yet told of the last minutes. Distances run over
`zones.neighbours`, where none lead there as aisles lie. Days with a calendar event are compared with the same weekdays without one.
Doors and tenants have a row and a column each; nobody is followed: the table is the likeliest one for the counts.
"""

from datetime import date, timedelta
from math import exp
from statistics import fmean

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

GRACE = timedelta(minutes=10)


class MallSpillover(Solution):
    number = 117
    zh, en = "主力店引流与楼层动线", "Anchor spill-over and floor flow"
    purpose_zh = "估计每家主力店把多少人带给哪些租户、顾客能上到几楼，为租户组合、租金与扶梯布局提供事实依据。"
    formats = ("mall",)
    produces = ("insight.report", "score.report")
    reads = ("tenants", "zones")
    kpis = {
        "floor_reach": kpi("%", "Floor reach", "楼层到达率"),
        "spill_over": kpi("%", "Spill-over", "引流率"),
        "filled_hours": kpi("%", "Filled hours", "补填时段占比"),
        "entries": kpi("count", "People entering the mall", "进场人数"),
    }
    kinds = {"mall_flow": ("Flow of the day between doors, floors and tenants", "当日门、楼层与租户间的客流")}

    class Config(SolutionConfig):
        decay_m: float = setting(60, "Distance decay", "距离衰减", unit="m", ge=5, le=500,
            help_en="Walking distance at which the seed of a trip falls to 37 %.",
            help_zh="步行距离达到此值时行程种子降至 37 %。")  # fmt: skip
        floor_m: float = setting(40, "Metres that a floor change is worth", "换一层折合步行距离", unit="m", ge=0, le=300)
        gap_min: int = setting(30, "Silence that spoils an hour", "使时段需补填的静默", unit="min", ge=5, le=240,
            help_en="In opening hours; the counter's hour is filled.", help_zh="仅计营业时间；该计数器的时段将补填。")  # fmt: skip
        history_weeks: int = setting(4, "Weeks of history", "历史周数", unit="weeks", ge=2, le=26,
            help_en="Used for filling and for event comparison.", help_zh="用于补填与活动对比。")  # fmt: skip
        tolerance_pct: float = setting(0.1, "Largest error of a total", "合计最大误差", unit="%", ge=0.01, le=5,
            help_en="Of a row or column, at which fitting stops.", help_zh="行或列合计误差不超过此值即停止拟合。")  # fmt: skip
        max_rounds: int = setting(100, "Rounds of fitting", "拟合轮数上限", ge=5, le=1000)

    @on("vision.count")
    def counted(self, event):
        start = parse_time(event["from"])
        day = self.store.hours.trading_day(start)
        if event["class"] == "person" and event["line"] in self._lines(day):
            windows = self.state.setdefault(f"seen:{day}:{event['line']}", {})
            windows[f"{plain(start)}/{plain(parse_time(event['to']))}"] = [event["in"], event["out"]]

    @on("calendar.event?")
    def planned(self, event):
        self.state.setdefault("events", {})[event["event"]] = [plain(parse_time(event["from"])), plain(parse_time(event["to"]))]

    @every("1d", at="close")
    def close(self, due):
        day = self.store.hours.ended_day(due.time)
        told = [key for key in self.state if key.startswith(f"seen:{day}:")]
        if told and all(self._heard_to(key) >= due.time for key in told):
            yield from self._conclude(day)
        elif told or any(self.state[key] for key in self.state if key.startswith(f"usual:{day.isoweekday()}:")):
            self.timers.set("last_windows", str(day), due.time + GRACE)

    @timer("last_windows")
    def last_windows(self, due):
        yield from self._conclude(date.fromisoformat(due.key))

    def _conclude(self, day):
        opens, closes = self.store.hours.day(day)
        window = {"from": opens, "to": closes}
        counts, filled = self._counts(day, opens, closes)
        places, lines = {}, self._lines(day)
        for line, (inward, outward) in counts.items():
            place = places.setdefault(lines[line], [0, 0])
            place[0] += inward
            place[1] += outward
        tenants = {name: count for (kind, name), count in sorted(places.items()) if kind == "tenant"}
        doors = {name: count for (kind, name), count in sorted(places.items()) if kind == "door"}
        floors = {name: count[0] for (kind, name), count in sorted(places.items()) if kind == "floor"}
        entries = sum(count[0] for count in doors.values())
        table, fitted = self._table(tenants, doors)
        trips = {name: self._tenant(name, tenants, doors, table) for name in tenants}
        usual = self._usual(day, trips, opens, closes)
        yield self._report(day, window, (entries, floors, trips, filled), table, fitted)
        yield from (self._score(name, trip, usual.get(name), window) for name, trip in trips.items())

    def _lines(self, day):
        """What each line counts on a day: a tenant, a mall door or a floor, with its name."""
        today, found = day.isoformat(), {}
        owner = {zone: row["tenant"] for row in self.tables.tenants.all_rows() if _is_let(row, today) for zone in row.get("zones") or ()}
        for row in self.tables.zones.rows():
            kind = row.get("kind")
            place = ("tenant", owner[row["zone"]]) if row["zone"] in owner else None
            if place is None and kind in ("entrance", "exit"):
                place = ("door", row["zone"])
            if place is None and kind == "level":
                place = ("floor", str(row.get("floor", row["zone"])))
            for line in (row.get("doors") or ()) if place else ():
                if str(line) not in found or place[0] == "tenant":
                    found[str(line)] = place
        return found

    def _heard_to(self, key):
        return max(parse_time(window.split("/")[1]) for window in self.state[key])

    def _counts(self, day, opens, closes):
        """In and out of each line that ever counted, spoilt hours filled; and the rows of those hours."""
        counters, hours = self.workers.insight.counters, self.store.hours
        local = hours.local(opens)
        first = opens - timedelta(minutes=local.minute, seconds=local.second)
        oldest = (day - timedelta(weeks=self.config.history_weeks)).isoformat()
        known = {key.split(":", 2)[2] for key in self.state if key.startswith("seen:")}
        known |= {key.split(":", 3)[3] for key in self.state if key.startswith("usual:")}
        counts, filled, slots = {}, [], counters.hours(opens, closes, first)
        for line in sorted(known & self._lines(day).keys()):
            key = f"seen:{day}:{line}"
            windows = self.state.pop(key, {})
            spans = {window: tuple(parse_time(end) for end in window.split("/")) for window in windows}
            silent = counters.silences(spans.values(), opens, closes, timedelta(minutes=self.config.gap_min))
            counts[line] = [0, 0]
            for slot in slots:
                count = counters.total({name: windows[name] for name, span in spans.items() if slot[0] <= span[0] < slot[1]})
                name = f"usual:{day.isoweekday()}:{hours.local(slot[0]).hour}:{line}"
                history = self.state[name] = [one for one in self.state.get(name, []) if one[0] >= oldest]
                if counters.is_spoilt(slot, silent):
                    median = counters.usual([one[1:] for one in history])
                    count = count if median is None else median
                    filled.append({"line": line, "hour": plain(slot[0]), "in": count[0], "out": count[1], "filled": median is not None})
                else:
                    history.append([day.isoformat(), *count])
                counts[line] = [counts[line][0] + count[0], counts[line][1] + count[1]]
        for key in [key for key in self.state if key.startswith("seen:") and key.split(":")[1] <= str(day)]:
            del self.state[key]
        self.kpi.share("filled_hours", sum(row["filled"] for row in filled), len(slots) * len(counts))
        return counts, filled

    def _table(self, tenants, doors):
        """People from each origin to each destination, by iterative proportional fitting."""
        config, places = self.config, [*tenants, *doors]
        leaving = [tenants[name][1] for name in tenants] + [doors[name][0] for name in doors]
        entering = [tenants[name][0] for name in tenants] + [doors[name][1] for name in doors]
        rows = {row["zone"]: row for row in self.tables.zones.rows()}
        zones = {name: [rows[zone] for zone in self.tables.tenants.get(name)["zones"] if zone in rows] for name in tenants}
        zones |= {name: [rows[name]] for name in doors}
        seed = [[0.0 if here == there and here in tenants else self._weight(zones[here], zones[there]) for there in places]
                for here in places]  # fmt: skip
        fit = self.workers.insight.proportional_fit.fit
        fitted = fit(seed, leaving, entering, tolerance=config.tolerance_pct / 100, max_rounds=config.max_rounds)
        table = {(here, there): fitted.table[i][j] for i, here in enumerate(places) for j, there in enumerate(places)}
        return table, fitted

    def _weight(self, here, there):
        """The seed of a trip between the nearest zones of two places."""
        walks = self.tables.zones.derived("walks", lambda rows: self.workers.optimise.walks.Floor(rows, ()))
        metres = min(
            walks.metres(one["zone"], other["zone"]) + self.config.floor_m * _floors(one.get("floor"), other.get("floor"))
            for one in here
            for other in there
        )
        return exp(-metres / self.config.decay_m)

    def _tenant(self, name, tenants, doors, table):
        """Who left a tenant, the share of them that entered another, and who came straight from a mall door."""
        leavers = tenants[name][1]
        onward = sum(table[name, other] for other in tenants)
        draw = sum(table[door, name] for door in doors)
        self.kpi.share("spill_over", onward, leavers)
        return {"spill_over": 100 * onward / leavers if leavers else None, "draw": draw, "leavers": leavers, "entries": tenants[name][0]}

    def _usual(self, day, trips, opens, closes):
        """On a day with a calendar event, the means of each tenant on the same weekdays without one; the day joins the history."""
        events = self.state.setdefault("events", {})
        special = any(parse_time(begin) < closes and parse_time(end) > opens for begin, end in events.values())
        for name in [name for name, (_, end) in events.items() if parse_time(end) <= opens]:
            del events[name]
        oldest = day - timedelta(weeks=self.config.history_weeks)
        days = self.state.setdefault("days", {})
        for name in [name for name in days if date.fromisoformat(name) < oldest]:
            del days[name]
        alike = [kept for name, kept in days.items() if date.fromisoformat(name).isoweekday() == day.isoweekday()]
        if not special:
            days[day.isoformat()] = {name: [trip["spill_over"], trip["draw"]] for name, trip in trips.items()}
            return {}
        return {name: [_mean(kept[name][place] for kept in alike if name in kept) for place in (0, 1)] for name in trips}

    def _report(self, day, window, parts, table, fitted):
        entries, floors, trips, filled = parts
        self.kpi.add("entries", round(entries))
        rows = [{"floor": name, "arrivals": count, "reach_pct": _pct(count, entries)} for name, count in floors.items()]
        rows += [{"from": here, "to": there, "people": round(people, 4)} for (here, there), people in table.items() if round(people, 4)]
        for row in rows[: len(floors)]:
            self.kpi.share("floor_reach", row["arrivals"], entries)
        leavers = sum(trip["leavers"] for trip in trips.values())
        onward = sum((trip["spill_over"] or 0) / 100 * trip["leavers"] for trip in trips.values())
        figures = {f"floor_reach_{row['floor']}": (row["reach_pct"], "%") for row in rows[: len(floors)]}
        figures |= {"entries": (round(entries), "count"), "spill_over": (_pct(onward, leavers), "%"),
                    "filled_hours": (sum(row["filled"] for row in filled), "count"), "fit_rounds": (fitted.rounds, "count"),
                    "fit_error": (round(100 * fitted.error, 6), "%")}  # fmt: skip
        figures = {name: {"value": value, "unit": unit} for name, (value, unit) in figures.items() if value is not None}
        return out("insight.report", window, report=f"mall_flow-{day}", kind="mall_flow", version=1, figures=figures, rows=rows + filled)

    def _score(self, name, trip, usual, window):
        figures = {"spill_over": (trip["spill_over"], "%"), "draw": (trip["draw"], None), "entries": (trip["entries"], None),
                   "leavers": (trip["leavers"], None)}  # fmt: skip
        for what, mean, unit in zip(("spill_over", "draw"), usual or (), ("%", None), strict=False):
            figures[f"usual_{what}"] = (mean, unit)
            if None not in (mean, trip[what]):
                figures[f"{what}_change"] = (trip[what] - mean, unit)
        parts = [{"name": part, "value": round(value, 4), **({"unit": unit} if unit else {})} for part, (value, unit) in figures.items()
                 if value is not None]  # fmt: skip
        score = None if trip["spill_over"] is None else round(trip["spill_over"], 4)
        return out("score.report", window, scheme="mall_spillover", subject_kind="zone", subject=name, score=score, parts=parts)


def _is_let(tenant, today):
    return (tenant.get("lease_from") or today)[:10] <= today <= (tenant.get("lease_to") or today)[:10]


def _floors(one, other):
    """Floors between two; one where they differ and their names are no numbers."""
    try:
        return abs(float(one) - float(other))
    except (TypeError, ValueError):
        return float(None not in (one, other) and one != other)


def _mean(values):
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _pct(part, whole):
    return round(100 * part / whole, 4) if whole else None
