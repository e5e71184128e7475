"""Themed AR hunt and motion screens: families are led through quiet floors, spot by spot, to a prize at a tenant's.

A spot is a zone; its code is on the screen in that zone, else on the store's first. The hunt of a day is made at opening, and told at
midnight with its effect: visits are the heat of `vision.heatmap`, against the seven days before. Zones are of a theme by their category or
their tenant's. A player is a member, or a visitor without account: no points, the prize as a printed code that anybody may bring. Who joins
(`member.event` join, touchpoint or campaign theme_hunt) or checks in is told the next spot by `kiosk.show`, with the reason of a refusal.

A motion round begins with a kiosk's `choose` or `start` of value motion, and anew when its screen says that it has begun to play
(`sign.played`, asset motion). Boxes are lit for two seconds each, places are shares of the kiosk's zone. Redeemed prizes are told by
`coupon.redeemed`, which the row does not name. Drawn secrets come from a pool of event ids and arrival times, which a replay repeats.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time, rfc3339
from storeloom.workers.insight import hunts
from storeloom.workers.loyalty import codes, coupon_copies
from storeloom.workers.security import totp

DAY, HEAT_D, HEAT_KEPT_D = timedelta(days=1), 7, 15
PRIZE_TOLD_WITHIN = timedelta(days=7)
HUNT = "theme_hunt"
WORDS = {
    "closed": ("The store is closed", "已打烊"),
    "no_spot": ("This is no spot of today's hunt", "不是今日寻宝点"),
    "hunts_per_day": ("No more hunts today", "今日寻宝次数已满"),
    "code": ("The code is not valid any more", "验证码无效或已过期"),
    "done": ("You have been here", "已完成该点"),
    "not_next": ("Another spot comes first", "请先完成下一个指定点"),
    "speed": ("Too fast", "移动过快"),
}


class ThemeHunt(Solution):
    number = 54
    zh, en = "主题互动寻宝与体感大屏", "Themed AR hunt and motion screens"
    purpose_zh = "商场与旗舰店的主题寻宝与体感大屏：引导家庭客群逛到冷区，在租户处领奖，防作弊，并以新增客流衡量效果。"
    formats = ("mall", "specialty")
    produces = ("sign.play", "kiosk.show", "coupon.issue", "points.change", "experiment.result", "insight.report")
    adapters = ("signage", "kiosk?")
    reads = ("zones", "tenants?", "coupons", "members")
    kpis = {
        "players": kpi("count", "Players", "参与人数"),
        "finish_rate": kpi("%", "Players who finish", "完成率"),
        "cold_zone_lift": kpi("points", "Visits gained in quiet zones", "冷区客流提升"),
        "prize_redemption": kpi("%", "Prizes redeemed", "奖品核销率"),
    }
    kinds = {"theme_hunt": ("Hunt of the day", "寻宝日报")}

    class Config(SolutionConfig):
        spots: int = setting(5, "Spots of a hunt", "寻宝点数", ge=2, le=20)
        cold_spots: int = setting(3, "Spots in the quietest zones", "冷区寻宝点数", ge=0, le=20)
        step_s: int = setting(30, "Life of a spot's code", "验证码有效期", unit="s", ge=15, le=300)
        code_digits: int = setting(6, "Digits of a code", "验证码位数", ge=4, le=8)
        secrets: dict[str, Annotated[str, Field(json_schema_extra={"x-widget": "secret"})]] = setting(
            dict, "Secrets of spots", "寻宝点密钥",
            help_en="Zone to the name of a secret; others are drawn.", help_zh="区域对应密钥名；其余自动生成。",
        )  # fmt: skip
        max_speed: float = setting(2.5, "Faster from spot to spot is refused", "点间最大速度", unit="m/s", ge=0.5, le=10)
        prizes: dict[str, Annotated[int, Field(ge=0)]] = setting(
            lambda: {"hunt_done": 500}, "Prizes and their daily stock", "奖品及每日库存",
            help_en="Coupon to stock; the first that is left.", help_zh="优惠券对应库存；依次发放。",
        )  # fmt: skip
        hunts_per_day: int = setting(1, "Finished hunts of a member in a day", "每人每日完成次数", ge=1, le=10)
        motion_s: int = setting(30, "Length of a motion round", "体感单局时长", unit="s", ge=10, le=180)
        spot_points: int = setting(5, "Points for each spot", "每点积分", unit="points", ge=0, le=1000)

    # The hunt of the day

    def start(self):
        if self.store.hours.is_open(self.now):
            yield from self._begin()

    @every("1d", at="open")
    def morning(self, due):
        yield from self._begin()

    def _begin(self):
        today = self.store.hours.store_day(self.now)
        sums = {}
        for n in range(1, HEAT_D + 1):
            for zone, heat in self.state.get(f"heat:{today - n * DAY}", {}).items():
                sums[zone] = sums.get(zone, 0) + heat
        zones, config = self.tables.zones.rows(), self.config
        chosen, cold = hunts.spots(zones, sums, self._themes(zones), config.spots, config.cold_spots)
        self.state["hunt"] = {"day": today.isoformat(), "spots": chosen, "cold": cold, "players": 0, "finished": 0, "used": {}}
        yield from self._show_codes()

    def _themes(self, zones):
        found = {zone: tenant.get("category") for tenant in self.tables.tenants.rows() for zone in tenant.get("zones") or ()}
        return found | {row["zone"]: row["category"] for row in zones if row.get("category")}

    def _show_codes(self):
        """A new code on every spot's screen, and again at the next step; none after closing time."""
        hunt, step_s = self.state.get("hunt"), self.config.step_s
        if hunt is None or not self.store.hours.is_open(self.now):
            return
        step = int(self.now.timestamp() // step_s)
        begins, ends = (datetime.fromtimestamp(n * step_s, UTC) for n in (step, step + 1))
        for spot in hunt["spots"]:
            code = totp.totp(self._secret(spot), self.now.timestamp(), step_s, self.config.code_digits)
            item = {"asset": "hunt_code", "duration_s": step_s, "campaign": HUNT, "text": code, "params": {"spot": spot, "code": code}}
            yield out("sign.play", {"from": begins, "to": ends}, screen=self._device("signage", spot), items=[item])
        self.timers.set("step", "codes", ends)

    @timer("step")
    def step(self, due):
        yield from self._show_codes()

    def _secret(self, spot):
        if spot in self.config.secrets:
            return self.secret(self.config.secrets[spot]).encode()
        pool = self.state.get("pool", {"hash": ""})["hash"]
        return self.state.setdefault(f"secret:{spot}", codes.new_code(codes.stir(pool, self.context.instance, spot), 96)).encode()

    def _device(self, kind, zone):
        devices = sorted(self.devices.get(kind, ()), key=lambda device: device.zone != zone)
        return devices[0].id if devices else zone

    # Check-in

    @on("member.event")
    def member_event(self, event):
        pool = self.state.get("pool", {"hash": ""})
        self.state["pool"] = {"hash": codes.stir(pool["hash"], event.id, rfc3339(self.now))}
        who, hunt = event.get("member") or event.get("visitor", ""), self.state.get("hunt")
        spot = event.get("touchpoint", "")
        if event["kind"] == "join" and HUNT in (spot, event.get("campaign")) and hunt:
            yield self._told(spot, who, {"accepted": True, "next": self._player(who, hunt)["order"][0]})
        elif event["kind"] == "visit" and "code" in (event.get("values") or {}):
            yield from self._check_in(event, who, spot, hunt)

    def _player(self, who, hunt):
        fresh = {"day": hunt["day"], "order": [], "done": 0, "finished": 0, "last": None}
        player = self.state.setdefault(f"player:{who}", fresh)
        if player["day"] != hunt["day"]:
            player |= fresh
        if not player["order"]:
            player["order"] = sorted(hunt["spots"], key=lambda spot: draw(hunt["day"], who, player["finished"], spot))
        return player

    def _check_in(self, event, who, spot, hunt):
        player = self._player(who, hunt) if hunt else None
        reason = self._refusal(event, spot, hunt, player)
        if reason:
            left = player["order"][player["done"] :] if player and reason != "hunts_per_day" else []
            yield self._told(spot, who, {"accepted": False, "reason": reason, "next": left[0] if left else None}, self.say(*WORDS[reason]))
            return
        if not player["finished"] and not player["done"]:
            hunt["players"] += 1
            self.kpi.add("players")
            self.kpi.share("finish_rate", 0, 1)
        player["done"], player["last"] = player["done"] + 1, {"spot": spot, "at": rfc3339(event.time)}
        finished, points = player["done"] == len(player["order"]), self.config.spot_points
        shown = {"accepted": True, "next": None if finished else player["order"][player["done"]]}
        if finished:
            prize = self._prize(event, who, hunt, player)
            points *= 1 if prize else 2
            shown |= {"finished": True, "prize": prize and prize.data["coupon"]}
            if prize:
                yield prize
        if event.get("member") and points:
            shown["points"] = points
            yield out("points.change", member=who, delta=points, reason="earn", source=HUNT, ref=event.ref)
        yield self._told(spot, who, shown)

    def _refusal(self, event, spot, hunt, player):
        if hunt is None or not self.store.hours.is_open(event.time):
            return "closed"
        if spot not in hunt["spots"]:
            return "no_spot"
        if player["finished"] >= self.config.hunts_per_day:
            return "hunts_per_day"
        code, at = str(event["values"]["code"]), event.time.timestamp()
        if not totp.is_current(code, self._secret(spot), at, self.config.step_s, self.config.code_digits):
            return "code"
        if spot in player["order"][: player["done"]]:
            return "done"
        if spot != player["order"][player["done"]]:
            return "not_next"
        last = player["last"]
        if last is None:
            return None
        metres = hunts.metres(self.tables.zones.get(last["spot"]), self.tables.zones.get(spot))
        seconds = (event.time - parse_time(last["at"])).total_seconds()
        return "speed" if seconds < metres / self.config.max_speed - 1e-9 else None

    def _prize(self, event, who, hunt, player):
        """The first prize that is left today, None where none is. The player begins anew."""
        if not player["finished"]:
            self.kpi.share("finish_rate", 1, 0)
        hunt["finished"] += 1
        player |= {"finished": player["finished"] + 1, "done": 0, "order": []}
        for template, stock in self.config.prizes.items():
            if hunt["used"].get(template, 0) < stock:
                hunt["used"][template] = hunt["used"].get(template, 0) + 1
                self.kpi.share("prize_redemption", 0, 1)
                row = self.tables.coupons.get(template) or {"template": template}
                number = codes.new_code(codes.stir(self.state["pool"]["hash"], template), 64)
                copy = coupon_copies.copy_for(row, f"hunt:{number}", who, event.time, self.store.hours)
                self.state[f"prize:{copy['coupon']}"] = rfc3339(copy["valid_to"])
                bearer = None if event.get("member") else True
                return out("coupon.issue", copy | {"member": event.get("member")}, bearer=bearer, campaign=HUNT, ref=event.ref)
        return None

    def _told(self, spot, who, params, text=None):
        params = {name: value for name, value in params.items() if value is not None}
        return out("kiosk.show", kiosk=self._device("kiosk", spot), screen=HUNT, text=text, params={"player": who, "spot": spot, **params})

    @on("coupon.redeemed?")
    def redeemed(self, event):
        if self.state.pop(f"prize:{event['coupon']}", None):
            self.kpi.share("prize_redemption", 1, 0)

    # Motion wall: nothing of a round outlives it

    @on("kiosk.event?")
    def kiosk(self, event):
        if event["kind"] not in ("choose", "start") or event.get("value") != "motion":
            return
        zone = next((device.zone for device in self.devices.get("kiosk", ()) if device.id == event["kiosk"]), None)
        screen, seed = self._device("signage", zone), f"{event['session']}|{event.id}"
        self.state[f"round:{event['session']}"] = {"kiosk": event["kiosk"], "zone": zone, "screen": screen, "seed": seed,
                                                   "since": rfc3339(event.time), "hits": []}  # fmt: skip
        self.timers.set("round", event["session"], event.time + timedelta(seconds=self.config.motion_s))
        boxes = [list(hunts.lit_box(seed, n)) for n in range(math.ceil(self.config.motion_s / hunts.BOX_S))]
        items = [{"asset": "motion", "duration_s": hunts.BOX_S, "campaign": HUNT, "params": {"box": box}} for box in boxes]
        yield out("sign.play", screen=screen, items=items, priority=1)

    @on("sign.played?")
    def played(self, event):
        """The round is timed from when its screen began."""
        for key in [key for key in self.state if key.startswith("round:")]:
            one = self.state[key]
            if event["asset"] == "motion" and event["screen"] == one["screen"] and not one["hits"]:
                one["since"] = event["started"]
                ends = parse_time(event["started"]) + timedelta(seconds=self.config.motion_s)
                self.timers.set("round", key.partition(":")[2], max(self.now, ends))

    @on("vision.track?")
    def moved(self, event):
        if event.get("staff"):
            return
        for key in [key for key in self.state if key.startswith("round:")]:
            one = self.state[key]
            if one["zone"] not in (None, event.get("zone")):
                continue
            polygon = (self.tables.zones.get(one["zone"]) or {}).get("polygon") if one["zone"] else None
            for at, x, y in event["points"]:
                since_s = (parse_time(at) - parse_time(one["since"])).total_seconds()
                if 0 <= since_s < self.config.motion_s:
                    number = hunts.hit(one["seed"], since_s, *hunts.on_wall(x, y, polygon))
                    one["hits"] += [number] if number is not None and number not in one["hits"] else []

    @timer("round")
    def round_over(self, due):
        one = self.state.pop(f"round:{due.key}")
        score = len(one["hits"])
        yield out("kiosk.show", kiosk=one["kiosk"], screen="motion_score", session=due.key, params={"score": score},
                  text=self.say(f"Hits: {score}", f"命中{score}次"))  # fmt: skip

    # Footfall

    @on("vision.heatmap?")
    def heat(self, event):
        day = self.state.setdefault(f"heat:{self.store.hours.store_day(parse_time(event['from']))}", {})
        day[event["zone"]] = day.get(event["zone"], 0) + sum(event["values"])

    @every("1d", at="00:00")
    def day_over(self, due):
        day, hunt = self.store.hours.ended_day(due.time), self.state.pop("hunt", None)
        if hunt:
            lifts = yield from self._effect(day, hunt)
            self.kpi.set("cold_zone_lift", sum(lifts) / len(lifts) if lifts else None)
            figures = {"players": hunt["players"], "finished": hunt["finished"], "prizes": sum(hunt["used"].values())}
            window = {"from": self.store.hours.midnight(day), "to": due.time}
            rows = [{"spot": spot, "cold": spot in hunt["cold"]} for spot in hunt["spots"]]
            yield out("insight.report", window, report=f"theme_hunt:{day}", kind="theme_hunt", version=1, rows=rows,
                      figures={name: {"value": value, "unit": "count"} for name, value in figures.items()})  # fmt: skip
        oldest = f"heat:{day - HEAT_KEPT_D * DAY}"
        for key in list(self.state):
            lapsed = key.startswith("prize:") and parse_time(self.state[key]) < due.time - PRIZE_TOLD_WITHIN
            if lapsed or key.startswith("player:") or (key.startswith("heat:") and key < oldest):
                del self.state[key]

    def _effect(self, day, hunt):
        """Change of each cold zone's visits less the mean change of the zones without a spot."""
        visits, past = self.state.get(f"heat:{day}", {}), [self.state.get(f"heat:{day - n * DAY}", {}) for n in range(1, HEAT_D + 1)]
        changes = {zone: hunts.change_pct(visits[zone], [one[zone] for one in past if zone in one]) for zone in sorted(visits)}
        others = [value for zone, value in changes.items() if zone not in hunt["spots"] and value is not None]
        lifts = []
        for zone in hunt["cold"]:
            if changes.get(zone) is not None and others:
                control = sum(others) / len(others)
                lifts.append(changes[zone] - control)
                arms = [{"arm": zone, "n": 1, "value": changes[zone]}, {"arm": "zones_without_spot", "n": len(others), "value": control}]
                yield out("experiment.result", experiment=f"theme_hunt:{zone}:{day}", metric="visits_change_pct", arms=arms,
                          effect=lifts[-1], decision="none", method="difference in differences")  # fmt: skip
        return lifts
