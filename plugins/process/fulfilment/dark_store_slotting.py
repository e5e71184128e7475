"""Forward-warehouse slotting: short ways and golden heights for what is picked most for its space; only moves that pay back are proposed.

Slots, their ways, heights and volumes are read by `workers.optimise.pick_slots`. Lines a day are means over the days since the first
order, `window` at most; an item listed within `window` takes its category's mean, without one its forecast. Picks of an order that was not
placed here count too. Goods change places only within a temperature class and between zones of the same `category` (allergens, cleaning
agents), so that zone rules hold.

Each swap must pay for itself; of what pays the best goes first. An answer may name the accepted swaps (`fields.sets`), else all are. Tasks
go into the open hour of the next day with the fewest lines. Swaps that were turned down are not proposed again while they come out the
same; agreed ones count as made for a week, until the planogram shows them; what is not answered keeps its number. Reviews are at closing
time: daily, on the week's or on the month's last trading day.
"""

import math
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hooks import hookimpl

TOGETHER, MADE_WITHIN = 20, timedelta(days=7)


class DarkStoreSlotting(Solution):
    number = 110
    zh, en = "前置仓货位优化", "Forward-warehouse slotting"
    purpose_zh = "前置仓与门店后仓：单位空间拣货最多的商品放近处与黄金高度，常同单的商品相邻，只做几天内能回本的移位。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("layout.propose", "task.create", "score.report")
    reads = ("fixtures", "products", "zones", "planogram")
    kpis = {
        "metres_per_order": kpi("m", "Metres an order", "单均行走米数"),
        "golden_zone_share": kpi("%", "Lines picked at golden heights", "黄金高度拣货占比"),
        "moves_proposed": kpi("count", "Moves proposed", "建议移位数"),
        "payback": kpi("d", "Payback of the moves", "回本天数"),
    }
    kinds = {"move_slot": ("Change places of slots", "货位调整")}
    load = "optimise"

    class Config(SolutionConfig):
        window: int = setting(28, "Days of orders looked at", "统计天数", unit="d", ge=7, le=180)
        review: Literal["daily", "weekly", "monthly"] = setting("weekly", "When slots are judged", "评估周期")
        payback: float = setting(20, "Longest payback", "最长回本天数", unit="d", ge=1, le=180,
            help_en="Moves must pay for themselves in this time.", help_zh="移位须在此时间内回本。")  # fmt: skip
        move_minutes: float = setting(5, "Work of one move", "单个货位移位用时", unit="min", ge=0.5, le=60,
            help_en="Emptying and filling one slot.", help_zh="清空并装满一个货位。")  # fmt: skip
        walk: float = setting(0.8, "Picker's pace", "拣货步速", unit="m/s", ge=0.3, le=2)
        golden: Annotated[list[Annotated[float, Field(ge=0, le=250)]], Field(min_length=2, max_length=2)] = setting(
            lambda: [70, 150], "Golden heights", "黄金高度", unit="cm",
            help_en="For the fastest tenth and for heavy goods.", help_zh="供最快的十分之一与重货使用。")  # fmt: skip
        lift_min: float = setting(2.0, "Lift of a pair", "同单提升度", ge=1, le=20,
            help_en="With 20 common orders it puts a pair within 3 m.", help_zh="且同单 20 次以上时两者相距 3 米内。")  # fmt: skip
        max_moves: int = setting(30, "Slots touched in one review", "单次评估货位数上限", ge=1, le=1000)

    # Orders, picks, stock

    @on("order.placed")
    def placed(self, event):
        lines = [line for line in event["lines"] if line["qty"] > 0]
        if not event.get("draft") and lines:
            self._order(event["order"], [self._key(line["gtin"]) for line in lines], event.time)

    @on("pick.done")
    def picked(self, event):
        lines = [line for line in event["lines"] if line["picked"] > 0]
        self._order(event["order"], [self._key(line.get("substitute") or line["gtin"]) for line in event["lines"]], event.time)
        places, standing = self._places()
        metres = golden = known = 0
        for line in lines:
            own = [places[name].slot for name, key in standing.items() if key == self._key(line.get("substitute") or line["gtin"])]
            if own:
                known += 1
                metres += 2 * sum(slot.metres for slot in own) / len(own)
                golden += any(slot.height is None or self.config.golden[0] <= slot.height <= self.config.golden[1] for slot in own)
        order = f"walked:{event['order']}"
        if known:
            self.kpi.share("golden_zone_share", golden, known)
            self.kpi.share("metres_per_order", metres, int(order not in self.state))
            self.state[order] = self._day(event.time)

    @on("inventory.snapshot?")
    def counted(self, event):
        self.workers.optimise.position.count(self.state.setdefault(f"stock:{self._key(event['gtin'])}", {}), event.data, event.time)

    @on("forecast.demand?")
    def forecast(self, event):
        if event["level"] == "item":
            days = max(1.0, (parse_time(event["to"]) - parse_time(event["from"])).total_seconds() / 86400)
            self.state[f"forecast:{self._key(event['key'])}"] = event.get("mean", event["p50"]) / days

    def _order(self, order, keys, at):
        """Count an order by its lines once, whoever tells of it first."""
        if f"order:{order}" in self.state:
            return
        day, hour = self._day(at), str(self.store.hours.local(at).hour)
        self.state[f"order:{order}"] = day
        book = self.state.setdefault(f"day:{day}", {"orders": 0, "lines": {}, "hours": {}})
        book["orders"] += 1
        book["hours"][hour] = book["hours"].get(hour, 0) + len(keys)
        for key in keys:
            book["lines"][key] = book["lines"].get(key, 0) + 1
        self.workers.insight.item_pairs.count(self.state, day, keys)

    # The review

    @every("1d", at="close")
    def review(self, due):
        today = self.store.hours.ended_day(due.time)
        first = (today - timedelta(days=self.config.window - 1)).isoformat()
        for key in [key for key in self.state if key.startswith("day:") and key[4:] < first]:
            del self.state[key]
        for key in [key for key in self.state if key.startswith(("order:", "walked:")) and self.state[key] < first]:
            del self.state[key]
        self.workers.insight.item_pairs.forget(self.state, first)
        if self._due(today):
            yield from self._judge(today)

    def _due(self, today):
        ahead = (today + timedelta(days=n) for n in range(1, 32))
        coming = next((day for day in ahead if self.store.hours.day(day)), None)
        if self.config.review == "daily" or coming is None:
            return True
        part = (lambda day: day.isocalendar()[:2]) if self.config.review == "weekly" else (lambda day: (day.year, day.month))
        return part(coming) != part(today)

    def _judge(self, today):
        slotting, config = self.workers.optimise.slotting, self.config
        books = [self.state[key] for key in self.state if key.startswith("day:")]
        days = [date.fromisoformat(key[4:]) for key in self.state if key.startswith("day:")]
        orders = sum(book["orders"] for book in books)
        if not orders:
            return
        lines = self._lines(books, (today - min(days)).days + 1, today)
        places, shown = self._places()
        standing, classes = self._as_agreed(shown, today), {}
        for name, one in places.items():
            classes.setdefault(one.kept(self._product(shown[name])), []).append(name)
        walk = ideal = 0.0
        ways = []
        for which in sorted(classes):
            names = classes[which]
            now = {name: standing[name] for name in names}
            held = {key: [name for name in names if now[name] == key] for key in sorted({*now.values()} - {None})}
            items = [self._item(key, lines[key], len(own), places[own[0]].litres) for key, own in held.items()]
            plan = slotting.Plan(tuple(places[name].slot for name in names), tuple(items), tuple(config.golden))
            goal = plan.with_pairs(plan.with_golden(plan.ideal()), self._pairs({item.key for item in items}, orders))
            walk, ideal = walk + plan.walk(now), ideal + plan.walk(goal)
            ways.append(plan.swaps(now, goal, config.max_moves, self._pays))
        swaps = self._first(ways)
        figures = {"walk": round(walk, 2), "ideal": round(ideal, 2), "saved": round(sum(swap.saved for swap in swaps), 2)}
        per_day = orders / ((today - min(days)).days + 1)
        yield out("score.report", {"from": self.store.hours.midnight(min(days)), "to": self.now}, scheme="slotting", subject_kind="store",
                  subject=self.store.id, score=round(walk / per_day, 3),
                  parts=[{"name": name, "value": value, "unit": "m/d"} for name, value in figures.items()])  # fmt: skip
        yield from self._propose(swaps, today)

    def _propose(self, swaps, today):
        steps = [[swap.item, swap.start, swap.goal] for swap in swaps]
        if not swaps or steps == self.state.get("rejected"):
            return
        kept = self.state.get("open")
        again = kept is not None and kept["steps"] == steps
        proposal = kept["proposal"] if again else f"slots-{today.isoformat()}"
        seconds = round(sum(swap.saved for swap in swaps) / self.config.walk, 3)
        moves = []
        for number, swap in enumerate(swaps, 1):
            told = {"set": number, "gain": round(swap.saved / self.config.walk, 3), "metres": round(swap.saved, 3)}
            moves.append({"what": self._written(swap.item), "from": swap.start, "to": swap.goal, **told})
            if swap.other is not None:
                moves.append({"what": self._written(swap.other), "from": swap.goal, "to": swap.start, **told})
        payback = self.workers.optimise.slotting.days_to_pay(swaps, 60 * self.config.move_minutes, self.config.walk)
        self.state["open"] = {"proposal": proposal, "steps": steps, "moves": moves}
        self.kpi.add("moves_proposed", 0 if again else len(moves))
        self.kpi.set("payback", payback)
        reason = self.say(f"{len(moves)} moves, paid back in {payback:.1f} days", f"移位 {len(moves)} 个，{payback:.1f} 天回本")
        yield out("layout.propose", proposal=proposal, moves=moves, gain=seconds, unit="s/d", state="proposed", reason=reason)

    @on("approval.result?")
    def answered(self, event):
        """Accepted swaps become tasks, one each; what was turned down is remembered."""
        kept = self.state.get("open")
        if not kept or event["request"] != kept["proposal"] or event["status"] not in ("approved", "rejected"):
            return
        del self.state["open"]
        if event["status"] == "rejected":
            self.state["rejected"] = kept["steps"]
            return
        self.state["rejected"] = None
        numbers = self._wanted(kept["steps"], (event.get("fields") or {}).get("sets"))
        agreed = [kept["steps"][number - 1] for number in numbers]
        self.state["agreed"] = {"steps": agreed, "until": (self.store.hours.store_day(event.time) + MADE_WITHIN).isoformat()}
        begin, end = self._quiet(event.time)
        for number in numbers:
            moves = [move for move in kept["moves"] if move["set"] == number]
            title = self.say(f"Move {moves[0]['what']} to {moves[0]['to']}", f"移位：{moves[0]['what']} 至 {moves[0]['to']}")
            yield out("task.create", task=f"{kept['proposal']}-{number}", kind="move_slot", title=title, priority=4, role="picker",
                      minutes=len(moves) * self.config.move_minutes, not_before=begin, due=end, values={"proposal": kept["proposal"]},
                      items=[{"gtin": move["what"], "from": move["from"], "to": move["to"]} for move in moves])  # fmt: skip

    def _wanted(self, steps, sets):
        """The numbers of the swaps that were accepted, but for those that build on one that was not."""
        wanted, barred = [], set()
        for number, (_, start, goal) in enumerate(steps, 1):
            if (sets is None or number in sets) and not barred & {start, goal}:
                wanted.append(number)
            else:
                barred |= {start, goal}
        return wanted

    def _as_agreed(self, standing, today):
        """What stands where once the agreed moves are made that the planogram does not show yet."""
        agreed = self.state.get("agreed")
        if agreed and today.isoformat() > agreed["until"]:
            agreed = self.state["agreed"] = None
        for item, start, goal in agreed["steps"] if agreed else ():
            if standing.get(start) == item and goal in standing:
                standing = self.workers.optimise.slotting.swapped(standing, start, goal)
        return standing

    def _quiet(self, at):
        """The next open hour in which the fewest lines are ordered."""
        hours = {}
        for key in [key for key in self.state if key.startswith("day:")]:
            for hour, lines in self.state[key]["hours"].items():
                hours[hour] = hours.get(hour, 0) + lines
        first = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        coming = [first + timedelta(hours=n) for n in range(7 * 24)]
        coming = [hour for hour in coming if self.store.hours.is_open(hour)][:24] or [first]
        begin = min(coming, key=lambda hour: (hours.get(str(self.store.hours.local(hour).hour), 0), hour))
        return begin, begin + timedelta(hours=1)

    def _pays(self, swap):
        days = self.workers.optimise.slotting.days_to_pay([swap], 60 * self.config.move_minutes, self.config.walk)
        return days is not None and days <= self.config.payback + 1e-9

    def _first(self, ways):
        """The best swaps that touch no more slots than are allowed; each class in its own order, as one builds on the one before."""
        touched, kept = set(), []
        while ways := [way for way in ways if way]:
            way = max(ways, key=lambda way: way[0].saved / way[0].moves)
            swap = way.pop(0)
            if len(touched | {swap.start, swap.goal}) <= self.config.max_moves:
                touched |= {swap.start, swap.goal}
                kept.append(swap)
            else:
                way.clear()
        return kept

    def _pairs(self, keys, orders):
        """Pairs of items with enough common orders and lift, the strongest first."""
        found = []
        for one in sorted(keys):
            seen = self.state.get(f"item:{one}", {"n": 0, "with": {}})
            for other, together in seen["with"].items():
                if other in keys and one < other and together >= TOGETHER:
                    lift = self.workers.optimise.slotting.lift(together, seen["n"], self.state[f"item:{other}"]["n"], orders)
                    found.append((-lift, one, other))
        return [(one, other) for lift, one, other in sorted(found) if -lift >= self.config.lift_min - 1e-9]

    def _lines(self, books, days, today):
        """Lines a day by item; what is younger than the window takes the mean of its category, else its forecast."""
        total, young, means = {}, [], {}
        _, standing = self._places()
        for key in {*standing.values()} - {None}:
            total[key] = sum(book["lines"].get(key, 0) for book in books) / days
        for key in sorted(total):
            product = self._product(key)
            listed = product.get("listed_on")
            if listed and date.fromisoformat(listed[:10]) > today - timedelta(days=self.config.window):
                young.append((key, product.get("category")))
            else:
                means.setdefault(product.get("category"), []).append(total[key])
        for key, category in young:
            own = means.get(category)
            total[key] = sum(own) / len(own) if own else self.state.get(f"forecast:{key}", total[key])
        return total

    # The warehouse

    def _item(self, key, lines, held, space):
        """An item with the slots that its stock needs; without a count or a volume those that it has."""
        product, units = self._product(key), self.workers.optimise.position.units(self.state.get(f"stock:{key}", {}))
        volume = product.get("volume_l")
        need = math.ceil(units * volume / space - 1e-9) if units is not None and volume and space else held
        return self.workers.optimise.slotting.Item(key, lines, max(1, need), (product.get("weight_g") or 0) / 1000)

    def _places(self):
        """The slots by name, and the item that stands in each."""
        tables = self.tables
        found = self.workers.optimise.pick_slots.places(tables.fixtures.rows(), tables.planogram.rows(), tables.zones.rows())
        return found, {name: self._key(one.gtin) if one.gtin else None for name, one in found.items()}

    def _day(self, at):
        return self.store.hours.store_day(at).isoformat()

    def _product(self, key):
        return self.tables.products.get(key) or {}

    def _written(self, key):
        return self._product(key).get("gtin") or next(row["gtin"] for row in self.tables.planogram.rows() if self._key(row["gtin"]) == key)

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)


@hookimpl
def storeloom_config_problems(config, store):
    if config["golden"][0] > config["golden"][1]:
        return [Problem("golden", "the lower height is second", "下限高于上限", "Give [low, high].", "请按 [低, 高] 填写。")]
    return []
