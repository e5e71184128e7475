"""What can go wrong with a device (`DeviceError` of the contract), in words for what the system or a missing library says."""

from __future__ import annotations

from storeloom.core.kernel.adapter import Code, DeviceError

__all__ = ["Code", "DeviceError", "not_installed", "of_os"]


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
