"""Proposes which categories should change places so that goods bought together stand close and strong margins stand in traffic, with as
few moves as possible.

At the close of the week's last open day it looks at `affinity_weeks` weeks, Monday to Sunday. A swap is two moves, that of the lower slot
first, each with the swap's number and gain; gains and the proposal's `gain` are % of the layout's value today, `value_gain` is in that
value. `metres` is how far a category is carried. Shelf length is that of all boards of a zone's fixtures, and a category's is that of the
slot where it stands, so slots change places only where they are of equal length. A category in several zones counts in each.

Margin is what was paid less cost, goods brought back taken off; it has no part in affinity. Dwell is the stay that ended, else the mean
stay of those that left, else occupancy over its window.

Nothing is changed before someone signs: a `layout.propose` of the same id as approved or rejected, an `approval.result` of it, or the table
`zones` that follows the proposal. What was turned down is not proposed again until something else comes out best.
"""

from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting
from storeloom.core.kernel.events import parse_time

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class CategoryLayoutPlanner(Solution):
    number = 115
    zh, en = "品类布局优化", "Category layout planner"
    purpose_zh = "提出哪些品类应互换位置：常同购的品类靠近，高毛利品类处在客流中，且移动尽量少。"
    formats = ("supermarket",)
    produces = ("layout.propose",)
    reads = ("products", "prices", "zones", "fixtures")
    load = "optimise"
    kpis = {
        "layout_value_gain": kpi("%", "Gain in layout value", "布局价值增幅"),
        "proposals_accepted": kpi("%", "Proposals accepted", "建议采纳率"),
        "fixtures_moved": kpi("count", "Fixtures that a proposal moves", "建议移动的货架数"),
    }

    class Config(SolutionConfig):
        affinity_weeks: int = setting(8, "Weeks of receipts looked at", "统计的小票周数", unit="weeks", ge=1, le=52)
        min_support_pct: float = setting(0.5, "Least support", "最低支持度", unit="%", ge=0.01, le=20,
            help_en="Rarer category pairs have no affinity.", help_zh="更少同购的品类对不计亲和度。")  # fmt: skip
        distance_scale_m: float = setting(10, "Distance scale", "距离尺度", unit="m", ge=1, le=100,
            help_en="Distance at which the worth of closeness halves.", help_zh="靠近的价值减半时的距离。")  # fmt: skip
        traffic_weight: float = setting(0.5, "Weight of traffic", "客流权重", ge=0, le=5,
            help_en="Of margin in traffic against affinity.", help_zh="客流中的毛利相对亲和度的权重。")  # fmt: skip
        max_swaps: int = setting(2, "Most swaps in a proposal", "一份建议的互换次数上限", ge=1, le=20)
        min_gain_pct: float = setting(2, "Least gain of a swap", "互换最低增益", unit="%", ge=0, le=50,
            help_en="Less is not worth the labour.", help_zh="低于该值不值得动工。")  # fmt: skip
        fixed: list[str] = setting(list, "Fixed categories", "固定品类",
            help_en="Categories tied to cold walls, ovens, tills.", help_zh="与冷柜、烤箱、收银台绑定的品类。")  # fmt: skip
        keep_apart: list[Pair] = setting(lambda: [["household_chemicals", "food"]], "Pairs kept apart", "须分开的品类对")
        keep_apart_m: float = setting(5, "Least distance of such a pair", "须分开品类对的最小间距", unit="m", ge=1, le=50)
        min_receipts: int = setting(500, "Receipts needed", "最少小票数", ge=50, le=1000000,
            help_en="With fewer nothing is proposed.", help_zh="少于该数不提建议。")  # fmt: skip

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        pairs, bought = self.workers.insight.category_pairs, set()
        week = self._week(event)
        for line in event["lines"]:
            product = self.tables.products.get(line["gtin"]) or {}
            category = product.get("category")
            if category is None:
                continue
            pairs.earn(self.state, week, category, self._margin(line, product, event["kind"]))
            if event["kind"] == "sale" and line["qty"] > 0:
                bought.add(category)
        if event["kind"] == "sale":
            pairs.count(self.state, week, bought)

    @on("vision.zone?")
    def stayed(self, event):
        if not (self.tables.zones.get(event["zone"]) or {}).get("category"):
            return
        seconds = event.get("dwell_s")
        if seconds is None and event.get("dwell_mean_s") is not None:
            seconds = event["dwell_mean_s"] * event.get("left", event.get("entered", event["occupancy"]))
        if seconds is None:
            seconds = event["occupancy"] * (parse_time(event["to"]) - parse_time(event["from"])).total_seconds()
        book = self.state.setdefault(f"dwell:{self._week(event)}", {})
        book[event["zone"]] = book.get(event["zone"], 0) + seconds

    @every("1d", at="close")
    def plan(self, due):
        weeks, pairs, config = self.workers.optimise.weeks, self.workers.insight.category_pairs, self.config
        today = self.store.hours.ended_day(due.time)
        if not weeks.ends_week(self.store.hours, today):
            return
        window = weeks.window(today, config.affinity_weeks)
        pairs.forget(self.state, window[0])
        for key in [key for key in self.state if key.startswith("dwell:") and key[6:] < window[0]]:
            del self.state[key]
        seen = pairs.read(self.state, window)
        if seen.receipts < config.min_receipts:
            return
        dwell = {}
        for week in window:
            for zone, seconds in self.state.get(f"dwell:{week}", {}).items():
                dwell[zone] = dwell.get(zone, 0) + seconds
        highest = max(seen.margin.values(), default=0)
        layout = self.workers.optimise.layout.Layout(
            self.workers.optimise.layout.slots(self.tables.zones.rows(), self._fixtures(), dwell),
            affinity=seen.affinity(config.min_support_pct),
            margin={name: max(0, margin) / highest for name, margin in seen.margin.items()} if highest > 0 else {},
            scale_m=config.distance_scale_m, traffic_weight=config.traffic_weight, fixed=frozenset(config.fixed),
            apart=frozenset(map(tuple, config.keep_apart)), apart_m=config.keep_apart_m,
        )  # fmt: skip
        yield from self._propose(layout.swaps(config.max_swaps, config.min_gain_pct), f"layout-{today.isoformat()}")

    def _propose(self, swaps, proposal):
        steps = [[swap.one, swap.here.id, swap.there.id] for swap in swaps]
        if not swaps or steps == self.state.get("rejected"):
            return
        now = swaps[0].before
        moves = []
        for number, swap in enumerate(swaps, 1):
            told = {"swap": number, "gain": _pct(swap.gain, now), "value_gain": round(swap.gain, 6), "metres": round(swap.metres, 3)}
            moves.append({"what": swap.one, "from": swap.here.id, "to": swap.there.id, **told})
            moves.append({"what": swap.other, "from": swap.there.id, "to": swap.here.id, **told})
        gain, fixtures, goal = sum(swap.gain for swap in swaps), self._fixtures(), _goal(swaps)
        self.state["open"] = {"proposal": proposal, "steps": steps, "goal": goal}
        self.kpi.set("layout_value_gain", _pct(gain, now))
        self.kpi.set("fixtures_moved", sum(len(fixtures[zone]) for zone in goal))
        names = self.say(", ", "、").join(f"{swap.one} ⇄ {swap.other}" for swap in swaps)
        yield out(
            "layout.propose", proposal=proposal, moves=moves, gain=_pct(gain, now), unit="%", value_gain=round(gain, 6), state="proposed",
            reason=self.say(f"Change places: {names}", f"建议互换：{names}"),
        )  # fmt: skip

    @on("layout.propose?")
    def signed(self, event):
        if event["state"] in ("approved", "rejected"):
            self._decided(event["proposal"], event["state"] == "approved")

    @on("approval.result?")
    def answered(self, event):
        if event["status"] in ("approved", "rejected"):
            self._decided(event["request"], event["status"] == "approved")

    @on_table("zones")
    def relaid(self, table):
        """A floor that follows the proposal is one that was accepted."""
        kept = self.state.get("open")
        if kept and all((self.tables.zones.get(zone) or {}).get("category") == name for zone, name in kept["goal"].items()):
            self._decided(kept["proposal"], True)

    def _decided(self, proposal, accepted):
        kept = self.state.get("open")
        if kept and kept["proposal"] == proposal:
            del self.state["open"]
            self.kpi.share("proposals_accepted", int(accepted), 1)
            self.state["rejected"] = None if accepted else kept["steps"]

    def _margin(self, line, product, kind):
        """What a line earned; nothing is known of goods without a cost."""
        if product.get("cost") is None:
            return 0
        sign = -1 if kind == "return" or line["qty"] < 0 else 1
        weighed = product.get("unit") == "kg" and line.get("weight_g") is not None
        units = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
        paid = line.get("amount")
        return sign * ((abs(paid) if paid is not None else self._price(product) * units) - product["cost"] * units)

    def _price(self, product):
        pricing = self.workers.pricing
        rows = self.tables.prices.rows(gtin=product["gtin"])
        try:
            book = pricing.PriceBook(rows, products=pricing.index_products([product]), zone=self.store.hours.zone)
            return book.lookup(product["gtin"], self.now).price
        except pricing.UnpricedItem:
            return product["cost"]

    def _week(self, event):
        return self.workers.optimise.weeks.monday(self.store.hours.trading_day(event.time))

    def _fixtures(self):
        """Fixtures whose place is known, by zone."""
        found = {}
        for row in self.tables.fixtures.rows():
            if row.get("zone") and row.get("x") is not None and row.get("y") is not None:
                found.setdefault(row["zone"], []).append(row)
        return found


def _pct(gain, now):
    """Gain in % of the layout's value today; 100 where it was worth nothing."""
    return round(100 * gain / now, 4) if now > 0 else 100.0


def _goal(swaps):
    """The category of each slot that the swaps touch, once all are done."""
    goal = {}
    for swap in swaps:
        goal |= {swap.there.id: swap.one, swap.here.id: swap.other}
    return goal
