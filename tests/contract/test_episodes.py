"""Every built-in solution shows by episodes what it does, and nothing that it declares is without effect."""

from pathlib import Path

import pytest

from storeloom.core.kernel.registry import ROOT
from storeloom.core.kernel.sources import open_document

pytestmark = pytest.mark.long


def case_of(lab, episode_file):
    return next(case for case in lab.cases if Path(case.document.path) == episode_file)


def told(result):
    return [(event.id, event.time, event.stream, event.source, event.data) for event in result.outputs], result.figures, result.refused


def test_an_episode_holds_again_after_a_restart_half_way(episode_file, lab_of, run_cut):
    """Once with live state, once with state read back from JSON at every step and a restart half-way: the same outputs, ids and figures."""
    live = case_of(lab_of(episode_file.parent.name), episode_file).result
    assert live.differences == [], "\n".join(live.differences)
    cut = run_cut(episode_file)
    assert cut.differences == [], "\n".join(cut.differences)
    assert told(cut) == told(live)


def test_there_are_two_episodes_and_one_that_stays_silent(solution, lab_of):
    documents = [case.document.data for case in lab_of(solution).cases]
    assert len(documents) >= 2, f"{solution} has {len(documents)} episodes"
    assert any(data.get("never") or not data.get("expect") or any(e.get("times") == 0 for e in data["expect"]) for data in documents), (
        f"{solution} has no episode that must stay silent"
    )
    assert all(data.get("solution", solution) == solution for data in documents), "an episode of a bundle names no solution"
    assert all(str(data.get("title", "")).strip() for data in documents)


def test_every_config_key_changes_an_outcome(solution, lab_of):
    lab = lab_of(solution)
    dead, raised = [], []
    for key in lab.properties:
        differs, faults = lab.differs_by(key)
        raised += faults
        if not differs:
            dead.append(key)
    wrong = [f"{solution}: no episode's outcome changes with: {', '.join(dead)}"] if dead else []
    wrong += [f"{solution}: an allowed value makes a handler raise: {fault}" for fault in raised]
    assert not wrong, "\n".join(wrong)


def test_every_stream_counts(solution, lab_of):
    lab = lab_of(solution)
    consumed = [name.rstrip("?") for name in lab.entry["consumes"]]
    given = {stream for case in lab.cases for stream in case.streams}
    made = {event.stream for case in lab.cases for event in case.result.outputs}
    wrong = {
        "consumed, but in no episode": [stream for stream in consumed if stream not in given],
        "consumed, but leaving it out changes no outcome": [s for s in consumed if s in given and not lab.needs(s)],
        "declared as output, but in no episode": [stream for stream in lab.entry["produces"] if stream not in made],
    }
    assert not any(wrong.values()), "\n".join(f"{solution}: {words}: {', '.join(found)}" for words, found in wrong.items() if found)


def test_every_kind_and_figure_occurs(solution, lab_of):
    lab = lab_of(solution)
    outputs = [event for case in lab.cases for event in case.result.outputs]
    kinds = {event.data["kind"] for event in outputs if event.stream in ("alert.raise", "task.create", "insight.report")}
    moved = {name for case in lab.cases for figures in case.result.figures.values() for name, value in figures.items() if value}
    wrong = {
        "kinds in no episode's alerts, tasks and reports": [kind for kind in lab.entry["kinds"] if kind not in kinds],
        "figures that no episode moves from nothing": [name for name in lab.entry["kpis"] if name not in moved],
    }
    assert not any(wrong.values()), "\n".join(f"{solution}: {words}: {', '.join(found)}" for words, found in wrong.items() if found)


def test_no_folder_of_episodes_is_left_over(registry):
    folders = {path.parent.name for path in (ROOT / "tests" / "episodes").glob("*/*.yaml")}
    left = sorted(folders - registry.catalogue.solutions.keys())
    assert left == [], f"episodes without a solution in the index: {', '.join(left)}"


def test_the_first_episode_is_the_sample_and_brings_something_about(solution, lab_of):
    lab = lab_of(solution)
    sample = lab.registry.sample_episode(solution)
    assert sample is not None and open_document(sample).data.get("expect"), f"{solution}: the first episode expects nothing"
