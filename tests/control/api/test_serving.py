"""The server keeps a connection open over answers without a body, and still closes it where it must."""

import socket
import threading

import pytest

from storeloom.core.control.api.serving import serve_with


def application(environ, start):
    status = environ["PATH_INFO"].strip("/")
    body = b"" if status in ("204", "304") else b"told"
    start(f"{status} Status", [("Content-Length", str(len(body)))] if status == "200" else [])
    return iter([body] if body else [])


@pytest.fixture
def port():
    server = serve_with(application, host="127.0.0.1", port=0, threads=2)
    threading.Thread(target=server.run, daemon=True).start()
    yield server.effective_port
    server.close()
    server.task_dispatcher.shutdown()


def replies(port, *asked, headers="", version="1.1"):
    """The statuses of the replies, asked one after the other on one connection until it is closed."""
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        read = line.makefile("rb")
        for status in asked:
            line.sendall(f"GET /{status} HTTP/{version}\r\nHost: x\r\n{headers}\r\n".encode())
            first = read.readline()
            if not first:
                break
            fields = dict(field.rstrip().lower().split(b": ", 1) for field in iter(read.readline, b"\r\n"))
            read.read(int(fields.get(b"content-length", b"0")))
            found.append((int(first.split()[1]), fields.get(b"connection") == b"close"))
            if found[-1][1]:
                assert fields.get(b"transfer-encoding") == b"chunked" or read.read() == b"", "it is closed as it says"
                break
    return found


def test_answers_without_a_body_keep_the_connection(port):
    assert replies(port, 304, 304, 204, 200, 304) == [(304, False), (304, False), (204, False), (200, False), (304, False)]


def test_it_is_closed_where_that_is_asked(port):
    assert replies(port, 304, 304, headers="Connection: close\r\n") == [(304, True)]
    assert replies(port, 304, 304, version="1.0") == [(304, True)]


def test_an_answer_whose_length_nobody_told_still_ends_with_the_connection(port):
    assert replies(port, 500, 304) == [(500, True)]
