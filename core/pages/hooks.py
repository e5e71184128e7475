"""The page of hooks, from their specifications."""

from __future__ import annotations

import inspect

from storeloom.core.kernel.hooks import Specs
from storeloom.core.pages.facts import Facts
from storeloom.core.pages.page import Page, whole
from storeloom.core.pages.surface import signed


def hook_page(facts: Facts, lang: str) -> str:
    """The hooks of a solution's module, each with the built-in solutions that answer it."""
    page = Page(lang)
    parts = [f"# {page.word('hooks')}", page.word("hooks_are"), page.word("in_english") if lang == "zh" else ""]
    for name, function in vars(Specs).items():
        if not name.startswith("storeloom_"):
            continue
        users = [f"[{page.said(e.facts)}](solutions/{e.id}.md)" for e in facts.solutions.values() if name in e["hooks"]]
        told = f"{page.word('hook_users')}{page.colon}{page.names(users) or page.word('none')}"
        parts.append("\n\n".join((f"## {name}", signed(name, function), inspect.getdoc(function) or "", told)))
    return whole(parts)
