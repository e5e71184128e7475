"""Releases: composed, checked, packed and signed as a whole or not at all; numbers rise; nothing of one ever changes."""

import hashlib
import json

from sqlmodel import select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.design.planning import plan_digest
from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.releases import BundlePart, Release, StoreRelease
from storeloom.core.kernel.lock import unpack
from storeloom.core.trust import names

KEY = bytes(range(32))


def target_bytes(plane, target, sha256):
    return (plane.services.trust("north").targets / names.hashed(target, sha256)).read_bytes()


def runs(plane, **actual):
    """Let the stores' agents have said what they run."""
    with writing(plane.services.engine) as session:
        for store, release in actual.items():
            row = session.get(Agent, ("north", store)) or Agent(chain="north", store=store, public_key=KEY, enrolled=plane.clock[0])
            row.actual = row.desired = release["id"]
            session.add(row)


def test_a_release_holds_a_signed_bundle_of_every_store_that_runs(designed, plane, tmp_path):
    made = designed.release()
    assert (made["number"], made["state"], made["sources"], made["stores"]) == (1, "published", {"basic": [1]}, 3)
    listed = designed.ask("GET", f"/releases/{made['id']}/stores").json["items"]
    assert [one["target"] for one in listed] == [f"stores/{store}/1.json" for store in "abc"]
    for one in listed:
        data = target_bytes(plane, one["target"], one["sha256"])
        assert hashlib.sha256(data).hexdigest() == one["sha256"] and len(data) == one["length"]
        again = designed.ask("GET", f"/releases/{made['id']}/stores/{one['store']}/bundle")
        assert again.data == data, "what is kept in parts comes together byte for byte"
        file = tmp_path / "packed.json"
        file.write_bytes(data)
        _, plan = unpack(file, plane.services.registry.catalogue)
        assert plan.store["store"] == one["store"] and [i.name for i in plan.instances] == ["esl_price_sync"]


def test_like_stores_share_their_parts(designed, plane):
    designed.release()
    with reading(plane.services.engine) as session:
        bodies = session.exec(select(BundlePart.body)).all()
        assert len(bodies) == 3 + 3, "three profiles; one design, its solution, its lock"
        designs = {row.bundle["design"] for row in session.exec(select(StoreRelease))}
        assert len(designs) == 1


def test_numbers_rise_and_a_release_never_changes(designed, plane):
    first = designed.release()
    designed.template({"solutions": {"esl_price_sync": {"config": {"rise_lead_s": 60}}}}, 1)
    second = designed.release(stores=["a"])
    assert (second["number"], second["stores"], second["sources"]) == (2, 1, {"basic": [2]})
    assert designed.ask("GET", f"/releases/{first['id']}").json == first
    assert [one["number"] for one in designed.ask("GET", "/releases").json["items"]] == [1, 2]
    assert first["digest"] != second["digest"]


def test_one_faulty_store_keeps_all_from_being_released(designed, plane):
    designed.own("b", {"solutions": {"esl_price_sync": {"config": {"rise_lead_s": "soon"}}}}, 1)
    job = designed.job()
    assert (job["state"], job["release"], job["number"]) == ("failed", None, None)
    told = [(one["store"], one["finding"]["code"], one["finding"]["file"]) for one in job["findings"]]
    assert told == [(None, "SL-REL-03", None), ("b", "SL-CFG-01", "store b rev 2")]
    assert designed.ask("GET", "/releases").json["items"] == []
    with reading(plane.services.engine) as session:
        assert session.exec(select(BundlePart)).first() is None
    assert list(plane.services.folder.glob("release-*")) == [], "nothing is left of what was packed"
    zh = plane.as_("viewer", lang="zh")("GET", f"/release-jobs/{job['id']}").json
    assert "家门店存在错误" in zh["findings"][0]["finding"]["reason"]


def test_stores_without_a_template(designed):
    left_out = designed.job()
    assert left_out["state"] == "done"
    assert [(one["finding"]["code"], one["finding"]["severity"]) for one in left_out["findings"]] == [("SL-REL-02", "info")], "s-1"
    assert [one["finding"]["code"] for one in designed.job(stores=["s-1"])["findings"]] == ["SL-DSG-04", "SL-REL-01"]
    assert [one["finding"]["code"] for one in designed.job(stores=["s-9"])["findings"]] == ["SL-API-05", "SL-REL-01"]


def test_a_repository_that_cannot_sign_leaves_no_release(designed, plane, monkeypatch):
    trust = plane.services.trust("north")

    def refuses(targets):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trust, "publish", refuses)
    assert designed.job()["state"] == "failed"
    assert designed.ask("GET", "/releases").json["items"] == []
    monkeypatch.undo()
    assert designed.release()["number"] == 2, "the number of the one that failed is not used again"


def test_a_withdrawn_release_is_signed_no_longer_and_stays_on_record(designed, plane):
    made = designed.release()
    one = designed.ask("GET", f"/releases/{made['id']}/stores").json["items"][0]
    gone = designed.ask("POST", f"/releases/{made['id']}/withdraw", {"reason": "labels flicker"})
    assert (gone.json["state"], gone.json["signed"]) == ("withdrawn", False)
    assert designed.ask("POST", f"/releases/{made['id']}/withdraw", {"reason": "again"}).status_code == 200
    assert not (plane.services.trust("north").targets / names.hashed(one["target"], one["sha256"])).exists()
    assert designed.plan(made).json["findings"][0]["code"] == "SL-REL-07"
    assert designed.ask("GET", f"/releases/{made['id']}/stores/a/bundle").status_code == 200


def group_of(plan, store):
    return next(group for group in plan["groups"] if store in group["stores"])


def test_a_plan_tells_what_becomes_of_each_store_and_changes_nothing(designed, plane):
    first = designed.release()
    told = designed.plan(first).json
    assert (told["stores"], told["first"], told["restarted"], told["groups_in_all"]) == (3, 3, 0, 1)
    assert [(one["instance"], one["solution"]) for one in told["groups"][0]["added"]] == [("esl_price_sync", "esl_price_sync")]
    assert [one["kind"] for one in told["groups"][0]["devices_added"]] == ["camera", "esl_gateway", "lighting", "pos"]
    runs(plane, a=first, b=first, c=first)
    assert designed.plan(first).json["unchanged"] == 3 and designed.plan(first).json["download"] == 0
    designed.template({"solutions": {"esl_price_sync": {"config": {"rise_lead_s": 60}}, "entrance_traffic": {}}}, 1)
    designed.own("b", {"runtime": {"keep_days": 40}}, 2)
    place = designed.ask("GET", "/stores/c").json
    moved = {**place["profile"], "hours": {"open": "09:00", "close": "22:00"}, "devices": {"cam-1": {"kind": "camera", "zone": "door"}}}
    moved["devices"] |= {"esl-1": {"kind": "esl_gateway"}, "esl-2": {"kind": "esl_gateway"}, "till-1": {"kind": "pos"}}
    assert designed.ask("PUT", "/stores/c", {"name": "c", "profile": moved}, If_Match='"1"').status_code == 200
    second = designed.release()
    told = designed.plan(second).json
    assert (told["stores"], told["swapped_live"], told["restarted"], told["unchanged"]) == (3, 1, 2, 0)
    live = group_of(told, "a")
    assert live["restart"] == [] and [one["instance"] for one in live["added"]] == ["entrance_traffic"]
    changed = live["changed"][0]
    assert (changed["instance"], changed["config"]) == ("esl_price_sync", [{"path": "/rise_lead_s", "before": 300, "after": 60}])
    assert group_of(told, "b")["restart"] == ["runtime"]
    other = group_of(told, "c")
    assert other["restart"] == ["store"] and other["store"] == [{"path": "/hours/open", "before": "08:00", "after": "09:00"}]
    assert [one["id"] for one in other["devices_added"]] == ["esl-2"] and [one["id"] for one in other["devices_removed"]] == ["lamp-1"]
    assert [(one["id"], one["values"][0]["path"]) for one in other["devices_changed"]] == [("cam-1", "/zone")]
    lengths = {one["store"]: one["length"] for one in designed.ask("GET", f"/releases/{second['id']}/stores").json["items"]}
    assert told["download"] == sum(lengths.values()) and live["download"] == lengths["a"]


def test_a_plan_is_bound_to_the_bundles_and_to_what_stores_run(designed, plane):
    first, second = designed.release(), designed.release()
    runs(plane, a=first)
    bound = designed.plan(second).json["digest"]
    assert designed.plan(second).json["digest"] == bound, "planning changes nothing"
    only = designed.plan(second, stores=["a"]).json
    assert (only["stores"], only["digest"] != bound) == (1, True)
    with reading(plane.services.engine) as session:
        assert plan_digest(session, "north", second["id"]) == bound
        assert plan_digest(session, "north", second["id"], ["a"]) == only["digest"]
    runs(plane, b=first)
    assert designed.plan(second).json["digest"] != bound, "a store runs another release than when it was planned"
    assert designed.plan(second, stores=["a"]).json["digest"] == only["digest"]
    assert designed.plan(second, stores=["s-1"]).json["findings"][0]["code"] == "SL-REL-08"
    assert plane.as_("integrator", "south")("POST", "/plans", {"release": second["id"]}).status_code == 404


def rewritten(plane, release, change):
    """A release whose locks say that other plugins are installed: as if it had been made with another storeloom."""
    from storeloom.core.control.design.parts import Parts

    with writing(plane.services.engine) as session:
        for row in session.exec(select(StoreRelease).where(StoreRelease.release == release["id"])):
            parts = Parts()
            parts.read(session, "north", [row.bundle["design"]])
            design = dict(parts.get(row.bundle["design"]))
            parts.read(session, "north", [design["lock"]])
            lock = json.loads(json.dumps(parts.get(design["lock"])))
            change(lock["solutions"]["esl_price_sync"])
            row.bundle = {**row.bundle, "design": parts.put({**design, "lock": parts.put(lock)})}
            parts.write(session, "north")
            session.add(row)


def test_another_version_is_a_migration_up_or_down(designed, plane):
    first, second = designed.release(), designed.release()
    runs(plane, a=first, b=first, c=first)
    rewritten(plane, second, lambda pin: pin.update(version="10.0.0", source_sha256="0" * 64))
    up = designed.plan(second).json
    assert (up["migrations_up"], up["migrations_down"], up["restarted"]) == (3, 0, 3)
    group = up["groups"][0]
    assert group["restart"] == ["storeloom"] and group["changed"][0]["code"] is True
    assert [(one["instance"], one["after"], one["direction"]) for one in group["migrations"]] == [("esl_price_sync", "10.0.0", "up")]
    runs(plane, a=second, b=second, c=second)
    assert designed.plan(first).json["migrations_down"] == 3


def test_a_release_cannot_be_made_of_another_chains_stores(designed, plane):
    made = designed.release()
    other = plane.as_("admin", "south")
    assert other("GET", f"/releases/{made['id']}").status_code == 404
    assert other("POST", f"/releases/{made['id']}/withdraw", {"reason": "x"}).status_code == 404
    with reading(plane.services.engine) as session:
        assert session.exec(select(Release).where(Release.chain == "south")).first() is None
