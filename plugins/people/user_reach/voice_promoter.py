"""Voice promotion robot: a speaker at the shelf speaks the pitch to each passer-by, and its play and its sales lift are told every morning.

A pitch plays on the speaker bound in the sensor's zone, else on one without a zone. It has ended when `audio.played` says so, or where that
never comes, after a minute; other announcements that are reported on the speaker hold it back too, music does not. The spoken seconds of a
pitch that was broken off count, the pitch does not. A script with an audio file plays that, else its text is spoken. It names a promotion
by `promo`, or by the promotion's id in its text or file name; promotions that have not begun, or were withdrawn, are as good as expired.

Power-on counts the open minutes in which a speaker reported, any state but offline. A product's campaign begins with the store day of its
first confirmed pitch; days on which the store is closed are none. The lift says how sales went, not what the pitch caused. The morning
report goes out while there are scripts, of days since the start. No voice or image is recorded.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import reach, weekday_lift
from storeloom.workers.optimise import ad_pacing

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNCONFIRMED = timedelta(minutes=1)
SALES_KEPT = timedelta(days=730)
ClockTime = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Script(SolutionConfig):
    """A pitch, made in one step from its text."""

    gtin: str = setting(..., "Product", "商品")
    text: str = setting("", "Text", "话术")
    audio: str | None = setting(None, "Audio file", "音频文件")
    weight: float = setting(1, "Weight", "权重", ge=0)
    promo: str | None = setting(None, "Promotion that it names", "所指促销")


class VoicePromoter(Solution):
    number = 7
    zh, en = "智能语音促销机器人", "Voice promotion robot"
    purpose_zh = "货架旁带人体感应的音箱向路过顾客播报话术，可远程更换，每天早上报告播放与销售提升。"
    formats = ("supermarket", "convenience")
    produces = ("audio.play", "message.send", "insight.report", "alert.raise")
    adapters = ("audio", "sensor", "messaging?")
    reads = ("products", "promotions")
    kpis = {
        "pitches": kpi("count/day", "Pitches confirmed", "播报次数"),
        "power_on_rate": kpi("%", "Open minutes with a sign of life", "开机率"),
        "sales_lift": kpi("%", "Mean growth of the promoted products", "销售提升"),
        "play_time": kpi("s", "Seconds spoken", "播报时长"),
    }
    kinds = {
        "speaker_silent": ("A speaker has not reported for an hour", "音箱失联一小时"),
        "voice_promotion": ("Yesterday's pitches and sales", "昨日语音促销报告"),
    }

    class Config(SolutionConfig):
        scripts: list[Script] = setting(
            list, "Pitches", "话术", widget="table",
            help_en="Rotated by their weights.", help_zh="按权重轮播。",
        )  # fmt: skip
        cooldown_s: int = setting(20, "Silence after a pitch before the next", "两次播报的静默间隔", unit="s", ge=0, le=600)
        plays_per_hour: int = setting(60, "Most pitches in an hour", "每小时最多播报次数", ge=1, le=240)
        volume_db: int = setting(65, "Level at one metre", "一米处音量", unit="dB", ge=40, le=80)
        quiet_hours: str = setting(
            "none", "Store time without speech", "静音时段", pattern=rf"^none$|{reach.QUIET_HOURS}",
            help_en="HH:MM-HH:MM or none.", help_zh="HH:MM-HH:MM 或 none。",
        )  # fmt: skip
        report_at: ClockTime = setting("10:00", "Time of the morning report", "日报发送时间", widget="time", effect="reload")
        baseline_weeks: int = setting(
            4, "Weeks before the campaign that make the baseline", "基线周数", unit="week", ge=1, le=12,
            help_en="The same weekdays are compared.", help_zh="按相同星期几比较。",
        )  # fmt: skip
        target_lift: float = setting(5, "Growth agreed with the brand", "与品牌约定的增长", unit="%", ge=0, le=200)

    def start(self):
        self.state["started"] = self.store.hours.store_day(self.now).isoformat()
        for speaker in self.devices.get("audio", ()):
            self._heard(speaker.id)

    # Pitches

    @on("sensor.reading")
    def passed(self, event):
        if event["kind"] != "presence" or event["value"] != 1:
            return
        zone = event.get("zone") or next((one.zone for one in self.devices.get("sensor", ()) if one.id == event["sensor"]), None)
        speaker = next((one for wanted in (zone, None) for one in self.devices.get("audio", ()) if one.zone == wanted), None)
        if speaker is None or not self._may_speak(speaker.id, event.time):
            return
        known = self._speaker(speaker.id)
        scripts = {f"{place}:{script.gtin}": script for place, script in enumerate(self.config.scripts) if self._holds(script)}
        chosen = ad_pacing.choose(known["counters"], {name: script.weight for name, script in scripts.items()}, lambda _: False)
        if chosen is None:
            return
        script = scripts[chosen]
        known["number"] += 1
        known["starts"] = [*(one for one in known["starts"] if event.time - parse_time(one) < HOUR), plain(event.time)]
        name = f"{speaker.id}:{known['number']}"
        known["playing"] = {"cmd": name, "asset": script.audio, "gtin": script.gtin, "since": plain(event.time)}
        yield out("audio.play", zone=zone or speaker.zone or "", speaker=speaker.id, asset=script.audio,
                  text=None if script.audio else script.text, kind="promotion", volume_db=self.config.volume_db, cmd=name)  # fmt: skip

    def _speaker(self, speaker):
        return self.state.setdefault(
            f"speaker:{speaker}", {"counters": {}, "starts": [], "playing": None, "ended": None, "busy": None, "number": 0}
        )

    def _may_speak(self, speaker, at):
        known, quiet = self._speaker(speaker), self.config.quiet_hours
        playing, ended, busy = known["playing"], known["ended"], known["busy"]
        if playing and at - parse_time(playing["since"]) >= UNCONFIRMED:
            ended = max(ended or "", plain(parse_time(playing["since"]) + UNCONFIRMED))
            playing = None
        return (
            self.store.hours.is_open(at)
            and (quiet == "none" or reach.may_send_at(self.store.hours, at, quiet) == at)
            and playing is None
            and (busy is None or at >= parse_time(busy))
            and (ended is None or at - parse_time(ended) >= timedelta(seconds=self.config.cooldown_s))
            and sum(at - parse_time(one) < HOUR for one in known["starts"]) < self.config.plays_per_hour
        )

    def _holds(self, script):
        """Whether every promotion that a script names is valid now."""
        rows = self.tables.promotions.all_rows()
        named = {row["promo"] for row in rows if row["promo"] in script.text or row["promo"] in (script.audio or "")}
        named |= {script.promo} if script.promo else set()
        return all((row := self.tables.promotions.get(promo)) is not None and row.get("approved", True) for promo in named)

    @on("audio.played")
    def played(self, event):
        speakers = self.devices.get("audio", ())
        named = [one.id for one in speakers if one.id == event.get("speaker")] + [
            one.id for one in speakers if one.zone in (event["zone"], None)
        ]
        speaker = next(iter(named), None)
        if speaker is None or event["kind"] == "music":
            return
        known, ended = self._speaker(speaker), parse_time(event["started"]) + timedelta(seconds=event["duration_s"])
        playing = known["playing"]
        ours = playing is not None and all(event.get(name, playing[name]) == playing[name] for name in ("cmd", "asset") if playing[name])
        if event["kind"] != "promotion" or not ours:
            known["busy"] = max(known["busy"] or "", plain(ended))
            return
        known |= {"playing": None, "ended": plain(ended)}
        day = self._day(self.store.hours.store_day(parse_time(event["started"])))
        day["play_time"] += event["duration_s"]
        self.kpi.add("play_time", event["duration_s"])
        if event["complete"]:
            day["pitches"] += 1
            self.kpi.add("pitches")
            first = self.store.hours.store_day(parse_time(event["started"])).isoformat()
            self.state.setdefault(f"campaign:{item_key(playing['gtin'])}", first)

    # Signs of life

    def _day(self, day):
        return self.state.setdefault(f"day:{day}", {"pitches": 0, "play_time": 0, "minutes": {}})

    def _heard(self, speaker):
        self.timers.set("silent", speaker, self.now + HOUR, {"since": plain(self.now)})

    @on("device.status")
    def reported(self, event):
        device = event["device"]
        if event["state"] == "offline" or all(one.id != device for one in self.devices.get("audio", ())):
            return
        self._heard(device)
        if self.state.pop(f"silent:{device}", None):
            yield self._silence(device, "cleared")
        if self.store.hours.is_open(event.time):
            minutes = self._day(self.store.hours.trading_day(event.time))["minutes"]
            last, count = minutes.get(device, (-1, 0))
            minute = int(event.time.timestamp() // 60)
            if minute > last:
                minutes[device] = [minute, count + 1]

    @timer("silent")
    def silent(self, due):
        hours = self.store.hours
        left_s = HOUR.total_seconds() - hours.open_seconds(parse_time(due.data["since"]), due.time)
        if left_s <= 0:
            self.state[f"silent:{due.key}"] = 1
            yield self._silence(due.key, "open")
        elif (begins := due.time if hours.is_open(due.time) else hours.next_open(due.time)) is not None:
            self.timers.set("silent", due.key, begins + timedelta(seconds=left_s), due.data)

    def _silence(self, speaker, state):
        zone = next((one.zone for one in self.devices.get("audio", ()) if one.id == speaker), None)
        text = self.say(f"{speaker} has not reported for an hour", f"{speaker}已失联一小时")
        return out("alert.raise", alert=f"speaker_silent:{speaker}", kind="speaker_silent", severity="warn", state=state, subject=speaker,
                   zone=zone, text=text)  # fmt: skip

    @every("1d", at="close")
    def closed(self, due):
        """What the day's rate of signs of life is of."""
        today = self.store.hours.ended_day(due.time)
        on_minutes, open_minutes = self._power(today)
        self.kpi.share("power_on_rate", on_minutes, open_minutes)

    def _power(self, day):
        """Minutes with a sign of life and open minutes of a day, over all speakers."""
        span = self.store.hours.day(day)
        heard = sum(count for _, count in self._day(day)["minutes"].values())
        return heard, (span[1] - span[0]).total_seconds() / 60 * len(self.devices.get("audio", ())) if span else 0

    # Sales

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        day = event.get("business_day") or self.store.hours.trading_day(event.time).isoformat()
        self.state["since"] = min(self.state.get("since", day), day)
        for line in event["lines"]:
            units = self.state.setdefault(f"sold:{item_key(line['gtin'])}", {})
            units[day] = units.get(day, 0) + line["qty"]

    def _growth(self, gtin, yesterday):
        """How a product went from its first pitch to yesterday; None before any, or without sales records from before."""
        first, since = self.state.get(f"campaign:{item_key(gtin)}"), self.state.get("since")
        if first is None or since is None:
            return None
        begun = date.fromisoformat(first)
        days = [day for n in range((yesterday - begun).days + 1) if self.store.hours.day(day := begun + n * DAY)]
        units = self.state.get(f"sold:{item_key(gtin)}", {})
        return weekday_lift.growth(units, days, self.config.baseline_weeks, date.fromisoformat(since))

    # The morning

    @every("1d", at="config.report_at")
    def report(self, due):
        hours = self.store.hours
        yesterday = hours.store_day(due.time) - DAY
        told = self._day(yesterday)
        on_minutes, open_minutes = self._power(yesterday)
        self._forget(yesterday)
        if not self.config.scripts or yesterday.isoformat() < self.state["started"]:
            return
        rate = 100 * on_minutes / open_minutes if open_minutes else None
        figures = {"pitches": (told["pitches"], "count"), "play_time": (told["play_time"], "s")}
        figures |= {"power_on_rate": (rate, "%")} if rate is not None else {}
        rows = []
        for gtin in dict.fromkeys(script.gtin for script in self.config.scripts):
            found = self._growth(gtin, yesterday)
            row = {"gtin": (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]}
            row |= {"campaign_units": found.campaign, "baseline_units": found.baseline} if found else {}
            if found and found.lift is not None:
                row |= {"sales_lift": found.lift, "target_met": round(found.lift, 9) >= self.config.target_lift}
            rows.append(row)
        lifts = [row["sales_lift"] for row in rows if "sales_lift" in row]
        if lifts:
            figures["sales_lift"] = (sum(lifts) / len(lifts), "%")
            self.kpi.set("sales_lift", sum(lifts) / len(lifts))
        values = {name: value for name, (value, _) in figures.items()}
        known = "" if rate is None else self.say(f", power on {rate:.1f} %", f"，开机率{rate:.1f}%")
        text = self.say(f"{yesterday}: {told['pitches']} pitches, {told['play_time']:g} s{known}",
                        f"{yesterday}：播报{told['pitches']}次，时长{told['play_time']:g}秒{known}")  # fmt: skip
        yield out("message.send", message=f"voice_promoter:{yesterday}", channel="work_chat", to=self.store.id, purpose="staff", text=text,
                  params={"day": yesterday.isoformat(), **values})  # fmt: skip
        yield out("insight.report", {"from": hours.midnight(yesterday), "to": hours.midnight(yesterday + DAY)},
                  report=f"voice_promotion:{yesterday}", kind="voice_promotion", version=1, rows=rows,
                  figures={name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip

    def _forget(self, yesterday):
        for key in [key for key in self.state if key.startswith("day:") and key <= f"day:{yesterday}"]:
            del self.state[key]
        oldest = (yesterday - SALES_KEPT).isoformat()
        for key in [key for key in self.state if key.startswith("sold:")]:
            units = self.state[key]
            for day in [day for day in units if day < oldest]:
                del units[day]


@hookimpl
def storeloom_trial_config(tables):
    """Two pitches for goods of the first zone."""
    return {"scripts": [{"gtin": row["gtin"], "text": f"{row['name']}，今日新鲜到货"} for row in tables["products"][:2]]}
