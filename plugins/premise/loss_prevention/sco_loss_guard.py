"""Self-checkout loss guard: compares what the camera sees pass with what was scanned, lets honest customers correct themselves and calls
staff only for the rest.

A lane is a till with rows of `zones` named tray, scan and bag (a word of the name, else of the zone's id) under it as `parent`; its camera
is the one that these rows name. Goods are recognised among the enrolled items of the shop `products`, or of the camera's setting `shop`.
`weigh` and `key` lines register goods as `item` does and pair too. The camera is lost as soon as two seconds of an open receipt bring no
frame. Goods put back from bag to tray and bagged again need no second scan unless they were voided. Points stay when staff have been
(`task.done`), so that a further verdict calls them again. An alert ends with its receipt. A case is a call for staff; it was a false alarm
when the task is rejected, or its values say `false_alarm`, `confirmed: false` or `loss: 0`. What was weighed is compared by its price per
kg with goods that are sold so, by what it came to with others.

Limits: an item counts by its first candidate, what was never enrolled has none and scores nothing. Privacy: tracks and candidates of the
open receipt alone, all deleted at its end; no face, no frame. `clip` names the stretch of the lane camera that a recorder may keep, people
blurred, for `clip_keep_h`.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

LOST_S = 2.0
CLIP = timedelta(seconds=5)
SHOP = "products"
GOODS = ("item", "weigh", "key")
SETTLED = ("done", "approved", "rejected", "failed", "cancelled")
Weight = Annotated[int, Field(ge=0, le=100)]


class Points(SolutionConfig):
    missed_scan: Weight = setting(40, "Bagged without a scan", "漏扫", unit="points")
    label_switch: Weight = setting(60, "Cheaper label scanned", "换标", unit="points")
    void_after_bag: Weight = setting(30, "Voided but kept in the bag", "装袋后取消", unit="points")


class ScoLossGuard(Solution):
    number = 161
    zh, en = "自助收银AI防损", "Self-checkout loss guard"
    purpose_zh = "比对摄像头所见与实际扫码，让诚实顾客自行更正，其余才呼叫员工。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("vision.item", "vision.incident", "kiosk.show", "alert.raise", "task.create")
    adapters = ("camera", "kiosk?")
    reads = ("products", "prices", "zones")
    kpis = {
        "cases_found": kpi("count", "Cases found", "发现案件"),
        "recovered_amount": kpi("minor", "Recovered", "挽回金额"),
        "false_alarm_rate": kpi("%", "False alarms", "误报率"),
        "observed_receipts": kpi("%", "Receipts observed", "全程可见小票占比"),
    }
    kinds = {"sco_help": ("Self-checkout needs staff", "自助收银需员工核对")}
    load = "vision"

    class Config(SolutionConfig):
        match_s: float = setting(4, "Transfer and scan this close may be one item", "匹配时差", unit="s", ge=1, le=15)
        top_k: int = setting(5, "Candidates among which a scanned item may be", "候选商品数", ge=1, le=20)
        switch_score: float = setting(0.8, "Score that may dispute a scan", "质疑扫码的最低分", ge=0.5, le=0.99,
            help_en="Least recognition score of the best candidate.", help_zh="首位候选的最低识别分。")  # fmt: skip
        switch_price_ratio: float = setting(3, "Price ratio of a switched label", "换标价格倍数", ge=1.2, le=50,
            help_en="Recognised price over scanned price.", help_zh="识别商品价格与扫码价格之比。")  # fmt: skip
        points: Points = setting(Points, "Weight of each verdict", "各判定分值", unit="points")
        nudge_at: int = setting(40, "The kiosk asks to check", "提示顾客核对", unit="points", ge=1, le=200)
        help_at: int = setting(80, "The kiosk pauses, staff are called", "暂停并呼叫员工", unit="points", ge=1, le=300)
        correction_s: int = setting(15, "Time to scan what was missed", "补扫时限", unit="s", ge=0, le=60,
            help_en="A late scan within this time takes its points back.", help_zh="在此时间内补扫即扣回分值。")  # fmt: skip
        value_floor: int = setting(300, "Cheaper items score nothing", "计分最低价", unit="minor", ge=0, le=100000)
        clip_keep_h: int = setting(72, "Evidence clip kept", "证据片段保留", unit="h", ge=1, le=720,
            help_en="How long a blurred evidence clip is kept.", help_zh="模糊处理后的证据片段保留时长。")  # fmt: skip

    @on("camera.frame")
    def look(self, event):
        till, places = self._lane_of(event["camera"])
        last = self.state.get(f"frame|{till}")
        if till is None or (last is not None and event.time < parse_time(last)):
            return
        if f"lane|{till}" in self.state:
            self._is_observed(till, event.time)
            self.state[f"lane|{till}"]["camera"] = event["camera"]
        self.state[f"frame|{till}"] = plain(event.time)
        view = self.workers.vision.view(event.data, event.time)
        for track, move in self._follow(till, view, places):
            yield from self._bagged(till, view, track) if move == "transfer" else self._taken_out(till, view, track)

    @on("pos.scan")
    def scanned(self, event):
        till, kind = event["till"], event["kind"]
        lane = self.state.get(f"lane|{till}")
        if not self._is_lane(till) or (lane is None and kind not in (*GOODS, "void")):
            return
        if lane and lane["receipt"] not in (None, event["receipt"]):
            yield from self._end(till, event.time)
        lane = self._open(till, event.time)
        lane["receipt"] = event["receipt"]
        if event["seq"] in lane["seqs"]:
            return
        lane["seqs"].append(event["seq"])
        lane["scans"] = [one for one in lane["scans"] if self.now.timestamp() - one["t_s"] <= self.config.match_s]
        if kind == "end":
            yield from self._end(till, event.time)
        elif kind == "void":
            self._voided(till, lane, event)
        elif kind in GOODS:
            yield from self._registered(till, lane, event)

    @on("kiosk.event?")
    def customer(self, event):
        till, session, lane = event["kiosk"], event["session"], self.state.get(f"lane|{event['kiosk']}")
        if not self._is_lane(till):
            return
        if event["kind"] in ("end", "timeout"):
            if lane and lane["session"] in (None, session):
                yield from self._end(till, event.time)
        elif event["kind"] in ("start", "login", "scan"):
            if lane and lane["session"] not in (None, session):
                yield from self._end(till, event.time)
            self._open(till, event.time)["session"] = session

    @on("task.done")
    def helped(self, event):
        task = self.state.get(f"task|{event['task']}")
        if task is None or event["state"] not in SETTLED:
            return
        del self.state[f"task|{event['task']}"]
        values, lane = event.get("values") or {}, self.state.get(f"lane|{task['till']}")
        doubt = values.get("false_alarm") or values.get("confirmed") is False or values.get("loss") == 0
        self.kpi.share("false_alarm_rate", int(event["state"] == "rejected" or bool(doubt)), 1)
        if lane and lane["receipt"] == task["receipt"]:
            lane["paused"] = False
        yield out("kiosk.show", kiosk=task["till"], screen="scan", session=task["session"], resume=True)

    @timer("unscanned")
    def unscanned(self, due):
        till, _, number = due.key.rpartition("|")
        lane = self.state.get(f"lane|{till}")
        transfer = lane and self.workers.checkout.lane.taken(lane["transfers"], n=int(number))
        if transfer and transfer["candidates"]:
            gtin = transfer["candidates"][0][0]
            found = yield from self._verdict(till, lane, "missed_scan", gtin, self._price(gtin), due.time, transfer)
            if found:
                lane["missed"].append(found)

    @timer("kept")
    def kept_in_bag(self, due):
        till, _, number = due.key.rpartition("|")
        lane = self.state.get(f"lane|{till}")
        void = lane and self.workers.checkout.lane.taken(lane["voids"], n=int(number))
        if void:
            yield from self._verdict(till, lane, "void_after_bag", void["gtin"], void["price"], due.time, void)

    def _follow(self, till, view, places):
        """The tracks of goods that moved between tray and bag in this frame, with what they were seen to be."""
        from storeloom.workers.checkout.goods import NOT_GOODS

        engine = self.workers.checkout.passage
        things = [thing for thing in view.observation.objects if thing.track is not None and thing.cls not in NOT_GOODS]
        known = engine.entered(self.state.get(f"tracks|{till}", {}), view.camera, things, view.t_s)
        entries = [known[f"{view.camera}|{thing.track}"] for thing in things]
        roles = [engine.role_at(places, thing) for thing in things]
        looked = [number for number, entry in enumerate(entries) if engine.worth_a_look(entry, roles[number])]
        shop, boxes = self._camera_settings(view.camera).get("shop", SHOP), [things[number].box for number in looked]
        for number, ranking in zip(looked, view.items(boxes, shop, engine.CANDIDATES) if boxes else (), strict=True):
            seen = () if ranking.reason == "unlike_all" else ranking.candidates
            engine.recognised(entries[number], [(self._written(gtin), score) for gtin, score in seen])
        moves = []
        for entry, role in zip(entries, roles, strict=True):
            entry["settled"], move = engine.moved(entry["settled"], role)
            if move:
                moves.append((dict(entry), move))
        self.state[f"tracks|{till}"] = known
        return moves

    def _bagged(self, till, view, track):
        lane = self._open(till, view.time)
        yield self._item(till, lane, track, "bag")
        if self.workers.checkout.lane.taken(lane["returns"], camera=track["camera"], track=track["track"]):
            return
        lane["n"] += 1
        transfer = track | {"n": lane["n"]}
        found = self._partner(lane["scans"], transfer)
        if found is None:
            lane["transfers"].append(transfer)
            self._alarm("unscanned", till, transfer)
        else:
            yield from self._compare(till, lane, lane["scans"].pop(found), transfer, view.time)

    def _taken_out(self, till, view, track):
        lane = self._open(till, view.time)
        yield self._item(till, lane, track, "tray")
        if self.workers.checkout.lane.taken(lane["transfers"], camera=track["camera"], track=track["track"]):
            return
        void = self._partner(lane["voids"], track)
        if void is None:
            lane["returns"].append(track)
        else:
            lane["voids"].pop(void)

    def _registered(self, till, lane, event):
        """Pair a scan with a transfer that may be it, else take it for the correction of a missed one, else pair it with the oldest."""
        rules, gtin, t_s = self.workers.checkout.lane, self._written(event.get("gtin")), event.time.timestamp()
        price = self._price(gtin, event.get("price"))
        scan = {"t_s": t_s, "gtin": gtin, "line": event.get("line"), "price": price, "weight_g": event.get("weight_g")}
        if event.get("line") is not None:
            lane["lines"][str(event["line"])] = {"gtin": gtin, "price": price}
        for _ in range(rules.units(event)):
            found = self._partner(lane["transfers"], scan)
            sure = found is not None and rules.same(lane["transfers"][found], scan, self.config.top_k)
            missed = None if sure else self._missed(lane, gtin, event.time)
            if missed:
                yield self._refund(lane, missed, event.time)
            elif found is not None:
                yield from self._compare(till, lane, scan, lane["transfers"].pop(found), event.time)
            else:
                lane["scans"].append(dict(scan))

    def _voided(self, till, lane, event):
        """Wait for the goods of a voided line to be taken out; of one whose scan waits for its goods still, nothing was bagged."""
        line = lane["lines"].get(str(event.get("line"))) or {"gtin": self._written(event.get("gtin")), "price": event.get("price")}
        lane["n"] += 1
        void = {"t_s": event.time.timestamp(), "gtin": line["gtin"], "price": self._price(line["gtin"], line["price"]), "n": lane["n"],
            "camera": lane["camera"]}  # fmt: skip
        if self.workers.checkout.lane.taken(lane["scans"], gtin=line["gtin"], line=event.get("line")):
            return
        found = self._partner(lane["returns"], void)
        if found is not None:
            lane["returns"].pop(found)
        else:
            lane["voids"].append(void)
            self._alarm("kept", till, void)

    def _partner(self, waiting, own):
        return self.workers.checkout.lane.partner(waiting, own, self.config.match_s, self.config.top_k)

    def _compare(self, till, lane, scan, transfer, at):
        """A pair of scan and transfer: whether the label belongs to what was seen."""
        rules, candidates, config = self.workers.checkout.lane, transfer["candidates"], self.config
        if not candidates or scan["gtin"] is None or rules.same(transfer, scan, config.top_k):
            return
        gtin, score = candidates[0]
        price, paid = self._price(gtin), scan["price"]
        if score < config.switch_score - 1e-9 or price is None or paid is None:
            return
        if scan["weight_g"] and not self._by_weight(gtin):
            paid = self.workers.pricing.line_amount(paid, weight_g=scan["weight_g"])
        if rules.is_switched(price, paid, config.switch_price_ratio):
            yield from self._verdict(till, lane, "label_switch", gtin, price, at, transfer)

    def _verdict(self, till, lane, kind, gtin, price, at, what):
        """Add a verdict's points; what was found, None where nothing may be: the receipt was not observed, or the item is cheap."""
        if not self._is_observed(till, at) or price is None or price < self.config.value_floor:
            return None
        seen, points = _at(what["t_s"]), getattr(self.config.points, kind)
        lane["found"] += 1
        name = f"{kind}-{till}-{lane['receipt'] or plain(lane['started'])}-{lane['found']}"
        found = {"incident": name, "kind": kind, "gtin": gtin, "value": price, "points": points, "at": plain(at), "started": plain(seen)}
        lane["points"] += points
        lane["items"].append({"gtin": gtin, "qty": 1, "note": kind})
        yield out("vision.incident", incident=name, kind=kind, state="open", started=seen, camera=what.get("camera"),
            track=what.get("track"), item=gtin, score=self._score(what, gtin), severity="warn", clip=self._clip(what, seen, at), till=till,
            receipt=lane["receipt"])  # fmt: skip
        yield from self._respond(till, lane, at, name)
        return found

    def _respond(self, till, lane, at, incident):
        if lane["paused"]:
            return
        if lane["points"] >= self.config.help_at:
            lane |= {"paused": True, "nudged": True, "helps": lane["helps"] + 1}
            yield from self._call(till, lane, at, incident)
        elif lane["points"] >= self.config.nudge_at and not lane["nudged"]:
            lane["nudged"] = True
            text = self.say("Please check that everything in your bag was scanned.", "请核对袋中商品是否都已扫码，谢谢。")
            yield out("kiosk.show", kiosk=till, screen="check_items", session=lane["session"], text=text)

    def _call(self, till, lane, at, incident):
        self.kpi.add("cases_found")
        number = "" if lane["helps"] == 1 else f"-{lane['helps']}"
        name, ref = f"sco-{till}-{lane['receipt'] or plain(lane['started'])}{number}", {"stream": "vision.incident", "id": incident}
        title = self.say(f"Please help at {till}", f"请到 {till} 协助核对")
        rows = [row for row in self._rows() if row.get("parent") == till]
        zone = next((one.zone for one in self.devices.get("kiosk", ()) if one.id == till), None) or rows[0]["zone"]
        self.state[f"task|{name}-task"] = {"till": till, "receipt": lane["receipt"], "session": lane["session"]}
        lane["alerts"].append(name)
        wait = self.say("One moment please, a colleague is coming to help.", "请稍候，员工马上来协助您。")
        yield out("kiosk.show", kiosk=till, screen="wait_for_staff", session=lane["session"], text=wait, resume=False)
        yield out("alert.raise", alert=name, kind="sco_help", severity="high", state="open", subject=lane["receipt"] or till, till=till,
            zone=zone, text=title, value=lane["points"], limit=self.config.help_at, unit="points", ref=ref)  # fmt: skip
        yield out("task.create", task=f"{name}-task", kind="sco_help", title=title, priority=1, zone=zone, role="sco_attendant",
            items=list(lane["items"]), values={"till": till, "receipt": lane["receipt"], "points": lane["points"]}, ref=ref)  # fmt: skip

    def _missed(self, lane, gtin, at):
        """The oldest missed item of this gtin that may still be corrected."""
        limit = timedelta(seconds=self.config.correction_s)
        return next((one for one in lane["missed"] if one["gtin"] == gtin and at - parse_time(one["at"]) <= limit), None)

    def _refund(self, lane, missed, at):
        lane["missed"].remove(missed)
        lane["points"] = max(0, lane["points"] - missed["points"])
        lane["items"].remove({"gtin": missed["gtin"], "qty": 1, "note": missed["kind"]})
        self.kpi.add("recovered_amount", missed["value"])
        return out("vision.incident", incident=missed["incident"], kind=missed["kind"], state="closed", started=missed["started"], ended=at,
            item=missed["gtin"], severity="info", receipt=lane["receipt"])  # fmt: skip

    def _open(self, till, at):
        empty = {"receipt": None, "session": None, "camera": None, "started": plain(at), "lost": False, "n": 0, "found": 0,
            "points": 0, "nudged": False, "paused": False, "helps": 0, "seqs": [], "transfers": [], "scans": [], "lines": {},
            "missed": [], "voids": [], "returns": [], "items": [], "alerts": []}  # fmt: skip
        return self.state.setdefault(f"lane|{till}", empty)

    def _end(self, till, at):
        """Forget a receipt; a call that staff have not answered yet still pauses its kiosk."""
        lane = self.state[f"lane|{till}"]
        if lane["receipt"] is not None:
            self.kpi.share("observed_receipts", int(self._is_observed(till, at)), 1)
        for key in (f"lane|{till}", f"tracks|{till}"):
            self.state.pop(key, None)
        for name in lane["alerts"]:
            yield out("alert.raise", alert=name, kind="sco_help", severity="high", state="cleared", subject=lane["receipt"] or till,
                till=till, text=self.say(f"{till}: receipt ended", f"{till}：交易已结束"))  # fmt: skip

    def _is_observed(self, till, at):
        """Whether no frame of the open receipt is missing up to now; once lost, it stays so until the receipt ends."""
        lane = self.state[f"lane|{till}"]
        since = max(parse_time(lane["started"]), parse_time(self.state.get(f"frame|{till}", lane["started"])))
        lane["lost"] = lane["lost"] or (at - since).total_seconds() > LOST_S
        return not lane["lost"]

    def _alarm(self, name, till, waiting):
        due = _at(waiting["t_s"]) + timedelta(seconds=self.config.match_s)
        self.timers.set(name, f"{till}|{waiting['n']}", max(self.now, due))

    def _item(self, till, lane, track, kind):
        candidates = [{"gtin": gtin, "score": score} for gtin, score in track["candidates"][: self.config.top_k]]
        return out("vision.item", camera=track["camera"], candidates=candidates, kind=kind, till=till, track=track["track"],
            box=track["box"], session=lane["session"], qty=1)  # fmt: skip

    def _clip(self, what, seen, at):
        from storeloom.workers.vision.evidence import clip

        until = at + timedelta(hours=self.config.clip_keep_h)
        return clip(what["camera"], seen - CLIP, at, until=until) if what.get("camera") else None

    def _score(self, what, gtin):
        return next((score for candidate, score in what.get("candidates", ()) if candidate == gtin), None)

    def _rows(self):
        return self.workers.checkout.lane.rows_of(self.tables.zones.rows())

    def _is_lane(self, till):
        return any(row["parent"] == till for row in self._rows())

    def _lane_of(self, camera):
        return self.workers.checkout.lane.watched(camera, self._rows(), self._camera_settings(camera).get("till"))

    def _camera_settings(self, camera):
        return next((one.settings for one in self.devices.get("camera", ()) if one.id == camera), {})

    def _written(self, gtin):
        """A gtin as the products table writes it."""
        return gtin and (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _price(self, gtin, charged=None):
        """The price on the shelf, else what the till charged."""
        pricing, product = self.workers.pricing, gtin and self.tables.products.get(gtin)
        if not gtin:
            return charged
        products = pricing.index_products([product]) if product else {}
        book = pricing.PriceBook(self.tables.prices.rows(gtin=gtin), products=products, zone=self.store.hours.zone)
        try:
            return book.lookup(gtin, self.now).price
        except pricing.UnpricedItem:
            return charged

    def _by_weight(self, gtin):
        product = self.tables.products.get(gtin) or {}
        return bool(product.get("weighed")) or product.get("unit") == "kg"


def _at(t_s):
    return datetime.fromtimestamp(t_s, UTC)
