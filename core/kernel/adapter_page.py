"""A page of documentation for an adapter, from its declaration and its schema: `docs/adapters/<id>.md`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

PLACES = ("address", "source", "url", "host", "broker", "port", "path", "folder")
EFFECTS = {"live": "live 即时", "reload": "reload 重新加载", "restart": "restart 重启"}


def page(plugin_id: str, facts: Mapping[str, Any], schema: Mapping[str, Any], kinds: Mapping[str, Any]) -> str:
    """The page as Markdown; `kinds` are the adapter kinds, for the rule by which a command is given."""
    return "\n".join(_lines(plugin_id, facts, schema, kinds)) + "\n"


def _lines(plugin_id: str, facts: Mapping[str, Any], schema: Mapping[str, Any], kinds: Mapping[str, Any]) -> Iterator[str]:
    kind = facts["kind"]
    takes = kinds.get(kind, {}).get("takes", {})
    yield from ("<!-- Written by `storeloom index` from the driver; do not edit. -->", "")
    yield from (f"# {facts['en']} · {facts['zh']}", "", f"Driver `{plugin_id}` of kind `{kind}`, version {facts['version']}.", "")
    yield from (facts["purpose_en"], "", facts["purpose_zh"], "")
    for paragraph in facts["notes"]:
        yield from (paragraph, "")
    yield from ("## Wiring · 接线", "", "```toml", *_example(plugin_id, kind, schema), "```", "")
    yield from ("## Settings · 设置", "", "| key | | type | default | takes effect |", "|---|---|---|---|---|")
    yield from (_row(key, one, schema) for key, one in schema.get("properties", {}).items())
    yield from ("", "## Streams · 数据流", "", f"Feeds: {_names(facts['feeds'])}.", "")
    taken = ", ".join(f"`{one}` ({takes.get(one, 'shared')})" for one in facts["takes"])
    yield f"Takes: {taken or 'no command'}."
    if facts["capabilities"]:
        yield from ("", f"Capabilities: {_names(facts['capabilities'])}.")
    if facts["discovers"]:
        yield from ("", "## Discovery · 查找", "", f"`storeloom device find {plugin_id} WHERE`, where WHERE is {facts['discovers']}.")
    if facts["known"]:
        yield from ("", "## Known devices · 适用设备", "", *(f"- {one}" for one in facts["known"]))
    if facts["twin"]:
        yield from ("", "## Twin · 虚拟孪生", "", f"`storeloom plugin check {plugin_id}` tries the driver on its twin, with faults.")


def _names(names: list[str]) -> str:
    return ", ".join(f"`{one}`" for one in names) or "nothing"


def _example(plugin_id: str, kind: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """A device of the store profile: what must be set, what has an example, and where it is."""
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    first = [key for key, one in properties.items() if key in required or key in PLACES or one.get("examples")]
    yield from (f"[devices.{kind}-1]", f'kind = "{kind}"', f'adapter = "{plugin_id}"')
    if first:
        yield f"[devices.{kind}-1.settings]"
    for key in first:
        value = (properties[key].get("examples") or [properties[key].get("default", "...")])[0]
        yield f"{key} = {json.dumps(value, ensure_ascii=False)}  # {properties[key].get('title', '')}"


def _row(key: str, one: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    title = f"{one.get('title', '')} · {one.get('x-zh', '')}"
    helps = " ".join(filter(None, (one.get("description"), one.get("x-help-zh"))))
    unit = f" {one['x-unit']}" if one.get("x-unit") else ""
    default = "required" if key in schema.get("required", []) else f"`{json.dumps(one.get('default'), ensure_ascii=False)}`{unit}"
    cells = (f"`{key}`", f"{title}{'<br>' + helps if helps else ''}", _type(one), default, EFFECTS.get(one.get("x-effect", "live"), ""))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


def _type(one: Mapping[str, Any]) -> str:
    """A setting's type and its limits in a few words."""
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    if "anyOf" in one:
        return " or ".join(_type(part) for part in one["anyOf"])
    if "$ref" in one:
        return str(one["$ref"]).rpartition("/")[2]
    if one.get("type") == "array":
        return f"list of {_type(one.get('items', {}))}"
    if one.get("type") == "object":
        others = one.get("additionalProperties")
        return f"table of {_type(others)}" if isinstance(others, Mapping) and others else "table"
    low, high = one.get("minimum", one.get("exclusiveMinimum")), one.get("maximum", one.get("exclusiveMaximum"))
    span = f" {'' if low is None else low}..{'' if high is None else high}" if (low, high) != (None, None) else ""
    secret = ", the name of a secret" if one.get("x-widget") == "secret" else ""
    return f"{one.get('type', 'any')}{span}{secret}"
