"""A fail rate learnt from few results: the Beta posterior of a Bernoulli rate, in which old results can fade.

Conjugate updating as in Gelman et al., Bayesian Data Analysis (3rd ed., 2013, section 2.4); exponential forgetting of the counts as in
Raj and Kalyani, "Taming Non-stationary Bandits" (2017), so that the evidence behind a rate never exceeds 1 / (1 - forget) results.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Fails and passes collected so far, faded or not; without the prior."""

    fails: float = 0.0
    passes: float = 0.0

    def add(self, failed: bool, forget: float = 1.0) -> Counts:
        """With one more result, those before it weighing `forget` (0..1) of what they did."""
        return Counts(self.fails * forget + failed, self.passes * forget + (not failed))


@dataclass(frozen=True, slots=True)
class Prior:
    """What is thought of a rate before any result: so many fails and passes, both above 0."""

    fails: float
    passes: float

    def mean(self, counts: Counts) -> float:
        """Posterior mean of the fail rate, 0..1."""
        fails = self.fails + counts.fails
        return fails / (fails + self.passes + counts.passes)

    def interval(self, counts: Counts, level: float = 0.9) -> tuple[float, float]:
        """Equal-tailed credible interval of the fail rate."""
        from scipy.special import betaincinv

        fails, passes = self.fails + counts.fails, self.passes + counts.passes
        tail = (1 - level) / 2
        return float(betaincinv(fails, passes, tail)), float(betaincinv(fails, passes, 1 - tail))
