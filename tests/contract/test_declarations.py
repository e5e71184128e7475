"""What every built-in solution and adapter declares: complete, of one mind with the catalogue, and cheap to import."""

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.arguments.composing import FORMATS
from storeloom.core.kernel import index, schemas
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import ConfigFault
from storeloom.core.kernel.registry import BUILT_IN, ROOT, Package, import_plugin, read_catalogue
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.virtual.formats import default_profile
from storeloom.core.virtual.solo import ROOMY, compose_solo
from storeloom.core.virtual.tables import default_tables
from storeloom.core.virtual.trial import Trial

PACKAGE = Package(BUILT_IN, ROOT)
HEAVY = ("cv2", "onnxruntime", "ray", "streamlit", "numpy", "polars", "ortools", "statsforecast", "pandas", "scipy", "matplotlib", "flask")
NUMBERS = {
    "user_reach": (1, 11),
    "precision_marketing": (12, 30),
    "member_management": (31, 41),
    "promotion_evaluation": (42, 45),
    "after_sales": (46, 46),
    "value_added_services": (47, 49),
    "guide_management": (50, 51),
    "experience_interaction": (52, 54),
    "staff_conduct": (55, 63),
    "staff_development": (64, 66),
    "scheduling": (67, 71),
    "flexible_staffing": (72, 73),
    "purchasing_forecast": (74, 92),
    "inventory": (93, 95),
    "shelf_replenishment": (96, 103),
    "fulfilment": (104, 111),
    "layout_flow": (112, 117),
    "shelf_display": (118, 124),
    "promotion_price_labels": (125, 135),
    "stock_handling": (136, 136),
    "store_audit": (137, 142),
    "ab_testing": (143, 144),
    "asset_maintenance": (145, 146),
    "touchpoints": (147, 149),
    "energy": (150, 156),
    "dining_area": (157, 158),
    "safety": (159, 160),
    "loss_prevention": (161, 166),
    "checkout": (167, 183),
    "weighing": (184, 186),
    "wifi": (187, 187),
    "ambience": (188, 189),
    "parking": (190, 191),
}


def has_chinese(text):
    return any("\u4e00" <= sign <= "\u9fff" for sign in text)


def test_no_plugin_imports_anything_heavy():
    modules = [(e.id, PACKAGE.module_of(e.path)) for group in (_known().solutions, _known().adapters) for e in group.values()]
    code = (
        "import sys, importlib, json\n"
        f"heavy, before, found = {HEAVY!r}, set(), {{}}\n"
        f"for plugin, module in {modules!r}:\n"
        "    importlib.import_module(module)\n"
        "    new = {name.split('.')[0] for name in sys.modules} & set(heavy) - before\n"
        "    if new: found[plugin] = sorted(new)\n"
        "    before |= new\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found == {}, "\n".join(f"{plugin} imports {', '.join(names)} when it is imported" for plugin, names in found.items())


def _known():
    return read_catalogue([PACKAGE])


def test_the_index_is_fresh():
    findings = [*index.check(PACKAGE), *_known().findings]
    assert not findings, "\n".join(finding.render() for finding in findings)


def test_numbers_are_unique_and_of_their_scenario():
    solutions = _known().solutions.values()
    twice = [number for number, count in Counter(e["number"] for e in solutions).items() if count > 1]
    outside = [
        f"{e.id}: {e['number']} is not within {NUMBERS[e['scenario']]} of {e['scenario']}"
        for e in solutions
        if not NUMBERS[e["scenario"]][0] <= (e["number"] or 0) <= NUMBERS[e["scenario"]][1]
    ]
    assert not twice and not outside, "\n".join([f"numbers that stand twice: {twice}", *outside])


def test_the_folder_is_pillar_and_scenario(solution, registry):
    entry = registry.catalogue.solution(solution)
    assert entry.path == f"plugins/{entry['pillar']}/{entry['scenario']}/{solution}.py"
    assert entry["pillar"] == registry.catalogue.scenarios[entry["scenario"]]["pillar"]


def test_words_stand_in_both_languages(solution, registry):
    entry = registry.catalogue.solution(solution)
    wrong = [key for key in ("zh", "purpose_zh") if not has_chinese(entry[key])]
    wrong += [key for key in ("en", "purpose_en") if has_chinese(entry[key]) or not entry[key].strip()]
    for group in ("kpis", "kinds"):
        for name, facts in entry[group].items():
            if not has_chinese(facts["zh"]) or not facts["en"].strip() or has_chinese(facts["en"]):
                wrong.append(f"{group}.{name}")
    wrong += [f"kpis.{name} has no unit" for name, facts in entry["kpis"].items() if not facts["unit"]]
    assert not wrong and entry["kpis"], f"{solution}: {', '.join(wrong) or 'no figure is declared'}"


def test_every_config_key_is_told_in_both_languages_and_has_a_default(solution, registry):
    _check_keys(registry.catalogue.solution(solution))


def test_every_setting_of_an_adapter_is_told_in_both_languages_and_has_a_default(adapter, registry):
    _check_keys(registry.catalogue.adapters[adapter])


def _check_keys(entry):
    wrong = []
    for key, facts in schemas.load(entry.schema_file).get("properties", {}).items():
        if not facts.get("title", "").strip() or has_chinese(facts.get("title", "")):
            wrong.append(f"{key}: no English title")
        if not has_chinese(facts.get("x-zh", "")):
            wrong.append(f"{key}: no Chinese title")
        if bool(facts.get("description")) != bool(facts.get("x-help-zh")):
            wrong.append(f"{key}: help in one language only")
        if facts.get("x-effect") not in ("live", "reload", "restart"):
            wrong.append(f"{key}: no effect")
        if "default" not in facts:
            wrong.append(f"{key}: no default")
    assert not wrong, f"{entry.id}: {'; '.join(wrong)}"


def test_streams_tables_devices_and_formats_exist(solution, registry):
    entry = registry.catalogue.solution(solution)
    kinds = [kind for spec in entry["adapters"] for kind in spec.rstrip("?").split("|")]
    wrong = {
        "streams": {name.rstrip("?") for name in [*entry["consumes"], *entry["produces"]]} - schemas.streams().keys(),
        "tables": {name.rstrip("?") for name in entry["reads"]} - schemas.tables().keys(),
        "devices": set(kinds) - registry.catalogue.adapter_kinds.keys(),
        "formats": set(entry["formats"]) - set(FORMATS),
        "load": {entry["load"]} - {"light", "vision", "forecast", "optimise"},
    }
    assert not any(wrong.values()), f"{solution}: unknown {wrong}"
    assert entry["consumes"] or any(hasattr(v, "__schedule__") for v in vars(registry.load(solution).cls).values()), "nothing starts it"


def test_an_empty_config_runs(solution, registry):
    """In a default store of each of its formats, its streams given: a day with the store's tables, then a week with nothing at all."""
    entry = registry.catalogue.solution(solution)
    start = datetime(2026, 3, 1, 16, tzinfo=UTC)
    for store_format in entry["formats"]:
        store = {**default_profile(store_format), "edge": ROOMY}
        store["devices"] = {f"{kind}-1": {"kind": kind} for kind in registry.catalogue.adapter_kinds}
        composition = compose_solo(registry, solution, store, {}, Document(solution, {}, {}), schemas.streams())
        assert not composition.errors, "\n".join(finding.render() for finding in composition.errors)
        runs = [({}, 8)] if store_format != entry["formats"][0] else [({}, 8), (default_tables(store_format, 1), 1)]
        for tables, days in runs:
            trial = Trial(composition.require(), registry, tables, start)
            trial.run([], start + timedelta(days=days))
            assert not trial.result.failures, "\n".join(finding.text() for finding in trial.result.failures)


def test_an_unknown_key_and_a_wrong_type_are_refused(solution, registry, tmp_path):
    entry = registry.catalogue.solution(solution)
    store = default_profile(entry["formats"][0])
    keys = list(schemas.load(entry.schema_file).get("properties", {}))
    config = {"no_such_key": 1, **({keys[0]: {"no": ["such", "type"]}} if keys else {})}
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps({"document": "bundle/1", "solutions": {solution: {"config": config}}, "store": store}), encoding="utf-8")
    found = {f.path: f.code for f in compose(path, registry).errors}
    assert found.get(f"solutions.{solution}.config.no_such_key") == "SL-CFG-02"
    assert not keys or any(place.startswith(f"solutions.{solution}.config.{keys[0]}") for place in found)


def test_an_adapter_feeds_and_takes_what_its_kind_does(adapter, registry):
    entry = registry.catalogue.adapters[adapter]
    kind = registry.catalogue.adapter_kinds[entry["kind"]]
    assert set(entry["feeds"]) <= set(kind["feeds"]), f"{adapter} feeds more than a {entry['kind']}"
    assert set(entry["takes"]) <= set(kind["takes"]), f"{adapter} takes more than a {entry['kind']}"
    assert has_chinese(entry["zh"]) and has_chinese(entry["purpose_zh"]) and entry["en"] and entry["purpose_en"]
    assert entry.path.startswith(f"hardware_adapters/{entry['kind']}/")
    assert import_plugin(adapter, entry.package, entry.path)


def test_an_adapter_is_made_with_nothing_set_and_refuses_an_unknown_key(adapter, registry):
    made = make_adapter(registry, adapter, "device-1", {})
    made.close()
    with pytest.raises(ConfigFault) as caught:
        make_adapter(registry, adapter, "device-1", {"no_such_key": 1})
    assert [f.code for f in caught.value.findings] == ["SL-CFG-02"]
