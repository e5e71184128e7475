"""Two surfaces compared, and whether what changed was announced: a line in the changelog, and a version that says so.

Semantic versions (2.0.0): what breaks takes a new major version, before 1.0 a new minor one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storeloom.core import deprecation
from storeloom.core.deprecation import numbers
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import ROOT

SNAPSHOT = ROOT / "schemas" / "surface.json"
CHANGELOG = ROOT / "CHANGELOG.md"
DATA = ("stream", "table", "document")
DID = {"added": {"en": "is new", "zh": "新增"}, "changed": {"en": "changed", "zh": "已更改"}, "removed": {"en": "is gone", "zh": "已移除"}}


@dataclass(frozen=True)
class Difference:
    """One promise that was made, changed or taken back; `breaks` where somebody's code may fail by it."""

    name: str
    did: str
    old: str
    new: str
    breaks: bool

    def named_by(self) -> list[str]:
        """The words by which a changelog may name it: its own; where nothing breaks also those of what it belongs to."""
        group, _, rest = self.name.partition(" ")
        owner, *more = re.split(r"[ (=]", rest)
        own, family = owner, owner
        if group == "python":
            own = re.sub(r"^storeloom\.(core|hardware_adapters\.links)\.", "", owner)
            family = own.split(".")[0]
        elif group == "code":
            family = owner.rpartition("-")[0]
        elif group == "command":
            family = f"storeloom {owner}"
            own = more[0] if more else family
        elif group == "api":
            own = family = more[0]
        elif group in DATA:
            family = ".".join(owner.split(".")[: 2 if group == "stream" else 1])
        return [own] if self.breaks else list(dict.fromkeys((own, family)))


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[Difference]:
    """What is new, changed or gone, in order of the names; what belongs to something new or gone goes without saying."""
    found = []
    for name in sorted({*old, *new}):
        if name not in new:
            if _owner(name) not in old or _owner(name) in new:
                found.append(Difference(name, "removed", old[name], "", True))
        elif name not in old:
            if _owner(name) not in new or _owner(name) in old:
                found.append(Difference(name, "added", "", new[name], _demands(name, new[name], old)))
        elif old[name] != new[name]:
            found.append(Difference(name, "changed", old[name], new[name], True))
    return found


def _owner(name: str) -> str:
    """What a promise belongs to: an option's command, a choice's option, a field's holder, a parameter's function."""
    group, _, rest = name.partition(" ")
    if group == "command":
        return name.rpartition("=")[0] or name.rpartition(" ")[0]
    if group in DATA:
        return re.split(r"\.(?=[^.]*$)", name)[0].removesuffix("[]").removesuffix(".*")
    return name.partition("(")[0] if "(" in rest else name.rpartition(".")[0]


def _demands(name: str, value: str, old: Mapping[str, str]) -> bool:
    """Whether something new asks more of those who were there before: a required field, argument or option of what is not new itself."""
    group = name.partition(" ")[0]
    if group in DATA:
        return value.endswith(" required") and _owner(name) in old
    if group in ("python", "hook") and name.endswith(")"):
        kind = value.partition(" ")[0]
        return name.partition("(")[0] in old and " = " not in value and kind != "any" and group == "python"
    if group == "command":
        return value.endswith(" required") and _owner(name) in old
    return False


def unreleased(changelog: str) -> str:
    """What the changelog says under Unreleased."""
    found = re.search(r"^## \[Unreleased\][^\n]*\n(.*?)(?=^## |\Z)", changelog, re.S | re.M)
    return found.group(1) if found else ""


def wanted_version(before: str) -> str:
    """The least version that may break what `before` promised."""
    major, minor, _ = numbers(before)
    return f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"


def problems(found: list[Difference], changelog: str, before: str, version: str) -> list[Finding]:
    """What was not announced, each with the words that would; and what breaks though the version does not say so."""
    said, findings = unreleased(changelog), []
    for one in found:
        args = {"what": one.name, "did": DID[one.did], "before": before}
        names = one.named_by()
        if not any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said) for name in names):
            findings.append(Finding("SL-PUB-20", {**args, "names": names}, file=str(CHANGELOG)))
        if one.breaks and numbers(version) < numbers(wanted_version(before)):
            findings.append(Finding("SL-PUB-21", {**args, "version": version, "wanted": wanted_version(before)}, file=str(CHANGELOG)))
    return findings


def overdue(version: str) -> list[Finding]:
    """What is deprecated and should be gone in this version."""
    return [Finding("SL-PUB-22", {"what": one.what, "since": one.since, "version": version}) for one in deprecation.overdue(version)]


def read_snapshot(file: Path = SNAPSHOT) -> tuple[str, dict[str, str]]:
    """The version that was promised last, and its surface."""
    body = json.loads(file.read_text(encoding="utf-8"))
    return str(body["version"]), dict(body["surface"])


def snapshot_text(version: str, surface: Mapping[str, str]) -> str:
    """A snapshot as it is committed: a line a promise."""
    return json.dumps({"version": version, "surface": surface}, ensure_ascii=False, indent=0) + "\n"
