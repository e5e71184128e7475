"""Reading ahead: packets as MQTT 5.0 writes them (3.3), in any pieces, come out as Paho itself hands them over."""

from __future__ import annotations

import itertools
import random
import threading
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from storeloom.hardware_adapters.links.mqtt_client import Plain, ReadAheadClient

PLAIN = bytes.fromhex("32 0a 0003 612f62 0007 00 6869")  # QoS 1, topic a/b, id 7, no properties, "hi"
RETAINED = bytes.fromhex("31 06 0001 74 00 6f6e")  # QoS 0, retained, topic t, "on"
EXPIRES = bytes.fromhex("3a 0c 0001 78 0008 05 020000003c 79")  # QoS 1 again, topic x, id 8, Message Expiry Interval 60 s, "y"
EMPTY = bytes.fromhex("32 06 0001 7a 0009 00")  # QoS 1, topic z, id 9, no payload
OLD = bytes.fromhex("32 09 0003 612f62 0007 6869")  # the first one in MQTT 3.1.1


class Line:
    """A socket that gives what came in in these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces, self.reads = pieces, 0

    def recv(self, count: int) -> bytes:
        self.reads += 1
        if not self.pieces:
            raise BlockingIOError
        piece = self.pieces[0][:count]
        self.pieces[:1] = [self.pieces[0][count:]] if len(self.pieces[0]) > count else []
        return piece

    def close(self) -> None:
        """Nothing is open."""


def read(kind: type[Client], pieces: list[bytes], version: MQTTProtocolVersion) -> tuple[list[tuple[Any, ...]], Line, MQTTErrorCode]:
    """What a client makes of these pieces, as often as there are some."""
    client, line, got = kind(CallbackAPIVersion.VERSION2, protocol=version, manual_ack=True), Line(pieces), list[tuple[Any, ...]]()

    def came(one: MQTTMessage | Plain) -> None:
        got.append((one.topic, bytes(one.payload), one.mid, one.qos, one.retain, one.dup))

    client.on_message = lambda _, __, one: came(one)
    if isinstance(client, ReadAheadClient):
        client.on_plain = came
    client._thread, client._sock = threading.current_thread(), line  # type: ignore[assignment]
    result = client.loop_read()
    while line.pieces and result == MQTTErrorCode.MQTT_ERR_SUCCESS:
        result = client.loop_read()
    client._sock = None
    return got, line, result


HI, ON, Y, NOTHING = (
    ("a/b", b"hi", 7, 1, False, False),
    ("t", b"on", 0, 0, True, False),
    ("x", b"y", 8, 1, False, True),
    ("z", b"", 9, 1, False, False),
)


def test_all_that_came_in_is_read_with_one_call() -> None:
    got, line, _ = read(ReadAheadClient, [PLAIN + RETAINED + EXPIRES + EMPTY], MQTTv5)
    assert got == [HI, ON, Y, NOTHING] and line.reads == 1


@pytest.mark.parametrize("seed", range(20))
def test_it_reads_what_paho_reads_however_it_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    stream = b"".join(chance.choice((PLAIN, RETAINED, EXPIRES, EMPTY)) for _ in range(30))
    cuts = [0, *sorted(chance.sample(range(1, len(stream)), 40)), len(stream)]
    pieces = [stream[begins:ends] for begins, ends in itertools.pairwise(cuts)]
    ours, theirs = read(ReadAheadClient, list(pieces), MQTTv5), read(Client, list(pieces), MQTTv5)
    assert ours[0] == theirs[0] and len(ours[0]) == 30


def test_mqtt_3_1_1() -> None:
    assert read(ReadAheadClient, [OLD + OLD], MQTTv311)[0] == [HI, HI]


@pytest.mark.parametrize("packet", ["32 05 00ff 612f62", "32 03 0001 61", "32 05 0001 61 0007"])
def test_a_broken_packet_is_none(packet: str) -> None:
    got, _, result = read(ReadAheadClient, [bytes.fromhex(packet)], MQTTv5)
    assert got == [] and result != MQTTErrorCode.MQTT_ERR_SUCCESS


def test_the_end_of_the_line_is_told() -> None:
    class Ended(Line):
        def recv(self, count: int) -> bytes:
            return super().recv(count) if self.pieces else b""

    client = ReadAheadClient(CallbackAPIVersion.VERSION2, protocol=MQTTv5, manual_ack=True)
    client._sock = Ended([])  # type: ignore[assignment]
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
