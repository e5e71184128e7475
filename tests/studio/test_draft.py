"""The bundle in work: what the form says is kept only where it differs from the layers below."""

from pathlib import Path

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.registry import Package, Registry, read_catalogue
from storeloom.core.kernel.wiring import Edge
from storeloom.studio.draft import Draft, new_draft, open_draft
from storeloom.studio.graph import MANY, gathered, wiring_dot

PACKAGES = Path(__file__).resolve().parents[1] / "packages"
COLD = "cold_excursion"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.syspath_prepend(str(PACKAGES))
    registry = Registry(read_catalogue([Package("acme_store", PACKAGES / "acme_store")]))
    registry.catalogue.adapter_kinds = schemas.adapter_kinds()
    return registry


@pytest.fixture
def bundle(tmp_path: Path) -> Draft:
    """A store's bundle over a template that brings the solution and sets its grace."""
    (tmp_path / "template.toml").write_text(f'document = "template/1"\n[solutions.{COLD}.config]\ngrace_s = 600\n', encoding="utf-8")
    path = tmp_path / "bundle.toml"
    path.write_text('document = "bundle/1"\nname = "B"\ntemplate = "template.toml"\n', encoding="utf-8")
    found = open_draft(path)
    found.data["store"] = new_draft("x", "supermarket", None).data["store"]
    return found


def config(composition: Composition) -> dict[str, object]:
    found: dict[str, object] = composition.sources.value["solutions"][COLD]["config"]
    return found


def test_a_value_of_the_form_is_kept_and_taken_back(bundle: Draft, registry: Registry) -> None:
    composition = bundle.compose(registry)
    assert config(composition) == {"limit_c": 5.0, "grace_s": 600}
    assert not bundle.configure(COLD, config(composition), composition)
    assert bundle.configure(COLD, {"limit_c": 4.0, "grace_s": 600}, composition)
    assert bundle.data["solutions"] == {COLD: {"config": {"limit_c": 4.0}}}
    assert config(bundle.compose(registry)) == {"limit_c": 4.0, "grace_s": 600}
    assert bundle.configure(COLD, {"limit_c": 5.0, "grace_s": 600}, bundle.compose(registry))
    assert bundle.data["solutions"] == {COLD: {}}


def test_what_the_template_brings_is_switched_off_and_on(bundle: Draft, registry: Registry) -> None:
    bundle.remove(COLD, bundle.compose(registry))
    assert bundle.data["solutions"] == {COLD: {"enabled": False}}
    assert bundle.compose(registry).instances == ()
    bundle.add(COLD)
    assert [one.name for one in bundle.compose(registry).instances] == [COLD]


def test_what_is_the_bundles_own_is_deleted(registry: Registry) -> None:
    bundle = new_draft("n", "supermarket", None)
    assert [f.code for f in bundle.compose(registry).errors] == ["SL-BND-04"]
    bundle.add(COLD)
    assert bundle.compose(registry).plan is not None
    bundle.remove(COLD, bundle.compose(registry))
    assert bundle.data["solutions"] == {}


def test_a_fix_is_taken_unless_it_is_about_another_file(bundle: Draft) -> None:
    patch = {"store": {"devices": {"relay-9": {"kind": "relay"}}}}
    assert bundle.takes(patch) and not bundle.takes(None)
    bundle.apply(patch)
    assert bundle.data["store"]["devices"]["relay-9"] == {"kind": "relay"} and bundle.edition == 1
    bundle.data["store"] = "store.toml"
    assert not bundle.takes(patch)


def test_the_graph_draws_one_arrow_a_pair_and_dashes_what_is_optional() -> None:
    edges = [Edge("device:pos", "pos.sale", "a", True), Edge("device:pos", "pos.scan", "a", False), Edge("a", "alert.raise", "b", False)]
    dot = wiring_dot(edges, {"a": 'A "x"', "b": "B", "device:pos": "Till"}, {"pos.sale": "Receipt"}, {"b": "error"})
    assert '"device:pos" -> "a" [label="Receipt, pos.scan"]' in dot
    assert '"a" -> "b" [label="alert.raise", style=dashed]' in dot
    assert 'label="A \\"x\\""' in dot and dot.count("->") == 2


def test_a_stream_of_many_kinds_of_devices_comes_from_one_node() -> None:
    edges = [Edge(f"device:k{n}", "device.status", "a", False) for n in range(5)] + [Edge("device:k0", "pos.sale", "a", True)]
    assert gathered(edges) == [Edge(MANY, "device.status", "a", False), Edge("device:k0", "pos.sale", "a", True)]
    assert gathered(edges[:4]) == edges[:4]


# fixes on a store that stands in its own file


def test_a_fix_on_a_profile_in_its_own_file_takes_the_profile_in_and_leaves_the_file(bundle: Draft) -> None:
    file = bundle.path.parent / "store.toml"
    file.write_text('document = "store/1"\nstore = "s"\nformat = "mall"\n', encoding="utf-8")
    before, bundle.data["store"] = file.read_bytes(), "store.toml"
    patch = {"store": {"devices": {"camera-1": {"kind": "camera"}}}}
    assert bundle.takes(patch) and bundle.outside(patch)
    bundle.apply(patch)
    assert bundle.data["store"] == {"store": "s", "format": "mall", "devices": {"camera-1": {"kind": "camera"}}}
    assert file.read_bytes() == before and not bundle.takes(patch) and not bundle.outside(patch)


def test_a_fix_is_not_offered_where_the_profiles_file_cannot_be_read(bundle: Draft) -> None:
    bundle.data["store"] = "nowhere.toml"
    patch = {"store": {"devices": {"camera-1": {"kind": "camera"}}}}
    assert not bundle.takes(patch)
    assert bundle.takes({"solutions": {COLD: {"enabled": False}}}) and not bundle.outside({"solutions": {}})
