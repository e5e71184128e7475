"""SNMP (RFC 3416 with v2c, RFC 3414 with v3) on pysnmp: values and columns by their OIDs, read and set, what fails as DeviceError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.loop import LoopThread

AUTH = {
    "md5": "usmHMACMD5AuthProtocol",
    "sha": "usmHMACSHAAuthProtocol",
    "sha256": "usmHMAC192SHA256AuthProtocol",
    "sha512": "usmHMAC384SHA512AuthProtocol",
}
PRIV = {"des": "usmDESPrivProtocol", "aes128": "usmAesCfb128Protocol", "aes256": "usmAesCfb256Protocol"}
ROWS = 25
MOST_ROWS = 2000
Oid = tuple[int, ...]


@dataclass(frozen=True)
class Login:
    """How to ask: `community` for v2c, another to set where there is one; for v3 a user, and where set the keys."""

    version: str
    community: str = field(default="public", repr=False)
    write_community: str = field(default="", repr=False)
    user: str = ""
    auth: str = "sha256"
    auth_key: str = field(default="", repr=False)
    priv: str = "aes128"
    priv_key: str = field(default="", repr=False)


class SnmpLink:
    """One agent at an address. Its methods are called from the driver's thread and wait for the loop's."""

    def __init__(self, loop: LoopThread, address: tuple[str, int], login: Login, timeout_s: float, place: str) -> None:
        self._loop, self._address, self._login, self._timeout_s, self._place = loop, address, login, timeout_s, place
        self._engine: Any = None
        self._target: Any = None

    def open(self) -> None:
        import pysnmp.hlapi.v3arch.asyncio  # noqa: F401  (a second's work, which is not to hold up the loop)

        self._loop.call(self._open(), self._timeout_s + 5.0)

    async def _open(self) -> None:
        from pysnmp.hlapi.v3arch.asyncio import SnmpEngine, UdpTransportTarget

        self._engine = SnmpEngine()
        try:
            self._target = await UdpTransportTarget.create(self._address, timeout=self._timeout_s, retries=0)
        except Exception as error:  # pysnmp wraps what the resolver raises
            en, zh = f"there is no host {self._address[0]}", f"找不到主机 {self._address[0]}"
            raise DeviceError(Code.NO_HARDWARE, en, zh) from error

    def close(self) -> None:
        if self._engine is not None:
            self._loop.call(self._close(), 5.0)
            self._engine = None

    async def _close(self) -> None:
        self._engine.close_dispatcher()

    def get(self, *oids: Oid) -> dict[Oid, Any]:
        """Values by OID, those left out that the agent does not have. DeviceError."""
        return self._loop.call(self._get(oids), self._timeout_s + 5.0)

    async def _get(self, oids: tuple[Oid, ...]) -> dict[Oid, Any]:
        from pysnmp.hlapi.v3arch.asyncio import ContextData, ObjectIdentity, ObjectType, get_cmd

        asked = [ObjectType(ObjectIdentity(oid)) for oid in oids]
        answer = await get_cmd(self._engine, self._auth(), self._target, ContextData(), *asked, lookupMib=False)
        return dict(self._values(answer))

    def set(self, values: Mapping[Oid, Any]) -> bool:
        """Give objects values, in the types that they have, all or none of them; False where they have them already. DeviceError."""
        before = self.get(*values)
        lacking = [".".join(map(str, oid)) for oid in values if oid not in before]
        if lacking:
            shown = ", ".join(lacking)
            raise DeviceError(Code.NO_EXIST, f"{self._place} has no object {shown}", f"{self._place} 没有对象 {shown}")
        given = {oid: before[oid].clone(value.encode() if isinstance(value, str) else value) for oid, value in values.items()}
        if given == {oid: before[oid] for oid in given}:
            return False
        self._loop.call(self._set(given), self._timeout_s + 5.0)
        return True

    async def _set(self, given: Mapping[Oid, Any]) -> None:
        from pysnmp.hlapi.v3arch.asyncio import ContextData, ObjectIdentity, ObjectType, set_cmd

        told = [ObjectType(ObjectIdentity(oid), value) for oid, value in given.items()]
        answer = await set_cmd(self._engine, self._auth(to_set=True), self._target, ContextData(), *told, lookupMib=False)
        self._values(answer)

    def column(self, oid: Oid) -> dict[Oid, Any]:
        """A table's column: values by index. DeviceError."""
        return self._loop.call(self._column(oid), 10 * self._timeout_s + 5.0)

    async def _column(self, oid: Oid) -> dict[Oid, Any]:
        from pysnmp.hlapi.v3arch.asyncio import ContextData, ObjectIdentity, ObjectType, bulk_cmd

        found: dict[Oid, Any] = {}
        at = oid
        while len(found) < MOST_ROWS:
            asked = ObjectType(ObjectIdentity(at))
            answer = await bulk_cmd(self._engine, self._auth(), self._target, ContextData(), 0, ROWS, asked, lookupMib=False)
            rows = [(key, value) for key, value in self._values(answer) if key[: len(oid)] == oid and key > at]
            if not rows:
                break
            found |= {key[len(oid) :]: value for key, value in rows}
            at = rows[-1][0]
        return found

    def _values(self, answer: Any) -> list[tuple[Oid, Any]]:
        from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject

        indication, status, _, bound = answer
        if indication:
            raise self._failed(indication)
        if int(status):
            name = status.prettyPrint() if hasattr(status, "prettyPrint") else str(status)
            raise DeviceError(Code.FAILURE, f"{self._place} answers {name}", f"{self._place} 应答 {name}")
        return [(tuple(key), value) for key, value in bound if not isinstance(value, (EndOfMibView, NoSuchInstance, NoSuchObject))]

    def _failed(self, indication: Any) -> DeviceError:
        word = type(indication).__name__
        if word in ("RequestTimedOut", "EmptyResponse"):
            return of_os(TimeoutError(), self._place)
        return DeviceError(Code.FAILURE, f"{self._place}: {indication}", f"{self._place}：{indication}")

    def _auth(self, to_set: bool = False) -> Any:
        from pysnmp.hlapi.v3arch import asyncio as snmp

        login = self._login
        if login.version == "2c":
            return snmp.CommunityData((to_set and login.write_community) or login.community, mpModel=1)
        keys: dict[str, Any] = {}
        if login.auth_key:
            keys |= {"authKey": login.auth_key, "authProtocol": getattr(snmp, AUTH[login.auth])}
        if login.priv_key:
            keys |= {"privKey": login.priv_key, "privProtocol": getattr(snmp, PRIV[login.priv])}
        return snmp.UsmUserData(login.user, **keys)
