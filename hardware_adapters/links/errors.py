"""What can go wrong with a device, in UnifiedPOS's result codes (OMG Unified POS v1.16, chapter 1, "Error handling")."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Code(StrEnum):
    """UnifiedPOS's result codes; the values stand as `code` in `device.status` and in answers to commands."""

    CLOSED = "closed"
    CLAIMED = "claimed"  # another program has it
    NO_SERVICE = "no_service"  # the driver lacks a library or a right on this host
    ILLEGAL = "illegal"  # the command makes no sense to this device
    NO_HARDWARE = "no_hardware"  # there is nothing at the address
    OFFLINE = "offline"  # it is there and does not answer
    NO_EXIST = "no_exist"  # what the command names is not there
    FAILURE = "failure"  # it answered that it could not
    TIMEOUT = "timeout"
    BUSY = "busy"
    EXTENDED = "extended"  # of this kind of device alone: `extended` says what (`cover_open`, `overload`)


AGAIN = frozenset({Code.CLAIMED, Code.NO_HARDWARE, Code.OFFLINE, Code.TIMEOUT, Code.BUSY, Code.CLOSED, Code.FAILURE, Code.EXTENDED})


class DeviceError(Exception):
    """A device did not do what was asked. `words` say why in `en` and `zh`, without a full stop and without a secret.

    `extended` is the device kind's own word where the code is EXTENDED. What is worth another try says `again`.
    """

    def __init__(self, code: Code, en: str, zh: str, *, extended: str = "") -> None:
        super().__init__(en)
        self.code = code
        self.extended = extended
        self.words: Mapping[str, str] = {"en": en, "zh": zh}

    @property
    def again(self) -> bool:
        return self.code in AGAIN

    @property
    def word(self) -> str:
        """The code as it stands in `device.status`."""
        return self.extended or self.code.value


def not_installed(library: str, extra: str = "devices") -> DeviceError:
    """A library is missing that an extra of this package brings."""
    command = f"pip install 'storeloom[{extra}]'"
    return DeviceError(Code.NO_SERVICE, f"{library} is not installed: {command}", f"未安装 {library}：{command}")


def of_os(error: OSError, where: str) -> DeviceError:
    """A failed connection or file of the system, in the words of an operator. `where` names the place, without a password."""
    if isinstance(error, TimeoutError):
        return DeviceError(Code.TIMEOUT, f"{where} did not answer in time", f"{where} 未在规定时间内应答")
    if isinstance(error, ConnectionRefusedError):
        return DeviceError(Code.NO_HARDWARE, f"{where} refuses connections", f"{where} 拒绝连接")
    if isinstance(error, FileNotFoundError):
        return DeviceError(Code.NO_HARDWARE, f"there is no {where}", f"{where} 不存在")
    if isinstance(error, PermissionError):
        return DeviceError(Code.NO_SERVICE, f"no right to use {where}", f"没有使用 {where} 的权限")
    if isinstance(error, ConnectionError):
        return DeviceError(Code.OFFLINE, f"{where} broke the connection off", f"{where} 中断了连接")
    reason = error.strerror or type(error).__name__
    return DeviceError(Code.OFFLINE, f"{where}: {reason}", f"{where}：{reason}")
