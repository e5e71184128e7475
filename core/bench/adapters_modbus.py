"""Part of area `adapters`: what 500 Modbus registers at 1 Hz cost, beside the bare client that reads the same spans.

Ten devices of 50 registers each stand behind one gateway, a process of its own on pymodbus's server. The drivers turn every register into a
reading and hand it to the store's queue, which is emptied. Counted are the processor seconds of this process for each second that goes by.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from storeloom.core.bench.harness import Result
from storeloom.core.runtime.intake import Feeder, Intake, policies
from storeloom.hardware_adapters.sensor.modbus_points import SensorRegister
from storeloom.hardware_adapters.sensor.modbus_sensor import ModbusSensor

DEVICES, REGISTERS, SECONDS, LIMIT_S = 10, 50, 20.0, 60.0
PERCENT = 100.0
GATEWAY = """
import asyncio
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
async def main():
    device = SimDevice(0, simdata=[SimData(0, values=list(range(200, 328)), datatype=DataType.REGISTERS)])
    server = ModbusTcpServer(device, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, input)
try:
    asyncio.run(main())
except EOFError:
    pass
"""


def measure(seconds: float = SECONDS) -> list[Result]:
    """Shares of one core, in per cent, over so many seconds each."""
    with _gateway() as port:
        ours, rate = _ours(port, seconds)
        bare = _bare(port, seconds)
    what = f"{DEVICES} devices of {REGISTERS} registers on one gateway, a reading of each every second, {seconds:g} s"
    return [
        Result("modbus_500_registers", ours, "% of a core", "<= 5", f"stated limit; {what}", 1),
        Result("modbus_readings", rate, "1/s", f">= {0.95 * DEVICES * REGISTERS:g}", "readings that reached the store's queue", 1),
        Result("modbus_bare", bare, "% of a core", "", "pymodbus's client alone, the same requests, nothing made of them", 1),
    ]


@contextmanager
def _gateway() -> Iterator[int]:
    child = subprocess.Popen(
        [sys.executable, "-c", GATEWAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert child.stdout is not None
        yield int(child.stdout.readline())
    finally:
        child.communicate("\n", timeout=LIMIT_S)


def _ours(port: int, seconds: float) -> tuple[float, float]:
    """Share of a core of the drivers at work, and readings a second."""
    intake, stop = Intake(policies({}), lambda: datetime.now(UTC)), threading.Event()
    points = [SensorRegister(sensor=f"s{place}", address=place, scale=0.1) for place in range(REGISTERS)]
    drivers = [
        ModbusSensor(f"box-{unit}", ModbusSensor.Config(address=f"tcp://127.0.0.1:{port}", unit_id=unit, poll_s=1.0, points=points))
        for unit in range(1, DEVICES + 1)
    ]
    feeders = [Feeder(driver, intake) for driver in drivers]
    taken = 0

    def empty() -> None:
        nonlocal taken
        while not stop.is_set():
            taken += sum(one.stream == "sensor.reading" for one in intake.take(1000, 0.2))

    reader = threading.Thread(target=empty, name="bench-intake", daemon=True)
    reader.start()
    try:
        for feeder in feeders:
            feeder.start()
        until = time.monotonic() + LIMIT_S
        while taken < 2 * DEVICES * REGISTERS:
            if time.monotonic() > until:
                raise RuntimeError(f"the readings did not come within {LIMIT_S:g} s")
            time.sleep(0.05)
        before, began, used = taken, time.monotonic(), time.process_time()
        time.sleep(seconds)
        lasted = time.monotonic() - began
        return (time.process_time() - used) / lasted * PERCENT, (taken - before) / lasted
    finally:
        for feeder in feeders:
            feeder.stop(10.0)
        stop.set()
        intake.close()
        reader.join()


def _bare(port: int, seconds: float) -> float:
    """Share of a core of the client alone."""

    async def read() -> float:
        from pymodbus.client import AsyncModbusTcpClient

        client = AsyncModbusTcpClient("127.0.0.1", port=port)
        await client.connect()
        began, used = time.monotonic(), time.process_time()
        while time.monotonic() - began < seconds:
            for unit in range(1, DEVICES + 1):
                await client.read_holding_registers(0, count=REGISTERS, device_id=unit)
            await asyncio.sleep(1.0)
        share = (time.process_time() - used) / (time.monotonic() - began) * PERCENT
        client.close()
        return share

    return asyncio.run(read())
