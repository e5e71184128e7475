"""Try: the bundle in work on a virtual store or on recorded data, by itself or beside another config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import streamlit as st

from storeloom.core.kernel.compose import Composition
from storeloom.studio.address import kept
from storeloom.studio.common import draft, faults_shown, registry, say, show_findings, words_of
from storeloom.studio.trials.jobs import Job
from storeloom.studio.trials.other import AGAINST, Other, other_config, said_both
from storeloom.studio.trials.running import begin, job_of, show_job, show_told

FIRST_DAY = date(2026, 3, 2)
SOURCES = ("virtual", "recorded")
FIELD_PX = 144
FILES = {"receipts": ["csv", "parquet"], "footage": ["mp4", "avi", "mkv", "mov"]}


def page() -> None:
    """Choose, run, look."""
    st.title(say("try"))
    st.write(say("try_lead"))
    with faults_shown():
        composition = draft().compose(registry())
        st.markdown(f"**{composition.sources.name}**")
        job = job_of("trial")
        if composition.plan is None:
            show_findings(composition.errors)
            st.warning(say("pack_blocked"))
        else:
            _controls(composition, job)
        show_told()
        if job is None:
            st.info(say("try_none_yet", button=say("run")))
        else:
            if job.state == "done" and _fingerprint(job.asked["runs"][0].get("data")) != _fingerprint(draft().data):
                st.info(say("stale"))
            show_job(job)


def _fingerprint(data: Any) -> str:
    return json.dumps(data, sort_keys=True, default=str)


def _controls(composition: Composition, job: Job | None) -> None:
    last: Mapping[str, Any] = job.asked if job else {}
    with st.container(border=True):
        source = st.segmented_control(
            say("try_source"), SOURCES, format_func=words_of(SOURCES, "try_").__getitem__, required=True, **kept("on", SOURCES, SOURCES[0])
        )
        if source == "recorded":
            _recordings(composition)
        else:
            _days(last)
        with st.expander(say("try_compare"), icon=":material/compare_arrows:", expanded=bool(st.query_params.get("against"))):
            against = st.segmented_control(
                say("try_against"),
                AGAINST,
                format_func=words_of(AGAINST, "against_").__getitem__,
                required=True,
                **kept("against", AGAINST, AGAINST[0]),
            )
            other = other_config(str(against or AGAINST[0]), composition)
        missing = source == "recorded" and not any(st.session_state.get(f"file/{what}") for what in FILES)
        if missing:
            st.caption(say("try_needs_file"))
        st.button(
            say("run"),
            type="primary",
            icon=":material/play_arrow:",
            key="run",
            disabled=missing or other.blocked or (job is not None and job.state == "running"),
            on_click=begin,
            args=("trial", lambda: _question(composition, str(source), other)),
        )


def _days(last: Mapping[str, Any]) -> None:
    """Which days, how many shoppers and how much of a past; as they were for the last trial."""
    with st.container(horizontal=True, gap="small"):
        start = date.fromisoformat(last["start"]) if last.get("start") else FIRST_DAY
        st.date_input(say("first_day"), value=start, key="start", width=FIELD_PX, format="YYYY-MM-DD")
        st.number_input(say("days"), value=int(last.get("days", 1)), min_value=1, max_value=31, step=1, key="days", width=FIELD_PX)
        scale = float(last.get("scale", 1.0))
        st.number_input(say("scale"), value=scale, min_value=0.01, max_value=3.0, step=0.1, key="scale", width=FIELD_PX)
        history = int(last.get("history", 0))
        st.number_input(say("history"), value=history, min_value=0, max_value=365, step=1, key="history", width=FIELD_PX)
        st.number_input(say("seed"), value=int(last.get("seed", 1)), min_value=0, step=1, key="seed", width=FIELD_PX)


def _recordings(composition: Composition) -> None:
    """Files, and the camera that the footage is of."""
    st.caption(say("try_recorded_note"))
    for column, (what, kinds) in zip(st.columns(2), FILES.items(), strict=True):
        column.file_uploader(say(f"try_{what}"), kinds, key=f"file/{what}")
    cameras = sorted({device.id for one in composition.instances for device in one.devices.get("camera", ())})
    if cameras:
        st.selectbox(say("try_of_camera"), cameras, key="file/camera", width=260)


def _question(composition: Composition, source: str, other: Other) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    """What is asked of a trial, and the files that go with it."""
    said = st.session_state
    bundle = draft()
    runs: list[Mapping[str, Any]] = [
        {"name": composition.sources.name, "label": said_both("run_draft"), "path": str(bundle.path), "data": bundle.data}
    ]
    if other.run is not None:
        runs.append(other.run)
    asked: dict[str, Any] = {"runs": runs, "seed": 1}
    if source == "recorded":
        files = {what: said.get(f"file/{what}") for what in FILES}
        asked["camera"] = said.get("file/camera")
        return asked, {what: (one.name, one.getvalue()) for what, one in files.items() if one is not None}
    start: date = said["start"]
    numbers = {"days": int(said["days"]), "scale": float(said["scale"]), "history": int(said["history"]), "seed": int(said["seed"])}
    return {**asked, "start": start.isoformat(), **numbers}, {}


page()
