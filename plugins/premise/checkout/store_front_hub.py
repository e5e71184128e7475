"""Store front-end hub: for chains tired of fitting every device to every till: one host that takes scanners, signage, printers, cameras,
shelf labels, scales, recognition and people-location devices by standard interface, runs till and AI side by side and keeps the till
selling when a part fails.

A device is known from its first message, a `device.status` that states its kind, or what scanners and scales send. One of its first three
that breaks the schema of its stream, is no message of its kind, or states another kind makes it nonconforming: it is never used, and only a
new device id is admitted again. A report of offline or fault counts like silence; the host itself is not watched. A backup that nobody has
heard yet is used only when no other is left. A print job is done once a `device.status` echoes it (`cmd`, `job`, or `metrics.job`).

A receipt is open until its till's last `pos.scan` is of kind end, park, or a void of the whole. The relay of a device is that of its row in
the assets table; one that has none, or that stays silent a minute after its last restart, needs a visit. The host tells its load as
`cpu_pct` among its metrics, and what each guest wants as `guests`; what they are given leaves as the host's `device.status`.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel import schemas
from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.checkout import front_end

FIRST_MESSAGES = 3
BETWEEN_CYCLES = SHED_STEP = timedelta(seconds=60)
SHED_BACK = 15
SELLING = ("scanner", "printer", "scale", "payment", "kiosk", "pos", "drawer")
TILLS = ("self_checkout", "mobile_pos", "scan_and_go")
Guest = Literal["till", "surveillance", "signage", "labels", "recognition"]
Share = Annotated[float, Field(ge=0, le=100)]


class StoreFrontHub(Solution):
    number = 168
    zh, en = "数智化门店前端一体机", "Store front-end hub"
    purpose_zh = "一台主机以标准接口接入扫码、标牌、打印、摄像、价签、秤、识别与人员定位设备，收银与 AI 并行，部件故障时收银不停。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("device.status", "print.job", "relay.set", "alert.raise", "task.create")
    adapters = ("scanner", "printer", "scale?", "camera?", "signage?", "esl_gateway?", "display?", "relay?")
    reads = ("assets",)
    kpis = {
        "till_availability": kpi("%", "Open minutes in which the till could sell", "收银可用率"),
        "failovers": kpi("count", "Stand-ins taken over", "切换次数"),
        "recovered_without_visit": kpi("%", "Faults over without a visit", "免上门恢复率"),
        "nonconforming_devices": kpi("count", "Nonconforming devices", "不合规设备数"),
    }
    kinds = {
        "device_offline": ("Front-end device offline", "前端设备离线"),
        "nonconforming_device": ("Device breaks its interface", "设备不符合接口"),
        "shed": ("AI work shed for the till", "为保收银暂停 AI 任务"),
        "device_visit": ("Visit a front-end device", "上门检修前端设备"),
    }

    class Config(SolutionConfig):
        heartbeat_s: int = setting(10, "Time between reports", "上报间隔", unit="s", ge=1, le=300,
            help_en="Expected time between a device's reports.", help_zh="设备两次上报的预期间隔。")  # fmt: skip
        miss_limit: int = setting(3, "Missed reports", "漏报次数", ge=1, le=20,
            help_en="Missed reports that mean offline.", help_zh="漏报达到此数视为离线。")  # fmt: skip
        backups: dict[str, list[str]] = setting({}, "Stand-ins", "备用设备",
            help_en="Device to stand-ins of the same kind, in order.", help_zh="设备对应的同类备用设备，按顺序。")  # fmt: skip
        failback_s: int = setting(120, "Health before it is used again", "恢复使用前的正常时长", unit="s", ge=0, le=3600,
            help_en="A device must be well for so long before it is used again.", help_zh="设备须正常这么久才恢复使用。")  # fmt: skip
        cycle_off_s: int = setting(5, "Power cut of a restart", "重启断电时长", unit="s", ge=1, le=60,
            help_en="Power cut of a restart through the device's relay.", help_zh="经继电器重启时的断电时间。")  # fmt: skip
        cycles_day: int = setting(3, "Restarts a day", "每日重启次数", ge=0, le=20,
            help_en="Restarts a device may get in a store day.", help_zh="每台设备每个营业日最多重启次数。")  # fmt: skip
        shed_at: float = setting(85, "Load that sheds AI work", "触发降载的负荷", unit="%", ge=50, le=99,
            help_en="Processor load of the host that starts shedding AI work.",
            help_zh="主机处理器负荷达到此值开始暂停 AI 任务。")  # fmt: skip
        shed_order: list[str] = setting([], "Who is shed first", "降载顺序",
            help_en="Solution instances; the till's own must not be among them.", help_zh="方案实例；不得包含收银。")  # fmt: skip
        guest_shares: dict[Guest, Share] = setting(
            {"till": 30, "surveillance": 20, "signage": 10, "labels": 5, "recognition": 35}, "Processor shares", "处理器份额", unit="%",
            help_en="Of the systems on the host; 100 in all at most.", help_zh="主机上各系统的份额，合计不超过 100。")  # fmt: skip

    # --- devices ---

    @on("device.status")
    def reported(self, event):
        device, kind = event.get("device"), event.get("kind")
        if device is None:
            return
        self._echoed(event)
        known = yield from self._heard("device.status", device, kind, event)
        if known is None:
            return
        if kind == "host":
            yield from self._host(device, event.get("metrics") or {})
        elif event.get("state") in ("offline", "fault"):
            yield from self._failed(device, known)
        elif event.get("state") == "nonconforming":
            yield from self._bar(device, known, self.say("reported as nonconforming", "被报告为不合规"))
        else:
            self._well(device, known)

    @on("scanner.code?")
    def scanned(self, event):
        yield from self._sent("scanner.code", "scanner", event)

    @on("scale.reading?")
    def weighed(self, event):
        yield from self._sent("scale.reading", "scale", event)

    def _sent(self, stream, kind, event):
        if event.get(kind) and (known := (yield from self._heard(stream, event[kind], kind, event))):
            self._well(event[kind], known)

    def _heard(self, stream, device, kind, event):
        """The record of a device after one more message; None for one that is not to be used."""
        fresh = {"kind": kind, "messages": 0, "barred": False, "down": None, "well": None, "backup": None, "visit": False, "cycles": None}
        known = self.state.setdefault(f"device:{device}", fresh)
        known["messages"] += 1
        if known["messages"] <= FIRST_MESSAGES and not known["barred"]:
            wrong = schemas.first_error(schemas.stream_file(stream), dict(event.data))
            feeds = schemas.adapter_kinds().get(known["kind"], {}).get("feeds", (stream, "device.status"))
            if wrong is None and (kind != known["kind"] or (stream != "device.status" and stream not in feeds)):
                wrong = self.say(f"a {known['kind']} says it is a {kind}", f"设备类型 {known['kind']} 与 {kind} 不一致")
            if wrong:
                yield from self._bar(device, known, wrong)
        return None if known["barred"] else known

    def _bar(self, device, known, why):
        if known["barred"]:
            return
        known["barred"] = True
        self.kpi.add("nonconforming_devices")
        self.timers.cancel("silent", device)
        kind = known["kind"] or "unknown"
        yield out("device.status", device=device, kind=kind, state="nonconforming", text=str(why), since=self.now)
        text = self.say(f"{device} ({kind}) is not used: {why}", f"{device}（{kind}）不予使用：{why}")
        yield out("alert.raise", alert=f"nonconforming:{device}", kind="nonconforming_device", severity="warn", state="open",
                  subject=device, **self._place(device), text=text)  # fmt: skip

    def _well(self, device, known):
        self.timers.set("silent", device, self.now + timedelta(seconds=self.config.heartbeat_s * self.config.miss_limit))
        if known["down"] and known["well"] is None:
            known["well"] = plain(self.now)
            self.timers.cancel("cycle", device)
            self.timers.set("failback", device, self.now + timedelta(seconds=self.config.failback_s))

    @timer("silent")
    def silent(self, due):
        yield from self._failed(due.key, self.state[f"device:{due.key}"])

    def _failed(self, device, known):
        """Switch to a stand-in, tell the tills, and try to bring the device back."""
        self.timers.cancel("silent", device)
        self.timers.cancel("failback", device)
        known["well"] = None
        if known["down"] is None:
            known |= {"down": plain(self.now), "visit": False}
            yield from self._switch(device, known)
            for other, record in self._devices():
                if record["backup"] == device and record["down"]:
                    yield from self._switch(other, record)
        yield from self._recover(device, known)

    def _switch(self, device, known):
        heard = {one: {"kind": row["kind"], "use": row["down"] is None and not row["barred"]} for one, row in self._devices()}
        bound = {one.id: one.kind for group in self.devices.values() for one in group}
        places = (device, known["backup"])
        known["backup"] = front_end.stand_in(self.config.backups.get(device, ()), known["kind"], heard, bound)
        self.kpi.add("failovers", int(known["backup"] is not None))
        yield out("device.status", device=device, kind=known["kind"], state="offline", backup=known["backup"], since=known["down"])
        stand_in = known["backup"] or self.say("no stand-in", "无备用设备")
        text = self.say(f"{device} is offline, in its place: {stand_in}", f"{device} 离线，接替：{stand_in}")
        yield out("alert.raise", alert=f"offline:{device}", kind="device_offline", severity="warn" if known["backup"] else "high",
                  state="open", subject=device, **self._place(device), text=text)  # fmt: skip
        if known["backup"]:
            for job in front_end.print_order(self._waiting(places)):
                yield self._reprint(job, known["backup"])

    @timer("failback")
    def healthy(self, due):
        yield from self._failback(due.key)

    def _failback(self, device):
        """Use it again, once it was well for long enough and no receipt is open."""
        known = self.state[f"device:{device}"]
        if self._receipt_open():
            return
        self.timers.cancel("failback", device)
        self.kpi.share("recovered_without_visit", int(not known["visit"]), 1)
        known |= {"down": None, "well": None, "backup": None}
        yield out("device.status", device=device, kind=known["kind"], state="online", since=self.now)
        text = self.say(f"{device} is back", f"{device} 已恢复")
        yield out(
            "alert.raise", alert=f"offline:{device}", kind="device_offline", severity="info", state="cleared", subject=device, text=text
        )

    # --- restarts ---

    def _recover(self, device, known):
        """Cut its power for a moment, not while a receipt is open; where that is not possible or did not help, somebody has to come."""
        if known["down"] is None or known["well"] or known["visit"]:
            return
        relay, day = self._asset(device).get("relay"), self.store.hours.store_day(self.now).isoformat()
        cycles = known["cycles"] if known["cycles"] and known["cycles"]["day"] == day else {"day": day, "count": 0, "last": None}
        again = parse_time(cycles["last"]) + BETWEEN_CYCLES if cycles["last"] else self.now
        if again > self.now:
            self.timers.set("cycle", device, again)
        elif not relay or cycles["count"] >= self.config.cycles_day:
            known["visit"] = True
            title = self.say(f"Visit {device}: offline", f"检修 {device}：离线")
            yield out("task.create", task=f"visit:{device}:{known['down']}", kind="device_visit", title=title, priority=2,
                      role="technician", **self._place(device))  # fmt: skip
        elif not self._receipt_open():
            known["cycles"] = {"day": day, "count": cycles["count"] + 1, "last": plain(self.now)}
            self.timers.set("power", relay, self.now + timedelta(seconds=self.config.cycle_off_s))
            self.timers.set("cycle", device, self.now + BETWEEN_CYCLES)
            yield out("relay.set", relay=relay, on=False, reason=f"restart {device}")

    @timer("power")
    def power_on(self, due):
        yield out("relay.set", relay=due.key, on=True, reason="restart")

    @timer("cycle")
    def still_silent(self, due):
        yield from self._recover(due.key, self.state[f"device:{due.key}"])

    @on("pos.scan?")
    def rung(self, event):
        closed = event["kind"] in ("end", "park") or (event["kind"] == "void" and event.get("line") is None and not event.get("gtin"))
        self.state.setdefault("open", {})[event["till"]] = not closed
        if self._receipt_open():
            return
        ripe = timedelta(seconds=self.config.failback_s)
        for device, known in self._devices():
            if known["down"] and known["well"] and self.now - parse_time(known["well"]) >= ripe:
                yield from self._failback(device)
            elif known["down"]:
                yield from self._recover(device, known)

    def _receipt_open(self):
        return any(self.state.get("open", {}).values())

    # --- printing ---

    @on("print.job?")
    def to_print(self, event):
        key, known = f"job:{event['job']}", self.state.get(f"device:{event['printer']}")
        if key in self.state:
            return
        self.state[key] = dict(event.data) | {"cmd": event.get("cmd") or event.id, "at": plain(self.now), "done": False}
        if known and known["down"] and known["backup"]:
            yield self._reprint(self.state[key], known["backup"])

    def _waiting(self, printers):
        jobs = [self.state[key] for key in self.state if key.startswith("job:")]
        return [job for job in jobs if job["printer"] in printers and not job["done"]]

    def _reprint(self, job, printer):
        job["printer"] = printer
        fields = {name: value for name, value in job.items() if name not in ("at", "done")}
        return out("print.job", **fields)

    def _echoed(self, event):
        done = {event.get("cmd"), event.get("job"), (event.get("metrics") or {}).get("job")} - {None}
        for key in [key for key in self.state if key.startswith("job:")] if done else ():
            if done & {self.state[key]["cmd"], self.state[key]["job"]}:
                self.state[key]["done"] = True

    # --- the host ---

    def _host(self, device, metrics):
        if wanted := metrics.get("guests"):
            given = front_end.allot(self.config.guest_shares, wanted)
            if given != self.state.get("allotted"):
                self.state["allotted"] = given
                yield out("device.status", device=device, kind="host", state="online", metrics={"shares": given})
        if (load := metrics.get("cpu_pct")) is None:
            return
        self.state["load"] = load
        if load < self.config.shed_at:
            self.timers.cancel("shed", device)
        elif self.timers.get("shed", device) is None:
            self.timers.set("shed", device, self.now + SHED_STEP)
        shed = self.state.setdefault("shed", [])
        while shed and load < self.config.shed_at - SHED_BACK:
            yield self._shed(shed.pop(), "cleared")

    @timer("shed")
    def overloaded(self, due):
        shed = self.state.setdefault("shed", [])
        left = [one for one in self.config.shed_order if one not in shed]
        if left:
            shed.append(left[0])
            self.timers.set("shed", due.key, due.time + SHED_STEP)
            yield self._shed(left[0], "open")

    def _shed(self, instance, state):
        what = (
            self.say(f"{instance} paused", f"{instance} 已暂停") if state == "open" else self.say(f"{instance} back", f"{instance} 已恢复")
        )
        return out("alert.raise", alert=f"shed:{instance}", kind="shed", severity="warn" if state == "open" else "info", state=state,
                   subject=instance, text=what, value=self.state["load"], limit=self.config.shed_at, unit="%")  # fmt: skip

    @every("1m", only="open")
    def minute(self, due):
        selling = [known for _, known in self._devices() if known["kind"] in SELLING and not known["barred"]]
        if selling:
            self.kpi.share("till_availability", int(not any(known["down"] and not known["backup"] for known in selling)), 1)

    @every("1d", at="03:00")
    def clear(self, due):
        yesterday = due.time - timedelta(days=1)
        for key in [key for key in self.state if key.startswith("job:") and parse_time(self.state[key]["at"]) < yesterday]:
            del self.state[key]

    def _devices(self):
        return [(key.removeprefix("device:"), self.state[key]) for key in sorted(self.state) if key.startswith("device:")]

    def _place(self, device):
        row = self._asset(device)
        return {"asset": row.get("asset"), "zone": row.get("zone")}

    def _asset(self, device):
        return next((row for row in self.tables.assets.rows() if device in (row.get("device"), row["asset"])), {})


@hookimpl
def storeloom_config_problems(config, store):
    found = []
    if sum(config["guest_shares"].values()) > 100:
        found.append(
            Problem("guest_shares", "The shares come to more than 100 %", "份额合计超过 100%", "Lower some of them.", "请调低部分份额。")
        )
    if any(one in TILLS or "till" in one.split("_") for one in config["shed_order"]):
        found.append(Problem("shed_order", "A till must not be shed", "收银不得被暂停", "Take it out of the list.", "请从列表中移除。"))
    return found
