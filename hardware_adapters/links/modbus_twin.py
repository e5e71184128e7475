"""A Modbus device on pymodbus's own server, with a wire in front of it that can go wrong; what every Modbus twin is made of.

A twin gives `start_values()` (what stands where once it has started), `act` and `command`; `written` is what it was told, and what a write
means beyond being stored does `wrote`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from storeloom.hardware_adapters.links.loop import LoopThread, shared_loop
from storeloom.hardware_adapters.links.modbus import READS, Kind
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, WireTwin

SIZE, FLOOD = 128, 100
WRITES: Mapping[int, Kind] = {5: "coil", 15: "coil", 6: "holding", 16: "holding"}
Store = dict[tuple[Kind, int], int]


class ModbusTwin(WireTwin):
    """Base of Modbus twins: unit 1 and every other, `SIZE` registers of each kind."""

    faults = (*WIRE_FAULTS, "checksum", "duplicate", "stale", "flood", "busy", "fail", "odd", "reboot")

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self._before = b""
        self._own = False
        self._stack = ExitStack()
        self._loop: LoopThread | None = None
        self._server: Any = None

    def start_values(self) -> Store:
        """What stands in the registers after a start; 0 elsewhere."""
        return {}

    def wrote(self, kind: Kind, address: int, values: Sequence[int]) -> None:
        """Something was written, and has changed."""
        self.written.append({"kind": kind, "address": address, "values": list(values)})

    def serve(self) -> int:
        self._loop = self._stack.enter_context(shared_loop())
        return self._loop.call(self._serve(0), 5.0)

    async def _serve(self, port: int) -> int:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        given = self.start_values()
        blocks: dict[Kind, list[int]] = {kind: [given.get((kind, place), 0) for place in range(SIZE)] for kind in READS}
        bits = [[SimData(0, values=[bool(one) for one in blocks[kind]], datatype=DataType.BITS)] for kind in ("coil", "discrete")]
        words = [[SimData(0, values=blocks[kind], datatype=DataType.REGISTERS)] for kind in ("holding", "input")]
        device = SimDevice(0, simdata=(bits[0], bits[1], words[0], words[1]), action=self._touched)
        server: Any = ModbusTcpServer(device, address=("127.0.0.1", port), trace_packet=self._packet, trace_pdu=self._pdu)
        await server.serve_forever(background=True)
        self._server = server
        return int(server.transport.sockets[0].getsockname()[1])

    async def _touched(
        self, function: int, start: int, address: int, count: int, stored: list[int], values: list[int] | list[bool] | None
    ) -> Any:
        """Every reading and writing of registers comes by here; the result is how it is refused."""
        from pymodbus.constants import ExcCodes

        if self._own:
            return None
        if self.fault in ("busy", "fail"):
            return ExcCodes.DEVICE_BUSY if self.fault == "busy" else ExcCodes.DEVICE_FAILURE
        if values is not None and function in WRITES:
            kind, told = WRITES[function], [int(one) for one in values]
            if told != await self._read(kind, address, len(told)):
                with self.lock:
                    self.wrote(kind, address, told)
        return None

    async def _read(self, kind: Kind, address: int, count: int) -> list[int]:
        self._own = True
        try:
            return [int(one) for one in await self._server.async_getValues(1, READS[kind][1], address, count)]
        finally:
            self._own = False

    async def _write(self, kind: Kind, address: int, values: Sequence[int]) -> None:
        self._own = True
        try:
            told = [bool(one) for one in values] if kind in ("coil", "discrete") else list(values)
            await self._server.async_setValues(1, READS[kind][1], address, told)
        finally:
            self._own = False

    def read(self, kind: Kind, address: int, count: int = 1) -> list[int]:
        """What stands in the device."""
        assert self._loop is not None
        return self._loop.call(self._read(kind, address, count), 5.0)

    def set(self, kind: Kind, address: int, *values: int) -> None:
        """Let something else stand there: the device's own doing."""
        assert self._loop is not None
        self._loop.call(self._write(kind, address, values), 5.0)

    def _pdu(self, sending: bool, pdu: Any) -> Any:
        if sending and self.fault == "odd" and not pdu.isError():
            pdu.registers = [0x8000] * len(pdu.registers)
            pdu.bits = [not one for one in pdu.bits]
        return pdu

    def _packet(self, sending: bool, data: bytes) -> bytes:
        """The bytes that go out, as the fault has them."""
        if not sending:
            return data
        before, self._before = self._before, data
        if self.fault == "checksum":
            return bytes([data[0] ^ 0x55]) + data[1:]
        if self.fault == "stale":
            return before + data
        return data * {"duplicate": 2, "flood": FLOOD}.get(self.fault, 1)

    def settings(self) -> Mapping[str, Any]:
        return {"address": f"tcp://127.0.0.1:{self.port}", "timeout_s": 0.4, "poll_s": 0.1}

    def act(self, number: int) -> Sequence[Said]:
        return ()

    def took(self) -> Sequence[Mapping[str, Any]]:
        with self.lock:
            return list(self.written)

    def reboot(self) -> None:
        assert self._loop is not None
        self._loop.call(self._server.shutdown(), 5.0)
        self._loop.call(self._serve(self.wire.server_port), 5.0)

    def shut(self) -> None:
        if self._loop is not None:
            self._loop.call(self._server.shutdown(), 5.0)
            self._loop = None
        self._stack.close()
