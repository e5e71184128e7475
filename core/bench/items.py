"""Area `items`: recognition of items on the Grocery Store data set, what it costs, and what a catalogue of its size takes."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from storeloom.core.bench.harness import Result, interleaved, require_file
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT

if TYPE_CHECKING:
    from storeloom.workers.vision.items.embedding import Embedding
    from storeloom.workers.vision.items.grocery import Figures, Split

DATA = ROOT.parent / "shared" / "data" / "grocery-store"
GOALS = {"test": {"whole_top1": 0.86}}  # the best published figure on that split, by fine-tuning a whole network
MOST_MS = 100
RUNS = 50
NAMES = {
    "whole training split, 81 classes": "whole",
    "5 pictures a class, 81 classes": "five_shot",
    "5 a class, 41 classes, 40 strangers": "five_shot_41_classes",
    "5 a class, 15 classes, 26 strangers": "five_shot_15_classes",
    "whole split, 61 classes, 20 strangers": "whole_61_classes",
}


def measure(data: Path = DATA, split: str = "val") -> list[Result]:
    """Enrol the training split of `data`, recognise the pictures that SPLIT.txt there lists.

    InputFault (SL-INP-03) where the extra `vision` is not installed, (SL-INP-01) where the data set is absent, and with what is wrong
    with its pictures.
    """
    try:
        from storeloom.workers.vision.items.embedding import Embedding
        from storeloom.workers.vision.items.faults import ItemFault
        from storeloom.workers.vision.items.grocery import count, read_split, table
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "bench items", "extra": "vision"})) from error
    require_file(data / "train.txt", "Name the folder of the Grocery Store data set: storeloom bench items --data FOLDER")
    embedding, shown = Embedding(), count if sys.stderr.isatty() else _silent
    try:
        train, test = (read_split(data, name, embedding, shown) for name in ("train", split))
    except ItemFault as fault:
        raise InputFault(fault.findings) from fault
    against = f"{len(test.classes)} pictures of the split {split}, {'+'.join(part.name for part in embedding.parts)}"
    shares = [row for name, figures in table(embedding, train, test) for row in rows(NAMES[name], figures, split, against)]
    return [*shares, *costs(data, split, embedding, train)]


def _silent(number: int, total: int) -> None:
    """No progress."""


def rows(name: str, figures: Figures, split: str, against: str) -> list[Result]:
    """The results of one line of the table; shares that its line does not measure are left out."""
    made = []
    for key, value in vars(figures).items():
        if not math.isnan(value):
            least = GOALS.get(split, {}).get(f"{name}_{key}")
            made.append(Result(f"items_{name}_{key}", value, "", f">= {least}" if least else "", against, 1))
    return made


def costs(data: Path, split: str, embedding: Embedding, train: Split) -> list[Result]:
    """Time of one item on one thread, and what a catalogue of the training split takes: seconds at night, MiB kept."""
    import cv2
    import numpy as np

    from storeloom.workers.vision.items.catalogue import ItemCatalogue
    from storeloom.workers.vision.items.grocery import listed

    catalogue = ItemCatalogue(embedding, background=None)
    for number in np.unique(train.classes):
        catalogue.enrol_vectors(str(number), train.vectors[train.classes == number])
    start = time.perf_counter()
    catalogue.refit()
    refit = time.perf_counter() - start
    picture = np.asarray(cv2.imread(str(listed(data, split)[0].path)), np.uint8)
    seconds = interleaved({"item": lambda: catalogue.recognise(picture)}, RUNS)["item"]
    with tempfile.TemporaryDirectory() as folder:
        catalogue.save(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
    against = f"{len(catalogue.gtins)} classes, at most {catalogue.limits.enrolled} pictures each, one thread"
    return [
        Result("items_ms", 1000 * seconds, "ms", f"<= {MOST_MS}", against, RUNS),
        Result("items_refit_s", refit, "s", "", against, 1),
        Result("items_kept_mib", size, "MiB", "", against, 1),
    ]
