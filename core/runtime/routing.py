"""Whom a command goes to.

Of the devices that its solution is bound to, or else of the store's, those whose kind takes it and that have a driver; of these the one
that says it is its own (`Adapter.serves`), or else each that cannot tell. What all of them say is another's goes to none: that is told by
an alert, by a finding in `health`, and the command stands among the dead ones with the reason.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Set
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import Event, Out, out
from storeloom.core.kernel.plan import Plan

NO_DEVICE = "no device with a driver takes it"
ZH = (
    (re.compile(NO_DEVICE), "没有带驱动的设备可接收"),
    (re.compile(r"it is for (.*), which has no driver or is not bound to (.*)"), r"目标设备 \1 没有驱动，或未绑定到 \2"),
    (re.compile(r"none of (.*) serves it \((.*)\)"), r"\1 均不受理（\2）"),
)
NAME = "#outbox"
Serves = Callable[[str, Mapping[str, Any]], bool | None]
LOG = logging.getLogger(__name__)


class Routing:
    """Chooses among the devices that have a driver (`driven`); `kinds` are the catalogue's adapter kinds, `serves` says by device."""

    def __init__(
        self, plan: Plan, kinds: Mapping[str, Mapping[str, Any]], driven: Set[str], serves: Mapping[str, Serves] | None = None
    ) -> None:
        self._instances = {one.name: one for one in plan.instances}
        self._devices: Mapping[str, Any] = plan.store.get("devices", {})
        self._language = str(plan.store.get("language", "zh"))
        self._kinds, self._driven, self._serves = kinds, driven, serves or {}
        self._unserved: dict[str, tuple[int, Finding]] = {}
        self._alerted: set[tuple[str, str]] = set()

    def meant(self, instance: str, event: Event) -> tuple[list[str], str]:
        """The devices to which a command goes, or else why to none."""
        devices = self._candidates(instance, event.stream)
        if not devices:
            return [], NO_DEVICE
        target = str(event.data[schemas.target_field(event.stream)])
        says = {device: self._says(device, event) for device in devices}
        own = [device for device, said in says.items() if said]
        if own:
            return ([target] if target in own else own), ""
        if target not in devices and self._devices.get(target, {}).get("kind") in self._taking(event.stream):
            return [], f"it is for {target}, which has no driver or is not bound to {instance}"
        perhaps = [device for device, said in says.items() if said is None]
        return perhaps, "" if perhaps else f"none of {', '.join(devices)} serves it ({_about(event)})"

    def miss(self, instance: str, event: Event, why: str) -> Out | None:
        """Take note of a command that goes to no device though there are some; the alert of it, once for an instance and stream."""
        if why == NO_DEVICE:
            return None
        count = self._unserved[event.stream][0] + 1 if event.stream in self._unserved else 1
        args = {"stream": event.stream, "count": count, "reason": {"en": why, "zh": in_chinese(why)}}
        finding = Finding("SL-OUT-03", args)
        self._unserved[event.stream] = (count, finding)
        if (instance, event.stream) in self._alerted:
            return None
        self._alerted.add((instance, event.stream))
        text = finding.text("zh" if self._language.startswith("zh") else "en")
        alert = {"alert": f"undelivered-{instance}-{event.stream}", "kind": "undelivered", "severity": "warn", "state": "open"}
        return out("alert.raise", {**alert, "subject": instance, "text": text, "ref": event.ref})

    def findings(self) -> list[Finding]:
        """The commands that went to no device since the start, one finding a stream."""
        return [finding for _, (_, finding) in sorted(self._unserved.items())]

    def _says(self, device: str, event: Event) -> bool | None:
        """What a device's driver says of a command; None too where it fails at that: carrying it out will tell why."""
        try:
            return self._serves[device](event.stream, event.data) if device in self._serves else None
        except Exception as error:  # whatever a vendor's driver raises must not stop the store's loop
            LOG.warning("%s does not say whether it serves %s: %s: %s", device, event.stream, type(error).__name__, error)
            return None

    def _taking(self, stream: str) -> set[str]:
        """The kinds of devices that take a command."""
        return {kind for kind, facts in self._kinds.items() if stream in facts["takes"]}

    def _candidates(self, instance: str, stream: str) -> list[str]:
        kinds, plan = self._taking(stream), self._instances.get(instance)
        if plan is None:
            return []
        bound = [device.id for kind, devices in plan.devices.items() if kind in kinds for device in devices]
        found = bound or [device for device, facts in self._devices.items() if facts.get("kind") in kinds]
        return [device for device in dict.fromkeys(found) if device in self._driven]


def in_chinese(why: str) -> str:
    """A reason for which a command went to no device, in Chinese; empty for one that is none of these."""
    return next((pattern.sub(words, why) for pattern, words in ZH if pattern.fullmatch(why)), "")


def _about(event: Event) -> str:
    """What of a command says whose it is: its target, and what its stream allows only certain words for (a channel, a purpose)."""
    schema = schemas.load(schemas.stream_file(event.stream))
    words = [key for key in schema["required"][1:] if "enum" in schema["properties"].get(key, {})]
    return ", ".join(f"{key}={event.data[key]}" for key in [schemas.target_field(event.stream), *words])
