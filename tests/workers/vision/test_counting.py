"""People counted on real footage against a truth made by hand, from file to crossing."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storeloom.workers.vision import lines
from storeloom.workers.vision.detect import Detector
from storeloom.workers.vision.grab.footage import frames
from storeloom.workers.vision.lines import Line
from storeloom.workers.vision.pipeline import CameraPipeline

TRUTH = json.loads((Path(__file__).parent / "truth" / "one_by_one.json").read_text(encoding="utf-8"))
START = datetime(2026, 3, 2, tzinfo=UTC)
STEP = 3


@pytest.mark.thorough
def test_people_over_a_line_agree_with_the_truth(detector: Detector, video: Callable[[str], Path]) -> None:
    pipeline = CameraPipeline("door", lambda: detector)
    drawn = {f"x_{x:.2f}": Line((x, 1.0), (x, 0.0)) for x in (0.5, 0.75)}
    states: dict[str, dict[str, object]] = {name: {} for name in drawn}
    counts = {name: {"in": 0, "out": 0} for name in drawn}
    walks: dict[str, list[int]] = {}
    for frame in frames(video(TRUTH["file"]), step=STEP):
        seen = pipeline.observe(frame.seq, START + timedelta(seconds=frame.t_s), frame=frame.image)
        feet = seen.feet("person")
        for track in feet:
            walks.setdefault(track, []).append(frame.seq)
        for name, line in drawn.items():
            states[name], crossings = lines.step(states[name], line, feet, seen.t_s)
            for crossing in crossings:
                counts[name][crossing.direction] += 1
    for name, truth in TRUTH["crossings"].items():
        assert abs(counts[name]["in"] - truth["rightward"]) <= 1, counts
        assert abs(counts[name]["out"] - truth["leftward"]) <= 1, counts
    # one unbroken track a person, found within a second of the first sight and held to within a second of the last
    assert len(walks) == len(TRUTH["persons"])
    for person, seqs in zip(TRUTH["persons"], walks.values(), strict=True):
        assert person["first"] <= seqs[0] <= person["first"] + TRUTH["fps"]
        assert person["last"] - TRUTH["fps"] <= seqs[-1] <= person["last"]
