"""Grab-and-go checkout: for small stores with rush hours or no staff: cameras and weighing shelves together work out who took what, and the
door charges it, never charging what is in doubt.

Entry: a code with `values.payer` (a salted token; no card number enters) who owes nothing; the same payer's next code lets a companion in.
A person who appears within 15 s of it is tied to the visit. Probabilities of companions are added up: their visit pays. Staff take what
they like and pass as they like. An exit is told by `gate.state` passed out, of the credential, else of who stands in an exit zone, else of
the only visit there is, else of the only one out of sight; a visit whose exit nothing told ends at the day's close, as of its last sight.
The exit gate opens for whoever stands in an exit zone. `device.status`, which the row does not name, tells that a shelf or camera is down;
while a camera is, the exit is held open.

Goods of an event are the slot's in the planogram, else the fixture's, and what a picture names there. A picture counts when one thing only
may be meant: by its slot's polygon, else in a hand. A put-back without a picture is the person's latest taking of that weight. A doubt is a
task `review:<fixture>:<slot>:<time>`: approved charges the best guess, done what `values` name (`session`, `gtin`, `qty`), all else
nothing. A payment that fails is a task, and its payer cannot enter until it is paid.

Privacy: floor positions of the last minute, deleted with the visit; no face, no frame. `clip` names the stretch of a recording, people
blurred, that a recorder may keep for a review.
"""

from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import hand_looks, takes, till, visits
from storeloom.workers.checkout.stations import station_of
from storeloom.workers.vision import evidence

SHOP, CANDIDATES = "products", 5
LOOK_S, SIGHT_S, NOISE_G, KEEP_S, GONE_S = 5.0, 1.0, 2.0, 60.0, 3600.0
AWAY_FOR_GOOD, CLIP = timedelta(seconds=60), timedelta(seconds=5)
EXIT_AGAIN_S, EXIT_OPEN_S = 10.0, 5
DOWN, ENDED = ("offline", "fault"), ("done", "approved", "rejected", "failed", "cancelled")
WATCHED = ("camera", "scale", "shelf")


class GrabAndGo(Solution):
    number = 173
    zh, en = "拿了就走无人收银", "Grab-and-go checkout"
    purpose_zh = "高峰时段或无人小店：摄像头与称重货架共同判断谁拿了什么，出门即扣款；存疑的绝不收费。"
    formats = ("convenience", "supermarket")
    produces = ("vision.track", "vision.item", "gate.open", "pos.sale", "payment.request", "task.create")
    adapters = ("camera", "gate", "scanner", "scale|sensor", "payment")
    reads = ("products", "prices", "planogram", "fixtures", "zones")
    load = "vision"
    kpis = {
        "receipts_exact": kpi("%", "Receipts without a doubt left out", "无遗漏存疑的小票比例"),
        "doubts_per_100_events": kpi("count", "Doubts a hundred events", "每百次事件存疑数"),
        "uncharged_value": kpi("minor", "Value not charged", "未收金额"),
        "visit_time": kpi("s", "Time of a visit", "到访时长"),
    }
    kinds = {
        "review_event": ("Who took what?", "核对取放存疑"),
        "unpaid_visit": ("Payment of a visit failed", "到访扣款未成功"),
    }

    class Config(SolutionConfig):
        sigma_m: float = setting(0.4, "Spread of hand distance to the slot", "手到货位距离的离散度", unit="m", ge=0.1, le=2)
        reach_m: float = setting(1.2, "Longest reach", "最远可及距离", unit="m", ge=0.5, le=3,
            help_en="People further away cannot have taken it.", help_zh="更远的人不可能取货。")  # fmt: skip
        assign_min: float = setting(0.9, "Least probability of the person", "归属所需最低概率", ge=0.5, le=0.999)
        item_min: float = setting(0.75, "Least probability of the product", "识别商品所需最低概率", ge=0.5, le=0.999)
        weight_z: float = setting(3, "Weight misfit that rules a product out", "排除商品的重量偏差", ge=1, le=6,
            help_en="In standard deviations.", help_zh="以标准差计。")  # fmt: skip
        settle_delay_s: int = setting(20, "Wait after leaving", "离店后等待", unit="s", ge=0, le=600,
            help_en="For late shelf events.", help_zh="等待迟到的货架事件。")  # fmt: skip
        review_max_min: int = setting(30, "Longest wait for a review", "核对最长等待", unit="min", ge=0, le=1440,
            help_en="After it, what is still in doubt is not charged.", help_zh="超时后仍存疑的不收费。")  # fmt: skip
        max_inside: int = setting(20, "People inside at most", "店内人数上限", unit="people", ge=1, le=200,
            help_en="Entry closes above.", help_zh="超过后关闭入口。")  # fmt: skip

    # --- entry and exit ---

    @on("scanner.code")
    def code(self, event):
        payer, gate = (event.get("values") or {}).get("payer"), self._gate_of(event["scanner"])
        if not payer or f"debt|{payer}" in self.state or self._all("down|"):
            return None
        here = self._open()
        if sum(map(visits.heads, here)) >= self.config.max_inside:
            return None
        visit = next((one for one in here if one["payer"] == payer), None)
        if visit is None:
            name = f"{gate}:{plain(event.time)}"
            visit = self.state[f"visit|{name}"] = visits.begin(name, payer, gate, event.time)
        elif visit["opened"] == plain(event.time):
            return None
        visit["opened"] = plain(event.time)
        self.timers.set("entry", visit["session"], self.now + AWAY_FOR_GOOD)
        return out("gate.open", gate=gate, direction="in", seconds=EXIT_OPEN_S, reason="payment_code", credential=payer)

    @timer("entry")
    def nobody_came(self, due):
        visit = self.state.get(f"visit|{due.key}")
        if visit and not visit["left"] and not visit["passed"] and not visit["people"]:
            del self.state[f"visit|{due.key}"]

    @on("gate.state")
    def passed(self, event):
        kind, count = event["kind"], event.get("count") or 1
        if kind in ("denied", "fault") and event.get("direction") == "out":
            return [self._exit(event["gate"])]
        if kind != "passed" or event.get("direction") not in ("in", "out") or event.get("staff"):
            return []
        told = [plain(event.time), event["direction"], event.get("credential"), count]
        if self.state.get(f"passed|{event['gate']}") == told:
            return []
        self.state[f"passed|{event['gate']}"] = told
        if event["direction"] == "in":
            visits.came_in(self._open(), event.get("credential"), count)
            return []
        here, people = self._open(), self._people()
        standing = {name for name in people if "exit" in self._kinds(*self._spot(name))}
        at_exit = [one for one in here if standing & set(one["people"])]
        if not at_exit and not event.get("credential") and any(people[name]["staff"] for name in standing):
            return []
        visit = visits.leaver(here, event.get("credential"), at_exit, self._unseen(here))
        if visit is None:
            self.state.setdefault("leaving", []).append(plain(event.time))
            return []
        visit["out"] += count
        if visit["out"] >= visits.heads(visit):
            return self._close(visit, event.time)
        self.timers.set("gone", visit["session"], self.now + AWAY_FOR_GOOD, {"at": plain(event.time)})
        return []

    @timer("gone")
    def gone(self, due):
        """Somebody of a visit went out; nobody of it was seen since."""
        visit, at = self.state.get(f"visit|{due.key}"), parse_time(due.data["at"])
        if visit and not visit["left"] and not any(self._last(name) > at.timestamp() for name in visit["people"]):
            yield from self._close(visit, at)

    def _unseen(self, here):
        seen = {name: self._last(name) for one in here for name in one["people"]}
        return visits.out_of_sight(here, seen, max(self.state.get("frames", {}).values(), default=0) - SIGHT_S)

    def _close(self, visit, at):
        visit["left"] = plain(at)
        self.kpi.sample("visit_time", (at - parse_time(visit["entered"])).total_seconds())
        self.timers.set("settle", visit["session"], max(self.now, at + timedelta(seconds=self.config.settle_delay_s)))
        for name in visit["people"]:
            yield self._track(name, "end", visit["session"], at)

    @on("device.status?")
    def device(self, event):
        """A shelf or camera that is down closes the entry; without a camera nobody is seen at the exit, which then is held open."""
        sensors = [one for kind in ("scale", "sensor") for one in self.devices.get(kind, ()) if one.id == event["device"]]
        shelf = event["device"] in self.state.get("shelves", []) or any(one.settings.get("fixture") for one in sensors)
        if event["kind"] not in WATCHED and not shelf:
            return
        if event["state"] == "online":
            self.state.pop(f"down|{event['device']}", None)
        elif event["state"] in DOWN and f"down|{event['device']}" not in self.state:
            self.state[f"down|{event['device']}"] = plain(event.time)
            if event["kind"] == "camera":
                yield self._exit(self._exit_gate(), hold=True)

    # --- who is where ---

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision import floor_people, places
        from storeloom.workers.vision.algorithms.placed import staff_of, tracked

        view, t_s, camera = self.workers.vision.view(event.data, event.time), event.time.timestamp(), event["camera"]
        device = next((one for one in self.devices.get("camera", ()) if one.id == camera), None)
        here = places.places_of(camera, self.tables.zones.rows(), device and device.zone)
        things = tracked(view)
        staff = staff_of(view, things, tuple(device.settings.get("uniform", ())) if device else (), {})
        sights = []
        for name, thing in things.items():
            spot = thing.floor or next((one.floor_of(thing) for one in here if one.homography), None)
            if spot is not None:
                sights.append(floor_people.Sight(name, spot[0], spot[1], name in staff))
        people, keep_s = self._people(), max(KEEP_S, self.config.settle_delay_s)
        fresh = floor_people.follow(people, camera, sights, t_s, keep_s, lambda sight: self._arriving(sight.x, sight.y, event.time))
        self.state.setdefault("frames", {})[camera] = t_s
        for name, unsure in fresh.items():
            self.state[f"person|{name}"] = people[name]
            yield self._tie(name, people[name], unsure, event.time)
        seen = hand_looks.of_view(view, SHOP, self.tables.fixtures.rows(), [one.box for one in things.values()], self._written)
        looks = [one for one in self.state.get(f"looks|{camera}", []) if t_s - one[0] <= LOOK_S]
        self.state[f"looks|{camera}"] = [*looks, [t_s, seen]]
        for name in [name for name, one in people.items() if not one.get("visit") and t_s - floor_people.last_seen(one) > keep_s]:
            yield self._track(name, "end", None, event.time)
            del self.state[f"person|{name}"]
            del people[name]
        yield from self._at_exit(people, t_s)
        yield from self._left_unknown(event.time)

    def _arriving(self, x, y, at):
        """Whether somebody who has just come in may be the one at a place: a visit waits for one, and it is no place but an entrance."""
        entrances = [row for row in self.tables.zones.rows(kind="entrance") if row.get("polygon")]
        return visits.waiting(self._open(), at) is not None and (not entrances or "entrance" in self._kinds(x, y))

    def _tie(self, name, person, unsure, at):
        """Somebody new belongs to the visit that waits for them, unless it may as well be somebody lost, away from the entrance."""
        visit = None if person["staff"] else visits.waiting(self._open(), at)
        if visit and (not unsure or "entrance" in self._kinds(*self._spot(name))):
            person["visit"] = visit["session"]
            visit["people"].append(name)
        return self._track(name, "new", person.get("visit"), at)

    def _at_exit(self, people, t_s):
        for person in people.values():
            x, y = person["path"][-1][1:]
            if person["path"][-1][0] == t_s and "exit" in self._kinds(x, y) and t_s - person.get("exit_s", 0) > EXIT_AGAIN_S:
                person["exit_s"] = t_s
                yield self._exit(self._exit_gate())

    def _left_unknown(self, at):
        """Somebody went out of whom nobody knew who it was; by now one visit alone is out of sight."""
        waiting = self.state.get("leaving", [])
        unseen = self._unseen(self._open()) if waiting else []
        if len(unseen) == 1 and at > parse_time(waiting[0]):
            yield from self._close(unseen[0], parse_time(waiting.pop(0)))

    # --- who took what ---

    @on("shelf.weight")
    def moved(self, event):
        fixture, slot, change, t_s = event["fixture"], event["slot"], event["delta_g"], event.time.timestamp()
        reading = [plain(event.time), event["weight_g"], change]
        if not event["stable"] or abs(change) < NOISE_G or self.state.get(f"slot|{fixture}|{slot}") == reading:
            return
        self.state[f"slot|{fixture}|{slot}"] = reading
        if event.source not in (shelves := self.state.setdefault("shelves", [])):
            shelves.append(event.source)
        near = self._near(fixture, t_s)
        shares = {}
        for name, p in near.items():
            who = self._owner(name)
            shares[who] = shares.get(who, 0) + p
        who = max(sorted(shares), key=lambda one: shares[one], default="")
        sure = bool(who) and shares[who] >= self.config.assign_min - 1e-9
        if who == "staff" and sure:
            return
        self.kpi.share("doubts_per_100_events", 0, 1)
        visit = self.state.get(f"visit|{who}") if sure else None
        scores = self._scores(fixture, slot, t_s)
        articles = self._articles(event, scores, visit if change > 0 else None)
        guesses = takes.named(change, articles.values(), scores, self.config.weight_z)
        best = guesses[0] if guesses else None
        named = best is not None and best.p >= self.config.item_min - 1e-9
        person = max(sorted(near), key=lambda name: near[name], default=None)
        yield from self._item(event, person, guesses, best if named else None)
        if visit is not None and change < 0 and named and self._take(visit, best, event):
            return
        if visit is not None and change > 0 and self._put_back(visit, best if named else None, scores, event, articles):
            return
        yield self._doubt(event, [one for one in shares if f"visit|{one}" in self.state], who, best, person)

    def _take(self, visit, best, event):
        price = self._price(best.gtin, event.time)
        if price is not None:
            visit["takings"].append([best.gtin, best.qty, price, plain(event.time)])
        return price is not None

    def _put_back(self, visit, best, scores, event, articles):
        """Undo the latest equal taking: of the product that was named, else, where there is no picture, of the same weight."""
        rows = visit["takings"]
        if best is not None:
            place = max((k for k, row in enumerate(rows) if row[:2] == [best.gtin, best.qty]), default=None)
        elif scores is None:
            place = takes.latest_equal([(row[0], row[1]) for row in rows], event["delta_g"], articles, self.config.weight_z)
        else:
            place = None
        if place is not None:
            rows.pop(place)
        return place is not None

    def _near(self, fixture, t_s):
        """The probability of each person that it was they; empty where nobody is near, or nobody knows where the fixture stands."""
        from storeloom.workers.vision.floor_people import seen_at

        row, found = self.tables.fixtures.get(fixture) or {}, {}
        if row.get("x") is None or row.get("y") is None:
            return {}
        for name, person in self._people().items():
            visit = self.state.get(f"visit|{person.get('visit')}")
            left = visit and visit["left"] and visit["out"] >= visits.heads(visit) and t_s > parse_time(visit["left"]).timestamp()
            spot = None if left else seen_at(person, t_s, LOOK_S)
            if spot is not None:
                found[name] = ((spot[0] - row["x"]) ** 2 + (spot[1] - row["y"]) ** 2) ** 0.5
        return takes.reaching(found, self.config.sigma_m, self.config.reach_m)

    def _owner(self, name):
        person = self.state[f"person|{name}"]
        return "staff" if person["staff"] else person.get("visit") or f"?{name}"

    def _scores(self, fixture, slot, t_s):
        return hand_looks.meant([one for key in self._all("looks|") for one in self.state[key]], fixture, slot, t_s, LOOK_S)

    def _articles(self, event, scores, visit):
        rows = self.tables.planogram.rows(fixture=event["fixture"])
        gtins = [row["gtin"] for row in rows if row["slot"] == event["slot"]] or [event.get("gtin")]
        gtins = gtins if any(gtins) else [row["gtin"] for row in rows]
        if visit is not None and visit["takings"]:
            gtins = [row[0] for row in visit["takings"]]
        found = {}
        for gtin in [*gtins, *(scores or ())]:
            product = (gtin and self.tables.products.get(gtin)) or {}
            article = takes.article(product.get("gtin"), product.get("weight_g"), product.get("weight_sd_g"))
            found |= {article.gtin: article} if article else {}
        return found

    def _item(self, event, person, guesses, chosen):
        owner = self.state.get(f"person|{person}")
        if owner is None:
            return
        camera, _, track = person.partition("|")
        yield out("vision.item", camera=camera, track=track, session=owner.get("visit"), fixture=event["fixture"], slot=event["slot"],
            kind="pick" if event["delta_g"] < 0 else "put", qty=chosen.qty if chosen else None, chosen=chosen.gtin if chosen else None,
            candidates=[{"gtin": one.gtin, "score": round(one.p, 4), "qty": one.qty} for one in guesses[:CANDIDATES]])  # fmt: skip

    # --- doubts ---

    def _doubt(self, event, sessions, who, best, person):
        self.kpi.share("doubts_per_100_events", 100, 0)
        task, camera = f"review:{event['fixture']}:{event['slot']}:{plain(event.time)}", (person or "").partition("|")[0]
        camera = camera or min(self.state.get("frames", {}), default=None)
        guess = {"session": who if who in sessions else None, "gtin": best.gtin if best else None, "qty": best.qty if best else None}
        self.state[f"doubt|{task}"] = {"at": plain(event.time), "sessions": sessions, "back": event["delta_g"] > 0, **guess}
        clip = camera and evidence.clip(camera, event.time - CLIP, event.time + CLIP,
            until=self.now + timedelta(minutes=self.config.review_max_min))  # fmt: skip
        verb = ("put back at", "放回") if event["delta_g"] > 0 else ("taken from", "取走")
        return out("task.create", task=task, kind="review_event", priority=2, role="attendant", fixture=event["fixture"],
            title=self.say(f"Who: something {verb[0]} {event['fixture']}/{event['slot']}",
                           f"核对：{event['fixture']}/{event['slot']} {verb[1]}商品"),
            due=self.now + timedelta(minutes=self.config.review_max_min), evidence="value",
            items=[{"gtin": best.gtin, "qty": best.qty, "from": event["slot"]}] if best else None,
            values={"sessions": sessions, "delta_g": event["delta_g"], **({"clip": clip} if clip else {}),
                    **{key: value for key, value in guess.items() if value is not None}})  # fmt: skip

    @on("task.done?")
    def answered(self, event):
        doubt = self.state.get(f"doubt|{event['task']}")
        if doubt is None or event["state"] not in ENDED:
            return
        del self.state[f"doubt|{event['task']}"]
        values = event.get("values") or {}
        if event["state"] == "approved" or (event["state"] == "done" and {"session", "gtin", "qty"} & set(values)):
            self._reviewed(doubt, {**doubt, **values})
        for session in doubt["sessions"]:
            visit = self.state.get(f"visit|{session}")
            wait = timedelta(seconds=self.config.settle_delay_s)
            if visit and visit["left"] and not self._doubts(session) and self.now >= parse_time(visit["left"]) + wait:
                yield from self._settle(visit)

    def _reviewed(self, doubt, said):
        visit, product = self.state.get(f"visit|{said['session']}"), said.get("gtin") and self.tables.products.get(said["gtin"])
        if visit is None or not product:
            return
        gtin, qty = product["gtin"], int(said.get("qty") or 1)
        price = self._price(gtin, parse_time(doubt["at"]))
        if doubt["back"]:
            place = max((k for k, row in enumerate(visit["takings"]) if row[:2] == [gtin, qty]), default=None)
            if place is not None:
                visit["takings"].pop(place)
        elif price is not None and qty > 0:
            visit["takings"].append([gtin, qty, price, doubt["at"]])

    def _doubts(self, session):
        return [key for key in self._all("doubt|") if session in self.state[key]["sessions"]]

    # --- payment ---

    @timer("settle")
    def settle(self, due):
        visit = self.state.get(f"visit|{due.key}")
        if visit is None:
            return
        until = parse_time(visit["left"]) + timedelta(minutes=self.config.review_max_min)
        if self._doubts(due.key) and due.time < until:
            self.timers.set("settle", due.key, until)
        else:
            yield from self._settle(visit)

    def _settle(self, visit):
        """Sell what the visit took, once, and ask for the money; what is in doubt stays uncharged."""
        session, left_out = visit["session"], self._doubts(visit["session"])
        for key in left_out:
            doubt = self.state[key]
            doubt["sessions"].remove(session)
            if not doubt["sessions"]:
                self._lost(key)
        self.timers.cancel("settle", session)
        del self.state[f"visit|{session}"]
        for name in visit["people"]:
            self.state.pop(f"person|{name}", None)
        if visit["takings"]:
            self.kpi.share("receipts_exact", 0 if left_out else 1, 1)
            yield from self._sell(visit, len(left_out))

    def _lost(self, key):
        """A doubt that nobody can be charged for any more."""
        doubt = self.state.pop(key)
        price = self._price(doubt["gtin"], parse_time(doubt["at"])) if doubt["gtin"] and not doubt["back"] else None
        self.kpi.add("uncharged_value", (price or 0) * (doubt["qty"] or 0))

    def _sell(self, visit, left_out):
        receipt = till.new_receipt(visit["session"], visit["gate"], parse_time(visit["entered"]))
        for gtin, price, qty, at in visits.counted(visit["takings"]):
            product = self.tables.products.get(gtin) or {}
            line = {"gtin": gtin, "name": product.get("name", gtin), "qty": qty, "price": price, "per_kg": False, "unit_g": None}
            till.put(receipt, line, parse_time(at), till.Goods(gtin, product), entry="vision")
            line["amount"] = qty * price
        receipt["total"] = sum(line["amount"] for line in receipt["lines"])
        asked = till.ask(receipt, "qr")
        receipt["paid"] = [{"payment": asked["payment"], "method": "qr", "amount": receipt["total"], "payer": visit["payer"]}]
        pay = {"payer": visit["payer"], "amount": receipt["total"], "at": plain(self.now), "status": "asked"}
        self.state[f"pay|{asked['payment']}"] = pay
        day = self.store.hours.store_day(self.now)
        yield out("pos.sale", **till.sale(receipt, "unattended", self.now, day, uncharged_events=left_out))
        yield out("payment.request", **asked, payer=visit["payer"])

    @on("payment.result")
    def paid(self, event):
        payment = self.state.get(f"pay|{event['payment']}")
        status = event["status"]
        if payment is None or payment["status"] in (status, "approved") or status not in ("approved", "declined"):
            return
        payment["status"] = status
        if status == "approved":
            self.state.pop(f"debt|{payment['payer']}", None)
            return
        self.state[f"debt|{payment['payer']}"] = event["payment"]
        yield out("task.create", task=f"unpaid:{event['payment']}", kind="unpaid_visit", priority=3, role="attendant",
            title=self.say(f"Payment {event['payment']} failed", f"扣款 {event['payment']} 未成功"),
            values={"payment": event["payment"], "amount": payment["amount"]})  # fmt: skip

    @every("1d", at="close")
    def forget(self, due):
        """Payments that were answered, what came of nobody's doubt, and visits of whom the door told no end: they ended where last seen."""
        self.state.pop("leaving", None)
        for visit in self._open():
            last = max([parse_time(visit["opened"]).timestamp(), *map(self._last, visit["people"])])
            if due.time.timestamp() - last > GONE_S:
                yield from self._close(visit, datetime.fromtimestamp(last, UTC))
        for key in self._all("pay|"):
            if self.state[key]["status"] == "approved" and due.time - parse_time(self.state[key]["at"]) > timedelta(days=1):
                del self.state[key]
        for key in self._all("doubt|"):
            if not self.state[key]["sessions"]:
                self._lost(key)

    # --- helpers ---

    def _all(self, prefix):
        return [key for key in self.state if key.startswith(prefix)]

    def _open(self):
        return visits.inside(self.state[key] for key in self._all("visit|"))

    def _people(self):
        return {key.removeprefix("person|"): self.state[key] for key in self._all("person|")}

    def _last(self, name):
        from storeloom.workers.vision.floor_people import last_seen

        return last_seen(self.state[f"person|{name}"])

    def _spot(self, name):
        return self.state[f"person|{name}"]["path"][-1][1:]

    def _kinds(self, x, y):
        from storeloom.workers.vision.zones import contains

        return {row.get("kind") for row in self.tables.zones.rows() if row.get("polygon") and contains(row["polygon"], (x, y))}

    def _track(self, name, state, session, at):
        person, (camera, _, track) = self.state[f"person|{name}"], name.partition("|")
        _, x, y = person["path"][-1]
        return out("vision.track", {"class": "person"}, camera=camera, track=track, state=state, points=[[plain(at), x, y]],
            staff=person["staff"] or None, session=session)  # fmt: skip

    def _exit(self, gate, *, hold=None):
        return out("gate.open", gate=gate, direction="out", seconds=None if hold else EXIT_OPEN_S, reason="exit", hold=hold)

    def _gate_of(self, scanner):
        gates = self.devices.get("gate", ())
        return station_of(gates, "gate", self.devices.get("scanner", ()), scanner) or (gates[0].id if gates else scanner)

    def _exit_gate(self):
        gates = self.devices.get("gate", ())
        out_gates = [one.id for one in gates if one.settings.get("direction") == "out"]
        return out_gates[0] if out_gates else gates[0].id if gates else "exit"

    def _price(self, gtin, at):
        """Minor units a piece; None for goods that cannot be sold by the piece."""
        product = self.tables.products.get(gtin)
        price = till.Shop(self.tables, self.store.hours, at).price(product) if product else None
        return price.price if price and price.per != "kg" else None

    def _written(self, gtin):
        product = self.tables.products.get(gtin)
        return product["gtin"] if product else gtin
