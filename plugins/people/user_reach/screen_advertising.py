"""In-store screen advertising: one plan of ads is paced onto every screen by itself, with proof of play and make-goods.

A screen is a bound signage device; its channel and region stand in its settings (`channel`, `region`) or in its row of the assets table.
`target.device` names a screen or a type of screens (setting `type`, the asset's class or kind). While the store is open, each slot is one
`sign.play`; a screen that is offline gets none. An ad whose creative is a promotion of the promotions table plays only while that is
approved and valid. Where spots are on their way for all plays that remain, an ad waits for their proof.

A confirmation counts by its start, and only when the spot was shown to its end; one that comes late counts too. A screen's house loop needs
no proof. The advertiser of the last slot is passed over when an ad of another one is open. Audience-seconds are the people that the screen
counted, else those that `vision.zone` last told of its zone, times the seconds shown. A day's plan is what its share of the open hours left
of an ad asks for. A spot whose ad has closed meanwhile is not sent again: it is missed at once. Only counts of people and of tags are used.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.optimise import ad_pacing

HOUSE = "house_loop"
MISSES_IN_A_ROW = 3
HOUR_S = 3600
STARTS_KEPT = 50
ClockTime = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class Target(SolutionConfig):
    """Where and for whom an ad plays; what is not named is anywhere and anyone."""

    channel: str | None = setting(None, "Channel", "渠道")
    region: str | None = setting(None, "Region", "区域")
    store: str | None = setting(None, "Store", "门店")
    device: str | None = setting(None, "Screen or type of screens", "屏幕或类型")
    tag: str | None = setting(None, "Audience tag", "人群标签")


class Ad(SolutionConfig):
    """One entry of the ad plan."""

    creative: str = setting(..., "Creative", "创意素材")
    advertiser: str = setting("", "Advertiser", "广告主")
    category: str = setting("", "Category", "品类")
    target: Target = setting(Target(), "Target", "定向")
    start: date = setting(..., "First day", "开始日期")
    end: date = setting(..., "Last day", "结束日期")
    hours: Clock = setting("00:00-24:00", "Hours of the day", "播放时段")
    plays: int = setting(..., "Plays on each screen", "每屏播放次数", ge=0)
    approved: bool = setting(False, "Approved", "已审核")

    @property
    def key(self) -> str:
        return f"{self.creative}@{self.start}T{self.hours}"


class ScreenAdvertising(Solution):
    number = 6
    zh, en = "店内数字屏广告投放", "In-store screen advertising"
    purpose_zh = "按渠道、区域、门店、设备与人群制定一份广告计划，自动分配到每块屏幕，提供播放证明并自动补播。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("sign.play", "alert.raise", "insight.report")
    adapters = ("signage",)
    reads = ("promotions", "zones", "assets")
    kpis = {
        "plan_delivery": kpi("%", "Plays of those planned", "计划完成率"),
        "proof_of_play_rate": kpi("%", "Spots confirmed of those sent", "播放证明率"),
        "audience_seconds": kpi("s", "People before the screens times seconds shown", "受众秒数"),
        "missed_spots": kpi("count", "Spots missed after the resend", "漏播次数"),
    }
    kinds = {
        "ad_missed": ("An ad was missed three times in a row", "广告连续三次漏播"),
        "ad_delivery": ("Delivery of the ad plan", "广告投放日报"),
    }

    class Config(SolutionConfig):
        slot_s: int = setting(30, "Length of one spot", "单个广告位时长", unit="s", ge=5, le=120, effect="reload")
        ads: list[Ad] = setting(
            list, "Ad plan", "广告计划", widget="table",
            help_en="Plays are those on each screen that the target matches.", help_zh="播放次数按每块匹配的屏幕计。",
        )  # fmt: skip
        house_weight: int = setting(30, "Weight of the house loop", "自有内容权重", unit="plays/h", ge=0, le=120)
        ack_timeout: int = setting(
            90, "Wait for the proof of a spot", "播放确认时限", unit="s", ge=10, le=3600,
            help_en="Then it is sent once more; then it is missed.", help_zh="超时重发一次，再超时记为漏播。",
        )  # fmt: skip
        audience_boost: float = setting(1.5, "Weight factor for a matching audience", "匹配人群的加权", ge=1, le=5)
        min_audience: int = setting(
            3, "Fewest people used for targeting", "定向所需的最少人数", ge=1, le=50,
            help_en="A smaller group is never looked at.", help_zh="人数更少时不做定向。",
        )  # fmt: skip
        report_at: ClockTime = setting("08:00", "Time of the delivery report", "投放日报时间", widget="time", effect="reload")

    # Slots

    @every("config.slot_s", only="open")
    def slot(self, due):
        audience = self.state.pop("audience", {})
        ads = self._open_ads(due.time)
        for screen in self.devices.get("signage", ()):
            if f"offline:{screen.id}" not in self.state:
                yield from self._fill(screen, ads, audience, due.time)

    def _open_ads(self, at):
        """The ads that may play now, with the seconds that are left to them and those of today."""
        hours, today = self.store.hours, self.store.hours.store_day(at)
        found = []
        for ad in self.config.ads:
            days = [day for day in (today - ad_pacing.DAY, today) if ad.start <= day <= ad.end]
            runs = any(begin <= at < end for begin, end in (ad_pacing.daily_span(hours, day, ad.hours) for day in days))
            known = next((row for row in self.tables.promotions.all_rows() if row.get("promo") == ad.creative), None)
            row = self.tables.promotions.get(ad.creative)
            if runs and ad.approved and (known is None or (row is not None and row.get("approved", True))):
                found.append(ad)
        return found

    def _matches(self, ad, screen):
        asset, target = self._asset(screen.id), ad.target
        channel, region = (screen.settings.get(name, asset.get(name)) for name in ("channel", "region"))
        devices = (screen.id, screen.settings.get("type"), asset.get("class"), asset.get("kind"))
        return (
            target.channel in (None, channel)
            and target.region in (None, region)
            and target.store in (None, self.store.id)
            and (target.device is None or target.device in devices)
        )

    def _fill(self, screen, ads, audience, at):
        plan = self.state.setdefault(
            f"screen:{screen.id}", {"counters": {}, "hour": None, "weights": {}, "day": None, "last": "", "sent": 0}
        )
        mine = {ad.key: ad for ad in ads if self._matches(ad, screen)}
        self._weigh(screen, plan, mine, at)
        people = next((audience[zone] for zone in self._places(screen.id) if zone in audience), None)
        weights = {}
        for key, ad in mine.items():
            wanted = self._progress(screen.id, ad)
            boost = self.config.audience_boost if people and ad.target.tag is not None and people == ad.target.tag else 1
            weights[key] = boost * plan["weights"][key] if wanted["played"] + wanted["waiting"] < ad.plays else 0
        weights[HOUSE] = self.config.house_weight
        others = {mine[key].advertiser for key, weight in weights.items() if key in mine and weight > 0} - {plan["last"]}

        def passed(key):
            return bool(others) and key in mine and mine[key].advertiser == plan["last"]

        chosen = ad_pacing.choose(plan["counters"], weights, passed)
        if chosen is None:
            return
        ad = mine.get(chosen)
        plan["last"] = ad.advertiser if ad else ""
        plan["sent"] += 1
        spot = {"screen": screen.id, "key": chosen, "creative": ad.creative if ad else HOUSE, "campaign": ad.advertiser if ad else HOUSE}
        name = f"{screen.id}:{plan['sent']}"
        if ad:
            self.state[f"spot:{name}"] = {**spot, "sent": plain(at), "again": False}
            progress = self._progress(screen.id, ad)
            progress["waiting"] += 1
            progress["queue"].append([name, None])
            self.kpi.share("proof_of_play_rate", 0, 1)
            self.timers.set("proof", name, at + timedelta(seconds=self.config.ack_timeout))
        yield self._play(name, spot, at)

    def _weigh(self, screen, plan, mine, at):
        """Weights at the full hour, or for an ad that opens in between; at the first slot of a day the plan of the day."""
        hour = f"{self.store.hours.local(at):%Y-%m-%dT%H%z}"
        if plan["hour"] != hour:
            plan |= {"hour": hour, "weights": {}}
        hours, today = self.store.hours, self.store.hours.store_day(at)
        for key, ad in mine.items():
            if key in plan["weights"]:
                continue
            left = ad_pacing.open_seconds(hours, ad.hours, ad.start, ad.end, at)
            rest = max(0, ad.plays - self._progress(screen.id, ad)["played"])
            plan["weights"][key] = rest * HOUR_S / left if left else 0
            day = self._delivered(today, screen.id, ad)
            if day["plan"] is None:
                of_today = ad_pacing.open_seconds(hours, ad.hours, ad.start, min(today, ad.end), at)
                day["plan"] = rest * of_today / left if left else 0
                self.kpi.share("plan_delivery", 0, day["plan"])

    def _progress(self, screen, ad):
        """Plays with proof, spots on their way, and misses in a row of an ad on a screen."""
        return self.state.setdefault(f"ad:{screen}:{ad.key}", {"played": 0, "waiting": 0, "misses": 0, "queue": [], "starts": []})

    def _delivered(self, day, screen, ad):
        book = self.state.setdefault(f"day:{day}", {})
        fresh = {
            "screen": screen,
            "creative": ad.creative,
            "advertiser": ad.advertiser,
            "plan": None,
            "plays": 0,
            "missed": 0,
            "audience_s": 0,
        }
        return book.setdefault(f"{screen}:{ad.key}", fresh)

    def _play(self, name, spot, at):
        item = {"asset": spot["creative"], "duration_s": self.config.slot_s, "campaign": spot["campaign"]}
        return out(
            "sign.play", {"from": at, "to": at + timedelta(seconds=self.config.slot_s)}, screen=spot["screen"], items=[item], cmd=name
        )

    # Proof

    @on("sign.played")
    def played(self, event):
        screen, started = event["screen"], event["started"]
        waiting = self._waiting(event)
        key = self.state[waiting]["key"] if waiting else None
        ad = next((ad for ad in self.config.ads if (ad.key == key if key else ad.creative == event["asset"])), None)
        if ad is None or not event["complete"] or (not waiting and f"ad:{screen}:{ad.key}" not in self.state):
            return
        progress = self._progress(screen, ad)
        if started in progress["starts"]:
            return
        progress["starts"] = [*progress["starts"], started][-STARTS_KEPT:]
        progress["played"] += 1
        if waiting:
            self.kpi.share("proof_of_play_rate", 1, 0)
            yield from self._alert(self._settle(waiting, progress, True))
        day = self._delivered(self.store.hours.store_day(parse_time(started)), screen, ad)
        before = [known for zone in self._places(screen) if (known := self.state.get(f"people:{zone}")) is not None]
        people = event.get("audience", next(iter(before), 0))
        day["plays"] += 1
        day["audience_s"] += people * event["duration_s"]
        self.kpi.share("plan_delivery", 1, 0)
        self.kpi.add("audience_seconds", people * event["duration_s"])

    def _waiting(self, event):
        """The spot that a proof is of: the one of its command, else the last of that asset that was sent before it started."""
        named = f"spot:{event.get('cmd')}"
        if named in self.state:
            return named
        started = parse_time(event["started"])
        spots = [(key, spot) for key in self.state if key.startswith(f"spot:{event['screen']}:") and (spot := self.state[key])]
        spots = [(key, spot) for key, spot in spots if spot["creative"] == event["asset"]]
        order = {key: (parse_time(spot["sent"]), not spot["again"], int(key.rpartition(":")[2])) for key, spot in spots}
        before = [key for key in order if order[key][0] <= started]
        return max(before, key=lambda key: order[key]) if before else min(order, key=lambda key: order[key], default=None)

    def _settle(self, name, progress, shown):
        """A spot was shown or missed; three misses in a row, in the order in which spots were sent, are told."""
        progress["waiting"] -= 1
        self.timers.cancel("proof", name.removeprefix("spot:"))
        spot = self.state.pop(name)
        for one in progress["queue"]:
            one[1] = shown if one[0] == name.removeprefix("spot:") else one[1]
        alert = False
        while progress["queue"] and progress["queue"][0][1] is not None:
            progress["misses"] = 0 if progress["queue"].pop(0)[1] else progress["misses"] + 1
            alert = alert or progress["misses"] == MISSES_IN_A_ROW
        return spot if alert else None

    @timer("proof")
    def unconfirmed(self, due):
        spot = self.state[f"spot:{due.key}"]
        if not spot["again"] and any(ad.key == spot["key"] for ad in self._open_ads(due.time)):
            spot |= {"again": True, "sent": plain(due.time)}
            self.timers.set("proof", due.key, due.time + timedelta(seconds=self.config.ack_timeout))
            yield self._play(due.key, spot, due.time)
            return
        ad = next((ad for ad in self.config.ads if ad.key == spot["key"]), None)
        progress = self.state[f"ad:{spot['screen']}:{spot['key']}"]
        self.kpi.add("missed_spots")
        if ad:
            self._delivered(self.store.hours.store_day(parse_time(spot["sent"])), spot["screen"], ad)["missed"] += 1
        yield from self._alert(self._settle(f"spot:{due.key}", progress, False))

    def _alert(self, spot):
        if spot:
            creative, screen = spot["creative"], spot["screen"]
            text = self.say(f"{screen} did not show {creative} three times", f"{screen}连续三次未播放{creative}")
            yield out("alert.raise", alert=f"ad_missed:{screen}:{spot['key']}:{plain(self.now)}", kind="ad_missed", severity="warn",
                      state="open", subject=creative, asset=screen, zone=next(iter(self._places(screen)), None), text=text,
                      value=MISSES_IN_A_ROW)  # fmt: skip

    def _asset(self, screen):
        return next((row for row in self.tables.assets.rows() if screen in (row.get("device"), row["asset"])), {})

    def _places(self, screen):
        """The zone of a screen and those that hold it."""
        zone = next((device.zone for device in self.devices.get("signage", ()) if device.id == screen), None) or self._asset(screen).get(
            "zone"
        )
        found = []
        while zone and zone not in found:
            found.append(zone)
            zone = (self.tables.zones.get(zone) or {}).get("parent")
        return found

    # Audience and devices

    @on("vision.zone?")
    def seen(self, event):
        zone, people = event["zone"], event["occupancy"]
        self.state[f"people:{zone}"] = people
        tags = {tag: count for tag, count in (event.get("attrs") or {}).items() if isinstance(count, (int, float))}
        if people >= self.config.min_audience and tags:
            self.state.setdefault("audience", {})[zone] = max(sorted(tags), key=lambda tag: tags[tag])
        else:
            self.state.get("audience", {}).pop(zone, None)

    @on("device.status?")
    def reported(self, event):
        if any(screen.id == event["device"] for screen in self.devices.get("signage", ())):
            if event["state"] == "offline":
                self.state[f"offline:{event['device']}"] = 1
            else:
                self.state.pop(f"offline:{event['device']}", None)

    # Report

    @every("1d", at="config.report_at")
    def report(self, due):
        yesterday = self.store.hours.store_day(due.time) - ad_pacing.DAY
        rows = [self.state[key] for key in sorted(self.state) if key == f"day:{yesterday}"]
        for key in [key for key in self.state if key.startswith("day:") and key <= f"day:{yesterday}"]:
            del self.state[key]
        told = [{**row, "plan": row["plan"] or 0} for book in rows for row in book.values()]
        if not told:
            return
        plan, plays, missed, audience_s = (sum(row[name] for row in told) for name in ("plan", "plays", "missed", "audience_s"))
        figures = {
            "plan": (plan, "plays"),
            "plays": (plays, "plays"),
            "missed_spots": (missed, "count"),
            "audience_seconds": (audience_s, "s"),
        }
        if plan:
            figures["plan_delivery"] = (100 * plays / plan, "%")
        hours = self.store.hours
        yield out("insight.report", {"from": hours.midnight(yesterday), "to": hours.midnight(yesterday + ad_pacing.DAY)},
                  report=f"ad_delivery:{yesterday}", kind="ad_delivery", version=1, rows=told,
                  figures={name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip
