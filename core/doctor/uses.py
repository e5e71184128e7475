"""What a machine is to do, and what that needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from storeloom.core.kernel import capacity


class Library(NamedTuple):
    """A shared library that wheels do not bring: its file, the Debian package that has it, the packages that load it; what there is not
    without it, in both languages, where the rest of them goes on."""

    file: str
    debian: str
    whose: tuple[str, ...]
    without: Mapping[str, str] | None = None


class Program(NamedTuple):
    """A program outside Python: any of these names will do; the Debian package, and what it is for."""

    names: tuple[str, ...]
    debian: str
    en: str
    zh: str


LIBRARIES = (
    Library("libgomp.so.1", "libgomp1", ("implicit", "lightgbm")),
    Library(
        "libusb-1.0.so.0", "libusb-1.0-0", ("pyusb",), {"en": "printers and displays at usb: addresses", "zh": " usb: 地址的打印机与显示屏"}
    ),
)
CHROMIUM = Program(("chromium", "chromium-browser", "google-chrome"), "chromium", "tests of pages in a browser", "浏览器页面测试")
MOSQUITTO = Program(("mosquitto",), "mosquitto", "tests against a real MQTT broker", "真实 MQTT 代理测试")
POSTGRES = Program(("initdb",), "postgresql", "tests of the control plane on PostgreSQL", "控制平面的 PostgreSQL 测试")
PSQL = Program(("pg_dump",), "postgresql-client", "backups of a PostgreSQL control plane", "PostgreSQL 控制平面的备份")
OPENSSL = Program(("openssl",), "openssl", "tests of TLS", "TLS 测试")
GIT = Program(("git",), "git", "working on the code", "代码管理")


@dataclass(frozen=True, slots=True)
class Use:
    """`extras` it stands on; the least memory that it takes (MB) and open files; whether plugins run there, which are to be shut in;
    whether it keeps a data folder, serves for good (a service manager should start it), and the port it listens at where none is named."""

    extras: tuple[str, ...]
    memory_mb: int
    files: int = 1024
    plugins: bool = False
    keeps: bool = False
    unit: str = ""
    port: int = 0
    programs: tuple[Program, ...] = ()


_STORE_MB = int(capacity.BASE.memory_mb + capacity.DETECTOR.memory_mb)
USES = {
    "store": Use(("store",), _STORE_MB, plugins=True, keeps=True, unit="store"),
    "studio": Use(("demo",), 512, plugins=True, port=8501),
    "server": Use(("server",), 256, keeps=True, unit="server", port=8080),
    "agent": Use(("agent",), _STORE_MB, plugins=True, keeps=True, unit="agent"),
    "worker": Use(("worker",), 1024, unit="worker"),
    "dev": Use(("dev",), 2048, plugins=True, programs=(CHROMIUM, MOSQUITTO, POSTGRES, OPENSSL, GIT)),
}
