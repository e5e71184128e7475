"""The hand-written pages of the site: which there are in a language, and their links as the site needs them.

English pages are `docs/**/*.md`, their Chinese twins `docs/zh/**/*.md` under the same name. Where a page has no twin, the Chinese site
shows the English one under a Chinese title (`docs/map.toml`) and a note. A link may point to a page, to a picture, to a page that is
generated (by its place in the site), or to a file of the source tree, which the site names without a link.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from storeloom.core.pages.links import Dead, Link, anchors, links, rewritten
from storeloom.core.pages.words import word

APART = ("zh", "site")
CHANGELOG, README = "CHANGELOG.md", "README.md"


@dataclass(frozen=True)
class Guides:
    """The hand-written pages under `root`/docs."""

    root: Path

    @property
    def docs(self) -> Path:
        return self.root / "docs"

    @cached_property
    def map(self) -> Mapping[str, Any]:
        """What `docs/map.toml` says: audiences, sections, Chinese titles and descriptions."""
        return tomllib.loads((self.docs / "map.toml").read_text(encoding="utf-8"))

    @cached_property
    def english(self) -> Mapping[str, Path]:
        """The English pages by their place in the site."""
        found = {path.relative_to(self.docs): path for path in sorted(self.docs.rglob("*.md"))}
        pages = {place.as_posix(): path for place, path in found.items() if place.parts[0] not in APART}
        return {**pages, "changelog.md": self.root / CHANGELOG}

    @cached_property
    def chinese(self) -> Mapping[str, Path]:
        """The Chinese pages by their place in the site."""
        found = sorted((self.docs / "zh").rglob("*.md"))
        return {path.relative_to(self.docs / "zh").as_posix(): path for path in found}

    @property
    def folders(self) -> list[str]:
        """The folders that hold English pages."""
        return sorted({place.partition("/")[0] for place in self.english if "/" in place})

    def listed(self, group: Mapping[str, Any], pages: Collection[str]) -> list[str]:
        """The pages of an audience or section of the map; one marked `?` is left out where there is none. KeyError names a missing one."""
        found = []
        for name in group["pages"]:
            place = f"{name.removesuffix('?')}.md"
            if place in pages:
                found.append(place)
            elif not name.endswith("?"):
                raise KeyError(f"docs/map.toml, {group['en']}: no page {place}; write the page, take the name out, or mark it {name}?")
        return found

    def source(self, place: str, lang: str) -> Path:
        """The file of a page: its Chinese twin where there is one and Chinese is asked for."""
        return self.chinese.get(place, self.english[place]) if lang == "zh" else self.english[place]

    def title(self, place: str, lang: str) -> str:
        """The title of a page."""
        path = self.source(place, lang)
        told = self.map["pages"].get(place.removesuffix(".md"), {}).get("zh") if lang == "zh" and path == self.english[place] else None
        return str(told or _title(path.read_text(encoding="utf-8")))

    def about(self, place: str, lang: str) -> str:
        """What a page is about in a line; empty where the map says nothing."""
        return str(self.map["pages"].get(place.removesuffix(".md"), {}).get(f"about_{lang}", ""))

    def pages(self, lang: str, generated: Collection[str]) -> dict[str, str]:
        """The pages of a language as the site needs them; `generated` are the places of all other pages."""
        return {place: self._page(place, lang, generated) for place in self.english}

    def _page(self, place: str, lang: str, generated: Collection[str]) -> str:
        path = self.source(place, lang)
        text = path.read_text(encoding="utf-8")
        if lang == "zh" and path == self.english[place]:
            note = f"```{{note}}\n{word('not_translated', 'zh')}\n```"
            text = re.sub(r"\A# .*\n", lambda _: f"# {self.title(place, 'zh')}\n\n{note}\n", text, count=1)

        def changed(link: Link) -> str:
            target = self._target(link, path, place, lang, generated)
            return f"{'!' if link.image else ''}[{link.text}]({target})" if target else link.text

        return rewritten(text, changed)

    def _target(self, link: Link, path: Path, place: str, lang: str, generated: Collection[str]) -> str | None:
        """Where a link points to in the site; None for a file of the source tree."""
        if link.external or not link.place:
            return link.target
        wanted = self._place(path, link.place)
        if wanted is None:
            return None
        for one in (wanted, posixpath.join(wanted, "index.md")):
            if one in self.english or one in generated:
                return self._relative(one, place) + self._anchored(link, one, lang)
        return self._relative(wanted, place) if (self.docs / wanted).is_file() else link.target

    def _place(self, path: Path, target: str) -> str | None:
        """The place in the site of what a file links to; None outside of it."""
        repo = posixpath.normpath(posixpath.join(path.parent.relative_to(self.root).as_posix(), target))
        if repo in (CHANGELOG, README):
            return {CHANGELOG: "changelog.md", README: "index.md"}[repo]
        if not repo.startswith("docs/"):
            return None
        return repo.removeprefix("docs/").removeprefix("zh/")

    def _relative(self, place: str, page: str) -> str:
        return posixpath.relpath(place, posixpath.dirname(page) or ".")

    def _anchored(self, link: Link, place: str, lang: str) -> str:
        """The anchor of a link; where it names an English heading of a page that is shown in Chinese, the heading in its place."""
        if not link.anchor or place not in self.english:
            return f"#{link.anchor}" if link.anchor else ""
        shown = anchors(self.source(place, lang).read_text(encoding="utf-8"))
        english = anchors(self.english[place].read_text(encoding="utf-8"))
        if link.anchor not in shown and link.anchor in english and len(shown) == len(english):
            return f"#{shown[english.index(link.anchor)]}"
        return f"#{link.anchor}"

    def pictures(self) -> Iterator[Path]:
        """The pictures that pages show."""
        for folder in sorted({path.parent for path in self.docs.rglob("*") if path.suffix in (".png", ".svg", ".jpg")}):
            yield from sorted(path for path in folder.iterdir() if path.suffix in (".png", ".svg", ".jpg"))

    def dead(self, generated: Collection[str]) -> list[Dead]:
        """Links of README, changelog and pages, as they stand in the source tree, to what is not there. Anchors are left to the site."""
        found = []
        for path in (self.root / README, *self.english.values(), *self.chinese.values()):
            for link in links(path.read_text(encoding="utf-8")):
                if link.external or not link.place or (path.parent / link.place).exists():
                    continue
                place = self._place(path, link.place)
                if place is None or path.name == README or not {place, posixpath.join(place, "index.md")} & {*self.english, *generated}:
                    found.append(Dead(path.relative_to(self.root).as_posix(), link.line, link.target, "no such page or file"))
        return found


def _title(markdown: str) -> str:
    found = re.match(r"# +(.*)", markdown)
    return found[1].strip() if found else ""
