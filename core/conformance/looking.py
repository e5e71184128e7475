"""Looking at a subject with rules, here and now; `running` has a process of its own do it for what runs a vendor's code."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storeloom.core.conformance.importing import imported
from storeloom.core.conformance.rulebook import Part, by_grade, rules
from storeloom.core.conformance.rules import Found, Rule, Scope, Subject, Verdict
from storeloom.core.kernel.errors import Finding, StoreloomError

BROKEN = {"en": "it cannot be imported", "zh": "无法导入"}


@dataclass(frozen=True)
class Task:
    """Rules of one part about one thing: the package (`id` empty) or one of its plugins."""

    part: Part
    scope: Scope
    id: str
    rules: tuple[Rule, ...]

    def about(self, subject: Subject) -> str:
        """The plugin's id, or the package's name."""
        return self.id or subject.package.name


def tasks(subject: Subject, only: Iterable[str] = ()) -> list[Task]:
    """All that there is to be looked at: of the package as a whole where it is not limited to some plugins, then of each plugin."""
    found, wanted = [], tuple(only)
    for part in Part:
        known = rules(part, wanted)
        for scope in Scope:
            ids = [""] if scope is Scope.PACKAGE and not subject.plugins else [] if scope is Scope.PACKAGE else subject.ids(scope)
            chosen = tuple(by_grade(rule for rule in known if rule.scope is scope))
            found += [Task(part, scope, one, chosen) for one in ids if chosen]
    return found


def look_at(subject: Subject, task: Task) -> Iterator[Verdict]:
    """Each rule's verdict, as it is found. What a rule raises is a finding of it."""
    for rule in task.rules:
        yield look(subject, task, rule)


def look(subject: Subject, task: Task, rule: Rule) -> Verdict:
    """One rule's verdict."""
    began = time.monotonic()
    try:
        found = Found(beside=BROKEN) if _needs_what_is_broken(subject, task, rule) else rule.look(subject, task.id)
    except StoreloomError as fault:
        found = Found(fault.findings)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a vendor's code may raise anything, SystemExit too
        found = Found((raised(subject, error),))
    return Verdict(rule, task.about(subject), found, time.monotonic() - began)


def _needs_what_is_broken(subject: Subject, task: Task, rule: Rule) -> bool:
    """Whether the plugin cannot be imported, and the rule is not the one that says so."""
    return task.part is Part.RUN and bool(task.id) and imported(subject, task.id).broken and not rule.id.startswith("indexed.")


def raised(subject: Subject, error: BaseException) -> Finding:
    """The finding for what was raised while a rule looked: the line is the last one in the package's own files."""
    file = line = None
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).is_relative_to(subject.package.root):
            file, line = frame.filename, frame.lineno
    return Finding("SL-CHK-53", {"reason": f"{type(error).__name__}: {error}".rstrip(": ")}, file=file, line=line)
