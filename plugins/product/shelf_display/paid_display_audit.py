"""Paid display proof: slot by slot that an endcap or pile stood as contracted, and the fee that is due for the days that it did.

A contract is a row of `promotions` of kind `display`, unless its `approved` is false. Its days are those on which the store opens between
`from` and `to` (which is not in it); a contract that has begun is settled even where its row goes. A frame is clear when it is bright and
sharp and people hide at most 15 % of it; every clear frame of a camera of the fixture's zone counts, at most one in 5 s (of others one a
second is looked at), and so do all facings of the items in it: a camera should see one display of an item. Goods are recognised among the
enrolled items of the shop `products`, or of the camera's setting `shop`.

A photo is accepted when its task is done with one or approved, until it is rejected; it proves an unproven day, not a failed one. Only
days that failed one after the other are in a row, an unproven day ends it. The fee is settled when the contract ends, or when the time of
the last photo that is asked for is over.

Evidence of each slot is the first clear frame and the first that shows the display: a thumbnail with people hidden, kept in this
solution's picture folder until 90 days after the contract, its SHA-256 in `vision.item`. Of a scene it is the hash of what was seen.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.vision import display_proof

LOOK, LOOK_AGAIN = timedelta(seconds=5), timedelta(seconds=1)
KEPT = timedelta(days=90)
DAY = timedelta(days=1)
SHOP = "products"


class PaidDisplayAudit(Solution):
    number = 121
    zh, en = "端架堆头陈列费核销", "Paid display proof and settlement"
    purpose_zh = "逐时段证明付费端架或堆头按合同陈列，并算出应付费用，终结供应商与门店的照片争议。"
    formats = ("supermarket", "convenience")
    produces = ("vision.item", "score.report", "task.create", "alert.raise")
    adapters = ("camera",)
    reads = ("promotions", "suppliers", "fixtures", "products", "zones")
    load = "vision"
    kpis = {
        "display_compliance": kpi("%", "Display compliance", "陈列合规率"),
        "fee_due": kpi("currency", "Fee due", "应付陈列费"),
        "fee_withheld": kpi("currency", "Fee withheld", "扣减陈列费"),
        "unproven_days": kpi("count", "Unproven days", "未能证明天数"),
    }
    kinds = {
        "display_photo": ("Take a photo of a paid display", "补拍付费陈列"),
        "display_failing": ("Paid display fails", "付费陈列不达标"),
    }

    class Config(SolutionConfig):
        slot_min: int = setting(60, "One proof slot", "取证时段", unit="min", ge=10, le=240, effect="reload",
            help_en="In opening hours.", help_zh="按营业时间划分。")  # fmt: skip
        min_facings: int = setting(12, "Facings that count as a display", "视为陈列的排面", ge=1, le=200,
            help_en="Where the contract says nothing.", help_zh="合同未约定时。")  # fmt: skip
        day_pass_pct: float = setting(80, "Compliant slots that pass a day", "当日合格时段占比", unit="%", ge=50, le=100,
            help_en="Share of the known slots.", help_zh="占已看清时段的比例。")  # fmt: skip
        max_unknown_pct: float = setting(40, "Most unseen slots", "未看清时段上限", unit="%", ge=0, le=100,
            help_en="More leave the day unproven.", help_zh="超过则当日未能证明。")  # fmt: skip
        photo_h: int = setting(24, "Time for a staff photo to prove a day", "补拍照片时限", unit="h", ge=1, le=72)
        alert_days: int = setting(2, "Failed days in a row that warn both sides", "连续不合格预警天数", unit="d", ge=1, le=14)
        min_confidence: float = setting(0.75, "Pack recognition threshold", "商品识别阈值", ge=0.5, le=0.99)

    def start(self):
        self._enrol()

    @on_table("promotions")
    def contracts_changed(self, table):
        self._enrol()

    @on("camera.frame")
    def look(self, event):
        span = self.store.hours.span(event.time)
        cases = [one for one in self._watched_by(event["camera"]) if self._slots(one[1], self._day_of(span))] if span else []
        today = self._day_of(span) if span else None
        wanted = []
        for promo, contract in cases:
            slot = str((event.time - self._slots(contract, today)[0]) // timedelta(minutes=self.config.slot_min))
            inside = parse_time(contract["from"]) <= event.time < parse_time(contract["to"])
            if inside and not self.state.get(f"day:{promo}|{today}", {}).get("slots", {}).get(slot):
                wanted.append((promo, contract, slot))
        following = self.state.get(f"look:{event['camera']}")
        if not wanted or (following and timedelta(0) < parse_time(following) - event.time <= LOOK):
            return
        view = self.workers.vision.view(event.data, event.time)
        clear = display_proof.is_clear(view)
        self.state[f"look:{event['camera']}"] = rfc3339(event.time + (LOOK if clear else LOOK_AGAIN))
        if not clear:
            return
        shop = next((one.settings.get("shop") for one in self.devices.get("camera", ()) if one.id == view.camera), None) or SHOP
        keys = {key for _, contract, _ in wanted for key in contract["items"]}
        seen = display_proof.facings(view, keys, shop, self.config.min_confidence)
        for promo, contract, slot in wanted:
            own = {key: seen[key] for key in contract["items"] if key in seen}
            count = sum(facings for facings, _ in own.values())
            day = self.state.setdefault(f"day:{promo}|{today}", {"slots": {}, "told": None, "photo": False})
            enough = count >= (contract["facings"] or self.config.min_facings)
            if slot not in day["slots"] or enough:
                day["slots"][slot] = enough
                candidates = [{"gtin": self._written(key), "score": own[key][1]} for key in sorted(own)]
                yield out("vision.item", camera=view.camera, kind="read", fixture=contract["fixture"], qty=count, candidates=candidates,
                          promo=promo, evidence=self._evidence(view, f"{promo}-{today}-{slot}", contract, own))  # fmt: skip
                if day["told"]:
                    yield from self._judge(promo, contract, today)

    @every("1d", at="close")
    def closing(self, due):
        today = self.store.hours.ended_day(due.time)
        for promo, contract in self._contracts():
            if self._slots(contract, today):
                self.state.setdefault(f"day:{promo}|{today}", {"slots": {}, "told": None, "photo": False})
                yield from self._judge(promo, contract, today)

    def _judge(self, promo, contract, today):
        """Tell a day's state, also anew when a late event changes it, and ask for a photo of one that is unproven."""
        day, config = self.state[f"day:{promo}|{today}"], self.config
        opens, closes, slots = self._slots(contract, today)
        found = display_proof.day(day["slots"], slots, config.day_pass_pct, config.max_unknown_pct)
        state = "passed" if found.state == "unproven" and day["photo"] else found.state
        told = {"good": found.good, "known": found.known, "state": state}
        before = day["told"] or {"good": 0, "known": 0, "state": None}
        if told == day["told"]:
            return
        day["told"] = told
        self.kpi.share("display_compliance", found.good - before["good"], found.known - before["known"])
        if day.get("counted", False) != (lost := state == "unproven" and "until" in day and self.now > parse_time(day["until"])):
            day["counted"] = lost
            self.kpi.add("unproven_days", 1 if lost else -1)
        parts = {"slots": slots, "compliant": found.good, "failed": found.known - found.good, "unknown": slots - found.known}
        yield self._report(promo, contract, opens, closes, 100 * found.good / found.known if found.known else None, parts,
                           {"state": state, "day": today.isoformat()})  # fmt: skip
        if state == "unproven" and "task" not in day:
            task, until = f"photo-{promo}-{today}", closes + timedelta(hours=config.photo_h)
            day |= {"task": task, "until": rfc3339(until)}
            self.state[f"task:{task}"] = {"promo": promo, "day": today.isoformat()}
            self.timers.set("photo", task, until)
            title = self.say(f"Photo of the paid display at {contract['fixture']}", f"补拍 {contract['fixture']} 付费陈列照片")
            yield out("task.create", task=task, kind="display_photo", title=title, priority=2, zone=contract["zone"], due=until,
                      fixture=contract["fixture"], evidence="photo", items=[{"gtin": self._written(key)} for key in contract["items"]],
                      values={"promo": promo, "day": today, "facings": contract["facings"] or config.min_facings})  # fmt: skip
        yield from self._watch(promo, contract)

    @on("task.done?")
    def photographed(self, event):
        asked = self.state.get(f"task:{event['task']}")
        contract = self.state.get(f"contract:{asked['promo']}") if asked else None
        if contract is None:
            return
        day = self.state[f"day:{asked['promo']}|{asked['day']}"]
        if event["state"] in ("rejected", "failed"):
            day["photo"] = False
        elif event["state"] == "approved" or (event["state"] == "done" and event.get("photos")):
            day["photo"] = day["photo"] or event.time <= parse_time(day["until"])
        yield from self._judge(asked["promo"], contract, date.fromisoformat(asked["day"]))

    @timer("photo")
    def photo_missing(self, due):
        asked = self.state.get(f"task:{due.key}")
        day = self.state[f"day:{asked['promo']}|{asked['day']}"] if asked else None
        if day and day["told"]["state"] == "unproven":
            day["counted"] = True
            self.kpi.add("unproven_days")

    @timer("settle")
    def settle(self, due):
        """The fee that is due, once no photo can come any more."""
        promo = due.key
        contract, names = self.state[f"contract:{promo}"], sorted(name for name in self.state if name.startswith(f"day:{promo}|"))
        waiting = [self.state[name]["until"] for name in names if (self.state[name].get("told") or {}).get("state") == "unproven"]
        latest = max((parse_time(until) for until in waiting), default=due.time)
        if latest > due.time:
            self.timers.set("settle", promo, latest + timedelta(seconds=1))
            return
        states = [(self.state[name]["told"] or {}).get("state") for name in names]
        passed, days = states.count("passed"), len(self._days(contract))
        owed = display_proof.fee_due(contract["fee"], passed, days)
        self.kpi.add("fee_due", owed)
        self.kpi.add("fee_withheld", contract["fee"] - owed)
        failed = states.count("failed")
        parts = {"fee": contract["fee"], "fee_due": owed, "fee_withheld": contract["fee"] - owed, "contract_days": days,
                 "passed_days": passed, "failed_days": failed, "unproven_days": days - passed - failed}  # fmt: skip
        if contract["alert"]:
            yield self._alert(promo, contract, 0, False)
        for name in names:
            self.state.pop(f"task:{self.state.pop(name).get('task')}", None)
        del self.state[f"contract:{promo}"]
        self.state["settled"].append(promo)
        yield self._report(promo, contract, parse_time(contract["from"]), due.time, 100 * passed / days if days else None, parts,
                           {"state": "settled"})  # fmt: skip

    def _watch(self, promo, contract):
        """Failed days in a row are told once, and told to be over when the display stands again."""
        days = [self.state.get(f"day:{promo}|{day}", {}).get("told") for day in self._days(contract)]
        run = 0
        for told in days:
            run = run if told is None else run + 1 if told["state"] == "failed" else 0
        if (run >= self.config.alert_days) != contract["alert"]:
            yield self._alert(promo, contract, run, not contract["alert"])

    def _alert(self, promo, contract, run, bad):
        contract["alert"], supplier, fixture = bad, contract["supplier"], contract["fixture"]
        who = (self.tables.suppliers.get(supplier or "") or {}).get("name", supplier or promo)
        text = (f"{who}: display at {fixture} failed {run} days in a row", f"{who}：{fixture} 陈列连续 {run} 天不合格")
        over = (f"{who}: display at {fixture} fails no more", f"{who}：{fixture} 陈列预警解除")
        return out("alert.raise", alert=f"display_failing-{promo}", kind="display_failing", severity="warn", subject=supplier or promo,
                   state="open" if bad else "cleared", zone=contract["zone"], asset=fixture, text=self.say(*(text if bad else over)),
                   value=run, limit=self.config.alert_days, unit="d", promo=promo)  # fmt: skip

    def _enrol(self):
        """Take in the contracts of the table; one that has begun stays even where its row goes."""
        hours, rows = self.store.hours, {}
        for row in self.tables.promotions.all_rows():
            if row.get("kind") == "display" and row.get("fixture") and row.get("gtins") and row.get("approved") is not False:
                rows[row["promo"]] = row
        for promo, contract in self._contracts():
            if promo not in rows and parse_time(contract["from"]) > self.now:
                del self.state[f"contract:{promo}"]
                self.timers.cancel("settle", promo)
        settled = self.state["settled"] = [promo for promo in self.state.get("settled", ()) if promo in rows]
        for promo in sorted(rows.keys() - set(settled)):
            row, known = rows[promo], self.state.get(f"contract:{promo}")
            zone = (self.tables.fixtures.get(row["fixture"]) or {}).get("zone") or row.get("zone")
            contract = display_proof.contract_of(row, zone, hours, known, self.now)
            if contract is None:
                continue
            self.state[f"contract:{promo}"] = contract
            last = max((hours.day(day)[1] for day in self._days(contract)), default=self.now)
            self.timers.set("settle", promo, max(parse_time(contract["to"]), last + timedelta(seconds=1), self.now))

    def _contracts(self):
        return [(name[9:], self.state[name]) for name in sorted(self.state) if name.startswith("contract:")]

    def _watched_by(self, camera):
        zones = self.tables.zones
        return [one for one in self._contracts() if any(
            view.get("camera") == camera for view in (zones.get(one[1]["zone"] or "") or {}).get("cameras") or ())]  # fmt: skip

    def _days(self, contract):
        return display_proof.contract_days(contract, self.store.hours)

    def _slots(self, contract, day):
        return display_proof.slots_of(contract, self.store.hours, day, self.config.slot_min)

    def _day_of(self, span):
        return self.store.hours.store_day(span[0])

    def _evidence(self, view, name, contract, own):
        """The hash of what proves a slot, and the name of the thumbnail."""
        data, digest = display_proof.evidence(view, name, own)
        if data is None:
            return {"sha256": digest}
        self.pictures.keep(f"{name}.jpg", data, purpose="paid display proof", delete_by=parse_time(contract["to"]) + KEPT)
        return {"sha256": digest, "thumbnail": f"{name}.jpg"}

    def _report(self, promo, contract, begin, end, score, parts, labels):
        told = [{"name": name, "value": value} for name, value in parts.items()]
        who = {"supplier": contract["supplier"]} if contract["supplier"] else {}
        return out("score.report", {"from": begin, "to": end}, scheme="paid_display_audit", subject_kind="promotion", subject=promo,
                   score=score, parts=told, labels={**labels, "fixture": contract["fixture"], **who})  # fmt: skip

    def _written(self, key):
        return (self.tables.products.get(key) or {}).get("gtin", key)
