"""The pages of the files that people write (bundle, store profile, episode, plugins.toml, goals, prices), from their schemas."""

from __future__ import annotations

from storeloom.core.kernel import schemas
from storeloom.core.pages.page import Page, contents, whole
from storeloom.core.pages.shapes import Shapes

DOCUMENTS = {
    "bundle": "../bundles.md",
    "store": "",
    "episode": "../episodes.md",
    "plugins": "",
    "goals": "",
    "prices": "",
}


def document_pages(lang: str) -> dict[str, str]:
    """The pages by their place in the site."""
    page = Page(lang)
    pages, rows = {}, []
    for name, guide in DOCUMENTS.items():
        schema = schemas.load(schemas.SCHEMAS / f"{name}.json")
        told = page.word(f"document_{name}", guide=guide)
        fields = page.section("fields", Shapes(lang, schema).fields(schema))
        pages[f"documents/{name}.md"] = whole([f"# {page.titled(schema)}", told, page.word("schema_is", name=name), fields])
        rows.append((f"[{page.titled(schema)}]({name}.md)", told))
    listed = page.table(("documents", "meaning"), rows)
    below = contents(f"{name}.md" for name in DOCUMENTS)
    pages["documents/index.md"] = whole([f"# {page.word('documents')}", page.word("documents_are"), listed, below])
    return pages
