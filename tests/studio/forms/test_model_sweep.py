"""Every solution's form, without a browser: what its controls are given comes back as it was, and an edit makes a value that fits."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.overlay import same
from storeloom.core.kernel.sources import config_defaults
from storeloom.studio.forms.kinds import MISSING, NESTED, into, out_of
from storeloom.studio.forms.model import Form, Node
from tests.studio.forms.values import odd, right

FILES = sorted((schemas.SCHEMAS / "solutions").rglob("*.json"))
DRIVERS = sorted((schemas.SCHEMAS / "adapters").rglob("*.json"))
IDS = [f"{file.parent.name}/{file.stem}" for file in FILES]
SWEEP = settings(
    phases=[Phase.generate], max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


def leaves(node: Node) -> list[Node]:
    """The places with a control of their own."""
    if node.kind in NESTED:
        return [leaf for one in node.children for leaf in leaves(one)]
    return [node]


def come_back(node: Node) -> Any:
    """What the control of a place says when nobody touched it."""
    return out_of(node.kind, node.settled, into(node.kind, node.shown))


def unchanged(node: Node) -> bool:
    """Whether an untouched control says the value that counts, or that there is none."""
    if node.kind in ("region", "const"):
        return True
    got = come_back(node)
    if node.shown is MISSING or node.shown is None:
        return got is MISSING or got is None or got in (False, "", [])
    if got is MISSING:
        return bool(node.shown == "")
    return same(got, node.shown) or (node.kind == "number" and got == node.shown)


@pytest.mark.parametrize("file", [*FILES, *DRIVERS], ids=lambda file: file.stem)
def test_no_committed_setting_needs_the_json_editor(file: Path) -> None:
    form = Form(schemas.load(file), config_defaults(file))
    assert [(leaf.path, leaf.reason) for leaf in leaves(form.root) if leaf.kind == "json"] == []
    assert all(leaf.title("zh") and leaf.title("en") for leaf in leaves(form.root))


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_the_pages_hold_every_setting_once(file: Path) -> None:
    form = Form(schemas.load(file), config_defaults(file))
    paged = [node.path for page in form.pages for node in page]
    assert paged == [node.path for node in form.root.children] and len(paged) == len(set(paged))


@pytest.mark.parametrize("file", FILES, ids=IDS)
@SWEEP
@given(data=st.data())
def test_what_a_control_is_given_comes_back(file: Path, data: Any) -> None:
    schema = schemas.load(file)
    form = Form(schema, data.draw(odd(schema)))
    for leaf in leaves(form.root):
        assert unchanged(leaf), (leaf.path, leaf.kind, leaf.shown, come_back(leaf))
        assert leaf.label("zh") and isinstance(leaf.help("en"), str) and leaf.options is not None
    json.dumps(form.value)


@pytest.mark.parametrize("file", FILES, ids=IDS)
@SWEEP
@given(data=st.data())
def test_a_form_filled_setting_by_setting_holds_what_was_filled_in_and_fits(file: Path, data: Any) -> None:
    schema = schemas.load(file)
    wanted = data.draw(right(schema, schema))
    form = Form(schema, {})
    for name, value in wanted.items():
        form = form.put((name,), value)
    assert same(form.value, wanted) and schemas.check(file, wanted) == []
    again = Form(schema, form.value)
    for leaf in leaves(again.root):
        if leaf.kind != "json" and leaf.value is not MISSING and leaf.value is not None and come_back(leaf) is not MISSING:
            again = again.put(leaf.path, leaf.value if leaf.kind in ("region", "const") else come_back(leaf))
    assert schemas.check(file, again.value) == []
