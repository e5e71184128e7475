"""The dry check of a release in a process of its own: does its bundle fit its environment, do its devices answer, can its code be imported.

Nothing of the running store is touched: only devices that the release changes are asked, by their drivers' own health check, and only
those whose settings name no secret. Vendors' solutions are imported last, after this process has shut itself in, and asked whether their
configs hold together.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.kernel.compose import own_findings
from storeloom.core.kernel.drivers import driver_findings
from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.core.kernel.lock import unpack
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import BUILT_IN, Registry, read_catalogue
from storeloom.core.kernel.registry import packages as installed
from storeloom.core.runtime import packages
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.runtime.hosts import readable
from storeloom.core.runtime.requests import BUNDLE
from storeloom.core.runtime.sandbox import confine
from storeloom.core.runtime.secret_file import FILE, missing_secrets, secret_names

LANGUAGES = ("en", "zh")


def main() -> int:
    """Read what to check from standard input, print what was found as the last line of standard output."""
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    packages.use_site(folder / packages.SITE)
    found: dict[str, Any] = {"findings": [], "probes": []}
    try:
        _check(folder, asked, found)
    except StoreloomError as fault:
        found["findings"] += [_words(finding) for finding in fault.findings]
    sys.stdout.flush()
    print(f"\n{json.dumps(found)}", flush=True)
    return 0


def _check(folder: Path, asked: Mapping[str, Any], found: dict[str, Any]) -> None:
    bundle = folder / BUNDLE
    catalogue = read_catalogue(list(installed()))
    registry = Registry(catalogue)
    _, plan = unpack(bundle, catalogue)
    findings = [*driver_findings(plan.store, catalogue, lambda *_: (str(bundle), None)), *_unmet(folder / packages.SITE)]
    if plan.store["store"] != asked["store"]:
        findings.append(Finding("SL-AGT-21", {"got": plan.store["store"], "wanted": asked["store"]}))
    known = set(asked["secrets"])
    uplink = plan.runtime.get("uplink")
    known |= set() if uplink is None else {uplink["token"]}
    findings += missing_secrets(plan, registry, known, Path(asked["data"]) / FILE)
    found["findings"] += [_words(finding) for finding in findings if finding.severity == "error"]
    found["apart"] = _may_be_swapped(plan, registry)
    if not found["findings"]:
        found["probes"] = list(_probes(plan, registry, asked["changed"]))
        vendors = _vendors(plan, registry, Path(asked["scratch"]), str(bundle))
        found["findings"] += [{lang: f"{finding.path}: {finding.text(lang)}" for lang in LANGUAGES} for finding in vendors]


def _words(finding: Finding) -> dict[str, str]:
    return {lang: finding.text(lang) for lang in LANGUAGES}


def _may_be_swapped(plan: Plan, registry: Registry) -> bool:
    """Whether vendors' code runs only in processes of its own, so that other packages of theirs need no restart of the store process."""
    drivers = (facts.get("adapter") for facts in plan.store.get("devices", {}).values())
    entries = [registry.catalogue.adapters[one] for one in drivers if one in registry.catalogue.adapters]
    if any(entry.package.name != BUILT_IN for entry in entries):
        return False
    solutions = (registry.catalogue.solution(one.solution) for one in plan.instances)
    return all(entry.package.name == BUILT_IN or entry.isolation == "process" for entry in solutions)


def _unmet(site: Path) -> Iterator[Finding]:
    """What the release's packages need of others and do not find, here or among themselves."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    all_here = reversed(list(metadata.distributions()))  # the first on the path counts, so it is put in last
    here = {canonicalize_name(one.metadata["Name"]): one.version for one in all_here if one.metadata["Name"]}
    for one in metadata.distributions(path=[str(site)]):
        for line in one.requires or ():
            try:
                wanted = Requirement(line)
            except InvalidRequirement:
                continue  # a line that no installer reads
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            version = here.get(canonicalize_name(wanted.name))
            if version is None or not wanted.specifier.contains(version, prereleases=True):
                missing = {"en": "nothing of this name", "zh": "无此软件包"}
                args = {"package": f"{one.metadata['Name']} {one.version}", "requirement": str(wanted)}
                yield Finding("SL-AGT-10", {**args, "installed": missing if version is None else f"{wanted.name} {version}"})


def _probes(plan: Plan, registry: Registry, running: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """How each device that is new, or set otherwise than in the running store, answers."""
    for device, facts in plan.store.get("devices", {}).items():
        entry = registry.catalogue.adapters.get(facts.get("adapter", ""))
        settings = facts.get("settings", {})
        before = running.get(device, {})
        same = (before.get("adapter"), before.get("settings", {})) == (facts.get("adapter"), settings)
        if entry is None or same or secret_names(entry, settings):
            continue
        try:
            adapter = make_adapter(registry, facts["adapter"], device, settings, AdapterContext())
            try:
                health = adapter.check_health()
            finally:
                adapter.close()
            yield {"device": device, "ok": health.ok, "text": {lang: health.words.get(lang, "") for lang in LANGUAGES}}
        except Exception as error:  # whatever a vendor's driver raises, the other devices are asked too
            text = f"{type(error).__name__}: {error}"
            yield {"device": device, "ok": False, "text": dict.fromkeys(LANGUAGES, text)}


def _vendors(plan: Plan, registry: Registry, scratch: Path, bundle: str) -> list[Finding]:
    """What the vendors' solutions say of their own configs, which a control plane that has none of their code could not ask.

    They are imported shut in, as their own processes are; PluginFault for one that cannot be.
    """
    entries = {one.name: registry.catalogue.solution(one.solution) for one in plan.instances}
    vendors = {name: entry for name, entry in entries.items() if entry.package.name != BUILT_IN}
    if not vendors:
        return []
    confine({place for entry in vendors.values() for place in readable(entry)}, scratch, children=False)
    for entry in vendors.values():
        registry.load(entry.id)
    return [
        finding
        for one in plan.instances
        if one.name in vendors
        for finding in own_findings(
            registry, one.solution, one.config, plan.store, f"solutions.{one.name}.config", lambda *_: (bundle, None)
        )
    ]


if __name__ == "__main__":
    sys.exit(main())
