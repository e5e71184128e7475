"""Orders fresh goods at each cut-off by the balance of lost sales against waste, item by item, counting what is still good tonight.

Fresh are goods sold by weight and those that keep for two weeks at most (`shelf_days`). Cut-off, order and delivery weekdays are those of
the lead times, 15:00 every day where they name none; the price is the one that holds at the cut-off. A delivery serves the days until
the next one, as far as the goods live: the day of delivery is the first of `shelf_days`. Where the store is closed on all of them it
serves the next open day, if they live that long. Without `shelf_days` goods count as living just through the served days.

Stock is the last snapshot with the movements after it; what has sold since the snapshot is taken as the forecast's share of the opening
hours since, so that a snapshot of the morning does not pass for the stock of tonight. Own orders count as coming until a day after
their delivery, else `in_transit`. Sold of a week is stock before each snapshot less what it shows.

Each Monday at midnight the last 28 days of the waste log set `trim_loss` (waste of reason trim or drying by goods received) and the
salvage: of goods at the end of their life in snapshots of the last two opening hours, those not wasted after all brought `salvage_share`
of the price, the others nothing.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, setting
from storeloom.core.kernel.events import parse_time

AHEAD_OF_CUTOFF = timedelta(minutes=30)
CUTOFF = "15:00"
FRESH_DAYS = 14
LEARNT_DAYS = 28
OVERDUE_DAYS = 1
EVENING = timedelta(hours=2)
TRIMMING = ("trim", "trimming", "drying", "dry")
DAY = timedelta(days=1)


class FreshNewsvendorOrder(Solution):
    number = 81
    zh, en = "生鲜日配订货", "Fresh daily ordering"
    purpose_zh = "逐个单品权衡缺货损失与报损，并计入今晚仍可售的库存，让晚间货架既不空也不扔。"
    formats = ("supermarket", "convenience")
    produces = ("order.propose", "alert.raise", "score.report")
    reads = ("products", "prices", "suppliers", "lead_times")
    load = "optimise"
    kpis = {
        "waste_rate": kpi("%", "Waste by sales", "报损率"),
        "evening_availability": kpi("%", "Available in the evening", "晚间有货率"),
        "fresh_margin": kpi("minor units", "Margin after waste", "扣损毛利"),
    }
    kinds = {"waste_rate": ("Waste above the limit", "报损超限")}

    class Config(SolutionConfig):
        goodwill: int = setting(
            0, "Goodwill", "缺货附加损失", unit="minor", ge=0, le=100000,
            help_en="Extra cost of a lost sale beyond its margin.", help_zh="缺货除毛利外的附加损失。",
        )  # fmt: skip
        salvage_share: float = setting(
            0.3, "Salvage share", "残值比例", ge=0, le=1,
            help_en="Share of price that evening markdown brings back.", help_zh="晚间打折能收回的售价比例。",
        )  # fmt: skip
        trim_loss: float = setting(
            0.05, "Trim loss", "修整损耗", ge=0, le=0.5,
            help_en="Share lost in trimming and drying, where the waste log does not tell.", help_zh="修整与失水损失比例；报损记录可得时以记录为准。",
        )  # fmt: skip
        fresh_pick: float = setting(
            0.7, "Fresh pick", "挑新比例", ge=0, le=1,
            help_en="Share of customers who take the freshest.", help_zh="挑选最新鲜商品的顾客比例。",
        )  # fmt: skip
        min_display: float = setting(
            0, "Least display", "最低陈列", unit="kg", ge=0, le=500,
            help_en="Stock that must lie out at opening.", help_zh="开店时必须陈列的库存。",
        )  # fmt: skip
        ratio_limits: tuple[float, float] = setting(
            (0.3, 0.98), "Bounds of the critical ratio", "临界比上下限",
            help_en="Lower and upper bound, from 0.05 to 0.999.", help_zh="下限与上限，取值 0.05 至 0.999。",
        )  # fmt: skip
        waste_alert: float = setting(
            12, "Waste alert", "报损告警", unit="%", ge=1, le=60,
            help_en="Weekly waste over sales that raises an alert.", help_zh="每周报损占销售达到该比例即告警。",
        )  # fmt: skip

    @on("forecast.demand")
    def forecast(self, event):
        if event["level"] != "item" or not self._fresh(self._product(event["key"])):
            return
        book, today = self._book(self._product(event["key"])["gtin"]), self.store.hours.store_day(self.now).isoformat()
        begin, days = parse_time(event["from"]), max(1, round((parse_time(event["to"]) - parse_time(event["from"])) / DAY))
        points = {**event.get("quantiles", {}), **{share: event[name] for share, name in POINTS.items() if name in event}}
        for number in range(days):
            bases = book["demand"].setdefault(self.store.hours.store_day(begin + number * DAY).isoformat(), {})
            known = bases.get(event["basis"])
            if known is None or parse_time(known["issued"]) <= parse_time(event["issued"]):
                bases[event["basis"]] = {"mean": event["mean"] / days, "days": days, "points": points, "issued": event["issued"]}
        for day in [day for day in book["demand"] if day < today]:
            del book["demand"][day]
