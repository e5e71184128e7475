"""Touchpoint device monitoring: watches screens, kiosks, labels, tills and carts as one estate, finds the common cause instead of fifty
alarms, and restarts what can be restarted.

A device is watched from its first status or probe on, one of the assets also from what it first does (a label shown, a film played, a
touch). Reports that it is offline or does not answer are none: they make it offline at once. Changes are those between online
and offline. A device that is down through an outage of its parent has no power cycle; when the parent is back and the device is not, its
wait begins anew. What is due while the store is closed is looked at when it opens.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

Beat = Annotated[int, Field(ge=5, le=86_400)]
HEARTBEAT_S = 60
LEAST_CHILDREN = 3
OFF_FOR = timedelta(seconds=10)
TASK_AFTER = timedelta(minutes=5)
QUIET = timedelta(minutes=30)
HOUR = timedelta(hours=1)
GONE = timedelta(days=30)


class TouchpointMonitor(Solution):
    number = 147
    zh, en = "触点设备统一监控", "Touchpoint device monitoring"
    purpose_zh = "把屏幕、自助机、价签、收银机与购物车作为一个整体监控：找出共同原因，能重启的自动重启。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("alert.raise", "task.create", "relay.set", "score.report")
    adapters = ("relay?", "network?")
    reads = ("assets", "zones")
    kpis = {
        "availability": kpi("%", "Open time in which devices were up", "设备可用率"),
        "incidents": kpi("count", "Incidents", "事件数"),
        "children_suppressed": kpi("count", "Devices silenced by a common cause", "由共同原因抑制的设备数"),
        "self_healed": kpi("%", "Power cycles that brought a device back", "自动重启恢复率"),
    }
    kinds = {
        "device_offline": ("Device offline", "设备离线"),
        "common_cause": ("Many devices lost at one switch or gateway", "同一交换机或网关下设备批量离线"),
        "unstable": ("Device unstable", "设备不稳定"),
        "repair_device": ("Look at a device on site", "现场检修设备"),
    }

    class Config(SolutionConfig):
        heartbeat_s: dict[str, Beat] = setting(
            lambda: {"esl_gateway": 300}, "Expected sign of life by kind", "各类设备心跳间隔", unit="s",
            help_en="Kinds that are not named: 60 s.", help_zh="未列出的类型为60秒。",
        )  # fmt: skip
        suspect_missed: int = setting(2, "Missed beats until suspect", "疑似离线的心跳次数", ge=1, le=10)
        offline_missed: int = setting(3, "Missed beats until offline", "判定离线的心跳次数", ge=2, le=20)
        parent_wait_s: int = setting(60, "Wait for a common cause", "等待共同原因", unit="s", ge=0, le=900)
        parent_share_pct: float = setting(60, "Share that blames the parent", "归因上级的离线占比", unit="%", ge=10, le=100,
            help_en="Of the devices of one switch or gateway, at least three.", help_zh="同一交换机或网关下的设备，至少三台。")  # fmt: skip
        flap_per_h: int = setting(4, "Changes an hour that are too many", "每小时状态变化上限", ge=2, le=60,
            help_en="More are unstable: one alert, then silence.", help_zh="超过即为不稳定，只告警一次。")  # fmt: skip
        cycle_cooldown_min: int = setting(60, "Least time between power cycles", "断电重启最小间隔", unit="min", ge=5, le=1440,
            help_en="Of one device; one try each.", help_zh="同一设备，每次故障仅试一次。")  # fmt: skip
        busy_min: int = setting(5, "Not restarted after use for", "使用后不重启时长", unit="min", ge=0, le=60)

    # Signs of life

    @on("device.status")
    def reported(self, event):
        yield from self._heard(event["device"], event["kind"], event.time, event["state"] != "offline")

    @on("label.ack?")
    def acknowledged(self, event):
        yield from self._did(event["label"], event.time, event["state"] != "offline")

    @on("sign.played?")
    def played(self, event):
        yield from self._did(event["screen"], event.time, True)

    @on("kiosk.event?")
    def touched(self, event):
        yield from self._did(event["kiosk"], event.time, True)
        device = self.state.get(f"device:{event['kiosk']}")
        if device and event["kind"] != "timeout" and (device["used"] is None or event.time > parse_time(device["used"])):
            device["used"] = plain(event.time)

    @on("network.probe?")
    def probed(self, event):
        if event["kind"] != "client":
            yield from self._heard(event["target"], self._row(event["target"]).get("kind", "network"), event.time, event["up"])

    def _did(self, name, at, alive):
        known = f"device:{name}" in self.state
        if known or self._row(name):
            yield from self._heard(name, None if known else self._row(name).get("kind", "device"), at, alive)

    def _heard(self, name, kind, at, alive):
        fresh = {"kind": kind, "last": plain(at), "offline": None, "told": None, "used": None, "cycled": None, "cycle": None, "changes": [],
                 "unstable": None, "down_s": 0}  # fmt: skip
        device = self.state.setdefault(f"device:{name}", fresh)
        if at < parse_time(device["last"]):
            return
        device["kind"] = kind or device["kind"]
        if not alive:
            if device["offline"] is None:
                yield from self._lost(name, device, at)
            return
        since, device["last"] = device["last"], plain(at)
        self.timers.set("silent", name, at + self._beat(device) * self.config.offline_missed)
        if device["offline"] is not None:
            yield from self._back(name, device, parse_time(since), at)

    def _beat(self, device):
        return timedelta(seconds=self.config.heartbeat_s.get(device["kind"], HEARTBEAT_S))

    def _state(self, device, now):
        if device["offline"] is not None:
            return "offline"
        return "suspect" if now >= parse_time(device["last"]) + self._beat(device) * self.config.suspect_missed else "online"

    @timer("silent")
    def silent(self, due):
        device = self.state[f"device:{due.key}"]
        if device["offline"] is None:
            yield from self._lost(due.key, device, due.time)

    def _lost(self, name, device, at):
        device["offline"] = plain(at)
        self.timers.cancel("silent", name)
        self.timers.set("act", name, max(self.now, at + timedelta(seconds=self.config.parent_wait_s)))
        yield from self._changed(name, device, at)

    def _back(self, name, device, since, at):
        if at >= parse_time(device["offline"]):
            self._down(device, since, at)
        for alarm in ("act", "cut", "power", "task"):
            self.timers.cancel(alarm, name)
        if device["cycle"] is not None:
            self.kpi.share("self_healed", device["cycle"] != "failed", 0)
            if device["cycle"] == "off":
                yield out("relay.set", relay=self._row(name)["relay"], on=True, reason="power_cycle")
        device.update(offline=None, cycle=None)
        if device["told"]:
            yield self._alert("device_offline", name, "warn", False, self.say("online again", "已恢复在线"))
            device["told"] = None
        yield from self._changed(name, device, at)
        parent = self._row(name).get("parent")
        if parent and f"cause:{parent}" in self.state and not self._blamed(parent):
            yield from self._over(parent)

    def _down(self, device, since, until):
        """Open seconds without a sign of life, as far as they are not counted yet."""
        counted = max(since, parse_time(device["counted"])) if device.get("counted") else since
        device["down_s"] += self.store.hours.open_seconds(counted, until) if until > counted else 0

    # Unstable

    def _changed(self, name, device, at):
        device["changes"] = [one for one in device["changes"] if at - parse_time(one) < HOUR] + [plain(at)]
        if device["unstable"]:
            self.timers.set("quiet", name, at + QUIET)
        elif len(device["changes"]) > self.config.flap_per_h and self.store.hours.is_open(at):
            device["unstable"] = plain(at)
            self.timers.set("quiet", name, at + QUIET)
            self.kpi.add("incidents")
            number = len(device["changes"])
            text = self.say(f"{number} changes in an hour", f"一小时内变化 {number} 次")
            yield self._alert("unstable", name, "warn", True, text, value=number, limit=self.config.flap_per_h, unit="count")

    @timer("quiet")
    def quiet(self, due):
        device = self.state[f"device:{due.key}"]
        device.update(unstable=None, changes=[])
        yield self._alert("unstable", due.key, "warn", False, self.say("quiet for 30 min", "已稳定30分钟"))
        if device["offline"] is not None and not device["told"]:
            yield from self._act(due.key)

    # What is done

    @timer("act")
    def act(self, due):
        yield from self._act(due.key)

    @every("1d", at="open")
    def opened(self, due):
        for name in self._names():
            device = self.state[f"device:{name}"]
            if device["offline"] is not None and not device["told"] and self.timers.get("act", name) is None:
                yield from self._act(name)

    def _act(self, name):
        """Blame the parent where so many of its devices are lost, else tell of the device and try to restart it."""
        device, row = self.state[f"device:{name}"], self._row(name)
        if device["offline"] is None or device["unstable"] or not self.store.hours.is_open(self.now):
            return
        parent = row.get("parent")
        if parent and self._blamed(parent):
            yield from self._common_cause(parent)
            return
        device["told"] = "alert"
        self.kpi.add("incidents")
        text = self.say(f"silent since {device['last']}", f"自 {device['last']} 起无响应")
        yield self._alert("device_offline", name, "warn", True, text)
        cooled = not device["cycled"] or self.now >= parse_time(device["cycled"]) + timedelta(minutes=self.config.cycle_cooldown_min)
        if row.get("relay") and cooled:
            free = parse_time(device["used"]) + timedelta(minutes=self.config.busy_min) if device["used"] else self.now
            if free > self.now:
                self.timers.set("cut", name, free)
            else:
                yield from self._cut(name)

    @timer("cut")
    def cut(self, due):
        parent = self._row(due.key).get("parent")
        if not (parent and self._blamed(parent)):
            yield from self._cut(due.key)

    def _cut(self, name):
        device = self.state[f"device:{name}"]
        device.update(cycled=plain(self.now), cycle="off")
        self.kpi.share("self_healed", 0, 1)
        self.timers.set("power", name, self.now + OFF_FOR)
        yield out("relay.set", relay=self._row(name)["relay"], on=False, reason="power_cycle")

    @timer("power")
    def power(self, due):
        self.state[f"device:{due.key}"]["cycle"] = "on"
        self.timers.set("task", due.key, due.time + TASK_AFTER)
        yield out("relay.set", relay=self._row(due.key)["relay"], on=True, reason="power_cycle")

    @timer("task")
    def still_offline(self, due):
        self.state[f"device:{due.key}"]["cycle"], row = "failed", self._row(due.key)
        title = self.say(f"{row.get('name', due.key)} is offline after a restart", f"{row.get('name', due.key)} 重启后仍离线")
        yield out("task.create", task=f"repair-{due.key}-{self.now:%Y%m%dT%H%M%S}", kind="repair_device", title=title, priority=2,
                  role="technician", asset=row.get("asset"), zone=row.get("zone"))  # fmt: skip

    # Common causes

    def _blamed(self, parent):
        """Whether enough of the devices below a switch or gateway are lost."""
        children, lost = len(self.tables.assets.rows(parent=parent)), len(self._lost_below(parent))
        return children >= LEAST_CHILDREN and 100 * lost >= self.config.parent_share_pct * children - 1e-9

    def _lost_below(self, parent):
        names = [row.get("device") or row["asset"] for row in self.tables.assets.rows(parent=parent)]
        return [name for name in names if self.state.get(f"device:{name}", {"offline": None})["offline"] is not None]

    def _common_cause(self, parent):
        cause = self.state.setdefault(f"cause:{parent}", {"children": []})
        first, lost = not cause["children"], self._lost_below(parent)
        new = [name for name in lost if name not in cause["children"]]
        cause["children"] += new
        self.kpi.add("children_suppressed", sum(not self.state[f"device:{name}"]["told"] for name in new))
        for name in new:
            self.timers.cancel("act", name)
        if first:
            self.kpi.add("incidents")
            whole = len(self.tables.assets.rows(parent=parent))
            text = self.say(f"{len(lost)} of {whole} devices lost", f"{whole} 台设备中 {len(lost)} 台离线")
            yield self._alert("common_cause", parent, "high", True, text, value=len(lost), limit=whole, unit="count")

    def _over(self, parent):
        """The common cause is gone; what is still lost is waited for anew."""
        cause = self.state.pop(f"cause:{parent}")
        for name in cause["children"]:
            device = self.state.get(f"device:{name}", {"offline": None, "told": None})
            if device["offline"] is not None and not device["told"]:
                self.timers.set("act", name, self.now + timedelta(seconds=self.config.parent_wait_s))
        yield self._alert("common_cause", parent, "high", False, self.say("devices are back", "设备已恢复"))

    # Days

    @every("1d", at="close")
    def close(self, due):
        day = self.store.hours.day(self.store.hours.ended_day(due.time))
        if day is None:
            return
        seconds = (day[1] - day[0]).total_seconds()
        for name in self._names():
            device = self.state[f"device:{name}"]
            if device["offline"] is not None:
                self._down(device, parse_time(device["last"]), due.time)
                device["counted"] = plain(due.time)
            down_s, device["down_s"] = min(seconds, device["down_s"]), 0
            self.kpi.share("availability", seconds - down_s, seconds)
            parts = [{"name": "down", "value": round(down_s, 3), "unit": "s"}, {"name": "open", "value": seconds, "unit": "s"}]
            labels = {"kind": device["kind"], "state": self._state(device, due.time)}
            yield out("score.report", {"from": day[0], "to": day[1]}, scheme="availability", subject_kind="device", subject=name,
                      score=round(100 * (seconds - down_s) / seconds, 4), parts=parts, labels=labels)  # fmt: skip
            if due.time - parse_time(device["last"]) > GONE:
                yield from self._forget(name, device)

    def _forget(self, name, device):
        """A device that has been taken out of the store."""
        if device["told"]:
            yield self._alert("device_offline", name, "warn", False, self.say("taken off the list", "已移出监控"))
        del self.state[f"device:{name}"]

    def _names(self):
        return sorted(key.partition(":")[2] for key in self.state if key.startswith("device:"))

    def _row(self, name):
        own = self.tables.assets.derived("by_device", _by_device).get(name)
        return self.tables.assets.get(name) or (own and self.tables.assets.get(own)) or {}

    def _alert(self, kind, subject, severity, opened, text, **fields):
        row = self._row(subject)
        what = f"{row.get('name', subject)}, {text}"
        place = {name: row[name] for name in ("asset", "zone") if row.get(name)}
        return out("alert.raise", {**fields, **place}, alert=f"{kind}-{subject}", kind=kind, severity=severity,
                   state="open" if opened else "cleared", subject=subject,
                   text=self.say(f"{self.kinds[kind][0]}: {what}", f"{self.kinds[kind][1]}：{what}"))  # fmt: skip


def _by_device(rows):
    return {row["device"]: row["asset"] for row in reversed(rows) if row.get("device")}


@hookimpl
def storeloom_config_problems(config, store):
    """A device is suspect before it is offline."""
    if config["suspect_missed"] <= config["offline_missed"]:
        return []
    return [Problem("suspect_missed", "Suspect comes after offline", "疑似晚于离线", "Choose a lower number.", "请设为更小。")]
