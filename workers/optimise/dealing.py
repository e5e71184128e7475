"""Tasks to people one to one, a task may stay undone: the rectangular assignment problem, solved exactly.

Hungarian method with shortest augmenting paths (Kuhn 1955, Munkres 1957; Jonker and Volgenant 1987). Equal costs are told apart in the
same run: each cost is a whole number whose low digits rank the answer, so that the least one is unique.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MICRO = 10**6


def deal(
    tasks: Sequence[str], people: Sequence[str], costs: Mapping[tuple[str, str], float], undone: Mapping[str, float]
) -> dict[str, str]:
    """The cheapest dealing {task: person}; tasks that are not in it stay undone at their cost, pairs not in `costs` are forbidden.

    Costs are compared to six decimals. Of equally cheap dealings the one that serves the first of `tasks` counts, by the first of `people`
    that can; then the second task, and so on.
    """
    if not tasks:
        return {}
    base = len(people) + 1
    unit = base ** len(tasks)
    limit = (1 + sum(round(abs(cost) * MICRO) for cost in [*costs.values(), *undone.values()])) * unit * 2
    rows = []
    for place, task in enumerate(tasks):
        weight = base ** (len(tasks) - 1 - place)
        row = [round(costs[task, who] * MICRO) * unit + rank * weight if (task, who) in costs else limit for rank, who in enumerate(people)]
        left = [round(undone[task] * MICRO) * unit + len(people) * weight if other == place else limit for other in range(len(tasks))]
        rows.append(row + left)
    return {task: people[column] for task, column in zip(tasks, assign(rows), strict=True) if column < len(people)}


def assign(rows: Sequence[Sequence[int]]) -> list[int]:
    """The column of each row of the cheapest assignment of all rows to columns, of which there are no fewer than rows."""
    columns = len(rows[0])
    row_price, column_price = [0] * len(rows), [0] * columns
    holder = [-1] * columns
    for row in range(len(rows)):
        _place(row, rows, holder, row_price, column_price)
    found = [-1] * len(rows)
    for column, row in enumerate(holder):
        if row >= 0:
            found[row] = column
    return found


def _place(row: int, rows: Sequence[Sequence[int]], holder: list[int], row_price: list[int], column_price: list[int]) -> None:
    """Bring one more row in along the cheapest augmenting path; prices stay dual feasible."""
    columns = len(holder)
    least: list[int | None] = [None] * columns
    before = [-1] * columns
    done = [False] * columns
    column, current = -1, row
    while current >= 0:
        if column >= 0:
            done[column] = True
        for other in range(columns):
            if not done[other]:
                cost = rows[current][other] - row_price[current] - column_price[other]
                known = least[other]
                if known is None or cost < known:
                    least[other], before[other] = cost, column
        step, nearest = min((cost, other) for other, cost in enumerate(least) if cost is not None and not done[other])
        row_price[row] += step
        for other in range(columns):
            cost_left = least[other]
            if done[other]:
                row_price[holder[other]] += step
                column_price[other] -= step
            elif cost_left is not None:
                least[other] = cost_left - step
        column = nearest
        current = holder[column]
    while column >= 0:
        previous = before[column]
        holder[column] = row if previous < 0 else holder[previous]
        column = previous
