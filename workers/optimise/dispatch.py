"""When a battery charges and empties over a day of hourly prices, by a linear program (GLOP, OR-Tools).

What is drawn is stored times the efficiency; what is stored is given without loss. Solar power is used in the store first, what is left may
be stored, and none is sold. Powers are kW, energies kWh, prices minor units per kWh; a step is an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

OVER_TARGET = 1e6
"""Minor units for a kWh drawn over the target, so that it happens only where it must."""
LATER = 1e-4
TOLERANCE = 1e-8


class Hour(NamedTuple):
    """`load_kwh` that the store uses and `solar_kwh` that its roof gives."""

    price: float
    load_kwh: float
    solar_kwh: float = 0.0


class Battery(NamedTuple):
    capacity_kwh: float
    power_kw: float
    efficiency: float
    starts_kwh: float = 0.0


class Action(NamedTuple):
    """What an hour does: `charge_kwh` as drawn, `discharge_kwh` as given, what is stored at its end, and what the grid delivers."""

    charge_kwh: float
    discharge_kwh: float
    stored_kwh: float
    grid_kwh: float


class Plan(NamedTuple):
    """The hours, and minor units: cost of charging from the grid, what discharging saves, and their difference to a day without battery."""

    actions: tuple[Action, ...]
    charging: float
    saved: float

    @property
    def gain(self) -> float:
        return self.saved - self.charging


def plan(hours: Sequence[Hour], battery: Battery, target_kw: float) -> Plan:
    """The cheapest day whose draw stays at the target where that can be; of equal cost the fewest cycles, then the earliest."""
    first = _Model(hours, battery, target_kw)
    first.solver.Minimize(first.cost)
    cost = first.solve()
    second = _Model(hours, battery, target_kw)
    second.solver.Add(second.cost <= cost + TOLERANCE * max(1.0, abs(cost)))
    second.solver.Minimize(sum((1 + LATER * n) * one for n, one in enumerate(second.into)) + LATER * sum(second.later()))
    second.solve()
    actions = second.read()
    without = [max(0.0, hour.load_kwh - hour.solar_kwh) for hour in hours]
    changes = [(action.grid_kwh - grid) * hour.price for action, grid, hour in zip(actions, without, hours, strict=True)]
    return Plan(actions, sum(one for one in changes if one > 0), -sum(one for one in changes if one < 0))


class _Model:
    def __init__(self, hours: Sequence[Hour], battery: Battery, target_kw: float) -> None:
        from ortools.linear_solver import pywraplp

        self.solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        number = self.solver.NumVar
        endless = self.solver.infinity()
        self.into = [number(0, battery.power_kw, "") for _ in hours]
        self.out = [number(0, min(battery.power_kw, max(0.0, hour.load_kwh - hour.solar_kwh)), "") for hour in hours]
        self.grid = [number(0, endless, "") for _ in hours]
        self.stored = [number(0, battery.capacity_kwh, "") for _ in hours]
        over = [number(0, endless, "") for _ in hours]
        before: Any = battery.starts_kwh
        for n, hour in enumerate(hours):
            used = min(hour.load_kwh, hour.solar_kwh)
            sun = number(0, hour.solar_kwh - used, "")
            self.solver.Add(self.grid[n] == hour.load_kwh - used + self.into[n] - self.out[n] - sun)
            self.solver.Add(sun <= self.into[n])
            self.solver.Add(self.grid[n] <= target_kw + over[n])
            self.solver.Add(self.stored[n] == before + battery.efficiency * self.into[n] - self.out[n])
            before = self.stored[n]
        self.cost: Any = sum(hour.price * grid for hour, grid in zip(hours, self.grid, strict=True)) + OVER_TARGET * sum(over)

    def later(self) -> list[Any]:
        """Discharges weighed by their hour, so that of equal days the earliest is taken."""
        return [n * one for n, one in enumerate(self.out)]

    def solve(self) -> float:
        if self.solver.Solve() != self.solver.OPTIMAL:
            raise RuntimeError("the day has no plan")
        return float(self.solver.Objective().Value())

    def read(self) -> tuple[Action, ...]:
        columns = zip(self.into, self.out, self.stored, self.grid, strict=True)
        return tuple(Action(*(round(abs(one.solution_value()), 6) for one in column)) for column in columns)


def to_shed(projected_kw: float, target_kw: float, window_min: float, left_min: float) -> float:
    """Power that must go for the rest of a demand window, so that its mean stays at the target; 0 where it does."""
    return max(0.0, projected_kw - target_kw) * window_min / left_min


def projected(energy_kwh: float, power_kw: float, window_min: float, left_min: float) -> float:
    """The mean power of a demand window if the present power goes on."""
    return (energy_kwh + power_kw * left_min / 60) / (window_min / 60)


def clear_share(cloud_pct: float) -> float:
    """Share of a clear sky's sun that comes through clouds (Kasten and Czeplak 1980, "Solar and terrestrial radiation dependent on the
    amount and type of cloud")."""
    return float(1 - 0.75 * (min(100.0, max(0.0, cloud_pct)) / 100) ** 3.4)


def hourly_load(usual: Mapping[datetime, float | None], told: Sequence[tuple[datetime, datetime, float]]) -> dict[datetime, float] | None:
    """kWh by hour: as forecasts (begin, end, kWh) tell it, in the usual shape where they tell more than an hour, else the usual one.

    Of forecasts of the same hour the shortest counts. None where nothing is told and an hour is not known.
    """
    found: dict[datetime, float] = {}
    for begin, end, kwh in sorted(told, key=lambda one: one[0] - one[1]):
        within = [at for at in usual if begin <= at < end]
        whole = sum(usual[at] or 0.0 for at in within)
        for at in within:
            found[at] = kwh * (usual[at] or 0.0) / whole if whole else kwh / max(1.0, (end - begin) / timedelta(hours=1))
    if not found and None in usual.values():
        return None
    return {at: found.get(at, kwh or 0.0) for at, kwh in usual.items()}
