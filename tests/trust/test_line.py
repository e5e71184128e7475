"""The line between an agent and its repository: endless, slow and broken answers, downloads that go on, a token that stays at home."""

import hashlib
import re
import time

import pytest

from storeloom.core.kernel.errors import TrustFault
from storeloom.core.trust import names
from storeloom.core.trust.line import Limits, Line
from tests.trust.made import Chain, reply, served

ONE = "stores/s-1/1.json"
DATA = bytes(range(256)) * 800
QUICK = Limits(connect_s=2, head_s=1.0, silence_s=0.5, grace_s=0.3, least_rate=50_000)


@pytest.fixture
def chain(tmp_path):
    made = Chain(tmp_path)
    made.repository.publish({ONE: DATA})
    return made


def honest(chain, handler):
    """Answer as the control plane does, stretches included."""
    data = chain.mirror.read(handler.path.lstrip("/"))
    if data is None:
        return reply(handler, b"{}", 404)
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if asked is None:
        return reply(handler, data)
    begin = int(asked.group(1))
    if begin >= len(data):
        return reply(handler, b"", 416)
    return reply(handler, data[begin:], 206, Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")


def agent(chain, address, **more):
    limits = more.pop("limits", QUICK)
    return chain.client(urls=(f"{address}/metadata", f"{address}/targets"), line=None, limits=limits, **more)


def refusal(call):
    with pytest.raises(TrustFault) as caught:
        call()
    return caught.value.findings[0]


def endless(handler):
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    sent = 0
    try:
        while sent < 1 << 30:
            sent += handler.wfile.write(b" " * (1 << 16))
    except OSError:
        handler.close_connection = True
    handler.server.sent = sent


def drip(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


def drip_head(handler):
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            handler.wfile.write(f"X-{number}: 1\r\n".encode())
            time.sleep(0.1)
    except OSError:
        handler.close_connection = True


def silent(handler):
    time.sleep(1.5)
    handler.close_connection = True


@pytest.mark.parametrize("path", ["timestamp.json", "2.root.json", "2.snapshot.json"])
def test_endless_metadata_is_cut_off(chain, path):
    file = path.removeprefix("2.")
    with served(lambda handler: endless(handler) if handler.path.endswith(path) else honest(chain, handler)) as address:
        found = refusal(agent(chain, address).refresh)
    assert (found.code, found.args["file"]) == ("SL-TRU-06", file)


def test_an_endless_target_is_cut_off_and_leaves_nothing(chain, tmp_path):
    with served(lambda handler: endless(handler) if "/targets/" in handler.path else honest(chain, handler)) as address:
        found = refusal(lambda: agent(chain, address).download(ONE, tmp_path / "runs"))
    assert (found.code, found.args) == ("SL-TRU-06", {"file": ONE, "limit": str(len(DATA))})
    assert [file.stat().st_size for file in (tmp_path / "agent" / "partial").iterdir()] == [0]
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize("trouble", [drip, drip_head, silent])
def test_slow_data_is_given_up(chain, trouble):
    with served(lambda handler: trouble(handler) if "timestamp" in handler.path else honest(chain, handler)) as address:
        found = refusal(agent(chain, address).refresh)
    assert (found.code, found.args["file"]) == ("SL-TRU-07", "timestamp.json")


def test_a_line_that_is_steady_but_thin_is_no_attack(chain, tmp_path):
    def thin(handler):
        if "/targets/" not in handler.path:
            honest(chain, handler)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        for begin in range(0, len(DATA), 20_480):
            handler.wfile.write(DATA[begin : begin + 20_480])
            time.sleep(0.06)

    with served(thin) as address:
        assert agent(chain, address).download(ONE, tmp_path / "runs").read_bytes() == DATA


class Cut:
    """Breaks the connection after `after` bytes of each answer to a target."""

    def __init__(self, chain, after):
        self.chain, self.after, self.ranges = chain, after, []

    def __call__(self, handler):
        if "/targets/" not in handler.path:
            honest(self.chain, handler)
            return
        self.ranges.append(handler.headers.get("Range"))
        begin = int((self.ranges[-1] or "bytes=0-")[6:-1])
        handler.send_response(206 if begin else 200)
        handler.send_header("Content-Length", str(len(DATA) - begin))
        handler.send_header("Content-Range", f"bytes {begin}-{len(DATA) - 1}/{len(DATA)}")
        handler.end_headers()
        handler.wfile.write(DATA[begin : begin + self.after])
        handler.close_connection = True


def test_a_download_goes_on_where_it_was_cut_off(chain, tmp_path):
    cut = Cut(chain, 90_000)
    with served(cut) as address:
        assert refusal(lambda: agent(chain, address).download(ONE, tmp_path / "runs")).code == "SL-TRU-08"
        assert refusal(lambda: agent(chain, address).download(ONE, tmp_path / "runs")).code == "SL-TRU-08"
        assert agent(chain, address).download(ONE, tmp_path / "runs").read_bytes() == DATA
    assert cut.ranges == [None, "bytes=90000-", "bytes=180000-"]
    assert not list((tmp_path / "agent" / "partial").iterdir())


def test_a_part_that_was_changed_on_the_disk_is_thrown_away(chain, tmp_path):
    part = tmp_path / "agent" / "partial" / f"{hashlib.sha256(DATA).hexdigest()}.part"
    with served(lambda handler: honest(chain, handler)) as address:
        client = agent(chain, address)
        client.refresh()
        part.parent.mkdir()
        part.write_bytes(b"?" * 1000)
        assert refusal(lambda: client.download(ONE, tmp_path / "runs")).code == "SL-TRU-04"
        assert not part.exists()
        part.write_bytes(b"?" * (len(DATA) + 1))
        assert client.download(ONE, tmp_path / "runs").read_bytes() == DATA


def test_a_server_without_stretches_begins_anew(chain, tmp_path):
    def whole(handler):
        data = chain.mirror.read(handler.path.lstrip("/"))
        reply(handler, data or b"", 404 if data is None else 200)

    with served(whole) as address:
        client = agent(chain, address)
        client.refresh()
        part = tmp_path / "agent" / "partial" / f"{hashlib.sha256(DATA).hexdigest()}.part"
        part.parent.mkdir()
        part.write_bytes(DATA[:5000])
        assert client.download(ONE, tmp_path / "runs").read_bytes() == DATA


def test_another_stretch_than_the_one_asked_for_is_refused(chain, tmp_path):
    def other(handler):
        if "/targets/" not in handler.path:
            return honest(chain, handler)
        return reply(handler, DATA[100:], 206, Content_Range=f"bytes 100-{len(DATA) - 1}/{len(DATA)}")

    with served(other) as address:
        client = agent(chain, address)
        client.refresh()
        part = tmp_path / "agent" / "partial" / f"{hashlib.sha256(DATA).hexdigest()}.part"
        part.parent.mkdir()
        part.write_bytes(DATA[:5000])
        assert refusal(lambda: client.download(ONE, tmp_path / "runs")).code == "SL-TRU-08"
    assert part.read_bytes() == DATA[:5000]


def test_one_connection_serves_a_whole_update_and_every_request_carries_the_token(chain, tmp_path):
    said, ports = [], set()

    def watch(handler):
        said.append(handler.headers["Authorization"])
        ports.add(handler.client_address[1])
        honest(chain, handler)

    tokens = iter(["t1"] * 3 + ["t2"] * 20)
    with served(watch) as address:
        client = agent(chain, address, token=lambda: next(tokens))
        client.download(ONE, tmp_path / "runs")
    assert said[:4] == ["Bearer t1"] * 3 + ["Bearer t2"] and len(ports) == 1


def test_a_redirection_is_not_followed(chain):
    asked = []
    with (
        served(lambda handler: asked.append(handler.path) or reply(handler, b"")) as elsewhere,
        served(lambda handler: reply(handler, b"", 302, Location=f"{elsewhere}/x")) as address,
    ):
        found = refusal(agent(chain, address, token=lambda: "secret").refresh)
    assert (found.code, asked) == ("SL-TRU-08", []) and "302" in found.args["reason"] and "secret" not in found.render()


def test_a_server_that_is_not_there_is_told(chain):
    with served(lambda handler: None) as address:
        gone = address
    assert refusal(agent(chain, gone).refresh).code == "SL-TRU-08"


def test_a_kept_connection_that_the_server_ended_is_made_anew(chain):
    def once(handler):
        honest(chain, handler)
        handler.close_connection = True  # without saying so in the head

    with served(once) as address:
        agent(chain, address).refresh()


def test_only_http_and_https_are_spoken(chain):
    client = chain.client(urls=("file:///etc", "file:///etc"), line=Line(limits=QUICK))
    assert refusal(client.refresh).code == "SL-TRU-08"


def test_a_full_disk_is_told_and_what_was_trusted_is_whole(chain, tmp_path, monkeypatch):
    from storeloom.core.trust import durable

    client = chain.client()
    client.refresh()
    before = {file.name: file.read_bytes() for file in (tmp_path / "agent").glob("*.json")}
    chain.repository.publish({"stores/s-1/2.json": b"{}"})

    def full(path, data, **more):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(durable, "place", full)
    assert refusal(client.refresh).code == "SL-TRU-11"
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in (tmp_path / "agent").glob("*.json")} == before
    client.refresh()
    assert client.find("stores/s-1/2.json").length == 2


def test_what_is_there_already_is_not_fetched_again(chain, tmp_path):
    client = chain.client()
    file = client.download(ONE, tmp_path / "runs")
    asked = len([path for path in chain.mirror.asked if path.startswith("targets/")])
    assert client.download(ONE, tmp_path / "runs") == file
    assert len([path for path in chain.mirror.asked if path.startswith("targets/")]) == asked == 1
    file.write_bytes(b"changed")
    assert client.download(ONE, tmp_path / "runs").read_bytes() == DATA
    assert chain.mirror.asked[-1] == f"targets/{names.hashed(ONE, hashlib.sha256(DATA).hexdigest())}"
