"""Journeys through a store's zones from tracks of people whom nobody knows: tracks joined to visits, visits to zone sequences and figures.

A sight is [t_s, zone or None, x or None, y or None], sights of a track are in order of time.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Sight = list[Any]
Colour = str | None
SHIFT_Z = 1.96


@dataclass(frozen=True)
class Stay:
    zone: str
    seconds: float


@dataclass(frozen=True)
class Visit:
    """A zone sequence without equal neighbours, from its first sight on."""

    start_s: float
    stays: tuple[Stay, ...]

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(stay.zone for stay in self.stays)


@dataclass(frozen=True)
class Rules:
    """Seconds and metres between tracks of one person, shortest pass, longest silence within a visit, and the zones where visits end."""

    stitch_s: float
    stitch_m: float
    min_pass_s: float
    idle_s: float
    exits: Collection[str] = ()


@dataclass(frozen=True)
class Flow:
    """Figures of a set of visits, by zone: visits that `entered`, `entries`, `stops`, `lasts` before the exit; pairs in `nexts`, `paths`
    of three zones."""

    visits: int
    entered: Mapping[str, int]
    entries: Mapping[str, int]
    stops: Mapping[str, int]
    nexts: Mapping[tuple[str, str], int]
    lasts: Mapping[str, int]
    paths: Mapping[tuple[str, ...], int]

    def share(self, here: str, there: str) -> float:
        """First-order Markov share P(there | here)."""
        whole = sum(count for (start, _), count in self.nexts.items() if start == here)
        return self.nexts.get((here, there), 0) / whole if whole else 0.0

    def top(self, most: int) -> list[tuple[tuple[str, ...], int]]:
        """The commonest three-zone paths, ties by zone id."""
        return sorted(self.paths.items(), key=lambda path: (-path[1], path[0]))[:most]


def note(sights: list[Sight], sight: Sight, idle_s: float) -> None:
    """Enter a sight into a track's (changed in place); what lies between two of the same zone is left out, one told before as well."""
    place = bisect_left(sights, sight[0], key=lambda one: one[0])
    if place < len(sights) and sights[place][0] == sight[0]:
        return
    insort(sights, sight, key=lambda one: one[0])
    for k in (place + 1, place, place - 1):
        around = sights[k - 1 : k + 2] if k > 0 else []
        if len(around) == 3 and len({one[1] for one in around}) == 1 and around[2][0] - around[0][0] <= idle_s:
            del sights[k]


def joined(
    tracks: Mapping[str, Sequence[Sight]], colours: Mapping[str, Colour], rules: Rules, unlike: Callable[[Colour, Colour], float]
) -> list[list[str]]:
    """Chains of tracks that are one person's, by their first track's start.

    A track that starts within `stitch_s` and `stitch_m` of another's end continues it: one to one, the nearest pair first, ties by the
    distance of their colours (`unlike`), then by the time between them and by name. Without a place in metres nothing is joined.
    """
    order = sorted(tracks, key=lambda name: (tracks[name][0][0], name))
    starts = [tracks[name][0][0] for name in order]
    pairs = []
    for place, name in enumerate(order):
        end = tracks[name][-1]
        first, last = bisect_left(starts, end[0]), bisect_right(starts, end[0] + rules.stitch_s + 1e-6)
        for other in order[max(first, place + 1) : last]:
            start = tracks[other][0]
            if None in (end[2], start[2]):
                continue
            metres = math.dist(end[2:4], start[2:4])
            if metres <= rules.stitch_m + 1e-9:
                pairs.append((round(metres, 6), unlike(colours.get(name), colours.get(other)), start[0] - end[0], name, other))
    after: dict[str, str] = {}
    taken: set[str] = set()
    for _, _, _, name, other in sorted(pairs):
        if name not in after and other not in taken:
            after[name] = other
            taken.add(other)
    chains = []
    for name in order:
        if name not in taken:
            chain = [name]
            while chain[-1] in after:
                chain.append(after[chain[-1]])
            chains.append(chain)
    return chains


def visits(sights: Sequence[Sight], rules: Rules) -> list[Visit]:
    """The visits of a person: cut where nothing is seen for longer than `idle_s`, and after a stay in an exit zone.

    A stay lasts until the next sight elsewhere. Stays under `min_pass_s` are dropped, then equal neighbours are one; the last stay before a
    cut counts however short where it is in an exit zone, and where it is one sight alone, so that nobody knows how long it was. An exit
    zone at a visit's begin does not end it.
    """
    found = []
    for part in _parts(sights, rules.idle_s):
        stays = _stays(part)
        kept = [stay for stay in stays[:-1] if stay[2] >= rules.min_pass_s - 1e-6]
        if stays and (stays[-1][2] >= rules.min_pass_s - 1e-6 or stays[-1][1] in rules.exits or (kept and not stays[-1][2])):
            kept.append(stays[-1])
        walked: list[list[Any]] = []
        for stay in kept:
            if walked and walked[-1][1] == stay[1]:
                walked[-1][2] += stay[2]
                continue
            if len(walked) > 1 and walked[-1][1] in rules.exits:
                found.append(_visit(walked))
                walked = []
            walked.append(list(stay))
        if walked:
            found.append(_visit(walked))
    return found


def flow(made: Sequence[Visit], stop_s: float, exits: Collection[str] = ()) -> Flow:
    """Figures of visits; the last zone before the exit is the last but one of those that end in an exit zone, where there is any such."""
    entered, entries, stops, lasts = (Counter[str]() for _ in range(4))
    nexts, paths = Counter[tuple[str, str]](), Counter[tuple[str, ...]]()
    for visit in made:
        zones = visit.zones
        entered.update(set(zones))
        entries.update(zones)
        stops.update(stay.zone for stay in visit.stays if stay.seconds >= stop_s - 1e-6)
        nexts.update(pairwise(zones))
        paths.update(zip(zones, zones[1:], zones[2:], strict=False))
        if not exits:
            lasts[zones[-1]] += 1
        elif zones[-1] in exits and len(zones) > 1:
            lasts[zones[-2]] += 1
    return Flow(len(made), entered, entries, stops, nexts, lasts, paths)


def shift(hits: int, trials: int, later_hits: int, later_trials: int) -> float:
    """z of the pooled two-proportion test (Fleiss, Levin and Paik 2003, without continuity correction); 0 where all or none is hit."""
    pooled = (hits + later_hits) / (trials + later_trials)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / trials + 1 / later_trials))
    return (later_hits / later_trials - hits / trials) / spread if spread else 0.0


def _parts(sights: Sequence[Sight], idle_s: float) -> list[list[Sight]]:
    parts: list[list[Sight]] = []
    for sight in sights:
        if not parts or sight[0] - parts[-1][-1][0] > idle_s + 1e-6:
            parts.append([])
        parts[-1].append(sight)
    return parts


def _stays(sights: Sequence[Sight]) -> list[tuple[float, str, float]]:
    """Start, zone and seconds of the stays of a part without long silence."""
    found: list[tuple[float, str, float]] = []
    begin = 0
    for place in range(1, len(sights) + 1):
        if place == len(sights) or sights[place][1] != sights[begin][1]:
            end = sights[min(place, len(sights) - 1)]
            if sights[begin][1] is not None:
                found.append((sights[begin][0], sights[begin][1], end[0] - sights[begin][0]))
            begin = place
    return found


def _visit(walked: Sequence[Sequence[Any]]) -> Visit:
    return Visit(walked[0][0], tuple(Stay(zone, seconds) for _, zone, seconds in walked))
