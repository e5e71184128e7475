"""Predicts what the store would have used in this weather, proves savings by the IPMVP whole-facility method and rings when use drifts.

The facility's electricity meters are modelled, each by itself and added up: those without tenant, parent or an asset that is neither meter
nor building; where the table has an asset `main`, other meters that it lists are not. A day is judged with the first reading after its
midnight, up to a week later if its temperature comes late; late readings of a day that is closed change nothing. A day's readings are
counted by the minute; without `interval_s` the meter's usual interval tells how many there should be. A register that falls leaves its day
out, and temperatures that no weather has are not taken in.

The model (`workers/forecast/measurement.py`) is fitted once the baseline is over and again when its start or length is set anew; slopes
that the days do not call for are dropped as those under zero are, and bias is that on days left out of the fit, for within a least-squares
fit there is none. Closed days are those without opening hours or within a closure of the calendar; where the baseline had none, they are
not judged. Of a model that is not accepted there is neither saving nor drift nor forecast: the month is compared with the same month of the
baseline, or with all of it.

Reports go out on the first of a month at 06:00. A `forecast.energy` follows a minute after weather of tomorrow and at midnight, if it is
news. The mean tariff weighs bands by the hours that they hold. It keeps 1095 days.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time

DAY = timedelta(days=1)
LEAST_SHARE = 0.95
MOST_DAYS = 1095
WEATHER_DAYS, PATIENCE_DAYS = 10, 7
LEVEL, DECILES = 0.9, 0.8
GRAMS_A_KG = 1000
BUILDINGS = ("building", "facility", "site", "store")


class EnergySavingsMv(Solution):
    number = 151
    zh, en = "能耗基线与节能量核证", "Energy baseline and verified savings"
    purpose_zh = "预测同样天气下门店本应用多少电，按 IPMVP 整体设施法核证节能量，用量漂移时告警。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("forecast.energy", "insight.report", "alert.raise")
    adapters = ("meter", "sensor", "weather?")
    reads = ("tariffs", "assets")
    kpis = {
        "energy_saved": kpi("kWh", "Energy saved", "节能量"),
        "cost_saved": kpi("currency", "Cost saved", "节省金额"),
        "co2_avoided": kpi("kg", "CO2 avoided", "减排二氧化碳"),
        "model_cv_rmse": kpi("%", "CV(RMSE) of the model", "模型 CV(RMSE)"),
    }
    kinds = {
        "energy_drift": ("Use drifts over the baseline", "用电量漂移"),
        "energy_baseline": ("Energy baseline", "能耗基线"),
        "energy_savings": ("Verified savings", "核证节能量"),
        "energy_comparison": ("Raw comparison of use", "用电量原始对比"),
    }
    load = "forecast"

    class Config(SolutionConfig):
        baseline_from: date | None = setting(None, "Start of the baseline", "基线起始日",
            help_en="Empty: the day of the first reading.", help_zh="留空为首个读数之日。")  # fmt: skip
        baseline_days: int = setting(365, "Length of the baseline", "基线天数", unit="d", ge=60, le=1095,
            help_en="A year holds all seasons.", help_zh="一年可涵盖四季。")  # fmt: skip
        cv_max_pct: float = setting(25, "Largest CV(RMSE) of an accepted model", "采用模型的 CV(RMSE) 上限", unit="%", ge=5, le=60)
        bias_max_pct: float = setting(1, "Largest bias (NMBE) of an accepted model", "采用模型的偏差（NMBE）上限", unit="%", ge=0.1, le=10)
        cusum_slack: float = setting(0.5, "Drift forgiven a day", "每日容许漂移", unit="sigma", ge=0.1, le=2)
        cusum_limit: float = setting(5, "Sum of drift reported", "累计漂移告警限", unit="sigma", ge=2, le=20,
            help_en="Sigma is the standard error of the model.", help_zh="sigma 为模型标准误。")  # fmt: skip
        carbon_g_per_kwh: int = setting(580, "Emission factor of the grid", "电网排放因子", unit="g/kWh", ge=0, le=2000)

    @on("meter.reading")
    def metered(self, event):
        if event["kind"] != "electricity" or event.get("estimated") or not self._whole(event):
            return
        name = event["meter"]
        book = self.state.setdefault(f"meter:{name}", {"first": self.store.hours.store_day(event.time).isoformat()})
        book["asset"] = event.get("asset")
        closed = self.workers.forecast.meter_days.read(book, event.time, event["total"], event.get("interval_s"), self.store.hours)
        if closed:
            waiting = self.state.setdefault(f"waiting:{name}", [])
            waiting += [[one.day.isoformat(), one.kwh if one.share >= LEAST_SHARE else None] for one in closed]
            yield from self._judge(name)

    @on("sensor.reading")
    def felt(self, event):
        if event["kind"] != "temperature" or event.get("zone") != "outdoor" or event.get("quality") == "bad":
            return
        if not self.workers.forecast.measurement.on_earth(event["value"]):
            return
        local = self.store.hours.local(event.time)
        hour = self.state.setdefault(f"outdoor:{local.date().isoformat()}", {}).setdefault(str(local.hour), [0, 0])
        hour[0] += event["value"]
        hour[1] += 1

    @on("weather.forecast?")
    def weather(self, event):
        begin, hours = parse_time(event["from"]), self.store.hours
        issued, seen = event.get("issued", event["from"]), bool(event.get("observed"))
        if not self.workers.forecast.measurement.on_earth(event["temp_c"]):
            return
        for day, held in self.workers.forecast.meter_days.held(begin, parse_time(event["to"]), hours):
            windows = self.state.setdefault(f"weather:{day.isoformat()}", {})
            known = windows.get(event["from"])
            if known is None or (known["seen"], parse_time(known["issued"])) <= (seen, parse_time(issued)):
                windows[event["from"]] = {"c": event["temp_c"], "held": held, "issued": issued, "seen": seen}
        self.timers.set("tell", "", self.timers.get("tell", "") or self.now + timedelta(minutes=1))

    @on("calendar.event?")
    def planned(self, event):
        name = f"calendar:{event['event']}"
        if event.get("comparable") is False or (event["kind"] == "closure" and event.get("zone") is None):
            self.state[name] = {key: event.get(key) for key in ("from", "to", "kind", "comparable")}
        else:
            self.state.pop(name, None)

    @timer("tell")
    def tell(self, due):
        """What the facility would use tomorrow."""
        tomorrow = self.store.hours.store_day(self.now) + DAY
        windows = self.state.get(f"weather:{tomorrow.isoformat()}", {}).values()
        temp = self.workers.forecast.meter_days.window_mean((one["c"], one["held"]) for one in windows)
        for name in self._names("meter") if temp is not None else ():
            model, shut = self._model(name), self._shut(tomorrow)
            kwh = model.predicted(temp, shut) if model is not None else None
            news = [tomorrow.isoformat(), None if kwh is None else round(kwh, 3)]
            if kwh is None or self.state.get(f"told:{name}") == news:
                continue
            self.state[f"told:{name}"] = news
            low, high = model.interval(temp, shut, DECILES)
            window = {"from": self.store.hours.midnight(tomorrow), "to": self.store.hours.midnight(tomorrow + DAY)}
            told = {"kwh": round(kwh, 3), "p10": round(low, 3), "p90": round(high, 3)}
            yield out("forecast.energy", window, meter=name, **told, baseline=True, issued=self.now)

    @every("1d", at="00:00")
    def new_day(self, due):
        for name in self._names("waiting"):
            yield from self._judge(name)
        yield from self.tell(due)
        today = self.store.hours.store_day(self.now)
        for kind in ("outdoor", "weather"):
            for day in [day for day in self._names(kind) if day < (today - WEATHER_DAYS * DAY).isoformat()]:
                del self.state[f"{kind}:{day}"]
        oldest = self.store.hours.midnight(today - MOST_DAYS * DAY)
        for name in [name for name in self._names("calendar") if parse_time(self.state[f"calendar:{name}"]["to"]) <= oldest]:
            del self.state[f"calendar:{name}"]

    @every(cron="0 6 1 * *")
    def month_ends(self, due):
        last = self.store.hours.store_day(self.now) - DAY
        for name in self._names("days"):
            begin = max(last.replace(day=1), self._ends(name))
            rows = [row for row in self._days(name) if begin <= row.day <= last]
            if rows:
                yield self._saved(name, rows) if self._model(name) is not None else self._compared(name, rows)

    def _judge(self, name):
        """Take in the closed days whose temperature is known; fit the model once the baseline is over."""
        waiting, left = self.state[f"waiting:{name}"], []
        today = self.store.hours.store_day(self.now)
        for day, kwh in waiting:
            when = date.fromisoformat(day)
            temp = self._outdoor(when) if kwh is not None else None
            if kwh is None or (temp is None and (today - when).days > PATIENCE_DAYS):
                continue
            if temp is None:
                left.append([day, kwh])
                continue
            if when >= self._ends(name):
                yield from self._fit(name)
            days = self.state.setdefault(f"days:{name}", [])
            days.append([day, kwh, temp, self._shut(when)])
            del days[: max(0, len(days) - MOST_DAYS)]
            if when >= self._ends(name) and self.workers.forecast.day_marks.comparable(self._calendar(), when, self.store.hours):
                yield from self._follow(name, when, kwh, temp)
        self.state[f"waiting:{name}"] = left
        if waiting and date.fromisoformat(waiting[-1][0]) >= self._ends(name) - DAY and not left:
            yield from self._fit(name)

    def _follow(self, name, day, kwh, temp):
        """The saving of a day, and whether use drifts."""
        model, config = self._model(name), self.config
        told = model.predicted(temp, self._shut(day)) if model is not None else None
        if told is None:
            return
        self.kpi.add("energy_saved", told - kwh)
        self.kpi.add("cost_saved", (told - kwh) * self._price())
        self.kpi.add("co2_avoided", (told - kwh) * config.carbon_g_per_kwh / GRAMS_A_KG)
        total, drifts = self.workers.forecast.measurement.cusum(
            self.state.get(f"drift:{name}", 0.0), kwh - told, model.sigma_kwh, config.cusum_slack, config.cusum_limit
        )
        self.state[f"drift:{name}"] = 0.0 if drifts else total
        if drifts:
            limit = config.cusum_limit * model.sigma_kwh
            yield out(
                "alert.raise", alert=f"energy_drift-{name}-{day.isoformat()}", kind="energy_drift", severity="warn", state="open",
                subject=name, asset=self.state[f"meter:{name}"].get("asset"), value=round(total, 3), limit=round(limit, 3), unit="kWh",
                text=self.say(f"{name}: {total:.0f} kWh drifted over the baseline", f"{name}：用电累计超出基线 {total:.0f} kWh"),
            )  # fmt: skip

    def _fit(self, name):
        """The model of the baseline, unless it is known for this start and length."""
        measurement, begin = self.workers.forecast.measurement, self._begins(name)
        key = [begin.isoformat(), self.config.baseline_days]
        if (self.state.get(f"model:{name}") or {}).get("key") == key:
            return
        rows = [row for row in self._days(name) if begin <= row.day < self._ends(name)]
        self.state[f"drift:{name}"] = 0.0
        try:
            model = measurement.fit(rows)
        except measurement.MeasurementFault as fault:
            self.state[f"model:{name}"] = {"key": key, "fitted": None}
            against = fault.findings
        else:
            self.state[f"model:{name}"] = {"key": key, "fitted": model.as_dict()}
            self.kpi.set("model_cv_rmse", model.cv_rmse_pct)
            against = model.accepted(self.config.cv_max_pct, self.config.bias_max_pct)
        yield self._described(name, rows, against)

    def _described(self, name, rows, against):
        figures = self.workers.forecast.savings_figures.of_model(self.state[f"model:{name}"]["fitted"], len(rows), not against)
        told = " ".join(self.say(one.text("en"), one.text("zh")) for one in against) or self.say("Accepted.", "予以采用。")
        return self._report(name, "energy_baseline", self._begins(name), self._ends(name), figures, told)

    def _saved(self, name, rows):
        """A month's savings with their interval."""
        forecast = self.workers.forecast
        found = forecast.measurement.savings(self._model(name), rows, LEVEL)
        figures = forecast.savings_figures.of_savings(found, self._price(), self.config.carbon_g_per_kwh / GRAMS_A_KG)
        proven = self.say("proven", "已证实") if found.proven else self.say("not proven", "未证实")
        words = f"{found.saved_kwh:.0f} kWh ({found.low_kwh:.0f} – {found.high_kwh:.0f}), {proven}"
        return self._report(name, "energy_savings", *self._month(rows), figures, words, forecast.savings_figures.day_rows(found))

    def _compared(self, name, rows):
        whole = [row for row in self._days(name) if self._begins(name) <= row.day < self._ends(name)]
        figures = self.workers.forecast.savings_figures.of_comparison(rows, whole)
        words = self.say("Raw comparison: weather is not taken out.", "原始对比：未剔除天气影响。")
        return self._report(name, "energy_comparison", *self._month(rows), figures, words)

    def _report(self, name, kind, begin, end, figures, text, rows=None):
        hours = self.store.hours
        named = {key: {"value": round(value, 4), **({"unit": unit} if unit else {})} for key, (value, unit) in figures.items()}
        window = {"from": hours.midnight(begin), "to": hours.midnight(end)}
        return out("insight.report", window, report=f"{kind}-{name}-{begin.isoformat()}", kind=kind, version=1, figures=named,
            rows=rows, text=f"{name}: {text}", meter=name)  # fmt: skip

    def _month(self, rows):
        first = rows[0].day.replace(day=1)
        return first, (first + 31 * DAY).replace(day=1)

    def _days(self, name):
        """The whole days of a meter that are comparable."""
        day = self.workers.forecast.measurement.Day
        rows = [day(date.fromisoformat(when), kwh, temp, shut) for when, kwh, temp, shut in self.state.get(f"days:{name}", [])]
        events, comparable = self._calendar(), self.workers.forecast.day_marks.comparable
        return [row for row in rows if comparable(events, row.day, self.store.hours)]

    def _model(self, name):
        """The baseline's model where it is accepted."""
        measurement, fitted = self.workers.forecast.measurement, (self.state.get(f"model:{name}") or {}).get("fitted")
        model = measurement.Baseline.from_dict(fitted) if fitted else None
        return model if model is not None and not model.accepted(self.config.cv_max_pct, self.config.bias_max_pct) else None

    def _begins(self, name):
        return self.config.baseline_from or date.fromisoformat(self.state[f"meter:{name}"]["first"])

    def _ends(self, name):
        """The first day after the baseline."""
        return self._begins(name) + self.config.baseline_days * DAY

    def _outdoor(self, day):
        """Mean outdoor temperature of a day: felt outdoors, else as the weather was observed."""
        engine, felt = self.workers.forecast.meter_days, self.state.get(f"outdoor:{day.isoformat()}")
        if felt:
            return engine.hourly_mean(felt.values())
        windows = self.state.get(f"weather:{day.isoformat()}", {}).values()
        return engine.window_mean((one["c"], one["held"]) for one in windows if one["seen"])

    def _calendar(self):
        return [self.state[f"calendar:{name}"] for name in self._names("calendar")]

    def _shut(self, day):
        return self.workers.forecast.day_marks.closed(self._calendar(), day, self.store.hours)

    def _whole(self, event):
        """Whether a meter is the facility's."""
        devices = self.tables.assets.derived("devices", lambda rows: {row["device"]: row for row in rows if row.get("device")})
        row = self.tables.assets.get(event.get("asset") or event["meter"]) or devices.get(event["meter"], {})
        kind = row.get("kind", "meter")
        if event.get("tenant") or row.get("parent") or not (kind.endswith("meter") or kind in BUILDINGS):
            return False
        return not row or row["asset"] == "main" or self.tables.assets.get("main") is None

    def _price(self):
        return self.workers.pricing.tariffs.mean_price(self.tables.tariffs.rows(kind="electricity")) or 0

    def _names(self, kind):
        return sorted(key.partition(":")[2] for key in self.state if key.startswith(f"{kind}:"))
