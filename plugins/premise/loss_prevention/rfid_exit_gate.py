"""RFID exit guard: knows which serialised piece leaves unsold, alarms for that piece alone and corrects stock, instead of a beep that says
nothing.

Tags are told apart by item and serial, in whatever form a reader or a till writes them. Antennas of other readers bear the same numbers:
`READER/ANTENNA` in the lists names one exactly. A piece that was booked out (waste, transfer, back to the supplier) is no longer the
store's. A sale that is voided, or returned, is none: the till's exceptions name receipt and line, so that the piece counts as unsold from
then on. A piece that leaves a second time, after its quiet time, alarms and is booked again: between the two it was back in the shop.

An alarm belongs to a tag, never to a person, and its sound is a polite request. A sale whose time is up to `retract_s` after the alarm
clears it, however late the till tells it. A piece counts with its list price, else its cost. The state of readers comes as
`device.status`, which the row does not name.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

GROUP_S = 10
OWN = ("left_unsold", "late_sale")
DOWN, VOIDED = ("offline", "fault"), ("void_receipt", "void_line", "return")
Antenna = Annotated[str, Field(min_length=1)]


class RfidExitGate(Solution):
    number = 164
    zh, en = "RFID出口防盗门", "RFID exit guard"
    purpose_zh = "识别未售出即离店的单件商品，只为该件报警并修正库存，而不是不知所云的蜂鸣。"
    formats = ("specialty", "supermarket")
    produces = ("alert.raise", "audio.play", "inventory.movement")
    adapters = ("rfid", "audio?")
    reads = ("products",)
    kpis = {
        "alarms": kpi("count", "Alarms", "报警数"),
        "true_alarm_rate": kpi("%", "True alarms", "真实报警率"),
        "late_sales": kpi("count", "Late sales", "迟到销售"),
        "value_left_unsold": kpi("minor", "Value left unsold", "未售离店金额"),
    }
    kinds = {
        "left_unsold": ("A piece left unsold", "商品未售离店"),
        "group_left_unsold": ("Many pieces left unsold", "多件商品未售离店"),
        "reader_down": ("Exit reader down", "出口读写器离线"),
    }

    class Config(SolutionConfig):
        inner_antennas: list[Antenna] = setting(lambda: ["1"], "Antennas on the shop side", "店内侧天线", min_length=1, max_length=16,
            help_en="Antenna, or READER/ANTENNA where the store has several readers.",
            help_zh="天线号；店内有多台读写器时写 读写器/天线。")  # fmt: skip
        outer_antennas: list[Antenna] = setting(lambda: ["2"], "Antennas on the street side", "店外侧天线", min_length=1, max_length=16)
        min_reads: int = setting(4, "Reads a passage needs", "通过所需读取次数", ge=1, le=50)
        rssi_min: float = setting(-60, "Weakest peak that counts", "最弱有效峰值", unit="dBm", ge=-85, le=-30)
        passage_gap_s: float = setting(3, "Silence that ends a passage", "通过结束静默", unit="s", ge=0.5, le=10)
        pos_lag_s: float = setting(2, "Wait for a sale on its way", "等待销售到达", unit="s", ge=0, le=15,
            help_en="After the strongest read on the street side.", help_zh="自店外侧信号峰值起算。")  # fmt: skip
        retract_s: int = setting(60, "A sale this late clears the alarm", "迟到销售撤警时限", unit="s", ge=0, le=600)
        realarm_s: int = setting(300, "The same tag stays quiet for", "同一标签静默", unit="s", ge=10, le=3600)
        group_items: int = setting(5, "Unsold tags that make one critical alert", "合并为严重告警的件数", ge=2, le=100,
            help_en="Within 10 seconds.", help_zh="10 秒之内。")  # fmt: skip
        sold_keep_days: int = setting(60, "A sold tag is remembered", "已售标签保留", unit="d", ge=1, le=400)

    @on("rfid.read")
    def read(self, event):
        side, engine = self._side(event), self.workers.security.tag_passage
        if side is None:
            return
        tag, gtin = self._tag(event["epc"], event.get("gtin"))
        key, t_s = f"passage|{tag}", event.time.timestamp()
        passage = self.state.get(key)
        if passage is None or not engine.goes_on(passage, t_s, self.config.passage_gap_s):
            passage = self.state[key] = engine.begun(t_s)
        if t_s < passage["from_s"] - self.config.passage_gap_s:
            return
        name = f"{event['reader']}|{event['antenna']}|{plain(event.time)}|{event['rssi_dbm']}"
        if not engine.add(passage, name, side, t_s, event["rssi_dbm"], event.get("count") or 1):
            return
        self.timers.set("gone", tag, max(self.now, _at(passage["last_s"] + self.config.passage_gap_s)))
        exits = engine.way(passage, self.config.min_reads, self.config.rssi_min) == "exit"
        alarm = f"{tag}|{passage['from_s']}"
        if exits and not passage["judged"]:
            due = _at(passage["outer"][1]) + timedelta(seconds=self.config.pos_lag_s)
            seen = {"tag": tag, "epc": event["epc"], "gtin": gtin, "zone": self._zone(event), "reader": event["reader"]}
            self.timers.set("judge", alarm, max(self.now, due), seen)
        elif not passage["judged"]:
            self.timers.cancel("judge", alarm)

    @timer("gone")
    def gone(self, due):
        passage = self.state.get(f"passage|{due.key}")
        if passage and not self.workers.security.tag_passage.goes_on(passage, due.time.timestamp(), self.config.passage_gap_s):
            del self.state[f"passage|{due.key}"]

    @timer("judge")
    def judge(self, due):
        """A piece has left and the till had its time: sold, not the store's, quiet still, or an alarm."""
        seen, passage = due.data, self.state.get(f"passage|{due.data['tag']}")
        if passage and due.key == f"{seen['tag']}|{passage['from_s']}":
            passage["judged"] = True
        tag = self.state.get(f"tag|{seen['tag']}") or {}
        gtin = seen["gtin"] or tag.get("gtin")
        product = (gtin and self.tables.products.get(gtin)) or None
        if tag.get("out") or gtin is None or not (product or tag.get("in")) or self._is_sold(tag, due.time):
            return
        if tag.get("alarmed") and due.time - parse_time(tag["alarmed"]) < timedelta(seconds=self.config.realarm_s):
            return
        yield from self._alarm(seen, product or {"gtin": gtin}, due.time)

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] == "training":
            return
        for line in event["lines"]:
            if line.get("epc"):
                if event["kind"] == "sale" and line.get("qty", 1) > 0:
                    yield from self._sale(event, line)
                else:
                    self._unsold(self._tag(line["epc"])[0], event.time)
        if event["kind"] == "void":
            for tag in self._of_receipt(event.get("original") or event["receipt"]):
                self._unsold(tag, event.time)

    @on("pos.exception?")
    def taken_back(self, event):
        """A receipt or line that is voided or returned after its sale: its piece is the store's again."""
        if event["kind"] not in VOIDED:
            return
        for tag, line in self._of_receipt(event.get("original") or event.get("receipt")).items():
            if event["kind"] == "void_receipt" or (event.get("line") is not None and line == event["line"]):
                self._unsold(tag, event.time)

    @on("inventory.movement?")
    def moved(self, event):
        """Tags that come in are the store's; those booked out are so no more."""
        if event.get("reason") in OWN or event.get("state") == "proposed":
            return
        goes_in = event["qty"] > 0 and event["kind"] in ("receive", "transfer", "return", "adjust", "produce")
        goes_out = event["qty"] < 0 and event["kind"] in ("transfer", "waste", "return", "adjust")
        for epc in event.get("epcs") or ():
            tag, gtin = self._tag(epc, event["gtin"])
            if goes_in and (f"tag|{tag}" in self.state or tag == epc or self.tables.products.get(gtin) is None):
                self._entry(tag).update({"in": True, "out": False, "gtin": gtin, "at": plain(event.time)})
            elif goes_out:
                self._entry(tag).update(out=True, at=plain(event.time))

    @on("device.status?")
    def reader(self, event):
        own = event["kind"] == "rfid" or any(one.id == event["device"] for one in self.devices.get("rfid", ()))
        key, down = f"down|{event['device']}", event["state"] in DOWN
        if not own or down == (key in self.state) or (not down and event["state"] != "online"):
            return None
        if down:
            self.state[key] = plain(event.time)
        else:
            del self.state[key]
        words = ("down, nothing is watched there", "离线，该处暂无防护") if down else ("works again", "已恢复")
        return out("alert.raise", alert=f"reader_down-{event['device']}", kind="reader_down", severity="high",
            state="open" if down else "cleared", subject=event["device"], zone=self._device_zone(event["device"]),
            text=self.say(f"RFID reader {event['device']} {words[0]}", f"RFID读写器 {event['device']} {words[1]}"))  # fmt: skip

    @every("1d", at="close")
    def forget(self, due):
        """What was sold, booked out or alarmed long ago goes; a piece that came in and is unsold stays known."""
        for key in [key for key in self.state if key.startswith(("tag|", "receipt|", "group|"))]:
            entry = self.state[key]
            here = entry.get("in") and not entry.get("out") and not entry.get("sold")
            if not here and due.time - parse_time(entry["at"]) > timedelta(days=self.config.sold_keep_days):
                del self.state[key]

    def _alarm(self, seen, product, at):
        tag, price = self._entry(seen["tag"]), self._value(product)
        tag |= {"alarmed": plain(at), "at": plain(at), "gtin": product["gtin"], "epc": seen["epc"], "left": True, "group": None}
        self.kpi.add("alarms")
        self.kpi.share("true_alarm_rate", 1, 1)
        self.kpi.add("value_left_unsold", price or 0)
        tag["alert"] = alert = f"left_unsold-{seen['tag']}-{plain(at)}"
        since, before = at - timedelta(seconds=GROUP_S), self.state.get("recent", [])
        tags = [name for name in before if name != seen["tag"] and self._left_since(name, since)] + [seen["tag"]]
        self.state["recent"] = tags
        group = next((self.state[f"tag|{name}"]["group"] for name in tags if self.state[f"tag|{name}"]["group"]), None)
        if group or len(tags) >= self.config.group_items:
            yield from self._group(group or f"group_left_unsold-{plain(at)}", seen, [seen["tag"]] if group else tags)
        else:
            name = product.get("name") or product["gtin"]
            yield self._said(alert, "open", seen["epc"], product, seen["zone"],
                self.say(f"{name} is leaving unsold", f"{name} 未售离店"), price)  # fmt: skip
        if not group:
            yield out("audio.play", zone=seen["zone"], kind="staff",
                text=self.say("Excuse me, may we help you at the door?", "您好，请在出口稍候，我们为您核对商品。"))  # fmt: skip
        yield self._booked(product, seen["epc"], -1, "left_unsold")

    def _group(self, alert, seen, tags):
        """Many at once are one matter: their alerts end, one critical one stands for all."""
        group = self.state.setdefault(f"group|{alert}", {"at": plain(self.now), "tags": [], "zone": seen["zone"]})
        for name in tags:
            tag = self.state[f"tag|{name}"]
            if name != seen["tag"]:
                yield self._said(tag["alert"], "cleared", tag["epc"], {"gtin": tag["gtin"]}, seen["zone"],
                    self.say("Now part of a group", "已并入合并告警"))  # fmt: skip
            tag |= {"group": alert, "alert": alert}
            group["tags"].append(name)
        count = len(group["tags"])
        yield out("alert.raise", alert=alert, kind="group_left_unsold", severity="critical", state="open", subject=seen["reader"],
            zone=seen["zone"], text=self.say(f"{count} pieces are leaving unsold", f"{count} 件商品未售离店"), value=count,
            limit=self.config.group_items, unit="pieces",
            ref={"epcs": [self.state[f"tag|{one}"]["epc"] for one in group["tags"]]})  # fmt: skip

    def _sale(self, event, line):
        name, gtin = self._tag(line["epc"], line.get("gtin"))
        tag = self._entry(name)
        tag |= {"sold": _later(tag.get("sold"), event.time), "at": plain(event.time), "gtin": tag.get("gtin") or gtin}
        receipt = self.state.setdefault(f"receipt|{event['receipt']}", {"at": plain(event.time), "tags": {}})
        receipt["tags"][name] = line.get("line")
        in_time = tag.get("left") and event.time - parse_time(tag["alarmed"]) <= timedelta(seconds=self.config.retract_s)
        if not in_time or not self._is_sold(tag, event.time):
            return
        product = self.tables.products.get(tag["gtin"]) or {"gtin": tag["gtin"]}
        tag["left"] = False
        self.kpi.add("late_sales")
        self.kpi.share("true_alarm_rate", -1, 0)
        self.kpi.add("value_left_unsold", -(self._value(product) or 0))
        group = self.state.get(f"group|{tag['group']}")
        if group is None:
            yield self._said(tag["alert"], "cleared", tag["epc"], product, None, self.say("Sold after all", "已补收款"))
        else:
            group["tags"].remove(name)
            if not group["tags"]:
                del self.state[f"group|{tag['group']}"]
                yield out("alert.raise", alert=tag["alert"], kind="group_left_unsold", severity="critical", state="cleared",
                    zone=group["zone"], text=self.say("All sold after all", "均已补收款"))  # fmt: skip
        yield self._booked(product, tag["epc"], 1, "late_sale")

    def _unsold(self, name, at):
        tag = self._entry(name)
        tag |= {"returned": _later(tag.get("returned"), at), "at": plain(at)}

    def _left_since(self, name, since):
        tag = self.state.get(f"tag|{name}")
        return tag is not None and tag.get("left") and parse_time(tag["alarmed"]) >= since

    def _is_sold(self, tag, at):
        """A sale newer than any return, and not so old that it is forgotten."""
        if not tag.get("sold") or (tag.get("returned") and parse_time(tag["returned"]) >= parse_time(tag["sold"])):
            return False
        return at - parse_time(tag["sold"]) <= timedelta(days=self.config.sold_keep_days)

    def _of_receipt(self, number):
        return self.state.get(f"receipt|{number}", {"tags": {}})["tags"]

    def _said(self, alert, state, epc, product, zone, text, price=None):
        return out("alert.raise", alert=alert, kind="left_unsold", severity="high", state=state, subject=epc, zone=zone, text=text,
            value=price, unit=None if price is None else "minor", ref={"gtin": product["gtin"], "epc": epc})  # fmt: skip

    def _booked(self, product, epc, qty, reason):
        return out("inventory.movement", {"from" if qty < 0 else "to": "store"}, kind="adjust", gtin=product["gtin"], qty=qty, epcs=[epc],
            cost=product.get("cost"), reason=reason, state="booked")  # fmt: skip

    def _entry(self, tag):
        return self.state.setdefault(f"tag|{tag}", {"at": plain(self.now)})

    def _tag(self, epc, gtin=None):
        """What tells a tag from others, and its item as the products table writes it."""
        item = self.workers.gs1.epc.sgtin(epc)
        gtin = item.gtin if item else gtin
        row = gtin and self.tables.products.get(gtin)
        return (f"{item.gtin}.{item.serial}" if item else epc), (row["gtin"] if row else gtin)

    def _side(self, event):
        names = {event["antenna"], f"{event['reader']}/{event['antenna']}"}
        if names & set(self.config.inner_antennas):
            return "inner"
        return "outer" if names & set(self.config.outer_antennas) else None

    def _value(self, product):
        return product.get("list_price") or product.get("cost")

    def _zone(self, event):
        return event.get("zone") or self._device_zone(event["reader"]) or "exit"

    def _device_zone(self, device):
        return next((one.zone for one in self.devices.get("rfid", ()) if one.id == device), None)


def _later(text, at):
    return text if text and parse_time(text) > at else plain(at)


def _at(t_s):
    return datetime.fromtimestamp(round(t_s, 6), UTC)
