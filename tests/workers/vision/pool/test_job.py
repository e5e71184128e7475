"""Jobs in and out as data, with all that is wrong told at once and in both languages."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from storeloom.workers.vision.models import BUILT_IN
from storeloom.workers.vision.pool.job import CameraJob, JobFault, algorithm_jobs, jobs

DOOR = {
    "camera": "door",
    "address": "rtsp://admin:secret@10.0.0.7/1",
    "algorithms": {"in": {"algorithm": "line_count", "settings": {"points": [[0.5, 0], [0.5, 1]]}}},
    "fps": 5,
    "priority": 1,
}


def faults(*cameras: object, recorded: bool = False) -> dict[str, str]:
    with pytest.raises(JobFault) as caught:
        jobs({"cameras": list(cameras)}, recorded=recorded)
    return {finding.path: finding.code for finding in caught.value.findings}


def test_a_job_comes_back_from_its_json_as_it_was() -> None:
    job = jobs({"cameras": [DOOR]})[0]
    assert (job.camera, job.fps, job.least_fps, job.priority, job.pace, job.live) == ("door", 5, 1.0, 1, "free", True)
    assert jobs({"cameras": [job.as_json()]}) == [job]


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(jobs({"cameras": [DOOR]})[0])


def test_what_is_wrong_with_the_form_is_told_all_at_once() -> None:
    wrong = {
        "camera": "a b",
        "fps": 0,
        "pace": "quick",
        "priority": "1",
        "adress": "x",
        "algorithms": {"in": {"algorithm": "line_count", "x": 1}},
    }
    assert faults(wrong, {}) == {
        "cameras[0].camera": "SL-CFG-03",
        "cameras[0].fps": "SL-CFG-03",
        "cameras[0].pace": "SL-CFG-03",
        "cameras[0].priority": "SL-CFG-03",
        "cameras[0].adress": "SL-CFG-02",
        "cameras[0].algorithms.in.x": "SL-CFG-02",
        "cameras[1]": "SL-CFG-04",
    }


def test_what_is_wrong_with_the_values_is_told_all_at_once() -> None:
    looking = {
        "none": {"algorithm": "line_cont"},
        "form": {"algorithm": "line_count", "settings": {"every_s": -1}},
        "sense": {"algorithm": "line_count", "settings": {"points": [[0, 0], [0, 0]]}},
    }
    one = {**DOOR, "address": "ftp://h/x", "start": "yesterday", "model": "nope", "algorithms": looking, "fps": 1, "least_fps": 2}
    assert faults(one, {"camera": "door", "algorithms": DOOR["algorithms"]}) == {
        "cameras[0].least_fps": "SL-CFG-05",
        "cameras[0].start": "SL-CFG-03",
        "cameras[0].address": "SL-CFG-05",
        "cameras[0].model": "SL-MOD-01",
        "cameras[0].algorithms.none.algorithm": "SL-CFG-03",
        "cameras[0].algorithms.form.settings.every_s": "SL-CFG-03",
        "cameras[0].algorithms.sense.settings.points": "SL-CFG-05",
        "cameras[1].camera": "SL-CFG-05",
        "cameras[1]": "SL-CFG-04",
    }


def test_a_finding_reads_in_both_languages() -> None:
    with pytest.raises(JobFault) as caught:
        jobs({"cameras": [DOOR, DOOR]})
    finding = caught.value.findings[0]
    assert finding.render("en").endswith("The camera 'door' has two jobs.\n  Keep one of them.")
    assert finding.render("zh").endswith("摄像机“door”有两个任务。\n  请保留其一。")


def test_the_place_in_a_file_is_told() -> None:
    with pytest.raises(JobFault) as caught:
        jobs({"cameras": [{**DOOR, "fps": "many"}]}, place=lambda *keys: ("jobs.toml", 7 if keys[-1] == "fps" else 1))
    assert [(one.file, one.line) for one in caught.value.findings] == [("jobs.toml", 7)]


def test_recorded_jobs_need_no_address() -> None:
    job = jobs({"cameras": [{"camera": "a", "algorithms": DOOR["algorithms"]}]}, recorded=True)[0]
    assert isinstance(job, CameraJob) and job.address == ""


def test_a_new_set_of_algorithms_is_checked_like_a_job() -> None:
    assert list(algorithm_jobs(DOOR["algorithms"], "door")) == ["in"]
    with pytest.raises(JobFault):
        algorithm_jobs({"in": {"algorithm": "nothing"}}, "door")


def test_reading_jobs_loads_neither_opencv_nor_onnxruntime_nor_ray() -> None:
    code = "import sys, storeloom.core.commands.vision; print(sorted({'cv2','onnxruntime','ray'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_pool_of_this_process_loads_no_ray() -> None:
    code = "import sys, storeloom.workers.vision.pool.inline, storeloom.workers.vision.pool.batch; print('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_an_algorithm_whose_things_the_detector_does_not_know_is_told(tmp_path: Path) -> None:
    network = b"never run"
    card = json.loads((BUILT_IN / "nanodet" / "card.json").read_text(encoding="utf-8"))
    own = card | {"classes": [f"fruit {k}" for k in range(80)], "sha256": hashlib.sha256(network).hexdigest()}
    (tmp_path / "card.json").write_text(json.dumps(own), encoding="utf-8")
    (tmp_path / "model.onnx").write_bytes(network)
    looking = {
        "door": {"algorithm": "line_count", "settings": {"points": [[0.5, 0], [0.5, 1]]}},
        "area": {"algorithm": "zone_occupancy", "settings": {"classes": ["person", "fruit 7"]}},
        "falls": {"algorithm": "fall"},
        "codes": {"algorithm": "codes"},
    }
    told = "cameras[0].algorithms.{}.algorithm"
    assert faults(DOOR | {"model": str(tmp_path), "algorithms": looking}) == {
        told.format("door"): "SL-CFG-05",
        told.format("falls"): "SL-CFG-05",
    }
