"""Remote video audit: unforeseeable, blurred snapshots from the cameras that a store has, judged at a desk, with checks on the judges.

A picture is the first frame at or after the time drawn; a camera that sends none until its window ends gets a fault task too. With no
questions each camera's own id is the item, one picture in each hour of opening. On days on which the store stays closed nothing is drawn.
Judges are the staff with the role `auditor` (drawn too), else whoever answers; a second answer of the same person to one picture does not
count and is asked of another. An answer is `values.verdict` (pass, fail, not_visible), the item's own value, or the task's state approved
or rejected. In a scene `luma` and `blur_var` stand for brightness and sharpness, usable where it says neither. An item's score is that of
the month so far, each day at closing; the month of a double is that of its second verdict.

Privacy: people are hidden where they are or were in the second before, then the picture is kept in this solution's picture folder with
purpose and end; at its end it is deleted, judged or not. Verdicts stay as counts, and by pair of judges.
"""

import re
from datetime import timedelta

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, plain

LEAD, RETRY, RETRIES = timedelta(seconds=2), timedelta(seconds=60), 3
LEAST_DOUBLES = 30
VERDICTS = {"pass": "pass", "ok": "pass", "yes": "pass", "true": "pass", "fail": "fail", "no": "fail", "false": "fail",
    "not_visible": "not_visible"}  # fmt: skip
CLOCK = r"^([01]?\d|2[0-4]):[0-5]\d$"


class Question(SolutionConfig):
    item: str = Field(title="Checklist item", json_schema_extra={"x-zh": "检查项"})
    camera: str = Field(title="Camera", json_schema_extra={"x-zh": "摄像机", "x-widget": "device"})
    from_: str = Field(alias="from", pattern=CLOCK, title="From", json_schema_extra={"x-zh": "开始", "x-widget": "time"})
    to: str = Field(pattern=CLOCK, title="To", json_schema_extra={"x-zh": "结束", "x-widget": "time"})
    shots: int = Field(1, ge=1, le=1440, title="Pictures a day", json_schema_extra={"x-zh": "每日张数"})


class RemoteVideoAudit(Solution):
    number = 138
    zh, en = "远程视频巡店", "Remote video audit"
    purpose_zh = "用现有摄像头在不可预知的时刻抓拍并模糊人像，由总部远程判定，并校验判定人的一致性，省去差旅。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("task.create", "score.report", "insight.report", "alert.raise")
    adapters = ("camera",)
    reads = ("checklists", "zones", "staff")
    load = "vision"
    kpis = {
        "items_judged": kpi("count", "Pictures judged", "已判定图片数"),
        "pass_rate": kpi("%", "Passed", "合格率"),
        "judge_agreement": kpi("kappa", "Agreement of judges", "判定一致性"),
        "unusable_pictures": kpi("%", "Unusable pictures", "不可用图片占比"),
    }
    kinds = {
        "judge_picture": ("Judge a picture", "远程判定图片"),
        "corrective": ("Put right what an audit found", "巡店整改"),
        "camera_fault": ("Camera gives no usable picture", "摄像机画面不可用"),
        "recalibrate_judges": ("Judges disagree", "判定人需重新校准"),
    }

    class Config(SolutionConfig):
        questions: list[Question] = setting(list, "Questions", "巡查问题", help_en="Empty: one picture an hour of each camera.",
            help_zh="留空则每台摄像机每小时一张。")  # fmt: skip
        dark_luma: float = setting(35, "Unusable when darker than", "最低亮度", ge=0, le=255,
            help_en="Mean brightness of the picture.", help_zh="画面平均亮度。")  # fmt: skip
        blur_var: float = setting(60, "Unusable when less sharp than", "最低清晰度", ge=0, le=2000,
            help_en="Variance of the Laplacian.", help_zh="拉普拉斯方差。")  # fmt: skip
        double_pct: float = setting(10, "Judged by two people", "双人判定比例", unit="%", ge=0, le=100)
        kappa_min: float = setting(0.60, "Judges are recalibrated below", "一致性下限", ge=0, le=1,
            help_en="Cohen's kappa of a pair with at least 30 doubles.", help_zh="双人判定满30张的组合的 Cohen's kappa。")  # fmt: skip
        judge_h: int = setting(8, "Time to judge", "判定时限", unit="h", ge=1, le=72)
        retain_days: int = setting(30, "Life of a picture", "图片保存天数", unit="days", ge=1, le=180)

    # When pictures are taken

    def start(self):
        self._plan_day(self.store.hours.store_day(self.now))
        self._plan_hour(self._cameras(), self.now)

    @every("1d", at="00:00")
    def new_day(self, due):
        today = self.store.hours.store_day(due.time)
        self._plan_day(today)
        if today.day == 1:
            yield from self._month_over(today - timedelta(days=1), due.time)

    @every("1h")
    def new_hour(self, due):
        self._plan_hour(self._cameras(), due.time)

    def _plan_day(self, day):
        """Each question's pictures of a day, unless the store stays closed on it."""
        hours = self.store.hours
        for question in self.config.questions if hours.day(day) else ():
            start, end = hours.at(day, question.from_), hours.at(day, question.to)
            end = end if end > start else hours.at(day + timedelta(days=1), question.to)
            self._draw(question.item, question.camera, day, start, end, range(question.shots))

    def _plan_hour(self, cameras, at):
        """One picture of each camera in this hour, as far as the store is open in it."""
        hours = self.store.hours
        local = hours.local(at)
        start = at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        span = hours.span(at) or hours.span(start + timedelta(minutes=59))
        if self.config.questions or span is None:
            return
        for camera in cameras:
            window = max(start, span[0]), min(start + timedelta(hours=1), span[1])
            self._draw(camera, camera, hours.store_day(start), *window, range(local.hour, local.hour + 1))

    def _draw(self, item, camera, day, start, end, numbers):
        seconds, taken = int((end - start).total_seconds()), set()
        for number in numbers[:seconds]:
            second = draw(self.store.id, day, item, number, modulus=seconds)
            while second in taken:
                second = (second + 1) % seconds
            taken.add(second)
            at = start + timedelta(seconds=second)
            slug = re.sub(r"[^\w.-]+", "-", item).strip("-.")[:24]
            shot = f"{day}-{number}-{draw(item, camera, start)}-{slug}"
            if at >= self.now and f"picture:{shot}" not in self.state:
                data = {"item": item, "camera": camera, "at": plain(at), "end": plain(end), "tries": 0}
                self.timers.set("ready", shot, max(at - LEAD, self.now), data)

    def _cameras(self):
        bound = [device.id for device in self.devices.get("camera", ())]
        return sorted({*bound, *self.state.get("seen", ())})

    @timer("ready")
    def ready(self, due):
        self.state.setdefault(f"waiting:{due.data['camera']}", {})[due.key] = dict(due.data)
        self.timers.set("missed", due.key, parse_time(due.data["end"]) + RETRIES * RETRY, dict(due.data))

    @timer("missed")
    def missed(self, due):
        camera = due.data["camera"]
        gone = self.state.get(f"waiting:{camera}", {}).pop(due.key, None)
        if gone is not None and (self.config.questions or camera in self.state.get("seen", ())):
            yield from self._fault(camera, due.time)

    # Taking them

    @on("camera.frame")
    def look(self, event):
        camera = event["camera"]
        if camera not in self.state.setdefault("seen", []):
            new = camera not in self._cameras()
            self.state["seen"].append(camera)
            if new:
                self._plan_hour([camera], event.time)
        waiting = self.state.get(f"waiting:{camera}", {})
        near = {shot: data for shot, data in waiting.items() if parse_time(data["at"]) - LEAD <= event.time}
        if not near:
            return
        from storeloom.workers.vision.algorithms.privacy import Privacy

        view = self.workers.vision.view(event.data, event.time)
        hidden = self.state[f"hidden:{camera}"] = Privacy().look(view, self.state.get(f"hidden:{camera}", {}))[0]
        for shot, data in near.items():
            if parse_time(data["at"]) <= event.time:
                yield from self._take(shot, data, view, hidden)

    def _take(self, shot, data, view, hidden):
        usable, waiting = self._usable(view), self.state[f"waiting:{view.camera}"]
        self.kpi.share("unusable_pictures", int(not usable), 1)
        if not usable and data["tries"] < RETRIES:
            waiting[shot] = {**data, "tries": data["tries"] + 1, "at": plain(view.time + RETRY)}
            self.timers.set("missed", shot, max(self.timers.get("missed", shot), view.time + 2 * RETRY), data)
            return
        del waiting[shot]
        self.timers.cancel("missed", shot)
        if not usable:
            yield from self._fault(view.camera, view.time)
            return
        self.state.get("faults", {}).pop(view.camera, None)
        until = view.time + timedelta(days=self.config.retain_days)
        if view.pixels is not None:
            from storeloom.workers.vision.algorithms.privacy import Privacy
            from storeloom.workers.vision.clarity import jpeg

            picture = jpeg(Privacy().hide(view, hidden))
            self.pictures.keep(f"{shot}.jpg", picture, purpose=f"remote audit: {data['item']}", delete_by=until)
        self.timers.set("expire", shot, until)
        double = draw(self.store.id, shot, "double") < 100 * self.config.double_pct
        picture = {"item": data["item"], "camera": view.camera, "taken": plain(view.time), "until": plain(until), "double": double,
                   "asked": 0, "answered": [], "verdicts": [], "settled": False}  # fmt: skip
        self.state[f"picture:{shot}"] = picture
        for _ in range(2 if double else 1):
            yield self._ask(shot, picture, view.time)

    def _usable(self, view):
        if view.pixels is not None:
            from storeloom.workers.vision.clarity import clarity

            return clarity(view.pixels).usable(self.config.dark_luma, self.config.blur_var)
        scene = view.scene or {}
        luma = scene.get("luma", scene.get("mean_luma", 255))
        return luma >= self.config.dark_luma and scene.get("blur_var", scene.get("laplacian_var", 2000)) >= self.config.blur_var

    def _fault(self, camera, at):
        """One open fault task a camera."""
        faults = self.state.setdefault("faults", {})
        if camera not in faults:
            task = faults[camera] = f"camera-{camera}-{plain(at)}"
            title = self.say(f"Camera {camera} gives no usable picture", f"摄像机 {camera} 无可用画面")
            yield out("task.create", task=task, kind="camera_fault", title=title, priority=2, asset=camera, zone=self._zone(camera),
                      role="maintenance", values={"camera": camera})  # fmt: skip

    @timer("expire")
    def expire(self, due):
        self.pictures.delete(f"{due.key}.jpg")
        self.state.pop(f"picture:{due.key}", None)

    # Judging them

    def _ask(self, shot, picture, at):
        """One more judge for a picture: none who was asked before, as far as they are known."""
        number = picture["asked"]
        picture["asked"] += 1
        rows = self.tables.staff.rows()
        judges = sorted(row["staff"] for row in rows if "auditor" in (row.get("roles") or ()) and not row.get("left"))
        staff = judges[(draw(self.store.id, shot, "judge") + number) % len(judges)] if len(judges) > number else None
        row = self._row(picture["item"])
        values = {key: picture[key] for key in ("item", "camera", "taken")}
        values |= {"picture": f"{shot}.jpg", "delete_by": picture["until"], "answers": ["pass", "fail", "not_visible"]}
        title = self.say(f"Judge: {row.get('text', picture['item'])}", f"判定：{row.get('text', picture['item'])}")
        return out("task.create", task=f"judge-{shot}-{number}", kind="judge_picture", title=title,
                   priority=3, zone=self._zone(picture["camera"]), role="auditor", staff=staff, checklist=row.get("checklist"),
                   due=at + timedelta(hours=self.config.judge_h), evidence="value", values=values)  # fmt: skip

    @on("task.done")
    def answered(self, event):
        task = event["task"]
        faults = self.state.get("faults", {})
        camera = next((camera for camera, open_task in faults.items() if open_task == task), None)
        if camera is not None and event["state"] in ("done", "approved", "cancelled"):
            del faults[camera]
        shot, _, number = task.removeprefix("judge-").rpartition("-")
        picture = self.state.get(f"picture:{shot}")
        verdict = _verdict(event, picture["item"]) if picture else None
        if verdict is None or picture["settled"] or number in picture["answered"]:
            return
        picture["answered"].append(number)
        if event["staff"] in [judge for judge, _ in picture["verdicts"]]:
            yield self._ask(shot, picture, event.time)
            return
        picture["verdicts"].append([event["staff"], verdict])
        said = picture["verdicts"]
        if len(said) == 2:
            (one, first), (other, second) = sorted(said)
            pair = self._month()["doubles"].setdefault(f"{one}|{other}", {})
            pair[f"{first}|{second}"] = pair.get(f"{first}|{second}", 0) + 1
        if len(said) == 2 and said[0][1] != said[1][1]:
            yield self._ask(shot, picture, event.time)
        elif len(said) > 1 or not picture["double"]:
            yield from self._settle(shot, picture, verdict, event)

    def _settle(self, shot, picture, verdict, event):
        picture["settled"] = True
        month = self._month()
        counts = month["items"].setdefault(picture["item"], {"pass": 0, "fail": 0, "not_visible": 0})
        counts[verdict] += 1
        month["changed"] = sorted({*month["changed"], picture["item"]})
        self.kpi.add("items_judged")
        if verdict != "not_visible":
            self.kpi.share("pass_rate", int(verdict == "pass"), 1)
        if verdict == "fail":
            row, item = self._row(picture["item"]), picture["item"]
            text = row.get("text", item)
            due = event.time + timedelta(hours=row["fix_h"]) if row.get("fix_h") else None
            yield out("task.create", task=f"fix-{shot}", kind="corrective", title=self.say(f"Put right: {text}", f"整改：{text}"),
                      priority=1 if row.get("critical") else 2, zone=self._zone(picture["camera"]), role=row.get("role", "manager"),
                      due=due, checklist=row.get("checklist"), evidence="photo", ref=event.ref,
                      values={"item": item, "camera": picture["camera"], "taken": picture["taken"], "picture": f"{shot}.jpg"})  # fmt: skip

    # Scores and judges

    @every("1d", at="close")
    def closing(self, due):
        day = self.store.hours.ended_day(due.time)
        yield from self._scores(day, due.time)

    def _scores(self, day, to):
        """Each item's score of the month so far, where a verdict has come since the last one."""
        month = self.state.get(f"month:{day:%Y-%m}", {"changed": []})
        span = {"from": self.store.hours.midnight(day.replace(day=1)), "to": to}
        for item in month["changed"]:
            counts = month["items"][item]
            judged = counts["pass"] + counts["fail"]
            yield out("score.report", span, scheme="remote_video_audit", subject_kind="item", subject=item,
                      score=100 * counts["pass"] / judged if judged else None,
                      parts=[{"name": name, "value": number, "unit": "count"} for name, number in counts.items()])  # fmt: skip
        month["changed"] = []

    def _month_over(self, day, to):
        yield from self._scores(day, to)
        month = self.state.pop(f"month:{day:%Y-%m}", None)
        if month is None:
            return
        from storeloom.workers.insight.agreement import cohen_kappa

        rows = []
        for pair, cells in sorted(month["doubles"].items()):
            found = cohen_kappa(tuple(cell.split("|")) for cell, times in cells.items() for _ in range(times))
            enough = found.count >= LEAST_DOUBLES and found.kappa is not None
            judges = pair.split("|")
            rows.append({"judges": judges, "doubles": found.count, "agreement": found.observed, "kappa": found.kappa if enough else None})
            if enough:
                yield from self._judge_pair(pair, found.kappa)
        known = [row for row in rows if row["kappa"] is not None]
        doubles = sum(row["doubles"] for row in known)
        kappa = sum(row["kappa"] * row["doubles"] for row in known) / doubles if doubles else None
        if kappa is not None:
            self.kpi.set("judge_agreement", kappa)
        totals = {name: sum(counts[name] for counts in month["items"].values()) for name in ("pass", "fail", "not_visible")}
        figures = {name: {"value": number, "unit": "count"} for name, number in totals.items()}
        figures |= {"judge_agreement": {"value": kappa, "unit": "kappa"}} if kappa is not None else {}
        yield out("insight.report", {"from": self.store.hours.midnight(day.replace(day=1)), "to": to}, report=f"remote-audit-{day:%Y-%m}",
                  kind="remote_video_audit", version=1, figures=figures, rows=rows)  # fmt: skip

    def _judge_pair(self, pair, kappa):
        """An alert asks two judges to be recalibrated; it is over when they agree again."""
        low, key = kappa < self.config.kappa_min, f"alert:{pair}"
        if low or key in self.state:
            names = pair.replace("|", ", ")
            text = self.say(f"Judges {names} agree with kappa {kappa:.2f}", f"判定人 {names} 一致性 kappa {kappa:.2f}")
            yield out("alert.raise", alert=f"kappa-{pair}", kind="recalibrate_judges", severity="warn", state="open" if low else "cleared",
                      subject=pair, text=text, value=kappa, limit=self.config.kappa_min, unit="kappa")  # fmt: skip
            self.state.pop(key, None)
            if low:
                self.state[key] = True

    # Helpers

    def _month(self):
        empty = {"items": {}, "doubles": {}, "changed": []}
        return self.state.setdefault(f"month:{self.store.hours.store_day(self.now):%Y-%m}", empty)

    def _row(self, item):
        return next((row for row in self.tables.checklists.rows() if row.get("item") == item), {})

    def _zone(self, camera):
        seen = [row["zone"] for row in self.tables.zones.rows() if camera in [one.get("camera") for one in row.get("cameras") or ()]]
        bound = [device.zone for device in self.devices.get("camera", ()) if device.id == camera]
        return next(iter(seen + bound), None)


def _verdict(event, item):
    """Pass, fail or not visible; None for an answer that is no verdict."""
    values = event.get("values") or {}
    said = next((values[key] for key in ("verdict", "answer", "result", item) if values.get(key) is not None), None)
    if said is not None:
        return VERDICTS.get(str(said).strip().lower().replace(" ", "_").replace("-", "_"))
    return {"approved": "pass", "rejected": "fail", "failed": "fail"}.get(event["state"])
