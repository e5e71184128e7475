"""Floor hygiene: spills, stains and overfull bins, each with a task that is only closed when the camera sees the spot clean.

A spill or stain counts from when it was first seen (`started`), its task from when it had lain long enough; time behind people is left
out. Two patches are one where 30 % of either lies in the other. After a report of done the first look `verify_delay` later or after it that
is not hidden decides; a spot found dirty gets a further task with the same due time, and any of a case's tasks may be reported. A
case stays open until it is reported: that a patch is gone does not tell whether the floor is dry.

A bin's reading is its `text` in a scene, else how full its crop looks between the `empty` and `full` pictures of the camera's setting
`bins` ([{bin, polygon, empty, full}], see `workers.vision.slot_look`). Once emptied, its readings begin anew. On pixels a patch has an
area where its zone has a homography or a size. No picture of a person is kept: the clean reference is learnt without people.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain

SAMPLES, EMPTIED = 6, 1
STALE_S, WAITS_S = 60, 900
COVERS = ("person", "trolley", "cart", "shopping_cart")
TITLES = {"spill": ("wipe up a spill", "清理水渍"), "stain": ("clean a stain", "清理污渍"), "bin": ("empty the bin", "清空垃圾桶")}


class FloorHygieneWatch(Solution):
    number = 61
    zh, en = "污渍水渍与垃圾桶监测", "Stain, spill and bin watch"
    purpose_zh = "发现地面水渍、污渍和满溢垃圾桶，派保洁处理并复看是否真正清洁，减少滑倒风险。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.incident", "task.create", "score.report")
    adapters = ("camera",)
    reads = ("zones",)
    load = "vision"
    kpis = {
        "median_response": kpi("s", "Median response", "响应时长中位数"),
        "cleaned_on_time": kpi("%", "Cleaned on time", "按时清洁率"),
        "reopened": kpi("count", "Reopened", "返工次数"),
        "bin_overflows": kpi("count", "Bins overfull", "垃圾桶满溢次数"),
    }
    kinds = {"cleaning": ("Clean the floor", "地面清洁"), "empty_bin": ("Empty a bin", "清空垃圾桶")}

    class Config(SolutionConfig):
        stain_area: float = setting(0.03, "Smallest patch", "最小污渍面积", unit="m2", ge=0.005, le=1,
            help_en="Smallest changed patch of floor that counts.", help_zh="计入的最小地面变化面积。")  # fmt: skip
        stain_hold: int = setting(90, "Time it lies there", "持续时长", unit="s", ge=10, le=900,
            help_en="Still and unhidden.", help_zh="静止且未被遮挡。")  # fmt: skip
        wet_due: int = setting(300, "Wet patch due in", "水渍清洁时限", unit="s", ge=60, le=3600,
            help_en="A slip hazard.", help_zh="有滑倒风险。")  # fmt: skip
        dry_due: int = setting(1200, "Dry patch due in", "污渍清洁时限", unit="s", ge=300, le=14400)
        bin_level: int = setting(3, "Fill class that calls for emptying", "垃圾桶告警等级", ge=2, le=4,
            help_en="0 empty to 4 overflowing.", help_zh="0 空至 4 溢出。")  # fmt: skip
        bin_samples: int = setting(5, "Readings at or over it", "告警采样数", ge=3, le=6,
            help_en="Of the last six.", help_zh="最近六次采样中的次数。")  # fmt: skip
        bin_every: int = setting(300, "Time between bin readings", "垃圾桶采样间隔", unit="s", ge=60, le=1800)
        verify_delay: int = setting(60, "Look again after", "复看延时", unit="s", ge=10, le=600,
            help_en="This long after a task is reported done.", help_zh="任务报完成后经过此时间复看。")  # fmt: skip

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision import patches
        from storeloom.workers.vision.places import places_of

        name, t_s = event["camera"], event.time.timestamp()
        camera = self.state.setdefault(f"camera:{name}", {"last_s": 0, "patches": {}, "next": 0})
        if t_s < camera["last_s"]:
            return
        camera["last_s"] = t_s
        device = next((one for one in self.devices.get("camera", ()) if one.id == name), None)
        places = places_of(name, self.tables.zones.rows(), device.zone if device else None)
        view = self.workers.vision.view(event.data, event.time)
        covers = [thing.box for thing in view.observation.of(*COVERS)]
        cases = {self.state[key]["patch"]: key for key in self._cases(name)}
        seen = [one for one in self._patches(view, places, covers, not cases) if one.area_m2 >= self.config.stain_area - 1e-9]
        camera["next"] += len(patches.follow(camera["patches"], seen, covers, t_s, cases, camera["next"]))
        for patch, one in list(camera["patches"].items()):
            if patch in cases:
                yield from self._verify(cases[patch], one, event.time)
            elif one["look"] == "dirty" and (left := self.config.stain_hold - one["held_s"]) > 0:
                self.timers.set("lain", f"{name}|{patch}", event.time + timedelta(seconds=left))
            elif one["look"] == "dirty":
                yield from self._open(name, patch, one, places, event.time)
            else:
                self.timers.cancel("lain", f"{name}|{patch}")
        for bin_name, box, level in self._bins(view, device, covers):
            yield from self._reading(name, bin_name, box, level, places, event.time)

    def _patches(self, view, places, covers, settled):
        """The changed patches of floor in a frame."""
        from storeloom.workers.vision import patches
        from storeloom.workers.vision.places import place_at

        for thing in view.observation.of("wet", "dry"):
            area = thing.attrs.get("area_m2")
            place = place_at(places, thing)
            if area is None:
                area = patches.area_m2(place, thing.box) if place else 0.0
            yield patches.Patch(thing.box, area, thing.cls == "wet")
        for place in places if view.pixels is not None else ():
            key = f"floor:{view.camera}|{place.zone}"
            before = self.state.get(key, {})
            after, found = patches.changed(before, place, view.pixels, covers, view.t_s, settled=settled)
            if after != before:
                self.state[key] = after
            yield from found

    def _cases(self, camera):
        return [key for key in sorted(self.state) if key.startswith("case:") and self.state[key]["camera"] == camera]

    def _zone(self, places, box):
        from storeloom.workers.vision.places import place_at
        from storeloom.workers.vision.things import Seen

        place = place_at(places, Seen(None, "patch", 1.0, tuple(box)))
        return (place or places[0]).zone if place or len(places) == 1 else None

    # Patches

    @timer("lain")
    def lain(self, due):
        """A patch that the last frame, not long ago, still showed has lain long enough."""
        from storeloom.workers.vision.places import places_of

        name, patch = due.key.rsplit("|", 1)
        one, t_s = self.state[f"camera:{name}"]["patches"].get(patch), due.time.timestamp()
        if one is None or one["look"] != "dirty" or t_s - one["last_s"] > STALE_S:
            return
        one["held_s"] += t_s - one["last_s"]
        one["last_s"] = t_s
        device = next((one for one in self.devices.get("camera", ()) if one.id == name), None)
        places = places_of(name, self.tables.zones.rows(), device.zone if device else None)
        yield from self._open(name, patch, one, places, due.time)

    def _open(self, camera, patch, one, places, at):
        self.timers.cancel("lain", f"{camera}|{patch}")
        kind = "spill" if one["wet"] else "stain"
        zone, started = self._zone(places, one["box"]), self._at(one["since_s"])
        incident = f"{kind}-{camera}-{patch}-{plain(started)}"
        due = at + timedelta(seconds=self.config.wet_due if one["wet"] else self.config.dry_due)
        case = self.state[f"case:{incident}"] = {"id": incident, "kind": kind, "camera": camera, "patch": patch, "zone": zone, "tasks": [],
                                                 "started": plain(started), "opened": plain(at), "due": plain(due), "done": None,
                                                 "reopened": 0}  # fmt: skip
        yield self._told(case, "open", area_m2=one["area_m2"])
        yield self._task(case)

    def _verify(self, key, one, at):
        """Judge a spot that was reported clean; a hidden one waits."""
        case = self.state[key]
        if case["done"] is None or one["look"] == "hidden" or at - parse_time(case["done"]) < timedelta(seconds=self.config.verify_delay):
            return
        if one["look"] == "dirty":
            case |= {"done": None, "reopened": case["reopened"] + 1}
            self.kpi.add("reopened")
            self._day()["reopened"] += 1
            yield self._told(case, "update", reopened=case["reopened"])
            yield self._task(case)
            return
        done = parse_time(case["done"])
        response_s = (done - parse_time(case["opened"])).total_seconds()
        late_s = max(0.0, (done - parse_time(case["due"])).total_seconds())
        self.kpi.sample("median_response", response_s, "median")
        self.kpi.share("cleaned_on_time", int(late_s == 0), 1)
        day = self._day()
        day["closed"] += 1
        day["on_time"] += late_s == 0
        yield self._told(case, "closed", ended=done, response_s=response_s, late_s=late_s, reopened=case["reopened"])
        del self.state[key]

    @on("task.done?")
    def done(self, event):
        """The last report counts; a bin's is only noted, its next low reading tells."""
        if event["state"] not in ("done", "approved"):
            return
        ref = (event.get("ref") or {}).get("id")
        for key in [key for key in self.state if key.startswith("case:")]:
            case = self.state[key]
            if event["task"] in case["tasks"] or ref == case["id"]:
                case["done"] = plain(event.time)

    # Bins

    def _bins(self, view, device, covers):
        """The bins in a frame that nobody hides, with their fill class."""
        from storeloom.workers.vision import patches, slot_look
        from storeloom.workers.vision.boxes import share_inside
        from storeloom.workers.vision.floorplan import bounds

        found = []
        for thing in view.observation.of("bin"):
            text = str(thing.attrs.get("text", "")).strip()
            if text.isdigit():
                found.append((thing.track or f"{thing.box[0]:.2f}-{thing.box[1]:.2f}", thing.box, min(int(text), 4)))
        for row in device.settings.get("bins", ()) if device and view.pixels is not None else ():
            dark, share = slot_look.fullness(view.pixels, row, covers)
            if not dark and share is not None:
                found.append((row["bin"], bounds(row["polygon"]), min(round(4 * share), 4)))
        return [one for one in found if all(share_inside(one[1], cover) < patches.HIDES for cover in covers)]

    def _reading(self, camera, name, box, level, places, at):
        """Take a bin's reading in its time: one task when enough of the last six are high, until a low one."""
        bin_state = self.state.setdefault(f"bin:{camera}|{name}", {"read": None, "levels": [], "case": None})
        if bin_state["read"] is not None and (at - parse_time(bin_state["read"])).total_seconds() < self.config.bin_every - 1e-6:
            return
        levels = bin_state["levels"] = [*bin_state["levels"], level][-SAMPLES:]
        bin_state["read"] = plain(at)
        case = self.state.get(bin_state["case"] or "")
        if case is None and sum(one >= self.config.bin_level for one in levels) >= self.config.bin_samples:
            incident = f"bin-{camera}-{name}-{plain(at)}"
            case = {"id": incident, "kind": "bin", "camera": camera, "patch": None, "zone": self._zone(places, box), "tasks": [],
                    "started": plain(at), "opened": plain(at), "due": None, "done": None, "reopened": 0, "item": name}  # fmt: skip
            bin_state["case"] = f"case:{incident}"
            self.state[f"case:{incident}"] = case
            self.kpi.add("bin_overflows")
            self._day()["bins"] += 1
            yield self._told(case, "open", count=level)
            yield self._task(case)
        elif case is not None and level <= EMPTIED:
            del self.state[bin_state["case"]]
            bin_state |= {"levels": [level], "case": None}
            yield self._told(case, "closed", ended=parse_time(case["done"]) if case["done"] else at, count=level)

    # What is told

    def _told(self, case, state, **more):
        severity = "high" if case["kind"] == "spill" else "warn"
        return out("vision.incident", incident=case["id"], kind=case["kind"], state=state, severity=severity, started=case["started"],
                   zone=case["zone"], camera=case["camera"], item=case.get("item"), **more)  # fmt: skip

    def _task(self, case):
        task = f"{case['id']}-task" + (f"-{case['reopened']}" if case["reopened"] else "")
        case["tasks"].append(task)
        row = self.tables.zones.get(case["zone"]) if case["zone"] else None
        place, (en, zh) = (row or {}).get("name") or case["zone"] or case["camera"], TITLES[case["kind"]]
        return out("task.create", task=task, kind="empty_bin" if case["kind"] == "bin" else "cleaning", zone=case["zone"], role="cleaner",
                   priority=1 if case["kind"] == "spill" else 3, due=case["due"], title=self.say(f"{place}: {en}", f"{place}：{zh}"),
                   values={"kind": case["kind"], "reopened": case["reopened"]},
                   ref={"stream": "vision.incident", "id": case["id"]})  # fmt: skip

    @every("1d", at="close")
    def report(self, due):
        day, cases = self._day(), [self.state[key] for key in sorted(self.state) if key.startswith("case:")]
        self.state.pop("day")
        if not cases and not any(day.values()):
            return None
        spots = [self.state[f"camera:{case['camera']}"]["patches"].get(case["patch"]) for case in cases if case["patch"] is not None]
        hidden = [one["hidden_s"] for one in spots if one and one["hidden_s"] is not None]
        waiting = sum(due.time.timestamp() - since_s > WAITS_S for since_s in hidden)
        parts = [*day.items(), ("open", len(cases)), ("waiting", waiting)]
        start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
        return out("score.report", {"from": start, "to": due.time}, scheme="floor_hygiene", subject_kind="store", subject=self.store.id,
                   score=100 * day["on_time"] / day["closed"] if day["closed"] else None,
                   parts=[{"name": name, "value": value, "unit": "count"} for name, value in parts])  # fmt: skip

    def _day(self):
        return self.state.setdefault("day", {"closed": 0, "on_time": 0, "reopened": 0, "bins": 0})

    def _at(self, t_s):
        return parse_time("1970-01-01T00:00:00Z") + timedelta(seconds=t_s)
