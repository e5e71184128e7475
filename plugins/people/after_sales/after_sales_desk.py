"""After-sales desk: complaints and returns of every channel sorted, decided by rule where one allows, answered in time and called back.

A complaint is a `member.event` complaint, a chat whose words say that something is wrong, a survey score below 3, or a negative
`social.mention` (by its sentiment, else a rating of 2 or less, else its words). Its product is `item`, its receipt `values.receipt` or
`ref.receipt`; without one two products are two cases. A case is taken once a task of it is `accepted` or answered; each further part
`escalate_at` of the time moves it up once more. A `done` task answers and closes it, unless `values.resolved` is false;
`values.compensation` asks for money, which goes out as a coupon; above the limit only a manager by the staff table needs no approval,
whoever's turn it is. A survey's answer belongs to the case it names (`values.case`), else to
the member's last closed one; a reopened case goes to the lead at least. Complaints about goods (unsafe, injuring, faulty, unsorted) are
alike and take a product off the shelf; others alert by class only.

Online orders are kept for returns, 60 days; one whose delivery was not told counts from its sale. Each line of a request is judged by
itself, on the quality path by a clerk once there are photos. Cases are forgotten after two years.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import complaint_rules as rules
from storeloom.workers.insight import returns
from storeloom.workers.insight.triage_words import NAMES_ZH

SILENT, MASKED = timedelta(days=7), timedelta(days=180)
FORGOTTEN, ORDERS_KEPT, ASKED = timedelta(days=730), timedelta(days=60), timedelta(days=30)
LOW_SCORE, MOST_TEXT, MOST_TEXTS, MOST_OWN, COMPENSATION_VALID_D = 3, 4000, 20, 20, 90
NO_RETURN = ("fresh", "customised", "underwear", "opened_digital")
DUE_MIN = {1: 30, 2: 240, 3: 1440}
LEAD = rules.LEVELS.index("lead")


class AfterSalesDesk(Solution):
    number = 46
    zh, en = "售后投诉工单中心", "After-sales and complaint desk"
    purpose_zh = "各渠道投诉与退货统一受理：按内容分级，按规则裁定，盯住时限，回访到底；同批次问题不漏，愤怒的顾客不丢。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("task.create", "message.send", "coupon.issue", "order.status", "alert.raise", "insight.report")
    adapters = ("messaging", "online_store?")
    reads = ("products", "members", "coupons", "staff")
    kpis = {
        "answered_in_time": kpi("%", "Cases answered in time", "按时答复率"),
        "first_contact_resolved": kpi("%", "Cases closed by the first answer", "首次解决率"),
        "satisfaction": kpi("score", "Mean score of the callback", "回访满意度"),
        "compensation": kpi("minor", "Compensation granted", "补偿金额"),
    }
    kinds = {
        "complaint": ("Answer a complaint", "处理投诉"),
        "complaint_cluster": ("Like complaints on one product", "同品集中投诉"),
        "take_off_shelf": ("Take off the shelf", "下架商品"),
        "approve_compensation": ("Approve a compensation", "审批补偿"),
        "review_return": ("Judge a return by its photos", "审核退货照片"),
    }

    class Config(SolutionConfig):
        due_min: dict[Annotated[int, Field(ge=1, le=3)], Annotated[int, Field(ge=1)]] = setting(
            lambda: dict(DUE_MIN), "Time to answer by severity", "各级答复时限", unit="min",
            help_en="1 injury, food safety; 2 quality, price, conduct, missing goods; 3 other.",
            help_zh="1 人身伤害、食品安全；2 质量、价格、服务、少件；3 其他。",
        )  # fmt: skip
        escalate_at: float = setting(50, "Part of the time after which an untaken case moves up", "未接单升级时点", unit="%", ge=10, le=100)
        no_reason_days: int = setting(7, "Right to return online orders", "无理由退货天数", unit="d", ge=7, le=30,
            help_en="Counted from the day after delivery.", help_zh="自签收次日起算。")  # fmt: skip
        no_return: list[str] = setting(lambda: list(NO_RETURN), "Categories outside that right", "不适用无理由退货的品类",
            help_en="By category, subcategory, attribute, or opened; fresh also by a shelf life up to 7 days.",
            help_zh="按品类、子类、商品属性或拆封；保质期7天以内亦属fresh。")  # fmt: skip
        cluster_n: int = setting(3, "Like complaints on one product that alert", "同品投诉预警数", ge=2, le=20)
        cluster_h: int = setting(72, "Window of the cluster", "同品投诉统计窗口", unit="h", ge=1, le=720)
        clerk_limit: int = setting(5000, "Compensation a clerk may grant", "店员补偿权限", unit="minor", ge=0, le=1_000_000)
        callback_h: int = setting(24, "Survey after closing", "结案回访时间", unit="h", ge=1, le=168)
        repeat_days: int = setting(30, "A second complaint within it starts one level higher", "重复投诉升级期", unit="d", ge=1, le=180)

    # Complaints

    @on("member.event")
    def heard(self, event):
        kind, score = event["kind"], event.get("score")
        person, text = event.get("member") or event.get("visitor"), event.get("text") or ""
        if kind == "complaint" or (kind == "chat" and rules.sort(text).complains):
            yield from self._complaint(event, person, text, event.get("item"))
        elif kind == "survey" and score is not None:
            case = (event.get("values") or {}).get("case") or self.state.get(f"asked:{event.get('member', '')}")
            if f"case:{case}" in self.state:
                yield from self._called_back(case, event, score)
            elif score < LOW_SCORE:
                yield from self._complaint(event, person, text, event.get("item"))

    @on("social.mention?")
    def mentioned(self, event):
        seen = f"mention:{event['mention']}"
        if seen not in self.state and rules.speaks_ill(event.data):
            self._keep(seen, True, self.now + ASKED)
            author, item = event.get("author"), next(iter(event.get("products") or ()), None)
            yield from self._complaint(event, author and f"author:{author}", event["text"], item)

    def _complaint(self, event, person, text, item):
        values, name, found = event.get("values") or {}, f"case-{event.id}", rules.sort(text)
        receipt = values.get("receipt") or (event.get("ref") or {}).get("receipt")
        own = self.state.get(f"own:{person}", []) if person else []
        same = next((one for one in own if rules.joins(self.state[f"case:{one}"], found.category, receipt, item, event.time)), None)
        if same:
            case = self.state[f"case:{same}"]
            case["texts"] = [*case["texts"], text[:MOST_TEXT]][-MOST_TEXTS:]
            self.timers.set("silent", same, event.time + SILENT)
            return
        price = values.get("price") or returns.paid(self.state.get(f"sale:{receipt}"), item) or (item and self._last_price(item))
        case = rules.new_case(found, price, plain(event.time), text[:MOST_TEXT], member=event.get("member"), item=item, receipt=receipt,
                              ref=event.ref, again=f"person:{person}" in self.state)  # fmt: skip
        self._keep(f"case:{name}", case, event.time + FORGOTTEN)
        self.timers.set("mask", name, event.time + MASKED)
        if person:
            self._keep(f"own:{person}", [name, *own][:MOST_OWN], event.time + rules.JOINED_WITHIN)
            self._keep(f"person:{person}", plain(event.time), event.time + timedelta(days=self.config.repeat_days))
        self._count("opened", found.category)
        yield from self._start(name, case, event.time)
        if item:
            yield from self._cluster(name, case, event)

    def _start(self, name, case, at):
        """Have a case answered from now on."""
        time = timedelta(minutes=self.config.due_min.get(case["severity"], DUE_MIN[case["severity"]]))
        part = time * self.config.escalate_at / 100
        case |= {"state": "open", "due": plain(at + time), "counted": False}
        self.timers.set("due", name, at + time)
        self.timers.set("escalate", name, at + part, {"part_s": part.total_seconds()})
        self.timers.set("silent", name, at + SILENT)
        yield self._task(name, case)

    def _task(self, name, case):
        case["tasks"] += 1
        words = self.say(f"Answer a complaint: {case['class'].replace('_', ' ')}", f"处理投诉：{NAMES_ZH[case['class']]}")
        return out("task.create", task=f"{name}-{case['tasks']}", kind="complaint", title=words, priority=case["severity"],
                   role=rules.LEVELS[case["level"]], due=case["due"], items=[{"gtin": case["item"]}] if case["item"] else None,
                   values=rules.told(name, case), ref=case["ref"])  # fmt: skip

    @timer("escalate")
    def untaken(self, due):
        case = self.state[f"case:{due.key}"]
        level = rules.next_level(case["level"])
        if level is not None:
            case["level"] = level
            self.timers.set("escalate", due.key, due.time + timedelta(seconds=due.data["part_s"]), dict(due.data))
            yield self._task(due.key, case)

    @timer("due")
    def overdue(self, due):
        case = self.state[f"case:{due.key}"]
        if not case["counted"]:
            case["counted"] = True
            self.kpi.share("answered_in_time", 0, 1)
            self._count("late", case["class"])

    def _cluster(self, name, case, event):
        config, like = self.config, rules.likeness(case["class"])
        key, news = f"cluster:{item_key(case['item'])}|{like}", (plain(event.time), name)
        known, alert = rules.clustered(self.state.get(key), news, config.cluster_h, config.cluster_n)
        self._keep(key, known, event.time + timedelta(hours=config.cluster_h))
        if not alert:
            return
        product = self.tables.products.get(case["item"]) or {"gtin": case["item"]}
        gtin, label, count = product["gtin"], product.get("name", product["gtin"]), len(known["cases"])
        yield out("alert.raise", alert=f"cluster-{gtin}-{name}", kind="complaint_cluster", state="open", subject=gtin, value=count,
                  severity="critical" if case["severity"] == 1 else "high", limit=config.cluster_n, unit="count", ref=case["ref"],
                  text=self.say(f"{count} like complaints on {label}", f"{label}集中投诉{count}起"))  # fmt: skip
        if like == "goods":
            yield out("task.create", task=f"off-{gtin}-{name}", kind="take_off_shelf", priority=1, role="lead", items=[{"gtin": gtin}],
                      title=self.say(f"Take {label} off the shelf", f"下架{label}"), ref=case["ref"],
                      values={"cases": [one for _, one in known["cases"]]})  # fmt: skip

    # Answers

    @on("task.done?")
    def done(self, event):
        name, _, part = event["task"].rpartition("-")
        case, agreed = self.state.get(f"case:{name}"), rules.agreed(event.data)
        if event["task"].startswith("return-") and event["task"] in self.state:
            yield from self._judged(event["task"], self.state[event["task"]], agreed)
        elif case and part in case["asked"] and agreed is not None:
            amount = case["asked"].pop(part)
            if agreed:
                yield self._pay(event["task"], case, amount, event)
        elif case and case["state"] != "closed" and part.isdigit() and event["state"] in ("accepted", "done", "approved"):
            yield from self._answered(name, case, event)

    def _answered(self, name, case, event):
        values, case["state"] = event.get("values") or {}, "taken"
        self.timers.cancel("escalate", name)
        self.timers.set("silent", name, event.time + SILENT)
        if event["state"] == "accepted":
            return
        case["answers"] += 1
        if not case["counted"]:
            case["counted"] = True
            self.kpi.share("answered_in_time", event.time <= parse_time(case["due"]), 1)
        amount = values.get("compensation", 0)
        granted = rules.grant(amount, self.config.clerk_limit, (self.tables.staff.get(event["staff"]) or {}).get("roles") or ())
        if granted == "ask":
            case["asked"][f"pay{case['answers']}"] = amount
            yield out("task.create", task=f"{name}-pay{case['answers']}", kind="approve_compensation", priority=2, role="manager",
                      title=self.say("Approve a compensation", "审批补偿"), ref=event.ref,
                      values={"case": name, "amount": amount, "limit": self.config.clerk_limit, "class": case["class"]})  # fmt: skip
        elif granted == "pay":
            yield self._pay(f"{name}-{case['answers']}", case, amount, event)
        if values.get("resolved", True):
            self._close(name, case, event.time)

    @timer("silent")
    def silent(self, due):
        self._close(due.key, self.state[f"case:{due.key}"], due.time)

    def _close(self, name, case, at):
        case["state"] = "closed"
        for alarm in ("escalate", "due", "silent"):
            self.timers.cancel(alarm, name)
        asks = at + timedelta(hours=self.config.callback_h)
        self.timers.set("survey", name, asks)
        self._keep(f"asked:{case['member']}", name, asks + ASKED)
        self._count("closed", case["class"])
        if not case["reopened"]:
            case["first"] = case["answers"] == 1
            self.kpi.share("first_contact_resolved", case["first"], 1)

    def _pay(self, coupon, case, amount, event):
        row, hours = self.tables.coupons.get("compensation") or {}, self.store.hours
        until = hours.midnight(hours.store_day(self.now) + timedelta(days=1 + row.get("valid_days", COMPENSATION_VALID_D)))
        self.kpi.add("compensation", amount)
        self._count("compensation", case["class"], amount)
        return out("coupon.issue", coupon=coupon, template="compensation", valid_from=self.now, valid_to=until,
                   value=amount, member=case["member"], bearer=None if case["member"] else True, ref=event.ref)  # fmt: skip

    # Callback

    @timer("survey")
    def survey(self, due):
        case = self.state[f"case:{due.key}"]
        if case["member"] and case["state"] == "closed":
            text = self.say("How well did we settle your matter, from 1 to 5?", "您反映的问题处理得如何？请打1到5分。")
            yield self._tell(f"survey-{due.key}-{case['tasks']}", case["member"], "after_sales_survey", {"case": due.key}, text)

    def _called_back(self, name, event, score):
        case = self.state[f"case:{name}"]
        if case["state"] != "closed":
            return  # it is being seen to again
        self.kpi.sample("satisfaction", score)
        if score >= LOW_SCORE or case["reopened"]:
            self.state.pop(f"asked:{case['member']}", None)
            return
        self.kpi.share("first_contact_resolved", -1 if case["first"] else 0, 0)
        texts = [text for text in (*case["texts"], event.get("text")) if text]
        case |= {"reopened": True, "level": max(case["level"], LEAD), "texts": texts}
        self._count("reopened", case["class"])
        yield from self._start(name, case, event.time)

    # Returns

    @on("pos.sale")
    def sold(self, event):
        for line in event["lines"] if event["kind"] == "sale" else ():
            if self.tables.products.get(line["gtin"]) and line.get("weight_g") is None and line.get("price"):
                self.state[f"price:{item_key(line['gtin'])}"] = line["price"]
        if event["kind"] == "sale" and event["channel"] == "online":
            self._keep(f"sale:{event['receipt']}", returns.order(plain(event.time), event["lines"]), event.time + ORDERS_KEPT)

    def _last_price(self, item):
        return self.state.get(f"price:{item_key(item)}") or (self.tables.products.get(item) or {}).get("list_price")

    @on("delivery.status?")
    def delivered(self, event):
        if event["status"] == "delivered":
            self._keep(f"delivered:{event['order']}", plain(event.time), event.time + ORDERS_KEPT)

    @on("return.requested")
    def asked_back(self, event):
        name = f"return-{event['return']}"
        if name in self.state:  # told before; what is new are photos
            if event.get("photos") and self.state[name]["state"] == "ask":
                yield self._review(name, event)
            return
        order = event.get("order") or event.get("receipt") or event["return"]
        sale, since = returns.known(self.state, event.get("order"), event.get("receipt"))
        day = since and rules.last_day_of_return(self.store.hours.store_day(parse_time(since)), self.config.no_reason_days)
        ends = day and self.store.hours.midnight(day + timedelta(days=1))
        found = returns.judge(event["lines"], sale, event.time, ends, self.tables.products.get, self.config.no_return)
        request = {"order": order, "member": event.get("member"), "lines": found.barred, "state": "ask" if found.barred else "accepted"}
        self._keep(name, request, self.now + ORDERS_KEPT)
        if found.allowed:
            yield from self._decide(name, request, "accepted", found.allowed)
        if found.barred:
            yield from self._decide(name, request, "ask", found.barred, found.reason)
            if event.get("photos"):
                yield self._review(name, event)
            elif event.get("member"):
                text = self.say("Please send photos of the goods; we will decide at once.", "请上传商品照片，我们将尽快审核。")
                yield self._tell(f"{name}-photo", event["member"], "return_photo", {"return": event["return"], "order": order}, text)

    def _decide(self, name, request, status, lines, reason=None):
        yield out("order.status", order=request["order"], status=status, reason=reason, amount=sum(line["amount"] for line in lines),
                  lines=[{"line": line["line"], "qty": line["qty"]} for line in lines])  # fmt: skip
        if status == "accepted" and request["member"]:
            text = self.say("Your return is accepted; the label is enclosed.", "退货申请已通过，寄回面单已发送。")
            yield self._tell(f"{name}-label", request["member"], "return_label", {"return": name[7:], "order": request["order"]}, text)

    def _review(self, name, event):
        self.state[name]["state"] = "review"
        values = {"return": event["return"], "photos": event["photos"], "order": self.state[name]["order"]}
        return out("task.create", task=name, kind="review_return", priority=3, role="clerk", values=values, ref=event.ref,
                   title=self.say("Judge a return by its photos", "审核退货照片"),
                   items=[{key: line[key] for key in ("gtin", "qty")} | {"note": line["reason"]} for line in event["lines"]])  # fmt: skip

    def _judged(self, name, request, agreed):
        if request["state"] == "review" and agreed is not None:
            request["state"] = "accepted" if agreed else "rejected"
            yield from self._decide(name, request, request["state"], request["lines"], None if agreed else "photos")

    def _keep(self, key, value, until):
        self.state[key] = value
        self.timers.set("forget", key, until)

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)

    @timer("mask")
    def mask(self, due):
        case, names = self.state[f"case:{due.key}"], [row.get("name", "") for row in self.tables.staff.all_rows()]
        case["texts"] = [self.workers.insight.anonymous.without_names(text, names) for text in case["texts"]]

    def _tell(self, message, member, template, params, text):
        channel = self.workers.insight.reach.channel_of(self.tables.members.get(member))
        return out("message.send", message=message, channel=channel, to=member, template=template, params=params, text=text,
                   purpose="service")  # fmt: skip

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", None)
        if day is None:
            return None
        start = self.store.hours.midnight(self.store.hours.ended_day(due.time))
        rows = [{"class": name, **row} for name, row in sorted(day.items())]
        return out("insight.report", {"from": start, "to": due.time}, report=f"after-sales-{self.store.hours.store_day(start)}",
                   kind="after_sales", version=1, figures=rules.totals(day), rows=rows)  # fmt: skip

    def _count(self, what, category, number=1):
        row = self.state.setdefault("day", {}).setdefault(category, {})
        row[what] = row.get(what, 0) + number
