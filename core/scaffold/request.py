"""What `storeloom plugin new` is to make, read from its words and checked as a whole: every finding at once."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import BUILT_IN, Catalogue, hint, unknown

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # a distribution's name, as PEP 508 has it
ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40
FORMS = {"solution": "SCENARIO/ID", "adapter": "KIND/ID"}
WHAT = {"solution": {"en": "a solution", "zh": "方案"}, "adapter": {"en": "an adapter", "zh": "适配器"}}
Group = Literal["solution", "adapter"]


@dataclass(frozen=True)
class Wanted:
    """One plugin that is to be made: its group, its scenario or adapter kind, its id."""

    group: Group
    section: str
    id: str

    @property
    def folder(self) -> str:
        return f"{self.group}s"

    @property
    def path(self) -> str:
        """Its module, from the package's folder."""
        return f"{self.folder}/{self.id}.py"


def import_name(name: str) -> str:
    """The name under which a distribution's package is imported."""
    return re.sub(r"[-_.]+", "_", name).lower()


def name_findings(name: str) -> Iterator[Finding]:
    """What is wrong with the name of a package that is to be made."""
    reason = _name_reason(name)
    if reason is not None:
        yield Finding("SL-NEW-01", {"name": name, "reason": {"en": reason[0], "zh": reason[1]}})


def _name_reason(name: str) -> tuple[str, str] | None:
    """Why a name cannot be a package's, None where it can."""
    module = import_name(name)
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        en = f"it must be of letters, digits, '.', '-' and '_', {LONGEST} at most, with a letter or digit at both ends"
        return en, f"只能含字母、数字、“.”“-”“_”，首尾须为字母或数字，且不超过 {LONGEST} 个字符"
    if not module.isidentifier():
        return f"'{module}', by which it would be imported, begins with a digit", f"其导入名“{module}”以数字开头"
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module == BUILT_IN:
        return f"'{module}' is a word or module of Python's, or storeloom itself", f"“{module}”是 Python 的关键字或模块，或 storeloom 本身"
    spec = importlib.util.find_spec(module)
    if spec is not None and spec.origin is not None:
        return f"'{module}' is installed already ({spec.origin})", f"“{module}”已安装（{spec.origin}）"
    return None


def read(group: Group, words: Iterable[str], catalogue: Catalogue) -> tuple[list[Wanted], list[Finding]]:
    """The plugins that SCENARIO/ID, PILLAR/SCENARIO/ID or KIND/ID ask for rightly, and all that is wrong with the others."""
    wanted: list[Wanted] = []
    findings: list[Finding] = []
    for word in words:
        parts = word.split("/")
        if len(parts) not in ((2, 3) if group == "solution" else (2,)) or not all(parts):
            findings.append(Finding("SL-NEW-02", {"given": word, "form": FORMS[group], "option": f"--{group}"}))
            continue
        one = Wanted(group, parts[-2], parts[-1])
        wrong = [*_section_findings(one, parts[:-2], catalogue), *_id_findings(one, catalogue)]
        if one in wanted:
            wrong.append(Finding("SL-NEW-06", {"given": word, "option": f"--{group}"}))
        findings += wrong
        wanted += [] if wrong else [one]
    return wanted, findings


def _section_findings(one: Wanted, pillar: Sequence[str], catalogue: Catalogue) -> Iterator[Finding]:
    if one.group == "adapter":
        if one.section not in catalogue.adapter_kinds:
            yield unknown("kind of adapter", "设备类别", one.section, catalogue.adapter_kinds)
    elif one.section not in catalogue.scenarios:
        yield unknown("scenario", "场景", one.section, catalogue.scenarios)
    else:
        right = str(catalogue.scenarios[one.section]["pillar"])
        if pillar and pillar[0] != right:
            yield Finding("SL-NEW-05", {"scenario": one.section, "pillar": right, "given": pillar[0]})


def _id_findings(one: Wanted, catalogue: Catalogue) -> Iterator[Finding]:
    if not ID.fullmatch(one.id) or len(one.id) > LONGEST or keyword.iskeyword(one.id):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", one.id).lower()
        proposed = re.sub(r"[^a-z0-9]+", "_", words).strip("_")[:LONGEST]
        known = [proposed] if proposed != one.id and ID.fullmatch(proposed) else []
        yield Finding("SL-NEW-03", {"id": one.id, "most": LONGEST, **hint(one.id, known)})
    taken = (catalogue.solutions if one.group == "solution" else catalogue.adapters).get(one.id)
    if taken is not None:
        yield taken_by(one, taken.package.name)


def taken_by(one: Wanted, package: str) -> Finding:
    """The finding for an id that a package has already."""
    return Finding("SL-NEW-04", {"what": WHAT[one.group], "id": one.id, "package": package})
