"""Lane scale with item recognition: loose produce is recognised, weighed and rung in one step at the lane, with no label and no code list.

Goods are recognised among the items of the shop `produce`. Devices work together by zone, or by `scale` in a camera's or kiosk's settings;
the till is `till` in the scale's or kiosk's. The zone `pan` may limit the camera's picture (`cameras`, polygon in shares). A lane is a self
lane while a kiosk session is open, which also is the receipt; at a manned lane the till adds the line to its open receipt (`open`). A
choice comes from the kiosk (`choose` with a GTIN, or a PLU as `value`; `confirm` takes what is proposed) or with the scale's own key. One
made after the line was taken, while the goods lie there, voids that line and rings the right one. `price` of a line is per kg, `amount`
what it comes to; `entry` is `key` for what was not among the candidates. A tare that the scale itself took off is not taken off again.

Several kinds on the pan are never rung by themselves. A correction is kept as a vector by `VisionWorker.teach`, whose catalogue weighs it
against its class; an item that is new to the shop is offered from the next opening after `enrol_after` of them. No picture is kept, and
nothing is learnt from one with a person on it.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

SHOP = "produce"
BAGS = ("bag", "plastic bag", "plastic_bag", "handbag")
MIX_DAYS = 28
CAMERA_SILENT, PICTURE_WAIT = timedelta(seconds=5), timedelta(seconds=2)
EPSILON = 1e-9
SCREENS = {
    "choose": ("Choose your goods, or search.", "请选择商品，或搜索。"),
    "one_kind": ("One kind at a time, please.", "请每次只称一种商品。"),
    "confirm": ("Is this right?", "请确认商品。"),
    "line": ("Added.", "已加入。"),
    "too_light": ("Too light to be weighed.", "重量低于最小称量。"),
    "not_by_weight": ("Not sold by weight here.", "该商品不能在此称重。"),
}


class LaneAiScale(Solution):
    number = 176
    zh, en = "收银通道AI秤称重结算一体", "Lane scale with item recognition"
    purpose_zh = "散装生鲜在收银通道一步完成识别、称重、入单，无需称重台、标签和编码。"
    formats = ("supermarket",)
    produces = ("vision.item", "pos.scan", "kiosk.show")
    adapters = ("camera", "scale", "kiosk|display")
    reads = ("products", "prices", "zones?")
    load = "vision"
    kpis = {
        "auto_share": kpi("%", "Lines recognised by themselves", "自动识别占比"),
        "correction_rate": kpi("%", "Lines corrected", "纠正率"),
        "weigh_to_line": kpi("s", "From weight to line", "称重到入单时间"),
        "labels_saved": kpi("count", "Labels saved", "节省标签数"),
    }

    class Config(SolutionConfig):
        auto_score: float = setting(0.85, "Score that proposes by itself", "自动识别得分", ge=0.5, le=0.999,
            help_en="Fused score that proposes the item by itself.", help_zh="融合得分达到此值时自动给出商品。")  # fmt: skip
        margin: float = setting(0.25, "Least lead over the second", "领先第二名的最小差值", ge=0, le=0.9,
            help_en="Lead over the second candidate that this needs.", help_zh="自动识别所需的领先幅度。")  # fmt: skip
        prior_alpha: float = setting(0.3, "Weight of the sales mix", "销售结构权重", ge=0, le=1,
            help_en="The store's sales mix by hour; 0: the picture alone.", help_zh="门店分时销售结构；0 表示只看图像。")  # fmt: skip
        candidates: int = setting(5, "Pictures shown when unsure", "候选图片数", ge=1, le=12,
            help_en="Shown beside the search key.", help_zh="与搜索键一同显示。")  # fmt: skip
        confirm_self: bool = setting(True, "Customers confirm", "顾客确认",
            help_en="Customers confirm the proposed item at self lanes.", help_zh="自助通道由顾客确认所识别的商品。")  # fmt: skip
        min_g: int = setting(40, "Lightest sale", "最小称量", unit="g", ge=1, le=500,
            help_en="20 scale intervals.", help_zh="20 个检定分度值。")  # fmt: skip
        zero_band_g: int = setting(4, "Empty pan", "空秤范围", unit="g", ge=0, le=50,
            help_en="The pan counts as empty up to this; a weight that changes by more is recognised anew.",
            help_zh="不超过此值视为空秤；重量变化超过此值则重新识别。")  # fmt: skip
        bag_tare_g: int = setting(4, "Weight of a bag", "袋重", unit="g", ge=0, le=100,
            help_en="Taken off when a bag is recognised.", help_zh="识别到袋子时扣除。")  # fmt: skip
        enrol_after: int = setting(3, "Corrections of a new look", "新外观所需纠正次数", unit="samples", ge=1, le=20,
            help_en="Corrections that make a new look live, from the next opening.", help_zh="达到此次数后，下次营业起生效。")  # fmt: skip

    # --- what lies there ---

    @on("scale.reading")
    def weighed(self, event):
        name, lane = self._lane("scale", event["scale"])
        if lane is None:
            return
        lane["scale"] = event["scale"]
        band, goods = self.config.zero_band_g, lane["goods"]
        step = self.workers.checkout.weighing.weigh(lane["pan"], event.data, zero_g=band, least_g=self.config.min_g, change_g=band)
        if step == "empty":
            self.timers.cancel("unseen", name)
            if goods:
                lane |= {"goods": None, "look": None}
        elif step == "placed" or (step == "changed" and not goods["line"]):
            tare = event.get("tare_g") or max(0, event.get("gross_g", 0) - event["weight_g"])
            before = goods["before"] or lane["look"] if step == "changed" else None
            lane["goods"] = {"at": plain(event.time), "gross_g": event["weight_g"] + tare, "tare_g": tare, "line": None, "proposed": None,
                             "key": None, "before": before}  # fmt: skip
            if step == "changed" or self._blind(name):
                lane["look"] = None
            if self._blind(name):
                yield from self._by_sales(lane)
            elif lane["look"]:
                yield from self._decide(lane)
            else:
                self.timers.set("unseen", name, event.time + PICTURE_WAIT)
        key = event.get("gtin") or event.get("plu")
        if lane["goods"] and step in ("placed", "changed", "same") and key != lane["goods"]["key"]:
            lane["goods"]["key"] = key
            yield from self._choose(lane, key)

    @on("camera.frame")
    def look(self, event):
        name, lane = self._lane("camera", event["camera"])
        if lane is None:
            return
        self.state[f"frame:{name}"] = plain(event.time)
        goods = lane["goods"]
        if goods and (goods["line"] or lane["look"]):
            return
        view, pan, tools = self.workers.vision.view(event.data, event.time), self._pan(event["camera"]), self.workers.checkout.goods
        seen = tools.look_at(view, SHOP, kind_score=self.config.auto_score, whole=goods is not None, written=self._written, pan=pan)
        lane["look"] = seen and seen | {"bag": any(thing.cls in BAGS for thing in tools.on_pan(view.observation.objects, pan))}
        if goods and seen:
            self.timers.cancel("unseen", name)
            yield from self._decide(lane)

    @timer("unseen")
    def no_picture(self, due):
        """What lay there before the weight changed is likeliest, else what sells."""
        lane = self.state[f"lane:{due.key}"]
        goods = lane["goods"]
        if goods and not goods["line"] and not lane["look"]:
            before = self._offers(goods["before"])
            yield from [self._list(lane, "choose", before)] if before else self._by_sales(lane)

    def _decide(self, lane):
        """Ring what is sure enough, or propose it; offer what is likely."""
        look, offers = lane["look"], self._offers(lane["look"])
        lane["goods"]["proposed"] = None
        yield self._item(lane, offers)
        best = offers[0][1] if offers else 0
        lead = best - (offers[1][1] if len(offers) > 1 else 0)
        sure = look["sure"] and not look["mixed"] and best >= self.config.auto_score - EPSILON and lead >= self.config.margin - EPSILON
        if not sure:
            yield self._list(lane, "one_kind" if look["mixed"] else "choose", offers)
        elif lane["self"] and self.config.confirm_self:
            lane["goods"]["proposed"] = offers[0][0]
            yield self._list(lane, "confirm", offers[:1])
        else:
            yield from self._ring(lane, offers[0][0], auto=True)

    def _offers(self, look):
        """Live goods sold by weight with their fused scores, best first; what is none of these has its share of the scores too."""
        found = [(gtin, score) for gtin, score in look["candidates"]] if look else []
        ranked = self.workers.checkout.mix.fused(found, self._sold(self.store.hours.local(self.now).hour), self.config.prior_alpha)
        return [(gtin, score) for gtin, score in ranked if self._price(gtin) and not self._unborn(gtin)]

    def _by_sales(self, lane):
        """Without a picture: what sells at this hour."""
        hour = self._sold(self.store.hours.local(self.now).hour)
        ranked = self.workers.checkout.mix.best_sellers(hour, self._sold())
        yield self._list(lane, "choose", [(gtin, None) for gtin in ranked if self._price(gtin)])

    # --- the line ---

    @on("kiosk.event?")
    def pressed(self, event):
        _, lane = self._lane("kiosk", event["kiosk"])
        if lane is None:
            return
        kind, goods = event["kind"], lane["goods"]
        lane["kiosk"] = event["kiosk"]
        if kind in ("end", "timeout"):
            lane |= {"session": None, "receipt": None, "self": False}
            return
        lane["session"] = event["session"]
        if kind not in ("choose", "confirm"):
            lane |= {"self": True, "receipt": event["session"]}
        lane["receipt"] = event.get("receipt") or lane["receipt"]
        key = event.get("gtin") or event.get("value")
        if kind == "choose" and key:
            yield from self._choose(lane, key)
        elif kind == "confirm" and goods and not goods["line"] and goods["proposed"]:
            yield from self._ring(lane, goods["proposed"], auto=True)

    def _choose(self, lane, key):
        """A person says what lies there."""
        goods, product = lane["goods"], self._product(key) if key else None
        if not goods or not key:
            return
        if product is None or not self._price(product["gtin"]):
            yield self._show(lane, "not_by_weight")
        elif goods["line"] is None:
            yield from self._ring(lane, product["gtin"], auto=product["gtin"] == goods["proposed"])
        elif goods["line"]["gtin"] != product["gtin"]:
            wrong, goods["line"] = goods["line"], None
            yield self._scan(lane, "void", wrong["receipt"], line=wrong["line"], gtin=wrong["gtin"])
            yield from self._ring(lane, product["gtin"], instead_of=wrong)

    def _ring(self, lane, gtin, *, auto=False, instead_of=None):
        """Add the line: per kg, what the goods weigh without their bag."""
        goods, look, price = lane["goods"], lane["look"], self._price(gtin)
        net_g = self._net_g(lane, gtin)
        if net_g < self.config.min_g:
            yield self._show(lane, "too_light")
            return
        offers = self._offers(look)
        amount = self.workers.pricing.line_amount(price.price, weight_g=net_g)
        entry = "vision" if any(gtin == other for other, _ in offers) else "key"
        line, receipt = lane["seq"] + 1, instead_of["receipt"] if instead_of else lane["receipt"] or "open"
        yield self._scan(lane, "weigh", receipt, line=line, gtin=gtin, qty=1, weight_g=net_g, price=price.price, amount=amount, entry=entry)
        goods |= {"line": {"line": line, "gtin": gtin, "receipt": receipt}, "proposed": None}
        yield self._show(lane, "line", {"items": [self._shown(lane, gtin, None)]})
        if look and not auto:
            yield self._item(lane, offers, chosen=gtin)
        wrong = bool(offers) and offers[0][0] != gtin
        if instead_of:
            self.kpi.share("correction_rate", 1, 0)
        else:
            self.kpi.share("auto_share", int(auto), 1)
            self.kpi.share("correction_rate", int(wrong), 1)
            self.kpi.sample("weigh_to_line", (self.now - parse_time(goods["at"])).total_seconds())
            self.kpi.add("labels_saved", 1)
        if look and (wrong or entry == "key"):
            self._learn(look, gtin)

    def _net_g(self, lane, gtin):
        """What the goods weigh without packing: what the scale took off, the product's preset, or a bag that is seen."""
        goods, look = lane["goods"], lane["look"]
        bag_g = self.config.bag_tare_g if look and look["bag"] else 0
        return round(goods["gross_g"] - (goods["tare_g"] or self.tables.products.get(gtin).get("tare_g") or bag_g))

    def _scan(self, lane, kind, receipt, **more):
        lane["seq"] += 1
        return out("pos.scan", till=self._till(lane), receipt=receipt, seq=lane["seq"], kind=kind, **more)

    # --- what is learnt ---

    def _learn(self, look, gtin):
        """Keep what was corrected; an item that is new to the shop waits for the opening after enough of them."""
        if self.workers.vision.teach(look["camera"], look["seq"], look["box"], SHOP, gtin) is None:
            return
        key, tools = f"item:{gtin}", self.workers.checkout.goods
        if key not in self.state:
            shop = {*map(self._written, self.workers.vision.items.gtins(SHOP)), *(other for other, _ in look["candidates"])}
            self.state[key] = tools.new_item(known=gtin in shop) | {"live": None}
        if tools.add_sample(self.state[key], "choice", most=self.config.enrol_after, photos=self.config.enrol_after):
            opening = self.store.hours.next_open(self.now)
            self.state[key]["live"] = plain(opening) if opening else None

    def _unborn(self, gtin):
        """Whether an item is still being learnt."""
        item = self.state.get(f"item:{gtin}")
        return bool(item and (item["new"] is not None or (item["live"] and self.now < parse_time(item["live"]))))

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] != "sale":
            return
        hours = self.store.hours
        mix = self.state.setdefault(f"sold:{hours.store_day(event.time)}:{hours.local(event.time).hour}", {})
        for line in event["lines"]:
            if line.get("weight_g"):
                gtin = self._written(line["gtin"])
                mix[gtin] = mix.get(gtin, 0) + 1

    def _sold(self, hour=None):
        """Weighed lines by item over 28 days, of one hour of day where it is named."""
        found = []
        for key in self.state:
            kind, _, rest = key.partition(":")
            day, _, at = rest.partition(":")
            if kind == "sold" and self._recent(day) and hour in (None, int(at)):
                found.append(self.state[key])
        return self.workers.checkout.mix.together(found)

    def _recent(self, day):
        return 0 <= (self.store.hours.store_day(self.now) - date.fromisoformat(day)).days < MIX_DAYS

    @every("1d", at="close")
    def night(self, due):
        self.workers.vision.refit([SHOP])
        for key in [key for key in self.state if key.startswith("sold:") and not self._recent(key.split(":")[1])]:
            del self.state[key]

    # --- where, and what it shows ---

    def _lane(self, kind, device):
        """Name and state of the lane that a device belongs to; its scale names it."""
        scales = self.devices.get("scale", ())
        name = self.workers.checkout.stations.station_of(scales, "scale", self.devices.get(kind, ()), device)
        if name is None:
            return None, None
        fresh = {"name": name, "pan": self.workers.checkout.weighing.new_pan(), "look": None, "goods": None, "scale": None, "kiosk": None,
                 "session": None, "receipt": None, "self": False, "seq": 0}  # fmt: skip
        return name, self.state.setdefault(f"lane:{name}", fresh)

    def _blind(self, name):
        last = self.state.get(f"frame:{name}")
        return last is None or self.now - parse_time(last) > CAMERA_SILENT

    def _pan(self, camera):
        """The zone `pan` in a camera's picture, None where none is drawn."""
        rows = [row for row in self.tables.zones.rows() if "pan" in (row["zone"], row.get("name"), row.get("kind"))]
        drawn = [entry["polygon"] for row in rows for entry in row.get("cameras") or () if entry.get("camera") == camera]
        return next((polygon for polygon in drawn if polygon), None)

    def _price(self, gtin):
        """The price of goods sold by weight; None for any other."""
        product = self.tables.products.get(gtin)
        if product is None:
            return None
        rows, zone = self.tables.prices.rows(gtin=product["gtin"]), self.store.hours.zone
        price = self.workers.checkout.basket.price_now(product, rows, self.now, None, zone)
        return price if price and price.per == "kg" else None

    def _product(self, key):
        plus = self.tables.products.derived("plu", self.workers.gs1.scale_labels.by_plu)
        return self.tables.products.get(key) or self.tables.products.get(plus.get(str(key).lstrip("0"), ""))

    def _written(self, gtin):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _item(self, lane, offers, chosen=None):
        look = lane["look"]
        return out("vision.item", camera=look["camera"], kind="place", box=look["box"], session=lane["session"], till=self._till(lane),
                   chosen=chosen, candidates=[{"gtin": gtin, "score": score} for gtin, score in offers])  # fmt: skip

    def _list(self, lane, screen, offers):
        """Goods to choose from, and always a key to search by."""
        items = [self._shown(lane, gtin, score) for gtin, score in offers[: self.config.candidates]]
        return self._show(lane, screen, {"items": items, "search": True})

    def _shown(self, lane, gtin, score):
        product, price, net_g = self.tables.products.get(gtin), self._price(gtin).price, self._net_g(lane, gtin)
        shown = {"gtin": gtin, "name": product.get("name", gtin), "price": price, "image": product.get("image"), "net_g": net_g}
        amount = self.workers.pricing.line_amount(price, weight_g=max(net_g, 0))
        return shown | {"amount": amount} | ({} if score is None else {"score": score})

    def _show(self, lane, screen, params=None):
        text, kiosk = self.say(*SCREENS[screen]), lane["kiosk"] or self._screen(lane)
        return out("kiosk.show", kiosk=kiosk, screen=screen, session=lane["session"], text=text, params=params)

    def _screen(self, lane):
        """The kiosk or display of a lane."""
        scales, stations = self.devices.get("scale", ()), self.workers.checkout.stations
        kinds = [self.devices.get(kind, ()) for kind in ("kiosk", "display")]
        return next((found for one in kinds if (found := stations.at_station(scales, "scale", one, lane["name"]))), "kiosk")

    def _till(self, lane):
        screen = self._screen(lane)
        bound = [one for kind in ("scale", "kiosk", "display") for one in self.devices.get(kind, ()) if one.id in (lane["scale"], screen)]
        return next((one.settings["till"] for one in bound if one.settings.get("till")), lane["name"] or lane["scale"] or screen)
