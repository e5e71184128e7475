"""Closed-loop dimming to a lux target: an integrating step with dead band, and a gain learned from the lamp's own answers."""

from __future__ import annotations

GAIN_WEIGHT = 0.1
LEAST_LEVEL_PCT, FULL_LEVEL_PCT = 10.0, 100.0


def next_level(level_pct: float, lux: float, target_lux: float, gain_lux: float, tolerance_pct: float, max_step_pct: float) -> float:
    """The lamp level of the next step, in 10..100 %; the present one while the lux lies within `tolerance_pct` of the target.

    `gain_lux` is what one percent of level brings.
    """
    error = target_lux - lux
    if abs(error) * 100 <= tolerance_pct * target_lux:
        return level_pct
    step = min(max_step_pct, max(-max_step_pct, error / gain_lux))
    return min(FULL_LEVEL_PCT, max(LEAST_LEVEL_PCT, level_pct + step))


def learned_gain(gain_lux: float, step_pct: float, answer_lux: float, weight: float = GAIN_WEIGHT) -> float:
    """The gain after a step of `step_pct` that changed the lux by `answer_lux`: an exponential mean of answers between half and twice
    the expectation. Any other answer was the sky's, not the lamp's, and is left out."""
    if step_pct == 0 or not 0.5 <= answer_lux / (gain_lux * step_pct) <= 2:
        return gain_lux
    return (1 - weight) * gain_lux + weight * answer_lux / step_pct
