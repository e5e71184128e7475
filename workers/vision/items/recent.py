"""What was recognised a moment ago, so that a person's answer can be learnt: vectors of goods, in memory, for a minute of frame time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from storeloom.workers.vision.boxes import Box, iou, share_inside

if TYPE_CHECKING:
    from storeloom.workers.vision.items.embedding import Vector
    from storeloom.workers.vision.items.results import Taught

KEPT = timedelta(seconds=60)
MOST_OF_A_CAMERA = 64
SAME_BOX = 0.9
MOST_PERSON = 0.1


@dataclass(frozen=True)
class Look:
    """A box of frame `seq`, taken `at`, and the vector of what lay in it; None in a scene, which has no picture.

    `answers` are what was learnt from it already, by shop and item.
    """

    seq: int
    at: datetime
    box: Box
    vector: Vector | None
    answers: dict[tuple[str, str], Taught] = field(default_factory=dict)


class Recent:
    """The last looks of each camera, at most 64, none older than a minute before the camera's newest frame.

    A box of which a tenth or more is a person is not kept, so nothing of a person can be learnt. Threads may share it.
    """

    def __init__(self) -> None:
        self._looks: dict[str, deque[Look]] = {}
        self._lock = threading.Lock()

    def keep(self, camera: str, look: Look, people: Sequence[Box]) -> None:
        """Keep a look of a frame in which people were seen in these boxes; the same box of a frame once."""
        if any(share_inside(look.box, person) >= MOST_PERSON for person in people):
            return
        with self._lock:
            looks = self._looks.setdefault(camera, deque(maxlen=MOST_OF_A_CAMERA))
            if not any((one.seq, one.at, one.box) == (look.seq, look.at, look.box) for one in looks):
                looks.append(look)

    def find(self, camera: str, seq: int, box: Sequence[float]) -> Look | None:
        """The newest look at this box (intersection over union 0.9) of frame `seq`, None when it is gone or was never kept."""
        with self._lock:
            known = [look for look in self._looks.get(camera, ()) if look.seq == seq and iou(look.box, box) >= SAME_BOX]
            return max(known, key=lambda look: (look.at, iou(look.box, box)), default=None)

    def pass_time(self, camera: str, now: datetime) -> None:
        """Drop what is older than a minute at a camera's frame of `now`."""
        with self._lock:
            looks = self._looks.get(camera, deque())
            while looks and now - looks[0].at > KEPT:
                looks.popleft()

    def forget(self, camera: str) -> None:
        """Drop all looks of a camera."""
        with self._lock:
            self._looks.pop(camera, None)
