"""Omnichannel availability: one live figure of what each channel may still sell of one stock, with reservations that lapse and a buffer.

Stock is event-sourced: the newest count is the base, and what was sold and moved after it by event time is applied once, in any order of
arrival. Goods that move to a state of `hidden` (`to`, or a snapshot's `state`) are not for sale until they come from it. Till sales of
channel online are the orders' own and leave with their picking; an order that is dispatched, handed over or done without a pick leaves
whole. An order without payment lapses; one that is cancelled, declined, failed, expired or refunded is free.

The buffer's rate is that of the till in the same hour of the same weekday of four weeks, as far as it is known; figures are looked at
again each hour. Weighed goods are kept and published in grams, of snapshots and movements in kg; their buffer counts sales of a piece's
weight. The till's silence counts from opening and is looked at each `sync_lag`; `own` is no platform. Accuracy is a report's of the item,
else of its category, else of the store. Hidden demand is what the till sold of items of which a channel saw none.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time

OWN = "own"
LEAST_ACCURACY = 90
FEW = 10
SILENT_LAGS = 3
LIKE_DAYS = 4
DAY = timedelta(days=1)
PIECE_G = 500
FREED = ("cancelled", "declined", "rejected", "failed", "expired", "refunded")
LEFT = ("dispatched", "collected", "delivered", "done")
Share = Annotated[float, Field(ge=0, le=1)]


class OmniInventory(Solution):
    number = 95
    zh, en = "全渠道库存可视与可售量", "Omnichannel availability"
    purpose_zh = "门店、小程序与外卖平台共用一份库存：实时给出各渠道可售量，预占会到期释放，缓冲随销速与账实相符率变化。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("inventory.snapshot", "alert.raise", "score.report")
    adapters = ("online_store?",)
    reads = ("products",)
    kpis = {
        "oversell_rate": kpi("%", "Orders oversold", "超卖订单占比"),
        "hidden_demand": kpi("units", "Sold at the till while hidden online", "线上隐藏时门店售出量"),
        "reservation_lapse": kpi("%", "Reservations that lapsed", "预占失效占比"),
        "figure_age_p95": kpi("s", "Age of figures, 95 %", "可售量时延P95"),
    }
    kinds = {"oversold": ("Order beyond the stock", "超卖")}

    class Config(SolutionConfig):
        reserve_ttl: int = setting(
            30, "Reservation lapses after", "预占时效", unit="min", ge=1, le=1440,
            help_en="Of an order that is not paid.", help_zh="针对未支付订单。",
        )  # fmt: skip
        sync_lag: int = setting(
            10, "Channels hear after", "同步时延", unit="min", ge=0, le=240,
            help_en="Time in which a channel may sell on an old figure.", help_zh="渠道可能按旧数据售卖的时间。",
        )  # fmt: skip
        buffer_service: float = setting(
            0.9, "Service of the buffer", "缓冲服务水平", ge=0, le=0.999,
            help_en="Chance that sales in the lag stay within the buffer.", help_zh="时延内销量不超过缓冲的概率。",
        )  # fmt: skip
        accuracy_buffer: int = setting(
            1, "Buffer for doubtful records", "账实不符附加缓冲", unit="each", ge=0, le=50,
            help_en="Added while the item's record accuracy is under 90 %.", help_zh="账实相符率低于90%时附加。",
        )  # fmt: skip
        channel_share: dict[str, Share] = setting(
            lambda: {OWN: 1.0, "platform": 0.8}, "Shares of channels", "渠道可见比例",
            help_en="Share of what is free that a channel sees.", help_zh="各渠道可见的可售比例。",
        )  # fmt: skip
        publish_step: int = setting(
            1, "Change that is published", "发布步长", unit="each", ge=1, le=100,
            help_en="Reaching 0 always is.", help_zh="降至0时必定发布。",
        )  # fmt: skip
        hidden: list[str] = setting(
            lambda: ["damaged", "quarantine", "display_only"], "Never for sale", "不可售状态",
            help_en="Stock states that no channel sells.", help_zh="任何渠道都不售卖的库存状态。",
        )  # fmt: skip

    # Stock

    @on("inventory.snapshot")
    def counted(self, event):
        if self.workers.optimise.position.is_count(event.data) and event.get("state") not in self.config.hidden:
            gtin, row = self._product(event["gtin"])
            self._count(gtin, event.get("location", "store"), event["on_hand"] * self._grams(row), event.time)
            yield from self._publish(gtin, event.time)

    @on("inventory.movement")
    def moved(self, event):
        if event.get("state", "booked") != "booked":
            return
        gtin, row = self._product(event["gtin"])
        if event["kind"] == "count":
            self._count(gtin, "store", event["qty"] * self._grams(row), event.time)
        else:
            self.workers.optimise.stock_records.move(self._item(gtin)["record"], self._delta(event, row), event.time)
        yield from self._publish(gtin, event.time)

    def _count(self, gtin, place, qty, at):
        """A count is the new base; what moved before it is in it."""
        record = self._item(gtin)["record"]
        self.workers.optimise.stock_records.count(record, place, qty, at)
        base = max(parse_time(known[1]) for known in record["places"].values())
        record["moves"] = [move for move in record["moves"] if parse_time(move[0]) > base]

    def _delta(self, event, row):
        """How a movement changes what may be sold."""
        kind, hidden, grams = event["kind"], self.config.hidden, self._grams(row)
        qty = event["weight_g"] if grams > 1 and event.get("weight_g") is not None else event["qty"] * grams
        into, outof = event.get("to") in hidden, event.get("from") in hidden
        if into == outof and kind == "transfer":
            inside = self.workers.optimise.position.PLACES
            return 0 if into or {event.get("from"), event.get("to")} <= set(inside) else qty
        if kind in ("transfer", "adjust") and into != outof:
            return -abs(qty) if into else abs(qty)
        if kind == "receive" and event.get("accepted") is not None:
            qty = event["accepted"] * grams
        if kind == "waste":
            return 0 if outof else -abs(qty)
        return 0 if into or (outof and qty < 0) else qty

    @on("pos.sale")
    def sold(self, event):
        if self.config.sync_lag:
            self.timers.set("silence", "till", self._next_look(self.now))
        waking = self.state.pop("silent", None)
        if event.get("kind", "sale") in ("sale", "return") and event.get("channel") != "online":
            for line in event["lines"]:
                yield from self._sell(event, line)
        if waking:
            yield from self._publish_all()

    def _sell(self, event, line):
        gtin, row = self._product(line["gtin"])
        qty = self._quantity(line, row)
        qty = -abs(qty) if event.get("kind") == "return" or line["qty"] < 0 else qty
        item, local = self._item(gtin), self.store.hours.local(event.time)
        self.workers.optimise.stock_records.move(item["record"], -qty, event.time)
        if qty > 0:
            hours, first = item["hours"], (local.date() - (LIKE_DAYS * 7 + 1) * DAY).isoformat()
            for old in [old for old in hours if old < first]:
                del hours[old]
            hour = f"{local:%Y-%m-%dT%H}"
            hours[hour] = hours.get(hour, 0) + qty / self._piece(row)
            since = self.state.setdefault("since", local.date().isoformat())
            self.state["since"] = min(since, local.date().isoformat())
            if 0 in item["shown"].values() and event.time >= self.now - DAY:
                self.kpi.add("hidden_demand", qty)
        yield from self._publish(gtin, event.time)

    # Reservations

    @on("order.placed")
    def placed(self, event):
        if event.get("draft") or event["kind"] in ("service", "voucher") or event.get("seller", self.store.id) != self.store.id:
            return
        self._free(event["order"])
        lines = {}
        for line in event["lines"]:
            gtin, row = self._product(line["gtin"])
            lines[gtin] = lines.get(gtin, 0) + self._quantity(line, row)
        self.state[f"order:{event['order']}"] = sorted(lines)
        for gtin, qty in lines.items():
            self._item(gtin)["reserved"][event["order"]] = qty
        if not event["paid"]:
            self.timers.set("lapse", event["order"], max(self.now, event.time + timedelta(minutes=self.config.reserve_ttl)))
        self.kpi.share("reservation_lapse", 0, 1)
        yield from self._oversold(event, lines)
        for gtin in sorted(lines):
            yield from self._publish(gtin, event.time)

    def _oversold(self, event, lines):
        """Whether an order drove what is free, without the buffer, below nothing."""
        short = {gtin: -free for gtin in sorted(lines) if (free := self._free_units(gtin)) is not None and free < 0}
        self.kpi.share("oversell_rate", bool(short), 1)
        for gtin, missing in short.items():
            name = (self.tables.products.get(gtin) or {}).get("name", gtin)
            yield out(
                "alert.raise", alert=f"oversold-{event['order']}-{gtin}", kind="oversold", severity="high", state="open",
                subject=event["order"], value=missing, ref={"gtin": gtin, "order": event["order"], "channel": event.get("channel")},
                text=self.say(f"{name}: order {event['order']} is {missing:g} short", f"{name}：订单{event['order']}缺{missing:g}"),
            )  # fmt: skip

    @on("order.status")
    def status(self, event):
        gtins = self.state.get(f"order:{event['order']}")
        if gtins is None:
            return
        if event["status"] == "confirmed":
            self.timers.cancel("lapse", event["order"])
        elif event["status"] in (*FREED, *LEFT):
            if event["status"] in LEFT:
                for gtin in gtins:
                    item = self._item(gtin)
                    self.workers.optimise.stock_records.move(item["record"], -item["reserved"].get(event["order"], 0), event.time)
            self._free(event["order"])
            for gtin in gtins:
                yield from self._publish(gtin, event.time)

    @on("pick.done?")
    def picked(self, event):
        """What was picked leaves; the rest of its line is free."""
        touched = set()
        for line in event["lines"]:
            gtin, (taken, other) = self._product(line["gtin"])[0], self._product(line.get("substitute") or line["gtin"])
            qty = self._quantity({**line, "qty": line["picked"]}, other)
            self.workers.optimise.stock_records.move(self._item(taken)["record"], -qty, event.time)
            self._item(gtin)["reserved"].pop(event["order"], None)
            touched |= {gtin, taken}
        rest = [gtin for gtin in self.state.get(f"order:{event['order']}", ()) if event["order"] in self._item(gtin)["reserved"]]
        if rest:
            self.state[f"order:{event['order']}"] = rest
        else:
            self._free(event["order"])
        for gtin in sorted(touched):
            yield from self._publish(gtin, event.time)

    @timer("lapse")
    def lapse(self, due):
        """An unpaid reservation is free again."""
        gtins = self._free(due.key)
        self.kpi.share("reservation_lapse", 1, 0)
        for gtin in gtins:
            yield from self._publish(gtin, due.time)

    def _free(self, order):
        gtins = self.state.pop(f"order:{order}", [])
        for gtin in gtins:
            self._item(gtin)["reserved"].pop(order, None)
        self.timers.cancel("lapse", order)
        return gtins

    # Doubt

    @on("score.report?")
    def scored(self, event):
        """The record accuracy of an item, a category or the store, in per cent."""
        parts = {part["name"]: part["value"] * (1 if part.get("unit") == "%" or part["value"] > 1 else 100) for part in event["parts"]}
        named = next((parts[name] for name in ("record_accuracy", "accuracy") if name in parts), None)
        value = event.get("score") if named is None and "accuracy" in event["scheme"] else named
        if value is not None and event["subject_kind"] in ("item", "category", "store"):
            subject = self._product(event["subject"])[0] if event["subject_kind"] == "item" else event["subject"]
            self.state[f"accuracy:{event['subject_kind']}:{subject}"] = value
            yield from self._publish_all()

    @timer("silence")
    def silence(self, due):
        """No feed from the till: what is left may be gone already. While closed the till has nothing to tell."""
        if not self.store.hours.is_open(due.time - timedelta(microseconds=1)):
            opening = self.store.hours.next_open(due.time)
            if opening is not None and self.config.sync_lag:
                self.timers.set("silence", "till", self._next_look(opening))
            return
        self.state["silent"] = True
        yield from self._publish_all()

    @every("1d", at="open")
    def opening(self, due):
        """A new day's till is heard anew."""
        if self.state.pop("silent", None) and self.config.sync_lag:
            self.timers.set("silence", "till", self._next_look(due.time))
            yield from self._publish_all()

    def _next_look(self, at):
        """When a till that is silent from `at` on has been so for three lags, at the next time that channels are synchronised."""
        lag = timedelta(minutes=self.config.sync_lag)
        end, midnight = at + SILENT_LAGS * lag, self.store.hours.midnight(self.store.hours.store_day(at))
        return midnight + -(-(end - midnight) // lag) * lag

    @every("1h")
    def hourly(self, due):
        yield from self._publish_all()

    # Figures

    def _publish_all(self):
        for name in [name for name in self.state if name.startswith("item:")]:
            yield from self._publish(name[5:], self.now)

    def _publish(self, gtin, since):
        """Tell channels whose figure changed enough; `since` is the event's time, from which its age counts."""
        free = self._free_units(gtin)
        if free is None:
            return
        (_, row), item = self._product(gtin), self._item(gtin)
        free -= self._buffer(item, gtin, row)
        few = FEW * (PIECE_G if self._grams(row) > 1 else 1)
        reserved = sum(item["reserved"].values())
        for channel, share in self.config.channel_share.items():
            hushed = "silent" in self.state and channel != OWN and free < few
            figure = 0 if hushed else self.workers.optimise.availability.figure(free, share)
            shown = item["shown"].get(channel)
            if shown is None or abs(figure - shown) >= self.config.publish_step or (figure == 0 != shown):
                item["shown"][channel] = figure
                self.kpi.sample("figure_age_p95", max(0.0, (self.now - since).total_seconds()), "p95")
                yield out("inventory.snapshot", gtin=gtin, on_hand=figure, view="channel", channel=channel, reserved=reserved)

    def _free_units(self, gtin):
        item = self._item(gtin)
        held = self.workers.optimise.stock_records.on_hand(item["record"], self.now)
        return None if held is None else held - sum(item["reserved"].values())

    def _buffer(self, item, gtin, row):
        """Sales that a channel does not know of yet, and a margin for records in doubt, in the item's units."""
        config, local = self.config, self.store.hours.local(self.now)
        days = [(local.date() - n * 7 * DAY).isoformat() for n in range(1, LIKE_DAYS + 1)]
        known = [day for day in days if day >= self.state.get("since", "9999")]
        rate = sum(item["hours"].get(f"{day}T{local:%H}", 0) for day in known) / len(known) if known else 0
        units = self.workers.optimise.availability.buffer(rate * config.sync_lag / 60, config.buffer_service)
        keys = (f"item:{gtin}", f"category:{row.get('category')}", f"store:{self.store.id}")
        accuracy = next((self.state[f"accuracy:{key}"] for key in keys if f"accuracy:{key}" in self.state), 100)
        return (units + (config.accuracy_buffer if accuracy < LEAST_ACCURACY else 0)) * self._piece(row)

    def _quantity(self, line, row):
        """Units of a line, grams of weighed goods."""
        if self._grams(row) == 1:
            return line["qty"]
        return line["weight_g"] if line.get("weight_g") is not None else line["qty"] * 1000

    def _grams(self, row):
        return 1000 if row.get("unit") == "kg" else 1

    def _piece(self, row):
        return (row.get("weight_g") or PIECE_G) if self._grams(row) > 1 else 1

    def _product(self, gtin):
        row = self.tables.products.get(gtin) or {}
        return row.get("gtin", gtin), row

    def _item(self, gtin):
        return self.state.setdefault(
            f"item:{gtin}", {"record": self.workers.optimise.stock_records.new(), "reserved": {}, "hours": {}, "shown": {}}
        )

    @every("1d", at="close")
    def evening(self, due):
        """The day's figures: items, and how many a channel sees nothing of."""
        items = [self.state[name]["shown"] for name in self.state if name.startswith("item:") and self.state[name]["shown"]]
        opening = self.store.hours.day(self.store.hours.ended_day(due.time))
        if items and opening:
            parts = [{"name": "items", "value": len(items)}]
            parts += [
                {"name": f"none_for_{channel}", "value": sum(shown.get(channel) == 0 for shown in items)}
                for channel in self.config.channel_share
            ]
            yield out("score.report", {"from": opening[0], "to": due.time}, scheme="omni_availability", subject_kind="store",
                      subject=self.store.id, parts=parts)  # fmt: skip
