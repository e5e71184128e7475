"""Area `studio`: a cold start beside a bare Streamlit app, a new run of each page, and a form of 30 settings after an edit."""

from __future__ import annotations

import json
import logging
import os
import statistics
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storeloom.core.bench.harness import Result, cold
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT

COLD, RUNS, FIELDS = 7, 9, 30
STUDIO = ROOT / "studio"
PARTS = ("solutions", "wiring", "cost", "layers", "compare", "save")
BARE = 'import streamlit as st\nst.title("bare")\n'
FORM = """
import json, sys
from pathlib import Path
import streamlit as st
from storeloom.core.kernel import schemas
from storeloom.studio.forms.model import Form
from storeloom.studio.forms.render import config_form

file = Path({file!r})
value = st.session_state.setdefault("value", {{}})

def store(new):
    st.session_state["value"] = new

config_form(Form(schemas.load(file), value, {{}}, tuple(schemas.check(file, value, at="config")), "config"), "form", store)
"""


def measure() -> list[Result]:
    """Medians; a page's is that of runs that follow its first. InputFault (SL-INP-03) without the extra `studio`."""
    try:
        from streamlit.testing.v1 import AppTest
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "bench studio", "extra": "studio"})) from error
    with tempfile.TemporaryDirectory() as name, _quiet(Path(name)):
        folder = Path(name)
        ratio, ours = _cold(folder)
        pages = dict(_pages(AppTest))
        slowest = max(pages, key=pages.__getitem__)
        form = _form(AppTest, folder)
    shown = [Result(f"pages/{page}/rerun", ms, "ms", "", "", RUNS) for page, ms in pages.items()]
    return [
        Result("studio_cold_against_bare", ratio, "ratio", "<= 2", "a bare Streamlit app in a cold process", COLD),
        Result("studio_cold", ours, "ms", "", "import and first run in a cold process", COLD),
        Result("slowest_rerun", pages[slowest], "ms", "<= 100", f"stated limit; page {slowest}", RUNS),
        Result("form_of_30_settings", form, "ms", "<= 300", "stated limit; from an edit to the page drawn anew", RUNS),
        *shown,
    ]


def table(results: list[Result]) -> list[str]:
    """The pages, one a line."""
    return [f"     {one.name.split('/')[1]}: {one.value:.0f} ms" for one in results if one.in_table]


@contextmanager
def _quiet(folder: Path) -> Iterator[None]:
    """Drafts in a folder of the bench's own, and Streamlit without its warnings about running bare."""
    before = os.environ.get("STORELOOM_DRAFTS")
    os.environ["STORELOOM_DRAFTS"] = str(folder / "drafts")
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        os.environ.pop("STORELOOM_DRAFTS")
        if before is not None:
            os.environ["STORELOOM_DRAFTS"] = before


def _cold(folder: Path) -> tuple[float, float]:
    """A cold process that runs our first page against one that runs a page with a title only: their ratio, and ours in ms."""
    (folder / "bare.py").write_text(BARE, encoding="utf-8")
    run = "import sys; from streamlit.testing.v1 import AppTest; AppTest.from_file(sys.argv[1], default_timeout=120).run()"
    files = {"bare": folder / "bare.py", "ours": STUDIO / "app.py"}
    times: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(COLD):
        for name, file in files.items():
            times[name].append(cold([sys.executable, "-c", run, str(file)], os.environ)[0])
    bare, ours = (statistics.median(times[name]) for name in ("bare", "ours"))
    return ours / bare, ours * 1000


def _median(again: Callable[[], Any]) -> float:
    """Milliseconds of a call that was made before."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        again()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _pages(app_test: Any) -> Iterator[tuple[str, float]]:
    """Each page, of composing each part, and the page of a solution."""
    for file in sorted((STUDIO / "views").glob("[!_]*.py")):
        states: list[dict[str, str]] = [{}]
        if file.stem == "compose":
            states = [{"part": part} for part in PARTS]
        if file.stem == "catalogue":
            states.append({"solution": "smart_cart"})
        for state in states:
            app = app_test.from_file(str(file), default_timeout=120)
            for key, value in state.items():
                app.query_params[key] = value
            app.run()
            if app.exception:
                raise RuntimeError(f"{file.name} {state}: {app.exception[0].message}")
            yield ":".join([file.stem, *state.values()]), _median(app.run)


def _form(app_test: Any, folder: Path) -> float:
    """A form of 30 settings of mixed kinds: an edit, checked and drawn."""
    schema = folder / "schema.json"
    schema.write_text(json.dumps({"type": "object", "properties": dict(map(_setting, range(FIELDS)))}), encoding="utf-8")
    app = app_test.from_string(textwrap.dedent(FORM).format(file=str(schema)), default_timeout=120)
    app.run()
    values = iter(range(1, 1000))

    def edit() -> None:
        app.number_input(key="form/s0").set_value(next(values))
        app.run()

    edit()
    ms = _median(edit)
    if app.exception or app.session_state["value"] == {}:
        raise RuntimeError(f"the form did not take an edit: {app.exception}")
    return ms


def _setting(n: int) -> tuple[str, dict[str, Any]]:
    kinds: list[dict[str, Any]] = [
        {"type": "integer", "minimum": 0, "maximum": 10_000, "default": 1},
        {"type": "number", "minimum": 0, "default": 0.5, "x-unit": "kg"},
        {"type": "boolean", "default": True},
        {"enum": ["a", "b", "c"], "default": "a"},
        {"type": "string", "default": "text"},
        {"type": "array", "items": {"type": "string"}, "default": ["one", "two"]},
    ]
    return f"s{n}", {"title": f"Setting {n}", "x-zh": f"配置 {n}", **kinds[n % len(kinds)]}
