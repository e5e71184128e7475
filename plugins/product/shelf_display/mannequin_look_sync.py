"""For fashion visual merchandisers: keeps mannequins and windows dressed in looks that the shop can sell in the sizes people ask for, and
measures what a look adds.

A fixture of kind `mannequin` or `window` shows the look (`products.look`) of what the planogram has on it; after a change it shows what
was put on until the table is replaced. Pieces are styles in one colour. A size on show is one piece less to sell; a new look's pieces are
not on show yet. A piece whose stock was never told holds no check up, and a look with one is no candidate. Looks are of one season when
their pieces name the same. The margin is base price (else list price) less cost of each piece's first GTIN; a look's heat is the mean of
its styles', the score of `score.report` of a scheme about heat by style or GTIN, unless it is older than 30 days.

While a task is open its fixture is not judged. A task is confirmed by `task.done`, whose note may name the look that was put on instead, or
by clothing on the fixture in `vision.item`: its likeliest candidate a GTIN of the new look, or (as `class` or `colour`) a colour that the
old look does not have. Sales before and after a change are counted to the hour, the category's with the look's own; an effect needs the
look to stay on for the whole time.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, on_table, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.gs1.numbers import item_key

SHOWS = ("mannequin", "window")
HEAT_KEPT = timedelta(days=30)


class MannequinLookSync(Solution):
    number = 123
    zh, en = "模特橱窗穿搭联动", "Mannequin and window look sync"
    purpose_zh = "让模特与橱窗始终展示店内有货、尺码齐全的穿搭，缺码即换，并衡量一套穿搭带来的销售增量。"
    formats = ("specialty",)
    produces = ("task.create", "recommend.items", "score.report")
    reads = ("products", "prices", "planogram", "fixtures")
    kpis = {
        "look_size_coverage": kpi("%", "Size coverage of the looks shown", "在展穿搭尺码覆盖率"),
        "look_uplift": kpi("%", "Sales a look adds", "穿搭销售增幅"),
        "changes_on_time": kpi("%", "Changes on time", "按时更换率"),
    }
    kinds = {"change_look": ("Dress in another look", "更换穿搭"), "substitute_piece": ("Substitute a piece", "替换单品")}

    class Config(SolutionConfig):
        min_coverage: float = setting(0.60, "Least size coverage", "最低尺码覆盖率", ge=0.1, le=1,
            help_en="Share of size demand that must be in stock for a piece to stay on show.",
            help_zh="在展单品须有货的尺码需求占比。")  # fmt: skip
        bad_checks: int = setting(2, "Checks in a row below it that trigger a change", "触发更换的连续不达标次数", ge=1, le=10)
        check_h: int = setting(4, "Time between checks", "检查间隔", unit="h", ge=1, le=24,
            help_en="From opening on.", help_zh="自开店起。")  # fmt: skip
        rest_days: int = setting(14, "A look is not shown again within", "穿搭间隔天数", unit="d", ge=0, le=90)
        heat_default: float = setting(0.5, "Interest in a style without a score", "无评分款式的热度", ge=0, le=1)
        effect_days: int = setting(7, "Window of the effect before and after", "效果衡量窗口", unit="d", ge=3, le=28)
        latest_h: int = setting(3, "Time to change the mannequin", "更换时限", unit="h", ge=1, le=48)

    def start(self):
        span = self.store.hours.span(self.now)
        if span:
            self._wait(*span, self.now - timedelta(microseconds=1))

    @every("1d", at="open")
    def opening(self, due):
        self._forget(due.time)
        span = self.store.hours.span(due.time)
        if span:
            self._wait(*span, due.time)
            yield from self._check_all()

    @timer("check")
    def check(self, due):
        span = self.store.hours.span(due.time)
        if span:
            self._wait(*span, due.time)
            yield from self._check_all()

    @on("inventory.snapshot")
    def counted(self, event):
        position = self.workers.optimise.position
        if position.is_count(event.data):
            position.count(self.state.setdefault(f"stock:{item_key(event['gtin'])}", {}), event.data, event.time)

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] not in ("sale", "return"):
            return
        looks = self.workers.optimise.looks
        for line in event["lines"]:
            key, product = item_key(line["gtin"]), self._product(line["gtin"])
            units = -abs(line["qty"]) if event["kind"] == "return" else line["qty"]
            self.workers.optimise.position.take(self.state.get(f"stock:{key}", {}), units, event.time)
            for name in looks.names_of(product):
                looks.sell(self.state.setdefault(name, {}), event.time, units, self.config.effect_days)
                for fixture in self.state.get("measured", ()):
                    looks.enter_sale(self.state[f"effect:{fixture}"], name, units, event.time)

    @on("score.report?")
    def scored(self, event):
        if event["subject_kind"] == "item" and "heat" in event["scheme"] and event.get("score") is not None:
            style = self._product(event["subject"]).get("style") or event["subject"]
            self.state[f"heat:{style}"] = [rfc3339(event.time), max(0.0, event["score"])]

    @on("task.done")
    def answered(self, event):
        fixture = self.state.get(f"task:{event['task']}")
        task = self.state.get(f"open:{fixture}")
        if task is None or task["task"] != event["task"]:
            return
        if event["state"] in ("done", "approved"):
            note, gtin = (event.get("note") or "").split(), (event.get("values") or {}).get("gtin")
            if task["look"] is None:
                self._substituted(fixture, task, event.time, gtin or next((one for one in note if self._product(one)), None))
            else:
                self._changed(fixture, task, event.time, next((look for look in self._looks() if look in note), task["look"]))
        elif event["state"] in ("declined", "failed", "cancelled"):
            self._close(fixture)

    @on("vision.item?")
    def seen(self, event):
        fixture = event.get("fixture")
        task = self.state.get(f"open:{fixture}") if fixture else None
        if task is None or task["look"] is None or event.time < parse_time(task["at"]):
            return
        if self.workers.optimise.looks.is_worn(event.data, self._looks().get(task["look"], []), self._pieces(fixture)):
            self._changed(fixture, task, event.time, task["look"])

    @timer("late")
    def late(self, due):
        task = self.state.get(f"open:{due.key}")
        if task and not task["late"]:
            task["late"] = True
            self.kpi.share("changes_on_time", 0, 1)

    @timer("effect")
    def effect(self, due):
        """What the look added in its time on show."""
        one = self._unmeasured(due.key)
        found = one and self.workers.optimise.looks.effect_of(one)
        if found:
            self.kpi.sample("look_uplift", found[0])
            yield out("score.report", {"from": one["at"], "to": one["to"]}, scheme="mannequin_look_effect", subject_kind="item",
                      subject=one["name"], score=round(found[0], 4), parts=found[1], labels={"fixture": due.key})  # fmt: skip

    @on_table("planogram")
    def dressed_anew(self, table):
        for name in [name for name in self.state if name.startswith("shows:")]:
            del self.state[name]

    def _forget(self, now):
        """Heat, looks and sales of long ago."""
        rested = now - timedelta(days=self.config.rest_days)
        window = f"{now - timedelta(days=self.config.effect_days, hours=1):%Y-%m-%dT%H}"
        for name, known in list(self.state.items()):
            kind = name.partition(":")[0]
            old = kind == "heat" and now - parse_time(known[0]) > HEAT_KEPT
            old |= kind == "last" and parse_time(known) < rested
            if old or (kind in ("sold", "category") and max(known, default="") < window):
                del self.state[name]

    def _check_all(self):
        fixtures = sorted(row["fixture"] for row in self.tables.fixtures.rows() if row.get("kind") in SHOWS)
        shown = {fixture: self._look(fixture) for fixture in fixtures}
        for look in shown.values():
            if look:
                self.state[f"last:{look}"] = rfc3339(self.now)
        for fixture in fixtures:
            if f"open:{fixture}" not in self.state:
                yield from self._check(fixture, shown[fixture])

    def _check(self, fixture, look):
        coverage = {piece: covered for piece, rows in self.workers.optimise.looks.by_piece(self._pieces(fixture)).items()
                    if (covered := self._coverage(rows, self._displayed())) is not None}  # fmt: skip
        if not coverage:
            return
        worst = min(coverage, key=lambda piece: (coverage[piece], piece))
        self.kpi.sample("look_size_coverage", 100 * coverage[worst])
        bad = self.state.get(f"bad:{fixture}", 0) + 1 if coverage[worst] < self.config.min_coverage - 1e-9 else 0
        self.state[f"bad:{fixture}"] = bad
        if bad >= self.config.bad_checks:
            best = self.workers.optimise.looks.best(self._candidates(fixture))
            yield from self._ask(fixture, look, best, worst, coverage[worst])

    def _ask(self, fixture, look, best, worst, covered):
        """A task for the look that is worth most, else for a substitute piece."""
        due, zone = self.now + timedelta(hours=self.config.latest_h), (self.tables.fixtures.get(fixture) or {}).get("zone")
        name, kind = f"look-{fixture}-{self.now:%Y%m%dT%H%M%S}", "change_look" if best else "substitute_piece"
        task = {"task": name, "at": rfc3339(self.now), "due": rfc3339(due), "worst": worst, "late": False}
        self.state[f"open:{fixture}"] = {**task, "look": best and best.id}
        self.state[f"task:{name}"] = fixture
        self.timers.set("late", fixture, due)
        rows = self.workers.optimise.looks.by_piece(self._pieces(fixture))[worst]
        values = {"look": best and best.id, "shown": look, "coverage": round(covered, 4), "worst": rows[0].get("style") or rows[0]["gtin"]}
        if best is None:
            title = self.say(f"{fixture}: find a substitute for {values['worst']}", f"{fixture}：为 {values['worst']} 找替代单品")
            worn = [row["gtin"] for row in rows if item_key(row["gtin"]) in self._items(fixture)]
            items = [{"gtin": gtin, "from": fixture, "note": "substitute"} for gtin in worn]
        else:
            title = self.say(f"{fixture}: dress in look {best.id}", f"{fixture}：换上穿搭 {best.id}")
            pieces = self.workers.optimise.looks.by_piece(self._looks()[best.id])
            items = [{"gtin": self._to_show(sizes), "qty": 1, "to": fixture} for sizes in pieces.values()]
            yield out("recommend.items", context="mannequin_look", zone=zone, slot=fixture, variant=best.id,
                      items=[{"gtin": one["gtin"], "score": round(best.worth, 4), "reason": best.id} for one in items])  # fmt: skip
        yield out("task.create", task=name, kind=kind, title=title, priority=2, zone=zone, fixture=fixture, due=due,
                  items=items or None, values={key: value for key, value in values.items() if value is not None})  # fmt: skip

    def _changed(self, fixture, task, at, look):
        """The new look is on: what stood goes to rest, and the effect is measured from here."""
        old, rows, looks = self._look(fixture), self._looks().get(look, []), self.workers.optimise.looks
        self._on_time(fixture, task, at)
        for one in filter(None, (old, look)):
            self.state[f"last:{one}"] = rfc3339(at)
        items = [item_key(self._to_show(sizes)) for sizes in looks.by_piece(rows).values()]
        self.state[f"shows:{fixture}"] = {"look": look, "items": items}
        window = timedelta(days=self.config.effect_days)
        self._unmeasured(fixture)
        self.state[f"effect:{fixture}"] = looks.begin_effect(look, rows, self.state, at, window)
        self.state["measured"] = sorted({*self.state.get("measured", ()), fixture})
        self.timers.set("effect", fixture, at + window)

    def _substituted(self, fixture, task, at, gtin):
        """One piece is exchanged; the look on show is one of its own from here."""
        self._on_time(fixture, task, at)
        self._unmeasured(fixture)
        if gtin:
            piece_of = self.workers.optimise.looks.piece_of
            kept = [key for key in self._items(fixture) if self._product(key) and piece_of(self._product(key)) != task["worst"]]
            self.state[f"shows:{fixture}"] = {"look": None, "items": [*kept, item_key(gtin)]}

    def _on_time(self, fixture, task, at):
        self.kpi.share("changes_on_time", int(at <= parse_time(task["due"])), int(not task["late"]))
        self._close(fixture)

    def _unmeasured(self, fixture):
        """Take an effect out of what is being measured."""
        self.state["measured"] = [one for one in self.state.get("measured", ()) if one != fixture]
        return self.state.pop(f"effect:{fixture}", None)

    def _close(self, fixture):
        task = self.state.pop(f"open:{fixture}")
        self.state.pop(f"task:{task['task']}", None)
        self.timers.cancel("late", fixture)
        self.state[f"bad:{fixture}"] = 0

    def _candidates(self, fixture):
        """Looks of the season that can be sold, have rested, and are neither on show nor asked for anywhere."""
        looks, seasons = self.workers.optimise.looks, {row.get("season") for row in self._pieces(fixture)} - {None}
        heats = {name[5:]: self.state[name][1] for name in self.state if name.startswith("heat:")}
        taken = {self._look(row["fixture"]) for row in self.tables.fixtures.rows() if row.get("kind") in SHOWS}
        taken |= {self.state[name]["look"] for name in self.state if name.startswith("open:")}
        for look, rows in self._looks().items():
            last = self.state.get(f"last:{look}")
            rested = last is None or self.now - parse_time(last) >= timedelta(days=self.config.rest_days)
            covered = [self._coverage(sizes, {}) for sizes in self.workers.optimise.looks.by_piece(rows).values()]
            season = not seasons or seasons & {row.get("season") for row in rows}
            if look in taken or not rested or not season or None in covered or min(covered) < self.config.min_coverage - 1e-9:
                continue
            heat = looks.heat_of(rows, heats, self.config.heat_default)
            yield looks.Look(look, looks.margin(rows, self._price), min(covered), heat)

    def _coverage(self, rows, displayed):
        """Size coverage of a piece without what is on show of it."""
        looks, sizes = self.workers.optimise.looks, []
        for row in rows:
            key = item_key(row["gtin"])
            stock = self.workers.optimise.position.units(self.state.get(f"stock:{key}", {}))
            sizes.append(looks.Size(row.get("size_share"), None if stock is None else stock - displayed.get(key, 0)))
        return looks.coverage(sizes)

    def _price(self, row):
        rows = self.tables.prices.rows(gtin=row["gtin"])
        return self.workers.pricing.prices.base_price(rows, self.now, self.store.hours.zone) or row.get("list_price")

    def _displayed(self):
        """Pieces on show by item."""
        found = {}
        for row in self.tables.fixtures.rows():
            for key in self._items(row["fixture"]) if row.get("kind") in SHOWS else ():
                found[key] = found.get(key, 0) + 1
        return found

    def _items(self, fixture):
        shows = self.state.get(f"shows:{fixture}")
        return shows["items"] if shows else [item_key(row["gtin"]) for row in self.tables.planogram.rows(fixture=fixture)]

    def _look(self, fixture):
        """The look that a fixture shows."""
        shows = self.state.get(f"shows:{fixture}")
        if shows and (shows["look"] is None or shows["look"] in self._looks()):
            return shows["look"]
        return next((look for key in self._items(fixture) if (look := self._product(key).get("look"))), None)

    def _pieces(self, fixture):
        """The products of the look on a fixture, of all sizes; of what belongs to no look the styles on it."""
        look = self._look(fixture)
        if look:
            return self._looks()[look]
        piece_of = self.workers.optimise.looks.piece_of
        pieces = {piece_of(self._product(key)) for key in self._items(fixture) if self._product(key)}
        return [row for row in self.tables.products.rows() if piece_of(row) in pieces]

    def _looks(self):
        return self.tables.products.derived("looks", self.workers.optimise.looks.by_look)

    def _to_show(self, rows):
        """The size with most pieces, of equal ones the first by GTIN."""
        stock = self.workers.optimise.position.units
        return min(rows, key=lambda row: (-(stock(self.state.get(f"stock:{item_key(row['gtin'])}", {})) or 0), row["gtin"]))["gtin"]

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {}

    def _wait(self, opens, closes, at):
        """Set the next check, counted from opening."""
        step = timedelta(hours=self.config.check_h)
        following = opens + ((at - opens) // step + 1) * step
        if following < closes:
            self.timers.set("check", "", following)
