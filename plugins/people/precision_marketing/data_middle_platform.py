"""Retail data middle platform: every record of the store's systems is tested, figures are defined once, brands are shown safe sums only.

A source is a stream. Its day is the store day on which records arrive; the score, the metrics of the day and their explanation come at
midnight. A record that lacks a field may be valid all the same; it enters what its fields allow. Repeats are dropped before anything else
is made of them. `quarantined_records` counts records when they go in; a metric that was told is told anew, with the next version, once a
record of its day comes out. Metrics are of receipts (`pos.sale`); orders count for quality alone, as a till books them again.

The data bank is weekly: sums of a granted brand's own goods bought by members, by category and segment (the member's tier), and of the
category as a whole (segment `all`). So that no small group is left over between the two, further segments are withheld with a small one.
A week is told once; what comes later than that is left out of it.
"""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import decomposition, disclosure, record_checks

DAY = timedelta(days=1)
KEYS_KEPT_D, DAYS_KEPT = 35, 400
DEFAULT_SEGMENT = "member"
Metric = Literal["net_sales", "receipts", "average_ticket", "member_share", "gross_margin"]
DEFINITIONS = {
    "net_sales": ("minor", "sum of line amounts of receipts, returns taken off"),
    "receipts": ("count", "receipts of kind sale"),
    "average_ticket": ("minor", "net_sales / receipts"),
    "member_share": ("%", "net sales to members / net_sales"),
    "gross_margin": ("%", "(net_sales - cost of the goods sold) / net_sales"),
}
DEFINITION_VERSION = 1


class DataMiddlePlatform(Solution):
    number = 19
    zh, en = "零售数据中台", "Retail data middle platform"
    purpose_zh = "打通数据孤岛：统一治理数据源、质量规则与指标，解释指标为何变动，并以数据银行方式安全地向品牌共享数据。"
    formats = ("supermarket", "convenience", "mall", "specialty")
    produces = ("score.report", "alert.raise", "segment.assign", "insight.report")
    adapters = ("pos?",)
    reads = ("products", "prices", "members", "suppliers")
    kpis = {
        "quality_score": kpi("%", "Quality score of the sources", "数据质量得分"),
        "quarantined_records": kpi("count", "Records put into quarantine", "隔离记录数"),
        "metric_delay": kpi("min", "Time until a record is in the metrics", "指标延迟"),
        "brand_cells_shared": kpi("count", "Cells shared with brands", "已共享品牌单元格"),
    }
    kinds = {
        "data_quality": ("A source's data are not good enough", "数据源质量不达标"),
        "governed_metrics": ("Metrics of a day, with their lineage", "统一指标日报"),
        "metric_move": ("Why net sales moved", "指标变动归因"),
        "data_bank": ("A brand's figures", "品牌数据银行"),
    }

    class Config(SolutionConfig):
        min_quality: float = setting(98, "Least day score of a source", "数据源日得分下限", unit="%", ge=50, le=100,
            help_en="Below it an alert names the worst rule.", help_zh="低于该值告警并指出最差规则。")  # fmt: skip
        late_min: int = setting(10, "A record is late after", "记录视为迟到", unit="min", ge=1, le=1440,
            help_en="From the event to its arrival.", help_zh="事件发生至到达的时长。")  # fmt: skip
        dimension_weights: dict[Literal["completeness", "uniqueness", "validity", "timeliness"], Annotated[float, Field(ge=0)]] = setting(
            lambda: dict.fromkeys(record_checks.DIMENSIONS, 1), "Weights of the score", "得分权重",
            help_en="A dimension that is not named does not count.", help_zh="未列出的维度不计。")  # fmt: skip
        metrics: list[Metric] = setting(lambda: list(DEFINITIONS), "Governed metrics", "统一指标",
            help_en="Computed once, for every reader.", help_zh="只计算一次，各方取数一致。")  # fmt: skip
        explain_from_pct: float = setting(5, "Move that is explained by itself", "自动归因的变动幅度", unit="%", ge=0, le=50,
            help_en="Of net sales, from one trading day to the next.", help_zh="净销售额日环比超过该幅度时归因。")  # fmt: skip
        brand_k: int = setting(20, "Fewest members in a shared cell", "共享单元格最少会员数", unit="members", ge=5, le=1000,
            help_en="Smaller cells, and those that give them away, are withheld.", help_zh="更小或可反推的单元格不共享。")  # fmt: skip
        brand_grants: dict[str, list[str]] = setting(dict, "What a brand may see", "品牌授权范围",
            help_en="Brand (or supplier) to categories.", help_zh="品牌（或供应商）到品类。")  # fmt: skip
        quarantine_days: int = setting(30, "Invalid records wait for repair", "无效记录隔离天数", unit="d", ge=1, le=365,
            help_en="Retested whenever a table changes.", help_zh="主数据变更时重新检验。")  # fmt: skip

    # Records

    @on("pos.sale", "order.placed?", "inventory.snapshot?", "member.profile?", "vision.count?", "points.change?")
    def received(self, event):
        stream, time = event.stream, rfc3339(event.time)
        if event.get("kind") == "training":
            return
        if stream == "member.profile" and event.get("member"):
            yield from self._met(event)
        counts = self.state.setdefault(f"quality:{stream}", {"received": 0} | dict.fromkeys(record_checks.DIMENSIONS, 0))
        key = record_checks.business_key(stream, event.data, time)
        seen = f"seen:{stream}:{key}"
        first = key is None or seen not in self.state
        valid = self._valid(event.data)
        timely = self.now - event.time <= timedelta(minutes=self.config.late_min)
        passed = (record_checks.complete(stream, event.data), first, valid, timely)
        counts["received"] += 1
        for name, good in zip(record_checks.DIMENSIONS, passed, strict=True):
            counts[name] += good
        if not first:
            return
        if key is not None:
            self.state[seen] = self._day(self.now)
        if valid:
            yield from self._enter(stream, event.data, time)
        else:
            held = f"{stream}:{key or event.id}"
            self.kpi.add("quarantined_records")
            self.state[f"held:{held}"] = {"stream": stream, "time": time, "data": dict(event.data)}
            self.timers.set("give_up", held, self.now + timedelta(days=self.config.quarantine_days))

    def _valid(self, data):
        return record_checks.valid(data, self.tables.products.get, self._known)

    def _known(self, member):
        return f"member:{member}" in self.state or self.tables.members.get(member)

    def _met(self, profile):
        """A profile makes its member known, and may free what waited for it."""
        member = profile["member"]
        known = f"member:{member}" in self.state
        self.state.setdefault(f"member:{member}", {"tier": None, "segment": None})["tier"] = profile.get("tier")
        yield from self._assign(member)
        if not known:
            yield from self._retest()

    @on_table("products", "members", "prices", "suppliers")
    def table_changed(self, table):
        yield from self._retest()

    def _retest(self):
        """Let in what is valid by now; days that were told already are told anew."""
        for key in sorted(key for key in self.state if key.startswith("held:")):
            held = self.state[key]
            if self._valid(held["data"]):
                del self.state[key]
                self.timers.cancel("give_up", key.partition(":")[2])
                yield from self._enter(held["stream"], held["data"], held["time"])
        yield from self._told_anew()

    @timer("give_up")
    def give_up(self, due):
        self.state.pop(f"held:{due.key}", None)

    # Metrics

    def _enter(self, stream, data, time):
        day = self._day(parse_time(time))
        if stream == "vision.count" and data.get("class", "person") == "person":
            self._book(day)["traffic"] = (self._book(day)["traffic"] or 0) + data.get("in", 0)
        elif stream == "pos.sale" and data.get("lines"):
            lines = [(line, self.tables.products.get(line["gtin"]) or {}) for line in data["lines"] if line.get("gtin")]
            sign = -1 if data.get("kind") == "void" else 1
            net, cost = sign * record_checks.total(data["lines"]), sign * sum(_cost(line, product) for line, product in lines)
            book, member = self._book(day), data.get("member")
            for name, amount in (("net", net), ("cost", cost), ("member_net", net if member else 0), ("records", 1)):
                book[name] += amount
            book["receipts"] += {"sale": 1, "void": -1}.get(data.get("kind"), 0)
            book["changed"] = True
            self.kpi.sample("metric_delay", (self.now - parse_time(time)) / timedelta(minutes=1))
            if member:
                self._bank(day, member, lines, sign)
                yield from self._assign(member)

    def _book(self, day):
        fresh = {"net": 0, "receipts": 0, "member_net": 0, "cost": 0, "records": 0, "traffic": None, "version": 0, "changed": False}
        return self.state.setdefault(f"day:{day}", fresh)

    def _day(self, at):
        return self.store.hours.store_day(at).isoformat()

    @every("1d", at="00:00")
    def day_over(self, due):
        day = self.store.hours.ended_day(due.time)
        for stream in record_checks.REQUIRED:
            yield from self._score(stream, day, due.time)
        yield from self._told_anew(before=due.time)
        yield from self._explain(day)
        if due.time.astimezone(self.store.hours.zone).isoweekday() == 1:
            yield from self._share(day)
        oldest = {"seen": (day - KEYS_KEPT_D * DAY).isoformat(), "day": (day - DAYS_KEPT * DAY).isoformat()}
        for key in list(self.state):
            kind, _, rest = key.partition(":")
            if kind in oldest and (self.state[key] if kind == "seen" else rest) < oldest[kind]:
                del self.state[key]

    def _score(self, stream, day, now):
        counts = self.state.pop(f"quality:{stream}", None)
        if counts is None:
            return
        passing = record_checks.shares(counts)
        score, worst = record_checks.score(passing, self.config.dimension_weights)
        self.kpi.sample("quality_score", score)
        window = {"from": self.store.hours.midnight(day), "to": now}
        parts = [{"name": name, "value": value, "unit": "%"} for name, value in passing.items()]
        parts.append({"name": "received", "value": counts["received"], "unit": "count"})
        yield out("score.report", window, scheme="data_quality", subject_kind="touchpoint", subject=stream, score=score,
                  labels={"worst": worst}, parts=parts)  # fmt: skip
        bad, alarmed = score < self.config.min_quality, self.state.get(f"bad:{stream}", False)
        if bad or alarmed:
            self.state[f"bad:{stream}"] = bad
            share = f"{worst} {passing[worst]:.1f}"
            text = self.say(f"Data of {stream}: worst rule {share} %", f"{stream}数据：最差规则{share}%")
            yield out("alert.raise", alert=f"data-quality:{stream}", kind="data_quality", severity="warn",
                      state="open" if bad else "cleared", subject=stream, text=text, value=score, limit=self.config.min_quality,
                      unit="%", ref={"rule": worst})  # fmt: skip

    def _told_anew(self, before=None):
        """Metrics of days that are over: at midnight those of the day, later those that a repaired record changed."""
        end = before or self.store.hours.midnight(self.store.hours.store_day(self.now))
        for key in sorted(key for key in self.state if key.startswith("day:")):
            day = date.fromisoformat(key.partition(":")[2])
            if self.state[key]["changed"] and self.store.hours.midnight(day) < end:
                yield self._metrics(day, self.state[key])

    def _metrics(self, day, book):
        book["version"], book["changed"] = book["version"] + 1, False
        values = {"net_sales": book["net"], "receipts": book["receipts"]}
        values["average_ticket"] = book["net"] / book["receipts"] if book["receipts"] else None
        for name, part in (("member_share", book["member_net"]), ("gross_margin", book["net"] - book["cost"])):
            values[name] = 100 * part / book["net"] if book["net"] else None
        told = [name for name in dict.fromkeys(self.config.metrics) if values[name] is not None]
        rows = [{"metric": name, "version": DEFINITION_VERSION, "definition": DEFINITIONS[name][1], "sources": ["pos.sale"],
                 "records": book["records"]} for name in told]  # fmt: skip
        figures = {name: {"value": values[name], "unit": DEFINITIONS[name][0]} for name in told}
        return self._report("governed_metrics", day, day + DAY, figures, rows=rows, version=book["version"])

    def _report(self, kind, first, over, figures, name="", version=1, rows=None, text=None):
        window = {"from": self.store.hours.midnight(first), "to": self.store.hours.midnight(over)}
        return out("insight.report", window, report=f"{kind}:{name}{first}", kind=kind, version=version, figures=figures, rows=rows,
                   text=text)  # fmt: skip

    def _explain(self, day):
        """Net sales of the day against the trading day before: traffic, conversion and average ticket, where there are door counts."""
        today = self.state.get(f"day:{day}")
        days = [key for key in self.state if key.startswith("day:") and key < f"day:{day}" and self.state[key]["receipts"] > 0]
        if "net_sales" not in self.config.metrics or today is None or not days:
            return
        earlier = max(days)
        before = self.state[earlier]
        if min(book[name] for book in (before, today) for name in ("net", "receipts")) <= 0:
            return
        move = today["net"] - before["net"]
        if abs(move) <= self.config.explain_from_pct / 100 * before["net"]:
            return
        counted = bool(before["traffic"] and today["traffic"])
        split = decomposition.divisia(_factors(before, counted), _factors(today, counted))
        parts = decomposition.whole(split, move)
        if counted:
            parts["receipts"] = parts["traffic"] + parts["conversion"]
        figures = {name: {"value": value, "unit": "minor"} for name, value in ({"net_sales": move} | parts).items()}
        change = f"{100 * move / before['net']:+.1f}"
        text = self.say(f"Net sales {change} % against {earlier[4:]}", f"净销售额较{earlier[4:]}变动{change}%")
        yield self._report("metric_move", day, day + DAY, figures, text=text)

    # Data bank

    def _assign(self, member):
        record = self.state.setdefault(f"member:{member}", {"tier": None, "segment": None})
        segment = record["tier"] or (self.tables.members.get(member) or {}).get("tier") or DEFAULT_SEGMENT
        if segment != record["segment"]:
            previous, record["segment"] = record["segment"], segment
            yield out("segment.assign", scheme="data_bank", segment=segment, member=member, previous=previous)

    def _bank(self, day, member, lines, sign):
        """What members bought of granted brands, by week, brand, category and segment."""
        record = self.state.get(f"member:{member}") or {"tier": None}
        segment = record["tier"] or (self.tables.members.get(member) or {}).get("tier") or DEFAULT_SEGMENT
        for line, product in lines:
            for brand in record_checks.brand_names(product, self.tables.suppliers.get(product.get("supplier") or "")):
                if product.get("category") in self.config.brand_grants.get(brand, ()):
                    cells = self.state.setdefault(f"bank:{_monday(day)}:{brand}", {})
                    cell = cells.setdefault(product["category"], {}).setdefault(segment, {"net": 0, "units": 0, "members": []})
                    cell["net"] += sign * line.get("amount", 0)
                    cell["units"] += sign * line.get("qty", 0)
                    if member not in cell["members"]:
                        cell["members"].append(member)

    def _share(self, sunday):
        """Last week's cells, and an end to all that is older."""
        monday = _monday(sunday.isoformat())
        for key in sorted(key for key in self.state if key.startswith("bank:")):
            _, week, brand = key.split(":", 2)
            cells = self.state.pop(key) if week <= monday else {}
            if week == monday and brand in self.config.brand_grants:
                rows = [row for category in sorted(cells) for row in self._cells(category, cells[category], monday)]
                withheld = sum(len(one) + 1 for one in cells.values()) - len(rows)
                self.kpi.add("brand_cells_shared", len(rows))
                figures = {"shared": {"value": len(rows), "unit": "count"}, "withheld": {"value": withheld, "unit": "count"}}
                yield self._report("data_bank", date.fromisoformat(monday), sunday + DAY, figures, name=f"{brand}:", rows=rows)

    def _cells(self, category, by_segment, week):
        """Rows that may be shown of a category: its total, and segments."""
        everybody = {member for cell in by_segment.values() for member in cell["members"]}
        if len(everybody) < self.config.brand_k:
            return
        cluster = self.store.profile.get("cluster", self.store.format)
        whole = {name: sum(cell[name] for cell in by_segment.values()) for name in ("net", "units")}
        shown = disclosure.showable({name: len(cell["members"]) for name, cell in sorted(by_segment.items())}, self.config.brand_k)
        for name, cell in {"all": whole | {"members": everybody}, **{name: by_segment[name] for name in shown}}.items():
            yield {"category": category, "week": week, "cluster": cluster, "segment": name, "net_sales": cell["net"],
                   "units": cell["units"], "members": len(cell["members"])}  # fmt: skip


def _monday(day):
    day = date.fromisoformat(day)
    return (day - day.weekday() * DAY).isoformat()


def _cost(line, product):
    return product.get("cost", 0) * (line["weight_g"] / 1000 if line.get("weight_g") else line.get("qty", 0))


def _factors(book, counted):
    ticket = {"average_ticket": book["net"] / book["receipts"]}
    if not counted:
        return {"receipts": book["receipts"]} | ticket
    return {"traffic": book["traffic"], "conversion": book["receipts"] / book["traffic"]} | ticket


@hookimpl
def storeloom_config_problems(config, store):
    """A score needs a weight."""
    if sum(config["dimension_weights"].values()) > 0:
        return []
    return [Problem("dimension_weights", "No dimension has a weight", "没有维度设有权重", "Give one a weight above 0.", "至少一项大于0。")]
