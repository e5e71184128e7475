"""What every page shares: language, catalogue, draft, and how findings look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import streamlit as st

from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.core.kernel.registry import Registry
from storeloom.studio.draft import EXAMPLE, Draft, kept_draft, new_draft, open_draft
from storeloom.studio.draft_file import DraftFile
from storeloom.studio.words import LANGUAGES, word

TURN = "draft/turn"
BOX = {"error": st.error, "warning": st.warning, "info": st.info}


@st.cache_resource
def registry() -> Registry:
    """The installed plugins, read once a process."""
    return Registry()


def language() -> str:
    """The reader's language: the switch, else the address, else Chinese."""
    chosen = st.session_state.get("lang") or st.query_params.get("lang")
    return str(chosen) if chosen in LANGUAGES else "zh"


def say(key: str, /, **values: object) -> str:
    """A word of the studio in the reader's language."""
    return word(key, language(), **values)


def words_of(names: Iterable[str], prefix: str = "") -> dict[str, str]:
    """Names with the studio's words for them, in their order: what a choice offers."""
    return {name: say(f"{prefix}{name}") for name in names}


def held(key: str, names: Sequence[Any], first: Any = None) -> str:
    """The key of a widget whose choices change their words (with the language, or with what is found): the browser knows a choice by its
    words, so its value is given anew in each run. `first`, or the first of the names, is the value where it has none of them."""
    value = st.session_state.get(key)
    st.session_state[key] = value if value in names else names[0] if first is None else first
    return key


def first(key: str, value: Any) -> Any:
    """What a widget of this key says now, `value` before anyone chose: its default in every run. A value that state alone gives is told to
    the browser once; one that is still loading the widget while the next run comes never hears it, and answers with the widget's own."""
    return st.session_state.setdefault(key, value)


def title_of(facts: Mapping[str, Any]) -> str:
    """Title of a solution, scenario, figure or adapter kind."""
    return str(facts[language()])


def heading_of(schema: Mapping[str, Any], key: str = "") -> str:
    """Title of a schema, `key` where it has none in the reader's language."""
    return str(schema.get("x-zh" if language() == "zh" else "title") or key)


def draft() -> Draft:
    """The bundle in work: the session's; else the one that the address names, as it was kept last; else the example."""
    found: Draft | None = st.session_state.get("draft")
    if found is None:
        found = st.session_state["draft"] = _named() or (
            open_draft(EXAMPLE) if EXAMPLE.exists() else new_draft(say("new_name"), "supermarket", None)
        )
    if found.home is None:
        found.home = DraftFile.new()
    return found


def _named() -> Draft | None:
    """The kept draft of the address, None where there is none."""
    with faults_shown():
        home = DraftFile.known(str(st.query_params.get("draft", "")))
        return kept_draft(home) if home else None
    return None


def address_draft() -> None:
    """Take the draft as it stands by now, and let the page's address name it once it is kept: so a reload finds it again."""
    with faults_shown():
        bundle = draft()
        bundle.refresh()
        if bundle.home is not None and bundle.at:
            st.query_params["draft"] = bundle.home.id


def replace_draft(new: Draft, word: str = "did_open", **facts: object) -> None:
    """Work on another bundle from now on, kept from its first state on; pictures of the other store's cameras are dropped."""
    new.edition = draft().edition + 1
    new.home = new.home or DraftFile.new()
    new.keep(word, facts or {"file": new.path.name})
    st.session_state.pop("pictures", None)
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    st.session_state["draft"] = new


def fresh(key: str) -> str:
    """The key of a form of the bundle in work: another for each bundle, as the browser may still tell the values of the one before."""
    turn = st.session_state.get(TURN, 0)
    return f"{key}@{turn}" if turn else key


def show_findings(findings: Iterable[Finding], *, fixable: bool = False, placed: bool = True) -> None:
    """Findings as boxes: where (if `placed`), what is wrong, what to do, and a button where a fix can be made by machine."""
    lang = language()
    for finding in findings:
        place = f"`{finding.path}` " if placed and finding.path else ""
        BOX[finding.severity](f"{place}{_plain(finding.text(lang))} {_plain(finding.fix(lang))} `{finding.code}`")
        key = f"fix/{finding.code}/{finding.path}/{finding.text()}"
        if fixable and draft().takes(finding.patch):
            note = say("fix_takes_store") if draft().outside(finding.patch or {}) else None
            st.button(say("apply_fix"), key=key, icon=":material/build:", on_click=_mend, args=(finding.patch,), help=note)


def _mend(patch: Mapping[str, Any]) -> None:
    with faults_shown():
        draft().apply(patch)


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>$~#|:" else char for char in text)


@contextmanager
def faults_shown() -> Iterator[None]:
    """Show what could not be done in place of a stack trace."""
    try:
        yield
    except StoreloomError as fault:
        show_findings(fault.findings)
