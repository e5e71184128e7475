"""The pages of the control plane's API, from its OpenAPI document: each operation with path, scope, parameters, body, answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.core.pages.page import Page, anchor, contents, whole
from storeloom.core.pages.shapes import Shapes

OPEN = "anybody"


@dataclass(frozen=True)
class Api:
    """What the pages of the API are made from: its OpenAPI document, the scopes of each role, the titles of problems by status (en, zh)."""

    document: Mapping[str, Any]
    roles: Mapping[str, frozenset[str]]
    problems: Mapping[int, tuple[str, str]]

    @property
    def prefix(self) -> str:
        """What all paths begin with, as `/api/v1`."""
        return "/".join(next(iter(self.document["paths"])).split("/")[:3])

    def operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Every operation: its method, its path, what the document says of it."""
        for path, methods in self.document["paths"].items():
            yield from ((method.upper(), path, operation) for method, operation in methods.items())


def heading(api: Api, method: str, path: str) -> str:
    """The heading of an operation, alike in all languages: `GET /stores/{store}`."""
    return f"{method} {path.removeprefix(api.prefix)}"


class ResourcePage(Page):
    """All operations of one resource in one language."""

    def __init__(self, api: Api, resource: str, lang: str) -> None:
        super().__init__(lang)
        self.api, self.resource = api, resource
        self.shapes = Shapes(lang, api.document)

    def markdown(self) -> str:
        """The page."""
        mine = [one for one in self.api.operations() if self.resource in one[2]["tags"]]
        return whole([f"# {self.word(f'r_{self.resource}')}", *(self._operation(*one) for one in mine)])

    def _operation(self, method: str, path: str, operation: Mapping[str, Any]) -> str:
        scope = operation["x-scope"]
        told = [f"- {self.word('scope')}{self.colon}{self.word('anybody') if scope == OPEN else f'`{scope}`'}"]
        told += [f"- {self.word('operation')}{self.colon}`{operation['operationId']}`"]
        summary = operation["x-summary-zh" if self.lang == "zh" else "summary"]
        parts = [f"## {heading(self.api, method, path)}", f"**{summary}**", f"```text\n{method} {path}\n```", "\n".join(told)]
        if operation["parameters"]:
            parts.append(f"{self.word('parameters')}{self.colon.rstrip()}\n\n{self._parameters(operation['parameters'])}")
        if "requestBody" in operation:
            parts.append(f"{self.word('body')}{self.colon}{self._content(operation['requestBody']['content'])}")
        parts += [f"{self.word('answer')}{self.colon}{text}" for text in self._answers(operation["responses"])]
        return "\n\n".join(parts)

    def _parameters(self, parameters: list[Mapping[str, Any]]) -> str:
        rows = []
        for one in parameters:
            kind = self.semicolon.join(filter(None, (self.shapes.kind(one["schema"]), self.shapes.limits(one["schema"]))))
            default = one["schema"].get("default")
            kind += f"{self.semicolon}{self.word('default_is', value=f'`{default}`')}" if default is not None else ""
            rows.append((f"`{one['name']}`", self.word(f"in_{one['in']}"), kind, self.word("yes" if one["required"] else "no")))
        return self.table(("parameter", "stands_in", "type", "needed"), rows)

    def _content(self, content: Mapping[str, Any]) -> str:
        media, facts = next(iter(content.items()))
        if media != "application/json":
            return self.word("body_bytes", media=media)
        return f"`{media}`\n\n{self.shapes.fields(facts['schema']) or self.word('no_fields')}"

    def _answers(self, responses: Mapping[str, Any]) -> Iterator[str]:
        for status, response in responses.items():
            if status == "default":
                continue
            if "content" not in response:
                yield self.word("answer_empty", status=status)
                continue
            media, facts = next(iter(response["content"].items()))
            if media != "application/json":
                yield self.word("answer_bytes", status=status, media=media)
            else:
                fields = self.shapes.fields(facts["schema"])
                yield f"{self.word('answer_form', status=status)}\n\n{fields}" if fields else self.word("answer_any", status=status)


def api_pages(api: Api, lang: str) -> dict[str, str]:
    """The pages of the API by their place in the site."""
    page = Page(lang)
    names = [tag["name"] for tag in api.document["tags"]]
    pages = {f"api/{name}.md": ResourcePage(api, name, lang).markdown() for name in names}
    told = page.word("api_is", version=api.document["info"]["version"], prefix=api.prefix, errors="../errors/index.md")
    parts = [f"# {page.word('api')}", told]
    for name in names:
        rows = []
        for method, path, operation in api.operations():
            if name in operation["tags"]:
                title = heading(api, method, path)
                summary = operation["x-summary-zh" if lang == "zh" else "summary"]
                scope = page.word("anybody") if operation["x-scope"] == OPEN else f"`{operation['x-scope']}`"
                rows.append((f"[{title}]({name}.md#{anchor(title)})", summary, scope))
        parts += [f"## {page.word(f'r_{name}')}", page.table(("operation", "does", "scope"), rows)]
    roles = [(f"`{role}`", page.names(f"`{scope}`" for scope in sorted(scopes))) for role, scopes in api.roles.items()]
    parts.append(page.section("scopes_of_roles", page.table(("role", "scope"), roles)))
    parts.append(page.section("problems", _problems(api, page)))
    pages["api/index.md"] = whole([*parts, contents(f"{name}.md" for name in names)])
    return pages


def _problems(api: Api, page: Page) -> str:
    media, facts = next(iter(api.document["components"]["responses"]["problem"]["content"].items()))
    titles = "\n".join(f"- `{status}` {words[page.lang == 'zh']}" for status, words in api.problems.items())
    return f"{page.word('problems_are', media=media)}\n\n{Shapes(page.lang, api.document).fields(facts['schema'])}\n\n{titles}"
