"""A search for Modbus devices in given addresses and unit ids: one small read each, at a bounded rate, nothing is written."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network
from threading import Event as Flag

from storeloom.core.kernel.adapter import Found
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.modbus import ModbusConfig, Refused, Span, Station, line_of, place_of

MOST_HOSTS, AT_ONCE = 1024, 8
ANSWER_S, BETWEEN_S = 0.3, 0.02
GATEWAY = (10, 11)


def places(where: str) -> tuple[list[str], range]:
    """Addresses as in a config, and unit ids. ValueError for a text of another form, or for too many hosts."""
    words = where.split()
    if not 1 <= len(words) <= 2:
        raise ValueError(f"'{where}': addresses and unit ids are wanted, as 10.0.0.0/28 1-4")
    first, _, last = (words[1] if len(words) == 2 else "1").partition("-")
    units = range(int(first), int(last or first) + 1)
    if not units or units[0] < 0 or units[-1] > 255:
        raise ValueError(f"'{words[1]}': unit ids are 0 to 255, as 1-32")
    place = words[0]
    if place.startswith(("/", "COM", "tcp://", "rtu+tcp://")):
        return [ModbusConfig(address=place).address], units
    host, _, port = place.partition(":")
    network = ip_network(host, strict=False)
    if network.num_addresses > MOST_HOSTS:
        raise ValueError(f"'{host}' are {network.num_addresses} addresses, at most {MOST_HOSTS} are searched at once")
    hosts = [str(one) for one in network.hosts()] or [str(network.network_address)]
    return [f"tcp://{one}:{int(port or 502)}" for one in hosts], units


def scan(where: str, seconds: float) -> Iterator[Found]:
    """Devices as they answer. ValueError as `places`."""
    addresses, units = places(where)
    found: queue.Queue[Found | None] = queue.Queue()
    left: queue.SimpleQueue[str] = queue.SimpleQueue()
    for address in addresses:
        left.put(address)
    over = Flag()

    def work() -> None:
        try:
            while not over.is_set():
                with suppress(DeviceError):
                    _ask(left.get_nowait(), units, over, found)
        except queue.Empty:
            pass
        finally:
            found.put(None)

    threads = [threading.Thread(target=work, name="modbus-scan", daemon=True) for _ in range(min(AT_ONCE, len(addresses)))]
    for thread in threads:
        thread.start()
    until, working = time.monotonic() + seconds, len(threads)
    try:
        while working:
            try:
                one = found.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return
            if one is None:
                working -= 1
            else:
                yield one
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _ask(address: str, units: range, over: Flag, found: queue.Queue[Found | None]) -> None:
    """Each unit of one line in turn, until one cannot be reached at all."""
    with line_of(place_of(ModbusConfig(address=address))) as line:
        for unit in units:
            if over.wait(BETWEEN_S):
                return
            station = Station(line, unit, ANSWER_S, 1, over)
            try:
                station.open()
            except DeviceError:
                return
            try:
                told = station.read([Span("holding", 0, 1)])[0]
            except DeviceError as error:
                if error.code in (Code.CLOSED, Code.CLAIMED):
                    return
                continue
            if not (isinstance(told, Refused) and told.number in GATEWAY):
                found.put(Found({"address": address, "unit_id": unit}, station.identify()))
