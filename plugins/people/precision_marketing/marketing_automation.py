"""Marketing automation: journeys of waits, conditions, splits and actions that events start and that run by themselves.

Built in: `cart_abandon` (half get a message, half a coupon with it, all an SMS a day later), `welcome` (on joining) and `after_service`
(a day after a booking was served: `service.booking`). A built-in one ends with its goal or after `max_days`. The goal `order` is an order
placed or a sale; a sale in the store is a visit too. A drawn journey that names a coupon which is not in the table takes nobody in, and a
task says so; built-in ones then take the first coupon of the table. Runs keep the graph that they began with. Nobody who refused
marketing, or the channel, is written to.

The weekly cap counts what was sent here and what channels report as sent by others; messages that failed do not count. A split is told
twice as `experiment.result`: at 200 entrants of each branch, as they stand, and once 200 runs of each have ended.
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import conditions, journeys, reach
from storeloom.workers.loyalty import coupon_copies

ENTRANTS, VISITOR_KEPT = 200, timedelta(days=30)
HAPPENS = {"join": "join", "visit": "visit", "wifi_login": "visit"}
BuiltIn = Literal["cart_abandon", "welcome", "after_service"]
Channel = Literal["mini_program", "official_account", "work_chat", "app_push", "sms", "email", "voice"]
WORDS = {
    "cart_abandon": ("Your cart is waiting for you.", "您的购物车还有商品未结算。"),
    "welcome": ("Welcome as our member.", "欢迎成为会员。"),
    "after_service": ("How was our service?", "请为我们的服务打分。"),
}


class Node(SolutionConfig):
    id: str = setting(..., "Name", "编号", min_length=1)
    kind: Literal["trigger", "wait", "condition", "split", "action", "exit"] = setting(..., "Kind", "类型")
    on: Literal["cart", "join", "visit", "order", "served", "redeem", "segment"] | None = setting(None, "What starts it", "触发事件")
    hours: float | None = setting(None, "Wait", "等待时长", unit="h", gt=0, le=journeys.LONGEST_WAIT_H)
    when: str | None = setting(None, "Condition", "条件", help_en=f"Over {', '.join(journeys.FACTS)}.", help_zh="按会员与本次旅程的事实。")
    action: Literal["message", "coupon", "task", "segment"] | None = setting(None, "What is done", "动作")
    channel: Channel | None = setting(None, "Channel", "渠道", help_en="Else the first one agreed to.", help_zh="缺省为会员首选渠道。")
    text: str | None = setting(None, "Words", "文案")
    template: str | None = setting(None, "Message template", "消息模板")
    coupon: str | None = setting(None, "Coupon", "优惠券")
    segment: str | None = setting(None, "Segment", "分群")
    role: str | None = setting(None, "Who does the task", "任务角色")
    transactional: bool = setting(False, "Neither counts nor is capped", "事务消息（不计入上限）")


class Edge(SolutionConfig):
    start: str = Field(alias="from", title="From", json_schema_extra={"x-zh": "起点"})
    to: str = setting(..., "To", "终点")
    branch: str | None = setting(None, "Branch", "分支")
    pct: int | None = setting(None, "Share of a split", "分流比例", unit="%", ge=0, le=100)


class Journey(SolutionConfig):
    name: str = setting(..., "Name", "名称", pattern=r"^[a-z0-9_]+$")
    nodes: list[Node] = setting(..., "Nodes", "节点", min_length=2)
    edges: list[Edge] = setting(..., "Edges", "连线")


class MarketingAutomation(Solution):
    number = 25
    zh, en = "营销自动化旅程", "Marketing automation journeys"
    purpose_zh = "由事件触发的等待、条件、分流与动作旅程自动运行，在合适时刻发出合适的消息，并遵守同一频次上限。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("message.send", "coupon.issue", "task.create", "segment.assign", "experiment.result")
    adapters = ("messaging",)
    reads = ("members", "coupons")
    kpis = {
        "goal_rate": kpi("%", "Runs that reached the goal", "目标达成率"),
        "messages_per_goal": kpi("count", "Messages for each goal reached", "每次达成的消息数"),
        "capped_actions": kpi("count", "Messages skipped for the weekly cap", "因频次上限跳过的消息"),
        "active_runs": kpi("count", "Persons' runs under way", "进行中的旅程"),
    }
    kinds = {
        "journey_task": ("A step of a journey for the team", "旅程中的人工步骤"),
        "journey_fault": ("A journey names a coupon that does not exist", "旅程引用了不存在的优惠券"),
    }

    class Config(SolutionConfig):
        journeys: list[BuiltIn | Journey] = setting(
            lambda: ["cart_abandon", "welcome", "after_service"], "Journeys", "旅程",
            help_en="Built-in names, or drawn ones: nodes and edges without a cycle.", help_zh="内置名称，或自绘的无环节点与连线。",
        )  # fmt: skip
        weekly_cap: int = setting(3, "Most messages to a person in 7 days", "每人7天最多消息数", unit="messages", ge=1, le=20)
        quiet_hours: str = setting("21:00-09:00", "Store time in which actions wait", "免打扰时段", pattern=reach.QUIET_HOURS)
        reentry_days: int = setting(
            14, "Least time before a person enters again", "同一旅程再次进入间隔", unit="d", ge=0, le=365,
            help_en="Since the person entered the same journey.", help_zh="自上次进入同一旅程起算。",
        )  # fmt: skip
        goal: Literal["order", "visit", "join", "redeem"] = setting("order", "Event that ends a journey as reached", "达成目标的事件")
        max_days: int = setting(30, "Longest life of a run", "单次旅程最长天数", unit="d", ge=1, le=180)
        abandon_min: int = setting(
            60, "Cart without order", "购物车未下单时长", unit="min", ge=10, le=1440,
            help_en="Since goods were last put in, or the checkout.", help_zh="自最近一次加购或结算起算。",
        )  # fmt: skip
        priority: list[str] = setting(
            lambda: ["transactional", "after_service", "cart_abandon", "welcome"], "Who keeps the cap's last place", "上限内的优先次序",
            help_en="Names of journeys, or transactional; others come last.", help_zh="旅程名称或 transactional；其余排后。",
        )  # fmt: skip

    def start(self):
        yield from self._check("coupons")

    @on_table("coupons")
    def coupons_changed(self, table):
        yield from self._check(table)

    def _check(self, table):
        """Drawn journeys that name a coupon which is not there."""
        for journey in self._drawn().values():
            missing = [name for name in journeys.coupons(journey) if journey["name"] not in WORDS and not self.tables.coupons.get(name)]
            if missing:
                name, coupon = journey["name"], missing[0]
                yield out("task.create", task=f"journey-{name}-{coupon}", kind="journey_fault", priority=2, role="marketing",
                          title=self.say(f"Journey {name}: there is no coupon {coupon}", f"旅程 {name}：优惠券 {coupon} 不存在"),
                          values={"journey": name, "coupon": coupon})  # fmt: skip

    def _drawn(self):
        """Name -> graph of the journeys switched on."""
        graphs = [journeys.BUILT_IN[one] if isinstance(one, str) else one.model_dump(by_alias=True, exclude_none=True)
                  for one in self.config.journeys]  # fmt: skip
        return {graph["name"]: graph for graph in graphs}

    # Events

    @on("web.visit")
    def browsed(self, event):
        visitor, member, kind = event["visitor"], event.get("member"), event["kind"]
        if member is not None:
            self.state[f"visitor:{visitor}"] = member
            self.timers.set("visitor", visitor, self.now + VISITOR_KEPT)
        member = member or self.state.get(f"visitor:{visitor}")
        if member is None:
            return
        record = self._record(member)
        if kind == "buy":
            yield from self._happened(member, "order", event)
        elif kind == "remove" and event.get("gtin") in record["cart"]:
            record["cart"].remove(event["gtin"])
            if not record["cart"]:
                self.timers.cancel("cart", member)
        elif kind == "add" or (kind == "checkout" and record["cart"]):
            item = event.get("gtin") or ""
            record["cart"] += [item] if kind == "add" and item not in record["cart"] else []
            if not record["ordered"] or parse_time(record["ordered"]) < event.time:
                self.timers.set("cart", member, max(self.now, event.time + timedelta(minutes=self.config.abandon_min)))

    @timer("visitor")
    def visitor_ends(self, due):
        self.state.pop(f"visitor:{due.key}", None)

    @timer("cart")
    def abandoned(self, due):
        yield from self._enter_all(due.key, "cart")

    @on("member.event")
    def did(self, event):
        member = event.get("member")
        if member is not None and event["kind"] in HAPPENS:
            yield from self._happened(member, HAPPENS[event["kind"]], event)
        elif member is not None and event["kind"] == "opt_out":
            self._record(member)["refused"] = True

    @on("order.placed", "pos.sale")
    def bought(self, event):
        if event.get("member") and not event.get("draft") and event.get("kind") not in ("return", "void", "training"):
            yield from self._happened(event["member"], "order", event)
            if event.stream == "pos.sale" and event.get("channel") != "online":
                yield from self._happened(event["member"], "visit", event)

    @on("service.booking?")
    def served(self, event):
        if event.get("member") and event["status"] == "served":
            yield from self._enter_all(event["member"], "served")

    @on("coupon.redeemed?")
    def redeemed(self, event):
        if event.get("member"):
            yield from self._happened(event["member"], "redeem", event)

    @on("segment.assign?")
    def assigned(self, event):
        if event.get("member") and event.source != self.context.instance:
            self._record(event["member"])["segments"][event["scheme"]] = event["segment"]
            yield from self._enter_all(event["member"], "segment", event["segment"])

    def _happened(self, member, what, event):
        """The goal first: it ends every run of the person, before any action that falls due at the same time."""
        record = self._record(member)
        if what == "order":
            record["cart"], record["ordered"] = [], max(record["ordered"], stamp(event.time))
            self.timers.cancel("cart", member)
        for name in sorted(record["runs"]):
            facts = record["runs"][name]["facts"]
            fact = {"order": "orders", "visit": "visits", "redeem": "redeemed"}.get(what, what)
            facts[fact] = facts.get(fact, 0) + 1
            if what == self.config.goal:
                yield from self._finish(member, name, "reached" if event.time >= parse_time(record["runs"][name]["entered"]) else "left")
        yield from self._enter_all(member, what)

    def _record(self, member):
        fresh = {
            "cart": [],
            "ordered": "",
            "refused": False,
            "no": [],
            "segments": {},
            "sent": {},
            "entered": {},
            "runs": {},
            "due": [],
            "turn": 0,
        }
        return self.state.setdefault(f"member:{member}", fresh)

    # Runs

    def _enter_all(self, member, what, segment=None):
        for name, graph in self._drawn().items():
            begin = journeys.trigger(graph)
            if begin["on"] == what and begin.get("segment") in (None, segment) and self._may_enter(member, name, graph):
                yield from self._enter(member, name, graph, begin["id"])

    def _may_enter(self, member, name, graph):
        record = self._record(member)
        since = record["entered"].get(name)
        rests = since is not None and self.now - parse_time(since) < timedelta(days=self.config.reentry_days)
        sound = name in WORDS or all(self.tables.coupons.get(coupon) for coupon in journeys.coupons(graph))
        return name not in record["runs"] and not rests and sound and not self._refuses(member)

    def _enter(self, member, name, graph, begin):
        record, version = self._record(member), journeys.version(graph)
        self.state.setdefault(f"graph:{name}:{version}", graph)
        record["entered"][name] = plain(self.now)
        record["runs"][name] = {"graph": version, "entered": plain(self.now), "branches": {}, "facts": {}, "sent": 0}
        self._active(1)
        self.timers.set("over", f"{name}|{member}", self.now + timedelta(days=self.config.max_days))
        yield from self._go(member, name, journeys.after(graph, begin))

    def _graph(self, run, name):
        return self.state[f"graph:{name}:{run['graph']}"]

    def _go(self, member, name, place):
        """On from a node until the run waits, must act or ends."""
        record = self._record(member)
        run = record["runs"][name]
        graph = self._graph(run, name)
        while True:
            node = journeys.node(graph, place)
            if node["kind"] == "wait":
                data = {"node": journeys.after(graph, place)}
                self.timers.set("step", f"{name}|{member}", self.now + timedelta(hours=node["hours"]), data)
                return
            if node["kind"] == "action":
                record["due"].append({"journey": name, "node": place})
                self._call(member)
                return
            if node["kind"] == "exit":
                yield from self._finish(member, name, "left")
                return
            if node["kind"] == "condition":
                branch = "yes" if conditions.holds(node["when"], self._facts(member, run)) else "no"
            else:
                branch = run["branches"][place] = journeys.branch_of(graph, place, member)
                yield out("segment.assign", scheme=f"journey:{name}", segment=branch, member=member)
                yield from self._count(name, run, place, branch, "entered")
            place = journeys.after(graph, place, branch)

    def _facts(self, member, run):
        row, record = self.tables.members.get(member) or {}, self._record(member)
        facts = dict.fromkeys(journeys.FACTS, 0) | {name: row.get(name) for name in ("tier", "points")} | run["facts"]
        week = reach.of_last_week(record["sent"].values(), self.now)
        return facts | {"tags": row.get("tags") or [], "segments": list(record["segments"].values()), "messages_week": len(week)}

    @timer("step")
    def waited(self, due):
        name, _, member = due.key.partition("|")
        yield from self._go(member, name, due.data["node"])

    @timer("over")
    def too_long(self, due):
        name, _, member = due.key.partition("|")
        yield from self._finish(member, name, "timed_out")

    def _finish(self, member, name, outcome):
        record = self._record(member)
        run = record["runs"].pop(name)
        record["due"] = [one for one in record["due"] if one["journey"] != name]
        for alarm in ("step", "over"):
            self.timers.cancel(alarm, f"{name}|{member}")
        self._active(-1)
        self.kpi.share("goal_rate", outcome == "reached", 1)
        self.kpi.share("messages_per_goal", 0, outcome == "reached")
        branch = next(reversed(run["branches"].values()), None)
        yield out("segment.assign", scheme=f"journey:{name}", segment=outcome, member=member, previous=branch)
        for place, taken in run["branches"].items():
            yield from self._count(name, run, place, taken, "ended", outcome == "reached")

    def _active(self, change):
        self.state["active"] = self.state.get("active", 0) + change
        self.kpi.set("active_runs", self.state["active"])

    # Actions

    def _call(self, member):
        """Have the person's actions done as soon as quiet hours allow, all that are due then at once.

        Each call has a turn of its own: two of one instant are two alarms.
        """
        at = reach.may_send_at(self.store.hours, self.now, self.config.quiet_hours)
        self.timers.set("act", f"{member}|{self._record(member)['turn']}", at)

    @timer("act")
    def act(self, due):
        member = due.key.rpartition("|")[0]
        record = self._record(member)
        record["turn"] += 1
        if reach.may_send_at(self.store.hours, self.now, self.config.quiet_hours) > self.now:
            self._call(member)
            return
        turns, record["due"] = record["due"], []
        steps = [(one["journey"], journeys.node(self._graph(record["runs"][one["journey"]], one["journey"]), one["node"])) for one in turns]
        for name, node in sorted(steps, key=lambda step: (self._rank(*step), step[0])):
            yield from self._do(member, name, node)
            yield from self._go(member, name, journeys.after(self._graph(record["runs"][name], name), node["id"]))

    def _rank(self, name, node):
        order = self.config.priority
        found = [order.index(one) for one in ({name, "transactional"} if node.get("transactional") else {name}) if one in order]
        return min(found, default=len(order))

    def _do(self, member, name, node):
        if self._refuses(member):
            return
        run = self._record(member)["runs"][name]
        if node["action"] == "task":
            yield out("task.create", task=f"{name}:{member}:{node['id']}:{run['entered']}", kind="journey_task", priority=3,
                      title=node.get("text") or f"{name}: {member}", role=node.get("role") or "marketing",
                      values={"member": member, "journey": name})  # fmt: skip
        elif node["action"] == "segment":
            yield out("segment.assign", scheme=name, segment=node["segment"], member=member)
        else:
            yield from self._write(member, name, node, run)

    def _write(self, member, name, node, run):
        channel, record = self._channel(member, node), self._record(member)
        if channel is None:
            return
        record["sent"] = {key: at for key, at in record["sent"].items() if reach.of_last_week([at], self.now)}
        if not node.get("transactional"):
            if len(record["sent"]) >= self.config.weekly_cap:
                self.kpi.add("capped_actions")
                return
            record["sent"][f"{name}:{member}:{node['id']}:{run['entered']}"] = plain(self.now)
        coupon = self._coupon(name, node)
        params = None
        if coupon:
            copy = f"{coupon['template']}:{member}:{run['entered']}"
            params = {"coupon": copy}
            yield out("coupon.issue", coupon_copies.copy_for(coupon, copy, member, self.now, self.store.hours), campaign=name)
        self.kpi.share("messages_per_goal", 1, 0)
        text = node.get("text") or self.say(*WORDS.get(name, (name, name)))
        purpose = "service" if node.get("transactional") or name == "after_service" else "marketing"
        yield out("message.send", message=f"{name}:{member}:{node['id']}:{run['entered']}", channel=channel, to=member, text=text,
                  template=node.get("template") or f"{name}_{node['id']}", params=params, campaign=name, purpose=purpose)  # fmt: skip

    def _coupon(self, name, node):
        """The template that an action gives; a built-in journey falls back on the first of the table."""
        if node["action"] != "coupon":
            return None
        found = self.tables.coupons.get(node["coupon"])
        return found or next(iter(sorted(self.tables.coupons.rows(), key=lambda row: row["template"])), None) if name in WORDS else found

    def _channel(self, member, node):
        """The channel of an action if the member agrees to it, else the first one agreed to; None where there is none."""
        row, gone = self.tables.members.get(member), self._record(member)["no"]
        wanted, agreed = node.get("channel"), reach.agreed_channels(row)
        if wanted:
            return wanted if wanted not in gone and (agreed is None or wanted in agreed) else None
        return reach.first_channel(row, gone)

    def _refuses(self, member):
        return self._record(member)["refused"] or reach.refuses(self.tables.members.get(member), ("marketing",))

    @on("message.outcome?")
    def answered(self, event):
        """What became of a message: a fact of its run, a refusal of its channel, or a message of others in the week's count."""
        name, _, rest = event["message"].partition(":")
        member = rest.split(":")[0] if name in self._drawn() else event.get("to")
        record = self.state.get(f"member:{member}") if rest and name in self._drawn() else self._record(member) if member else None
        if record is None:
            return
        if event["status"] == "unsubscribed":
            record["no"] = sorted({*record["no"], event["channel"]})
        elif event["status"] == "failed":
            record["sent"].pop(event["message"], None)
        elif event["status"] == "sent":
            record["sent"].setdefault(event["message"], plain(event.time))
        if name in record["runs"]:
            record["runs"][name]["facts"][event["status"]] = 1

    # Splits

    def _count(self, name, run, place, branch, what, reached=False):
        branches = [edge["branch"] for edge in journeys.ways(self._graph(run, name), place)]
        fresh = {"told": [], "branches": {one: {"entered": 0, "ended": 0, "reached": 0} for one in branches}}
        split = self.state.setdefault(f"split:{name}:{run['graph']}:{place}", fresh)
        split["branches"][branch][what] += 1
        split["branches"][branch]["reached"] += reached
        if what not in split["told"] and min(one[what] for one in split["branches"].values()) >= ENTRANTS:
            split["told"].append(what)
            counts = {one: (found["reached"], found[what]) for one, found in split["branches"].items()}
            for other in branches[1:]:
                fields = self.workers.insight.trial_report.share_fields(counts, branches[0], other)
                early = {"decision": "extend"} if what == "entered" else {}
                yield out("experiment.result", {**fields, **early}, experiment=f"{name}:{place}", metric="goal_rate")


@hookimpl
def storeloom_config_problems(config, store):
    """Drawn journeys are graphs without cycles and dead ends, and no name stands twice."""
    problems, names = [], []
    for number, journey in enumerate(config["journeys"]):
        drawn = not isinstance(journey, str)
        names.append(journey["name"] if drawn else journey)
        for en, zh in journeys.faults(journey) if drawn else ():
            problems.append(Problem(f"journeys.{number}", en, zh, "Redraw the journey.", "请修改旅程图。"))
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(Problem("journeys", f"Two are called {name}", f"旅程 {name} 重复", "Rename one.", "请改名。"))
    return problems
