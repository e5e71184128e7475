from datetime import UTC, datetime, timedelta

from storeloom.workers.vision.evidence import clip

AT = datetime(2026, 3, 2, 10, 0, 12, tzinfo=UTC)


def test_a_clip_names_camera_time_and_how_long_it_may_be_kept() -> None:
    start = AT - timedelta(seconds=2)
    assert clip("cam-1", start, AT) == "cam-1/2026-03-02T10:00:10Z/2026-03-02T10:00:12Z?blur=person"
    assert clip("cam-1", start, AT, until=AT + timedelta(hours=1)).endswith("?blur=person&until=2026-03-02T11:00:12Z")
