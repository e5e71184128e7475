"""Goods into as few carriers as a rule of thumb finds: first-fit decreasing (Johnson 1974, "Fast algorithms for bin packing")."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
EPSILON = 1e-9


def first_fit_decreasing(sizes: Mapping[K, Sequence[float]], limits: Sequence[float]) -> list[list[K]]:
    """Carriers with what each takes, all `limits` kept; largest first by the first size, equals in the order given.

    What exceeds a limit by itself travels alone.
    """
    found: list[tuple[list[K], list[float]]] = []
    for name, size in sorted(sizes.items(), key=lambda item: -item[1][0]):
        for names, load in found:
            if all(have + more <= most + EPSILON for have, more, most in zip(load, size, limits, strict=True)):
                names.append(name)
                load[:] = [have + more for have, more in zip(load, size, strict=True)]
                break
        else:
            found.append(([name], list(size)))
    return [names for names, _ in found]


def portions(units: float, step: float, unit_sizes: Sequence[float], limits: Sequence[float]) -> list[float]:
    """Units in portions of whole steps (cases) that keep the limits one by one; a step that exceeds a limit is a portion by itself."""
    steps = math.ceil(units / step - EPSILON)
    rooms = [math.floor(most / (size * step) + EPSILON) for size, most in zip(unit_sizes, limits, strict=True) if size > 0]
    most = max(1, min([steps, *rooms]))
    whole = [most * step] * (steps // most) + ([steps % most * step] if steps % most else [])
    return [*whole[:-1], units - sum(whole[:-1])] if whole else []
