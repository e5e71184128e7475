"""Three-way merge: what must hold of any templates and own layers, and each kind of conflict by hand."""

from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.core.control.design.merging import ABSENT, Conflict, merge, without
from storeloom.core.kernel.overlay import diff_patch, merge_patch, same

KEYS = st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(st.integers(0, 2), st.booleans(), st.lists(st.integers(0, 1), max_size=2), st.just({}))
TREES = st.dictionaries(KEYS, st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6), max_size=3)
PATCHES = st.dictionaries(
    KEYS, st.recursive(LEAVES | st.none(), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6), max_size=3
)


def at(value, path):
    for key in path:
        value = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def words(patch, path=()):
    """Every path at which a patch says something."""
    for key, word in patch.items():
        if isinstance(word, dict) and word:
            yield from words(word, (*path, key))
        else:
            yield (*path, key), word


def under(path, conflicts):
    return any(path[: len(one.path)] == one.path or one.path[: len(path)] == path for one in conflicts)


@given(TREES, PATCHES)
def test_no_change_of_the_template_changes_nothing(base, own):
    merged = merge(base, base, own)
    assert merged.conflicts == () and same(merged.own, own)


@given(TREES, TREES)
def test_a_store_without_words_of_its_own_follows_the_template(base, theirs):
    merged = merge(base, theirs, {})
    assert merged.conflicts == () and merged.own == {}


@given(TREES, TREES)
def test_a_store_that_made_the_same_change_agrees(base, theirs):
    own = diff_patch(base, theirs)
    merged = merge(base, theirs, own)
    assert merged.conflicts == () and same(merge_patch(theirs, merged.own), theirs)


@settings(max_examples=300)
@given(TREES, TREES, PATCHES)
def test_nothing_is_lost_unsaid(base, theirs, own):
    """Every word of the store and every change of the template is in the outcome, or told as a conflict."""
    merged = merge(base, theirs, own)
    value = merge_patch(theirs, merged.own)
    had = merge_patch(base, own)
    for path, word in words(own):
        if not under(path, merged.conflicts):
            assert same(at(value, path), at(had, path)) or (isinstance(word, dict) and isinstance(at(value, path), dict)), path
    for path, word in words(diff_patch(base, theirs)):
        if not under(path, merged.conflicts):
            now = ABSENT if word is None else word
            told = at(value, path)
            assert told is now or same(told, now) or (now == {} and isinstance(told, dict)), path


@settings(max_examples=300)
@given(TREES, TREES, PATCHES)
def test_a_choice_settles_each_conflict_as_a_whole(base, theirs, own):
    found = merge(base, theirs, own).conflicts
    had = merge_patch(base, own)
    ours = merge(base, theirs, own, {one.path: "ours" for one in found})
    taken = merge(base, theirs, own, {one.path: "theirs" for one in found})
    assert ours.conflicts == taken.conflicts == ()
    for one in found:
        mine, other = at(merge_patch(theirs, ours.own), one.path), at(merge_patch(theirs, taken.own), one.path)
        assert mine is one.ours or same(mine, one.ours)
        assert other is one.theirs or same(other, one.theirs)
        before = at(had, one.path)
        assert before is one.ours or same(before, one.ours)


@given(TREES, TREES, PATCHES)
def test_the_outcome_does_not_depend_on_the_order_of_keys(base, theirs, own):
    def turned(tree):
        return {key: turned(tree[key]) if isinstance(tree[key], dict) else tree[key] for key in reversed(tree)}

    one, other = merge(base, theirs, own), merge(turned(base), turned(theirs), turned(own))
    assert same(one.own, other.own)
    assert {conflict.path for conflict in one.conflicts} == {conflict.path for conflict in other.conflicts}


def cart(**config):
    return {"solutions": {"smart_cart": {"config": config}}}


AT = ("solutions", "smart_cart", "config", "check_rate")


def test_changes_of_different_values_both_hold():
    merged = merge(cart(check_rate=5, limit=1), cart(check_rate=5, limit=2), cart(check_rate=9))
    assert merge_patch(cart(check_rate=5, limit=2), merged.own) == cart(check_rate=9, limit=2)
    assert merged.conflicts == ()


def test_two_changes_of_one_value_are_a_conflict():
    merged = merge(cart(check_rate=5), cart(check_rate=7), cart(check_rate=9))
    assert merged.conflicts == (Conflict(AT, 5, 7, 9),)
    assert merge(cart(check_rate=5), cart(check_rate=7), cart(check_rate=9), {AT: "theirs"}).own == {}
    assert merge(cart(check_rate=5), cart(check_rate=7), cart(check_rate=9), {AT: "ours"}).own == cart(check_rate=9)


def test_what_the_store_wrote_is_meant_even_where_it_is_the_templates_own_value():
    assert merge(cart(check_rate=5), cart(check_rate=7), cart(check_rate=5)).conflicts == (Conflict(AT, 5, 7, 5),)


def test_a_solution_that_the_template_drops_and_the_store_tuned():
    merged = merge(cart(check_rate=5, limit=1), {}, cart(check_rate=9))
    whole = {"smart_cart": {"config": {"check_rate": 9, "limit": 1}}}
    assert merged.conflicts == (Conflict(("solutions",), cart(check_rate=5, limit=1)["solutions"], ABSENT, whole),)
    kept = merge(cart(check_rate=5, limit=1), {}, cart(check_rate=9), {("solutions",): "ours"})
    assert kept.own == {"solutions": whole}
    assert merge(cart(check_rate=5), {}, cart(check_rate=9), {("solutions",): "theirs"}).own == {}


def test_a_value_that_the_store_removed_and_the_template_changed():
    merged = merge(cart(check_rate=5), cart(check_rate=7), cart(check_rate=None))
    assert merged.conflicts == (Conflict(AT, 5, 7, ABSENT),)
    assert merge(cart(check_rate=5), cart(check_rate=7), cart(check_rate=None), {AT: "ours"}).own == cart(check_rate=None)
    assert merge(cart(check_rate=5), {"solutions": {"smart_cart": {"config": {}}}}, cart(check_rate=None)).conflicts == ()


def test_a_list_is_one_value():
    base, theirs, own = {"arbitrate": {"x": ["a", "b"]}}, {"arbitrate": {"x": ["a", "b", "c"]}}, {"arbitrate": {"x": ["b", "a"]}}
    assert [one.path for one in merge(base, theirs, own).conflicts] == [("arbitrate", "x")]


def test_a_value_is_given_back_to_what_lies_beneath():
    own = {"solutions": {"smart_cart": {"config": {"check_rate": 9}}, "lights": {"config": {"lux": 1}}}}
    beneath = cart(check_rate=5)
    assert without(own, AT, beneath) == {"solutions": {"lights": {"config": {"lux": 1}}}}
    assert without(own, ("solutions", "lights", "config", "lux"), beneath)["solutions"]["lights"] == {"config": {}}
    try:
        without(own, ("solutions", "smart_cart", "devices"), beneath)
    except KeyError as error:
        assert error.args == ("devices",)
    else:
        raise AssertionError
