"""Links, headings and examples of Markdown: what counts as one, and what is told of those that do not hold."""

from __future__ import annotations

import pytest

from storeloom.core.cli import build_parser
from storeloom.core.pages.examples import faults
from storeloom.core.pages.fences import fences
from storeloom.core.pages.links import anchors, dead, links, reachable, rewritten

PAGE = """# A page

A [link](b.md#there), a ![picture](p.svg), `[no](link.md)`, [out](https://example.org) and [one with `code`](c.md).

```toml
# [no](link.md)
```

## There

## There
"""


def test_links_are_those_that_a_reader_sees():
    found = [(one.line, one.text, one.target, one.image) for one in links(PAGE)]
    assert found == [
        (3, "link", "b.md#there", False),
        (3, "picture", "p.svg", True),
        (3, "out", "https://example.org", False),
        (3, "one with `code`", "c.md", False),
    ]
    assert "`[no](link.md)`" in (text := rewritten(PAGE, lambda one: one.text.upper())) and "A LINK, a PICTURE" in text


def test_anchors_are_those_of_github():
    assert anchors(PAGE) == ["a-page", "there", "there-1"]
    assert anchors("# `loom` & 中文 [x](y.md)\n") == ["loom--中文-x"]


def test_dead_links_are_named():
    pages = {"a.md": PAGE, "b.md": "# B\n", "c.md": "[up](../a.md) [back](a.md#there-1)\n"}
    assert [(one.page, one.target, one.reason) for one in dead(pages, {"p.svg"})] == [
        ("a.md", "b.md#there", "no such heading; there are: b"),
        ("c.md", "../a.md", "no such page or file"),
    ]
    assert [one.target for one in dead({"a.md": PAGE, "b.md": "# There\n", "c.md": ""})] == ["p.svg"]


def test_what_no_page_leads_to_is_not_reached():
    pages = {"index.md": "```{toctree}\n:hidden:\n\na/b.md\n```\n", "a/b.md": "[c](../c.md)\n", "c.md": "", "lost.md": "[c](c.md)\n"}
    assert reachable(pages, "index.md") == {"index.md", "a/b.md", "c.md"}


def test_blocks_have_their_language_and_place():
    text = "- one\n  ```toml\n  a = 1\n  ```\n\n~~~~python title=x\n```\n~~~~\n"
    assert [(one.line, one.language, one.info, one.text) for one in fences(text)] == [
        (2, "toml", "", "a = 1\n"),
        (6, "python", "title=x", "```\n"),
    ]


@pytest.mark.parametrize(
    ("language", "text", "told"),
    [
        ("toml", "a = ", "line 1: toml that cannot be read"),
        ("yaml", "a: [", "line 1: yaml that cannot be read"),
        ("json", "{,}", "line 1: json that cannot be read"),
        ("python", "def f(:", "line 1: python that cannot be read"),
        ("rust", "fn f() {}", "line 1: nothing tests a block of rust"),
        ("console", "$ storeloom chekc a.toml", "line 2: no command storeloom chekc"),
        ("console", "$ cd x && storeloom check a.toml --jason", "line 2: storeloom check has no option --jason"),
        ("", "storeloom server stop --folder F", "line 2: storeloom server has no stop; it has"),
        ("", "storeloom plugin stop", "line 2: storeloom plugin has no stop; it has new, check"),
        ("", "storeloom plugin sign --long", "line 2: storeloom plugin sign has no option --long"),
    ],
)
def test_an_example_that_does_not_hold_is_told(language, text, told):
    found = list(faults(f"```{language}\n{text}\n```\n", build_parser("en")))
    assert len(found) == 1 and found[0].startswith(told)


@pytest.mark.parametrize(
    "text",
    [
        "$ storeloom check a.toml --json  # --jason",
        "$ storeloom server ACTION",
        "storeloom plugin check --long",
        "storeloom --help",
        "ls --jason",
    ],
)
def test_a_command_that_holds_is_not(text):
    assert list(faults(f"```console\n{text}\n```\n", build_parser("en"))) == []


def test_a_block_without_an_end_is_told():
    assert list(faults("# A\n\n```toml\na = 1\n", build_parser("en"))) == ["line 3: the block has no end"]
