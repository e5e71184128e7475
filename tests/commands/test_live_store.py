"""`run` as an operator knows it: killed, hanging, upgraded, refused; nothing lost, nothing twice, and words for everything."""

import json
import os
import signal
import socket
import threading
import time

import pytest

from tests.commands.live_store import RunningStore, Shop, alive, told, wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def shop(toys, tmp_path):
    return Shop(toys, tmp_path)


@pytest.fixture
def run(shop, tmp_path):
    """Starts a store on a packed bundle; whatever is left of it is ended after the test."""
    begun = []

    def start(packed, *more, data="data"):
        store = RunningStore(shop, packed, tmp_path / data)
        begun.append(store)
        return store.start(*more)

    yield start
    for store in begun:
        store.end()


def receipts(start, stop):
    return [f"r{number}" for number in range(start, stop)]


@pytest.mark.thorough
def test_killed_wherever_it_may_be_it_loses_nothing_and_leaves_nothing_behind(shop, run):
    shop.add("far", commands=True)
    shop.add("near", shared=True)
    shop.index()
    packed = shop.pack("far", "near")
    began = time.monotonic()
    store = run(packed)
    print(f"answers after {time.monotonic() - began:.2f} s")
    shop.sell(receipts(0, 100))
    store.wait_for("far", 100)
    store.look()
    first = store.pid
    os.kill(first, signal.SIGKILL)
    began = time.monotonic()
    shop.sell(receipts(100, 200))
    store.wait_for_answer(other_than=first)
    print(f"answers again {time.monotonic() - began:.2f} s after SIGKILL of the store process")
    store.wait_for("far", 200)
    store.wait_for("near", 200)

    (host,) = store.hosts.values()
    os.kill(host, signal.SIGKILL)
    shop.sell(receipts(200, 300))
    store.wait_for("far", 300)

    store.look()
    store.process.kill()
    store.process.wait(5)
    wait_until(lambda: not any(alive(pid) for pid in store.seen))
    store.start()
    shop.sell(receipts(300, 400))
    store.wait_for("far", 400)
    store.wait_for("near", 400)
    assert store.stop() == 0
    assert sorted(path.name for path in store.data.iterdir()) == ["bundle.given", "lock", "packages", "store.db", "store.jsonl"]
    assert store.errors().count("was started again") == 1 and store.errors().count("\n") == 1 and "SIGKILL" in store.errors()
    assert not any(alive(pid) for pid in store.seen)
    assert store.alerts("far") == store.alerts("near") == told(receipts(0, 400))


EVILS = {
    "loops": 'if receipt == "loops!":\n        while True: pass',
    "exits": 'if receipt == "exits!":\n        os._exit(7)',
    "faults": 'if receipt == "faults!":\n        ctypes.string_at(0)',
}


@pytest.mark.thorough
def test_one_that_loops_exits_or_faults_in_the_store_process_goes_on_alone_and_its_neighbours_go_on(shop, run):
    for name, evil in EVILS.items():
        shop.add(name, evil=evil, shared=True, handler_s=1, tail="\nimport ctypes\nimport os\n")
    shop.add("near", shared=True)
    shop.add("far")
    shop.index()
    store = run(shop.pack(*EVILS, "near", "far"))
    sold = []
    for number, name in enumerate(EVILS, 1):
        batch = [*receipts(10 * number, 10 * number + 3), f"{name}!", *receipts(10 * number + 3, 10 * number + 9)]
        sold += batch
        before, began = store.pid, time.monotonic()
        shop.sell(batch)
        store.wait_for("near", len(sold))
        still_s = time.monotonic() - began - (5 if name == "loops" else 0)
        print(f"{name}: neighbours stood still for {still_s:.2f} s beside the handler's time")
        assert store.pid != before and still_s < 4  # 2 s where the machine has nothing else to do
    for name in ("near", "far"):
        assert store.wait_for(name, len(sold)) == told(sold)
    given_up = {name: [receipt for receipt in sold if receipt != f"{name}!"] for name in EVILS}
    assert store.wait_for("loops", len(given_up["loops"])) == told(given_up["loops"])
    assert store.wait_for("exits", len(given_up["exits"])) == told(given_up["exits"])

    # the last of them rests for its three failures; the restart of the store process gives it another chance, still alone
    last = store.pid
    os.kill(last, signal.SIGKILL)
    store.wait_for_answer(other_than=last)
    assert store.wait_for("faults", len(given_up["faults"])) == told(given_up["faults"])
    status = json.loads(shop.call("top", "--data", store.data, "--once", "--every", "0.1", "--json").stdout)["status"]
    assert {one["name"]: one["isolation"] for one in status["instances"]} == dict.fromkeys((*EVILS, "far"), "process") | {"near": "shared"}
    assert status["restarts"] == 4
    words = store.errors()
    assert "loops held the store process for more than 5 s with" in words
    assert "The store process ended with exit code 7 while exits handled" in words
    assert "The store process was ended by SIGSEGV while faults handled" in words
    assert store.stop() == 0


def test_what_keeps_a_store_from_starting_is_said_once_in_words_and_not_tried_again(shop, run, tmp_path):
    shop.add("near", shared=True)
    shop.index()
    packed, other = shop.pack("near"), shop.pack("near", output="other.json", store="s2")
    store = run(packed)
    refused(shop, packed, store.data, "SL-OBS-11", f"already (process {store.process.pid})", "已有门店在运行")
    once = shop.call("run", packed, "--data", store.data, "--once")
    assert (once.returncode, "SL-OBS-11" in once.stderr) == (1, True)
    assert store.stop() == 0
    refused(shop, other, store.data, "SL-LOG-04", "belongs to store 's1'; this bundle is for 's2'")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused(shop, packed, store.data, "SL-OBS-05", "in use by another program", "已被其他程序占用", "--listen", address)

    file = tmp_path / "file"
    file.write_text("no folder")
    refused(shop, packed, file / "data", "SL-DOC-05", "Not a directory", "上级路径不是目录")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    text = bytearray((store.data / "store.db").read_bytes())
    text[8192:] = b"x" * (len(text) - 8192)
    (damaged / "store.db").write_bytes(text)
    refused(shop, packed, damaged, "SL-LOG-01", "cannot be used")
    assert (damaged / "store.db").read_bytes() == text

    near = shop.toys.root / "solutions" / "near.py"
    near.write_text(near.read_text().replace("class Toy", "class Toi"))
    refused(shop, packed, store.data.with_name("new"), "SL-BND-02", "locks source")
    secret = 'token: str = setting("api", "Token", "令牌", widget="secret")'
    near.write_text(near.read_text().replace("mode: str", f"{secret}\n        mode: str", 1))
    shop.index()
    refused(shop, shop.pack("near", output="secret.json"), store.data, "SL-CFG-07", "secrets.json")


def refused(shop, packed, data, code, words, words_zh="", *more):
    """A `run` that ends at once, with words; in both languages where both are given."""
    english = shop.call("run", packed, "--data", data, *more)
    assert (english.returncode, english.stdout) == (1, ""), english.stderr
    assert code in english.stderr and words in english.stderr and english.stderr.count("[SL-") == 1, english.stderr
    assert "started again" not in english.stderr
    if not words_zh:
        return
    chinese = shop.call("run", packed, "--data", data, "--lang", "zh", "--json", *more)
    assert chinese.returncode == 1 and chinese.stderr == ""
    (finding,) = json.loads(chinese.stdout)["findings"]
    assert finding["code"] == code and words_zh in finding["reason"]


def test_a_plugin_that_cannot_be_imported_rests_and_the_others_go_on(shop, run):
    shop.add("near", shared=True)
    shop.add("ill", shared=True, tail="\nimport os\nif os.path.exists(__file__ + '.ill'):\n    import no_such_module\n")
    shop.index()
    packed = shop.pack("near", "ill")
    (shop.toys.root / "solutions" / "ill.py.ill").touch()
    store = run(packed)
    shop.sell(receipts(0, 3))
    assert store.wait_for("near", 3) == told(receipts(0, 3))
    assert "No module named 'no_such_module'" in store.errors()
    said = wait_until(lambda: (text := shop.call("health", "--data", store.data).stdout).count("ill rests") and text)
    assert "The process of ill could not start: ModuleNotFoundError" in said
    (shop.toys.root / "solutions" / "ill.py.ill").unlink()
    assert store.stop() == 0
    store.start()
    assert store.wait_for("ill", 3) == told(receipts(0, 3))
    assert store.stop() == 0


@pytest.fixture
def till(shop):
    """Sells 50 receipts a second from a thread of its own, until it is told to stop; then it says which."""
    sold, done = [], threading.Event()

    def sell():
        while not done.wait(0.02):
            sold.append(f"r{len(sold)}")
            shop.sell(sold[-1:])

    thread = threading.Thread(target=sell)

    def stop():
        done.set()
        thread.join()
        return sold

    yield thread.start, stop
    stop()


def in_order(alerts, sold):
    """Each sale was told once, in order, with the count carried over; the versions that told, in the order of the log."""
    versions, counts, names = zip(*(text.split() for text in alerts), strict=True)
    assert list(names) == sold and [int(count) for count in counts] == list(range(1, len(sold) + 1))
    return list(dict.fromkeys(versions))


@pytest.mark.thorough
def test_a_new_version_takes_over_while_the_tills_ring_and_a_failing_one_goes_back_by_itself(shop, run, till):
    start_selling, stop_selling = till
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        evil = 'if receipt == "bad":\n        raise ValueError("no price for " + receipt)' if version == "1.2.0" else ""
        for name, shared in (("far", False), ("near", True)):
            shop.add(name, version=version, evil=evil, shared=shared)
        shop.index()
        packed = shop.pack("far", "near", output=f"{version}.bundle.json")
        if version == "1.0.0":
            store = run(packed)
            start_selling()
            store.wait_for("far", 20)
            continue
        answer = shop.call("apply", packed, "--data", store.data)
        assert answer.returncode == 0, answer.stdout + answer.stderr + store.errors()
        for name in ("far", "near"):
            store.wait_for_version(name, version, 20)
    sold = stop_selling()
    store.wait_for("near", len(sold))
    assert [in_order(store.wait_for(name, len(sold)), sold) for name in ("far", "near")] == [["1.0.0", "1.1.0", "1.2.0"]] * 2
    shop.sell(["bad", "after"])
    sold += ["bad", "after"]
    for name in ("far", "near"):
        assert store.wait_for(name, len(sold))[-2:] == [f"1.1.0 {len(sold) - 1} bad", f"1.1.0 {len(sold)} after"]
    wait_until(lambda: "1.2.0 was taken back on probation, 1.1.0 runs again" in shop.call("health", "--data", store.data).stdout)
    assert "no price for bad" in (store.data / "store.jsonl").read_text()
    # what is installed is 1.2.0 still; a restart goes on with what was kept of 1.1.0
    last = store.pid
    os.kill(last, signal.SIGKILL)
    store.wait_for_answer(other_than=last)
    shop.sell(["later"])
    for name in ("far", "near"):
        assert store.wait_for(name, len(sold) + 1)[-1] == f"1.1.0 {len(sold) + 1} later"
    assert store.errors().count("runs on the copies that it kept of: toyshop") == 1
    assert store.stop() == 0


def test_what_an_operator_asks_of_a_running_store(shop, run, tmp_path):
    shop.add("far", commands=True)
    shop.index()
    undriven = run(shop.pack("far", driver=False))
    shop.sell(receipts(0, 3))
    undriven.wait_for("far", 3)
    assert undriven.stop() == 0
    store = run(shop.pack("far"))
    data = ("--data", store.data)
    dead = json.loads(shop.call("dead", "list", *data, "--json").stdout)["commands"]
    assert [one["status"] for one in dead] == ["unrouted"] * 3
    assert "commands given up: 3" in shop.call("dead", "list", *data).stdout
    assert shop.call("dead", "resend", dead[0]["id"], *data).stdout == "sent again: 1\n"
    assert wait_until(lambda: shop.sent.is_file() and shop.sent.read_text()) == "r0\n"
    assert shop.call("dead", "resend", "--all", *data, "--lang", "zh").stdout == "重发 2 条指令\n"
    wait_until(lambda: shop.sent.read_text() == "r0\nr1\nr2\n")

    refusal = shop.call("apply", tmp_path, *data, "--model")
    assert (refusal.returncode, "there is no model to replace" in refusal.stdout) == (1, True)
    assert "没有可更换的模型" in shop.call("apply", tmp_path, *data, "--model", "--lang", "zh").stdout
    gone = shop.call("apply", tmp_path / "none.json", *data)
    assert (gone.returncode, "SL-DOC-01" in gone.stderr) == (1, True)
    other = shop.call("apply", shop.pack("far", store="s2", output="s2.json"), *data)
    assert (other.returncode, "belongs to store 's1'; this bundle is for 's2'" in other.stdout) == (1, True)

    assert "level" in shop.call("top", *data, "--once", "--every", "0.1").stdout
    assert shop.call("health", *data).returncode == 0
    traced = shop.call("trace", "1", *data).stdout
    assert "pos.sale  from till-1" in traced and "alert.raise" in traced and "command sent" in traced
    whole = shop.call("log", "verify", *data)
    assert (whole.returncode, "whole" in whole.stdout) == (0, True)
    copied = shop.call("log", "snapshot", *data, "-o", tmp_path / "copy.db")
    assert (copied.returncode, "records 1 to" in copied.stdout) == (0, True)
    assert shop.call("log", "compact", *data).returncode == 0
    rebuilt = shop.call("log", "compact", *data, "--rebuild")
    assert (rebuilt.returncode, "SL-OBS-11" in rebuilt.stderr) == (1, True)
    shop.sell(receipts(3, 6))
    store.wait_for("far", 6)
    assert store.stop() == 0
    assert store.alerts("far") == told(receipts(0, 6))
