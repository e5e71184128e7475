"""Schedules and reports of signage: which entries are kept, what is refused and why, and the HTTP answers that players get."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.wire_twin import held_port
from storeloom.hardware_adapters.signage.http_signage import HttpSignage
from storeloom.hardware_adapters.signage.mqtt_signage import MqttSignage
from storeloom.hardware_adapters.signage.mqtt_signage_twin import MqttSignageTwin
from storeloom.hardware_adapters.signage.schedule import BadReport, Folder, Schedule

httpx = pytest.importorskip("httpx", reason="httpx is absent")
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
REPORT = {"player": "p", "number": 4, "asset": "milk", "started": "2026-03-02T09:59:00.5Z", "duration_s": 8, "complete": True}


def play(*assets: str, **more: Any) -> dict[str, Any]:
    return {"screen": "hall", "items": [{"asset": one, "duration_s": 8} for one in assets], **more}


def schedule() -> Schedule:
    return Schedule("hall", lambda _: None, 3)


def names(one: Schedule, now: datetime = NOW) -> list[str]:
    return [entry["id"] for entry in one.document(now)["entries"]]


def test_a_command_is_one_entry_however_often_it_comes() -> None:
    one = schedule()
    assert one.play(play("a", cmd="c1", priority=2), NOW) and not one.play(play("a", cmd="c1", priority=2), NOW)
    found = one.document(NOW)
    assert found["entries"] == [{"id": "c1", "number": 1, "priority": 2, "items": [{"asset": "a", "duration_s": 8}]}]
    assert len(found["version"]) == 16 and one.document(NOW)["version"] == found["version"]


def test_entries_go_when_their_time_is_over_and_when_nothing_shows_them_any_more() -> None:
    one = schedule()
    one.play(play("a", cmd="c1", to="2026-03-02T10:30:00Z"), NOW)
    one.play(play("b", cmd="c2", priority=5), NOW)
    one.play(play("c", cmd="c3", **{"from": "2026-03-02T11:00:00+00:00"}), NOW)
    assert names(one) == ["c2", "c3"], "c2 has no end and a higher priority than c1"
    one.play(play("d", cmd="c4", to="2026-03-02T10:10:00Z"), NOW)
    one.play(play("e", cmd="c5", to="2026-03-02T10:20:00Z"), NOW)
    assert names(one) == ["c3", "c4", "c5"], "three at most"
    assert names(one, datetime(2026, 3, 2, 10, 15, tzinfo=UTC)) == ["c3", "c5"]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        ({**play("a"), "screen": "door"}, Code.NO_EXIST, "this device plays for hall, not for door"),
        (play(), Code.ILLEGAL, "there is nothing to play in it, or for no time"),
        (play("a", to="2026-03-02T09:00:00Z"), Code.ILLEGAL, "its time was over at 2026-03-02T09:00:00Z"),
    ],
)
def test_what_cannot_be_played_is_refused(data: dict[str, Any], code: Code, words: str) -> None:
    with pytest.raises(DeviceError) as caught:
        schedule().play(data, NOW)
    assert (caught.value.code, caught.value.words["en"]) == (code, words)


def test_a_report_becomes_a_fact_that_tells_its_repeats() -> None:
    fact = schedule().played({**REPORT, "campaign": "spring", "entry": "c1", "audience": 3}, "hall", NOW)
    assert fact.data == {
        "screen": "hall",
        "asset": "milk",
        "started": "2026-03-02T09:59:00.5Z",
        "duration_s": 8,
        "complete": True,
        "campaign": "spring",
        "audience": 3,
        "cmd": "c1",
    }
    assert (fact.key, fact.time) == ("p|4", datetime(2026, 3, 2, 9, 59, 0, 500_000, tzinfo=UTC))


@pytest.mark.parametrize(
    "change", [{"number": True}, {"number": -1}, {"duration_s": "8"}, {"duration_s": 90_000}, {"started": "soon"}, {"audience": "many"}]
)
def test_a_report_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadReport) as caught:
        schedule().played({**REPORT, **change}, "hall", NOW)
    assert next(iter(change)) in caught.value.words["en"] and caught.value.words["zh"]


def test_no_asset_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(b"s")
    (tmp_path / "in" / "a.png").write_bytes(b"p")
    (tmp_path / "in" / "notes.txt").write_bytes(b"t")
    folder = Folder(str(tmp_path / "in"))
    assert folder.file("a") == folder.file("a.png") == tmp_path / "in" / "a.png"
    assert [folder.file(name) for name in ("../secret.png", "../secret", "notes.txt", ".a", "", "a\0")] == [None] * 6
    media = folder.media("a")
    # SHA-256 of the letter p
    assert media == {"url": "media/148de9c5a7a44d19e56cd9ae1a554bf6/a.png", "hash": "148de9c5a7a44d19e56cd9ae1a554bf6", "kind": "image"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Rig, Any]]:
    (tmp_path / "milk.png").write_bytes(b"p")
    held = held_port()
    config = HttpSignage.Config(listen=f"127.0.0.1:{held.getsockname()[1]}", token="t", folder=str(tmp_path))
    driver = HttpSignage("hall", config)
    driver.context = AdapterContext(secrets={"t": "door"})
    rig = Rig(driver)
    assert rig.wait_for(lambda: rig.state() == "offline", 5.0)
    with httpx.Client(base_url=f"http://{config.listen}/hall/", headers={"Authorization": "Bearer door"}, trust_env=False) as client:
        yield rig, client
    assert rig.close(5.0)
    held.close()


def test_players_get_schedule_and_files_by_version(served: tuple[Rig, Any]) -> None:
    rig, client = served
    assert rig.send("sign.play", play("milk", cmd="c1"), 5.0) is None
    first = client.get("schedule", params={"player": "p", "queued": 2})
    assert first.status_code == 200 and first.json()["entries"][0]["items"][0]["media"]["kind"] == "image"
    assert rig.wait_for(lambda: rig.state() == "online", 5.0)
    assert client.get("schedule", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    file = client.get(first.json()["entries"][0]["items"][0]["media"]["url"])
    assert (file.status_code, file.content, file.headers["content-type"]) == (200, b"p", "image/png")
    assert "immutable" in file.headers["cache-control"]
    assert client.get("media/0000/milk.png").status_code == 404


def test_requests_that_make_no_sense_are_told_so(served: tuple[Rig, Any]) -> None:
    _, client = served
    assert client.get("schedule", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("", headers={"Authorization": ""}).status_code == 200, "the page itself holds nothing"
    assert client.get("played").headers["allow"] == "POST"
    assert client.post("played", content=b'{"reports": [').status_code == 400
    bad = client.post("played", json={"reports": [{**REPORT, "number": "x"}]})
    assert (bad.status_code, bad.json()["refused"]) == (422, ["x"])
    mixed = client.post("played", json={"reports": [REPORT, {**REPORT, "number": 5, "duration_s": None}]})
    assert (mixed.status_code, mixed.json()["taken"], mixed.json()["refused"]) == (200, [4], [5])


def test_a_schedule_that_lay_with_the_broker_is_taken_up_again() -> None:
    with MqttSignageTwin() as twin:
        for cmd in ("c1", "c2"):
            rig = Rig(MqttSignage("unit-1", MqttSignage.Config(**twin.settings())))
            assert rig.wait_for(lambda rig=rig: rig.state() == "online", 5.0)
            data = {**play("a", cmd=cmd, to="2199-01-01T00:00:00Z"), "screen": "unit-1"}
            assert rig.send("sign.play", data, 5.0) is None
            driver = rig.adapter
            assert rig.close(5.0)
        assert isinstance(driver, MqttSignage)
        assert [one["id"] for one in driver.schedule.document(NOW)["entries"]] == ["c1", "c2"]
        assert rig.wait_for(lambda: [one["id"] for one in twin.took()] == ["c1", "c2"], 5.0)
