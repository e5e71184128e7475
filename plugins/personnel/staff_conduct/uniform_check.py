"""Staff dress-code check: sees whether staff wear what their zone asks for, and reminds them at once.

A camera belongs to the zones that name it under `cameras`, else to its device's zone; among several the person's floor point decides.
The zone type `floor` stands for zones of kind sales. Uniforms are enrolled as colours in the camera's settings (`uniform: [#rrggbb]`,
and `dress: {hat: [#rrggbb]}` for items); in a scene `staff` on a person stands for the likeness. A fault counts as corrected when
the item is seen on three judged frames in a row; its time runs from the verdict.

Privacy: tracks of a few minutes, boxes and verdicts; no face, no name, no picture is kept.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

STAFF_ONLY = ("kitchen", "backroom", "restricted")
WORN_AGAIN = 3
TRACK_KEPT = timedelta(hours=1)
Item = Literal["hat", "mask", "gloves", "apron", "vest"]
ITEMS_ZH = {"hat": "帽子", "mask": "口罩", "gloves": "手套", "apron": "围裙", "vest": "马甲"}


class UniformCheck(Solution):
    number = 55
    zh, en = "员工着装规范检测", "Staff dress-code check"
    purpose_zh = "识别员工是否按所在区域要求佩戴帽子、口罩、手套、围裙或马甲，并即时提醒。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.incident", "task.create", "score.report")
    adapters = ("camera",)
    reads = ("zones",)
    load = "vision"
    kpis = {
        "dress_compliance": kpi("%", "Dress compliance", "着装合规率"),
        "violations": kpi("count", "Violations", "违规次数"),
        "median_correction_time": kpi("s", "Median time to correction", "整改时长中位数"),
    }
    kinds = {"dress_code": ("Dress code", "着装提醒")}

    class Config(SolutionConfig):
        dress_rules: dict[str, Annotated[list[Item], Field(min_length=1)]] = setting(
            lambda: {"kitchen": ["hat", "mask", "apron"], "deli": ["hat", "mask", "gloves"], "floor": ["vest"]},
            "Items asked for by zone type", "各区域着装要求", help_en="By the zone's kind, else its category.",
            help_zh="按区域类型（kind），否则按品类（category）。")  # fmt: skip
        min_person_px: int = setting(120, "Lowest person judged", "最小人像高度", unit="px", ge=60, le=600,
            help_en="People whose box is lower than this are not judged.", help_zh="人像框低于此高度不判定。")  # fmt: skip
        grace: int = setting(60, "Time to dress", "入区宽限", unit="s", ge=0, le=600,
            help_en="After entering a zone staff may still be dressing.", help_zh="进入区域后允许穿戴的时间。")  # fmt: skip
        min_samples: int = setting(8, "Judged frames for a verdict", "判定所需帧数", ge=3, le=50,
            help_en="Judged frames of one item before its verdict.", help_zh="单项达到此帧数后下结论。")  # fmt: skip
        fail_share: float = setting(0.7, "Share without the item", "缺失比例阈值", ge=0.5, le=1,
            help_en="Share of judged frames without the item that makes a violation.",
            help_zh="判定帧中缺失比例达到此值即违规。")  # fmt: skip
        staff_score: float = setting(0.6, "Likeness to a uniform", "工服相似度阈值", ge=0.3, le=0.95,
            help_en="Marks a person as staff in a zone that customers share.", help_zh="混合区域内达到此相似度视为员工。")  # fmt: skip
        merge_window: int = setting(1800, "Window of one incident", "事件合并窗口", unit="s", ge=60, le=86400,
            help_en="Violations of one zone and item within it join the open incident.",
            help_zh="同一区域同一项目在此时间内的违规并入已开事件。")  # fmt: skip
        open_margin: int = setting(30, "Watch around opening hours", "营业前后监测", unit="min", ge=0, le=180,
            help_en="Watch this long before opening and after closing.", help_zh="开店前与闭店后各监测此时长。")  # fmt: skip

    @on("camera.frame")
    def look(self, event):
        if not self._watching(event.time):
            return
        view = self.workers.vision.view(event.data, event.time)
        seen = view.observation
        tall = self.config.min_person_px / (event.get("height") or self.config.min_person_px)
        for person in seen.of("person"):
            zone = self._zone(event["camera"], person)
            items = self._asked(zone)
            if person.track is None or not items or (zone["kind"] not in STAFF_ONLY and not self._is_staff(event, view, person)):
                continue
            key = f"track:{event['camera']}|{person.track}|{zone['zone']}"
            track = self.state.setdefault(key, {"entered": plain(event.time), "last": None, "judged": {}, "faults": {}})
            track["last"] = plain(event.time)
            if event.time - parse_time(track["entered"]) < timedelta(seconds=self.config.grace) or person.box[3] < tall - 1e-9:
                continue
            for item in items:
                yield from self._judge(event, person, zone, track, item, self._item_state(event, seen, person, item))

    @every("1d", at="close")
    def closed(self, due):
        self.timers.set("report", "", due.time + timedelta(minutes=self.config.open_margin), {"close": plain(due.time)})

    @timer("report")
    def report(self, due):
        day = self.state.pop("day", None)
        for key in [key for key in self.state if key.startswith("track:")]:
            if due.time - parse_time(self.state[key]["last"]) > TRACK_KEPT:
                del self.state[key]
        if day is None:
            return None
        opens = self.store.hours.day(self.store.hours.store_day(parse_time(due.data["close"]) - timedelta(microseconds=1)))
        start = opens[0] if opens else due.time - timedelta(days=1)
        parts = [{"name": name, "value": day[name]} for name in ("judged", "compliant", "violations")]
        return out("score.report", {"from": start, "to": due.time}, scheme="dress_compliance", subject_kind="store", subject=self.store.id,
                   score=100 * day["compliant"] / day["judged"], parts=parts)  # fmt: skip

    def _watching(self, at):
        margin = timedelta(minutes=self.config.open_margin)
        return any(self.store.hours.is_open(moment) for moment in (at, at + margin, at - margin))

    def _zone(self, camera, person):
        """The zone that a person stands in, None where the camera belongs to none."""
        from storeloom.workers.vision.zones import contains

        rows = self.tables.zones.rows()
        device = next((one for one in self.devices.get("camera", ()) if one.id == camera), None)
        own = [row for row in rows if any(entry.get("camera") == camera for entry in row.get("cameras") or ())]
        own = own or [row for row in rows if device is not None and row["zone"] == device.zone]
        own = own or (rows if len(rows) == 1 else [row for row in rows if row.get("polygon") and person.floor is not None])
        if person.floor is not None:
            own = [row for row in own if not row.get("polygon") or contains(row["polygon"], person.floor)]
        return {"kind": None, **own[0]} if own else None

    def _asked(self, zone):
        if zone is None:
            return ()
        types = [zone["kind"], zone.get("category"), "floor" if zone["kind"] == "sales" else None]
        return next((self.config.dress_rules[kind] for kind in types if kind in self.config.dress_rules), ())

    def _settings(self, camera):
        return next((one.settings for one in self.devices.get("camera", ()) if one.id == camera), {})

    def _is_staff(self, event, view, person):
        """Whether a track has once shown an enrolled uniform."""
        from storeloom.workers.vision.algorithms.base import staff_likeness

        key = f"{event['camera']}|{person.track}"
        known = self.state.setdefault("staff", {})
        if key in known and event.time - parse_time(known[key]) <= TRACK_KEPT:
            known[key] = plain(event.time)
            return True
        if staff_likeness(view, person, self._settings(event["camera"]).get("uniform", ())) < self.config.staff_score:
            return False
        self.state["staff"] = {who: at for who, at in known.items() if event.time - parse_time(at) <= TRACK_KEPT}
        self.state["staff"][key] = plain(event.time)
        return True

    def _item_state(self, event, seen, person, item):
        from storeloom.workers.vision import dress

        state = dress.marked(item, person, seen.objects)
        if state == "unseen" and event.get("pixels") is not None:
            colours = self._settings(event["camera"]).get("dress", {}).get(item, ())
            state = dress.coloured(item, event["pixels"], person.box, colours, self.config.staff_score)
        return state

    def _judge(self, event, person, zone, track, item, state):
        """Count a judged frame of one item; its verdict falls once."""
        if state == "unseen":
            return
        count = track["judged"].setdefault(item, [0, 0])
        if count[0] >= self.config.min_samples:
            self._follow_up(track, item, state, event.time)
            return
        count[0] += 1
        count[1] += state == "absent"
        if count[0] < self.config.min_samples:
            return
        failed = count[1] / count[0] >= self.config.fail_share - 1e-9
        self._count(track, failed)
        if failed:
            track["faults"][item] = {"at": plain(event.time), "worn": 0, "from": None}
            yield from self._violation(event, person, zone, item, count[1] / count[0])

    def _count(self, track, failed):
        """A track is judged with its first verdict, and compliant until one is a violation."""
        day = self.state.setdefault("day", {"judged": 0, "compliant": 0, "violations": 0})
        first, spoiled = not track.get("verdicts"), failed and not track["faults"]
        track["verdicts"] = track.get("verdicts", 0) + 1
        change = (0 if failed else 1) if first else (-1 if spoiled else 0)
        day["judged"] += first
        day["compliant"] += change
        day["violations"] += failed
        self.kpi.share("dress_compliance", change, int(first))
        self.kpi.add("violations", int(failed))

    def _follow_up(self, track, item, state, at):
        """After a violation: when the item is worn again."""
        fault = track["faults"].get(item)
        if fault is None or fault["worn"] >= WORN_AGAIN:
            return
        fault["worn"] = fault["worn"] + 1 if state == "present" else 0
        fault["from"] = plain(at) if fault["worn"] == 1 else fault["from"]
        if fault["worn"] == WORN_AGAIN:
            seconds = (parse_time(fault["from"]) - parse_time(fault["at"])).total_seconds()
            self.kpi.sample("median_correction_time", seconds, "median")

    def _violation(self, event, person, zone, item, share):
        """Open an incident with a task to the shift leader, or raise the count of the open one."""
        incident = self.state.get(f"incident:{zone['zone']}|{item}")
        window = timedelta(seconds=self.config.merge_window)
        joins = incident is not None and event.time - parse_time(incident["opened"]) <= window
        if not joins:
            opened = plain(event.time)
            incident = {"id": f"dress-{zone['zone']}-{item}-{opened}", "opened": opened, "count": 0}
            self.state[f"incident:{zone['zone']}|{item}"] = incident
        incident["count"] += 1
        yield out("vision.incident", incident=incident["id"], kind="uniform", state="update" if joins else "open", severity="warn",
                  started=incident["opened"], zone=zone["zone"], camera=event["camera"], track=person.track, item=item,
                  count=incident["count"], score=share)  # fmt: skip
        if not joins:
            name = zone.get("name", zone["zone"])
            yield out("task.create", task=f"{incident['id']}-task", kind="dress_code", priority=2, zone=zone["zone"], role="shift_leader",
                      title=self.say(f"{name}: {item} missing", f"{name}：未佩戴{ITEMS_ZH[item]}"), values={"item": item},
                      ref={"stream": "vision.incident", "id": incident["id"]})  # fmt: skip
