"""Readings of many makers' sensors in standard units, and conditions on them."""

from __future__ import annotations

FACTORS = {"klx": 1000.0, "fc": 10.764, "A": 1000.0, "ppb": 0.001}


def standard(value: float, unit: str) -> float:
    """A value in C, lx, mA or ppm, whichever its unit is another name for; others stay as they are."""
    if unit in ("F", "degF"):
        return round((value - 32) * 5 / 9, 4)
    return round(value - 273.15, 4) if unit == "K" else value * FACTORS.get(unit, 1.0)


def meets(value: float, above: float | None, below: float | None, equals: float | None) -> bool:
    """Whether a value is above, below and equal as far as each is asked for; a state that is asked for nothing must be on."""
    if above is None and below is None and equals is None:
        return value != 0
    return (above is None or value > above) and (below is None or value < below) and (equals is None or value == equals)
