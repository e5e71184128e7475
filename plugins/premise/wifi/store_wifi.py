"""Store Wi-Fi and hot spots: the till's network comes first, the backup line takes over by itself, channels do not clash, guests get on
with consent and without being tracked.

A line probe is of the main line unless it says `backup`; the backup is named by its own probes, else `backup`. While it carries the store
the guests' network is switched off by network.set (ssid guest) of the first bound network device. An access point is restarted by the
`relay` of its row in assets (its id, or the one whose `device` it is), off for ten seconds; a device.status offline of it counts like three
probes. Its usual interval is the median of its last. A plan on a clash follows the last by ten minutes at least; weekly is on Sundays.

A sign-in needs consent; one while the visitor's session lasts is none, nor while guests are off. Of a device's address (`address` or `mac`
in values, else the visitor) only a hash is kept, with a salt that goes with the store day, in the legal record that goes after log_days.
"""

import hashlib
import statistics
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

DOWN_PROBES, SILENT_INTERVALS, RESTARTS_A_DAY, OFF_S = 3, 3, 2, 10
INTERVALS_KNOWN, INTERVALS_KEPT = 2, 9
GUESTS_OVER, PLANS_APART = timedelta(minutes=5), timedelta(minutes=10)
SUNDAY = 7
Channel = Annotated[int, Field(ge=1, le=233)]


class StoreWifi(Solution):
    number = 187
    zh, en = "门店WiFi与网络热点管理", "Store Wi-Fi and hot spots"
    purpose_zh = "收银网络优先，备用线路自动接管，信道不冲突，访客经同意上网且不被追踪。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("device.status", "relay.set", "alert.raise", "task.create", "member.event", "insight.report", "network.set")
    adapters = ("network", "relay?")
    reads = ("assets", "zones")
    kpis = {
        "till_network_up": kpi("%", "Till network up", "收银网络可用率"),
        "backup_min": kpi("min", "Time on the backup line", "备用线路时长"),
        "channel_clashes": kpi("count", "Channel clashes", "信道冲突"),
        "guest_sign_ins": kpi("count", "Guest sign-ins", "访客登录次数"),
    }
    kinds = {
        "backup_line": ("Backup line in use", "已切换备用线路"),
        "guest_use": ("Guests throttled", "访客限速提示"),
        "check_ap": ("Look after an access point", "检查无线接入点"),
        "set_channels": ("Set the channels of access points", "调整无线信道"),
        "channel_plan": ("Channel plan", "信道规划"),
        "wifi_day": ("Wi-Fi of the day", "WiFi 日报"),
    }

    class Config(SolutionConfig):
        fail_k: int = setting(3, "Failed probes", "失败探测数", ge=1, le=20)
        fail_n: int = setting(5, "Of the last so many switch to the backup line", "切换备线的探测窗口", ge=1, le=50)
        good_n: int = setting(10, "Good probes in a row that switch back", "切回所需连续正常探测", ge=1, le=200)
        loss_bad_pct: float = setting(20, "Packet loss that fails a probe", "失败丢包率", unit="%", ge=1, le=100)
        latency_bad_ms: int = setting(400, "Latency that fails a probe", "失败时延", unit="ms", ge=20, le=5000)
        channels: list[Channel] = setting([1, 6, 11], "Channels of the plan", "可用信道", min_length=1)
        neighbour_dbm: float = setting(-75, "Points heard louder must differ", "邻居接入点强度", unit="dBm", ge=-95, le=-40)
        guest_cap_pct: float = setting(50, "Line use by guests that is throttled", "访客用量上限", unit="%", ge=0, le=100)
        session_min: int = setting(120, "Guest session", "访客会话时长", unit="min", ge=5, le=1440)
        log_days: int = setting(60, "Sign-in records are kept", "登录记录保存", unit="d", ge=0, le=400)

    @on("network.probe")
    def probed(self, event):
        key = f"at:{event['kind']}:{event['target']}"
        if self.state.get(key) and parse_time(self.state[key]) > event.time:
            return
        self.state[key] = plain(event.time)
        if event["kind"] == "line":
            yield from self._line(event)
        elif event["kind"] == "ap":
            yield from self._point(event)
        if event.get("guest_pct") is not None:
            yield from self._guest_use(event)

    # --- the lines ---

    def _line(self, event):
        bad = not event["up"] or event.get("loss_pct", 0) >= self.config.loss_bad_pct
        bad = bad or event.get("latency_ms", 0) >= self.config.latency_bad_ms
        if event.get("line") == "backup":
            self.state["backup"] = {"name": event["target"], "bad": bad}
            return
        line = self.state.setdefault("line", {"last": [], "good": 0, "since": None})
        line["last"] = [*line["last"], int(bad)][-self.config.fail_n :]
        line["good"] = 0 if bad else line["good"] + 1
        if line["since"] is None and sum(line["last"]) >= self.config.fail_k:
            line |= {"since": plain(event.time), "good": 0}
            yield from self._switched(event, to_backup=True)
        elif line["since"] and line["good"] >= self.config.good_n:
            self._book_backup(line, event.time)
            line |= {"since": None, "last": []}
            yield from self._switched(event, to_backup=False)
        carried = not bad if line["since"] is None else not self.state.get("backup", {}).get("bad", False)
        self.kpi.share("till_network_up", int(carried), 1)

    def _switched(self, event, *, to_backup):
        backup = self.state.get("backup", {}).get("name", "backup")
        text = self.say(*((f"{event['target']} failed, {backup} in use", f"{event['target']} 故障，已切换 {backup}") if to_backup
                          else (f"{event['target']} in use again", f"已切回 {event['target']}")))  # fmt: skip
        yield out("device.status", device=event["target"], kind="network", state="degraded" if to_backup else "online", text=text,
                  backup=backup if to_backup else None, since=event.time)  # fmt: skip
        yield out("alert.raise", alert=f"backup-line-{event['target']}", kind="backup_line", severity="high",
                  state="open" if to_backup else "cleared", subject=event["target"], text=text)  # fmt: skip
        for device in self.devices.get("network", ())[:1]:
            yield out("network.set", device=device.id, ssid="guest", enabled=not to_backup)

    def _book_backup(self, line, at):
        self.kpi.add("backup_min", max(0.0, (at - parse_time(line["since"])).total_seconds()) / 60)

    # --- access points ---

    def _ap(self, name):
        fresh = {"channel": None, "heard": {}, "down": 0, "last": None, "gaps": [], "day": None, "restarts": 0, "task": False}
        return self.state.setdefault(f"ap:{name}", fresh)

    def _point(self, event):
        ap, name = self._ap(event["target"]), event["target"]
        if ap["last"] and event.time > parse_time(ap["last"]):
            ap["gaps"] = [*ap["gaps"], (event.time - parse_time(ap["last"])).total_seconds()][-INTERVALS_KEPT:]
        ap["last"] = plain(event.time)
        self._listen(name, ap, event.time)
        ap["down"] = 0 if event["up"] else ap["down"] + 1
        if event["up"]:
            ap["task"] = False
        elif ap["down"] >= DOWN_PROBES:
            ap["down"] = 0
            yield from self._restart(name, ap)
        if event.get("channel") is not None or event.get("heard"):
            ap["channel"] = event.get("channel", ap["channel"])
            ap["heard"] = {one["ap"]: one["rssi_dbm"] for one in event.get("heard") or ()}
            self._look_for_clashes()

    def _listen(self, name, ap, since):
        """Wait for the next probe, for three of the usual intervals."""
        if len(ap["gaps"]) >= INTERVALS_KNOWN:
            wait = timedelta(seconds=SILENT_INTERVALS * statistics.median(ap["gaps"]))
            self.timers.set("silent", name, max(self.now, since + wait))

    @timer("silent")
    def unheard(self, due):
        ap = self._ap(due.key)
        yield from self._restart(due.key, ap)
        if not ap["task"]:
            self._listen(due.key, ap, self.now)

    @on("device.status?")
    def reported(self, event):
        row = self._row(event["device"])
        if f"ap:{event['device']}" not in self.state and str(row.get("kind", "")).lower() not in ("ap", "access_point"):
            return
        ap = self._ap(event["device"])
        if event["state"] == "online":
            ap |= {"down": 0, "task": False}
        elif event["state"] == "offline":
            yield from self._restart(event["device"], ap)

    def _row(self, name):
        return self.tables.assets.get(name) or next(iter(self.tables.assets.rows(device=name)), {})

    def _restart(self, name, ap):
        """Cut a point's power for a moment, at most twice a store day; then it is a person's task."""
        day, row = plain(self.store.hours.store_day(self.now)), self._row(name)
        if ap["day"] != day:
            ap |= {"day": day, "restarts": 0, "task": False}
        zone = row.get("zone")
        if row.get("relay") and ap["restarts"] < RESTARTS_A_DAY:
            ap["restarts"] += 1
            yield out("relay.set", relay=row["relay"], on=False, seconds=OFF_S, reason=self.say(f"restart {name}", f"重启 {name}"))
        elif not ap["task"]:
            ap["task"] = True
            place = (self.tables.zones.get(zone) or {}).get("name") or zone or row.get("name") or name
            title = self.say(f"Access point {name} at {place} does not answer", f"{place} 的接入点 {name} 无应答")
            yield out("task.create", task=f"ap-{name}-{plain(self.now)}", kind="check_ap", title=title, priority=2, zone=zone,
                      asset=row.get("asset") or name)  # fmt: skip

    # --- channels ---

    def _points(self):
        return {key[3:]: self.state[key] for key in sorted(self.state) if key.startswith("ap:")}

    def _look_for_clashes(self):
        points, tools = self._points(), self.workers.optimise.channels
        near = tools.neighbours({name: ap["heard"] for name, ap in points.items()}, self.config.neighbour_dbm)
        found = tools.clashes(near, {name: ap["channel"] for name, ap in points.items() if ap["channel"] is not None})
        known = self.state.get("clashes", [])
        self.state["clashes"] = [list(pair) for pair in found]
        new = [pair for pair in self.state["clashes"] if pair not in known]
        self.kpi.add("channel_clashes", len(new))
        if new:
            last = self.state.get("planned")
            self.timers.set("plan", "", max(self.now, parse_time(last) + PLANS_APART) if last else self.now)

    @timer("plan")
    def plan_on_clash(self, due):
        if self.state["clashes"]:
            yield from self._plan()

    @every("1d", at="close", weekday=SUNDAY)
    def weekly(self, due):
        yield from self._plan()

    def _plan(self):
        """Colour the points; a plan that differs from what they use leaves as a report and a task."""
        points, tools = self._points(), self.workers.optimise.channels
        near = tools.neighbours({name: ap["heard"] for name, ap in points.items()}, self.config.neighbour_dbm)
        given = tools.plan(near, self.config.channels)
        if all(points[name]["channel"] == channel for name, channel in given.items()) or given == self.state.get("plan"):
            return
        self.state["plan"], self.state["planned"] = given, plain(self.now)
        rows = [{"ap": name, "channel": given[name]} for name in sorted(given)]
        report = f"{self.context.instance}-channels-{plain(self.now)}"
        yield out("insight.report", {"from": self.now, "to": self.now}, report=report, kind="channel_plan", version=1, rows=rows,
                  figures={"clashes": {"value": len(tools.clashes(near, given)), "unit": "count"}})  # fmt: skip
        moved = [row for row in rows if points[row["ap"]]["channel"] != row["channel"]]
        title = self.say(f"Set {len(moved)} access points to new channels", f"调整 {len(moved)} 个接入点的信道")
        yield out("task.create", task=report, kind="set_channels", title=title, priority=3,
                  items=[{"to": str(row["channel"]), "note": row["ap"]} for row in moved])  # fmt: skip

    # --- guests ---

    def _guest_use(self, event):
        name, over = event["target"], event["guest_pct"] > self.config.guest_cap_pct
        known = self.state.get(f"guests:{name}")
        if over and known is None:
            self.state[f"guests:{name}"] = {"pct": event["guest_pct"], "told": False}
            self.timers.set("guests", name, max(self.now, event.time + GUESTS_OVER))
        elif over:
            known["pct"] = event["guest_pct"]
        elif known is not None:
            self.timers.cancel("guests", name)
            if known["told"]:
                yield self._throttle(name, "cleared", event["guest_pct"])
            del self.state[f"guests:{name}"]

    @timer("guests")
    def too_much(self, due):
        known = self.state[f"guests:{due.key}"]
        known["told"] = True
        yield self._throttle(due.key, "open", known["pct"])

    def _throttle(self, name, state, pct):
        text = self.say(f"Guests use {pct:g} % of {name}", f"访客占用 {name} {pct:g}%")
        return out("alert.raise", alert=f"guest-use-{name}", kind="guest_use", severity="info", state=state, subject=name, value=pct,
                   limit=self.config.guest_cap_pct, unit="%", text=text)  # fmt: skip

    @on("member.event?")
    def signs_in(self, event):
        if event["kind"] != "wifi_login" or not event.get("consent") or self.state.get("line", {}).get("since"):
            return
        day, values = plain(self.store.hours.store_day(event.time)), event.get("values") or {}
        guests = self.state.get("guests_of_day")
        if guests is None or guests["day"] != day:
            # What makes an event's id cannot be told later, so that hashes of different days cannot be joined.
            salt = hashlib.sha256(f"{self.store.id}|{day}|{event.id}".encode()).hexdigest()
            guests = self.state["guests_of_day"] = {"day": day, "salt": salt, "until": {}, "visits": []}
        who = values.get("address") or values.get("mac") or event.get("visitor") or event.get("member") or ""
        hashed = hashlib.sha256(f"{guests['salt']}|{who}".encode()).hexdigest()[:16]
        until = guests["until"].get(hashed)
        if until is None or parse_time(until) <= event.time:
            guests["until"][hashed] = plain(event.time + timedelta(minutes=self.config.session_min))
            self.kpi.add("guest_sign_ins")
            if self.config.log_days:
                self.state.setdefault(f"log:{day}", []).append([plain(event.time), hashed])
        member = event.get("member")
        if member and member not in guests["visits"]:
            guests["visits"].append(member)
            network = event.get("network")
            yield out("member.event", kind="visit", member=member, channel="wifi", network=network, consent=True, ref=event.ref)

    @every("1d", at="00:00")
    def new_day(self, due):
        """The salt of the day goes, old records go, and the day is told."""
        day = self.store.hours.store_day(due.time)
        self.state.pop("guests_of_day", None)
        oldest = f"log:{day - timedelta(days=self.config.log_days)}"
        for key in [key for key in sorted(self.state) if key.startswith("log:") and key < oldest]:
            del self.state[key]
        line = self.state.get("line")
        if line and line["since"]:
            self._book_backup(line, due.time)
            line["since"] = plain(due.time)
        records = sum(len(self.state[key]) for key in self.state if key.startswith("log:"))
        signed = len(self.state.get(f"log:{day - timedelta(days=1)}", ()))
        if records or line:
            figures = {"records_kept": {"value": records, "unit": "count"}, "sign_ins": {"value": signed, "unit": "count"}}
            yield out("insight.report", {"from": due.time - timedelta(days=1), "to": due.time}, kind="wifi_day", version=1, figures=figures,
                      report=f"{self.context.instance}-{day - timedelta(days=1)}")  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    if config["fail_k"] <= config["fail_n"]:
        return []
    words = ("More failures than probes", "失败次数多于探测窗口", "Set fail_k to fail_n at most.", "请使失败次数不超过窗口。")
    return [Problem("fail_k", *words)]
