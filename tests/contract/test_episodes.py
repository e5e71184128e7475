"""Every built-in solution shows by episodes what it does, and nothing that it declares is without effect."""

import pytest

from storeloom.core.conformance import behaviour
from storeloom.core.kernel.registry import ROOT

RULES = behaviour.RULES
pytestmark = pytest.mark.long


def test_the_rule_holds(rule, about, subject):
    found = rule.look(subject, about).findings
    assert not found, "\n".join(finding.render() for finding in found)


def test_no_folder_of_episodes_is_left_over(registry):
    folders = {path.parent.name for path in (ROOT / "tests" / "episodes").glob("*/*.yaml")}
    left = sorted(folders - registry.catalogue.solutions.keys())
    assert left == [], f"episodes without a solution in the index: {', '.join(left)}"
