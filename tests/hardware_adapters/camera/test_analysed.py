"""A group of cameras as a device: readings and statuses as facts that fit their streams, repeats harmless, passwords by name only."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.kernel.errors import InputFault
from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.camera.analysed import AnalysedCameras

cv2 = pytest.importorskip("cv2", reason="the extra 'vision' is absent")
np = pytest.importorskip("numpy")

AREA = {"area": {"algorithm": "zone_occupancy", "settings": {"window_s": 1}}}


def adapter(*cameras: dict[str, Any], **more: Any) -> AnalysedCameras:
    return AnalysedCameras("group-1", AnalysedCameras.Config(cameras=list(cameras), **more))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5.0, (96, 64))
    for _ in range(12):
        writer.write(np.full((64, 96, 3), 90, np.uint8))
    writer.release()
    return path


def two(film: Path) -> list[dict[str, Any]]:
    return [{"camera": name, "address": str(film), "algorithms": AREA, "model": "nanodet_int8"} for name in ("door", "store")]


def seen(facts: list[Fact], camera: str) -> list[tuple[str, Any]]:
    return [(rfc3339(fact.received), fact.data["occupancy"]) for fact in facts if fact.data.get("camera") == camera]


def test_each_cameras_readings_and_statuses_come_as_facts_of_the_group(film) -> None:
    facts = list(adapter(*two(film)).facts())
    times = ["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z", "2026-01-01T00:00:02.2Z"]  # each second, and what was open at the end
    assert seen(facts, "door") == seen(facts, "store") == [(time, 0) for time in times]
    codes = [(fact.data["device"], fact.data["code"]) for fact in facts if fact.stream == "device.status"]
    assert sorted(codes) == [("door", "ended"), ("door", "running"), ("store", "ended"), ("store", "running")]
    assert {fact.source for fact in facts} == {"group-1"}
    for fact in facts:
        assert schemas.first_error(schemas.stream_file(fact.stream), fact.data) is None


def test_the_same_footage_gives_the_same_keys_and_no_key_twice(film) -> None:
    first, again = ([(f.stream, f.time, f.key) for f in adapter(*two(film)).facts() if f.stream != "device.status"] for _ in range(2))
    assert sorted(first, key=str) == sorted(again, key=str) and len(set(first)) == len(first) == 6


def test_the_streams_of_all_algorithms_are_fed() -> None:
    from storeloom.workers.vision.algorithms import CATALOGUE, algorithm_class

    assert {stream for name in CATALOGUE for stream in algorithm_class(name).streams} <= set(AnalysedCameras.feeds)


def test_nothing_set_gives_nothing() -> None:
    assert list(adapter().facts()) == []


def test_all_that_is_wrong_with_the_cameras_is_told(film) -> None:
    with pytest.raises(InputFault) as caught:
        list(adapter({**two(film)[0], "fps": 0}, {"camera": "x"}).facts())
    assert [(one.code, one.path) for one in caught.value.findings] == [
        ("SL-CFG-03", "config.cameras[0].fps"),
        ("SL-CFG-04", "config.cameras[1]"),
    ]


def test_a_password_stands_in_no_address_and_is_put_in_where_the_stream_is_opened() -> None:
    one = {"camera": "door", "address": "rtsp://u:pw@10.0.0.7/1", "algorithms": AREA}
    with pytest.raises(InputFault) as caught:
        adapter(one)._jobs()
    assert caught.value.findings[0].path == "config.cameras[0].address" and "pw" not in str(caught.value)
    named = adapter({**one, "address": "rtsp://10.0.0.7/1"}, user="u", password="nvr")
    named.context = replace(AdapterContext(), secrets={"nvr": "p w"})
    assert named._jobs()[0].source.target == "rtsp://u:p%20w@10.0.0.7/1"


def test_its_status_names_a_camera_that_failed(film, tmp_path) -> None:
    made = adapter(two(film)[0], {**two(film)[1], "address": str(tmp_path / "none.avi")})
    assert made.status() == {}
    list(made.facts())
    status = made.status()
    assert (status["state"], status["text"]["en"]) == ("fault", "Not at full rate: store.")
    assert status["figures"] == {"cameras": 2, "running": 0, "lowered": 0, "frames": 12}
