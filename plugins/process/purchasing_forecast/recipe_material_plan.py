"""Breaks the forecast down through recipes into ingredients, thawing tasks and orders, and shows where recipes and reality drift apart.

Orders go out at closing time on a supplier's order weekdays, for the open days from then on. Quantities of an ingredient are reckoned in
ml, g or pieces: a unit of its stock holds its `net_content`, a kilogram of weighed goods, else one. Days without a forecast need nothing. A
loop of recipes is told by an alert, and no recipe of it is used.

Between counts stock falls by what the sold dishes take. Packs are opened by an `inventory.movement` to `open`; dishes take of the opened
first. Thawed goods come in by a movement to `thawed` or by the task done (`qty` among its values, else as asked); dishes take of them. What
is thawed and sold as it is needs no recipe. Stand-ins are what is left of the substitute after its own need; the factor says how much of it
one of the ingredient takes. Remaining life is the product's `shelf_days`.

Usage is measured from count to count, the last of a week against the last before; the hours named are those in which most of it was sold.
"""

import math
from datetime import date, timedelta
from functools import cache
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

DAY, BUSY_HOURS, KEPT_OPEN = timedelta(days=1), 3, timedelta(days=14)
Hours = Annotated[float, Field(gt=0, le=720)]
Ratio = Annotated[float, Field(gt=0, le=100)]


class RecipeMaterialPlan(Solution):
    number = 83
    zh, en = "配方原料需求计划", "Recipe material plan"
    purpose_zh = "把销售预测按配方逐级拆成原料需求、解冻任务与订货，并显示配方用量与实际用量的偏差。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("order.propose", "task.create", "alert.raise", "score.report")
    reads = ("products", "recipes", "suppliers", "lead_times")
    kpis = {
        "ingredient_stockouts": kpi("count", "Ingredients out of stock", "原料缺货次数"),
        "usage_variance": kpi("%", "Usage above recipe", "超配方用量"),
        "ingredient_waste": kpi("%", "Ingredients wasted", "原料损耗率"),
    }
    kinds = {
        "thaw": ("Thaw for tomorrow", "为明日解冻"),
        "usage_variance": ("Usage above recipe", "用量超配方"),
        "recipe_loop": ("Recipes contain one another", "配方循环引用"),
    }

    class Config(SolutionConfig):
        cover_days: int = setting(
            3, "Days that an order covers", "订货覆盖天数", unit="d", ge=1, le=30, help_en="On top of lead time.", help_zh="不含到货周期。"
        )
        safety: float = setting(
            0.1, "Safety", "安全系数", ge=0, le=1, help_en="Share added to gross need.", help_zh="在毛需求上增加的比例。"
        )
        default_yield: float = setting(
            0.97, "Usable share", "默认出成率", ge=0.5, le=1,
            help_en="Of an ingredient whose recipe line has none.", help_zh="配方行未注明时使用。",
        )  # fmt: skip
        thaw_hours: dict[str, Hours] = setting(
            lambda: {"frozen_dough": 18}, "Thawing time", "解冻时长", unit="h",
            help_en="By gtin or category.", help_zh="按商品条码或品类。",
        )  # fmt: skip
        thaw_time: str = setting(
            "20:00", "Thaw tasks are given at", "下达解冻任务时间", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", widget="time"
        )
        opened_life: dict[str, Hours] = setting(
            lambda: {"milk": 72}, "Life of an opened pack", "开封后可用时长", unit="h",
            help_en="By gtin or category.", help_zh="按商品条码或品类。",
        )  # fmt: skip
        variance_alert: float = setting(
            5, "Usage above recipe", "超配方告警线", unit="%", ge=1, le=50,
            help_en="Of a week, that raises an alert.", help_zh="按周计算。",
        )  # fmt: skip
        substitutes: dict[str, dict[str, Ratio]] = setting(
            dict, "Substitutes", "替代原料", help_en="By ingredient: substitute and factor.", help_zh="按原料填写替代品及换算系数。",
        )  # fmt: skip

    # Recipes

    def start(self):
        yield from self.check("recipes")
        self._plan_thaw()

    @on_table("recipes")
    def check(self, table):
        loop = self.workers.optimise.materials.loop(self._all_recipes())
        if loop or self.state.get("loop"):
            self.state["loop"] = loop
            names = " > ".join(str((self.tables.products.get(gtin) or {}).get("name", gtin)) for gtin in loop)
            yield out(
                "alert.raise", alert="recipe-loop", kind="recipe_loop", severity="high", state="open" if loop else "cleared",
                subject=loop[0] if loop else None, ref={"loop": loop}, text=self.say(f"Recipes form a loop: {names}", f"配方循环：{names}"),
            )  # fmt: skip

    def _all_recipes(self):
        rows = [
            {
                **row,
                "gtin": self._gtin(row.get("gtin") or ""),
                "ingredients": [{**one, "gtin": self._gtin(one["gtin"])} for one in row.get("ingredients") or ()],
            }
            for row in self.tables.recipes.rows()
        ]
        return self.workers.optimise.materials.recipes(rows, self.config.default_yield)

    def _recipes(self):
        known = self._all_recipes()
        while loop := self.workers.optimise.materials.loop(known):
            known = {dish: lines for dish, lines in known.items() if dish not in loop}
        return known

    # What comes in

    @on("forecast.demand")
    def forecast(self, event):
        if event["level"] == "item":
            book = self.state.setdefault(f"demand:{self._gtin(event['key'])}", {})
            self.workers.optimise.outlook.enter_window(book, event.data, self.store.hours, self.now)

    @on("pos.sale")
    def sold(self, event):
        kind = event.get("kind", "sale")
        if kind in ("void", "training", "return"):
            return
        known, sizes, hour = self._recipes(), self._sizes(), f"{self.store.hours.local(event.time):%H:00}"
        for line in event["lines"]:
            gtin = self._gtin(line["gtin"])
            dishes = {gtin: max(0, line["qty"])}
            used = self.workers.optimise.materials.explode(dishes, known, sizes)
            if gtin not in known and f"item:{gtin}" in self.state:
                used = {gtin: max(0, line["qty"]) * self._piece(gtin)}
            for part, qty in used.items():
                self._use(part, qty, hour, event.time)

    def _use(self, part, qty, hour, at):
        item = self._item(part)
        self.workers.optimise.position.take(item["stock"]["places"], qty / self._piece(part), at)
        item["used"] += qty
        item["hours"][hour] = item["hours"].get(hour, 0) + qty
        item["thawed"] = max(0, item["thawed"] - qty)
        for pack in item["opened"]:
            taken = min(qty, pack["qty"])
            pack["qty"] -= taken
            qty -= taken
        item["opened"] = [pack for pack in item["opened"] if pack["qty"] > 1e-9]

    @on("inventory.snapshot")
    def counted(self, event):
        if event.get("other_store", self.store.id) != self.store.id:
            return
        item = self._item(self._gtin(event["gtin"]))
        if self.workers.optimise.position.enter_snapshot(item["stock"], {**event.data, "other_store": None}, event.time):
            item["lots"] = [[lot["expiry"], lot["qty"]] for lot in event.get("lots") or () if lot.get("expiry")]
            on_hand = self.workers.optimise.position.on_hand(item["stock"]) * self._piece(self._gtin(event["gtin"]))
            count = {"on_hand": on_hand, **{name: item[name] for name in ("received", "wasted", "used")}}
            item["first"], item["last"] = item["first"] or count, count
            self.kpi.add("ingredient_stockouts", on_hand <= 0)

    @on("inventory.movement?")
    def moved(self, event):
        if event.get("state", "booked") != "booked":
            return
        gtin = self._gtin(event["gtin"])
        item, size = self._item(gtin), self._piece(gtin)
        if event.get("to") in ("open", "opened"):
            item["opened"].append({"qty": abs(event["qty"]) * size, "at": rfc3339(event.time)})
            return
        if event.get("to") in ("thaw", "thawed"):
            item["thawed"] += abs(event["qty"]) * size
            return
        self.workers.optimise.position.enter_movement(item["stock"], event.data, event.time)
        if event["kind"] == "receive":
            item["received"] += event.get("accepted", event["qty"]) * size
        elif event["kind"] == "waste":
            item["wasted"] += abs(event["qty"]) * size
            self.kpi.share("ingredient_waste", abs(event["qty"]) * size, abs(event["qty"]) * size)

    @on("shipment.notice?")
    def announced(self, event):
        for line in event["lines"]:
            qty = 0 if event["state"] == "cancelled" else line["qty"]
            stock = self._item(self._gtin(line["gtin"]))["stock"]
            self.workers.optimise.position.expect(stock, event["shipment"], qty, event["eta"], event.get("order"))

    @on("task.done?")
    def done(self, event):
        asked = self.state.get(f"thaw:{event['task']}")
        if asked and event["state"] in ("done", "failed", "cancelled", "declined"):
            del self.state[f"thaw:{event['task']}"]
            if event["state"] == "done":
                qty = (event.get("values") or {}).get("qty", asked["qty"])
                self._item(asked["gtin"])["thawed"] += qty * self._piece(asked["gtin"])

    # The need

    def _gross(self, begin, days):
        """Base units of each ingredient by open day, from an instant on."""
        outlook, hours, known, sizes = self.workers.optimise.outlook, self.store.hours, self._recipes(), self._sizes()
        end, day, found = begin + days * DAY, hours.store_day(begin), {}
        dishes = sorted(key[7:] for key in self.state if key.startswith("demand:"))
        while hours.midnight(day) < end:
            span, demand = hours.day(day), {}
            for dish in dishes if span else ():
                one = outlook.of_day(self.state[f"demand:{dish}"], day.isoformat())
                inside = max(0, (min(end, span[1]) - max(begin, span[0])) / (span[1] - span[0]))
                if one and inside:
                    demand[dish] = one["mean"] * inside
            needs = self.workers.optimise.materials.explode(demand, known, sizes)
            for dish, units in demand.items():
                if dish not in known and self._hours_of(self.config.thaw_hours, dish):
                    needs[dish] = needs.get(dish, 0) + units * self._piece(dish)
            for part, need in needs.items():
                found.setdefault(part, []).append((day.isoformat(), need))
            day += DAY
        return found

    def _lots(self, gtin):
        """Last day and quantity of what is on hand; opened packs end with their life."""
        item, size = self._item(gtin), self._piece(gtin)
        whole = max(0, self.workers.optimise.position.on_hand(item["stock"]) or 0) * size
        life, known = self._hours_of(self.config.opened_life, gtin), []
        for pack in item["opened"] if life else ():
            ends = parse_time(pack["at"]) + timedelta(hours=life)
            known.append(((self.store.hours.store_day(ends) - DAY).isoformat(), pack["qty"]))
        known += [(expiry[:10], qty * size) for expiry, qty in sorted(item["lots"])]
        return self.workers.optimise.materials.lots(whole, known)

    @every("1d", at="close")
    def evening(self, due):
        today = self.store.hours.ended_day(due.time)
        orders, gross = {}, cache(lambda days: self._gross(due.time, days))
        for part in sorted(self._parts()):
            line = self._line(part, due.time, today, gross)
            if line:
                orders.setdefault((self.tables.products.get(part) or {}).get("supplier") or "", []).append(line)
        for supplier, lines in orders.items():
            arrival = max(line.pop("arrival") for line in lines)
            total = round(sum(line["qty"] * line.get("cost", 0) for line in lines))
            yield out("order.propose", proposal=f"recipe-{supplier or 'store'}-{today:%Y%m%d}", stage="draft", kind="buy", lines=lines,
                      supplier=supplier or None, deliver_on=arrival, basis="base", total=total)  # fmt: skip
        if self.workers.optimise.weeks.ends_week(self.store.hours, today):
            yield from self._variances(today, due.time)

    def _parts(self):
        """Ingredients that are bought."""
        known = self._recipes()
        return {part for lines in known.values() for part in lines if part not in known}

    def _line(self, part, now, today, gross_of):
        """What is ordered of an ingredient, None where nothing is; `gross_of` tells the gross needs of so many days."""
        engine, ordering, row = self.workers.optimise.materials, self.workers.optimise.ordering, self.tables.products.get(part) or {}
        lead = ordering.lead_row(self.tables.lead_times.rows(supplier=row.get("supplier") or ""), row)
        weekdays = lead.get("order_weekdays") or ordering.EVERY_DAY
        if today.isoweekday() not in weekdays:
            return None
        days, size, case = (lead.get("days") or 1) + self.config.cover_days, self._piece(part), row.get("case_pack") or 1
        needs = [(day, need * (1 + self.config.safety)) for day, need in gross_of(days).get(part, ())]
        coming = self.workers.optimise.position.coming(self._item(part)["stock"], now, 2) * size
        missing, _ = engine.short(needs, self._lots(part))
        net = missing - coming
        for other, ratio in sorted(self.config.substitutes.get(part, {}).items()):
            own = [(day, need * (1 + self.config.safety)) for day, need in gross_of(days).get(self._gtin(other), ())]
            left = engine.short(own or [(today.isoformat(), 0)], self._lots(self._gtin(other)))[1]
            net -= min(max(0, net), left / ratio)
        count = engine.cases(net, case * size)
        if count == 0:
            return None
        gross = sum(need for _, need in needs)
        daily, options = gross / max(1, len(needs)), {"gross": gross / (1 + self.config.safety), "net": net, "coming": coming}
        options["usable"], reason = gross - missing, "recipe_need"
        if engine.outlives(case * size, daily, row.get("shelf_days")):
            until = (lead.get("days") or 1) + ordering.days_to_next(today, weekdays)
            soon = engine.short([(day, need) for day, need in needs][: math.ceil(until)], self._lots(part))[0] - coming
            count, reason = engine.cases(soon, case * size), "case_outlives_use"
            options["excess"] = count * case * size - max(0, soon)
            if count == 0:
                return None
        arrival = ordering.delivery_day(today, lead)
        key = f"recipe-{row.get('supplier') or 'store'}-{today:%Y%m%d}"
        self.workers.optimise.position.expect(
            self._item(part)["stock"], key, count * case, rfc3339(self.store.hours.midnight(arrival + DAY))
        )
        cost = {"cost": row["cost"]} if "cost" in row else {}
        shown = {name: round(value, 2) for name, value in options.items()}
        return {"gtin": part, "qty": count * case, "cases": count, **cost, "reason": reason, "options": shown, "arrival": arrival}

    # Thawing

    def _plan_thaw(self):
        at = self.store.hours.at(self.store.hours.store_day(self.now), self.config.thaw_time)
        if at >= self.now:
            self.timers.set("thaw", "", at)

    @every("1d", at="00:00")
    def new_day(self, due):
        self._plan_thaw()
        for key in [key for key in self.state if key.startswith("item:")]:
            opened = self.state[key]["opened"]
            self.state[key]["opened"] = [pack for pack in opened if due.time - parse_time(pack["at"]) < KEPT_OPEN]

    @timer("thaw")
    def thaw(self, due):
        tomorrow = self.store.hours.store_day(due.time) + DAY
        span = self.store.hours.day(tomorrow)
        gross = self._gross(span[0], (span[1] - span[0]) / DAY) if span else {}
        for part in sorted(gross):
            need, size = sum(qty for _, qty in gross[part]), self._piece(part)
            waiting = sum(task["qty"] for key, task in self.state.items() if key.startswith("thaw:") and task["gtin"] == part)
            pieces = math.ceil((need - self._item(part)["thawed"]) / size - waiting - 1e-9)
            hours = self._hours_of(self.config.thaw_hours, part)
            if not hours or pieces <= 0:
                continue
            name, title = f"thaw-{part}-{tomorrow:%Y%m%d}", (self.tables.products.get(part) or {}).get("name", part)
            self.state[f"thaw:{name}"] = {"gtin": part, "qty": pieces}
            yield out(
                "task.create", task=name, kind="thaw", priority=2, role="kitchen", items=[{"gtin": part, "qty": pieces}],
                due=due.time + timedelta(hours=1), title=self.say(f"Thaw {pieces} x {title}", f"解冻{title} {pieces}件"),
                values={"ready_at": rfc3339(due.time + timedelta(hours=hours))},
            )  # fmt: skip

    # Recipes against reality

    def _variances(self, today, at):
        begin = self.store.hours.midnight(date.fromisoformat(self.workers.optimise.weeks.monday(today)))
        for part in sorted(key[5:] for key in self.state if key.startswith("item:")):
            item = self.state[f"item:{part}"]
            first, last, hours = item["first"], item["last"], item["hours"]
            item["first"], item["hours"] = last, {}
            if not first or first == last or last["used"] - first["used"] <= 0:
                continue
            recipe, received, wasted = (last[name] - first[name] for name in ("used", "received", "wasted"))
            real = first["on_hand"] + received - last["on_hand"] - wasted
            variance = 100 * (real / recipe - 1)
            self.kpi.share("usage_variance", real - recipe, recipe)
            self.kpi.share("ingredient_waste", 0, max(0, real))
            parts = {"used": real, "recipe": recipe, "wasted": wasted, "usage_variance": variance}
            yield out("score.report", {"from": begin, "to": at}, scheme="recipe_usage", subject_kind="item", subject=part,
                      parts=[{"name": name, "value": round(value, 3)} for name, value in parts.items()])  # fmt: skip
            busiest = sorted(sorted(hours, key=lambda hour: (-hours[hour], hour))[:BUSY_HOURS])
            if variance > self.config.variance_alert + 1e-9:
                item["alerted"] = True
                yield self._drift(part, variance, busiest, "open")
            elif item.pop("alerted", None):
                yield self._drift(part, variance, busiest, "cleared")

    def _drift(self, part, variance, busiest, state):
        name, when = (self.tables.products.get(part) or {}).get("name", part), ", ".join(busiest)
        return out(
            "alert.raise", alert=f"usage-{part}", kind="usage_variance", severity="warn", state=state, subject=part,
            value=round(variance, 2), limit=self.config.variance_alert, unit="%", ref={"outlet": self.store.id, "hours": busiest},
            text=self.say(f"{name}: {variance:.1f} % above recipe, most at {when}", f"{name}：用量超配方{variance:.1f}%，主要时段{when}"),
        )  # fmt: skip

    # What is known

    def _sizes(self):
        return self.tables.products.derived("sizes", self._all_sizes)

    def _all_sizes(self, rows):
        piece = self.workers.optimise.materials.piece
        return {row["gtin"]: piece(row) for row in rows if row.get("net_content") or row.get("unit") == "kg"}

    def _piece(self, gtin):
        return self.workers.optimise.materials.piece(self.tables.products.get(gtin) or {})

    def _hours_of(self, known, gtin):
        return known.get(gtin) or known.get((self.tables.products.get(gtin) or {}).get("category", ""))

    def _gtin(self, gtin):
        return (self.tables.products.get(gtin) or {}).get("gtin", gtin)

    def _item(self, gtin):
        fresh = {"opened": [], "lots": [], "thawed": 0, "used": 0, "received": 0, "wasted": 0, "hours": {}, "first": None, "last": None}
        return self.state.setdefault(f"item:{gtin}", {**fresh, "stock": self.workers.optimise.position.empty()})
