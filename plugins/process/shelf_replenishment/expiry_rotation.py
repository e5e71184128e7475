"""Shelf-life and rotation control: batches by date, so that too old goods are refused, few shelves are checked, and none sells expired.

Total life is from the day of making (AI 11, or `made` at goods-in), else `products.shelf_days`; without either the time from goods-in to
the last day stands for it, and no delivery is refused. A supplier's own share is `suppliers.receive_share` (0..1), or
`min_remaining_shelf_pct`. Refused goods do not enter the ledger. The last day is still good: a code is expired from the day after.

A code dates the next receipt of its item, or the stock that has no date. At a till, or where nobody of the staff scans, it is a sale. Tasks
are answered in `values.counted`: units, or units by lot, date or gtin; `values.dates` ({gtin: date}) dates undated stock. A pull without
count is asked again. What is pulled goes back where the supplier takes goods back (`consigned`) or the answer says `kind: return`, else it
is waste. A find is a checked line with goods at or past their near date.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import stamp

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
Clock = Annotated[str, Field(pattern=r"^((open|close)([+-]\d{1,3}m?)?|([01]\d|2[0-3]):[0-5]\d)$")]
Days = Annotated[int, Field(ge=0, le=3650)]


class ExpiryRotation(Solution):
    number = 101
    zh, en = "保质期与先进先出管理", "Shelf-life and rotation control"
    purpose_zh = "按商品记录批次与到期日，拒收过旧到货，每班只查少数货架，并在到期前将商品下架。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "alert.raise", "inventory.movement", "score.report")
    adapters = ("scanner?",)
    reads = ("products", "planogram", "suppliers")
    kpis = {
        "expired_on_shelf": kpi("count", "Expired units found or scanned", "在架过期件数"),
        "waste_value": kpi("minor units", "Value of goods wasted", "报损金额"),
        "refused_deliveries": kpi("count", "Deliveries refused", "拒收到货数"),
        "checks_per_find": kpi("count", "Lines checked per find", "每次发现所需检查行数"),
    }
    kinds = {
        "markdown": ("Mark down a batch", "临期批次降价"),
        "pull": ("Take a batch off the shelf", "批次下架"),
        "check": ("Check dates", "检查保质期"),
        "refuse_delivery": ("Delivery too old", "到货剩余保质期不足"),
        "reversed_rotation": ("Delivery older than stock", "到货早于在库批次"),
        "expired_sale": ("Expired goods at the till", "过期商品售卖"),
    }

    class Config(SolutionConfig):
        receive_share: float = setting(0.667, "Least remaining share of life at goods-in", "收货最低剩余保质期比例", ge=0.1, le=0.95,
            help_en="The supplier's value goes first.", help_zh="供应商设定优先。")  # fmt: skip
        near_days: dict[int, Days] = setting(
            lambda: {365: 45, 180: 20, 90: 15, 30: 10, 16: 5, 0: 1}, "Near-expiry days by total life", "按总保质期的临期天数", unit="d",
            help_en="From this many days of total life on.", help_zh="键为总保质期天数下限。")  # fmt: skip
        pull_days: int = setting(1, "Pulled before the last day", "到期前下架天数", unit="d", ge=0, le=30)
        fresh_pick: float = setting(0.3, "Customers who take the newest", "拿取最新批次的顾客比例", ge=0, le=1)
        check_at: list[Clock] = setting(lambda: ["open+30", "14:00"], "Times of the check lists", "检查清单时间",
            help_en="Store times; `open` and `close` with minutes before or after.",
            help_zh="门店时间；open、close 可加减分钟。")  # fmt: skip
        checks_max: int = setting(40, "Lines on a list", "清单最多行数", ge=1, le=500)
        unknown_age: int = setting(30, "Stock without a date is checked every", "无日期库存检查周期", unit="d", ge=1, le=365)

    def start(self):
        self._arm(self.now - MOMENT)

    # What is there

    @on("inventory.movement")
    def moved(self, event):
        if event.get("state", "booked") != "booked" or (event["kind"] == "transfer" and event.get("to") in ("shelf", "backroom")):
            return
        kind, qty, ledger = event["kind"], event["qty"], self.workers.optimise.batch_ledger
        item = self._item(event["gtin"])
        if kind == "receive":
            yield from self._receive(item, event, event.get("accepted", qty))
            return
        own = ledger.find(item["batches"], event.get("lot"), event.get("expiry"))
        if kind == "count" and own:
            own["qty"] = qty
        elif kind == "count":
            ledger.count(item["batches"], qty)
        elif kind == "waste" or qty < 0:
            rest = ledger.take([own], abs(qty)) if own else abs(qty)
            ledger.take(ledger.by_age(item["batches"]), rest)
        else:
            ledger.receive(item["batches"], self._batch(item, event, qty))
        yield from self._near(item)

    @on("pos.sale")
    def sold(self, event):
        if event.get("kind", "sale") not in ("sale", "return"):
            return
        today, ledger = self.store.hours.store_day(event.time), self.workers.optimise.batch_ledger
        for line in event["lines"]:
            item = self._item(line["gtin"])
            by_kg = (self.tables.products.get(line["gtin"]) or {}).get("unit") == "kg" and line.get("weight_g") is not None
            qty = line["weight_g"] / 1000 if by_kg else abs(line["qty"])
            dated = self.workers.gs1.dated.read(line, today)
            own = ledger.find(item["batches"], line.get("lot") or dated.lot, dated.expiry)
            if event.get("kind", "sale") == "return" or line["qty"] < 0:
                for batch in [own] if own else ledger.by_age(item["batches"])[-1:]:
                    batch["qty"] += qty
                continue
            rest = ledger.take([own], qty) if own else qty
            ledger.sell(item["batches"], rest, self.config.fresh_pick)
            yield from self._expired(line["gtin"], dated.expiry or (own or {}).get("expiry"), event)

    @on("scanner.code?")
    def scanned(self, event):
        today = self.store.hours.store_day(event.time)
        dated = self.workers.gs1.dated.read(event.data, today)
        if dated.gtin is None or dated.expiry is None:
            return
        if event.get("till") or not event.get("staff"):
            yield from self._expired(dated.gtin, dated.expiry, event)
        if event.get("till"):
            return
        item, ledger = self._item(dated.gtin), self.workers.optimise.batch_ledger
        if ledger.find(item["batches"], dated.lot, dated.expiry):
            return
        undated = next((one for one in item["batches"] if one["expiry"] is None and one["qty"] > 0), None)
        seen = {"lot": dated.lot, "expiry": dated.expiry, "made": dated.made}
        if undated is None:
            item["coming"] = seen
            return
        qty = min(undated["qty"], undated["qty"] if dated.units is None else dated.units)
        undated["qty"] -= qty
        item["batches"] = [one for one in item["batches"] if one["expiry"] or one["qty"] > 0]
        ledger.receive(item["batches"], self._batch(item, seen, qty))
        yield from self._near(item)

    def _receive(self, item, event, qty):
        """Goods-in: the share of life that is left decides, then the rotation."""
        today, ledger = self.store.hours.store_day(event.time), self.workers.optimise.batch_ledger
        coming = item.pop("coming", None) if not event.get("expiry") else None
        batch = self._batch(item, {**(coming or {}), **{key: value for key, value in event.data.items() if value is not None}}, qty)
        product = self.tables.products.get(item["gtin"]) or {}
        least = self._least(event.get("supplier") or product.get("supplier"))
        if batch["expiry"] and batch["life"]:
            share = ledger.left_share(batch["expiry"], batch["life"], today)
            if share < least:
                self.kpi.add("refused_deliveries")
                self._day("refused_deliveries")
                text = self.say(f"Refuse: {share:.1%} of its life left", f"拒收：剩余保质期 {share:.1%}")
                yield self._alert("refuse_delivery", "warn", item, event, text, value=round(share, 4), limit=least)
                return
        if ledger.receive(item["batches"], batch):
            text = self.say(f"Expires {batch['expiry']}, before stock on hand", f"到期日 {batch['expiry']} 早于在库批次")
            yield self._alert("reversed_rotation", "info", item, event, text)
        yield from self._near(item)

    def _batch(self, item, data, qty):
        """A new batch from what a movement or code says of it."""
        expiry, days = data.get("expiry"), (self.tables.products.get(item["gtin"]) or {}).get("shelf_days")
        today = self.store.hours.store_day(self.now)
        life = self.workers.optimise.batch_ledger.life(days, data.get("made"), expiry)
        since = None if expiry else today.isoformat()
        return {"lot": data.get("lot"), "expiry": expiry, "qty": qty, "life": life, "in": today.isoformat(), "checked": since}

    def _least(self, supplier):
        row = (self.tables.suppliers.get(supplier) if supplier else None) or {}
        percent = row.get("min_remaining_shelf_pct")
        return row.get("receive_share", self.config.receive_share if percent is None else percent / 100)

    def _expired(self, gtin, expiry, event):
        if expiry and expiry < self.store.hours.store_day(event.time).isoformat():
            self.kpi.add("expired_on_shelf")
            self._day("expired_on_shelf")
            text = self.say(f"Expired on {expiry}: do not sell", f"已于 {expiry} 过期，不得售卖")
            yield self._alert("expired_sale", "critical", self._item(gtin), event, text, till=event.get("till"))

    # The day

    @every("1d", at="00:00")
    def new_day(self, due):
        if not self.timers.get("check", "next"):
            self._arm(due.time - MOMENT)
        for name in self._items():
            yield from self._near(self.state[name])

    @timer("check")
    def check(self, due):
        self._arm(due.time)
        hours = self.store.hours
        if self.workers.optimise.rounds.following(hours, self.config.check_at, due.time - MOMENT) != due.time:
            return
        today = hours.store_day(due.time)
        last = (today + timedelta(days=self.config.pull_days)).isoformat()
        lines = []
        for item in [self.state[name] for name in self._items()]:
            cost = (self.tables.products.get(item["gtin"]) or {}).get("cost") or 0
            for batch in item["batches"]:
                if batch["qty"] > 1e-6 and batch["expiry"] and batch["expiry"] <= last:
                    yield from self._pull(item, batch, due.time)
                elif due_on := self._due_on(batch, today):
                    lines.append((due_on, -batch["qty"] * cost, item["gtin"], batch["lot"] or "", item, batch))
        lines.sort(key=lambda line: line[:4])
        yield from self._list([line[4:] for line in lines[: self.config.checks_max]], due.time)

    def _due_on(self, batch, today):
        """The date that a batch is listed by, None where it is not to be checked."""
        if batch.get("pull"):
            return None
        if batch["expiry"]:
            return batch["expiry"]
        known = batch.get("checked") or today.isoformat()
        again = date.fromisoformat(known) + timedelta(days=self.config.unknown_age)
        return today.isoformat() if again <= today else None

    def _pull(self, item, batch, at):
        if batch.get("pull"):
            return
        batch["pull"] = f"pull-{item['gtin']}-{batch['lot'] or batch['expiry']}-{at:%Y%m%dT%H%M}"
        self.state[f"task:{batch['pull']}"] = {"kind": "pull", "lines": [self._line(item, batch)]}
        yield self._task("pull", batch["pull"], [(item, batch)], 1, self.store.hours.next_close(at),
                         self.say(f"Take off the shelf: {self._name(item)}", f"下架：{self._name(item)}"))  # fmt: skip

    def _list(self, lines, at):
        """The check list; an emptied batch was on it for the last time."""
        if not lines:
            return
        task = f"check-{self.store.hours.local(at):%Y%m%dT%H%M}"
        self.state[f"task:{task}"] = {"kind": "check", "at": stamp(at), "lines": [self._line(item, batch) for item, batch in lines]}
        title = self.say(f"Check dates (lines: {len(lines)})", f"检查保质期：{len(lines)} 行")
        yield self._task("check", task, lines, 3, self.timers.get("check", "next"), title)
        for item, batch in lines:
            if batch["expiry"] is None:
                batch["checked"] = self.store.hours.store_day(at).isoformat()
            if batch["qty"] <= 1e-6:
                item["batches"].remove(batch)

    def _near(self, item):
        """Batches that have entered their near days are offered to markdown, once."""
        today, ledger = self.store.hours.store_day(self.now), self.workers.optimise.batch_ledger
        for batch in item["batches"]:
            if not batch["expiry"] or batch.get("near") or batch["qty"] <= 1e-6:
                continue
            life = batch["life"]
            if life is None:
                life = (date.fromisoformat(batch["expiry"]) - date.fromisoformat(batch.get("in", today.isoformat()))).days
            if today >= date.fromisoformat(batch["expiry"]) - timedelta(days=ledger.near_days(self.config.near_days, life)):
                batch["near"] = True
                self._day("near_batches")
                task = f"markdown-{item['gtin']}-{batch['lot'] or batch['expiry']}"
                yield self._task("markdown", task, [(item, batch)], 3, None,
                                 self.say(f"Mark down {self._name(item)}", f"临期降价：{self._name(item)}"))  # fmt: skip

    # Answers

    @on("task.done")
    def done(self, event):
        name, values = f"task:{event['task']}", event.get("values") or {}
        if name not in self.state or event["state"] in ("accepted", "approved"):
            return
        task = self.state.pop(name)
        answers = values.get("counted") if event["state"] == "done" else None
        for line in task["lines"]:
            item = self._item(line["gtin"])
            batch = self.workers.optimise.batch_ledger.find(item["batches"], line["lot"], line["expiry"])
            found = _counted(answers, line, len(task["lines"]))
            if task["kind"] == "pull":
                yield from self._pulled(item, batch, line, found, values)
            else:
                self._checked(item, batch or self._undated(item, line), line, found)
        for gtin, expiry in (values.get("dates") or {}).items():
            item = self._item(gtin)
            if (undated := self._undated(item, {"expiry": None})) is not None:
                undated["expiry"] = expiry
                yield from self._near(item)

    def _pulled(self, item, batch, line, found, values):
        if found is None:
            if batch:
                batch.pop("pull", None)
            return
        item["batches"] = [one for one in item["batches"] if one is not batch]
        self._expired_units(line, found)
        product = self.tables.products.get(item["gtin"]) or {}
        supplier = (product.get("supplier") and self.tables.suppliers.get(product["supplier"])) or {}
        back = values["kind"] == "return" if values.get("kind") in ("return", "waste") else bool(supplier.get("consigned"))
        if not back:
            self.kpi.add("waste_value", round(found * (product.get("cost") or 0)))
            self._day("waste_units", found)
        if found > 0:
            yield out("inventory.movement", {"from": "shelf"}, kind="return" if back else "waste", gtin=item["gtin"],
                      qty=-found if back else found, lot=line["lot"], expiry=line["expiry"], cost=product.get("cost"),
                      supplier=product.get("supplier") if back else None, reason="expiry", state="booked")  # fmt: skip

    def _checked(self, item, batch, line, found):
        if found is None:
            return
        if batch is None and found > 0:
            batch = {**line, "qty": 0, "checked": None, "in": self.store.hours.store_day(self.now).isoformat()}
            batch.pop("gtin")
            item["batches"].append(batch)
        if batch is not None:
            batch["qty"] = found
        self._expired_units(line, found)
        self.kpi.share("checks_per_find", 1, found > 0 and bool(batch and batch.get("near")))

    def _expired_units(self, line, found):
        if line["expiry"] and line["expiry"] < self.store.hours.store_day(self.now).isoformat():
            self.kpi.add("expired_on_shelf", found)
            self._day("expired_on_shelf", found)

    @every("1d", at="close")
    def report(self, due):
        """The day's sums; check lists without an answer for a day lapse."""
        for name in [key for key in self.state if key.startswith("task:")]:
            task = self.state[name]
            if task["kind"] == "check" and task["at"] <= stamp(due.time - DAY):
                del self.state[name]
        day, held = self.state.pop("day", {}), [batch for name in self._items() for batch in self.state[name]["batches"]]
        if not day and not held:
            return
        opens = self.store.hours.day(self.store.hours.ended_day(due.time))
        parts = [{"name": "batches", "value": sum(batch["qty"] > 1e-6 for batch in held)}]
        parts += [{"name": name, "value": value} for name, value in sorted(day.items())]
        yield out("score.report", {"from": opens[0] if opens else due.time - DAY, "to": due.time}, scheme="expiry_rotation",
                  subject_kind="store", subject=self.store.id, parts=parts)  # fmt: skip

    # Words

    def _task(self, kind, task, lines, priority, due, title):
        items = []
        for item, batch in lines:
            place = next(iter(self.workers.optimise.planned.slots(self.tables.planogram, item["gtin"])), {})
            qty = round(batch["qty"], 2)
            items.append({"gtin": item["gtin"], "qty": int(qty) if qty == int(qty) else qty,
                          "note": " ".join(part for part in (batch["lot"], batch["expiry"]) if part) or "?",
                          **({"from": place["slot"]} if place else {})})  # fmt: skip
        places = {(row["fixture"], row.get("zone")) for item, _ in lines
                  for row in self.workers.optimise.planned.slots(self.tables.planogram, item["gtin"])}  # fmt: skip
        fixture, zone = places.pop() if len(places) == 1 else (None, None)
        return out("task.create", task=task, kind=kind, title=title, priority=priority, due=due, items=items, fixture=fixture, zone=zone,
                   evidence="none" if kind == "markdown" else "count")  # fmt: skip

    def _alert(self, kind, severity, item, event, text, **more):
        return out("alert.raise", alert=f"{kind}-{item['gtin']}-{event.time:%Y%m%dT%H%M%S}", kind=kind, severity=severity, state="open",
                   subject=item["gtin"], text=f"{self._name(item)}: {text}", ref=event.ref, **more)  # fmt: skip

    def _arm(self, at):
        following = self.workers.optimise.rounds.following(self.store.hours, self.config.check_at, at)
        if following:
            self.timers.set("check", "next", following)

    def _item(self, gtin):
        written = (self.tables.products.get(gtin) or {}).get("gtin", gtin)
        return self.state.setdefault(f"item:{self.workers.gs1.item_key(gtin)}", {"gtin": written, "batches": []})

    def _items(self):
        return [key for key in self.state if key.startswith("item:")]

    def _line(self, item, batch):
        return {"gtin": item["gtin"], "lot": batch["lot"], "expiry": batch["expiry"], "life": batch["life"]}

    def _undated(self, item, line):
        return next((one for one in item["batches"] if one["expiry"] is None), None) if line["expiry"] is None else None

    def _name(self, item):
        return (self.tables.products.get(item["gtin"]) or {}).get("name", item["gtin"])

    def _day(self, name, amount=1):
        day = self.state.setdefault("day", {})
        day[name] = day.get(name, 0) + amount


def _counted(answers, line, lines):
    """The answer to a line: by its lot, date or item, or the one number of a list of one line."""
    if isinstance(answers, dict):
        return next((answers[key] for key in (line["lot"], line["expiry"], line["gtin"]) if key in answers), None)
    return answers if lines == 1 else None
