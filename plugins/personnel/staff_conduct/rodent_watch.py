"""Rodent night watch: small moving things in closed hours, weighed as evidence; where rodents come in goes to the pest contractor.

The night runs from half an hour after closing to half an hour before the next opening and has the date of its closing, so days on which
the store stays closed belong to one long night. Its report comes at its end; a sensor event that arrives later still counts, an own
suspicion of it in the next report. Sensor readings of 1 are events, those of one sensor that follow within `pair_window` one event.
A sensor event near a track belongs to it, also where the two together are too little for a suspicion.

The detector is any that knows the class rodent (a box on a moving blob counts for the blob); a scene's objects of class blob or rodent
are followed by their id. A picture is dark below a mean brightness of 8 (`luma` in a scene). Hours are hours of one camera. No picture
is kept.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, plain

MARGIN = timedelta(minutes=30)
OFFLINE_S, DARK_LUMA = 300, 8
SAME_TRACK_S, SAME_INCIDENT_S = 60, 1800
NIGHTS = 14
DAY_S = 86400
OPEN_FOOD = ("fresh", "kitchen", "dining")


class RodentWatch(Solution):
    number = 60
    zh, en = "鼠患夜间监测", "Rodent night watch"
    purpose_zh = "闭店时段用已有摄像头和捕鼠传感器发现鼠患，综合证据区分飞蛾和影子，并指出鼠类进入的位置。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.incident", "alert.raise", "task.create", "score.report")
    adapters = ("camera", "sensor?")
    reads = ("zones",)
    load = "vision"
    kpis = {
        "rodent_incidents": kpi("count", "Rodent incidents", "鼠患事件数"),
        "suspicions": kpi("count", "Suspicions", "疑似数"),
        "watched_hours": kpi("h", "Watched hours", "监测时长"),
        "hotspots": kpi("count", "Hotspots", "鼠患热点数"),
    }
    kinds = {"rodent": ("Rodent seen", "发现鼠类"), "pest_control": ("Pest control", "虫鼠害处理")}

    class Config(SolutionConfig):
        prior: float = setting(0.01, "Chance before evidence", "先验概率", ge=0.0001, le=0.2,
            help_en="That a small moving blob is a rodent.", help_zh="小型移动目标为鼠类的先验概率。")  # fmt: skip
        detector_logit: float = setting(3.0, "Weight of the detector", "检测器权重", ge=0, le=8,
            help_en="Log odds: class rodent in three or more frames at 0.5 or better.",
            help_zh="对数几率：三帧及以上以 0.5 以上置信度识别为鼠类。")  # fmt: skip
        edge_logit: float = setting(1.2, "Weight of a path along a wall", "沿墙轨迹权重", ge=0, le=5,
            help_en="Log odds: 0.5 m or more within 0.3 m of it.", help_zh="对数几率：贴墙 0.3 米内行进 0.5 米以上。")  # fmt: skip
        sensor_logit: float = setting(2.5, "Weight of a sensor", "传感器权重", ge=0, le=8,
            help_en="Log odds: a trap or infrared sensor in the zone.", help_zh="对数几率：区域内捕鼠器或红外传感器触发。")  # fmt: skip
        pair_window: int = setting(60, "Sensor and track belong together within", "传感器配对窗口", unit="s", ge=5, le=600,
            help_en="Before the track's beginning or after its end.", help_zh="轨迹开始前或结束后的时间。")  # fmt: skip
        alarm_p: float = setting(0.8, "Probability of an incident", "事件概率阈值", ge=0.5, le=0.99)
        watch_p: float = setting(0.3, "Probability of a suspicion", "疑似概率阈值", ge=0.05, le=0.8,
            help_en="Told in the morning report.", help_zh="列入晨间报告。")  # fmt: skip
        hotspot_nights: int = setting(2, "Incident nights that call the contractor", "热点夜数", ge=1, le=10,
            help_en="Of one zone, in 14 nights.", help_zh="同一区域 14 晚内。")  # fmt: skip

    def _watch(self, camera, night):
        """What a camera has watched of a night."""
        from storeloom.workers.vision.night_watch import begin

        key = f"watch:{camera}"
        if self.state.get(key, {}).get("night") != night.day.isoformat():
            self.state[key] = {**begin(night.start.timestamp()), "night": night.day.isoformat()}
        return self.state[key]

    # Evidence

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision import night_evidence as evidence
        from storeloom.workers.vision.night_watch import night_of, watched
        from storeloom.workers.vision.places import place_at, places_of

        night = night_of(self.store.hours, event.time, MARGIN)
        if night is None:
            return
        camera, t_s, view = event["camera"], event.time.timestamp(), self.workers.vision.view(event.data, event.time)
        if not watched(self._watch(camera, night), t_s, self._dark(view), OFFLINE_S):
            return
        device = next((one for one in self.devices.get("camera", ()) if one.id == camera), None)
        zone = device.zone if device else None
        places = places_of(camera, self.tables.zones.rows(), zone)
        for name, thing, score in self._moving(view, camera, t_s):
            place = place_at(places, thing)
            floor = thing.floor if place is None else place.floor_of(thing)
            key = f"track:{camera}|{name}"
            if key in self.state and t_s - self.state[key]["last_s"] > SAME_TRACK_S:
                self.state[f"{key}|{plain(event.time)}"] = self.state.pop(key)
            fresh = {**evidence.new_track(t_s), "camera": camera, "night": night.day.isoformat(), "zones": [], "told": False}
            track = self.state.setdefault(key, fresh)
            where = place.zone if place else zone
            if where is not None and where not in track["zones"]:
                track["zones"].append(where)
            evidence.see(track, t_s, floor, [place.metres] if place else [], score)
            self._pair(track)
            yield from self._weigh(track)

    def _moving(self, view, camera, t_s):
        """What moves: its name, the thing, and how surely it is a rodent (None: not told)."""
        from storeloom.workers.vision import movement
        from storeloom.workers.vision.boxes import share_inside
        from storeloom.workers.vision.things import Seen

        seen = view.observation
        blobs = [thing for thing in seen.of("blob") if thing.track is not None]
        if view.pixels is not None and not seen.of("person"):
            key = f"moving:{camera}"
            self.state[key], boxes = movement.step(self.state.get(key, {}), movement.MovementRule(), view.pixels, t_s)
            blobs += [Seen(f"m{name}", "blob", 1.0, box) for name, box in boxes.items()]
        rodents = list(seen.of("rodent"))
        for blob in blobs:
            on_it = [one for one in rodents if max(share_inside(one.box, blob.box), share_inside(blob.box, one.box)) >= 0.5]
            rodents = [one for one in rodents if one not in on_it]
            yield blob.track, blob, max((one.score for one in on_it), default=None)
        for one in rodents:
            if one.track is not None:
                yield one.track, one, one.score

    @on("sensor.reading?")
    def sensed(self, event):
        """A rodent sensor's event: it counts for the tracks of its zone, whenever it arrives."""
        from storeloom.workers.vision.night_watch import night_of

        if event.get("kind") != "rodent" or event.get("quality") == "bad":
            return
        last = self.state.setdefault("sensors", {})
        if not event["value"]:
            last.pop(event["sensor"], None)
            return
        device = next((one for one in self.devices.get("sensor", ()) if one.id == event["sensor"]), None)
        zone, t_s = event.get("zone") or (device.zone if device else None), event.time.timestamp()
        fresh = event["sensor"] not in last or abs(t_s - last[event["sensor"]]) > self.config.pair_window
        last[event["sensor"]] = t_s
        if night_of(self.store.hours, event.time, MARGIN) is None:
            return
        self.state.setdefault("events", []).append({"sensor": event["sensor"], "zone": zone, "t_s": t_s, "paired": not fresh})
        for key in [key for key in sorted(self.state) if key.startswith("track:")]:
            self._pair(self.state[key])
            yield from self._weigh(self.state[key])

    def _pair(self, track):
        """Mark the sensor events of a track's zones and time."""
        for one in self.state.get("events", ()):
            window = self.config.pair_window
            if one["zone"] in track["zones"] and track["first_s"] - window <= one["t_s"] <= track["last_s"] + window:
                one["paired"] = track["sensor"] = True

    def _posterior(self, track):
        from storeloom.workers.vision.night_evidence import posterior

        config = self.config
        weights = config.prior, config.detector_logit, config.edge_logit, config.sensor_logit
        return posterior(track, *weights)

    # Incidents and hotspots

    def _weigh(self, track):
        """Tell a track that has become likely enough; at most one a zone and half an hour."""
        p = self._posterior(track)
        if track["told"] or p < self.config.alarm_p:
            return
        track["told"] = True
        name = track["zones"][0] if track["zones"] else track["camera"]
        path = [point[1:] for point in track["points"]]
        zone = self.state.setdefault(f"zone:{name}", {"last_s": None, "nights": {}, "called": None})
        now_s = self.now.timestamp()
        if zone["last_s"] is None or now_s - zone["last_s"] >= SAME_INCIDENT_S:
            zone["last_s"] = now_s
            self.kpi.add("rodent_incidents")
            self._day()["incidents"] += 1
            yield from self._incident(track, name, path, p)
        nights = zone["nights"]
        nights.setdefault(track["night"], []).append(path)
        since = (date.fromisoformat(track["night"]) - timedelta(days=NIGHTS - 1)).isoformat()
        zone["nights"] = {night: paths for night, paths in nights.items() if night >= since}
        if len(zone["nights"]) >= self.config.hotspot_nights and (zone["called"] is None or zone["called"] < since):
            zone["called"] = track["night"]
            self.kpi.add("hotspots")
            yield self._call(name, zone["nights"], track["night"])

    def _incident(self, track, name, path, p):
        row = self.tables.zones.get(name) or {}
        severity = "critical" if row.get("kind") in OPEN_FOOD else "high"
        started = self._at(track["first_s"])
        incident, zone = f"rodent-{name}-{plain(started)}", name if track["zones"] else None
        yield out("vision.incident", incident=incident, kind="rodent", state="open", severity=severity, started=started, zone=zone,
                  camera=track["camera"], score=round(p, 4), path=path or None)  # fmt: skip
        title = row.get("name", name)
        yield out("alert.raise", alert=f"rodent-{name}", kind="rodent", severity=severity, state="open", subject=name, zone=zone,
                  text=self.say(f"{title}: rodent seen", f"{title}：发现鼠类"), value=round(p, 4), limit=self.config.alarm_p,
                  ref={"stream": "vision.incident", "id": incident})  # fmt: skip

    def _call(self, name, nights, night):
        title = (self.tables.zones.get(name) or {}).get("name", name)
        ways = [(when, path) for when in sorted(nights) for path in nights[when]]
        return out("task.create", task=f"pest-{name}-{night}", kind="pest_control", priority=2, zone=name, role="contractor",
                   title=self.say(f"{title}: rodents on {len(nights)} nights", f"{title}：{len(nights)} 晚发现鼠类"),
                   items=[{"note": f"{when}: " + " ".join(f"({x:g}, {y:g})" for x, y in path)} for when, path in ways],
                   values={"zone": name, "nights": sorted(nights), "paths": [path for _, path in ways]})  # fmt: skip

    # The morning

    @every("1d", at="open-30m")
    def morning(self, due):
        from storeloom.workers.vision.night_watch import night_of, watched

        night = night_of(self.store.hours, due.time, MARGIN)
        if night is None:
            return
        notes, watched_s, unwatched_s = [], 0.0, 0.0
        cameras = {key.removeprefix("watch:") for key in self.state if key.startswith("watch:")}
        for camera in sorted(cameras | {device.id for device in self.devices.get("camera", ())}):
            watch = self._watch(camera, night)
            watched(watch, due.time.timestamp(), False, OFFLINE_S)
            watched_s += watch["watched_s"]
            for start, end in watch["gaps"]:
                unwatched_s += end - start
                span = f"{self._clock(start)}-{self._clock(end)}"
                notes.append(self.say(f"{camera} unwatched {span}", f"{camera} 未监测 {span}"))
        yield from self._cleared(due.time)
        found = self._suspicions(due.time.timestamp())
        self.kpi.add("suspicions", len(found))
        self.kpi.add("watched_hours", watched_s / 3600)
        parts = [("incidents", self._day()["incidents"], "count"), ("suspicions", len(found), "count"),
                 ("watched", watched_s / 3600, "h"), ("unwatched", unwatched_s / 3600, "h")]  # fmt: skip
        self.state.pop("day")
        yield out("score.report", {"from": night.start, "to": due.time}, scheme="rodent_watch", subject_kind="store",
                  subject=self.store.id, notes=found + notes or None,
                  parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts])  # fmt: skip

    def _cleared(self, at):
        """Clear the alert of a zone with no incident for fourteen days."""
        for key in [key for key in sorted(self.state) if key.startswith("zone:")]:
            last_s = self.state[key]["last_s"]
            if last_s is not None and at.timestamp() - last_s >= NIGHTS * DAY_S:
                del self.state[key]
                name = key.removeprefix("zone:")
                title = (self.tables.zones.get(name) or {}).get("name", name)
                yield out("alert.raise", alert=f"rodent-{name}", kind="rodent", severity="info", state="cleared", subject=name,
                          text=self.say(f"{title}: no rodent for {NIGHTS} days", f"{title}：{NIGHTS} 天未见鼠类"))  # fmt: skip

    def _suspicions(self, now_s):
        """What the morning is told of, once: likely tracks below an incident, and sensor events near no track."""
        notes = []
        for key in [key for key in sorted(self.state) if key.startswith("track:")]:
            track = self.state[key]
            p = self._posterior(track)
            if not track["told"] and not track.get("suspected") and p >= self.config.watch_p:
                track["suspected"] = True
                where = track["zones"][0] if track["zones"] else track["camera"]
                notes.append(f"{where}: p {p:.3f}, {track['camera']} {self._clock(track['first_s'])}")
            if now_s - track["last_s"] > DAY_S:
                del self.state[key]
        for one in [one for one in self.state.get("events", ()) if not one["paired"]]:
            one["paired"] = True
            where, clock = one["zone"] or one["sensor"], self._clock(one["t_s"])
            notes.append(self.say(f"{where}: sensor {one['sensor']} at {clock}, nothing seen",
                                  f"{where}：{clock} 传感器 {one['sensor']} 触发，未见目标"))  # fmt: skip
        self.state["events"] = [one for one in self.state.get("events", ()) if now_s - one["t_s"] <= DAY_S]
        return notes

    def _day(self):
        return self.state.setdefault("day", {"incidents": 0})

    def _clock(self, t_s):
        return f"{self.store.hours.local(self._at(t_s)):%H:%M}"

    def _at(self, t_s):
        return parse_time("1970-01-01T00:00:00Z") + timedelta(seconds=t_s)

    def _dark(self, view):
        if view.pixels is not None:
            return float(view.pixels.mean()) < DARK_LUMA
        scene = view.scene or {}
        return bool(scene.get("dark")) or scene.get("luma", 255) < DARK_LUMA
