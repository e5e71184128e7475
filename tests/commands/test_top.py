"""`top` and `health` on a running store, told as an operator reads them, and what they say where none runs."""

import io
import json
import os
import threading
import time
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from rich.console import Console

from storeloom.core.commands import top
from storeloom.core.runtime import http as window
from storeloom.core.runtime.presence import fetch_status
from storeloom.core.runtime.status import DeviceStatus

EN = """\
store store-014  bundle north 1.4.0  process 4711  up 3 d 04:12
restarts 2  memory 312 MB  handles 25.0 ev/s  store time 2026-03-05T14:12:33Z
log 1,204,332 records (kept from #884,001), 412.3 MB  inbox 3
outbox  dead 1  sent 20,331  waiting 2    uplink  waiting 1,204
queue camera.frame (drop_oldest)  waiting 64/64  dropped 9,120
queue sensor.reading (sample)  waiting 12/1,000  refused 3  late 1

solution                     state      ev/s      lag      out failed mean ms  max ms     MB runs in
shelf_gap_camera             resting       0        0       20      9    15.0     930    212 process
demand_forecast              behind        0   48,211        3      1   3,002  12,032    512 process
cold_chain_excursion         level      25.0        0      812      0    0.03    3.21      – shared
smart_cart                   level         0        0        0      0       –       0      – shared
shelf_gap_camera resting: RuntimeError: no model file; rests until 14:15:00 UTC
demand_forecast behind: catching up after a rest
trouble: the clock of till-3 is 14 minutes fast
"""
ZH = """\
门店 store-014  方案包 north 1.4.0  进程 4711  已运行 3 天 04:12
重启 2 次  内存 312 MB  处理 25.0 条/秒  门店时间 2026-03-05T14:12:33Z
日志 1,204,332 条（自 #884,001 起保留），412.3 MB  收件箱 3
发件箱  已放弃 1  已送达 20,331  待发送 2    上传  待上传 1,204
队列 camera.frame (drop_oldest)  等待 64/64  丢弃 9,120
队列 sensor.reading (sample)  等待 12/1,000  拒收 3  过迟 1

方案                         状态      条/秒     落后     输出   出错  均值ms  最长ms 内存MB 隔离
shelf_gap_camera             暂停          0        0       20      9    15.0     930    212 process
demand_forecast              落后          0   48,211        3      1   3,002  12,032    512 process
cold_chain_excursion         同步       25.0        0      812      0    0.03    3.21      – shared
smart_cart                   同步          0        0        0      0       –       0      – shared
shelf_gap_camera 暂停：RuntimeError: no model file; rests until 14:15:00 UTC
demand_forecast 落后：catching up after a rest
异常：the clock of till-3 is 14 minutes fast
"""


def later(status, seconds=2, handled=50):
    """The same store a little later, one of its instances busy meanwhile."""
    instances = tuple(
        replace(one, handled=one.handled + (handled if one.name == "cold_chain_excursion" else 0)) for one in status.instances
    )
    return replace(status, now=f"2026-03-05T14:12:{31 + seconds}Z", instances=instances)


def drawn(status, rates, lang, height=None):
    page = io.StringIO()
    Console(file=page, width=100, highlight=False).print(top.view(status, rates, lang, height))
    return "".join(line.rstrip() + "\n" for line in page.getvalue().splitlines())


@pytest.mark.parametrize(("lang", "whole"), [("en", EN), ("zh", ZH)])
def test_the_whole_screen(made_status, lang, whole):
    status = later(made_status())
    page = drawn(status, top.rates_between(made_status(), status), lang)
    assert page == whole
    assert max(cell_len(line) for line in page.splitlines()) <= 100


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_largest_figures_and_the_longest_names_still_fit(made_status, lang):
    one = made_status().instances[0]
    figures = {"handled": 10**10, "outputs": 10**10, "failures": 10**7, "lag": 10**9, "busy_s": 1e9, "longest_ms": 1e7, "memory_mb": 1e6}
    huge = replace(one, name="货架缺货摄像头" * 6, **figures)
    page = drawn(made_status(instances=(huge,), outbox={}, uplink={}, bundle="b" * 200), {huge.name: 99_999.7}, lang)
    assert max(cell_len(line) for line in page.splitlines()) <= 100
    row = next(line for line in page.splitlines() if "1.0G" in line)
    assert "10.0M" in row and "100k" in row


def test_what_does_not_fit_the_screen_is_counted_and_the_troubled_stay_on_it(made_status):
    page = drawn(made_status(), {}, "en", height=18)
    assert "... and 1 more" in page and "shelf_gap_camera " in page and "smart_cart" not in page


CAMERAS = (
    DeviceStatus("cam-1", "camera", "online", "", {"fps": 24.9, "dropped": 1204, "reconnects": 0, "decode_ms": 2.1, "hardware": "vaapi"}),
    DeviceStatus("cam-2", "camera", "offline", "No frame came for 5 s.", {"fps": 0.0, "reconnects": 3, "hardware": ""}),
)


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        (
            "en",
            (
                "device cam-2 offline  fps 0  reconnects 3  No frame came for 5 s.",
                "device cam-1 online  fps 24.9  dropped 1,204  reconnects 0  decode ms 2.10  hardware vaapi",
                "demand_forecast missed 412 frames",
            ),
        ),
        (
            "zh",
            (
                "设备 cam-2 离线  帧率 0  重连 3  No frame came for 5 s.",
                "设备 cam-1 在线  帧率 24.9  丢弃 1,204  重连 0  解码ms 2.10  硬解 vaapi",
                "demand_forecast 错过 412 帧画面",
            ),
        ),
    ],
)
def test_cameras_and_the_frames_that_were_missed(made_status, lang, lines):
    instances = tuple(replace(one, frames_missed=412 * (one.name == "demand_forecast")) for one in made_status().instances)
    page = drawn(made_status(instances=instances, devices=CAMERAS), {}, lang)
    assert "\n".join(lines) + "\n\n" in page


def test_of_many_devices_those_in_trouble_are_shown_and_the_rest_counted(made_status):
    many = tuple(replace(CAMERAS[0], device=f"cam-{number}") for number in range(10, 30))
    page = drawn(made_status(devices=(*many, CAMERAS[1])), {}, "en")
    assert page.index("device cam-2 offline") < page.index("device cam-10 online")
    assert "... and 13 more devices" in page and "cam-29" not in page


def test_a_reason_cannot_steer_the_terminal_and_the_store_s_time_is_whole_seconds(made_status):
    one = replace(made_status().instances[0], reason="\x1b[2Jgone\nforged line")
    page = drawn(made_status(instances=(one,), now="2026-03-05T14:12:33.250001Z"), {}, "en")
    assert "resting: �[2Jgone�forged line" in page and "\x1b" not in page
    assert "store time 2026-03-05T14:12:33Z" in page


def test_rates_are_events_a_second_in_the_store_s_time(made_status):
    before = made_status()
    assert top.rates_between(before, later(before)) == {
        "shelf_gap_camera": 0, "cold_chain_excursion": 25.0, "demand_forecast": 0, "smart_cart": 0
    }  # fmt: skip
    assert top.rates_between(before, before) == {}, "no time has passed"
    assert top.rates_between(before, replace(later(before), pid=4712)) == {}, "it was restarted and counts anew"
    assert "cold_chain_excursion" not in top.rates_between(before, later(before, handled=-1))


@pytest.mark.parametrize(
    ("figure", "text"),
    [(0, "0"), (0.0, "0"), (0.034, "0.03"), (9.996, "10.0"), (17.34, "17.3"), (99.96, "100"), (1204, "1,204"), (99_999, "99,999"),
     (99_999.9, "100k"), (204_431, "204k"), (999_999, "1.0M"), (1_250_000, "1.2M"), (7.2e9, "7.2G")],
)  # fmt: skip
def test_a_figure_takes_six_signs_at_most(figure, text):
    assert top.short(figure) == text


def test_a_span():
    assert [top.span(timedelta(seconds=s), False) for s in (-5, 451, 86399, 90061)] == ["00:00:00", "00:07:31", "23:59:59", "1 d 01:01"]
    assert top.span(timedelta(days=3), True) == "3 天 00:00"


@pytest.fixture
def running(made_status, tmp_path, monkeypatch):
    """A running store whose loop moves on with every look."""
    monkeypatch.setattr(window.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))
    first = made_status(pid=os.getpid())
    begun = time.monotonic()

    def status():
        seconds = round(time.monotonic() - begun, 3)
        return later(replace(first), seconds, round(50 * seconds))

    observer = window.Observer(tmp_path)
    observer.start("north 1.4.0", status, tmp_path / "store.db")
    yield tmp_path
    observer.stop()


def test_once(call, running):
    answer = call("top", "--data", running, "--once", "--every", "0.3")
    assert answer.code == 0 and answer.out.startswith("store store-014  bundle north 1.4.0")
    row = next(line for line in answer.out.splitlines() if line.startswith("cold_chain"))
    assert 40 < float(row.split()[2]) < 60
    assert "门店 store-014" in call("top", "--data", running, "--once", "--every", "0.1", "--lang", "zh").out


def test_as_json(call, running):
    told = call("top", "--data", running, "--once", "--json", "--every", "0.2").json
    assert told["status"]["instances"][0]["reason"].startswith("RuntimeError") and 30 < told["rates"]["cold_chain_excursion"] < 70


def test_live_it_redraws_and_outlives_a_restart(running, monkeypatch, made_status):
    """It goes on showing what it knew while the store is away, says so, and goes on with the new one."""
    observer_gone = threading.Event()
    page = io.StringIO()
    console = Console(file=page, width=100, height=40, force_terminal=True, highlight=False)
    arguments = SimpleNamespace(data=running, every=0.05, lang="en")
    shown = []

    class Enough(Exception):
        pass

    def view(status, rates, lang, height):
        shown.append(status.pid)
        if len(shown) == 3:
            (running / "run.json").rename(running / "away.json")
            observer_gone.set()
            threading.Timer(0.3, lambda: (running / "away.json").rename(running / "run.json")).start()
        if len(shown) == 5:
            raise Enough
        return top.header(status, rates, False).__next__()

    monkeypatch.setattr(top, "view", view)
    with pytest.raises(Enough):
        top.live(console, top.sample(running, 0.05, False), arguments)
    assert observer_gone.is_set() and "No store runs on" in page.getvalue() and len(shown) == 5


@pytest.mark.parametrize("command", [("top", "--once"), ("top",), ("health",)])
def test_where_no_store_runs_that_is_said(call, tmp_path, command):
    answer = call(*command, "--data", tmp_path / "shop")
    assert answer.code == 1 and answer.out == ""
    assert f"No store runs on {tmp_path}/shop" in answer.err and "storeloom run BUNDLE.bundle.json" in answer.err
    assert "没有门店在运行" in call(*command, "--data", tmp_path / "shop", "--lang", "zh").err
    assert call(*command, "--data", tmp_path, "--json").json["findings"][0]["code"] == "SL-OBS-01"


def test_health_tells_each_check_and_its_next_step(call, running):
    answer = call("health", "--data", running)
    assert answer.code == 0, "warnings do not stop selling"
    assert answer.out.splitlines()[:4] == [
        "ok  main loop",
        "look  solutions",
        "    shelf_gap_camera rests: RuntimeError: no model file; rests until 14:15:00 UTC.",
        "    Its events wait in the log and none is lost; it is tried again by itself.",
    ]
    zh = call("health", "--data", running, "--lang", "zh").out
    assert "正常  主循环" in zh and "    3 条" not in zh and "    1 条设备指令已放弃：多次发送均失败。" in zh
    assert call("health", "--data", running, "--json").json["status"] == "warning"


def test_health_and_the_status_tell_of_each_camera(call, made_status, tmp_path):
    observer = window.Observer(tmp_path)
    given = made_status(pid=os.getpid(), devices=CAMERAS)
    observer.start("north 1.4.0", lambda: given, tmp_path / "store.db")
    try:
        lines = call("health", "--data", tmp_path).out.splitlines()
        begin = lines.index("look  devices")
        assert lines[begin + 1 : begin + 5] == [
            "    cam-2 (camera) is offline: No frame came for 5 s.",
            "    Its driver goes on trying; the other devices and the solutions go on without it.",
            "    device cam-1 online  fps 24.9  dropped 1,204  reconnects 0  decode ms 2.10  hardware vaapi",
            "    device cam-2 offline  fps 0  reconnects 3  No frame came for 5 s.",
        ]
        assert "    设备 cam-1 在线  帧率 24.9" in call("health", "--data", tmp_path, "--lang", "zh").out
        assert [one["device"] for one in call("health", "--data", tmp_path, "--json").json["devices"]] == ["cam-1", "cam-2"]
        assert fetch_status(tmp_path).devices == CAMERAS
    finally:
        observer.stop()


def test_health_is_1_when_the_store_cannot_sell(call, running, monkeypatch):
    monkeypatch.setattr(window.shutil, "disk_usage", lambda _: SimpleNamespace(free=31_000_000))
    answer = call("health", "--data", running)
    assert answer.code == 1 and "FAULT  disk" in answer.out and "Only 31 MB are free" in answer.out
    assert json.loads(call("health", "--data", running, "--json").out)["status"] == "error"
