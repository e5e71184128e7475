"""Trying the bundle: a trial in a process of its own, its progress and end, what it brought, two configs side by side."""

import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from storeloom.core.kernel.registry import ROOT
from storeloom.studio.draft import new_draft
from storeloom.studio.locales import day_text, difference_text, money_text, time_text, value_text
from storeloom.studio.trials import jobs
from storeloom.studio.trials.jobs import Busy, Job
from storeloom.studio.trials.scenes import drawn
from tests.studio.pages import draft, opened, run, texts

pytest.importorskip("streamlit", reason="the extra studio is absent")
PAGE = "views/trial.py"
SOON_S = 120.0
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def asked(*solutions: str, **more: Any) -> dict[str, Any]:
    """A question for a small trial."""
    bundle = new_draft("B", "supermarket", None)
    bundle.add(*solutions)
    bundle.data["store"]["edge"] = {"cores": 64, "memory_mb": 65536}
    runs = [{"name": "B", "path": "bundle.toml", "data": bundle.data}]
    return {"runs": runs, "start": "2026-03-02", "days": 1, "seed": 1, "scale": 0.05, "history": 0, **more}


def ended(job: Job, *, reports: bool = False) -> Job:
    until = time.monotonic() + SOON_S
    while job.state == "running" or (reports and job.report("en") is None):
        assert time.monotonic() < until, (job.state, (job.folder / "said.txt").read_text())
        time.sleep(0.1)
    return job


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """The files of one trial of two runs, made once."""
    folder = tmp_path_factory.mktemp("trial") / ("x" * 32)
    folder.mkdir()
    question = asked("attendance_hours", "entrance_traffic", "refrigeration_energy_haccp", scale=0.02)
    other = orjson.loads(orjson.dumps(question["runs"][0]))
    other["data"]["solutions"]["attendance_hours"] = {"config": {"late_grace": 30}}
    question["runs"] = [
        {**question["runs"][0], "label": {"zh": "草稿", "en": "Draft"}},
        {**other, "label": {"zh": "修改后", "en": "Changed"}},
    ]
    (folder / "asked.json").write_bytes(orjson.dumps(question))
    subprocess.run([sys.executable, "-m", "storeloom.studio.trials.child", str(folder)], check=True, capture_output=True)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def kept(done: Mapping[str, bytes], drafts: Path) -> Job:
    """That trial among the kept ones."""
    folder = drafts / "trials" / ("x" * 32)
    folder.mkdir(parents=True)
    for name, content in done.items():
        (folder / name).write_bytes(content)
    return Job(folder)


def alone(job: Job) -> Job:
    """The trial with its first run only."""
    (job.folder / "result.json").write_bytes(orjson.dumps(job.result[:1]))
    return job


# the process


def test_a_trial_runs_in_its_own_process_and_leaves_views_and_reports(drafts: Path) -> None:
    job = ended(jobs.start(asked("attendance_hours", history=2)), reports=True)
    (view,) = job.result
    assert job.state == "done" and jobs.known(job.id) == job and job.folder.stat().st_mode & 0o077 == 0
    assert view["facts"]["staff.clock"] > 0 and view["start"][:10] == "2026-03-02" and len(view["hours"]) == 24
    (one,) = view["solutions"]
    assert (
        one["solution"] == "attendance_hours"
        and set(one["figures"])
        and sum(view["series"]["attendance_hours"]["score.report"].values()) > 0
    )
    for lang, word in (("zh", "试运行报告"), ("en", "Trial report")):
        report = job.report(lang)
        assert report is not None and report.startswith(b"<!DOCTYPE html>") and word in report.decode()


def test_a_trial_is_stopped_and_keeps_nothing(drafts: Path) -> None:
    job = jobs.start(asked("attendance_hours", days=31, scale=3.0))
    assert job.state == "running"
    job.stop()
    assert ended(job).state == "stopped" and not (job.folder / "result.json").exists()


def test_what_cannot_be_composed_is_told_in_both_languages(drafts: Path) -> None:
    question = asked("attendance_hours")
    question["runs"][0]["data"]["solutions"]["attendance_hours"] = {"config": {"late_grace": -1}}
    (finding,) = ended(jobs.start(question)).findings
    assert finding["code"] == "SL-CFG-03" and "超出允许范围" in finding["text"]["zh"] and "outside" in finding["text"]["en"]


def test_a_process_that_dies_is_told(drafts: Path) -> None:
    job = Job(drafts / "trials" / ("y" * 32))
    job.folder.mkdir(parents=True)
    (job.folder / "alive").touch()
    assert job.state == "broken"


def test_recordings_are_gone_when_the_trial_ends(drafts: Path) -> None:
    job = ended(jobs.start(asked("attendance_hours"), {"receipts": ("day.csv", b"no,receipts\n1,2\n")}))
    assert job.state == "failed" and not list(job.folder.glob("receipts*"))
    assert job.findings[0]["code"].startswith("SL-INP")


def test_recorded_receipts_are_tried(drafts: Path) -> None:
    lines = ("receipt,time,gtin,qty,price,cashier", "r1,2026-03-02T01:00:00Z,6901,2,9.90,c1", "r2,2026-03-02T02:30:00Z,6901,1,9.90,c1")
    rows = "\n".join(lines)
    job = ended(jobs.start(asked("cashier_exception_audit"), {"receipts": ("day.csv", rows.encode())}))
    assert job.state == "done", job.findings
    (view,) = job.result
    assert view["facts"] == {"pos.sale": 2} and view["scores"] == [] and view["pictures"] == []
    assert view["trade"]["receipts"] == {"2026-03-02T09": 1, "2026-03-02T10": 1}


def test_footage_brings_frames_with_people_blurred_and_what_was_seen(drafts: Path) -> None:
    file = DATA / "video" / "one-by-one-person-detection.mp4"
    if not file.exists():
        pytest.skip(f"{file} absent")
    cv2 = pytest.importorskip("cv2", reason="the extra vision is absent")
    source, target = cv2.VideoCapture(str(file)), drafts.parent / "short.avi"
    source.set(cv2.CAP_PROP_POS_FRAMES, 60)
    frames = [source.read()[1] for _ in range(12)]
    size = frames[0].shape[1], frames[0].shape[0]
    short = cv2.VideoWriter(str(target), cv2.VideoWriter_fourcc(*"MJPG"), 2.0, size)
    for frame in frames:
        short.write(frame)
    short.release()
    question = asked("entrance_traffic", camera="cam-shelf")
    job = ended(jobs.start(question, {"footage": (target.name, target.read_bytes())}))
    assert job.state == "done", job.findings
    (view,) = job.result
    assert view["pictures"] and {one["camera"] for one in view["pictures"]} == {"cam-shelf"}
    assert all(one["jpeg"] and one["time"].endswith("+08:00") for one in view["pictures"]) and not list(job.folder.glob("footage*"))
    svg = drawn(view["pictures"][0], view["regions"], "zh")
    assert "data:image/jpeg;base64," in svg


def test_no_more_trials_run_than_the_machine_carries(drafts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_AT_ONCE", 0)
    with pytest.raises(Busy):
        jobs.start(asked("attendance_hours"))


@pytest.mark.parametrize("name", ["", "../../etc", "x" * 31, "x" * 32])
def test_only_the_id_of_a_kept_trial_opens_one(drafts: Path, name: str) -> None:
    assert jobs.known(name) is None


# the page


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_trial_is_begun_from_the_page_and_its_end_is_shown(lang: str) -> None:
    app = opened(PAGE, lang, "attendance_hours")
    assert app.info[0].value.startswith("尚未试运行" if lang == "zh" else "Nothing has been tried")
    app.number_input(key="scale").set_value(0.05)
    app.button(key="run").click()
    run(app)
    name = app.session_state["job/trial"]
    assert app.button(key=f"stop/{name}") and app.button(key="run").disabled
    job = jobs.known(name)
    assert job is not None and ended(job).state == "done" and job.asked["scale"] == 0.05
    run(app)
    assert ("个输入事件" if lang == "zh" else "facts in") in app.success[0].value
    assert [metric.value for metric in app.metric]


def test_a_trial_is_stopped_from_the_page() -> None:
    app = opened(PAGE, "en", "attendance_hours")
    app.number_input(key="days").set_value(31)
    app.button(key="run").click()
    name = run(app).session_state["job/trial"]
    app.button(key=f"stop/{name}").click()
    run(app)
    job = jobs.known(name)
    assert job is not None and ended(job).state == "stopped"
    assert any("was stopped" in info.value for info in run(app).info)


def test_a_reload_finds_the_trial_by_its_address_and_its_settings(kept: Job) -> None:
    app = opened(PAGE, "en", "attendance_hours", trial=kept.id)
    assert app.success and app.number_input(key="scale").value == 0.02
    assert any("has changed since" in info.value for info in app.info)


def test_a_trial_that_is_gone_is_told() -> None:
    assert any("no longer kept" in info.value for info in opened(PAGE, "en", "attendance_hours", trial="z" * 32).info)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_two_runs_stand_side_by_side_with_their_difference(kept: Job, lang: str) -> None:
    table = next(one.value for one in opened(PAGE, lang, "attendance_hours", trial=kept.id).markdown if one.value.startswith("|"))
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert head == (["指标", "草稿", "修改后", "差值"] if lang == "zh" else ["Figure", "Draft", "Changed", "Difference"])
    on_time = rows[0]
    before, after = (float(one.rstrip("%")) for one in on_time[1:3])
    assert after > before and on_time[3].startswith("**+")


@pytest.mark.parametrize(
    ("part", "zh", "en"),
    [
        ("timelines", "全店", "The whole store"),
        ("cameras", "cam-entrance", "cam-entrance"),
        ("notes", "时间", "Time"),
        ("actions", "指令", "Command"),
        ("truth", "对照项", "Compared"),
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_part_of_the_results_is_shown(kept: Job, lang: str, part: str, zh: str, en: str) -> None:
    app = opened(PAGE, lang, "attendance_hours", trial=alone(kept).id, part=part)
    words = zh if lang == "zh" else en
    columns = [str(name) for frame in (*app.dataframe, *app.table) for name in frame.value.columns]
    choices = [option for box in app.selectbox for option in box.options]
    assert words in (*columns, *choices)


def test_a_part_without_anything_says_so(kept: Job) -> None:
    (view,) = alone(kept).result
    empty = {**view, "pictures": [], "notes": [], "actions": [], "scores": [], "series": {}, "trade": {"receipts": {}, "visitors": {}}}
    (kept.folder / "result.json").write_bytes(orjson.dumps([empty]))
    for part in ("cameras", "notes", "actions", "truth"):
        app = opened(PAGE, "en", "attendance_hours", trial=kept.id, part=part)
        assert len(app.info) == 2 and not app.dataframe, part


def test_failures_are_told_above_the_results(kept: Job) -> None:
    (view,) = alone(kept).result
    both = {"zh": "坏了", "en": "broke"}
    failed = {**view, "failures": [{"code": "SL-RUN-01", "path": "", "text": both, "fix": both}], "failures_total": 1}
    (kept.folder / "result.json").write_bytes(orjson.dumps([failed]))
    assert any("坏了" in error.value for error in opened(PAGE, "zh", "attendance_hours", trial=kept.id).error)


def test_a_changed_setting_is_compared_and_the_draft_stays() -> None:
    app = opened(PAGE, "en", "attendance_hours", against="change")
    before = orjson.dumps(draft(app).data)
    assert app.button(key="run").disabled and "No setting is changed yet" in texts(app)
    app.number_input(key="change/attendance_hours/late_grace").set_value(30)
    run(app)
    assert "attendance_hours.late_grace = 30" in texts(app) and orjson.dumps(draft(app).data) == before
    app.number_input(key="scale").set_value(0.05)
    app.button(key="run").click()
    run(app)
    job = jobs.known(app.session_state["job/trial"])
    assert job is not None
    job.stop()
    first, second = (one["data"]["solutions"]["attendance_hours"] for one in job.asked["runs"])
    assert (first, second) == ({}, {"config": {"late_grace": 30}})
    ended(job)


def test_another_bundle_file_that_cannot_run_blocks_the_comparison(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('document = "bundle/1"\nname = "Other"\n', encoding="utf-8")
    app = opened(PAGE, "en", "attendance_hours", against="file")
    app.text_input(key="other_file").set_value(str(file))
    run(app)
    assert app.button(key="run").disabled and any("SL-BND-03" in error.value for error in app.error)


def test_a_bundle_with_errors_is_not_tried() -> None:
    app = opened(PAGE, "en", "attendance_hours")
    draft(app).data["solutions"]["attendance_hours"] = {"config": {"late_grace": -1}}
    run(app)
    assert not any(button.key == "run" for button in app.button) and any("SL-CFG-03" in error.value for error in app.error)


def test_recorded_data_need_a_file() -> None:
    app = opened(PAGE, "en", "attendance_hours", on="recorded")
    assert app.button(key="run").disabled and "Choose a file" in texts(app)


def test_a_sample_run_of_a_solution_is_shown_on_its_page(kept: Job) -> None:
    alone(kept)
    question = {**kept.asked, "runs": [{"solution": "attendance_hours", "name": "A"}]}
    (kept.folder / "asked.json").write_bytes(orjson.dumps(question))
    app = opened("views/catalogue.py", "en", "attendance_hours", solution="attendance_hours", sample=kept.id)
    assert app.metric
    other = opened("views/catalogue.py", "en", "attendance_hours", solution="smart_cart", sample=kept.id)
    assert not other.metric


# pictures and words


def test_a_picture_shows_things_boxes_and_the_lines_of_its_camera() -> None:
    person = {"id": "p", "class": "person", "box": [0.1, 0.2, 0.05, 0.3], "score": 0.9, "colour": "#336699"}
    label = {"id": "l", "class": "price_label", "box": [0.5, 0.5, 0.06, 0.03], "text": "9<90"}
    line = {
        "instance": "a",
        "camera": "cam",
        "form": "line",
        "name": None,
        "words": {"zh": "计数线", "en": "Line"},
        "points": [[0, 0.5], [1, 0.5]],
    }
    svg = drawn({"camera": "cam", "objects": [person, label]}, [line, {**line, "camera": "other"}], "zh")
    assert svg.count("<polyline") == 1 and "计数线" in svg and "9&lt;90" in svg and "person 0.90" in svg
    assert "person" not in drawn({"camera": "cam", "objects": [person]}, [], "zh", boxes=False)


def test_words_by_locale() -> None:
    at = datetime(2026, 3, 2, 9, 5, 7)
    assert (time_text(at, "zh"), time_text(at, "en", seconds=True)) == ("3月2日 09:05", "2 Mar 09:05:07")
    assert (day_text(date(2026, 3, 2), "zh"), day_text(date(2026, 3, 2), "en")) == ("2026年3月2日", "2 Mar 2026")
    assert money_text(123450, "CNY", "zh") == "¥1,234.50" and money_text(-5, "CNY", "en") == "−CN¥0.05"
    assert money_text(1200, "JPY", "en") == "¥1,200" and money_text(5, "XAU", "en") == "0.05 XAU"
    assert value_text(None, "%", "en", "") == "–" and value_text(0.25, "h", "zh", "") == "0.25 小时"
    assert difference_text(1.0, 3.0, "count", "en", "") == "+2" and difference_text(2, 2, "count", "en", "") == "±0"
    assert difference_text(50.0, 37.5, "%", "zh", "") == "−12.5 个百分点"
    assert difference_text(300, 100, "minor", "en", "EUR") == "−€2.00" and difference_text(None, 1, "count", "en", "") == "–"


def test_the_studio_loads_no_engine_for_a_trial_that_is_done(kept: Job, drafts: Path) -> None:
    script = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({str(ROOT / 'studio' / PAGE)!r}, default_timeout=60)\n"
        f"app.query_params['trial'] = {kept.id!r}\n"
        "app.run()\n"
        "assert not app.exception and app.success\n"
        "print(sorted({'cv2', 'onnxruntime', 'ray', 'matplotlib', 'ortools', 'scipy', 'polars'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
