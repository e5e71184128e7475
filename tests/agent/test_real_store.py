"""An agent with the real `storeloom run` beside it: vendors' wheels, live switches, restarts, a bad release; the store goes on selling."""

import os
import time

import pytest

from storeloom.core.agent.agent import Times
from storeloom.core.agent.checking import dry_check
from storeloom.core.agent.store import LocalStore
from storeloom.core.agent.watching import Limits
from storeloom.core.runtime.reader import LogReader
from tests.agent.doubles import Chain
from tests.agent.wheels import named, packed_folder, wheel
from tests.commands.live_store import Shop

pytestmark = pytest.mark.long

TAIL = "\nimport tinylib\n"
GROUP = "[storeloom.plugins]\ntoyshop = toyshop\n"


class Vendor:
    """A vendor's toys as wheels, and releases of them."""

    def __init__(self, chain, shop):
        self.chain, self.shop = chain, shop

    def release(self, name, version, mark, *, config="", evil="", health_s=1, shared=False):
        """Publish a release: the vendor's package of a version and the library that it needs."""
        (self.shop.toys.site / "tinylib.py").write_text(f"MARK = {mark!r}\n")
        told = f"receipt = receipt + tinylib.MARK; {evil}"
        self.shop.add("far", version=version, evil=told, tail=TAIL, shared=shared)
        self.shop.index()
        solution = f"far]\n[solutions.far.config]\n{config}\n#"
        packed = self.shop.pack(solution)
        folder = self.chain.folder / f"wheels-{name}"
        toys = wheel(folder, "toyshop", version, packed_folder(self.shop.toys.root), requires=("tinylib",), entry_points=GROUP)
        tiny = wheel(folder, "tinylib", version, {"tinylib.py": f"MARK = {mark!r}\n"})
        for one in (toys, tiny):
            self.chain.shelf.put(f"packages/acme/{one.name}", one.read_bytes())
        desired = self.chain.publish(name, wheels=[named(toys), named(tiny)], health_s=health_s)
        self.chain.shelf.put(desired.target, packed.read_bytes())
        return desired


@pytest.fixture
def vendor(toys, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "chain").mkdir()
    chain = Chain(tmp_path / "chain")
    yield Vendor(chain, Shop(toys, tmp_path))
    chain.store.stop()
    chain.close()


def real_agent(chain):
    env = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    chain.store = LocalStore(chain.home.current, chain.folder / "data", chain.home.folder / "store.out", env=env)
    return chain.agent(store=chain.store, check=dry_check, times=Times(look_s=0.2, steady_s=0.2, again_s=0.2), limits=Limits(ill_s=20))


def alerts(chain):
    reader = LogReader(chain.folder / "data" / "store.db")
    try:
        return [r.event["text"] for r in reader.read() if r.event.stream == "alert.raise"]
    finally:
        reader.close()


def wait_for(chain, count):
    until = time.monotonic() + 20
    while len(found := alerts(chain)) < count:
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


def test_a_real_store_is_brought_from_release_to_release_and_back(vendor):
    chain, shop = vendor.chain, vendor.shop
    agent = real_agent(chain)
    first = vendor.release("one", "1.0.0", "x")
    assert chain.bring(agent, first, within_s=60) == "good", agent.standing.reason
    shop.sell(["a", "b"])
    assert wait_for(chain, 2) == ["1.0.0 1 ax", "1.0.0 2 bx"]
    keeper, process = chain.store.holder(), chain.store.look().status.pid

    again = real_agent(chain)  # an agent that was killed: the next one finds the store that runs
    assert chain.store.holder() == keeper
    second = vendor.release("two", "1.0.0", "x", config="limit_c = 4.0")
    assert chain.bring(again, second, within_s=60) == "good", again.standing.reason
    assert chain.store.look().status.pid == process, "only a solution changed, and it was swapped live"

    third = vendor.release("three", "2.0.0", "y")
    assert chain.bring(again, third, within_s=60) == "good", again.standing.reason
    assert chain.store.look().status.pid != process and chain.store.holder() == keeper, "a vendor's driver may have changed: a restart"
    shop.sell(["c"])
    assert wait_for(chain, 3)[-1] == "2.0.0 3 cy", "with the release's own library"

    bad = vendor.release("bad", "3.0.0", "z", evil="raise RuntimeError('no model')", health_s=60)
    again.offer(bad)
    chain.step(again, until=("watching",), within_s=60)
    shop.sell(["d", "e", "f", "g", "h"])
    assert chain.step(again, within_s=60) == "refused"
    assert "'far' rests since the change" in again.standing.reason["en"]
    assert again.standing.running.release == "three" and chain.store.look().status.digest == chain.releases.bundle_digest(third)
    shop.sell(["i"])
    assert wait_for(chain, 6)[3:] == ["2.0.0 4 gy", "2.0.0 5 hy", "2.0.0 6 iy"], "three were given up before it was taken back, none after"


def test_what_does_not_fit_is_refused_before_anything_runs(vendor):
    chain = vendor.chain
    agent = real_agent(chain)
    assert chain.bring(agent, vendor.release("one", "1.0.0", "x"), within_s=60) == "good", agent.standing.reason
    keeper = chain.store.look().status
    two = vendor.release("two", "2.0.0", "y")
    lacking = two.model_copy(update={"wheels": two.wheels[:1]})
    assert chain.bring(agent, lacking, within_s=60) == "refused"
    assert agent.standing.reason["en"] == "toyshop 2.0.0 needs tinylib; here is nothing of this name."
    other = two.model_copy(update={"number": 8, "wheels": agent.standing.goods[0].wheels})
    assert chain.bring(agent, other, within_s=60) == "refused"
    assert "far" in agent.standing.reason["en"] and "2.0.0" in agent.standing.reason["en"]
    assert chain.store.look().status.pid == keeper.pid and chain.store.look().status.digest == keeper.digest


def test_a_wheel_that_pip_does_not_take_is_refused(vendor):
    chain = vendor.chain
    agent = real_agent(chain)
    desired = vendor.release("one", "1.0.0", "x")
    chain.shelf.put(desired.wheels[1].target, b"this is no wheel")
    assert chain.bring(agent, desired, within_s=60) == "refused"
    assert agent.standing.reason["en"].startswith("packages/acme/tinylib-1.0.0-py3-none-any.whl is not the file that the release names")
    broken = chain.folder / "tinylib-1.0.0-py3-none-any.whl"
    broken.write_bytes(b"this is no wheel")
    wheels = [desired.wheels[0], named(broken)]
    assert chain.bring(agent, desired.model_copy(update={"number": 9, "wheels": wheels}), within_s=60) == "refused"
    assert agent.standing.reason["en"].startswith("The release's packages cannot be installed:")
    assert chain.releases.linked() is None and chain.store.holder() is None
