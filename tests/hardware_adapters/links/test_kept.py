"""What a driver remembers outlives a kill: nothing is done twice, nothing stays switched, nothing under way is forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import Adapter, AdapterContext
from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.core.runtime.device_memory import DeviceMemory
from storeloom.hardware_adapters.cabinet.cabinet_twin import CabinetTwin
from storeloom.hardware_adapters.cabinet.mqtt_cabinet import MqttCabinet
from storeloom.hardware_adapters.drawer.escpos_drawer import EscposDrawer
from storeloom.hardware_adapters.drawer.escpos_drawer_twin import EscposDrawerTwin
from storeloom.hardware_adapters.gate.modbus_gate import ModbusGate
from storeloom.hardware_adapters.gate.modbus_gate_twin import ModbusGateTwin
from storeloom.hardware_adapters.lighting.bacnet_lighting import BacnetLighting
from storeloom.hardware_adapters.lighting.bacnet_lighting_twin import BacnetLightingTwin
from storeloom.hardware_adapters.links.http_listener import Incoming
from storeloom.hardware_adapters.links.http_twin import Told
from storeloom.hardware_adapters.links.kept import Done, Kept
from storeloom.hardware_adapters.messaging.sms_gateway import SmsGateway
from storeloom.hardware_adapters.messaging.sms_gateway_twin import SmsGatewayTwin
from storeloom.hardware_adapters.payment.signed_payment import SignedPayment
from storeloom.hardware_adapters.payment.signed_payment_twin import SignedPaymentTwin
from storeloom.hardware_adapters.printer.escpos_printer import EscposPrinter
from storeloom.hardware_adapters.printer.escpos_printer_twin import EscposPrinterTwin
from storeloom.hardware_adapters.relay.modbus_relay import ModbusRelay
from storeloom.hardware_adapters.relay.modbus_relay_twin import ModbusRelayTwin

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
SOON_S = 10.0
AT_WORK = """
import sys, time
from importlib import import_module
from pathlib import Path
import orjson
from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.runtime.device_memory import DeviceMemory
module, name, folder, settings, stream, data = sys.argv[1:]
cls = getattr(import_module(module), name)
driver = cls("unit-1", cls.Config(**orjson.loads(settings)))
driver.context = AdapterContext(memory=DeviceMemory(Path(folder), "unit-1"))
rig = Rig(driver)
assert rig.wait_for(lambda: rig.state() == "online", 20.0), rig.facts
assert rig.send(stream, orjson.loads(data), 20.0) is None
print("done", flush=True)
time.sleep(60)
"""


def made(cls: type[Any], twin: Any, folder: Path, **settings: Any) -> Any:
    """The driver of a store process that has just started."""
    driver = cls("unit-1", cls.Config(**{**twin.settings(), **settings}))
    driver.context = AdapterContext(secrets=dict(twin.secrets()), memory=DeviceMemory(folder, "unit-1"))
    return driver


@contextmanager
def at_work(driver: Adapter) -> Iterator[Rig]:
    rig = Rig(driver)
    try:
        yield rig
    finally:
        assert rig.close(SOON_S)


def commanded_and_killed(cls: type[Any], twin: Any, folder: Path, stream: str, data: Mapping[str, Any]) -> None:
    """A process with the driver carries out a command and is killed."""
    what = [cls.__module__, cls.__name__, str(folder), orjson.dumps(dict(twin.settings())).decode(), stream, orjson.dumps(data).decode()]
    process = subprocess.Popen([sys.executable, "-c", AT_WORK, *what], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "done\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(SOON_S)


class Lamp(Adapter):
    takes = ("light.set",)


class Gate(Adapter):
    takes = ("gate.open",)


def test_the_last_are_kept_and_the_oldest_forgotten(tmp_path: Path) -> None:
    one, other = Adapter("unit-1", None), Adapter("unit-1", None)
    one.context = AdapterContext(memory=DeviceMemory(tmp_path, "unit-1"))
    kept: Kept[int] = Kept(one, "seen", 2)
    for number, key in enumerate("abac"):
        kept[key] = number
    assert kept.pop("gone", 9) == 9 and kept.pop("b") == 1
    other.context = AdapterContext(memory=DeviceMemory(tmp_path, "unit-1"))
    again: Kept[int] = Kept(other, "seen", 2)
    assert dict(again) == {"c": 3} and len(again) == 1 and "a" not in again


def test_only_commands_that_do_harm_twice_are_kept_over_a_restart(tmp_path: Path) -> None:
    answer = Fact(AT, "gate.state", "unit-1", {"gate": "unit-1", "kind": "opened"}, AT, "k1")
    for cls, again in ((Gate, True), (Lamp, False)):
        for turn in range(2):
            adapter = cls("unit-1", None)
            adapter.context = AdapterContext(memory=DeviceMemory(tmp_path / cls.__name__, "unit-1"))
            done = Done(adapter, 10)
            assert ("c1" in done) == (again and turn == 1)
            done["c1"] = [answer] if turn == 0 else done["c1"] if again else []
            assert not again or done["c1"] == [answer]


def test_a_memory_that_cannot_be_written_is_told_and_the_command_not_done_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    adapter = Gate("unit-1", None)
    adapter.context = AdapterContext(memory=DeviceMemory(tmp_path, "unit-1"))
    done = Done(adapter, 10)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        done["c1"] = []
    assert "c1" in done


@pytest.mark.parametrize(
    ("cls", "twin_class", "stream", "data"),
    [
        (EscposPrinter, EscposPrinterTwin, "print.job", {"printer": "unit-1", "job": "r1", "kind": "receipt", "lines": ["牛奶"]}),
        (EscposDrawer, EscposDrawerTwin, "drawer.open", {"drawer": "unit-1", "till": "t1", "reason": "sale"}),
        (ModbusGate, ModbusGateTwin, "gate.open", {"gate": "unit-1", "reason": "visit"}),
        (MqttCabinet, CabinetTwin, "cabinet.open", {"cabinet": "unit-1", "session": "s1", "reason": "buy", "cell": "1"}),
        (SignedPayment, SignedPaymentTwin, "payment.request", {"payment": "P1", "amount": 1250}),
    ],
)
def test_what_was_carried_out_before_a_kill_is_answered_and_not_done_again(
    cls: type[Any], twin_class: type[Any], stream: str, data: Mapping[str, Any], tmp_path: Path
) -> None:
    with twin_class() as twin:
        if cls is ModbusGate:
            commanded_and_killed(cls, twin, tmp_path, stream, {**data, "cmd": "c1"})
            first: list[Any] = []
        else:
            first = list(made(cls, twin, tmp_path).command(stream, {**data, "cmd": "c1"}, AT))
        again = made(cls, twin, tmp_path)
        second = list(again.command(stream, {**data, "cmd": "c1"}, AT))
        took = len(twin.took())
        assert took == 1 or (cls is ModbusGate and took == 2), twin.took()  # a pulse has two ends
        if cls is SignedPayment:
            assert [one for one in first if one.stream == "payment.result"] == [one for one in second if one.stream == "payment.result"]
        again.close()


def test_a_job_that_was_killed_while_it_printed_bears_a_mark_when_it_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    job = {"printer": "unit-1", "job": "r1", "kind": "receipt", "lines": ["牛奶"], "cmd": "c1"}
    with EscposPrinterTwin() as twin:
        first = made(EscposPrinter, twin, tmp_path)
        memory = first.context.memory

        def dies(self: Any, seconds: float) -> None:
            first.context = AdapterContext()  # nothing more reaches the disk
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr("storeloom.hardware_adapters.links.escpos.EscposJob.wait_done", dies)
            with pytest.raises(Killed):
                first.command("print.job", job, AT)
        assert memory["begun"] == {"c1": None} and "done" not in memory
        made(EscposPrinter, twin, tmp_path).command("print.job", job, AT)
        assert "COPY 补打" in twin.jobs[-1]["text"]


def test_a_relay_that_was_on_for_a_time_goes_off_after_a_kill(tmp_path: Path) -> None:
    with ModbusRelayTwin() as twin:
        data = {"relay": "relay-0", "on": True, "seconds": 600, "cmd": "c1"}
        commanded_and_killed(ModbusRelay, twin, tmp_path, "relay.set", data)
        assert twin.read("coil", 0) == [1]
        again = made(ModbusRelay, twin, tmp_path)
        with at_work(again) as rig:
            assert rig.wait_for(lambda: rig.state() == "online", SOON_S)
            assert twin.read("coil", 0) == [1], "its time is not over"
            assert rig.send("relay.set", data, SOON_S) is None and twin.read("coil", 0) == [1]
            again.put_later("relay-0", 0.2, again.config.relays[0], 0.0)
            assert rig.wait_for(lambda: twin.read("coil", 0) == [0], SOON_S)
        assert [one for name, one in again.context.memory.items() if name.startswith("later")] == [{}]


def test_what_was_due_while_no_driver_ran_is_done_at_once(tmp_path: Path) -> None:
    with ModbusRelayTwin() as twin:
        commanded_and_killed(ModbusRelay, twin, tmp_path, "relay.set", {"relay": "relay-0", "on": True, "seconds": 600, "cmd": "c1"})
        memory = DeviceMemory(tmp_path, "unit-1")
        (name,) = [one for one in memory if one.startswith("later")]
        memory[name] = {"relay-0": ["2026-03-02T10:00:00Z", 0.0], "sold": ["2026-03-02T10:00:00Z", 0.0]}
        with at_work(made(ModbusRelay, twin, tmp_path)) as rig:
            assert rig.wait_for(lambda: twin.read("coil", 0) == [0], SOON_S)
            assert rig.wait_for(lambda: DeviceMemory(tmp_path, "unit-1")[name] == {}, SOON_S)
            assert not rig.faults


def test_a_level_set_until_a_time_is_given_back_after_a_kill(tmp_path: Path) -> None:
    with BacnetLightingTwin() as twin:
        level = {"group": "unit-1", "level_pct": 80, "priority": "safety", "cmd": "c1"}
        until = rfc3339(datetime.now(UTC) + timedelta(seconds=1.5))
        commanded_and_killed(BacnetLighting, twin, tmp_path, "light.set", {**level, "until": until})
        assert twin.value("analog-output,1") == 80.0
        with at_work(made(BacnetLighting, twin, tmp_path)) as rig:
            assert rig.wait_for(lambda: twin.value("analog-output,1") == 30.0, SOON_S)
            assert rig.wait_for(lambda: list(DeviceMemory(tmp_path, "unit-1").values()) == [{}], SOON_S)


def test_a_payment_that_was_open_at_the_kill_is_asked_after_until_its_end_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"status": "processing"}
    with SignedPaymentTwin() as twin:
        monkeypatch.setattr(twin, "reply", lambda asked: Told(200, {"payment": "P1", **state}))
        first = made(SignedPayment, twin, tmp_path)
        first.command("payment.request", {"payment": "P1", "amount": 1250, "cmd": "c1"}, AT)
        state["status"] = "succeeded"
        assert [one.data["status"] for one in made(SignedPayment, twin, tmp_path).look()] == ["approved"]
        third = made(SignedPayment, twin, tmp_path)  # the second was killed before the store had its fact
        with at_work(third) as rig:
            assert rig.wait_for(lambda: any(one.stream == "payment.result" for one in rig.facts), SOON_S)
            assert rig.wait_for(lambda: DeviceMemory(tmp_path, "unit-1")["open"] == {}, SOON_S)
        told = [one for one in rig.facts if one.stream == "payment.result"]
        assert [(one.data["status"], one.data["amount"]) for one in told] == [("approved", 1250)]
        first.close()


def test_a_receipt_that_comes_after_a_kill_is_put_to_its_message(tmp_path: Path) -> None:
    message = {"message": "M1", "channel": "sms", "to": "m-1", "purpose": "service", "text": "x", "cmd": "c1"}
    with SmsGatewayTwin() as twin:
        stream, wanted = twin.command(1)
        first = made(SmsGateway, twin, tmp_path)
        first.command(stream, {**message, "to": wanted["to"]}, AT)
        again = made(SmsGateway, twin, tmp_path)
        told = {"type": "message.outcome", "timestamp": "2026-03-02T10:00:05Z", "data": {"message": "M1", "status": "delivered"}}
        (fact,) = again.heard(Incoming("r1", AT, told, {}))
        assert (fact.data["to"], fact.data["channel"]) == (wanted["to"], "sms")
        again.command(stream, {**message, "to": wanted["to"]}, AT)
        assert len(twin.took()) == 1
