"""One host for a store's front end: who stands in for a part that fails, what is printed first, and how the processor is shared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

PRINT_ORDER: Mapping[str, int] = {"receipt": 0, "label": 1, "report": 3}
OTHER_PRINTS = 2


def stand_in(backups: Sequence[str], kind: str, known: Mapping[str, Mapping[str, Any]], bound: Mapping[str, str]) -> str | None:
    """The first of the backups that is of the kind and well; else the first that was never heard of, unless it is bound as another kind.

    `known` has `kind` and `use` (whether it may be used now) of each device that was heard, `bound` the kinds of the devices bound.
    """
    well = (one for one in backups if one in known and known[one]["use"] and known[one]["kind"] == kind)
    unheard = (one for one in backups if one not in known and bound.get(one, kind) == kind)
    return next(well, None) or next(unheard, None)


def print_order(jobs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Jobs (with `kind`) in the order they are printed: receipts before labels before reports, each as they came."""
    return sorted(jobs, key=lambda job: PRINT_ORDER.get(job["kind"], OTHER_PRINTS))


def allot(shares: Mapping[str, float], wanted: Mapping[str, float], first: str = "till") -> dict[str, float]:
    """Processor shares (%) of guests that want `wanted`: each its own share at most, what is idle lent in proportion to the shares.

    The share of `first` is kept whole for it, used or not, so that it never waits for what was lent.
    """
    given = {guest: min(float(wanted.get(guest, 0)), share) for guest, share in shares.items()}
    kept = {**given, first: shares[first]} if first in shares else given
    idle = 100.0 - sum(kept.values())
    short: Callable[[], list[str]] = lambda: [g for g in shares if wanted.get(g, 0) - given[g] > 1e-9 and shares[g] > 0]  # noqa: E731
    while idle > 1e-9 and (hungry := short()):
        weight = sum(shares[guest] for guest in hungry)
        lent = {guest: min(wanted[guest] - given[guest], idle * shares[guest] / weight) for guest in hungry}
        given = {guest: given[guest] + lent.get(guest, 0) for guest in given}
        idle -= sum(lent.values())
    return {guest: round(share, 6) for guest, share in given.items()}
