"""`storeloom vision`: readings as lines, all that is wrong with a file of jobs with its lines, folders of recordings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.cli import main

cv2 = pytest.importorskip("cv2", reason="the extra 'vision' is absent")
np = pytest.importorskip("numpy")

JOBS = """
[[cameras]]
camera = "door"
address = "{address}"
fps = 5
model = "nanodet_int8"
{more}
[cameras.algorithms.area]
algorithm = "zone_occupancy"
settings = {{ window_s = 1 }}
"""


@pytest.fixture
def film(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5.0, (96, 64))
        for _ in range(12):
            writer.write(np.full((64, 96, 3), 90, np.uint8))
        writer.release()
        return path

    return write


@pytest.fixture
def jobs(tmp_path: Path) -> Callable[..., Path]:
    def write(address: str = "", more: str = "") -> Path:
        path = tmp_path / "jobs.toml"
        path.write_text(JOBS.format(address=address, more=more), encoding="utf-8")
        return path

    return write


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_run_prints_readings_and_changes_and_ends_with_the_recording(film, jobs, capsys) -> None:
    film("walk.avi")
    assert main(["vision", "run", str(jobs("walk.avi")), "--json"]) == 0
    *told, last = lines(capsys)
    assert last["ok"] and last["cameras"]["door"]["state"] == "ended"
    assert last["cameras"]["door"]["frames"] == {"frames": 12, "skipped": 0, "lost": 0, "failed": 0}
    assert [one["data"]["code"] for one in told if one["stream"] == "device.status"] == ["running", "ended"]
    zones = [(one["seq"], one["time"], one["data"]["occupancy"]) for one in told if one["stream"] == "vision.zone"]
    assert zones == [(5, "2026-01-01T00:00:01Z", 0), (10, "2026-01-01T00:00:02Z", 0), (12, "2026-01-01T00:00:02.2Z", 0)]


def test_run_tells_a_camera_that_fails_and_exits_with_1(tmp_path, jobs, capsys) -> None:
    assert main(["vision", "run", str(jobs("none.avi")), "--lang", "zh"]) == 1
    assert "文件不存在" in capsys.readouterr().out


def test_all_that_is_wrong_with_jobs_is_told_with_its_line(jobs, capsys) -> None:
    assert main(["vision", "run", str(jobs("walk.avi", 'priority = 0\npase = "free"')), "--json", "--lang", "en"]) == 1
    found = lines(capsys)[0]["findings"]
    assert {(one["path"], one["line"], one["code"]) for one in found} == {
        ("cameras[0].priority", 7, "SL-CFG-03"),
        ("cameras[0].pase", 8, "SL-CFG-02"),
    }
    assert "Did you mean 'pace'?" in next(one["reason"] for one in found if one["path"].endswith("pase"))


def test_batch_works_through_a_folder_and_tells_what_is_wrong_with_it(film, jobs, tmp_path, capsys) -> None:
    film("night/door_20260302T220000Z.avi")
    film("night/holiday.avi")
    command = [
        "vision",
        "batch",
        str(tmp_path / "night"),
        "--jobs",
        str(jobs()).replace("jobs.toml", "batch.toml"),
        "--out",
        str(tmp_path / "out"),
    ]
    (tmp_path / "batch.toml").write_text(JOBS.format(address="", more="").replace('address = ""\n', ""), encoding="utf-8")
    assert main([*command, "--json", "--lang", "zh"]) == 1
    told = lines(capsys)[0]
    assert told["files"] == [{"camera": "door", "file": "door_20260302T220000Z.avi", "readings": 3, "frames": 12, "resumed": False}]
    assert [one["reason"] for one in told["findings"]] == [f"无法读入 {tmp_path / 'night' / 'holiday.avi'}：文件名未注明摄像机与开始时间。"]
    assert (tmp_path / "out" / "door" / "door_20260302T220000Z.avi.jsonl").is_file()
    (tmp_path / "night" / "holiday.avi").unlink()
    assert main([*command, "--lang", "zh"]) == 0
    assert "此前已完成" in capsys.readouterr().out


def test_batch_without_jobs_or_folder_is_refused(tmp_path, capsys) -> None:
    assert main(["vision", "batch", str(tmp_path), "--lang", "en"]) == 2
    assert "batch needs --jobs" in capsys.readouterr().err


def test_ray_where_it_is_not_installed_says_what_to_install(film, jobs, capsys, monkeypatch) -> None:
    import sys

    film("walk.avi")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "storeloom.workers.vision.pool.ray_pool", raising=False)
    assert main(["vision", "run", str(jobs("walk.avi")), "--ray", "--lang", "en"]) == 1
    assert "pip install 'storeloom[ray]'" in capsys.readouterr().err
