"""A camera's stream by ONVIF, and the search, against a small camera that speaks the protocol's own words."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.kernel.errors import InputFault
from storeloom.hardware_adapters.camera.camera import Camera
from tests.hardware_adapters.camera.onvif_camera import OnvifCamera, heard_in_group

pytest.importorskip("onvif")
pytest.importorskip("cv2")
from storeloom.hardware_adapters.camera.onvif import place, stream_address
from storeloom.workers.vision.grab.faults import GrabError

STREAMS = {"Main": "rtsp://10.9.9.9:554/main?channel=1&subtype=0", "Sub": "rtsp://10.9.9.9:554/sub"}


@pytest.fixture
def peer() -> Iterator[OnvifCamera]:
    with OnvifCamera(STREAMS, "store", "p@ss").running() as one:
        yield one


def asked(peer: OnvifCamera, profile: str = "", password: str = "p@ss", seconds: float = 10.0) -> str:
    return stream_address(f"127.0.0.1:{peer.port}", "store", password, profile, seconds)


def test_a_stream_is_asked_for_by_name_by_token_or_the_first(peer: OnvifCamera) -> None:
    assert asked(peer) == STREAMS["Main"]
    assert asked(peer, "Sub") == asked(peer, "profile_1") == STREAMS["Sub"]
    assert peer.asked[:4] == ["GetSystemDateAndTime", "GetServices", "GetProfiles", "GetStreamUri"]


def test_a_profile_that_there_is_not_is_told_with_those_there_are(peer: OnvifCamera) -> None:
    with pytest.raises(GrabError, match="no ONVIF profile Third; it has: Main, Sub"):
        asked(peer, "Third")


def test_a_wrong_password_is_told_and_not_shown(peer: OnvifCamera) -> None:
    with pytest.raises(GrabError) as caught:
        asked(peer, password="wr0ng")
    assert caught.value.fault.code == "login_refused" and "wr0ng" not in str(caught.value)


def test_a_camera_that_does_not_answer_or_is_not_there(peer: OnvifCamera) -> None:
    peer.silent = True
    with pytest.raises(GrabError, match=r"did not open within 0\.5 s"):
        asked(peer, seconds=0.5)
    with pytest.raises(GrabError, match="Nothing listens"):
        stream_address("127.0.0.1:1", "", "", "", 5.0)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("10.0.0.5", ("http://10.0.0.5", 80)),
        ("https://cam.local", ("https://cam.local", 443)),
        ("http://10.0.0.5:8080/onvif/device_service", ("http://10.0.0.5", 8080)),
        ("http://[fe80::1]:81", ("http://[fe80::1]", 81)),
    ],
)
def test_places(written: str, found: tuple[str, int]) -> None:
    assert place(written) == found


@pytest.mark.parametrize(
    ("written", "code"),
    [("ftp://x", "malformed"), ("http://", "malformed"), ("x:99999", "malformed"), ("http://u:p@x", "password_in_address")],
)
def test_places_that_are_none(written: str, code: str) -> None:
    with pytest.raises(GrabError) as caught:
        place(written)
    assert caught.value.fault.code == code


def test_the_driver_opens_what_the_camera_says_with_its_user(peer: OnvifCamera) -> None:
    camera = Camera("cam-1", Camera.Config(onvif=f"http://127.0.0.1:{peer.port}", user="store", password="door", profile="Sub"))
    camera.context = AdapterContext(None, {"door": "p@ss"})
    where = camera._address()
    assert where.target == "rtsp://store:p%40ss@10.9.9.9:554/sub" and where.shown == "rtsp://10.9.9.9:554/sub"


def test_the_driver_tells_at_once_that_it_is_refused_and_asks_rarely(peer: OnvifCamera) -> None:
    camera = Camera("cam-1", Camera.Config(onvif=f"127.0.0.1:{peer.port}", user="store", password="door"))
    camera.context = AdapterContext(None, {"door": "wr0ng"})
    facts = camera.facts()
    told = next(facts)
    assert told.data["state"] == "offline" and told.data["code"] == "login_refused"
    threading.Timer(0.2, camera.close).start()
    assert list(facts) == []


def test_the_driver_says_why_there_are_no_pictures() -> None:
    camera = Camera("cam-1", Camera.Config(onvif="127.0.0.1:1"))
    with pytest.raises(InputFault, match="Nothing listens"):
        list(camera.facts())


def test_cameras_are_found_each_once_by_what_they_say(peer: OnvifCamera) -> None:
    pytest.importorskip("wsdiscovery")
    if not heard_in_group():
        pytest.skip("a network with multicast is absent")
    place = f"127.0.0.1:{peer.port}"
    (found,) = Camera.discover(place, 1.4)
    assert found.settings == {"onvif": f"http://{place}/onvif/device_service"}
    assert found.facts == {"name": "Door cam", "hardware": "DC-1", "location": "country/china, city/hangzhou"}
    assert Camera.Config(**found.settings).onvif
    assert found in list(Camera.discover("*", 1.4)) and list(Camera.discover("no such camera", 0.4)) == []


def test_the_process_keeps_its_proxy(peer: OnvifCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://10.0.0.1:3128")
    asked(peer)
    assert os.environ["http_proxy"] == "http://10.0.0.1:3128"
