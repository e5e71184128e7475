"""Weight-sensing shelf: a scale under each slot counts its pieces, so that it is refilled in time and a swept hook is noticed at once.

Items and least pieces are the planogram's, unit weights `products.weight_g` until puts of known numbers teach better ones. `fixtures.slots`
({slot, tare_g, division_g}) gives the weight of the empty slot, else 0, and the scale's division, else 5 g. A known put is a `task.done`
with `values.filled` ({gtin: units}, or the units) or `values.qty`, or a receipt or transfer that goes to this slot, its fixture or the
shelf; it may be told up to half an hour before or after the scale shows it. A tidied slot is counted as `values.counted` says, else by its
weight.

High-value shelves are those whose product is `high_loss`. No camera, no person: units without a receipt are a daily sum an item.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

TIDY_AFTER = timedelta(minutes=5)
TILL_WITHIN = timedelta(minutes=60)
PUT_WITHIN = timedelta(minutes=30)
KNOWN_PUT = 5
DIVISION_G = 5


class WeightSensingShelf(Solution):
    number = 98
    zh, en = "称重感应智能货架", "Weight-sensing shelf"
    purpose_zh = "按重量实时清点贵重、细小或散装商品的件数，到最低量即派补货任务，发现异物与整排扫货，无需摄像头。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("shelf.state", "task.create", "alert.raise", "inventory.snapshot", "score.report")
    adapters = ("scale|sensor",)
    reads = ("planogram", "products", "fixtures")
    kpis = {
        "count_certainty": kpi("%", "Readings that are sure", "计数确定率"),
        "refill_time": kpi("min", "Time from low to refilled", "补货用时"),
        "untilled_units": kpi("count", "Units taken without a receipt", "未过收银件数"),
        "sweeps": kpi("count", "Sweeps", "扫货次数"),
    }
    kinds = {
        "fill_shelf": ("Refill a slot", "补货上架"),
        "tidy_shelf": ("Tidy a slot", "整理货位"),
        "sweep": ("Many units taken at once", "短时大量取货"),
        "changed_pack": ("Unit weight has changed", "商品单重变化"),
        "cell_fault": ("Load cell faulty", "称重传感器故障"),
    }

    class Config(SolutionConfig):
        stable: float = setting(1.5, "Time until a reading is stable", "读数稳定时间", unit="s", ge=0.3, le=10,
            help_en="A reading that the scale does not flag stable counts once unchanged within one division this long.",
            help_zh="未标记稳定的读数，在一个分度内保持此时长后才有效。")  # fmt: skip
        tolerance: float = setting(0.15, "Residual of a sure change", "确定变化的残差", ge=0.02, le=0.45,
            help_en="In unit weights.", help_zh="以单件重量为单位。")  # fmt: skip
        learn: float = setting(0.05, "Weight of a new unit-weight estimate", "单重学习权重", ge=0, le=0.5)
        learn_limit: float = setting(0.02, "Farthest estimate that is learnt", "单重学习上限", ge=0, le=0.2,
            help_en="As a share of the unit weight; farther is reported as a changed pack.",
            help_zh="占单重的比例；超出则报告包装变化。")  # fmt: skip
        zero_track: int = setting(20, "Empty-slot drift that is zeroed", "零点跟踪范围", unit="g", ge=0, le=200,
            help_en="Beyond it the load cell is faulty.", help_zh="超出则视为传感器故障。")  # fmt: skip
        min_units: int = setting(4, "Units at which a slot is refilled", "补货点件数", unit="each", ge=0, le=500,
            help_en="At or below; the planogram's value goes first.", help_zh="等于或低于即补货；陈列图数值优先。")  # fmt: skip
        sweep_units: int = setting(5, "Units that are a sweep", "扫货件数", unit="each", ge=2, le=100,
            help_en="Taken net within the sweep window.", help_zh="在扫货时间窗内净取走的件数。")  # fmt: skip
        sweep_window: int = setting(10, "Sweep window", "扫货时间窗", unit="s", ge=2, le=120)

    @on("shelf.weight")
    def weighed(self, event):
        fixture, place = event["fixture"], event["slot"]
        name = f"slot:{fixture}/{place}"
        row = next((row for row in self.tables.planogram.rows(fixture=fixture) if row["slot"] == place), {})
        gtin = row.get("gtin") or event.get("gtin")
        if gtin is None:
            return
        slot = self.state.get(name)
        if slot is None or self.workers.gs1.item_key(slot["gtin"]) != self.workers.gs1.item_key(gtin):
            self._forget(name)
            slot = self.state[name] = {"gtin": gtin, "fixture": fixture, "slot": place, "read": rfc3339(event.time)}
        if event.time < parse_time(slot["read"]):
            return
        division = self._fitting(slot).get("division_g", DIVISION_G)
        settling = slot.get("weight") is not None and abs(event["weight_g"] - slot["weight"]) <= division
        slot["read"] = rfc3339(event.time)
        if event["stable"]:
            self.timers.cancel("settled", name)
            slot["weight"] = event["weight_g"]
            yield from self._count(name, slot, event.time)
        elif not settling or self.timers.get("settled", name) is None:
            slot["weight"] = event["weight_g"]
            self.timers.set("settled", name, event.time + timedelta(seconds=self.config.stable))

    @timer("settled")
    def settled(self, due):
        if slot := self.state.get(due.key):
            yield from self._count(due.key, slot, due.time)

    @on("task.done?")
    def done(self, event):
        """A refill tells the number that was put; a tidied slot is counted anew."""
        values, task = event.get("values") or {}, event["task"]
        if event["state"] != "done":
            return
        name = next((key for key in self._slots() if task in (self.state[key].get("refill"), self.state[key].get("tidy"))), None)
        if name and self.state[name].get("tidy") == task:
            yield from self._tidied(name, values.get("counted"), event.time)
            return
        filled = values.get("filled", values.get("qty"))
        if isinstance(filled, dict):
            for gtin, qty in filled.items():
                if found := name if name and self._is_of(name, gtin) else next((k for k in self._slots() if self._is_of(k, gtin)), None):
                    yield from self._known(found, qty, event.time)
        elif name and filled is not None:
            yield from self._known(name, filled, event.time)

    @on("inventory.movement?")
    def moved(self, event):
        if event["kind"] not in ("receive", "transfer") or event.get("state") == "proposed":
            return
        for name in [key for key in self._slots() if self._is_of(key, event["gtin"])]:
            slot = self.state[name]
            if event.get("to") in (slot["slot"], slot["fixture"], "shelf"):
                yield from self._known(name, event["qty"], event.time)
                return

    @on("pos.sale?")
    def sold(self, event):
        """Units at the till are taken off the takes of the hour before, oldest first."""
        for line in event["lines"] if event.get("kind", "sale") == "sale" else ():
            key = self.workers.gs1.item_key(line["gtin"])
            takes = self.state.get(f"takes:{key}", [])
            unit = next((self.state[k].get("unit") for k in self._slots() if self._is_of(k, key)), None)
            left = round(line["weight_g"] / unit) if line.get("weight_g") and unit else line["qty"]
            for take in [one for one in takes if timedelta() <= event.time - parse_time(one[0]) <= TILL_WITHIN]:
                part = min(left, take[1])
                take[1] -= part
                left -= part
            takes[:] = [one for one in takes if one[1] > 0]

    @timer("untilled")
    def not_at_the_till(self, due):
        takes = self.state.get(f"takes:{due.key}", [])
        gone = sum(units for at, units in takes if parse_time(at) + TILL_WITHIN <= due.time)
        takes[:] = [one for one in takes if parse_time(one[0]) + TILL_WITHIN > due.time]
        if gone:
            self.kpi.add("untilled_units", gone)
            day = self.state.setdefault("untilled", {})
            day[due.key] = day.get(due.key, 0) + gone
        if takes:
            self.timers.set("untilled", due.key, parse_time(takes[0][0]) + TILL_WITHIN)

    @timer("tidy")
    def still_ambiguous(self, due):
        slot = self.state.get(due.key)
        if slot and slot.get("since") and not slot.get("tidy"):
            slot["tidy"] = f"tidy-{slot['fixture']}-{slot['slot']}-{due.time:%Y%m%dT%H%M%S}"
            yield out("task.create", task=slot["tidy"], kind="tidy_shelf", priority=3, fixture=slot["fixture"], zone=self._zone(slot),
                      title=self.say(f"Tidy slot {slot['slot']}: foreign or mixed goods", f"整理货位 {slot['slot']}：异物或混放"),
                      items=[{"gtin": slot["gtin"], "to": slot["slot"]}], evidence="count")  # fmt: skip

    @every("1d", at="close")
    def report(self, due):
        untilled, sweeps = self.state.pop("untilled", {}), self.state.pop("sweeps", 0)
        if not any("count" in self.state[key] for key in self._slots()):
            return
        opens = self.store.hours.day(self.store.hours.ended_day(due.time))
        notes = [f"{key}: {units:g}" for key, units in sorted(untilled.items())]
        yield out("score.report", {"from": opens[0] if opens else due.time - timedelta(days=1), "to": due.time}, scheme="weight_shelf",
                  subject_kind="store", subject=self.store.id, notes=notes or None, parts=[
                      {"name": "untilled_units", "value": sum(untilled.values())}, {"name": "sweeps", "value": sweeps}])  # fmt: skip

    def _count(self, name, slot, at):
        """A stable weight: the first counts the slot, a later one is units taken or put since the last sure one, or none that is sure."""
        engine, weight, product = self.workers.optimise.weighed_slot, slot["weight"], self.tables.products.get(slot["gtin"]) or {}
        if "count" not in slot:
            if product.get("weight_g"):
                slot.update(engine.begin(weight, self._fitting(slot).get("tare_g", 0), product["weight_g"]))
                self.kpi.share("count_certainty", 1, 1)
                yield from self._told(name, slot, at, None)
            return
        known = slot.get("known")
        if known and at - parse_time(known["at"]) <= PUT_WITHIN and weight - slot["sure"] > known["qty"] * slot["unit"] / 2:
            del slot["known"]
            yield from self._put(name, slot, known["qty"], slot["sure"], slot["count"], at)
            return
        moved = engine.units(weight - slot["sure"], slot["unit"], self.config.tolerance)
        low = weight < slot["zero"] - self.config.zero_track and (moved is None or slot["count"] + moved <= 0)
        self.kpi.share("count_certainty", moved is not None and not low, 1)
        if low:
            yield from self._fault(slot, at, weight)
        elif moved is None:
            if not slot.get("since"):
                slot["since"] = rfc3339(at)
                self.timers.set("tidy", name, at + TIDY_AFTER)
        else:
            yield from self._sure(name, slot, moved, at)

    def _sure(self, name, slot, moved, at):
        before, weight = slot["count"], slot["weight"]
        if moved > 0:
            if not slot.get("put") or at - parse_time(slot["put"]["at"]) > PUT_WITHIN:
                slot["put"] = {"sure": slot["sure"], "count": before}
            slot["put"]["at"] = rfc3339(at)
        elif moved < 0:
            slot.pop("put", None)
        window = timedelta(seconds=self.config.sweep_window)
        net = self.workers.optimise.weighed_slot.move(slot, moved, weight, at, window)
        self._clear(name, slot)
        self._enter_take(slot, before - slot["count"], at)
        if moved < 0 and net >= self.config.sweep_units:
            slot["moves"] = []
            yield self._sweep(slot, net, at)
        yield from self._told(name, slot, at, before)

    def _sweep(self, slot, net, at):
        self.kpi.add("sweeps")
        self.state["sweeps"] = self.state.get("sweeps", 0) + 1
        dear = (self.tables.products.get(slot["gtin"]) or {}).get("high_loss")
        return out("alert.raise", alert=f"sweep-{slot['fixture']}-{slot['slot']}-{at:%Y%m%dT%H%M%S%f}", kind="sweep", state="open",
                   severity="critical" if dear else "warn", subject=slot["gtin"], asset=slot["fixture"], zone=self._zone(slot), value=net,
                   limit=self.config.sweep_units, unit="each", text=self.say(
                       f"{net} units taken at once from {slot['slot']}", f"货位 {slot['slot']} 短时取走 {net} 件"))  # fmt: skip

    def _enter_take(self, slot, taken, at):
        """Takes wait for their receipt; what is put back is taken off the latest of them."""
        key = self.workers.gs1.item_key(slot["gtin"])
        takes = self.state.setdefault(f"takes:{key}", [])
        if taken > 0:
            takes.append([rfc3339(at), taken])
            self.timers.set("untilled", key, parse_time(takes[0][0]) + TILL_WITHIN)
        back = -taken if 0 < -taken < KNOWN_PUT else 0
        while back > 0 and takes:
            part = min(back, takes[-1][1])
            takes[-1][1] -= part
            back -= part
            if takes[-1][1] <= 0:
                takes.pop()

    def _known(self, name, qty, at):
        """A put of a known number: the one that the scale has just shown, else the one that it will show."""
        slot = self.state[name]
        if qty < KNOWN_PUT or "count" not in slot:
            return
        put = slot.get("put")
        recent = put and at - parse_time(put["at"]) <= PUT_WITHIN
        base, count = (put["sure"], put["count"]) if recent else (slot["sure"], slot["count"])
        if slot["weight"] - base > qty * slot["unit"] / 2:
            yield from self._put(name, slot, round(qty), base, count, at)
        else:
            slot["known"] = {"qty": round(qty), "at": rfc3339(at)}

    def _put(self, name, slot, qty, base, count, at):
        change, before = slot["weight"] - base, slot["count"]
        config = self.config
        slot["unit"], off = self.workers.optimise.weighed_slot.learn(slot["unit"], change, qty, config.learn, config.learn_limit)
        slot["count"], slot["sure"] = count + qty, slot["weight"]
        slot.pop("put", None)
        self._clear(name, slot)
        self.kpi.share("count_certainty", 1, 1)
        if off > config.learn_limit + 1e-9:
            yield out("alert.raise", alert=f"pack-{slot['gtin']}-{at:%Y%m%d}", kind="changed_pack", severity="warn", state="open",
                      subject=slot["gtin"], asset=slot["fixture"], zone=self._zone(slot), value=round(change / qty, 1),
                      limit=round(slot["unit"], 1), unit="g", text=self.say(
                          f"A unit weighs {change / qty:.0f} g, {slot['unit']:.0f} g known",
                          f"单件重 {change / qty:.0f} 克，原为 {slot['unit']:.0f} 克"))  # fmt: skip
        yield from self._told(name, slot, at, before)

    def _tidied(self, name, counted, at):
        slot = self.state[name]
        slot.pop("tidy")
        if not slot.get("since"):
            return
        before = slot["count"]
        slot["count"] = max(0, round((slot["weight"] - slot["zero"]) / slot["unit"])) if counted is None else counted
        slot["sure"] = slot["weight"]
        self._clear(name, slot)
        yield from self._told(name, slot, at, before)

    def _told(self, name, slot, at, before):
        """The count for others, the slot's zero when empty, and the refill that its state asks for."""
        count = slot["count"]
        if before != count:
            held = sum(self.state[key].get("count", 0) for key in self._slots() if self._is_of(key, slot["gtin"]))
            yield out("inventory.snapshot", gtin=slot["gtin"], on_hand=held, location="shelf", counted=False)
        if count == 0:
            off = slot["weight"] - slot["zero"]
            if abs(off) > self.config.zero_track:
                yield from self._fault(slot, at, slot["weight"])
            else:
                slot["zero"] = slot["weight"]
        if slot.get("fault") and (count > 0 or slot["zero"] == slot["weight"]):
            yield self._cell(slot, slot.pop("fault"), "cleared", slot["weight"])
        state = "out" if count == 0 else "low" if count <= self._least(slot) else "ok"
        if state != slot.get("state", "ok"):
            yield out("shelf.state", gtin=slot["gtin"], fixture=slot["fixture"], slot=slot["slot"], state=state, by="weight",
                      confidence=1.0, qty=count, since=at)  # fmt: skip
        slot["state"] = state
        if state == "ok" and slot.get("low"):
            self.kpi.sample("refill_time", (at - parse_time(slot.pop("low"))).total_seconds() / 60)
            slot.pop("refill", None)
        elif state != "ok" and not slot.get("low"):
            slot["low"], slot["refill"] = rfc3339(at), f"refill-{slot['fixture']}-{slot['slot']}-{at:%Y%m%dT%H%M%S}"
            room = (self._row(slot).get("capacity") or 0) - count
            item = {"gtin": slot["gtin"], "to": slot["slot"], **({"qty": room} if room > 0 else {})}
            name = (self.tables.products.get(slot["gtin"]) or {}).get("name", slot["gtin"])
            yield out("task.create", task=slot["refill"], kind="fill_shelf", priority=2, fixture=slot["fixture"], zone=self._zone(slot),
                      title=self.say(f"Refill {name}: {count} left", f"补货 {name}：剩 {count} 件"), items=[item])  # fmt: skip

    def _fault(self, slot, at, weight):
        if not slot.get("fault"):
            slot["fault"] = f"cell-{slot['fixture']}-{slot['slot']}-{at:%Y%m%dT%H%M%S}"
            yield self._cell(slot, slot["fault"], "open", weight)

    def _cell(self, slot, alert, state, weight):
        return out("alert.raise", alert=alert, kind="cell_fault", severity="warn", state=state, subject=slot["slot"],
                   asset=slot["fixture"], zone=self._zone(slot), value=round(weight - slot["zero"], 1), limit=self.config.zero_track,
                   unit="g", text=self.say(
                       f"Load cell of {slot['slot']}: empty slot off zero", f"货位 {slot['slot']} 空载偏离零点"))  # fmt: skip

    def _clear(self, name, slot):
        slot.pop("since", None)
        self.timers.cancel("tidy", name)

    def _forget(self, name):
        self.state.pop(name, None)
        self.timers.cancel("tidy", name)
        self.timers.cancel("settled", name)

    def _slots(self):
        return [key for key in self.state if key.startswith("slot:")]

    def _is_of(self, name, gtin):
        return self.workers.gs1.item_key(self.state[name]["gtin"]) == self.workers.gs1.item_key(gtin)

    def _row(self, slot):
        return next((row for row in self.tables.planogram.rows(fixture=slot["fixture"]) if row["slot"] == slot["slot"]), {})

    def _least(self, slot):
        least = self._row(slot).get("min_qty")
        return self.config.min_units if least is None else least

    def _fitting(self, slot):
        slots = (self.tables.fixtures.get(slot["fixture"]) or {}).get("slots")
        return next((one for one in slots if one.get("slot") == slot["slot"]), {}) if isinstance(slots, list) else {}

    def _zone(self, slot):
        return self._row(slot).get("zone") or (self.tables.fixtures.get(slot["fixture"]) or {}).get("zone")
