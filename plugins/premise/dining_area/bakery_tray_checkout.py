"""Bakery and fast-food tray recognition checkout: every loose piece on a tray is named in one look, so that the guest pays in seconds.

Pieces are recognised among the items of the shop `bakery` (enrolled by `storeloom models train-items`, or here); what the detector does not
see, the scale misses. A tray is still when pieces and hands have not moved for `still_ms`; until payment is asked for any change reads it
anew, a piece exchanged at its place too (looked for each second). A picture in which no tray is seen is one tray. A kiosk works with the
camera and scale of its zone, or those whose settings name it under `kiosk`; the scale gives the net weight, so the tray is its tare.
Readings from before the last movement count only when the guest confirms. After a stop a weight that fits, another tray, or `confirm` with
`staff` in its values goes on.

At the kiosk: `choose` (GTIN; `piece` in its values, else the first one asked about; also to correct one), `confirm` or `pay`, and staff's
`enrol` (each takes a picture of the one piece that lies there; turn it in between). Without pictures for 5 s the guest chooses from the
menu, a negative `qty` takes back. Payment is asked for with `payment.request`; one approved after its tray has gone is booked.

No pictures are kept, of pieces neither: vectors of goods alone, never from where a person is seen. What a guest chose is learnt when the
tray is confirmed, so that weight and price have passed; `VisionWorker.teach` sees to it that no single choice can spoil a product.
"""

from collections import Counter
from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

SHOP = "bakery"
OFFERED = 3
CAMERA_SILENT, LOOK_AGAIN = timedelta(seconds=5), timedelta(seconds=1)
METHODS = ("cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit")
SCREENS = {
    "welcome": ("Put your tray down.", "请放置托盘。"),
    "wait": ("Hold on, reading your tray.", "正在识别托盘，请稍候。"),
    "spread": ("Please spread the pieces on the tray.", "请将商品在托盘内分开摆放。"),
    "choose": ("Which one is this?", "请选择这是哪种商品。"),
    "list": ("Please check and confirm.", "请核对并确认付款。"),
    "staff": ("A colleague is on the way.", "店员马上就来。"),
    "paid": ("Thank you. Please take your tray.", "付款成功，请取走托盘。"),
    "declined": ("The payment did not go through.", "支付未成功，请重试。"),
    "menu": ("Please choose from the menu.", "请从菜单中选择。"),
    "one_piece": ("Lay down one piece, turned another way.", "请放置一件商品并换个角度。"),
    "picture_taken": ("Picture taken.", "已拍摄。"),
    "learnt": ("Learnt; it is recognised from now on.", "学习完成，现已生效。"),
}


class BakeryTrayCheckout(Solution):
    number = 158
    zh, en = "烘焙快餐AI托盘结算", "Bakery and fast-food tray recognition checkout"
    purpose_zh = "一眼识别托盘上的全部散装商品，拿不准时询问，核对重量，数秒完成付款。"
    formats = ("supermarket", "mall", "convenience")
    produces = ("vision.item", "kiosk.show", "payment.request", "pos.sale", "alert.raise", "insight.report")
    adapters = ("camera", "kiosk", "payment", "scale?", "printer?")
    reads = ("products", "prices", "promotions")
    load = "vision"
    kpis = {
        "items_recognised": kpi("%", "Pieces recognised without asking", "免询问识别率"),
        "asks_per_tray": kpi("count", "Pieces asked about per tray", "每盘询问次数"),
        "seconds_per_tray": kpi("s", "From tray to payment", "放盘到付款时间"),
        "weight_stops": kpi("count", "Payments stopped by the weight", "重量不符拦截"),
    }
    kinds = {
        "tray_weight": ("The weight of a tray disagrees with its list", "托盘重量与清单不符"),
        "tray_checkout_day": ("A day of tray checkout", "托盘结算日报"),
    }

    class Config(SolutionConfig):
        accept: float = setting(0.8, "Similarity taken without asking", "免询问相似度", ge=0.5, le=0.99,
            help_en="Similarity from which an item is taken without asking.", help_zh="达到此相似度即直接认定。")  # fmt: skip
        gap: float = setting(0.1, "Least lead over the second", "领先第二名的最小差值", ge=0, le=0.5,
            help_en="Two products nearer than this are asked about.", help_zh="两种商品得分更接近时询问顾客。")  # fmt: skip
        still_ms: int = setting(300, "Time without movement", "静止时长", unit="ms", ge=100, le=3000,
            help_en="Tray and hands must be still this long.", help_zh="托盘与手须静止这么久。")  # fmt: skip
        nms_iou: float = setting(0.5, "Overlap of one item", "同一件重叠度", ge=0.2, le=0.9,
            help_en="Boxes overlapping more are one item.", help_zh="重叠超过此值的框视为同一件商品。")  # fmt: skip
        weight_g: int = setting(10, "Weight tolerance", "重量容差", unit="g", ge=0, le=200,
            help_en="Or the share of the nominal weight, if that is larger.", help_zh="与按比例容差取大者。")  # fmt: skip
        weight_pct: float = setting(8, "Weight tolerance as a share", "重量容差比例", unit="%", ge=0, le=50,
            help_en="Of the nominal weight of the whole tray.", help_zh="按整盘标称重量计算。")  # fmt: skip
        enrol_shots: int = setting(8, "Pictures of a new product", "新品拍摄张数", ge=3, le=50,
            help_en="The product is recognised as soon as they are taken.", help_zh="拍满后新品立即生效。")  # fmt: skip
        offer_timeout_s: int = setting(60, "Unpaid tray stays on the screen", "未付款托盘显示时长", unit="s", ge=10, le=600,
            help_en="An unpaid tray is cleared from the screen after it.", help_zh="超时未付款则清除屏幕。")  # fmt: skip

    # --- what lies there ---

    @on("camera.frame")
    def look(self, event):
        name, desk = self._desk("camera", event["camera"])
        if desk is None or (desk["seen"] and event.time < parse_time(desk["seen"])):
            return
        desk["seen"] = plain(event.time)
        loose, view = self.workers.checkout.loose, self.workers.vision.view(event.data, event.time)
        on_tray = loose.on_tray(view.observation.objects)
        kept = loose.one_each([piece.box for piece in on_tray.pieces], [piece.score for piece in on_tray.pieces], self.config.nms_iou)
        pieces = [on_tray.pieces[number] for number in kept]
        boxes, hands = [piece.box for piece in pieces], [hand.box for hand in on_tray.hands]
        moved = desk["boxes"] is None or not loose.lie_still(desk["boxes"], boxes)
        if moved or not (desk["still"] or loose.lie_still(desk["hands"], hands)):
            desk |= {"boxes": [list(box) for box in boxes], "hands": [list(box) for box in hands]}
            self._moves(name, desk)
        before = desk["look"] if desk["still"] else None
        if self._closed(desk) or (before and event.time - parse_time(before["at"]) < LOOK_AGAIN):
            return
        seen = [self._piece(piece, ranking) for piece, ranking in zip(pieces, view.items(boxes, SHOP), strict=True)]
        desk["look"] = {"camera": view.camera, "seq": view.seq, "at": desk["seen"], "pieces": seen,
                        "spread": loose.must_be_spread(boxes, on_tray.tray)}  # fmt: skip
        if before and loose.exchanged(before["pieces"], seen):
            self._moves(name, desk)

    def _moves(self, name, desk):
        desk |= {"still": False, "moved": desk["seen"]}
        self.timers.set("still", name, parse_time(desk["seen"]) + timedelta(milliseconds=self.config.still_ms))

    def _piece(self, piece, ranking):
        ranked = [(self._written(gtin), score) for gtin, score in ranking.candidates]
        candidates = [(gtin, score) for gtin, score in ranked if self._price(gtin) and not self._half_learnt(gtin)]
        best = self.workers.checkout.loose.recognised(ranked, least=self.config.accept, lead=self.config.gap)
        taken = best in (gtin for gtin, _ in candidates) and not ranking.unknown
        return {"track": piece.track, "box": list(piece.box), "candidates": candidates, "gtin": best if taken else None, "picked": None}

    @timer("still")
    def lies_still(self, due):
        name = due.key
        desk = self.state[f"desk:{name}"]
        tray, look = desk["tray"], desk["look"]
        desk["still"] = True
        if not desk["boxes"]:
            yield from self._settle_alert(desk)
            if tray and (self._closed(desk) or not tray["menu"]):
                desk["tray"] = None
                self.timers.cancel("offer", name)
                yield self._show(desk, "welcome")
        elif self._closed(desk):
            if tray["paid"]:
                yield self._show(desk, "paid")
        elif tray and tray["menu"]:
            return
        elif look["spread"]:
            desk["tray"] = self._new_tray(desk, [])
            self.timers.cancel("offer", name)
            yield self._show(desk, "spread")
        elif tray and self.workers.checkout.loose.alike(tray["pieces"], look["pieces"]):
            yield from self._weigh(name, desk)
        else:
            yield from self._read(name, desk)

    def _read(self, name, desk):
        """A tray that is new, or has changed."""
        tray = desk["tray"] = self._new_tray(desk, [dict(piece) for piece in desk["look"]["pieces"]])
        asked = sum(piece["gtin"] is None for piece in tray["pieces"])
        self.kpi.share("items_recognised", len(tray["pieces"]) - asked, len(tray["pieces"]))
        self.kpi.share("asks_per_tray", asked, 1)
        day = self._day()
        day["trays"] += 1
        for piece in tray["pieces"]:
            best = piece["candidates"][0][0] if piece["candidates"] else None
            row = day["items"].setdefault(piece["gtin"] or best or "unknown", {"pieces": 0, "asked": 0})
            row["pieces"] += 1
            row["asked"] += piece["gtin"] is None
            yield self._item(desk, piece)
        yield from self._offer(name, desk)

    def _new_tray(self, desk, pieces):
        before = desk["tray"]
        since = before["since"] if before and not before["cleared"] else desk["moved"] if pieces else plain(self.now)
        return {"since": since, "pieces": pieces, "menu": {}, "lines": [], "total": 0, "cleared": False, "stopped": False,
                "receipt": None, "attempt": 0, "asked": None, "paid": False}  # fmt: skip

    def _offer(self, name, desk):
        """Ask about a piece, or show what the tray costs."""
        tray = desk["tray"]
        tray["cleared"] = False
        self.timers.set("offer", name, self.now + timedelta(seconds=self.config.offer_timeout_s))
        unknown = _asked_about(tray)
        if unknown is not None:
            piece = tray["pieces"][unknown]
            items = [self._shown(gtin) | {"score": score} for gtin, score in piece["candidates"][:OFFERED]]
            yield self._show(desk, "choose", {"piece": unknown, "track": piece["track"], "box": piece["box"], "items": items})
            return
        pieces = Counter(piece["picked"] or piece["gtin"] for piece in tray["pieces"]) + Counter(tray["menu"])
        self._add_up(desk, tray, pieces)
        yield self._show(desk, "list" if pieces else "menu", self._list(tray) if pieces else self._menu())
        yield from self._weigh(name, desk)

    def _add_up(self, desk, tray, pieces):
        basket, zone, products = self.workers.checkout.basket, self.store.hours.zone, [self.tables.products.get(gtin) for gtin in pieces]
        priced = [(product, self._price(product["gtin"], desk)) for product in products if product]
        tray["lines"] = [basket.new_line(product, price, pieces[product["gtin"]], None) for product, price in priced if price]
        rules = self.tables.promotions.derived("price rules", lambda rows: self.workers.pricing.RuleIndex(rows, zone))
        tray["total"] = basket.reprice(tray["lines"], promotions=rules, coupons=(), products=products, member=_member(desk), at=self.now,
                                       zone=zone).total  # fmt: skip

    @timer("offer")
    def unpaid(self, due):
        desk = self.state[f"desk:{due.key}"]
        if desk["tray"]["menu"]:
            desk["tray"] = None
        else:
            desk["tray"]["cleared"] = True
        desk |= {"session": None, "member": None}
        yield self._show(desk, "welcome")

    # --- what it weighs ---

    @on("scale.reading?")
    def weighed(self, event):
        name, desk = self._desk("scale", event["scale"])
        if desk is not None and event.get("stable", True) and not event.get("overload"):
            desk["weight"] = {"net_g": event["weight_g"], "at": plain(event.time)}
            yield from self._weigh(name, desk)

    def _weigh(self, name, desk, *, stale=False):
        """Stop a tray whose weight disagrees with its list, let it go on once it agrees. `stale` takes an older weight too."""
        tray, weight = desk["tray"], desk["weight"]
        if weight is None or not tray or tray["menu"] or tray["cleared"] or self._closed(desk) or not desk["still"]:
            return
        if not tray["lines"] or _asked_about(tray) is not None or None in [line["unit_g"] for line in tray["lines"]]:
            return
        if parse_time(weight["at"]) < parse_time(desk["moved"]) and not stale:
            return
        basket = self.workers.checkout.basket
        fits = basket.fits(weight["net_g"], tray["lines"], self.config.weight_g, self.config.weight_pct)
        stopped, tray["stopped"] = tray["stopped"], not fits
        if fits:
            yield from self._settle_alert(desk)
            if stopped:
                yield self._show(desk, "list", self._list(tray))
        elif not stopped:
            self.kpi.add("weight_stops", 1)
            self._day()["weight_stops"] += 1
            yield self._show(desk, "staff")
            if not desk["called"]:
                desk["called"] = True
                expected = basket.expected_g(tray["lines"])
                yield self._alert(desk, "open", value=abs(weight["net_g"] - expected), unit="g", text=self.say(
                    f"The tray weighs {weight['net_g']:g} g, its list {expected} g", f"托盘重{weight['net_g']:g}克，清单应为{expected}克"),
                    limit=max(self.config.weight_g, expected * self.config.weight_pct / 100))  # fmt: skip

    def _settle_alert(self, desk):
        if desk["called"]:
            desk["called"] = False
            yield self._alert(desk, "cleared", text=self.say("Settled at the tray checkout", "托盘重量问题已解决"))

    def _alert(self, desk, state, **more):
        return out("alert.raise", alert=f"{self.context.instance}-{desk['kiosk']}", kind="tray_weight", severity="warn", state=state,
                   subject=desk["session"] or desk["kiosk"], zone=self._zone(desk), till=self._till(desk), **more)  # fmt: skip

    # --- what the guest does ---

    @on("kiosk.event")
    def pressed(self, event):
        name, desk = self._desk("kiosk", event["kiosk"])
        if desk is None:
            return
        kind, changed = event["kind"], event.get("member") not in (None, desk["member"])
        member = desk["member"] if desk["session"] == event["session"] else None
        desk |= {"kiosk": event["kiosk"], "session": event["session"], "member": event.get("member") or member}
        if kind == "enrol":
            yield from self._enrol(desk, event)
            return
        if desk["tray"] and desk["tray"]["cleared"] and self._blind(desk):
            desk["tray"] = None
        tray = desk["tray"]
        if self._closed(desk) and not (tray["paid"] and self._blind(desk) and kind in ("start", "choose")):
            if tray["paid"] and kind in ("start", "confirm", "pay"):
                yield self._show(desk, "paid")
        elif kind in ("end", "timeout"):
            desk |= {"session": None, "member": None}
            if tray:
                self.timers.set("offer", name, self.now)
        elif kind == "choose":
            yield from self._choose(name, desk, event)
        elif tray is None or tray["paid"] or not (tray["pieces"] or tray["menu"]):
            if kind in ("start", "login", "confirm", "pay"):
                yield self._show(desk, "menu", self._menu()) if self._blind(desk) else self._show(desk, "spread" if tray else "welcome")
        elif not desk["still"] and not tray["menu"]:
            yield self._show(desk, "wait")
        elif (tray["cleared"] or changed) and not _staff(event):
            yield from self._offer(name, desk)
        elif kind in ("confirm", "pay"):
            yield from self._confirm(name, desk, event)

    def _choose(self, name, desk, event):
        """A person says what a piece is, or picks from the menu while there is no picture."""
        product = self.tables.products.get(event.get("gtin") or event.get("value") or "")
        tray = desk["tray"]
        if not product or not self._price(product["gtin"]):
            return
        if tray and tray["pieces"] and not tray["paid"]:
            named = (event.get("values") or {}).get("piece")
            told = (number for number, piece in enumerate(tray["pieces"]) if named is not None and named in (number, piece["track"]))
            number = next(told, _asked_about(tray))
            if number is None or not desk["still"]:
                return
            tray["pieces"][number]["picked"] = product["gtin"]
            yield self._item(desk, tray["pieces"][number])
        elif self._blind(desk) or (tray and tray["menu"]):
            if not tray or tray["paid"]:
                desk["tray"] = None
                tray = desk["tray"] = self._new_tray(desk, [])
            left = tray["menu"].get(product["gtin"], 0) + int(event.get("qty", 1))
            tray["menu"] = {gtin: qty for gtin, qty in (tray["menu"] | {product["gtin"]: left}).items() if qty > 0}
        else:
            return
        yield from self._offer(name, desk)

    def _confirm(self, name, desk, event):
        tray = desk["tray"]
        if _asked_about(tray) is not None or not tray["lines"]:
            yield from self._offer(name, desk)
            return
        if _staff(event):
            tray["stopped"] = False
            yield from self._settle_alert(desk)
        elif tray["stopped"]:
            yield self._show(desk, "staff")
            return
        else:
            yield from self._weigh(name, desk, stale=True)
        if not tray["stopped"]:
            yield from self._ask(name, desk, event)

    # --- who pays ---

    def _ask(self, name, desk, event):
        """One payment for the tray as it was shown; what the guest chose is learnt."""
        tray = desk["tray"]
        self.timers.cancel("offer", name)
        for piece in tray["pieces"]:
            if piece["picked"] and piece["picked"] != piece["gtin"]:
                seen = self.workers.checkout.loose.same_place(piece, desk["look"]["pieces"])
                self.workers.vision.teach(desk["look"]["camera"], desk["look"]["seq"], seen["box"], SHOP, piece["picked"])
        tray["receipt"] = receipt = tray["receipt"] or self._receipt(desk)
        tray["attempt"] += 1
        tray["asked"] = payment = f"{receipt}-{tray['attempt']}"
        self.state[f"asked:{payment}"] = {
            "desk": name, "receipt": receipt, "till": self._till(desk), "member": desk["member"], "since": tray["since"],
            "total": tray["total"], "lines": self.workers.checkout.basket.receipt_lines(tray["lines"], entry="vision"),
            "discount": sum(line["discount"] for line in tray["lines"])}  # fmt: skip
        if tray["total"] == 0:
            yield from self._sell(payment, [])
        else:
            yield out("payment.request", payment=payment, amount=tray["total"], receipt=receipt, session=event["session"],
                      method=event.get("value") if event.get("value") in METHODS else None, till=self._till(desk))  # fmt: skip

    def _receipt(self, desk):
        """A session's receipt is the session; its further trays are numbered."""
        session = desk["session"]
        trays = desk["receipts"].get(session, 0) + 1
        desk["receipts"] = {session: trays}
        return session if trays == 1 else f"{session}/{trays}"

    @on("payment.result?")
    def settled(self, event):
        payment = event["payment"]
        asked = self.state.get(f"asked:{payment}")
        if asked is None:
            return
        if event["status"] == "approved":
            yield from self._sell(payment, [{"payment": payment, "method": event["method"], "amount": asked["total"]}])
        elif event["status"] in ("declined", "reversed", "refunded"):
            del self.state[f"asked:{payment}"]
            desk = self.state[f"desk:{asked['desk']}"]
            tray = desk["tray"]
            if tray and tray["asked"] == payment:
                tray["asked"] = None
                yield self._show(desk, "declined")
                if tray["menu"] or self.workers.checkout.loose.lie_still([piece["box"] for piece in tray["pieces"]], desk["boxes"]):
                    yield from self._offer(asked["desk"], desk)
                else:
                    desk |= {"tray": None, "boxes": None, "still": False}

    def _sell(self, payment, payments):
        asked = self.state.pop(f"asked:{payment}")
        desk = self.state[f"desk:{asked['desk']}"]
        yield out("pos.sale", receipt=asked["receipt"], kind="sale", till=asked["till"], channel="self_checkout", lines=asked["lines"],
                  payments=payments, total=asked["total"], discount=asked["discount"] or None, member=asked["member"],
                  started=asked["since"], business_day=self.store.hours.store_day(self.now))  # fmt: skip
        self.kpi.sample("seconds_per_tray", (self.now - parse_time(asked["since"])).total_seconds())
        day = self._day()
        day["sales"] += 1
        day["amount"] += asked["total"]
        tray = desk["tray"]
        if tray and tray["asked"] == payment:
            tray["paid"] = True
            desk["boxes"] = None if tray["menu"] else desk["boxes"]
            yield self._show(desk, "paid")

    # --- new products, and the day ---

    def _enrol(self, desk, event):
        """Take one of the pictures that make a new product."""
        product, look = self.tables.products.get(event.get("gtin") or event.get("value") or ""), desk["look"]
        if product is None:
            return
        gtin, goods, vision = product["gtin"], self.workers.checkout.goods, self.workers.vision
        known = gtin in map(self._written, vision.items.gtins(SHOP))
        item = self.state.setdefault(f"item:{gtin}", goods.new_item(known=known) | {"taken": None})
        fresh = look and len(look["pieces"]) == 1 and desk["still"] and desk["moved"] != item["taken"]
        if not fresh or vision.enrol(look["camera"], look["seq"], look["pieces"][0]["box"], SHOP, gtin) is None:
            yield self._show(desk, "one_piece")
            return
        item["taken"] = desk["moved"]
        learnt = goods.add_sample(item, "photo", most=self.config.enrol_shots, photos=self.config.enrol_shots)
        left = 0 if item["new"] is None else self.config.enrol_shots - item["new"]
        yield self._show(desk, "learnt" if learnt else "picture_taken", {"gtin": gtin, "left": left})

    def _half_learnt(self, gtin):
        return self.state.get(f"item:{gtin}", {}).get("new") is not None

    @every("1d", at="close")
    def night(self, due):
        self.workers.vision.refit([SHOP])
        day, hours = self.state.pop("day", None), self.store.hours
        if day:
            rows = [{"gtin": gtin, **row} for gtin, row in sorted(day["items"].items(), key=lambda pair: (-pair[1]["asked"], pair[0]))]
            figures = {"trays": "count", "sales": "count", "amount": "minor", "weight_stops": "count"}
            yield out("insight.report", {"from": hours.midnight(hours.store_day(due.time))}, to=due.time, version=1, rows=rows,
                      report=f"{self.context.instance}-{hours.store_day(due.time)}", kind="tray_checkout_day",
                      figures={figure: {"value": day[figure], "unit": unit} for figure, unit in figures.items()})  # fmt: skip

    def _day(self):
        return self.state.setdefault("day", {"trays": 0, "sales": 0, "amount": 0, "weight_stops": 0, "items": {}})

    # --- what it shows, and where ---

    def _desk(self, kind, device):
        """Name and state of the kiosk that a device belongs to."""
        kiosks = self.devices.get("kiosk", ())
        name = self.workers.checkout.stations.station_of(kiosks, "kiosk", self.devices.get(kind, ()), device)
        if name is None:
            return None, None
        fresh = {"kiosk": name or "kiosk", "session": None, "member": None, "seen": None, "moved": None, "boxes": None, "hands": [],
                 "still": False, "look": None, "tray": None, "weight": None, "called": False, "receipts": {}}  # fmt: skip
        return name, self.state.setdefault(f"desk:{name}", fresh)

    def _closed(self, desk):
        """Whether the tray that lies there is paid, or its payment is under way."""
        return bool(desk["tray"] and (desk["tray"]["asked"] or desk["tray"]["paid"]))

    def _blind(self, desk):
        return desk["seen"] is None or self.now - parse_time(desk["seen"]) > CAMERA_SILENT

    def _price(self, gtin, desk=None):
        """The price of a product that is sold by the piece; None for any other."""
        product = self.tables.products.get(gtin)
        if product is None:
            return None
        rows, zone = self.tables.prices.rows(gtin=product["gtin"]), self.store.hours.zone
        price = self.workers.checkout.basket.price_now(product, rows, self.now, _member(desk) if desk else None, zone)
        return price if price and price.per == "each" else None

    def _written(self, gtin):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _shown(self, gtin):
        product = self.tables.products.get(gtin)
        return {"gtin": gtin, "name": product.get("name", gtin), "price": self._price(gtin).price, "image": product.get("image")}

    def _menu(self):
        known = [self._written(gtin) for gtin in self.workers.vision.items.gtins(SHOP)]
        return {"items": [self._shown(gtin) for gtin in known if self._price(gtin) and not self._half_learnt(gtin)]}

    def _list(self, tray):
        fields = ("gtin", "name", "qty", "price", "discount", "amount")
        return {"items": [{field: line[field] for field in fields} for line in tray["lines"]], "total": tray["total"]}

    def _item(self, desk, piece):
        return out("vision.item", camera=desk["look"]["camera"], kind="tray", session=desk["session"], till=self._till(desk),
                   track=piece["track"], box=piece["box"], chosen=piece["picked"] or piece["gtin"],
                   candidates=[{"gtin": gtin, "score": score} for gtin, score in piece["candidates"]])  # fmt: skip

    def _show(self, desk, screen, params=None):
        text = self.say(*SCREENS[screen])
        return out("kiosk.show", kiosk=desk["kiosk"], screen=screen, session=desk["session"], text=text, params=params)

    def _till(self, desk):
        return self.workers.checkout.stations.till_of(self.devices.get("kiosk", ()), desk["kiosk"])

    def _zone(self, desk):
        return next((kiosk.zone for kiosk in self.devices.get("kiosk", ()) if kiosk.id == desk["kiosk"]), None)


def _asked_about(tray):
    """The first piece that nobody has named yet."""
    return next((number for number, piece in enumerate(tray["pieces"]) if not (piece["picked"] or piece["gtin"])), None)


def _staff(event):
    return (event.get("values") or {}).get("staff")


def _member(desk):
    """The guest as prices and promotions see one."""
    return {"member": desk["member"], "tier": None} if desk["member"] else None
