"""The virtual twin of a switch with two ports: pysnmp's own agent behind a wire for datagrams that goes wrong."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.datagram_twin import DATAGRAM_FAULTS, DatagramWire, free_udp_port
from storeloom.hardware_adapters.links.loop import LoopThread
from storeloom.hardware_adapters.links.twin import Said, Twin

CALL_S = 5.0
SYSTEM, TABLE, HIGH = (1, 3, 6, 1, 2, 1, 1), (1, 3, 6, 1, 2, 1, 2, 2, 1), (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)


class SnmpDeviceTwin(Twin):
    faults = (*DATAGRAM_FAULTS, "odd", "fail", "reboot")

    def __init__(self) -> None:
        self.up = {1: True, 2: True}
        self._began = time.monotonic()
        self._loop: LoopThread | None = None
        self._engine: Any = None
        self._wire: DatagramWire | None = None

    def start(self) -> None:
        self._port = free_udp_port()
        self._loop = LoopThread()
        self._loop.call(self._agent(), CALL_S)
        self._wire = DatagramWire(self._port)

    async def _agent(self) -> None:
        from pysnmp.carrier.asyncio.dgram import udp
        from pysnmp.entity import config, engine
        from pysnmp.entity.rfc3413 import cmdrsp, context

        self._engine = engine.SnmpEngine()
        config.add_transport(self._engine, udp.DOMAIN_NAME, udp.UdpTransport().open_server_mode(("127.0.0.1", self._port)))
        config.add_v1_system(self._engine, "area", "public")
        config.add_vacm_user(self._engine, 2, "area", "noAuthNoPriv", (1, 3, 6), (1, 3, 6))
        served = context.SnmpContext(self._engine)
        served.unregister_context_name(b"")
        served.register_context_name(b"", self._values())
        for responder in (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder, cmdrsp.BulkCommandResponder):
            responder(self._engine, served)

    def _values(self) -> Any:
        from pysnmp.proto.rfc1905 import endOfMibView, noSuchObject
        from pysnmp.smi import error
        from pysnmp.smi.instrum import AbstractMibInstrumController

        twin = self

        class Values(AbstractMibInstrumController):  # type: ignore[misc]
            def read_variables(self, *bound: Any, **_: Any) -> Any:
                if twin.fault == "fail":
                    raise error.GenError(idx=0)
                found = twin.objects()
                return [(oid, found.get(tuple(oid), noSuchObject)) for oid, _ in bound]

            def read_next_variables(self, *bound: Any, **_: Any) -> Any:
                found = twin.objects()
                order, rows = sorted(found), []
                for oid, _ in bound:
                    place = bisect_right(order, tuple(oid))
                    rows.append((oid, endOfMibView) if place == len(order) else (order[place], found[order[place]]))
                return rows

        return Values()

    def objects(self) -> dict[tuple[int, ...], Any]:
        """What the agent has, by OID."""
        from pysnmp.proto.rfc1902 import Counter64, Gauge32, Integer, OctetString, TimeTicks

        odd, seconds = self.fault == "odd", time.monotonic() - self._began
        rows: dict[tuple[int, ...], Any] = {
            (*SYSTEM, 1, 0): OctetString("twin switch 1.0"),
            (*SYSTEM, 3, 0): TimeTicks(int(100 * seconds)),
            (*SYSTEM, 5, 0): OctetString("sw1"),
        }
        for index, up in self.up.items():
            rows |= {
                (*TABLE, 2, index): OctetString(f"port {index}"),
                (*TABLE, 8, index): Integer(99 if odd else 1 if up else 2),
                (*HIGH, 1, index): OctetString(b"\xff\xfe" if odd else f"p{index}".encode()),
                (*HIGH, 6, index): Counter64((1 << 64) - 1 if odd else int(125_000 * seconds)),
                (*HIGH, 10, index): Counter64(0),
                (*HIGH, 15, index): Gauge32(0 if odd else 1000),
            }
        return rows

    def settings(self) -> Mapping[str, Any]:
        assert self._wire is not None, "the twin has not been started"
        interfaces = [{"name": "p1", "target": "line-1", "line": "main"}, {"name": "port 2", "target": "ap-2", "kind": "ap"}]
        return {"address": f"127.0.0.1:{self._wire.port}", "poll_s": 0.05, "timeout_s": 0.3, "probes": 1, "interfaces": interfaces}

    def act(self, number: int) -> Sequence[Said]:
        self.up[1] = bool(number % 2)
        told = {"target": "line-1", "kind": "line", "line": "main", "up": self.up[1]}
        return [Said("network.probe", {"target": "unit-1", "kind": "device", "up": True}), Said("network.probe", told)]

    def play(self, fault: str) -> None:
        super().play(fault)
        assert self._wire is not None
        self._wire.fault = fault
        if fault == "reboot":
            self._began = time.monotonic()

    def mend(self) -> None:
        super().mend()
        if self._wire is not None:
            self._wire.fault = ""

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        if self._loop is not None:
            self._loop.call(self._stop(), CALL_S)
            self._loop.close()
            self._loop = None

    async def _stop(self) -> None:
        self._engine.close_dispatcher()
