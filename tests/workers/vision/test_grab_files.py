"""Files through a grabbing process: every frame in order, faults in words, memory flat, pixels as OpenCV gives them."""

import itertools
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest

from storeloom.workers.vision.errors import FootageError
from storeloom.workers.vision.grab.address import Address, address
from storeloom.workers.vision.grab.memory import SLOTS, Reader, Writer, new_memory
from storeloom.workers.vision.grab.source import GrabSettings, Source
from tests.workers.vision.peers import film

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_a_file_gives_every_frame_in_order_to_a_slow_reader(tmp_path: Path) -> None:
    with Source(film(tmp_path / "a.avi", 30), start=START) as source:
        seen = []
        for grabbed in source.frames():
            time.sleep(0.005)
            seen.append((grabbed.seq, grabbed.time, round(float(grabbed.image.mean()))))
    assert [seq for seq, _, _ in seen] == list(range(30))
    assert [at for _, at, _ in seen] == [START + timedelta(seconds=k / 25) for k in range(30)]
    assert all(abs(bright - k * 7 % 200) <= 2 for k, (_, _, bright) in enumerate(seen))
    status = source.status()
    assert (status.state, status.grabbed, status.delivered, status.dropped, status.reconnects) == ("ended", 30, 30, 0, 0)
    assert (status.width, status.height, status.fps, status.hardware) == (96, 64, 25.0, "none")
    assert 0 < status.decode_ms < 1000


def test_a_rate_leaves_frames_out_evenly(tmp_path: Path) -> None:
    with Source(film(tmp_path / "a.avi", 25), GrabSettings(fps=5), start=START) as source:
        times = [(grabbed.time - START).total_seconds() for grabbed in source.frames()]
    assert times == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])


def test_a_missing_file_says_where_and_what_next(tmp_path: Path) -> None:
    with Source(tmp_path / "none.mp4") as source, pytest.raises(FootageError) as raised:
        next(source.frames())
    assert str(raised.value) == f"{tmp_path}/none.mp4: There is no such file. Check the path, or bind another camera source."
    assert source.status().state == "failed"
    assert source.status().trouble == str(raised.value)


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "The file is empty (0 bytes)."), (b"no video " * 500, "The file cannot be read as footage.")]
)
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with Source(path) as source, pytest.raises(FootageError) as raised:
        next(source.frames())
    assert raised.value.what == what


def test_a_cut_file_gives_its_good_frames_and_then_says_so(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.avi", 40).read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole[: len(whole) // 2])
    count = 0
    with (
        Source(cut) as source,
        pytest.raises(FootageError, match=r"The footage is cut off or damaged: \d+ frames can be read, it states 40\."),
    ):
        for _ in source.frames():
            count += 1
    assert 5 < count < 30


def test_a_damaged_stretch_is_passed_over(tmp_path: Path) -> None:
    data = bytearray(film(tmp_path / "a.avi", 200).read_bytes())
    starts = [k for k in range(len(data) - 3) if data[k : k + 3] == b"\xff\xd8\xff"]
    for k, after in itertools.pairwise(starts[100:104]):
        data[k : after - 8] = bytes(after - 8 - k)
    (tmp_path / "torn.avi").write_bytes(data)
    with Source(tmp_path / "torn.avi", start=START) as source:
        seen = [((grabbed.time - START) / timedelta(seconds=1), float(grabbed.image.mean())) for grabbed in source.frames()]
    assert len(seen) == 197
    assert source.status().bad == 3
    assert seen[100][0] == pytest.approx(103 / 25)
    assert seen[100][1] == pytest.approx(103 * 7 % 200, abs=2)


def test_a_source_that_nobody_reads_waits_and_closes(tmp_path: Path) -> None:
    with Source(film(tmp_path / "a.avi", 60), GrabSettings(stall_s=0.3)) as source:
        assert source.read(10) is not None
        time.sleep(1.0)
        assert source.status().state == "open"
        assert source.status().grabbed <= SLOTS + 1
        assert source.read(1) is not None
    assert source.status().state == "closed"
    assert source.read(1) is None


def test_closing_ends_the_process(tmp_path: Path) -> None:
    source = Source(film(tmp_path / "a.avi", 60))
    assert source.read(10) is not None
    children = psutil.Process().children()
    grabbing = [child for child in children if "storeloom.workers.vision.grab.child" in child.cmdline()]
    assert len(grabbing) == 1
    source.close()
    assert not grabbing[0].is_running()


def test_memory_stays_flat_over_five_thousand_frames(tmp_path: Path) -> None:
    path = film(tmp_path / "long.avi", 5200, (160, 120))
    handles = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    sizes = []
    with Source(path) as source:
        for grabbed in source.frames():
            if grabbed.seq in (200, 5199 - 1):
                child = next(c for c in psutil.Process().children() if "storeloom.workers.vision.grab.child" in c.cmdline())
                sizes.append((psutil.Process().memory_info().rss, child.memory_info().rss))
    (early, early_child), (late, late_child) = sizes
    assert late - early < 4 << 20
    assert late_child - early_child < 4 << 20
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == handles


def test_importing_the_source_loads_no_opencv() -> None:
    import subprocess

    check = "import sys, storeloom.workers.vision.grab.source; print(sorted({'cv2', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_ring_grows_and_an_overtaken_reader_gets_nothing() -> None:
    memory = new_memory()
    try:
        writer, reader = Writer(memory), Reader(memory)
        small, large = np.full((4, 6, 3), 7, np.uint8), np.full((90, 120, 3), 9, np.uint8)
        first = writer.put(small, 0)
        second = writer.put(large, 1)
        taken = reader.take(second, 1, 90, 120)
        assert taken is not None and (taken == 9).all()
        kept = reader.take(first, 0, 4, 6)
        assert kept is not None and (kept == 7).all()
        again = [writer.put(large, seq) for seq in range(2, 2 + SLOTS)]
        assert again[SLOTS - 1] == second
        assert reader.take(second, 1, 90, 120) is None
        newest = reader.take(second, 1 + SLOTS, 90, 120)
        assert newest is not None and newest.shape == (90, 120, 3)
    finally:
        os.close(memory)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("rtsp://u:p@10.0.0.5:554/ch1?x=1", Address("network", "rtsp://u:p@10.0.0.5:554/ch1?x=1", "rtsp://10.0.0.5:554/ch1?x=1")),
        ("usb:2", Address("usb", "2", "usb:2")),
        ("/dev/video0", Address("usb", "0", "/dev/video0")),
        ("films/door.mp4", Address("file", "films/door.mp4", "films/door.mp4")),
    ],
)
def test_addresses(written: str, expected: Address) -> None:
    assert address(written) == expected


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("rtsp://u:secret@10.0.0.5/ch1", "rtsp://10.0.0.5/ch1"),
        ("http://10.0.0.5/video.cgi?user=u&pwd=secret&res=1", "http://10.0.0.5/video.cgi?user=u&pwd=***&res=1"),
        ("rtsp://10.0.0.5/user=u&password=secret&channel=1", "rtsp://10.0.0.5/user=u&password=***&channel=1"),
    ],
)
def test_a_password_is_known_and_never_shown(written: str, shown: str) -> None:
    found = address(written)
    assert found.shown == shown
    assert found.has_password
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "written", ["rtsp://u:sec/ret@10.0.0.5/ch1", "rtsp://u:12/34@10.0.0.5/ch1", "http://u:a#b@10.0.0.5/", "rtsp://[::1"]
)
def test_an_address_whose_password_would_be_cut_is_refused_without_it(written: str) -> None:
    with pytest.raises(FootageError) as raised:
        address(written)
    assert not any(part in str(raised.value) for part in ("sec", "34", "a#b", "10.0"))


def test_a_login_goes_before_the_host_or_where_the_address_wants_it() -> None:
    plain = address("rtsp://10.0.0.5:554/ch1").with_login("ad min", "p@ss:/w")
    assert plain.target == "rtsp://ad%20min:p%40ss%3A%2Fw@10.0.0.5:554/ch1"
    assert plain.shown == "rtsp://10.0.0.5:554/ch1"
    inside = address("http://10.0.0.5/v?usr={user}&pwd={password}")
    assert not inside.has_password
    assert inside.with_login("u", "p&w").target == "http://10.0.0.5/v?usr=u&pwd=p%26w"
    assert inside.with_login("u", "p&w").shown == "http://10.0.0.5/v?usr={user}&pwd={password}"
    assert address("usb:0").with_login("u", "p") == address("usb:0")


@pytest.mark.parametrize("written", ["", "usb:front", "ftp://host/a", "rtsp:///path"])
def test_an_address_that_names_nothing_is_refused(written: str) -> None:
    with pytest.raises(FootageError, match=r"Give a video file, rtsp://HOST/PATH or usb:NUMBER\."):
        address(written)
