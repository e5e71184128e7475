"""Fresh-produce recognition scale: the customer or clerk lays the bag down, the scale names the produce and prints its price label.

Goods are recognised among the items of the shop `produce` (enrolled by `storeloom models train-items`, or here). Devices work together
by zone, or by `scale` in a camera's, kiosk's or printer's settings; `interval_g` in a scale's settings is its interval (2 g). A choice
comes from the kiosk (`choose` with a GTIN, or a PLU as `value`) or with the scale's own key (`plu`, `gtin` of the reading); `enrol` at the
kiosk takes a photo of what lies on the pan for an item. An item that the shop does not know is new when it is chosen, and is offered once
`enrol_photos` photos or choices have shown it. Once staff were called, `confirm` with `staff` in its values prints the choice. In staff
mode another choice corrects a label that was printed by itself. Several boxes of one kind in a picture are one bag.

Kept are vectors of goods, never pictures; nothing is learnt from a picture with a person on it.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.gs1 import CodeError

SHOP = "produce"
INTERVAL_G = 2
SHARE_WEIGHT = 0.05
KIND_SCORE = 0.6
CAMERA_SILENT = timedelta(seconds=5)
PICTURE_WAIT = timedelta(seconds=2)
DISPUTE_OVER = timedelta(minutes=2)
SCREENS = {
    "keys": ("Choose by key.", "请按键选择商品。"),
    "choose": ("Choose your goods.", "请选择商品。"),
    "one_kind": ("One kind in a bag, please.", "每袋只能装一种商品。"),
    "choose_again": ("Please choose again.", "请重新选择。"),
    "staff": ("A colleague is on the way.", "店员马上就来。"),
    "printed": ("Take your label.", "请取标签。"),
    "printed_already": ("This bag has its label.", "该袋商品已打印标签。"),
    "too_dear": ("Too dear for one label: split the goods.", "金额超出标签上限，请分装称重。"),
    "no_label": ("Not sold by weight here.", "该商品不能在此称重。"),
    "learnt": ("Photo taken.", "已拍摄。"),
}


class FreshAiScale(Solution):
    number = 184
    zh, en = "生鲜AI识别秤", "Fresh-produce recognition scale"
    purpose_zh = "放上即识别并打印价签；几张照片学会新品，拒绝按低价键。"
    formats = ("supermarket",)
    produces = ("vision.item", "print.job", "kiosk.show", "alert.raise", "task.create")
    adapters = ("camera", "scale", "printer", "kiosk")
    reads = ("products", "prices")
    load = "vision"
    kpis = {
        "first_choice_right": kpi("%", "First candidate right", "首选正确率"),
        "weigh_time": kpi("s", "Time from weight to label", "称重到出签时间"),
        "cheats_stopped": kpi("count", "Cheap keys stopped", "拦截低价按键"),
        "items_enrolled": kpi("count", "Items enrolled", "新登记商品"),
    }
    kinds = {"cheap_key": ("Cheap key on the scale", "秤上误选低价商品"), "enrol_item": ("Enrol an item anew", "重新登记商品")}

    class Config(SolutionConfig):
        auto_score: float = setting(0.9, "Score that prints by itself in staff mode", "店员模式自动打印得分", ge=0.5, le=0.999)
        show: int = setting(4, "Candidates offered", "候选数量", ge=1, le=12)
        cheat_ratio: float = setting(1.5, "Suspicious ratio of recognised to chosen price", "识别价与所选价的可疑倍数", ge=1.05, le=10)
        cheat_score: float = setting(0.85, "Recognition score that disputes a choice", "质疑所选商品所需的识别得分", ge=0.5, le=0.99)
        enrol_photos: int = setting(5, "Photos that make a new item live", "新品启用所需照片数", ge=1, le=30)
        samples_per_item: int = setting(50, "Samples kept per item", "单品样本上限", ge=5, le=500)
        accept_floor: float = setting(0.7, "Accepted share for re-enrolment", "重新登记的接受率下限", ge=0.1, le=0.99,
            help_en="An item proposed first but chosen less often than this is enrolled anew.",
            help_zh="首选被接受的比例低于此值时重新登记该商品。")  # fmt: skip
        label_prefix: str = setting("22", "In-store prefix of the label's code, 20 to 29", "标签店内码前缀（20 至 29）", pattern="^2[0-9]$")
        mode: Literal["self", "staff"] = setting("self", "Who works the scale", "操作人",
            help_en="self: customers choose; staff: sure items print by themselves.",
            help_zh="self：顾客自选；staff：把握足够时自动打印。")  # fmt: skip
        reprint_s: int = setting(60, "No second label of the same goods within", "同品同重不再出签的时长", unit="s", ge=0, le=600)

    @on("scale.reading")
    def weighed(self, event):
        name, place = self._place("scale", event["scale"])
        if place is None:
            return
        place["scale"] = event["scale"]
        step = self.workers.checkout.weighing.weigh(place["pan"], event.data, change_g=self._interval(place))
        if step == "empty":
            yield from self._cleared(name, place)
        if step == "placed" or (step == "changed" and not place["goods"]["label"]):
            if step == "changed":
                place["look"] = None
            tare = event.get("tare_g") or max(0, event.get("gross_g", 0) - event["weight_g"])
            place["goods"] = {"at": plain(event.time), "net_g": round(event["weight_g"]), "tare_g": tare, "label": None, "wish": None,
                              "key": None}  # fmt: skip
            if self._blind(name):
                place["look"] = None
                yield self._show(place, "keys")
            elif place["look"]:
                yield from self._decide(name, place)
            else:
                self.timers.set("unseen", name, event.time + PICTURE_WAIT)
        if place["goods"] and step != "waiting":
            key, before = event.get("gtin") or event.get("plu"), place["goods"]["key"]
            place["goods"]["key"] = key
            if key and key != before:
                yield from self._choose(name, place, key)

    @on("camera.frame")
    def look(self, event):
        name, place = self._place("camera", event["camera"])
        if place is None:
            return
        self.state[f"frame:{name}"] = plain(event.time)
        goods = place["goods"]
        if goods and (goods["label"] or place["look"]):
            return
        view = self.workers.vision.view(event.data, event.time)
        kinds = {"kind_score": KIND_SCORE, "whole": goods is not None, "written": self._written}
        seen = place["look"] = self.workers.checkout.goods.look_at(view, SHOP, **kinds)
        if goods and seen:
            self.timers.cancel("unseen", name)
            yield from self._decide(name, place)

    @timer("unseen")
    def no_picture(self, due):
        place = self.state[f"scale:{due.key}"]
        if (goods := place["goods"]) and not place["look"]:
            yield from self._accept(due.key, place, goods["wish"]) if goods["wish"] else [self._show(place, "keys")]

    @on("kiosk.event")
    def pressed(self, event):
        name, place = self._place("kiosk", event["kiosk"])
        key = event.get("gtin") or event.get("value")
        if place is None or event["kind"] not in ("choose", "confirm", "enrol"):
            return
        place |= {"kiosk": event["kiosk"], "session": event["session"]}
        if not place["goods"] or not key:
            return
        if event["kind"] == "enrol":
            yield from self._photo(place, key)
        else:
            called = place["dispute"] and place["dispute"]["alert"] and (event.get("values") or {}).get("staff")
            yield from self._choose(name, place, key, by_staff=bool(called))

    @every("1d", at="close")
    def night(self, due):
        self.workers.vision.refit([SHOP])

    def _place(self, kind, device):
        """Name and state of the scale that a device belongs to."""
        devices = self.devices.get(kind, ())
        name = self.workers.checkout.stations.station_of(self.devices.get("scale", ()), "scale", devices, device)
        if name is None:
            return None, None
        fresh = {"pan": self.workers.checkout.weighing.new_pan(), "look": None, "goods": None, "labels": [], "dispute": None,
                 "scale": None, "kiosk": None, "session": None}  # fmt: skip
        return name, self.state.setdefault(f"scale:{name}", fresh)

    def _interval(self, place):
        scale = next((one for one in self.devices.get("scale", ()) if one.id == place["scale"]), None)
        return scale.settings.get("interval_g", INTERVAL_G) if scale else INTERVAL_G

    def _blind(self, name):
        """Whether the camera has been silent."""
        last = self.state.get(f"frame:{name}")
        return last is None or self.now - parse_time(last) > CAMERA_SILENT

    def _decide(self, name, place):
        """Show what was recognised, or print where it is sure enough."""
        look, goods, offers = place["look"], place["goods"], self._offers(place["look"])
        wish, goods["wish"] = goods["wish"], None
        yield self._item(place)
        if wish:
            yield from self._choose(name, place, wish)
        elif look["mixed"]:
            yield self._show(place, "one_kind")
        elif self.config.mode == "staff" and look["sure"] and offers and offers[0][2] >= self.config.auto_score:
            yield from self._accept(name, place, offers[0][0]["gtin"], by_hand=False)
        else:
            yield self._show(place, "choose" if offers else "keys", offers)

    def _offers(self, look):
        """The candidates that are live and have a price, best first: (product, price, score)."""
        found = []
        for gtin, score in look["candidates"] if look else ():
            product = self.tables.products.get(gtin)
            price = self._price(product) if product else None
            if price and self.state.get(f"item:{gtin}", {}).get("new") is None:
                found.append((product, price, score))
        return found

    def _choose(self, name, place, key, *, by_staff=False):
        """A choice by hand: refused where it is far cheaper than what lies there."""
        goods, look, product = place["goods"], place["look"], self._product(key)
        corrects = self.config.mode == "staff" and goods["label"] and product and product["gtin"] != goods["label"]
        if goods["label"] and not corrects:
            return
        if product is None:
            yield self._show(place, "no_label")
        elif look is None and not self._blind(name) and self.timers.get("unseen", name):
            goods["wish"] = product["gtin"]
        elif look and look["mixed"]:
            yield self._show(place, "one_kind")
        elif not by_staff and (best := self._dearer(look, product)):
            yield from self._disputed(name, place, product, *best)
        else:
            yield from self._accept(name, place, product["gtin"])

    def _dearer(self, look, product):
        """The best candidate and its score where it is sure and so much dearer than the chosen product that a trick is likely."""
        offers, chosen = self._offers(look), self._price(product)
        if not offers or not chosen or not look["sure"] or offers[0][0]["gtin"] == product["gtin"]:
            return None
        best, price, score = offers[0]
        cheap = self.workers.checkout.goods.is_cheap(chosen.price, price.price, self.config.cheat_ratio)
        return (best, score) if cheap and score >= self.config.cheat_score else None

    def _disputed(self, name, place, product, best, score):
        last = place["dispute"]
        again = last is not None and self.now - parse_time(last["at"]) <= DISPUTE_OVER
        place["dispute"] = {"at": plain(self.now), "alert": again}
        self.kpi.add("cheats_stopped", int(not again))
        yield self._show(place, "staff" if again else "choose_again", self._offers(place["look"]))
        if again and not last["alert"]:
            yield self._alert(name, "open", best["gtin"], value=score, limit=self.config.cheat_score, text=self.say(
                f"{best.get('name', best['gtin'])} on the scale, {product.get('name', product['gtin'])} chosen twice",
                f"秤上为{best.get('name', best['gtin'])}，顾客两次选择{product.get('name', product['gtin'])}"))  # fmt: skip

    def _accept(self, name, place, gtin, *, by_hand=True):
        """Print the label of an item, and learn from the choice."""
        look, goods, product = place["look"], place["goods"], self.tables.products.get(gtin)
        fields, refusal = self._label(place, product)
        if refusal:
            yield self._show(place, refusal)
            return
        best = next(iter(self._offers(look)), None)
        place["labels"].append({"gtin": gtin, "net_g": goods["net_g"], "at": plain(self.now)})
        goods["label"] = gtin
        printer = self.workers.checkout.stations.at_station(self.devices.get("scale", ()), "scale", self.devices.get("printer", ()), name)
        yield out("print.job", printer=printer or "printer", job=f"label-{name or 'scale'}-{plain(self.now)}", kind="label",
                  template="scale_label", fields=fields)  # fmt: skip
        yield self._show(place, "printed")
        self.kpi.sample("weigh_time", (self.now - parse_time(goods["at"])).total_seconds())
        if best:
            self.kpi.share("first_choice_right", int(best[0]["gtin"] == gtin), 1)
            yield from self._judge(place, best[0]["gtin"], best[0]["gtin"] == gtin)
        if look and by_hand:
            yield self._item(place, chosen=gtin)
            self._learn(look, gtin, "choice")
        yield from self._settled(name, place)

    def _label(self, place, product):
        """The fields of a label, or the screen that says why there is none."""
        goods, price, labels = place["goods"], self._price(product), self.workers.gs1.scale_labels
        printed = self.workers.checkout.labels
        place["labels"] = printed.recent(place["labels"], self.now, self.config.reprint_s)
        if printed.has_label(place["labels"], product["gtin"], goods["net_g"], self._interval(place)):
            return None, "printed_already"
        plu = labels.plu_of(product)
        if price is None or plu is None or (product.get("unit") == "each" and price.per == "each"):
            return None, "no_label"
        amount = self.workers.pricing.line_amount(price.price, weight_g=goods["net_g"])
        try:
            code = labels.price_code(self.config.label_prefix, plu, amount)
        except CodeError:
            return None, "no_label"
        if code is None:
            return None, "too_dear"
        lot = product.get("lot") or f"{self.store.hours.store_day(self.now):%y%m%d}"
        return {"name": product.get("name", product["gtin"]), "net_g": goods["net_g"], "tare_g": goods["tare_g"], "price": price.price,
                "amount": amount, "time": plain(self.now), "lot": lot, "code": code}, None  # fmt: skip

    def _judge(self, place, gtin, accepted):
        """How often an item that was proposed first is the right one; too seldom, and it is enrolled anew."""
        item = self._known(gtin)
        if self.workers.checkout.goods.judge(item, accepted, weight=SHARE_WEIGHT, floor=self.config.accept_floor):
            product = self.tables.products.get(gtin) or {"gtin": gtin}
            title = self.say(f"Enrol {product.get('name', gtin)} anew at the scale", f"在秤上重新登记{product.get('name', gtin)}")
            yield out("task.create", task=f"enrol-{gtin}-{plain(self.now)}", kind="enrol_item", title=title, priority=3,
                      zone=self._zone(place), items=[{"gtin": gtin}],
                      values={"photos": self.config.enrol_photos, "samples": item["samples"]})  # fmt: skip

    def _photo(self, place, key):
        """A photo taken to enrol an item."""
        product, look = self._product(key), place["look"]
        if product and look and not look["mixed"] and self._learn(look, product["gtin"], "photo"):
            yield self._show(place, "learnt")

    def _learn(self, look, gtin, kind):
        """Keep what was seen as a sample of an item; whether it was kept."""
        vision, most = self.workers.vision, self.config.samples_per_item
        item = self._known(gtin, look)
        learn = vision.enrol if kind == "photo" else vision.teach
        if learn(look["camera"], look["seq"], look["box"], SHOP, gtin, samples=most) is None:
            return False
        live = self.workers.checkout.goods.add_sample(item, kind, most=most, photos=self.config.enrol_photos)
        self.kpi.add("items_enrolled", int(live))
        return True

    def _known(self, gtin, look=None):
        """What is known of an item; one that the shop does not recognise is new."""
        key = f"item:{gtin}"
        if key not in self.state:
            new = look is not None and all(gtin != other for other, _ in look["candidates"])
            new = new and gtin not in map(self._written, self.workers.vision.items.gtins(SHOP))
            self.state[key] = self.workers.checkout.goods.new_item(known=not new)
        return self.state[key]

    def _cleared(self, name, place):
        """The pan is empty: the next goods are others, but a trick that was just tried is remembered."""
        if place["goods"]:
            place |= {"goods": None, "look": None}
            self.timers.cancel("unseen", name)
            if place["dispute"] and place["dispute"]["alert"]:
                yield from self._settled(name, place)

    def _settled(self, name, place):
        dispute, place["dispute"] = place["dispute"], None
        if dispute and dispute["alert"]:
            yield self._alert(name, "cleared", None, text=self.say("Settled at the scale", "秤上争议已解决"))

    def _alert(self, name, state, subject, **more):
        place = self.state[f"scale:{name}"]
        return out("alert.raise", alert=f"{self.context.instance}-{name}", kind="cheap_key", severity="warn", state=state, subject=subject,
                   zone=self._zone(place), **more)  # fmt: skip

    def _item(self, place, chosen=None):
        look = place["look"]
        return out("vision.item", camera=look["camera"], kind="place", box=look["box"], session=place["session"], chosen=chosen,
                   candidates=[{"gtin": gtin, "score": score} for gtin, score in look["candidates"]])  # fmt: skip

    def _show(self, place, screen, offers=()):
        """A screen, with the best offers where there are some."""
        kiosk = place["kiosk"] or next((one.id for one in self.devices.get("kiosk", ())), "kiosk")
        items = [
            {"gtin": product["gtin"], "name": product.get("name"), "price": price.price, "image": product.get("image"), "score": score}
            for product, price, score in offers[: self.config.show]
        ]
        return out("kiosk.show", kiosk=kiosk, screen=screen, session=place["session"], text=self.say(*SCREENS[screen]),
                   params={"items": items} if items else None)  # fmt: skip

    def _zone(self, place):
        return next((one.zone for one in self.devices.get("scale", ()) if one.id == place["scale"]), None)

    def _price(self, product):
        rows = self.tables.prices.rows(gtin=product["gtin"])
        return self.workers.checkout.basket.price_now(product, rows, self.now, None, self.store.hours.zone)

    def _product(self, key):
        plus = self.tables.products.derived("plu", self.workers.gs1.scale_labels.by_plu)
        return self.tables.products.get(key) or self.tables.products.get(plus.get(str(key).lstrip("0"), ""))

    def _written(self, gtin):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]
