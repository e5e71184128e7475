"""Patrol robot: on its rounds it reads goods and electronic labels together; gaps, misplaced goods and wrong labels become work at once.

What a stop shows comes as `robot.observation` (kind `shelf`, or `price_tag` for labels alone): `image` names a picture that the robot's
channel laid into this solution's folder (or is one in base64), or a `scene` stands beside it or in `values`, or the robot's own recogniser
tells `values.objects`; see `workers.vision.shelf_sight`. The picture shows the fixture's whole bay. `labels` are the labels in sight, in
metres along the front from the bay's left edge, or on the floor where the goods have floor places too; an empty `text` is a dark label,
no `text` one that was not read. `values.gaps` [{label or slot, cm}] stands above what is measured. The shop of enrolled items is the
robot's setting `shop`. Scores of enrolled items are taken as likenesses.

A stop is hidden where people or trolleys cover more than a third of a planned slot, or the robot says `blocked`; the way to one is blocked
where it tells of an obstacle. Facings that are not known become one task a fixture. Of stock that was never counted some is taken to be
there. An observation older than the last one of its fixture tells nothing. The hand check asks for facings known last, drawn by lot, on the
first trading day of each month; its answer is `right` of `checked`. A blocked way moves a stop to the end once; blocked twice more, it is
left out. A robot that is silent for two hours has lost its round.
"""

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, rfc3339
from storeloom.workers.vision import shelf_walk

ACK, AGAIN, HIDDEN, BASIS_G = timedelta(minutes=10), timedelta(days=1), 1 / 3, 1000
ROUNDING = 1e-9
ENDED = ("done", "approved", "failed", "declined", "cancelled")


class PatrolRobotShelf(Solution):
    number = 96
    zh, en = "智能货架管理(AI巡检机器人)", "Patrol robot for shelves and labels"
    purpose_zh = "巡检机器人按时巡视货架，同时识读商品与电子价签，排面识别率达 95% 以上，并上报空缺、错放商品与错误价签。"
    formats = ("supermarket", "specialty")
    produces = ("robot.go", "vision.shelf", "shelf.state", "label.update", "task.create", "score.report")
    adapters = ("robot", "esl_gateway?")
    reads = ("planogram", "products", "prices", "fixtures")
    kpis = {
        "facing_accuracy": kpi("%", "Facings known rightly", "排面识别正确率"),
        "gaps_found": kpi("count", "Gaps found", "发现缺货数"),
        "label_errors": kpi("count", "Wrong labels", "错误价签数"),
        "shelf_metres_per_hour": kpi("m/h", "Shelf metres an hour", "每小时巡检货架米数"),
    }
    kinds = {
        "fill_shelf": ("Fill a gap", "补货"),
        "move_misplaced": ("Put misplaced goods back", "错放商品归位"),
        "name_facings": ("Name facings that were not known", "人工识别排面"),
        "fix_label": ("Repair a label", "检修价签"),
        "check_facings": ("Check a sample of facings by hand", "人工抽查排面"),
    }
    load = "vision"

    class Config(SolutionConfig):
        patrols: list[Annotated[str, Field(pattern=r"^((open|close)([+-]\d{1,3}m?)?|([01]\d|2[0-3]):[0-5]\d)$")]] = setting(
            lambda: ["open-60", "15:00"], "Starts of the rounds", "巡检开始时间",
            help_en="Store time, as 15:00, open-60 or close+15.", help_zh="当地时间，如 15:00、open-60、close+15。")  # fmt: skip
        temperature: float = setting(0.1, "Softness of the image scores", "图像得分温度", ge=0.01, le=1)
        label_reach: float = setting(10, "Reach of a label", "价签影响距离", unit="cm", ge=2, le=50,
            help_en="Distance over which a label speaks for its item.", help_zh="邻近价签为其商品作证的距离尺度。")  # fmt: skip
        label_floor: float = setting(0.05, "Weight without a label near", "无价签权重", ge=0, le=0.5)
        accept: float = setting(0.85, "Probability from which a facing is known", "采信概率", ge=0.5, le=0.99,
            help_en="Below it a person is asked.", help_zh="低于此值转人工识别。")  # fmt: skip
        gap_cm: float = setting(6, "Free front that is a gap", "缺货空位宽度", unit="cm", ge=2, le=40)
        revisit: int = setting(2, "Returns to a hidden stop", "遮挡复巡次数", ge=0, le=5)
        audit_sample: int = setting(200, "Facings checked by hand each month", "每月人工抽查排面数", ge=30, le=2000)
        accuracy_target: float = setting(0.95, "Facing accuracy to be held", "识别正确率目标", ge=0.5, le=0.999)

    def start(self):
        self.state["month"] = f"{self.store.hours.store_day(self.now):%Y-%m}"
        self._arm(self.now)

    # Rounds

    @timer("patrol")
    def patrol(self, due):
        self._arm(due.time)
        if due.data:
            return
        places = self._places()
        free = [one.id for one in self.devices.get("robot", ()) if not self._running(one.id)]
        for robot, stops in self.workers.optimise.robot_round.plan(places, free).items():
            if stops:
                for name in [f"tries:{stop}" for stop in stops]:
                    self.state.pop(name, None)
                yield from self._set_out(robot, stops)

    @on("robot.observation")
    def seen(self, event):
        robot, rounds = event["robot"], self.workers.optimise.robot_round
        going, places = self.state.get(f"round:{robot}"), self._places()
        here = (event["x"], event["y"]) if event.get("x") is not None and event.get("y") is not None else None
        stop = event.get("fixture") or (rounds.stop_at(going, places, here) if going else None)
        if going and (event.get("order") == going["order"] or (event.get("order") is None and stop in going["left"])):
            going["seen"] = rfc3339(max(event.time, self.now))
        if event["kind"] == "obstacle" or any("block" in str(error).lower() for error in event.get("errors") or ()):
            target = stop or (going["left"][0] if going and going["left"] else None)
            if going and target in going["left"]:
                order = going["order"]
                if rounds.block(going, target) == "moved":
                    yield out("robot.go", robot=robot, order=order, update=going["update"], nodes=[], cancel=True)
                    yield self._go(robot, going)
                self._ended(going)
            return
        if event["kind"] in ("shelf", "price_tag"):
            if stop is None:
                seen = {one["label"] for one in event.get("labels") or ()}
                stop = next((row["fixture"] for row in self.tables.planogram.rows() if {row.get("label"), row["slot"]} & seen), None)
            if stop is not None:
                yield from self._look(event, robot, stop, going)
        elif going and stop in going["left"]:
            going["left"] = going["left"][going["left"].index(stop) :]

    def _look(self, event, robot, fixture, going):
        looked = self.state.setdefault("looked", {})
        if event.time.timestamp() < looked.get(fixture, 0):
            return
        looked[fixture] = event.time.timestamp()
        bay = shelf_walk.bay(self.tables.planogram.rows(fixture=fixture), self.tables.fixtures.get(fixture) or {},
                             {row["gtin"]: self._product(row["gtin"]) for row in self.tables.planogram.rows(fixture=fixture)})  # fmt: skip
        values = event.get("values") or {}
        sight = self._sight(event, robot, values, bay)
        yield from self._labels(sight.tags if sight else self._tags(event), fixture)
        if event["kind"] == "price_tag" and sight is None:
            return
        all_hidden = bool(event.get("blocked") or values.get("blocked"))
        hidden = [span for span in bay.spans if all_hidden
                  or (sight and shelf_walk.hidden_share(span.left, span.right, sight.covers) > HIDDEN)]  # fmt: skip
        if sight is not None or all_hidden:
            yield from self._judge(robot, fixture, bay, sight, [span for span in bay.spans if span not in hidden], values)
        name = f"tries:{fixture}"
        if hidden and self.state.get(name, 0) < self.config.revisit:
            self.state[name] = self.state.get(name, 0) + 1
            if going and self._running(robot):
                self.workers.optimise.robot_round.add(going, fixture)
                yield self._go(robot, going)
            else:
                yield from self._set_out(robot, [fixture])
            return
        self.state.pop(name, None)
        for span in hidden:
            yield out("shelf.state", gtin=span.gtin, fixture=fixture, slot=span.slot, state="unknown", by="robot", confidence=0.0)
        if going and fixture in going["left"]:
            going["left"].remove(fixture)
            going["metres"] += bay.width / 100 * (1 - len(hidden) / max(1, len(bay.spans)))
            self._ended(going)

    def _ended(self, going):
        hours = (self.now - parse_time(going["began"])).total_seconds() / 3600 if not going["left"] else 0
        if hours > 0 and going["metres"]:
            self.kpi.share("shelf_metres_per_hour", going["metres"], hours)

    def _judge(self, robot, fixture, bay, sight, spans, values):
        """What the visible slots of a bay show against the planogram."""
        from storeloom.workers.vision import shelf_sight

        config, slots, known_now, unsure = self.config, [], [], []
        how = shelf_sight.Settings(config.temperature, config.label_reach, config.label_floor)
        widths = {str(one.get("slot") or one.get("label")): one["cm"] for one in values.get("gaps") or () if "cm" in one}
        for one in shelf_sight.read(sight, bay, self._key, how) if sight else ():
            span, own = one.span, self._key(one.span.gtin)
            free = widths.get(span.slot, widths.get(span.label, one.free))
            if span not in spans or (free is None and not one.packs):
                continue
            best = [ranked[0] if ranked else ("", 0.0) for ranked in one.packs]
            known = [item for item, share in best if share >= config.accept]
            strange = next((item for item, _ in Counter(item for item in known if item != own).most_common(1)), None)
            unsure += [(span.slot, *pack) for pack in best if pack[1] < config.accept]
            known_now += [[span.slot, self._written(item)] for item in known]
            gap = free is not None and free >= config.gap_cm - ROUNDING
            shown = span.gtin if own in known or not best else self._written(strange) if strange else None
            sure = sum(share for _, share in best) / len(best) if best else 1.0
            slot = {"slot": span.slot, "gtin": shown, "facings": known.count(own), "gap": gap, "confidence": round(sure, 4)}
            slots.append({name: value for name, value in slot.items() if value is not None})
            yield from self._gap(fixture, span, gap, known.count(own))
            yield from self._misplaced(fixture, span, strange, dict(best).get(strange))
        yield out("vision.shelf", fixture=fixture, robot=robot, slots=slots, blocked=not spans)
        if spans:
            self.state[f"known:{fixture}"] = known_now
        if unsure:
            items = [{"to": slot, "gtin": self._written(item) if item else None, "note": f"{share:.2f}"} for slot, item, share in unsure]
            yield from self._task("name_facings", fixture, fixture, self.say("Name the facings", "人工识别排面"), 4, items)
        elif spans and len(spans) == len(bay.spans):
            self._forget(f"name_facings|{fixture}")

    def _gap(self, fixture, span, gap, facings):
        """A fill task for a gap with stock, a state for one without, once; goods seen in it close it."""
        name, what = f"gap:{fixture}|{span.slot}", {"gtin": span.gtin, "fixture": fixture, "slot": span.slot, "by": "robot"}
        if not gap:
            if self.state.pop(name, None):
                self._forget(f"fill_shelf|{fixture}|{span.slot}")
                yield out("shelf.state", what, state="ok", confidence=1.0, facings=facings)
            return
        if name not in self.state:
            self.state[name] = {"out": False}
            self.kpi.add("gaps_found")
        units = self.workers.optimise.position.units(self.state.get(f"stock:{self._key(span.gtin)}", {}))
        if units is not None and units <= 0:
            if not self.state[name]["out"]:
                self.state[name]["out"] = True
                yield out("shelf.state", what, state="out", confidence=1.0, facings=facings)
            return
        self.state[name]["out"] = False
        title = self.say(f"Fill {self._name(span.gtin)}", f"补货：{self._name(span.gtin)}")
        yield from self._task("fill_shelf", f"{fixture}|{span.slot}", fixture, title, 2, [{"gtin": span.gtin, "to": span.slot}])

    def _misplaced(self, fixture, span, item, share):
        name = f"misplaced:{fixture}|{span.slot}"
        if item is None:
            self.state.pop(name, None)
            self._forget(f"move_misplaced|{fixture}|{span.slot}")
        elif self.state.get(name) != item:
            self.state[name], gtin = item, self._written(item)
            yield out("shelf.state", gtin=gtin, fixture=fixture, slot=span.slot, state="misplaced", by="robot", confidence=round(share, 4))
            home = next((row["slot"] for row in self.tables.planogram.rows() if self._key(row["gtin"]) == item), None)
            title = self.say(f"Put {self._name(gtin)} back", f"归位：{self._name(gtin)}")
            yield from self._task("move_misplaced", f"{fixture}|{span.slot}", fixture, title, 3,
                                  [{"gtin": gtin, "from": span.slot, "to": home, "note": "misplaced"}])  # fmt: skip

    # Labels

    def _labels(self, tags, fixture):
        """Labels that show another price than holds, or nothing, are sent their content anew."""
        from storeloom.workers.vision import shelf_sight

        for tag in tags:
            if tag.label is None or tag.gtin is None:
                continue
            name, product = f"label:{tag.label}", self._product(tag.gtin)
            rows = self.tables.prices.derived("by item", self.workers.pricing.prices.rows_by_item).get(self._key(tag.gtin), ())
            price = self.workers.pricing.shelf.ShelfPrices(rows, (), [product], self.store.hours.zone).at(
                tag.gtin, self.now, fixture=fixture
            )
            shows = shelf_sight.shows(tag, price.price if price else None, self.workers.pricing.money.decimals(self.store.currency))
            if shows == "right" and self.state.pop(name, None):
                self.timers.cancel("ack", tag.label)
                self._forget(f"fix_label|{tag.label}")
            if shows not in ("wrong", "dark") or name in self.state:
                continue
            self.kpi.add("label_errors")
            if price is None:
                self.state[name] = {"version": None, "fixture": fixture}
                yield from self._repair(tag.label, fixture)
                continue
            shown = self.workers.pricing.labels.content(tag.gtin, product, price, BASIS_G)
            self.state[name] = {"version": shown["version"], "fixture": fixture}
            self.timers.set("ack", tag.label, self.now + ACK)
            yield out("label.update", shown, label=tag.label)

    @on("label.ack?")
    def acknowledged(self, event):
        sent = self.state.get(f"label:{event['label']}")
        if sent and event["state"] == "shown" and event.get("version", sent["version"]) == sent["version"]:
            self.timers.cancel("ack", event["label"])
            del self.state[f"label:{event['label']}"]

    @timer("ack")
    def not_acknowledged(self, due):
        return self._repair(due.key, self.state[f"label:{due.key}"]["fixture"])

    def _repair(self, label, fixture):
        return self._task("fix_label", label, fixture, self.say(f"Repair label {label}", f"检修价签 {label}"), 3, [{"note": label}])

    # Tasks, stock, the monthly check

    @on("inventory.snapshot?")
    def counted(self, event):
        self.workers.optimise.position.count(self.state.setdefault(f"stock:{self._key(event['gtin'])}", {}), event.data, event.time)

    @on("task.done?")
    def task_ended(self, event):
        values, audit = event.get("values") or {}, self.state.get("audit")
        asked = audit["asked"] if audit and event["task"] == audit["task"] else None
        if asked is not None and event["state"] in ENDED:
            del self.state["audit"]
        if "right" in values and ("checked" in values or asked):
            yield from self._accuracy(int(values["right"]), int(values.get("checked", asked)))
        name = self.state.get(f"open:{event['task']}")
        if name and event["state"] in ENDED:
            del self.state[f"open:{event['task']}"]
            self.state.pop(name, None)
            kind, _, about = name.removeprefix("task:").partition("|")
            self.state.pop({"fix_label": f"label:{about}", "move_misplaced": f"misplaced:{about}"}.get(kind), None)

    @every("1d", at="open")
    def ask_for_check(self, due):
        month = f"{self.store.hours.store_day(due.time):%Y-%m}"
        known = [(draw(month, name, slot, str(n)), name.partition(":")[2], slot, gtin)
                 for name in self.state if name.startswith("known:") for n, (slot, gtin) in enumerate(self.state[name])]  # fmt: skip
        if month == self.state["month"] or not known:
            return
        sample = sorted(known)[: self.config.audit_sample]
        self.state["month"] = month
        self.state["audit"] = {"task": f"facing-check-{month}", "asked": len(sample)}
        title = self.say(f"Check {len(sample)} facings by hand", f"人工抽查 {len(sample)} 个排面")
        yield out("task.create", task=f"facing-check-{month}", kind="check_facings", title=title, priority=3, evidence="count",
                  items=[{"gtin": gtin, "from": f"{fixture}/{slot}"} for _, fixture, slot, gtin in sorted(sample, key=lambda one: one[1:])],
                  values={"facings": len(sample)})  # fmt: skip

    def _accuracy(self, right, checked):
        from storeloom.workers.insight.proportions import wilson

        if not 0 <= right <= checked or not checked:
            return
        low, high = wilson(right, checked)
        self.kpi.share("facing_accuracy", right, checked)
        opens = self.now - timedelta(days=1)
        figures = {"right": right, "checked": checked, "low": round(100 * low, 2), "high": round(100 * high, 2)}
        yield out("score.report", {"from": opens, "to": self.now}, scheme="facing_accuracy", subject_kind="store", subject=self.store.id,
                  score=100 * right / checked, parts=[{"name": name, "value": value} for name, value in figures.items()],
                  labels={"state": "failing" if high < self.config.accuracy_target else "holds"})  # fmt: skip

    def _task(self, kind, about, fixture, title, priority, items):
        """A task, unless one like it is open."""
        name = f"task:{kind}|{about}"
        if name in self.state:
            return
        task = f"{kind}-{about.replace('|', '-')}-{self.now:%Y%m%dT%H%M%S}"
        self.state[name], self.state[f"open:{task}"] = task, name
        items = [{key: value for key, value in item.items() if value is not None} for item in items]
        yield out("task.create", task=task, kind=kind, title=title, priority=priority, items=items, fixture=fixture,
                  zone=(self.tables.fixtures.get(fixture) or {}).get("zone"))  # fmt: skip

    def _forget(self, about):
        """What a task asked for has come about without it."""
        if task := self.state.pop(f"task:{about}", None):
            self.state.pop(f"open:{task}", None)

    # What an observation shows

    def _sight(self, event, robot, values, bay):
        """The picture, scene or own readings of an observation; None where it holds labels alone."""
        from storeloom.workers.vision import shelf_sight

        objects, tags = shelf_sight.objects_in(event.data), self._tags(event)
        if objects is not None:
            sight = shelf_sight.of_objects(objects, bay)
        elif (picture := self._picture(event)) is not None:
            shop = next((one.settings.get("shop", "") for one in self.devices.get("robot", ()) if one.id == robot), "")
            view = self.workers.vision.view({"camera": f"{robot}-{event.id}", "seq": 0, "pixels": picture}, event.time)
            sight = shelf_sight.of_view(view, bay, shop, read_labels=not tags, currency=self.store.currency)
            self.workers.vision.forget(f"{robot}-{event.id}")
        else:
            return shelf_sight.Sight(tags=tags, measured=False) if "gaps" in values else None
        return shelf_sight.bound(sight, bay, tags)

    def _picture(self, event):
        from storeloom.workers.vision.errors import FrameError
        from storeloom.workers.vision.reading.receipts import decode

        image = event.get("image")
        kept = self.pictures.read(image) if image else None
        if kept is not None:
            self.timers.set("drop", image, self.now)
        try:
            return decode(kept if kept is not None else image) if image else None
        except FrameError:
            return None

    @timer("drop")
    def drop(self, due):
        self.pictures.delete(due.key)

    def _tags(self, event):
        from storeloom.workers.vision.shelf_sight import tags_in

        return tags_in(event.data, self.tables.planogram.derived("labels", self._labelled))

    def _labelled(self, rows):
        """The item of each label, or of each slot where no label is planned."""
        return {label: own[0]["gtin"] for label, own in self.workers.pricing.labels.labelled(rows)[0].items()}

    # Places and names

    def _arm(self, after):
        at = self.workers.optimise.rounds.following(self.store.hours, self.config.patrols, after)
        self.timers.set("patrol", "", at or after + AGAIN, None if at else {"closed": True})

    def _running(self, robot):
        return self.workers.optimise.robot_round.running(self.state.get(f"round:{robot}"), self.now)

    def _set_out(self, robot, stops):
        order = f"patrol-{robot}-{self.now:%Y%m%dT%H%M%S}"
        self.state[f"round:{robot}"] = self.workers.optimise.robot_round.begin(order, stops, self.now)
        yield self._go(robot, self.state[f"round:{robot}"])

    def _go(self, robot, going):
        """The order of a round as it now is, with a picture to be taken at each stop."""
        nodes = []
        for stop in going["stops"]:
            row = self.tables.fixtures.get(stop) or {}
            node = {"node": stop, "x": float(row.get("x", 0)), "y": float(row.get("y", 0)), "theta": row.get("theta")}
            nodes.append({name: value for name, value in node.items() if value is not None}
                         | {"actions": [{"type": "observeShelf", "params": {"fixture": stop}}]})  # fmt: skip
        edges = [{"from": one["node"], "to": other["node"]} for one, other in pairwise(nodes)]
        return out("robot.go", robot=robot, order=going["order"], update=going["update"], nodes=nodes, edges=edges)

    def _places(self):
        """The fixtures to pass: those with a planogram."""
        planned = sorted({row["fixture"] for row in self.tables.planogram.rows()})
        rows = {fixture: self.tables.fixtures.get(fixture) or {} for fixture in planned}
        return {fixture: (float(row.get("x", 0)), float(row.get("y", 0))) for fixture, row in rows.items()}

    def _product(self, gtin):
        return self.tables.products.get(gtin) or {"gtin": gtin}

    def _name(self, gtin):
        return self._product(gtin).get("name", gtin)

    def _written(self, key):
        """A GTIN as the products table writes it, else as the planogram does."""
        row = self.tables.products.get(key) or next((row for row in self.tables.planogram.rows() if self._key(row["gtin"]) == key), None)
        return row["gtin"] if row else key

    def _key(self, gtin):
        return self.workers.gs1.item_key(gtin)
