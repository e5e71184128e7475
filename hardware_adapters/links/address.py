"""Places in a network as configs name them."""

from __future__ import annotations

from storeloom.hardware_adapters.links.errors import Code, DeviceError


def address_of(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPv6]:PORT`; with a default port also of a host alone. DeviceError where it has another form."""
    host, colon, port = text.rpartition(":")
    if default_port is not None and (not colon or (":" in host and not host.endswith("]"))):
        host, port = text, str(default_port)
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise DeviceError(Code.ILLEGAL, f"'{text}' is not HOST:PORT", f"“{text}”不是 主机:端口 格式")
    return host, int(port)
