"""Switches, routers, access points by SNMP: whether they answer and how fast, and how their interfaces stand (IF-MIB, RFC 2863).

Each look asks `probes` times for sysUpTime (SNMPv2-MIB, RFC 3418): what fails of them is the loss. A device that does not answer is told
as a `network.probe` that is not up, and as offline. Access points tell their channel and, by an object that the config names, how many
clients they have. What `network.set` sets is written in `network.snmp_settings`; what is set already is not set again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.address import address_of
from storeloom.hardware_adapters.links.driver import Facts, SharedLinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.loop import shared_loop
from storeloom.hardware_adapters.network.snmp_link import Login, Oid, SnmpLink
from storeloom.hardware_adapters.network.snmp_settings import DOTTED, SetObject, channel_of, clients_of, wanted

DESCRIPTION, UPTIME, NAME = ((1, 3, 6, 1, 2, 1, 1, part, 0) for part in (1, 3, 5))
IF_DESCR, IF_STATUS = ((1, 3, 6, 1, 2, 1, 2, 2, 1, part) for part in (2, 8))
IF_NAME, IF_IN, IF_OUT, IF_MBIT = ((1, 3, 6, 1, 2, 1, 31, 1, 1, 1, part) for part in (1, 6, 10, 15))
UP, PORT = 1, 161
TURN = 1 << 64


class Interface(SolutionConfig):
    """An interface that is told by itself."""

    name: str = setting("", "Interface (ifName or ifDescr)", "接口名（ifName 或 ifDescr）", effect="restart", min_length=1)
    target: str = setting("", "Told as (empty: DEVICE/INTERFACE)", "上报名称（留空：设备/接口）", effect="restart")
    kind: Literal["line", "ap", "device", "client"] = setting("line", "What is behind it", "接口用途", effect="restart")
    line: Literal["", "main", "backup"] = setting("", "Main or backup line", "主用或备用线路", effect="restart")
    clients_oid: str = setting(
        "", "Object with the number of clients, or column with a row each", "客户端数量的对象 OID，或每客户端一行的列 OID",
        effect="restart", pattern=DOTTED,
    )  # fmt: skip


class SnmpDevice(SharedLinkDriver[SnmpLink]):
    zh, en = "SNMP 网络设备", "SNMP device"
    purpose_zh = "以 SNMP（v2c、v3）查询并设定交换机、路由器、无线接入点：可达、时延、丢包、运行时间、接口流量、信道与客户端数。"
    kind = "network"
    feeds = ("network.probe", "device.status")
    takes = ("network.set",)
    twin = "storeloom.hardware_adapters.network.snmp_device_twin:SnmpDeviceTwin"

    class Config(SolutionConfig):
        address: str = setting("127.0.0.1", "Address (HOST or HOST:PORT)", "地址（主机或主机:端口）", effect="restart", min_length=1)
        version: Literal["2c", "3"] = setting("2c", "SNMP version", "SNMP 版本", effect="restart")
        community: str = setting(
            "", "Secret with the community (empty: public)", "团体名所在的密钥名（留空：public）", effect="restart", widget="secret"
        )
        write_community: str = setting(
            "",
            "Secret with the community to set with (empty: the same)",
            "写团体名所在的密钥名（留空：同上）",
            effect="restart",
            widget="secret",
        )
        user: str = setting("", "User name (v3)", "用户名（v3）", effect="restart")
        auth: Literal["md5", "sha", "sha256", "sha512"] = setting("sha256", "Authentication (v3)", "认证算法（v3）", effect="restart")
        auth_key: str = setting(
            "", "Secret with the authentication key (v3)", "认证密码所在的密钥名（v3）", effect="restart", widget="secret"
        )
        priv: Literal["des", "aes128", "aes256"] = setting("aes128", "Privacy (v3)", "加密算法（v3）", effect="restart")
        priv_key: str = setting("", "Secret with the privacy key (v3)", "加密密码所在的密钥名（v3）", effect="restart", widget="secret")
        target: str = setting("", "Told as (empty: the device)", "上报名称（留空：设备编号）", effect="restart")
        target_kind: Literal["line", "ap", "device", "client"] = setting("device", "What it is", "设备类别", effect="restart")
        interfaces: list[Interface] = setting(list, "Interfaces told by themselves", "单独上报的接口", effect="restart")
        sets: list[SetObject] = setting(list, "Objects to set", "可设定的对象", effect="restart")
        poll_s: float = setting(30.0, "Time between looks", "轮询间隔", unit="s", effect="restart", gt=0, le=3600)
        probes: int = setting(3, "Questions a look, for the loss", "每次探测的询问次数", effect="restart", ge=1, le=20)
        timeout_s: float = setting(2.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=60)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._octets: dict[str, tuple[float, int]] = {}
        self._uptime_s = 0.0
        self._restarts = 0

    @contextmanager
    def connect(self) -> Iterator[SnmpLink]:
        config = self.config
        keys = {name: self.secret(getattr(config, name)) for name in ("auth_key", "priv_key") if getattr(config, name)}
        community = self.secret(config.community) if config.community else "public"
        to_set = self.secret(config.write_community) if config.write_community else ""
        login = Login(config.version, community, to_set, config.user, config.auth, priv=config.priv, **keys)
        with shared_loop() as loop:
            link = SnmpLink(loop, address_of(config.address, PORT), login, config.timeout_s, self.place())
            try:
                link.open()
                link.get(UPTIME)
                yield link
            finally:
                link.close()

    def session(self, link: SnmpLink) -> Facts:
        with self.holding(link):
            while True:
                yield from self._look(link)
                if self.stopping.wait(self.config.poll_s):
                    return

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool:
        return data["device"] in self._targets()

    def _targets(self) -> dict[str, str]:
        """The interface of each name under which something here is told; empty for the device itself."""
        named = {one.target or f"{self.device}/{one.name}": one.name for one in self.config.interfaces}
        return {**named, self.config.target or self.device: "", self.device: ""}

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        """Set what it names, all of it or nothing."""
        targets, target = self._targets(), str(data["device"])
        if target not in targets:
            raise DeviceError(Code.NO_EXIST, f"there is no {target}", f"没有 {target}")
        own = [one for one in self.config.sets if targets.get(one.target or self.device) == targets[target]]
        with self.linked() as link:
            index = self._index(link, targets[target]) if targets[target] else None
            link.set(wanted(link, data, own, index))
        return list(self.tell("online", cmd=str(data["cmd"]))) if data.get("cmd") else ()

    @staticmethod
    def _index(link: SnmpLink, name: str) -> Oid:
        for column in (IF_NAME, IF_DESCR):
            for index, told in link.column(column).items():
                if str(told) == name:
                    return index
        raise DeviceError(Code.NO_EXIST, f"there is no interface {name}", f"没有接口 {name}")

    def tell_failure(self, error: DeviceError | OSError) -> Iterator[Fact]:
        yield from super().tell_failure(error)
        yield self._probe({"up": False, "loss_pct": 100.0})

    def _probe(self, told: Mapping[str, Any]) -> Fact:
        config = self.config
        data = {"target": config.target or self.device, "kind": config.target_kind, **told}
        return Fact(self.now(), "network.probe", self.device, data)

    def _look(self, link: SnmpLink) -> Iterator[Fact]:
        took, lost = [], 0
        for _ in range(self.config.probes):
            began = time.monotonic()
            try:
                uptime_s = int(link.get(UPTIME).get(UPTIME, 0)) / 100
            except DeviceError as error:
                if error.code is not Code.TIMEOUT:
                    raise
                lost += 1
                if self.stopping.is_set():
                    return
                continue
            took.append(time.monotonic() - began)
        if not took:
            raise of_os(TimeoutError(), self.place())
        self._restarts += uptime_s < self._uptime_s
        self._uptime_s = uptime_s
        yield self._probe(
            {"up": True, "latency_ms": round(1000 * sorted(took)[len(took) // 2], 3), "loss_pct": 100 * lost / self.config.probes}
        )
        interfaces = list(self._interfaces(link))
        up = sum(one["up"] for one in interfaces)
        figures = {"uptime_h": round(uptime_s / 3600, 3), "restarts": self._restarts, "interfaces": len(interfaces), "interfaces_up": up}
        yield from self.tell("online", figures=figures)
        yield from self._told(link, interfaces)

    def _interfaces(self, link: SnmpLink) -> Iterator[dict[str, Any]]:
        """Each interface: its names, whether it is up, megabits a second either way since the last look, its speed."""
        status, names, descriptions = link.column(IF_STATUS), link.column(IF_NAME), link.column(IF_DESCR)
        wanted = bool(self.config.interfaces)
        came, went, speeds = (link.column(one) if wanted else {} for one in (IF_IN, IF_OUT, IF_MBIT))
        now = time.monotonic()
        for index, state in status.items():
            mbit = [self._rate(f"{way}|{index}", now, column.get(index)) for way, column in (("in", came), ("out", went))]
            known = [str(one[index]) for one in (names, descriptions) if index in one]
            yield {
                "index": index,
                "names": known,
                "up": int(state) == UP,
                "mbit": [one for one in mbit if one is not None],
                "speed": int(speeds.get(index, 0)),
            }

    def _rate(self, key: str, now: float, octets: Any) -> float | None:
        """Megabits a second since the last look; None at first, and where the counter went back otherwise than by its turn."""
        if octets is None:
            return None
        at, before = self._octets.get(key, (0.0, 0))
        first, self._octets[key] = key not in self._octets, (now, int(octets))
        more = (int(octets) - before) % TURN
        return None if first or now <= at or more > TURN // 2 else more * 8 / 1e6 / (now - at)

    def _told(self, link: SnmpLink, interfaces: list[dict[str, Any]]) -> Iterator[Fact]:
        for wish in self.config.interfaces:
            one = next((found for found in interfaces if wish.name in found["names"]), None)
            data: dict[str, Any] = {
                "target": wish.target or f"{self.device}/{wish.name}",
                "kind": wish.kind,
                "up": one is not None and one["up"],
            }
            if one is not None and one["mbit"]:
                data["mbit_s"] = round(sum(one["mbit"]), 3)
                if one["speed"]:
                    data["use_pct"] = round(100 * max(one["mbit"]) / one["speed"], 3)
            radio = {
                "channel": channel_of(link, one["index"]) if one is not None and wish.kind == "ap" else None,
                "clients": clients_of(link, wish.clients_oid) if wish.clients_oid else None,
            }
            data |= {name: value for name, value in radio.items() if value is not None}
            yield Fact(self.now(), "network.probe", self.device, data | ({"line": wish.line} if wish.line else {}))

    def identity(self, link: SnmpLink) -> Mapping[str, str | float | bool]:
        found = link.get(DESCRIPTION, NAME)
        return {name: str(found[oid]) for name, oid in (("description", DESCRIPTION), ("name", NAME)) if oid in found}
