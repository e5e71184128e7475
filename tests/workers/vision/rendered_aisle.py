"""An aisle as a passing robot sees it, drawn with exact truth: packs in look-alike families, labels, noise, blur, and what goes wrong.

`python -m tests.workers.vision.rendered_aisle [--bays N] [--seed S]` measures facing recognition on it, and prints how many facings there
were, recall, precision, and the Wilson interval of what was known rightly. Items are enrolled from a few pictures of other packs of theirs,
taken in other light by the same cameras on an earlier round.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np

from storeloom.workers.insight.proportions import wilson
from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.items.embedding import Embedding
from storeloom.workers.vision.items.shops import Shops
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.rendering import Camera, Picture, filmed
from storeloom.workers.vision.shelf_sight import Settings, Tag, bound, of_view, read
from storeloom.workers.vision.shelf_walk import Bay, Span, bay

FAMILIES, FLAVOURS = 8, 3
WIDE, HIGH = 1200, 900
BOARDS, SLOTS, FACINGS = 3, 4, 2
BOARD_MM, BAY_MM = 300, 1200
CAMERAS = (Camera(blur=0.6, noise=4, quality=85), Camera(blur=1.1, noise=6, quality=75), Camera(blur=1.6, noise=8, quality=70))
WRONG_LABELS, MISPLACED, EMPTY, UNSEEN_LABELS = 0.05, 0.04, 0.08, 0.1
SHOTS = 9
ACCEPT = 0.85
Design = dict[str, Any]


def designs(chance: np.random.Generator, families: int) -> dict[str, Design]:
    """Items by gtin: those of one family share ground and shape and differ in band and print."""
    found = {}
    for family in range(families):
        ground, at, round_top = chance.integers(30, 225, 3).tolist(), float(chance.uniform(0.25, 0.55)), bool(chance.random() < 0.5)
        mark = int(chance.integers(3, 8))
        for flavour in range(FLAVOURS):
            band, ink = chance.integers(20, 240, 3).tolist(), chance.integers(0, 255, 3).tolist()
            design = {"ground": ground, "at": at, "round": round_top, "mark": mark, "band": band, "ink": ink, "lines": 2 + flavour}
            found[f"69{family:05d}{flavour:05d}0"] = design
    return found


def pack(design: Design, size: tuple[int, int], chance: np.random.Generator) -> Picture:
    """One pack as its own picture, a little turned and lit its own way."""
    wide, high = size
    image = np.full((high, wide, 3), design["ground"], np.float32)
    top = round((design["at"] + chance.normal(0, 0.01)) * high)
    if design["round"]:
        cv2.rectangle(image, (wide // 3, 0), (2 * wide // 3, high // 7), design["band"], -1)
    cv2.rectangle(image, (0, top), (wide, top + high // 3), design["band"], -1)
    for line in range(design["lines"]):
        y = top + 12 + line * 16
        cv2.line(image, (8, y), (8 + int(wide * 0.7), y), design["ink"], 6)
    points = [
        (wide / 2 + wide / 5 * np.cos(a), high / 5.5 + wide / 5 * np.sin(a)) for a in np.arange(design["mark"]) * 6.283 / design["mark"]
    ]
    cv2.fillPoly(image, [np.array(points, np.int32)], design["ink"])
    image *= np.linspace(chance.uniform(0.75, 1.0), chance.uniform(0.75, 1.0), wide, dtype=np.float32)[None, :, None]
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), float(chance.normal(0, 1.2)), 1.0)
    turned = cv2.warpAffine(image * chance.uniform(0.85, 1.1), turn, (wide, high), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned.clip(0, 255), np.uint8)


@dataclass(frozen=True)
class Stop:
    """A picture of a bay, its plan, the labels that the robot reads there, and what each facing truly holds (None: nothing)."""

    picture: Picture
    bay: Bay
    tags: tuple[Tag, ...]
    truth: Mapping[tuple[str, int], str | None]


def stop(items: Mapping[str, Design], camera: Camera, chance: np.random.Generator) -> Stop:
    """A bay of three boards with four slots of two facings."""
    names = list(items)
    rows = [
        {"slot": f"{board}-{n}", "shelf": board, "x_mm": n * BAY_MM / SLOTS, "width_mm": BAY_MM / SLOTS, "facings": FACINGS,
         "gtin": names[int(chance.integers(len(names)))], "label": f"L{board}-{n}"}
        for board in range(1, BOARDS + 1) for n in range(SLOTS)
    ]  # fmt: skip
    shelves = [{"shelf": board, "height_mm": (BOARDS - board) * BOARD_MM + 100, "width_mm": BAY_MM} for board in range(1, BOARDS + 1)]
    plan = bay(rows, {"shelves": shelves}, {})
    picture = np.full((HIGH, WIDE, 3), chance.integers(120, 200, 3), np.float32)
    truth: dict[tuple[str, int], str | None] = {}
    tags = []
    for span in plan.spans:
        _rail(picture, plan, span)
        gone = chance.random() < EMPTY
        for n, box in enumerate(plan.boxes(span)):
            item = names[int(chance.integers(len(names)))] if chance.random() < MISPLACED else span.gtin
            truth[span.slot, n] = None if gone else item
            if not gone:
                _put(picture, box, items[item], chance)
        if chance.random() >= UNSEEN_LABELS:
            shown = names[int(chance.integers(len(names)))] if chance.random() < WRONG_LABELS else span.gtin
            tags.append(Tag(span.label, shown, span.middle + float(chance.normal(0, 1.5)), span.level))
    return Stop(filmed(picture * chance.uniform(0.75, 1.1), camera, chance), plan, tuple(tags), truth)


def stops(
    bays: int, seed: int, families: int, shots: int, cameras: Sequence[Camera] = CAMERAS
) -> tuple[dict[str, list[Picture]], Iterator[Stop]]:
    """Pictures to enrol each item from, and the bays of an aisle with cameras in turn."""
    chance = np.random.default_rng(seed)
    items = designs(chance, families)
    pictures = {
        gtin: [filmed(pack(design, (140, 230), chance).astype(np.float32), CAMERAS[n % len(CAMERAS)], chance) for n in range(shots)]
        for gtin, design in items.items()
    }
    return pictures, (stop(items, cameras[n % len(cameras)], chance) for n in range(bays))


@dataclass
class Measured:
    """Facings that hold goods, those of them that were known, and those known rightly; what was seen in empty ones is `ghosts`."""

    facings: int = 0
    known: int = 0
    right: int = 0
    first: int = 0
    ghosts: int = 0

    @property
    def recall(self) -> float:
        return self.right / self.facings

    @property
    def precision(self) -> float:
        return self.right / (self.known + self.ghosts)


def measure(
    bays: int, seed: int, *, families: int = FAMILIES, shots: int = SHOTS, embedding: Any = Embedding, cameras: Sequence[Camera] = CAMERAS
) -> Measured:
    """Facing recognition on a rendered aisle, by the shipped networks and the rules of `shelf_sight`."""
    pictures_of, aisle = stops(bays, seed, families, shots, cameras)
    shops = Shops(None, embedding=embedding)
    for gtin, pictures in pictures_of.items():
        vectors = shops.looks(np.concatenate([cv2.resize(one, (140, 230)) for one in pictures], axis=1), _side_by_side(len(pictures)))
        shops.enrol("aisle", gtin, vectors)
    worker = VisionWorker(items=shops)
    found = Measured()
    for number, one in enumerate(aisle):
        at = datetime(2026, 3, 2, 9, number // 60 % 60, number % 60, tzinfo=UTC)
        view = worker.view({"camera": f"robot-{number}", "seq": 0, "pixels": one.picture}, at)
        sight = bound(of_view(view, one.bay, "aisle", read_labels=False), one.bay, one.tags)
        _count(found, one, read(sight, one.bay, str, Settings()), sight)
        worker.forget(f"robot-{number}")
    return found


def _count(found: Measured, one: Stop, readings: Any, sight: Any) -> None:
    for reading in readings:
        places = _places(one.bay, reading.span, sight)
        for n, ranked in zip(places, reading.packs, strict=True):
            truth, (item, share) = one.truth[reading.span.slot, n], ranked[0] if ranked else ("", 0.0)
            found.first += item == truth
            if share >= ACCEPT:
                found.known += truth is not None
                found.ghosts += truth is None
                found.right += item == truth
        found.facings += sum(truth is not None for (slot, _), truth in one.truth.items() if slot == reading.span.slot)


def _places(plan: Bay, span: Span, sight: Any) -> list[int]:
    """Which facing of its slot each pack is that was found over it, in the order in which they were found."""
    wide = (span.right - span.left) / span.facings
    return [int((good.x - span.left) // wide) for good in sight.goods if good.level == span.level and span.left < good.x < span.right]


def _side_by_side(count: int) -> list[Box]:
    return [(n / count, 0.0, 1 / count, 1.0) for n in range(count)]


def _rail(picture: Any, plan: Bay, span: Span) -> None:
    bottom = round(plan.boards[span.level + 1] / plan.height * HIGH)
    x = round(span.middle / plan.width * WIDE)
    cv2.rectangle(picture, (0, bottom - 36), (WIDE, bottom), (200, 200, 200), -1) if span.left == 0 else None
    label = np.full((32, 90, 3), 250, np.uint8)
    cv2.putText(label, span.slot, (12, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (30, 30, 30), 2)
    picture[bottom - 34 : bottom - 2, x - 45 : x + 45] = label


def _put(picture: Any, box: Box, design: Design, chance: np.random.Generator) -> None:
    """A pack in its place, pushed a little to a side and not quite as high as the space is."""
    x, y, wide, high = box[0] * WIDE, box[1] * HIGH, box[2] * WIDE, box[3] * HIGH
    image = pack(design, (round(wide * chance.uniform(0.86, 0.95)), round(high * chance.uniform(0.85, 0.95))), chance)
    tall, broad = image.shape[:2]
    left, top = min(max(0, round(x + (wide - broad) / 2 + chance.normal(0, 0.02) * wide)), WIDE - broad), round(y + high) - tall
    picture[top : top + tall, left : left + broad] = image


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Measure facing recognition on a rendered aisle.")
    parser.add_argument("--bays", type=int, default=60)
    parser.add_argument("--seed", type=int, default=96)
    told = parser.parse_args(arguments)
    found = measure(told.bays, told.seed)
    low, high = wilson(found.right, found.facings)
    print(f"n {found.facings} facings with goods in {told.bays} bays, seed {told.seed}")
    print(f"recall {found.recall:.4f} (Wilson 95 %: {low:.4f}..{high:.4f}), precision {found.precision:.4f}")
    print(f"known {found.known}, rightly {found.right}, best guess right {found.first}, goods seen where there were none {found.ghosts}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
