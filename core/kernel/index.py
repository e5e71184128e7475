"""`storeloom index`: writes what the kernel reads without running plugin code.

From the classes that plugins.toml lists it writes `schemas/solutions/<pillar>/<scenario>/<id>.json` and `schemas/adapters/<kind>/<id>.json`
(configs as JSON Schema 2020-12) and `schemas/catalogue.json`. `check` compares instead of writing, and refuses a config contract that
breaks without a new major version.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.kernel.contract import DRAWN
from storeloom.core.kernel.errors import Finding, PluginFault
from storeloom.core.kernel.narrowing import narrowed
from storeloom.core.kernel.registry import (
    BUILT_IN,
    Package,
    import_plugin,
    listed,
    read_listing,
    solution_class,
    unknown,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def build(package: Package) -> tuple[dict[Path, str], list[Finding]]:
    """The generated files of a package (path to text), and what keeps a plugin from being indexed; such a one keeps its old entry."""
    listing = read_listing(package)
    files: dict[Path, str] = {}
    findings: list[Finding] = []
    index: dict[str, Any] = {"version": 1, "solutions": {}, "adapters": {}}
    scenarios = _scenarios(package, listing)
    before = _before(package)
    for group, section, plugin_id, settings in listed(listing):
        try:
            facts, schema = _plugin(package, group, section, plugin_id, settings["path"], scenarios)
        except PluginFault as fault:
            findings += fault.findings
            old = before.get(group, {}).get(plugin_id)
            if old and (package.root / old["schema"]).is_file():
                index[group][plugin_id] = old
                files[package.root / old["schema"]] = (package.root / old["schema"]).read_text(encoding="utf-8")
            continue
        facts, text = _with_schema(facts, schema)
        files[package.root / facts["schema"]] = text
        index[group][plugin_id] = facts
    kinds = package.root / "schemas" / "adapter_kinds.json"
    if kinds.is_file():
        index["adapter_kinds"] = json.loads(kinds.read_text(encoding="utf-8"))["kinds"]
    files[package.index] = dump(index)
    return files, findings


def of_plugin(package: Package, plugin_id: str) -> tuple[dict[str, Any], str]:
    """What the index should say of a listed plugin, and the text of its config's schema. PluginFault where it cannot be indexed."""
    listing = read_listing(package)
    for group, section, one, settings in listed(listing):
        if one == plugin_id:
            facts, schema = _plugin(package, group, section, one, settings["path"], _scenarios(package, listing))
            return _with_schema(facts, schema)
    raise PluginFault(unknown("plugin", "插件", plugin_id, {one: None for _, _, one, _ in listed(listing)}))


def _with_schema(facts: dict[str, Any], schema: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    text = dump(schema)
    return {**facts, "schema_sha256": hashlib.sha256(text.encode()).hexdigest()}, text


def _before(package: Package) -> dict[str, Any]:
    """The index as it is on disk, empty where there is none."""
    if not package.index.is_file():
        return {}
    before: dict[str, Any] = json.loads(package.index.read_text(encoding="utf-8"))
    return before


def write(package: Package) -> tuple[list[Path], list[Finding]]:
    """Write the generated files that differ. A plugin with a finding keeps its old entry; a broken contract keeps all as it was."""
    files, findings = build(package)
    broken = breaks(package, files)
    if broken:
        return [], findings + broken
    changed = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    for path in _orphans(package, files):
        path.unlink()
        changed.append(path)
    return changed, findings


def check(package: Package) -> list[Finding]:
    """What `write` would change, as findings."""
    files, findings = build(package)
    findings += breaks(package, files)
    for path, text in files.items():
        if not path.is_file():
            findings.append(Finding("SL-PLG-08", {"file": str(path), "reason": {"en": "it is missing", "zh": "文件缺失"}}, file=str(path)))
        elif path.read_text(encoding="utf-8") != text:
            findings.append(
                Finding("SL-PLG-08", {"file": str(path), "reason": {"en": "its plugin changed", "zh": "插件已更改"}}, file=str(path))
            )
    for path in _orphans(package, files):
        findings.append(
            Finding("SL-PLG-08", {"file": str(path), "reason": {"en": "its plugin is gone", "zh": "插件已移除"}}, file=str(path))
        )
    return findings


def _orphans(package: Package, files: Mapping[Path, str]) -> list[Path]:
    found = [path for group in ("solutions", "adapters") for path in (package.root / "schemas" / group).rglob("*.json")]
    return sorted(path for path in found if path not in files)


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n"


def _scenarios(package: Package, listing: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: body for name, body in listing.get("scenario", {}).items() if "pillar" in body}
    if package.name == BUILT_IN:
        return own
    from storeloom.core.kernel.registry import read_catalogue

    return {**read_catalogue().scenarios, **own}


def _plugin(
    package: Package, group: str, section: str, plugin_id: str, path: str, scenarios: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    file = package.root / path
    if Path(path).stem != plugin_id and group == "solutions":
        raise _contract(plugin_id, file, f"its file is called {Path(path).name}", f"Call the file {plugin_id}.py.")
    if section not in scenarios and group == "solutions":
        raise _contract(plugin_id, package.listing, f"there is no scenario '{section}'", f"Known: {', '.join(scenarios)}.")
    module = import_plugin(plugin_id, package, path)
    if group == "solutions":
        cls, _ = solution_class(plugin_id, file, module)
        pillar = scenarios[section]["pillar"]
        facts = solution_facts(plugin_id, cls, file)
        facts |= {"pillar": pillar, "scenario": section, "schema": f"schemas/solutions/{pillar}/{section}/{plugin_id}.json"}
        facts["hooks"] = sorted(name for name in vars(module) if name.startswith("storeloom_"))
    else:
        cls = adapter_class(plugin_id, file, module)
        facts = {"en": cls.en, "zh": cls.zh, "kind": section, "version": cls.version}
        facts |= {"feeds": list(cls.feeds), "takes": list(cls.takes), **_purpose(plugin_id, cls, file, module)}
        facts |= {"capabilities": list(cls.capabilities), "discovers": cls.discovers, "twin": cls.twin}
        facts |= {"known": list(cls.known), "notes": [" ".join(part.split()) for part in (inspect.getdoc(module) or "").split("\n\n")[1:]]}
        facts["schema"] = f"schemas/adapters/{section}/{plugin_id}.json"
    facts["path"] = path
    schema = config_schema(plugin_id, cls, group)
    _check_drawn(plugin_id, file, schema)
    return facts, schema


def _check_drawn(plugin_id: str, file: Path, schema: Mapping[str, Any]) -> None:
    """PluginFault where a setting is to be drawn on a picture, but its type cannot hold what is drawn."""
    for owner in (schema, *schema.get("$defs", {}).values()):
        for key, facts in owner.get("properties", {}).items():
            widget = facts.get("x-widget")
            if widget not in DRAWN:
                continue
            listed = next((one for one in (facts, *facts.get("anyOf", ())) if one.get("type") == "array"), None)
            if listed is None:
                raise _contract(plugin_id, file, f"the widget '{widget}' of '{key}' needs a list", "Give the setting a list type.")
            items = listed.get("items") if isinstance(listed.get("items"), Mapping) else {}
            name = str(items.get("$ref", "")).rpartition("/")[2]
            row = schema["$defs"][name] if name else items
            missing = [part for part in DRAWN[widget] if "properties" in row and part not in row["properties"]]
            if missing:
                known = ", ".join(DRAWN[widget])
                raise _contract(plugin_id, file, f"the rows of '{key}' lack '{missing[0]}'", f"The widget '{widget}' draws: {known}.")


def solution_facts(plugin_id: str, cls: Any, file: Path) -> dict[str, Any]:
    """All that the catalogue says of a solution class; PluginFault when the declaration has a hole."""
    module = inspect.getmodule(cls)
    for name in ("zh", "en", "purpose_zh", "formats", "produces"):
        if not getattr(cls, name, None):
            raise _contract(plugin_id, file, f"{cls.__name__} does not declare '{name}'", f"Add {name} = ... to the class.")
    handlers = [member for _, member in inspect.getmembers(cls, callable) if hasattr(member, "__dict__")]
    consumes: dict[str, bool] = {}
    for handler in handlers:
        for stream in handler.__dict__.get("__streams__", ()):
            name = stream.rstrip("?")
            consumes[name] = consumes.get(name, True) and stream.endswith("?")
    for kpi_id, figure in cls.kpis.items():
        if len(tuple(figure)) != 3:
            raise _contract(plugin_id, file, f"kpis['{kpi_id}'] is no kpi(unit, en, zh)", "Use kpi(unit, en, zh).")
    return {
        "number": cls.number,
        "en": cls.en,
        "zh": cls.zh,
        **_purpose(plugin_id, cls, file, module),
        "formats": list(cls.formats),
        "load": cls.load,
        "version": cls.version,
        "consumes": sorted(name + "?" * optional for name, optional in consumes.items()),
        "produces": list(cls.produces),
        "adapters": list(cls.adapters),
        "reads": list(cls.reads),
        "kpis": {name: figure._asdict() for name, figure in cls.kpis.items()},
        "kinds": {name: {"en": en, "zh": zh} for name, (en, zh) in cls.kinds.items()},
    }


def _purpose(plugin_id: str, cls: Any, file: Path, module: Any) -> dict[str, str]:
    text = inspect.getdoc(module)
    if not text:
        raise _contract(plugin_id, file, "the module has no docstring", "Say in it what the plugin is for, and its limits.")
    return {"purpose_en": " ".join(text.split("\n\n")[0].split()), "purpose_zh": cls.purpose_zh}


def adapter_class(plugin_id: str, file: Path, module: Any) -> Any:
    """The one subclass of `Adapter` that a module defines."""
    from storeloom.core.kernel.adapter import Adapter

    found = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Adapter) and v.__module__ == module.__name__]
    if len(found) != 1:
        raise _contract(plugin_id, file, f"it defines {len(found)} subclasses of Adapter", "Define exactly one.")
    return found[0]


def config_schema(plugin_id: str, cls: Any, group: str) -> dict[str, Any]:
    """The JSON Schema of a class's config: titles and units in both languages, no reference left open."""
    from pydantic_core import to_jsonable_python

    body: dict[str, Any] = cls.Config.model_json_schema()
    body.pop("title", None)
    for key, field in cls.Config.model_fields.items():
        if field.default_factory is not None:
            body["properties"][key]["default"] = to_jsonable_python(field.get_default(call_default_factory=True))
    if not cls.Config.__doc__ or cls.Config.__doc__ == cls.Config.__base__.__doc__:
        body.pop("description", None)
    return {"$schema": DIALECT, "$id": f"storeloom:{group}/{plugin_id}", "title": cls.en, "x-zh": cls.zh, **_closed_maps(body)}


def _closed_maps(schema: Any) -> Any:
    """Maps whose keys have a pattern refuse other keys: pydantic writes `patternProperties` for them, which lets others by."""
    if isinstance(schema, list):
        return [_closed_maps(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed_maps(one) for key, one in schema.items()}
    patterns = inner.get("patternProperties")
    if isinstance(patterns, dict) and len(patterns) == 1 and not {"properties", "additionalProperties"} & inner.keys():
        ((pattern, values),) = inner.pop("patternProperties").items()
        inner |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
    return inner


def _contract(plugin_id: str, file: Path, reason: str, remedy: str) -> PluginFault:
    return PluginFault(Finding("SL-PLG-03", {"id": plugin_id, "reason": reason, "remedy": remedy}, file=str(file)))


def breaks(package: Package, files: Mapping[Path, str]) -> list[Finding]:
    """Config contracts on disk that the new ones break (see `narrowing`) under the same major version.

    Version 0 promises nothing yet (Semantic Versioning 2.0.0, 4): what is being made may change at will.
    """
    old_index = _before(package)
    new_index = json.loads(files[package.index])
    findings = []
    for group in ("solutions", "adapters"):
        for plugin_id, new in new_index[group].items():
            old = old_index.get(group, {}).get(plugin_id)
            major = new["version"].split(".")[0]
            if not old or old["version"].split(".")[0] != major or major == "0":
                continue
            old_file = package.root / old["schema"]
            if old_file.is_file():
                reasons = narrowed(json.loads(old_file.read_text(encoding="utf-8")), json.loads(files[package.root / new["schema"]]))
                findings += [Finding("SL-PLG-07", {"id": plugin_id, "reason": r}, file=str(package.root / new["path"])) for r in reasons]
    return findings
