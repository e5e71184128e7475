"""For fashion head offices: ranks every style by how often it is seen, touched, tried and bought, so that stock is prepared for what draws
people and not only for what sold last year.

Goods without a style are one each. A stay that ended (`dwell_s`), or those that left with a mean of `dwell_mean_s`, saw every style of the
zone's planogram once. Tried is once a style and clock hour. Counts fade by whole store days, rates go by them, and the means are those of
all styles together. Sales of all channels count. The stock is the latest count of the store, whatever was sold since.

A style's age is that of the first `listed_on` of its goods; one without is old enough. A stage that nobody reached is left out, with the
rates and verdicts that go by it. The alert is raised once, and cleared when the index falls under `under_stock` again or nothing draws
anybody any more.
"""

from datetime import date, timedelta
from statistics import median
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting

STAGES = ("seen", "touched", "tried", "bought")
SEEN, TOUCHED, TRIED, BOUGHT = range(4)
HOURS_KEPT = 72
Weight = Annotated[float, Field(ge=0, le=100)]


class ItemHeat(Solution):
    number = 116
    zh, en = "货品热度分析", "Item heat and fitting-room funnel"
    purpose_zh = "按被看、被拿、被试、被买的次数给每个款式排热度，让备货跟着真正吸引人的款走，而不只看去年的销量。"
    formats = ("mall", "specialty")
    produces = ("score.report", "insight.report", "alert.raise")
    reads = ("products", "planogram", "zones")
    kpis = {
        "try_rate": kpi("%", "Try rate", "试穿率"),
        "buy_after_try_rate": kpi("%", "Bought after trying", "试后购买率"),
        "under_stocked_hot_styles": kpi("count", "Under-stocked hot styles", "缺货热款数"),
        "heat_sales_rank_correlation": kpi("rho", "Rank correlation of heat and sales", "热度与销量的秩相关"),
    }
    kinds = {
        "item_heat": ("Heat of the styles", "款式热度"),
        "under_stock": ("Hot style under-stocked", "热款备货不足"),
    }

    class Config(SolutionConfig):
        stage_weights: list[Weight] = setting([1, 3, 5, 10], "Heat points of the stages", "各阶段热度分", min_length=4, max_length=4,
            help_en="For seen, touched, tried, bought.", help_zh="依次为看、拿、试、买。")  # fmt: skip
        view_s: float = setting(3, "Shortest view", "最短观看时长", unit="s", ge=1, le=30,
            help_en="A stay in front of a display from which its styles were seen.",
            help_zh="在陈列前停留达到该时长即视为看到其款式。")  # fmt: skip
        half_life_days: float = setting(7, "Half-life of an event", "事件半衰期", unit="days", ge=1, le=60)
        prior_n: float = setting(20, "Pseudo-trials", "先验样本数", ge=0, le=500,
            help_en="They pull a style's rates to the store mean.", help_zh="把单款比率拉向全店均值的虚拟样本。")  # fmt: skip
        low_ratio: float = setting(0.7, "Weak under rate / mean", "弱项阈值（比率/均值）", ge=0.2, le=0.95,
            help_en="Its inverse marks a strong one.", help_zh="其倒数为强项阈值。")  # fmt: skip
        under_stock: float = setting(1.5, "Under-stocked from heat share / stock share", "缺货阈值（热度占比/库存占比）", ge=1.1, le=10)
        over_stock: float = setting(0.5, "Over-stocked up to heat share / stock share", "过剩阈值（热度占比/库存占比）", ge=0.05, le=0.9,
            help_en="Marks a style for transfer.", help_zh="达到即建议调出。")  # fmt: skip
        min_age_days: int = setting(3, "Age for a verdict", "判定所需上市天数", unit="days", ge=0, le=30,
            help_en="Younger styles get heat only.", help_zh="更新的款只给热度。")  # fmt: skip

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] in ("sale", "return"):
            for line in event["lines"]:
                self._count(self._style(line["gtin"]), BOUGHT, -abs(line["qty"]) if event["kind"] == "return" else line["qty"], event.time)

    @on("vision.zone?")
    def stayed(self, event):
        stays = 1 if event.get("dwell_s") is not None else event.get("left", event.get("entered", event["occupancy"]))
        seconds = event.get("dwell_s", event.get("dwell_mean_s"))
        if not stays or seconds is None or seconds < self.config.view_s:
            return
        shown = self.tables.planogram.rows(zone=event["zone"]) or self.tables.planogram.rows(fixture=event["zone"])
        for style in sorted({style for row in shown if row.get("gtin") and (style := self._style(row["gtin"]))}):
            self._count(style, SEEN, stays, event.time)

    @on("vision.item?")
    def handled(self, event):
        best = max((one for one in event["candidates"] if one.get("gtin")), key=lambda one: one["score"], default={})
        if event["kind"] == "pick":
            self._count(self._style(event.get("chosen") or best.get("gtin")), TOUCHED, 1, event.time)

    @on("rfid.read?")
    def read(self, event):
        if (self.tables.zones.get(event.get("zone")) or {}).get("kind") != "fitting":
            return
        tag = self.workers.gs1.epc.sgtin(event["epc"])
        style = self._style(event.get("gtin") or (tag.gtin if tag else None))
        if style is None:
            return
        hour = self.store.hours.local(event.time).strftime("%Y-%m-%dT%H%z")
        hours = self.state.setdefault(f"tried:{style}", [])
        if hour not in hours:
            hours.append(hour)
            del hours[:-HOURS_KEPT]
            self._count(style, TRIED, 1, event.time)

    @on("inventory.snapshot?")
    def stocked(self, event):
        position = self.workers.optimise.position
        if position.is_count(event.data):
            position.count(self.state.setdefault(f"stock:{self._key(event['gtin'])}", {}), event.data, event.time)

    @every("1d", at="close")
    def close(self, due):
        today = self.store.hours.ended_day(due.time)
        stage_counts, config = self.workers.insight.stage_counts, self.config
        counts = {}
        for key in [key for key in self.state if key.startswith("style:")]:
            book = self.state[key] = stage_counts.as_of(self.state[key], today, config.half_life_days)
            if stage_counts.is_faded(book):
                del self.state[key]
                self.state.pop(f"tried:{key[6:]}", None)
            else:
                counts[key[6:]] = [max(0.0, count) for count in book["counts"]]
        heat = {style: sum(w * n for w, n in zip(config.stage_weights, stages, strict=True)) for style, stages in counts.items()}
        if sum(heat.values()) <= 0:
            yield from self._alerts({})
            return
        judged = self._judge(counts, heat, self._stock(), today)
        opened = self.store.hours.day(today)
        window = {"from": opened[0] if opened else self.store.hours.midnight(today), "to": due.time}
        order = sorted(judged, key=lambda style: (-judged[style]["heat"], style))
        yield from (self._score(style, judged[style], window, rank, len(order)) for rank, style in enumerate(order, 1))
        yield from self._alerts({style: judged[style] for style in order})
        yield self._report(today, window, counts, {style: judged[style] for style in order})

    def _judge(self, counts, heat, stock, today):
        """What is known of each style that was seen or is in stock."""
        config, shrunk = self.config, self.workers.insight.stage_counts.shrunk
        try_mean, buy_mean = self._means(counts)
        middle = median(stages[SEEN] for stages in counts.values())
        listed = self._listed()
        whole, pieces = sum(heat.values()), sum(max(1, units) for units in stock.values())
        judged = {}
        for style in sorted(counts.keys() | stock.keys()):
            stages = counts.get(style, [0.0] * len(STAGES))
            one = judged[style] = {"counts": stages, "heat": heat.get(style, 0.0), "heat_share": heat.get(style, 0.0) / whole}
            one["new"] = style in listed and today - listed[style] < timedelta(days=config.min_age_days)
            if one["new"]:
                continue
            one["try"] = None if try_mean is None else shrunk(stages[TRIED], stages[SEEN], try_mean, config.prior_n)
            one["buy"] = None if buy_mean is None else shrunk(stages[BOUGHT], stages[TRIED], buy_mean, config.prior_n)
            if style in counts:
                one["verdict"] = self._verdict(one, try_mean, buy_mean, stages[SEEN] < middle)
            if style in stock:
                one["index"] = round(one["heat_share"] * pieces / max(1, stock[style]), 9)
        return judged

    def _verdict(self, one, try_mean, buy_mean, little_seen):
        """The first weakness that fits, else whether the style sells well where few see it; means of 0 are no measure."""
        low = self.config.low_ratio
        if try_mean and one["try"] is not None and round(one["try"] - low * try_mean, 12) < 0:
            return "seen_not_tried"
        if buy_mean and one["buy"] is not None and round(one["buy"] - low * buy_mean, 12) < 0:
            return "tried_not_bought"
        if buy_mean and one["buy"] is not None and little_seen and round(one["buy"] * low - buy_mean, 12) > 0:
            return "hidden"
        return None

    def _means(self, counts):
        """The store's try and buy rate, None where a stage is missing."""
        seen, _, tried, bought = (sum(stages[stage] for stages in counts.values()) for stage in range(len(STAGES)))
        return (tried / seen if seen and tried else None), (bought / tried if tried else None)

    def _stock(self):
        """Pieces in the store by style, of those ever counted."""
        stock, units = {}, self.workers.optimise.position.units
        for key in [key for key in self.state if key.startswith("stock:")]:
            style, there = self._style(key[6:]), units(self.state[key])
            if style and there is not None:
                stock[style] = stock.get(style, 0) + max(0, there)
        return stock

    def _score(self, style, one, window, rank, of):
        parts = [{"name": name, "value": round(count, 4)} for name, count in zip(STAGES, one["counts"], strict=True)]
        shares = {"heat_share": one["heat_share"], "try_rate": one.get("try"), "buy_rate": one.get("buy")}
        parts += [{"name": name, "value": round(100 * value, 4), "unit": "%"} for name, value in shares.items() if value is not None]
        if "index" in one:
            parts.append({"name": "allocation_index", "value": round(one["index"], 4)})
        labels = {"verdict": "new" if one["new"] else one.get("verdict"), "allocation": self._allocation(one)}
        return out(
            "score.report", window, scheme="item_heat", subject_kind="item", subject=style, score=round(one["heat"], 4), parts=parts,
            labels={name: value for name, value in labels.items() if value} or None, rank=rank, of=of,
        )  # fmt: skip

    def _allocation(self, one):
        index = one.get("index")
        if index is None:
            return None
        return "under_stock" if index >= self.config.under_stock else "transfer" if index <= self.config.over_stock else None

    def _alerts(self, judged):
        told = self.state.setdefault("told", [])
        for style in sorted(judged.keys() | set(told)):
            one = judged.get(style, {})
            under = self._allocation(one) == "under_stock"
            if under == (style in told):
                continue
            (told.append if under else told.remove)(style)
            words = ("draws more people than its stock allows", "热度高于备货") if under else ("has stock enough", "备货已足")
            yield out(
                "alert.raise", alert=f"under_stock-{style}", kind="under_stock", severity="warn", state="open" if under else "cleared",
                subject=style, text=f"{style}: {self.say(*words)}", value=round(one["index"], 4) if "index" in one else None,
                limit=self.config.under_stock,
            )  # fmt: skip

    def _report(self, today, window, counts, judged):
        """What head office acts on: styles with a verdict, to be stocked up or to be moved elsewhere."""
        try_mean, buy_mean = self._means(counts)
        rho = self.workers.insight.stage_counts.rank_correlation(
            [judged[style]["heat"] for style in counts], [stages[BOUGHT] for stages in counts.values()]
        )
        allocation = {style: self._allocation(one) for style, one in judged.items()}
        under, over = (sum(value == what for value in allocation.values()) for what in ("under_stock", "transfer"))
        rates = {"try_rate": try_mean, "buy_after_try_rate": buy_mean}
        figures = {name: {"value": round(100 * rate, 4), "unit": "%"} for name, rate in rates.items() if rate is not None}
        figures |= {"heat": {"value": round(sum(one["heat"] for one in judged.values()), 4), "unit": "points"}}
        figures |= {"under_stocked_hot_styles": {"value": under, "unit": "count"}, "transfer_styles": {"value": over, "unit": "count"}}
        if rho is not None:
            figures["heat_sales_rank_correlation"] = {"value": round(rho, 4), "unit": "rho"}
        for name in self.kpis:
            self.kpi.set(name, figures[name]["value"] if name in figures else None)
        rows = []
        for style, one in judged.items():
            row = {"style": style, "verdict": one.get("verdict"), "allocation": allocation[style]}
            if row["verdict"] or row["allocation"]:
                row |= {"heat": round(one["heat"], 4), "index": round(one["index"], 4) if "index" in one else None}
                rows.append({name: value for name, value in row.items() if value is not None})
        return out("insight.report", window, report=f"item_heat-{today}", kind="item_heat", version=1, figures=figures, rows=rows)

    def _count(self, style, stage, amount, at):
        if style is not None:
            day, key = self.store.hours.trading_day(at), f"style:{style}"
            add = self.workers.insight.stage_counts.add
            self.state[key] = add(self.state.get(key), len(STAGES), stage, amount, day, self.config.half_life_days)

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)

    def _style(self, gtin):
        """The style of an item of the assortment, None for other goods."""
        product = self.tables.products.get(gtin) if gtin else None
        return (product.get("style") or self._key(gtin)) if product else None

    def _listed(self):
        """First day of each style whose goods have one."""
        days = {}
        for row in self.tables.products.rows():
            if row.get("listed_on"):
                style, day = row.get("style") or self._key(row["gtin"]), date.fromisoformat(row["listed_on"][:10])
                days[style] = min(day, days.get(style, day))
        return days
