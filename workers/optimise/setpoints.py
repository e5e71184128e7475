"""Set points against a tariff: when a store cools, heats, and charges or empties its battery, for the least cost within comfort limits.

A mixed-integer linear model (SCIP, OR-Tools) over equal steps. The room is one heat store behind one resistance (the 1R1C model, Madsen and
Holst 1995, "Estimation of continuous-time models for the heat dynamics of a building"): a step of `h` hours changes its temperature by
h / capacity x ((outside - inside) / resistance + gains + heating - cooling). The temperatures at the ends of the steps are the set points.
Energy is kWh, power kW, temperature degrees Celsius, money minor units; a peak price charges the highest step. The search is bounded by
nodes, never by the clock.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from storeloom.workers.optimise.plans import Checks, Note, Proof

NODES = 20_000
MOST = 1e6
AT = 1e-6
ROOM, BATTERY, STEP = ("Room", "空间"), ("Battery", "电池"), ("Step", "时段")


@dataclass(frozen=True, slots=True)
class Room:
    """`capacity` kWh a degree, `resistance` degrees a kW; `heat_kw`, `cool_kw`: most electrical power, `heat_cop`, `cool_cop`: kW of heat
    that a kW of it moves."""

    starts_c: float
    capacity: float
    resistance: float
    heat_kw: float = 0
    cool_kw: float = 0
    heat_cop: float = 3
    cool_cop: float = 3


@dataclass(frozen=True, slots=True)
class Battery:
    """`efficiency`: of a full round; half of the loss (its square root) falls to charging. It ends with no less than it began with."""

    capacity_kwh: float
    charge_kw: float
    discharge_kw: float
    starts_kwh: float = 0
    efficiency: float = 0.9


@dataclass(frozen=True, slots=True)
class Step:
    """`load_kw`: all else that the store draws, less what its own roof gives; `gains_kw`: heat of people, lights and sun; `low_c`,
    `high_c`: comfort at the end of the step, None where nobody cares."""

    price: float
    load_kw: float = 0
    outside_c: float = 20
    gains_kw: float = 0
    low_c: float | None = None
    high_c: float | None = None
    sell: float = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """`grid_kw`: most that the connection gives or takes, None where it does not limit; `peak_price`: of a kW of the highest draw."""

    steps: tuple[Step, ...]
    hours: float = 1
    room: Room | None = None
    battery: Battery | None = None
    grid_kw: float | None = None
    peak_price: float = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """What to do in a step: `set_c` is the temperature at its end, `stored_kwh` the battery's charge there; `battery_kw` is positive while
    charging, `grid_kw` the draw (negative: fed in)."""

    set_c: float | None
    heat_kw: float
    cool_kw: float
    battery_kw: float
    stored_kwh: float
    grid_kw: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """A setting for each step; none where the status is infeasible."""

    proof: Proof
    settings: tuple[Setting, ...]


def solve(problem: Problem, *, nodes: int = NODES) -> Schedule:
    """The cheapest schedule; where none keeps the limits, the fewest steps whose comfort or connection must give way, and
    of these answers that in which they give way least. Raises PlanFault."""
    started = time.perf_counter()
    check(problem)
    model = _Model(problem)
    model.solver.Minimize(model.cost())
    status = model.run(nodes)
    if status in ("optimal", "feasible"):
        settings, cost, bound = model.read(), model.solver.Objective().Value(), model.solver.Objective().BestBound()
        proof = Proof(status, cost, min(cost, bound), time.perf_counter() - started, binding(problem, settings))
        return Schedule(proof, settings)
    soft = _Model(problem, soft=True)
    soft.solver.Minimize(sum(soft.gives.values()))
    if soft.run(nodes) not in ("optimal", "feasible"):
        raise RuntimeError(f"no schedule found within {nodes} nodes; allow more")
    soft.solver.Add(sum(soft.gives.values()) <= round(soft.solver.Objective().Value()))
    soft.solver.Minimize(sum(soft.off.values()))
    if soft.run(nodes) not in ("optimal", "feasible"):
        raise RuntimeError(f"no schedule found within {nodes} nodes; allow more")
    broken = [key for key, gives in soft.gives.items() if gives.solution_value() > 0.5]
    notes = _relax(problem, broken, soft.read())
    return Schedule(Proof("infeasible", None, None, time.perf_counter() - started, (), notes, status == "infeasible"), ())


class _Model:
    """Variables of each step; `gives` are the limits of a step that may be set aside."""

    def __init__(self, problem: Problem, soft: bool = False) -> None:
        from ortools.linear_solver import pywraplp

        self.problem, self.soft = problem, soft
        self.solver: Any = pywraplp.Solver.CreateSolver("SCIP")
        self.gives: dict[tuple[str, int], Any] = {}
        self.off: dict[tuple[str, int], Any] = {}
        self.heat, self.cool, self.warm = self._room()
        self.into, self.out, self.stored = self._battery()
        self.draw, self.feed = self._grid()
        self.peak = self.solver.NumVar(0, self.solver.infinity(), "")
        for draw in self.draw:
            self.solver.Add(self.peak >= draw)

    def _limit(self, rule: str, n: int) -> Any:
        """0 where rules are firm, else by how much a rule of a step gives way."""
        if not self.soft:
            return 0
        if (rule, n) not in self.gives:
            most = _wide(self.problem)
            self.gives[rule, n], self.off[rule, n] = self.solver.BoolVar(""), self.solver.NumVar(0, most, "")
            self.solver.Add(self.off[rule, n] <= most * self.gives[rule, n])
        return self.off[rule, n]

    def _room(self) -> tuple[list[Any], list[Any], list[Any]]:
        problem, room = self.problem, self.problem.room
        if room is None:
            return [], [], []
        heat = [self.solver.NumVar(0, room.heat_kw, "") for _ in problem.steps]
        cool = [self.solver.NumVar(0, room.cool_kw, "") for _ in problem.steps]
        warm: list[Any] = []
        before: Any = room.starts_c
        for n, step in enumerate(problem.steps):
            after = self.solver.NumVar(-self.solver.infinity(), self.solver.infinity(), "")
            flow = (step.outside_c - before) * (1 / room.resistance) + step.gains_kw + room.heat_cop * heat[n] - room.cool_cop * cool[n]
            self.solver.Add(after == before + flow * (problem.hours / room.capacity))
            if step.low_c is not None:
                self.solver.Add(after + self._limit("comfort", n) >= step.low_c)
            if step.high_c is not None:
                self.solver.Add(after - self._limit("comfort", n) <= step.high_c)
            warm.append(after)
            before = after
        return heat, cool, warm

    def _battery(self) -> tuple[list[Any], list[Any], list[Any]]:
        problem, battery = self.problem, self.problem.battery
        if battery is None:
            return [], [], []
        loss = battery.efficiency**0.5
        into = [self.solver.NumVar(0, battery.charge_kw, "") for _ in problem.steps]
        out = [self.solver.NumVar(0, battery.discharge_kw, "") for _ in problem.steps]
        stored: list[Any] = []
        before: Any = battery.starts_kwh
        for n in range(len(problem.steps)):
            after, charging = self.solver.NumVar(0, battery.capacity_kwh, ""), self.solver.BoolVar("")
            self.solver.Add(into[n] <= battery.charge_kw * charging)
            self.solver.Add(out[n] <= battery.discharge_kw * (1 - charging))
            self.solver.Add(after == before + problem.hours * loss * into[n] - problem.hours / loss * out[n])
            stored.append(after)
            before = after
        self.solver.Add(stored[-1] >= battery.starts_kwh)
        return into, out, stored

    def _grid(self) -> tuple[list[Any], list[Any]]:
        """Draw and feed-in of each step, never both at once."""
        problem, most = self.problem, _wide(self.problem)
        draws, feeds = [], []
        for n, step in enumerate(problem.steps):
            draw, feed, drawing = self.solver.NumVar(0, most, ""), self.solver.NumVar(0, most, ""), self.solver.BoolVar("")
            used = step.load_kw + (self.heat[n] + self.cool[n] if self.heat else 0) + (self.into[n] - self.out[n] if self.into else 0)
            self.solver.Add(draw - feed == used)
            self.solver.Add(draw <= most * drawing)
            self.solver.Add(feed <= most * (1 - drawing))
            if problem.grid_kw is not None:
                self.solver.Add(draw - self._limit("grid", n) <= problem.grid_kw)
                self.solver.Add(feed - self._limit("grid", n) <= problem.grid_kw)
            draws.append(draw)
            feeds.append(feed)
        return draws, feeds

    def cost(self) -> Any:
        steps, hours = self.problem.steps, self.problem.hours
        energy = sum(hours * (step.price * self.draw[n] - step.sell * self.feed[n]) for n, step in enumerate(steps))
        return energy + self.problem.peak_price * self.peak

    def run(self, nodes: int) -> Any:
        self.solver.SetSolverSpecificParametersAsString(f"limits/nodes = {nodes}\nlimits/gap = 0\nlimits/absgap = 0")
        status = self.solver.Solve()
        names = {self.solver.OPTIMAL: "optimal", self.solver.FEASIBLE: "feasible", self.solver.INFEASIBLE: "infeasible"}
        return names.get(status, "unknown")

    def read(self) -> tuple[Setting, ...]:
        def of(row: Sequence[Any], n: int) -> float:
            return round(float(row[n].solution_value()), 6) + 0.0 if row else 0.0

        return tuple(
            Setting(
                of(self.warm, n) if self.warm else None,
                of(self.heat, n),
                of(self.cool, n),
                round(of(self.into, n) - of(self.out, n), 6),
                of(self.stored, n),
                round(of(self.draw, n) - of(self.feed, n), 6),
            )
            for n in range(len(self.problem.steps))
        )


def _wide(problem: Problem) -> float:
    """More than any power drawn or fed in, and than any temperature can lie off its limits."""
    room, battery = problem.room, problem.battery
    power = max(abs(step.load_kw) for step in problem.steps)
    power += (room.heat_kw + room.cool_kw if room else 0) + (max(battery.charge_kw, battery.discharge_kw) if battery else 0)
    if room is None:
        return power + 1
    flow = max(abs(step.gains_kw) for step in problem.steps) + room.heat_cop * room.heat_kw + room.cool_cop * room.cool_kw
    known = [abs(c) for step in problem.steps for c in (step.outside_c, step.low_c, step.high_c) if c is not None]
    return (
        power
        + 2 * (max([*known, abs(room.starts_c)]) + flow * min(room.resistance, problem.hours * len(problem.steps) / room.capacity))
        + 1
    )


def binding(problem: Problem, settings: Sequence[Setting]) -> tuple[Note, ...]:
    """Limits at which the schedule stands: comfort, the machines, the battery and the connection, with how many steps."""
    room, battery = problem.room, problem.battery
    pairs = list(zip(problem.steps, settings, strict=True))
    cold = sum(one.set_c is not None and step.low_c is not None and one.set_c <= step.low_c + AT for step, one in pairs)
    hot = sum(one.set_c is not None and step.high_c is not None and one.set_c >= step.high_c - AT for step, one in pairs)
    found = [
        ("comfort:low", cold, "At the lowest comfortable temperature", "处于舒适温度下限"),
        ("comfort:high", hot, "At the highest comfortable temperature", "处于舒适温度上限"),
    ]
    if room:
        found.append(
            (
                "heat",
                sum(one.heat_kw >= room.heat_kw - AT for one in settings) if room.heat_kw else 0,
                "Heating at full power",
                "满功率制热",
            )
        )
        found.append(
            (
                "cool",
                sum(one.cool_kw >= room.cool_kw - AT for one in settings) if room.cool_kw else 0,
                "Cooling at full power",
                "满功率制冷",
            )
        )
    if battery:
        found.append(("battery:full", sum(one.stored_kwh >= battery.capacity_kwh - AT for one in settings), "Battery full", "电池已满"))
        charged = [one for one in settings if battery.charge_kw and one.battery_kw >= battery.charge_kw - AT]
        emptied = [one for one in settings if battery.discharge_kw and one.battery_kw <= AT - battery.discharge_kw]
        found.append(("battery:power", len(charged) + len(emptied), "Battery at full power", "电池满功率运行"))
    if problem.grid_kw is not None:
        at = sum(abs(one.grid_kw) >= problem.grid_kw - AT for one in settings)
        found.append(("grid", at, "Connection used in full", "电网容量用满"))
    every = len(settings)
    return tuple(Note(rule, f"{en} in {n} of {every} steps.", f"{every} 个时段中有 {n} 个{zh}。", n) for rule, n, en, zh in found if n)


def _relax(problem: Problem, broken: Sequence[tuple[str, int]], settings: Sequence[Setting]) -> tuple[Note, ...]:
    """The steps whose limits give way, neighbours together, with the most by which they do."""
    notes = []
    for rule in sorted({rule for rule, _ in broken}):
        steps = sorted(n for name, n in broken if name == rule)
        for _, run in groupby(enumerate(steps), key=lambda pair: pair[1] - pair[0]):
            own = [n for _, n in run]
            off = max(_off(problem, rule, n, settings[n]) for n in own)
            if rule == "comfort":
                en, zh = f"comfort missed by up to {off:.2f} degrees", f"温度最多偏离舒适范围 {off:.2f} 度"
            else:
                en, zh = f"connection exceeded by up to {off:.2f} kW", f"电网容量最多超出 {off:.2f} kW"
            notes.append(
                Note(f"{rule}:{own[0]}-{own[-1]}", f"Steps {own[0]} to {own[-1]}: {en}.", f"时段 {own[0]} 至 {own[-1]}：{zh}。", off)
            )
    return tuple(notes)


def _off(problem: Problem, rule: str, n: int, one: Setting) -> float:
    step = problem.steps[n]
    if rule == "grid":
        return abs(one.grid_kw) - (problem.grid_kw or 0)
    low = step.low_c - one.set_c if step.low_c is not None and one.set_c is not None else 0.0
    return max(low, one.set_c - step.high_c if step.high_c is not None and one.set_c is not None else 0.0)


def check(problem: Problem) -> None:
    """Raise PlanFault with all that is wrong in a problem."""
    checks = Checks()
    checks.some("steps", "时段", problem.steps)
    whole = ("Problem", "问题")
    checks.within(whole, "-", "hours", problem.hours, 0.01, 24)
    checks.within(whole, "-", "peak_price", problem.peak_price, 0, MOST)
    if problem.grid_kw is not None:
        checks.within(whole, "-", "grid_kw", problem.grid_kw, 0, MOST)
    for n, step in enumerate(problem.steps):
        for key in ("price", "load_kw", "gains_kw", "sell"):
            checks.within(STEP, str(n), key, getattr(step, key), -MOST, MOST)
        checks.within(STEP, str(n), "outside_c", step.outside_c, -90, 70)
        if step.low_c is not None:
            checks.within(STEP, str(n), "low_c", step.low_c, -60, 60)
        if step.high_c is not None:
            checks.within(STEP, str(n), "high_c", step.high_c, -60 if step.low_c is None else step.low_c, 60)
    if room := problem.room:
        checks.within(ROOM, "-", "starts_c", room.starts_c, -60, 60)
        checks.within(ROOM, "-", "capacity", room.capacity, 1e-3, MOST)
        checks.within(ROOM, "-", "resistance", room.resistance, 1e-3, MOST)
        for key in ("heat_kw", "cool_kw", "heat_cop", "cool_cop"):
            checks.within(ROOM, "-", key, getattr(room, key), 0, MOST)
    if battery := problem.battery:
        for key in ("capacity_kwh", "charge_kw", "discharge_kw"):
            checks.within(BATTERY, "-", key, getattr(battery, key), 0, MOST)
        checks.within(BATTERY, "-", "starts_kwh", battery.starts_kwh, 0, battery.capacity_kwh)
        checks.within(BATTERY, "-", "efficiency", battery.efficiency, 0.01, 1)
    checks.done()
