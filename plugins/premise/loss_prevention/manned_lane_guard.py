"""Manned-lane missed-scan guard: counts goods carried past the scanner against pieces rung, finds staff who skip scans, refunds without a
customer and goods left under the trolley.

A lane is a till with rows of `zones` named belt, bag, customer and lower_deck under it as `parent`; its cameras are those that the rows
name. A piece put back from bag to belt takes its pass back, a voided line its pieces. Passes up to half a minute before the first scan
belong to that receipt; one without goods, or that is voided whole, says nothing. A parked receipt goes on where it stopped when it is
recalled. A void counts whether the till tells it as a scan, as an exception, or as both. Where the camera lost frames over 2 s around a
refund, nobody can say that no customer was there. The cart of the customer before does not count against the next one.

One receipt is no case: a miss now and then is human, and the sequential test weighs many. Cases, tasks and the daily score name a cashier
by a number that is given once; the staff number is told when a reviewer, who is not the cashier, accepts the case's task (`task.done`,
which the row does not name, also brings its outcome). Of pictures only the names of stretches to keep go out, people blurred.
"""

from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

ROLES = ("belt", "bag", "customer", "lower_deck")
ALIKE = {"belt": "tray", "bag": "bag"}
LOST_S, LEAD_S, KEPT_S = 2.0, 30.0, 1800.0
GOODS, REFUNDS = ("item", "weigh", "key"), ("return", "void_line", "void_receipt")
CLIP, CASE_KEPT = timedelta(seconds=5), timedelta(days=90)
ROUNDING = 1e-9
SETTLED = ("done", "approved", "rejected", "failed")


class MannedLaneGuard(Solution):
    number = 162
    zh, en = "人工收银飞单识别", "Manned-lane missed-scan guard"
    purpose_zh = "比对越过扫描器的商品件数与实际录入件数，发现漏扫的收银员、无顾客在场的退款和购物车底层遗漏的商品。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("vision.count", "vision.incident", "alert.raise", "task.create", "score.report")
    adapters = ("camera",)
    reads = ("products", "staff", "zones")
    load = "vision"
    kpis = {
        "missed_pieces_per_1000": kpi("count", "Missed pieces per 1,000", "每千件漏扫件数"),
        "cases_opened": kpi("count", "Cases opened", "立案数"),
        "cases_confirmed": kpi("%", "Cases confirmed", "案件确认率"),
        "lower_deck_saves": kpi("count", "Lower deck saves", "车底商品挽回次数"),
    }
    kinds = {"lane_case": ("Missed scans to review", "疑似飞单待复核"), "lower_deck": ("Goods under the trolley", "购物车底层有商品")}

    class Config(SolutionConfig):
        diff_min: float = setting(2, "Passes over scans that mark a receipt", "标记小票的件数差", unit="pieces", ge=1, le=10,
            help_en="After the lane's own camera error is taken off.", help_zh="扣除该通道摄像头固有误差之后。")  # fmt: skip
        p_honest: float = setting(0.01, "Share marked of an honest cashier", "诚实收银员被标记比例", ge=0.001, le=0.1)
        p_suspect: float = setting(0.05, "Share marked that is worth a case", "值得立案的被标记比例", ge=0.01, le=0.5,
            help_en="Must exceed that of an honest cashier.", help_zh="须大于诚实收银员的比例。")  # fmt: skip
        alpha: float = setting(0.01, "Chance of a case on an honest cashier", "误立案概率", ge=0.0001, le=0.1)
        beta: float = setting(0.10, "Chance to miss a suspect one", "漏案概率", ge=0.01, le=0.5)
        bias_weight: float = setting(0.05, "How fast the camera's error is learned", "通道误差学习权重", ge=0, le=0.5,
            help_en="Weight of a receipt that is off by at most one piece.", help_zh="原始差不超过一件的小票所占权重。")  # fmt: skip
        presence_s: int = setting(10, "A customer must be seen around a refund", "退款前后须见到顾客的时长", unit="s", ge=2, le=60)
        bulky_category: str = setting("bulky", "Category that may lie on the lower deck", "可放购物车底层的品类", min_length=1)
        clip_keep_h: int = setting(168, "Case clip kept", "案件片段保留", unit="h", ge=1, le=720,
            help_en="How long a blurred clip of a case is kept.", help_zh="案件的模糊片段保留时长。")  # fmt: skip

    @on("camera.frame")
    def look(self, event):
        till, places = self._seen_by(event["camera"])
        if till is None:
            return
        seen = self.state.setdefault(f"watch|{till}|{event['camera']}", {"frames": [], "guests": []})
        view = self.workers.vision.view(event.data, event.time)
        if seen["frames"] and view.t_s < seen["frames"][-1][1]:
            return
        spans = self.workers.checkout.sightings
        spans.extend(seen["frames"], view.t_s, LOST_S, KEPT_S)
        if self._guest_seen(till, view, places):
            spans.extend(seen["guests"], view.t_s, LOST_S, KEPT_S)
        self._follow(till, view, places)

    @on("pos.scan")
    def scanned(self, event):
        till, kind, receipt = event["till"], event["kind"], event["receipt"]
        if till not in self._tills() or self.state.get(f"ended|{till}") == receipt:
            return
        lane = self._lane(till)
        if lane["receipt"] not in (None, receipt):
            yield from self._end(till, event.time)
        lane = self._begin(till, receipt, event.time)
        if event["seq"] in lane["seqs"]:
            return
        lane["seqs"].append(event["seq"])
        lane["cashier"] = event.get("cashier") or lane["cashier"]
        if kind in GOODS:
            yield from self._rung(till, lane, event)
        elif kind == "void":
            self._take_back(lane, event)
            self._refund(till, "void_line", event)
        elif kind == "tender":
            yield from self._tendered(till, lane)
        elif kind == "park":
            yield from self._park(till, lane, event.time)
        elif kind == "end":
            yield from self._end(till, event.time)

    @on("pos.exception?")
    def exception(self, event):
        till, kind = event["till"], event["kind"]
        if till not in self._tills() or kind not in REFUNDS:
            return
        self._refund(till, kind, event)
        lane = self.state.get(f"lane|{till}")
        if lane is None or lane["receipt"] is None or event.get("receipt") != lane["receipt"]:
            return
        if kind == "void_receipt":
            yield from self._end(till, event.time, judged=False)
        elif kind == "void_line" and event.get("line") is not None:
            self._take_back(lane, event)

    @timer("refund")
    def nobody_there(self, due):
        """The time around a refund is over: was the customer's side in sight throughout, and empty?"""
        refund, spans = self.state.pop(due.key), self.workers.checkout.sightings
        till, t_s, around = refund["till"], refund["t_s"], self.config.presence_s
        views = self._views(till, ("customer",))
        cameras = [camera for camera, seen in views if spans.covers(seen["frames"], t_s - around, t_s + around, LOST_S)]
        if not cameras or len(cameras) < len(views) or any(spans.touches(seen["guests"], t_s - around, t_s + around) for _, seen in views):
            return None
        zone = next(row["zone"] for row in self._rows() if row["parent"] == till and self._role(row) == "customer")
        return out("vision.incident", incident=f"ghost_refund-{till}-{refund['id']}", kind="ghost_refund", state="open",
            started=_at(t_s), zone=zone, camera=cameras[0], severity="high", till=till, receipt=refund["receipt"], count=1,
            clip=self._clip(cameras[0], t_s - around, t_s + around), ref=refund["ref"])  # fmt: skip

    @on("task.done?")
    def reviewed(self, event):
        """A reviewer opens a case, then decides it; a cashier cannot review their own."""
        case = self.state.get(f"case|{event['task']}")
        if case is None or event["staff"] == case["cashier"] or event["state"] not in ("accepted", *SETTLED):
            return
        if not case["named"]:
            case["named"] = True
            labels = {"case": event["task"], "cashier": case["name"], "class": "opened"}
            yield out("score.report", {"from": parse_time(case["from"]), "to": parse_time(case["to"])}, scheme="manned_lane",
                subject_kind="staff", subject=case["cashier"], score=case["score"], parts=case["parts"], labels=labels)  # fmt: skip
        if event["state"] in SETTLED:
            del self.state[f"case|{event['task']}"]
            values = event.get("values") or {}
            doubt = values.get("false_alarm") or values.get("confirmed") is False or values.get("loss") == 0
            self.kpi.share("cases_confirmed", int(event["state"] in ("done", "approved") and not doubt), 1)

    @every("1d", at="close")
    def closed(self, due):
        """The day's standing of each cashier by number; those who have left, and cases that nobody reviewed, are forgotten."""
        day = self.store.hours.ended_day(due.time)
        start = self.store.hours.midnight(day)
        for key in sorted(key for key in self.state if key.startswith("parked|")):
            if _at(self.state[key]["started_s"]) < start:
                del self.state[key]
        for key in [key for key in self.state if key.startswith("case|")]:
            if due.time - parse_time(self.state[key]["to"]) > max(CASE_KEPT, timedelta(hours=self.config.clip_keep_h)):
                del self.state[key]
        for key in sorted(key for key in self.state if key.startswith("cashier|")):
            entry, person = self.state[key], self.tables.staff.get(key.removeprefix("cashier|")) or {}
            if entry["day"]["receipts"]:
                yield out("score.report", {"from": start, "to": due.time}, scheme="manned_lane", subject_kind="staff",
                    subject=entry["name"], score=round(entry["s"], 6), parts=_parts(entry["day"]))  # fmt: skip
            entry["day"] = dict.fromkeys(entry["day"], 0)
            if person.get("left") and str(person["left"]) < day.isoformat():
                del self.state[key]

    def _follow(self, till, view, places):
        """Count goods that went from the belt into the bag, or back, and keep in mind what lies on the lower deck."""
        from storeloom.workers.checkout.goods import NOT_GOODS

        engine, lane = self.workers.checkout.passage, self._lane(till)
        things = [thing for thing in view.observation.objects if thing.track is not None and thing.cls not in NOT_GOODS]
        known = engine.entered(self.state.get(f"tracks|{till}", {}), view.camera, things, view.t_s)
        for thing in things:
            entry, role = known[f"{view.camera}|{thing.track}"], engine.role_at(places, thing)
            entry["settled"], move = engine.moved(entry["settled"], ALIKE.get(role))
            if move == "transfer":
                lane["passes"] = [one for one in lane["passes"] if lane["receipt"] or view.t_s - one <= LEAD_S] + [view.t_s]
                lane["camera"] = view.camera
            elif move == "return":
                lane["returns"].append(view.t_s)
            elif role == "lower_deck" and entry.setdefault("deck", lane["n"]) == lane["n"]:
                lane["deck"] = {"camera": view.camera, "zone": next(place.zone for name, place in places if name == role)}
        self.state[f"tracks|{till}"] = known

    def _guest_seen(self, till, view, places):
        from storeloom.workers.vision.algorithms.placed import staff_of, tracked

        people, key = tracked(view), f"staff|{till}|{view.camera}"
        staff = staff_of(view, people, tuple(self._settings(view.camera).get("uniform", ())), self.state.get(key, {}))
        if staff or key in self.state:
            self.state[key] = staff
        side = [(role, place) for role, place in places if role == "customer"]
        guests = [person for person in view.observation.of("person") if person.track not in staff]
        at = self.workers.checkout.passage.role_at
        return any(at(side, person) or any(place.holds(person) for _, place in side) for person in guests)

    def _rung(self, till, lane, event):
        engine, gtin = self.workers.checkout, self._written(event.get("gtin"))
        product, count = (gtin and self.tables.products.get(gtin)) or {}, engine.lane.pieces(event)
        bulky = product.get("category") == self.config.bulky_category
        engine.manned_lane.ring(lane, str(event.get("line") or f"seq {event['seq']}"), count, gtin, bulky)
        if bulky and count and lane["alert"]:
            self.kpi.add("lower_deck_saves")
            yield self._deck_alert(till, lane, "cleared")

    def _take_back(self, lane, event):
        line = None if event.get("line") is None else str(event["line"])
        self.workers.checkout.manned_lane.void(lane, line, self._written(event.get("gtin")))

    def _refund(self, till, kind, event):
        """Look again once the time around a refund is over; of one void told twice, once."""
        t_s = event.time.timestamp()
        for key in [key for key in self.state if key.startswith(f"refund|{till}|")]:
            other = self.state[key]
            lines = {other["line"], event.get("line")}
            near = abs(other["t_s"] - t_s) <= self.config.presence_s and other["receipt"] == event.get("receipt")
            if near and other["kind"] == kind and (len(lines) == 1 or None in lines):
                return
        self.state["refunds"] = self.state.get("refunds", 0) + 1
        number = self.state["refunds"]
        key = f"refund|{till}|{number}"
        self.state[key] = {"till": till, "kind": kind, "t_s": t_s, "receipt": event.get("receipt"), "line": event.get("line"),
            "id": f"{plain(event.time)}-{number}", "ref": event.ref}  # fmt: skip
        self.timers.set("refund", key, max(self.now, event.time + timedelta(seconds=self.config.presence_s)))

    def _tendered(self, till, lane):
        if lane["deck"] and not lane["alert"] and not self.workers.checkout.manned_lane.has_bulky(lane):
            lane["alert"] = f"lower_deck-{till}-{lane['receipt']}"
            yield self._deck_alert(till, lane, "open")

    def _deck_alert(self, till, lane, state):
        text = self.say("Please look at the lower deck of the trolley before taking payment.", "收款前请查看购物车底层是否有商品。")
        name = lane["alert"]
        if state == "cleared":
            lane["alert"], text = None, self.say(f"{till}: lower deck settled", f"{till}：车底商品已处理")
        return out("alert.raise", alert=name, kind="lower_deck", severity="high", state=state, subject=lane["receipt"], till=till,
            zone=lane["deck"]["zone"], text=text)  # fmt: skip

    def _end(self, till, at, judged=True):
        """Forget a receipt; what was seen and rung is compared where the camera missed nothing."""
        engine, lane = self.workers.checkout.manned_lane, self.state[f"lane|{till}"]
        self.state[f"ended|{till}"], self.state[f"lane|{till}"] = lane["receipt"], engine.waiting(lane["n"] + 1)
        if lane["alert"]:
            yield self._deck_alert(till, lane, "cleared")
        counted = engine.counted(lane)
        if judged and counted and self._observed(till, lane, at):
            yield from self._judged(till, lane, at, *counted)

    def _judged(self, till, lane, at, passes, scans):
        engine, raw, bias = self.workers.checkout.manned_lane, passes - scans, self.state.get(f"bias|{till}", 0.0)
        self.state[f"bias|{till}"] = engine.learned(bias, raw, self.config.bias_weight)
        diff = raw - bias
        marked = diff >= self.config.diff_min - ROUNDING
        self.kpi.share("missed_pieces_per_1000", 1000 * diff if marked else 0, passes)
        window = {"in": len(lane["passes"]), "out": len(lane["returns"]), "from": _at(lane["started_s"]), "to": at}
        yield out("vision.count", {"class": "product"} | window, line=till, camera=lane["camera"])
        if lane["cashier"] is not None:
            seen = {"receipt": lane["receipt"], "till": till, "from_s": lane["started_s"], "to_s": at.timestamp(), "passes": passes,
                "scans": scans, "diff": round(diff, 3), "camera": lane["camera"]}  # fmt: skip
            yield from self._weigh(lane["cashier"], seen, marked, at)

    def _weigh(self, cashier, seen, marked, at):
        """The cashier's test after one more receipt; a decision either way begins it anew."""
        engine, config, key = self.workers.checkout.manned_lane, self.config, f"cashier|{cashier}"
        if key not in self.state:
            self.state["numbers"] = self.state.get("numbers", 0) + 1
            self.state[key] = engine.under_test(f"cashier-{self.state['numbers']}", seen["from_s"])
        entry = self.state[key]
        engine.weigh(entry, seen, marked, config.p_honest, config.p_suspect)
        found = engine.decided(entry, config.alpha, config.beta)
        if found == "suspect":
            yield self._case(cashier, entry, at)
        if found:
            engine.again(entry, at.timestamp())

    def _case(self, cashier, entry, at):
        self.kpi.add("cases_opened")
        self.state["cases"] = self.state.get("cases", 0) + 1
        task, until, marked = f"lane_case-{self.state['cases']}", at + timedelta(hours=self.config.clip_keep_h), entry["marked"]
        rows = [{name: one[name] for name in ("receipt", "till", "passes", "scans", "diff")}
            | {"clip": self._clip(one["camera"], one["from_s"], one["to_s"], until)} for one in marked]  # fmt: skip
        figures = {"receipts": entry["n"], "marked": len(rows)} | {name: sum(row[name] for row in rows) for name in ("passes", "scans")}
        self.state[f"case|{task}"] = {"cashier": cashier, "name": entry["name"], "named": False, "score": round(entry["s"], 6),
            "parts": _parts(figures), "from": plain(_at(entry["since_s"])), "to": plain(at)}  # fmt: skip
        title = self.say(f"Review {len(rows)} receipts of {entry['name']}", f"复核 {entry['name']} 的 {len(rows)} 张小票")
        words = self.say(
            "{receipt} at {till}: {passes} passed, {scans} rung; {clip}", "{till} 小票 {receipt}：经过 {passes} 件，录入 {scans} 件；{clip}"
        )
        return out("task.create", task=task, kind="lane_case", title=title, priority=2, role="auditor", evidence="none",
            items=[{"note": words.format(**row)} for row in rows],
            values={"cashier": entry["name"], "score": round(entry["s"], 3), "receipts": rows})  # fmt: skip

    def _begin(self, till, receipt, at):
        """The lane's open receipt; its first scan begins it, a parked one goes on."""
        lane = self._lane(till)
        if lane["receipt"] is None:
            self.workers.checkout.manned_lane.begin(lane, receipt, at.timestamp(), LEAD_S, self.state.pop(f"parked|{receipt}", None))
        return lane

    def _park(self, till, lane, at):
        """Set a receipt aside; what the camera missed of it so far stays missed. Its next tender warns again."""
        if lane["alert"]:
            yield self._deck_alert(till, lane, "cleared")
        self.state[f"lane|{till}"] = self.workers.checkout.manned_lane.waiting(lane["n"] + 1)
        self.state[f"parked|{lane['receipt']}"] = lane | {"lost": not self._observed(till, lane, at)}

    def _observed(self, till, lane, at):
        """Whether every camera of belt and bag had the receipt in sight, from its first scan (or recall) on."""
        views, covers, until_s = self._views(till, ("belt", "bag")), self.workers.checkout.sightings.covers, at.timestamp()
        return bool(views) and not lane["lost"] and all(covers(seen["frames"], lane["since_s"], until_s, LOST_S) for _, seen in views)

    def _views(self, till, roles):
        """Cameras of parts of a lane, with what was seen; of a lane whose rows name none, all that delivered frames."""
        rows = [row for row in self._rows() if row["parent"] == till and self._role(row) in roles]
        named = sorted({entry["camera"] for row in rows for entry in row.get("cameras") or ()}) if rows else []
        known = {key.split("|", 2)[2]: self.state[key] for key in sorted(self.state) if key.startswith(f"watch|{till}|")}
        if not rows:
            return []
        return [(camera, known.get(camera, {"frames": [], "guests": []})) for camera in named] or list(known.items())

    def _clip(self, camera, from_s, to_s, until=None):
        from storeloom.workers.vision.evidence import clip

        until = until or self.now + timedelta(hours=self.config.clip_keep_h)
        return clip(camera, _at(from_s) - CLIP, _at(to_s), until=until) if camera else None

    def _lane(self, till):
        return self.state.setdefault(f"lane|{till}", self.workers.checkout.manned_lane.waiting())

    def _written(self, gtin):
        """A gtin as the products table writes it."""
        return gtin and (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _rows(self):
        return self.workers.checkout.lane.rows_of(self.tables.zones.rows(), ROLES)

    def _tills(self):
        return {row["parent"] for row in self._rows()}

    def _role(self, row):
        return self.workers.checkout.lane.role_of(row, ROLES)

    def _seen_by(self, camera):
        return self.workers.checkout.lane.watched(camera, self._rows(), self._settings(camera).get("till"), ROLES)

    def _settings(self, camera):
        return next((one.settings for one in self.devices.get("camera", ()) if one.id == camera), {})


def _at(t_s):
    return datetime.fromtimestamp(t_s, UTC)


def _parts(figures):
    return [{"name": name, "value": value} for name, value in figures.items()]


@hookimpl
def storeloom_config_problems(config, store):
    if config["p_suspect"] > config["p_honest"]:
        return []
    what = "A suspect cashier would be marked no more often than an honest one", "可疑收银员的标记比例不高于诚实收银员"
    return [Problem("p_suspect", *what, "Let it be more than p_honest.", "请设为大于 p_honest。")]
