"""The pages of a stream and of a table, from their schemas and from who declares them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Entry
from storeloom.core.pages.facts import Facts
from storeloom.core.pages.page import Page, whole
from storeloom.core.pages.shapes import Shapes, least


class _Contract(Page):
    """What streams' and tables' pages share."""

    def __init__(self, facts: Facts, name: str, schema: Mapping[str, Any], lang: str) -> None:
        super().__init__(lang)
        self.facts, self.name, self.schema = facts, name, schema

    def _head(self) -> list[str]:
        return [f"# {self.name}", f"**{self.titled(self.schema)}**", self.helped(self.schema)]

    def _fields(self) -> str:
        return self.section("fields", Shapes(self.lang, self.schema).fields(self.schema))

    def _solutions(self, found: Iterable[tuple[Entry, bool]]) -> str:
        lines = []
        for entry, needed in found:
            told = "" if needed else self.aside(self.word("optional"))
            lines.append(f"- [{self.said(entry.facts)}](../solutions/{entry.id}.md) `{entry.id}`{told}")
        return "\n".join(lines)

    def _example(self, value: Any, source: str) -> str:
        text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
        return self.section("example", f"{source}\n\n```json\n{text}\n```")


class StreamPage(_Contract):
    """A stream's page in one language."""

    def __init__(self, facts: Facts, stream: str, lang: str) -> None:
        super().__init__(facts, stream, schemas.load(schemas.stream_file(stream)), lang)

    def markdown(self) -> str:
        """The page."""
        makers, takers = self.facts.declaring("produces", self.name), self.facts.declaring("consumes", self.name)
        parts = [*self._head(), self._nature(), self._fields()]
        parts.append(self.section("made_by", self._solutions((entry, True) for entry, _ in makers)))
        if not self.schema["x-command"]:
            parts.append(self.section("fed_by", self._kinds("feeds")))
        parts.append(self.section("taken_by", self._solutions(takers)))
        parts.append(self.section("carried_by", self._kinds("takes")) if self._kinds("takes") else "")
        return whole([*parts, self._shown()])

    def _nature(self) -> str:
        facts = {"nature": self.word("command" if self.schema["x-command"] else "fact"), "group": self.word(f"g_{self.schema['x-group']}")}
        if "x-epcis" in self.schema:
            facts["standard"] = self.schema["x-epcis"]
        if "x-queue" in self.schema:
            queue = self.schema["x-queue"]
            told = self.word(f"queue_{queue['policy']}", **queue)
            facts["queue"] = self.names([told, self.word("queue_per", field=queue["per"])] if "per" in queue else [told])
        return "\n".join(f"- {self.word(key)}{self.colon}{value}" for key, value in facts.items())

    def _kinds(self, way: str) -> str:
        lines = []
        for kind, facts in self.facts.kinds.items():
            if self.name in facts[way]:
                rule = f"{self.colon}{self.word('rule_' + facts['takes'][self.name])}" if way == "takes" else ""
                lines.append(f"- [{self.said(facts)}](../adapters/index.md#{kind}) `{kind}`{rule}")
        return "\n".join(lines)

    def _shown(self) -> str:
        if self.name not in self.facts.examples:
            return self._example(least(self.schema), self.word("example_made"))
        entry, data = self.facts.examples[self.name]
        return self._example(data, self.word("example_of", title=self.said(entry.facts), link=f"../solutions/{entry.id}.md"))


class TablePage(_Contract):
    """A table's page in one language; `row` is one of the virtual store's."""

    def __init__(self, facts: Facts, table: str, lang: str, row: Mapping[str, Any] | None) -> None:
        super().__init__(facts, table, schemas.load(schemas.table_file(table)), lang)
        self.row = row

    def markdown(self) -> str:
        """The page."""
        told = [f"- {self.word('key_of')}{self.colon}{self.names(f'`{key}`' for key in self.schema['x-key'])}"]
        told += [f"- {self.word('fullest')}{self.colon}{self.names(f'`{key}`' for key in self.schema['x-full'])}"]
        told += [f"- {self.word('valid')}"] if self.schema["x-valid"] else []
        readers = self.section("read_by", self._solutions(self.facts.declaring("reads", self.name)))
        row, source = (self.row, "example_store") if self.row else (least(self.schema), "example_made")
        return whole([*self._head(), "\n".join(told), self._fields(), readers, self._example(row, self.word(source))])


def stream_index(lang: str) -> str:
    """The page that lists the streams, by group."""
    page = Page(lang)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for stream, command in schemas.streams().items():
        schema = schemas.load(schemas.stream_file(stream))
        row = (f"[`{stream}`]({stream}.md)", page.titled(schema), page.helped(schema), page.word("command" if command else "fact"))
        groups.setdefault(schema["x-group"], []).append(row)
    parts = [f"# {page.word('streams')}", page.word("streams_are")]
    for group, rows in groups.items():
        parts.append(page.section(f"g_{group}", page.table(("stream", "meaning", "note", "nature"), rows)))
    return whole(parts)


def table_index(lang: str) -> str:
    """The page that lists the tables."""
    page = Page(lang)
    rows = []
    for table, keys in schemas.tables().items():
        schema = schemas.load(schemas.table_file(table))
        rows.append((f"[`{table}`]({table}.md)", page.titled(schema), page.helped(schema), page.names(f"`{key}`" for key in keys)))
    return whole([f"# {page.word('tables')}", page.word("tables_are"), page.table(("tables", "meaning", "note", "key_of"), rows)])
