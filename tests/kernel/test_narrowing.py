"""What a new schema refuses of what the old one took is found; what it takes besides is not."""

import json

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.core.kernel.narrowing import narrowed


def model(**keys):
    return {"type": "object", "additionalProperties": False, "properties": keys}


def said(old, new):
    return [words["en"] for words in narrowed(old, new)]


WHOLE, TEXT = {"type": "integer"}, {"type": "string"}
ROW = {"type": "object", "additionalProperties": False, "properties": {"camera": TEXT}, "required": ["camera"]}
NARROWER = [
    (model(a=WHOLE), model(), "key 'a' is gone"),
    (model(a=WHOLE), {**model(a=WHOLE), "required": ["a"]}, "key 'a' is now required"),
    (model(a={"type": "number"}), model(a=WHOLE), "'a' changed its type from number to integer"),
    (model(a=WHOLE), model(a={**WHOLE, "minimum": 1}), "'a' has a narrower minimum: None -> 1"),
    (model(a={**WHOLE, "minimum": 0}), model(a={**WHOLE, "exclusiveMinimum": 0}), "'a' has a narrower exclusive minimum: None -> 0"),
    (model(a={**WHOLE, "maximum": 9}), model(a={**WHOLE, "maximum": 8}), "'a' has a narrower maximum: 9 -> 8"),
    (model(a={"enum": ["x", "y"]}), model(a={"enum": ["x"]}), "'a' allows fewer values: \"y\""),
    (model(a=TEXT), model(a={**TEXT, "enum": ["x"]}), "'a' allows fewer values: …"),
    (model(a={"enum": ["x", "y"]}), model(a={"const": "x"}), "'a' allows fewer values: \"y\""),
    (model(a=TEXT), model(a={**TEXT, "pattern": "^x"}), "'a' has another pattern: None -> ^x"),
    (model(a={**TEXT, "pattern": "^."}), model(a={**TEXT, "pattern": "^x"}), "'a' has another pattern: ^. -> ^x"),
    (model(a=TEXT), model(a={**TEXT, "minLength": 2}), "'a' has a narrower shortest length: None -> 2"),
    (model(a={**TEXT, "maxLength": 9}), model(a={**TEXT, "maxLength": 5}), "'a' has a narrower longest length: 9 -> 5"),
    (model(a=TEXT), model(a={**TEXT, "format": "date"}), "'a' has another format: None -> date"),
    (
        model(a={"type": "array", "items": WHOLE}),
        model(a={"type": "array", "items": {**WHOLE, "maximum": 3}}),
        "'a[]' has a narrower maximum: None -> 3",
    ),
    (
        model(a={"type": "array", "items": WHOLE}),
        model(a={"type": "array", "items": WHOLE, "maxItems": 3}),
        "'a' has a narrower largest number of items: None -> 3",
    ),
    (
        model(a={"type": "array", "prefixItems": [WHOLE, WHOLE], "minItems": 2, "maxItems": 2}),
        model(a={"type": "array", "prefixItems": [WHOLE, TEXT], "minItems": 2, "maxItems": 2}),
        "'a[1]' changed its type from integer to string",
    ),
    (
        {**model(a={"type": "array", "items": {"$ref": "#/$defs/Row"}}), "$defs": {"Row": ROW}},
        {**model(a={"type": "array", "items": {"$ref": "#/$defs/Line"}}), "$defs": {"Line": {**ROW, "properties": {}, "required": []}}},
        "key 'a[].camera' is gone",
    ),
    (model(a={"anyOf": [WHOLE, {"type": "null"}]}), model(a=WHOLE), "'a' changed its type from null to integer"),
    (
        model(a={"anyOf": [WHOLE, {"type": "null"}]}),
        model(a={"anyOf": [{**WHOLE, "minimum": 1}, {"type": "null"}]}),
        "'a' has a narrower minimum: None -> 1",
    ),
    (model(a={"type": ["integer", "string"]}), model(a=WHOLE), "'a' changed its type from string to integer"),
    (
        model(a={"type": "object", "additionalProperties": WHOLE}),
        model(a={"type": "object", "additionalProperties": TEXT}),
        "'a.*' changed its type from integer to string",
    ),
    (
        model(a={"type": "object", "additionalProperties": WHOLE}),
        model(a={"type": "object", "additionalProperties": False}),
        "'a' takes no other keys any more",
    ),
    (
        model(a={"type": "object", "additionalProperties": WHOLE}),
        model(a={"type": "object", "additionalProperties": WHOLE, "propertyNames": {"pattern": "^x"}}),
        "'a keys' has another pattern: None -> ^x",
    ),
]


@pytest.mark.parametrize(("old", "new", "words"), NARROWER)
def test_what_is_narrower_is_said_in_both_languages(old, new, words):
    (found,) = narrowed(old, new)
    assert found["en"] == words and any("\u4e00" <= sign <= "\u9fff" for sign in found["zh"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (model(a=WHOLE), model(a=WHOLE, b=TEXT)),
        (model(a=WHOLE), model(a={"type": "number"})),
        (model(a=WHOLE), model(a={"anyOf": [WHOLE, TEXT]})),
        (model(a={"const": "x"}), model(a={"enum": ["x", "y"], "type": "string"})),
        (model(a={"enum": [1, 2], "type": "integer"}), model(a=WHOLE)),
        (model(a={**WHOLE, "exclusiveMinimum": 0}), model(a={**WHOLE, "minimum": 0})),
        (model(a={**WHOLE, "minimum": 1}), model(a={**WHOLE, "exclusiveMinimum": 0})),
        (model(a={**TEXT, "pattern": "^x"}), model(a=TEXT)),
        (model(a=TEXT), model(a={**TEXT, "minLength": 0, "title": "Name"})),
        ({**model(a={"$ref": "#/$defs/Row"}), "$defs": {"Row": ROW}}, model(a={**ROW, "required": []})),
        (model(a={"type": "array", "items": WHOLE, "maxItems": 3}), model(a={"type": "array", "items": WHOLE, "maxItems": 4})),
        (model(a=WHOLE), {"type": "object", "properties": {}}),
    ],
)
def test_what_is_wider_is_none(old, new):
    assert narrowed(old, new) == []


def test_a_type_that_contains_itself_is_compared_once():
    def tree(**leaf):
        part = {"type": "object", "properties": {"parts": {"type": "array", "items": {"$ref": "#/$defs/T"}}, "n": {**WHOLE, **leaf}}}
        return {**model(a={"$ref": "#/$defs/T"}), "$defs": {"T": part}}

    assert narrowed(tree(), tree()) == []
    assert said(tree(), tree(minimum=3)) == ["'a.n' has a narrower minimum: None -> 3"]


NUMBERS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={
        "minimum": st.integers(-3, 3),
        "maximum": st.integers(-3, 3),
        "exclusiveMinimum": st.integers(-3, 3),
        "exclusiveMaximum": st.integers(-3, 3),
        "enum": st.lists(st.integers(-3, 3), min_size=1, unique=True),
    },
)
TEXTS = st.fixed_dictionaries({"type": st.just("string")}, optional={"minLength": st.integers(0, 3), "maxLength": st.integers(0, 3)})
PLAIN = st.one_of(NUMBERS, TEXTS, st.just({"type": "null"}), st.just({"type": "boolean"}))
PARTS = st.one_of(
    PLAIN,
    st.lists(PLAIN, min_size=1, max_size=2).map(lambda options: {"anyOf": options}),
    st.fixed_dictionaries(
        {"type": st.just("array"), "items": PLAIN}, optional={"minItems": st.integers(0, 2), "maxItems": st.integers(0, 2)}
    ),
)
MODELS = st.builds(
    lambda keys, required: {**model(**keys), "required": sorted(required & keys.keys())},
    st.dictionaries(st.sampled_from("ab"), PARTS),
    st.sets(st.sampled_from("ab")),
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-4, 4), st.text("x", max_size=4))
CONFIGS = st.dictionaries(st.sampled_from("ab"), st.one_of(LEAVES, st.lists(LEAVES, max_size=3)))


@settings(max_examples=300, deadline=None)
@given(MODELS, MODELS, st.lists(CONFIGS, min_size=1, max_size=20))
def test_where_nothing_is_said_all_that_fitted_fits(old, new, configs):
    """Against a validator as witness: no config that the old schema takes is refused by a new one that is said to be no narrower."""
    before, after = jsonschema_rs.Draft202012Validator(old), jsonschema_rs.Draft202012Validator(new)
    refused = [one for one in configs if before.is_valid(one) and not after.is_valid(one)]
    assert not refused or narrowed(old, new), f"{json.dumps(refused[0])} is refused, and nothing is said"
