"""Trade-area grid marketing: the potential around the store by a gravity model, and leaflets, ads and offers where it falls short of it.

Grids are zones of kind grid with `geo` and `households` (`spend`, where known, is a household's own figure). A sister store is a zone of
kind store with `geo`; a grid with another store as `parent` is left to that too. Sales are known by grid for members (`grid` of the
members table) and deliveries (`zone`, else the nearest grid to `geo`); an online order and its receipt count once. Nothing but grid sums
of days is kept. The offer is the coupon template `trade_area`, else the first of the table.

A lone grid that no other can join is the whole trade area, and shown. Control is every fifth by rank; without one, nothing is taken off.
Lift is the chosen grids' sales of the four weeks from the round on less those of the four weeks before, beyond the control's relative
change.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import plain
from storeloom.workers.insight import geo, reach, trade_area
from storeloom.workers.loyalty import coupon_copies

DELIVERED = ("delivery",)
OFFER, KEPT_D, ROUND_D = "trade_area", 100, 28
DAY = timedelta(days=1)


class Rival(SolutionConfig):
    """A competing store and its place."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    size_m2: Annotated[float, Field(gt=0)]


class TradeAreaMarketing(Solution):
    number = 27
    zh, en = "商圈网格精准营销", "Trade-area grid marketing"
    purpose_zh = "社区门店：用引力模型按网格测算周边潜力，找出低于应得份额之处，把传单、本地广告与优惠先投到那里。"
    formats = ("convenience", "supermarket", "specialty")
    produces = ("segment.assign", "message.send", "task.create", "coupon.issue", "promo.result", "insight.report")
    adapters = ("messaging?", "market_feed?")
    reads = ("zones", "members", "coupons")
    kpis = {
        "trade_area_share": kpi("%", "Sales of the potential around the store", "商圈份额"),
        "gap_sales": kpi("minor", "Expected sales that are missing", "销售缺口"),
        "grid_lift": kpi("%", "Sales won in chosen grids", "网格提升"),
        "cost_per_new_customer": kpi("minor", "Cost of a new customer", "单位拉新成本"),
    }
    kinds = {
        "leaflets": ("Hand out leaflets in a grid", "网格派发传单"),
        "trade_area": ("Expected and actual sales by grid", "网格潜力与实销"),
    }

    class Config(SolutionConfig):
        own_size_m2: float = setting(300, "Size that stands for the store's attraction", "代表吸引力的面积", unit="m2", ge=10, le=50000)
        rivals: list[Rival] = setting(list, "Competing stores", "竞争门店")
        decay: float = setting(2, "How fast attraction falls with distance", "吸引力随距离衰减指数", ge=0.5, le=4)
        grid_spend: int = setting(30000, "Monthly spend of a household", "户均月消费", unit="minor", ge=0, le=1000000)
        margin: float = setting(25, "Margin on recovered sales", "挽回销售毛利率", unit="%", ge=1, le=80)
        recover: float = setting(
            10, "Share of a gap that a campaign wins", "活动预计挽回缺口比例", unit="%", ge=1, le=50,
            help_en="Until it is learnt from results.", help_zh="有结果后自动学习。",
        )  # fmt: skip
        cost_per_household: int = setting(20, "Leaflet or local-ad cost", "户均投放成本", unit="minor", ge=0, le=10000)
        budget: int = setting(50000, "Spend of a round", "每轮预算", unit="minor", ge=0, le=10000000)
        min_members: int = setting(10, "Members under which a grid is joined", "网格合并的会员数下限", ge=5, le=100)

    # Sales

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] in ("sale", "return", "void"):
            sign = -1 if event["kind"] == "void" else 1
            self._enter(event, event["receipt"] + event["kind"], sign * event["total"], self._grid_of(event.get("member")))

    @on("order.placed")
    def ordered(self, event):
        if event["paid"] and not event.get("draft"):
            delivered = event["kind"] in DELIVERED
            grid = (event.get("zone") if event.get("zone") in self._grids() else self._nearest(event.get("geo"))) if delivered else None
            self._enter(event, event["order"] + "sale", event["total"], grid or self._grid_of(event.get("member")))

    def _enter(self, event, number, amount, grid):
        today = self.store.hours.store_day(event.time)
        seen = self.state.setdefault(f"seen:{today}", {})
        if number in seen:
            return
        seen[number] = 1
        day = self.state.setdefault(f"day:{today}", {"all": 0, "grids": {}})
        day["all"] += amount
        if grid is not None:
            day["grids"][grid] = day["grids"].get(grid, 0) + amount
        member = event.get("member")
        if member and amount > 0:
            self._first_purchase(member, grid)

    def _first_purchase(self, member, grid):
        """Count a new customer of a chosen grid once."""
        row, campaign = self.tables.members.get(member) or {}, self.state.get("campaign")
        bought = row.get("receipts_12m") or row.get("last_purchase") or f"bought:{member}" in self.state
        self.state[f"bought:{member}"] = 1
        if campaign and not bought and any(grid in area["grids"] for area in campaign["chosen"]):
            campaign["new"] += 1
            self.kpi.share("cost_per_new_customer", 0, 1)

    def _grids(self):
        return {row["zone"]: row for row in self.tables.zones.rows() if row.get("kind") == "grid" and row.get("geo")}

    def _grid_of(self, member):
        return ((self.tables.members.get(member) if member else None) or {}).get("grid")

    def _nearest(self, place):
        grids = self._grids()
        return min(grids, key=lambda name: (geo.distance_m(grids[name]["geo"], place), name)) if place and grids else None

    # Members

    @on("member.profile?")
    def profiled(self, event):
        names = ("consents", "channels", "left")
        self.state[f"told:{event['member']}"] = {name: event[name] for name in names if name in event}

    @on("message.outcome?")
    def answered(self, event):
        campaign = self.state.get("campaign")
        if event["status"] == "unsubscribed" and event.get("to"):
            self.state[f"refused:{event['to']}"] = 1
        elif campaign and event["message"].startswith(f"trade_area:{campaign['round']}:"):
            campaign["cost"] += event.get("cost", 0)

    @on("coupon.redeemed?")
    def redeemed(self, event):
        campaign = self.state.get("campaign")
        copies = campaign["copies"] if campaign else {}
        if copies.get(event["coupon"]) == "open":
            copies[event["coupon"]] = "used"
            campaign["redeemed"] += 1
            campaign["cost"] += event["amount"]

    def _row(self, row):
        return {**row, **self.state.get(f"told:{row['member']}", {})}

    # Rounds

    def start(self):
        self.state["round"] = f"{self.store.hours.store_day(self.now):%Y-%m}"

    @every("1d", at="open")
    def morning(self, due):
        today = self.store.hours.store_day(due.time)
        campaign = self.state.get("campaign")
        if campaign and today >= date.fromisoformat(campaign["day"]) + ROUND_D * DAY:
            yield from self._evaluate(campaign)
        if f"{today:%Y-%m}" != self.state["round"]:
            self.state["round"] = f"{today:%Y-%m}"
            yield from self._round(today)
        for key in [key for key in self.state if key.startswith(("day:", "seen:")) and key[-10:] < plain(today - KEPT_D * DAY)]:
            del self.state[key]

    def _sales(self, first, days):
        """Sales of days, all and by grid."""
        found = {"all": 0, "grids": {}}
        for number in range(days):
            day = self.state.get(f"day:{first + number * DAY}", {"all": 0, "grids": {}})
            found["all"] += day["all"]
            for grid, amount in day["grids"].items():
                found["grids"][grid] = found["grids"].get(grid, 0) + amount
        return found

    def _areas(self, sales):
        """Grids that are this store's own, joined where they have too few members."""
        own, config, grids = self.store.profile.get("geo"), self.config, self._grids()
        stores = [row for row in self.tables.zones.rows() if row.get("kind") == "store" and row["zone"] != self.store.id]
        sisters = [row["geo"] for row in stores if row.get("geo")]
        members: dict[str, int] = {}
        for row in self.tables.members.rows():
            if row.get("grid") and not self._row(row).get("left"):
                members[row["grid"]] = members.get(row["grid"], 0) + 1
        rivals, areas = [rival.model_dump() for rival in config.rivals], []
        for name, row in grids.items() if own else ():
            far = geo.distance_m(row["geo"], own)
            if row.get("parent", self.store.id) != self.store.id or any(geo.distance_m(row["geo"], one) < far for one in sisters):
                continue
            potential = row.get("households", 0) * row.get("spend", config.grid_spend)
            chance = trade_area.probability(row["geo"], own, config.own_size_m2, rivals, config.decay)
            areas.append(trade_area.Area((name,), row["geo"], row.get("households", 0), members.get(name, 0), potential, potential * chance,
                                         trade_area.scaled(sales, (name,), sales["grids"])))  # fmt: skip
        neighbours = {name: [one["zone"] for one in row.get("neighbours") or ()] for name, row in grids.items()}
        return trade_area.joined(areas, config.min_members, neighbours)

    def _round(self, today):
        """On the month before: figures by area, and where to spend."""
        last = today.replace(day=1) - DAY
        first, config = last.replace(day=1), self.config
        areas = self._areas(self._sales(first, last.day))
        if not areas:
            return
        recover = self.state.get("recover", config.recover)
        chosen, control = trade_area.choose(areas, recover, config.margin, config.cost_per_household, config.budget)
        name = f"{last:%Y-%m}"
        cost = sum(trade_area.cost(area, config.cost_per_household) for area in chosen)
        self.kpi.share("trade_area_share", sum(area.actual for area in areas), sum(area.potential for area in areas))
        self.kpi.set("gap_sales", round(sum(area.gap for area in areas)))
        rows = [
            self._figures(area, recover, area in chosen, area in control) for area in sorted(areas, key=lambda one: (-one.gap, one.name))
        ]
        gap = {"value": round(sum(area.gap for area in areas)), "unit": "minor"}
        window = {"from": self.store.hours.midnight(first), "to": self.store.hours.midnight(last + DAY)}
        yield out("insight.report", window, report=f"trade_area:{name}", kind="trade_area", version=1, rows=rows,
                  figures={"gap_sales": gap, "cost": {"value": cost, "unit": "minor"},
                           "recover": {"value": recover, "unit": "%"}})  # fmt: skip
        if chosen:
            brief = [[{"grids": list(area.grids), "gap": area.gap} for area in group] for group in (chosen, control)]
            self.state["campaign"] = {"round": name, "day": plain(today), "chosen": brief[0], "control": brief[1], "cost": cost, "new": 0,
                                      "redeemed": 0, "copies": {}}  # fmt: skip
            self.kpi.share("cost_per_new_customer", cost, 0)
            yield self._result("planned", today, cost=round(cost))
            yield from self._spend(name, chosen, control)

    def _figures(self, area, recover, chosen, control):
        worth = trade_area.profit(area, recover, self.config.margin, self.config.cost_per_household)
        chance = 100 * area.expected / area.potential if area.potential else 0
        return {"grid": area.name, "households": area.households, "probability": chance,
                "expected": round(area.expected), "actual": round(area.actual), "gap": round(area.gap), "profit": round(worth),
                "cost": round(trade_area.cost(area, self.config.cost_per_household)), "chosen": chosen, "control": control}  # fmt: skip

    def _spend(self, name, chosen, control):
        """Leaflets in the chosen areas, an offer to members there who agreed; control areas get nothing."""
        for area in chosen:
            for grid in area.grids:
                title = self.say(f"Hand out leaflets in grid {grid}", f"网格{grid}派发传单")
                homes = self._grids()[grid].get("households", 0)
                yield out("task.create", task=f"leaflets:{name}:{grid}", kind="leaflets", title=title, priority=3, zone=grid,
                          values={"households": homes, "cost": homes * self.config.cost_per_household})  # fmt: skip
        offers = sorted(self.tables.coupons.rows(), key=lambda row: row["template"] != OFFER)
        copies = self.state["campaign"]["copies"]
        for row in sorted(map(self._row, self.tables.members.rows()), key=lambda row: row["member"]):
            held = any(row.get("grid") in area.grids for area in control)
            if held or any(row.get("grid") in area.grids for area in chosen):
                segment = "control" if held else "chosen"
                yield out("segment.assign", scheme="trade_area", segment=segment, member=row["member"], reason=row["grid"])
            agreed = (row.get("consents") or {}).get("marketing") is True and f"refused:{row['member']}" not in self.state
            channel = reach.first_channel(row)
            if agreed and channel and not held and not row.get("left") and any(row.get("grid") in area.grids for area in chosen):
                coupon = f"trade_area:{name}:{row['member']}"
                if offers:
                    copies[coupon] = "open"
                    issued = coupon_copies.copy_for(offers[0], coupon, row["member"], self.now, self.store.hours)
                    yield out("coupon.issue", issued, campaign=f"trade_area:{name}")
                yield out("message.send", message=coupon, channel=channel, to=row["member"], template="trade_area", purpose="marketing",
                          text=self.say("An offer for our neighbours.", "邻里专享优惠，欢迎到店。"), campaign=f"trade_area:{name}",
                          params={"coupon": coupon} if offers else None)  # fmt: skip

    def _evaluate(self, campaign):
        """Four weeks on: what was won against control, and what to expect of the next campaign."""
        day = date.fromisoformat(campaign["day"])
        before, after = self._sales(day - ROUND_D * DAY, ROUND_D), self._sales(day, ROUND_D)
        sums = []
        for group in ("chosen", "control"):
            grids = [grid for area in campaign[group] for grid in area["grids"]]
            sums += [trade_area.scaled(before, grids, before["grids"]), trade_area.scaled(after, grids, after["grids"])]
        lift, gap = trade_area.lift(*sums), sum(area["gap"] for area in campaign["chosen"])
        recover = self.state["recover"] = trade_area.learnt(self.state.get("recover", self.config.recover), lift / gap)
        if sums[0] > 0:
            self.kpi.set("grid_lift", 100 * lift / sums[0])
        del self.state["campaign"]
        margin = lift * self.config.margin / 100
        yield self._result("final", day, campaign, uplift_pct=100 * lift / sums[0] if sums[0] > 0 else None, margin=round(margin),
                           cost=round(campaign["cost"]), roi=(margin - campaign["cost"]) / campaign["cost"] if campaign["cost"] else None,
                           issued=len(campaign["copies"]), redeemed=campaign["redeemed"], buyers={"new": campaign["new"]},
                           recover=recover, lift=round(lift))  # fmt: skip

    def _result(self, state, day, campaign=None, **fields):
        name = (campaign or self.state["campaign"])["round"]
        midnight = self.store.hours.midnight
        return out("promo.result", {"from": midnight(day), "to": midnight(day + ROUND_D * DAY)}, promo=f"trade_area:{name}", state=state,
                   method="gravity model, control grids", **fields)  # fmt: skip
