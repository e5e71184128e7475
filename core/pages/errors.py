"""The pages of error codes, one a group, from the messages: what each says and the next step, an anchor each."""

from __future__ import annotations

from collections.abc import Mapping

from storeloom.core.kernel.messages import Message
from storeloom.core.pages.page import Page, anchor, contents, whole


def group_of(code: str) -> str:
    """The group of a code: `cfg` of SL-CFG-02."""
    return code.split("-")[1].lower()


def error_pages(messages: Mapping[str, Message], lang: str) -> dict[str, str]:
    """The pages of error codes by their place in the site."""
    page = Page(lang)
    groups: dict[str, list[str]] = {}
    for code in messages:
        groups.setdefault(group_of(code), []).append(code)
    pages = {}
    rows = []
    for group, codes in sorted(groups.items()):
        title = page.word(f"e_{group}")
        told = [_entry(page, code, messages[code]) for code in sorted(codes)]
        pages[f"errors/{group}.md"] = whole([f"# SL-{group.upper()}{page.colon}{title}", *told])
        links = page.names(f"[{code}]({group}.md#{anchor(code)})" for code in sorted(codes))
        rows.append((f"[SL-{group.upper()}]({group}.md)", title, links))
    listed = page.table(("group", "meaning", "codes"), rows)
    below = contents(f"{group}.md" for group in sorted(groups))
    pages["errors/index.md"] = whole([f"# {page.word('errors')}", page.word("errors_are"), listed, below])
    return pages


def _entry(page: Page, code: str, message: Message) -> str:
    said, fix = (message.zh, message.fix_zh) if page.lang == "zh" else (message.en, message.fix_en)
    told = [
        f"- {page.word('severity')}{page.colon}{page.word(f'severity_{message.severity}')}",
        f"- {page.word('message')}{page.colon}{_plain(said)}",
    ]
    told += [f"- {page.word('fix')}{page.colon}{_plain(fix)}"] if fix else []
    return f"## {code}\n\n" + "\n".join(told)


def _plain(text: str) -> str:
    """A message as it is printed, with nothing in it that Markdown would read."""
    for sign in "\\*_<>[]#|$":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")
