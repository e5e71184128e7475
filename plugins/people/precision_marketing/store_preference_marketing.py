"""Store-preference precision marketing: what this store's visitors prefer at each time of day, said on the screen when someone hesitates.

Preferences are worked out at 03:00 from receipts, for screen, counter and range review. A stay at a fixture bears no identity. A moment
that is kept silent is for measurement, and starts no cooldown: that is time between plays. A play that the screen broke off is no moment,
nor is a stay of which the camera tells more than a minute late: whoever it was has gone.
A moment is settled when `buy_within_s` are over; the effect is told at closing time over all moments so far. The screen is the one in the
zone, else the store's first. `chain_mix` of the table may be a share or, where one is above 1, percent.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, rfc3339
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import store_mix

DAY = timedelta(days=1)
PLAY_S, ANSWER_WITHIN, GONE_AFTER, ROWS = 10, timedelta(minutes=5), timedelta(minutes=1), 50


class StorePreferenceMarketing(Solution):
    number = 22
    zh, en = "门店偏好精准营销", "Store-preference precision marketing"
    purpose_zh = "面向零食与礼品连锁的冲动购买：学习每家门店各时段顾客偏好，在顾客驻足犹豫的那一刻于屏幕上推荐。"
    formats = ("specialty", "convenience")
    produces = ("recommend.items", "sign.play", "experiment.result", "insight.report")
    adapters = ("signage",)
    reads = ("products", "zones", "planogram", "promotions?")
    kpis = {
        "impulse_effect": kpi("points", "Success of played less silent moments", "冲动购买提升"),
        "moments": kpi("count", "Impulse moments", "冲动时刻数"),
        "preferred_share_of_sales": kpi("%", "Preferred products' share of units", "偏好商品销量占比"),
        "visit_to_buy": kpi("%", "Receipts of visitors", "进店成交率"),
    }
    kinds = {"store_preference": ("Preferences by time of day", "分时段偏好")}

    class Config(SolutionConfig):
        dayparts: list[Annotated[str, Field(pattern=store_mix.DAYPART)]] = setting(
            lambda: ["open-11:00", "11:00-14:00", "14:00-17:00", "17:00-close"], "Parts of the store day", "营业时段划分",
            help_en="From-to in store time; open and close are the store's.", help_zh="门店时间起止；open、close为开闭店。")  # fmt: skip
        window_d: int = setting(56, "Sales used for preferences", "偏好计算销售天数", unit="d", ge=7, le=365)
        shrink_units: int = setting(100, "Weight of the chain's mix", "连锁结构权重", unit="units", ge=0, le=10_000,
            help_en="In units, against the store's own sales.", help_zh="以件数计，与本店销量加权。")  # fmt: skip
        pref_from: float = setting(1.2, "Index from which a product is preferred", "偏好指数门槛", ge=1, le=5,
            help_en="Its share here over its share in the chain.", help_zh="本店占比与连锁占比之比。")  # fmt: skip
        dwell_s: int = setting(8, "Stay that is an impulse moment", "驻足时长", unit="s", ge=2, le=120)
        cooldown_s: int = setting(60, "Least time between plays at a zone", "同区域播放间隔", unit="s", ge=5, le=1800)
        withhold_pct: int = setting(20, "Moments left silent to measure", "静默对照比例", unit="%", ge=5, le=50)
        buy_within_s: int = setting(600, "A sale counts within", "成交计入时限", unit="s", ge=60, le=3600)

    # Sales

    @on("pos.sale")
    def sold(self, event):
        kind, part = event["kind"], store_mix.part_of(event.time, self.config.dayparts, self.store.hours)
        if kind not in ("sale", "return"):
            return
        items = {}
        for line in event["lines"]:
            items[item_key(line["gtin"])] = items.get(item_key(line["gtin"]), 0) + line["qty"]
        if part is not None:
            day = self.state.setdefault(f"units:{self._day(event.time)}:{part}", {})
            preferred = self.state.get(f"preferred:{part}", {})
            for item, qty in items.items():
                day[item] = day.get(item, 0) + qty
                self.kpi.share("preferred_share_of_sales", qty if item in preferred else 0, qty)
        if kind == "sale":
            self.kpi.share("visit_to_buy", 1, 0)
            for item in items:
                self._answer(item, event.time)

    def _answer(self, item, at):
        """The sale is the success of the product's latest moment before it."""
        last = timedelta(seconds=self.config.buy_within_s)
        moments = [one for one in self.state.get(f"moments:{item}", ()) if parse_time(one["at"]) <= at <= parse_time(one["at"]) + last]
        if moments:
            max(moments, key=lambda one: parse_time(one["at"]))["won"] = 1

    @on("vision.count?")
    def counted(self, event):
        if event.get("class", "person") == "person":
            self.kpi.share("visit_to_buy", 0, event["in"])

    def _day(self, at):
        return self.store.hours.store_day(at).isoformat()

    # Preferences

    @every("1d", at="03:00")
    def learn(self, due):
        today = self.store.hours.store_day(due.time)
        units = self._units((today - self.config.window_d * DAY).isoformat(), today.isoformat())
        told = self.tables.products.derived("chain mix", store_mix.chain_mix)
        mix = store_mix.whole_mix(told, units.values())
        for key in [key for key in self.state if key.startswith("preferred:")]:
            del self.state[key]
        rows, until = [], self.store.hours.at(today + DAY, "03:00")
        for part in self.config.dayparts:
            found = store_mix.indexes(units[part], mix, self.config.shrink_units)
            ranked = sorted(found, key=lambda item: (-found[item][1], item))
            rows += [{"daypart": part, "gtin": self._gtin(item), "units": units[part].get(item, 0), "share_pct": 100 * found[item][0],
                      "index": found[item][1]} for item in ranked[:ROWS]]  # fmt: skip
            preferred = {item: found[item][1] for item in ranked if found[item][1] >= self.config.pref_from - 1e-9}
            if preferred:
                self.state[f"preferred:{part}"] = preferred
                items = [{"gtin": self._gtin(item), "score": index, "reason": part} for item, index in preferred.items()]
                yield out("recommend.items", context="store_preference", items=items, slot=part, valid_to=until)
        if rows:
            yield self._report(rows, today)

    def _units(self, first, today):
        """Units of each part of the day in the window; older days are forgotten."""
        units = {part: {} for part in self.config.dayparts}
        for key in [key for key in self.state if key.startswith("units:")]:
            _, day, part = key.split(":", 2)
            if day < first:
                del self.state[key]
            elif day < today and part in units:
                for item, qty in self.state[key].items():
                    units[part][item] = max(0, units[part].get(item, 0) + qty)
        return units

    def _gtin(self, item):
        return (self.tables.products.get(item) or {}).get("gtin", item)

    def _report(self, rows, today):
        hours, counts = self.store.hours, self._counts()
        window = {"from": hours.midnight(today - self.config.window_d * DAY), "to": hours.midnight(today)}
        figures = {name: {"value": counts[name][1], "unit": "count"} for name in ("played", "silent")}
        return out("insight.report", window, report=f"store_preference:{today}", kind="store_preference", version=1, figures=figures,
                   rows=rows)  # fmt: skip

    # Moments

    @on("vision.zone")
    def dwelt(self, event):
        zone, at = event["zone"], event.time
        if event.get("dwell_s", 0) < self.config.dwell_s or not self.store.hours.is_open(at) or self.now - at > GONE_AFTER:
            return
        item, screen = self._wanted(zone, at), self._screen(zone)
        last = self.state.get(f"played:{zone}")
        if item is None or screen is None or (last and at - parse_time(last) < timedelta(seconds=self.config.cooldown_s)):
            return
        silent = draw(f"{zone}{at:%Y-%m-%dT%H:%M:%SZ}", modulus=100) < self.config.withhold_pct
        self.kpi.add("moments")
        moment = {"zone": zone, "at": rfc3339(at), "arm": "silent" if silent else "played", "won": 0, "screen": screen}
        self.state.setdefault(f"moments:{item}", []).append(moment)
        self.timers.set("settle", f"{item}|{zone}|{moment['at']}", max(self.now, at + timedelta(seconds=self.config.buy_within_s)))
        if not silent:
            self.state[f"played:{zone}"] = rfc3339(at)
            yield self._play(item, screen)

    def _wanted(self, zone, at):
        """The product of the highest index at this time of day that stands in the zone."""
        preferred = self.state.get(f"preferred:{store_mix.part_of(at, self.config.dayparts, self.store.hours)}", {})
        there = {item_key(row["gtin"]) for row in self.tables.planogram.rows(zone=zone)}
        return next((item for item in preferred if item in there), None)

    def _screen(self, zone):
        screens = sorted(self.devices.get("signage", ()), key=lambda screen: screen.zone != zone)
        return screens[0].id if screens else None

    def _play(self, item, screen):
        product = self.tables.products.get(item) or {}
        gtin = product.get("gtin", item)
        offers = [
            row for row in self.tables.promotions.rows() if item in map(item_key, row.get("gtins") or ()) and row.get("approved", True)
        ]
        text = " ".join(filter(None, (product.get("name", gtin), offers[0].get("wording") if offers else None)))
        shown = {"asset": gtin, "duration_s": PLAY_S, "text": text, "params": {"gtin": gtin}}
        return out("sign.play", screen=screen, items=[shown | ({"campaign": offers[0]["promo"]} if offers else {})])

    @on("sign.played?")
    def played(self, event):
        """A play that broke off is no moment."""
        item = item_key(event["asset"]) if event["asset"].isdigit() else event["asset"]
        moments, started = self.state.get(f"moments:{item}", []), parse_time(event["started"])
        for one in moments:
            shown = one["arm"] == "played" and one["screen"] == event["screen"]
            if shown and not event["complete"] and timedelta(0) <= started - parse_time(one["at"]) < ANSWER_WITHIN:
                moments.remove(one)
                self.timers.cancel("settle", f"{item}|{one['zone']}|{one['at']}")
                self.kpi.add("moments", -1)
                return

    @timer("settle")
    def settle(self, due):
        item, zone, at = due.key.split("|")
        moments = self.state[f"moments:{item}"]
        one = next(one for one in moments if (one["zone"], one["at"]) == (zone, at))
        moments.remove(one)
        counts = self._counts()
        counts[one["arm"]][0] += one["won"]
        counts[one["arm"]][1] += 1
        counts["new"] = True

    def _counts(self):
        return self.state.setdefault("counts", {"played": [0, 0], "silent": [0, 0], "new": False})

    @every("1d", at="close")
    def effect(self, due):
        counts = self._counts()
        fields = None
        if counts["new"]:
            told = {arm: tuple(counts[arm]) for arm in ("silent", "played")}
            fields = self.workers.insight.trial_report.share_fields(told, "silent", "played")
        counts["new"] = False
        if fields:
            self.kpi.set("impulse_effect", fields["effect"])
            yield out("experiment.result", fields, experiment="store_preference_marketing", metric="moment_success")
