"""Goods: facings and gaps of a shelf against its plan, items on a counter or in a basket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from storeloom.workers.vision import facings
from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import Algorithm, AlgorithmError, Reading, State, stages
from storeloom.workers.vision.boxes import Point, centre
from storeloom.workers.vision.floorplan import bounds
from storeloom.workers.vision.things import Seen
from storeloom.workers.vision.view import View
from storeloom.workers.vision.zones import contains

ITEMS = stages("tracks", "items")
FORGET_S = 30.0
PACKS = ("pack", "item", "bottle", "cup", "bowl", "apple", "orange", "banana")


def within(view: View, classes: tuple[str, ...], polygon: form.Polygon) -> list[Seen]:
    """The objects of these classes whose middle lies in a polygon."""
    return [thing for thing in view.observation.of(*classes) if contains(polygon, centre(thing.box))]


@dataclass(frozen=True, kw_only=True)
class FacingsForm(form.Settings):
    fixture: str = form.text("fixture", "Fixture", "货架")
    polygon: tuple[Point, ...] = form.polygon("The shelf in the picture", "货架范围")
    shelves: tuple[tuple[str, ...], ...] = form.rows("Planned item of each facing, shelves from the top", "各层陈列计划，自上而下")
    classes: tuple[str, ...] = form.texts(PACKS, "Classes that are packs", "商品类别", least=1)
    shop: str = form.text("", "Catalogue of enrolled items", "商品库", least=0)
    every_s: float = form.number(2.0, "Time between looks", "检测间隔", "s", least=0.1, most=3600)
    frames: int = form.count(5, "Frames that vote on a verdict", "投票帧数", most=100)
    blocked: float = form.number(0.3, "Hidden share that makes a frame useless", "遮挡超过即弃用", "share", least=0.05, most=1)

    def check(self) -> None:
        form.check_polygon(self.polygon)
        if self.shelves and not all(self.shelves):
            raise AlgorithmError(
                "A shelf of the plan has no facing.",
                "shelves",
                "Name the item of each facing, or leave the shelf out.",
                zh="陈列图中有一层没有任何排面。",
            )


class Facings(Algorithm[FacingsForm]):
    """Which planned facings are there, by a vote of several frames in which nobody stands before the shelf. Slots are named
    `shelf-number` from the top left; a slot is a run of equal facings. Without a plan it tells the number of packs, slot `all`."""

    needs = ITEMS
    streams = ("vision.shelf",)
    en, zh = "Facings and gaps", "陈列面与缺货"
    Form = FacingsForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options = self.settings
        votes, hidden = list(state.get("votes", ())), int(state.get("hidden", 0))
        covers = [thing.box for thing in view.observation.of("person")]
        if facings.hidden_share(bounds(options.polygon), covers) > options.blocked:
            told = hidden + 1 == options.frames
            reading = Reading("vision.shelf", {"fixture": options.fixture, "camera": view.camera, "slots": [], "blocked": True})
            return {"votes": votes, "hidden": hidden + 1}, [reading] if told else []
        packs = within(view, options.classes, options.polygon)
        if not options.shelves:
            votes.append(len(packs))
        else:
            ranked = view.items([pack.box for pack in packs], options.shop)
            seen = [facings.Pack(r.gtin or facings.UNKNOWN, pack.box) for pack, r in zip(packs, ranked, strict=True)]
            votes.append(facings.read(options.shelves, seen).matched)
        if len(votes) < options.frames:
            return {"votes": form.plain(votes), "hidden": 0}, []
        slots = self._slots(votes) if options.shelves else _total(votes)
        return {"votes": [], "hidden": 0}, [
            Reading("vision.shelf", {"fixture": options.fixture, "camera": view.camera, "slots": slots, "blocked": False})
        ]

    def _slots(self, votes: list[Any]) -> list[dict[str, Any]]:
        """The voted facings of each run of one item."""
        verdict = facings.vote([facings.Reading(tuple(map(tuple, matched)), ()) for matched in votes])
        slots = []
        for level, shelf in enumerate(self.settings.shelves):
            at = 0
            for number, (gtin, run) in enumerate(groupby(shelf), 1):
                span = slice(at, at + len(list(run)))
                at = span.stop
                there, support = verdict.matched[level][span], verdict.support[level][span]
                slot = {"slot": f"{level + 1}-{number}", "gtin": gtin, "facings": sum(there), "gap": not any(there)}
                slots.append({**slot, "confidence": sum(support) / len(support)})
        return slots


def _total(votes: list[int]) -> list[dict[str, Any]]:
    """The median number of packs, and the share of frames that show it."""
    middle = sorted(votes)[len(votes) // 2]
    return [{"slot": "all", "facings": middle, "gap": middle == 0, "confidence": votes.count(middle) / len(votes)}]


@dataclass(frozen=True, kw_only=True)
class ItemsForm(form.Settings):
    polygon: tuple[Point, ...] = form.polygon("Where items are put", "放置范围")
    classes: tuple[str, ...] = form.texts(PACKS, "Classes that are items", "商品类别", least=1)
    shop: str = form.text("", "Catalogue of enrolled items", "商品库", least=0)
    kind: str = form.choice("place", "Told as", "事件类型", ("place", "pass", "pick", "put", "bag", "tray", "read"))
    every_s: float = form.number(0.5, "Time between looks", "检测间隔", "s", most=3600)
    agree: int = form.count(2, "Looks that must agree", "一致次数", most=20)
    till: str = form.text("", "Till", "收银台", least=0)

    def check(self) -> None:
        form.check_polygon(self.polygon)


class Items(Algorithm[ItemsForm]):
    """The item of each tracked thing in a zone, told once several looks agree, and again only when the answer changes. An unknown thing is
    told too, with its candidates and a first one of class `unknown`."""

    needs = ITEMS
    streams = ("vision.item",)
    en, zh = "Item recognition", "商品识别"
    Form = ItemsForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        after = {track: list(entry) for track, entry in state.items() if t_s - entry[3] <= FORGET_S}
        things = [thing for thing in within(view, options.classes, options.polygon) if thing.track is not None]
        readings = []
        for thing, ranking in zip(things, view.items([thing.box for thing in things], options.shop), strict=True):
            track, item = str(thing.track), ranking.gtin or "unknown"
            last, agreed, told, _ = after.get(track, ["", 0, "", t_s])
            agreed = agreed + 1 if last == item else 1
            if agreed >= options.agree and told != item:
                told = item
                candidates = [{"gtin": gtin, "score": score} for gtin, score in ranking.candidates]
                unknown = [{"class": "unknown", "score": 1.0 - ranking.score}] if ranking.unknown else []
                data = {"camera": view.camera, "candidates": unknown + candidates, "kind": options.kind, "track": track, "qty": 1}
                data |= {"box": list(thing.box)} | ({"till": options.till} if options.till else {})
                readings.append(Reading("vision.item", data))
            after[track] = [item, agreed, told, t_s]
        return after, readings
