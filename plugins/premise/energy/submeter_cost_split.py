"""Sub-metering and cost split: the meter tree balanced day by day, and every month's bill divided to departments and tenants.

A meter's row of assets is that of its id, else the one whose `device` it is, else the reading's `asset` where that is a meter. Its user is
the tenant whose `meters` name it or its asset, the reading's `tenant`, the tenant of its zone, its zone (a department), or its own id. A
leaf below another meter, or a meter that a tenant holds, is a user's; one alone of which nothing is known is shared by all tenants. Fixed
charges are those of all rows of the kind, once a month, with the largest of several meters at the top.

A day is balanced when every meter of its kind has been read past it, at the latest gap_max_h after it, with what is missing filled like a
gap; a day on which none was read waits. So a bill comes with its last day, and what a later register says of it goes to the next one.
`estimated` readings are none. A tenant that leaves in the month pays its days; an empty shop's use is the store's.
"""

from datetime import date, timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

DAY, WEEK = timedelta(days=1), timedelta(days=7)
HISTORY_DAYS, LEAST_BALANCE_PCT = 30, -2.0
UNITS = {"electricity": "kWh", "water": "m3", "gas": "m3"}
PEAK = ("peak", "sharp")
TREE = ("electricity", "water", "gas")


class SubmeterCostSplit(Solution):
    number = 150
    zh, en = "分项分户计量与费用分摊", "Sub-metering and cost split"
    purpose_zh = "平衡计量树、发现未计量损耗，并按电价把水电气费用分摊到部门与租户，分毫不差。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("insight.report", "score.report", "alert.raise")
    adapters = ("meter",)
    reads = ("assets", "tariffs", "tenants", "zones")
    kpis = {
        "unmetered": kpi("%", "Unmetered share", "未计量占比"),
        "cost_per_m2": kpi("currency", "Cost per square metre", "每平方米费用"),
        "estimated_intervals": kpi("%", "Estimated intervals", "估算区间占比"),
        "peak_band_share": kpi("%", "Use in peak bands", "峰段用电占比"),
    }
    kinds = {
        "unmetered_use": ("Unmetered use", "未计量用量"),
        "meter_changed": ("Meter changed", "表计更换"),
        "cost_split": ("Energy cost split", "能源费用分摊"),
    }

    class Config(SolutionConfig):
        interval_min: int = setting(15, "Billing and balance interval", "计费与平衡区间", unit="min", ge=5, le=60)
        loss_pct: float = setting(6, "Unmetered share of a day that alerts", "未计量占比告警线", unit="%", ge=0.5, le=30)
        gap_max_h: int = setting(6, "Longest gap filled evenly", "均匀补齐的最长缺口", unit="h", ge=1, le=72,
            help_en="A longer one is filled by last week's profile.", help_zh="更长缺口按上周曲线补齐。")  # fmt: skip
        split_by: Literal["usage", "area", "equal"] = setting("usage", "Key for common use and losses", "公摊与损耗依据",
            help_en="By own use, by floor area, or evenly.", help_zh="按用量、按面积或均摊。")  # fmt: skip
        common: list[str] = setting(list, "Meters whose use is shared", "公摊表计")
        bill_day: int = setting(1, "First day of the billing month", "计费月首日", ge=1, le=28)
        register_digits: int = setting(6, "Digits after which a counter starts anew", "表计位数", ge=4, le=10)

    # --- what each meter used ---

    @on("meter.reading")
    def metered(self, event):
        kind, name = event["kind"], event["meter"]
        if kind not in TREE or event.get("estimated"):
            return
        meter = self.state.get(f"meter:{name}")
        if meter is None:
            self.state[f"meter:{name}"] = self._fresh(event)
            self._begin(kind, event.time)
            return
        meter |= {field: event[field] for field in ("asset", "tenant") if event.get(field)}
        before, register = parse_time(meter["read"][0]), meter["read"][1]
        if event.time <= before:
            return
        interval = timedelta(minutes=self.config.interval_min)
        found = self.workers.insight.submeters.use_between(register, event["total"], digits=self.config.register_digits,
            intervals=(event.time - before) / interval, largest=max(meter["most"].values(), default=None))  # fmt: skip
        booked, meter["read"] = meter["filled"], [plain(event.time), event["total"]]
        if found.changed:
            yield self._alert("meter_changed", name, "open", f"Register of {name} fell from {register:g} to {event['total']:g}",
                              f"{name} 读数由 {register:g} 降至 {event['total']:g}", severity="warn")  # fmt: skip
        covered = parse_time(meter["covered"])
        if event.time <= covered:
            meter["filled"] = booked - found.amount
            return
        amount = 0.0 if found.changed else found.amount - booked
        self._book(name, covered, event.time, amount, estimated=event.time - before > interval * 1.5)
        meter |= {"filled": 0.0, "covered": plain(event.time)}
        if not found.changed:
            day = plain(self.store.hours.store_day(event.time))
            use = found.amount / max(1.0, (event.time - before) / interval)
            oldest = plain(self.store.hours.store_day(event.time) - timedelta(days=HISTORY_DAYS))
            meter["most"] = {one: most for one, most in meter["most"].items() if one >= oldest} | {day: max(use, meter["most"].get(day, 0))}
        yield from self._close_what_is_read(kind)

    def _fresh(self, event):
        return {"kind": event["kind"], "asset": event.get("asset"), "tenant": event.get("tenant"), "covered": plain(event.time),
                "read": [plain(event.time), event["total"]], "filled": 0.0, "most": {}, "profile": {}}  # fmt: skip

    def _book(self, name, begin, end, amount, *, estimated):
        """Spread an amount over time, into days and bands, and remember its profile for a week."""
        tools, meter, hours = self.workers.insight.submeters, self.state[f"meter:{name}"], self.store.hours
        tariff, interval = self._tariff(meter["kind"]), timedelta(minutes=self.config.interval_min)
        parts = tools.pieces(begin, end, interval, self.workers.pricing.tariffs.turns(tariff), hours)
        long = end - begin > timedelta(hours=self.config.gap_max_h)
        profile = {at: meter["profile"].get(plain(at - WEEK), 0.0) for at, _ in parts} if long else None
        for (at, _), use in zip(parts, tools.spread(amount, parts, profile), strict=True):
            row = self.workers.pricing.tariffs.row_at(self._valid(tariff, at), hours.local(at))
            band = f"{row.get('band', 'all')}|{row['price']}" if row else "none|0"
            bands = self.state.setdefault(f"day:{name}:{hours.store_day(at)}", {})
            bands[band] = bands.get(band, 0.0) + use
            meter["profile"][plain(at)] = round(use, 6)
        oldest = plain(end - WEEK - DAY)
        meter["profile"] = {at: use for at, use in meter["profile"].items() if at >= oldest}
        self.kpi.share("estimated_intervals", len(parts) if estimated else 0, len(parts))

    def _tariff(self, kind):
        return [row for row in self.tables.tariffs.all_rows() if row["kind"] == kind and row.get("per") not in ("kW", "block", "km")]

    def _valid(self, tariff, at):
        from storeloom.workers.pricing.shelf import holds

        return [row for row in tariff if holds(row, at, self.store.hours.zone)]

    # --- closing days ---

    def _meters(self, kind):
        return {key[6:]: self.state[key] for key in sorted(self.state) if key.startswith("meter:") and self.state[key]["kind"] == kind}

    def _begin(self, kind, at):
        if f"next:{kind}" not in self.state:
            self.state[f"next:{kind}"] = plain(self.store.hours.store_day(at))
            self._wait(kind)

    def _wait(self, kind):
        """The next day closes at the latest when gaps of it are too long to wait for."""
        end = self.store.hours.midnight(date.fromisoformat(self.state[f"next:{kind}"]) + DAY)
        soonest = self.now + timedelta(minutes=self.config.interval_min)
        self.timers.set("close", kind, max(soonest, end + timedelta(hours=self.config.gap_max_h)))

    def _close_what_is_read(self, kind):
        read = min(parse_time(meter["read"][0]) for meter in self._meters(kind).values())
        while (end := self.store.hours.midnight(date.fromisoformat(self.state[f"next:{kind}"]) + DAY)) <= read:
            yield from self._close(kind, end)

    @timer("close")
    def too_late(self, due):
        """Close a day without the meters that were not read, unless none was; a month closes whatever was read."""
        kind, gap = due.key, timedelta(hours=self.config.gap_max_h)
        read = max(parse_time(meter["read"][0]) for meter in self._meters(kind).values())
        while True:
            day = date.fromisoformat(self.state[f"next:{kind}"])
            end = self.store.hours.midnight(day + DAY)
            if (end if end <= read else self._month_end(day)) + gap > self.now:
                break
            yield from self._close(kind, end)
        self._wait(kind)
        self.timers.set("close", kind, max(self.timers.get("close", kind), self.now + timedelta(hours=1)))

    def _month_end(self, day):
        return self.store.hours.midnight(self.workers.insight.submeters.billing_month(day, self.config.bill_day)[1])

    def _close(self, kind, end):
        day = self.store.hours.store_day(end - timedelta(minutes=1))
        for name, meter in self._meters(kind).items():
            covered = parse_time(meter["covered"])
            if covered < end:
                amount = self._estimate(meter, covered, end)
                self._book(name, covered, end, amount, estimated=True)
                meter |= {"filled": meter["filled"] + amount, "covered": plain(end)}
        self.state[f"next:{kind}"] = plain(day + DAY)
        self._wait(kind)
        yield from self._balance(kind, day)
        if end == self._month_end(day):
            yield from self._bill(kind, day)

    def _estimate(self, meter, begin, end):
        """What last week's profile says of a time; without one, at the mean rate of what is known."""
        week = [use for at, use in meter["profile"].items() if begin - WEEK <= parse_time(at) < end - WEEK]
        if week:
            return sum(week)
        known = [parse_time(at) for at in meter["profile"]]
        rate = sum(meter["profile"].values()) / max(1.0, (begin - min(known)).total_seconds()) if known else 0.0
        return rate * (end - begin).total_seconds()

    # --- the tree ---

    def _row(self, name, meter):
        assets = self.tables.assets
        row = assets.get(name) or next(iter(assets.rows(device=name)), None)
        told = assets.get(meter["asset"] or "") or {}
        return row or (told if "meter" in str(told.get("kind", "")) else {})

    def _tree(self, kind):
        """Children by meter, and the meters without a parent."""
        meters = self._meters(kind)
        rows = {name: self._row(name, meter) for name, meter in meters.items()}
        by_asset = {row["asset"]: name for name, row in rows.items() if row.get("asset")} | {name: name for name in meters}
        parents = {name: by_asset.get(row.get("parent")) for name, row in rows.items()}
        children = {name: [one for one in meters if parents[one] == name] for name in meters}
        return children, [name for name in meters if parents[name] is None]

    def _used(self, name, day):
        return sum(self.state.get(f"day:{name}:{day}", {}).values())

    def _balance(self, kind, day):
        children, tops = self._tree(kind)
        for name in [name for name in children if children[name]]:
            use, below = self._used(name, day), sum(self._used(one, day) for one in children[name])
            if use <= 0:
                continue
            share = round(100 * (use - below) / use, 6)
            if name in tops:
                self.kpi.share("unmetered", use - below, use)
            wrong = share > self.config.loss_pct or share < LEAST_BALANCE_PCT
            if wrong or f"alert:{name}" in self.state:
                limit = self.config.loss_pct if share > 0 else LEAST_BALANCE_PCT
                yield self._alert("unmetered_use", name, "open" if wrong else "cleared", f"{share:.1f} % of {name} unmetered on {day}",
                                  f"{name} {day} 未计量 {share:.1f}%", severity="warn", value=share, limit=limit, unit="%")  # fmt: skip
            self.state.pop(f"alert:{name}", None)
            if wrong:
                self.state[f"alert:{name}"] = plain(day)
        if kind == "electricity":
            for name in tops:
                bands = self.state.get(f"day:{name}:{day}", {})
                peak = sum(use for band, use in bands.items() if band.partition("|")[0] in PEAK)
                self.kpi.share("peak_band_share", peak, sum(bands.values()))

    def _alert(self, kind, name, state, en, zh, **more):
        row = self._row(name, self.state[f"meter:{name}"])
        return out("alert.raise", alert=f"{kind}-{name}", kind=kind, state=state, subject=name, asset=row.get("asset"),
                   zone=row.get("zone"), text=self.say(en, zh), **more)  # fmt: skip

    # --- the bill ---

    def _bill(self, kind, last):
        first = self.workers.insight.submeters.billing_month(last, self.config.bill_day)[0]
        days = [first + DAY * number for number in range((last - first).days + 1)]
        children, tops = self._tree(kind)
        used = {name: sum(self._used(name, day) for day in days) for name in tops}
        for name in tops:
            fixed = sum(row.get("fixed") or 0 for row in self._valid(self._tariff(kind), self.store.hours.midnight(last)))
            yield from self._split(kind, name, children, days, fixed if name == max(used, key=lambda one: (used[one], one)) else 0)
        for name in children:
            for day in days:
                self.state.pop(f"day:{name}:{day}", None)

    def _users(self, name, children, top):
        """The meters below (or this one) that are somebody's own, those shared left out."""
        if name in self.config.common:
            return []
        meter, row = self.state[f"meter:{name}"], self._row(name, self.state[f"meter:{name}"])
        held = any({name, row.get("asset", name)} & set(one.get("meters") or ()) for one in self.tables.tenants.all_rows())
        if held or (not children[name] and (not top or row.get("zone") or meter["tenant"])):
            return [name]
        return [one for child in children[name] for one in self._users(child, children, top=False)]

    def _user(self, name, day):
        """Who pays for a meter on a day."""
        meter, row = self.state[f"meter:{name}"], self._row(name, self.state[f"meter:{name}"])
        tenants = sorted(self.tables.tenants.all_rows(), key=lambda tenant: tenant["tenant"])
        named = [one for one in tenants if {name, row.get("asset", name)} & set(one.get("meters") or ())]
        named = named or [one for one in tenants if one["tenant"] == meter["tenant"]]
        named = named or [one for one in tenants if row.get("zone") and row["zone"] in (one.get("zones") or ())]
        here = [one["tenant"] for one in named if _leases(one, day)]
        return here[0] if here else self.store.id if named else meter["tenant"] or row.get("zone") or name

    def _split(self, kind, top, children, days, fixed):
        tools, own, keys = self.workers.insight.submeters, {}, {}
        bands = [pair for day in days for pair in self.state.get(f"day:{top}:{day}", {}).items()]
        cost, use = tools.bands_cost(bands)
        cost += fixed
        if not cost and not use:
            return
        meters = self._users(top, children, top=True)
        for day in days:
            paying = {name: self._user(name, day) for name in meters}
            for name, user in paying.items():
                part = tools.bands_cost(self.state.get(f"day:{name}:{day}", {}).items())
                known = own.get(user, (0, 0.0))
                own[user] = (known[0] + part[0], known[1] + part[1])
            for user in sorted(set(paying.values())) or self._everybody(day):
                own.setdefault(user, (0, 0.0))
                keys[user] = keys.get(user, 0) + (self._area(user) if self.config.split_by == "area" else 1)
        shares = tools.split_bill(cost, use, own, keys, self.config.split_by)
        common = sum(self._used(name, day) for name in children if name in self.config.common for day in days)
        yield from self._reported(kind, top, days, shares, use, common)

    def _everybody(self, day):
        return [one["tenant"] for one in self.tables.tenants.all_rows() if _leases(one, day)] or [self.store.id]

    def _area(self, user):
        row = self.tables.tenants.get(user) or {"zones": [user]}
        zones = [self.tables.zones.get(zone) or {} for zone in row.get("zones") or ()]
        return row.get("area_m2") or sum(zone.get("area_m2") or 0 for zone in zones)

    def _reported(self, kind, top, days, shares, use, common):
        hours, unit = self.store.hours, UNITS[kind]
        window = {"from": hours.midnight(days[0]), "to": hours.midnight(days[-1] + DAY)}
        bill, rest = sum(one.amount for one in shares), use - sum(one.own for one in shares)
        figures = {"use": (use, unit), "unmetered": (rest - common, unit), "common": (common, unit), "bill": (bill, "minor")}
        if use:
            figures["unmetered_share"] = (100 * (rest - common) / use, "%")
        rows = [{"tenant": one.user, "own": round(one.own, 3), "shared": round(one.shared, 3), "use": round(one.own + one.shared, 3),
                 "unit": unit, "amount": one.amount} for one in shares]  # fmt: skip
        yield out("insight.report", window, report=f"{self.context.instance}-{top}-{days[0]}", kind="cost_split", version=1, rows=rows,
                  figures={name: {"value": round(value, 3), "unit": one} for name, (value, one) in figures.items()},
                  text=self.say(f"{kind} of {top}: {bill} among {len(shares)}", f"{top} 费用 {bill} 由 {len(shares)} 户分摊"))  # fmt: skip
        for one in shares:
            area, used = self._area(one.user), round(one.own + one.shared, 3)
            parts = [{"name": "amount", "value": one.amount, "unit": "minor"}, {"name": "use", "value": used, "unit": unit}]
            parts += [{"name": "cost_per_m2", "value": round(one.amount / area, 3), "unit": "minor/m2"}] if area else []
            yield out("score.report", window, scheme=f"{kind}_cost", subject_kind="zone", subject=one.user, parts=parts)
        area = sum(self._area(one.user) for one in shares)
        if area:
            self.kpi.sample("cost_per_m2", bill / area)


def _leases(tenant, day):
    begin, end = tenant.get("lease_from"), tenant.get("lease_to")
    return (not begin or str(begin)[:10] <= plain(day)) and (not end or plain(day) <= str(end)[:10])
