"""TOML text that reads back to the same values."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.core.virtual.formats import default_profile
from storeloom.studio.toml_text import toml_text

KEYS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
LEAVES = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | KEYS
VALUES = st.recursive(LEAVES, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside, max_size=3), max_leaves=12)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_reads_back_as_it_was(data: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(data)) == data


def test_a_bundle_reads_as_people_write_it() -> None:
    data = {
        "document": "bundle/1",
        "solutions": {"cold": {"config": {"limits": {"chilled": 5}, "times": ["08:00"]}}, "plain": {}},
        "profiles": {"night": {"when": {"from": "22:00"}, "solutions": {"cold": {"config": {"grace_s": 60}}}}},
    }
    assert toml_text(data) == (
        'document = "bundle/1"\n\n[solutions.cold.config]\nlimits = { chilled = 5 }\ntimes = ["08:00"]\n\n[solutions.plain]\n\n'
        '[profiles.night.when]\nfrom = "22:00"\n\n[profiles.night.solutions.cold]\nconfig = { grace_s = 60 }\n'
    )


def test_a_store_profile_keeps_one_line_a_device() -> None:
    profile = default_profile("supermarket")
    text = toml_text({"store": profile})
    assert tomllib.loads(text) == {"store": profile}
    assert text.count("\n[store.devices]") == 1 and "[store.devices." not in text


def test_nulls_are_left_out_and_what_is_no_value_is_refused() -> None:
    assert toml_text({"a": None, "b": {"c": None}}) == "[b]\n"
    with pytest.raises(TypeError):
        toml_text({"a": object()})
