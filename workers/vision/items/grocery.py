"""The measure of item recognition: the Grocery Store data set (Klasson, Zhang and Kjellström, WACV 2019), 81 classes photographed in shops.

`python -m storeloom.workers.vision.items.grocery FOLDER` embeds its training and validation pictures, keeps the vectors in the file
`--cache` if one is given, and prints a table: whole training split, 5 pictures a class, and items that are not enrolled. `goods_lite2` was
taught on the training split; what it makes of classes that it does not know is measured with one that never saw them (`build/goods.py`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.items.catalogue import ItemCatalogue
from storeloom.workers.vision.items.embedding import SHIPPED, Embedding
from storeloom.workers.vision.items.faults import fault
from storeloom.workers.vision.items.whitening import Background, Scatter, Vectors, background_of, scatter

SHOTS = 5
SEEDS = 5
DIRECTIONS = 256
BACKGROUND = ("mobilenetv2", "efficientnet_lite2", "goods_lite2")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Listed:
    """A picture of the data set, with the numbers of its class and coarse class."""

    path: Path
    fine: int
    coarse: int


@dataclass(frozen=True)
class Split:
    """Vectors (n x d) and class numbers (n) of a part of the data set."""

    vectors: Vectors
    classes: NDArray[np.int64]

    def of(self, classes: Sequence[int]) -> Split:
        """The pictures of these classes."""
        kept = np.isin(self.classes, classes)
        return Split(self.vectors[kept], self.classes[kept])

    def groups(self) -> list[Vectors]:
        """Vectors class by class."""
        return [self.vectors[self.classes == number] for number in np.unique(self.classes)]

    def few(self, count: int, rng: np.random.Generator) -> Split:
        """`count` pictures of each class, drawn by `rng`."""
        drawn = [rng.permutation(np.flatnonzero(self.classes == number))[:count] for number in np.unique(self.classes)]
        rows = np.concatenate(drawn)
        return Split(self.vectors[rows], self.classes[rows])


def listed(folder: Path, split: str) -> list[Listed]:
    """What `SPLIT.txt` lists, `path, class, coarse class` a line; ItemFault for a list that is not there or cannot be read."""
    listing = folder / f"{split}.txt"
    if not listing.is_file():
        raise fault("SL-ITM-07", {"reason": {"en": "there is no such file", "zh": "文件不存在"}}, file=listing)
    made = []
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), 1):
        parts = [part.strip() for part in line.split(",")]
        if parts == [""]:
            continue
        try:
            name, fine, coarse = parts
            made.append(Listed(folder / name, int(fine), int(coarse)))
        except ValueError as error:
            wrong = {"en": f"line {number} is not `path, class, coarse class`", "zh": f"第 {number} 行不是“路径, 类别, 粗类别”"}
            raise fault("SL-ITM-07", {"reason": wrong}, file=listing) from error
    return made


def read_split(folder: Path, split: str, embedding: Embedding, progress: Progress) -> Split:
    """Embed the pictures that a split lists; ItemFault for a list or picture that is not there."""
    rows = listed(folder, split)
    vectors = []
    for number, row in enumerate(rows, 1):
        picture = cv2.imread(str(row.path)) if row.path.is_file() else None
        if picture is None:
            raise fault("SL-ITM-07", {"reason": {"en": "it is no picture", "zh": "不是图片"}}, file=row.path)
        vectors.append(embedding.embed(np.asarray(picture, np.uint8)))
        progress(number, len(rows))
    return Split(np.stack(vectors), np.array([row.fine for row in rows], np.int64))


def background_arrays(split: Split, parts: Sequence[tuple[str, int]]) -> dict[str, NDArray[np.float16]]:
    """The background that these pictures make, as `whitening.background_of` reads it: chief directions, the rest's mean variance."""
    found: Scatter = scatter(split.groups())
    freedom = len(split.classes) - found.classes
    values, axes = np.linalg.eigh(found.total / freedom)
    chief = min(DIRECTIONS, max(freedom // 2, 1))  # so that some variance is left beside them where pictures are few
    directions = axes[:, -chief:] * np.sqrt(np.maximum(values[-chief:], 0))
    rest = np.diag(found.total) / freedom - (directions**2).sum(axis=1)
    scale, at, arrays = float(np.sqrt(len(parts))), 0, {}
    for name, size in parts:
        rows = slice(at, at + size)
        arrays[f"{name}.centre"] = (found.centre[rows] * scale).astype(np.float16)
        arrays[f"{name}.directions"] = (directions[rows] * scale).astype(np.float16)
        arrays[f"{name}.rest"] = np.array([rest[rows].mean() * scale**2]).astype(np.float32)
        at += size
    return arrays


@dataclass(frozen=True)
class Figures:
    """One line of the table, in shares.

    Known items right at first and among three; the area under the ROC of known against strangers and the share of known pictures above
    95 of 100 strangers; strangers and known pictures that the catalogue's own threshold lets through, and how many of these are right.
    """

    top1: float
    top3: float
    auroc: float = float("nan")
    known_at_5: float = float("nan")
    false_accept: float = float("nan")
    accepted: float = float("nan")
    accepted_right: float = float("nan")


def measure(embedding: Embedding, train: Split, test: Split, background: Background | None, strangers: Split | None = None) -> Figures:
    """Enrol `train`, recognise `test`, and `strangers`, whose classes are not enrolled."""
    catalogue = ItemCatalogue(embedding, background=background)
    for number in np.unique(train.classes):
        catalogue.enrol_vectors(str(number), train.vectors[train.classes == number])
    rankings = catalogue.recognise_vectors(test.vectors, 3)
    names = [str(number) for number in test.classes]
    hits = [[gtin for gtin, _ in ranking.candidates] for ranking in rankings]
    top1 = float(np.mean([name == row[0] for name, row in zip(names, hits, strict=True)]))
    top3 = float(np.mean([name in row for name, row in zip(names, hits, strict=True)]))
    if strangers is None:
        return Figures(top1, top3)
    known, alien = catalogue.openness(test.vectors), catalogue.openness(strangers.vectors)
    right = [not ranking.unknown and name == ranking.gtin for ranking, name in zip(rankings, names, strict=True)]
    taken = [not ranking.unknown for ranking in catalogue.recognise_vectors(strangers.vectors)]
    passed = [not ranking.unknown for ranking in rankings]
    share = float(np.sum(right) / max(np.sum(passed), 1))
    at_5 = float(np.mean(known > np.quantile(alien, 0.95)))
    return Figures(top1, top3, auroc(known, alien), at_5, float(np.mean(taken)), float(np.mean(passed)), share)


def auroc(known: NDArray[np.float64], alien: NDArray[np.float64]) -> float:
    """The chance that a known picture scores higher than an alien one; ties count half."""
    return float(np.mean((known[:, None] > alien) + 0.5 * (known[:, None] == alien)))


def table(embedding: Embedding, train: Split, test: Split) -> list[tuple[str, Figures]]:
    """The figures by name. A background never holds pictures of the classes that are tested with it, save where the line says so."""
    parts = [(part.name, part.size) for part in embedding.parts]
    every = np.unique(train.classes)
    lines = [("whole training split, 81 classes", [measure(embedding, train, test, None)])]
    few: list[Figures] = []
    halves: list[Figures] = []
    opened: list[Figures] = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        few.append(measure(embedding, train.few(SHOTS, rng), test, None))
        order = rng.permutation(every)
        half = background_of(parts, background_arrays(train.of(list(order[:40])), parts))
        for count, found in ((41, halves), (15, opened)):
            chosen, others = list(order[40 : 40 + count]), list(order[40 + count :] if count < 41 else order[:40])
            found.append(measure(embedding, train.of(chosen).few(SHOTS, rng), test.of(chosen), half, test.of(others)))
    lines += [(f"{SHOTS} pictures a class, 81 classes", few), ("5 a class, 41 classes, 40 strangers", halves)]
    lines.append(("5 a class, 15 classes, 26 strangers", opened))
    whole = []
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(every)
        chosen = list(order[20:])
        whole.append(measure(embedding, train.of(chosen), test.of(chosen), None, test.of(list(order[:20]))))
    lines.append(("whole split, 61 classes, 20 strangers", whole))
    return [(name, mean(found)) for name, found in lines]


def mean(found: Sequence[Figures]) -> Figures:
    return Figures(*(float(value) for value in np.mean([astuple(figures) for figures in found], axis=0)))


def cached(path: Path | None, read: Callable[[], tuple[Split, Split]]) -> tuple[Split, Split]:
    """Training and validation split, from the file if it is there, else read and written to it."""
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            return Split(arrays["train"], arrays["train_classes"]), Split(arrays["val"], arrays["val_classes"])
    train, val = read()
    if path is not None:
        np.savez(path, train=train.vectors, train_classes=train.classes, val=val.vectors, val_classes=val.classes)
    return train, val


def background_card(file: Path, embedding: Embedding) -> str:
    """Where a background comes from, beside it as JSON."""
    card = {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "licence": "MIT",
        "source": {
            "data": "Grocery Store data set, validation split (296 photographs, 60 classes); statistics of their vectors, no pictures",
            "origin": "https://github.com/marcusklasson/GroceryStoreDataset",
        },
        "embedding": embedding.identity,
        "made_by": "python -m storeloom.workers.vision.items.grocery FOLDER --background FILE",
    }
    return json.dumps(card, indent=2) + "\n"


def count(number: int, total: int) -> None:
    """Progress on the terminal."""
    if number % 50 == 0 or number == total:
        print(f"\r{number}/{total}", end="\n" if number == total else "", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure item recognition on the Grocery Store data set.")
    parser.add_argument("folder", type=Path, help="folder with train.txt and val.txt")
    parser.add_argument("--models", nargs="+", default=list(SHIPPED), help=f"names or folders of embeddings (default: {' '.join(SHIPPED)})")
    parser.add_argument("--cache", type=Path, help="file (.npz) to keep the vectors in")
    parser.add_argument("--background", type=Path, help="write the background of the validation split to this file (.npz)")
    parser.add_argument("--split", default="val", help="recognise what SPLIT.txt lists (default val)")
    args = parser.parse_args()
    if args.background is not None:
        embedding = Embedding(BACKGROUND)
        arrays = background_arrays(read_split(args.folder, "val", embedding, count), [(part.name, part.size) for part in embedding.parts])
        np.savez_compressed(args.background, allow_pickle=False, **arrays)
        args.background.with_suffix(".json").write_text(background_card(args.background, embedding), encoding="utf-8")
        return
    embedding = Embedding([Path(name) if Path(name).is_dir() else name for name in args.models])

    def read() -> tuple[Split, Split]:
        train, test = (read_split(args.folder, split, embedding, count) for split in ("train", args.split))
        return train, test

    train, test = cached(args.cache, read)
    print(f"{'':40} top-1  top-3  AUROC  known at 5%  strangers taken  known taken  of these right")
    for name, figures in table(embedding, train, test):
        print(f"{name:40} {figures.top1:5.1%}  {figures.top3:5.1%}  {figures.auroc:5.3f}  {figures.known_at_5:11.1%}", end="")
        print(f"  {figures.false_accept:15.1%}  {figures.accepted:11.1%}  {figures.accepted_right:14.1%}")


if __name__ == "__main__":
    main()
