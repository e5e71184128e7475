"""Demand patterns and forecasts of items that do not sell every day.

A series is a list of daily units, oldest first; None is a day on which demand could not show (store closed, shelf empty).
Sources: Syntetos, Boylan and Croston (2005), "On the categorization of demand patterns"; Teunter, Syntetos and Babai (2011),
"Intermittent demand: linking forecasting to inventory obsolescence".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

PatternName = Literal["smooth", "erratic", "intermittent", "lumpy"]
Series = Sequence[float | None]
MOST_STEPS = 5000


class Pattern(NamedTuple):
    """A demand pattern: mean gap between demands in days (`adi`), squared coefficient of variation of the non-zero sizes (`cv2`)."""

    name: PatternName
    adi: float
    cv2: float

    @property
    def intermittent(self) -> bool:
        return self.name in ("intermittent", "lumpy")


def classify(series: Series, adi_cut: float = 1.32, cv2_cut: float = 0.49) -> Pattern:
    """The pattern by Syntetos and Boylan: known days by days with demand, population variance of sizes. Without any: intermittent."""
    known = [units for units in series if units is not None]
    sizes = [units for units in known if units > 0]
    if not sizes:
        return Pattern("intermittent", math.inf, 0.0)
    mean = sum(sizes) / len(sizes)
    cv2 = sum((size - mean) ** 2 for size in sizes) / len(sizes) / mean**2
    adi = len(known) / len(sizes)
    names: dict[tuple[bool, bool], PatternName] = {
        (False, False): "smooth",
        (False, True): "erratic",
        (True, False): "intermittent",
        (True, True): "lumpy",
    }
    return Pattern(names[adi >= adi_cut, cv2 >= cv2_cut], adi, cv2)


class Tsb(NamedTuple):
    """Chance of a demand on a day and its size, by Teunter, Syntetos and Babai."""

    chance: float
    size: float

    @property
    def mean(self) -> float:
        return self.chance * self.size

    def updated(self, units: float | None, alpha: float, beta: float) -> Tsb:
        """After one more day; a day that is not known teaches nothing."""
        if units is None:
            return self
        if units > 0:
            return Tsb(self.chance + beta * (1 - self.chance), self.size + alpha * (units - self.size))
        return Tsb(self.chance - beta * self.chance, self.size)


def tsb_start(series: Series) -> Tsb:
    """Chance and size as a plain count of a series: share of known days with demand, mean of its sizes."""
    known = [units for units in series if units is not None]
    sizes = [units for units in known if units > 0]
    return Tsb(len(sizes) / len(known), sum(sizes) / len(sizes)) if sizes else Tsb(0.0, 0.0)


def tsb_states(series: Series, alpha: float, beta: float, warm_up: int) -> Iterator[Tsb]:
    """The state before each day from the end of the warm-up on, and after the last day.

    The first `warm_up` known days are counted plainly, the days after them are smoothed. An item whose warm-up holds no demand takes
    its first size as it comes.
    """
    known = (day for day, units in enumerate(series) if units is not None)
    end = next(islice(known, max(0, warm_up - 1), None), len(series) - 1) + 1
    state = tsb_start(series[:end])
    yield state
    for units in series[end:]:
        if units and state.size == 0:
            state = Tsb(state.chance, units)
        state = state.updated(units, alpha, beta)
        yield state


def overdispersion(series: Series) -> float:
    """Sample variance by mean of the known days, at least 1 (which is Poisson)."""
    known = [units for units in series if units is not None]
    mean = sum(known) / len(known) if known else 0.0
    if len(known) < 2 or mean <= 0:
        return 1.0
    return max(1.0, sum((units - mean) ** 2 for units in known) / (len(known) - 1) / mean)


def negative_binomial_quantiles(mean: float, ratio: float, shares: Sequence[float], step: float = 1.0) -> list[float]:
    """Quantiles of a negative binomial with this mean and variance `ratio` x mean (`ratio` 1: Poisson), in steps of `step` units.

    A quantile is the least number whose cumulative chance reaches the share. Counts are in steps: goods by weight take 0.1 kg. Where
    mean and deviation are many steps (litres of fuel), steps are taken together so that `MOST_STEPS` reach three deviations.
    """
    step *= max(1, math.ceil((mean + 3 * math.sqrt(mean * ratio)) / step / MOST_STEPS)) if mean > 0 else 1
    expected = mean / step
    if expected <= 0:
        return [0.0 for _ in shares]
    spread = max(ratio / step, 1.0)
    log_chance = -expected if spread - 1 < 1e-9 else -expected / (spread - 1) * math.log(spread)
    size = math.inf if spread - 1 < 1e-9 else expected / (spread - 1)
    found: dict[float, float] = {}
    wanted = sorted(set(shares))
    count, total = 0, math.exp(log_chance)
    most = expected + 40 * math.sqrt(expected * spread) + 40
    while wanted:
        while wanted and (total >= wanted[0] - 1e-12 or count > most):
            found[wanted.pop(0)] = count * step
        # Recurrence of the probabilities: P(k + 1) / P(k).
        factor = expected if size == math.inf else (size + count) * (1 - 1 / spread)
        count += 1
        log_chance += math.log(factor / count)
        total += math.exp(log_chance)
    return [round(found[share], 6) for share in shares]
