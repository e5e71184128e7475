"""What every built-in solution and adapter declares: complete, of one mind with the catalogue, and cheap to import."""

import subprocess
import sys
from collections import Counter

from storeloom.core.arguments.composing import FORMATS
from storeloom.core.conformance import declared
from storeloom.core.kernel import index
from storeloom.core.kernel.registry import ROOT
from storeloom.core.virtual.formats import SHAPES

RULES = [rule for rule in declared.RULES if rule.look is not declared.light]  # that one needs a process in which nothing is loaded yet
LIGHT = """
from storeloom.core.conformance.declared import light
from storeloom.core.conformance.rules import Scope
from tests.contract.conftest import built_in
whole = built_in()
print(*(finding.text() for scope in (Scope.SOLUTION, Scope.ADAPTER) for one in whole.ids(scope) for finding in light(whole, one).findings))
"""
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


def test_the_rule_holds(rule, about, subject):
    found = rule.look(subject, about).findings
    assert not found, "\n".join(finding.render() for finding in found)


def test_the_index_says_what_the_plugins_do(whole):
    assert not index.check(whole.package)


def test_importing_the_plugins_brings_no_heavy_library():
    done = subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout + done.stderr


def test_every_format_has_a_store():
    assert set(FORMATS) == set(SHAPES)


def test_numbers_are_unique_and_of_their_scenario(registry):
    solutions = registry.catalogue.solutions.values()
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


def test_the_folder_of_an_adapter_is_its_kind(registry):
    wrong = [
        entry.path for entry in registry.catalogue.adapters.values() if not entry.path.startswith(f"hardware_adapters/{entry['kind']}/")
    ]
    assert not wrong
