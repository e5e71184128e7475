"""A trial on a page while it runs, and when it has ended: progress, the way to stop it, and what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from storeloom.core.kernel.errors import StoreloomError
from storeloom.studio.address import asked, go
from storeloom.studio.common import language, say, show_findings
from storeloom.studio.locales import time_text
from storeloom.studio.trials import jobs
from storeloom.studio.trials.jobs import MOST_AT_ONCE, Busy, Job
from storeloom.studio.trials.show import results

EVERY_S = 1.0
TOLD = "trial/told"


def begin(name: str, what: Callable[[], tuple[Mapping[str, Any], Mapping[str, tuple[str, bytes]]]]) -> None:
    """Start what is asked, and let the page's address name it under `name`. For a button's `on_click`."""
    st.session_state.pop(TOLD, None)
    try:
        question, recordings = what()
        job = jobs.start(question, recordings)
    except Busy:
        st.session_state[TOLD] = say("try_busy", n=MOST_AT_ONCE)
    except StoreloomError as fault:
        st.session_state[TOLD] = fault.findings
    else:
        st.session_state[f"job/{name}"] = job.id
        go(**{name: job.id})


def job_of(name: str) -> Job | None:
    """The trial that the address names under `name`, else the session's last one; a word where it is no longer there."""
    chosen = asked(name) or str(st.session_state.get(f"job/{name}", ""))
    if not chosen:
        return None
    job = jobs.known(chosen)
    if job is None:
        st.session_state.pop(f"job/{name}", None)
        st.info(say("try_gone"))
    elif not asked(name):
        go(**{name: job.id})
    return job


def show_told() -> None:
    """Why the last wish to start a trial was not met."""
    told = st.session_state.get(TOLD)
    if isinstance(told, str):
        st.warning(told)
    elif told:
        show_findings(told)


def show_job(job: Job) -> None:
    """The trial as it stands."""
    state = job.state
    if state == "running":
        _running(job.id)
    elif state == "done":
        results(job, _views(job))
    elif state == "stopped":
        st.info(say("try_stopped"))
    elif state == "broken":
        st.error(say("try_broken"))
    else:
        for one in job.findings:
            st.error(f"{one['text'][language()]} {one['fix'][language()]} `{one['code']}`")


def _views(job: Job) -> Sequence[Mapping[str, Any]]:
    """The views of a trial, read once a session and trial."""
    read = st.session_state.get("trial/views")
    if read is None or read[0] != job.id:
        read = st.session_state["trial/views"] = (job.id, job.result)
    views: Sequence[Mapping[str, Any]] = read[1]
    return views


@st.fragment(run_every=EVERY_S)
def _running(name: str) -> None:
    """Progress, looked at every second; the whole page anew once the trial has ended."""
    job = jobs.known(name)
    if job is None or job.state != "running":
        st.rerun()
    progress = job.progress
    words = say("try_begins")
    if progress["time"]:
        at = time_text(datetime.fromisoformat(progress["time"]), language(), seconds=True)
        words = say("try_finishing") if progress["share"] >= 1 else say("running", time=at)
    if progress["runs"] > 1:
        words = say("try_run_of", run=progress["run"], runs=progress["runs"]) + words
    share = (progress["run"] - 1 + progress["share"]) / progress["runs"]
    st.progress(min(1.0, share), words)
    st.button(say("try_stop"), key=f"stop/{name}", icon=":material/stop_circle:", on_click=job.stop)
