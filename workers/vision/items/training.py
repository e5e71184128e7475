"""A catalogue from a folder of pictures, one sub-folder a class named by its item (GTIN or any id), and how well it will do.

All that is wrong with the folder is found before anything is written: pictures that cannot be read, classes with too few, pictures of one
item that stand under another's name as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.items import calibration
from storeloom.workers.vision.items.calibration import Calibration, Trials
from storeloom.workers.vision.items.catalogue import FALSE_ACCEPT, ItemCatalogue
from storeloom.workers.vision.items.embedding import Embedding
from storeloom.workers.vision.items.faults import ItemFault, fault
from storeloom.workers.vision.items.looks import other_looks
from storeloom.workers.vision.items.memory import SAME_PICTURE
from storeloom.workers.vision.items.whitening import Vectors, background_of, shipped_background

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
LEAST_PICTURES = 3
LEAST_CLASSES = 2
MOST_NAMED = 20
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Confusion:
    """`count` pictures of `gtin` that were taken for `taken_for`."""

    gtin: str
    taken_for: str
    count: int


@dataclass(frozen=True)
class Report:
    """What cross-validation over the pictures says: shares right at first and among three, accepted, and right among these.

    `other_top1` and `other_top3` are shares right of pictures that look unlike the enrolled ones (`looks`), None where that cannot be told.
    `matrix` (m x m) counts pictures of the class of a row that were taken for that of a column; `gtins` names both. `left_out` are files
    that are no pictures. `strangers` is the share of pictures accepted when their own class is not enrolled.
    """

    gtins: tuple[str, ...]
    pictures: tuple[int, ...]
    top1: float
    top3: float
    accepted: float
    accepted_right: float
    strangers: float
    other_top1: float | None
    other_top3: float | None
    matrix: NDArray[np.int64]
    calibration: Calibration
    left_out: tuple[str, ...]

    def confusions(self, most: int = 10) -> list[Confusion]:
        """The commonest confusions, most first."""
        counts = self.matrix.copy()
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts.ravel(), kind="stable")[:most]
        pairs = [divmod(int(place), len(self.gtins)) for place in order if counts.ravel()[place] > 0]
        return [Confusion(self.gtins[row], self.gtins[column], int(counts[row, column])) for row, column in pairs]

    def as_json(self) -> dict[str, Any]:
        """The report without the zeros of its matrix."""
        cells = [[self.gtins[row], self.gtins[column], int(self.matrix[row, column])] for row, column in np.argwhere(self.matrix > 0)]
        shares = {
            key: getattr(self, key) for key in ("top1", "top3", "accepted", "accepted_right", "strangers", "other_top1", "other_top3")
        }
        facts = {"items": dict(zip(self.gtins, self.pictures, strict=True)), "calibration": vars(self.calibration)}
        return {**facts, **shares, "matrix": cells, "left_out": list(self.left_out)}


def train(folder: Path, embedding: Embedding, progress: Progress, *, false_accept: float = FALSE_ACCEPT) -> tuple[ItemCatalogue, Report]:
    """The catalogue of a folder's classes and its report; ItemFault with all that is wrong with the folder or its pictures.

    `progress` is called after each picture with its number and the number of all.
    """
    classes, left_out = find_pictures(folder)
    vectors = embed_all(classes, embedding, progress)
    findings = same_pictures(classes, vectors)
    if findings:
        raise ItemFault(findings)
    catalogue = ItemCatalogue(embedding, false_accept=false_accept)
    for gtin, found in vectors.items():
        catalogue.enrol_vectors(gtin, found)
    made = catalogue.refit()
    background = background_of([(part.name, part.size) for part in embedding.parts], shipped_background())
    others = other_looks(list(vectors.values()), background)
    return catalogue, report(catalogue, made, others, [len(paths) for paths in classes.values()], left_out)


def find_pictures(folder: Path) -> tuple[dict[str, list[Path]], tuple[str, ...]]:
    """The picture files of each class, and the files that are none; ItemFault for a folder that no catalogue can be made from."""
    if not folder.is_dir():
        raise fault("SL-ITM-08", {}, file=folder)
    homes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    classes, left_out = {}, [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    for home in homes:
        files = sorted(path for path in home.rglob("*") if path.is_file())
        classes[home.name] = [path for path in files if path.suffix.lower() in PICTURES]
        left_out += [str(path.relative_to(folder)) for path in files if path.suffix.lower() not in PICTURES]
    if len(classes) < LEAST_CLASSES:
        raise fault("SL-ITM-09", {"count": str(len(classes)), "least": str(LEAST_CLASSES)}, file=folder)
    poor = [
        Finding("SL-ITM-01", {"name": gtin, "count": str(len(paths)), "least": str(LEAST_PICTURES)}, file=str(folder / gtin))
        for gtin, paths in classes.items()
        if len(paths) < LEAST_PICTURES
    ]
    if poor:
        raise ItemFault(poor)
    return classes, tuple(left_out)


def embed_all(classes: Mapping[str, Sequence[Path]], embedding: Embedding, progress: Progress) -> dict[str, Vectors]:
    """The vectors (n x d) of every class; ItemFault naming every picture that cannot be used."""
    total, number = sum(map(len, classes.values())), 0
    findings: list[Finding] = []
    found: dict[str, Vectors] = {}
    for gtin, paths in classes.items():
        made = []
        for path in paths:
            try:
                made.append(embedding.embed(read_picture(path)))
            except ItemFault as error:
                findings += error.findings
            except FrameError as error:
                reason = {"en": error.what.rstrip("."), "zh": "网络在其中没有发现任何内容"}
                findings.append(Finding("SL-ITM-07", {"reason": reason}, file=str(path)))
            number += 1
            progress(number, total)
        found[gtin] = np.stack(made) if made else np.zeros((0, embedding.size), np.float32)
    if findings:
        raise ItemFault(findings)
    return found


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture file as BGR uint8; ItemFault where it is empty or no picture."""
    raw = path.read_bytes()
    if not raw:
        raise fault("SL-ITM-07", {"reason": {"en": "the file is empty (0 bytes)", "zh": "文件为空（0 字节）"}}, file=path)
    picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise fault("SL-ITM-07", {"reason": {"en": "it is no picture, or damaged", "zh": "不是图片或已损坏"}}, file=path)
    return np.asarray(picture, np.uint8)


def same_pictures(classes: Mapping[str, Sequence[Path]], vectors: Mapping[str, Vectors]) -> list[Finding]:
    """A finding for each picture, up to 20, of which a near copy (cosine of the vectors 0.98 or more) stands in a class before it."""
    findings: list[Finding] = []
    before: list[Path] = []
    known = np.zeros((0, next(iter(vectors.values())).shape[1]), np.float32)
    for gtin, paths in classes.items():
        alike = vectors[gtin] @ known.T
        for row, column in [(row, int(alike[row].argmax())) for row in range(len(alike)) if len(known)]:
            if alike[row, column] >= SAME_PICTURE and len(findings) < MOST_NAMED:
                findings.append(Finding("SL-ITM-10", {"other": str(before[column])}, file=str(paths[row])))
        known = np.concatenate([known, vectors[gtin]])
        before += paths
    return findings


def report(
    catalogue: ItemCatalogue, trials: Trials, others: tuple[float, float] | None, pictures: Sequence[int], left_out: tuple[str, ...]
) -> Report:
    """What cross-validation over what the catalogue keeps, and `looks.other_looks`, say of it."""
    found = calibration.calibrate(trials, catalogue.false_accept)
    rows, own = trials.likenesses[trials.present], trials.own[trials.present]
    other_top1, other_top3 = others or (None, None)
    order = np.argsort(-rows, axis=1, kind="stable")
    right = order[:, 0] == own
    accepted = calibration.openness(rows) >= found.threshold
    matrix = np.zeros((rows.shape[1], rows.shape[1]), np.int64)
    np.add.at(matrix, (own, order[:, 0]), 1)
    return Report(
        catalogue.gtins,
        tuple(pictures),
        float(right.mean()),
        float((order[:, :3] == own[:, None]).any(axis=1).mean()),
        float(accepted.mean()),
        float(right[accepted].mean()) if accepted.any() else 0.0,
        float((calibration.left_out(trials) >= found.threshold).mean()),
        other_top1,
        other_top3,
        matrix,
        found,
        left_out,
    )
