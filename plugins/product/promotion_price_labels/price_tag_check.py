"""Shelf-price verification: tags read by cameras, patrols and handhelds are compared with the till, so that overcharging is found first.

A tag's item is the one that its code names, else the one of that name, else the one planned in its slot. The till's price is that of the
tables and of `price.set` at the frame's time. A tag past its own last day, or with the price of a promotion that has ended, is an expired
promotion; where the till asks for more than it, that is alerted as an overcharge too. A fault ends with the first right reading, at its
place or by a handheld. The daily sample counts the last reading of each tag of the day; one excused or unreadable does not count.
A handheld's `scanner.code` carries the price that it saw as `values.price` in minor units. Only shelf prices for everyone are compared.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import draw, parse_time, rfc3339

LEAST_APART = timedelta(seconds=1)
GRID = 20
BASIS_G = 1000
WORDS = {
    "overcharge": ("till above tag", "收银价高于价签"),
    "undercharge": ("till below tag", "收银价低于价签"),
    "expired_promotion": ("promotion over", "促销已过期"),
    "wrong_place": ("item not planned here", "商品不应在此陈列"),
    "unreadable": ("tag unreadable", "价签无法识别"),
}


class PriceTagCheck(Solution):
    number = 129
    zh, en = "价签核验", "Shelf-price verification"
    purpose_zh = "用摄像头、巡店和手持设备读取纸质与电子价签并与收银价比对，先于顾客和检查发现多收。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("vision.text", "alert.raise", "task.create", "print.job", "score.report")
    adapters = ("camera", "scanner?", "printer?")
    reads = ("products", "prices", "promotions", "planogram", "fixtures", "zones")
    kpis = {
        "price_accuracy": kpi("%", "Price accuracy", "价格准确率"),
        "overcharges": kpi("count", "Overcharges", "多收次数"),
        "unreadable_tags": kpi("%", "Unreadable tags", "无法识别价签占比"),
        "time_to_fix": kpi("min", "Time to fix", "整改时长"),
    }
    kinds = {"overcharge": ("Till above tag", "收银价高于价签"), "fix_price_tag": ("Put a tag right", "更正价签")}
    load = "vision"

    class Config(SolutionConfig):
        min_confidence: float = setting(0.85, "Confidence from which a price counts", "有效识别置信度", ge=0.5, le=0.99)
        confirm_reads: int = setting(2, "Equal readings needed", "确认所需一致次数", ge=1, le=5)
        confirm_min: int = setting(10, "Time in which they must come", "确认时间窗", unit="min", ge=1, le=120)
        change_grace_min: int = setting(10, "Old tag excused after a change", "调价宽限", unit="min", ge=0, le=240,
            help_en="So long after a price change the old tag is no fault.", help_zh="调价后此时长内旧价签不算错误。")  # fmt: skip
        sample_size: int = setting(100, "Items in the daily sample", "每日抽样商品数", unit="items", ge=20, le=500)
        pass_pct: float = setting(98, "Accuracy that passes", "合格准确率", unit="%", ge=90, le=100)
        reprint: bool = setting(True, "Print a new tag for each fault", "每个错误自动重打价签")

    @on("price.set?")
    def price_set(self, event):
        from storeloom.workers.pricing import shelf, tags

        news = tags.statement(event.data, event.time)
        if news is not None:
            key = self._key(event["gtin"])
            self.state[f"news:{key}"] = shelf.with_news(self.state.get(f"news:{key}", []), news, self.now)

    @on("camera.frame")
    def look(self, event):
        camera = event["camera"]
        last = self.state.get(f"camera:{camera}")
        if last and event.time < parse_time(last) + LEAST_APART:
            return
        self.state[f"camera:{camera}"] = rfc3339(event.time)
        labels = self.workers.vision.view(event.data, event.time).labels(self.store.currency)
        around = self._around(camera) if labels else None
        for label in labels:
            place = self._place(camera, label.box, *around)
            gtin = self._item(label, place)
            yield from self._tell(camera, label, place, gtin)
            sure = label.price_minor is not None and label.confidence >= self.config.min_confidence and gtin is not None
            yield from self._enter(event, place, gtin, label.price_minor if sure else None, label.unit, label.ends)

    @on("scanner.code?")
    def scan(self, event):
        """A handheld's reading of a tag: its code, and the price keyed in beside it."""
        price, gtin = (event.get("values") or {}).get("price"), event.get("gtin") or event["code"]
        if isinstance(price, int) and self.tables.products.get(gtin) is not None:
            place = {"name": f"scanner {event['scanner']}", "fixture": None, "slot": None, "zone": None, "planned": None, "spot": None}
            yield from self._enter(event, place, self._written(gtin), price, None, None)

    @every("1d", at="close")
    def sample(self, due):
        from storeloom.workers.pricing import tags

        day = self.store.hours.store_day(due.time - timedelta(microseconds=1))
        planned = [row for row in self.tables.planogram.rows() if self.tables.products.get(row["gtin"]) is not None]
        planned = planned or [row for row in self.tables.products.rows() if self._till(row["gtin"], due.time, {})]
        items = sorted({self._key(row["gtin"]) for row in planned}, key=lambda key: (draw(self.store.id, day.isoformat(), key), key))
        verdicts = {}
        for name in [name for name in self.state if name.startswith("tag:")]:
            entry = self.state[name]
            if entry.get("today"):
                key = self._key(entry["gtin"])
                verdicts[key] = entry["today"] if verdicts.get(key, "right") == "right" else verdicts[key]
                del entry["today"]
            if not entry.get("fault"):
                self._forget(name)
        if not items:
            return
        found = tags.accuracy(items[: self.config.sample_size], verdicts)
        self.kpi.share("price_accuracy", found.right, found.read)
        opens = self.store.hours.day(day)
        counts = {"right": found.right, "read": found.read, "overcharges": found.overcharges, "undercharges": found.undercharges,
                  "unread": len(found.unread)}  # fmt: skip
        result = None if found.pct is None else "pass" if found.pct >= self.config.pass_pct - 1e-9 else "fail"
        yield out("score.report", {"from": opens[0] if opens else due.time - timedelta(days=1), "to": due.time}, scheme="price_accuracy",
                  subject_kind="store", subject=self.store.id, score=found.pct, labels={"result": result} if result else None,
                  parts=[{"name": name, "value": value} for name, value in counts.items()],
                  notes=[f"{self.say('unread', '未读')}: {self._written(gtin)}" for gtin in found.unread])  # fmt: skip

    def _enter(self, event, place, gtin, price, per, ends):
        """A reading: a fault once enough equal ones agree, its end when one is right."""
        name = f"tag:{self._key(gtin)}|{place['name']}" if gtin else f"tag:?|{place['name'] if place['slot'] else place['spot']}"
        entry = self.state.get(name) or {"gtin": gtin, "reads": []}
        self.kpi.share("unreadable_tags", int(price is None), 1)
        till = self._till(gtin, event.time, place) if gtin else None
        if price is None:
            what, tag = "unreadable", None
        elif till is None:
            return
        else:
            what, tag = self._judge(event, place, gtin, price, per, ends, till, entry)
        if name not in self.state and gtin:
            places = f"places:{self._key(gtin)}"
            self.state[places] = [*self.state.get(places, []), place["name"]]
        self.state[name] = entry
        if what is None:
            return
        if what == "right":
            yield from self._close(event.time, gtin, place)
            return
        window = event.time - timedelta(minutes=self.config.confirm_min)
        read = [rfc3339(event.time), what, tag]
        entry["reads"] = [old for old in entry["reads"] if parse_time(old[0]) >= window and old != read] + [read]
        if sum(old[1:] == read[1:] for old in entry["reads"]) >= self.config.confirm_reads:
            yield from self._fault(event, place, entry, what, tag, till)

    def _judge(self, event, place, gtin, price, per, ends, till, entry):
        """What is wrong with a tag (`right` for nothing, None where it is excused), and its price by the till's measure."""
        from storeloom.workers.pricing import tags

        tag = tags.comparable(price, per, till)
        found = tags.verdict(tag, till.price)
        grace = timedelta(minutes=self.config.change_grace_min)
        if found != "right" and tags.changed_within(self._prices(gtin).turns(gtin), event.time, grace):
            return None, tag
        entry["today"] = found
        zone = self.store.hours.zone
        over = ends is not None and ends < self.store.hours.store_day(event.time)
        base = till.struck if till.struck is not None else till.price
        if over or (found != "right" and tags.is_past_offer(self._promotions(gtin), tag, base, event.time, zone)):
            return "expired_promotion", tag
        if found == "right" and self._misplaced(gtin, place):
            return "wrong_place", tag
        return found, tag

    def _fault(self, event, place, entry, what, tag, till):
        """One task for a fault, one print where a new tag is known, and for an overcharge an alert at once."""
        fault = entry.get("fault")
        gtin = entry["gtin"] if what != "wrong_place" else place["planned"] or entry["gtin"]
        said = self.say(*WORDS[what])
        product = (self.tables.products.get(gtin) or {}) if gtin else {}
        title = f"{product.get('name', gtin or place['name'])}: {said}"
        if fault is None:
            stamp = f"{self._key(gtin) if gtin else 'unknown'}-{event.time:%Y%m%dT%H%M%S}-{place['name']}"
            fault = entry["fault"] = {"id": stamp, "at": rfc3339(event.time), "alert": None}
            values = {"fault": what} | ({} if tag is None else {"tag": tag}) | ({} if till is None else {"till": till.price})
            items = [{"gtin": gtin, "note": what}] if gtin else None
            yield out("task.create", task=f"tag-{stamp}", kind="fix_price_tag", title=title, priority=1 if what == "overcharge" else 3,
                      zone=place["zone"], fixture=place["fixture"], items=items, values=values)  # fmt: skip
            yield from self._print(event, place, gtin, product, stamp)
        if till is not None and tag is not None and till.price > tag and not fault["alert"]:
            fault["alert"] = {"alert": f"overcharge-{fault['id']}", "subject": gtin, "zone": place["zone"], "asset": place["fixture"],
                              "value": till.price - tag, "unit": self.store.currency}  # fmt: skip
            self.kpi.add("overcharges", 1)
            asked, told = self._money(till.price), self._money(tag)
            text = self.say(f"Till {asked}, tag {told}: honour {told} at the till", f"收银 {asked}，价签 {told}：请按 {told} 收款")
            yield out("alert.raise", fault["alert"], kind="overcharge", severity="high", state="open", text=f"{title}. {text}")

    def _print(self, event, place, gtin, product, stamp):
        printer = next(iter(self.devices.get("printer", ())), None)
        price = self._till(gtin, event.time, place) if gtin else None
        if self.config.reprint and printer is not None and price is not None:
            shown = self.workers.pricing.labels.content(gtin, product, price, BASIS_G)
            yield out("print.job", printer=printer.id, job=f"tag-{stamp}", kind="label", template="shelf_label",
                      fields={"gtin": gtin, **shown["fields"]}, ref={"stream": "task.create", "id": f"tag-{stamp}"})  # fmt: skip

    def _close(self, at, gtin, place):
        """A right reading ends the faults of its place; a handheld's those of its item anywhere."""
        key, handheld = self._key(gtin), place["spot"] is None
        known = self.state.get(f"places:{key}", [])
        names = [f"tag:{key}|{one}" for one in known if handheld or one == place["name"] or one.startswith("scanner ")]
        names += [f"tag:?|{one}" for one in (place["name"], place["spot"]) if f"tag:?|{one}" in self.state]
        for name in names:
            entry = self.state[name]
            entry["reads"] = []
            fault = entry.pop("fault", None)
            if fault:
                self.kpi.sample("time_to_fix", (at - parse_time(fault["at"])).total_seconds() / 60, "mean")
            if fault and fault["alert"]:
                text = self.say("Tag right again", "价签已更正")
                yield out("alert.raise", fault["alert"], kind="overcharge", severity="high", state="cleared", text=text)

    def _tell(self, camera, label, place, gtin):
        """What a tag says, told when it says something new."""
        fields = {"price": label.price_minor, "gtin": gtin, "end": label.ends, "name": label.name, "unit_price": label.unit_price_minor,
                  "unit": label.unit, "member_price": label.member_price_minor}  # fmt: skip
        fields = {name: str(value) if name == "end" else value for name, value in fields.items() if value is not None}
        key = f"text:{place['spot']}"
        if self.state.get(key) != fields:
            self.state[key] = fields
            money = "" if label.price_minor is None else self._money(label.price_minor)
            yield out("vision.text", camera=camera, text=f"{label.name or ''} {money}".strip(), score=label.confidence, kind="price_label",
                      box=list(label.box), fields=fields, fixture=place["fixture"], slot=place["slot"])  # fmt: skip

    def _around(self, camera):
        """The slots that a camera is set up for, and its zone."""
        from storeloom.workers.vision import slots

        zones = [row["zone"] for row in self.tables.zones.rows() if any(one.get("camera") == camera for one in row.get("cameras") or ())]
        zones += [one.zone for one in self.devices.get("camera", ()) if one.id == camera and one.zone]
        return slots.watched(self.tables.fixtures.rows(), camera), next(iter(zones), None)

    def _place(self, camera, box, watched, zone):
        """Where a tag hangs: in a slot that the camera is set up for, else somewhere in the camera's zone."""
        from storeloom.workers.vision.boxes import centre
        from storeloom.workers.vision.zones import contains

        middle = centre(box)
        spot = f"{camera}@{int(middle[0] * GRID)},{int(middle[1] * GRID)}"
        for fixture, slot in watched:
            if contains(slot["polygon"], middle):
                rows = [row for row in self.tables.planogram.rows(fixture=fixture["fixture"]) if row["slot"] == slot["slot"]]
                planned, aisle = (rows[0]["gtin"], rows[0].get("zone")) if rows else (None, None)
                return {"name": f"{fixture['fixture']}/{slot['slot']}", "fixture": fixture["fixture"], "slot": slot["slot"],
                        "zone": fixture.get("zone") or aisle, "planned": planned, "spot": spot}  # fmt: skip
        return {"name": camera, "fixture": None, "slot": None, "zone": zone, "planned": None, "spot": spot}

    def _item(self, label, place):
        if label.gtin is not None:
            return self._written(label.gtin)
        named = self.tables.products.rows(name=label.name) if label.name else []
        return named[0]["gtin"] if len(named) == 1 else place["planned"]

    def _misplaced(self, gtin, place):
        """Whether an item is not planned where its tag hangs; a place without a plan has none."""
        if place["planned"] is not None:
            return self._key(place["planned"]) != self._key(gtin)
        if place["zone"] is None:
            return False
        fixtures = self.tables.planogram.derived("fixtures_of", lambda rows: _fixtures_of(rows, self.workers.gs1.item_key))
        rows = [row for fixture in sorted(fixtures.get(self._key(gtin), ())) for row in self.tables.planogram.rows(fixture=fixture)]
        if any(self._key(row["gtin"]) == self._key(gtin) and self._zone_of(row) == place["zone"] for row in rows):
            return False
        return any(self._zone_of(row) == place["zone"] for row in self.tables.planogram.rows())

    def _zone_of(self, row):
        return row.get("zone") or (self.tables.fixtures.get(row["fixture"]) or {}).get("zone")

    def _till(self, gtin, at, place):
        return self._prices(gtin).at(gtin, at, zone=place.get("zone"), fixture=place.get("fixture"))

    def _prices(self, gtin):
        """The shelf prices of one item: the tables, and what was set since."""
        from storeloom.workers.pricing.prices import rows_by_item
        from storeloom.workers.pricing.shelf import ShelfPrices, overlaid

        key, zone = self._key(gtin), self.store.hours.zone
        news = self.state.get(f"news:{key}", [])
        rows = self.tables.prices.derived("by_item", rows_by_item).get(key, [])
        product = self.tables.products.get(gtin) or {"gtin": gtin}
        return ShelfPrices(overlaid(rows, news, zone), self._promotions(gtin), [product], zone)

    def _promotions(self, gtin):
        from storeloom.workers.pricing import tags

        product = self.tables.products.get(gtin) or {"gtin": gtin}
        return tags.promotions_of(product, self.tables.promotions.derived("by_scope", tags.promotions_by_scope))

    def _forget(self, name):
        """Drop a tag that nothing is open about."""
        del self.state[name]
        item, where = name.removeprefix("tag:").split("|", 1)
        left = [one for one in self.state.get(f"places:{item}", []) if one != where]
        if left:
            self.state[f"places:{item}"] = left
        else:
            self.state.pop(f"places:{item}", None)

    def _money(self, minor):
        return self.workers.pricing.money.written(minor, self.store.currency)

    def _written(self, gtin):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)


def _fixtures_of(rows, key):
    """The fixtures on which each item is planned, at any time."""
    found = {}
    for row in rows:
        found.setdefault(key(row["gtin"]), set()).add(row["fixture"])
    return found
