"""The models of a store's detectors, in all its processes: which is in use where, and a replacement's way to one verdict.

A replacement is on trial in every process whose solutions see the cameras, each with its own detectors (`seats`). It is kept once it has
proved itself in all of them, and is taken back everywhere as soon as one takes it back. What is kept is a row in the log, and is in use
again after a restart of the store or of one process.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log_delivery import KEPT, STORE_PROCESS, TAKEN_BACK, TRIAL, KeptModel
from storeloom.core.runtime.remote import RemoteInstance
from storeloom.core.runtime.seats import NOTHING, Chosen, LocalSeat, RemoteSeat, Seat, Words, told
from storeloom.core.runtime.wire import Standing

if TYPE_CHECKING:
    from storeloom.core.runtime.live import LiveStore

FRAMES = "camera.frame"
LONGEST = timedelta(minutes=10)
PROBATION = 50  # frames in each process
LOG = logging.getLogger(__name__)


@dataclass
class Trial:
    """A model's replacement under way: the request that asked for it, who takes part, and where each stands."""

    request: int
    kept: KeptModel
    model: Any
    seats: dict[str, Seat]
    until: datetime
    standings: dict[str, Standing] = field(default_factory=dict)
    settled: bool = False
    told: object = None


class Models:
    """For the store's loop: `begin` what an operator asks, `tend` it every turn."""

    def __init__(self, store: LiveStore) -> None:
        self._store = store
        self.probation = PROBATION
        self._trials: list[Trial] = []
        self._unfit: dict[str | None, Finding] = {}
        self._taken_back: dict[str | None, Finding] = {}
        self._here: LocalSeat | None = None
        for number, body in store.log.answers(TRIAL):
            self._interrupted(number, body)
        self._chosen = [one for row in store.log.kept_models() if (one := self._loaded(row)) is not None]
        if self._chosen:
            self._use(self._chosen)

    # --- what is in use ---

    def _loaded(self, row: KeptModel) -> Chosen | None:
        """A model that was kept, as it lies in its folder; None, and a finding, where it is not there or is another."""
        from storeloom.workers.vision.models import BUILT_IN, load
        from storeloom.workers.vision.swap import words

        shipped = Path(row.place).name == row.place
        try:
            model = load(BUILT_IN / row.place if shipped else Path(row.place))
        except Exception as error:  # whatever a file does, the store starts
            self._no_longer(row.camera, row.place, told(error))
            return None
        found = model.card.sha256
        if found != row.sha256 and not shipped:
            self._no_longer(row.camera, row.place, words("changed", found=found[:12], wanted=row.sha256[:12]))
            return None
        return Chosen(row.camera, model)

    def _no_longer(self, camera: str | None, place: str, reason: Words) -> None:
        args = {"model": Path(place).name, "cameras": cameras(camera), "reason": clause(reason)}
        self._unfit[camera] = Finding("SL-RUN-16", args)
        LOG.warning("%s", self._unfit[camera].text())

    def _use(self, chosen: list[Chosen], *, told_already: Iterable[str] = ()) -> None:
        """See all frames with these models, in each process that does not do so already, and in those that start later."""
        self._chosen = chosen
        if self._store.parts.hosts is not None:
            self._store.parts.hosts.models = chosen
        for name, runner in self._hosted():
            if name in told_already:
                runner.chosen = chosen
            else:
                runner.use_models(chosen)
        here = any(one.isolation == "shared" and self._sees(one, None) for one in self._store.engine.crew)
        if here and STORE_PROCESS not in told_already:
            self._seat_here().use(chosen)

    def _seat_here(self) -> LocalSeat:
        self._here = self._here or LocalSeat(self._store.engine.workers.vision)
        return self._here

    def _hosted(self) -> list[tuple[str, RemoteInstance]]:
        """Those that see cameras in processes of their own."""
        crew = self._store.engine.crew
        found = [(one.name, one.runner) for one in crew if isinstance(one.runner, RemoteInstance)]
        return [(name, runner) for name, runner in found if runner.declared.load == "vision"]

    def _sees(self, member: Any, camera: str | None) -> bool:
        """Whether an instance sees frames of a camera, or (None) of any, with the vision engine's detectors."""
        declared = member.runner.declared
        if declared.load != "vision" or FRAMES not in declared.streams:
            return False
        return camera is None or bool(member.runner.takes(Event(FRAMES, self._store.engine.now, {}, source=camera)))

    # --- a replacement ---

    def begin(self, request: int, camera: str | None, folder: Path, classes: Sequence[str] | None = None) -> tuple[str, Any]:
        """Put a model on trial for all cameras or one; the answer to who asked. It must know `classes` (None: all of the model before it).

        Refused where nobody sees the camera or the store has none such, while another replacement is under way, and (ModelFault) for a
        folder that holds no usable model.
        """
        from storeloom.workers.vision.models import BUILT_IN, load
        from storeloom.workers.vision.swap import SwapError, words

        known = sorted(name for name, facts in self._store.engine.plan.store.get("devices", {}).items() if facts.get("kind") == "camera")
        if camera is not None and camera not in known:
            raise SwapError(words("unknown", camera=camera), words("unknown_fix", known=", ".join(known) or "-"), "camera")
        seats = self._seats(camera)
        if not seats:
            raise BundleFault(Finding("SL-RUN-13"))
        for other in self._trials:
            raise SwapError(words("busy", cameras=cameras(other.kept.camera), state=self._state(other)), words("busy_fix"), "camera")
        model = load(folder)
        place = folder.name if folder.resolve().parent == BUILT_IN.resolve() else str(folder)
        until = self._store.clock.now() + LONGEST
        trial = Trial(request, KeptModel(camera, place, model.card.sha256), model, seats, until)
        for seat in seats.values():
            seat.begin(camera, model, self.probation, classes)
        trial.standings = {name: seat.standing() for name, seat in seats.items()}
        self._trials.append(trial)
        self._taken_back.pop(camera, None)
        return TRIAL, self._body(trial)

    def _seats(self, camera: str | None) -> dict[str, Seat]:
        """Who takes part. A process that does not run now is told what is kept when it starts."""
        found: dict[str, Seat] = {}
        for member in self._store.engine.crew:
            if not self._sees(member, camera):
                continue
            if isinstance(member.runner, RemoteInstance):
                if member.runner.running:
                    found[member.name] = RemoteSeat(member.runner)
            else:
                found[STORE_PROCESS] = self._seat_here()
        return found

    def tend(self) -> None:
        """Go on with what is on trial: one verdict for all processes."""
        for trial in list(self._trials):
            trial.standings = {name: seat.standing() for name, seat in trial.seats.items()}
            self._judge(trial)
            now = {name: one.state for name, one in trial.standings.items()}
            if trial in self._trials and now != trial.told:
                trial.told = now
                self._store.log.answer(trial.request, TRIAL, self._body(trial))

    def _judge(self, trial: Trial) -> None:
        from storeloom.workers.vision.swap import words

        bad = next((name for name, one in trial.standings.items() if one.state == "rolled_back"), None)
        if bad is not None:
            self._back(trial, bad, words("in_process", process=process(bad), fault=trial.standings[bad].reason))
        elif all(one.state == "kept" for one in trial.standings.values()):
            self._keep(trial)
        elif all(one.proved for one in trial.standings.values()):
            if not trial.settled:
                trial.settled = True
                for seat in trial.seats.values():
                    seat.settle(None)
        elif not trial.settled and self._store.clock.now() >= trial.until:
            slow = next(name for name, one in trial.standings.items() if not one.proved)
            facts = {"frames": trial.standings[slow].frames, "probation": self.probation, "limit_s": LONGEST.total_seconds()}
            self._back(trial, slow, words("few", process=process(slow), **facts))

    def _keep(self, trial: Trial) -> None:
        """The verdict is for it: it is the store's before anybody is told so."""
        camera = trial.kept.camera
        self._store.log.keep_model(trial.kept)
        others = [] if camera is None else [one for one in self._chosen if one.camera != camera]
        self._use([*others, Chosen(camera, trial.model)], told_already=trial.seats)
        for key in list(self._unfit) if camera is None else [camera]:
            self._unfit.pop(key, None)
        self._end(trial, KEPT, "kept", NOTHING)

    def _back(self, trial: Trial, name: str, fault: Words) -> None:
        """The verdict is against it: all processes go on with what they had, one that has kept it already included."""
        from storeloom.workers.vision.swap import words

        elsewhere = words("elsewhere", process=process(name))
        for other, seat in trial.seats.items():
            if trial.settled:
                seat.use(self._chosen)
            elif trial.standings[other].state != "rolled_back":
                seat.settle(fault if other == name else elsewhere)
        trial.standings = {
            other: one if one.state == "rolled_back" else Standing("rolled_back", fault if other == name else elsewhere, one.frames)
            for other, one in trial.standings.items()
        }
        args = {"model": Path(trial.kept.place).name, "cameras": cameras(trial.kept.camera), "reason": clause(fault)}
        self._taken_back[trial.kept.camera] = Finding("SL-RUN-17", args)
        LOG.warning("%s", self._taken_back[trial.kept.camera].text())
        self._end(trial, TAKEN_BACK, "rolled_back", fault)

    def _end(self, trial: Trial, status: str, state: str, fault: Words) -> None:
        self._trials.remove(trial)
        self._store.log.answer(trial.request, status, self._body(trial, state, fault))

    def _interrupted(self, number: int, body: Mapping[str, Any]) -> None:
        """A trial that a restart ended; what was kept before is in use."""
        from storeloom.workers.vision.swap import words

        facts = {"model": body["model"], "cameras": cameras(body["camera"]), "probation": body["probation"], "fault": words("restarted")}
        over = {"state": "rolled_back", "reason": dict(words("rolled_back", **facts))}
        processes = [{**one, "state": "rolled_back", "reason": dict(words("restarted"))} for one in body["processes"]]
        self._store.log.answer(number, TAKEN_BACK, {**body, **over, "processes": processes})

    def _state(self, trial: Trial) -> str:
        return "loading" if any(one.state == "loading" for one in trial.standings.values()) else "live"

    def _body(self, trial: Trial, state: str = "", fault: Words = NOTHING) -> dict[str, Any]:
        """A replacement for its answer: the whole, and each process."""
        from storeloom.workers.vision.swap import words

        name, state = Path(trial.kept.place).name, state or self._state(trial)
        reason = words(state, model=name, cameras=cameras(trial.kept.camera), probation=self.probation, fault=fault)
        processes = [
            {"process": who, "state": one.state, "reason": dict(one.reason), "frames": one.frames} for who, one in trial.standings.items()
        ]
        about = {"camera": trial.kept.camera, "model": name, "probation": self.probation}
        return {**about, "state": state, "reason": dict(reason), "processes": processes}

    # --- what is wrong ---

    def troubles(self) -> Iterable[Finding]:
        """Models that were taken back, and those kept that some process could not load."""
        yield from self._unfit.values()
        yield from self._taken_back.values()
        seats = {name for trial in self._trials for name in trial.seats}
        standings = [(name, runner.unfit) for name, runner in self._hosted() if name not in seats]
        if self._here is not None and STORE_PROCESS not in seats:
            standings.append((STORE_PROCESS, self._here.unfit))
        for name, fault in standings:
            if fault is not None:
                from storeloom.workers.vision.swap import words  # a store without cameras runs without the engine

                reason = words("in_process", process=process(name), fault=fault)
                names = ", ".join(one.model.card.folder.name for one in self._chosen)
                yield Finding("SL-RUN-16", {"model": names, "cameras": words("all"), "reason": clause(reason)})


def cameras(camera: str | None) -> Words:
    """Which cameras, in words."""
    from storeloom.workers.vision.swap import words

    return words("all") if camera is None else words("camera", camera=camera)


def process(name: str) -> Words:
    """A process in words: the store's, or that of an instance."""
    from storeloom.workers.vision.swap import words

    return words("store") if name == STORE_PROCESS else words("own", instance=name)


def clause(reason: Words) -> Words:
    """A sentence as the end of another."""
    return {"en": reason["en"].rstrip("."), "zh": reason["zh"].rstrip("。")}
