"""The index of config keys: each key of every solution or adapter, what it is, and the pages of those who own it."""

from __future__ import annotations

from collections.abc import Mapping

from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Entry
from storeloom.core.pages.page import Page, anchor, whole
from storeloom.core.pages.words import word


def key_index(entries: Mapping[str, Entry], group: str, lang: str) -> str:
    """The keys of solutions or adapters (`group`), by the alphabet; a key that several own stands once with all of them."""
    page = Page(lang)
    heading = anchor(word("config" if group == "solutions" else "settings", lang))
    owners: dict[str, list[str]] = {}
    titles: dict[str, dict[str, None]] = {}
    for entry in entries.values():
        for key, facts in schemas.load(entry.schema_file).get("properties", {}).items():
            owners.setdefault(key, []).append(f"[`{entry.id}`](../{group}/{entry.id}.md#{heading})")
            titles.setdefault(key, {})[page.titled(facts)] = None
    parts = [f"# {page.word(f'keys_{group}')}"]
    initials: dict[str, list[tuple[str, ...]]] = {}
    for key in sorted(owners):
        meaning = ("；" if lang == "zh" else "; ").join(titles[key])
        initials.setdefault(key[0], []).append((f"`{key}`", meaning, page.names(owners[key])))
    for initial, rows in initials.items():
        parts += [f"## {initial.upper()}", page.table(("setting", "meaning", "owners"), rows)]
    return whole(parts)


def keys_of(facts: Mapping[str, Mapping[str, Entry]], lang: str) -> dict[str, str]:
    """All pages of config keys by their place in the site; `facts` are the entries of `solutions` and of `adapters`."""
    page = Page(lang)
    pages = {f"config-keys/{group}.md": key_index(entries, group, lang) for group, entries in facts.items()}
    lines = "\n".join(f"- [{page.word(f'keys_{group}')}]({group}.md)" for group in facts)
    pages["config-keys/index.md"] = whole([f"# {page.word('config_keys')}", page.word("config_keys_are"), lines])
    return pages
