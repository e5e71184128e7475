"""Dish standard: each dish at the pass against its order, its reference look and its portion weight; drift of a station's portions.

A dish stands still where its box keeps 85 % in common with where it stopped. A reading of the scale is taken once, the nearest since it
came, five seconds later at most; one that shows no more than the plate is of no dish. Several cameras are several stations, a scale
belongs to the camera that its settings name or that stands in its zone. Orders have no station and are held twelve hours at most. An
order feed is there once an order has come.

Likeness is the cosine to the enrolled pictures' centre; in a scene it is the dish's `likeness`, else the score of its first candidate, and
mean, sd and samples stand in the product's `look` ({mean, sd, samples}; without a picture enrolled it serves real cameras too). A dish
unlike all that is enrolled is taken for the nearest, so its look fails; one of which no test could be made is left out of the rate. No
picture is kept.
"""

from datetime import timedelta
from typing import Literal

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp

SHOP, CANDIDATES = "dishes", 5
WAIT = timedelta(seconds=5)
BEFORE_S = 5
READINGS_KEPT = 20
ORDER_KEPT = timedelta(hours=12)
TESTS = ("order", "look", "portion")
NOTES = {
    "order": ("no order feed: {} dishes not compared with orders", "无订单数据：{} 份未与订单比对"),
    "look": ("too few good samples: look of {} dishes not judged", "合格样本不足：{} 份未判外观"),
    "portion": ("no scale reading or standard weight: portion of {} dishes not judged", "无称重或标准重量：{} 份未判份量"),
}


class DishStandard(Solution):
    number = 59
    zh, en = "餐品出品标准检测", "Dish standard check"
    purpose_zh = "在出餐口核对每份餐品与订单、标准外观和份量是否相符，拦下不符的，并发现工位份量的持续偏移。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.item", "vision.incident", "alert.raise", "score.report")
    adapters = ("camera", "scale?")
    reads = ("products",)
    load = "vision"
    kpis = {
        "dish_pass_rate": kpi("%", "Dishes passed", "餐品合格率"),
        "wrong_dishes": kpi("count", "Wrong dishes", "错餐数"),
        "portion_cost_drift": kpi("minor units", "Cost of portion drift", "份量偏差成本"),
        "drift_alerts": kpi("count", "Drift alerts", "偏移告警数"),
    }
    kinds = {"portion_drift": ("Portions drift", "份量持续偏移"), "wrong_dish": ("Wrong dish held", "错餐拦截")}

    class Config(SolutionConfig):
        rest_time: float = setting(1.5, "Rest before judging", "静止时长", unit="s", ge=0.5, le=10,
            help_en="The plate stands still this long before it is judged.", help_zh="餐盘静止达到此时长后判定。")  # fmt: skip
        look_k: float = setting(3.0, "Standard deviations of look", "外观容差倍数", ge=1, le=6,
            help_en="A dish passes at a likeness of mean - k x sd of its good samples or more.",
            help_zh="相似度不低于合格样本均值减 k 倍标准差即合格。")  # fmt: skip
        portion_tolerance: float = setting(8, "Portion tolerance", "份量容差", unit="%", ge=1, le=30,
            help_en="Allowed deviation from the standard net weight.", help_zh="允许偏离标准净重的比例。")  # fmt: skip
        run_length: int = setting(8, "Run that is drift", "偏移判定份数", ge=5, le=15,
            help_en="Dishes in a row on one side of the standard.", help_zh="连续若干份偏向标准同一侧。")  # fmt: skip
        plate_tare: int = setting(450, "Weight of the plate", "餐盘皮重", unit="g", ge=0, le=3000,
            help_en="Where the dish has none of its own (tare_g).", help_zh="餐品自身无皮重（tare_g）时使用。")  # fmt: skip
        order_match: Literal["off", "warn", "hold"] = setting("warn", "A dish that nobody ordered", "无订单餐品处理",
            help_en="Not compared, told, or held back with an alert.", help_zh="不比对、提示，或拦下并告警。")  # fmt: skip
        enrol_min: int = setting(10, "Good samples needed", "最少合格样本", ge=5, le=100,
            help_en="Before a dish's look is judged.", help_zh="样本达到此数后才判外观。")  # fmt: skip

    # Orders

    @on("order.placed?")
    def ordered(self, event):
        self.state["order_feed"] = True
        if event.get("draft") or event.get("kind") in ("service", "voucher"):
            return
        key = f"order:{event['order']}"
        served = self.state.get(key, {}).get("served", {})
        lines = {str(line["line"]): [self._written(line["gtin"]), line["qty"]] for line in event["lines"]}
        self.state[key] = {"at": self.state.get(key, {}).get("at", stamp(event.time)), "lines": lines, "served": served}

    def _serve(self, gtin):
        """Serve the oldest open line of a dish; False where there is none."""
        orders = sorted((self.state[key]["at"], key) for key in self.state if key.startswith("order:"))
        for _, key in orders:
            order = self.state[key]
            for line, (ordered, qty) in order["lines"].items():
                done = order["served"].get(line, 0)
                if ordered == gtin and done < qty:
                    order["served"][line] = done + 1
                    return True
        return False

    # Weights

    @on("scale.reading?")
    def weighed(self, event):
        if not event.get("stable") or event.get("overload"):
            return
        gross = event["gross_g"] if event.get("gross_g") is not None else event["weight_g"] + (event.get("tare_g") or 0)
        readings = self.state.setdefault(f"scale:{event['scale']}", [])
        readings.append([event.time.timestamp(), gross])
        del readings[:-READINGS_KEPT]
        for key in [key for key in sorted(self.state) if key.startswith("dish:") and self.state[key].get("waits")]:
            yield from self._weigh(key)

    def _weigh(self, key):
        """Conclude a dish with the nearest reading of its scale, if there is one."""
        dish, cameras, scales = self.state[key], self.devices.get("camera", ()), self.devices.get("scale", ())
        station_of = self.workers.checkout.stations.station_of
        bound = dish["camera"] in {one.id for one in cameras}
        found = []
        for name in [name for name in self.state if name.startswith("scale:")]:
            if not bound or station_of(cameras, "camera", scales, name.removeprefix("scale:")) in ("", dish["camera"]):
                found += [(abs(at - dish["rest_s"]), at, gross, name) for at, gross in self.state[name]
                          if at >= dish["from_s"] and gross > dish["tare"]]  # fmt: skip
        if found:
            _, at, gross, name = min(found)
            self.state[name] = [one for one in self.state[name] if one[0] > at]
            yield from self._conclude(key, gross - dish["tare"])

    # Seeing

    @on("camera.frame")
    def look(self, event):
        view, plates = self.workers.vision.view(event.data, event.time), self.workers.checkout.plates
        resting, t_s = self.workers.checkout.resting, event.time.timestamp()
        dishes = plates.dishes(view.observation.objects)
        dishes += [tray for tray in view.observation.of("tray") if not plates.on_tray(tray.box, dishes)]
        here = {thing.track: thing for thing in dishes if thing.track is not None}
        desk = self.state.setdefault(f"desk:{event['camera']}", resting.begin())
        for track, since_s in resting.advance(
            desk, {track: thing.box for track, thing in here.items()}, t_s, self.config.rest_time
        ).items():
            yield from self._judge(event, view, here[track], max(since_s - BEFORE_S, desk["free_s"]), t_s)

    def _judge(self, event, view, thing, from_s, t_s):
        """Order and look at once; the portion as soon as it is weighed."""
        ranking = view.items([thing.box], SHOP, CANDIDATES)[0]
        if not ranking.candidates:
            return
        gtin = self._written(ranking.candidates[0][0])
        product = self.tables.products.get(gtin) or {}
        tare = product.get("tare_g")
        dish = {"camera": event["camera"], "track": thing.track, "box": list(thing.box), "gtin": gtin, "at": plain(event.time),
                "rest_s": t_s, "from_s": from_s, "tare": self.config.plate_tare if tare is None else tare, "tests": {},
                "candidates": [[self._written(one), score] for one, score in ranking.candidates]}  # fmt: skip
        if self.config.order_match != "off" and self.state.get("order_feed"):
            dish["tests"]["order"] = self._serve(gtin)
            if not dish["tests"]["order"]:
                yield from self._wrong(event, dish, product)
        look = self._likeness(event, thing, gtin, product, ranking.candidates[0][1])
        if look is not None:
            likeness, limit = look
            dish["tests"]["look"] = likeness >= limit - 1e-9
            if not dish["tests"]["look"]:
                yield self._incident(event.time, dish, "look", score=likeness, limit=round(limit, 6))
        key = f"dish:{event['camera']}|{thing.track}|{plain(event.time)}"
        self.state[key] = dish
        if product.get("weight_g") and self.devices.get("scale"):
            dish["waits"] = True
            self.timers.set("unweighed", key, event.time + WAIT)
            yield from self._weigh(key)
        else:
            yield from self._conclude(key, None)

    def _likeness(self, event, thing, gtin, product, score):
        """How like its good samples a dish is, and how like it must be; None where its look is not judged."""
        found = self.workers.vision.typical(event["camera"], event["seq"], thing.box, SHOP, gtin)
        if found is not None:
            likeness, samples, mean, sd = found.likeness, found.samples, found.mean, found.sd
        elif isinstance(product.get("look"), dict) and {"mean", "sd"} <= product["look"].keys():
            known = product["look"]
            likeness, samples = thing.attrs.get("likeness", score), known.get("samples", self.config.enrol_min)
            mean, sd = known["mean"], known["sd"]
        else:
            return None
        return (likeness, mean - self.config.look_k * sd) if samples >= self.config.enrol_min else None

    def _wrong(self, event, dish, product):
        self.kpi.add("wrong_dishes")
        held = self.config.order_match == "hold"
        yield self._incident(event.time, dish, "wrong_dish", severity="high" if held else "warn")
        if held:
            name = product.get("name", dish["gtin"])
            yield out("alert.raise", alert=f"wrong_dish-{dish['camera']}-{dish['track']}-{dish['at']}", kind="wrong_dish", severity="high",
                      state="open", subject=dish["gtin"], asset=dish["camera"],
                      text=self.say(f"Hold {name}: no open order asks for it", f"请拦下{name}：没有订单需要它"))  # fmt: skip

    # The verdict

    @timer("unweighed")
    def unweighed(self, due):
        yield from self._conclude(due.key, None)

    def _conclude(self, key, net):
        dish = self.state.pop(key)
        self.timers.cancel("unweighed", key)
        product, at = self.tables.products.get(dish["gtin"]) or {}, parse_time(dish["at"])
        standard = product.get("weight_g")
        if net is not None and standard:
            yield from self._portion(dish, net, standard, product.get("cost"))
        day = self.state.setdefault("day", {"from": dish["at"], "dishes": 0, "judged": 0, "passed": 0, "failed": {}, "left_out": {}})
        day["dishes"] += 1
        asked = [test for test in TESTS if test != "order" or self.config.order_match != "off"]
        for test in asked:
            if test not in dish["tests"]:
                day["left_out"][test] = day["left_out"].get(test, 0) + 1
            elif not dish["tests"][test]:
                day["failed"][test] = day["failed"].get(test, 0) + 1
        passed = all(dish["tests"].values())
        if dish["tests"]:
            day["judged"] += 1
            day["passed"] += passed
            self.kpi.share("dish_pass_rate", int(passed), 1)
        yield out("vision.item", camera=dish["camera"], kind="pass", track=dish["track"], box=dish["box"], chosen=dish["gtin"], net_g=net,
                  candidates=[{"gtin": gtin, "score": score} for gtin, score in dish["candidates"]], judged=plain(at), tests=dish["tests"],
                  passed=passed if dish["tests"] else None, left_out=[test for test in asked if test not in dish["tests"]])  # fmt: skip

    def _portion(self, dish, net, standard, cost):
        """Weigh a portion: its tolerance, what it costs beside the standard, and whether a run of them drifts."""
        from storeloom.workers.insight.run_rule import advance

        deviation = 100 * (net - standard) / standard
        within = dish["tests"]["portion"] = abs(deviation) <= self.config.portion_tolerance + 1e-9
        self.kpi.add("portion_cost_drift", (cost or 0) * deviation / 100)
        if not within:
            yield self._incident(self.now, dish, "portion", net_g=net, deviation_pct=round(deviation, 3))
        key, alert = f"run:{dish['camera']}|{dish['gtin']}", f"portion_drift-{dish['camera']}-{dish['gtin']}"
        before = self.state.get(key, {})
        self.state[key], run = advance(before, net, standard, within=within, length=self.config.run_length)
        common = {"alert": alert, "kind": "portion_drift", "severity": "warn", "subject": dish["gtin"], "asset": dish["camera"]}
        name = (self.tables.products.get(dish["gtin"]) or {}).get("name", dish["gtin"])
        if before.get("told") and not self.state[key].get("told"):
            yield out("alert.raise", **common, state="cleared", text=self.say(f"{name}: no drift any longer", f"{name}：份量不再偏移"))
        if run is not None:
            self.kpi.add("drift_alerts")
            zh = "高于" if run.side == "above" else "低于"
            text = (f"{name}: {self.config.run_length} portions in a row {run.side} the standard, {run.mean:g} g on average",
                    f"{name}：连续 {self.config.run_length} 份{zh}标准，平均 {run.mean:g} 克")  # fmt: skip
            yield out("alert.raise", **common, state="open", text=self.say(*text), value=run.mean, limit=standard, unit="g",
                      dish=dish["gtin"], side=run.side, mean_g=run.mean)  # fmt: skip

    def _incident(self, at, dish, kind, severity="warn", **more):
        return out("vision.incident", incident=f"{kind}-{dish['camera']}-{dish['track']}-{dish['at']}", kind=kind, state="open",
                   severity=severity, started=at, camera=dish["camera"], track=dish["track"], item=dish["gtin"], **more)  # fmt: skip

    @every("1d", at="close")
    def report(self, due):
        for key in [key for key in self.state if key.startswith("order:") and due.time - parse_time(self.state[key]["at"]) >= ORDER_KEPT]:
            del self.state[key]
        day = self.state.pop("day", None)
        if day is None:
            return None
        parts = [("dishes", day["dishes"]), ("judged", day["judged"]), ("passed", day["passed"]),
                 *((f"failed_{test}", day["failed"].get(test, 0)) for test in TESTS)]  # fmt: skip
        return out("score.report", {"from": day["from"], "to": due.time}, scheme="dish_standard", subject_kind="store",
                   subject=self.store.id, score=100 * day["passed"] / day["judged"] if day["judged"] else None,
                   parts=[{"name": name, "value": value, "unit": "count"} for name, value in parts],
                   notes=[self.say(*NOTES[test]).format(count) for test, count in day["left_out"].items()] or None)  # fmt: skip

    def _written(self, gtin):
        """A GTIN as the products table writes it."""
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]
