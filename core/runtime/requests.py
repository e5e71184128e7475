"""What an operator asks of a running store from another process, by a row in its log: another bundle, another model for a camera."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from storeloom.core.kernel.drivers import driver_findings
from storeloom.core.kernel.errors import BundleFault, ConfigFault, Finding, LogFault, StoreloomError
from storeloom.core.kernel.lock import digest_of, fingerprint
from storeloom.core.kernel.plan import InstancePlan, Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime import packages
from storeloom.core.runtime.models import Models
from storeloom.core.runtime.secret_file import read_secrets
from storeloom.core.runtime.swap import Swap

if TYPE_CHECKING:
    from storeloom.core.runtime.live import LiveStore

RESTART_CODE = 75  # EX_TEMPFAIL: start me again
LOG = logging.getLogger(__name__)
BUNDLE = "bundle.json"  # in a release's folder
KEPT, GIVEN = "bundle.json", "bundle.given"


@dataclass
class Change:
    """A bundle taken in while the store runs: what was swapped, what joined, what left (with the sequence that it had done with).

    `digest` and `site` are those of the bundle before it.
    """

    file: Path
    old: Plan
    new: Plan
    registry: Registry
    swaps: list[Swap] = field(default_factory=list)
    group: list[str] = field(default_factory=list)
    digest: str = ""
    site: Path | None = None
    joined: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)


class Requests:
    """Answers requests between two turns of the loop, in order. A bundle that was asked for is kept once its swaps have proved good."""

    def __init__(self, store: LiveStore) -> None:
        self._store = store
        self._changes: list[Change] = []
        self._taken_back: list[Finding] = []
        self.models = Models(store)
        store.swaps.before_keep = self._prove

    def troubles(self) -> tuple[Finding, ...]:
        """What was taken back since the last bundle or model was applied, and why; models that could not be used at the start."""
        return (*self._taken_back, *self.models.troubles())

    def tend(self) -> None:
        """Answer what is asked; an answer says `done`, `restarting` or `refused` and why, or of a model that it is on `trial`.

        The answer of one on trial changes as that goes on, until it is `done` or `taken_back`.
        """
        for request in self._store.log.asked():
            try:
                status, body = self._answer(request.id, request.kind, request.body)
            except LogFault:
                raise
            except Exception as error:  # left without an answer it would come again after each restart, and take the store with it
                LOG.warning("request %d (%s) was refused", request.id, request.kind, exc_info=error)
                status, body = "refused", {"findings": _refusal(error, str(request.body.get("lang", "en")))}
            self._store.log.answer(request.id, status, body)
        self._keep()
        self.models.tend()

    def _answer(self, number: int, kind: str, body: Mapping[str, Any]) -> tuple[str, Any]:
        if kind == "apply":
            site = None if body.get("site") is None else Path(body["site"])
            before = packages.use_site(site) if site is not None else None
            try:
                return self._apply(Path(body["file"]), before, restart=bool(body.get("restart")))
            except BaseException:
                if site is not None:
                    packages.use_site(before)
                raise
        if kind == "model":
            return self.models.begin(number, body.get("camera"), Path(body["model"]), body.get("classes"))
        raise KeyError(f"no request '{kind}'; known: apply, model")

    def _apply(self, file: Path, site: Path | None, *, restart: bool) -> tuple[str, Any]:
        """Bring the store to another bundle: solution by solution where only solutions differ, by a restart where more does.

        `site` is the environment that was in use before; `restart` is asked for where something beside the bundle has changed.
        """
        _, plan, registry = packages.take_in(self._store.parts.data, file, anew=True)
        old = self._store.engine.plan
        ids = {"got": old.store["store"], "wanted": plan.store["store"]}
        if ids["got"] != ids["wanted"]:
            raise BundleFault(Finding("SL-LOG-04", {"file": self._store.log.path, **ids}, file=str(file)))
        unfit = driver_findings(plan.store, registry.catalogue, lambda *_: (str(file), None))
        if unfit:  # the store would restart with it and could not start
            raise ConfigFault(unfit)
        read_secrets(self._store.parts.data, plan, registry)
        if restart or any(getattr(plan, part) != getattr(old, part) for part in ("store", "profiles", "arbitrate", "runtime")):
            keep_bundle(self._store.parts.data, file)
            self._store.leave_with = RESTART_CODE
            return "restarting", {}
        self._taken_back.clear()
        change = Change(file, old, plan, registry, digest=self._store.digest, site=site)
        self._changes.append(change)
        try:
            self._change(change, plan, registry)
        except (StoreloomError, ValidationError):
            self._go_back(change)
            raise
        self._store.digest = digest_of(file)
        shown = [{"instance": one.instance, "before": one.before, "after": one.after, "state": one.state} for one in change.swaps]
        return "done", {"swaps": shown, "joined": change.joined, "left": sorted(change.left)}

    def _change(self, change: Change, new: Plan, registry: Registry) -> None:
        engine, before = self._store.engine, {item.name: item for item in change.old.instances}
        for order, item in enumerate(new.instances):
            if item.name not in before:
                engine.recruit(item, registry, order)
                change.joined.append(item.name)
            elif self._differs(before[item.name], item, registry):
                change.swaps.append(self._store.swaps.swap(item, registry, change.group))
        for name in before.keys() - {item.name for item in new.instances}:
            change.left[name] = engine.dismiss(name)
        engine.plan = new

    def _go_back(self, change: Change) -> None:
        """The store runs what it ran before a change."""
        engine = self._store.engine
        self._changes.remove(change)
        self._store.swaps.roll_back(change.group, "the bundle was taken back")
        for name in change.joined:
            engine.dismiss(name)
        for order, item in enumerate(change.old.instances):
            if item.name in change.left:
                member = engine.recruit(item, engine.registry, order)
                engine.crew.fall_behind(member, change.left[item.name])
        engine.plan, self._store.digest = change.old, change.digest
        if change.site is not None:
            packages.use_site(change.site)

    def _tell(self, change: Change) -> None:
        """Say what was taken back, in the store's own log and to whoever asks how it does."""
        for one in change.swaps:
            args = {"instance": one.instance, "before": one.before, "after": one.after, "reason": one.reason.rstrip(".")}
            self._taken_back.append(Finding("SL-RUN-14", args))
            LOG.warning("%s", self._taken_back[-1].text())

    def _differs(self, old: InstancePlan, new: InstancePlan, registry: Registry) -> bool:
        """Whether an instance's plan, or its plugin's version, schema or source, is another."""
        runs = self._store.swaps.registry_of(old.name).catalogue.solution(old.solution)
        return old != new or fingerprint(registry.catalogue.solution(new.solution)) != fingerprint(runs)

    def _keep(self) -> None:
        """Once all swaps of a bundle are kept, it is the store's; when one was rolled back, the store goes back to what it had.

        A bundle that was applied on top of one on probation waits for that one, and goes back with it.
        """
        for change in list(self._changes):
            states = {one.state for one in change.swaps}
            if "rolled_back" in states:
                for later in self._changes[: self._changes.index(change) : -1]:
                    self._go_back(later)
                self._go_back(change)
                self._tell(change)
                return
            if states & {"starting", "live"}:
                return
            self._take(change)
            self._changes.remove(change)

    def _take(self, change: Change) -> None:
        """The store starts with this bundle from now on."""
        keep_bundle(self._store.parts.data, change.file)
        packages.keep(self._store.parts.data, change.registry, change.new)

    def _prove(self, group: list[str]) -> None:
        """A bundle has proved good: it is to be the store's before the way back is given up, for state goes with the bundle."""
        for change in self._changes:
            if change.group is group:
                self._take(change)


def _refusal(error: Exception, lang: str) -> list[dict[str, Any]]:
    """Why a request was refused, one entry a finding; what has no words of its own is told as it is."""
    findings = getattr(error, "findings", ())  # a StoreloomError's, a ModelFault's
    if findings:
        return [finding.as_dict(lang) for finding in findings]
    words, fix = getattr(error, "words", None), getattr(error, "fix", None)
    if words is not None and fix is not None:
        return [{"reason": words[lang], "fix": fix[lang]}]
    return [{"reason": f"{type(error).__name__}: {error}", "fix": ""}]


def keep_bundle(data: Path, file: Path) -> None:
    """Make a packed bundle the one that the store starts with, whole or not at all."""
    part = data / f"{KEPT}.part"
    with open(part, "wb") as out:
        out.write(file.read_bytes())
        out.flush()
        os.fsync(out.fileno())
    part.replace(data / KEPT)


def chosen_bundle(data: Path, given: Path) -> Path:
    """The bundle that a store starts with: the `given` file, or what was applied while it ran on that same file.

    A folder is a release's: its bundle, with its vendors' packages beside it, is what the store starts with whatever was applied before.
    """
    if given.is_dir():
        release = given.resolve()  # once: where a link leads may change at any moment, and both are to be of one release
        packages.use_site(release / packages.SITE)
        return release / BUNDLE
    kept, mark = data / KEPT, data / GIVEN
    digest = hashlib.sha256(given.read_bytes()).hexdigest() if given.is_file() else ""
    if kept.is_file() and mark.is_file() and mark.read_text(encoding="utf-8") == digest:
        return kept
    kept.unlink(missing_ok=True)
    mark.write_text(digest, encoding="utf-8")
    return given
