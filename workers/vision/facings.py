"""Facings of a bay against its planogram: rows of packs, their alignment with the plan, the vote of several frames.

Pure functions on plain values. A plan is a list of shelves from the top, each the item of every planned facing from the left. Alignment
is Needleman and Wunsch (1970), global, with match +1, mismatch -1 and gap -1; shelves are aligned the same way, so that an empty shelf
does not shift those below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.slots import covered_share

MATCH, MISMATCH, GAP = 1, -1, -1
SAME_ROW = 0.5
UNKNOWN = ""


@dataclass(frozen=True)
class Pack:
    """A pack in the picture and the item recognised in it, UNKNOWN where none was."""

    item: str
    box: Box


@dataclass(frozen=True)
class Reading:
    """One frame against the plan: `matched` for each planned facing of each shelf, `intruders` as (shelf, item)."""

    matched: tuple[tuple[bool, ...], ...]
    intruders: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Verdict:
    """What the frames agree on; `support` is the share of frames that agree about each planned facing."""

    matched: tuple[tuple[bool, ...], ...]
    support: tuple[tuple[float, ...], ...]
    intruders: tuple[tuple[int, str], ...]


def hidden_share(region: Sequence[float], covers: Iterable[Sequence[float]]) -> float:
    """Share of a region that boxes in front of it hide, overlaps counted once."""
    x, y, width, height = region
    return covered_share([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], covers)


def recognised(named: object, score: float, least: float) -> str:
    """The likeliest item of a pack whose similarity is at least `least`, else UNKNOWN.

    `named` lists candidates as [item, similarity], {"gtin", "score"} or a bare item, whose similarity is then the pack's own `score`.
    """
    candidates = [_candidate(one, score) for one in (named if isinstance(named, list | tuple) else [named] if named else [])]
    best = max(candidates, key=lambda candidate: candidate[1], default=(UNKNOWN, 0.0))
    return best[0] if best[1] >= least else UNKNOWN


def rows(packs: Iterable[Pack]) -> list[list[str]]:
    """Packs as rows from the top, each from the left: those stand together whose bottoms lie within half a pack's height."""
    standing = sorted(packs, key=lambda pack: pack.box[1] + pack.box[3])
    if not standing:
        return []
    reach = SAME_ROW * median(pack.box[3] for pack in standing)
    found: list[list[Pack]] = []
    for pack in standing:
        bottom = pack.box[1] + pack.box[3]
        if found and bottom - found[-1][0].box[1] - found[-1][0].box[3] <= reach:
            found[-1].append(pack)
        else:
            found.append([pack])
    return [[pack.item for pack in sorted(row, key=lambda pack: pack.box[0] + pack.box[2] / 2)] for row in found]


def align(plan: Sequence[str], seen: Sequence[str]) -> tuple[int, list[bool], list[str]]:
    """Score, whether each planned facing is matched, and the intruders. Of equal alignments, substitution goes before gaps."""
    pairs, score = _needleman_wunsch(len(plan), len(seen), partial(_pair, plan, seen), lambda _: GAP, lambda _: GAP)
    matched, intruders = [False] * len(plan), []
    for i, j in pairs:
        if i is not None and j is not None and plan[i] == seen[j]:
            matched[i] = True
        elif j is not None:
            intruders.append(seen[j])
    return score, matched, intruders


def read(plan: Sequence[Sequence[str]], packs: Iterable[Pack]) -> Reading:
    """One frame's packs against the plan of a bay."""
    seen = rows(packs)
    aligned = {(i, j): align(shelf, row) for i, shelf in enumerate(plan) for j, row in enumerate(seen)}
    pairs, _ = _needleman_wunsch(
        len(plan), len(seen), lambda i, j: aligned[i, j][0], lambda i: GAP * len(plan[i]), lambda j: GAP * len(seen[j])
    )
    matched = [[False] * len(shelf) for shelf in plan]
    intruders: list[tuple[int, str]] = []
    above = 0
    for i, j in pairs:
        above = above if i is None else i
        if i is not None and j is not None:
            matched[i] = aligned[i, j][1]
            intruders += [(i, item) for item in aligned[i, j][2]]
        elif j is not None:
            intruders += [(above, item) for item in seen[j]]
    return Reading(tuple(map(tuple, matched)), tuple(intruders))


def vote(readings: Sequence[Reading]) -> Verdict:
    """What more than half of the frames say of each planned facing, and of the number of each intruder."""
    half = len(readings) / 2
    votes = [[sum(flags) for flags in zip(*shelf, strict=True)] for shelf in zip(*(one.matched for one in readings), strict=True)]
    counts = [Counter(one.intruders) for one in readings]
    intruders: list[tuple[int, str]] = []
    for which in sorted(set().union(*counts)):
        present = sorted((count[which] for count in counts), reverse=True)
        intruders += [which] * present[int(half)]
    matched = tuple(tuple(n > half for n in shelf) for shelf in votes)
    support = tuple(tuple(max(n, len(readings) - n) / len(readings) for n in shelf) for shelf in votes)
    return Verdict(matched, support, tuple(intruders))


def _pair(plan: Sequence[str], seen: Sequence[str], i: int, j: int) -> int:
    return MATCH if plan[i] == seen[j] else MISMATCH


def _needleman_wunsch(n: int, m: int, pair: Any, skip: Any, extra: Any) -> tuple[list[tuple[int | None, int | None]], int]:
    """The best global alignment of two sequences as pairs of indices (None for a gap), and its score."""
    best = [[0] * (m + 1) for _ in range(n + 1)]
    for i in range(1, n + 1):
        best[i][0] = best[i - 1][0] + skip(i - 1)
    for j in range(1, m + 1):
        best[0][j] = best[0][j - 1] + extra(j - 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            best[i][j] = max(best[i - 1][j - 1] + pair(i - 1, j - 1), best[i - 1][j] + skip(i - 1), best[i][j - 1] + extra(j - 1))
    pairs: list[tuple[int | None, int | None]] = []
    i, j = n, m
    while i or j:
        if i and j and best[i][j] == best[i - 1][j - 1] + pair(i - 1, j - 1):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and best[i][j] == best[i - 1][j] + skip(i - 1):
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1], best[n][m]


def _candidate(one: Any, score: float) -> tuple[str, float]:
    if isinstance(one, str):
        return one, score
    if isinstance(one, dict):
        return str(one["gtin"]), float(one.get("score", score))
    return str(one[0]), float(one[1]) if len(one) > 1 else score
