"""Privacy: where people are or were a moment ago, so that no picture leaves a camera with them in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import Algorithm, Reading, State, stages
from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.view import View

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image


FAINT = 0.2  # above what empty aisles score; people half hidden or bent down score less than the detector trusts


@dataclass(frozen=True, kw_only=True)
class PrivacyForm(form.Settings):
    classes: tuple[str, ...] = form.texts(("person", "face"), "What is hidden", "隐藏对象", least=1)
    margin: float = form.number(0.1, "Margin around it", "外扩比例", "share", most=1)
    hold_s: float = form.number(1.0, "A place stays hidden after its person is lost for", "丢失后继续隐藏", "s", most=60)


class Privacy(Algorithm[PrivacyForm]):
    """The privacy blur. It gives no reading; its state holds the boxes that must be hidden, those of the last moments too, because
    a detector loses people for a frame now and then. What may be a person is hidden even where the detector doubts it and no track bears
    it out. `hide` makes the picture that may be shown."""

    needs = stages("frame", "detections")
    streams = ()
    en, zh = "Privacy blur", "隐私模糊"
    Form = PrivacyForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        kept = [[box, at] for box, at in state.get("boxes", ()) if 0 <= t_s - at <= options.hold_s]
        known = {(*box, at) for box, at in kept}
        doubtful = [thing for thing in view.observation.faint if thing.cls in options.classes and thing.score >= FAINT]
        seen = [*view.observation.of(*options.classes), *doubtful]
        new = [[list(thing.box), t_s] for thing in seen if (*thing.box, t_s) not in known]
        return {"boxes": kept + new}, []

    def hide(self, view: View, state: Mapping[str, Any]) -> Image:
        """A copy of the frame with all that must be hidden made unrecognisable; FrameError for a frame without pixels."""
        from storeloom.workers.vision.privacy import blur

        if view.pixels is None:
            raise FrameError("A scene has no picture.", "camera.frame.pixels", "Take the snapshot from a frame with pixels.")
        boxes: list[Box] = [tuple(box) for box, _ in self.look(view, state)[0]["boxes"]]
        return blur(view.pixels, boxes, margin=self.settings.margin)
