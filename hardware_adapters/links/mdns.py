"""Services that devices announce in the local network: DNS-SD (RFC 6763) over multicast DNS (RFC 6762), on zeroconf."""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

EVERYWHERE = "*"
ASK_MS = 1000


class Service(NamedTuple):
    """A service that was announced: its instance's name, an IPv4 address, a port, and what its TXT record says."""

    name: str
    address: str
    port: int
    says: Mapping[str, str]


def services(kind: str, where: str, seconds: float) -> Iterator[Service]:
    """The services of a kind (`_llrp._tcp`), as they answer, for so many seconds; `where` is an address of this host's, or `*` for all.

    ValueError where it is neither.
    """
    if where != EVERYWHERE:
        try:
            socket.inet_aton(where)
        except OSError:
            raise ValueError(f"'{where}' is neither * nor an IPv4 address of this host") from None
    from zeroconf import InterfaceChoice, ServiceBrowser, Zeroconf

    names: queue.Queue[str] = queue.Queue()
    full, until = f"{kind}.local.", time.monotonic() + seconds

    def changed(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        if state_change.name != "Removed":
            names.put(name)

    try:
        link = Zeroconf(interfaces=InterfaceChoice.All if where == EVERYWHERE else [where])
    except OSError as error:
        raise ValueError(f"'{where}' is no address of this host: {error.strerror}") from None
    told: set[str] = set()
    with link:
        browser = ServiceBrowser(link, full, handlers=[changed])
        try:
            while (left := until - time.monotonic()) > 0:
                try:
                    name = names.get(timeout=left)
                except queue.Empty:
                    return
                found = None if name in told else link.get_service_info(full, name, timeout=ASK_MS)
                if found is not None and found.parsed_addresses():
                    told.add(name)
                    says = {
                        key.decode("utf-8", "replace"): (one or b"").decode("utf-8", "replace") for key, one in found.properties.items()
                    }
                    yield Service(name.removesuffix(f".{full}"), found.parsed_addresses()[0], int(found.port or 0), says)
        finally:
            browser.cancel()
