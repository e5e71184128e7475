"""What an instance may put out: declared streams and kinds, data that fits its schema, no more than a store can carry."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import ContractFault, Finding
from storeloom.core.kernel.events import Out
from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.runtime.runner import Declared

KINDED = frozenset({"alert.raise", "task.create"})
MOST_OUTPUTS = 100_000  # of one handler call: a whole assortment's labels several times over
MOST_BYTES = 1 << 20  # of one event


def collect(instance: str, handler: str, result: Iterable[Out] | Out | None) -> list[Out]:
    """A handler's answer as a list, whichever way it was given. ContractFault when it does not end."""
    if result is None:
        return []
    if isinstance(result, Out):
        return [result]
    found: list[Out] = []
    for item in result:
        if not isinstance(item, Out):
            args = {"instance": instance, "handler": handler, "got": type(item).__name__}
            raise ContractFault(Finding("SL-RUN-11", args))
        found.append(item)
        if len(found) > MOST_OUTPUTS:
            raise ContractFault(Finding("SL-RUN-09", {"instance": instance, "handler": handler, "limit": MOST_OUTPUTS}))
    return found


def check_output(declared: Declared, instance: str, item: Out) -> None:
    """ContractFault for what the solution does not declare, what does not fit the stream's schema, and what is too large."""
    if item.stream not in declared.produces:
        raise ContractFault(Finding("SL-RUN-01", {"instance": instance, "stream": item.stream, "known": sorted(declared.produces)}))
    reason = schemas.first_error(schemas.stream_file(item.stream), item.data)
    if reason:
        raise ContractFault(Finding("SL-RUN-02", {"instance": instance, "stream": item.stream, "reason": reason}))
    if item.stream in KINDED and item.data["kind"] not in declared.kinds:
        args = {"instance": instance, "stream": item.stream, "kind": item.data["kind"], "known": sorted(declared.kinds)}
        raise ContractFault(Finding("SL-RUN-07", args))
    try:
        size = len(as_json(item.data))
    except (TypeError, ValueError) as error:
        raise ContractFault(Finding("SL-RUN-02", {"instance": instance, "stream": item.stream, "reason": str(error)})) from error
    if size > MOST_BYTES:
        args = {"instance": instance, "stream": item.stream, "size": size, "limit": MOST_BYTES}
        raise ContractFault(Finding("SL-RUN-10", args))


def as_json(data: Any) -> bytes:
    """What the log will hold of an event's data. TypeError for what is no JSON, ValueError for NaN and infinity, which it cannot carry."""
    body = orjson.dumps(data)
    if b"null" in body and _not_a_number(data):
        raise ValueError("NaN and infinity are no numbers in JSON")
    return body


def _not_a_number(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_not_a_number, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_not_a_number, value))


class Reach:
    """Which of the store's devices an instance may command: those that are bound to it, where some of the command's kind are."""

    def __init__(self, profile: Mapping[str, Any], kinds: Mapping[str, Mapping[str, Any]]) -> None:
        self._devices: Mapping[str, Mapping[str, Any]] = profile.get("devices", {})
        self._kinds: dict[str, set[str]] = {}
        for kind, facts in kinds.items():
            for stream in facts["takes"]:
                self._kinds.setdefault(stream, set()).add(kind)

    def check(self, plan: InstancePlan, item: Out) -> None:
        """ContractFault for a command that names a device of the store which is bound to others only."""
        kinds = self._kinds.get(item.stream)
        if not kinds:
            return
        target = item.data.get(schemas.target_field(item.stream))
        if not isinstance(target, str) or self._devices.get(target, {}).get("kind") not in kinds:
            return
        bound = [device.id for kind in kinds for device in plan.devices.get(kind, ())]
        if bound and target not in bound:
            args = {"instance": plan.name, "stream": item.stream, "device": target, "known": sorted(bound)}
            raise ContractFault(Finding("SL-RUN-12", args))
