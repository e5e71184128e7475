"""The process of one trial: `python -m storeloom.studio.trials.child FOLDER`. It reads what is asked and writes what came."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.commands.trial import real_input
from storeloom.core.kernel.compose import Composition, compose_sources
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import StoreloomError
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.kernel.sources import gather
from storeloom.core.virtual.report import Report
from storeloom.core.virtual.solo import with_providers
from storeloom.core.virtual.tables import default_tables
from storeloom.core.virtual.trial import TrialResult, try_real, try_virtual
from storeloom.studio.trials.jobs import drop_recordings
from storeloom.studio.trials.scenes import footage_pictures, regions_of, virtual_pictures
from storeloom.studio.trials.view import view_of

TOLD_EVERY_S = 0.4
LANGUAGES = ("zh", "en")


class Stopped(BaseException):
    """Somebody asked this trial to end."""


class Work:
    """What is asked, and how the process tells how far it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: Mapping[str, Any] = orjson.loads((folder / "asked.json").read_bytes())
        self.registry = Registry()
        self._told = 0.0

    def write(self, name: str, content: bytes) -> None:
        """Put a file in place whole."""
        part = self.folder / f"{name}.part"
        part.write_bytes(content)
        part.replace(self.folder / name)

    def tell(self, run: int, runs: int, share: float, at: str) -> None:
        """Say how far it is, a few times a second; Stopped where somebody asked for it."""
        if time.monotonic() - self._told < TOLD_EVERY_S:
            return
        self._told = time.monotonic()
        if (self.folder / "stop").exists():
            raise Stopped
        self.write("progress.json", orjson.dumps({"run": run, "runs": runs, "share": round(share, 4), "time": at}))

    def all(self) -> None:
        """Every run, then the reports."""
        bodies = self.asked["runs"]
        found: list[tuple[TrialResult, dict[str, Any]]] = []
        for number, body in enumerate(bodies, 1):
            composition = self._composed(body)
            plan = composition.require()
            found.append(self._one(plan, composition, body, number, len(bodies)))
        drop_recordings(self.folder)
        self.write("result.json", orjson.dumps([view for _, view in found]))
        for lang in LANGUAGES:
            self.write(f"report-{lang}.html", Report(found[0][0], self.registry.catalogue, lang).html().encode())

    def _composed(self, body: Mapping[str, Any]) -> Composition:
        if body.get("solution"):
            return with_providers(self.registry, str(body["solution"]))
        document = Document(str(body["path"]), dict(body["data"]), {})
        return compose_sources(gather(document, self.registry.catalogue), self.registry)

    def _one(
        self, plan: Plan, composition: Composition, body: Mapping[str, Any], run: int, runs: int
    ) -> tuple[TrialResult, dict[str, Any]]:
        name = str(body.get("name") or composition.sources.name)
        receipts, footage = self.asked.get("receipts"), self.asked.get("footage")
        if receipts or footage:
            result, pictures = self._recorded(plan, name, run, runs)
        else:
            result, pictures = self._virtual(plan, name, run, runs)
        view = view_of(result, self.registry.catalogue, pictures)
        return result, {**view, "label": body.get("label"), "regions": regions_of(plan, self.registry.catalogue)}

    def _virtual(self, plan: Plan, name: str, run: int, runs: int) -> tuple[TrialResult, list[dict[str, Any]]]:
        asked = self.asked
        start, days, history = date.fromisoformat(asked["start"]), int(asked["days"]), int(asked["history"])
        hours = StoreHours(str(plan.store["zone"]), plan.store["hours"])
        begin, end = hours.midnight(start - timedelta(days=history)), hours.midnight(start + timedelta(days=days))

        def show(now: datetime) -> None:
            self.tell(run, runs, min(1.0, max(0.0, (now - begin) / (end - begin))), hours.local(now).isoformat())

        seed, scale = int(asked["seed"]), float(asked["scale"])
        result = try_virtual(plan, self.registry, start=start, days=days, seed=seed, scale=scale, history=history, name=name, progress=show)
        return result, virtual_pictures(plan, start, seed, scale, lambda: self.tell(run, runs, 1.0, hours.local(end).isoformat()))

    def _recorded(self, plan: Plan, name: str, run: int, runs: int) -> tuple[TrialResult, list[dict[str, Any]]]:
        receipts, footage = self.asked.get("receipts"), self.asked.get("footage")
        camera = f"{self.asked['camera']}=" if footage and self.asked.get("camera") else ""
        plan, facts, tables = real_input(plan, self.registry, receipts, f"{camera}{footage}" if footage else None)
        hours = StoreHours(str(plan.store["zone"]), plan.store["hours"])
        given = {**default_tables(str(plan.store["format"]), int(self.asked["seed"])), **tables}
        pictures: list[dict[str, Any]] = []
        watched = footage_pictures(facts, pictures, hours) if footage else facts

        def told() -> Iterator[Fact]:
            for fact in watched:
                self.tell(run, runs, 0.0, hours.local(fact.received).isoformat())
                yield fact

        result = try_real(plan, self.registry, told(), given, name=name, source=str(receipts or footage))
        return result, pictures


def main(folder: Path) -> int:
    """Do what is asked. What goes wrong is told in `failed.json`, in both languages; recordings are gone at the end."""
    try:
        Work(folder).all()
    except Stopped:
        return 0
    except StoreloomError as fault:
        _failed(folder, [{"code": f.code, "path": f.path, "text": both(f.text), "fix": both(f.fix)} for f in fault.findings])
        return 1
    except Exception as error:  # the page tells it; the whole trace stands in said.txt
        traceback.print_exc()
        words = f"{type(error).__name__}: {error}"
        _failed(folder, [{"code": "", "path": "", "text": {"en": words, "zh": words}, "fix": {"en": "", "zh": ""}}])
        return 1
    finally:
        drop_recordings(folder)
    return 0


def both(said: Any) -> dict[str, str]:
    """A text of a finding by language."""
    return {lang: said(lang) for lang in LANGUAGES}


def _failed(folder: Path, findings: list[dict[str, Any]]) -> None:
    if not (folder / "result.json").exists():
        (folder / "failed.json").write_bytes(orjson.dumps(findings))


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main(Path(sys.argv[1])))
