"""The packed bundle: the same bytes for the same sources, and no use once changed or drifted."""

import json

import pytest

from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.errors import BundleFault
from storeloom.core.kernel.lock import pack, unpack

HOT = '@on("sensor.reading")\ndef hot(self, event): ...\n'
BODY = """
[solutions.hot_toy]
config = { limit_c = 7 }
[profiles.night]
when = { from = "22:00", to = "06:00" }
[profiles.night.solutions.hot_toy.config]
limit_c = 9
"""


@pytest.fixture
def packed(toys, bundle, tmp_path):
    toys.add("hot_toy", HOT, adapters='"sensor",')
    registry = toys.registry()
    composition = compose(bundle(BODY), registry)
    path = tmp_path / "b.bundle.json"
    path.write_bytes(pack(composition, registry.catalogue))
    return composition, registry, path


def test_packing_twice_gives_the_same_bytes_and_unpacking_the_same_plan(packed):
    composition, registry, path = packed
    assert path.read_bytes() == pack(composition, registry.catalogue)
    name, plan = unpack(path, registry.catalogue)
    assert name == "bundle" and plan == composition.plan


def test_a_changed_bundle_is_refused(packed):
    _, registry, path = packed
    path.write_text(path.read_text().replace('"limit_c":7', '"limit_c":8'))
    with pytest.raises(BundleFault) as caught:
        unpack(path, registry.catalogue)
    assert caught.value.findings[0].code == "SL-BND-01"


def test_a_plugin_that_is_not_the_locked_one_is_refused(packed, toys):
    _, registry, path = packed
    source = toys.root / "solutions" / "hot_toy.py"
    source.write_text(source.read_text() + "\n# changed\n")
    with pytest.raises(BundleFault) as caught:
        unpack(path, registry.catalogue)
    (finding,) = caught.value.findings
    assert finding.code == "SL-BND-02" and finding.args["what"] == "source"
    assert json.loads(path.read_text())["lock"]["solutions"]["hot_toy"]["version"] == "1.0.0"
