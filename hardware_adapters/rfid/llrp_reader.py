"""RFID readers by LLRP 1.0.1 (EPCglobal Low Level Reader Protocol), on llrpkit: Impinj's with their extensions, others by the core.

Reads are brought together in windows (`hardware_adapters.rfid.reads`). The reader is asked every `keepalive_s` whether it is still
there; an antenna that it loses is told. Readers that announce themselves (DNS-SD, service `_llrp._tcp`, IANA's name for LLRP) are found.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from storeloom.core.kernel.adapter import Found
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.address import address_of
from storeloom.hardware_adapters.links.driver import Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.loop import LoopThread, Stopped, shared_loop
from storeloom.hardware_adapters.links.mdns import services
from storeloom.hardware_adapters.rfid.reads import Reads, facts

if TYPE_CHECKING:
    from llrpkit.reader import Reader

LOOK_S = 0.05
SEARCH = {"reader": None, "dual": 2, "single": 1, "focus": 3}


class Antenna(SolutionConfig):
    """One antenna port and what it stands for."""

    port: int = setting(1, "Antenna port", "天线端口", effect="restart", ge=1, le=64)
    name: str = setting("", "Name (empty: the port's number)", "名称（留空：端口号）", effect="restart")
    zone: str = setting("", "Zone", "区域", effect="restart")
    tray: str = setting("", "Tray or place", "托盘或位置", effect="restart")


@dataclass
class Link:
    """A connected reader, the loop in which it lives, antennas that it has lost."""

    loop: LoopThread
    reader: Reader
    place: str
    lost: set[int] = field(default_factory=set)


class LlrpReader(LinkDriver[Link]):
    zh, en = "LLRP 读写器", "LLRP reader"
    purpose_zh = "以 LLRP 协议连接 RFID 读写器，按时间窗合并读数，EPC 解码为 GTIN 与序列号，附天线、信号强度与次数；监测天线脱落。"
    kind = "rfid"
    feeds = ("rfid.read", "device.status")
    capabilities = ("antennas", "power", "epc_filter")
    discovers = "* for all networks of this host, or one of its IPv4 addresses (DNS-SD)"
    twin = "storeloom.hardware_adapters.rfid.llrp_reader_twin:LlrpReaderTwin"

    class Config(SolutionConfig):
        address: str = setting("127.0.0.1", "Address (HOST or HOST:PORT)", "地址（主机或主机:端口）", effect="restart", min_length=1)
        antennas: list[Antenna] = setting(list, "Antennas (none: all)", "天线（留空：全部）", effect="restart")
        power_dbm: float | None = setting(
            None, "Transmit power (none: the reader's)", "发射功率（留空：读写器默认）", unit="dBm", effect="restart", ge=0, le=36
        )
        session: int = setting(1, "Gen2 session", "Gen2 会话", effect="restart", ge=0, le=3)
        search: Literal["reader", "dual", "single", "focus"] = setting(
            "reader", "Search mode (Impinj)", "搜索模式（Impinj）", effect="restart"
        )
        mode: int | None = setting(None, "RF mode (none: the reader's)", "射频模式（留空：读写器默认）", effect="restart", ge=0)
        tags: int = setting(32, "Tags expected in the field", "预计标签数", effect="restart", ge=1, le=10_000)
        epc_prefix: str = setting(
            "", "Only EPCs that begin so (hexadecimal)", "只读以此开头的 EPC（十六进制）", effect="restart", pattern="^([0-9A-Fa-f]{2})*$"
        )
        window_s: float = setting(0.5, "Reads are brought together over", "合并读数的时间窗", unit="s", effect="restart", gt=0, le=60)
        min_reads: int = setting(
            1, "Reads in a window below which a tag is left out", "窗口内最少读取次数", effect="restart", ge=1, le=1000
        )
        floor_dbm: float = setting(-90.0, "Weaker reads are left out", "忽略弱于此值的读数", unit="dBm", effect="restart", ge=-128, le=0)
        keepalive_s: float = setting(
            5.0, "Time between questions whether it is there", "探活间隔", unit="s", effect="restart", gt=0, le=600
        )
        connect_s: float = setting(5.0, "Time to connect", "连接时限", unit="s", effect="restart", gt=0, le=60)
        answer_s: float = setting(3.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=60)

    @contextmanager
    def connect(self) -> Iterator[Link]:
        from llrpkit import Reader
        from llrpkit.constants import LLRP_PORT

        config = self.config
        host, port = address_of(config.address, LLRP_PORT)
        with shared_loop() as loop:
            reader = Reader(host, port, response_timeout=config.answer_s, connect_timeout=config.connect_s)
            link = Link(loop, reader, self.place())
            try:
                self._ask(link, reader.connect(), config.connect_s + 3 * config.answer_s)
                yield link
            finally:
                with contextlib.suppress(TimeoutError):  # a reader that is gone takes no leave
                    loop.call(reader.close(), config.answer_s)

    def session(self, link: Link) -> Facts:
        config = self.config
        reads = Reads(config.window_s, config.floor_dbm, config.min_reads)
        places = self._places()
        pump = link.loop.call(self._begin(link, reads), config.answer_s)
        try:
            yield from self._stands(link, reads)
            looked = time.monotonic()
            while not self.stopping.wait(LOOK_S):
                if pump.done():
                    self._ask(link, _outcome(pump), config.answer_s)
                    raise DeviceError(Code.OFFLINE, f"{link.place} ended the inventory", f"{link.place} 结束了盘存")
                now = time.monotonic()
                yield from facts(reads.due(now), self.device, places, self.now())
                if now - looked >= config.keepalive_s:
                    self._ask(link, link.reader.get_config(), config.answer_s + 1.0)
                    yield from self._stands(link, reads)
                    looked = time.monotonic()
        finally:
            with contextlib.suppress(TimeoutError):
                link.loop.call(_ended(pump), 3 * config.answer_s)

    def _places(self) -> dict[int, dict[str, str]]:
        found = {}
        for one in self.config.antennas:
            given = {"antenna": one.name, "zone": one.zone, "tray": one.tray}
            found[one.port] = {key: value for key, value in given.items() if value}
        return found

    def _stands(self, link: Link, reads: Reads) -> Iterator[Fact]:
        figures = {"reads": reads.taken, "weak": reads.weak, "left_out": reads.left_out + link.reader.client.dropped_reports}
        if not link.lost:
            yield from self.tell("online", figures=figures, firmware=str(link.reader.firmware))
            return
        listed = ", ".join(map(str, sorted(link.lost)))
        words = {"en": f"antenna {listed} is not connected", "zh": f"天线 {listed} 未连接"}
        yield from self.tell("degraded", code=f"antenna_{min(link.lost)}", words=words, figures=figures)

    async def _begin(self, link: Link, reads: Reads) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._pump(link, reads), name=f"llrp-{self.device}")

    async def _pump(self, link: Link, reads: Reads) -> None:
        """Start the inventory and take its reads until cancelled; antennas' events beside it."""
        config = self.config
        stream = link.reader.inventory(
            antennas=tuple(one.port for one in config.antennas),
            session=config.session,
            search_mode=SEARCH[config.search] if link.reader.is_impinj else None,
            mode_index=config.mode,
            tx_power_dbm=config.power_dbm,
            tag_population=config.tags,
            epc_filter=config.epc_prefix or None,
        )
        events = asyncio.get_running_loop().create_task(_follow_antennas(link))
        try:
            async with contextlib.aclosing(stream):
                async for tag in stream:
                    reads.add(tag, self.now(), time.monotonic())
        finally:
            events.cancel()

    def _ask(self, link: Link, work: Any, seconds: float) -> Any:
        """The outcome of some work with the reader; DeviceError in place of what llrpkit raises."""
        from llrpkit.exceptions import CapabilityError, LLRPError, LLRPStatusError, LLRPTimeoutError

        try:
            return link.loop.call(work, seconds, self.stopping)
        except Stopped:
            raise DeviceError(Code.CLOSED, "it was let go", "已断开") from None
        except (TimeoutError, LLRPTimeoutError):
            raise of_os(TimeoutError(), link.place) from None
        except LLRPStatusError as error:
            said = error.error_description or error.status_code
            raise DeviceError(Code.FAILURE, f"{link.place} refuses: {said}", f"{link.place} 拒绝：{said}") from error
        except (CapabilityError, ValueError) as error:
            raise DeviceError(Code.ILLEGAL, f"{link.place}: {error}", f"{link.place}：{error}") from error
        except LLRPError as error:
            if isinstance(error.__cause__, OSError):
                raise of_os(error.__cause__, link.place) from error
            code = Code.CLAIMED if "already" in str(error).lower() else Code.OFFLINE
            raise DeviceError(code, f"{link.place}: {error}", f"{link.place}：{error}") from error

    def identity(self, link: Link) -> Mapping[str, str | float | bool]:
        about = link.reader.capabilities
        return {"maker": about.manufacturer, "model": about.model_number, "firmware": about.firmware, "antennas": about.max_antennas}

    @classmethod
    def discover(cls, where: str, seconds: float) -> Iterator[Found]:
        """The readers that announce themselves by multicast DNS."""
        for one in services("_llrp._tcp", where, seconds):
            yield Found({"address": f"{one.address}:{one.port}"}, {"name": one.name, **one.says})


async def _follow_antennas(link: Link) -> None:
    from llrpkit.protocol import enums, messages

    async for message in link.reader.events():
        if isinstance(message, messages.READER_EVENT_NOTIFICATION):
            event = message.reader_event_notification_data.antenna_event
            if event is not None and event.event_type == enums.AntennaEventType.Antenna_Disconnected:
                link.lost.add(event.antenna_id)
            elif event is not None:
                link.lost.discard(event.antenna_id)


async def _outcome(task: asyncio.Task[None]) -> None:
    await task


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
