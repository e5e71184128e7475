"""What a trial brought, as plain values that a page shows without the trial's own objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Event, plain
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.virtual.figures import by_hour, hours, store_time, within
from storeloom.core.virtual.report import opened
from storeloom.core.virtual.score import score
from storeloom.core.virtual.trial import TrialResult

MOST_NOTES = 1000
MOST_ACTIONS = 1000
ABOUT = ("subject", "asset", "till", "staff", "fixture", "zone")
NOTES = ("alert.raise", "task.create")


def view_of(result: TrialResult, catalogue: Catalogue, pictures: list[dict[str, Any]]) -> dict[str, Any]:
    """The view of a trial: figures, notes (alerts and tasks), actions, hours, scores, failures, and its pictures."""
    alerts = Counter(event.source for event in opened(result.outputs))
    notes = sorted((e for e in result.outputs if e.stream in NOTES), key=lambda e: e.time)
    actions = sorted((e for e in result.outputs if schemas.streams()[e.stream] and e.stream not in NOTES), key=lambda e: e.time)
    receipts = result.facts_by_hour.get("pos.sale") or within(result.truth.get("receipts", {}), result)
    return {
        "name": result.name,
        "store": result.store,
        "zone": result.zone,
        "currency": result.currency,
        "start": store_time(result.start, result.zone).isoformat(),
        "end": store_time(result.end, result.zone).isoformat(),
        "seconds": round(result.seconds, 3),
        "speed": round(result.speed, 1),
        "facts": dict(sorted(result.facts.items())),
        "solutions": [
            {
                "name": name,
                "solution": one.solution,
                "version": catalogue.solution(one.solution)["version"],
                "events": one.handled,
                "figures": one.figures,
                "by_day": one.by_day,
                "outputs": dict(sorted(one.outputs.items())),
                "alerts": alerts[name],
                "silence": {lang: one.silence.said(lang) for lang in ("zh", "en")} if one.silence else None,
            }
            for name, one in result.solutions.items()
        ],
        "hours": hours(result),
        "series": _series(result),
        "trade": {"receipts": dict(receipts), "visitors": dict(within(result.truth.get("arrivals", {}), result))},
        "scores": [{"name": dict(one.name), "instance": one.solution, "answer": one.answer, "truth": one.truth} for one in score(result)],
        "notes": [_note(event, result.zone) for event in notes[:MOST_NOTES]],
        "notes_total": len(notes),
        "actions": [_action(event, result.zone) for event in actions[:MOST_ACTIONS]],
        "actions_total": len(actions),
        "failures": [{"code": f.code, "path": f.path, "text": _both(f.text), "fix": _both(f.fix)} for f in result.failures[:100]],
        "failures_total": len(result.failures),
        "pictures": pictures,
    }


def _series(result: TrialResult) -> dict[str, dict[str, dict[str, int]]]:
    """Outputs of each instance by stream and hour."""
    outputs: dict[str, list[Event]] = {name: [] for name in result.solutions}
    for event in result.outputs:
        outputs[event.source].append(event)
    return {name: {stream: dict(counts) for stream, counts in by_hour(events, result).items()} for name, events in outputs.items()}


def _note(event: Event, zone: str) -> dict[str, Any]:
    """An alert or a task."""
    alert = event.stream == "alert.raise"
    return {
        "time": store_time(event.time, zone).isoformat(),
        "instance": event.source,
        "alert": alert,
        "kind": event["kind"],
        "text": event["text"] if alert else event["title"],
        "about": next((str(event[key]) for key in ABOUT if event.get(key)), ""),
        "level": ("cleared" if event.get("state") == "cleared" else event["severity"]) if alert else event["priority"],
    }


def _action(event: Event, zone: str) -> dict[str, Any]:
    """A command: when, whose, what for, and its data."""
    target = schemas.target_field(event.stream)
    rest: Mapping[str, Any] = {key: value for key, value in event.data.items() if key != target}
    return {
        "time": store_time(event.time, zone).isoformat(),
        "instance": event.source,
        "stream": event.stream,
        "target": str(event.get(target, "")),
        "data": schemas.show(plain(rest), 160),
    }


def _both(said: Any) -> dict[str, str]:
    return {lang: said(lang) for lang in ("zh", "en")}
