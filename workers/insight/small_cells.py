"""Counts of groups of people, shown only where a group is large enough that nobody is told apart (k-anonymity, Sweeney 2002)."""

from __future__ import annotations

from collections.abc import Mapping

OTHER = "other"


def merged(counts: Mapping[str, int], least: int) -> dict[str, int]:
    """The groups of `least` people or more, by their names, and `other` for the rest; nothing where all together are fewer.

    Where the rest is too small itself, the next smallest group joins it (the first by name of equal ones), so that it cannot be told from
    the total either.
    """
    shown = {name: count for name, count in sorted(counts.items()) if count >= least and name != OTHER}
    rest = sum(count for name, count in counts.items() if name not in shown)
    while 0 < rest < least and shown:
        smallest = min(shown, key=lambda name: (shown[name], name))
        rest += shown.pop(smallest)
    return shown | ({OTHER: rest} if rest >= max(least, 1) else {})
