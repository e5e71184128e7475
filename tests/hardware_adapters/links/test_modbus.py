"""Modbus on the wire against the published examples, faults in words, one line for several drivers; RTU on a pseudo terminal."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event as Flag

import pytest

from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.loop import Stopped, shared_loop
from storeloom.hardware_adapters.links.modbus import EXCEPTIONS, ModbusConfig, Place, Refused, Span, Station, line_of, place_of
from storeloom.hardware_adapters.links.modbus_scan import places, scan

pytest.importorskip("pymodbus")
Answer = Callable[[bytes], bytes | None]


class Device:
    """A device written down by hand: `answer` gives the bytes for a request's; None keeps silent."""

    def __init__(self, answer: Answer) -> None:
        self.heard: list[bytes] = []
        self.connections = 0
        self._answer, self._socket = answer, socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._lines.append(line)
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with line:
            while True:
                try:
                    request = line.recv(1024)
                except OSError:
                    return
                if not request:
                    return
                self.heard.append(request)
                answer = self._answer(request)
                if answer == b"":
                    return
                if answer is not None:
                    line.sendall(answer)

    def close(self) -> None:
        self._socket.close()
        for line in self._lines:
            line.close()


@contextmanager
def station(answer: Answer, form: str = "tcp", unit: int = 1, timeout_s: float = 0.3, tries: int = 1) -> Iterator[tuple[Device, Station]]:
    device = Device(answer)
    try:
        with line_of(Place(form, "127.0.0.1", device.port)) as line:  # type: ignore[arg-type]
            yield device, Station(line, unit, timeout_s, tries, Flag())
    finally:
        device.close()


def tcp(pdu: str) -> Answer:
    """Answers with this PDU under the request's transaction and unit (MBAP header of Modbus Messaging on TCP/IP, 3.1.3)."""
    told = bytes.fromhex(pdu)
    return lambda request: request[:4] + (len(told) + 1).to_bytes(2, "big") + request[6:7] + told


# The examples of the Modbus Application Protocol Specification V1.1b3: registers 108 to 110 (6.3), input register 9 (6.4),
# coils 20 to 38 (6.1), discrete inputs 197 to 218 (6.2).
READS = [
    (Span("holding", 107, 3), "03 00 6B 00 03", "03 06 02 2B 00 00 00 64", [555, 0, 100]),
    (Span("input", 8, 1), "04 00 08 00 01", "04 02 00 0A", [10]),
    (Span("coil", 19, 19), "01 00 13 00 13", "01 03 CD 6B 05", "1011 0011 1101 0110 101"),
    (Span("discrete", 196, 22), "02 00 C4 00 16", "02 03 AC DB 35", "0011 0101 1101 1011 1010 11"),
]


@pytest.mark.parametrize(("span", "asked", "answer", "found"), READS)
def test_reading_is_as_in_the_specification(span: Span, asked: str, answer: str, found: list[int] | str) -> None:
    with station(tcp(answer), unit=0x11) as (device, one):
        got = one.read([span])[0]
    assert device.heard[0][4:] == b"\x00\x06\x11" + bytes.fromhex(asked)
    assert device.heard[0][2:4] == b"\x00\x00"
    assert got == ([int(bit) == 1 for bit in found.replace(" ", "")] if isinstance(found, str) else found)


# Coil 173 on (6.5), register 2 to 3 (6.6), coils 20 to 29 (6.11), registers 2 and 3 (6.12).
WRITES = [
    ("coil", 172, [1], "05 00 AC FF 00", "05 00 AC FF 00"),
    ("holding", 1, [3], "06 00 01 00 03", "06 00 01 00 03"),
    ("coil", 19, [1, 0, 1, 1, 0, 0, 1, 1, 1, 0], "0F 00 13 00 0A 02 CD 01", "0F 00 13 00 0A"),
    ("holding", 1, [0x000A, 0x0102], "10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 02"),
]


@pytest.mark.parametrize(("kind", "address", "values", "asked", "answer"), WRITES)
def test_writing_is_as_in_the_specification(kind: str, address: int, values: list[int], asked: str, answer: str) -> None:
    with station(tcp(answer)) as (device, one):
        one.write(kind, address, values)  # type: ignore[arg-type]
    assert device.heard[0][7:] == bytes.fromhex(asked)


def test_a_bit_is_set_and_the_others_stay() -> None:
    def answer(request: bytes) -> bytes:
        return tcp("03 02 00 F0" if request[7] == 3 else request[7:].hex())(request) or b""

    with station(answer) as (device, one):
        one.write_bit(4, 0, True)
    assert device.heard[1][7:] == bytes.fromhex("06 00 04 00 F1")


def test_rtu_over_tcp_has_unit_and_checksum_and_no_header() -> None:
    # 01 03 00 00 00 0A has the CRC C5 CD (Modbus over Serial Line V1.02, appendix B: low byte first).
    with station(lambda _: None, "rtu+tcp") as (device, one), pytest.raises(DeviceError):
        one.read([Span("holding", 0, 10)])
    assert device.heard == [bytes.fromhex("01 03 00 00 00 0A C5 CD")]


def test_an_rtu_answer_with_a_wrong_checksum_is_none() -> None:
    with station(lambda _: bytes.fromhex("01 03 02 00 0A 00 00"), "rtu+tcp") as (_, one), pytest.raises(DeviceError) as caught:
        one.read([Span("holding", 0, 1)])
    assert caught.value.code == Code.TIMEOUT


@pytest.mark.parametrize("number", sorted(EXCEPTIONS))
def test_an_exception_response_is_told_in_words(number: int) -> None:
    with station(tcp(f"83 {number:02X}")) as (_, one):
        found = one.read([Span("holding", 0, 1)])[0]
    assert isinstance(found, Refused)
    assert (found.number, found.code) == (number, EXCEPTIONS[number][0])
    assert f"Modbus exception {number}" in found.words["en"]
    assert f"Modbus 异常码 {number}" in found.words["zh"]


def test_a_refused_span_does_not_keep_the_others_from_being_read() -> None:
    with station(lambda request: tcp("83 02" if request[9] else "03 02 00 07")(request)) as (_, one):
        found = one.read([Span("holding", 9, 1), Span("holding", 0, 1)])
    assert isinstance(found[0], Refused)
    assert found[1] == [7]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda _: None, Code.TIMEOUT),
        (lambda _: b"", Code.OFFLINE),
        (lambda request: request[:6], Code.TIMEOUT),
        (lambda request: tcp("03 02 00 07")(bytes([0x77]) + request[1:]), Code.TIMEOUT),
        (tcp("04 02 00 07"), Code.OFFLINE),
        (tcp("03 04 00 07 00 08"), Code.OFFLINE),
        (tcp("7E 01 02"), Code.OFFLINE),
    ],
    ids=["silent", "hangs_up", "half", "other_transaction", "other_function", "too_long", "no_function"],
)
def test_what_is_no_answer_is_a_device_error(answer: Answer, code: Code) -> None:
    with station(answer) as (_, one), pytest.raises(DeviceError) as caught:
        one.read([Span("holding", 0, 1)])
    assert caught.value.code == code
    assert "127.0.0.1" in caught.value.words["zh"]


def test_a_request_is_sent_again_while_it_is_not_answered() -> None:
    count = iter(range(9))
    with station(lambda request: tcp("03 02 00 07")(request) if next(count) == 2 else None, tries=3) as (device, one):
        assert one.read([Span("holding", 0, 1)]) == [[7]]
    assert len(device.heard) == 3
    assert device.connections == 2


def test_a_late_answer_is_not_taken_for_the_next_ones() -> None:
    first = Flag()

    def answer(request: bytes) -> bytes:
        if first.is_set():
            return tcp("03 02 00 02")(request) or b""
        first.set()
        time.sleep(0.3)
        return tcp("03 02 00 01")(request) or b""

    with station(answer, timeout_s=0.2) as (_, one):
        with pytest.raises(DeviceError):
            one.read([Span("holding", 0, 1)])
        time.sleep(0.2)
        assert one.read([Span("holding", 0, 1)]) == [[2]]


def test_nobody_there_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with line_of(Place("tcp", "127.0.0.1", port)) as line, pytest.raises(DeviceError, match="refuses connections") as caught:
        Station(line, 1, 0.5, 1, Flag()).open()
    assert caught.value.code == Code.NO_HARDWARE
    with line_of(Place("serial", "/dev/no-such-port", 0, 9600)) as line, pytest.raises(DeviceError, match="there is no /dev/no-such-port"):
        Station(line, 1, 0.5, 1, Flag()).open()


def test_a_line_is_opened_once_and_its_users_take_turns() -> None:
    busy, most = [0], [0]

    def answer(request: bytes) -> bytes:
        busy[0] += len(request) // 12
        most[0] = max(most[0], busy[0])
        time.sleep(0.02)
        busy[0] -= len(request) // 12
        return tcp(f"03 02 00 {request[6]:02X}")(request) or b""

    with station(answer) as (device, one), ExitStack() as more:
        lines = [more.enter_context(line_of(one.line.place)) for _ in range(4)]
        found: dict[int, object] = {}
        stations = [Station(line, unit, 1.0, 1, Flag()) for unit, line in enumerate(lines, 1)]
        threads = [threading.Thread(target=lambda s=s: found.update({s.unit_id: s.read([Span("holding", 0, 1)] * 3)})) for s in stations]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {unit: [[unit]] * 3 for unit in range(1, 5)}
    assert (device.connections, most[0]) == (1, 1)


def test_a_line_in_use_with_other_settings_is_claimed() -> None:
    with line_of(Place("serial", "/dev/ttyS9", 0, 9600)), pytest.raises(DeviceError, match="other settings") as caught, ExitStack() as more:
        more.enter_context(line_of(Place("serial", "/dev/ttyS9", 0, 19200)))
    assert caught.value.code == Code.CLAIMED


def test_a_driver_that_is_to_end_waits_no_longer() -> None:
    with station(lambda _: None, timeout_s=30) as (_, one):
        threading.Timer(0.1, one.stopping.set).start()
        began = time.monotonic()
        with pytest.raises(DeviceError) as caught:
            one.read([Span("holding", 0, 1)])
    assert caught.value.code == Code.CLOSED
    assert time.monotonic() - began < 10


def test_the_loop_ends_with_its_last_user() -> None:
    before = threading.active_count()
    with shared_loop() as one, shared_loop() as other:
        assert one is other
        assert one.call(asyncio.sleep(0, "done"), 5.0) == "done"
        with pytest.raises(TimeoutError):
            one.call(asyncio.sleep(30), 0.01)
        stopping = Flag()
        stopping.set()
        with pytest.raises(Stopped):
            one.call(asyncio.sleep(30), stopping=stopping)
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("tcp://10.0.0.7", Place("tcp", "10.0.0.7", 502)),
        ("tcp://meter.local:1502", Place("tcp", "meter.local", 1502)),
        ("rtu+tcp://10.0.0.8:4001", Place("rtu+tcp", "10.0.0.8", 4001)),
        ("/dev/ttyUSB0", Place("serial", "/dev/ttyUSB0", 0, 9600, "E", 1)),
        ("COM3", Place("serial", "COM3", 0, 9600, "E", 1)),
    ],
)
def test_addresses(address: str, place: Place) -> None:
    assert place_of(ModbusConfig(address=address, parity="even")) == place


def test_the_broadcast_address_of_a_line_is_refused() -> None:
    with pytest.raises(DeviceError, match="all devices at once"):
        place_of(ModbusConfig(address="/dev/ttyUSB0", unit_id=0))
    assert place_of(ModbusConfig(address="tcp://10.0.0.7", unit_id=0)).host == "10.0.0.7"


def test_silence_between_rtu_frames_is_three_and_a_half_characters() -> None:
    assert place_of(ModbusConfig(address="/dev/ttyUSB0", baud=9600)).silence_s == pytest.approx(0.00401, abs=1e-5)
    assert place_of(ModbusConfig(address="/dev/ttyUSB0", baud=115200)).silence_s == 0.00175
    assert place_of(ModbusConfig(address="tcp://10.0.0.7")).silence_s == 0.0


@contextmanager
def serial_line() -> Iterator[tuple[str, str]]:
    """Two serial ports with a cable between them: two pseudo terminals and a thread that carries the bytes."""
    pty = pytest.importorskip("pty")
    tty = pytest.importorskip("tty")
    pairs = [pty.openpty() for _ in range(2)]
    for master, slave in pairs:
        tty.setraw(master)
        tty.setraw(slave)
    masters, over = [master for master, _ in pairs], Flag()

    def carry() -> None:
        import select

        while not over.is_set():
            for near in select.select(masters, [], [], 0.02)[0]:
                os.write(masters[1 - masters.index(near)], os.read(near, 512))

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield os.ttyname(pairs[0][1]), os.ttyname(pairs[1][1])
    finally:
        over.set()
        thread.join()
        for pair in pairs:
            for end in pair:
                os.close(end)


def test_rtu_on_a_serial_line_beside_pymodbus_own_server() -> None:
    from pymodbus.server import ModbusSerialServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    with serial_line() as (near, far), shared_loop() as loop:

        async def serve() -> ModbusSerialServer:
            device = SimDevice(7, simdata=[SimData(0, values=[215, 480, 3], datatype=DataType.REGISTERS)])
            server = ModbusSerialServer([device, SimDevice(0, simdata=[SimData(9, values=[1], datatype=DataType.REGISTERS)])], port=far)
            await server.serve_forever(background=True)
            return server

        server = loop.call(serve(), 5.0)
        try:
            with line_of(place_of(ModbusConfig(address=near))) as line:
                one = Station(line, 7, 1.0, 2, Flag())
                assert one.read([Span("holding", 0, 3)]) == [[215, 480, 3]]
                one.write("holding", 2, [9])
                assert one.read_one(Span("input", 2, 1)) == [9]
                with pytest.raises(Refused, match="no such register"):
                    one.read_one(Span("holding", 50, 1))
                taken = Station(line, 7, 1.0, 1, Flag())
                assert taken.read([Span("holding", 0, 1)]) == [[215]]
        finally:
            loop.call(server.shutdown(), 5.0)


def rtu(text: str) -> bytes:
    from pymodbus.framer import FramerRTU

    body = bytes.fromhex(text)
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def test_on_a_serial_line_a_late_answer_is_not_taken_for_the_next_ones() -> None:
    serial = pytest.importorskip("serial")
    with serial_line() as (near, far), serial.Serial(far, timeout=5) as device:
        heard: list[bytes] = []

        def play() -> None:
            heard.append(device.read(8))
            time.sleep(0.3)
            device.write(rtu("01 03 02 00 01"))
            heard.append(device.read(8))
            device.write(rtu("01 03 02 00 02"))

        thread = threading.Thread(target=play, daemon=True)
        thread.start()
        with line_of(place_of(ModbusConfig(address=near))) as line:
            one = Station(line, 1, 0.2, 1, Flag())
            with pytest.raises(DeviceError, match="did not answer in time"):
                one.read([Span("holding", 0, 1)])
            one = Station(line, 1, 5.0, 1, Flag())
            assert one.read([Span("holding", 0, 1)]) == [[2]]
        thread.join()
    assert heard == [rtu("01 03 00 00 00 01")] * 2


def test_beside_a_server_of_another_make() -> None:
    server_module = pytest.importorskip("pyModbusTCP.server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = server_module.ModbusServer("127.0.0.1", port, no_block=True)
    server.start()
    try:
        server.data_bank.set_holding_registers(10, [215, 480])
        server.data_bank.set_discrete_inputs(3, [True])
        with line_of(Place("tcp", "127.0.0.1", port)) as line:
            one = Station(line, 1, 2.0, 1, Flag())
            assert one.read([Span("holding", 10, 2), Span("discrete", 2, 3)]) == [[215, 480], [False, True, False]]
            one.write("coil", 5, [1, 0, 1])
            one.write("coil", 9, [1])
            one.write("holding", 11, [7, 8])
            one.write_bit(11, 3, True)
            assert server.data_bank.get_coils(5, 5) == [True, False, True, False, True]
            assert server.data_bank.get_holding_registers(10, 3) == [215, 15, 8]
            assert one.identify() == {}
    finally:
        server.stop()


def test_what_a_search_is_given() -> None:
    assert places("10.0.0.0/30 1-3") == (["tcp://10.0.0.1:502", "tcp://10.0.0.2:502"], range(1, 4))
    assert places("10.0.0.7:1502") == (["tcp://10.0.0.7:1502"], range(1, 2))
    assert places("/dev/ttyUSB0 5") == (["/dev/ttyUSB0"], range(5, 6))
    for wrong in ("", "10.0.0.0/8 1", "10.0.0.1 9-3", "10.0.0.1 1-300", "meter", "10.0.0.1 1 2"):
        with pytest.raises(ValueError):
            places(wrong)


def test_a_search_finds_the_units_that_answer() -> None:
    def answer(request: bytes) -> bytes:
        wanted = "83 02" if request[6] == 2 else "83 0B" if request[6] == 3 else "03 02 00 01"
        if request[7] == 0x2B:
            wanted = "AB 01" if request[6] == 2 else "2B 0E 01 01 00 00 02 00 04 41 63 6D 65 01 02 58 31"
        return tcp(wanted)(request) or b""

    device = Device(answer)
    try:
        found = list(scan(f"127.0.0.1:{device.port} 1-3", 10.0))
    finally:
        device.close()
    address = f"tcp://127.0.0.1:{device.port}"
    assert [dict(one.settings) for one in found] == [{"address": address, "unit_id": unit} for unit in (1, 2)]
    assert dict(found[0].facts) == {"vendor": "Acme", "product": "X1"}
    assert {request[7] for request in device.heard} == {3, 0x2B}
