"""Role-play coach and launch drill: staff rehearse with a machine customer, the talk is scored, and it tells when a store may go live.

A talk is a `training.event` answer with `turns` (by staff or customer) on a card whose `key_phrases` are its rubric; a step is said by
staff. Each talk is told as a score report of the person, with both ratings, the steps said and the next card: of the courses for the
person's roles the unpassed one whose rating is nearest the person's, then by id. A card may bring a `rating` to start from. A forbidden
term costs once a talk however often it is heard. Steps in one turn stand in the order of their words.

It judges words, not tone, and is no ground for pay. Transcripts are kept for 30 days for review; all of a person goes with the leaving.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, on_table, out, setting, timer
from storeloom.workers.insight import roleplay
from storeloom.workers.insight.contacts import has_left

TRANSCRIPTS = timedelta(days=30)


class RoleplayCoach(Solution):
    number = 66
    zh, en = "话术陪练与上线演练", "Role-play coach and launch drill"
    purpose_zh = "员工与虚拟顾客对练销售、投诉与新工具话术，按要点与禁语评分，并判断门店是否可以上线。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("training.event", "points.change", "score.report")
    adapters = ("kiosk?",)
    reads = ("courses", "staff")
    kpis = {
        "pass_rate": kpi("%", "Talks passed", "通过率"),
        "launch_readiness": kpi("%", "Staff ready for the launch", "上线就绪度"),
        "forbidden_claims": kpi("count", "Forbidden claims heard", "禁语次数"),
        "drills_per_person": kpi("count", "Talks a person", "人均演练次数"),
    }

    class Config(SolutionConfig):
        pass_score: float = setting(80, "Score that passes a card", "通过分数", ge=50, le=100)
        step_likeness: float = setting(0.7, "Likeness that counts as said", "视为说到的相似度", ge=0.4, le=0.95,
            help_en="Of an utterance to a step's phrases.", help_zh="语句与要点话术的相似度。")  # fmt: skip
        claim_penalty: float = setting(15, "Points off for each forbidden claim", "每个禁语扣分", unit="points", ge=0, le=50)
        claims: list[str] = setting(lambda: ["最好", "第一", "根治", "保本"], "Forbidden terms", "禁语",
            help_en="Absolute terms, cures, guaranteed returns; extend by category.",
            help_zh="绝对化用语、疗效与收益承诺，可按品类扩充。")  # fmt: skip
        rating_k: int = setting(24, "Step of the ratings", "等级分步长", ge=8, le=64)
        ready_share: float = setting(0.9, "Share of staff who passed every card", "上线就绪比例", ge=0.5, le=1)
        pass_points: int = setting(20, "Learning points for a first pass", "首次通过奖励积分", unit="points", ge=0, le=500,
            help_en="An incentive, not pay.", help_zh="激励积分，不作薪酬。")  # fmt: skip

    @on("training.event")
    def drilled(self, event):
        staff, course = event["staff"], event["course"]
        card = self._card(course, event.get("card"))
        if event["kind"] != "answer" or card is None or event.get("turns") is None:
            return
        talk = roleplay.judge(event["turns"], card, self.config.claims, self.config.step_likeness, self.config.claim_penalty)
        if talk is None:
            return
        self.state[f"talk:{event.id}"] = {"staff": staff, "card": card["card"], "turns": list(event["turns"])}
        self.timers.set("forget", f"talk:{event.id}", self.now + TRANSCRIPTS)
        passed = talk.score >= self.config.pass_score
        own = self._person(staff)
        rating = self._rating(card)
        own["rating"], self.state[f"card:{card['card']}"] = roleplay.rated(own["rating"], rating, passed, self.config.rating_k)
        own["drills"] += 1
        self._figures(talk, passed)
        yield out("training.event", staff=staff, course=course, card=card["card"], kind="passed" if passed else "failed", score=talk.score)
        if passed and card["card"] not in own["passed"]:
            own["passed"].append(card["card"])
            yield from self._reward(staff, card, event)
        yield self._report(event, card, talk, passed)
        yield from self._launch(course)

    def _card(self, course, name):
        row = self.tables.courses.get(course) or {}
        return next((card for card in row.get("cards") or () if card["card"] == name and card.get("key_phrases")), None)

    def _person(self, staff):
        return self.state.setdefault(f"person:{staff}", {"rating": roleplay.START, "passed": [], "drills": 0})

    def _rating(self, card):
        return self.state.get(f"card:{card['card']}", card.get("rating", roleplay.START))

    def _figures(self, talk, passed):
        people = [self.state[key]["drills"] for key in self.state if key.startswith("person:")]
        self.kpi.share("pass_rate", passed, 1)
        self.kpi.add("forbidden_claims", len(talk.claims))
        self.kpi.set("drills_per_person", sum(people) / len(people))

    def _reward(self, staff, card, event):
        if self.config.pass_points:
            member = (self.tables.staff.get(staff) or {}).get("own_member") or staff
            yield out("points.change", member=member, delta=self.config.pass_points, reason="earn", source=f"roleplay:{card['card']}",
                      ref=event.ref)  # fmt: skip

    def _report(self, event, card, talk, passed):
        own = self._person(event["staff"])
        parts = [("steps_said", len(talk.said), "count"), ("order_factor", talk.order_factor, "share"),
                 ("forbidden_claims", len(talk.claims), "count"), ("rating", own["rating"], "elo"),
                 ("card_rating", self._rating(card), "elo")]  # fmt: skip
        labels = {"course": event["course"], "card": card["card"], "result": "passed" if passed else "failed"}
        following = self._next(event["staff"], own)
        said = [roleplay.rubric(card)[step][0] for step in talk.said]
        return out("score.report", {"from": event.time, "to": event.time}, scheme="roleplay", subject_kind="staff", subject=event["staff"],
                   score=talk.score, parts=[{"name": name, "value": value, "unit": unit} for name, value, unit in parts],
                   labels=labels | ({"next_card": following} if following else {}),
                   notes=[*said, *(f"!{term}" for term in talk.claims)])  # fmt: skip

    def _next(self, staff, own):
        """The unpassed card of the person's courses whose rating is nearest the person's."""
        roles = (self.tables.staff.get(staff) or {}).get("roles")
        cards = [card for row in self.tables.courses.rows() if roles is None or not row.get("roles") or set(roles) & set(row["roles"])
                 for card in self._cards(row) if card["card"] not in own["passed"]]  # fmt: skip
        return min(cards, key=lambda card: (abs(self._rating(card) - own["rating"]), card["card"]))["card"] if cards else None

    def _cards(self, course):
        return [card for card in course.get("cards") or () if card.get("key_phrases")]

    # Launches

    def _launch(self, course):
        """Tell once that enough of a course's staff have passed all its cards."""
        row = self.tables.courses.get(course) or {}
        cards, today = {card["card"] for card in self._cards(row)}, self.store.hours.store_day(self.now)
        people = [person["staff"] for person in self.tables.staff.rows() if not has_left(person, today)
                  and (not row.get("roles") or set(person.get("roles") or ()) & set(row["roles"]))]  # fmt: skip
        if not people or not cards:
            return
        done = sum(cards <= set(self.state.get(f"person:{staff}", {"passed": ()})["passed"]) for staff in people)
        self.kpi.set("launch_readiness", 100 * done / len(people))
        ready = done >= self.config.ready_share * len(people) - 1e-9
        if not ready:
            self.state.pop(f"ready:{course}", None)
        elif f"ready:{course}" not in self.state:
            self.state[f"ready:{course}"] = True
            parts = [{"name": name, "value": number, "unit": "count"} for name, number in (("passed", done), ("staff", len(people)))]
            yield out("score.report", {"from": self.now, "to": self.now}, scheme="launch_readiness", subject_kind="store",
                      subject=self.store.id, score=100 * done / len(people), labels={"course": course, "state": "ready"},
                      parts=parts)  # fmt: skip

    @on_table("staff")
    def staff_changed(self, table):
        today = self.store.hours.store_day(self.now)
        gone = {row["staff"] for row in self.tables.staff.all_rows() if has_left(row, today)}
        for key in [key for key in self.state if key.startswith("talk:") and self.state[key]["staff"] in gone]:
            self.timers.cancel("forget", key)
            del self.state[key]
        for staff in gone:
            self.state.pop(f"person:{staff}", None)
        for row in self.tables.courses.rows():
            yield from self._launch(row["course"])

    @timer("forget")
    def forget(self, due):
        self.state.pop(due.key, None)
