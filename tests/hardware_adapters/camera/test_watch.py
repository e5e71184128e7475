"""How a camera is judged from what its source counts, and when that is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

from storeloom.hardware_adapters.camera.watch import Report, Watch
from storeloom.workers.vision.grab.faults import Fault
from storeloom.workers.vision.grab.source import State, Status

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
STALLED = Fault("stalled", {"limit_s": 5.0})


def look(watch: Watch, second: float, state: State = "open", **counts: Any) -> Report | None:
    return watch.look(Status(state, **counts), T0 + timedelta(seconds=second))


def told(report: Report | None) -> tuple[str, str] | None:
    return None if report is None else (report.state, report.code)


def test_a_camera_is_online_with_its_first_frame_and_not_before() -> None:
    watch = Watch()
    assert look(watch, 0, "opening") is None
    assert watch.report is not None and (watch.report.state, watch.report.code) == ("offline", "opening")
    assert look(watch, 1, "open") is None
    assert told(look(watch, 2, grabbed=1)) == ("online", "")
    assert look(watch, 3, grabbed=6) is None
    assert watch.report.as_status() == {
        "state": "online",
        "text": {"en": "", "zh": ""},
        "figures": {"fps": 2.0, "dropped": 0, "bad": 0, "reconnects": 0, "decode_ms": 0.0, "hardware": "", "size": "0x0"},
    }


def test_a_change_is_told_at_once_and_the_next_one_a_minute_later() -> None:
    watch = Watch()
    assert told(look(watch, 0, grabbed=1)) == ("online", "")
    assert look(watch, 30, "waiting", grabbed=100, fault=STALLED) is None
    assert told(look(watch, 61, "waiting", grabbed=100, fault=STALLED)) == ("offline", "stalled")
    data = watch.report.as_data("cam-1", "zh") if watch.report else {}
    assert (data["state"], data["code"], data["text"]) == ("offline", "stalled", "5 秒内没有画面。")
    assert (data["kind"], data["since"]) == ("camera", "2026-03-02T10:00:30Z")
    assert "hardware" not in data["metrics"]
    assert look(watch, 90, grabbed=101) is None
    assert look(watch, 100, "waiting", grabbed=101, fault=STALLED) is None
    assert look(watch, 200, "waiting", grabbed=101, fault=STALLED) is None, "it is as it was told last"


def test_a_stream_that_is_open_again_is_online_only_once_a_frame_came() -> None:
    watch = Watch()
    look(watch, 0, grabbed=50)
    look(watch, 70, "waiting", grabbed=50, fault=STALLED)
    look(watch, 71, "open", grabbed=50, reconnects=1)
    assert watch.report is not None and (watch.report.state, watch.report.code) == ("offline", "stalled")
    look(watch, 72, "open", grabbed=51, reconnects=1)
    assert watch.report.state == "online"


def test_bad_frames_and_an_unsteady_line_make_it_degraded_for_five_minutes() -> None:
    watch = Watch()
    look(watch, 0, grabbed=1)
    look(watch, 60, grabbed=100, bad=5)
    assert watch.report is not None and watch.report.state == "online", "few bad frames are none"
    assert told(look(watch, 120, grabbed=180, bad=20)) == ("degraded", "bad_frames")
    assert watch.report.words["en"].startswith("20 of 199 frames in the last 5 min could not be decoded")
    look(watch, 500, grabbed=900, bad=20)
    assert watch.report.state == "online"
    assert told(look(watch, 560, grabbed=999, bad=20, reconnects=3)) == ("degraded", "unsteady")
    assert "重新打开 3 次" in watch.report.words["zh"]


def test_what_cannot_be_read_at_all_is_told_too() -> None:
    watch = Watch()
    assert told(watch.fail(Fault("no_source"), T0)) == ("offline", "no_source")
    assert watch.fail(Fault("no_source"), T0 + timedelta(minutes=5)) is None
    assert watch.report is not None and watch.report.since == T0


def test_a_recording_that_has_ended_is_offline() -> None:
    watch = Watch()
    look(watch, 0, grabbed=5)
    assert told(look(watch, 61, "ended", grabbed=5)) == ("offline", "ended")
