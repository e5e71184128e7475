"""What a `network.set` means to an SNMP agent: which objects get which values.

Objects come from the config. For an interface that the config names, those that it lacks are standard ones: `ifAdminStatus` (IF-MIB, RFC
2863) for `enabled`, and of the IEEE802dot11-MIB (IEEE Std 802.11, Annex C) `dot11DesiredSSID`, `dot11CurrentChannel` (DSSS) or
`dot11CurrentFrequency` (OFDM), which numbers channels too, and `dot11CurrentTxPowerLevel`: the strongest level that is not above the one
wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log10
from typing import Any, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.network.snmp_link import Oid, SnmpLink

Field = Literal["ssid", "enabled", "channel", "power_dbm", "limit_kbps", "guest_mbit_s"]
FIELDS: tuple[Field, ...] = ("ssid", "enabled", "channel", "power_dbm", "limit_kbps", "guest_mbit_s")
DOTTED = r"^(\d+(\.\d+)+)?$"
IF_ADMIN: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1, 7)
DOT11: Oid = (1, 2, 840, 10036)
SSID, LEVEL, LEVELS = (*DOT11, 1, 1, 1, 9), (*DOT11, 4, 3, 1, 10), tuple((*DOT11, 4, 3, 1, part) for part in range(2, 10))
CHANNELS: Sequence[Oid] = ((*DOT11, 4, 5, 1, 1), (*DOT11, 4, 11, 1, 1))
UP, DOWN = 1, 2
ROUNDING_DB = 0.1


class SetObject(SolutionConfig):
    """An object that stands for a field of `network.set`. The agent is told value x scale, or `on` and `off`."""

    field: Field = setting("channel", "Field", "字段", effect="restart")
    oid: str = setting("1.3.6.1.2.1.2.2.1.7.1", "Object (OID with its index)", "对象 OID（含索引）", effect="restart", pattern=DOTTED)
    target: str = setting("", "Of what (as it is told; empty: the device)", "所属目标（上报名称，留空为设备本身）", effect="restart")
    ssid: str = setting("", "Only for this network (SSID)", "仅用于此无线网络（SSID）", effect="restart")
    scale: float = setting(1.0, "Factor", "系数", effect="restart")
    on: int = setting(1, "Says on", "“开”的值", effect="restart")
    off: int = setting(2, "Says off", "“关”的值", effect="restart")

    def raw(self, value: Any) -> Any:
        if isinstance(value, bool):
            return self.on if value else self.off
        return value if isinstance(value, str) else round(value * self.scale)


def oid_of(dotted: str) -> Oid:
    return tuple(map(int, dotted.split(".")))


def wanted(link: SnmpLink, data: Mapping[str, Any], objects: Iterable[SetObject], interface: Oid | None) -> dict[Oid, Any]:
    """What the agent is to be told for a command: raw values by object. `objects` are those of its target, `interface` is its index.

    DeviceError where a field has no object.
    """
    objects = list(objects)
    fields = {field: data[field] for field in FIELDS if data.get(field) is not None}
    network = str(fields.get("ssid", ""))
    if any(one.ssid == network for one in objects if one.ssid):
        del fields["ssid"]  # it names the network, and is not to be set
    if data.get("portal") is not None or not fields:
        what = "portal" if data.get("portal") is not None else "nothing"
        raise DeviceError(Code.ILLEGAL, f"SNMP sets no such thing: {what}", f"无法以 SNMP 设定：{what}")
    found: dict[Oid, Any] = {}
    for field, value in fields.items():
        fitting = sorted((one for one in objects if one.field == field and one.ssid in ("", network)), key=lambda one: not one.ssid)
        if fitting:
            found[oid_of(fitting[0].oid)] = fitting[0].raw(value)
        elif interface is not None:
            found |= _standard(link, field, value, interface)
        else:
            raise DeviceError(Code.ILLEGAL, f"no object for {field} is set", f"未设置“{field}”对应的对象")
    return found


def _standard(link: SnmpLink, field: Field, value: Any, index: Oid) -> dict[Oid, Any]:
    """The standard object of an interface and what it is to be told."""
    if field == "enabled":
        return {(*IF_ADMIN, *index): UP if value else DOWN}
    if field == "ssid":
        return {(*SSID, *index): str(value)}
    if field == "channel":
        there = link.get(*((*one, *index) for one in CHANNELS))
        if there:
            return {next(iter(there)): int(value)}
    if field == "power_dbm":
        milliwatts = [link.get((*one, *index)).get((*one, *index)) for one in LEVELS]
        levels = {place: 10 * log10(int(one)) for place, one in enumerate(milliwatts, 1) if one is not None and int(one) > 0}
        if levels:
            below = [place for place, dbm in levels.items() if dbm <= value + ROUNDING_DB]
            best = max(below, key=levels.__getitem__) if below else min(levels, key=levels.__getitem__)
            return {(*LEVEL, *index): best}
    raise DeviceError(Code.NO_EXIST, f"the interface has no object for {field}", f"该接口没有“{field}”对应的对象")


def channel_of(link: SnmpLink, index: Oid) -> int | None:
    """The channel of a radio interface, None where the agent does not tell."""
    told = link.get(*((*one, *index) for one in CHANNELS))
    return next((int(one) for one in told.values()), None)


def clients_of(link: SnmpLink, dotted: str) -> int | None:
    """How many clients there are: an object's value, or the number of a column's rows; None where the agent has neither."""
    oid = oid_of(dotted)
    told = link.get(oid).get(oid)
    if told is not None:
        return int(told)
    return len(link.column(oid)) or None
