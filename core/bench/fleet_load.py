"""Requests a second of a server, asked over connections that are kept open; no reply is taken for one that it is not.

One thread asks on all connections: each has one request under way, and its next is sent as its reply is read. How much of the time the
asker itself was busy is told with the rate: near 1, the rate would be the asker's and not the server's.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

GIVES_UP_S = 10.0
CONNECTIONS = 4


@dataclass(frozen=True)
class Pace:
    """How many replies came, how many a second, and the share of the time for which the asker was busy."""

    count: int
    rate: float
    busy: float


@dataclass
class _Line:
    """A connection, and what came of the reply so far."""

    socket: socket.socket
    data: bytes = b""


def request(path: str, **headers: str) -> bytes:
    """A GET as it goes over the line."""
    lines = [f"GET {path} HTTP/1.1", "Host: bench", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def ask(port: int, sent: bytes, status: int) -> bytes:
    """The body of one reply. RuntimeError for another status."""
    with _open(port) as line:
        line.sendall(sent)
        data = b""
        while (end := _end(data)) is None:
            data += _more(line)
        _check(data, status)
        return data[:end].partition(b"\r\n\r\n")[2]


def pace(port: int, requests: Sequence[bytes], status: int, seconds: float, connections: int = CONNECTIONS) -> Pace:
    """How fast replies of this status come to these requests, asked in turn. RuntimeError for another one, OSError for a server that is
    silent or closes."""
    lines = [_open(port) for _ in range(connections)]
    sent, count = cycle(requests), 0
    try:
        with selectors.DefaultSelector() as ready:
            for line in lines:
                ready.register(line, selectors.EVENT_READ, _Line(line))
                line.sendall(next(sent))
            start, own = time.perf_counter(), time.thread_time()
            while (now := time.perf_counter()) < start + seconds:
                found = ready.select(GIVES_UP_S)
                if not found:
                    raise TimeoutError(f"no reply within {GIVES_UP_S:g} s")
                for key, _ in found:
                    count += _answered(key.data, sent, status)
            return Pace(count, count / (now - start), (time.thread_time() - own) / (now - start))
    finally:
        for line in lines:
            line.close()


def _answered(line: _Line, sent: Iterator[bytes], status: int) -> bool:
    """Read what is there; whether the reply is whole, and the next request sent."""
    line.data += _more(line.socket)
    end = _end(line.data)
    if end is None:
        return False
    _check(line.data, status)
    line.data = line.data[end:]
    line.socket.sendall(next(sent))
    return True


def _end(data: bytes) -> int | None:
    """Where the reply ends; None where some of it is still to come."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = data.find(b"Content-Length: ", 0, head)
    end = head + 4 + (0 if at < 0 else int(data[at + 16 : data.index(b"\r\n", at)]))
    return end if len(data) >= end else None


def _check(data: bytes, status: int) -> None:
    if int(data[9:12]) != status:
        raise RuntimeError(f"the server answered {data[9:12].decode()}, not {status}")


def _open(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=GIVES_UP_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def _more(line: socket.socket) -> bytes:
    data = line.recv(65536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data
