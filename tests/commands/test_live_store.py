"""`run` as an operator knows it: killed, hanging, upgraded, refused; nothing lost, nothing twice, and words for everything."""

import os
import signal
import time

import pytest

from tests.commands.live_store import RunningStore, Shop, alive, told, wait_until


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
    assert sorted(path.name for path in store.data.iterdir()) == ["bundle.given", "store.db", "store.jsonl"]
    assert store.errors().count("was started again") == 1 and store.errors().count("\n") == 1 and "SIGKILL" in store.errors()
    assert not any(alive(pid) for pid in store.seen)
    assert store.alerts("far") == store.alerts("near") == told(receipts(0, 400))


EVILS = {
    "loops": 'if receipt == "loops!":\n        while True: pass',
    "exits": 'if receipt == "exits!":\n        os._exit(7)',
    "faults": 'if receipt == "faults!":\n        ctypes.string_at(0)',
}


def test_one_that_loops_exits_or_faults_in_the_store_process_goes_on_alone_and_its_neighbours_go_on(shop, run):
    for name, evil in EVILS.items():
        shop.add(name, evil=evil, shared=True, tail="\nimport ctypes\nimport os\n")
    shop.add("near", shared=True)
    shop.add("far")
    shop.index()
    store = run(shop.pack(*EVILS, "near", "far"))
    shop.sell(["r0"])
    store.wait_for("near", 1)
    sold = ["r0"]
    for number, name in enumerate(EVILS, 1):
        batch = [*receipts(10 * number, 10 * number + 3), f"{name}!", *receipts(10 * number + 3, 10 * number + 9)]
        sold += batch
        before, began = store.pid, time.monotonic()
        shop.sell(batch)
        store.wait_for("near", len(sold))
        stood = time.monotonic() - began
        print(f"{name}: neighbours stood still for {stood:.2f} s")
        assert store.pid != before
    for name in ("near", "far"):
        assert store.wait_for(name, len(sold)) == told(sold)
    for name in EVILS:
        print(name, store.failures())
        kept = [receipt for receipt in sold if receipt != f"{name}!"]
        assert store.wait_for(name, len(kept), 30) == told(kept)
    print(store.errors())
    for row in store.failures(): print(row)
    print(store.shop.call("top", "--data", store.data, "--once").stdout)
    last = store.pid
    os.kill(last, signal.SIGKILL)
    store.wait_for_answer(other_than=last)
    print(store.shop.call("top", "--data", store.data, "--once").stdout)
    assert store.stop() == 0
