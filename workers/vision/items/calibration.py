"""How sure is sure: a temperature for the probabilities, and the threshold below which a picture is of no enrolled class.

Both come from the enrolled pictures themselves, each compared with classes and a space made without it (cross-validation in blocks, since
pictures taken one after the other are alike). With its own class left in, its likenesses give the temperature at which the softmax's
probabilities are right (Guo et al. 2017, arXiv:1706.04599). With its own class left out it is an unknown item: the threshold lets
no more than the stated share of these scores through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from storeloom.workers.vision.items.whitening import Background, Scatter, Vectors, Whitening, scatter, whitening

FOLDS = 5
MARGIN_WEIGHT = 2.0
LEAST_CLASSES = 5
LEAST_PICTURES = 20
COLDEST, HOTTEST = 0.03, 1.0  # trials taken in one go are too easy: at 0.03 probabilities were right on photos from other shops
LIKE_SHARE = 0.05


@dataclass(frozen=True)
class Calibration:
    """`temperature` of the softmax over likenesses; `threshold` of `openness` below which a picture is of no enrolled class.

    `likeness` is what 95 of 100 pictures of a class reach with their class. `false_accept` is the share of pictures of goods that are not
    enrolled which pass the threshold, by the `pictures` that it was measured on; 0 pictures: too few, the engine's own figures stand.
    """

    temperature: float
    threshold: float
    likeness: float
    false_accept: float
    pictures: int


@dataclass(frozen=True)
class Trials:
    """Cross-validated likenesses: `likenesses` (n x classes) of n held-out pictures, `own` (n) the numbers of their classes.

    `present` (n) tells whether its class had any other picture to be made from.
    """

    likenesses: Vectors
    own: NDArray[np.int64]
    present: NDArray[np.bool_]


# With 1, 2, 3 enrolled classes of 5 pictures that neither network nor background knows, 3 %, 11 % and 10 % of strangers pass.
DEFAULT = Calibration(temperature=0.03, threshold=0.9, likeness=0.2, false_accept=0.05, pictures=0)


def openness(likenesses: NDArray[Any]) -> NDArray[np.float64]:
    """How far pictures (rows: likeness with each class) belong to a class: the best likeness and twice its lead over the next one.

    The lead over nothing is that over likeness 0.
    """
    ordered = np.sort(np.asarray(likenesses, np.float64), axis=1)
    best = ordered[:, -1]
    second = ordered[:, -2] if ordered.shape[1] > 1 else np.zeros_like(best)
    return np.asarray(best + MARGIN_WEIGHT * (best - second), np.float64)


def prototypes(space: Whitening, groups: Sequence[NDArray[Any]], weights: Sequence[NDArray[Any]] | None = None) -> Vectors:
    """The classes (m x d) in the space: means of their vectors there (weighted), of length 1; zeros for a class without vectors."""
    made = np.zeros((len(groups), len(space.centre)), np.float32)
    filled = [number for number, group in enumerate(groups) if len(group)]
    moved = space(np.concatenate([groups[number] for number in filled]))
    ends = np.cumsum([len(groups[number]) for number in filled])
    for number, part in zip(filled, np.split(moved, ends[:-1]), strict=True):
        mean = np.average(part, axis=0, weights=weights[number] if weights is not None else None)
        made[number] = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return made


def cross_validate(groups: Sequence[NDArray[Any]], background: Background | None) -> Trials:
    """Likenesses of all vectors (groups of n x d, one a class) with classes and a space made of the other blocks of each class."""
    folds = [np.arange(len(group)) * FOLDS // max(len(group), FOLDS) for group in groups]
    rows, own, present = [], [], []
    for fold in range(FOLDS):
        kept = [group[marks != fold] for group, marks in zip(groups, folds, strict=True)]
        held = [group[marks == fold] for group, marks in zip(groups, folds, strict=True)]
        if not any(len(group) for group in held) or not any(len(group) for group in kept):
            continue
        space = whitening(seen(kept), background)
        rows.append(space(np.concatenate(held)) @ prototypes(space, kept).T)
        own.append(np.repeat(np.arange(len(groups)), [len(group) for group in held]))
        present.append(np.repeat([len(group) > 0 for group in kept], [len(group) for group in held]))
    if not rows:
        return Trials(np.zeros((0, len(groups)), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    return Trials(np.concatenate(rows), np.concatenate(own), np.concatenate(present))


def seen(groups: Sequence[NDArray[Any]]) -> Scatter:
    """The scatter within the classes that have vectors."""
    return scatter([group for group in groups if len(group)])


def left_out(trials: Trials) -> NDArray[np.float64]:
    """Openness of the held-out pictures with their own classes left out: they are then pictures of unknown items."""
    others = trials.likenesses.copy()
    others[np.arange(len(others)), trials.own] = -1.0
    return openness(others)


def probabilities(likenesses: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Softmax over classes (last axis)."""
    scaled = np.asarray(likenesses, np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), np.float64)


def calibrate(trials: Trials, false_accept: float) -> Calibration:
    """The calibration from cross-validated trials; the engine's own where there are fewer than 5 classes or 20 pictures."""
    if trials.likenesses.shape[1] < LEAST_CLASSES or int(trials.present.sum()) < LEAST_PICTURES:
        return Calibration(DEFAULT.temperature, DEFAULT.threshold, DEFAULT.likeness, false_accept, 0)
    rows, own = trials.likenesses[trials.present], trials.own[trials.present]
    mine = rows[np.arange(len(rows)), own]

    def loss(log_temperature: float) -> float:
        shares = probabilities(rows, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(shares[np.arange(len(rows)), own], 1e-12)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    strangers = np.sort(left_out(trials))
    passing = int(false_accept * len(strangers))
    threshold = float(np.nextafter(strangers[len(strangers) - passing - 1], np.inf))
    return Calibration(float(np.exp(found.x)), threshold, float(np.quantile(mine, LIKE_SHARE)), false_accept, len(strangers))
