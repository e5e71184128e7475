"""Which lines of text and codes in a picture make a price label: groups of lines that stand close, with an amount of money among them.

No detector is needed: on a shelf, money is printed on labels. Lines join where the gap between them is small beside their height, across
what a label leaves between its name, its figures and its code, but not across the gap to the next label or to the pack above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.reading.amounts import amounts, plain
from storeloom.workers.vision.reading.results import Code, Text

DOWN, ACROSS = 1.2, 2.2
ROOM = 0.15


@dataclass(frozen=True)
class Group:
    """The lines and codes of one label; `box` is around them, with some room."""

    texts: tuple[Text, ...]
    codes: tuple[Code, ...]
    box: Box


def label_groups(texts: Sequence[Text], codes: Sequence[Code], aspect: float, minor_digits: int = 2) -> list[Group]:
    """Groups with an amount, from top to bottom; `aspect` is the picture's width over its height."""
    things: list[Text | Code] = [*texts, *codes]
    owner = list(range(len(things)))

    def root(k: int) -> int:
        while owner[k] != k:
            k = owner[k]
        return k

    for a in range(len(things)):
        for b in range(a):
            if _close(things[a], things[b], aspect):
                owner[root(a)] = root(b)
    groups = []
    for k in sorted(set(map(root, range(len(things))))):
        members = [thing for n, thing in enumerate(things) if root(n) == k]
        lines = tuple(thing for thing in members if isinstance(thing, Text))
        if any(amounts(plain(line.text), minor_digits) for line in lines):
            groups.append(Group(lines, tuple(thing for thing in members if isinstance(thing, Code)), _around(members)))
    return sorted(groups, key=lambda group: (group.box[1], group.box[0]))


def _close(one: Text | Code, other: Text | Code, aspect: float) -> bool:
    """Whether two lines, or a line and a code, stand as close as on one label."""
    (x0, y0, w0, h0), (x1, y1, w1, h1) = one.box, other.box
    down = max(y0, y1) - min(y0 + h0, y1 + h1)
    across = (max(x0, x1) - min(x0 + w0, x1 + w1)) * aspect
    tall = max((thing.box[3] for thing in (one, other) if isinstance(thing, Text)), default=min(h0, h1))
    low = min((thing.box[3] for thing in (one, other) if isinstance(thing, Text)), default=min(h0, h1))
    if across <= 0:
        return down < DOWN * low + 0.2 * tall
    return down <= 0 and across < min(ACROSS * low, tall)


def _around(members: Sequence[Text | Code]) -> Box:
    left, top = min(one.box[0] for one in members), min(one.box[1] for one in members)
    right, bottom = max(one.box[0] + one.box[2] for one in members), max(one.box[1] + one.box[3] for one in members)
    dx, dy = ROOM * (right - left), ROOM * (bottom - top)
    left, top, right, bottom = max(left - dx, 0.0), max(top - dy, 0.0), min(right + dx, 1.0), min(bottom + dy, 1.0)
    return left, top, right - left, bottom - top
