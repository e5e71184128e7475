"""Serial lines: claimed, read with time-outs, told when they are gone; on pseudo-terminals, TCP, and pySerial's own RFC 2217 server."""

from __future__ import annotations

import os
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.serial_line import SerialConfig, open_line

serial = pytest.importorskip("serial")


class Port:
    """Both ends of a pseudo-terminal."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.name = os.ttyname(self.slave)

    def unplug(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            os.close(self.slave)
            self.master = -1


@pytest.fixture
def port() -> Iterator[Port]:
    one = Port()
    yield one
    one.unplug()


def config(address: str, **more: object) -> SerialConfig:
    return SerialConfig.model_validate({"address": address, "timeout_s": 0.3, **more})


def refused(call: object, *arguments: object) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value


def test_a_message_is_read_to_its_end_and_the_rest_is_kept(port: Port) -> None:
    line = open_line(config(port.name))
    os.write(port.master, b"one\r\ntw")
    assert line.read_until(b"\r\n") == b"one\r\n"
    os.write(port.master, b"o\r\n")
    assert line.read_until(b"\r\n") == b"two\r\n"
    line.write(b"SI\r\n")
    assert os.read(port.master, 10) == b"SI\r\n"
    line.close()


def test_a_message_that_does_not_come_whole_or_never_ends(port: Port) -> None:
    line = open_line(config(port.name))
    os.write(port.master, b"half")
    assert refused(line.read_until, b"\r\n").code is Code.TIMEOUT
    os.write(port.master, b"x" * 60)
    assert refused(line.read_until, b"\r\n", 1.0, 50).code is Code.FAILURE
    line.close()


def test_a_port_in_use_is_claimed(port: Port) -> None:
    line = open_line(config(port.name))
    error = refused(open_line, config(port.name))
    assert (error.code, error.words["en"]) == (Code.CLAIMED, f"{port.name} is in use by another program")
    line.close()
    open_line(config(port.name)).close()


def test_an_unplugged_port_is_told_in_reading_and_in_writing(port: Port) -> None:
    line = open_line(config(port.name))
    port.unplug()
    assert refused(line.read, 0.1).code is Code.OFFLINE
    assert refused(line.write, b"x").words["zh"] == f"{port.name} 已断开"
    line.close()


def test_a_port_that_is_not_there() -> None:
    assert refused(open_line, config("/dev/no-such-port")).code is Code.NO_HARDWARE


def test_a_port_by_its_usb_ids(monkeypatch: pytest.MonkeyPatch, port: Port) -> None:
    from serial.tools import list_ports

    ports = [SimpleNamespace(vid=0x0403, pid=0x6001, serial_number="A7", device=port.name)]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    for address in ("usb:0403:6001", "usb:0403:6001:A7"):
        open_line(config(address)).close()
    assert refused(open_line, config("usb:0403:6001:B8")).words["en"] == "there is no usb:0403:6001:B8"


def test_a_device_server_over_tcp_that_breaks_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"socket://127.0.0.1:{server.getsockname()[1]}"
        line = open_line(config(place))
        near, _ = server.accept()
        near.sendall(b"12.5\r\n")
        assert line.read_until(b"\r\n") == b"12.5\r\n"
        assert line._port._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        near.close()
        assert refused(line.read, 0.5).code is Code.OFFLINE
        line.close()
    assert refused(open_line, config(place)).words["en"] == f"{place} refuses connections"


@contextmanager
def rfc2217() -> Iterator[tuple[int, Any]]:
    """pySerial's own server of RFC 2217, for one client, before a port that gives back what is written; its TCP port, and that port."""
    from serial.rfc2217 import PortManager

    behind = serial.serial_for_url("loop://", 9600, timeout=0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            near, _ = server.accept()
            lock = threading.Lock()

            def send(data: bytes) -> None:
                with lock:
                    near.sendall(data)

            manager = PortManager(behind, SimpleNamespace(write=send))
            near.settimeout(0.02)
            while True:
                try:
                    data = near.recv(1024)
                    if not data:
                        break
                    behind.write(b"".join(manager.filter(data)))
                except TimeoutError:
                    pass
                except OSError:
                    break
                if behind.in_waiting:
                    send(b"".join(manager.escape(behind.read(behind.in_waiting))))
            near.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1]), behind
        thread.join(5)
    behind.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:serial")
def test_a_device_server_of_rfc_2217() -> None:
    with rfc2217() as (number, behind):
        line = open_line(config(f"rfc2217://127.0.0.1:{number}", baud=19200, data_bits=7, parity="even"))
        assert (behind.baudrate, behind.bytesize, behind.parity) == (19200, 7, "E")
        line.write(b"\x0201.\xff234\r")  # 0xFF is Telnet's own sign
        assert line.read_until(b"\r", 3.0) == b"\x0201.\xff234\r"
        line.close()


@pytest.mark.parametrize("address", ["ttyUSB0", "socket://host", "rfc2217://user:pw@host:1", "usb:zz:01"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        config(address)
