"""Smart fitting room and mirror: the room knows what was carried in, calls for another size, sells to ship home, and tells what is left.

A room is a zone of kind fitting, told by a read's `zone`, else by its antenna; its kiosk has the same id. Stock is what was counted and
not sold since. Partners share a product's `look`. A size is wanted by a choose with its product, and shipped by a confirm with the product
(or `value` of `ship` for all in the room); it is paid by a `payment.result` that names the order, or a pay of the room's kiosk. A serial is
told by the receipt's `epc`; an item tried again before it is forgotten is the same. Items that stay make no new session by being read,
but by leaving.

The floor has readers where one stands outside the rooms, or a read came from there. A missing item is waited for in opening hours, and
found again by any read or its sale. Sessions hold a member only after a login, and nothing of them is kept but the figures.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.gs1 import item_key
from storeloom.workers.gs1.epc import sgtin
from storeloom.workers.insight import fitting, rectification
from storeloom.workers.optimise import position
from storeloom.workers.pricing.prices import PriceBook

UNPAID, TRACKED = timedelta(minutes=15), timedelta(days=7)


class SmartFittingRoom(Solution):
    number = 53
    zh, en = "智能试衣间与魔镜", "Smart fitting room and mirror"
    purpose_zh = "试衣间识别带入商品，展示尺码与搭配，呼叫换码，可下单寄到家，并告诉买手什么被试穿又被留下。"
    formats = ("specialty", "mall")
    produces = ("kiosk.show", "task.create", "recommend.items", "order.placed", "alert.raise", "insight.report")
    adapters = ("rfid", "kiosk", "online_store?")
    reads = ("products", "prices", "zones", "staff?")
    kpis = {
        "try_to_buy": kpi("%", "Items tried that were bought", "试穿成交率"),
        "fetch_time": kpi("min", "Time to bring a size", "送码用时"),
        "tried_per_session": kpi("count", "Items tried in a session", "每次试穿件数"),
        "missing_sizes": kpi("count", "Wanted sizes out of stock", "缺码次数"),
    }
    kinds = {
        "fetch_size": ("Bring a size", "送换码"),
        "tidy_room": ("Tidy the fitting room", "整理试衣间"),
        "item_missing": ("Item missing after fitting", "试后商品去向不明"),
        "fitting_room": ("Fitting rooms of the day", "试衣间日报"),
    }

    class Config(SolutionConfig):
        min_reads: int = setting(3, "Reads within 5 s that put an item in", "进入判定读取次数", ge=1, le=50)
        gone_s: int = setting(20, "Silence after which an item has left", "离开判定静默", unit="s", ge=5, le=120)
        end_s: int = setting(60, "Stillness that ends a session", "会话结束静止时间", unit="s", ge=10, le=600,
            help_en="No item moves and nobody touches the screen.", help_zh="无商品进出且无触屏。")  # fmt: skip
        fetch_min: int = setting(3, "Time to bring a size", "送码时限", unit="min", ge=1, le=20)
        matches: int = setting(3, "Matching items shown", "展示搭配数", ge=0, le=10)
        buy_h: int = setting(24, "A sale this soon counts as bought", "试后成交归因时间", unit="h", ge=1, le=168)
        missing_min: int = setting(30, "Unsold and unread: alert", "去向不明告警时间", unit="min", ge=5, le=240)
        ship_fee: int = setting(0, "Fee for shipping home", "寄送费", unit="minor", ge=0, le=10000)

    # Tags

    @on("rfid.read")
    def read(self, event):
        item = sgtin(event["epc"])
        if item is None:
            return
        at = parse_time(event["last"]) if event.get("last") else event.time
        room, key = self._room_of(event), f"tag:{item.gtin}-{item.serial}"
        tag = self.state.get(key)
        if tag and tag["missing"]:
            yield self._missing(key, tag, "cleared")
        if room is None:
            self.state["floor"] = True
            if tag:
                self._found(key, tag)
            return
        if tag is None:
            fresh = {"gtin": self._written(item.gtin), "serial": item.serial, "room": None, "last": plain(at), "reads": {}, "tried": None}
            tag = self.state[key] = {**fresh, "sold": False, "left": None, "from": None, "missing": False, "order": None}
        self._found(key, tag)
        now_in = fitting.room_of(fitting.note(tag["reads"], room, at, event.get("count") or 1), tag["room"], self.config.min_reads)
        if room in (tag["room"], now_in) or tag["room"] is None:
            tag["last"] = max(tag["last"], plain(at), key=parse_time)
            self.timers.set("gone", key, parse_time(tag["last"]) + timedelta(seconds=self.config.gone_s))
        if now_in != tag["room"]:
            before, tag["room"] = tag["room"], now_in
            yield from self._moved(before, key, at) if before else ()
            yield from self._enters(key, tag, at)

    def _rooms(self):
        return self.tables.zones.derived("rooms", lambda rows: {row["zone"] for row in rows if row.get("kind") == "fitting"})

    def _room_of(self, event):
        return next((name for name in (event.get("zone"), event["antenna"], event["reader"]) if name in self._rooms()), None)

    def _written(self, gtin):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(gtin) or {}).get("gtin", gtin)

    def _found(self, key, tag):
        self.timers.cancel("missing", key)
        tag["missing"], tag["left"] = False, None
        self.timers.set("forget", key, self.now + TRACKED)

    @timer("gone")
    def gone(self, due):
        tag = self.state.get(due.key)
        if tag is None:
            return
        tag["reads"] = {}
        room, tag["room"] = tag["room"], None
        if room is None:
            return
        tag.update(left=plain(due.time), **{"from": room})
        if not tag["sold"] and self._floor_read():
            self.timers.set("missing", due.key, rectification.open_time_after(self.store.hours, due.time, self.config.missing_min))
        yield from self._moved(room, due.key, due.time)

    def _floor_read(self):
        readers = self.devices.get("rfid", ())
        return self.state.get("floor", False) or any(reader.zone not in self._rooms() for reader in readers)

    @timer("missing")
    def missing(self, due):
        tag = self.state.get(due.key)
        if tag and tag["left"] and not tag["sold"]:
            tag["missing"] = True
            yield self._missing(due.key, tag, "open")

    def _missing(self, key, tag, state):
        name = (self.tables.products.get(tag["gtin"]) or {}).get("name", tag["gtin"])
        words = self.say(f"{name} left the fitting room and is read nowhere", f"{name}离开试衣间后去向不明")
        return out("alert.raise", alert=f"missing-{key[4:]}", kind="item_missing", severity="warn", state=state, subject=tag["gtin"],
                   zone=tag["from"], text=words if state == "open" else self.say("Found again", "已找到"),
                   ref={"serial": tag["serial"], "left": tag["left"]} if tag["left"] else {"serial": tag["serial"]})  # fmt: skip

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    # Sessions

    def _session(self, room, at):
        """The room's session, opened now if there is none."""
        session = self.state.setdefault(
            f"room:{room}", {"session": None, "items": [], "tried": [], "member": None, "asked": {}, "tidy": []}
        )
        if session["session"] is None:
            session.update(session=f"{room}-{plain(at)}", tried=[], member=None, asked={})
        return session

    def _touch(self, room, at):
        self.timers.set("end", room, at + timedelta(seconds=self.config.end_s))

    def _enters(self, key, tag, at):
        session = self._session(tag["room"], at)
        session["items"].append(key)
        session["tried"] = list(dict.fromkeys([*session["tried"], key]))
        self._touch(tag["room"], at)
        if tag["tried"] is None and not tag["sold"]:
            self.kpi.share("try_to_buy", 0, 1)
            self._note(tag["gtin"], "tried")
        tag["tried"] = plain(at)
        yield from self._show_items(tag["room"], session)

    def _moved(self, room, key, at):
        """A tag has left a room."""
        session = self._session(room, at)
        session["items"] = [one for one in session["items"] if one != key]
        session["tidy"] = [one for one in session["tidy"] if one != key]
        self._touch(room, at)
        yield from self._show_items(room, session)

    @timer("end")
    def end(self, due):
        room, session = due.key, self.state[f"room:{due.key}"]
        if session["tried"]:
            self.kpi.sample("tried_per_session", len(session["tried"]))
            self._day()["sessions"] += 1
        number, session["session"], session["member"] = session["session"], None, None
        left = [key for key in session["items"] if key not in session["tidy"] and key in self.state]
        session["tidy"] = list(session["items"])
        yield out("kiosk.show", kiosk=room, session=number, screen="idle")
        if left:
            items = [{"gtin": self.state[key]["gtin"], "qty": 1} for key in left]
            yield out("task.create", task=f"tidy-{number}", kind="tidy_room", priority=3, zone=room, role="sales", items=items,
                      title=self.say(f"Tidy fitting room {room}", f"整理试衣间{room}"))  # fmt: skip

    def _show_items(self, room, session):
        products = [self.tables.products.get(self.state[key]["gtin"]) or {"gtin": self.state[key]["gtin"]} for key in session["items"]]
        by_style = self.tables.products.derived("styles", fitting.styles)
        items = []
        for product in products:
            told = {name: product[name] for name in ("gtin", "name", "size", "colour") if product.get(name) is not None}
            told |= fitting.options(product, by_style.get(str(product.get("style")), ()), self._in_stock)
            price = self._price(product)
            items.append(told if price is None else told | {"price": price})
        by_look = self.tables.products.derived("looks", fitting.looks)
        partners = fitting.partners(products, by_look, self._in_stock, self.config.matches)
        matches = [{"gtin": row["gtin"], "name": row.get("name", row["gtin"])} for row in partners]
        yield out("kiosk.show", kiosk=room, session=session["session"], screen="items", params={"items": items, "matches": matches})
        if matches:
            yield out("recommend.items", context="fitting_room", session=session["session"], member=session["member"], zone=room,
                      items=[{"gtin": row["gtin"], "score": 1.0, "reason": "look"} for row in partners])  # fmt: skip

    def _in_stock(self, gtin):
        return (position.units(self.state.get(f"stock:{item_key(gtin)}", {})) or 0) > 0

    def _price(self, product):
        zone = self.store.hours.zone
        book = self.tables.prices.derived(f"book in {zone}", lambda rows: PriceBook(rows, zone=zone))
        return book.price_of(product, self.now)

    @on("inventory.snapshot")
    def counted(self, event):
        if self.tables.products.get(event["gtin"]):
            position.count(self.state.setdefault(f"stock:{item_key(event['gtin'])}", {}), event.data, event.time)

    # At the screen

    @on("kiosk.event")
    def touched(self, event):
        room, kind, gtin = event["kiosk"], event["kind"], event.get("gtin")
        if room not in self._rooms():
            return
        session = self._session(room, event.time)
        self._touch(room, event.time)
        if kind == "login" and event.get("member"):
            session["member"] = event["member"]
        elif kind == "choose" and gtin:
            yield from self._wanted(room, session, self._written(gtin))
        elif kind == "confirm" and (gtin or event.get("value") == "ship"):
            yield from self._ship(room, session, gtin)
        elif kind == "pay":
            for key in [key for key in self.state if key.startswith("order:") and self.state[key]["room"] == room]:
                self._paid(key[6:])

    def _wanted(self, room, session, gtin):
        product = self.tables.products.get(gtin) or {"gtin": gtin}
        if self._in_stock(gtin):
            if gtin not in session["asked"]:
                session["asked"][gtin] = task = f"fetch-{session['session']}-{gtin}"
                self.state[f"fetch:{task}"] = plain(self.now)
                self.timers.set("forget", f"fetch:{task}", self.now + TRACKED)
                size = f" {product['size']}" if product.get("size") else ""
                yield out("task.create", task=task, kind="fetch_size", priority=1, zone=room, role="sales",
                          due=self.now + timedelta(minutes=self.config.fetch_min), items=[{"gtin": gtin, "qty": 1}],
                          title=self.say(f"Bring {product.get('name', gtin)}{size}", f"送{product.get('name', gtin)}{size}"))  # fmt: skip
            return
        if f"no {gtin}" not in session["asked"]:
            session["asked"][f"no {gtin}"] = True
            self.kpi.add("missing_sizes")
            self._note(gtin, "missing", str(product.get("size") or gtin))
        told = {"gtin": gtin, "fee": self.config.ship_fee}
        price = self._price(product)
        yield out("kiosk.show", kiosk=room, session=session["session"], screen="ship_offer",
                  params=told if price is None else told | {"price": price})  # fmt: skip

    @on("task.done?")
    def fetched(self, event):
        asked = self.state.get(f"fetch:{event['task']}")
        if asked and event["state"] == "done":
            del self.state[f"fetch:{event['task']}"]
            self.kpi.sample("fetch_time", (event.time - parse_time(asked)) / timedelta(minutes=1))

    def _ship(self, room, session, gtin):
        """Order what is in the room (of one product), each serial once; a product that is not there once a session."""
        wanted = [key for key in session["items"] if gtin is None or item_key(self.state[key]["gtin"]) == item_key(gtin)]
        for key in wanted:
            tag = self.state[key]
            if tag["order"] is None and not tag["sold"]:
                tag["order"] = f"ship-{key[4:]}-{plain(self.now)}"
                yield from self._place(room, session, tag["order"], tag["gtin"], key)
        if not wanted and gtin and f"ship {gtin}" not in session["asked"]:
            session["asked"][f"ship {gtin}"] = order = f"ship-{self._written(gtin)}-{session['session']}"
            yield from self._place(room, session, order, self._written(gtin), None)

    def _place(self, room, session, order, gtin, key):
        price = self._price(self.tables.products.get(gtin) or {"gtin": gtin})
        if price is None:
            return
        self.state[f"order:{order}"] = {"room": room, "tag": key, "asked": None if key else f"ship {gtin}"}
        self.timers.set("unpaid", order, self.now + UNPAID)
        total = price + self.config.ship_fee
        line = {"line": 1, "gtin": gtin, "qty": 1, "price": price, "amount": price}
        yield out("order.placed", order=order, channel="kiosk", kind="ship", lines=[line], total=total, paid=False,
                  member=session["member"], delivery_fee=self.config.ship_fee,
                  note=self.state[key]["serial"] if key else None)  # fmt: skip
        yield out("kiosk.show", kiosk=room, session=session["session"], screen="pay", params={"order": order, "amount": total})

    @on("payment.result?")
    def payment(self, event):
        order = next((name for name in (event.get("order"), event["payment"]) if f"order:{name}" in self.state), None)
        if order and event["status"] in ("approved", "settled"):
            self._paid(order)

    def _paid(self, order):
        self.timers.cancel("unpaid", order)
        key = self.state.pop(f"order:{order}")["tag"]
        if key in self.state:
            self._bought(self.state[key], self.now)

    @timer("unpaid")
    def unpaid(self, due):
        """Not paid in time: the serial is free again."""
        order = self.state.pop(f"order:{due.key}", None)
        if order and order["tag"] in self.state:
            self.state[order["tag"]]["order"] = None
        elif order and order["asked"] and f"room:{order['room']}" in self.state:
            self.state[f"room:{order['room']}"]["asked"].pop(order["asked"], None)

    # What became of them

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        for line in event["lines"]:
            if places := self.state.get(f"stock:{item_key(line['gtin'])}"):
                position.take(places, line["qty"], event.time)
            item = sgtin(line["epc"]) if line.get("epc") and event["kind"] == "sale" else None
            key = f"tag:{item.gtin}-{item.serial}" if item else None
            if key in self.state:
                tag = self.state[key]
                if tag["missing"]:
                    yield self._missing(key, tag, "cleared")
                self.timers.cancel("missing", key)
                tag["missing"] = False
                self._bought(tag, event.time)

    def _bought(self, tag, at):
        if not tag["sold"] and tag["tried"] and at - parse_time(tag["tried"]) <= timedelta(hours=self.config.buy_h):
            self.kpi.share("try_to_buy", 1, 0)
            self._note(tag["gtin"], "bought")
        tag["sold"] = True

    def _note(self, gtin, what, size=None):
        day = self._day()
        style = str((self.tables.products.get(gtin) or {}).get("style") or gtin)
        row = day["styles"].setdefault(style, {"tried": 0, "bought": 0, "missing": {}})
        if size is None:
            row[what] += 1
        else:
            row["missing"][size] = row["missing"].get(size, 0) + 1

    def _day(self):
        return self.state.setdefault("day", {"sessions": 0, "styles": {}})

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", None)
        if day is None:
            return
        date = self.store.hours.ended_day(due.time)
        rows = [{"style": style, **row} | ({"conversion": 100 * row["bought"] / row["tried"]} if row["tried"] else {})
                for style, row in sorted(day["styles"].items())]  # fmt: skip
        figures = {name: {"value": sum(row[name] for row in day["styles"].values()), "unit": "count"} for name in ("tried", "bought")}
        figures["sessions"] = {"value": day["sessions"], "unit": "count"}
        yield out("insight.report", {"from": self.store.hours.midnight(date), "to": due.time}, report=f"fitting-{date}",
                  kind="fitting_room", version=1, figures=figures, rows=rows)  # fmt: skip
