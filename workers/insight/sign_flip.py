"""Sign-flip test of paired differences: how often chance alone would bring a sum as large.

Where it was a coin that decided which of a pair got the treatment, each difference could as well have had the other sign; the p-value is
the share of all 2^n signings whose sum is at least the one seen (Fisher, The Design of Experiments, 1935, section 21). Above 15
differences signings are drawn, and the one seen counts among them (Phipson and Smyth, SAGMB 9, 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

MOST_EXACT = 15
DRAWS = 20_000
TIE = 1e-9


def p_value(differences: Sequence[float], side: Literal["greater", "less", "two"] = "greater", *, seed: int = 1) -> float:
    """The p-value of the sum of `differences`; `greater` asks whether they are above 0. 1 without any difference."""
    import numpy as np

    values = np.asarray(differences, dtype=np.float64)
    edge = TIE * float(np.abs(values).sum())
    if values.size <= MOST_EXACT:
        sums = np.zeros(1)
        for value in values:
            sums = np.concatenate([sums + value, sums - value])
        beside = 0
    else:
        rng = np.random.default_rng(seed)
        sums = np.concatenate([rng.choice((-1.0, 1.0), (DRAWS // 10, values.size)) @ values for _ in range(10)])
        beside = 1
    seen = float(values.sum())
    if side == "two":
        hits = np.abs(sums) >= abs(seen) - edge
    else:
        hits = sums >= seen - edge if side == "greater" else sums <= seen + edge
    return float((hits.sum() + beside) / (sums.size + beside))
