"""Pepper bins: a bin that shows peppers of another colour than its label is put right.

Bell peppers are sold by colour, at prices of their own; customers put them back where
they stand. A camera looks at each bin once in five seconds, and a model of this package
says which colour it mostly shows. One that shows another colour than it holds, surely and
for long enough, is told, and somebody is sent to sort it.

It knows peppers by their colour alone: other goods and an empty bin are given a colour,
too, so it says nothing of how full a bin is, and is for bins of bell peppers only.
A picture is looked at and forgotten; nothing is kept of persons.
"""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

from storeloom.core import (
    Solution,
    SolutionConfig,
    kpi,
    on,
    out,
    parse_time,
    plain,
    setting,
    timer,
)

MODEL = Path(__file__).parents[1] / "models" / "peppers"
LOOK = timedelta(seconds=5)
COLOURS = {
    "green_bell": ("green", "绿"),
    "orange_bell": ("orange", "橙"),
    "red_bell": ("red", "红"),
    "yellow_bell": ("yellow", "黄"),
}
Colour = Literal["green_bell", "orange_bell", "red_bell", "yellow_bell"]


class Bin(SolutionConfig):
    """One bin: what it holds by its label, and where the camera sees it."""

    camera: str = setting("", "Camera", "摄像头", widget="device")
    slot: str = setting("", "Slot", "货位")
    holds: Colour = setting("green_bell", "Holds by its label", "标签颜色")
    box: list[float] = setting(
        [0.0, 0.0, 1.0, 1.0],
        "Place in the picture",
        "画面位置",
        min_length=4,
        max_length=4,
    )


class LumenPepperBins(Solution):
    zh, en = "彩椒货格混放检查", "Pepper bin check"
    purpose_zh = "摄像头查看各彩椒货格的颜色，与标签不符时告警并派人整理。"
    version = "1.0.0"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("alert.raise", "task.create")
    adapters = ("camera",)
    load = "vision"
    kpis: ClassVar = {
        "mix_ups": kpi("count", "Mix-ups", "混放次数"),
        "right_looks": kpi("%", "Looks that show the right colour", "颜色相符占比"),
    }
    kinds: ClassVar = {
        "bin_mixed_up": ("Bin mixed up", "货格混放"),
        "sort_bin": ("Sort a bin", "整理货格"),
    }

    class Config(SolutionConfig):
        bins: list[Bin] = setting([], "Bins", "货格", widget="boxes", max_length=64)
        sure: float = setting(
            0.8,
            "Sure from",
            "判定概率",
            ge=0.4,
            le=0.99,
            help_en="The least probability of a colour.",
            help_zh="颜色概率不低于此值才算数。",
        )
        hold_s: int = setting(120, "Shown for", "持续时长", unit="s", ge=0, le=3600)

    @on("camera.frame")
    def look(self, event):
        camera = event["camera"]
        bins = [one for one in self.config.bins if one.camera == camera]
        last = self.state.get(f"camera:{camera}")
        if not bins or (last and event.time < parse_time(last) + LOOK):
            return
        self.state[f"camera:{camera}"] = plain(event.time)
        view = self.workers.vision.view(event.data, event.time)
        shown = view.classes(MODEL, [tuple(one.box) for one in bins], 1)
        for one, likely in zip(bins, shown, strict=True):
            if likely and likely[0][1] >= self.config.sure:
                yield from self._seen(one, likely[0][0], event.time)

    def _seen(self, one, colour, at):
        """A look that is sure: of the right colour, which ends a mix-up, or of another."""
        right = colour == one.holds
        self.kpi.share("right_looks", int(right), 1)
        known = self.state.setdefault(one.slot, {"shows": None, "open": False})
        if not right:
            if known["shows"] is None:
                hold = timedelta(seconds=self.config.hold_s)
                self.timers.set("hold", one.slot, at + hold, {"holds": one.holds})
            known["shows"] = colour
        elif known["shows"] is not None:
            self.timers.cancel("hold", one.slot)
            known["shows"] = None
            if known["open"]:
                known["open"] = False
                yield self._alert(one.slot, "cleared", one.holds, one.holds)

    @timer("hold")
    def mixed_up(self, due):
        slot, known, holds = due.key, self.state[due.key], due.data["holds"]
        known["open"] = True
        self.kpi.add("mix_ups")
        yield self._alert(slot, "open", holds, known["shows"])
        en, zh = COLOURS[holds]
        yield out(
            "task.create",
            task=f"sort_bin-{slot}-{plain(due.time)}",
            kind="sort_bin",
            title=self.say(f"Bin {slot}: {en} peppers only", f"{slot}：只放{zh}椒"),
            priority=2,
        )

    def _alert(self, slot, state, holds, shows):
        (en, zh), (other, other_zh) = COLOURS[holds], COLOURS[shows]
        return out(
            "alert.raise",
            alert=f"bin_mixed_up-{slot}",
            kind="bin_mixed_up",
            severity="warn",
            state=state,
            subject=slot,
            text=self.say(
                f"Bin {slot} holds {en} peppers and shows {other} ones",
                f"{slot} 应放{zh}椒，画面为{other_zh}椒",
            ),
        )
