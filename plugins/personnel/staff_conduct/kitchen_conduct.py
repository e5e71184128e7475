"""Kitchen conduct: hand washing, raw-to-ready crossings, phones, smoking and bare hands, and the open kitchen shown with people blurred.

A zone is meant by its id, name, kind or category (the sink is `sink`, the door any zone of kind entrance). Who stands in the sink zone
washes; that it is a sink and not a worktop in front of it is a matter of drawing the zone. A stay goes on until its track is seen
elsewhere or for a minute not at all. Where no camera is named in the table, floor points decide among all zones. A track goes on with
another camera by a scene's id, or by floor metres: 1 m and three seconds apart at most.

An incident brings one task to the shift leader. Crossings are counted one by one, also those whose incident is held back by `cooldown`.
On the open-kitchen screen a still is played every ten seconds while the store is open; it is kept for a minute, people hidden where they
are and were. Privacy: tracks of some hours, no name, no face; the unblurred picture never leaves the frame.
"""

from datetime import timedelta
from math import dist

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time

SAME_STAY_S, SAME_ENTRY_S = 60, 2
HANDED_S, HANDED_M = 3, 1.0
TRACK_KEPT_S = 6 * 3600
DISPLAY_S, PICTURE_KEPT = 10, timedelta(seconds=60)
ACTS = {"phone": "cell phone", "smoking": "cigarette", "bare_hand": "bare_hand"}
SEVERITY = {"raw_to_ready": "high", "smoking": "critical"}
TITLES = {
    "raw_to_ready": ("from raw to ready-to-eat without washing", "由生区进入熟区未洗手"),
    "short_wash": ("hands washed too briefly", "洗手时间不足"),
    "wash_overdue": ("hand washing due", "该洗手了"),
    "phone": ("phone in use", "使用手机"),
    "smoking": ("smoking", "吸烟"),
    "bare_hand": ("bare hands on food", "徒手操作"),
}


class KitchenConduct(Solution):
    number = 57
    zh, en = "后厨操作规范监测(明厨亮灶)", "Kitchen conduct monitor"
    purpose_zh = "监测熟食、烘焙与食堂后厨的洗手、生熟交叉、手机、吸烟和徒手操作，并以模糊人像的画面公示明厨亮灶。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.incident", "task.create", "sign.play", "score.report")
    adapters = ("camera", "signage?")
    reads = ("zones",)
    load = "vision"
    kpis = {
        "wash_compliance": kpi("%", "Hand washing compliance", "洗手合规率"),
        "raw_to_ready_crossings": kpi("count", "Raw-to-ready crossings", "生熟交叉次数"),
        "phone_or_smoking": kpi("count", "Phone or smoking", "手机或吸烟次数"),
    }
    kinds = {"kitchen_conduct": ("Kitchen conduct", "后厨操作规范")}

    class Config(SolutionConfig):
        wash_seconds: int = setting(20, "Time at the sink", "洗手时长", unit="s", ge=10, le=60,
            help_en="Dwell at the sink with hands in it that counts as washing.", help_zh="在水槽洗手达到此时长算有效。")  # fmt: skip
        wash_valid: int = setting(7200, "A wash is valid for", "洗手有效时长", unit="s", ge=600, le=14400,
            help_en="Longest time since the last wash on entering a ready zone.", help_zh="进入熟食区时距上次洗手的最长时间。")  # fmt: skip
        raw_zones: list[str] = setting(lambda: ["raw"], "Raw zones", "生食区域",
            help_en="Zones (id, name, kind or category) after which a wash is due.",
            help_zh="离开后须洗手的区域（编号、名称、类型或品类）。")  # fmt: skip
        ready_zones: list[str] = setting(lambda: ["ready_to_eat"], "Ready-to-eat zones", "熟食区域",
            help_en="Zones that need washed hands.", help_zh="须洗手后进入的区域。")  # fmt: skip
        act_frames: int = setting(6, "Sightings that are an incident", "判定所需次数", ge=2, le=30,
            help_en="Of a phone, cigarette or bare hand.", help_zh="手机、香烟或徒手被看到的次数。")  # fmt: skip
        act_window: int = setting(10, "Judged frames they are counted in", "判定帧窗口", ge=4, le=60,
            help_en="The last frames in which the person was seen at work.", help_zh="最近看到该人员的若干帧。")  # fmt: skip
        display_public: bool = setting(False, "Show the open kitchen", "明厨亮灶公示",
            help_en="Play the blurred picture on the open-kitchen screen.", help_zh="在公示屏播放模糊人像后的画面。")  # fmt: skip
        cooldown: int = setting(600, "One incident in", "事件冷却", unit="s", ge=30, le=7200,
            help_en="One incident a kind and track.", help_zh="同一人员同类事件的最短间隔。")  # fmt: skip

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision import dress
        from storeloom.workers.vision.algorithms.placed import tracked
        from storeloom.workers.vision.places import places_of

        camera = self.state.setdefault(f"camera:{event['camera']}", {"last_s": None, "shown_s": None})
        t_s = event.time.timestamp()
        if camera["last_s"] is not None and t_s < camera["last_s"]:
            return
        camera["last_s"] = t_s
        rows = {row["zone"]: self._roles(row) for row in self.tables.zones.rows()}
        places = places_of(event["camera"], self.tables.zones.rows())
        if not any(rows[place.zone] for place in places):
            return
        view = self.workers.vision.view(event.data, event.time)
        for name, person in tracked(view).items():
            here = [place for place in places if place.holds(person)]
            key = self._key(event["camera"], name, view, places[0].floor_of(person), t_s)
            sure = bool(here) or all(place.certain for place in places)
            if not sure and key not in self.state:
                continue
            fresh = {"known": False, "sink": None, "wash": None, "short": None, "raw": False, "ready": {}, "acts": {}, "told": {}}
            track = self.state.setdefault(key, fresh)
            track |= {"camera": event["camera"], "floor": places[0].floor_of(person)}
            track["last_s"] = t_s
            kind, zone = self._washing(track, here, rows, t_s)
            kinds = [kind] if kind else []
            if sure and (not here or any(rows[place.zone] - {"door"} for place in here)):
                acts = {act for act, cls in ACTS.items() if dress.marked(cls, person, view.observation.objects) == "present"}
                kinds += self._acts(track, acts)
            zone = zone or next((place.zone for place in here), None)
            for kind in kinds:
                yield from self._incident(event, name, track, kind, zone, t_s)
        yield from self._show(event, view, camera, t_s)

    def _key(self, camera, name, view, floor, t_s):
        """The track of someone who may have been on another camera a moment ago: by a scene's own id, else by where they stand."""
        key = f"track:{name}" if view.pixels is None else f"track:{camera}|{name}"
        same = self.state.setdefault("same", {})
        if same.get(key) in self.state:
            return same[key]
        if key not in self.state and floor is not None and view.pixels is not None:
            tracks = [(other, self.state[other]) for other in sorted(self.state) if other.startswith("track:")]
            near = [(dist(one["floor"], floor), other) for other, one in tracks
                    if one["camera"] != camera and one["floor"] is not None and 0 <= t_s - one["last_s"] <= HANDED_S]  # fmt: skip
            if near and min(near)[0] <= HANDED_M:
                same[key] = min(near)[1]
        return same.get(key, key)

    def _roles(self, row):
        """What a zone is in the kitchen: sink, door, raw, ready, kitchen; nothing for one that is no part of it."""
        names = {str(row[key]).lower() for key in ("zone", "name", "kind", "category") if row.get(key)}
        meant = {
            "sink": ["sink"],
            "door": ["entrance"],
            "raw": self.config.raw_zones,
            "ready": self.config.ready_zones,
            "kitchen": ["kitchen"],
        }
        return {role for role, words in meant.items() if names & {word.lower() for word in words}}

    # Washing

    def _washing(self, track, here, rows, t_s):
        """Follow a track through door, sink and raw zones; the first rule that an entry into a ready zone breaks, and that zone."""
        roles = set().union(*(rows[place.zone] for place in here))
        track["known"] |= "door" in roles
        self._sink(track, "sink" in roles, t_s)
        if "raw" in roles and "sink" not in roles:
            track["raw"] = True
        now = [place.zone for place in here if "ready" in rows[place.zone]]
        entered = [zone for zone in now if zone not in track["ready"]]
        gone = roles & {"sink", "raw", "door"}
        kept = {} if gone else {zone: at for zone, at in track["ready"].items() if t_s - at <= SAME_ENTRY_S}
        track["ready"] = kept | dict.fromkeys(now, t_s)
        if not entered or not track["known"]:
            return None, None
        broken = self._rule(track, t_s)
        day = self.state.setdefault("day", {"judged": 0, "clean": 0, "kinds": {}})
        day["judged"] += 1
        day["clean"] += broken is None
        self.kpi.share("wash_compliance", int(broken is None), 1)
        self.kpi.add("raw_to_ready_crossings", int(broken == "raw_to_ready"))
        return broken, entered[0]

    def _sink(self, track, inside, t_s):
        """A stay at the sink: a wash as soon as it is long enough, a short one when it is left before."""
        stay = track["sink"]
        if stay and (not inside or t_s - stay[1] > SAME_STAY_S):
            if stay[1] - stay[0] < self.config.wash_seconds:
                track["short"] = round(stay[1] - stay[0])
            stay = track["sink"] = None
        if inside:
            stay = track["sink"] = [stay[0] if stay else t_s, t_s]
            if stay[1] - stay[0] >= self.config.wash_seconds:
                track |= {"known": True, "wash": t_s, "short": None, "raw": False}

    def _rule(self, track, t_s):
        if track["raw"]:
            return "raw_to_ready"
        if track["short"] is not None:
            return "short_wash"
        if track["wash"] is None or t_s - track["wash"] > self.config.wash_valid:
            return "wash_overdue"
        return None

    # Acts and incidents

    def _acts(self, track, seen):
        """Count a judged frame; the acts that were seen in enough of the last ones."""
        for act in ACTS:
            sights = [*track["acts"].get(act, ()), int(act in seen)]
            track["acts"][act] = sights[-self.config.act_window :]
        return [act for act in ACTS if act in seen and sum(track["acts"][act]) >= self.config.act_frames]

    def _incident(self, event, name, track, kind, zone, t_s):
        """One incident and task a kind and track in `cooldown`."""
        if kind in track["told"] and t_s - track["told"][kind] < self.config.cooldown:
            return
        track["told"][kind] = t_s
        self.kpi.add("phone_or_smoking", int(kind in ("phone", "smoking")))
        kinds = self.state.setdefault("day", {"judged": 0, "clean": 0, "kinds": {}})["kinds"]
        kinds[kind] = kinds.get(kind, 0) + 1
        incident, severity = f"{kind}-{event['camera']}-{name}-{event.time:%Y%m%dT%H%M%SZ}", SEVERITY.get(kind, "warn")
        yield out("vision.incident", incident=incident, kind=kind, state="open", severity=severity, started=event.time, zone=zone,
                  camera=event["camera"], track=name, seconds=track["short"] if kind == "short_wash" else None,
                  count=sum(track["acts"][kind]) if kind in ACTS else None)  # fmt: skip
        place = (self.tables.zones.get(zone) or {}).get("name") or zone or event["camera"]
        yield out("task.create", task=f"{incident}-task", kind="kitchen_conduct", zone=zone, role="shift_leader",
                  title=self.say(f"{place}: {TITLES[kind][0]}", f"{place}：{TITLES[kind][1]}"), values={"kind": kind},
                  priority=1 if severity == "critical" else 2, ref={"stream": "vision.incident", "id": incident})  # fmt: skip

    # The open kitchen and the day

    def _show(self, event, view, camera, t_s):
        """The blurred picture on each screen, every few seconds while the store is open."""
        if not self.config.display_public or not self.store.hours.is_open(event.time):
            return
        from storeloom.workers.vision.algorithms.privacy import Privacy

        hidden = self.state[f"hidden:{event['camera']}"] = Privacy().look(view, self.state.get(f"hidden:{event['camera']}", {}))[0]
        if camera["shown_s"] is not None and t_s - camera["shown_s"] < DISPLAY_S:
            return
        camera["shown_s"] = t_s
        asset = f"kitchen-{event['camera']}.jpg"
        if view.pixels is not None:
            from storeloom.workers.vision.clarity import jpeg

            picture = jpeg(Privacy().hide(view, hidden))
            self.pictures.keep(asset, picture, purpose="open kitchen screen", delete_by=event.time + PICTURE_KEPT)
        for screen in self.devices.get("signage", ()):
            yield out(
                "sign.play",
                screen=screen.id,
                items=[{"asset": asset, "duration_s": DISPLAY_S, "params": {"camera": event["camera"], "blur": "person"}}],
            )

    @every("1d", at="close")
    def report(self, due):
        for key in [key for key in self.state if key.startswith("track:")]:
            if due.time.timestamp() - self.state[key]["last_s"] > TRACK_KEPT_S:
                del self.state[key]
        self.state["same"] = {key: other for key, other in self.state.get("same", {}).items() if other in self.state}
        day = self.state.pop("day", None)
        start = self.state.get("reported", {}).get("at")
        self.state["reported"] = {"at": due.time.isoformat()}
        if day is None:
            return None
        start = parse_time(start) if start else self.store.hours.midnight(self.store.hours.ended_day(due.time))
        parts = [("judged", day["judged"]), ("clean", day["clean"]), *((kind, day["kinds"].get(kind, 0)) for kind in TITLES)]
        return out("score.report", {"from": start, "to": due.time}, scheme="kitchen_conduct", subject_kind="store", subject=self.store.id,
                   score=100 * day["clean"] / day["judged"] if day["judged"] else None,
                   parts=[{"name": name, "value": value, "unit": "count"} for name, value in parts])  # fmt: skip
