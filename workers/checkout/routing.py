"""Which of several payment providers takes a payment, and when one of them is left to rest (a circuit breaker).

A provider's health is a plain dict: `success`, an exponentially weighted mean of its technical outcomes; `fails` in a row; `rest_s`, the
last rest; `until` (RFC 3339), when it may be tried again; `probe`, the payment that tries it; `offline`. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from storeloom.core.kernel.events import parse_time, plain

START_SUCCESS, LONGEST_REST_S = 0.98, 600
Health = dict[str, Any]


def new_health() -> Health:
    return {"success": START_SUCCESS, "fails": 0, "rest_s": 0, "until": None, "probe": None, "offline": False}


def cost(amount: int, fee_bp: float, success: float, penalty: int) -> Fraction:
    """What an attempt is expected to cost: the fee, and the time at the till that a failure costs."""
    return Fraction(amount) * Fraction(str(fee_bp)) / 10_000 + (1 - Fraction(str(round(success, 9)))) * penalty


def ranked(
    providers: Sequence[Mapping[str, Any]],
    health: Mapping[str, Health],
    *,
    method: str | None,
    amount: int,
    penalty: int,
    now: datetime,
    without: Iterable[str] = (),
) -> list[str]:
    """Providers (`id`, `methods`, `fee_bp`, `ceiling`) that may take a payment, the cheapest first, ties in their order."""
    tried, found = set(without), []
    for place, one in enumerate(providers):
        methods, ceiling = one.get("methods") or (), one.get("ceiling")
        fits = (not methods or method is None or method in methods) and (ceiling is None or amount <= ceiling)
        if fits and one["id"] not in tried and may_try(health[one["id"]], now):
            found.append((cost(amount, one.get("fee_bp") or 0, health[one["id"]]["success"], penalty), place, one["id"]))
    return [name for _, _, name in sorted(found)]


def may_try(health: Health, now: datetime) -> bool:
    """Whether a provider is up and not at rest; after a rest one payment may probe it."""
    if health["offline"]:
        return False
    return health["until"] is None or (now >= parse_time(health["until"]) and health["probe"] is None)


def sent(health: Health, payment: str) -> None:
    """A payment goes out; to a provider after its rest it is the probe."""
    if health["until"] is not None:
        health["probe"] = payment


def succeeded(health: Health, weight: float, *, hard_decline: bool = False) -> None:
    """A technical success ends every rest. A hard decline is one too, but does not tell how sure the provider is."""
    if not hard_decline:
        health["success"] += weight * (1 - health["success"])
    health.update(fails=0, rest_s=0, until=None, probe=None)


def failed(health: Health, payment: str, weight: float, limit: int, cool_off_s: int, now: datetime) -> bool:
    """A technical failure; whether the provider is at rest from now on. A failed probe doubles the rest, up to ten minutes."""
    health["success"] -= weight * health["success"]
    health["fails"] += 1
    probed = health["probe"] is not None and health["probe"] == payment
    if not probed and (health["until"] is not None or health["fails"] < limit):
        return False
    rest_s = min(LONGEST_REST_S, health["rest_s"] * 2) if probed and health["rest_s"] else cool_off_s
    health.update(rest_s=max(rest_s, cool_off_s), until=plain(now + timedelta(seconds=max(rest_s, cool_off_s))), probe=None)
    return True
