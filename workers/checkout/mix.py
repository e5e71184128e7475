"""What a store weighs at an hour of day, as a prior for what lies on a scale: recognition alone cannot tell two red apples apart.

Counts are weighed lines by item. A fused score is the likelihood of a picture times a tempered prior, as in naive Bayes with class priors;
the power keeps a best-seller from outweighing what the camera sees.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

LEAST_SHARE = 0.001


def fused(candidates: Sequence[tuple[str, float]], sold: Mapping[str, int], alpha: float) -> list[tuple[str, float]]:
    """Candidates (item, score) by score x (share of the lines `sold` + 0.001) ^ alpha, normalised to a sum of 1, best first."""
    lines = sum(sold.values())
    weighed = [(gtin, score * (sold.get(gtin, 0) / max(lines, 1) + LEAST_SHARE) ** alpha) for gtin, score in candidates]
    whole = sum(score for _, score in weighed)
    return sorted(((gtin, score / whole if whole else 0.0) for gtin, score in weighed), key=lambda pair: (-pair[1], pair[0]))


def best_sellers(hour: Mapping[str, int], day: Mapping[str, int]) -> list[str]:
    """Items by their lines in this hour, those that are equal by their lines of the whole day."""
    return sorted({*hour, *day}, key=lambda gtin: (-hour.get(gtin, 0), -day.get(gtin, 0), gtin))


def together(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Several counts as one."""
    found: Counter[str] = Counter()
    for one in counts:
        found.update(one)
    return dict(found)
