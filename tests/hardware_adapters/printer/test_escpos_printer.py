"""A receipt printer at work: what is acknowledged when, what it says of paper and cover, how it is reached."""

from __future__ import annotations

import os
import threading
import tty
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.escpos import DeviceState, open_job
from storeloom.hardware_adapters.links.escpos_stream import Paper, Reader, command_length
from storeloom.hardware_adapters.printer.escpos_printer import EscposPrinter
from storeloom.hardware_adapters.printer.escpos_printer_twin import EscposPrinterTwin

pytest.importorskip("escpos", reason="python-escpos is not installed")
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def twin() -> Iterator[EscposPrinterTwin]:
    with EscposPrinterTwin() as one:
        yield one


def printer(twin: EscposPrinterTwin, **settings: Any) -> EscposPrinter:
    return EscposPrinter("unit-1", EscposPrinter.Config(**{**twin.settings(), **settings}))


def job(number: int = 1, **more: Any) -> Mapping[str, Any]:
    return {"printer": "unit-1", "job": f"r{number}", "kind": "receipt", "lines": ["牛奶 9.90"], "cmd": f"c{number}", **more}


def refused(driver: EscposPrinter, number: int = 1) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        driver.command("print.job", job(number), NOW)
    return caught.value


def test_a_job_is_answered_once_it_is_printed_and_printed_once(twin: EscposPrinterTwin) -> None:
    driver = printer(twin)
    for _ in range(2):
        (told,) = driver.command("print.job", job(), NOW)
        assert (told.stream, told.data["state"], told.data["cmd"]) == ("device.status", "online", "c1")
    assert twin.jobs == [{"text": "牛奶 9.90\n" + "\n" * 5, "codes": []}]


def test_codes_come_out_as_they_were_asked_for(twin: EscposPrinterTwin) -> None:
    lines = ["[gs1_128](01)06901234567892(10)L1", "[qr]https://例.cn"]
    printer(twin).command("print.job", job(lines=lines), NOW)
    assert twin.jobs[0]["codes"] == [["GS1-128", "(01)06901234567892(10)L1"], ["QR", "https://例.cn"]]


@pytest.mark.parametrize(
    ("state", "word", "zh"),
    [({"paper_out": True}, "paper_out", "缺纸"), ({"cover_open": True}, "cover_open", "机盖打开")],
)
def test_a_printer_that_cannot_is_not_sent_the_job(twin: EscposPrinterTwin, state: Mapping[str, bool], word: str, zh: str) -> None:
    vars(twin).update(state)
    error = refused(printer(twin))
    assert (error.code, error.word, error.words["zh"], error.again) == (Code.EXTENDED, word, zh, True)
    assert twin.jobs == []


def test_paper_that_ends_in_the_middle_is_no_success_and_the_next_copy_says_so(
    twin: EscposPrinterTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = printer(twin)
    monkeypatch.setattr(twin, "printed", lambda paper: setattr(twin, "paper_out", True))
    assert refused(driver).word == "paper_out"
    monkeypatch.undo()
    twin.paper_out = False
    driver.command("print.job", job(), NOW)
    assert twin.jobs[-1]["text"].startswith("COPY 补打\n牛奶 9.90\n")


def test_somebody_at_the_feed_button_is_a_wait(twin: EscposPrinterTwin) -> None:
    twin.play("busy")
    error = refused(printer(twin))
    assert (error.code, error.words["en"]) == (Code.BUSY, "somebody feeds paper by its button")


def test_a_printer_that_takes_the_job_and_never_answers(twin: EscposPrinterTwin) -> None:
    twin.play("silent")
    assert refused(printer(twin)).code is Code.TIMEOUT
    driver = printer(twin, answers=False)
    driver.command("print.job", job(), NOW)  # as set: sent is done


def test_low_paper_is_told_and_is_no_hindrance(twin: EscposPrinterTwin) -> None:
    twin.paper_low = True
    (told,) = printer(twin).command("print.job", job(), NOW)
    assert (told.data["state"], told.data["code"], told.data["text"]) == ("degraded", "paper_low", "its paper is near the end")


def test_a_failed_job_has_the_state_told_at_once(twin: EscposPrinterTwin) -> None:
    rig = Rig(printer(twin, poll_s=3600))
    try:
        assert rig.wait_for(lambda: rig.state() == "online", 5.0)
        twin.cover_open = True
        assert isinstance(rig.send("print.job", job(), 5.0), DeviceError)
        assert rig.wait_for(lambda: rig.state() == "fault", 3.0)
        assert [one.data["code"] for one in rig.facts if one.data["state"] == "fault"] == ["cover_open"]
        assert rig.faults == []
    finally:
        rig.close(5.0)


def test_the_connection_is_closed_between_jobs(twin: EscposPrinterTwin) -> None:
    rig = Rig(printer(twin, poll_s=3600))
    try:
        assert rig.wait_for(lambda: rig.state() == "online", 5.0)
        assert rig.wait_for(lambda: not any(one.is_alive() for one in twin._lines), 3.0)
    finally:
        rig.close(5.0)


def test_a_health_check_asks_for_model_and_firmware(twin: EscposPrinterTwin) -> None:
    health = printer(twin).check_health()
    assert (health.ok, health.facts) == (True, {"model": "TM-T88V", "firmware": "1.00 ESC/POS", "serial": "J3KF000001"})
    twin.cover_open = True
    health = printer(twin).check_health()
    assert (health.ok, health.words["zh"], health.facts) == (False, "机盖打开", {"code": "cover_open"})


def test_drivers_of_one_address_take_turns(twin: EscposPrinterTwin) -> None:
    first, second = printer(twin), printer(twin)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.extend(second.command("print.job", job(), NOW)))
    with first.job():
        thread.start()
        thread.join(0.5)
        assert (thread.is_alive(), twin.jobs) == (True, [])
    thread.join(5.0)
    assert [one.data["cmd"] for one in answers] == ["c1"]
    assert len(twin.jobs) == 1


class Answering:
    """A device that answers each status request with a set byte, or a run of bytes."""

    device = None

    def __init__(self, answers: Mapping[bytes, bytes]) -> None:
        self.answers, self._next = answers, b""

    def _raw(self, data: bytes) -> None:
        self._next += self.answers.get(data, b"")

    def _read(self) -> bytes:
        found, self._next = self._next, b""
        return found


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({1: 0x12, 4: 0x12}, DeviceState()),
        ({1: 0x16, 4: 0x1E}, DeviceState("", True, True)),  # pin 3 high, paper near its end
        ({1: 0x1A, 4: 0x7E, 2: 0x32}, DeviceState("paper_out", True)),
        ({1: 0x1A, 4: 0x12, 2: 0x16}, DeviceState("cover_open")),
        ({1: 0x1A, 4: 0x12, 2: 0x52, 3: 0x1A}, DeviceState("cutter")),
        ({1: 0x1A, 4: 0x12, 2: 0x52, 3: 0x32}, DeviceState("broken")),
        ({1: 0x1A, 4: 0x12, 2: 0x52, 3: 0x52}, DeviceState("hot")),
        ({1: 0x1A, 4: 0x12, 2: 0x12}, DeviceState("waiting")),
    ],
)
def test_status_bytes_of_the_reference(answers: Mapping[int, int], expected: DeviceState) -> None:
    from storeloom.hardware_adapters.links.escpos import EscposJob

    device = Answering({b"\x10\x04" + bytes([number]): b"\x00\xff" + bytes([byte]) for number, byte in answers.items()})
    assert EscposJob(device, "tcp://p", 0.2).state() == expected


def test_a_slow_printers_answer_may_come_among_others_and_has_its_time() -> None:
    from storeloom.hardware_adapters.links.escpos import EscposJob

    busy = {b"\x10\x04\x01": b"\x12", b"\x10\x04\x04": b"\x12"}
    among = EscposJob(Answering({**busy, b"\x10\x04\x04": b"\x03\x12"}), "tcp://p", 0.05)  # 0x03: GS r, paper near its end
    among.wait_done(5.0)
    with pytest.raises(DeviceError) as caught:
        EscposJob(Answering(busy), "tcp://p", 0.05).wait_done(0.1)
    assert caught.value.code is Code.TIMEOUT
    ended = EscposJob(Answering({b"\x10\x04\x01": b"\x1a", b"\x10\x04\x04": b"\x72", b"\x10\x04\x02": b"\x32"}), "tcp://p", 0.05)
    with pytest.raises(DeviceError) as caught:
        ended.wait_done(5.0)
    assert caught.value.word == "paper_out"


def test_over_a_serial_line_that_is_claimed() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    papers: list[Paper] = []
    config = EscposPrinter.Config(address=os.ttyname(slave), timeout_s=1.0)
    reader = Reader(
        lambda request: os.write(master, b"\x00" if request[:1] == b"\x1d" else b"\x12") and None, lambda pin: None, papers.append
    )
    stop = threading.Event()

    def play() -> None:
        os.set_blocking(master, False)
        while not stop.wait(0.01):
            try:
                reader.feed(os.read(master, 4096))
            except BlockingIOError:
                continue

    thread = threading.Thread(target=play)
    thread.start()
    try:
        driver = EscposPrinter("unit-1", config)
        driver.command("print.job", job(), NOW)
        assert papers[0].text.startswith("牛奶 9.90\n")
        held = open_job(config)
        assert refused(driver, 2).code is Code.CLAIMED
        held.device.close()
    finally:
        stop.set()
        thread.join()
        os.close(master)
        os.close(slave)


def test_over_usb(monkeypatch: pytest.MonkeyPatch) -> None:
    core = pytest.importorskip("usb.core", reason="pyusb is not installed")

    class Printer:
        """pyusb's device, as far as python-escpos uses it."""

        backend = Answering
        _ctx = SimpleNamespace(dispose=lambda device: None)
        written = b""
        answers: list[bytes] = []

        def set_configuration(self) -> None: ...
        def reset(self) -> None: ...

        def write(self, endpoint: int, data: bytes, timeout: int) -> None:
            assert (endpoint, timeout) == (0x03, 3000)
            Printer.written += data
            if data[:1] in (b"\x10", b"\x1d") and len(data) == 3:
                self.answers.append(b"\x00" if data[:1] == b"\x1d" else b"\x12")

        def read(self, endpoint: int, size: int) -> bytes:
            assert endpoint == 0x82
            if not self.answers:
                raise core.USBTimeoutError("Operation timed out", -7, 110)
            return self.answers.pop()

    monkeypatch.setattr(core, "find", lambda **wanted: Printer() if wanted == {"idVendor": 0x04B8, "idProduct": 0x0202} else None)
    EscposPrinter("unit-1", EscposPrinter.Config(address="usb:04b8:0202", usb_out=3)).command("print.job", job(), NOW)
    assert "牛奶 9.90\n".encode("gb18030") in Printer.written
    error = refused(EscposPrinter("unit-1", EscposPrinter.Config(address="usb:04b8:9999")))
    assert (error.code, error.words["en"]) == (Code.NO_HARDWARE, "there is no usb:04b8:9999")


def test_without_libusb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    core = pytest.importorskip("usb.core", reason="pyusb is not installed")

    def find(**wanted: int) -> None:
        raise core.NoBackendError("No backend available")

    monkeypatch.setattr(core, "find", find)
    error = refused(EscposPrinter("unit-1", EscposPrinter.Config(address="usb:04b8:0202")))
    assert (error.code, error.words["en"]) == (Code.NO_SERVICE, "libusb is not installed: sudo apt-get install libusb-1.0-0")
    assert error.words["zh"] == "未安装 libusb：sudo apt-get install libusb-1.0-0"


@pytest.mark.parametrize(
    ("stream", "length"),
    [
        (b"\x1b@rest", 2), (b"\x1ba\x01", 3), (b"\x1ba", 0), (b"\x1bp\x00\x32\x32", 5), (b"\x1dV\x01", 3), (b"\x1dV\x42\x00", 4),
        (b"\x1dk\x43\x026", 0), (b"\x1dk\x43\x0269", 6), (b"\x1dk\x0269\x00x", 6), (b"\x1d(k\x03\x001Q0", 8), (b"\x1d(k\x03\x001", 0),
        (b"\x10\x04\x01", 3), (b"text", -1), (b"\x1dv0\x00\x01\x00\x02\x00\xff\xff", 10), (b"\x1f$\x01\x02A", 4),
    ],
)  # fmt: skip
def test_the_twin_knows_where_a_command_ends(stream: bytes, length: int) -> None:
    assert command_length(stream) == length
