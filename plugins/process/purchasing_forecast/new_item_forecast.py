"""Gives a new item a first forecast from its likes, learns from each day on the shelf, and says early, with odds, if it is to stay.

An item is new from its `listed_on` until `cutover`; weeks count from that day. Its forecast goes out each night for two weeks ahead, at the
earliest two weeks before it is listed. Likes are items listed in the two years before it; their rate is units over exposure in their first
`cutover` weeks, or the first that were seen since this solution runs. Attributes are columns of the product or stand under `attributes`
(`pack_size` else `net_content`, `price_band` else `list_price`). What the likes tell is taken as it stands on the eve of the launch.

An open day counts with stock when the item sold, or was not known to be empty at the close. A day of a promotion price is divided by what
an elasticity of -2 makes of it. A week is reported when it ends; a sale that is heard of later still mends the week that it fell in. The
verdict comes with the report, its accuracy at the end: whether keep or drop, as first said, agrees with the rate that the item came to.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting

DAY, AHEAD_DAYS, LIKE_YEARS_D, LEAST_EXPOSURE, PROMO_ELASTICITY, PROFILE_DAYS = timedelta(days=1), 14, 730, 1.5, -2.0, 56


class NewItemForecast(Solution):
    number = 78
    zh, en = "新品销量预测", "New item forecast"
    purpose_zh = "用相似商品给新品首个预测，随在架每天的销售学习，并尽早给出能否达标的概率。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("forecast.demand", "recommend.items", "score.report")
    reads = ("products", "prices")
    load = "forecast"
    kpis = {
        "launch_wape": kpi("%", "Weekly error of new items", "新品周误差"),
        "kept_share": kpi("%", "Items kept", "新品保留率"),
        "verdict_accuracy": kpi("%", "Verdicts that held", "判定准确率"),
    }

    class Config(SolutionConfig):
        neighbours: int = setting(5, "Like items taken", "相似品数量", ge=3, le=30)
        max_distance: float = setting(
            0.35, "Farthest like item", "最大相似距离", ge=0.05, le=1, help_en="Gower distance.", help_zh="高尔距离。",
        )  # fmt: skip
        attributes: list[str] = setting(
            lambda: ["category", "brand_tier", "price_band", "pack_size", "flavour"], "What likeness means", "相似属性", min_length=1,
        )  # fmt: skip
        cutover: int = setting(
            8, "Weeks as a new item", "新品周数", unit="wk", ge=2, le=26,
            help_en="After it the ordinary item forecast takes over.", help_zh="之后由常规单品预测接手。",
        )  # fmt: skip
        hurdle: float = setting(6, "Weekly rate to reach", "周销达标线", unit="units/wk", ge=0, le=1000)
        keep_odds: float = setting(
            0.7, "Keep from", "保留概率", ge=0.5, le=0.99, help_en="Chance above the hurdle.", help_zh="超过达标线的概率。",
        )  # fmt: skip
        drop_odds: float = setting(
            0.2, "Drop to", "淘汰概率", ge=0.01, le=0.5, help_en="Chance above the hurdle.", help_zh="超过达标线的概率。",
        )  # fmt: skip
        verdict_weeks: list[Annotated[int, Field(ge=1, le=26)]] = setting(
            lambda: [4, 8], "Weeks of the verdict", "判定周", unit="wk", min_length=1,
        )  # fmt: skip

    def start(self):
        self.state["since"] = self.store.hours.trading_day(self.now).isoformat()

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training"):
            return
        day = date.fromisoformat(event.get("business_day") or self.store.hours.trading_day(event.time).isoformat())
        for line in event["lines"]:
            row = self.tables.products.get(line["gtin"])
            if row is None:
                continue
            weighed = row.get("unit") == "kg" and line.get("weight_g") is not None
            units = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
            units = -units if kind == "return" or line["qty"] < 0 else units
            item = self._item(row)
            if not item["done"]:
                item["sold"][day.isoformat()] = item["sold"].get(day.isoformat(), 0) + units / self._uplift(row["gtin"])
            self.workers.optimise.position.take(item["places"], units, event.time)
            profile = self.state.setdefault(f"category:{row.get('category') or ''}", {})
            profile[day.isoformat()] = profile.get(day.isoformat(), 0) + units

    @on("inventory.snapshot?")
    def counted(self, event):
        row = self.tables.products.get(event["gtin"])
        if row is not None and event.get("other_store", self.store.id) == self.store.id:
            self.workers.optimise.position.count(self._item(row)["places"], {**event.data, "other_store": None}, event.time)

    @every("1d", at="close")
    def night(self, due):
        today = self.store.hours.ended_day(due.time)
        rows = sorted(self.tables.products.all_rows(), key=lambda row: row["gtin"])
        for row in rows:
            item = self._item(row)
            if item["begin"] and item["begin"] <= today.isoformat() and not item["done"]:
                yield from self._day(row, item, today)
        for row in rows:
            if self._is_new(row, today):
                yield from self._publish(row, self._item(row), rows, today, due.time)
        oldest = (today - PROFILE_DAYS * DAY).isoformat()
        for key in [key for key in self.state if key.startswith("category:")]:
            for day in [day for day in self.state[key] if day < oldest]:
                del self.state[key][day]

    def _day(self, row, item, today):
        """Enter a day; at the end of a week of the item's life, learn from it and give the verdict."""
        sold, week = item["sold"].pop(today.isoformat(), 0), item["week"]
        self._late(item, today)
        units = self.workers.optimise.position.units(item["places"])
        if self.store.hours.day(today):
            week["open"] += 1
            week["stocked"] += sold > 0 or units is None or units > 0
        week["units"] += sold
        if ((today - date.fromisoformat(item["begin"])).days + 1) % 7:
            return
        exposure = week["stocked"] / week["open"] if week["open"] else 0
        item["weeks"].append([round(max(0, week["units"]), 4), exposure])
        item["week"] = {"units": 0, "open": 0, "stocked": 0}
        launched = row.get("listed_on")
        number = (today - date.fromisoformat(launched[:10])).days // 7 + 1 if launched else len(item["weeks"])
        if item["prior"]:
            yield from self._learn(row, item, number, today)
        item["done"] = (
            number >= max(self.config.cutover, *self.config.verdict_weeks) if item["prior"] else len(item["weeks"]) >= self.config.cutover
        )

    def _late(self, item, today):
        """Enter what was sold on days before and is heard of only now into its week."""
        for day in [day for day in item["sold"] if day < today.isoformat()]:
            number, units = (date.fromisoformat(day) - date.fromisoformat(item["begin"])).days // 7, item["sold"].pop(day)
            if number == len(item["weeks"]):
                item["week"]["units"] += units
            elif number >= 0:
                item["weeks"][number][0] = round(max(0, item["weeks"][number][0] + units), 4)

    def _learn(self, row, item, number, today):
        *before, (units, exposure) = item["weeks"]
        foreseen = self._level(item, before).mean * exposure
        after = self._level(item, item["weeks"])
        self.kpi.share("launch_wape", abs(units - foreseen), units)
        chance, seen = after.chance_above(self.config.hurdle), sum(shown for _, shown in item["weeks"])
        parts = {"units": units, "exposure": exposure, "shape": after.shape, "rate": after.rate, "mean": after.mean, "chance": chance}
        state = "on_shelf"
        if number in self.config.verdict_weeks:
            state = "not_on_shelf" if seen < LEAST_EXPOSURE else self._verdict(chance, number)
            if seen >= LEAST_EXPOSURE:
                item["verdict"] = item["verdict"] or (state if state != "wait" else None)
                self.kpi.share("kept_share", state == "keep", 1)
                yield out(
                    "recommend.items", context=state, items=[{"gtin": row["gtin"], "score": round(chance, 4), "reason": f"week_{number}"}]
                )
        if number == max(self.config.cutover, *self.config.verdict_weeks) and item["verdict"] and seen > 0:
            made = sum(units for units, _ in item["weeks"]) / seen > self.config.hurdle
            self.kpi.share("verdict_accuracy", made == (item["verdict"] == "keep"), 1)
        hours = self.store.hours
        yield out(
            "score.report", {"from": hours.midnight(today - 6 * DAY), "to": hours.midnight(today + DAY)}, scheme="new_item",
            subject_kind="item", subject=row["gtin"], parts=[{"name": name, "value": round(value, 4)} for name, value in parts.items()],
            labels={"state": state, "week": str(number)},
        )  # fmt: skip

    def _verdict(self, chance, number):
        if chance >= self.config.keep_odds:
            return "keep"
        last = number == max(self.config.verdict_weeks)
        return "drop" if chance <= self.config.drop_odds or (last and chance < 0.5) else "wait"

    def _publish(self, row, item, rows, today, issued):
        """The days ahead until the cutover, by the category's weekdays."""
        from scipy.stats import nbinom

        first = date.fromisoformat(row["listed_on"][:10])
        if item["prior"] is None or today < first:
            item["prior"] = self._prior(row, rows, first)
        if item["prior"] is None:
            return
        level, hours = self._level(item, item["weeks"]), self.store.hours
        days = [today + n * DAY for n in range(1, AHEAD_DAYS + 1)]
        end, shares = first + 7 * self.config.cutover * DAY, self._profile(row.get("category") or "", today)
        success = [[level.rate / (level.rate + share)] for share in shares]
        points = nbinom.ppf([0.1, 0.5, 0.9], level.shape, success).tolist()
        unit = "kg" if row.get("unit") == "kg" else "each"
        for day in [day for day in days if first <= day < end and hours.day(day)]:
            mean, (p10, p50, p90) = round(level.mean * shares[day.weekday()], 4), points[day.weekday()]
            window = {"from": hours.midnight(day), "to": hours.midnight(day + DAY)}
            yield out(
                "forecast.demand", window, level="item", key=row["gtin"], basis="new", mean=mean, p10=p10, p50=p50, p90=p90, unit=unit,
                model="likes", issued=issued,
            )  # fmt: skip

    def _prior(self, row, rows, first):
        """Shape and rate from the early weeks of its likes; None without any."""
        oldest, day = (first - LIKE_YEARS_D * DAY).isoformat(), first.isoformat()
        rows = [one for one in rows if one["gtin"] != row["gtin"] and oldest <= (one.get("listed_on") or "") < day]
        launched = [one for one in rows if self._rate(one) is not None]
        config = self.config
        likes = self.workers.forecast.likes.nearest(row, launched, config.attributes, config.neighbours, config.max_distance)
        rates = [self._rate(self.tables.products.get(gtin)) for gtin in likes]
        if not rates:
            return None
        level = self.workers.forecast.newitems.Level.of_likes(rates)
        return [level.shape, level.rate]

    def _rate(self, row):
        """Units a week with stock in the first weeks."""
        weeks = self._item(row)["weeks"][: self.config.cutover]
        exposure = sum(shown for _, shown in weeks)
        return sum(units for units, _ in weeks) / exposure if exposure > 0 else None

    def _level(self, item, weeks):
        level = self.workers.forecast.newitems.Level(*item["prior"])
        for units, exposure in weeks:
            level = level.seen(units, exposure)
        return level

    def _profile(self, category, today):
        """Share of the week on each weekday; alike where the category has not sold on all open weekdays."""
        hours, sums = self.store.hours, [0.0] * 7
        for day, units in self.state.get(f"category:{category}", {}).items():
            sums[date.fromisoformat(day).weekday()] += max(0, units)
        opens = [bool(hours.day(today + n * DAY)) for n in range(1, 8)]
        opens = [opens[(weekday - today.weekday() - 1) % 7] for weekday in range(7)]
        if not all(total > 0 for total, is_open in zip(sums, opens, strict=True) if is_open):
            sums = [float(is_open) for is_open in opens]
        return [total / sum(sums) if sum(sums) else 0 for total in sums]

    def _uplift(self, gtin):
        """What a promotion price of the day does to demand."""
        rows = self.tables.prices.rows(gtin=gtin)
        prices = {kind: [one["price"] for one in rows if one.get("kind", "base") == kind] for kind in ("base", "promotion")}
        base = prices["base"] or [(self.tables.products.get(gtin) or {}).get("list_price") or 0]
        if not prices["promotion"] or not base[0]:
            return 1
        return self.workers.forecast.promo_uplift.uplift(min(prices["promotion"]) / base[0], PROMO_ELASTICITY, 1)

    def _is_new(self, row, today):
        if not row.get("listed_on") or str(row.get("delisted_on") or "9999") <= today.isoformat():
            return False
        first = date.fromisoformat(row["listed_on"][:10])
        return first - AHEAD_DAYS * DAY <= today < first + 7 * self.config.cutover * DAY

    def _item(self, row):
        item = self.state.get(f"item:{row['gtin']}")
        if item is None:
            since, listed = date.fromisoformat(self.state["since"]), row.get("listed_on")
            begin = date.fromisoformat(listed[:10]) if listed else since
            begin += max(0, -(-(since - begin).days // 7)) * 7 * DAY
            fresh = {"begin": begin.isoformat(), "sold": {}, "week": {"units": 0, "open": 0, "stocked": 0}, "weeks": [], "places": {}}
            item = self.state[f"item:{row['gtin']}"] = {**fresh, "prior": None, "verdict": None, "done": False}
        return item
