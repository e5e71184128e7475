"""Area `vision_rules`: precision and recall of rules that look at pixels, on pictures drawn from a seed with exact truth.

Shelf gaps without and with a picture of the empty shelf, how full a bin looks, price labels alone and on a shelf, uniform colours. Drawn
pictures are plainer than shops: the figures say whether a rule works as meant, not how it does behind a given camera. Where the photos
of ../shared/data/grocery-store are there, so is the share of real displays full of goods that would be told as gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from storeloom.core.bench.harness import Result
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT

SEED = 41
ON = date(2026, 3, 2)
EMPTY_SHARE = 0.7
SHELVES, BINS, LABELS, RAILS, PEOPLE = 12, 60, 40, 6, 200
UNIFORM = "#1f5fbf"
OTHERS = ("black", "white", "grey", "red", "orange", "yellow", "green", "purple", "pink", "brown", "beige")
LIKENESS = (0.6, 0.75)
GROCERIES = ROOT.parent / "shared" / "data" / "grocery-store"


def measure(photos: Path = GROCERIES) -> list[Result]:
    """Precision and recall of each rule. InputFault (SL-INP-03) where the extra `vision` or Pillow is not installed, (SL-INP-01) where
    the labels' font is not or a photo is no picture."""
    try:
        import PIL  # noqa: F401

        from storeloom.workers.vision.reading.labels import LabelReader

        reader = LabelReader()
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "bench vision_rules", "extra": "demo"})) from error
    from storeloom.workers.vision.rendering import FONTS, has_fonts

    if not has_fonts():
        raise unreadable(FONTS, {"en": "Noto Sans CJK is not there", "zh": "缺少 Noto Sans CJK 字体"}, "Install fonts-noto-cjk.")
    return [*gaps(), *bins(), *labels(reader), *rail(reader), *uniforms(), *photo_gaps(photos)]


def scores(name: str, judged: Sequence[tuple[bool, bool]], least: tuple[str, str], what: str) -> list[Result]:
    """Precision and recall of pairs (true, told)."""
    hits = sum(truth and told for truth, told in judged)
    told, true = sum(told for _, told in judged), sum(truth for truth, _ in judged)
    return [
        Result(f"{name}_precision", hits / told if told else 0.0, "", least[0], f"{what}, {told} told", len(judged)),
        Result(f"{name}_recall", hits / true if true else 0.0, "", least[1], f"{what}, {true} true", len(judged)),
    ]


def gaps(shelves: int = SHELVES) -> list[Result]:
    """Slots read empty: by texture on a plain back, by a picture of the empty shelf on plain and perforated backs."""
    import numpy as np

    from storeloom.workers.vision import slot_look
    from storeloom.workers.vision.rendering_places import cameras, shelf

    results = []
    for name, back, with_picture in (("gap", "plain", False), ("gap_reference", "plain", True), ("gap_perforated", "perforated", True)):
        chance = np.random.default_rng(SEED)
        judged = []
        for number in range(shelves):
            drawn = shelf(back, cameras()[number % 3], chance)
            for box, facings in zip(drawn.slots, drawn.facings, strict=True):
                slot: dict[str, Any] = {"polygon": corners(box)}
                slot |= {"empty": slot_look.enrol(drawn.bare, slot["polygon"])} if with_picture else {}
                _, filled = slot_look.filled(drawn.picture, slot, (), (), ())
                judged.append((facings == 0, 1 - filled >= EMPTY_SHARE))
        what = f"{back} back, {'with' if with_picture else 'without'} a picture of the empty shelf"
        results += scores(name, judged, (">= 0.95", ">= 0.95"), what)
    return results


def bins(count: int = BINS) -> list[Result]:
    """Mean absolute error of how full a bin looks."""
    import numpy as np

    from storeloom.workers.vision import slot_look
    from storeloom.workers.vision.rendering_places import cameras, heap

    chance, whole = np.random.default_rng(SEED), corners((0.0, 0.0, 1.0, 1.0))
    errors = []
    for number in range(count):
        drawn = heap(cameras()[number % 3], chance)
        slot = {"polygon": whole, "empty": slot_look.enrol(drawn.empty, whole), "full": slot_look.enrol(drawn.full, whole)}
        _, fullness = slot_look.fullness(drawn.now, slot, ())
        errors.append(abs((fullness if fullness is not None else 0.0) - drawn.filled))
    return [Result("bin_fullness_error", sum(errors) / len(errors), "", "<= 0.08", "mean absolute, of 1", count)]


def labels(reader: Any, count: int = LABELS) -> list[Result]:
    """Price labels that fill the picture, by camera: price exact among those told, and found among those that have one; names, codes."""
    from storeloom.workers.vision.rendering import CAMERAS
    from storeloom.workers.vision.rendering import labels as drawn

    results: list[Result] = []
    for name, camera in CAMERAS.items():
        told = right = given = named = names = coded = codes = 0
        for picture, truth in drawn(count, camera, SEED):
            found = reader.read(picture, on=ON)
            told += found.price_minor is not None
            right += not truth.refused and found.price_minor == truth.price
            given += not truth.refused
            names += truth.name is not None
            named += truth.name is not None and found.name == truth.name
            codes += truth.gtin is not None
            coded += truth.gtin is not None and found.gtin == truth.gtin
        results += [
            Result(f"label_price_precision_{name}", right / max(told, 1), "", ">= 0.95", f"{told} prices told", count),
            Result(f"label_price_recall_{name}", right / max(given, 1), "", ">= 0.8", f"{given} labels with a price", count),
            Result(f"label_name_recall_{name}", named / max(names, 1), "", "", f"{names} names, equal in every character", count),
            Result(f"label_gtin_recall_{name}", coded / max(codes, 1), "", "", f"{codes} codes", count),
        ]
    return results


def rail(reader: Any, count: int = RAILS) -> list[Result]:
    """Labels found and read on pictures of a whole shelf, six to a rail, among packs."""
    import numpy as np

    from storeloom.workers.vision.reading.codes import CodeReader
    from storeloom.workers.vision.reading.text import TextReader
    from storeloom.workers.vision.rendering_labelled import labelled_shelf

    texts, codes, chance = TextReader(), CodeReader(), np.random.default_rng(SEED)
    told = right = given = 0
    for _ in range(count):
        picture, truths = labelled_shelf(chance)
        found = reader.find(picture, texts.read(picture), codes.read(picture, on=ON), on=ON)
        given += sum(not truth.refused for _, truth in truths)
        for label in found:
            if label.price_minor is not None:
                told += 1
                middle = label.box[0] + label.box[2] / 2, label.box[1] + label.box[3] / 2
                right += any(not t.refused and t.price == label.price_minor and inside(box, middle) for box, t in truths)
    return [
        Result("shelf_label_precision", right / max(told, 1), "", ">= 0.9", f"{told} prices told", count),
        Result("shelf_label_recall", right / max(given, 1), "", "", f"{given} labels with a price, 1920 x 1080", count),
    ]


def uniforms(count: int = PEOPLE) -> list[Result]:
    """People told as wearing the uniform, half of whom do."""
    import numpy as np

    from storeloom.workers.vision.colour import best_likeness, trunk_colour
    from storeloom.workers.vision.rendering_places import cameras, person

    chance = np.random.default_rng(SEED)
    judged = []
    for number in range(count):
        staff = number % 2 == 0
        drawn = person(UNIFORM if staff else str(chance.choice(OTHERS)), cameras()[number % 3], chance)
        judged.append((staff, best_likeness(trunk_colour(drawn.picture, drawn.box), (UNIFORM,))))
    loose, strict = ([(staff, likeness >= least) for staff, likeness in judged] for least in LIKENESS)
    what = "likeness from {:g}, bright to dim, warm to cold light"
    return [
        *scores("uniform", loose, (">= 0.95", ">= 0.95"), what.format(LIKENESS[0])),
        *scores("uniform_strict", strict, (">= 0.95", ">= 0.95"), what.format(LIKENESS[1])),
    ]


def photo_gaps(folder: Path = GROCERIES) -> list[Result]:
    """Share of photos of displays full of goods that would be told as a gap; nothing where there are no photos."""
    import cv2
    import numpy as np

    from storeloom.workers.vision import slot_look

    listing = folder / "val.txt"
    if not listing.is_file():
        return []
    names = [line.split(",")[0].strip() for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    slot = {"polygon": corners((0.1, 0.1, 0.8, 0.8))}
    false = 0
    for name in names:
        picture = cv2.imread(str(folder / name))
        if picture is None:
            raise unreadable(folder / name, {"en": "it is no picture", "zh": "不是图片"}, "Fetch the data set again, or take it away.")
        _, filled = slot_look.filled(np.asarray(picture, np.uint8), slot, (), (), ())
        false += 1 - filled >= EMPTY_SHARE
    return [Result("gap_false_on_photos", false / len(names), "", "<= 0.1", "real displays full of goods told as gaps", len(names))]


def unreadable(path: Path, reason: dict[str, str], remedy: str) -> InputFault:
    return InputFault(Finding("SL-INP-01", {"file": str(path), "reason": reason, "remedy": remedy}, file=str(path)))


def corners(box: Iterable[float]) -> list[tuple[float, float]]:
    x, y, width, height = box
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def inside(box: Sequence[float], point: tuple[float, float]) -> bool:
    return box[0] <= point[0] <= box[0] + box[2] and box[1] <= point[1] <= box[1] + box[3]
