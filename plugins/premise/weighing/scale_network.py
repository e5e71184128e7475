"""Scale network: every label scale has the right goods, prices and keys at the right minute, and a stale one is taken out of use.

Scales are the assets of a kind with `scale` in it (by `device`, else `asset`), without any the bound ones. A scale's department is the
category of its zone, or the zone itself where that is the category. A scale shows the lowest price of the time from `lead_s` before to
`lead_s` after: falls go out that much earlier, rises later. An entry's version is the hash of its content, that of a full download the
hash of the whole list. A scale that acknowledges with a `hash` tells that of the fields it took; another one fails the audit, and so does
a scale that never acknowledged anything until its first audit. A full download is one message whose fields hold the `items`; an item that
leaves is `removed`.

A weighed line at the till that was not weighed there is a label; which scale printed it is its `scale`, the label's serial (AI 21) or the
only scale of its department. Keys are planned on Mondays after the audit.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

SALES_DAYS = 28
MONDAY, ACKED_KEPT = 1, 50
TILL_WEIGHED = ("weigh", "vision", "rfid")
Wait = Annotated[int, Field(ge=1, le=3600)]


class ScaleNetwork(Solution):
    number = 185
    zh, en = "条码秤联网管理", "Scale network"
    purpose_zh = "让每台条码秤在准确的时刻拥有正确的商品、价格与快捷键，并可举证；数据过期的秤先停用。"
    formats = ("supermarket",)
    produces = ("label.update", "alert.raise", "task.create", "score.report")
    adapters = ("scale",)
    reads = ("products", "prices", "assets", "zones?")
    kpis = {
        "scales_current": kpi("%", "Scales that are up to date", "数据最新的秤占比"),
        "time_to_current": kpi("s", "Time to acknowledgement", "下发到确认时长"),
        "label_mismatches": kpi("count", "Labels with a wrong price", "价签金额不符"),
        "out_of_use_min": kpi("min", "Scales out of use", "秤停用时长"),
    }
    kinds = {
        "scale_stale": ("Scale data out of date", "秤数据过期"),
        "scale_out_of_use": ("Take a scale out of use", "停用秤"),
        "label_mismatch": ("Label price wrong", "秤签金额不符"),
    }

    class Config(SolutionConfig):
        lead_s: int = setting(60, "Falls go out earlier, rises later by", "降价提前/涨价延后", unit="s", ge=0, le=900)
        ack_timeout_s: int = setting(20, "A scale must acknowledge within", "确认时限", unit="s", ge=2, le=120)
        retries_s: list[Wait] = setting([5, 15, 60], "Waits before sending again", "重发等待", unit="s", min_length=1,
            help_en="The last repeats.", help_zh="最后一个重复使用。")  # fmt: skip
        max_stale_min: int = setting(30, "Unacknowledged changes take a scale out of use after", "未确认停用时限", unit="min", ge=1, le=240)
        hash_audit_at: str = setting("05:00", "Daily full comparison", "每日全量核对", widget="time", effect="reload",
            pattern=r"^([01]\d|2[0-3]):[0-5]\d$", help_en="Store time.", help_zh="门店时间。")  # fmt: skip
        mismatch_tol: int = setting(1, "Difference that is rounding", "视为舍入的差额", unit="minor", ge=0, le=100)
        hot_keys: int = setting(48, "Direct keys filled by sales rank", "按销量排的快捷键数", ge=0, le=200)
        key_move_rank: int = setting(5, "Rank change under which a key stays", "快捷键不移动的名次变化", ge=0, le=50)

    # --- what each scale should know ---

    def start(self):
        self._meet()
        return self._follow()

    def _scales(self):
        """Department by scale; None sells all."""
        rows = [row for row in self.tables.assets.rows() if "scale" in str(row.get("kind", "")).lower()]
        if not rows:
            return {device.id: self._department(device.zone) for device in self.devices.get("scale", ())}
        return {row.get("device") or row["asset"]: self._department(row.get("zone")) for row in rows}

    def _department(self, zone):
        """The category that a zone sells; a bound device's zone without a category sells all."""
        return ((self.tables.zones.get(zone) or {}).get("category") or zone) if zone else None

    def _weighed(self):
        return self.tables.products.derived("weighed", _weighed)

    def _rows(self, gtins):
        """Rows of prices of these items with what was set since over them."""
        from storeloom.workers.pricing.shelf import overlaid

        rows_of = self.tables.prices.derived("by item", self.workers.pricing.rows_by_item)
        keys = sorted({self.workers.gs1.item_key(gtin) for gtin in gtins})
        news = [row for key in keys for row in self.state.get(f"news:{key}", [])]
        return overlaid([row for key in keys for row in rows_of.get(key, ())], news, self.store.hours.zone)

    def _prices(self, gtins):
        from storeloom.workers.pricing.shelf import ShelfPrices

        goods = [row for gtin in gtins if (row := self.tables.products.get(gtin))]
        return ShelfPrices(self._rows(gtins), [], goods, self.store.hours.zone)

    def _lowest(self, gtins=None):
        """What these items (all that are weighed) cost on scales now."""
        gtins = sorted(self._weighed()) if gtins is None else sorted(gtins)
        prices, lead = self._prices(gtins), timedelta(seconds=self.config.lead_s)
        return {gtin: prices.lowest_around(gtin, self.now, lead) for gtin in gtins}

    def _wanted(self, scale, department, prices):
        """The entries of items, by their price, on a scale's list; None for one that does not belong there."""
        weighed, keys, found = self._weighed(), self.state[f"scale:{scale}"]["keys"], {}
        for gtin, price in prices.items():
            product = weighed.get(gtin)
            sold = product is not None and department in (None, product.get("category"), product.get("subcategory"))
            key = keys.get(gtin, [None])[0]
            found[gtin] = self.workers.checkout.scale_list.entry(product, price, key) if sold and price is not None else None
        return found

    def _meet(self):
        """A scale that is new counts as loaded with what it should know; one that is gone is forgotten."""
        scales = self._scales()
        for scale in [key[6:] for key in sorted(self.state) if key.startswith("scale:") and key[6:] not in scales]:
            for gtin in self._waiting(scale):
                self._drop(scale, gtin)
            self.timers.cancel("stale", scale)
            del self.state[f"scale:{scale}"]
        for scale, department in scales.items():
            if f"scale:{scale}" not in self.state:
                self.state[f"scale:{scale}"] = {"keys": {}, "proven": False, "wrong": False, "acked": [], "out": None, "down": False}
                self.state[f"list:{scale}"] = self._versions(self._wanted(scale, department, self._lowest()))

    def _versions(self, entries):
        version = self.workers.checkout.scale_list.version
        return {gtin: version(entry) for gtin, entry in entries.items() if entry is not None}

    def _follow(self, gtins=None):
        """Send each scale what differs of these items (of all)."""
        items = sorted(self._weighed()) if gtins is None else sorted(gtins)
        lowest = self._lowest(items)
        for scale, department in sorted(self._scales().items()):
            had = self.state[f"list:{scale}"]
            if f"wait:{scale}|" in self.state:
                yield from self._load(scale, self._wanted(scale, department, self._lowest()))
                continue
            named = lowest if gtins is not None else {gtin: lowest.get(gtin) for gtin in sorted({*items, *had})}
            for gtin, entry in self._wanted(scale, department, named).items():
                version = None if entry is None else self.workers.checkout.scale_list.version(entry)
                waiting = self.state.get(f"wait:{scale}|{gtin}")
                if version == (waiting["content"] if waiting else had.get(gtin)):
                    continue
                gone = {"plu": (self.tables.products.get(gtin) or {}).get("plu"), "removed": True}
                fields = entry if entry else {name: value for name, value in gone.items() if value is not None}
                yield from self._want(scale, gtin, version, {"version": self.workers.checkout.scale_list.version([gtin, fields]),
                                      "template": "plu", "gtin": gtin, "fields": fields})  # fmt: skip
        lead, prices = timedelta(seconds=self.config.lead_s), self._prices(items)
        for gtin in items:
            turns = [at for turn in prices.turns(gtin) for at in (turn - lead, turn + lead) if at > self.now]
            if turns:
                self.timers.set("turn", gtin, min(turns))

    @timer("turn")
    def price_turns(self, due):
        yield from self._follow({due.key})

    @on("price.set")
    def price_set(self, event):
        from storeloom.workers.pricing.shelf import with_news
        from storeloom.workers.pricing.tags import statement

        product = self.tables.products.get(event["gtin"])
        if product is None or product["gtin"] not in self._weighed() or "proposed" in (event.get("state"), event.get("status")):
            return
        key = self.workers.gs1.item_key(event["gtin"])
        if event["kind"] != "base":
            said = {"gtin": event["gtin"], "kind": event["kind"], "price": event["price"], "to": event.get("to"),
                    "from": plain(parse_time(event.get("from") or event.time))}  # fmt: skip
            self.state[f"said:{key}"] = [*self.state.get(f"said:{key}", []), said]
        if news := statement(event.data, event.time):
            today = self.store.hours.midnight(self.store.hours.store_day(self.now))
            kept = min(today, self.now - timedelta(seconds=self.config.lead_s))
            self.state[f"news:{key}"] = with_news(self.state.get(f"news:{key}", []), news, kept)
            yield from self._follow({product["gtin"]})

    @on_table("products", "prices", "assets", "zones")
    def tables_changed(self, table):
        self._meet()
        yield from self._follow()

    # --- sending, and who answers ---

    def _want(self, scale, gtin, content, message):
        """Send an entry in place of what waits; the wait goes on from the first send that was not acknowledged."""
        waiting = self.state.get(f"wait:{scale}|{gtin}")
        since = waiting["since"] if waiting else plain(self.now)
        self.state[f"wait:{scale}|{gtin}"] = {"content": content, "message": message, "sends": 0, "since": since}
        self.timers.set("stale", scale, max(self.now, self._oldest(scale) + timedelta(minutes=self.config.max_stale_min)))
        yield self._send(scale, gtin)

    def _send(self, scale, gtin):
        waiting = self.state[f"wait:{scale}|{gtin}"]
        waiting["sends"] += 1
        after = self.workers.checkout.scale_list.wait_s(waiting["sends"], self.config.ack_timeout_s, self.config.retries_s)
        self.timers.set("again", f"{scale}|{gtin}", self.now + timedelta(seconds=after))
        return out("label.update", waiting["message"], label=scale)

    @timer("again")
    def not_acknowledged(self, due):
        yield self._send(*due.key.split("|"))

    def _waiting(self, scale):
        """What a scale has not acknowledged, by item; the empty item is a full download."""
        lead = f"wait:{scale}|"
        return {key.removeprefix(lead): self.state[key] for key in sorted(self.state) if key.startswith(lead)}

    def _oldest(self, scale):
        return min(parse_time(one["since"]) for one in self._waiting(scale).values())

    @on("label.ack")
    def acknowledged(self, event):
        scale = event["label"]
        if f"scale:{scale}" not in self.state:
            return
        known, lists = self.state[f"scale:{scale}"], self.workers.checkout.scale_list
        found = [(gtin, one) for gtin, one in self._waiting(scale).items() if event.get("version") == one["message"]["version"]]
        hashes = [lists.version(one["message"]["fields"]) for _, one in found]
        if event.get("hash") and event["hash"] not in hashes and event.get("version") not in known["acked"]:
            known["wrong"] = True
        for gtin, waiting in found:
            if event["state"] != "shown":
                pause = lists.pause_s(waiting["sends"], self.config.retries_s)
                self.timers.set("again", f"{scale}|{gtin}", self.now + timedelta(seconds=pause))
                continue
            self._drop(scale, gtin)
            known |= {"proven": True, "acked": [*known["acked"], event["version"]][-ACKED_KEPT:]}
            if gtin:
                self.state[f"list:{scale}"] = _with(self.state[f"list:{scale}"], gtin, waiting["content"])
            else:
                self.state[f"list:{scale}"] = waiting["content"]
            self.kpi.sample("time_to_current", max(0.0, (event.time - parse_time(waiting["since"])).total_seconds()))
            yield from self._back(scale)

    def _drop(self, scale, gtin):
        del self.state[f"wait:{scale}|{gtin}"]
        self.timers.cancel("again", f"{scale}|{gtin}")

    def _back(self, scale):
        """What was acknowledged may bring a scale back into use."""
        known, limit = self.state[f"scale:{scale}"], timedelta(minutes=self.config.max_stale_min)
        if not self._waiting(scale):
            self.timers.cancel("stale", scale)
        elif self._oldest(scale) + limit > self.now:
            self.timers.set("stale", scale, self._oldest(scale) + limit)
        else:
            return
        if known["out"]:
            self.kpi.add("out_of_use_min", (self.now - parse_time(known["out"])).total_seconds() / 60)
            known["out"] = None
            yield self._alert("scale_stale", scale, "cleared", scale, self.say(f"Scale {scale} is current again", f"秤 {scale} 数据已最新"))

    @timer("stale")
    def stale(self, due):
        known = self.state[f"scale:{due.key}"]
        if known["out"]:
            return
        known["out"] = plain(self.now)
        since = plain(self._oldest(due.key))
        text = self.say(f"Scale {due.key} has not taken changes since {since}: take it out of use",
                        f"秤 {due.key} 自 {since} 未确认更新，请停用")  # fmt: skip
        yield self._alert("scale_stale", due.key, "open", due.key, text, severity="high")
        row = self._row(due.key)
        yield out("task.create", task=f"scale-{due.key}-{plain(self.now)}", kind="scale_out_of_use", title=text, priority=1,
                  asset=row.get("asset") or due.key, zone=row.get("zone"))  # fmt: skip

    @on("device.status?")
    def reachable(self, event):
        """A scale that comes back is sent at once what it missed."""
        known = self.state.get(f"scale:{event['device']}")
        if known is None:
            return
        back, known["down"] = known["down"] and event["state"] == "online", event["state"] in ("offline", "fault")
        if back:
            for gtin in self._waiting(event["device"]):
                yield self._send(event["device"], gtin)

    def _row(self, scale):
        return self.tables.assets.get(scale) or next(iter(self.tables.assets.rows(device=scale)), {})

    def _alert(self, kind, key, state, subject, text, severity="warn", scale=None, **more):
        row = self._row(scale or subject)
        return out("alert.raise", alert=f"{kind}-{key}", kind=kind, severity=severity, state=state, subject=subject, text=text,
                   asset=row.get("asset"), zone=row.get("zone"), **more)  # fmt: skip

    # --- the daily audit and the weekly keys ---

    @every("1d", at="config.hash_audit_at")
    def audit(self, due):
        day = self.store.hours.store_day(due.time)
        self._forget(due.time)
        lowest = self._lowest()
        for scale, department in sorted(self._scales().items()):
            known, entries = self.state[f"scale:{scale}"], self._wanted(scale, department, lowest)
            wanted, waiting = self._versions(entries), self._waiting(scale)
            equal = known["proven"] and not waiting and not known["wrong"] and self.state[f"list:{scale}"] == wanted
            self.kpi.share("scales_current", int(equal), 1)
            yield self._scored(scale, due.time, equal, len(waiting), known)
            if not equal and wanted:
                since = plain(self._oldest(scale)) if waiting else plain(self.now)
                for gtin in waiting:
                    self._drop(scale, gtin)
                self.state[f"wait:{scale}|"] = {"since": since, "content": None}
                known["wrong"] = False
                yield from self._load(scale, entries)
        if day.isoweekday() == MONDAY:
            yield from self._plan_keys()

    def _load(self, scale, entries):
        """Send a scale its whole list, in place of the one that waits where that differs."""
        wanted = self._versions(entries)
        if wanted != self.state[f"wait:{scale}|"]["content"]:
            fields = {"items": [{"gtin": gtin, **entry} for gtin, entry in entries.items() if entry]}
            version = self.workers.checkout.scale_list.version(wanted)
            yield from self._want(scale, "", wanted, {"version": version, "template": "plu_list", "full": True, "fields": fields})

    def _scored(self, scale, until, equal, waiting, known):
        labels = self.state.get(f"labels:{scale}", [0, 0])
        self.state[f"labels:{scale}"] = [0, 0]
        if known["out"]:
            self.kpi.add("out_of_use_min", (self.now - parse_time(known["out"])).total_seconds() / 60)
            known["out"] = plain(self.now)
        parts = [{"name": "waiting", "value": waiting}, {"name": "labels", "value": labels[0]}, {"name": "mismatches", "value": labels[1]}]
        return out("score.report", {"from": until - timedelta(days=1), "to": until}, scheme="scale_network", subject_kind="asset",
                   subject=scale, score=100.0 if equal else 0.0, parts=parts,
                   labels={"state": "out_of_use" if known["out"] else "current" if equal else "behind"})  # fmt: skip

    def _plan_keys(self):
        pieces = {}
        for key in sorted(key for key in self.state if key.startswith("sold:")):
            for gtin, count in self.state[key].items():
                pieces[gtin] = pieces.get(gtin, 0) + count
        lowest = self._lowest(pieces)
        for scale, department in sorted(self._scales().items()):
            listed = [gtin for gtin, entry in self._wanted(scale, department, lowest).items() if entry and pieces[gtin] > 0]
            ranked = sorted(listed, key=lambda gtin: (-pieces[gtin], gtin))
            known = self.state[f"scale:{scale}"]
            keys = {gtin: tuple(key) for gtin, key in known["keys"].items()}
            plan = self.workers.checkout.scale_list.key_plan(ranked, keys, self.config.hot_keys, self.config.key_move_rank)
            known["keys"] = {gtin: list(key) for gtin, key in plan.items()}
        yield from self._follow()

    def _forget(self, now):
        """Drop sales older than the key plan looks at, and what was said of prices before yesterday."""
        first = plain(self.store.hours.store_day(now) - timedelta(days=SALES_DAYS))
        yesterday = plain(now - timedelta(days=2))
        for key in sorted(self.state):
            old = key.startswith("sold:") and key.removeprefix("sold:") < first
            if old or (key.startswith("scanned:") and self.state[key]["at"] < yesterday):
                del self.state[key]
            elif key.startswith("said:"):
                self.state[key] = [row for row in self.state[key] if not row["to"] or plain(parse_time(row["to"])) >= yesterday]

    # --- what the till saw ---

    @on("pos.scan?")
    def scanned(self, event):
        """A label that tells weight and amount is judged when it is scanned."""
        if event["kind"] not in ("item", "weigh") or event.get("entry") in TILL_WEIGHED:
            return
        grams, paid = event.get("weight_g"), event.get("price") if event["kind"] == "item" else None
        if event.get("code"):
            try:
                code = self.workers.gs1.parse(event["code"], on=self.store.hours.store_day(event.time))
            except self.workers.gs1.CodeError:
                code = None
            grams, paid = (code.weight_g or grams, code.price or paid) if code else (grams, paid)
        product = self.tables.products.get(event.get("gtin") or "")
        if product is None or not grams or paid is None:
            return
        found = self.state.setdefault(f"scanned:{event['receipt']}", {"at": plain(event.time), "lines": []})
        found["lines"].append([product["gtin"], grams])
        scale = event.get("scale") or (event.get("ai") or {}).get("21")
        yield from self._judge(product["gtin"], grams, paid, event.time, scale, per_kg=True)

    @on("pos.sale?")
    def sold(self, event):
        scanned = self.state.pop(f"scanned:{event['receipt']}", {"lines": []})["lines"]
        if event["kind"] not in ("sale", "return"):
            return
        day = plain(self.store.hours.store_day(event.time))
        for line in event["lines"]:
            product = self.tables.products.get(line["gtin"])
            if product is None or product["gtin"] not in self._weighed():
                continue
            gtin, back = product["gtin"], event["kind"] == "return"
            counts = self.state.setdefault(f"sold:{day}", {})
            counts[gtin] = counts.get(gtin, 0) + (-1 if back else 1)
            if [gtin, line.get("weight_g")] in scanned or back or not line.get("weight_g") or line.get("entry") in TILL_WEIGHED:
                continue
            paid = line["amount"] + (line.get("discount") or 0)
            yield from self._judge(gtin, line["weight_g"], paid, event.time, line.get("scale"))

    def _judge(self, gtin, grams, paid, at, scale, *, per_kg=False):
        """Whether a label's amount fits some price of the day; `per_kg`: the amount may be the price of a kg instead."""
        product = self.tables.products.get(gtin)
        near = [one for one, zone in sorted(self._scales().items()) if zone in (None, product.get("category"), product.get("subcategory"))]
        scale = scale or (near[0] if len(near) == 1 else None)
        prices = self._day_prices(gtin, at)
        difference = self.workers.checkout.scale_list.label_difference(paid, grams, prices)
        if difference is None or (per_kg and paid in prices):
            return
        right, key = difference <= self.config.mismatch_tol, f"{scale or 'scale'}-{gtin}"
        if scale:
            seen = self.state.setdefault(f"labels:{scale}", [0, 0])
            self.state[f"labels:{scale}"] = [seen[0] + 1, seen[1] + int(not right)]
        self.kpi.add("label_mismatches", int(not right))
        if right and self.state.pop(f"wrong:{key}", None):
            yield self._alert("label_mismatch", key, "cleared", gtin, self.say("Label right again", "秤签已恢复"), scale=scale)
        elif not right and f"wrong:{key}" not in self.state:
            self.state[f"wrong:{key}"] = plain(at)
            text = self.say(f"Label of {gtin}, {grams} g: {paid} paid", f"{gtin} 秤签 {grams} 克实付 {paid}，与价格不符")
            yield self._alert("label_mismatch", key, "open", gtin, text, severity="high", scale=scale, value=difference,
                              limit=self.config.mismatch_tol, unit="minor")  # fmt: skip

    def _day_prices(self, gtin, at):
        """Every price of a kg that held on the store day, for anybody."""
        from storeloom.workers.pricing.shelf import prices_in

        hours, said = self.store.hours, self.state.get(f"said:{self.workers.gs1.item_key(gtin)}", [])
        start = hours.midnight(hours.store_day(at))
        end = hours.midnight(hours.store_day(start + timedelta(hours=36)))
        return prices_in([*self._rows([gtin]), *said], self.tables.products.get(gtin), start, end, hours.zone)


def _weighed(products):
    return {row["gtin"]: row for row in products if row.get("weighed", row.get("unit") == "kg")}


def _with(versions, gtin, version):
    rest = {name: value for name, value in versions.items() if name != gtin}
    return rest if version is None else rest | {gtin: version}
