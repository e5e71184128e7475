"""The virtual twin of a switch with two ports, the second with a radio: pysnmp's own agent behind a wire for datagrams that goes wrong."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.datagram_twin import DATAGRAM_FAULTS, DatagramTwin
from storeloom.hardware_adapters.links.twin import Said

DOT11, POWERS_MW = (1, 2, 840, 10036), (100, 50, 10)
CHANNEL, LEVEL, SSID = (*DOT11, 4, 5, 1, 1, 2), (*DOT11, 4, 3, 1, 10, 2), (*DOT11, 1, 1, 1, 9, 2)
LIMIT, STATIONS = (1, 3, 6, 1, 4, 1, 8072, 9999, 1, 0), (1, 3, 6, 1, 4, 1, 8072, 9999, 2, 1)
SYSTEM, TABLE, HIGH = (1, 3, 6, 1, 2, 1, 1), (1, 3, 6, 1, 2, 1, 2, 2, 1), (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
CLIENTS = {"clients_oid": ".".join(map(str, STATIONS))}


class SnmpDeviceTwin(DatagramTwin):
    faults = (*DATAGRAM_FAULTS, "odd", "fail", "reboot")

    def __init__(self) -> None:
        super().__init__()
        self.up = {1: True, 2: True}
        self.settable = {(*TABLE, 7, 1): 1, (*TABLE, 7, 2): 1, CHANNEL: 6, LEVEL: 1, SSID: "guest", LIMIT: 0}
        self.effects: list[Mapping[str, Any]] = []
        self._began = time.monotonic()
        self._engine: Any = None

    async def boot(self) -> None:
        from pysnmp.carrier.asyncio.dgram import udp
        from pysnmp.entity import config, engine
        from pysnmp.entity.rfc3413 import cmdrsp, context

        self._engine = engine.SnmpEngine()
        config.add_transport(self._engine, udp.DOMAIN_NAME, udp.UdpTransport().open_server_mode(("127.0.0.1", self.served)))
        config.add_v1_system(self._engine, "area", "public")
        config.add_vacm_user(self._engine, 2, "area", "noAuthNoPriv", (1,), (1,))
        served = context.SnmpContext(self._engine)
        served.unregister_context_name(b"")
        served.register_context_name(b"", self._values())
        readers = (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder, cmdrsp.BulkCommandResponder)
        for responder in (*readers, cmdrsp.SetCommandResponder):
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

            def write_variables(self, *bound: Any, **_: Any) -> Any:
                if twin.fault == "fail" or any(tuple(oid) not in twin.settable for oid, _ in bound):
                    raise error.NotWritableError(idx=0)
                twin.settable |= {tuple(oid): str(value) if tuple(oid) == SSID else int(value) for oid, value in bound}
                twin.effects.append({".".join(map(str, oid)): str(value) for oid, value in bound})
                return bound

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
        rows |= {oid: OctetString(one) if isinstance(one, str) else Integer(one) for oid, one in self.settable.items()}
        rows |= {(*DOT11, 4, 3, 1, 2 + place, 2): Integer(one) for place, one in enumerate(POWERS_MW)}
        rows |= {(*STATIONS, place): OctetString(f"station {place}") for place in range(1, 4)}
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
        interfaces = [{"name": "p1", "target": "line-1", "line": "main"}, {"name": "port 2", "target": "ap-2", "kind": "ap", **CLIENTS}]
        return {"address": f"127.0.0.1:{self.port}", "poll_s": 0.05, "timeout_s": 0.3, "probes": 1, "interfaces": interfaces}

    def act(self, number: int) -> Sequence[Said]:
        self.up[1] = bool(number % 2)
        told = {"target": "line-1", "kind": "line", "line": "main", "up": self.up[1]}
        radio = {"target": "ap-2", "kind": "ap", "clients": 3}
        return [
            Said("network.probe", radio),
            Said("network.probe", {"target": "unit-1", "kind": "device", "up": True}),
            Said("network.probe", told),
        ]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "network.set", {"device": "ap-2", "channel": 1 + (len(self.effects) + number) % 11, "power_dbm": 17.0, "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.effects)

    def reboot(self) -> None:
        self._began = time.monotonic()

    async def stop(self) -> None:
        self._engine.close_dispatcher()
