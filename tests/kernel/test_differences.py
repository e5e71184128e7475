"""Leaves in which two values differ."""

from storeloom.core.kernel.overlay import Difference, differences


def test_leaves_that_change_come_and_go() -> None:
    before = {"a": {"x": 1, "gone": True, "old": {"p": 1, "q": 2}}, "same": [1, 2], "list": [1]}
    after = {"a": {"x": 2, "new": {"k": None}}, "same": [1, 2], "list": [1, 2]}
    assert list(differences(before, after)) == [
        Difference(("a", "x"), 1, 2),
        Difference(("a", "new", "k"), None, None, had=False),
        Difference(("a", "gone"), True, None, has=False),
        Difference(("a", "old", "p"), 1, None, has=False),
        Difference(("a", "old", "q"), 2, None, has=False),
        Difference(("list",), [1], [1, 2]),
    ]


def test_true_is_not_one_and_a_table_in_place_of_a_value_is_one_change() -> None:
    assert list(differences({"a": 1}, {"a": True})) == [Difference(("a",), 1, True)]
    assert list(differences({"a": 1}, {"a": {"b": 2}})) == [Difference(("a",), 1, {"b": 2})]
    assert list(differences({}, {"a": {}})) == [Difference(("a",), None, {}, had=False)]
    assert list(differences({"a": {"b": 1}}, {"a": {"b": 1}})) == []
