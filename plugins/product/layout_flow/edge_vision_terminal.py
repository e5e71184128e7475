"""Multi-algorithm edge vision terminal: one box gives every camera of the store its own algorithms, each exchanged while it runs.

A label `algorithm@version` is track, line_count, zone_dwell, heatmap, uniform, incident, or any algorithm of the vision engine's
catalogue; `settings` (beyond the catalogue's row) sets one for the store, by algorithm or by label, and a label with settings of its own
is a version of its own (a `salt` there names a secret). The zones table says what a camera sees: without its polygon or homography only
floor metres tell a zone.

A changed config asks for another version with the first frame after it. It loads beside the old one, takes over with the frame after
that during which it became warm, and is on trial for its first three runs; what failed is not tried again until something else is asked
for. A version that exists nowhere is one that cannot be loaded, not a wrong config: the others go on.

Costs on pixels are measured. Frames are never logged, so no run is ever repeated from the log or compared with it. What
a scene costs is stated and 0 where it is not: `cost_ms: {detector: 20, track: 5}` and `load_s: {"zone_dwell@2": 4}`, in the scene or in
the camera's settings. `algorithm` on an object of a scene names who found it; boxes with no name may be anybody's and fuse with any.
`strides` takes `detections` too: on which frames the fused boxes are told. Cameras that `camera_sets` names are expected from the start,
others from their first frame. No frame, face or picture is kept: only counts, places and tracks of one camera.
"""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

Label = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*@[1-9][0-9]{0,5}$")]
Stride = Annotated[int, Field(ge=1, le=250)]
WARM_UP = ("warm_up_failed", "was not loaded", "未能加载")
TAKEN_BACK = ("taken_back", "failed on its first frames", "在最初几帧出错")


class EdgeVisionTerminal(Solution):
    number = 112
    zh, en = "新零售智能边缘视觉终端", "Multi-algorithm edge vision terminal"
    purpose_zh = "一台边缘盒子为每个已有摄像机配置各自的算法组合，算法可在运行中更换，无需重新布线或更换摄像机即可统计门店。"
    formats = ("supermarket", "mall", "specialty")
    produces = ("vision.detections", "vision.track", "vision.count", "vision.zone", "vision.heatmap", "vision.incident", "vision.shelf",
                "vision.item", "vision.text", "vision.plate", "device.status", "insight.report")  # fmt: skip
    adapters = ("camera",)
    reads = ("zones",)
    load = "vision"
    kpis = {
        "frames_analysed": kpi("count", "Frames analysed", "已分析帧数"),
        "skipped_runs": kpi("%", "Skipped runs", "跳过的运行占比"),
        "frames_lost_in_swaps": kpi("count", "Frames lost in swaps", "更换中丢失的帧"),
        "camera_uptime": kpi("%", "Camera uptime", "摄像机在线率"),
    }

    class Config(SolutionConfig):
        camera_sets: dict[str, list[Label]] = setting(lambda: {}, "Algorithms of each camera", "各摄像机的算法",
            help_en="algorithm@version, most important first; a camera not named runs the default set.",
            help_zh="按重要性排列的 算法@版本；未列出的摄像机运行默认组合。")  # fmt: skip
        default_set: list[Label] = setting(lambda: ["track@1", "zone_dwell@1", "heatmap@1"], "Default set", "默认组合",
            help_en="What a camera runs that is not named above.", help_zh="上面未列出的摄像机所运行的算法。")  # fmt: skip
        strides: dict[str, Stride] = setting(lambda: {"zone_dwell": 5, "uniform": 25}, "Run on every n-th frame", "每 n 帧运行一次",
            unit="frames",
            help_en="By algorithm; every frame where it is not named.", help_zh="按算法设置；未列出的每帧运行。")  # fmt: skip
        budget_ms: int = setting(80, "Compute time of a frame", "单帧计算时间预算", unit="ms", ge=10, le=1000,
            help_en="Algorithms that do not fit are left out from the end of the list.",
            help_zh="超出时从列表末尾起跳过算法。")  # fmt: skip
        fusion_iou: float = setting(0.55, "Overlap of one object", "同一物体的重叠度", ge=0.3, le=0.9,
            help_en="From which two algorithms' boxes of one class are one object.",
            help_zh="两种算法同类框的重叠达到此值即视为同一物体。")  # fmt: skip
        swap_timeout_s: int = setting(30, "Time to load a new version", "新版本加载时限", unit="s", ge=5, le=300,
            help_en="The longest time in which it may load and warm up.", help_zh="加载并预热的最长时间。")  # fmt: skip
        offline_s: int = setting(20, "Silence of an offline camera", "判定离线的静默时长", unit="s", ge=5, le=600,
            help_en="After this time without a frame a camera counts as offline.",
            help_zh="超过此时间没有画面即视为离线。")  # fmt: skip
        settings: dict[str, dict[str, Any]] = setting(lambda: {}, "Settings of algorithms", "算法参数",
            help_en="By algorithm or algorithm@version; see the algorithms' own forms.",
            help_zh="按算法或 算法@版本 填写，见各算法的参数表。")  # fmt: skip

    def start(self):
        self.state["day"] = {"from": plain(self.now), "cameras": {}}
        for camera in self.config.camera_sets:
            self._camera(camera)

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision.fusion import FusedView

        name = event["camera"]
        camera = self._camera(name)
        if camera["last"] is not None and event.time <= parse_time(camera["last"]):
            return
        yield from self._present(name, camera, event.time)
        line_up = self._line_up(name, camera)
        labels = self.config.camera_sets.get(name, self.config.default_set)
        view = FusedView(self.workers.vision.view(event.data, event.time), self.config.fusion_iou)
        load_s = self._stated(name, view.scene, "load_s")
        for algorithm in line_up.ask(labels, self.config.settings, event.time, load_s, pixels=view.scene is None):
            self.timers.set("swap", f"{algorithm}|{name}", event.time + timedelta(seconds=self.config.swap_timeout_s))
        turn = line_up.turn(view, self.config.strides, self.config.budget_ms, self._stated(name, view.scene, "cost_ms"))
        line_up.tend(event.time, load_s)
        self._count(name, line_up, turn)
        yield from self._readings(view, turn)
        yield from self._troubles(name, camera, line_up, turn.switched_off)

    @timer("swap")
    def swap_over(self, due):
        algorithm, _, name = due.key.partition("|")
        camera = self._camera(name)
        line_up = self._line_up(name, camera)
        line_up.overdue(algorithm, due.time)
        return self._troubles(name, camera, line_up, {})

    @timer("silent")
    def silent(self, due):
        camera = self._camera(due.key)
        since = parse_time(camera["last"] or camera["since"])
        waits_until = since + timedelta(seconds=self.config.offline_s)
        if waits_until > due.time:
            self.timers.set("silent", due.key, waits_until)
            return
        self._account(due.key, camera, due.time)
        self.timers.set("silent", due.key, due.time + timedelta(seconds=self.config.offline_s))
        if not camera["offline"]:
            camera["offline"] = True
            yield self._status(
                due.key, "offline", "no_frames", since, f"No frame since {since:%H:%M:%S} UTC", f"自 {since:%H:%M:%S}（UTC）起无画面"
            )

    @on_table("zones")
    def zones_changed(self, table):
        """What the old zones made impossible may be possible now."""
        for key in [key for key in self.state if key.startswith("camera:")]:
            self.state[key]["line_up"].get("refused", {}).clear()

    @every("1d", at="close")
    def closing(self, due):
        day = self.state["day"]
        for key in sorted(key for key in self.state if key.startswith("camera:")):
            self._account(key[7:], self.state[key], due.time)
        rows = [{"camera": name, **counts} for name, counts in sorted(day["cameras"].items())]
        runs, skipped = (sum(sum(row[part].values()) for row in rows) for part in ("runs", "skipped"))
        up_s, whole_s = sum(row["up_s"] for row in rows), sum(row["whole_s"] for row in rows)
        figures = {
            "frames_analysed": (sum(row["frames"] for row in rows), "count"),
            "skipped_runs": (100 * skipped / (runs + skipped) if runs + skipped else None, "%"),
            "frames_lost_in_swaps": (sum(row["lost"] for row in rows), "count"),
            "camera_uptime": (100 * up_s / whole_s if whole_s else None, "%"),
        }
        figures = {name: {"value": value, "unit": unit} for name, (value, unit) in figures.items() if value is not None}
        day_of = self.store.hours.store_day(due.time - timedelta(seconds=1)).isoformat()
        window = {"from": parse_time(day["from"]), "to": due.time}
        self.state["day"] = {"from": plain(due.time), "cameras": {}}
        kind = "edge_vision_terminal"
        return out("insight.report", window, report=f"{kind}-{day_of}", kind=kind, version=1, figures=figures, rows=rows)

    def _camera(self, name):
        """A camera's state; one that is new is expected to send a frame from now on."""
        key = f"camera:{name}"
        if key not in self.state:
            now = plain(self.now)
            self.state[key] = {"last": None, "since": now, "accounted": now, "offline": False, "troubled": False, "line_up": {}}
            self.timers.set("silent", name, self.now + timedelta(seconds=self.config.offline_s))
        return self.state[key]

    def _device(self, name):
        return next((one for one in self.devices.get("camera", ()) if one.id == name), None)

    def _stated(self, name, scene, what):
        """Costs or loading times that the camera's settings and the scene state."""
        device = self._device(name)
        return {**(device.settings.get(what, {}) if device else {}), **(scene or {}).get(what, {})}

    def _line_up(self, name, camera):
        from storeloom.workers.vision.lineup import LineUp
        from storeloom.workers.vision.places import places_of
        from storeloom.workers.vision.versions import Site

        device = self._device(name)
        zone, uniform = (device.zone, tuple(device.settings.get("uniform", ()))) if device else (None, ())
        places = self.tables.zones.derived(f"places of {name} in {zone}", lambda rows: places_of(name, rows, zone))
        named = {given["salt"] for given in self.config.settings.values() if "salt" in given}
        secrets = tuple((secret, self.secret(secret)) for secret in sorted(named))
        return LineUp(camera["line_up"], Site(name, places, uniform, secrets), self.workers.vision)

    def _present(self, name, camera, at):
        """A frame came: the time since the last one counts, and a camera that was offline is back."""
        self._account(name, camera, at)
        camera["last"] = plain(at)
        if camera["offline"]:
            camera["offline"] = False
            yield self._status(name, "online", "frames", at, "Frames again", "画面已恢复")

    def _account(self, name, camera, now):
        """Count the time since the last accounting as up until `offline_s` after the last frame, and as down from then on."""
        start = parse_time(camera["accounted"])
        if now <= start:
            return
        up_to = parse_time(camera["last"]) + timedelta(seconds=self.config.offline_s) if camera["last"] else start
        up_s, whole_s = max((min(now, up_to) - start).total_seconds(), 0.0), (now - start).total_seconds()
        camera["accounted"] = plain(now)
        self.kpi.share("camera_uptime", up_s, whole_s)
        counts = self._counts(name)
        counts["up_s"] += up_s
        counts["whole_s"] += whole_s

    def _counts(self, name):
        empty = {"frames": 0, "runs": {}, "skipped": {}, "lost": 0, "up_s": 0.0, "whole_s": 0.0}
        return self.state["day"]["cameras"].setdefault(name, empty)

    def _count(self, name, line_up, turn):
        counts, running = self._counts(name), line_up.kept["running"]
        counts["frames"] += 1
        for part, algorithms in (("runs", (*turn.ran, *turn.failed)), ("skipped", turn.skipped)):
            for algorithm in algorithms:
                label = running[algorithm][0]
                counts[part][label] = counts[part].get(label, 0) + 1
        lost = any(algorithm in turn.failed for algorithm in turn.taken_back)
        counts["lost"] += lost
        self.kpi.add("frames_analysed")
        self.kpi.add("frames_lost_in_swaps", int(lost))
        self.kpi.share("skipped_runs", len(turn.skipped), len(turn.ran) + len(turn.failed) + len(turn.skipped))

    def _readings(self, view, turn):
        """What the algorithms read, and the boxes of all of them, those of one object fused."""
        from storeloom.workers.vision.fusion import with_boxes

        own = {}
        for algorithm, readings in turn.found.items():
            for reading in readings:
                if reading.stream == "vision.detections":
                    own.setdefault(algorithm, []).extend(reading.data["boxes"])
                else:
                    yield out(reading.stream, dict(reading.data))
        if view.seq % self.config.strides.get("detections", 1) == 0 and (turn.found or own):
            boxes = [thing.as_json() for thing in with_boxes(view.observation.objects, own, self.config.fusion_iou)]
            if boxes:
                yield out("vision.detections", camera=view.camera, seq=view.seq, boxes=boxes, model="+".join(("detector", *sorted(own))))

    def _troubles(self, name, camera, line_up, switched_off):
        """Say which versions were not taken over and why, and when nothing is wrong any more."""
        for news in line_up.news:
            code, en, zh = TAKEN_BACK if news.kind == "taken_back" else WARM_UP
            why_en, why_zh = ("not ready in time", "未能按时就绪") if news.late else (news.why, news.why)
            goes_on_en, goes_on_zh = (
                (f"{news.running} goes on", f"{news.running} 继续运行") if news.running else ("Nothing runs", "暂无运行")
            )
            metrics = {"algorithm": news.name, "asked": news.asked, "running": news.running}
            words = f"{news.asked} {en}: {why_en}. {goes_on_en}.", f"{news.asked} {zh}：{why_zh}。{goes_on_zh}。"
            yield self._status(name, "degraded", code, self.now, *words, metrics=metrics)
        for algorithm, words in switched_off.items():
            yield self._status(name, "degraded", "algorithm_off", self.now, words["en"], words["zh"], metrics={"algorithm": algorithm})
        off = any(not entry["on"] for entry in line_up.kept.get("set", {}).get("algorithms", {}).values())
        troubled = bool(off or line_up.kept["refused"])
        if camera["troubled"] and not troubled:
            yield self._status(name, "online", "all_running", self.now, "All that was asked for runs", "所需算法均在运行")
        camera["troubled"] = troubled

    def _status(self, name, state, code, since, en, zh, metrics=None):
        metrics = {key: value for key, value in (metrics or {}).items() if value is not None} or None
        return out("device.status", device=name, kind="camera", state=state, code=code, text=self.say(en, zh), since=since, metrics=metrics)


@hookimpl
def storeloom_config_problems(config, store):
    """Algorithms must be known, named once a camera, and their settings of the form that they declare."""
    from storeloom.workers.vision.errors import VisionError
    from storeloom.workers.vision.versions import NAMES, Site, build, order_of

    sets = {f"camera_sets.{camera}": labels for camera, labels in config["camera_sets"].items()} | {"default_set": config["default_set"]}
    checks = [(path, lambda labels=labels: order_of(labels)) for path, labels in sets.items()]
    own = config["settings"]
    site = Site("camera", secrets=tuple({(given["salt"], "0" * 16) for given in own.values() if isinstance(given.get("salt"), str)}))
    for key in own:
        label = key if "@" in key else f"{key}@1"
        checks.append((f"settings.{key}", lambda label=label: build(label, site, own)))
    known = ", ".join(NAMES)
    problems = []
    for path, check in checks:
        try:
            check()
        except VisionError as error:
            problems.append(Problem(path, error.what, f"算法或参数有误：{error.what}", error.remedy, error.remedy))
    for name in config["strides"]:
        if name not in NAMES and name != "detections":
            en, zh = f"There is no algorithm '{name}'.", f"没有算法“{name}”。"
            problems.append(Problem(f"strides.{name}", en, zh, f"Known: {known}, detections.", f"可用：{known}、detections。"))
    return problems
