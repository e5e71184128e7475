"""Background music and announcements: music that fits the hour and the crowd at a volume that follows the noise, and announcements that
come in order of importance and never too often.

Voice is laid over the music, which the speakers duck; an evacuation silences all else and goes to every zone. Music plays in the zones that
customers use. An audio.play of kind music without asset only changes the volume. Noise counts in the two seconds after a track, from the
zone's sensor or the speaker's own `noise_db`, so the music never chases itself; without noise the volume follows the traffic forecast.

Day parts are `morning` (to 11:00), `noon` (to 14:00), `afternoon` (to 17:00) and `evening`, `all` at any time. A voice that nobody reports
as played is over after 30 s, a track 30 s after its length: the speaker is silent.
"""

import statistics
from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, plain

RANKS = {"evacuation": 7, "safety": 6, "lost_person": 5, "staff": 4, "closing": 3, "promotion": 2}
WHEN_CLOSED = RANKS["safety"]
NO_MUSIC = ("backroom", "restricted", "kitchen", "parking", "grid", "level")
DayPart = Literal["morning", "noon", "afternoon", "evening", "all"]
PARTS = (("11:00", "morning"), ("14:00", "noon"), ("17:00", "afternoon"), ("24:00", "evening"))
UNHEARD, PAUSE, STALE = timedelta(seconds=30), timedelta(seconds=2), timedelta(minutes=20)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ENDLESS = 1000


class Track(SolutionConfig):
    asset: str = setting(..., "Recording", "曲目文件", min_length=1)
    tempo: float = setting(100, "Tempo", "速度", unit="bpm", gt=0, le=300)
    energy: float = setting(0.5, "Energy", "能量", ge=0, le=1)
    duration_s: int = setting(180, "Length", "时长", unit="s", ge=10, le=3600)


LICENSED = [Track(asset=f"licensed-{number:02d}", tempo=70 + 1.5 * number) for number in range(1, 41)]


class StoreBroadcast(Solution):
    number = 189
    zh, en = "背景音乐与门店广播", "Background music and announcements"
    purpose_zh = "音乐契合时段与客流，音量跟随环境噪声；广播按重要性排队，绝不过频。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("audio.play", "insight.report")
    adapters = ("audio",)
    reads = ("zones", "promotions")
    kpis = {
        "announcements_played": kpi("count", "Announcements played", "已播广播数"),
        "promo_dropped": kpi("count", "Promotions dropped", "放弃的促销广播"),
        "noise_margin": kpi("dB", "Music over noise", "音乐高出噪声"),
        "silent_speakers": kpi("count", "Silent speakers", "无声音箱"),
    }

    class Config(SolutionConfig):
        playlists: dict[DayPart, list[Track]] = setting({}, "Music by day part", "分时段歌单",
            help_en="Empty plays the licensed default list.", help_zh="留空则播放默认授权歌单。")  # fmt: skip
        snr_db: float = setting(6, "Music over noise", "音乐高出噪声", unit="dB", ge=0, le=20)
        min_db: float = setting(52, "Quietest", "最低音量", unit="dB", ge=30, le=80)
        max_db: float = setting(72, "Loudest", "最高音量", unit="dB", ge=40, le=90)
        step_db: float = setting(2, "Largest change a minute", "每分钟最大变化", unit="dB", ge=0.5, le=10)
        duck_db: float = setting(12, "Lowered under a voice", "人声时降低", unit="dB", ge=0, le=40)
        promo_gap_min: int = setting(8, "Between two promotions", "促销最短间隔", unit="min", ge=0, le=120,
            help_en="From start to start.", help_zh="自开播至下一次开播。")  # fmt: skip
        promo_per_hour: int = setting(6, "Promotions in 60 minutes", "每 60 分钟促销上限", ge=0, le=60,
            help_en="In any 60 minutes; 0 plays none.", help_zh="任意 60 分钟内；0 表示不播。")  # fmt: skip
        repeat_min: int = setting(90, "A track returns after", "曲目重复间隔", unit="min", ge=0, le=600,
            help_en="From start to start.", help_zh="自开播至下一次开播。")  # fmt: skip
        busy_pct: int = setting(70, "Busy above", "繁忙阈值", unit="%", ge=10, le=100,
            help_en="Of the zone's capacity; then faster music is chosen.", help_zh="占区域容量；超过则选较快曲目。")  # fmt: skip

    def start(self):
        yield from self._music_everywhere()

    @every("1d", at="open")
    def opening(self, due):
        yield from self._music_everywhere()

    def _music_everywhere(self):
        for zone in self._zones(music=True):
            yield from self._next_track(zone)

    @every("1d", at="close")
    def closing(self, due):
        for zone in self._zones():
            one = self._zone(zone)
            self.timers.cancel("track", zone)
            self.timers.cancel("track_end", zone)
            self.kpi.add("promo_dropped", sum(item["kind"] == "promotion" for item in one["queue"]))
            one |= {"music": None, "queue": [item for item in one["queue"] if RANKS[item["kind"]] >= WHEN_CLOSED]}

    @every("1d", at="close-30m")
    def closing_30(self, due):
        yield from self._closing_text(30)

    @every("1d", at="close-15m")
    def closing_15(self, due):
        yield from self._closing_text(15)

    @every("1d", at="close-5m")
    def closing_5(self, due):
        yield from self._closing_text(5)

    def _closing_text(self, minutes):
        text = self.say(f"We close in {minutes} minutes.", f"本店将于 {minutes} 分钟后打烊。")
        for zone in self._zones(music=True):
            yield from self._announce(zone, {"kind": "closing", "key": f"closing-{minutes}", "text": text})

    @on("alert.raise?")
    def alert(self, event):
        if event["kind"] not in ("evacuation", "safety", "lost_person", "staff"):
            return
        everywhere = event["kind"] == "evacuation" or not event.get("zone")
        for zone in self._zones() if everywhere else [event["zone"]]:
            if event["state"] == "cleared":
                yield from self._withdraw(zone, event["alert"])
            else:
                yield from self._announce(zone, {"kind": event["kind"], "key": event["alert"], "text": event["text"]})

    @on("price.set?")
    def priced(self, event):
        if not event.get("announce") or "proposed" in (event.get("state"), event.get("status")) or event.get("status") == "rejected":
            return
        zone = (event.get("scope") or {}).get("zone")
        gtin = event["gtin"].zfill(14)
        row = next((one for one in self.tables.promotions.rows() if gtin in (g.zfill(14) for g in one.get("gtins") or ())), {})
        text = row.get("wording") or event["reason"]
        starts = parse_time(event.get("from", event.time))
        for place in [zone] if zone else self._zones(music=True):
            if starts > self.now:
                self.timers.set("from", f"{place}|{gtin}", starts, {"text": text})
            else:
                yield from self._announce(place, {"kind": "promotion", "key": gtin, "text": text})

    @timer("from")
    def price_begins(self, due):
        zone, _, gtin = due.key.rpartition("|")
        yield from self._announce(zone, {"kind": "promotion", "key": gtin, "text": due.data["text"]})

    def _announce(self, zone, item):
        if not self.store.hours.is_open(self.now) and RANKS[item["kind"]] < WHEN_CLOSED:
            return
        one = self._zone(zone)
        waiting = next((other for other in one["queue"] if (other["kind"], other["key"]) == (item["kind"], item["key"])), None)
        if waiting:
            waiting["text"] = item["text"]
        elif not one["voice"] or one["voice"]["key"] != item["key"] or item["kind"] == "promotion":
            one["queue"].append(item)
        if item["kind"] == "promotion":
            self.timers.set("stale", f"{zone}|{item['key']}", self.now + STALE)
        yield from self._speak(zone)

    def _speak(self, zone):
        """Start the most important voice that may: a higher one interrupts, an equal one waits its turn."""
        one = self._zone(zone)
        for item in sorted(one["queue"], key=lambda item: -RANKS[item["kind"]]):
            if one["voice"] and RANKS[item["kind"]] <= RANKS[one["voice"]["kind"]]:
                return
            may = self._promotion_may(one) if item["kind"] == "promotion" else self.now
            if may is None or may > self.now:
                if may:
                    self.timers.set("gap", zone, may)
                continue
            one["queue"].remove(item)
            if one["voice"]:
                one["queue"].insert(0, one["voice"])
                if one["voice"]["kind"] == "promotion":
                    self.timers.set("stale", f"{zone}|{one['voice']['key']}", self.now + STALE)
            yield from self._say_it(zone, one, item)
            return

    def _promotion_may(self, one):
        """When the next promotion may start; None when none ever may."""
        starts = [parse_time(start) for start in one["promotions"]]
        limit = self.config.promo_per_hour
        if not limit:
            return None
        gap = starts[-1] + timedelta(minutes=self.config.promo_gap_min) if starts else self.now
        return max(gap, starts[-limit] + HOUR if len(starts) >= limit else self.now)

    def _say_it(self, zone, one, item):
        one["voice"] = item
        if item["kind"] == "promotion":
            self.timers.cancel("stale", f"{zone}|{item['key']}")
            one["promotions"] = [*one["promotions"], plain(self.now)][-max(1, self.config.promo_per_hour) :]
        evacuation = item["kind"] == "evacuation"
        if evacuation:
            one["music"] = None
            self.timers.cancel("track", zone)
            self.timers.cancel("track_end", zone)
        self.timers.set("unheard", zone, self.now + UNHEARD)
        yield out("audio.play", zone=zone, kind=item["kind"], text=item["text"], duck_db=self.config.duck_db,
            volume_db=self.config.max_db if evacuation else self._volume(one), repeat=ENDLESS if evacuation else None)  # fmt: skip

    def _withdraw(self, zone, key):
        one = self._zone(zone)
        one["queue"] = [item for item in one["queue"] if item["key"] != key]
        if one["voice"] and one["voice"]["key"] == key:
            yield from self._voice_over(zone, one)

    def _voice_over(self, zone, one):
        silenced = one["voice"]["kind"] == "evacuation"
        one["voice"] = None
        self.timers.cancel("unheard", zone)
        yield from self._speak(zone)
        if silenced and not (one["voice"] and one["voice"]["kind"] == "evacuation") and zone in self._zones(music=True):
            yield from self._next_track(zone)

    @timer("gap")
    def gap_over(self, due):
        yield from self._speak(due.key)

    @timer("stale")
    def waited_too_long(self, due):
        zone, _, key = due.key.rpartition("|")
        one = self._zone(zone)
        left = [item for item in one["queue"] if (item["kind"], item["key"]) != ("promotion", key)]
        self.kpi.add("promo_dropped", len(one["queue"]) - len(left))
        one["queue"] = left

    @on("audio.played")
    def played(self, event):
        zone, one = event["zone"], self._zone(event["zone"])
        one["silent"] = False
        if event["kind"] == "music":
            yield from self._track_played(zone, one, event)
        elif one["voice"] and one["voice"]["kind"] == event["kind"]:
            if not event["complete"]:
                self.timers.set(
                    "unheard", zone, max(self.now, parse_time(event["started"]) + timedelta(seconds=event["duration_s"]) + UNHEARD)
                )
                return
            self.kpi.add("announcements_played")
            if event["kind"] == "evacuation":
                yield from self._say_it(zone, one, one["voice"])
            else:
                yield from self._voice_over(zone, one)

    @timer("unheard")
    def unheard(self, due):
        one = self._zone(due.key)
        self._silent(one)
        if one["voice"] and one["voice"]["kind"] != "evacuation":
            yield from self._voice_over(due.key, one)

    def _silent(self, one):
        if not one["silent"]:
            one["silent"] = True
            self.kpi.add("silent_speakers")

    def _track_played(self, zone, one, event):
        if event.get("noise_db") is not None:
            self._hear(zone, one, event["noise_db"])
        if event.get("asset"):
            book = self.state.setdefault("licence", {}).setdefault(event["asset"], {"plays": 0, "seconds": 0})
            book["plays"] += 1
            book["seconds"] += event["duration_s"]
        if event["complete"] and one["music"]:
            one |= {"music": None, "paused": plain(self.now)}
            self.timers.cancel("track_end", zone)
            self.timers.set("track", zone, self.now + PAUSE)
        return ()

    @timer("track_end")
    def track_unheard(self, due):
        one = self._zone(due.key)
        self._silent(one)
        one["music"] = None
        yield from self._next_track(due.key)

    @timer("track")
    def pause_over(self, due):
        yield from self._next_track(due.key)

    def _next_track(self, zone):
        one, open_hours = self._zone(zone), self.store.hours.span(self.now)
        if not open_hours or one["music"] or (one["voice"] and one["voice"]["kind"] == "evacuation"):
            return
        tracks = self._playlist()
        rest = timedelta(minutes=self.config.repeat_min)
        free = {track.asset: parse_time(one["tracks"][track.asset]) + rest for track in tracks if track.asset in one["tracks"]}
        ready = [track for track in tracks if free.get(track.asset, self.now) <= self.now]
        if not ready:
            self.timers.set("track", zone, min(free.values()))
            return
        middle = statistics.median(track.tempo for track in tracks)
        fitting = [track for track in ready if (track.tempo > middle if self._busy(zone, one) else track.tempo < middle)] or ready
        track = fitting[draw(self.store.id, zone, plain(self.now), modulus=len(fitting))]
        one["tracks"] = {asset: at for asset, at in one["tracks"].items() if parse_time(at) + rest > self.now} | {
            track.asset: plain(self.now)
        }
        one["music"], one["volume"] = track.asset, self._volume(one)
        self._steer(zone, one)
        self.timers.set("track_end", zone, self.now + timedelta(seconds=track.duration_s) + UNHEARD)
        yield out("audio.play", zone=zone, asset=track.asset, kind="music", volume_db=one["volume"], until=open_hours[1])

    def _playlist(self):
        clock = f"{self.store.hours.local(self.now):%H:%M}"
        part = next(name for end, name in PARTS if clock < end)
        return self.config.playlists.get(part) or self.config.playlists.get("all") or LICENSED

    def _busy(self, zone, one):
        capacity = (self.tables.zones.get(zone) or {}).get("capacity")
        return bool(capacity) and one["occupancy"] * 100 >= self.config.busy_pct * capacity

    @on("vision.zone?")
    def crowd(self, event):
        self._zone(event["zone"])["occupancy"] = event["occupancy"]

    @on("forecast.traffic?")
    def expected(self, event):
        if event["what"] == "visitors":
            known = {start: one for start, one in self.state.get("traffic", {}).items() if parse_time(one["to"]) > self.now}
            self.state["traffic"] = known | {event["from"]: {"to": event["to"], "p50": event["p50"]}}
            for zone in self._zones(music=True):
                self._steer(zone, self._zone(zone))

    @on("sensor.reading?")
    def noise(self, event):
        if event["kind"] != "noise" or event.get("quality") == "bad" or not event.get("zone"):
            return
        one = self._zone(event["zone"])
        in_pause = one["paused"] and event.time - parse_time(one["paused"]) <= PAUSE
        if not one["voice"] and (in_pause or (one["music"] is None and not one["paused"])):
            self._hear(event["zone"], one, event["value"])

    def _hear(self, zone, one, noise):
        one["noise"] = noise
        if one["volume"] is None:
            return
        self.kpi.sample("noise_margin", one["volume"] - noise)
        self._steer(zone, one)

    def _steer(self, zone, one):
        if one["volume"] not in (None, self._target(one)) and not self.timers.get("volume", zone):
            self.timers.set("volume", zone, self.now + MINUTE)

    @timer("volume")
    def step_volume(self, due):
        one = self._zone(due.key)
        change = self._target(one) - one["volume"]
        one["volume"] += max(-self.config.step_db, min(self.config.step_db, change))
        self._steer(due.key, one)
        if change and self.store.hours.is_open(self.now):
            yield out("audio.play", zone=due.key, kind="music", volume_db=one["volume"])

    def _volume(self, one):
        return one["volume"] if one["volume"] is not None else self._target(one)

    def _target(self, one):
        """Noise and margin within the limits; without noise by how busy the forecast is beside its busiest hour, else the middle."""
        low, high = self.config.min_db, max(self.config.min_db, self.config.max_db)
        if one["noise"] is not None:
            return min(high, max(low, one["noise"] + self.config.snr_db))
        traffic = self.state.get("traffic", {})
        now = next((hour for start, hour in traffic.items() if parse_time(start) <= self.now < parse_time(hour["to"])), None)
        most = max((hour["p50"] for hour in traffic.values()), default=0)
        return low + (high - low) * (now["p50"] / most if now and most else 0.5)

    @every("1d", at="00:00")
    def licence_report(self, due):
        today = self.store.hours.store_day(due.time)
        if today.day != 1 or "licence" not in self.state:
            return
        rows = [{"asset": asset, **book} for asset, book in sorted(self.state.pop("licence").items())]
        figures = {"plays": {"value": sum(row["plays"] for row in rows), "unit": "count"},
            "played": {"value": sum(row["seconds"] for row in rows), "unit": "s"}}  # fmt: skip
        month = (today - timedelta(days=1)).replace(day=1)
        yield out("insight.report", {"from": self.store.hours.midnight(month), "to": due.time}, report=f"music-licence-{month:%Y-%m}",
            kind="music_licence", version=1, figures=figures, rows=rows)  # fmt: skip

    def _zones(self, *, music=False):
        return [row["zone"] for row in self.tables.zones.rows() if not (music and row.get("kind") in NO_MUSIC)]

    def _zone(self, zone):
        empty = {"voice": None, "queue": [], "promotions": [], "music": None, "paused": None, "tracks": {}, "volume": None, "noise": None,
            "occupancy": 0, "silent": False}  # fmt: skip
        return self.state.setdefault(f"zone|{zone}", empty)
