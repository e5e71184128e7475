"""Persons, households and conflicts, worked by hand."""

from storeloom.workers.insight import identity

STRONG, WEAK = ("phone_hash", "union_id"), ("device",)


def profile(at, **keys):
    return {kind: {value: at} for kind, value in keys.items()}


def resolved(profiles, **more):
    return identity.resolve(profiles, STRONG, WEAK, 3, **more)


def test_strong_keys_join_through_others():
    found = resolved(
        {
            "a": profile("1", union_id="U"),
            "b": {**profile("2", union_id="U"), **profile("2", phone_hash="P")},
            "c": profile("3", phone_hash="P"),
        }
    )
    assert set(found.persons.values()) == {("a", "b", "c")}


def test_a_weak_key_joins_who_differ_in_nothing_and_houses_who_do():
    found = resolved(
        {"a": profile("1", device="D", phone_hash="P"), "b": profile("2", device="D"), "c": profile("3", device="D", phone_hash="Q")}
    )
    assert found.persons == {"a": ("a", "b"), "b": ("a", "b"), "c": ("c",)}
    assert found.households == [("a", "c")] and found.conflicts == []


def test_a_weak_key_on_four_joins_nobody():
    found = resolved({name: profile(name, device="D") for name in "abcd"})
    assert set(found.persons.values()) == {("a",), ("b",), ("c",), ("d",)} and found.households == []


def test_different_phones_under_one_strong_key_are_a_conflict():
    found = resolved({"a": profile("1", union_id="U", phone_hash="P"), "b": profile("2", union_id="U", phone_hash="Q")})
    assert found.persons["a"] == ("a",) and found.conflicts == [("a", "b", "union_id")]


def test_a_number_that_passed_on_joins_nobody_and_a_new_number_parts_nobody():
    passed_on = {"a": {"phone_hash": {"P": "1", "Q": "3"}}, "b": profile("2", phone_hash="Q")}
    found = resolved(passed_on)
    assert found.persons["a"] == ("a",) and found.conflicts == [("a", "b", "phone_hash")]
    new_number = {"a": {"phone_hash": {"P": "1", "Q": "3"}}, "b": profile("2", phone_hash="P")}
    assert resolved(new_number).persons["a"] == ("a", "b")


def test_what_is_fixed_stands_and_what_is_apart_does_not():
    profiles = {name: profile(name, device="D") for name in "abcd"}
    assert resolved(profiles, fixed=[("a", "c")]).persons["a"] == ("a", "c")
    two = {"a": profile("1", union_id="U"), "b": profile("2", union_id="U")}
    assert resolved(two, apart={frozenset("ab")}).persons["a"] == ("a",)


def test_the_stricter_consent_wins():
    merged = identity.stricter(
        [{"marketing": True, "messaging": ["sms", "email"]}, {"marketing": False, "messaging": ["email"]}, {"profiling": True}]
    )
    assert merged == {"marketing": False, "messaging": ["email"], "profiling": True}
