"""A store log in plain Python: what it must hold after each acknowledged operation, and a workload that drives both.

An operation is one transaction of the log. `perform` does it on a log, `foretell` on the model, `observe` reads a log into a model.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import Event
from storeloom.core.runtime import retention
from storeloom.core.runtime.log import StoreLog, instant, micros
from storeloom.core.runtime.runner import AlarmRow, Changes

T0 = datetime(2026, 3, 2, tzinfo=UTC)
SLICE = 7  # records a slice of compaction; set in `retention` while a campaign runs
NAMES = ("counter", "lamp", "slow")
KEEP_DAYS = 1 / 24


def fact(number: int) -> Event:
    """The number-th fact of the only source, a minute after the one before."""
    time = T0 + timedelta(minutes=number)
    return Event("sensor.reading", time, {"n": number, "pad": "x" * (number % 90)}, f"fact-{number}", "s1", "probe", time)


def output(number: int) -> Event:
    """What handling a fact brings."""
    cause = fact(number)
    return replace(cause, stream="light.set", data={"light": f"l{number % 3}", "on": True}, id=f"out-{number}", source="lamp")


@dataclass
class Model:
    """All that a log shows. `sent` is how many facts the source has made so far."""

    records: dict[int, tuple[str, int, int]] = field(default_factory=dict)  # seq -> id, hops, cause
    times: dict[int, int] = field(default_factory=dict)
    oldest: int = 1
    inbox: list[str] = field(default_factory=list)
    level: int = 0
    offsets: dict[str, int | None] = field(default_factory=dict)
    state: dict[str, dict[str, bytes]] = field(default_factory=dict)
    alarms: dict[str, set[tuple[str, int, int]]] = field(default_factory=dict)
    asides: dict[str, int] = field(default_factory=dict)
    outbox: dict[str, tuple[int, str, int, int, str | None]] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    consumer: int = 0
    sent: int = 0

    def shown(self) -> dict[str, Any]:
        """What can be compared with a log."""
        return {name: value for name, value in vars(self).items() if name not in ("sent", "times")}

    @property
    def last(self) -> int:
        return max(self.records, default=0)

    def copy(self) -> Model:
        return copy.deepcopy(self)


Op = tuple[Any, ...]


class Workload:
    """Operations by chance, from a seed; each makes sense for the model as it stands."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def next(self, model: Model) -> Op:
        rng = self._rng
        kinds = ["accept"] * 4 + ["handle"] * 5 + ["settle"] * 9 + ["resend"] * 3 + ["consume"] * 2 + ["compact"] * 3 + ["aside"]
        kind = rng.choice(kinds)
        if kind == "accept":
            repeats = [rng.randint(max(1, model.sent - 20), model.sent) for _ in range(rng.randint(0, 2))] if model.sent else []
            return "accept", [model.sent + 1 + n for n in range(rng.randint(1, 4))] + repeats
        if kind == "handle":
            return "handle", rng.randint(1, 5), rng.choice(NAMES), rng.randrange(6), rng.random() < 0.3
        waiting = sorted((row[0], name) for name, row in model.outbox.items() if row[1] in ("waiting", "answered"))
        if kind == "settle" and waiting:
            return "settle", rng.choice(waiting[:3])[1], rng.choice(("sent", "sent", "sent", "sent", "dead", "waiting", "answered"))
        dead = sorted(name for name, row in model.outbox.items() if row[1] == "dead")
        if kind == "resend" and dead:
            return "resend", rng.choice(dead)
        if kind == "consume":
            return "consume", rng.randint(max(0, model.last - 9), model.last)
        if kind == "aside" and model.offsets:
            return "aside", rng.choice(("set", "back", "drop")), rng.choice(sorted(model.offsets))
        return ("compact",)


def perform(log: StoreLog, op: Op) -> None:
    """Do an operation on a log; on return it is acknowledged."""
    kind, *args = op
    if kind == "accept":
        log.accept([fact(number) for number in args[0]])
    elif kind == "handle":
        handle(log, *args)
    elif kind == "settle":
        (row,) = [row for row in log.unsettled() if row.id == args[0]]
        log.settle(args[0], args[1], row.tries + 1, row.due + 1, "tried")
    elif kind == "resend":
        log.resend(args[0])
    elif kind == "consume":
        log.advance_consumer("uplink", args[0])
    elif kind == "aside":
        {"set": log.set_aside, "back": log.bring_back, "drop": log.drop_aside}[args[0]](args[1])
    else:
        now = log.event(log.last).received if log.last else T0
        retention.Compaction(log, now or T0, keep_days=KEEP_DAYS).step()


def handle(log: StoreLog, count: int, name: str, key: int, failed: bool) -> None:
    """One step of the engine: facts leave the inbox into the log, with an output, a command, state, an alarm and the level."""
    with log.transaction():
        for number, event in log.pending(count):
            cause = log.append(event)
            assert cause is not None
            log.taken(number)
            made = output(int(event.data["n"]))
            seq = log.append(made, 1, cause)
            assert seq is not None
            if int(event.data["n"]) % 3 == 0:
                log.push(made.id, seq, "lamp", made.stream, micros(made.time))
            if failed:
                log.save_failure(name, micros(event.time), event.id, "f", "it broke")
        total = int(log.load_state(name).get("total", b"0")) + 1
        changes = Changes([("total", b"%d" % total), (f"k{key}", b"%d" % log.last if total % 3 else None)])
        changes.alarms = [AlarmRow("later", f"k{key}", log.last if total % 4 else None, b"{}", log.last)]
        log.save_changes(name, changes)
        offset = log.last if name == "slow" else None
        log.save_instance(name, "toy", "1.0", offset, log.last, 0)
        log.save_level(log.last)


def foretell(model: Model, op: Op) -> None:
    """Do an operation on the model."""
    kind, *args = op
    if kind == "accept":
        known = {row[0] for row in model.records.values()} | set(model.inbox)
        for number in args[0]:
            if f"fact-{number}" not in known:
                known.add(f"fact-{number}")
                model.inbox.append(f"fact-{number}")
        model.sent = max(model.sent, *args[0])
    elif kind == "handle":
        _handled(model, *args)
    elif kind == "settle":
        seq, _, tries, due, _ = model.outbox[args[0]]
        model.outbox[args[0]] = (seq, args[1], tries + 1, due + 1, "tried")
    elif kind == "resend":
        model.outbox[args[0]] = (model.outbox[args[0]][0], "waiting", 0, 0, None)
    elif kind == "consume":
        model.consumer = max(model.consumer, args[0])
    elif kind == "aside":
        _aside(model, *args)
    else:
        _compacted(model)


def _add(model: Model, event: Event, hops: int, cause: int) -> int:
    seq = model.last + 1
    model.records[seq] = (event.id, hops, cause)
    model.times[seq] = micros(event.time)
    return seq


def _handled(model: Model, count: int, name: str, key: int, failed: bool) -> None:
    taken, model.inbox = model.inbox[:count], model.inbox[count:]
    for one in taken:
        number = int(one.removeprefix("fact-"))
        cause = _add(model, fact(number), 0, 0)
        seq = _add(model, output(number), 1, cause)
        if number % 3 == 0:
            model.outbox[f"out-{number}"] = (seq, "waiting", 0, micros(fact(number).time), None)
        if failed:
            model.failures.append(micros(fact(number).time))
    state, alarms, last = model.state.setdefault(name, {}), model.alarms.setdefault(name, set()), model.last
    total = int(state.get("total", b"0")) + 1
    state["total"] = b"%d" % total
    state.pop(f"k{key}", None)
    if total % 3:
        state[f"k{key}"] = b"%d" % last
    alarms -= {alarm for alarm in alarms if alarm[0] == f"k{key}"}
    if total % 4:
        alarms.add((f"k{key}", last, last))
    model.offsets[name] = last if name == "slow" else None
    model.level = last


def _aside(model: Model, what: str, name: str) -> None:
    kept = f"{name}#aside"
    if what == "set":
        offset = model.offsets[name]
        model.asides[name] = model.level if offset is None else offset
        model.state[kept], model.alarms[kept] = dict(model.state[name]), set(model.alarms[name])
        return
    if what == "back" and name in model.asides:
        model.offsets[name] = model.asides[name]
        model.state[name], model.alarms[name] = model.state[kept], model.alarms[kept]
    model.asides.pop(name, None)
    model.state.pop(kept, None)
    model.alarms.pop(kept, None)


def _compacted(model: Model) -> None:
    """One slice: records first; when no more may go, what goes with them."""
    now = model.times[model.last] if model.last else micros(T0)
    cutoff = now - micros(instant(0) + timedelta(days=KEEP_DAYS))
    needed = [offset + 1 for offset in model.offsets.values() if offset is not None] + [offset + 1 for offset in model.asides.values()]
    needed += [row[0] for row in model.outbox.values() if row[1] in ("waiting", "answered")]
    if model.consumer:
        needed.append(model.consumer + 1)
    end = min([model.level + 1, model.oldest + SLICE, model.last, *needed])
    old = [seq for seq in range(model.oldest, end) if all(model.times[n] < cutoff for n in range(model.oldest, seq + 1))]
    if old:
        for seq in old:
            del model.records[seq]
        model.oldest = old[-1] + 1
        return
    gone = [name for name, row in sorted(model.outbox.items()) if row[1] in ("sent", "dead") and (row[3] < cutoff or row[0] < model.oldest)]
    for name in gone[:SLICE]:
        del model.outbox[name]
    failures = [at for at in model.failures if at < cutoff][:SLICE]
    for at in failures:
        model.failures.remove(at)


def observe(log: StoreLog) -> dict[str, Any]:
    """A log as a model shows it. Each record and waiting fact must also be the very event that the source made. LogFault for damage."""
    model = Model(oldest=log.oldest, level=log.level(), consumer=log.consumer("uplink"))
    for record in log.read():
        number = int(record.event.id.partition("-")[2])
        made = fact(number) if record.event.source == "probe" else output(number)
        assert record.event == made
        model.records[record.seq] = (record.event.id, record.hops, record.cause)
    for _, event in log.pending():
        assert event == fact(event.data["n"])
        model.inbox.append(event.id)
    model.offsets, model.asides = log.instances(), log.aside_offsets()
    for name in [*model.offsets, *(f"{name}#aside" for name in model.asides)]:
        stored = log.load_instance(name)
        assert stored is not None
        model.state[name] = stored.state
        model.alarms[name] = {(alarm.key, alarm.due or 0, alarm.cause) for alarm in stored.alarms}
    for row in (*log.unsettled(), *log.dead()):
        model.outbox[row.id] = (row.seq, row.status, row.tries, row.due, row.note)
    for row in log.get("outbox", "WHERE status = 'sent'"):
        model.outbox[row[0]] = (row[1], *row[4:])
    model.failures = [at for _, at, _, _, _ in log.failures()]
    return model.shown()
