"""Which cells of a table of sums may be shown so that no small group's figure can be read or worked out from the others.

Threshold rule with complementary suppression (Hundepool et al., Statistical Disclosure Control, 2012, chapter 4): beside cells under the
threshold, further cells are withheld until those withheld have, taken together, enough people to hide one another.
"""

from __future__ import annotations

from collections.abc import Mapping


def showable(cells: Mapping[str, int], least: int, *, total_shown: bool = True) -> list[str]:
    """Names of the cells (name to number of persons) that may be shown, in their order, where the sum of all is shown too.

    With one total a single withheld cell is what the others leave of it, so that the next smallest is withheld with it.
    """
    withheld = {name for name, persons in cells.items() if persons < least}
    rest = sorted((persons, name) for name, persons in cells.items() if name not in withheld)
    if withheld and total_shown:
        while rest and (len(withheld) < 2 or sum(cells[name] for name in withheld) < least):
            withheld.add(rest.pop(0)[1])
    return [name for name in cells if name not in withheld]
