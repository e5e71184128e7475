"""The exceptions of the vision engine. Each says what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping


class VisionError(Exception):
    """Base of all errors of this engine.

    `what` is the finding in a sentence, `path` the file or the dotted place in the data that it is about, `remedy` the next step. `zh` says
    `what` in Chinese where it may be shown to an operator; `words` gives it by language.
    """

    def __init__(self, what: str, path: str, remedy: str, *, zh: str | None = None) -> None:
        super().__init__(f"{path}: {what} {remedy}")
        self.what = what
        self.path = path
        self.remedy = remedy
        self.words: Mapping[str, str] = {"en": what, "zh": zh if zh is not None else f"“{what.rstrip('.')}”"}


class ModelError(VisionError):
    """A model folder is missing, incomplete, changed, or not of the task asked for."""


class FootageError(VisionError):
    """A video file is missing, empty, unreadable or cut short."""


class SceneError(VisionError):
    """A scene given in place of pixels is malformed."""


class FrameError(VisionError):
    """A frame has neither usable pixels nor a scene."""


class GeometryError(VisionError):
    """A line, polygon, grid or set of reference points spans nothing."""


class ColourError(VisionError):
    """A colour is neither a known name nor `#rrggbb`."""
