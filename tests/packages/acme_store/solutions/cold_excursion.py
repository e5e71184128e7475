"""Cold-chain excursion: food above its limit past the grace time must be checked or binned. A door opened briefly is no excursion."""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer


class ColdExcursion(Solution):
    zh, en = "冷链超温告警", "Cold-chain excursion"
    purpose_zh = "食品超温超过容忍时长必须检查或报废；短暂开门不算超温。"
    formats = ("supermarket", "convenience")
    produces = ("alert.raise", "task.create", "score.report")
    adapters = ("sensor|refrigeration",)
    reads = ("assets",)
    kpis = {"excursions": kpi("count", "Excursions", "超温次数"), "time_above_limit": kpi("min", "Time above the limit", "超温时长")}
    kinds = {"cold_excursion": ("Cold-chain excursion", "冷链超温"), "check_goods": ("Check goods", "检查商品")}

    class Config(SolutionConfig):
        limit_c: float = setting(5.0, "Warmest safe reading", "最高安全温度", unit="°C", ge=-30, le=15)
        grace_s: int = setting(900, "Warm time tolerated", "允许超温时长", unit="s", ge=0)

    @on("sensor.reading")
    def follow(self, event):
        if event["kind"] != "temperature" or "asset" not in event:
            return
        probe = self.state.setdefault(event["asset"], {"since": None, "open": False})
        if event["value"] > self.config.limit_c:
            if probe["since"] is None:
                probe["since"] = event.time.isoformat()
                self.timers.set("grace", event["asset"], event.time + timedelta(seconds=self.config.grace_s), {"value": event["value"]})
        elif probe["since"] is not None:
            self.timers.cancel("grace", event["asset"])
            if probe["open"]:
                yield out(
                    "alert.raise",
                    alert=f"cold-{event['asset']}",
                    kind="cold_excursion",
                    severity="high",
                    state="cleared",
                    asset=event["asset"],
                    text=self.say("Cold again", "恢复低温"),
                )
            self.state[event["asset"]] = {"since": None, "open": False}

    @timer("grace")
    def warm_too_long(self, due):
        asset = due.key
        self.state[asset]["open"] = True
        self.kpi.add("excursions")
        self.kpi.add("time_above_limit", self.config.grace_s / 60)
        name = (self.tables.assets.get(asset) or {}).get("name", asset)
        yield out(
            "alert.raise",
            alert=f"cold-{asset}",
            kind="cold_excursion",
            severity="high",
            state="open",
            asset=asset,
            value=due.data["value"],
            limit=self.config.limit_c,
            unit="C",
            text=self.say(f"{name} too warm", f"{name}超温"),
        )
        yield out("task.create", task=f"check-{asset}-{due.time:%H%M}", kind="check_goods", title=f"Check {name}", priority=1, asset=asset)

    @every("1d", at="close")
    def report(self, due):
        return out(
            "score.report",
            {"from": due.time - timedelta(days=1), "to": due.time},
            scheme="cold",
            subject_kind="store",
            subject=self.store.id,
            parts=[],
        )
