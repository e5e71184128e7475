"""A night's recordings: rows as hand-counted, resumed where it stopped, a damaged file told and passed over."""

import json
from pathlib import Path
from typing import Any

import pytest

from storeloom.workers.vision.pool import batch
from storeloom.workers.vision.pool.work import Models

from .conftest import Bright, job

# one person from the 10th frame on, who crosses the middle of the picture
WALK = [0] * 10 + [int(30 + 6 * k) for k in range(30)]
GONE = [0] * 40
ALGORITHMS = {"zone": {"algorithm": "zone_occupancy", "settings": {"window_s": 2}}}


@pytest.fixture
def night(film, tmp_path: Path) -> Path:
    """Two files of camera a, the second one right after the first; one of b, and one of a camera without a job."""
    film("night/a_20260302T220000Z.avi", WALK)
    film("night/a_20260302T220004Z.avi", GONE)
    film("night/b_20260302T220000Z.avi", WALK)
    film("night/c_20260302T220000Z.avi", [0])
    return tmp_path / "night"


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> Bright:
    made = Bright()
    monkeypatch.setattr(batch, "Models", lambda: Models(factories={"": lambda: made}))
    return made


def jobs() -> list[Any]:
    return [job("a", None, ALGORITHMS), job("b", None, ALGORITHMS)]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_row_a_reading_and_a_camera_remembers_the_file_before(night, tmp_path, bright) -> None:
    made = batch.plan(night, jobs(), tmp_path / "out")
    assert [one.file for one in made.findings] == [str(night / "c_20260302T220000Z.avi")]
    done = {(one.camera, one.file): one for one in batch.work(made, threads=1)}
    assert {key: (one.frames, one.findings) for key, one in done.items()} == {
        ("a", "a_20260302T220000Z.avi"): (40, ()),
        ("a", "a_20260302T220004Z.avi"): (40, ()),
        ("b", "b_20260302T220000Z.avi"): (40, ()),
    }
    first = rows(tmp_path / "out" / "a" / "a_20260302T220000Z.avi.jsonl")
    assert [(one["seq"], one["time"], one["stream"], one["data"]["occupancy"]) for one in first] == [
        (20, "2026-03-02T22:00:02Z", "vision.zone", 1)
    ]
    second = rows(tmp_path / "out" / "a" / "a_20260302T220004Z.avi.jsonl")
    assert [(one["seq"], one["data"]["from"]) for one in second] == [
        (0, "2026-03-02T22:00:02Z"),
        (20, "2026-03-02T22:00:04Z"),
        (40, "2026-03-02T22:00:06Z"),
    ]
    assert second[-1]["data"]["to"] == second[-1]["time"], "where the footage ends, the last window is told cut short"
    assert second[0]["data"]["occupancy"] == 1, "nobody is seen in the second file: it is remembered"


def test_what_is_done_is_not_done_again_until_it_changes(night, tmp_path, bright, film) -> None:
    out = tmp_path / "out"
    list(batch.work(batch.plan(night, jobs(), out), threads=1))
    before, calls = rows(out / "a" / "a_20260302T220004Z.avi.jsonl"), bright.calls
    again = list(batch.work(batch.plan(night, jobs(), out), threads=1))
    assert all(one.resumed for one in again) and len(again) == 3 and bright.calls == calls
    (out / ".done" / "a" / "a_20260302T220004Z.avi.json").unlink()
    again = {one.file: one.resumed for one in batch.work(batch.plan(night, jobs(), out), threads=1)}
    assert again == {"a_20260302T220000Z.avi": True, "a_20260302T220004Z.avi": False, "b_20260302T220000Z.avi": True}
    assert rows(out / "a" / "a_20260302T220004Z.avi.jsonl") == before, "the state of the file before went along"
    film("night/a_20260302T220000Z.avi", WALK[:-1])
    again = {one.file: one.resumed for one in batch.work(batch.plan(night, jobs(), out), threads=1)}
    assert again == {"a_20260302T220000Z.avi": False, "a_20260302T220004Z.avi": False, "b_20260302T220000Z.avi": True}
    other = [job("a", None, ALGORITHMS, fps=5), job("b", None, ALGORITHMS)]
    again = {one.file: one.resumed for one in batch.work(batch.plan(night, other, out), threads=1)}
    assert again["a_20260302T220000Z.avi"] is False and again["b_20260302T220000Z.avi"] is True


def test_a_damaged_file_is_a_finding_and_the_others_go_on(night, tmp_path, bright) -> None:
    whole = (night / "a_20260302T220000Z.avi").read_bytes()
    (night / "a_20260302T220000Z.avi").write_bytes(b"\x00" * 2000)
    (night / "b_20260302T220000Z.avi").write_bytes(whole[: len(whole) // 2])
    done = {one.file: one for one in batch.work(batch.plan(night, jobs(), tmp_path / "out"), threads=1)}
    bad = done["a_20260302T220000Z.avi"]
    assert (bad.frames, [one.code for one in bad.findings]) == (0, ["SL-INP-01"])
    assert bad.findings[0].text("zh").startswith("无法读入")
    assert done["a_20260302T220004Z.avi"].frames == 40 and not done["a_20260302T220004Z.avi"].findings
    assert len(done["b_20260302T220000Z.avi"].findings) == 1
    again = {one.file: (one.resumed, len(one.findings)) for one in batch.work(batch.plan(night, jobs(), tmp_path / "out"), threads=1)}
    assert again["a_20260302T220000Z.avi"] == (True, 1), "the finding is told again, the file not read again"


def test_a_manifest_says_whose_a_file_is_and_when_it_began(night, tmp_path, bright) -> None:
    (night / "recordings.toml").write_text(
        """
        [[recordings]]
        file = "c_20260302T220000Z.avi"
        camera = "a"
        start = 2026-03-02T23:00:00+01:00
        [[recordings]]
        file = "gone.avi"
        camera = "a"
        start = 2026-03-02T23:00:00Z
        [[recordings]]
        file = "b_20260302T220000Z.avi"
        camera = "b"
        start = 2026-03-02T23:00:00
        """,
        encoding="utf-8",
    )
    made = batch.plan(night, jobs(), tmp_path / "out")
    assert [(p.camera, p.file.name, p.start.hour) for chain in made.chains for p in chain.pieces] == [("a", "c_20260302T220000Z.avi", 22)]
    assert [Path(one.file or "").name for one in made.findings] == ["gone.avi", "recordings.toml"]


def test_a_file_that_nothing_names_and_an_empty_folder_are_findings(tmp_path, film) -> None:
    film("night/holiday.avi", [0])
    assert "CAMERA_YYYYMMDDTHHMMSSZ" in batch.plan(tmp_path / "night", jobs(), tmp_path).findings[0].fix("en")
    (tmp_path / "empty").mkdir()
    assert batch.plan(tmp_path / "empty", jobs(), tmp_path).findings[0].text("zh").endswith("目录中没有录像。")
    assert batch.plan(tmp_path / "absent", jobs(), tmp_path).findings[0].text("en").endswith("there is no such folder.")


def test_parquet_holds_the_same_rows(night, tmp_path, bright) -> None:
    polars = pytest.importorskip("polars", reason="the extra 'data' is absent")
    list(batch.work(batch.plan(night, jobs(), tmp_path / "p", "parquet"), threads=1))
    list(batch.work(batch.plan(night, jobs(), tmp_path / "j"), threads=1))
    table = polars.read_parquet(tmp_path / "p" / "a" / "a_20260302T220004Z.avi.parquet")
    assert table.columns == list(batch.COLUMNS)
    lines = rows(tmp_path / "j" / "a" / "a_20260302T220004Z.avi.jsonl")
    assert [{**row, "data": json.loads(row["data"])} for row in table.to_dicts()] == lines and len(lines) == 3
