"""Merge patches against RFC 7396's own table, and the origin of every value of a stack of layers."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.core.kernel.documents import parse_toml
from storeloom.core.kernel.overlay import Layer, Layered, Origin, Row, diff_patch, merge_patch

RFC_7396_APPENDIX_A = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]

scalars = st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", 0.0, 1.0])
keys = st.sampled_from("abc")


def trees(leaves):
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=12)


values = trees(scalars)
values_with_null = trees(scalars | st.none())


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396_APPENDIX_A)
def test_rfc_7396_appendix_a(target, patch, result):
    assert merge_patch(target, patch) == result


@given(values_with_null, values_with_null)
def test_merge_changes_and_shares_nothing(target, patch):
    before = copy.deepcopy((target, patch))
    merged = merge_patch(target, patch)
    spoil(merged)
    assert (target, patch) == before


def spoil(value):
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        spoil(item)
    if isinstance(value, dict):
        value["spoilt"] = 1
    elif isinstance(value, list):
        value.append("spoilt")


@given(values_with_null, values)
def test_a_difference_merged_gives_the_new_value(old, new):
    assert text(merge_patch(old, diff_patch(old, new))) == text(new)


def text(value):
    return json.dumps(value, sort_keys=True)  # tells true from 1


def test_a_difference_holds_only_what_differs():
    old = {"limit": {"c": 5, "clear": 4}, "zones": ["a"], "gone": 1, "same": 2}
    new = {"limit": {"c": 6, "clear": 4}, "zones": ["a", "b"], "same": 2}
    assert diff_patch(old, new) == {"limit": {"c": 6}, "zones": ["a", "b"], "gone": None}


def test_a_difference_cannot_set_null():
    with pytest.raises(ValueError, match=r"^a merge patch cannot set a\.b to null$"):
        diff_patch({"a": {}}, {"a": {"b": None}})
    assert diff_patch({"a": None}, {"a": None}) == {}
    assert diff_patch({}, {"a": [None]}) == {"a": [None]}


def layer(name, path, toml, **more):
    document = parse_toml(toml, path)
    return Layer(name, document, {**document.data, **more})


@pytest.fixture
def stack():
    base = "format = 'supermarket'\n\n[cold_chain]\nlimit_c = 5.0\ngrace_s = 900\nprobes = ['p1']\n[audio]\nvolume = 3\n"
    east = "[cold_chain]\ngrace_s = 600\n"
    store = "# store 014\n[cold_chain]\nprobes = [\n  'p2',\n  'p3',\n]\ngrace_s = 300\n"
    return Layered(
        [
            layer("template supermarket", "template.toml", base),
            layer("overlay east-china", "east.toml", east, audio=None),
            layer("store 014", "store-014.toml", store),
        ]
    )


def test_the_layers_merge_in_order(stack):
    assert stack.value == {
        "format": "supermarket",
        "cold_chain": {"limit_c": 5.0, "grace_s": 300, "probes": ["p2", "p3"]},
    }


def test_every_leaf_tells_its_origin_and_what_it_overrode(stack):
    assert stack.explain() == [
        Row(("format",), "supermarket", Origin("template supermarket", "template.toml", 1), ()),
        Row(("cold_chain", "limit_c"), 5.0, Origin("template supermarket", "template.toml", 4), ()),
        Row(
            ("cold_chain", "grace_s"),
            300,
            Origin("store 014", "store-014.toml", 7),
            (("template supermarket", 900), ("overlay east-china", 600)),
        ),
        Row(
            ("cold_chain", "probes"),
            ["p2", "p3"],
            Origin("store 014", "store-014.toml", 3),
            (("template supermarket", ["p1"]),),
        ),
    ]
    assert [row.path for row in stack.explain("cold_chain")] == [row.path for row in stack.explain()[1:]]
    assert [row.value for row in stack.explain("cold_chain", "limit_c")] == [5.0]
    assert stack.explain("audio") == []


def test_an_origin_reaches_into_lists_and_falls_back_to_the_parent(stack):
    assert stack.origin("cold_chain", "probes", 1) == Origin("store 014", "store-014.toml", 5)
    assert stack.origin("cold_chain", "limit_c", "unknown") == Origin("template supermarket", "template.toml", 4)
    assert stack.origin("cold_chain", "probes", 9) == Origin("store 014", "store-014.toml", 3)


def test_a_null_removes_and_is_listed(stack):
    assert stack.removed == ((("audio",), "overlay east-china"),)


def test_what_comes_back_is_no_longer_removed():
    layers = [
        Layer("default", None, {"audio": {"volume": 3, "voice": "f"}, "x": 1}),
        Layer("quiet", None, {"audio": None, "x": None, "never_there": None}),
        Layer("store", None, {"audio": {"volume": 1}}),
    ]
    stack = Layered(layers)
    assert stack.value == {"audio": {"volume": 1}}
    assert stack.removed == ((("audio", "voice"), "quiet"), (("x",), "quiet"))
    assert stack.explain() == [Row(("audio", "volume"), 1, Origin("store", None, None), (("default", 3), ("quiet", None)))]


def test_a_table_in_place_of_a_scalar_tells_the_scalar():
    stack = Layered([Layer("default", None, {"a": 5}), Layer("store", None, {"a": {"b": 1, "c": {}}})])
    assert stack.explain() == [
        Row(("a", "b"), 1, Origin("store", None, None), (("default", 5),)),
        Row(("a", "c"), {}, Origin("store", None, None), (("default", 5),)),
    ]


def test_a_layer_may_be_a_part_of_its_document():
    document = parse_toml("title = 'east'\n[patch.audio]\nvolume = 2\n", "east.toml")
    stack = Layered([Layer("east", document, document.data["patch"], ("patch",))])
    assert stack.origin("audio", "volume") == Origin("east", "east.toml", 3)


def test_no_layers_are_refused():
    with pytest.raises(ValueError, match="at least one layer"):
        Layered([])


@given(st.lists(st.dictionaries(keys, values_with_null, max_size=3), min_size=1, max_size=4))
def test_rows_rebuild_the_value_and_name_the_last_layer_that_changed_it(patches):
    stack = Layered([Layer(str(number), None, patch) for number, patch in enumerate(patches)])
    rebuilt = {}
    for row in stack.explain():
        if not row.path:
            continue
        place = rebuilt
        for key in row.path[:-1]:
            place = place.setdefault(key, {})
        place[row.path[-1]] = row.value
        after = Layered([Layer(str(number), None, patch) for number, patch in enumerate(patches[: int(row.origin.layer) + 1])])
        assert [text(found.value) for found in after.explain(*row.path)] == [text(row.value)]
    assert text(rebuilt) == text(stack.value)
    for path, _ in stack.removed:
        assert stack.explain(*path) == []
