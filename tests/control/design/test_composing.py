"""Composing from documents at hand: findings name the layer; stores are composed together only where nothing can tell them apart."""

from contextlib import closing

from storeloom.core.control.design.composing import Composer, sources_of
from storeloom.core.control.design.layers import StoreLayers, Written
from storeloom.core.control.design.packing import Spool, pack_all
from storeloom.core.control.design.wheels import Wheels
from storeloom.core.control.models.designs import StoreDesign
from storeloom.core.control.models.fleet import Store
from storeloom.core.kernel.registry import Registry
from tests.control.conftest import T0, profile

DEVICES = {"esl-1": {"kind": "esl_gateway"}, "till-1": {"kind": "pos"}}
BODY = {"solutions": {"esl_price_sync": {"config": {"rise_lead_s": 60}}}}
INSTALLED = Registry()


def store(name, own=None, devices=DEVICES, **more):
    row = Store(chain="c", id=name, name=name, profile=profile(name, devices=devices, **more), created=T0, changed=T0)
    design = StoreDesign(chain="c", store=name, template="t", template_version=3, own=own or {}, changed=T0, changed_by="x")
    return StoreLayers(row, design, (Written("template", "t", 3, BODY), Written("store", name, 1, design.own)))


def test_findings_and_origins_name_the_revision_of_a_layer_and_no_line():
    made = Composer(INSTALLED).compose(store("a", {"solutions": {"esl_price_sync": {"config": {"colour": 1}}}}))
    fault = made.errors[0]
    assert (fault.code, fault.where) == ("SL-CFG-02", "store a rev 1  solutions.esl_price_sync.config.colour")
    sources = sources_of(store("a"), INSTALLED)
    assert sources.place("solutions", "esl_price_sync", "config", "rise_lead_s") == ("template t rev 3", None)
    assert sources.store_place("zone") == ("store a profile", None)


def test_stores_are_alike_where_only_their_name_and_place_differ():
    composer = Composer(INSTALLED)
    first = composer.key(store("a"))
    assert composer.key(store("b", geo={"lat": 31, "lon": 121})) == first
    assert composer.key(store("c", devices={**DEVICES, "esl-2": {"kind": "esl_gateway"}})) != first
    assert composer.key(store("d", {"runtime": {"keep_days": 40}})) != first


def packed(stores, composer, folder):
    with closing(Spool(folder)) as spool:
        return pack_all([[(store, None) for store in stores]], composer, Wheels([]), spool, lambda done: None)


def test_alike_stores_are_composed_once_and_each_has_its_own_bundle(tmp_path):
    outcome = packed([store(name) for name in ("a", "b", "c")], Composer(INSTALLED), tmp_path)
    assert (outcome.composed, len(outcome.packed), len({one.sha256 for one in outcome.packed})) == (1, 3, 3)
    alone = packed([store("b")], Composer(INSTALLED), tmp_path).packed[0]
    assert alone.sha256 in {one.sha256 for one in outcome.packed}, "the same bundle as if it had been composed alone"


def test_a_solutions_own_check_that_looks_at_who_the_store_is_sees_every_store(tmp_path, monkeypatch):
    seen = []

    def problems(solution, config, profile):
        seen.append(profile.get("geo"))
        return []

    registry = Registry()
    monkeypatch.setattr(registry, "config_problems", problems)
    outcome = packed([store(name, geo={"lat": at, "lon": 0}) for name, at in (("a", 1), ("b", 2))], Composer(registry), tmp_path)
    assert outcome.composed == 2
    assert {(place or {}).get("lat") for place in seen} == {1, 2}
    monkeypatch.setattr(registry, "config_problems", lambda solution, config, profile: [] * len(profile["format"]))
    assert packed([store("a"), store("b")], Composer(registry), tmp_path).composed == 1
