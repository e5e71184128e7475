"""What the hostile plugins share: they count readings properly, and misbehave at one of 50 or more."""

from storeloom.core.kernel.contract import Solution, kpi, on


class Counting(Solution):
    formats = ("supermarket",)
    produces = ("alert.raise",)
    adapters = ("sensor",)
    kpis = {"seen": kpi("count", "Readings seen", "读数次数")}
    kinds = {"seen": ("Seen", "已见")}

    @on("sensor.reading")
    def follow(self, event):
        self.state["seen"] = self.state.get("seen", 0) + 1
        self.kpi.add("seen")
        return self.misbehave(event) if event["value"] >= 50 else None

    def misbehave(self, event):
        """What a subclass does wrong."""
