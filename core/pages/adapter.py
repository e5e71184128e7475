"""The page of one adapter, from its declaration and its settings' schema, and the page that lists them by kind."""

from __future__ import annotations

import json
from collections.abc import Iterator

from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Entry
from storeloom.core.pages.facts import Facts
from storeloom.core.pages.page import Page, whole
from storeloom.core.pages.shapes import Shapes

PLACES = ("address", "source", "url", "host", "broker", "port", "path", "folder")


class AdapterPage(Page):
    """An adapter's page in one language: what a reader needs to wire and set it."""

    def __init__(self, facts: Facts, entry: Entry, lang: str, alone: bool = False) -> None:
        super().__init__(lang, alone)
        self.facts, self.entry = facts, entry
        self.schema = schemas.load(entry.schema_file)

    def markdown(self) -> str:
        """The page."""
        entry = self.entry
        parts = [f"# {self.said(entry.facts)}", entry["purpose_zh" if self.lang == "zh" else "purpose_en"], self._head()]
        if entry["notes"]:
            parts.append(self.section("in_author_words", "\n\n".join(entry["notes"])))
        parts += [self.section("wiring", "\n".join(("```toml", *self._example(), "```")))]
        parts += [self.section("settings", Shapes(self.lang, self.schema).settings(self.schema)), self.section("streams", self._streams())]
        if entry["discovers"]:
            parts.append(self.section("discovery", self.word("discovery_is", id=entry.id, where=entry["discovers"])))
        if entry["known"]:
            parts.append(self.section("known_devices", "\n".join(f"- {one}" for one in entry["known"])))
        if entry["twin"]:
            parts.append(self.section("twin", self.word("twin_is", id=entry.id)))
        parts.append(self.section("used_by", self._used()))
        return whole(parts)

    def _head(self) -> str:
        kind = self.entry["kind"]
        known = self.facts.kinds.get(kind)
        named = self.said(known) + self.aside(self.link(f"`{kind}`", f"index.md#{kind}")) if known else f"`{kind}`"
        facts = {"driver": f"`{self.entry.id}`", "kind": named, "version": self.entry["version"]}
        return "\n".join(f"- {self.word(key)}{self.colon}{value}" for key, value in facts.items())

    def _example(self) -> Iterator[str]:
        """A device of the store profile: what must be set, what has an example, and where it is."""
        kind, properties = self.entry["kind"], self.schema.get("properties", {})
        required = self.schema.get("required", [])
        first = [key for key, one in properties.items() if key in required or key in PLACES or one.get("examples")]
        yield from (f"[devices.{kind}-1]", f'kind = "{kind}"', f'adapter = "{self.entry.id}"')
        if first:
            yield f"[devices.{kind}-1.settings]"
        for key in first:
            value = (properties[key].get("examples") or [properties[key].get("default", "...")])[0]
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}  # {self.titled(properties[key])}"

    def _streams(self) -> str:
        rules = self.facts.kinds.get(self.entry["kind"], {}).get("takes", {})
        feeds = self.names(self._stream(one) for one in self.entry["feeds"])
        takes = self.names(self._stream(one) + self.aside(self.word("rule_" + rules.get(one, "shared"))) for one in self.entry["takes"])
        lines = [
            f"- {self.word('feeds')}{self.colon}{feeds or self.word('none')}",
            f"- {self.word('takes')}{self.colon}{takes or self.word('none')}",
        ]
        if self.entry["capabilities"]:
            lines.append(f"- {self.word('capabilities')}{self.colon}{self.names(f'`{one}`' for one in self.entry['capabilities'])}")
        return "\n".join(lines)

    def _stream(self, stream: str) -> str:
        return self.link(f"`{stream}`", f"../streams/{stream}.md")

    def _used(self) -> str:
        found = self.facts.declaring("adapters", self.entry["kind"])
        linked = [self.link(self.said(entry.facts), f"../solutions/{entry.id}.md") for entry, _ in found]
        return self.names(linked)


def adapter_index(facts: Facts, lang: str) -> str:
    """The page that lists the adapters by kind, with what devices of a kind feed and the commands they take."""
    page = Page(lang)
    parts = [f"# {page.word('adapters')}", page.word("adapters_are")]
    for kind, about in facts.kinds.items():
        feeds = page.names(f"[`{one}`](../streams/{one}.md)" for one in about["feeds"]) or page.word("none")
        takes = [f"[`{one}`](../streams/{one}.md)" + page.aside(page.word(f"rule_{rule}")) for one, rule in about["takes"].items()]
        drivers = [entry for entry in facts.adapters.values() if entry["kind"] == kind]
        rows = [(f"[`{e.id}`]({e.id}.md)", page.said(e.facts), e["purpose_zh" if lang == "zh" else "purpose_en"]) for e in drivers]
        told = [f"- {page.word('feeds')}{page.colon}{feeds}", f"- {page.word('takes')}{page.colon}{page.names(takes) or page.word('none')}"]
        parts += [f"## {kind}", f"**{page.said(about)}**", "\n".join(told), page.table(("driver", "meaning", "note"), rows)]
    return whole(parts)
