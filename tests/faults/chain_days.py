"""What happens to a chain, one scene after another: a first release, a change of a setting, a bad release, a line that is cut."""

from __future__ import annotations

import json

from tests.faults.chain import STORES, Chain3, wait_for

CANARY, OTHERS = STORES[0], STORES[1:]
ERRORS_ALONE = """
health_s = 1
soak_s = {soak_s}
looks = 1
quiet_s = 60
agents = false
figures = []

[errors]
least = 0.01

[[waves]]
name = "canary"
rings = [0]

[[waves]]
name = "rest"
percent = 100
"""
BAD = "raise RuntimeError('no model')"


def first_release(chain: Chain3) -> str:
    """Nothing runs yet: the canary, then the rest."""
    release = chain.release("spring")
    plan = json.loads(chain.fleet("plan", release, "--json"))
    assert (plan["stores"], plan["first"], plan["secrets"]) == (3, 3, {}), plan
    rollout = chain.roll(release)
    told = chain.fleet("watch", rollout)
    assert told.splitlines()[-1] == "done  done 3", told
    first, rest = chain.ask.get(f"/rollouts/{rollout}").body["waves"]
    assert first["closed"] <= rest["opened"] and (first["stores"], rest["stores"]) == ({"done": 1}, {"done": 2})
    return release


def changed_setting(chain: Chain3) -> str:
    """A setting of a solution: swapped while the store sells, in the same process."""
    before = {name: site.pid for name, site in chain.sites.items()}
    chain.design({"limit_c": 6.5})
    assert "[template basic rev 2]" in chain.fleet("explain", CANARY, "solutions.far.config.limit_c")
    release = chain.release("summer")
    plan = json.loads(chain.fleet("plan", release, "--json"))
    assert (plan["swapped_live"], plan["restarted"], plan["first"]) == (3, 0, 0), plan
    told = chain.fleet("watch", chain.roll(release))
    assert told.splitlines()[-1] == "done  done 3", told
    assert {name: site.pid for name, site in chain.sites.items()} == before, "swapped live"
    return release


def bad_release(chain: Chain3, good: str, version: str = "2.0.0") -> None:
    """A vendor's next version fails at each sale: the canary gives it back, the others never see it."""
    chain.publish_version(version, BAD)
    release = chain.release(f"autumn-{version}")
    rollout = chain.roll(release, health_s=120)
    told = chain.fleet("watch", rollout, code=1)
    assert told.splitlines()[-2].startswith("rolled_back") and "because: why=gate" in told.splitlines()[-1], told
    assert chain.steps(rollout) == {CANARY: "taken_back", **dict.fromkeys(OTHERS, "waiting")}
    for name in STORES:
        wait_for(
            f"{name} runs the good one", lambda name=name: chain.agent(name)["actual"] == good, tell=lambda name=name: chain.agent(name)
        )
    told_of = [row for row in chain.agent(CANARY)["reports"] if row["kind"] == "state" and row["data"]["state"] == "refused"]
    assert told_of and "'far' rests since the change" in told_of[0]["data"]["reason"]["en"], told_of
    for name in OTHERS:
        assert release not in {row["release"] for row in chain.agent(name)["reports"]}
        assert not [text for text in chain.sites[name].logged()[1] if text.startswith(version)]


def error_release(chain: Chain3, good: str, version: str = "2.5.0") -> None:
    """A vendor's next version fails at some sales, and nothing else is wrong with it: the errors' gate, the only one, gives it back."""
    canary, soak_s = chain.sites[CANARY], 15 if chain.quick else 180
    canary.sell(1500)
    wait_for("the canary's past is known", lambda: handled(chain, good) >= 1500, 180, lambda: chain.agent(CANARY)["health"])
    chain.publish_version(version, "if receipt.endswith('x'): raise RuntimeError('no model')")
    release = chain.release(f"errors-{version}")
    rollout = chain.roll(release, ERRORS_ALONE.format(soak_s=soak_s))
    assert chain.ask.get(f"/rollouts/{rollout}").body["strategy"]["agents"] is None
    wait_for("the canary proved it", lambda: chain.steps(rollout)[CANARY] == "done", tell=lambda: chain.agent(CANARY))
    canary.sell(6, "x")
    told = chain.fleet("watch", rollout, code=1)
    assert told.splitlines()[-2].startswith("rolled_back") and "gate=errors" in told.splitlines()[-1], told
    reason = chain.ask.get(f"/rollouts/{rollout}").body["reason"]
    assert [name for name, one in reason["gates"].items() if one["outcome"] == "fail"] == ["errors/far"], reason
    assert chain.steps(rollout) == {CANARY: "taken_back", **dict.fromkeys(OTHERS, "waiting")}
    wait_for("the canary runs the good one", lambda: chain.agent(CANARY)["actual"] == good, tell=lambda: chain.agent(CANARY))


def handled(chain: Chain3, release: str) -> int:
    """How many events the canary told to have handled under a release."""
    return sum(row["solutions"]["far"][1] for row in chain.agent(CANARY)["health"] if row["release"] == release)


def cut_line(chain: Chain3, version: str = "3.0.0") -> str:
    """The line of each store fails within the download: it sells on, and goes on where it was."""
    chain.publish_version(version)
    release = chain.release(f"winter-{version}")
    ways = {STORES[0]: "cut", STORES[1]: "held", STORES[2]: "cut"}
    before = {}
    for name, way in ways.items():
        line = chain.sites[name].line
        line.then, line.cut_after, before[name] = way, 2_000_000, line.down
    rollout = chain.roll(release, waves=[{"name": "all", "percent": 100}])
    for name, way in ways.items():
        site = chain.sites[name]
        wait_for(f"the line of {name} fails", lambda site=site, way=way: site.line.state == way, tell=lambda site=site: site.status())
        sold = len(site.sold)
        wait_for(f"{name} sells on", lambda site=site, sold=sold: len(site.logged()[0]) > sold + 3, tell=lambda site=site: site.status())
        assert site.status()["state"] == "downloading"
        had = site.line.down
        site.line.mend()
        wait_for(
            f"{name} has it",
            lambda site=site: site.status()["state"] not in ("downloading", "refused"),
            tell=lambda site=site: site.status(),
        )
        came = site.line.down - had
        assert came < 2_500_000, f"{name} fetched {came} bytes after the cut: it began anew"
    told = chain.fleet("watch", rollout)
    assert told.splitlines()[-1] == "done  done 3", told
    return release


def server_away(chain: Chain3) -> None:
    """The server dies: the stores sell on."""
    chain.kill_server()
    sold = {name: len(site.sold) for name, site in chain.sites.items()}
    for name, site in chain.sites.items():
        wait_for(f"{name} sells on", lambda site=site, name=name: len(site.logged()[0]) > sold[name] + 3)
    chain.start_server()
    chain.wait_for_server()
