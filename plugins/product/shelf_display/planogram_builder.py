"""Computes how many facings each item deserves and where it stands, so that a bay earns more without more metres.

At the close of the week's last open day every bay is planned for the day after, also one that earns most as it stands: `changed` says
whether anything would move. `gain` is money a day. Proposals carry `status` and the older `state`, `solved` (`optimal`, or `time_limit`
where the best found was kept) and `gap_pct`. The time limit is the solver's own measure of work, about a second of an unhurried core, so
that the same week gives the same planogram.

Margin is the base price less cost; an item of which either is unknown earns nothing and keeps its least facings. Forecasts of a promotion
or a new item go before the base; sales are the mean of 28 days, or of the days since it was listed. An item that was listed more than 28
days ago and never sold sells nothing, and borrows nothing. One that stands in several bays sells in each by its share of the facings.
Minima beyond `max_facings`, or beyond what the widest board holds, count as that many; where even items that must be stocked do not fit,
they leave last. What is taken off the list leaves the bay. Depth units are the planogram's, else its capacity by facings, else the board's
depth by the pack's.

A bay with an item whose width is not known, or none of whose items has sold, is not planned. Heavy packs that the bottom board cannot hold
take the next one up. How boards are told from the table `fixtures`: see `workers/optimise/boards.py`.
"""

import statistics
from datetime import date, timedelta
from typing import Literal

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.gs1.numbers import item_key

SALES_DAYS, FORECAST_DAYS = 28, 7
DAY = timedelta(days=1)


class PlanogramBuilder(Solution):
    number = 118
    zh, en = "数字化棚格制作", "Planogram builder"
    purpose_zh = "计算每个商品应占几个排面、放在哪里，让同样长度的货架挣得更多。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("planogram.propose",)
    reads = ("products", "prices", "fixtures", "planogram")
    load = "optimise"
    kpis = {
        "expected_profit_gain": kpi("%", "Expected profit gain", "预期毛利增幅"),
        "shelf_fill": kpi("%", "Shelf width used", "货架宽度利用率"),
        "items_left_out": kpi("count", "Items left out", "未上架商品数"),
        "optimality_gap": kpi("%", "Distance from the bound", "最优性差距"),
    }

    class Config(SolutionConfig):
        space_elasticity: float = setting(0.17, "Space elasticity", "空间弹性", ge=0, le=0.6,
            help_en="Relative growth of sales with relative growth of facings.", help_zh="排面相对增加时销量的相对增加。")  # fmt: skip
        fill_max_pct: float = setting(97, "Most of a board's width used", "层板宽度占用上限", unit="%", ge=70, le=100)
        min_facings: int = setting(1, "Least facings of a listed item", "在售商品最少排面", ge=1, le=10)
        max_facings: int = setting(6, "Most facings of an item in a bay", "单个商品在一个货架的最多排面", ge=1, le=40)
        days_of_supply: float = setting(1.5, "Days of sales on the shelf", "货架应存可售天数", unit="d", ge=0, le=14,
            help_en="Sales that an item's facings must hold.", help_zh="排面应容纳的销量天数。")  # fmt: skip
        case_packs: float = setting(1.0, "Cases on the shelf", "货架应存箱数", ge=0, le=3,
            help_en="Outer cases that an item's facings must hold.", help_zh="排面应容纳的外箱数。")  # fmt: skip
        block_by: Literal["brand", "subcategory", "none"] = setting("brand", "What stands as a vertical block", "按此成纵向色块集中陈列")
        heavy_g: int = setting(3000, "Heavier packs go to the bottom", "超过此重量放最下层", unit="g", ge=500, le=30000)
        solve_s: int = setting(10, "Time for one bay", "单个货架求解时限", unit="s", ge=1, le=300,
            help_en="After it the best found is kept and marked.", help_zh="超时保留已找到的最好方案并注明。")  # fmt: skip

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        today = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        oldest = (date.fromisoformat(today) - SALES_DAYS * DAY).isoformat()
        book, product = self.workers.optimise.sold_days, self.tables.products.get
        book.enter(self.state, event["lines"], today, after=oldest, returned=event["kind"] == "return", product=product)

    @on("forecast.demand?")
    def forecast(self, event):
        if event.get("level", "item") == "item":
            hours, begin = self.store.hours, parse_time(event["from"])
            span = range(max(1, round((parse_time(event["to"]) - begin) / DAY)))
            days = [hours.store_day(begin + n * DAY).isoformat() for n in span]
            book = self.state.setdefault(f"forecast:{item_key(event['key'])}", {})
            self.workers.optimise.outlook.enter_forecast(book, event.data, days, hours.store_day(self.now).isoformat())

    @every("1d", at="close")
    def week_ends(self, due):
        """Have each bay planned, with what its items sell a day there (None: no history)."""
        today = self.store.hours.ended_day(due.time)
        if not self.workers.optimise.weeks.ends_week(self.store.hours, today):
            return
        self._forget(today)
        rows, facings, bays = self.tables.planogram.rows(), {}, {}
        for row in rows:
            key = item_key(row["gtin"])
            facings[key] = facings.get(key, 0) + _facings(row)
            bay = bays.setdefault(row["fixture"], {})
            bay[key] = bay.get(key, 0) + _facings(row)
        daily = {key: self._daily(key, today) for key in facings}
        borrowed = self._medians(daily, facings)
        for fixture in sorted(bays):
            shares = {key: None if daily[key] is None else daily[key] * here / facings[key] for key, here in bays[fixture].items()}
            if any(shares.values()):
                data = {
                    "daily": shares,
                    "from": (today + DAY).isoformat(),
                    "borrowed": {key: borrowed.get(self._kin(key)) for key in shares},
                }
                self.timers.set("bay", fixture, due.time, data)

    @timer("bay")
    def build(self, due):
        """The planogram of one bay."""
        bay, config = self.workers.optimise.bay, self.config
        rows = sorted(self.tables.planogram.rows(fixture=due.key), key=lambda row: (row.get("shelf", 1), row.get("x_mm", 0), row["slot"]))
        rows = [row for row in rows if self._listed(row["gtin"], due.data["from"])]
        if not rows or any(self._width(row) is None for row in rows):
            return
        used = {}
        for row in rows:
            used[row.get("shelf", 1)] = used.get(row.get("shelf", 1), 0) + round(self._width(row) * _facings(row))
        shelves = (self.tables.fixtures.get(due.key) or {}).get("shelves") or [{"shelf": number} for number in used]
        whole, boards = (self.workers.optimise.boards.boards(shelves, used, share) for share in (1.0, config.fill_max_pct / 100))
        packs = self._packs(rows, boards, due.data)
        plan = bay.plan(packs, boards, elasticity=config.space_elasticity, work=config.solve_s)
        widths = {one.id: one.width_mm for one in packs}
        self.kpi.share("expected_profit_gain", plan.profit - plan.profit_now, plan.profit_now)
        self.kpi.share("shelf_fill", sum(widths[one.item] * one.facings for one in plan.places), sum(board.width_mm for board in whole))
        self.kpi.add("items_left_out", len(plan.left_out))
        gap = 100 * (plan.proof.gap or 0.0)
        self.kpi.sample("optimality_gap", gap)
        grown = round(100 * (plan.profit / plan.profit_now - 1), 2) if plan.profit_now > 0 else None
        yield out(
            "planogram.propose", {"from": due.data["from"]}, proposal=f"{due.key}-{due.data['from']}", kind="store", fixture=due.key,
            slots=self._slots(plan.places, rows), gain=round(plan.profit - plan.profit_now), gain_pct=grown, changed=plan.differs(packs),
            left_out=[self._written(key) for key in plan.left_out], state="proposed", status="proposed",
            solved="optimal" if plan.proof.status == "optimal" else "time_limit", gap_pct=round(gap, 4),
        )  # fmt: skip

    def _daily(self, key, today):
        """Units a day, by forecast or by sales; None for an item without history."""
        ahead = ((today + n * DAY).isoformat() for n in range(1, FORECAST_DAYS + 1))
        told = [self.workers.optimise.outlook.of_day(self.state.get(f"forecast:{key}", {}), day) for day in ahead]
        means = [one["mean"] for one in told if one is not None]
        if means:
            return statistics.fmean(means)
        listed = self._product(key).get("listed_on")
        age = (today - date.fromisoformat(listed[:10])).days + 1 if listed else None
        sold = self.state.get(f"sold:{key}")
        if sold is not None:
            return max(0.0, sum(sold.values())) / (SALES_DAYS if age is None else min(SALES_DAYS, max(1, age)))
        return 0.0 if age is not None and age > SALES_DAYS else None

    def _medians(self, daily, facings):
        """Median units a day at one facing, by kin."""
        known = {}
        for key, units in daily.items():
            if units is not None:
                known.setdefault(self._kin(key), []).append(units * facings[key] ** -self.config.space_elasticity)
        return {kin: statistics.median(values) for kin, values in known.items()}

    def _packs(self, rows, boards, told):
        """The bay's items as they stand; several slots of an item are one."""
        bay, config, found, left = self.workers.optimise.bay, self.config, {}, {}
        depths = {board.number: board.depth_mm for board in boards}
        for row in rows:
            key, shelf, wide = item_key(row["gtin"]), row.get("shelf", 1), max(1, round(self._width(row)))
            now, product = _facings(row), self._product(key)
            at = row.get("x_mm", left.get(shelf, 0))
            left[shelf] = at + now * wide
            if key in found:
                found[key]["now"] += now
                continue
            found[key] = {"now": now, "board": shelf, "left_mm": at, "width_mm": wide, "depth": _depth(row, product, depths.get(shelf))}
        for key, one in found.items():
            product, daily = self._product(key), told["daily"][key]
            units = daily if daily is not None else told["borrowed"][key] or 0.0
            one["least"] = bay.least_facings(
                units, one.pop("depth"), config.days_of_supply, product.get("case_pack") or 0, config.case_packs,
                config.min_facings, config.max_facings,
            )  # fmt: skip
            one |= {"base": one["now"] if daily is not None else 1, "profit": self._margin(key) * units, "most": config.max_facings}
            heavy = product.get("weight_g") or 0
            one |= {"height_mm": product.get("height_mm") or 0, "heavy_g": heavy if heavy > config.heavy_g else 0}
            one |= {"block": product.get(config.block_by), "must": bool(product.get("must_stock"))}
        return [bay.Pack(key, **one) for key, one in found.items()]

    def _slots(self, places, rows):
        """The places by board with the names of slots: an item that stays on its board keeps its own, others take one that is free."""
        names, found = {}, []
        for row in rows:
            names.setdefault(row.get("shelf", 1), {}).setdefault(item_key(row["gtin"]), row["slot"])
        for place in sorted(places, key=lambda one: (one.board, one.left_mm)):
            here = names.setdefault(place.board, {})
            stay = {here[one.item] for one in places if one.board == place.board and one.item in here}
            free = [slot for slot in here.values() if slot not in stay] + [str(n) for n in range(1, 2 * len(places) + len(here) + 1)]
            taken = {one["slot"] for one in found if one["shelf"] == place.board} | stay
            slot = here.get(place.item) or next(slot for slot in free if slot not in taken)
            gtin = self._written(place.item)
            found.append({"shelf": place.board, "slot": slot, "gtin": gtin, "facings": place.facings, "x_mm": place.left_mm})
        return found

    def _forget(self, today):
        """Drop the sales of items that have not sold in the window, and forecasts that are past."""
        bounds = {"sold": (today - SALES_DAYS * DAY).isoformat(), "forecast": today.isoformat()}
        for name in [name for name in self.state if name.partition(":")[0] in bounds]:
            bound = bounds[name.partition(":")[0]]
            kept = {day: value for day, value in self.state[name].items() if day > bound}
            if kept:
                self.state[name] = kept
            else:
                del self.state[name]

    def _listed(self, gtin, day):
        return str((self.tables.products.get(gtin) or {}).get("delisted_on") or "9999") > day

    def _product(self, key):
        return self.tables.products.get(key) or {}

    def _written(self, key):
        """The GTIN as the table writes it."""
        return self._product(key).get("gtin", key)

    def _kin(self, key):
        product = self._product(key)
        return f"{product.get('category')}/{product.get('subcategory')}"

    def _width(self, row):
        """Width of one facing in mm: the product's, else the slot's by its facings."""
        wide = self._product(row["gtin"]).get("width_mm")
        return wide or (row["width_mm"] / _facings(row) if row.get("width_mm") else None)

    def _margin(self, key):
        pricing, product = self.workers.pricing, self._product(key)
        rows = [row for row in self.tables.prices.rows(gtin=key) if row.get("kind", "base") == "base"]
        try:
            book = pricing.PriceBook(rows, products=pricing.index_products([product] if product else []), zone=self.store.hours.zone)
            return book.lookup(key, self.now).price - product["cost"]
        except (pricing.UnpricedItem, KeyError):
            return 0


def _facings(row):
    return max(1, row.get("facings") or 1)


def _depth(row, product, board_mm):
    """Units behind one another in a facing."""
    if row.get("depth_units"):
        return row["depth_units"]
    if row.get("capacity"):
        return max(1, int(row["capacity"] // _facings(row)))
    return max(1, int(board_mm // product["depth_mm"])) if board_mm and product.get("depth_mm") else 1


@hookimpl
def storeloom_config_problems(config, store):
    if config["min_facings"] > config["max_facings"]:
        en, zh = "The least facings are more than the most.", "最少排面多于最多排面。"
        return [Problem("min_facings", en, zh, "Make min_facings at most max_facings.", "使 min_facings 不大于 max_facings。")]
    return []
