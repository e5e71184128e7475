"""Community service kiosk: bills, top-up, tickets, printing and rentals in two phases under one key, never paid twice nor for nothing.

The key is the kiosk's session, and the order. `order.status` accepted asks the provider for a quote, confirmed tells that it is paid; the
payer is `values.payer` of the kiosk's events, else who the payment names. A payment that comes for a quote that is over, for less, or above
the payer's day limit is refunded. A provider silent at the last question is refunded with it; `done` after that is flagged. Bills, tickets
and prints need a slip. The payment is a `payment.request`, and a session that is chosen anew before payment begins again.

A rental holds `deposit`. Its price an hour is the provider's quote, else that of the product whose subcategory or attribute `service` is
the service; `done` hands it out, `returned` charges it, and after as many hours as the deposit pays it is charged whole. The balance with
a provider is its float less what was done since; the average is of full days. The provider's statement is what it reported done; its
`channel` names the service where the key is not known here. Account numbers are masked as they come in. Deals are kept for 30 days.
The menu is shown at kiosks that are no self-checkout's (setting `till`).
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import services
from storeloom.workers.pricing.prices import PriceBook

SERVICES = ["utility_bill", "phone_credit", "transit_card", "ticket", "print", "power_bank"]
RENTALS, NEED_SLIP = ("power_bank", "umbrella"), ("utility_bill", "ticket", "print")
METHODS = ("cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit")
UNPAID, KEPT, DAY_KEPT = ("chosen", "quoted"), timedelta(days=30), timedelta(days=2)
OUT_OF_PAPER = ("out", "empty", "0")
Money = Annotated[int, Field(ge=0)]


class ConvenienceKiosk(Solution):
    number = 49
    zh, en = "便民服务终端", "Community service kiosk"
    purpose_zh = "一台终端办缴费、充值、取票、打印和小件租借：一单一钥，不重复收款，也不收了钱不办事。"
    formats = ("convenience", "supermarket", "mall")
    produces = ("kiosk.show", "payment.request", "pos.sale", "print.job", "order.status", "alert.raise", "insight.report")
    adapters = ("kiosk", "payment", "printer", "online_store?")
    reads = ("products", "prices")
    kpis = {
        "services_done": kpi("count", "Services done", "办理成功笔数"),
        "refund_rate": kpi("%", "Paid services refunded", "退款率"),
        "commission": kpi("minor", "Commission", "佣金收入"),
        "float_cover": kpi("d", "Least cover of a prepaid balance", "预存余额可用天数"),
    }
    kinds = {
        "service_refunded": ("Service refunded", "服务未办成已退款"),
        "done_after_refund": ("Done after the refund", "退款后又办成"),
        "float_low": ("Prepaid balance low", "预存余额不足"),
        "service_statement": ("Services of the day", "便民服务日对账"),
    }

    class Config(SolutionConfig):
        services: list[str] = setting(lambda: list(SERVICES), "Services offered", "提供的服务")
        quote_ttl_s: int = setting(120, "Life of a quoted amount", "报价有效期", unit="s", ge=30, le=600)
        confirm_base_s: int = setting(5, "First question after payment", "付款后首次查询", unit="s", ge=1, le=60)
        confirm_tries: int = setting(3, "Questions to the provider", "查询次数", ge=1, le=10,
            help_en="Each three times later than the last.", help_zh="间隔每次为前次三倍。")  # fmt: skip
        float_days: float = setting(1.5, "Balance that alerts", "预存余额告警天数", unit="d", ge=0.5, le=10,
            help_en="In average days.", help_zh="按日均金额折算。")  # fmt: skip
        floats: dict[str, Money] = setting(dict, "Prepaid balance at the start", "初始预存余额", unit="minor",
            help_en="By service; one not named is not watched.", help_zh="按服务；未列出的不监控。")  # fmt: skip
        commission: dict[str, Money] = setting(
            lambda: {"utility_bill": 50, "phone_credit": 80, "ticket": 100}, "Income of a done service", "每笔佣金", unit="minor"
        )
        day_limit: int = setting(500000, "Most one payer may pay in a day", "单人单日限额", unit="minor", ge=0, le=10_000_000)
        deposit: int = setting(9900, "Hold for a rented item", "租借押金", unit="minor", ge=0, le=100_000)

    # At the kiosk

    @on("kiosk.event")
    def kiosk(self, event):
        kind, key = event["kind"], event["session"]
        deal = self.state.get(f"deal:{key}")
        if kind == "start" and any(
            device.id == event["kiosk"] and not device.settings.get("till") for device in self.devices.get("kiosk", ())
        ):
            yield self._show(event["kiosk"], key, "services", {"services": [one for one in self.config.services if self._has_slip(one)]})
        elif kind == "choose" and event.get("value") in {*SERVICES, *self.config.services}:
            yield from self._choose(event, key, deal)
        elif kind == "confirm" and deal:
            deal["payer"] = (event.get("values") or {}).get("payer") or deal["payer"]
            yield from self._confirm(key, deal)
        elif kind in ("end", "timeout") and deal and deal["state"] in UNPAID:
            self._drop(key)

    def _show(self, kiosk, key, screen, params):
        return out("kiosk.show", kiosk=kiosk, session=key, screen=screen, params=params)

    def _has_slip(self, service):
        """Whether a service can be had as far as the printer goes."""
        printers = self.devices.get("printer", ())
        return service not in NEED_SLIP or not printers or any(f"down:{printer.id}" not in self.state for printer in printers)

    def _choose(self, event, key, deal):
        service, values = event["value"], event.get("values") or {}
        if deal and deal["state"] not in UNPAID:
            yield self._answer(key, deal)
            return
        if service not in self.config.services or not self._has_slip(service):
            self._drop(key)
            yield self._show(event["kiosk"], key, "unavailable", {"service": service})
            return
        account = values.get("account") or values.get("account_number")
        deal = {"service": service, "kiosk": event["kiosk"], "state": "chosen", "amount": None, "price": None, "until": None,
                "payments": {}, "payer": values.get("payer"), "account": services.masked(account) if account else None, "method": "qr",
                "asked": 0, "question": 0, "since": None}  # fmt: skip
        self.state[f"deal:{key}"] = deal
        self.timers.set("forget", f"deal:{key}", self.now + KEPT)
        yield out("order.status", order=key, status="accepted", channel=service)
        price = self._price(service) if service in RENTALS else None
        if price is not None:
            yield self._quote(key, deal, price, self.now)

    def _price(self, service):
        """What a started hour of a rental costs, as the tables say; None where they do not."""
        zone = self.store.hours.zone
        book = self.tables.prices.derived(f"book in {zone}", lambda rows: PriceBook(rows, zone=zone))
        rows = self.tables.products.rows()
        row = next((row for row in rows if service in (row.get("subcategory"), (row.get("attributes") or {}).get("service"))), None)
        return book.price_of(row, self.now) if row else None

    def _quote(self, key, deal, amount, at):
        rental = deal["service"] in RENTALS
        until = at + timedelta(seconds=self.config.quote_ttl_s)
        deal.update(state="quoted", amount=self.config.deposit if rental else amount, price=amount if rental else None, until=plain(until))
        return self._answer(key, deal)

    def _answer(self, key, deal):
        told = {name: deal[name] for name in ("service", "amount", "price", "until", "account") if deal[name] is not None}
        return self._show(deal["kiosk"], key, deal["state"], told)

    def _confirm(self, key, deal):
        """Ask for the payment, once for each quote, while the balance covers it and the payer's limit is kept."""
        if deal["state"] != "quoted":
            yield self._answer(key, deal)
            return
        if self.now >= parse_time(deal["until"]):
            reason = "quote_expired"
        elif not self._has_slip(deal["service"]):
            reason = "no_paper"
        elif not self._covers(deal):
            reason = "float"
        elif deal["payer"] and self._paid_today(deal["payer"]) + deal["amount"] > self.config.day_limit:
            reason = "day_limit"
        else:
            deal.update(state="asked", asked=deal["asked"] + 1)
            self.timers.set("unpaid", key, parse_time(deal["until"]))
            yield out("payment.request", payment=key if deal["asked"] == 1 else f"{key}-{deal['asked']}", amount=deal["amount"], order=key,
                      session=key, till=deal["kiosk"], expires=deal["until"])  # fmt: skip
            return
        yield self._show(deal["kiosk"], key, "refused", {"service": deal["service"], "reason": reason})

    @timer("unpaid")
    def unpaid(self, due):
        deal = self.state.get(f"deal:{due.key}")
        if deal and deal["state"] == "asked":
            deal["state"] = "expired"
            yield self._answer(due.key, deal)

    def _drop(self, key):
        self.state.pop(f"deal:{key}", None)
        self.timers.cancel("forget", f"deal:{key}")

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    # Money

    def _paid_today(self, payer):
        return self.state.get(f"payer:{self.store.hours.store_day(self.now)}:{payer}", 0)

    def _balance(self, service):
        done = self.state.get(f"done:{service}", {"days": {}, "before": 0})
        return self.config.floats[service] - sum(done["days"].values()) - done["before"]

    def _covers(self, deal):
        """Whether the prepaid balance covers a deal beside those that are paid or asked for."""
        if deal["service"] not in self.config.floats or deal["service"] in RENTALS:
            return True
        others = (self.state[key] for key in self.state if key.startswith("deal:"))
        open_ones = sum(one["amount"] for one in others if one["service"] == deal["service"] and one["state"] in ("asked", "paid"))
        return self._balance(deal["service"]) - open_ones >= deal["amount"]

    @on("payment.result")
    def paid(self, event):
        names = (event.get("session"), event.get("order"), event["payment"], event["payment"].rpartition("-")[0])
        key = next((name for name in names if f"deal:{name}" in self.state), None)
        if key is None or event["payment"] in self.state[f"deal:{key}"]["payments"]:
            return
        deal = self.state[f"deal:{key}"]
        if event["status"] in ("approved", "settled"):
            deal["payments"][event["payment"]] = event["amount"]
            yield from self._approved(event, key, deal)
        elif event["status"] in ("declined", "reversed") and deal["state"] == "asked":
            self.timers.cancel("unpaid", key)
            deal["state"] = "quoted"
            yield self._show(deal["kiosk"], key, "declined", {"service": deal["service"]})

    def _approved(self, event, key, deal):
        """The first payment of the quoted amount buys; any other goes back."""
        payer = event.get("payer") or deal["payer"]
        over = payer and self._paid_today(payer) + event["amount"] > self.config.day_limit
        if deal["state"] not in ("quoted", "asked") or event["amount"] < deal["amount"] or over:
            yield out("order.status", order=key, status="refunded", channel=deal["service"], amount=event["amount"],
                      reason="second_payment" if deal["state"] not in ("quoted", "asked", "expired") else "not_accepted")  # fmt: skip
            return
        self.timers.cancel("unpaid", key)
        method = event["method"] if event["method"] in METHODS else "qr"
        deal.update(state="paid", payer=payer, method=method, question=0, since=plain(event.time))
        if payer:
            name = f"payer:{self.store.hours.store_day(event.time)}:{payer}"
            self.state[name] = self.state.get(name, 0) + deal["amount"]
            self.timers.set("forget", name, self.now + DAY_KEPT)
        self.kpi.share("refund_rate", 0, 1)
        yield out("order.status", order=key, status="confirmed", channel=deal["service"], amount=deal["amount"])
        self._next_question(key, deal)

    # The provider

    def _next_question(self, key, deal):
        times = services.question_times(parse_time(deal["since"]), self.config.confirm_base_s, self.config.confirm_tries)
        if deal["question"] < len(times):
            self.timers.set("ask", key, max(times[deal["question"]], self.now))

    @timer("ask")
    def ask(self, due):
        deal = self.state.get(f"deal:{due.key}")
        if deal is None or deal["state"] != "paid":
            return
        deal["question"] += 1
        yield out("order.status", order=due.key, status="ask", channel=deal["service"])
        if deal["question"] < self.config.confirm_tries:
            self._next_question(due.key, deal)
        else:
            yield from self._refund(due.key, deal, "unknown")

    @on("order.status?")
    def provider(self, event):
        key, status = event["order"], event["status"]
        deal = self.state.get(f"deal:{key}")
        if status == "done":
            self._stated(key, deal, event)
        if deal is None:
            return
        if status == "offered" and deal["state"] in UNPAID and event.get("amount") is not None:
            yield self._quote(key, deal, event["amount"], event.time)
        elif status == "done" and deal["state"] == "paid":
            yield from self._done(key, deal, event.time)
        elif status in ("failed", "rejected", "declined", "expired", "cancelled") and deal["state"] == "paid":
            yield from self._refund(key, deal, status)
        elif status in ("failed", "rejected", "declined") and deal["state"] in UNPAID:
            deal["state"] = "declined"
            yield self._answer(key, deal)
        elif status == "done" and deal["state"] == "refunded":
            deal["state"] = "flagged"
            yield self._alert("done_after_refund", key, deal, "high", ("done after its refund, not charged", "退款后供应商又办成，未扣款"))
        elif status == "returned" and deal["state"] == "rented":
            yield from self._return(key, deal, event.time)

    def _refund(self, key, deal, reason):
        deal["state"] = "refunded"
        self.timers.cancel("ask", key)
        self.kpi.share("refund_rate", 1, 0)
        yield out("order.status", order=key, status="refunded", channel=deal["service"], amount=deal["amount"], reason=reason)
        yield from self._print(key, deal, "refund_slip", deal["amount"])
        yield self._answer(key, deal)
        yield self._alert("service_refunded", key, deal, "warn", (f"refunded ({reason})", f"已退款（{reason}）"))

    def _alert(self, kind, key, deal, severity, words):
        return out("alert.raise", alert=f"{kind}-{key}", kind=kind, severity=severity, state="open", subject=key, till=deal["kiosk"],
                   text=f"{deal['service']} {key}: {self.say(*words)}", value=deal["amount"], unit="minor")  # fmt: skip

    def _done(self, key, deal, at):
        self.timers.cancel("ask", key)
        if deal["service"] in RENTALS:
            deal.update(state="rented", since=plain(at))
            yield from self._print(key, deal, "rental", deal["amount"])
            yield self._answer(key, deal)
            if deal["price"]:
                self.timers.set("kept", key, at + timedelta(hours=deal["amount"] / deal["price"]))
            return
        deal["state"] = "done"
        yield from self._print(key, deal, "receipt", deal["amount"])
        yield self._answer(key, deal)
        yield self._sale(key, deal, deal["amount"])
        self._spend(deal["service"], deal["amount"], at)
        yield from self._watch(deal["service"])

    def _return(self, key, deal, at):
        """Charge the hours of a rental and give back the rest of the hold."""
        self.timers.cancel("kept", key)
        charge = services.rental_charge(parse_time(deal["since"]), at, deal["price"] or 0, deal["amount"])
        deal["state"] = "done"
        if charge < deal["amount"]:
            yield out(
                "order.status", order=key, status="refunded", channel=deal["service"], amount=deal["amount"] - charge, reason="deposit"
            )
        yield from self._print(key, deal, "receipt", charge)
        yield self._sale(key, deal, charge)

    @timer("kept")
    def kept(self, due):
        deal = self.state.get(f"deal:{due.key}")
        if deal and deal["state"] == "rented":
            yield from self._return(due.key, deal, due.time)

    def _sale(self, key, deal, amount):
        income = self.config.commission.get(deal["service"], 0)
        self.kpi.add("services_done")
        self.kpi.add("commission", income)
        self._note(deal["service"], done=1, amount=amount, commission=income)
        line = {"line": 1, "gtin": deal["service"], "qty": 1, "price": amount, "amount": amount}
        payment = {"payment": next(iter(deal["payments"]), key), "method": deal["method"], "amount": amount}
        return out("pos.sale", receipt=f"service-{key}", kind="sale", till=deal["kiosk"], channel="unattended", lines=[line], total=amount,
                   payments=[payment | ({"payer": deal["payer"]} if deal["payer"] else {})],
                   commission=income, service=deal["service"])  # fmt: skip

    def _print(self, key, deal, template, amount):
        printers = [printer for printer in self.devices.get("printer", ()) if f"down:{printer.id}" not in self.state]
        own = sorted(printers, key=lambda printer: printer.settings.get("kiosk") != deal["kiosk"])
        for printer in own[:1]:
            fields = {"service": deal["service"], "amount": amount, "account": deal["account"], "order": key}
            lines = [deal["service"], *([deal["account"]] if deal["account"] else []), str(amount), key]
            yield out("print.job", printer=printer.id, job=f"{template}-{key}", kind="receipt", template=template, lines=lines,
                      fields={name: value for name, value in fields.items() if value is not None})  # fmt: skip

    @on("device.status?")
    def device(self, event):
        if event["device"] in {printer.id for printer in self.devices.get("printer", ())}:
            paper = str((event.get("metrics") or {}).get("paper", "ok"))
            if event["state"] in ("offline", "fault") or paper in OUT_OF_PAPER or event.get("code") == "paper_out":
                self.state[f"down:{event['device']}"] = True
            else:
                self.state.pop(f"down:{event['device']}", None)

    # Balances and the day

    def _spend(self, service, amount, at):
        day = self.store.hours.store_day(at)
        done = self.state.setdefault(f"done:{service}", {"days": {}, "before": 0, "low": None})
        done["days"][day.isoformat()] = done["days"].get(day.isoformat(), 0) + amount
        for old in sorted(done["days"])[: -services.DAYS_KEPT - 1]:
            done["before"] += done["days"].pop(old)

    def _watch(self, service):
        """Alert where the balance is below so many average days, once until it was filled up."""
        if service not in self.config.floats:
            return
        done = self.state[f"done:{service}"]
        average, balance = services.average_day(done["days"], self.store.hours.store_day(self.now)), self._balance(service)
        if not average:
            return
        self.kpi.set("float_cover", balance / average)
        low = balance < self.config.float_days * average
        if low and done["low"] is None:
            state, done["low"] = "open", balance
        elif not low and done["low"] is not None and balance > done["low"]:
            state, done["low"] = "cleared", None
        else:
            return
        yield out("alert.raise", alert=f"float-{service}", kind="float_low", severity="warn", state=state, subject=service,
                  text=self.say(f"Prepaid balance of {service}: {balance}", f"{service}预存余额{balance}"),
                  value=balance, limit=self.config.float_days * average, unit="minor")  # fmt: skip

    def _note(self, service, **sums):
        day = self.state.setdefault("day", {"services": {}, "stated": {}})
        own = day["services"].setdefault(service, {"done": 0, "amount": 0, "commission": 0})
        for name, number in sums.items():
            own[name] += number
        return day

    def _stated(self, key, deal, event):
        """The provider says that a service was done: of a deal here, or of one on its channel that is not known here."""
        service = deal["service"] if deal else event.get("channel")
        if service in self.config.services and service not in RENTALS and not (deal and deal["state"] == "done"):
            ours = deal["amount"] if deal and deal["state"] == "paid" else 0
            theirs = event.get("amount") or (deal["amount"] if deal else None) or 0
            self._note(service)["stated"][key] = {"order": key, "service": service, "provider": theirs, "ours": ours}

    @every("1d", at="00:00")
    def statement(self, due):
        for service in sorted(self.config.floats):
            if f"done:{service}" in self.state:
                yield from self._watch(service)
        day = self.state.pop("day", None)
        if day is None:
            return
        own = day["services"].values()
        stated, date = day["stated"].values(), self.store.hours.ended_day(due.time)
        figures = {name: {"value": sum(one[name] for one in own), "unit": unit} for name, unit in
                   (("done", "count"), ("amount", "minor"), ("commission", "minor"))}  # fmt: skip
        figures |= {"provider_done": {"value": len(stated), "unit": "count"},
                    "provider_amount": {"value": sum(row["provider"] for row in stated), "unit": "minor"}}  # fmt: skip
        differences = sorted((row for row in stated if row["ours"] != row["provider"]), key=lambda row: row["order"])
        yield out("insight.report", {"from": self.store.hours.midnight(date), "to": due.time}, report=f"services-{date}",
                  kind="service_statement", version=1, figures=figures, rows=differences)  # fmt: skip
