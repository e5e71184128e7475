"""What an algorithm is, what it reads out of a frame, and the people that several algorithms ask for."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar, cast

from storeloom.core.kernel.events import rfc3339
from storeloom.workers.vision.algorithms.settings import AlgorithmError, Settings, parsed, schema_of
from storeloom.workers.vision.colour import WORN_LIKENESS, best_likeness, trunk_colour
from storeloom.workers.vision.entries import picture_place
from storeloom.workers.vision.floorplan import FloorPlan
from storeloom.workers.vision.still import Person
from storeloom.workers.vision.things import Seen
from storeloom.workers.vision.view import Stage, View

__all__ = ["Algorithm", "AlgorithmError", "Reading", "State", "incident", "moment", "persons", "remembered", "seconds", "stages"]

State = dict[str, Any]
C = TypeVar("C", bound=Settings)
STAFF_KEPT_S = 10.0
LIKELY_STAFF = 0.5


@dataclass(frozen=True)
class Reading:
    """What an algorithm found, as the data of an event on a stream."""

    stream: str
    data: Mapping[str, Any]


class Algorithm(ABC, Generic[C]):
    """One algorithm with its settings; all that it remembers is in the JSON state that `look` takes and gives back.

    `needs` are the stages of a `View` that it asks for: one that needs `tracks` makes the tracker see every frame, whatever its own rate.
    `en` and `zh` are its titles, `streams` those of its readings.
    """

    needs: ClassVar[frozenset[Stage]]
    streams: ClassVar[tuple[str, ...]]
    en: ClassVar[str]
    zh: ClassVar[str]
    Form: ClassVar[type[Settings]]

    def __init__(self, settings: C | None = None) -> None:
        self.settings: C = cast(C, self.Form()) if settings is None else settings
        self.settings.check()

    @property
    def every_s(self) -> float:
        """Seconds of frame time between looks, 0 for every frame."""
        return self.settings.every_s

    @abstractmethod
    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        """One frame: the next state and what was found. The state given is not changed."""

    def rest(self, camera: str, t_s: float, state: Mapping[str, Any]) -> list[Reading]:
        """What is told of a window that is open when the footage ends at `t_s`: that window, cut short. Nothing where there is none."""
        return []

    @classmethod
    def takes_over(cls, other: type[Algorithm[Any]], state: Mapping[str, Any]) -> State | None:
        """The state with which this class goes on where `other` was replaced by it; None to begin anew."""
        return dict(state) if other is cls else None

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The settings as JSON Schema."""
        return schema_of(cls.Form)

    @classmethod
    def settings_of(cls, given: Mapping[str, Any]) -> C:
        """Settings from JSON; AlgorithmError with all that is wrong with their form."""
        return cast(C, parsed(cls.Form, cls.schema(), given))


def stages(*names: Stage) -> frozenset[Stage]:
    return frozenset(names)


def seconds(value: float) -> float:
    """A duration to the millisecond: differences of times since the epoch carry noise below that."""
    return round(value, 3)


def moment(t_s: float) -> str:
    """Seconds since the epoch as RFC 3339 text, UTC."""
    return rfc3339(datetime.fromtimestamp(t_s, UTC))


def place_of(view: View, thing: Seen, plan: FloorPlan | None) -> tuple[float, ...]:
    """Where a thing stands: floor metres from the scene or the floor plan, else by its own height."""
    floor = thing.floor if thing.floor is not None or plan is None else plan.at(thing.foot)
    return picture_place(thing.box, view.aspect) if floor is None else floor


def persons(
    view: View, plan: FloorPlan | None = None, uniform: tuple[str, ...] = (), classes: tuple[str, ...] = ("person",)
) -> dict[str, Person]:
    """The tracked things of these classes. Staff are marked as such by a scene or a detector, or wear a colour of the uniform."""
    return {
        thing.track: Person(thing.foot, place_of(view, thing, plan), thing.box, is_staff(view, thing, uniform))
        for thing in view.observation.of(*classes)
        if thing.track is not None
    }


def is_staff(view: View, thing: Seen, uniform: tuple[str, ...]) -> bool:
    """What the scene or detector says (true, a staff number, or a probability), else whether the uniform's colour is worn."""
    least = LIKELY_STAFF if "staff" in thing.attrs or not uniform else WORN_LIKENESS
    return staff_likeness(view, thing, uniform) >= least


def staff_likeness(view: View, thing: Seen, uniform: Iterable[str]) -> float:
    """How likely a person is staff, 0 to 1: what the scene or detector says (true or a staff number is 1), else how like the trunk's colour
    is to the nearest colour of the uniform; 0 where neither is known."""
    if "staff" in thing.attrs:
        said = thing.attrs["staff"]
        return float(said) if isinstance(said, int | float) else float(bool(said))
    enrolled = tuple(uniform)
    colour = colour_of(view, thing) if enrolled else None
    return 0.0 if colour is None else best_likeness(colour, enrolled)


def colour_of(view: View, thing: Seen) -> str | None:
    """The colour on a person's trunk: the scene's, or measured once a frame; None where neither can be had."""
    pixels = view.pixels
    if "colour" in thing.attrs or pixels is None or thing.box[2] <= 0 or thing.box[3] <= 0:
        return thing.attrs.get("colour")
    return view.shared(("trunk", thing.box), lambda: trunk_colour(pixels, thing.box))


def remembered(before: Mapping[str, float], people: Mapping[str, Person], t_s: float) -> dict[str, float]:
    """Tracks of staff with their last sight: once seen as staff, a track is staff until it has been out of sight for ten seconds."""
    known = {track: at for track, at in before.items() if t_s - at <= STAFF_KEPT_S}
    return known | {track: t_s for track, person in people.items() if person.staff or track in known}


def incident(view: View, kind: str, key: str, from_s: float, ended_s: float | None, **more: Any) -> Reading:
    """A `vision.incident` whose id is the same at its opening and at its end; fields that are None are left out."""
    name = f"{view.camera}|{kind}|{key}|{moment(from_s)}"
    data = {
        "incident": f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:16]}",
        "kind": kind,
        "state": "open" if ended_s is None else "closed",
        "started": moment(from_s),
        "ended": None if ended_s is None else moment(ended_s),
        "camera": view.camera,
        **more,
    }
    return Reading("vision.incident", {key: value for key, value in data.items() if value is not None})
