"""Conditions as marketers write them."""

import pytest

from storeloom.workers.insight import conditions

ROW = {"days": 30, "tier": "gold", "tags": ["vip"], "spend": None}


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ("days >= 30", True),
        ("days > 30", False),
        ("10 < days <= 30", True),
        ("tier == 'gold'", True),
        ("tier == gold", True),
        ("tier != gold", False),
        ("tier in [silver, gold] and not days < 7", True),
        ("tier not in (silver, gold) or days - 5 == 25", True),
        ("'vip' in tags", True),
        ("vip", True),
        ("kid", False),
        ("kid or vip", True),
        ("spend >= 0", False),
        ("spend == none", True),
        ("spend in [1]", False),
        ("tier > 3", False),
        ("days / 0 == 1", False),
        ("-days == -30", True),
        ("true", True),
        ("tier = 'gold' AND NOT days=31", True),
        ("tier == 'a=b&&c' || days <= 30", True),
        ("member.tier == gold && days>=30", True),
    ],
)
def test_what_holds(condition, held):
    assert conditions.holds(condition, ROW) is held


@pytest.mark.parametrize(
    "condition", ["days >=", "open('x')", "tags[0] == 'vip'", "tier.upper() == 'GOLD'", "lambda: 1", "days ** 99", "x" * 3000]
)
def test_what_is_no_condition(condition):
    with pytest.raises(ValueError):
        conditions.holds(condition, ROW)
    assert conditions.fault(condition, ROW)


def test_a_misspelt_field_is_a_fault_and_a_tag_is_none():
    assert "dayz" in conditions.fault("dayz >= 30 and vip", ROW)
    assert conditions.fault("days >= 30 and vip", ROW) is None
