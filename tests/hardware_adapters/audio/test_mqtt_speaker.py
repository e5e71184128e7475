"""Loudspeakers over MQTT: what they are given, what they answer, what was played."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel import schemas
from storeloom.hardware_adapters.audio.mqtt_speaker import MqttSpeaker
from storeloom.hardware_adapters.audio.mqtt_speaker_twin import MqttSpeakerTwin
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[MqttSpeakerTwin, Rig]]:
    with MqttSpeakerTwin() as twin:
        rig = Rig(MqttSpeaker("unit-1", MqttSpeaker.Config(**twin.settings(), zones=["sales"])))
        assert rig.wait_for(lambda: rig.state() == "online", 10)
        yield twin, rig
        rig.close(5.0)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"text": "本店即将打烊", "cmd": "1"}, {"text": "本店即将打烊"}),
        ({"asset": "closing", "cmd": "2"}, {"stored": "7", "asset": "closing"}),
        ({"asset": "春节 1", "cmd": "3"}, {"url": "http://media.example/%E6%98%A5%E8%8A%82%201.mp3", "asset": "春节 1"}),
        ({"asset": "https://cdn.example/a.mp3", "cmd": "4"}, {"url": "https://cdn.example/a.mp3", "asset": "https://cdn.example/a.mp3"}),
        ({"volume_db": 20.0, "cmd": "5"}, {"volume_db": 6.0}),
        ({"text": "x", "duck_db": -12.0, "repeat": 2, "cmd": "6"}, {"text": "x", "duck_db": -12.0, "repeat": 2}),
    ],
)
def test_what_the_loudspeaker_gets(played: tuple[MqttSpeakerTwin, Rig], data: dict[str, Any], what: dict[str, Any]) -> None:
    twin, rig = played
    rig.adapter.command("audio.play", {"zone": "sales", "kind": "closing", **data}, NOW)
    assert twin.took()[-1] == {"zone": "sales", "kind": "closing", **what}
    ended = lambda: [one for one in rig.facts if one.data.get("cmd") == data["cmd"]]  # noqa: E731
    assert rig.wait_for(lambda: bool(ended()), 5)
    assert ended()[0].stream == "audio.played"
    assert schemas.first_error(schemas.stream_file("audio.played"), ended()[0].data) is None


def test_a_command_twice_is_played_once(played: tuple[MqttSpeakerTwin, Rig]) -> None:
    twin, rig = played
    before = len(twin.took())
    for _ in range(2):
        rig.adapter.command("audio.play", {"zone": "sales", "kind": "staff", "text": "y", "cmd": "twice"}, NOW)
    assert len(twin.took()) == before + 1


def test_refusals_in_words(played: tuple[MqttSpeakerTwin, Rig]) -> None:
    twin, rig = played
    twin.play("fail")
    with pytest.raises(DeviceError) as caught:
        rig.adapter.command("audio.play", {"zone": "sales", "kind": "staff", "text": "z", "cmd": "no"}, NOW)
    twin.mend()
    assert (caught.value.code, caught.value.words["zh"]) == (Code.FAILURE, "未播放：amplifier")
    with pytest.raises(DeviceError, match="it does not reach zone roof"):
        rig.adapter.command("audio.play", {"zone": "roof", "kind": "staff", "text": "z"}, NOW)
    with pytest.raises(DeviceError, match="no address for 'jingle'"):
        MqttSpeaker("s", MqttSpeaker.Config()).command("audio.play", {"zone": "sales", "kind": "music", "asset": "jingle"}, NOW)


def test_what_was_played_and_how_the_loudspeaker_is() -> None:
    driver = MqttSpeaker("s", MqttSpeaker.Config())
    told = {"zone": "a", "kind": "music", "started": "2026-03-02T18:00:00+08:00", "duration_s": 3, "complete": False, "noise_db": 55}
    fact = next(iter(driver.heard(Message("audio/played", orjson.dumps(told)))))
    assert fact.data == {**told, "started": "2026-03-02T10:00:00Z", "duration_s": 3.0, "noise_db": 55.0}
    for bad in ({**told, "started": "now"}, {**told, "duration_s": "long"}, {"zone": "a"}):
        with pytest.raises(BadMessage):
            list(driver.heard(Message("audio/played", orjson.dumps(bad))))
    status = next(iter(driver.heard(Message("audio/state", b'{"error": "overheated", "volume_db": -20, "firmware": "3"}'))))
    assert (status.data["state"], status.data["code"], status.data["firmware"]) == ("fault", "overheated", "3")
