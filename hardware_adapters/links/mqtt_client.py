"""Eclipse Paho's client, made quicker for many small messages. It imports Paho: import it where a connection is made.

Paho asks the system before each packet whether there is one and reads it in three calls, each of which lets another thread of the store
go first; and for each message of MQTT 5.0 it builds the tables of all properties that there are, which takes longer than all else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import MQTTErrorCode

READ_BYTES = 65536
NO_PROPERTIES = b"\0"


class Plain(NamedTuple):
    """A message without properties; its fields are those of Paho's."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    retain: bool
    dup: bool


class ReadAheadClient(Client):
    """Reads up to `READ_BYTES` at once and handles every packet among them before it waits again. For `manual_ack`.

    `on_plain` gets the messages that bear no properties, `on_message` all others; both in the connection's thread.
    """

    on_plain: Callable[[Plain], None]
    _held, _at, _draining = b"", 0, False

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        result = super().loop_read(max_packets)
        self._draining = True
        try:
            while result == MQTTErrorCode.MQTT_ERR_SUCCESS and self._at < len(self._held):
                result = super().loop_read(max_packets)
        finally:
            self._draining = False
        return result

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._at >= len(self._held):
            if self._draining:  # back to the loop, which also writes and keeps the connection alive
                raise BlockingIOError
            self._held, self._at = super()._sock_recv(READ_BYTES), 0
        part = self._held[self._at : self._at + bufsize]
        self._at += len(part)
        return part

    def _handle_publish(self) -> MQTTErrorCode:
        """PUBLISH of MQTT 5.0 (3.3) with QoS 0 or 1 and without properties, as nearly all are; Paho takes the others."""
        packet, head = bytes(self._in_packet["packet"]), self._in_packet["command"]
        qos, topic_ends = head >> 1 & 3, 2 + int.from_bytes(packet[:2])
        begins = topic_ends + 2 * (qos == 1)
        if self._protocol != MQTTv5 or qos > 1 or topic_ends == 2 or packet[begins : begins + 1] != NO_PROPERTIES:
            return super()._handle_publish()
        try:
            topic = str(packet[2:topic_ends], "utf-8")
        except UnicodeDecodeError:
            return super()._handle_publish()
        number = int.from_bytes(packet[topic_ends:begins])
        self.on_plain(Plain(topic, packet[begins + 1 :], number, qos, bool(head & 1), bool(head & 8)))
        return MQTTErrorCode.MQTT_ERR_SUCCESS
