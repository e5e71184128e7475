"""What recognition says of one picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from storeloom.workers.vision.errors import SceneError

Reason = Literal["recognised", "unlike_all", "undecided", "nothing_enrolled"]
Taught = Literal["learnt", "pending", "enrolled"]


@dataclass(frozen=True)
class Ranking:
    """The likeliest items of a picture, best first, each with its probability among the enrolled ones.

    `unknown`: none of them can be trusted, because the picture is `unlike_all` of them, or `undecided` between some that are as likely.
    The candidates are given all the same: a cashier picks one of them.

    A probability says how likely an item is *if* it is one of the enrolled ones; they sum to 1 over all of these and are calibrated on the
    enrolled pictures (of those at 0.9, nine in ten are right), so a solution's threshold from 0 to 1 compares with them. Whether it is
    one of the enrolled at all is told by `unknown` alone: with a single item enrolled, its probability is always 1. So an item is taken by
    itself where `gtin` is not None and `score` reaches the threshold. A scene gives its scores as they are; they need not sum to 1.
    """

    candidates: tuple[tuple[str, float], ...]
    unknown: bool
    reason: Reason

    @property
    def gtin(self) -> str | None:
        """The item, None where it is unknown."""
        return None if self.unknown else self.candidates[0][0]

    @property
    def score(self) -> float:
        """The best candidate's probability, 0 without one."""
        return self.candidates[0][1] if self.candidates else 0.0


NOTHING = Ranking((), True, "nothing_enrolled")


def given(pairs: Iterable[object], least: float = 0.5, k: int = 5) -> Ranking:
    """The ranking that a scene's `gtins` [[gtin, score], ...] stand for; unknown where the best score is below `least`.

    SceneError for anything else than texts with scores from 0 to 1.
    """
    scored = [_scored(pair) for pair in pairs]
    best = tuple(sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:k])
    if not best:
        return NOTHING
    unknown = best[0][1] < least
    return Ranking(best, unknown, "undecided" if unknown else "recognised")


def _scored(pair: object) -> tuple[str, float]:
    if isinstance(pair, list | tuple) and len(pair) == 2:
        gtin, score = pair
        if isinstance(gtin, str) and gtin and isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1:
            return gtin, float(score)
    raise SceneError(f"Found {pair!r}.", "gtins", "Give [[gtin, score], ...], scores from 0 to 1.")
