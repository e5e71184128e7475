"""The virtual twin of an LLRP reader: llrpkit's emulator of an Impinj R700 behind a wire that goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from storeloom.hardware_adapters.links.loop import LoopThread
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, WireTwin

if TYPE_CHECKING:
    from llrpkit.emulator import LLRPEmulator

SGTIN = bytes.fromhex("3074257bf7194e4000000000")
SERIAL = (1 << 38) - 1
CALL_S = 5.0


class LlrpReaderTwin(WireTwin):
    faults = (*WIRE_FAULTS, "odd", "flood", "reboot")

    def __init__(self) -> None:
        self._loop: LoopThread | None = None
        self._emulator: LLRPEmulator | None = None
        self._serial = 0

    def serve(self) -> int:
        self._loop = LoopThread()
        self._emulator = self._loop.call(self._make(0), CALL_S)
        return int(self._emulator.port)

    @staticmethod
    async def _make(port: int) -> LLRPEmulator:
        from llrpkit.emulator import LLRPEmulator

        emulator = LLRPEmulator(port=port, tags=[], reads_per_sec=60.0)
        await emulator.start()
        return emulator

    def settings(self) -> Mapping[str, Any]:
        quick = {"window_s": 0.1, "keepalive_s": 0.3, "connect_s": 0.5, "answer_s": 0.4}
        antennas = [{"port": port, "zone": f"z{port}"} for port in range(1, 5)]
        return {"address": f"127.0.0.1:{self.port}", "antennas": antennas, **quick}

    def act(self, number: int) -> Sequence[Said]:
        """One tag lies before one antenna."""
        from llrpkit.emulator import EmulatedTag

        assert self._emulator is not None
        self._serial += 1
        serial, port = self._serial * 100 + number, number % 4 + 1
        epc = (int.from_bytes(SGTIN, "big") | serial & SERIAL).to_bytes(12, "big")
        odd = [EmulatedTag(epc=b"\xe2\x00" * 31), EmulatedTag(epc=b"\x30" + b"\xff" * 11, rssi_dbm=-120.0)] if self.fault == "odd" else []
        self._emulator.tags = [*odd, EmulatedTag(epc=epc, antennas=(port,), rssi_dbm=-50.0)]
        self._emulator.reads_per_sec = 6000.0 if self.fault == "flood" else 60.0
        told = {"reader": "unit-1", "antenna": str(port), "zone": f"z{port}", "gtin": "80614141123458", "serial": str(serial)}
        return [Said("rfid.read", {**told, "epc": f"urn:epc:id:sgtin:0614141.812345.{serial}"})]

    def reboot(self) -> None:
        assert self._loop is not None and self._emulator is not None
        self._loop.call(self._emulator.stop(), CALL_S)
        self._emulator = self._loop.call(self._make(self.wire.server_port), CALL_S)

    def shut(self) -> None:
        if self._loop is not None:
            if self._emulator is not None:
                self._loop.call(self._emulator.stop(), CALL_S)
            self._loop.close()
            self._loop = self._emulator = None
