"""Area `vision_models`: what a frame costs beside the bare network, and what the 8-bit detector gains; one thread, run in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storeloom.core.bench.harness import Result, interleaved
from storeloom.core.kernel.errors import Finding, InputFault

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Detector

RUNS = 40


def measure() -> list[Result]:
    """Share of the bare network in a whole frame, ms of the fit, speed-up of nanodet_int8.

    InputFault (SL-INP-03) where the extra `vision` is not installed.
    """
    try:
        from storeloom.workers.vision.detect import Detector
        from storeloom.workers.vision.models import load
        from storeloom.workers.vision.models.fit import Fitter
        from storeloom.workers.vision.models.trial import pictures
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "bench vision_models", "extra": "vision"})) from error
    exact, fast = Detector(load("nanodet")), Detector(load("nanodet_int8"))
    picture = pictures()["noise"]
    fitter = Fitter(exact.card.input)
    blob = fitter.fit(picture)[0].copy()

    def bare(detector: Detector) -> None:
        detector.session.run(None, {detector.session.get_inputs()[0].name: blob})

    subjects = {
        "fit": lambda: fitter.fit(picture),
        "run": lambda: bare(exact),
        "frame": lambda: exact.detect(picture),
        "run8": lambda: bare(fast),
        "frame8": lambda: fast.detect(picture),
    }
    interleaved(subjects, 2)
    took = interleaved(subjects, RUNS)
    network = f"bare session.run {1000 * took['run']:.1f} ms"
    network8 = f"bare session.run {1000 * took['run8']:.1f} ms"
    return [
        Result("vision_fit", 1000 * took["fit"], "ms", "<= 1", "1280 x 720 into 416 x 416", RUNS),
        Result("vision_frame_share", took["run"] / took["frame"], "x", ">= 0.9", network, RUNS),
        Result("vision_frame_share_int8", took["run8"] / took["frame8"], "x", ">= 0.9", network8, RUNS),
        Result("vision_int8_speedup", took["run"] / took["run8"], "x", ">= 1.5", network, RUNS),
    ]
