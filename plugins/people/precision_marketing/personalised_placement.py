"""Personalised co-brand placement: buyers of one product who are likely to take another, and which content, offer and hour they answer.

Placement runs at 04:00. Members who refused profiling or marketing, or have no channel, are in nobody's crowd, held out or not. The window
begins with the placement, for those held out too; who bought before the message went is not written to. A `web.visit` that buys counts
like a receipt. Cost is what channels report of the messages and what was redeemed of this campaign's coupons. Results come when the
window of the day's last message is over, for the whole campaign so far; they are final once nobody's window is open.

Growth is that of the targets' sales since the first placement against as many days before: of this store, less that of other stores whose
receipts are seen here.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, stamp
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import reach
from storeloom.workers.loyalty import coupon_copies

DAY = timedelta(days=1)
LEAST_CELL, QUIET_HOURS = 50, "21:00-09:00"
COUNTS = ("sent", "sent_buyers", "held", "held_buyers", "cost")


class Treatment(SolutionConfig):
    content: str = setting("", "Words of the message", "消息内容", min_length=0)
    coupon: str | None = setting(None, "Coupon", "优惠券")
    hour: int = setting(10, "Hour of sending, store time", "发送时刻（门店时间）", unit="h", ge=0, le=23)

    @property
    def name(self) -> str:
        return f"{self.content}|{self.coupon or ''}|{self.hour}"


class PersonalisedPlacement(Solution):
    number = 21
    zh, en = "品牌联合个性化投放", "Personalised co-brand placement"
    purpose_zh = "零售商与品牌联合投放：从一种商品的买家中找出最可能购买另一商品的人群，分群学习内容、优惠与时段，并报告增量。"
    formats = ("supermarket", "specialty", "mall")
    produces = ("segment.assign", "coupon.issue", "message.send", "promo.result", "insight.report")
    adapters = ("messaging",)
    reads = ("members", "products", "coupons")
    kpis = {
        "response_rate": kpi("%", "Buyers among those reached", "响应率"),
        "incremental_buyers": kpi("count", "Buyers that the reach brought", "增量买家"),
        "cost_per_incremental_buyer": kpi("minor", "Cost of each such buyer", "单个增量买家成本"),
        "store_growth_gap": kpi("points", "Growth of the store less that of others", "门店增长差"),
    }
    kinds = {
        "placement_crowd": ("Seed products and crowd", "种子商品与人群"),
        "placement_cells": ("Best treatment of each cell", "各分群最佳投放"),
    }

    class Config(SolutionConfig):
        target_gtins: list[str] = setting(list, "The brand's products to be sold", "待推广的品牌商品", widget="product")
        seed_days: int = setting(90, "Purchases searched for seed products", "寻找种子商品的购买期", unit="d", ge=14, le=365)
        min_lift: float = setting(1.5, "Lift that makes a seed product", "种子商品最低提升度", ge=1, le=20,
            help_en="How much more often its buyers take a target.", help_zh="其买家购买目标商品的倍数。")  # fmt: skip
        min_support: float = setting(1, "Least share of members buying both", "同购会员最低占比", unit="%", ge=0.01, le=20)
        treatments: list[Treatment] = setting(list, "Treatments compared", "对比的投放方案",
            help_en="Content, coupon and hour; without any nobody is reached.", help_zh="内容、优惠券与时刻；为空则不投放。")  # fmt: skip
        holdout_pct: int = setting(10, "Share of the crowd not reached", "对照组比例", unit="%", ge=5, le=50)
        batch: int = setting(500, "Members placed before the cells learn again", "每批投放人数", unit="members", ge=50, le=100_000)
        window_d: int = setting(14, "Days in which a target purchase counts", "响应窗口", unit="d", ge=1, le=60)
        seed: int = setting(7, "Random seed", "随机种子", ge=0, le=1_000_000,
            help_en="A replay then chooses the same.", help_zh="重放时选择一致。")  # fmt: skip

    # What members do

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        here = event.store in ("", self.store.id)
        items = {}
        for line in event["lines"]:
            items[item_key(line["gtin"])] = items.get(item_key(line["gtin"]), 0) + line["amount"]
        amount = sum(items[item] for item in items if item in self._targets())
        if amount:
            day = self.state.setdefault(f"sales:{self._day(event.time)}", {"here": 0, "there": 0})
            day["here" if here else "there"] += amount
        if here and event["kind"] == "sale" and event.get("member"):
            record = self._bought(event["member"], items, event)
            record["spend"], record["receipts"] = record["spend"] + sum(items.values()), record["receipts"] + 1

    @on("web.visit?")
    def browsed(self, event):
        if not event.get("member"):
            return
        if event["kind"] == "buy" and event.get("gtin"):
            self._bought(event["member"], [item_key(event["gtin"])], event)
        else:
            self._record(event["member"], event.time)

    def _record(self, member, at):
        record = self.state.setdefault(f"member:{member}", {"items": {}, "parts": {}, "spend": 0, "receipts": 0})
        part = self.workers.insight.placement.daypart(self.store.hours.local(at))
        record["parts"][part] = record["parts"].get(part, 0) + 1
        return record

    def _bought(self, member, items, event):
        record, day = self._record(member, event.time), self._day(event.time)
        for item in items:
            record["items"][item] = max(day, record["items"].get(item, ""))
        if not self._targets().isdisjoint(items):
            self._respond(member, event.time)
        return record

    def _targets(self):
        return {item_key(gtin) for gtin in self.config.target_gtins}

    def _day(self, at):
        return self.store.hours.store_day(at).isoformat()

    def _respond(self, member, at):
        """The first target purchase in the window is the response; one before the message went spares the message."""
        placed = self.state.get(f"placed:{member}")
        if placed is None or placed["bought"] or not parse_time(placed["since"]) <= at <= parse_time(placed["until"]):
            return
        placed["bought"] = True
        if placed["treatment"] is None:
            self._totals()["held_buyers"] += 1
        elif placed["sent"]:
            self._totals()["sent_buyers"] += 1
            self._arm(placed["cell"], placed["treatment"])["buyers"] += 1
        else:
            self.timers.cancel("send", member)

    def _totals(self):
        return self.state.setdefault("totals", dict.fromkeys(COUNTS, 0))

    def _arm(self, cell, treatment):
        return self.state.setdefault(f"cell:{cell}", {}).setdefault(treatment, {"sent": 0, "buyers": 0})

    @on("member.profile?")
    def profile(self, event):
        self.state[f"profile:{event['member']}"] = {name: event[name] for name in ("consents", "channels", "left") if name in event}

    @on("message.outcome")
    def outcome(self, event):
        member = event["message"].removeprefix("placement:")
        placed = self.state.get(f"placed:{member}")
        if event["status"] == "unsubscribed":
            self.state[f"refused:{event.get('to') or member}"] = True
        if placed is None or member == event["message"]:
            return
        self._totals()["cost"] += event.get("cost", 0)
        if event["status"] == "failed" and placed["sent"]:
            placed["sent"] = False
            for counts, parts in (
                (self._totals(), ("sent", "sent_buyers")),
                (self._arm(placed["cell"], placed["treatment"]), ("sent", "buyers")),
            ):
                counts[parts[0]] -= 1
                counts[parts[1]] -= placed["bought"]

    @on("coupon.redeemed")
    def redeemed(self, event):
        if event["coupon"].startswith("placement:"):
            self._totals()["cost"] += event["amount"]

    def _channel(self, member):
        row = {**(self.tables.members.get(member) or {}), **self.state.get(f"profile:{member}", {})}
        refuses = reach.refuses(row, ("marketing", "profiling")) or f"refused:{member}" in self.state
        return None if refuses else reach.first_channel(row)

    # Placing

    @every("1d", at="04:00")
    def place(self, due):
        engine, today = self.workers.insight.placement, self.store.hours.store_day(due.time)
        bought = self._known((today - self.config.seed_days * DAY).isoformat())
        rules = engine.seeds(bought, self._targets(), self.config.min_lift, self.config.min_support / 100) if bought else []
        crowd = {member: seed for member, seed in engine.crowd(bought, self._targets(), rules).items() if self._channel(member)}
        told = [[one.item for one in rules], sorted(crowd)]
        if rules and told != self.state.get("told"):
            self.state["told"] = told
            yield self._crowd_report(rules, crowd, len(bought), due.time)
        if self.config.treatments and crowd:
            yield from self._place(crowd, today)

    def _known(self, since):
        """What each member bought since a day; what is older is forgotten, and members with it."""
        bought = {}
        for key in sorted(key for key in self.state if key.startswith("member:")):
            record = self.state[key]
            for item in [item for item, day in record["items"].items() if day < since]:
                del record["items"][item]
            if record["items"]:
                bought[key.partition(":")[2]] = record["items"]
            elif key.replace("member:", "placed:", 1) not in self.state:
                del self.state[key]
        return bought

    def _gtin(self, item):
        return (self.tables.products.get(item) or {"gtin": item.removeprefix("0")})["gtin"]

    def _crowd_report(self, rules, crowd, members, now):
        rows = [{"gtin": self._gtin(one.item), "support_pct": 100 * one.support, "lift": one.lift, "both": one.together} for one in rules]
        figures = {"members": {"value": members, "unit": "members"}, "seeds": {"value": len(rules), "unit": "count"},
                   "crowd": {"value": len(crowd), "unit": "members"}}  # fmt: skip
        window = {"from": now - self.config.seed_days * DAY, "to": now}
        return out("insight.report", window, report=f"placement_crowd:{self._day(now)}", kind="placement_crowd", version=1, figures=figures,
                   rows=rows)  # fmt: skip

    def _place(self, crowd, today):
        engine, names = self.workers.insight.placement, {one.name: one for one in self.config.treatments}
        records = {member: self.state[f"member:{member}"] for member in crowd}
        bands = engine.price_bands({member: one["spend"] / max(1, one["receipts"]) for member, one in records.items()})
        traits = {
            member: (crowd[member], bands[member], max(sorted(one["parts"]), key=one["parts"].get)) for member, one in records.items()
        }
        cells, until = engine.cells(traits, LEAST_CELL), self.now + self.config.window_d * DAY
        for member in sorted(crowd):
            if f"placed:{member}" in self.state:
                continue
            held = draw(f"{self.config.seed}{member}", modulus=100) < self.config.holdout_pct
            treatment = None if held else self._choose(cells[member], member, names)
            window = {"since": stamp(self.now), "until": stamp(until)}
            self.state[f"placed:{member}"] = {"cell": cells[member], "treatment": treatment, "sent": False, "bought": False} | window
            self.state.setdefault("first", today.isoformat())
            yield out("segment.assign", scheme="placement", segment="held_out" if held else cells[member], member=member, valid_to=until)
            if held:
                self._totals()["held"] += 1
            else:
                at = self.store.hours.at(today, f"{names[treatment].hour:02d}:00")
                at = at if at > self.now else self.store.hours.at(today + DAY, f"{names[treatment].hour:02d}:00")
                at = reach.may_send_at(self.store.hours, at, QUIET_HOURS)
                self.timers.set("send", member, at, names[treatment].model_dump())
            self.timers.set("result", today.isoformat(), until)

    def _choose(self, cell, member, names):
        """Draw by what the cells knew when the batch began."""
        batch = self.state.get("batch")
        if batch is None or batch["placed"] >= self.config.batch:
            cells = [key for key in self.state if key.startswith("cell:")]
            known = {key.partition(":")[2]: {name: dict(one) for name, one in self.state[key].items()} for key in cells}
            batch = self.state["batch"] = {"placed": 0, "known": known}
        batch["placed"] += 1
        known = batch["known"].get(cell, {})
        results = {name: known.get(name, {"sent": 0, "buyers": 0}) for name in names}
        return self.workers.insight.placement.choose(results, self.config.seed, cell, member)

    @timer("send")
    def send(self, due):
        member, treatment = due.key, due.data
        placed, channel = self.state[f"placed:{member}"], self._channel(member)
        if channel is None:
            return
        placed["sent"] = True
        self._totals()["sent"] += 1
        self._arm(placed["cell"], placed["treatment"])["sent"] += 1
        row = self.tables.coupons.get(treatment["coupon"]) if treatment["coupon"] else None
        coupon = f"placement:{treatment['coupon']}:{member}" if row else None
        if row:
            copy = coupon_copies.copy_for(row, coupon, member, self.now, self.store.hours)
            yield out("coupon.issue", copy, campaign="personalised_placement", channel=channel)
        yield out("message.send", message=f"placement:{member}", channel=channel, to=member, text=treatment["content"], purpose="marketing",
                  campaign="personalised_placement", params={"coupon": coupon} if coupon else None)  # fmt: skip

    # Results

    @timer("result")
    def result(self, due):
        totals, engine = self._totals(), self.workers.insight.placement
        if not totals["sent"]:
            return
        more, gap = engine.incremental(totals), self._growth_gap()
        each = totals["cost"] / more if more and more > 0 else None
        shares = {"response": 100 * totals["sent_buyers"] / totals["sent"]}
        shares["held_out_response"] = 100 * totals["held_buyers"] / totals["held"] if totals["held"] else None
        for name, value in (("response_rate", shares["response"]), ("incremental_buyers", more), ("cost_per_incremental_buyer", each),
                            ("store_growth_gap", gap)):  # fmt: skip
            self.kpi.set(name, value)
        until = [self.state[key]["until"] for key in self.state if key.startswith("placed:")]
        window = {"from": self.store.hours.midnight(date.fromisoformat(self.state["first"])), "to": due.time}
        state = "final" if max(until) <= stamp(due.time) else "running"
        buyers = {**totals, **shares, "incremental": more, "cost_per_incremental": each, "store_growth_gap": gap}
        yield out("promo.result", window, promo="personalised_placement", state=state, cost=round(totals["cost"]), issued=totals["sent"],
                  redeemed=totals["sent_buyers"], buyers={name: value for name, value in buyers.items() if value is not None},
                  method="random hold-out; Thompson sampling")  # fmt: skip
        yield self._cells_report(shares, more, each, gap, window)

    def _cells_report(self, shares, more, each, gap, window):
        rows = []
        for key in sorted(key for key in self.state if key.startswith("cell:")):
            name, mean, low, high = self.workers.insight.placement.best(self.state[key])
            rows.append({"cell": key.partition(":")[2], "treatment": name, "response_pct": 100 * mean, "lo": 100 * low, "hi": 100 * high,
                         "sent": sum(one["sent"] for one in self.state[key].values())})  # fmt: skip
        told = {**{name: (value, "%") for name, value in shares.items()}, "incremental_buyers": (more, "count"),
                "cost_per_incremental_buyer": (each, "minor"), "store_growth_gap": (gap, "points")}  # fmt: skip
        figures = {name: {"value": value, "unit": unit} for name, (value, unit) in told.items() if value is not None}
        return out("insight.report", window, report="placement_cells", kind="placement_cells", version=1, figures=figures, rows=rows)

    def _growth_gap(self):
        first, length = date.fromisoformat(self.state["first"]), self.config.window_d
        sums = {(place, after): 0 for place in ("here", "there") for after in (False, True)}
        for n in range(-length, length):
            day = self.state.get(f"sales:{first + n * DAY}", {"here": 0, "there": 0})
            for place in ("here", "there"):
                sums[place, n >= 0] += day[place]
        here, there = (self.workers.insight.placement.growth(sums[place, True], sums[place, False]) for place in ("here", "there"))
        return None if here is None or there is None else here - there


@hookimpl
def storeloom_trial_config(tables):
    """One brand's goods, offered in the morning or, with a coupon, in the evening."""
    brand = next((row["brand"] for row in tables["products"] if row.get("brand")), None)
    goods = [row["gtin"] for row in tables["products"] if brand and row.get("brand") == brand]
    coupon = tables["coupons"][0]["template"]
    treatments = [{"content": "试试这一款", "hour": 10}, {"content": "试试这一款，送您一张券", "coupon": coupon, "hour": 18}]
    return {"target_gtins": goods[:5], "treatments": treatments}
