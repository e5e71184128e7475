"""The HTTP client against scripted servers: what is sent, what is sent again, what an error says and what it never says."""

from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.http_client import Answer, HttpClient, Peer


class Script:
    """A server that gives each connection the next of some bytes, and keeps what was asked."""

    def __init__(self, *answers: bytes | None, context: ssl.SSLContext | None = None) -> None:
        self.answers, self.asked = list(answers), list[bytes]()
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._held: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for answer in self.answers:
            try:
                line, _ = self._socket.accept()
                if self._context is not None:
                    line = self._context.wrap_socket(line, server_side=True)
                line.settimeout(2)
                self.asked.append(self._request(line))
                if answer is None:
                    self._held.append(line)
                    continue
                line.sendall(answer)
                line.close()
            except OSError:
                self.asked.append(b"")

    @staticmethod
    def _request(line: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            part = line.recv(65536)
            if not part:
                return got
            got += part
        head, _, body = got.partition(b"\r\n\r\n")
        size = next((int(one.split(b":")[1]) for one in head.lower().split(b"\r\n") if one.startswith(b"content-length")), 0)
        while len(body) < size:
            body += line.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        for one in (self._socket, *self._held):
            one.close()


def said(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
def servers() -> Iterator[list[Script]]:
    made: list[Script] = []
    yield made
    for one in made:
        one.close()


def call(servers: list[Script], *answers: bytes | None, method: str = "POST", key: str = "", **peer: object) -> tuple[Script, Answer]:
    script = Script(*answers)
    servers.append(script)
    client = HttpClient(Peer(f"http://127.0.0.1:{script.port}/base/", answer_s=0.4, **peer))  # type: ignore[arg-type]
    try:
        return script, client.call(method, "/hook/TOPSECRET", what="test", content={"a": 1} if method == "POST" else None, key=key)
    finally:
        client.close()


def refused(servers: list[Script], *answers: bytes | None, **more: object) -> tuple[Script, DeviceError]:
    with pytest.raises(DeviceError) as caught:
        call(servers, *answers, **more)  # type: ignore[arg-type]
    return servers[-1], caught.value


def test_a_request_bears_its_body_key_and_login(servers: list[Script]) -> None:
    script, answer = call(servers, said("200 OK", b'{"b": 2}'), key="k-1", token="tok-1234")
    head, _, body = script.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/hook/TOPSECRET HTTP/1.1")
    assert b"idempotency-key: k-1" in head.lower() and b"authorization: Bearer tok-1234" in head and body == b'{"a":1}'
    assert answer.json_object() == {"b": 2}


def test_a_broken_answer_is_asked_for_again_only_with_a_key(servers: list[Script]) -> None:
    script, _ = call(servers, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", said("200 OK"), key="k-1")
    assert len(script.asked) == 2
    script, error = refused(servers, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", said("200 OK"))
    assert len(script.asked) == 1 and error.code is Code.OFFLINE


def test_a_silent_server_is_a_time_out(servers: list[Script]) -> None:
    _, error = refused(servers, None)
    assert (error.code, "did not answer in time" in str(error)) == (Code.TIMEOUT, True)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_a_server_that_trickles_is_given_up(start: bytes) -> None:
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            line, _ = server.accept()
            with line, suppress(OSError):
                line.sendall(start)
                while not ended.wait(0.05):
                    line.sendall(b"x")

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        client = HttpClient(Peer(f"http://127.0.0.1:{server.getsockname()[1]}", connect_s=0.2, answer_s=0.3))
        began = time.monotonic()
        with pytest.raises(DeviceError) as caught:
            client.call("POST", "/")
        assert caught.value.code is Code.TIMEOUT and time.monotonic() - began < 5
        ended.set()
        thread.join()
        client.close()


def test_a_server_that_wants_rest_gets_it(servers: list[Script]) -> None:
    script = Script(said("503 Busy", b'{"title": "later"}', "Retry-After: 30"), said("200 OK"))
    servers.append(script)
    client = HttpClient(Peer(f"http://127.0.0.1:{script.port}"))
    for words in ("is busy", "wants no requests for 30 s"):
        with pytest.raises(DeviceError, match=words) as caught:
            client.call("GET", "/")
        assert caught.value.code is Code.BUSY
    assert len(script.asked) == 1
    client.close()


def test_a_short_rest_is_waited_for(servers: list[Script]) -> None:
    script, answer = call(servers, said("429 Slow", b"{}", "Retry-After: 0"), said("200 OK"), key="k")
    assert (len(script.asked), answer.status) == (2, 200)


def test_problem_details_stand_in_the_error_without_secrets_and_card_numbers(servers: list[Script]) -> None:
    problem = b'{"title": "no", "detail": "token tok-1234 and card 4111 1111 1111 1111 are wrong", "status": 401}'
    _, error = refused(servers, said("401 No", problem), token="tok-1234")
    assert "no; token *** and card [card number] are wrong" in str(error) and error.code is Code.FAILURE
    assert "拒绝登录" in error.words["zh"]


@pytest.mark.parametrize(
    "answer", [said("500 Oh"), said("404 No"), said("302 There", b"", "Location: http://evil/"), b"SSH-2.0-x\r\n", None]
)
def test_no_error_holds_the_path_of_a_hook(servers: list[Script], answer: bytes | None) -> None:
    _, error = refused(servers, answer)
    assert "TOPSECRET" not in f"{error}{error.words}{error.__cause__!r}{error.__context__!r}"


def test_redirects_are_not_followed(servers: list[Script]) -> None:
    _, error = refused(servers, said("302 There", b"", "Location: http://127.0.0.1:1/"), method="GET")
    assert error.code is Code.ILLEGAL and "points elsewhere" in str(error)


def test_an_answer_that_is_too_large_is_refused(servers: list[Script]) -> None:
    _, error = refused(servers, said("200 OK", b"x" * 5000), most_bytes=4000)
    assert "more than 4000 bytes" in str(error)


def test_nobody_there_is_told_as_such() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = HttpClient(Peer(f"http://127.0.0.1:{free.getsockname()[1]}", connect_s=0.3))
        with pytest.raises(DeviceError) as caught:
            client.call("GET", "/")
    assert caught.value.code is Code.NO_HARDWARE
    client.close()
    with pytest.raises(DeviceError) as caught:
        client.call("GET", "/")
    assert caught.value.code is Code.CLOSED


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made = [program, "req", *options, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    return cert, key


def over_tls(servers: list[Script], certificate: tuple[Path, Path], **peer: str) -> tuple[Script, HttpClient]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    script = Script(said("200 OK"), context=context)
    servers.append(script)
    return script, HttpClient(Peer(f"https://127.0.0.1:{script.port}", token="tok-1234", **peer))  # type: ignore[arg-type]


def test_tls_trusts_the_file_or_the_pin(servers: list[Script], certificate: tuple[Path, Path]) -> None:
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate[0].read_text())).hexdigest()
    for trusted in (
        {"ca_file": str(certificate[0])},
        {"pin": digest},
        {"pin": ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper()},
    ):
        _, client = over_tls(servers, certificate, **trusted)
        assert client.call("GET", "/").status == 200
        client.close()


@pytest.mark.parametrize("trusted", [{}, {"pin": "0" * 64}])
def test_nothing_is_sent_to_a_stranger(servers: list[Script], certificate: tuple[Path, Path], trusted: dict[str, str]) -> None:
    script, client = over_tls(servers, certificate, **trusted)
    with pytest.raises(DeviceError, match="no TLS") as caught:
        client.call("POST", "/", content={"a": 1})
    assert caught.value.code is Code.FAILURE and not any(b"tok-1234" in one for one in script.asked)
    client.close()


@pytest.mark.parametrize("wrong", [{"pin": "12"}, {"ca_file": "/nowhere.pem"}])
def test_a_setting_of_tls_that_is_none_is_told(wrong: dict[str, str]) -> None:
    client = HttpClient(Peer("https://127.0.0.1:1", **wrong))  # type: ignore[arg-type]
    with pytest.raises(DeviceError) as caught:
        client.call("GET", "/")
    assert caught.value.code is Code.ILLEGAL
