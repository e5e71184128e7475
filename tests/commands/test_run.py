"""`run`: a packed bundle on recorded receipts, killed in the middle and started again."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.runtime.log import StoreLog

RECEIPTS = 1500


@pytest.fixture
def store(call, shop, toys, tmp_path):
    """The packed bundle, its receipts, and a way to run it in a process of its own."""
    packed = tmp_path / "p.bundle.json"
    assert call("pack", shop, "-o", packed).code == 0
    start = datetime(2026, 3, 2, tzinfo=UTC)
    lines = [f"r{n},{start + timedelta(seconds=40 * n):%Y-%m-%dT%H:%M:%SZ},1,6901234567892,1,1.00,1.00" for n in range(RECEIPTS)]
    receipts = tmp_path / "till.csv"
    receipts.write_text("receipt,time,line,gtin,qty,price,amount\n" + "\n".join(lines) + "\n", encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(toys.site), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "storeloom.core.cli", "run", str(packed), "--pos", str(receipts), "--once", "--data"]

    def begin(data):
        return subprocess.Popen([*command, str(data)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return begin


def logged(data):
    log = StoreLog(data / "store.db", store="s1")
    try:
        return [(r.seq, r.event.id, r.event.time, r.event.stream, r.event.data) for r in log.read()], log.outbox(), log.failures()
    finally:
        log.close()


def test_killed_in_the_middle_and_started_again_it_is_as_if_nothing_had_been(store, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    out, err = store(whole).communicate(timeout=120)
    assert "Traceback" not in err and out.count("alert.raise") == 2 * RECEIPTS - 2  # two alarms are still to come
    for kill in range(3):
        process = store(cut)
        seen = 0
        for line in process.stdout:
            seen += "alert.raise" in line
            if seen > 300:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        events, _, _ = logged(cut)
        assert 300 * (kill + 1) < len(events) < 3 * RECEIPTS, "killed too late to show anything"
    again = store(cut)
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0 and err == ""
    assert logged(cut) == logged(whole)


def test_told_to_stop_it_ends_cleanly_and_goes_on_later(store, tmp_path):
    data, whole = tmp_path / "data", tmp_path / "whole"
    process = store(data)
    process.stdout.readline()
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and "events in the log" in out and err == ""
    events, _, _ = logged(data)
    assert 0 < len(events) < 3 * RECEIPTS
    for folder in (data, whole):
        _, err = store(folder).communicate(timeout=120)
        assert err == ""
    assert logged(data) == logged(whole)
