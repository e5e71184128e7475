"""A bay's planogram: how many facings each item deserves, and where it stands.

Facings: the most profit by space elasticity (see `space`). Boards on which the same items may stand count as one long board first, which
is solved at once; only where its best facings cannot be cut into boards is the whole problem solved board by board. An item stands on one
board. Heavy packs have the lowest boards that hold their least facings; where not even all least facings fit, the items of least profit a
width that need not be there are left out, one after another.

Places: heavy packs from the floor up, the others by profit a width, each on the board nearest to eye level on which its block stays within
its column (the block's width shared by all boards); what would leave no room for the rest stands elsewhere (that height counts for more
than facings: Dreze, Hoch and Purk 1994, "Shelf management and space elasticity"). On each board blocks follow in the same order, that of
today, and their items in today's order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from storeloom.workers.optimise import space
from storeloom.workers.optimise.board_fit import fit
from storeloom.workers.optimise.boards import Board
from storeloom.workers.optimise.plans import Proof

LOOK_AHEAD = 0.1  # deterministic time to try one place
Allowed = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Pack:
    """An item of a bay. `profit`: of a day at `base` facings. `now`: its facings today, on `board` (a number) with its left edge there.

    `heavy_g`: its weight where it is heavy, else 0. `must`: it is left out only when nothing else can be.
    """

    id: str
    width_mm: int
    profit: float
    base: int
    now: int
    board: int
    left_mm: float
    least: int = 1
    most: int = 6
    height_mm: float = 0
    heavy_g: float = 0
    block: str | None = None
    must: bool = False

    def earns(self, facings: int, elasticity: float) -> float:
        return self.profit * float((facings / self.base) ** elasticity)

    def density(self, facings: int, elasticity: float) -> float:
        """Profit a mm of board at so many facings."""
        return self.earns(facings, elasticity) / (facings * self.width_mm)


@dataclass(frozen=True, slots=True)
class Place:
    """An item on a board, from `left_mm` on."""

    item: str
    board: int
    left_mm: int
    facings: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`places`: by board from the floor up, from left to right. `profit`, `profit_now`: of a day. `left_out`: in the order of leaving."""

    proof: Proof
    places: tuple[Place, ...]
    left_out: tuple[str, ...]
    profit: float
    profit_now: float

    def differs(self, packs: Iterable[Pack]) -> bool:
        """Whether an item would change its facings, its board or its order there."""
        today = sorted(packs, key=lambda one: (one.board, one.left_mm, one.id))
        return {board: [(one.id, one.now) for one in today if one.board == board] for board in {one.board for one in today}} != {
            board: [(one.item, one.facings) for one in self.places if one.board == board] for board in {one.board for one in self.places}
        }


def least_facings(daily: float, depth: int, days: float, case_size: float, cases: float, least: int, most: int) -> int:
    """Facings that hold `days` of sales and `cases` outer cases, `depth` units each; from `least` to `most`."""
    return min(most, max(least, ceil(max(days * daily, cases * case_size) / depth - 1e-9)))


def plan(packs: Sequence[Pack], boards: Sequence[Board], *, elasticity: float, work: float) -> Plan:
    """The planogram of most profit.

    `work`: limit in CP-SAT's deterministic time, half for long boards, half for cut ones; then the best found is kept (feasible).
    """
    before = sum(one.earns(one.now, elasticity) for one in packs)
    fitted = [_fitted(one, boards) for one in packs]
    kept = [one for one in fitted if one.most > 0]
    left_out = [one.id for one in fitted if one.most <= 0]
    while kept and fit(_widths(kept), _rooms(boards), _allowed(kept, boards)) is None:
        worst = min(kept, key=lambda one: (one.must, one.density(one.least, elasticity), one.id))
        kept.remove(worst)
        left_out.append(worst.id)
    if not kept:
        return Plan(Proof("optimal", 0.0, 0.0), (), tuple(left_out), 0.0, before)
    proof, facings, standing = _facings(kept, boards, elasticity, work)
    places = _placed(kept, boards, facings, standing, elasticity)
    return Plan(proof, places, tuple(left_out), sum(one.earns(facings[one.id], elasticity) for one in kept), before)


def _fitted(one: Pack, boards: Sequence[Board]) -> Pack:
    """The item with no more facings than the widest board holds on which it can stand."""
    room = max((board.width_mm // one.width_mm for board in boards if _clears(one, board)), default=0)
    return replace(one, least=min(one.least, room), most=min(one.most, room))


def _clears(one: Pack, board: Board) -> bool:
    return (board.clear_mm is None or one.height_mm <= board.clear_mm) and one.width_mm <= board.width_mm


def _rooms(boards: Sequence[Board]) -> list[int]:
    return [board.width_mm for board in boards]


def _widths(packs: Iterable[Pack]) -> dict[str, int]:
    return {one.id: one.least * one.width_mm for one in packs}


def _allowed(packs: Sequence[Pack], boards: Sequence[Board]) -> Allowed:
    """The boards of each item; heavy ones have the lowest that hold the least facings of all that are heavy."""
    heavy, low = [one for one in packs if one.heavy_g], 0
    cleared = {one.id: [n for n, board in enumerate(boards) if _clears(one, board)] for one in packs}
    while heavy and low < len(boards):
        low += 1
        if fit(_widths(heavy), _rooms(boards), {one.id: [n for n in cleared[one.id] if n < low] for one in heavy}) is not None:
            break
    return {one.id: [n for n in cleared[one.id] if not one.heavy_g or n < low] for one in packs}


def _facings(
    packs: Sequence[Pack], boards: Sequence[Board], elasticity: float, work: float
) -> tuple[Proof, dict[str, int], dict[str, int]]:
    """The best facings with a board (its index) for each item that shows that they fit."""
    allowed = _allowed(packs, boards)
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for n in range(len(boards)):
        alike[tuple(one.id for one in packs if n in allowed[one.id])].append(n)
    long = tuple(space.Shelf(f"{group[0]}", sum(boards[n].width_mm for n in group)) for group in alike.values())
    whole = space.solve(space.Problem(long, _items(packs, allowed, {str(group[0]) for group in alike.values()}, elasticity)), work=work / 2)
    facings = {place.item: place.facings for place in whole.places}
    widths = {one.id: one.width_mm * facings[one.id] for one in packs if one.id in facings}
    standing = fit(widths, _rooms(boards), allowed) if len(widths) == len(packs) else None
    if standing is not None:
        return whole.proof, facings, standing
    shelves = tuple(space.Shelf(str(n), board.width_mm) for n, board in enumerate(boards))
    cut = space.solve(space.Problem(shelves, _items(packs, allowed, {shelf.id for shelf in shelves}, elasticity)), work=work / 2)
    if len(cut.places) < len(packs):
        standing = fit(_widths(packs), _rooms(boards), allowed)
        assert standing is not None  # the caller left out items until the least facings fitted
        worth = sum(one.earns(one.least, elasticity) for one in packs)
        return Proof("feasible", worth, whole.proof.bound), {one.id: one.least for one in packs}, standing
    bound = min((found for found in (cut.proof.bound, whole.proof.bound) if found is not None), default=None)
    return replace(cut.proof, bound=bound), {one.item: one.facings for one in cut.places}, {one.item: int(one.shelf) for one in cut.places}


def _items(packs: Sequence[Pack], allowed: Allowed, known: set[str], elasticity: float) -> tuple[space.Item, ...]:
    return tuple(
        space.Item(
            one.id,
            one.width_mm,
            one.profit,
            least=one.least,
            most=one.most,
            base_facings=one.base,
            elasticity=elasticity,
            shelves=tuple(str(n) for n in allowed[one.id] if str(n) in known),
            kept=one.now,
        )
        for one in packs
    )


def _placed(
    packs: Sequence[Pack], boards: Sequence[Board], facings: dict[str, int], standing: dict[str, int], elasticity: float
) -> tuple[Place, ...]:
    allowed, widths = _allowed(packs, boards), {one.id: one.width_mm * facings[one.id] for one in packs}
    blocks: dict[str, list[str]] = defaultdict(list)
    for one in packs:
        blocks[_block(one)].append(one.id)
    column = {name: max(sum(widths[one] for one in own) / len(boards), *(widths[one] for one in own)) for name, own in blocks.items()}
    filled: dict[tuple[str, int], int] = defaultdict(int)
    fixed: dict[str, int] = {}
    order = sorted(packs, key=lambda one: (-one.heavy_g, -one.density(facings[one.id], elasticity), one.id))
    for one in order:
        block, wide = _block(one), widths[one.id]

        def rank(n: int, one: Pack = one, block: str = block, wide: int = wide) -> tuple[float, ...]:
            if one.heavy_g:
                return (n,)
            over = max(0.0, filled[block, n] + wide - column[block]) if one.block else 0.0
            return (over, boards[n].from_eye, boards[n].number != one.board, n)

        for n in sorted(allowed[one.id], key=rank):
            found = _with(one.id, n, fixed, standing, widths, boards, allowed)
            if found is not None:
                standing = found
                break
        fixed[one.id] = standing[one.id]
        filled[block, standing[one.id]] += wide
    return _left_to_right(packs, boards, standing, widths, facings)


def _block(one: Pack) -> str:
    return f"block {one.block}" if one.block else f"item {one.id}"


def _with(
    item: str,
    place: int,
    fixed: dict[str, int],
    standing: dict[str, int],
    widths: dict[str, int],
    boards: Sequence[Board],
    allowed: Allowed,
) -> dict[str, int] | None:
    """All items on boards with this one on that board and the fixed ones where they are; None where there is no room."""
    moved = standing | {item: place}
    if sum(widths[one] for one, n in moved.items() if n == place) <= boards[place].width_mm:
        return moved
    return fit(widths, _rooms(boards), allowed | {one: [n] for one, n in fixed.items()} | {item: [place]}, work=LOOK_AHEAD)


def _left_to_right(
    packs: Sequence[Pack], boards: Sequence[Board], standing: dict[str, int], widths: dict[str, int], facings: dict[str, int]
) -> tuple[Place, ...]:
    """Left edges: blocks in the order of their middle today, on every board alike."""
    middles: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in packs:
        middles[_block(one)].append((one.now, one.left_mm + one.now * one.width_mm / 2))
    middle = {name: sum(weight * at for weight, at in own) / sum(weight for weight, _ in own) for name, own in middles.items()}
    order = sorted(packs, key=lambda one: (middle[_block(one)], _block(one), one.left_mm, one.id))
    found = []
    for n, board in enumerate(boards):
        left = 0
        for one in order:
            if standing[one.id] == n:
                found.append(Place(one.id, board.number, left, facings[one.id]))
                left += widths[one.id]
    return tuple(found)
