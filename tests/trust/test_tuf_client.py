"""The agent's TUF client as the public conformance suite drives it: by arguments, a web server and exit codes."""

import hashlib
import json
import os
from datetime import UTC, datetime

import pytest

from storeloom.core.cli import main
from tests.trust.made import Chain, reply, served

ONE = "stores/s-1/1.json"


class Suite:
    """One client under test, its folders, and the requests that it makes."""

    def __init__(self, chain, address, tmp_path):
        self.chain, self.address, self.folder = chain, address, tmp_path / "suite"
        self.folder.mkdir()

    def __call__(self, *words):
        return main(["tuf-client", "--metadata-dir", str(self.folder / "metadata"), *words])

    def init(self, root=None):
        file = self.folder / "initial_root.json"
        file.write_bytes(root or self.chain.repository.root_bytes(1))
        return self("init", str(file))

    def refresh(self):
        return self("--metadata-url", f"{self.address}/metadata", "refresh")

    def download(self, name):
        where = ("--target-name", name, "--target-dir", str(self.folder / "targets"), "--target-base-url", f"{self.address}/targets")
        return self("--metadata-url", f"{self.address}/metadata", *where, "download")

    def trusted(self):
        names = sorted(name for name in os.listdir(self.folder / "metadata") if name.endswith(".json"))
        return {n.removesuffix(".json"): json.loads((self.folder / "metadata" / n).read_bytes())["signed"]["version"] for n in names}


@pytest.fixture
def suite(tmp_path):
    chain = Chain(tmp_path)
    chain.clock[0] = datetime.now(UTC)
    chain.repository.publish({ONE: b"one"})
    chain.repository.refresh()
    asked = []

    def answer(handler):
        asked.append(handler.path)
        data = chain.mirror.lies.get(handler.path[1:], chain.mirror.read(handler.path[1:]))
        reply(handler, data or b"", 404 if data is None else 200)

    with served(answer) as address:
        made = Suite(chain, address, tmp_path)
        made.asked = asked
        yield made


def test_init_refresh_download(suite, capsys):
    assert suite.init() == 0 and suite.asked == []
    assert suite.refresh() == 0
    state = suite.chain.repository.state()
    top = {"root": 1, "timestamp": state.timestamp.signed.version, "snapshot": state.snapshot.signed.version, "targets": 1}
    assert suite.trusted() == top
    assert suite.asked == [
        f"/metadata/{name}" for name in ("2.root.json", "timestamp.json", f"{top['snapshot']}.snapshot.json", "1.targets.json")
    ]
    assert suite.download(ONE) == 0
    files = list((suite.folder / "targets").rglob("*"))
    assert [file.read_bytes() for file in files if file.is_file()] == [b"one"]
    count = len(suite.asked)
    assert suite.download(ONE) == 0 and suite.asked[count:] == ["/metadata/2.root.json", "/metadata/timestamp.json"]
    assert suite.init() == 0 and suite.refresh() == 0
    assert capsys.readouterr().err == ""


def test_what_is_refused_ends_with_1_and_changes_nothing(suite, capsys):
    suite.init()
    assert suite.download("stores/s-1/9.json") == 1
    assert suite.trusted()["root"] == 1 and "timestamp" in suite.trusted()
    suite.chain.repository.publish({"stores/s-1/2.json": b"two"})
    suite.chain.mirror.lies[f"targets/stores/s-1/{hashlib.sha256(b'two').hexdigest()}.2.json"] = b"twX"
    assert suite.download("stores/s-1/2.json") == 1
    assert not [file for file in (suite.folder / "targets").rglob("*") if file.is_file()]
    assert "SL-TRU-04" in capsys.readouterr().err


def test_an_initial_root_that_is_none_fails_before_any_request(suite):
    root = json.loads(suite.chain.repository.root_bytes(1))
    del root["signed"]["version"]
    suite.init(json.dumps(root).encode())
    assert suite.refresh() == 1 and suite.asked == []
    root = json.loads(suite.chain.repository.root_bytes(1))
    for signature in root["signatures"]:
        signature["sig"] = "00" * 64
    suite.init(json.dumps(root).encode())
    assert suite.refresh() == 1 and suite.asked == []


def test_what_is_missing_on_the_command_line_is_told(tmp_path, capsys):
    assert main(["tuf-client", "--metadata-dir", str(tmp_path), "refresh"]) == 2
    assert main(["tuf-client", "--metadata-dir", str(tmp_path), "init"]) == 2
    assert "--metadata-url" in capsys.readouterr().err
