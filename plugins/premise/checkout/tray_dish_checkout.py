"""Tray and dish checkout: the tray of plated dishes is read in one look against the menu of the meal, so the lunch queue flows.

Dishes are recognised among the items of the shop `dishes`, where each morning's photos are enrolled. The zone `pay` may limit a camera's
picture (`cameras`, polygon in shares) and the floor. A picture without trays (the shipped detector knows bowls, cups and foods, no trays)
counts all that lies in it as one tray. A kiosk works with the camera of its zone, or the one whose settings name it under `kiosk`; its
session is the receipt, the channel `canteen`. A dish of no `meal_periods` is on every menu. A plate sold by its colour stands on the
receipt as `plate-COLOUR`; payment is asked for by `payment.request`. `choose` at the kiosk picks a plate's dish (`plate` in its values,
else the plate that waits), also to correct one. The allowance is a tender, `stored_value` of provider `meal_allowance`, reserved while
the payment is under way; merged members share it, those who left have none. A payment approved after its tray has gone is booked.

No faces, no pictures: boxes, votes and vectors of dishes.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

SHOP = "dishes"
METHODS = ("cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit")
STEADY, AWAY = timedelta(seconds=1), timedelta(seconds=1)
LOST, LOST_WAITING = timedelta(seconds=5), timedelta(seconds=30)
CANDIDATES, MOST_DISHES = 3, 50
SCREENS = {
    "reading": ("Hold on, reading your tray.", "正在识别餐盘，请稍候。"),
    "spread": ("Please spread the plates and take your hands away.", "请分开餐盘并移开双手。"),
    "pick": ("Staff: which dish is this?", "请店员选择菜品。"),
    "total": ("Please pay.", "请付款。"),
    "wait": ("The total is not ready yet.", "金额尚未确定，请稍候。"),
    "paid": ("Enjoy your meal. Please take your tray.", "付款成功，请取走餐盘，用餐愉快。"),
    "declined": ("The payment did not go through.", "支付未成功，请重试。"),
    "camera_lost": ("The camera is off; nothing was charged.", "相机中断，未收取任何费用。"),
    "welcome": ("Put your tray down.", "请放置餐盘。"),
}
Price = Annotated[int, Field(ge=0)]
Period = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]


class TrayDishCheckout(Solution):
    number = 177
    zh, en = "餐盘菜品识别结算", "Tray and dish checkout"
    purpose_zh = "一次看清整盘菜品，按当餐菜单计价（按菜或按盘），支持餐补，让午餐队伍快速通过。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("vision.item", "pos.sale", "kiosk.show", "payment.request")
    adapters = ("camera", "kiosk", "payment")
    reads = ("products", "prices", "zones?")
    load = "vision"
    kpis = {
        "trays_per_minute": kpi("1/min", "Trays per minute at the counter", "每分钟结算餐盘数"),
        "dish_exact": kpi("%", "Plates recognised as their dish", "菜品识别准确率"),
        "fallback_rate": kpi("%", "Plates priced by colour or by staff", "兜底计价占比"),
        "subsidy_used": kpi("minor", "Allowance used", "已用餐补"),
    }

    class Config(SolutionConfig):
        frames: int = setting(5, "Frames that vote", "投票帧数", ge=1, le=30)
        agree: int = setting(3, "Votes that decide", "决定所需票数", ge=1, le=30)
        dish_score: float = setting(0.8, "Score of a vote", "投票所需得分", ge=0.5, le=0.99)
        price_mode: Literal["dish", "plate"] = setting("dish", "What sets the price", "计价方式",
            help_en="dish: the dish, plate colour as fall-back; plate: the plate's colour alone.",
            help_zh="dish：按菜品，盘色兜底；plate：仅按盘色。")  # fmt: skip
        plate_prices: dict[str, Price] = setting(dict, "Price by plate colour", "盘色价格", unit="minor",
            help_en="Colour (name or #rrggbb) to price.", help_zh="颜色（名称或 #rrggbb）对应的价格。")  # fmt: skip
        overlap_iou: float = setting(0.3, "Overlap above which plates must be spread", "餐盘需分开的重叠度", ge=0.05, le=0.9)
        meal_periods: dict[str, Period] = setting(
            lambda: {"breakfast": "06:30-09:30", "lunch": "10:30-14:00", "dinner": "16:30-20:00"}, "Meal periods", "餐段",
            help_en="Store time; the end is no longer part of it.", help_zh="门店时间，不含结束时刻。")  # fmt: skip
        subsidy: int = setting(0, "Allowance per member and meal", "每位会员每餐补贴", unit="minor", ge=0, le=100000)

    @on("camera.frame")
    def look(self, event):
        name, desk = self._desk_of("camera", event["camera"])
        if desk is None:
            return
        view, tools = self.workers.vision.view(event.data, event.time), self.workers.checkout.plates
        zone = next((row for row in self.tables.zones.rows() if "pay" in (row["zone"], row.get("name"))), None)
        things = tools.in_zone(view.observation.objects, event["camera"], zone)
        plates = tools.dishes(things)
        trays = self.workers.checkout.counter.trays_in(things, goods=bool(plates))
        here = yield from self._follow(name, desk, trays)
        tray = desk["tray"]
        if here is None or tray["asked"] or tray["paid"]:
            return
        yield from self._read(name, desk, view, plates if len(trays) < 2 else tools.on_tray(trays[here], plates), things)
        waits = tray["frozen"] or (tray["screen"] and tray["screen"][0] == "pick")
        self.timers.set("lost", name, event.time + (LOST_WAITING if waits else LOST))

    def _follow(self, name, desk, trays):
        """A tray that has gone ends its session, a new one opens one; under which track the tray is seen now, if it is."""
        counter, last = self.workers.checkout.counter, self.state.get(f"seen:{name}")
        here = counter.find(desk, trays, last, self.now)
        if desk["tray"] and here is None:
            if not trays:
                if self.timers.get("gone", name) is None:
                    self.timers.set("gone", name, self.now + AWAY)
                return None
            yield from self._ended(name, desk)
        if here is None:
            last, here = None, counter.arrive(desk, trays, self.now)
            if here is None:
                return None
            desk["tray"] |= {"plates": {}, "now": [], "lines": None, "total": None, "kcal": 0, "frozen": False, "screen": None}
        self.timers.cancel("gone", name)
        self.state[f"seen:{name}"] = {"at": plain(self.now), "box": trays[here] or (last["box"] if last else None)}
        return here

    def _read(self, name, desk, view, plates, things):
        """Let a frame vote on every plate, then see what the tray costs."""
        tray, tools = desk["tray"], self.workers.checkout.tray
        boxes = {thing.track or f"{number}": thing.box for number, thing in enumerate(plates)}
        hidden = self.workers.checkout.plates.obstructed(things, plates, self.config.overlap_iou)
        if tray["frozen"] and (hidden or len(boxes) == len(tray["now"])):
            return
        tray["frozen"] = False
        if hidden:
            self.timers.cancel("freeze", name)
            tray["total"] = None
            yield from self._screen(desk, "spread")
            return
        rankings = view.items(list(boxes.values()), SHOP, MOST_DISHES)
        menu, looks = self._menu(gtin for ranking in rankings for gtin, _ in ranking.candidates), []
        for thing, ranking in zip(plates, rankings, strict=True):
            named = ((self._written(gtin), score) for gtin, score in ranking.candidates)
            colour = self.workers.checkout.dishware.plate_colour(view, thing, self.config.plate_prices)
            looks.append(([(gtin, score) for gtin, score in named if gtin in menu], not ranking.unknown, colour))
        tray["now"] = tools.look_at(tray["plates"], boxes, looks, least=self.config.dish_score, frames=self.config.frames)
        tray["look"] = [view.camera, view.seq]
        yield from self._add_up(name, desk)

    def _menu(self, gtins):
        """Price by GTIN of those of these items that are dishes of the meal period; outside of the periods all are."""
        periods, zone, found = self._periods(), self.store.hours.zone, {}
        for product in filter(None, map(self.tables.products.get, gtins)):
            if self.workers.checkout.meals.is_served(product, periods):
                rows = self.tables.prices.rows(gtin=product["gtin"])
                if price := self.workers.checkout.basket.price_now(product, rows, self.now, None, zone):
                    found[product["gtin"]] = price.price
        return found

    def _periods(self):
        return self.workers.checkout.meals.periods_at(self.config.meal_periods, self.store.hours.local(self.now).time())

    def _sold(self, plate):
        menu = self._menu({plate["picked"], *plate["votes"]} - {None})
        prices, by_colour = self.config.plate_prices, self.config.price_mode == "plate"
        return self.workers.checkout.tray.priced(plate, menu, prices.get(plate["colour"]), agree=self.config.agree,
                                                 frames=self.config.frames, by_colour=by_colour)  # fmt: skip

    def _add_up(self, name, desk):
        """The total of the plates that lie there now; once it is unchanged for a second, it stands."""
        tray = desk["tray"]
        sold = {track: self._sold(tray["plates"][track]) for track in tray["now"]}
        unknown = [track for track, one in sold.items() if one == "unknown"]
        if not sold or unknown or "reading" in sold.values():
            tray["total"] = None
            self.timers.cancel("freeze", name)
            if unknown:
                best = dict(tray["plates"][unknown[0]]["candidates"][:CANDIDATES])
                items = [{"gtin": gtin, "price": price, "score": best[gtin]} for gtin, price in self._menu(best).items()]
                yield from self._screen(desk, "pick", {"plate": unknown[0], "items": items}, same=unknown[0])
            elif sold:
                yield from self._screen(desk, "reading")
            return
        lines = self.workers.checkout.tray.receipt_lines([(one.gtin, one.price) for one in sold.values()])
        tray["sold"] = {track: [one.gtin, one.by] for track, one in sold.items()}
        if tray["total"] is None or lines != tray["lines"]:
            kcal = sum((self.tables.products.get(one.gtin) or {}).get("kcal") or 0 for one in sold.values())
            tray |= {"lines": lines, "total": sum(line["amount"] for line in lines), "kcal": kcal}
            self.timers.set("freeze", name, self.now + STEADY)

    @timer("freeze")
    def unchanged(self, due):
        desk = self.state[f"desk:{due.key}"]
        tray = desk["tray"]
        tray["frozen"] = True
        self.timers.set("lost", due.key, self.now + LOST_WAITING)
        for track, (gtin, by) in tray["sold"].items():
            plate = tray["plates"][track]
            yield out("vision.item", camera=tray["look"][0], kind="tray", session=tray["session"], track=track, box=plate["box"],
                      chosen=None if by == "colour" else gtin,
                      candidates=[{"gtin": gtin, "score": score} for gtin, score in plate["candidates"]])  # fmt: skip
        yield from self._screen(desk, "total", {"lines": tray["lines"], "total": tray["total"], "kcal": tray["kcal"]})

    @on("kiosk.event")
    def pressed(self, event):
        name, desk = self._desk_of("kiosk", event["kiosk"])
        if desk is None:
            return
        desk["kiosk"], session = event["kiosk"], event["session"]
        counter, over = self.workers.checkout.counter, event["kind"] in ("end", "timeout")
        if not over:
            counter.announce(desk, session, event.get("member"))
        elif (desk["next"] or {}).get("session") == session:
            desk["next"] = None
        tray = desk["tray"]
        if tray is None or tray["session"] != session or tray["paid"]:
            return
        tray["member"] = event.get("member") or tray["member"]
        if event["kind"] == "choose" and event.get("gtin"):
            yield from self._picked(name, desk, self._written(event["gtin"]), (event.get("values") or {}).get("plate"))
        elif over and not tray["asked"]:
            tray |= {"session": None, "member": None}
        elif event["kind"] == "pay" and not tray["asked"]:
            yield from self._ask(name, desk, event) if tray["frozen"] else [self._show(desk, "wait")]

    def _picked(self, name, desk, gtin, track):
        """A person says which dish a plate is; it is learnt."""
        tray = desk["tray"]
        waiting = [one for one in tray["now"] if self._sold(tray["plates"][one]) == "unknown"]
        track = track if track in tray["now"] else next(iter(waiting), None)
        if track is None or tray["asked"] or gtin not in self._menu([gtin]):
            return
        plate = tray["plates"][track]
        plate["picked"] = gtin
        self.workers.vision.enrol(*tray["look"], plate["box"], SHOP, gtin)
        tray |= {"frozen": False, "total": None}
        yield from self._add_up(name, desk)

    def _ask(self, name, desk, event):
        """One payment for the total, less the allowance."""
        tray, till = desk["tray"], self.workers.checkout.stations.till_of(self.devices.get("kiosk", ()), desk["kiosk"])
        tray["attempt"] += 1
        payment, meal = f"{tray['session']}-{tray['attempt']}", self._meal(tray["member"])
        allowance = min(self.config.subsidy, tray["total"]) if meal and meal not in self.state else 0
        if allowance:
            self.state[meal] = {"day": plain(self.store.hours.store_day(self.now)), "payment": payment}
        tray["asked"] = payment
        self.timers.cancel("lost", name)
        kept = {key: tray[key] for key in ("session", "member", "since", "lines", "total", "sold")}
        self.state[f"asked:{payment}"] = kept | {"desk": name, "till": till, "allowance": allowance, "meal": meal if allowance else None}
        due = tray["total"] - allowance
        if due == 0:
            yield from self._approved(payment, None)
        else:
            method = event.get("value") if event.get("value") in METHODS else None
            yield out("payment.request", payment=payment, amount=due, method=method, receipt=tray["session"], session=tray["session"],
                      till=till)  # fmt: skip

    def _meal(self, member):
        """The key of a member's allowance of this meal period; None where there is none."""
        member, periods = self.state.get(f"merged:{member}", member), self._periods()
        if member is None or not periods or f"left:{member}" in self.state:
            return None
        return f"meal:{member}|{self.store.hours.store_day(self.now)}|{periods[0]}"

    @on("payment.result")
    def settled(self, event):
        asked = self.state.get(f"asked:{event['payment']}")
        if asked and event["status"] == "approved":
            yield from self._approved(event["payment"], event)
        elif asked and event["status"] in ("declined", "reversed", "refunded"):
            del self.state[f"asked:{event['payment']}"]
            self.state.pop(asked["meal"] or "", None)
            desk = self._desk(asked["desk"])
            if desk["tray"] and desk["tray"]["asked"] == event["payment"]:
                desk["tray"]["asked"] = None
                self.timers.set("lost", asked["desk"], self.now + LOST_WAITING)
                yield self._show(desk, "declined")

    def _approved(self, payment, event):
        """Book the sale, once; a tray that still lies there is paid."""
        asked = self.state.pop(f"asked:{payment}")
        desk, allowance = self._desk(asked["desk"]), asked["allowance"]
        tray = desk["tray"] if desk["tray"] and desk["tray"]["asked"] == payment else None
        yield out("pos.sale", receipt=asked["session"], kind="sale", till=asked["till"], channel="canteen", lines=asked["lines"],
                  payments=self.workers.checkout.meals.tenders(asked["total"], allowance, payment, event and event["method"]),
                  total=asked["total"], member=asked["member"], started=asked["since"],
                  business_day=self.store.hours.store_day(self.now))  # fmt: skip
        self.kpi.add("subsidy_used", allowance)
        self.kpi.share("trays_per_minute", 1, (self.now - parse_time(asked["since"])).total_seconds() / 60)
        for _, by in asked["sold"].values():
            self.kpi.share("fallback_rate", int(by != "votes"), 1)
            if self.config.price_mode == "dish":
                self.kpi.share("dish_exact", int(by == "votes"), 1)
        if tray:
            self.workers.checkout.counter.paid(desk, self.now)
            yield from self._screen(desk, "paid")

    @on("member.profile?")
    def profile(self, event):
        for old in event.get("merged_from") or ():
            self.state[f"merged:{old}"] = event["member"]
        if event.get("left"):
            self.state[f"left:{event['member']}"] = True
        else:
            self.state.pop(f"left:{event['member']}", None)

    @timer("gone")
    def tray_gone(self, due):
        yield from self._ended(due.key, self._desk(due.key))

    @timer("lost")
    def camera_lost(self, due):
        """No picture: the tray is dropped, its session may go on with the next look."""
        desk = self._desk(due.key)
        yield self._show(desk, "camera_lost")
        yield from self._ended(due.key, desk, again=True)

    @every("1d", at="close")
    def night(self, due):
        self.workers.vision.refit([SHOP])
        today = self.store.hours.store_day(due.time).isoformat()
        for key in [key for key in self.state if key.startswith("meal:") and self.state[key]["day"] < today]:
            del self.state[key]

    def _ended(self, name, desk, *, again=False):
        tray, desk["tray"] = desk["tray"], None
        for alarm in ("freeze", "lost", "gone"):
            self.timers.cancel(alarm, name)
        if tray and again and tray["session"] and desk["next"] is None:
            desk["next"] = {"session": tray["session"], "member": tray["member"]}
        if tray and not again:
            yield self._show(desk, "welcome")

    def _desk_of(self, kind, device):
        name = self.workers.checkout.stations.station_of(self.devices.get("kiosk", ()), "kiosk", self.devices.get(kind, ()), device)
        return name, None if name is None else self._desk(name)

    def _desk(self, name):
        return self.state.setdefault(f"desk:{name}", self.workers.checkout.counter.new_counter(name or None))

    def _screen(self, desk, screen, params=None, same=None):
        """A screen of the tray, once while it and its `same` (its parameters by default) stay."""
        shown = [screen, same or params]
        if desk["tray"]["screen"] != shown:
            desk["tray"]["screen"] = shown
            yield self._show(desk, screen, params)

    def _show(self, desk, screen, params=None):
        session = desk["tray"]["session"] if desk["tray"] else None
        return out("kiosk.show", kiosk=desk["kiosk"] or "kiosk", screen=screen, session=session, text=self.say(*SCREENS[screen]),
                   params=params)  # fmt: skip

    def _written(self, gtin):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]


@hookimpl
def storeloom_config_problems(config, store):
    if config["agree"] <= config["frames"]:
        return []
    what = "More votes are asked for than frames vote", "所需票数超过投票帧数"
    return [Problem("agree", *what, "Lower agree, or raise frames.", "请降低 agree 或提高 frames。")]
