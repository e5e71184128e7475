"""The catalogue: read without importing a plugin; what is broken is named and takes nothing else down."""

import subprocess
import sys

import pytest

from storeloom.core.kernel import index
from storeloom.core.kernel.errors import Finding, PluginFault
from storeloom.core.kernel.registry import ROOT, Package, Registry, packages, read_catalogue

HANDLER = '@on("sensor.reading")\ndef f(self, event): ...\n'


def test_all_scenarios_are_in_place_with_names_pillars_and_formats():
    scenarios = read_catalogue([Package("storeloom", ROOT)]).scenarios
    assert len(scenarios) == 35
    by_format = {
        name: sum(name in s["formats"] for s in scenarios.values()) for name in ("supermarket", "mall", "convenience", "specialty")
    }
    assert by_format == {"supermarket": 30, "mall": 23, "convenience": 26, "specialty": 27}
    assert {s["pillar"] for s in scenarios.values()} == {"people", "personnel", "process", "product", "premise"}
    assert all(s["zh"] and s["en"] for s in scenarios.values())


def test_reading_the_catalogue_imports_no_plugin_and_nothing_heavy():
    code = (
        "import sys; from storeloom.core.kernel.registry import read_catalogue; c = read_catalogue();"
        "bad = [m for m in sys.modules if m.startswith(('storeloom.plugins.', 'storeloom.workers', 'pydantic', 'jsonschema', 'pluggy',"
        " 'numpy', 'cv2', 'onnxruntime', 'ray', 'streamlit', 'importlib.metadata'))];"
        "print(len(c.solutions), bad)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]"), done.stdout


def test_a_vendors_package_is_found_by_its_entry_point(toys):
    toys.add("toy", HANDLER)
    toys.registry()
    assert toys.package in list(packages())
    entry = read_catalogue().solution("toy")
    assert entry.package.name == "toyshop" and entry.isolation == "process"
    assert entry["consumes"] == ["sensor.reading"] and entry["pillar"] == "premise"


def test_a_module_that_cannot_be_imported_is_named_with_file_line_and_reason(toys):
    toys.add("good", HANDLER)
    toys.add("bad", HANDLER)
    registry = toys.registry()
    file = toys.root / "solutions" / "bad.py"
    toys.forget()
    file.write_text('"""Broken."""\n\nraise SystemExit("no licence")\n')
    with pytest.raises(PluginFault) as caught:
        registry.load("bad")
    (finding,) = caught.value.findings
    assert (finding.code, finding.file, finding.line) == ("SL-PLG-02", str(file), 3)
    assert "SystemExit: no licence" in finding.text()
    assert registry.load("good").cls.en == "Toy"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            '"""Two."""\nfrom storeloom.core.kernel.contract import Solution\nclass A(Solution): ...\nclass B(Solution): ...\n',
            "no or several",
        ),
        ('"""None."""\n', "no or several"),
        ("from storeloom.core.kernel.contract import Solution\nclass A(Solution): ...\n", "does not declare 'zh'"),
    ],
)
def test_a_module_that_breaks_the_contract_is_not_indexed(toys, source, reason):
    toys.add("odd", "", source=source)
    _, findings = index.write(toys.package)
    assert read_catalogue([toys.package]).solutions == {} and [f.code for f in findings] == ["SL-PLG-03"]
    assert reason in findings[0].text()


def test_a_hook_with_a_wrong_name_or_argument_is_named(toys):
    toys.add(
        "odd",
        HANDLER,
        tail="""
        from storeloom.core.kernel.hooks import hookimpl

        @hookimpl
        def storeloom_config_problems(config, shop):
            return []
        """,
    )
    _, (finding,) = index.write(toys.package)
    assert finding.code == "SL-PLG-02" and "shop" in finding.text()


def test_a_module_says_what_it_is_tried_with(toys):
    tail = """
        from storeloom.core.kernel.hooks import hookimpl

        @hookimpl
        def storeloom_trial_config(tables):
            return {"goods": [row["gtin"] for row in tables["products"]]}
        """
    toys.add("toy", HANDLER, tail=tail)
    toys.add("plain", HANDLER)
    registry = toys.registry()
    assert registry.trial_config("toy", {"products": [{"gtin": "g1"}]}) == {"goods": ["g1"]}
    assert registry.trial_config("plain", {"products": []}) == {}
    with pytest.raises(PluginFault) as caught:
        registry.trial_config("toy", {})
    assert caught.value.findings[0].code == "SL-PLG-03" and "storeloom_trial_config raised" in caught.value.findings[0].text()


def test_a_clash_leaves_the_first_and_names_both(toys, tmp_path, another_package):
    toys.add("toy", HANDLER)
    first = toys.registry()
    other = another_package(tmp_path / "other", "toyrival")
    other.add("toy", HANDLER)
    sys.path.insert(0, str(other.site))
    try:
        index.write(other.package)
        catalogue = read_catalogue([toys.package, other.package])
    finally:
        sys.path.remove(str(other.site))
    (finding,) = catalogue.findings
    assert finding.code == "SL-PLG-05" and finding.line == 2 and "toyrival" in finding.text() and "toyshop" in finding.text()
    assert catalogue.solution("toy").package.name == "toyshop" and first.load("toy")


def test_a_listing_ahead_of_its_index_and_a_broken_listing(toys):
    toys.add("toy", HANDLER)
    toys.registry()
    toys.add("later", HANDLER)
    catalogue = read_catalogue([toys.package])
    assert [f.code for f in catalogue.findings] == ["SL-PLG-04"] and list(catalogue.solutions) == ["toy"]
    (toys.root / "plugins.toml").write_text("[scenario\n")
    catalogue = read_catalogue([Package("storeloom", ROOT), toys.package])
    assert [f.code for f in catalogue.findings] == ["SL-PLG-06"] and len(catalogue.scenarios) == 35


def test_an_operator_switches_a_plugin_off(toys):
    toys.add("toy", HANDLER)
    toys.registry()
    listing = toys.root / "plugins.toml"
    listing.write_text('[scenario.energy.solutions]\ntoy = { path = "solutions/toy.py", enabled = false }\n')
    with pytest.raises(PluginFault) as caught:
        Registry(read_catalogue([toys.package])).load("toy")
    assert caught.value.findings[0].code == "SL-PLG-09"


def test_a_stale_index_and_a_broken_contract_are_found(toys):
    toys.add("toy", HANDLER)
    toys.registry()
    assert index.check(toys.package) == []
    file = toys.root / "solutions" / "toy.py"
    text = file.read_text()
    file.write_text(text.replace("ge=-30, le=15", "ge=-10, le=15"))
    toys.forget()
    found = index.check(toys.package)
    assert {f.code for f in found} == {"SL-PLG-07", "SL-PLG-08"}
    assert any("narrower minimum: -30 -> -10" in f.text() for f in found)
    file.write_text(text.replace("ge=-30, le=15", "ge=-10, le=15").replace('zh, en = "玩具"', 'version = "2.0.0"\n    zh, en = "玩具"'))
    toys.forget()
    assert {f.code for f in index.check(toys.package)} == {"SL-PLG-08"}


def test_what_is_not_released_may_break_its_config(toys):
    toys.add("toy", HANDLER)
    file = toys.root / "solutions" / "toy.py"
    file.write_text(file.read_text().replace('zh, en = "玩具"', 'version = "0.3.0"\n    zh, en = "玩具"'))
    toys.registry()
    file.write_text(file.read_text().replace("ge=-30, le=15", "ge=-10, le=15"))
    toys.forget()
    assert {f.code for f in index.check(toys.package)} == {"SL-PLG-08"}


def test_unknown_ids_get_the_nearest_one(toys):
    toys.add("smart_toy", HANDLER)
    with pytest.raises(PluginFault) as caught:
        toys.registry().load("smrt_toy")
    assert "Did you mean 'smart_toy'?" in caught.value.findings[0].text()


def test_of_a_static_package_no_code_is_run(toys):
    problems = """
        from storeloom.core.kernel.hooks import hookimpl

        @hookimpl
        def storeloom_config_problems(config, store):
            raise SystemExit("asked")
    """
    toys.add("far", HANDLER, tail=problems)
    toys.registry()
    toys.forget()
    registry = Registry(read_catalogue([Package("storeloom", ROOT), Package("toyshop", toys.root, static=True)]))
    assert registry.catalogue.solution("far")["hooks"] == ["storeloom_config_problems"]
    assert registry.config_problems("far", {}, {}) == []
    with pytest.raises(PluginFault, match="of toyshop only the catalogue is here, its code is not run"):
        registry.load("far")
    assert "toyshop" not in sys.modules


def test_packages_come_on_top_of_a_catalogue_that_stays_as_it_is(toys):
    toys.add("far", HANDLER)
    toys.registry()
    below = read_catalogue([Package("storeloom", ROOT)])
    whole = read_catalogue([toys.package], over=below)
    whole.absent["near"] = Finding("SL-PLG-10", {"id": "near", "wheel": "near.whl", "vendor": "acme"})
    assert (len(whole.solutions) - len(below.solutions), "far" in below.solutions, below.absent) == (1, False, {})
    with pytest.raises(PluginFault, match=r"near\.whl was withdrawn"):
        whole.solution("near")
