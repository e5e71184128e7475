"""The measures of multi-object tracking: HOTA, CLEAR MOT and identity scores of one sequence.

Sources: HOTA, DetA, AssA and LocA by Luiten et al. 2021 (doi:10.1007/s11263-020-01375-2), averaged over the overlaps 0.05, 0.10 ... 0.95;
MOTA, identity switches and fragments by Bernardin and Stiefelhagen 2008 (doi:10.1155/2008/246309) and IDF1 by Ristani et al. 2016
(arXiv:1609.01775), both at an overlap of 0.5.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from storeloom.workers.vision.boxes import Box, Floats, iou_matrix

Labels = Mapping[Any, Box]
OVERLAPS = np.arange(1, 20) / 20
LEAST_IOU = 0.5
HAIR = float(np.finfo(float).eps)
NEVER = 1e10
SAME_AS_BEFORE = 1000.0


@dataclass(frozen=True)
class Scores:
    """Scores from 0 to 1 (`mota` may be negative) and numbers: boxes of the truth, missed, false; switches and fragments of identities."""

    hota: float
    deta: float
    assa: float
    loca: float
    mota: float
    idf1: float
    boxes: int
    missed: int
    false: int
    switches: int
    fragments: int

    def as_dict(self) -> dict[str, float | int]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Frame:
    """One frame with identities as numbers: those of the truth (n), those found (m), and the overlaps (n x m)."""

    truth: NDArray[np.intp]
    found: NDArray[np.intp]
    overlaps: Floats


def score(truth: Sequence[Labels], found: Sequence[Labels]) -> Scores:
    """The scores of one sequence: box by identity for each frame, truth and found in the same order and units."""
    frames, wide = numbered(truth, found)
    hota = higher_order(frames, wide)
    clear = clear_mot(frames, wide[0])
    boxes = sum(len(frame.truth) for frame in frames)
    hits, false, switches, fragments = clear
    mota = (hits - false - switches) / max(boxes, 1)
    return Scores(*hota, mota, identity_f1(frames, wide), boxes, boxes - hits, false, switches, fragments)


def numbered(truth: Sequence[Labels], found: Sequence[Labels]) -> tuple[list[Frame], tuple[int, int]]:
    """The frames with identities as numbers from 0, and how many identities there are on either side."""
    known: tuple[dict[Hashable, int], dict[Hashable, int]] = ({}, {})
    frames = []
    for pair in zip(truth, found, strict=True):
        left, right = (
            np.array([numbers.setdefault(name, len(numbers)) for name in labels], np.intp)
            for numbers, labels in zip(known, pair, strict=True)
        )
        frames.append(Frame(left, right, iou_matrix(list(pair[0].values()), list(pair[1].values()))))
    return frames, (len(known[0]), len(known[1]))


def higher_order(frames: Sequence[Frame], wide: tuple[int, int]) -> tuple[float, float, float, float]:
    """HOTA, DetA, AssA and LocA.

    Boxes are matched once a frame, by overlap weighted with how well the two identities agree over the whole sequence.
    """
    common, true_count, found_count = np.zeros(wide), np.zeros((wide[0], 1)), np.zeros((1, wide[1]))
    for frame in frames:
        either = frame.overlaps.sum(axis=0)[None, :] + frame.overlaps.sum(axis=1)[:, None] - frame.overlaps
        common[np.ix_(frame.truth, frame.found)] += np.divide(frame.overlaps, either, out=np.zeros_like(either), where=either > HAIR)
        true_count[frame.truth] += 1
        found_count[:, frame.found] += 1
    agreement = common / np.maximum(true_count + found_count - common, HAIR)
    matches, placed = np.zeros((len(OVERLAPS), *wide)), np.zeros(len(OVERLAPS))
    for frame in frames:
        rows, columns = linear_sum_assignment(agreement[np.ix_(frame.truth, frame.found)] * frame.overlaps, maximize=True)
        overlap = frame.overlaps[rows, columns]
        for level, least in enumerate(OVERLAPS):
            good = overlap >= least - HAIR
            matches[level, frame.truth[rows[good]], frame.found[columns[good]]] += 1
            placed[level] += overlap[good].sum()
    hits = matches.sum(axis=(1, 2))
    deta = hits / np.maximum(true_count.sum() + found_count.sum() - hits, 1)
    jaccard = matches / np.maximum(true_count + found_count - matches, 1)
    assa = (matches * jaccard).sum(axis=(1, 2)) / np.maximum(hits, 1)
    loca = np.where(hits > 0, placed / np.maximum(hits, HAIR), 1.0)
    means = np.sqrt(deta * assa).mean(), deta.mean(), assa.mean(), loca.mean()
    return float(means[0]), float(means[1]), float(means[2]), float(means[3])


def clear_mot(frames: Sequence[Frame], identities: int) -> tuple[int, int, int, int]:
    """Hits, false boxes, identity switches and fragments; a pair matched in the frame before stays matched where it still may.

    A frame in which nothing was found or is to be seen ends no match.
    """
    before: NDArray[np.intp] = np.full(identities, -1)
    ever: NDArray[np.intp] = np.full(identities, -1)
    starts: NDArray[np.intp] = np.zeros(identities, np.intp)
    hits = false = switches = 0
    for frame in frames:
        allowed = frame.overlaps >= LEAST_IOU - HAIR
        weight = np.where(allowed, SAME_AS_BEFORE * (before[frame.truth][:, None] == frame.found) + frame.overlaps, 0.0)
        rows, columns = linear_sum_assignment(weight, maximize=True)
        good = weight[rows, columns] > HAIR
        names, tracks = frame.truth[rows[good]], frame.found[columns[good]]
        switches += int(((ever[names] != -1) & (ever[names] != tracks)).sum())
        hits, false = hits + len(names), false + len(frame.found) - len(names)
        if len(frame.truth) and len(frame.found):
            starts[names] += before[names] == -1
            ever[names] = tracks
            before[:] = -1
            before[names] = tracks
    return hits, false, switches, int(np.maximum(starts - 1, 0).sum())


def identity_f1(frames: Sequence[Frame], wide: tuple[int, int]) -> float:
    """Share of boxes under the right name when each identity of the truth is given the one found identity that suits best overall."""
    together = np.zeros(wide)
    true_count, found_count = np.zeros(wide[0]), np.zeros(wide[1])
    for frame in frames:
        together[np.ix_(frame.truth, frame.found)] += frame.overlaps >= LEAST_IOU
        true_count[frame.truth] += 1
        found_count[frame.found] += 1
    rows, columns = linear_sum_assignment(together, maximize=True)
    hits = together[rows, columns].sum()
    return float(hits / max(1.0, (true_count.sum() + found_count.sum()) / 2))
