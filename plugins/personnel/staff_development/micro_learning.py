"""Micro-learning for store staff: a few cards a day at the spacing that memory needs, mandatory ones first, at a quiet moment of the shift.

Each answer (`training.event` answer with card and quality) is told as a score report of the person, with the card's interval, ease and next
day. A right answer before the due day leaves interval and day as they are. A course that was passed elsewhere (`passed`) counts as passed
for its cards. New cards come from courses of the person's roles, mandatory ones first, save what only teaches a skill that the person has.

The shift is taken to last eight hours from clocking in, and not beyond closing; who clocked out meanwhile gets nothing. Forecasts of
several places add up. Mandatory cards are told to the leader once each, at opening. Records go with the person's leaving.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight import spaced_repetition
from storeloom.workers.insight.contacts import has_left
from storeloom.workers.optimise.eligibility import Skills

SHIFT = timedelta(hours=8)
SECONDS_A_CARD = 30


class MicroLearning(Solution):
    number = 64
    zh, en = "碎片化微课培训", "Micro-learning for store staff"
    purpose_zh = "按记忆规律每天推几张学习卡，必修优先，挑班次中最清闲的时段推送，代替集中授课。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("task.create", "message.send", "score.report")
    adapters = ("messaging",)
    reads = ("courses", "staff", "skills")
    kpis = {
        "mandatory_passed": kpi("%", "Mandatory cards passed", "必修卡通过率"),
        "retention_at_review": kpi("%", "Reviews answered rightly", "复习正确率"),
        "cards_done": kpi("count", "Cards answered", "完成卡片数"),
        "overdue_cards": kpi("count", "Cards overdue", "逾期卡片数"),
    }
    kinds = {
        "micro_learning": ("Learning session", "微课学习"),
        "mandatory_cards": ("Mandatory cards not passed", "必修卡未通过"),
    }

    class Config(SolutionConfig):
        daily_cards: int = setting(12, "Most cards a person and day", "每人每日卡片数", ge=3, le=60)
        new_share: float = setting(0.25, "Share of new cards while reviews wait", "有复习时新卡占比", ge=0, le=1)
        first_interval: int = setting(1, "After the first right answer", "首次答对后间隔", unit="d", ge=1, le=7)
        second_interval: int = setting(6, "After the second right answer", "第二次答对后间隔", unit="d", ge=2, le=30)
        ease_start: float = setting(2.5, "Ease of a new card", "新卡难度系数", ge=1.3, le=4)
        ease_min: float = setting(1.3, "Lowest ease", "最低难度系数", ge=1.1, le=2)
        onboard_days: int = setting(14, "Mandatory cards must be passed by then", "入职必修期限", unit="d", ge=1, le=90,
            help_en="Counted from hiring.", help_zh="自入职起算。")  # fmt: skip
        push_delay: int = setting(30, "After clocking in", "上班后推送延迟", unit="min", ge=0, le=240,
            help_en="Where no traffic forecast names a quieter hour.", help_zh="没有客流预测时使用。")  # fmt: skip

    # Answers

    @on("training.event")
    def trained(self, event):
        staff, course = event["staff"], event["course"]
        row = self.tables.staff.get(staff) or {}
        if has_left(row, self._today()):
            return
        if event["kind"] == "passed":
            known = self.state.setdefault(f"passed:{staff}", [])
            if course not in known:
                known.append(course)
                self._count_mandatory()
        elif event["kind"] == "answer" and event.get("card") and event.get("quality") is not None:
            yield from self._answered(event, staff, course)

    def _answered(self, event, staff, course):
        config, card, quality = self.config, event["card"], event["quality"]
        terms = spaced_repetition.Terms(config.first_interval, config.second_interval, config.ease_start, config.ease_min)
        cards, day = self.state.setdefault(f"cards:{staff}", {}), self.store.hours.store_day(event.time)
        before = cards.get(card)
        if before and before["due"] <= day.isoformat():
            self.kpi.share("retention_at_review", quality >= spaced_repetition.RIGHT, 1)
        record = cards[card] = spaced_repetition.answer(before, quality, day, terms)
        self.kpi.add("cards_done")
        if record["passed"] and not (before and before["passed"]):
            self._count_mandatory()
        parts = [
            ("quality", quality, "points"),
            ("interval", record["interval"], "d"),
            ("ease", record["ease"], "factor"),
            ("repetitions", record["reps"], "count"),
        ]
        yield out("score.report", {"from": event.time, "to": event.time}, scheme="micro_learning", subject_kind="staff", subject=staff,
                  score=20 * quality, parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts],
                  labels={"course": course, "card": card, "due": record["due"]})  # fmt: skip

    # Sessions

    @on("staff.clock")
    def clocked(self, event):
        staff, kind, day = event["staff"], event["kind"], self.store.hours.store_day(event.time)
        if kind == "out":
            self.timers.cancel("push", staff)
        elif kind == "in" and self.state.get(f"sent:{staff}") != day.isoformat():
            at = self._quiet_hour(event.time) or event.time + timedelta(minutes=self.config.push_delay)
            self.timers.set("push", staff, max(at, self.now))

    @on("forecast.traffic?")
    def forecast(self, event):
        if event["what"] in ("visitors", "receipts"):
            day = self.state.setdefault(f"traffic:{self.store.hours.store_day(parse_time(event['from']))}", {})
            day.setdefault(event["from"], {})[event["place"]] = event["p50"]

    def _quiet_hour(self, at):
        """When the quietest forecast hour left in the shift begins, None without a forecast."""
        hours = self.state.get(f"traffic:{self.store.hours.store_day(at)}", {})
        span = self.store.hours.span(at)
        end = min(at + SHIFT, span[1]) if span else at + SHIFT
        left = {start: sum(places.values()) for start, places in hours.items() if at <= parse_time(start) < end}
        return parse_time(min(left, key=lambda start: (left[start], parse_time(start)))) if left else None

    @timer("push")
    def push(self, due):
        staff, day = due.key, self._today()
        person = self.tables.staff.get(staff) or {"staff": staff}
        if has_left(person, day):
            return
        self.state[f"sent:{staff}"] = day.isoformat()
        records = self.state.get(f"cards:{staff}", {})
        mandatory = self._mandatory(person)
        new = [card for card in self._new(person) if card not in records]
        reviews, fresh = spaced_repetition.session(records, new, mandatory, day, self.config.daily_cards, self.config.new_share)
        cards = [*reviews, *fresh]
        if not cards:
            return
        task, words = f"learn-{staff}-{day}", self.say(f"Cards for today: {len(cards)}", f"今日{len(cards)}张学习卡")
        courses = self._course_of()
        yield out("task.create", task=task, kind="micro_learning", title=words, priority=4, staff=staff, due=self._day_end(day),
                  minutes=len(cards) * SECONDS_A_CARD / 60, items=[{"note": card} for card in cards],
                  values={"cards": cards, "reviews": len(reviews), "new": len(fresh),
                  "courses": sorted({courses[card] for card in cards if card in courses})})  # fmt: skip
        yield out("message.send", message=task, channel="work_chat", to=staff, purpose="staff", template="micro_learning", text=words,
                  params={"task": task, "cards": len(cards)}, expires=self._day_end(day))  # fmt: skip

    def _day_end(self, day):
        return self.store.hours.midnight(day + timedelta(days=1))

    # Courses

    def _courses(self, person):
        """Courses for somebody's roles; a course without roles is for all."""
        roles = set(person.get("roles") or ())
        return [row for row in self.tables.courses.rows() if not row.get("roles") or roles & set(row["roles"])]

    def _course_of(self):
        return self.tables.courses.derived(
            "cards", lambda rows: {card["card"]: row["course"] for row in rows for card in row.get("cards") or ()}
        )

    def _mandatory(self, person):
        return [card["card"] for row in self._courses(person) if row.get("mandatory") for card in row.get("cards") or ()]

    def _new(self, person):
        """Cards of the roles' courses: mandatory courses first, then by course, in the order of the cards."""
        skills, day, passed = self.tables.skills.derived("skills", Skills), self._today(), self.state.get(f"passed:{person['staff']}", ())
        found = []
        for row in sorted(self._courses(person), key=lambda row: (not row.get("mandatory"), row["course"])):
            held = row.get("skill") and skills.holds(person["staff"], row["skill"], day, row.get("level", 1))
            if row["course"] not in passed and (row.get("mandatory") or not held):
                found += [card["card"] for card in row.get("cards") or ()]
        return found

    def _unpassed(self, person):
        courses, records = self._course_of(), self.state.get(f"cards:{person['staff']}", {})
        passed = self.state.get(f"passed:{person['staff']}", ())
        return [card for card in self._mandatory(person) if courses[card] not in passed and not records.get(card, {}).get("passed")]

    # The day

    def _today(self):
        return self.store.hours.store_day(self.now)

    @on_table("staff")
    def staff_changed(self, table):
        self._remove_leavers()

    def start(self):
        self._remove_leavers()
        self._count_mandatory()

    def _remove_leavers(self):
        """Forget who has left, by the row's word or by its vanishing; who never had a row stays."""
        rows = {row["staff"]: row for row in self.tables.staff.all_rows()}
        vanished = set(self.state.get("listed", ())) - rows.keys()
        for key in [key for key in self.state if key.startswith(("cards:", "sent:", "passed:", "told:"))]:
            staff = key.partition(":")[2]
            if staff in vanished or has_left(rows.get(staff, {}), self._today()):
                self.timers.cancel("push", staff)
                del self.state[key]
        self.state["listed"] = sorted(rows)

    @every("1d", at="open")
    def morning(self, due):
        self._remove_leavers()
        today = self._today()
        for key in [key for key in self.state if key.startswith("traffic:") and key[8:] < today.isoformat()]:
            del self.state[key]
        overdue = [spaced_repetition.overdue(self.state[key], today) for key in self.state if key.startswith("cards:")]
        self.kpi.set("overdue_cards", sum(overdue))
        for person in self._people():
            yield from self._tell_leader(person, self._unpassed(person), today)
        self._count_mandatory()

    def _people(self):
        today = self._today()
        return sorted((row for row in self.tables.staff.rows() if not has_left(row, today)), key=lambda row: row["staff"])

    def _count_mandatory(self):
        people = self._people()
        asked, unpassed = (sum(len(cards(person)) for person in people) for cards in (self._mandatory, self._unpassed))
        self.kpi.set("mandatory_passed", 100 * (asked - unpassed) / asked if asked else None)

    def _tell_leader(self, person, unpassed, today):
        told = self.state.get(f"told:{person['staff']}", [])
        fresh = [card for card in unpassed if card not in told]
        hired = person.get("hired")
        if not fresh or not hired or (today - date.fromisoformat(str(hired)[:10])).days < self.config.onboard_days:
            return
        self.state[f"told:{person['staff']}"] = [*told, *fresh]
        name = person.get("name", person["staff"])
        yield out("task.create", task=f"mandatory-{person['staff']}-{plain(today)}", kind="mandatory_cards", priority=2,
                  staff=person.get("manager"), role="manager", items=[{"note": card} for card in fresh],
                  title=self.say(f"Mandatory cards that {name} has not passed: {len(fresh)}", f"{name}有{len(fresh)}张必修卡未通过"),
                  values={"staff": person["staff"], "cards": fresh})  # fmt: skip
