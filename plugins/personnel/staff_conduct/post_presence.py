"""Post presence: tells the leader when a post has been empty too long or the person on it no longer moves, and measures its coverage.

A post is a zone of the table; who is on it is told by the camera's places (`workers/vision/places.py`): floor metres where known, else the
zone's polygon in the picture. Staff are those with the scene's or detector's `staff`, or a colour of the camera's setting `uniform`.
Where several cameras see a post, the one that sees most people there counts. A customer waits who stays in the service zone.
Without relief, the breaks of shifts whose role is the zone's id, kind or category pause the duty, or of any shift where none is so named.

Stillness is a care for the person: one welfare check to the leader, no name and no penalty. Tracks of minutes are all that is kept.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.optimise import store_times
from storeloom.workers.vision import presence

LIKELY_STAFF = 0.6
TRACK_KEPT_S = 3600
CUSTOMER_LOST_S = 5
KEPT = timedelta(days=2)
Clock = r"([01]\d|2[0-3]):[0-5]\d"
Hours = Annotated[str, Field(pattern=rf"^(open|{Clock}-({Clock}|24:00))$")]


class Post(SolutionConfig):
    zone: str = Field(min_length=1)
    service_zone: str | None = None
    min_staff: int = Field(1, ge=1, le=20)
    hours: Hours = "open"
    relief: bool = True


class PostPresence(Solution):
    number = 56
    zh, en = "离岗与睡岗监测", "Post presence monitor"
    purpose_zh = "岗位空缺过久或在岗人员长时间不动时提醒负责人，并统计岗位在岗率。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.incident", "task.create", "score.report")
    adapters = ("camera",)
    reads = ("zones",)
    load = "vision"
    kpis = {
        "post_coverage": kpi("%", "Post coverage", "在岗率"),
        "absences": kpi("count", "Absences", "离岗次数"),
        "longest_absence": kpi("min", "Longest absence", "最长离岗"),
        "customers_unattended": kpi("count", "Customers unattended", "无人接待顾客"),
    }
    kinds = {"man_post": ("Man the post", "补岗"), "welfare_check": ("Welfare check", "关怀确认")}

    class Config(SolutionConfig):
        posts: list[Post] = setting(
            lambda: [{"zone": "service_desk", "service_zone": "service_queue", "min_staff": 1, "hours": "open", "relief": True}],
            "Posts", "岗位", help_en="Zone, where its customers wait, least staff, duty (open, or HH:MM-HH:MM), breaks relieved or not.",
            help_zh="岗位区域、顾客等候区、最少人数、值守时间（open 或 HH:MM-HH:MM）、休息是否有人顶岗。")  # fmt: skip
        absence_alert: int = setting(300, "Absence that is an incident", "离岗告警时长", unit="s", ge=30, le=3600,
            help_en="Dated back to its start.", help_zh="事件时间追溯到离岗开始。")  # fmt: skip
        busy_alert: int = setting(60, "The same while a customer waits", "有顾客时告警时长", unit="s", ge=15, le=600,
            help_en="From the moment a customer counts as waiting.", help_zh="自顾客算作等待起。")  # fmt: skip
        customer_wait: int = setting(20, "Stay that counts as waiting", "顾客等待判定", unit="s", ge=5, le=300,
            help_en="Stay in the service zone.", help_zh="在等候区停留达到此时间算等待。")  # fmt: skip
        return_confirm: int = setting(10, "Presence that ends an absence", "返岗确认时长", unit="s", ge=0, le=60,
            help_en="Without a break; the absence ends at its first moment.", help_zh="须连续在岗，离岗于其首刻结束。")  # fmt: skip
        still_px: float = setting(0.04, "Movement of someone still", "静止位移", ge=0.01, le=0.2,
            help_en="Of the box centre, as a share of box height.", help_zh="框中心位移占框高的比例。")  # fmt: skip
        still_alert: int = setting(420, "Stillness that is reported", "静止告警时长", unit="s", ge=60, le=3600,
            help_en="A welfare check follows, never a penalty.", help_zh="触发关怀确认，绝不处罚。")  # fmt: skip
        camera_timeout: int = setting(30, "Silence that makes time unknown", "摄像头静默时限", unit="s", ge=5, le=300,
            help_en="No frames for longer: unknown time opens nothing.", help_zh="超过此时间无画面记为未知，不产生事件。")  # fmt: skip

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision.places import places_of

        camera = self.state.setdefault(f"camera:{event['camera']}", {"last_s": 0, "staff": {}})
        t_s = event.time.timestamp()
        if t_s < camera["last_s"]:
            return
        camera["last_s"] = t_s
        zones = {zone for post in self.config.posts for zone in (post.zone, post.service_zone)}
        device = next((one for one in self.devices.get("camera", ()) if one.id == event["camera"]), None)
        placed = places_of(event["camera"], self.tables.zones.rows(), device.zone if device else None)
        places = {place.zone: place for place in placed if place.certain and place.zone in zones}
        if not places:
            return
        view = self.workers.vision.view(event.data, event.time)
        people = view.observation.of("person")
        staff = [person for person in people if self._is_staff(camera["staff"], view, person, device)]
        for number, post in enumerate(self.config.posts):
            if post.zone in places:
                crew = [person for person in staff if places[post.zone].holds(person)]
                yield from self._see_post(f"{number}:{post.zone}", post, event, len(crew))
                yield from self._see_still(f"{number}:{post.zone}", post, event, crew, view.aspect)
            if post.service_zone in places:
                guests = {person.track: person for person in people if person.track is not None and person not in staff}
                self._see_customers(f"{number}:{post.zone}", post, places[post.service_zone], guests, event.time)

    def _is_staff(self, known, view, person, device):
        """Whether a track has once been seen as staff."""
        from storeloom.workers.vision.algorithms.base import staff_likeness

        t_s = view.t_s
        if person.track is not None and t_s - known.get(person.track, 0) <= TRACK_KEPT_S:
            known[person.track] = t_s
            return True
        if staff_likeness(view, person, device.settings.get("uniform", ()) if device else ()) < LIKELY_STAFF:
            return False
        for old in [track for track, at in known.items() if t_s - at > TRACK_KEPT_S]:
            del known[old]
        if person.track is not None:
            known[person.track] = t_s
        return True

    # Duty

    @on("shift.fixed?")
    def shift(self, event):
        key = f"shift:{event['shift']}"
        if event["version"] < self.state.get(key, {}).get("version", 0):
            return
        breaks = [] if event.get("withdrawn") else [[one["start"], one["end"]] for one in event.get("breaks") or ()]
        self.state[key] = {"version": event["version"], "role": event["role"], "breaks": breaks, "end": event["end"]}
        for old in [name for name in self.state if name.startswith("shift:")]:
            if parse_time(self.state[old]["end"]) < self.now - KEPT:
                del self.state[old]

    def _span(self, post, at):
        """The duty around an instant, None off duty."""
        day = self.store.hours.store_day(at)
        spans = [store_times.span(self.store.hours, day - timedelta(days=back), post.hours) for back in (0, 1)]
        return next((span for span in spans if span and span[0] <= at < span[1]), None)

    def _duty(self, post, span):
        """Seconds of duty in a span: without breaks where nobody relieves."""
        whole = [(span[0].timestamp(), span[1].timestamp())]
        if post.relief:
            return whole
        row = self.tables.zones.get(post.zone) or {}
        names = {post.zone, row.get("kind"), row.get("category")}
        shifts = [self.state[key] for key in sorted(self.state) if key.startswith("shift:")]
        own = [shift for shift in shifts if shift["role"] in names] or shifts
        breaks = [[parse_time(edge).timestamp() for edge in one] for shift in own for one in shift["breaks"]]
        return presence.without(whole, breaks)

    # Presence

    def _see_post(self, key, post, event, count):
        """One look at a post: time since the last one is counted, then what is seen counts from now on."""
        span = self._span(post, event.time)
        if span is None:
            return
        t_s = event.time.timestamp()
        state = self.state.get(f"post:{key}")
        if state is None or state["until"] != plain(span[1]):
            state = self.state[f"post:{key}"] = {
                **presence.NEW, "since": plain(span[0]), "until": plain(span[1]), "cameras": {}, "camera": event["camera"],
                "tasks": 0, "late": [], "day_longest": 0, "day_absences": 0}  # fmt: skip
            self.timers.set("duty_ends", key, span[1])
        self._lost(key, state, t_s)
        duty = self._duty(post, span)
        presence.advance(state, duty, t_s, self.config.camera_timeout)
        state["cameras"][event["camera"]] = [t_s, count]
        fresh = [n for at, n in state["cameras"].values() if t_s - at <= self.config.camera_timeout]
        if not any(start <= t_s < end for start, end in duty):
            yield from self._finish(key, post, state, max((end for _, end in duty if end <= t_s), default=t_s))
            return
        change = presence.look(state, t_s, max(fresh) < post.min_staff)
        if change == "began":
            state["camera"], state["late"] = event["camera"], []
            self._set_alarm(key, post, state)
        elif change == "back":
            self.timers.set("returned", key, _at(t_s + self.config.return_confirm))
        elif state["back_s"] is None:
            self.timers.cancel("returned", key)
            self._set_alarm(key, post, state)

    def _lost(self, key, state, t_s):
        """Forget an absence that nobody saw go on, unless it was told."""
        last = state["last_s"]
        if last is not None and t_s - last > self.config.camera_timeout:
            self.timers.cancel("returned", key)
            if not state["told"]:
                self.timers.cancel("absent", key)

    def _set_alarm(self, key, post, state):
        """An absence is told after its time, or the shorter one from when a customer waits."""
        if state["told"] or state["from_s"] is None:
            return
        due = state["from_s"] + self.config.absence_alert
        waiting = self.state.get(f"waits:{key}", {}).get("since_s")
        if waiting is not None:
            due = min(due, max(waiting + self.config.customer_wait, state["from_s"]) + self.config.busy_alert)
        self.timers.set("absent", key, max(_at(due), self.now))

    @timer("absent")
    def absent(self, due):
        key, state, post = due.key, self.state[f"post:{due.key}"], self._post(due.key)
        t_s = due.time.timestamp()
        if post is None or state["from_s"] is None or t_s - state["last_s"] > self.config.camera_timeout:
            return
        if state["back_s"] is not None and state["back_s"] < t_s:
            return
        state["told"] = True
        started = _at(state["from_s"])
        incident = f"absence-{key.replace(':', '-')}-{plain(started)}"
        name = (self.tables.zones.get(post.zone) or {}).get("name", post.zone)
        yield out("vision.incident", incident=incident, kind="absence", state="open", severity="warn", started=started, zone=post.zone,
                  camera=state["camera"])  # fmt: skip
        yield out("task.create", task=f"{incident}-task", kind="man_post", priority=2, zone=post.zone, role="shift_leader",
                  title=self.say(f"{name}: nobody on the post", f"{name}：岗位无人"),
                  ref={"stream": "vision.incident", "id": incident})  # fmt: skip

    @timer("returned")
    def returned(self, due):
        state, post = self.state[f"post:{due.key}"], self._post(due.key)
        if post is None or state["back_s"] is None or due.time.timestamp() - state["last_s"] > self.config.camera_timeout:
            return
        yield from self._finish(due.key, post, state, state["back_s"])

    def _finish(self, key, post, state, end_s):
        """An absence is over: measured, and closed where it was told."""
        self.timers.cancel("absent", key)
        self.timers.cancel("returned", key)
        start_s = state["from_s"]
        if start_s is None:
            return
        state["day_absences"] += 1
        state["day_longest"] = max(state["day_longest"], state["away_s"])
        self.kpi.add("absences")
        self.kpi.sample("longest_absence", state["away_s"] / 60, "max")
        if state["told"]:
            started = _at(start_s)
            yield out("vision.incident", incident=f"absence-{key.replace(':', '-')}-{plain(started)}", kind="absence", state="closed",
                      severity="warn", started=started, ended=_at(end_s), duration_s=round(end_s - start_s), zone=post.zone,
                      camera=state["camera"])  # fmt: skip
        presence.close(state)

    @timer("duty_ends")
    def duty_ends(self, due):
        state, post = self.state.pop(f"post:{due.key}"), self._post(due.key)
        if post is None:
            return
        span = parse_time(state["since"]), parse_time(state["until"])
        duty = self._duty(post, span)
        self._lost(due.key, state, due.time.timestamp())
        presence.advance(state, duty, span[1].timestamp(), self.config.camera_timeout)
        yield from self._finish(due.key, post, state, state["back_s"] or span[1].timestamp())
        length = sum(end - start for start, end in duty)
        known = length - state["unknown_s"]
        self.kpi.share("post_coverage", known - state["absent_s"], known)
        parts = [
            ("duty", length),
            ("unknown", state["unknown_s"]),
            ("absent", state["absent_s"]),
            ("longest_absence", state["day_longest"]),
        ]
        yield out("score.report", {"from": span[0], "to": span[1]}, scheme="post_presence", subject_kind="zone", subject=post.zone,
                  score=100 * (known - state["absent_s"]) / known if known > 0 else None,
                  parts=[{"name": name, "value": seconds / 60, "unit": "min"} for name, seconds in parts]
                  + [{"name": "absences", "value": state["day_absences"], "unit": "count"}])  # fmt: skip

    def _post(self, key):
        """The post of a key, None where the config has it no longer."""
        number, _, zone = key.partition(":")
        posts = self.config.posts
        return posts[int(number)] if int(number) < len(posts) and posts[int(number)].zone == zone else None

    # Customers and stillness

    def _see_customers(self, key, post, place, guests, at):
        """Since when a customer has been in the service zone, and who waits while nobody is on the post."""
        from storeloom.workers.vision.places import stays

        waits = self.state.setdefault(f"waits:{key}", {"stays": {}, "since_s": None})
        waits["stays"], step = stays(waits["stays"], place, guests, at.timestamp(), vanish_s=CUSTOMER_LOST_S)
        waits["since_s"] = min((first for first, _ in waits["stays"].values()), default=None)
        state = self.state.get(f"post:{key}")
        if state is None or state["from_s"] is None:
            return
        if state["back_s"] is None:
            late = [track for track, stay in step.present.items() if stay >= self.config.customer_wait and track not in state["late"]]
            state["late"] += sorted(late)
            self.kpi.add("customers_unattended", len(late))
        self._set_alarm(key, post, state)

    def _see_still(self, key, post, event, crew, aspect):
        """Staff on the post whose box centre has not moved: one welfare check each time."""
        from storeloom.workers.vision.still import follow

        t_s, tracks = event.time.timestamp(), self.state.setdefault(f"still:{key}", {})
        on_duty = self._span(post, event.time) is not None
        for person in crew if on_duty else ():
            if person.track is None:
                continue
            x, y, w, h = person.box
            entry = tracks.setdefault(person.track, {})
            if t_s - entry.get("last_s", t_s) > self.config.camera_timeout:
                yield from self._moved(entry, post, event)
                entry = tracks[person.track] = {}
            since = entry.get("still_s")
            still = follow(entry, [(x + w / 2) * aspect, y + h / 2], t_s, self.config.still_px * h)
            if still != since:
                yield from self._moved(entry, post, event)
            if t_s - still >= self.config.still_alert and not entry.get("incident"):
                entry["incident"], entry["from"] = f"still-{key.replace(':', '-')}-{plain(_at(still))}", plain(_at(still))
                yield from self._check_welfare(entry, post, event)
        for track in [track for track, entry in tracks.items() if t_s - entry["last_s"] > self.config.camera_timeout]:
            yield from self._moved(tracks.pop(track), post, event)

    def _check_welfare(self, entry, post, event):
        name = (self.tables.zones.get(post.zone) or {}).get("name", post.zone)
        yield out("vision.incident", incident=entry["incident"], kind="asleep_or_unwell", state="open", severity="high",
                  started=entry["from"], zone=post.zone, camera=event["camera"])  # fmt: skip
        yield out("task.create", task=f"{entry['incident']}-task", kind="welfare_check", priority=1, zone=post.zone, role="shift_leader",
                  title=self.say(f"{name}: see whether the colleague is well", f"{name}：请确认同事是否安好"),
                  ref={"stream": "vision.incident", "id": entry["incident"]})  # fmt: skip

    def _moved(self, entry, post, event):
        if incident := entry.pop("incident", None):
            yield out("vision.incident", incident=incident, kind="asleep_or_unwell", state="closed", severity="high",
                      started=entry.pop("from"), ended=event.time, zone=post.zone, camera=event["camera"])  # fmt: skip


def _at(t_s):
    return datetime.fromtimestamp(t_s, UTC)
