"""How well things are found, followed and counted: the measures of multi-object tracking against a truth made by hand.

HOTA with its parts DetA, AssA and LocA (Luiten et al. 2021, doi:10.1007/s11263-020-01375-2), MOTA with identity switches and fragments
(CLEAR MOT, Bernardin and Stiefelhagen 2008, doi:10.1155/2008/246309) and IDF1 (Ristani et al. 2016, arXiv:1609.01775), computed as the
benchmarks' reference evaluator does; `mot_rows` writes what that evaluator reads, so that anyone can check the figures with it.

`python -m storeloom.workers.vision.evaluate --videos FOLDER TRUTH...` prints the table of the shipped detector and tracker as JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision import lines
from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.errors import FootageError
from storeloom.workers.vision.mot import Labels, Scores, score
from storeloom.workers.vision.pipeline import CameraPipeline
from storeloom.workers.vision.things import Detection, Observation
from storeloom.workers.vision.track import TrackSettings

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image
    from storeloom.workers.vision.detectors import FrameDetector

START = datetime(2026, 1, 1, tzinfo=UTC)
LASTING_S = 0.5
LEAST = 0.05


@dataclass(frozen=True)
class CountingLine:
    """A line in shares of the picture and how often the truth crosses it each way (`lines` says which way is in)."""

    line: lines.Line
    inward: int
    outward: int


@dataclass(frozen=True)
class Truth:
    """What is to be seen in a video: by frame number, the box (shares of the picture) of each identity.

    Frames in which nothing is to be seen are missing from `frames`.
    """

    video: str
    fps: float
    length: int
    cls: str
    frames: Mapping[int, Mapping[int, Box]]
    lines: tuple[CountingLine, ...] = ()

    @property
    def identities(self) -> int:
        return len({name for frame in self.frames.values() for name in frame})


@dataclass(frozen=True)
class Run:
    """A video as the pipeline saw it: the observations of the frames that it was given, and how many a second these were."""

    observations: tuple[Observation, ...]
    fps: float


@dataclass
class Recorded:
    """A detector that looks at each frame once and remembers, so that one video can be followed at several rates and settings.

    Set `seq` to the number of the frame before it is asked.
    """

    detector: FrameDetector
    seq: int = 0
    known: dict[int, list[Detection]] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return self.detector.score

    def detect(self, frame: Image, *, min_score: float | None = None) -> list[Detection]:
        if self.seq not in self.known:
            self.known[self.seq] = self.detector.detect(frame, min_score=LEAST)
        least = self.score if min_score is None else min_score
        return [detection for detection in self.known[self.seq] if detection.score >= least]


def read_truth(path: Path | str) -> Truth:
    """A truth file: `{file, frames, fps, width, height, tracks: [{id, class, keys: [[frame, x, y, w, h, visibility]]}], lines}`.

    Boxes are in pixels; between two keys they change evenly. All tracks are of one class. FootageError for a file that is no truth.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        frames: dict[int, dict[int, Box]] = {}
        for track in data["tracks"]:
            for number, box in between(track["keys"]):
                x, y, w, h = box
                shares = (x / data["width"], y / data["height"], w / data["width"], h / data["height"])
                frames.setdefault(number, {})[int(track["id"])] = shares
        (cls,) = {str(track["class"]) for track in data["tracks"]}
        drawn = tuple(
            CountingLine(lines.Line(tuple(one["start"]), tuple(one["end"])), int(one["in"]), int(one["out"]))
            for one in data.get("lines", ())
        )
        return Truth(str(data["file"]), float(data["fps"]), int(data["frames"]), cls, frames, drawn)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"The truth cannot be read ({type(error).__name__}: {error})."
        raise FootageError(what, str(path), "Give a file of boxes by frame and identity, all of one class.") from error


def between(keys: Sequence[Sequence[float]]) -> Iterator[tuple[int, Sequence[float]]]:
    """The box [x, y, w, h] of every frame from the first key to the last."""
    for before, after in itertools.pairwise(keys):
        steps = int(after[0] - before[0])
        for k in range(steps):
            yield int(before[0]) + k, [a + (b - a) * k / steps for a, b in zip(before[1:5], after[1:5], strict=True)]
    yield int(keys[-1][0]), keys[-1][1:5]


def watch(video: Path, detector: Recorded, *, fps: float | None = None, settings: TrackSettings | None = None) -> Run:
    """Follow a video at `fps` frames a second at most (all its frames where None is given), the frames between left out.

    FootageError as `grab.footage.frames`.
    """
    from storeloom.workers.vision.grab.footage import frames, probe

    pipeline = CameraPipeline("camera", lambda: detector, settings)
    native = probe(video).fps
    rate = native if fps is None else min(fps, native)
    seen: list[Observation] = []
    for frame in frames(video):
        if int(frame.seq * rate / native + 1e-9) < len(seen):
            continue
        detector.seq = frame.seq
        seen.append(pipeline.observe(frame.seq, START + timedelta(seconds=frame.t_s), frame=frame.image))
    return Run(tuple(seen), rate)


def judge(truth: Truth, run: Run) -> dict[str, Any]:
    """The row of the table: tracking scores, things told apart, things a frame, crossings, all for the truth's class.

    `things_found` counts the tracks that lasted half a second or longer; `count_error` is the mean absolute error of the number of things
    in a frame, taken where a box of the detector's own trust is tracked.
    """
    wanted = [dict(truth.frames.get(seen.seq, {})) for seen in run.observations]
    found = [tracked(seen, truth.cls) for seen in run.observations]
    scores: Scores = score(wanted, found)
    held: Counter[str] = Counter(track for frame in found for track in frame)
    errors = [abs(len(a) - len(b)) for a, b in zip(wanted, found, strict=True)]
    row: dict[str, Any] = {"video": truth.video, "class": truth.cls, "fps": round(run.fps, 2), "frames": len(found)}
    row |= scores.as_dict()
    row |= {
        "things_true": truth.identities,
        "things_found": sum(frames >= LASTING_S * run.fps for frames in held.values()),
        "count_error": round(statistics.fmean(errors), 4) if errors else 0.0,
    }
    if truth.lines:
        row["crossings"] = [
            {"true": [one.inward, one.outward], "found": crossed(one.line, run.observations, truth.cls)} for one in truth.lines
        ]
    return row


def tracked(seen: Observation, cls: str) -> dict[str, Box]:
    """The boxes of a class by track."""
    return {thing.track: thing.box for thing in seen.of(cls) if thing.track is not None}


def crossed(line: lines.Line, observations: Iterable[Observation], cls: str) -> list[int]:
    """How often a line is crossed [inward, outward] by the feet of a class."""
    state: lines.State = {}
    counts: Counter[str] = Counter()
    for seen in observations:
        state, crossings = lines.step(state, line, seen.feet(cls), seen.t_s)
        counts.update(crossing.direction for crossing in crossings)
    return [counts["in"], counts["out"]]


def mot_rows(frames: Sequence[Labels], width: int, height: int) -> Iterator[str]:
    """Lines of a MOTChallenge file: frame from 1, identity from 1, x, y, w, h in pixels, 1, 1, 1."""
    numbers: dict[Any, int] = {}
    for number, frame in enumerate(frames, 1):
        for name, (x, y, w, h) in frame.items():
            identity = numbers.setdefault(name, len(numbers) + 1)
            yield f"{number},{identity},{x * width:.2f},{y * height:.2f},{w * width:.2f},{h * height:.2f},1,1,1"


def write_mot(folder: Path, truth: Truth, run: Run) -> None:
    """Write `gt.txt` and `found.txt` of a run, frames numbered as they were given."""
    folder.mkdir(parents=True, exist_ok=True)
    height, width = next((seen.shape for seen in run.observations if seen.shape is not None), (1, 1))
    sides: dict[str, list[Labels]] = {
        "gt": [truth.frames.get(seen.seq, {}) for seen in run.observations],
        "found": [tracked(s, truth.cls) for s in run.observations],
    }
    for name, frames in sides.items():
        (folder / f"{name}.txt").write_text("".join(f"{row}\n" for row in mot_rows(frames, width, height)), encoding="utf-8")


def main() -> None:
    """The command line."""
    from storeloom.workers.vision.detectors import default_detector

    parser = argparse.ArgumentParser(description="Measures of detection, tracking and counting against truths made by hand, as JSON.")
    parser.add_argument("truths", nargs="+", type=Path, metavar="TRUTH", help="truth file (JSON)")
    parser.add_argument("--videos", type=Path, required=True, metavar="FOLDER", help="where the videos lie that the truths name")
    parser.add_argument("--fps", type=float, action="append", metavar="N", help="frames a second to use; may be given several times")
    parser.add_argument("--mot", type=Path, metavar="FOLDER", help="also write the boxes there in MOTChallenge's format")
    arguments = parser.parse_args()
    rows = []
    for path in arguments.truths:
        truth = read_truth(path)
        detector = Recorded(default_detector())
        for fps in arguments.fps or [None]:
            run = watch(arguments.videos / truth.video, detector, fps=fps)
            rows.append(judge(truth, run))
            if arguments.mot is not None:
                write_mot(arguments.mot / f"{path.stem}_{run.fps:g}", truth, run)
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
