"""What both versions do: count stock movements by product, command an announcement at every few, note what falls quiet."""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer


class Tallying(Solution):
    formats = ("supermarket",)
    produces = ("alert.raise", "audio.play")
    adapters = ("audio",)
    kpis = {"seen": kpi("count", "Movements seen", "变动次数"), "acks": kpi("count", "Announcements played", "播放次数")}
    kinds = {"many": ("Many movements", "变动多"), "quiet": ("No movement any more", "不再变动")}
    prefix = "k:"

    class Config(SolutionConfig):
        step: int = setting(5, "Movements to an announcement", "每次播报的变动次数", ge=1)
        quiet_s: float = setting(120.537, "Quiet after", "静默时长", unit="s", ge=0)
        fail_on: str = setting("", "Product on which it fails", "出错的商品")

    @on("inventory.movement?")
    def count(self, event):
        gtin = event["gtin"]
        cell = self.state.setdefault(self.prefix + gtin, {"n": 0, "sum": 0})
        cell["n"] += 1
        cell["sum"] += event["qty"]
        self.kpi.add("seen")
        if self.config.fail_on and gtin == self.config.fail_on:
            raise ValueError(f"cannot count {gtin}")
        self.timers.set("quiet", gtin, event.time + timedelta(seconds=self.config.quiet_s), {"n": cell["n"]})
        if cell["n"] % self.config.step == 0:
            yield out("audio.play", zone=gtin, kind="staff", text=str(cell["n"]), ref=event.ref)
        if cell["n"] % (3 * self.config.step) == 0:
            yield self._alert(gtin, "many", cell["n"])

    @timer("quiet")
    def fell_quiet(self, due):
        self.state[f"quiet:{due.key}"] = self.state.get(f"quiet:{due.key}", 0) + 1
        return self._alert(due.key, "quiet", due.data["n"])

    @on("alert.raise?")
    def hear(self, event):
        self.state["heard"] = self.state.get("heard", 0) + 1

    @on("audio.played?")
    def played(self, event):
        self.state["acks"] = self.state.get("acks", 0) + 1
        self.kpi.add("acks")

    def _alert(self, gtin, kind, number):
        return out("alert.raise", alert=f"{kind}-{gtin}", kind=kind, severity="info", state="open", subject=gtin, text=str(number))
