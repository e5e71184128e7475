"""Clock, room, folders, what is reached: facts are given to the checks; the probes look at this machine and at servers made on the spot."""

import datetime
import http.server
import shutil
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from storeloom.core.doctor import folder, machine, probes, reach
from storeloom.core.doctor.folder import FolderFacts
from storeloom.core.doctor.probes import Clock, Room
from storeloom.core.doctor.reach import ServerFacts

NOW = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)
GOOD = FolderFacts(Path("/data"), Path("/data"), "ext4", free_mb=10_000, inodes=1_000_000, mode=0o750, owner=7, own=7)


def codes(findings):
    return [finding.code for finding in findings]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"refusal": "Permission denied", "free_mb": 1}, ["SL-MCH-11"]),
        ({"kind": "nfs4", "wal": "disk I/O error"}, ["SL-MCH-12"]),
        ({"kind": "fuse.odd", "wal": "journal_mode=delete"}, ["SL-MCH-13"]),
        ({"kind": "tmpfs"}, ["SL-MCH-14"]),
        ({"free_mb": 63}, ["SL-MCH-15"]),
        ({"free_mb": 64}, ["SL-MCH-16"]),
        ({"free_mb": 512}, []),
        ({"inodes": 9_999}, ["SL-MCH-17"]),
        ({"inodes": None}, []),
        ({"mode": 0o755}, ["SL-MCH-18"]),
        ({"owner": 8}, ["SL-MCH-19"]),
        ({"place": Path("/"), "mode": 0o755, "owner": 8}, []),
    ],
)
def test_a_data_folder(change, expected):
    assert codes(folder.folder_findings(replace(GOOD, **change))) == expected


def test_a_real_folder_is_written_into_and_left_as_it_was(tmp_path):
    facts = folder.probe_folder(tmp_path / "store" / "data")
    assert (facts.place, facts.there, facts.refusal, facts.wal) == (tmp_path, False, "", "")
    assert facts.sync_ms > 0 and facts.free_mb > 0 and facts.kind
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert folder.probe_folder(tmp_path / "file").refusal == "Not a directory"


def test_the_file_system_is_that_of_the_innermost_mount(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / /mnt/two\\040words rw shared:1 - nfs4 nas:/x rw\n"
        "31 22 0:41 / /mnt rw - xfs /dev/b rw\n",
        encoding="utf-8",
    )
    assert [folder.file_system(Path(path), table) for path in ("/etc", "/mnt/a", "/mnt/two words/b")] == ["ext4", "xfs", "nfs4"]
    assert folder.file_system(Path("/etc"), tmp_path / "none") == ""


def test_the_clock():
    assert codes(machine.clock_findings(Clock(NOW, True, True))) == []
    assert codes(machine.clock_findings(Clock(NOW, True, None))) == []
    assert codes(machine.clock_findings(Clock(NOW.replace(year=1970), False, False))) == ["SL-MCH-20", "SL-MCH-21", "SL-MCH-22"]


def test_zones_encoding_room_and_the_rest():
    assert codes(machine.zone_findings(False)) == ["SL-MCH-23"] and probes.Probes().zones()
    assert codes(machine.encoding_findings(("utf-8", "UTF8", ""))) == []
    assert codes(machine.encoding_findings(("ascii", "UTF-8"))) == ["SL-MCH-24"]
    assert codes(machine.room_findings(Room(0.5, 4, 1000, 399, 256), 400, 1024)) == ["SL-MCH-25", "SL-MCH-26", "SL-MCH-27"]
    assert codes(machine.room_findings(Room(1.0, 4, 1000, 400, 1024), 400, 1024)) == []
    assert codes(machine.sandbox_findings(["Landlock"])) == ["SL-HST-07"]
    assert codes(machine.gpu_findings(["/dev/nvidia0"])) == ["SL-MCH-28"] and not codes(machine.gpu_findings([]))
    assert codes(machine.unit_findings({"": True, "store": False, "server": True}, ["store", "server"])) == ["SL-MCH-29"]
    assert codes(machine.unit_findings({"": False, "store": False}, ["store"])) == []


def test_this_machines_room_and_sandbox_can_be_read():
    room = probes.Probes().room()
    assert 0 < room.cores <= room.machine_cores and 0 < room.free_mb <= room.memory_mb and room.files > 0
    assert probes.Probes().sqlite()["apsw"]
    assert all(isinstance(line, str) for line in probes.Probes().shut_in())


def test_the_least_limit_of_the_control_groups_counts(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "own").write_text("0::/a/b\n", encoding="ascii")
    for place, cpu, most, used in ((inner, "max 100000", "max", 5 << 20), (tmp_path / "a", "150000 100000", str(300 << 20), 100 << 20)):
        (place / "cpu.max").write_text(cpu, encoding="ascii")
        (place / "memory.max").write_text(most, encoding="ascii")
        (place / "memory.current").write_text(str(used), encoding="ascii")
    assert probes._control_group(tmp_path, tmp_path / "own") == (1.5, 300, 100)
    assert probes._control_group(tmp_path, tmp_path / "none") == (None, None, 0)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/loom" + reach.ANSWERS else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        """Say nothing."""


@contextmanager
def serving(context=None):
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_control_plane_that_answers_and_one_that_does_not():
    with serving() as port:
        facts = reach.probe_server(f"http://127.0.0.1:{port}/loom/")
        assert codes(reach.server_findings("u", facts)) == [] and facts.days is None and abs(facts.ahead_s) < 5
        assert codes(reach.server_findings("u", reach.probe_server(f"http://127.0.0.1:{port}"))) == ["SL-MCH-32"]
        assert probes.Probes().taken("127.0.0.1", port)
    assert not probes.Probes().taken("127.0.0.1", port)
    gone = reach.probe_server(f"http://127.0.0.1:{port}")
    assert gone.silence == {"en": "nothing listens there", "zh": "该地址无人监听"} and codes(reach.server_findings("u", gone)) == [
        "SL-MCH-30"
    ]
    assert codes(reach.server_findings("u", ServerFacts(status=200, days=3, ahead_s=-61))) == ["SL-MCH-33", "SL-MCH-34"]
    assert [reach.fit_address(url) for url in ("https://a.example", "http://localhost:1", "http://a.example", "a.example")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_certificate_must_be_trusted(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is absent")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(["openssl", *words.split(), "-keyout", tmp_path / "key", "-out", tmp_path / "crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    with serving(context) as port:
        url = f"https://127.0.0.1:{port}/loom"
        assert codes(reach.server_findings(url, reach.probe_server(url))) == ["SL-MCH-31"]
        trusted = reach.probe_server(url, str(tmp_path / "crt"))
        assert trusted.status == 200 and trusted.days == 4
        assert codes(reach.server_findings(url, trusted)) == ["SL-MCH-33"]
