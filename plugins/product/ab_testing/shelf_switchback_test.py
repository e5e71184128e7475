"""For category managers: alternates two presentations by day in one store, by random blocks, and gives an honest answer within weeks.

Arm A is what stands today, B the other one: a label's template with `_b` behind its name, a screen's content `switchback-B`, or the
position that a task names. Both arms are set anew 30 minutes before each opening. All labels of the items must be acknowledged in time,
or the task done; a screen has no answer to wait for. Labels that another solution rewrites during the day are no test (see `arbitrate`).

Units are those of sales, returns are left out. People are those who entered the items' zones (and zones within them) after the washout; a
day without any cannot be measured. A stock-out is a count of nothing on the shelf or in the store (`inventory.snapshot`) while open. A
promotion change is another price in the table within a day, or between the days of a block. Items are marked by `test` in the planogram.
Where the blocks that may be added are used up, the test ends without a winner. Another choice of items, lever, outcome, blocks or seed
starts a new test.
"""

from datetime import date, timedelta
from statistics import fmean
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import draw, parse_time, rfc3339

BEFORE_OPENING = timedelta(minutes=30)
HARM_P = 0.1
SCREEN_S = 10


class ShelfSwitchbackTest(Solution):
    number = 144
    zh, en = "货架陈列A/B轮换测试", "In-store shelf switchback test"
    purpose_zh = "在同一门店按天随机分块轮换两种价签、价格呈现、屏幕或陈列位置，两三周内给出可信结论。"
    formats = ("supermarket",)
    produces = ("experiment.result", "label.update", "sign.play", "task.create", "alert.raise")
    adapters = ("esl_gateway?", "signage?")
    reads = ("products", "prices", "planogram", "zones")
    kpis = {
        "uplift": kpi("%", "Uplift of B", "B 相对 A 提升"),
        "p_value": kpi("ratio", "p-value", "p 值"),
        "valid_blocks": kpi("count", "Valid blocks", "有效区组数"),
        "days_to_result": kpi("days", "Days to the result", "得出结论天数"),
    }
    kinds = {
        "switch_position": ("Set the position of a test", "切换测试陈列位置"),
        "switchback_harm": ("Test stopped: B sells much less", "测试停止：B 明显更差"),
    }

    class Config(SolutionConfig):
        items: list[Annotated[str, Field(pattern=r"^\d{8,14}$")]] = setting([], "Items measured", "测试商品", widget="product",
            help_en="Empty: the items that the planogram marks as on test.", help_zh="留空：陈列图标记为测试的商品。")  # fmt: skip
        lever: Literal["label", "screen", "position"] = setting("label", "What is switched", "切换内容",
            help_en="The position is switched by a task.", help_zh="陈列位置由任务切换。")  # fmt: skip
        blocks: int = setting(
            8, "Blocks of two days", "区组数", ge=4, le=60, help_en="A and B in random order.", help_zh="每组两天，A、B 随机先后。"
        )
        washout_min: int = setting(60, "Time not measured", "洗脱时间", unit="min", ge=0, le=600,
            help_en="Trading time after opening; the switch must be confirmed by its end.",
            help_zh="开店后不计入的时间；须在此前确认切换。")  # fmt: skip
        per: Literal["units", "units_per_100_passers"] = setting("units", "Outcome", "衡量指标")
        alpha: float = setting(0.05, "Error allowed", "显著性水平", ge=0.005, le=0.2, help_en="Two-sided.", help_zh="双侧。")
        harm_pct: float = setting(20, "Loss that stops the test", "停止测试的损失", unit="%", ge=0, le=100,
            help_en="Of B against A, from half way.", help_zh="过半后 B 较 A 的降幅。")  # fmt: skip
        seed: int = setting(1, "Seed of the order", "随机种子", ge=0, le=2147483647)

    # The day

    def start(self):
        """A start in the last minutes before an opening sets that day's arm at once."""
        opens = self.store.hours.next_open(self.now)
        if opens and self.now < opens <= self.now + BEFORE_OPENING:
            yield from self._begin(self.store.hours.store_day(opens))

    @every("1d", at="open-30m")
    def morning(self, due):
        return self._begin(self.store.hours.store_day(due.time + BEFORE_OPENING))

    def _begin(self, day):
        items, config = self._items(), self.config
        design = [sorted(items), config.lever, config.per, config.blocks, config.seed]
        test = self.state.get("test")
        if items and (test is None or test["design"] != design):
            name = f"switchback-{config.lever}-{day}"
            test = self.state["test"] = {"design": design, "name": name, "start": day.isoformat(), "days": [], "valid": []}
        if not items or test.get("done") or self.state.get("today", {}).get("day") == day.isoformat():
            return
        opens, closes = self.store.hours.day(day)
        arm = self._arm(len(test["days"]))
        outputs, waiting = self._set(arm, test["name"], day, opens, closes)
        self.state["today"] = {
            "day": day.isoformat(), "arm": arm, "opens": rfc3339(opens), "from": rfc3339(opens + timedelta(minutes=config.washout_min)),
            "closes": rfc3339(closes), "waiting": waiting, "prices": self._prices(opens), "units": 0, "passers": 0,
            "out": any(self.state.get(f"out:{key}") for key in items),
        }  # fmt: skip
        yield from outputs

    @on("pos.sale")
    def sold(self, event):
        today = self._measured(event.time)
        if today and event["kind"] == "sale":
            items = self._items()
            today["units"] += sum(line["qty"] for line in event["lines"] if self.workers.gs1.item_key(line["gtin"]) in items)

    @on("vision.zone?")
    def seen(self, event):
        today = self._measured(parse_time(event.get("from") or event.time))
        if not today:
            return
        zones = {row.get("zone") for row in self._rows()} - {None}
        parent = (self.tables.zones.get(event["zone"]) or {}).get("parent")
        if not zones or {event["zone"], parent} & zones:
            today["passers"] += event.get("entered", event.get("occupancy", 0))

    @on("inventory.snapshot?")
    def counted(self, event):
        key = self.workers.gs1.item_key(event["gtin"])
        if key not in self._items() or event.get("location", "store") not in ("shelf", "store") or event.get("other_store"):
            return
        self.state[f"out:{key}"] = event["on_hand"] <= 0
        today = self.state.get("today")
        if today and parse_time(today["opens"]) <= event.time < parse_time(today["closes"]):
            today["out"] = today["out"] or event["on_hand"] <= 0

    @on("label.ack?")
    def acknowledged(self, event):
        if event["state"] == "shown":
            self._confirm(f"{event['label']}|{event['version']}", event.time)

    @on("task.done?")
    def done(self, event):
        if event["state"] in ("done", "approved"):
            self._confirm(event["task"], event.time)

    def _confirm(self, what, at):
        today = self.state.get("today")
        if today and what in today["waiting"] and at <= parse_time(today["from"]):
            today["waiting"].remove(what)

    # The result

    @every("1d", at="close")
    def evening(self, due):
        today, test = self.state.pop("today", None), self.state.get("test")
        if today is None:
            return
        test["days"].append({"arm": today["arm"], "value": self._value(today), "prices": today["prices"]})
        if len(test["days"]) % 2:
            return
        pair = {one["arm"]: one["value"] for one in test["days"][-2:]}
        if None not in pair.values() and test["days"][-1]["prices"] == test["days"][-2]["prices"]:
            test["valid"].append([pair["A"], pair["B"]])
        self.kpi.set("valid_blocks", len(test["valid"]))
        blocks = self.config.blocks
        if len(test["valid"]) >= blocks or len(test["days"]) // 2 >= blocks + blocks // 2:
            yield from self._end(test, today, stopped=False)
        elif 2 * len(test["valid"]) >= blocks and self._harms(test["valid"]):
            yield from self._end(test, today, stopped=True)

    def _value(self, today):
        """A day's outcome, None where it is invalid."""
        opens, closes = parse_time(today["opens"]), parse_time(today["closes"])
        turns = [at for gtin in self._items().values() for at in self._book().turns(gtin) if opens < at < closes]
        changed = any(self._prices(at) != today["prices"] for at in [opens, *turns])
        if today["waiting"] or today["out"] or changed:
            return None
        if self.config.per == "units":
            return today["units"]
        return 100 * today["units"] / today["passers"] if today["passers"] > 0 else None

    def _p(self, valid):
        return self.workers.insight.sign_flip.p_value([b - a for a, b in valid], "two", seed=self.config.seed)

    def _harms(self, valid):
        a, b = (fmean(arm) for arm in zip(*valid, strict=True))
        return b < a and b <= a * (1 - self.config.harm_pct / 100) and self._p(valid) <= HARM_P + 1e-12

    def _end(self, test, today, *, stopped):
        test["done"], valid = True, test["valid"]
        means = {arm: fmean(pair[place] for pair in valid) if valid else 0 for place, arm in enumerate("AB")}
        effect, p = means["B"] - means["A"], self._p(valid)
        uplift = 100 * effect / means["A"] if means["A"] > 0 else None
        full = len(valid) >= self.config.blocks
        won = stopped or (full and p <= self.config.alpha + 1e-12)
        self.kpi.set("p_value", p)
        self.kpi.set("uplift", uplift)
        self.kpi.set("days_to_result", (date.fromisoformat(today["day"]) - date.fromisoformat(test["start"])).days + 1)
        yield out("experiment.result", experiment=test["name"], metric=self.config.per, effect=effect, p=p,
                  arms=[{"arm": arm, "n": len(valid), "value": value} for arm, value in means.items()],
                  decision="none" if not won else "keep" if effect > 0 else "drop", method="switchback in random blocks, sign-flip test",
                  uplift_pct=uplift, winner=("B" if effect > 0 else "A") if won else None, stopped=stopped)  # fmt: skip
        if stopped:
            text = self.say(f"B sells {-uplift:.0f} % less than A: test stopped", f"B 比 A 少卖 {-uplift:.0f}%：测试停止")
            yield out("alert.raise", alert=f"{test['name']}-harm", kind="switchback_harm", severity="warn", state="open",
                      subject=test["name"], text=text, value=uplift, limit=-self.config.harm_pct, unit="%")  # fmt: skip
        opens = self.store.hours.next_open(self.now)
        yield from self._set("A", test["name"], self.store.hours.store_day(opens or self.now), opens or self.now, None)[0]

    # The arms

    def _arm(self, number):
        """The arm of a day of the test, counted from 0."""
        order = "AB" if draw(self.config.seed, number // 2, modulus=2) == 0 else "BA"
        return order[number % 2]

    def _set(self, arm, test, day, opens, closes):
        """What sets an arm for a day, and the answers to wait for."""
        if self.config.lever == "label":
            return self._labels(arm, day, opens)
        zones = {row.get("zone") for row in self._rows()} - {None}
        if self.config.lever == "screen":
            bound = self.devices.get("signage", ())
            screens = [one for one in bound if one.zone in zones] or list(bound)
            loop = [
                {
                    "asset": f"switchback-{arm}",
                    "duration_s": SCREEN_S,
                    "campaign": test,
                    "params": {"arm": arm, "gtins": list(self._items().values())},
                }
            ]
            window = {"from": opens, "to": closes}
            return [out("sign.play", window, screen=one.id, items=loop) for one in screens], [] if screens else ["screen"]
        row = next(iter(self._rows()), {})
        task = f"{test}-{day}-{arm}"
        made = out("task.create", task=task, kind="switch_position", title=self.say(f"Set position {arm}", f"切换到陈列位置 {arm}"),
                   priority=2, zone=row.get("zone"), fixture=row.get("fixture"), due=opens, evidence="photo", values={"arm": arm},
                   items=[{"gtin": gtin, "to": arm} for gtin in self._items().values()])  # fmt: skip
        return [made], [task]

    def _labels(self, arm, day, opens):
        outputs, waiting = [], []
        for label, gtin in self._places():
            product, price = self.tables.products.get(gtin) or {}, self._book().at(gtin, opens)
            known = self.workers.pricing.labels.content(gtin, product, price, 1000) if price else {}
            fields = {**known.get("fields", {"name": product.get("name", gtin)}), "arm": arm}
            template = known.get("template", "standard") + ("_b" if arm == "B" else "")
            version = f"{day}-{arm}"
            outputs.append(out("label.update", label=label, version=version, template=template, gtin=gtin, fields=fields, full=True))
            waiting.append(f"{label}|{version}")
        return outputs, waiting

    def _places(self):
        """Labels of the items with their gtin; an item without a place is its own label."""
        _, labels_of = self.tables.planogram.derived("labels", self.workers.pricing.labels.labelled)
        return [(label, gtin) for key, gtin in self._items().items() for label in labels_of.get(key, [gtin])]

    def _measured(self, at):
        today = self.state.get("today")
        return today if today and parse_time(today["from"]) <= at < parse_time(today["closes"]) else None

    def _prices(self, at):
        """What the items cost at a time, by the table."""
        found = {gtin: self._book().at(gtin, at) for gtin in self._items().values()}
        return {gtin: price and [price.price, price.struck, price.kind] for gtin, price in found.items()}

    def _book(self):
        by_item, items = self.tables.prices.derived("by_item", self.workers.pricing.rows_by_item), self._items()
        rows = [row for key in items for row in by_item.get(key, ())]
        products = [row for gtin in items.values() if (row := self.tables.products.get(gtin))]
        return self.workers.pricing.shelf.ShelfPrices(rows, (), products, self.store.hours.zone)

    def _rows(self):
        items = self._items()
        rows = self.tables.planogram.rows() if items else ()
        return [row for row in rows if self.workers.gs1.item_key(row["gtin"]) in items]

    def _items(self):
        """Items measured, as written, by key."""
        written = self.config.items or [row["gtin"] for row in self.tables.planogram.rows() if row.get("test") or row.get("on_test")]
        return {self.workers.gs1.item_key(gtin): gtin for gtin in written}
