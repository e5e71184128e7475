"""Electronic shelf-label price sync: brings each price change to the shelf so that no shopper pays more than the label says.

A label shows the highest price of the coming `rise_lead_s`, so a rise is there before the till has it and a drop exactly when the till
has it. What counts is the price of one piece for everyone: member, basket and lot prices (a lot has its own sticker) stay off the label.
It neither sets prices nor prints: a label that cannot be reached becomes a person's task. A gateway that reports itself offline is sent
nothing until it is back, and the sends that it cannot have taken do not count as tries.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339

MINUTE = timedelta(seconds=60)


class EslPriceSync(Solution):
    number = 125
    zh, en = "电子价签价格联动", "Electronic shelf-label price sync"
    purpose_zh = "把每次调价按顺序送到电子价签：涨价先上签、降价先入收银，顾客付款绝不高于价签，并证明已送达。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("label.update", "alert.raise", "task.create", "score.report")
    adapters = ("esl_gateway",)
    reads = ("products", "prices", "promotions", "planogram")
    kpis = {
        "label_parity": kpi("%", "Labels that show the right content", "价签正确率"),
        "ack_time_p95": kpi("s", "Time to acknowledgement, 95th percentile", "确认时长（95 分位）"),
        "labels_given_up": kpi("count", "Labels given up", "放弃的价签"),
        "updates_sent": kpi("count", "Updates sent", "下发更新数"),
    }
    kinds = {
        "label_not_updated": ("Label not updated", "价签未更新"),
        "label_parity": ("Labels differ from prices", "价签与价格不一致"),
        "check_label": ("Check a label", "检查价签"),
    }
    load = "light"

    class Config(SolutionConfig):
        rise_lead_s: int = setting(300, "A price rise is on the label before it holds", "涨价提前上签", unit="s", ge=0, le=86400)
        ack_timeout_s: int = setting(
            60,
            "First wait for an acknowledgement",
            "首次等待确认",
            unit="s",
            ge=5,
            le=3600,
            help_en="Doubles with each try.",
            help_zh="每重发一次加倍。",
        )
        max_tries: int = setting(4, "Sends before a person is asked", "转人工前的发送次数", ge=1, le=10)
        rate_per_min: int = setting(
            300, "Most updates to a gateway in any 60 s", "任意 60 秒内交给一个网关的最多更新", unit="labels/min", ge=10, le=10000
        )
        unit_basis_g: Literal[100, 500, 1000] = setting(
            1000,
            "Basis of the unit price",
            "单位价格基准",
            unit="g",
            help_en="Millilitres count as grams.",
            help_zh="毫升按克计。",
        )
        reconcile_at: str = setting(
            "close",
            "Daily comparison of wanted and shown content",
            "每日核对应显与实显内容",
            effect="reload",
            widget="time",
            pattern=r"^(open|close|([01]\d|2[0-3]):[0-5]\d)$",
            help_en="Open, close or HH:MM in store time.",
            help_zh="open、close 或店铺时间 HH:MM。",
        )
        parity_alert_pct: float = setting(99.5, "Share of right labels under which to alert", "正确率告警线", unit="%", ge=90, le=100)

    def start(self):
        return self._follow()

    @on("price.set")
    def price_set(self, event):
        from storeloom.workers.pricing.shelf import with_news
        from storeloom.workers.pricing.tags import statement

        news = statement(event.data, event.time)
        if news is None:
            return []
        key = self.workers.gs1.item_key(event["gtin"])
        self.state[f"news:{key}"] = with_news(self.state.get(f"news:{key}", []), news, self.now)
        return self._follow({key})

    @on("label.ack")
    def acknowledged(self, event):
        name = f"label:{event['label']}"
        entry = self.state.get(name)
        if entry is None or event.time < parse_time(entry["acked"]):
            return
        entry["acked"] = rfc3339(event.time)
        wanted = entry["wanted"]
        current = wanted is not None and entry["tries"] > 0 and event.get("version", wanted["version"]) == wanted["version"]
        if event["state"] != "shown":
            if current and not entry["given_up"]:
                refused = self.say("offline", "离线") if event["state"] == "offline" else self.say("refused", "拒收")
                yield from self._give_up(event["label"], entry, event.get("code") or refused)
        elif current:
            self.timers.cancel("ack", event["label"])
            self._dequeue(event["label"], entry)
            self.kpi.sample("ack_time_p95", (event.time - parse_time(entry["since"])).total_seconds(), "p95")
            if entry["given_up"]:
                yield self._alert(event["label"], entry, "cleared", self.say("Label right again", "价签已恢复"))
            entry |= {"shown": self.workers.pricing.labels.gist(wanted), "wanted": None, "tries": 0, "given_up": False}
        elif event.get("version", entry["shown"]["version"]) != entry["shown"]["version"]:
            entry["shown"] = {**entry["shown"], "version": event["version"]}
            yield from self._follow({self.workers.gs1.item_key(entry["gtin"])})

    @on("device.status?")
    def gateway_changed(self, event):
        down = f"down:{event['device']}"
        if event["device"] not in {gateway.id for gateway in self.devices.get("esl_gateway", ())}:
            return []
        if event["state"] in ("offline", "fault"):
            self.state[down] = True
            return []
        return self._hand_over(event["device"]) if self.state.pop(down, False) else []

    @on_table("products", "prices", "promotions")
    def prices_changed(self, table):
        return self._follow()

    @on_table("planogram")
    def places_changed(self, table):
        places = {row["label"] for row in self._places()}
        for name in [name for name in self.state if name.startswith("label:") and name[6:] not in places]:
            self.timers.cancel("ack", name[6:])
            self._dequeue(name[6:], self.state[name])
            del self.state[name]
        return self._follow()

    @timer("turn")
    def price_turns(self, due):
        return self._follow({due.key})

    @timer("free")
    def gateway_free(self, due):
        return self._hand_over(due.key)

    @timer("ack")
    def not_acknowledged(self, due):
        entry = self.state[f"label:{due.key}"]
        if f"down:{entry['gateway']}" in self.state:
            entry["tries"] -= 1
        elif entry["tries"] >= self.config.max_tries:
            yield from self._give_up(due.key, entry, self.say("no answer", "无应答"))
            return
        self._queue(due.key, entry)
        yield from self._hand_over(entry["gateway"])

    @every("1d", at="config.reconcile_at")
    def reconcile(self, due):
        yield from self._follow()
        labels = [self.state[name] for name in self.state if name.startswith("label:")]
        if not labels:
            return
        right = sum(entry["wanted"] is None for entry in labels)
        given_up = sum(entry["given_up"] for entry in labels)
        parity = 100 * right / len(labels)
        self.kpi.share("label_parity", right, len(labels))
        parts = [{"name": "right", "value": right}, {"name": "labels", "value": len(labels)}, {"name": "given_up", "value": given_up}]
        window = {"from": due.time - timedelta(days=1), "to": due.time}
        yield out("score.report", window, scheme="label_parity", subject_kind="store", subject=self.store.id, score=parity, parts=parts)
        low = parity < self.config.parity_alert_pct
        if low or self.state.get("parity_low"):
            yield out(
                "alert.raise",
                alert="label-parity",
                kind="label_parity",
                severity="warn",
                state="open" if low else "cleared",
                subject=self.store.id,
                value=parity,
                limit=self.config.parity_alert_pct,
                unit="%",
                text=self.say(
                    f"{len(labels) - right} of {len(labels)} labels differ", f"{len(labels)} 个价签中 {len(labels) - right} 个不一致"
                ),
            )
        self.state["parity_low"] = low

    def _places(self, keys=None):
        """The planogram row that holds for each label of these products (of all)."""
        from storeloom.workers.pricing.shelf import holds

        item_key, zone = self.workers.gs1.item_key, self.store.hours.zone
        rows_of, labels_of = self.tables.planogram.derived("labels", self.workers.pricing.labels.labelled)
        labels = rows_of if keys is None else [label for key in sorted(keys) for label in labels_of.get(key, ())]
        found = [next((row for row in rows_of[label] if holds(row, self.now, zone)), None) for label in labels]
        return [row for row in found if row and (keys is None or item_key(row["gtin"]) in keys)]

    def _follow(self, keys=None):
        """Bring the labels of these products (of all, without keys) to the content wanted now."""
        from storeloom.workers.pricing.shelf import ShelfPrices, overlaid

        labels, lead = self.workers.pricing.labels, timedelta(seconds=self.config.rise_lead_s)
        places = self._places(keys)
        items = sorted({self.workers.gs1.item_key(row["gtin"]) for row in places})
        rows_of = self.tables.prices.derived("by item", self.workers.pricing.rows_by_item)
        table = [row for item in items for row in rows_of.get(item, ())]
        news = [row for item in items for row in self.state.get(f"news:{item}", [])]
        goods = [row for item in items if (row := self.tables.products.get(item))]
        promotions, zone = self.tables.promotions.all_rows(), self.store.hours.zone
        listed = ShelfPrices(table, promotions, goods, zone)
        prices = ShelfPrices(overlaid(table, news, zone), promotions, goods, zone)
        touched = set()
        for row in places:
            place = {"zone": row.get("zone"), "fixture": row.get("fixture")}
            name = f"label:{row['label']}"
            if name not in self.state:
                shown = labels.gist(self._content(row, listed.at(row["gtin"], self.now, **place)))
                self.state[name] = _fresh(row["gtin"], self._gateway(place["zone"]), shown)
            wanted = self._content(row, prices.highest(row["gtin"], self.now, lead, **place))
            if wanted is not None and self._want(row["label"], self.state[name], wanted):
                touched.add(self.state[name]["gateway"])
        for item in items:
            turns = [at for turn in prices.turns(item) for at in (turn - lead, turn) if at > self.now]
            if turns:
                self.timers.set("turn", item, min(turns))
        for gateway in sorted(touched):
            yield from self._hand_over(gateway)

    def _content(self, row, price):
        """What the label of a place should show; None without a price."""
        if price is None:
            return None
        product = self.tables.products.get(row["gtin"]) or {}
        return self.workers.pricing.labels.content(row["gtin"], product, price, self.config.unit_basis_g)

    def _want(self, label, entry, content):
        """Note the content wanted of a label, in place of what waits; whether there is something to send."""
        waiting = entry["wanted"]
        if content["version"] == (waiting or entry["shown"])["version"]:
            return False
        self.timers.cancel("ack", label)
        self._dequeue(label, entry)
        labels, visible = self.workers.pricing.labels, [entry["shown"]]
        if entry["tries"]:
            visible.append(labels.gist(waiting))
        elif content["version"] == entry["shown"]["version"]:
            entry |= _fresh(entry["gtin"], entry["gateway"], entry["shown"]) | {"acked": entry["acked"]}
            return False
        entry |= {"wanted": content, "tries": 0, "since": None, "rank": labels.turn(visible, labels.gist(content))}
        self._queue(label, entry)
        return True

    def _queue(self, label, entry):
        self.state.setdefault(f"queue:{entry['gateway']}", []).append([entry["rank"], label])

    def _dequeue(self, label, entry):
        name = f"queue:{entry['gateway']}"
        queue = self.state.get(name, [])
        if any(item[1] == label for item in queue):
            self.state[name] = [item for item in queue if item[1] != label]

    def _hand_over(self, gateway):
        """Send what waits for a gateway, as far as its rate allows."""
        if f"down:{gateway}" in self.state:
            return
        waiting = sorted(self.state.get(f"queue:{gateway}", []), key=lambda item: item[0])
        if not waiting:
            return
        sent = [item for item in self.state.get(f"sent:{gateway}", []) if parse_time(item[0]) > self.now - MINUTE]
        room = max(0, self.config.rate_per_min - sum(count for _, count in sent))
        batch, rest = waiting[:room], waiting[room:]
        if batch:
            sent.append([rfc3339(self.now), len(batch)])
        self.state[f"queue:{gateway}"], self.state[f"sent:{gateway}"] = rest, sent
        if rest:
            self.timers.set("free", gateway, parse_time(sent[0][0]) + MINUTE)
        for _, label in batch:
            yield self._send(label, self.state[f"label:{label}"])

    def _send(self, label, entry):
        wait = self.config.ack_timeout_s * 2 ** entry["tries"]
        entry["tries"] += 1
        entry["since"] = entry["since"] or rfc3339(self.now)
        self.timers.set("ack", label, self.now + timedelta(seconds=wait))
        self.kpi.add("updates_sent")
        return out("label.update", entry["wanted"], label=label)

    def _give_up(self, label, entry, reason):
        self.timers.cancel("ack", label)
        self._dequeue(label, entry)
        entry["given_up"] = True
        self.kpi.add("labels_given_up")
        places = self._places({self.workers.gs1.item_key(entry["gtin"])})
        place = next((row for row in places if row["label"] == label), {})
        spot = place.get("slot") or place.get("fixture", "")
        name, price = entry["wanted"]["fields"]["name"], entry["wanted"]["fields"]["price"]
        text = self.say(f"Label {label} at {spot} not updated ({reason}): {name}", f"{spot} 的价签 {label} 未更新（{reason}）：{name}")
        yield self._alert(label, entry, "open", text, place)
        yield out(
            "task.create",
            task=f"label-{label}-{entry['wanted']['version']}",
            kind="check_label",
            title=text,
            priority=2,
            zone=place.get("zone"),
            fixture=place.get("fixture"),
            items=[{"gtin": entry["gtin"], "to": spot, "note": label}],
            values={"label": label, "slot": spot, "price": price},
        )

    def _alert(self, label, entry, state, text, place=None):
        under = entry["shown"]["price"] is not None and entry["shown"]["price"] < entry["wanted"]["fields"]["price"]
        return out(
            "alert.raise",
            alert=f"label-{label}",
            kind="label_not_updated",
            severity="high" if under else "warn",
            state=state,
            subject=label,
            zone=(place or {}).get("zone"),
            text=text,
        )

    def _gateway(self, zone):
        """The gateway of a zone, else the first one."""
        gateways = self.devices.get("esl_gateway", ())
        return next((gateway.id for gateway in gateways if gateway.zone == zone), gateways[0].id if gateways else "")


def _fresh(gtin, gateway, shown):
    """A label that nothing is wanted of."""
    idle = {"wanted": None, "tries": 0, "since": None, "rank": None, "given_up": False, "acked": "1970-01-01T00:00:00Z"}
    return {"gtin": gtin, "gateway": gateway, "shown": shown, **idle}
