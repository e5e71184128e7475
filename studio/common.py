"""What every page shares: language, catalogue, draft, and how findings look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import streamlit as st

from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.core.kernel.registry import Registry
from storeloom.studio.draft import EXAMPLE, Draft, new_draft, open_draft
from storeloom.studio.words import LANGUAGES, word

BOX = {"error": st.error, "warning": st.warning, "info": st.info}


@st.cache_resource
def registry() -> Registry:
    """The installed plugins, read once a process."""
    return Registry()


def language() -> str:
    """The reader's language: the switch, else the address, else Chinese."""
    chosen = st.session_state.get("lang") or st.query_params.get("lang")
    return str(chosen) if chosen in LANGUAGES else "zh"


def say(key: str, **values: object) -> str:
    """A word of the studio in the reader's language."""
    return word(key, language(), **values)


def title_of(facts: Mapping[str, Any]) -> str:
    """Title of a solution, scenario, figure or adapter kind."""
    return str(facts[language()])


def heading_of(schema: Mapping[str, Any], key: str = "") -> str:
    """Title of a schema, `key` where it has none in the reader's language."""
    return str(schema.get("x-zh" if language() == "zh" else "title") or key)


def draft() -> Draft:
    """The bundle in work; the example, or an empty one where the examples are not installed."""
    if "draft" not in st.session_state:
        st.session_state["draft"] = open_draft(EXAMPLE) if EXAMPLE.exists() else new_draft(say("new_name"), "supermarket", None)
    found: Draft = st.session_state["draft"]
    return found


def replace_draft(new: Draft) -> None:
    """Work on another bundle from now on; pictures of the other store's cameras are dropped."""
    st.session_state.pop("pictures", None)
    new.edition = draft().edition + 1
    st.session_state["draft"] = new


def show_findings(findings: Iterable[Finding], *, fixable: bool = False, placed: bool = True) -> None:
    """Findings as boxes: where (if `placed`), what is wrong, what to do, and a button where a fix can be made by machine."""
    lang = language()
    for finding in findings:
        place = f"`{finding.path}` " if placed and finding.path else ""
        BOX[finding.severity](f"{place}{_plain(finding.text(lang))} {_plain(finding.fix(lang))} `{finding.code}`")
        key = f"fix/{finding.code}/{finding.path}/{finding.text()}"
        if fixable and draft().takes(finding.patch) and st.button(say("apply_fix"), key=key):
            draft().apply(finding.patch or {})
            st.rerun()


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
