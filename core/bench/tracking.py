"""Area `tracking`: detection, tracking and counting on real footage against truths made by hand, at each video's own rate and at fewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storeloom.core.bench.harness import Result, require_file
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT

TRUTHS = ROOT / "tests" / "workers" / "vision" / "truth"
VIDEOS = ROOT.parent / "shared" / "data" / "video"
SEQUENCES = ("one_by_one", "bottles", "aisle")
RATES: tuple[float | None, ...] = (None, 5.0, 2.0)
LEAST_IDF1 = {"one_by_one": 0.95, "bottles": 0.95, "aisle": 0.75}
MOST_COUNT_ERROR = {"one_by_one": 0.1, "bottles": 0.1, "aisle": 0.5}


def measure(truths: Path = TRUTHS, videos: Path = VIDEOS) -> list[Result]:
    """HOTA, IDF1, MOTA, identity switches and counting errors of each sequence; goals stand at the videos' own rates.

    InputFault (SL-INP-03) where the extra `vision` is not installed, (SL-INP-01) where the footage or a truth is absent.
    """
    try:
        from storeloom.workers.vision.detectors import default_detector
        from storeloom.workers.vision.evaluate import Recorded, judge, read_truth, watch

        detector = default_detector()
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "bench tracking", "extra": "vision"})) from error
    results: list[Result] = []
    for name in SEQUENCES:
        truth = read_truth(there(truths / f"{name}_boxes.json"))
        footage, recorded = there(videos / truth.video), Recorded(detector)
        for rate in RATES:
            row = judge(truth, watch(footage, recorded, fps=rate))
            results += rows(name if rate is None else f"{name}_{rate:g}fps", row, name if rate is None else None)
    return results


def there(path: Path) -> Path:
    """The path of a file that exists; InputFault otherwise."""
    return require_file(path, "Run the bench in a source tree, with the footage that tests/workers/vision/truth names.")


def rows(name: str, row: dict[str, Any], goals: str | None) -> list[Result]:
    """The results of one run; `goals` names the sequence whose goals hold, None for none."""
    against = f"{row['frames']} frames at {row['fps']:g} a second, {row['things_true']} {row['class']}s, truth made by hand"
    idf1 = f">= {LEAST_IDF1[goals]}" if goals else ""
    error = f"<= {MOST_COUNT_ERROR[goals]}" if goals else ""
    wrong = abs(row["things_found"] - row["things_true"])
    results = [
        Result(f"tracking_{name}_hota", row["hota"], "", "", against, 1),
        Result(f"tracking_{name}_idf1", row["idf1"], "", idf1, against, 1),
        Result(f"tracking_{name}_mota", row["mota"], "", "", against, 1),
        Result(f"tracking_{name}_switches", row["switches"], "switches", "", against, 1),
        Result(f"tracking_{name}_things_wrong", wrong, "things", "<= 1", against, 1),
        Result(f"tracking_{name}_count_error", row["count_error"], "things a frame", error, against, 1),
    ]
    for k, line in enumerate(row.get("crossings", ()), 1):
        off = max(abs(true - found) for true, found in zip(line["true"], line["found"], strict=True))
        results.append(Result(f"tracking_{name}_line_{k}_wrong", off, "crossings", "<= 1", against, 1))
    return results
