"""What a roll-out does next, by what is known of its stores: a function of values alone, asked again and again.

Whatever is decided is decided by the state that the stores themselves tell, so that a decision that was lost is made again, and one made
twice changes nothing. Silence never passes a wave: an agent that is away before it was offered anything is skipped and brought along when
it comes back, one that falls silent afterwards counts as unheard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from storeloom.core.control.rollout import gates
from storeloom.core.control.rollout.picture import TOUCHED, UNDER_WAY, Decisions, Facts, Look, RolloutNow, StepNow, StoreFact, WaveNow

LOADING = frozenset({"enrolled", "downloading"})
BUSY = frozenset({"installing", "checking", "waiting", "switching"})
AGAIN = timedelta(minutes=5)
FAILED = frozenset({"falling_back", "refused"})
Presence = Literal["here", "away", "unknown"]


def due(now_at: RolloutNow, now: datetime) -> Look | None:
    """The look at errors and figures that is due, if any; `advance` wants its evidence."""
    wave = now_at.wave
    if now_at.state != "running" or wave is None or wave.state != "watching":
        return None
    if now_at.strategy.errors is None and not now_at.strategy.figures:
        return None
    looks, soak = now_at.strategy.looks, _soak(now_at, wave)
    since = (now - datetime.fromisoformat(wave.verdict["settled"])).total_seconds()
    index = looks if since >= soak else int(since / soak * looks)
    again = wave.verdict.get("again")
    if again is not None and now < datetime.fromisoformat(again):
        return None
    made = [round(one["fraction"] * looks) for one in wave.verdict.get("looks", ())]
    return Look(wave.number, index, looks) if index > max(made, default=0) else None


def advance(now_at: RolloutNow, facts: Facts, now: datetime) -> Decisions:
    """All that is to be done now."""
    made = Decisions()
    steps = _followed(now_at, facts, made)
    if now_at.state == "running":
        _run(replace(now_at, steps=steps), facts, now, made)
    elif now_at.state == "paused":
        back = {wave.number for wave in now_at.waves if wave.verdict.get("take_back")}
        _take_back([step for step in steps.values() if step.wave in back], now_at, facts, now, made)
    elif now_at.state == "done":
        passed = {wave.number for wave in now_at.waves}
        _offer(_returned(steps.values(), passed, now_at, facts, now, made), now_at, steps, facts, made)
        made.open_steps = any(step.state == "skipped" or step.state in UNDER_WAY for step in _with(steps, made).values())
    elif now_at.state in ("rolling_back", "rolled_back"):
        waiting = _take_back(list(steps.values()), now_at, facts, now, made)
        left = [store for store in waiting if presence(facts, store, now, now_at) != "away"]
        made.open_steps = bool(waiting)
        if now_at.state == "rolling_back" and not left:
            made.state = "rolled_back"
            made.events.append(("rolled_back", None, {"silent": len(waiting)}))
    return made


def presence(facts: Facts, store: str, now: datetime, now_at: RolloutNow) -> Presence:
    """Whether a store's agent is there; unknown while this server has not listened long enough to tell."""
    fact = facts.stores.get(store)
    if fact is None or fact.seen is None:
        return "away"
    quiet = timedelta(seconds=now_at.strategy.quiet_s)
    if now - fact.seen <= quiet:
        return "here"
    return "unknown" if now - facts.awake_since <= quiet else "away"


def _followed(now_at: RolloutNow, facts: Facts, made: Decisions) -> dict[str, StepNow]:
    """The steps after what the stores told."""
    steps = dict(now_at.steps)
    for store, step in now_at.steps.items():
        fact = facts.stores.get(store)
        if fact is None or step.state not in TOUCHED or fact.desired != now_at.release:
            continue
        state = _told(now_at.release, step, fact)
        if state != step.state:
            reason = {"state": fact.state, "reason": fact.reason} if state == "failed" else None
            steps[store] = replace(step, state=state, reason=reason)
            made.steps[store] = (state, reason)
    return steps


def _told(release: str, step: StepNow, fact: StoreFact) -> str:
    """A step's state by what its agent says of this very desired state."""
    if fact.told_number != fact.desired_number:
        return step.state
    if fact.state in FAILED:
        return "failed"
    if fact.actual == release and fact.state == "good":
        return "done"
    if fact.actual == release and fact.state == "watching":
        return "watching"
    return "updating" if fact.state in LOADING | BUSY else step.state


def _run(now_at: RolloutNow, facts: Facts, now: datetime, made: Decisions) -> None:
    wave = now_at.wave
    if wave is None:
        _finish(now_at, made)
        return
    if facts.withdrawn:
        made.state, made.reason = "rolling_back", {"why": "withdrawn"}
        made.events.append(("withdrawn", wave.number, {}))
        return
    reached = {one.number for one in now_at.waves if one.number <= wave.number}
    offered = _returned(now_at.steps.values(), reached, now_at, facts, now, made)
    if wave.state == "waiting":
        made.waves[wave.number] = ("open", {})
        made.events.append(("wave_opened", wave.number, {"stores": len(now_at.of(wave.number))}))
        wave = replace(wave, state="open", opened=now)
    if wave.state == "open":
        offered = _fresh(now_at, wave, facts, now, made) + offered
    _offer(offered, now_at, now_at.steps, facts, made)
    _judge(replace(now_at, steps=_with(now_at.steps, made)), wave, facts, now, made)


def _fresh(now_at: RolloutNow, wave: WaveNow, facts: Facts, now: datetime, made: Decisions) -> list[str]:
    """Stores of a wave that can be offered the release now; those that are away are skipped."""
    found: list[str] = []
    for step in now_at.of(wave.number):
        if step.state != "waiting":
            continue
        there = presence(facts, step.store, now, now_at)
        if there == "here":
            found.append(step.store)
        elif there == "away":
            made.steps[step.store] = ("skipped", {"why": "away"})
    return found


def _returned(steps: Iterable[StepNow], waves: set[int], now_at: RolloutNow, facts: Facts, now: datetime, made: Decisions) -> list[str]:
    """Skipped stores that are back; one that something else was meant for meanwhile is left to that."""
    found: list[str] = []
    for step in steps:
        if step.state != "skipped" or step.wave not in waves or (step.reason or {}).get("why") != "away":
            continue
        if presence(facts, step.store, now, now_at) == "here":
            if facts.stores[step.store].desired == step.before:
                found.append(step.store)
            else:
                made.steps[step.store] = ("skipped", {"why": "superseded"})
    return found


def _offer(stores: Sequence[str], now_at: RolloutNow, steps: Mapping[str, StepNow], facts: Facts, made: Decisions) -> None:
    """Offer the release to as many of these stores as may be under way at once."""
    under_way = [step.store for step in steps.values() if step.state in UNDER_WAY]
    loading = sum(steps[store].state == "offered" or facts.stores[store].state in LOADING for store in under_way if store in facts.stores)
    room = min(now_at.strategy.parallel_downloads - loading, now_at.strategy.parallel_updates - len(under_way))
    for store in stores[: max(0, room)]:
        made.offer.append(store)
        made.steps[store] = ("offered", None)


def _with(steps: Mapping[str, StepNow], made: Decisions) -> dict[str, StepNow]:
    changed = {store: replace(steps[store], state=state, reason=reason) for store, (state, reason) in made.steps.items()}
    return {**steps, **changed}


def _judge(now_at: RolloutNow, wave: WaveNow, facts: Facts, now: datetime, made: Decisions) -> None:
    """Hold a wave against its gates."""
    steps, strategy = now_at.of(wave.number), now_at.strategy
    touched = [step for step in steps if step.state in TOUCHED]
    silent = [step for step in touched if step.state != "failed" and presence(facts, step.store, now, now_at) == "away"]
    failed = [step for step in steps if step.state == "failed"]
    saw = {"stores": len(steps), "offered": len(touched), "failed": len(failed), "silent": len(silent)}
    gate = strategy.agents
    if gate is not None and gates.agents_fail(gate, len(strategy.waves), len(touched) - len(silent), len(failed)):
        _fail(now_at, wave, {"gate": "agents", **saw}, made)
        return
    skipped = sum(step.state == "skipped" for step in steps)
    lost = len(silent) + len(failed)
    if lost > (len(steps) - skipped) * (1 - strategy.least_heard) + 1e-9 or skipped * 2 > len(steps):
        if gate is not None and len(failed) * 2 > lost:
            _fail(now_at, wave, {"gate": "agents", **saw}, made)
        else:
            _pause(now_at, wave, {"why": "silence", **saw, "skipped": skipped}, made)
        return
    away = {step.store for step in silent}
    open_steps = [step for step in steps if step.state == "waiting" or (step.state in UNDER_WAY and step.store not in away)]
    if open_steps:
        return
    if not steps:
        made.waves[wave.number] = ("passed", {"decided": "passed", **saw})
        return
    if wave.state != "watching":
        wave = replace(wave, state="watching", verdict={**wave.verdict, "settled": now.isoformat(), "looks": []})
        made.waves[wave.number] = ("watching", wave.verdict)
        made.events.append(("wave_settled", wave.number, saw))
    _look(now_at, wave, facts, now, saw, made)


def _look(now_at: RolloutNow, wave: WaveNow, facts: Facts, now: datetime, saw: Mapping[str, Any], made: Decisions) -> None:
    strategy = now_at.strategy
    since = (now - datetime.fromisoformat(wave.verdict["settled"])).total_seconds()
    look = due(replace(now_at, waves=tuple(wave if one.number == wave.number else one for one in now_at.waves)), now)
    gated = strategy.errors is not None or bool(strategy.figures)
    if gated and look is not None:
        if not facts.evidence and look.index < look.of:
            return
        if not facts.evidence and made.waves.get(wave.number, ("",))[0] == "watching":
            return  # its evidence is gathered for the next time
        looks = list(wave.verdict.get("looks", ()))
        last = wave.number == now_at.waves[-1].number
        outcome, told = gates.judge(strategy, look, facts.evidence, looks, last_wave=last)
        if outcome == "unheard" and since < _soak(now_at, wave) + strategy.patience_s:
            made.waves[wave.number] = ("watching", {**wave.verdict, "again": (now + AGAIN).isoformat(), "seen": told})
            return
        wave = replace(wave, verdict={**wave.verdict, "looks": [*looks, {**told, "at": now.isoformat(), "outcome": outcome}]})
        made.waves[wave.number] = ("watching", wave.verdict)
        made.events.append(("look", wave.number, {**told, "outcome": outcome}))
        if outcome == "fail":
            _fail(now_at, wave, {"gate": gates.failing(told), **told}, made)
        elif outcome in ("unheard", "undecided"):
            _pause(now_at, wave, {"why": "silence" if outcome == "unheard" else "undecided", **told}, made)
        if outcome != "pass":
            return
    elif gated or since < _soak(now_at, wave):
        return
    made.waves[wave.number] = ("passed", {**wave.verdict, "decided": "passed", **saw})
    made.events.append(("wave_passed", wave.number, saw))
    if strategy.waves[wave.number].hold and wave.number != now_at.waves[-1].number:
        made.state, made.reason = "paused", {"why": "hold", "wave": wave.number}
        made.events.append(("paused", wave.number, made.reason))
    elif wave.number == now_at.waves[-1].number:
        _finish(now_at, made)


def _finish(now_at: RolloutNow, made: Decisions) -> None:
    steps = _with(now_at.steps, made).values()
    made.state, made.open_steps = "done", any(step.state == "skipped" or step.state in UNDER_WAY for step in steps)
    made.events.append(("done", None, {"skipped": sum(step.state == "skipped" for step in steps)}))


def _fail(now_at: RolloutNow, wave: WaveNow, why: Mapping[str, Any], made: Decisions) -> None:
    """A gate says no."""
    action = now_at.strategy.on_failure
    verdict = {**wave.verdict, "decided": "failed", "by": dict(why)}
    if action == "roll_back_wave":
        verdict["take_back"] = True
    _withhold(made)
    made.waves[wave.number] = ("failed", verdict)
    made.state = "rolling_back" if action == "roll_back" else "paused"
    made.reason = {"why": "gate", "wave": wave.number, **why}
    made.events.append(("gate_failed", wave.number, {**why, "action": action}))


def _pause(now_at: RolloutNow, wave: WaveNow, why: Mapping[str, Any], made: Decisions) -> None:
    _withhold(made)
    made.state, made.reason = "paused", {**why, "wave": wave.number}
    made.events.append(("paused", wave.number, made.reason))


def _withhold(made: Decisions) -> None:
    """Offer nothing after all."""
    for store in made.offer:
        made.steps.pop(store, None)
    made.offer.clear()


def _take_back(steps: Sequence[StepNow], now_at: RolloutNow, facts: Facts, now: datetime, made: Decisions) -> list[str]:
    """Send these stores back to what they ran before; those of which it is still to come."""
    waiting: list[str] = []
    for step in steps:
        fact = facts.stores.get(step.store)
        if step.state not in TOUCHED or fact is None or (step.reason or {}).get("why") in ("nothing_before", "superseded"):
            continue
        if step.before is None or fact.desired not in (now_at.release, step.before):
            why = "nothing_before" if step.before is None else "superseded"
            made.steps[step.store] = (step.state, {"why": why})
        elif fact.desired == now_at.release:
            made.take_back.append(step.store)
            waiting.append(step.store)
        elif fact.actual == step.before and fact.told_number == fact.desired_number:
            made.steps[step.store] = ("taken_back", step.reason)
        else:
            waiting.append(step.store)
    return waiting


def _soak(now_at: RolloutNow, wave: WaveNow) -> float:
    own = now_at.strategy.waves[wave.number].soak_s
    return now_at.strategy.soak_s if own is None else own
