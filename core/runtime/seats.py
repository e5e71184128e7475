"""One process's part in a model's replacement: the detectors of the vision engine that it has.

The store process has its seat at hand; a host has one of its own, to which `RemoteSeat` speaks over the wire.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from storeloom.core.runtime.wire import Standing

if TYPE_CHECKING:
    from storeloom.core.runtime.remote import RemoteInstance

Words = Mapping[str, str]
ASK_S = 0.2
ENDED: Words = {"en": "its process ended.", "zh": "其进程已结束。"}
NOTHING: Words = {"en": "", "zh": ""}
LOADING, CHOSEN = Standing("loading", NOTHING), Standing("kept", NOTHING)


class Chosen(NamedTuple):
    """A model that sees the frames of a camera, or (None) of all that have none of their own. `model` is a `workers.vision` Model."""

    camera: str | None
    model: Any


class Seat(Protocol):
    """What the store asks of each process whose frames a model is to see."""

    def begin(self, camera: str | None, model: Any, probation: int, classes: Sequence[str] | None = None) -> None:
        """Put a model on trial, to be held until it is settled."""

    def standing(self) -> Standing:
        """Where it stands now."""

    def settle(self, fault: Words | None) -> None:
        """Keep the model on trial, or (`fault`) take it back."""

    def use(self, models: Sequence[Chosen]) -> None:
        """See all frames with these models, without trial; the shipped one sees those of which none is named."""


class LocalSeat:
    """The seat of this process; `vision` is its engine. `unfit` is what is wrong with a model that it was last told to use."""

    def __init__(self, vision: Any) -> None:
        self._vision = vision
        self.unfit: Words | None = None
        self._swap: Any = None
        self._last = CHOSEN

    def begin(self, camera: str | None, model: Any, probation: int, classes: Sequence[str] | None = None) -> None:
        try:
            self._swap = self._vision.swap_model(camera, model, probation=probation, labels=classes, hold=True)
        except Exception as error:  # told by the standing, as all else that is wrong with a model
            self._swap, self._last = None, Standing("rolled_back", told(error))

    def standing(self) -> Standing:
        swap = self._swap
        return self._last if swap is None else Standing(swap.state, swap.fault or NOTHING, swap.frames, swap.proved)

    def settle(self, fault: Words | None) -> None:
        if self._swap is not None:
            self._vision.detectors.settle(self._swap, fault)

    def use(self, models: Sequence[Chosen]) -> None:
        """Models that cannot be loaded are left out, and the standing says so."""
        from storeloom.workers.vision.detectors import detector_of

        self._swap, self._last, self.unfit = None, CHOSEN, None
        made: dict[str | None, Any] = {}
        for camera, model in models:
            try:
                made[camera] = detector_of(model)
            except Exception as error:  # a network may be refused in any way; the store goes on with the one that ships
                self.unfit = told(error)
                self._last = Standing("rolled_back", self.unfit)
        self._vision.detectors.use(made)


class RemoteSeat:
    """The seat of a host, as long as that one process lives."""

    def __init__(self, runner: RemoteInstance) -> None:
        self._runner, self._life = runner, runner.life
        self._asked = 0.0

    def begin(self, camera: str | None, model: Any, probation: int, classes: Sequence[str] | None = None) -> None:
        self._runner.tell_model("begin", camera, model, probation, classes)

    def standing(self) -> Standing:
        runner = self._runner
        runner.listen()
        if not runner.running or runner.life != self._life:
            return Standing("rolled_back", ENDED)
        now = time.monotonic()
        if not runner.untold and now - self._asked >= ASK_S:
            self._asked = now
            runner.tell_model("ask")
        return runner.standing or LOADING

    def settle(self, fault: Words | None) -> None:
        self._runner.tell_model("settle", fault)

    def use(self, models: Sequence[Chosen]) -> None:
        self._runner.use_models(models)


def told(error: BaseException) -> Words:
    """What went wrong with a model, by language; what has no words of its own is told as it is."""
    from storeloom.workers.vision.swap import detail

    return detail(error)
