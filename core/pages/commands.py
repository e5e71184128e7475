"""The pages of the command line, from its argument parser: each command with its usage, arguments and options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from storeloom.core.pages.page import Page, contents, whole

SHARED = ("json", "lang", "help")


def commands_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The commands of a command line by name, those of a command by `COMMAND ACTION`."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:  # argparse has no public way to ask a parser what it takes
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                found[name] = sub
                found |= {f"{name} {inner}": one for inner, one in commands_of(sub).items()}
    return found


def file_of(command: str) -> str:
    """The name of a command's page."""
    return f"storeloom-{command.replace(' ', '-')}.md"


class CommandPage(Page):
    """A command's page in one language; `parser` speaks that language."""

    def __init__(self, command: str, parser: argparse.ArgumentParser, lang: str) -> None:
        super().__init__(lang)
        self.command, self.parser = command, parser

    def markdown(self) -> str:
        """The page."""
        usage = " ".join(self.parser.format_usage().removeprefix("usage: ").split())
        told = [one for one in self.parser._actions if one.dest != "help" and not isinstance(one, argparse._SubParsersAction)]
        arguments = [self._row(one) for one in told if not one.option_strings]
        options = [self._row(one) for one in told if one.option_strings]
        parts = [f"# storeloom {self.command}", str(self.parser.description), self.section("usage", f"```text\n{usage}\n```")]
        if arguments:
            parts.append(self.section("arguments", self.table(("argument", "meaning", "allowed"), arguments)))
        parts.append(self.section("options", self.table(("option", "meaning", "allowed"), options)))
        return whole(parts)

    def _row(self, one: argparse.Action) -> tuple[str, str, str]:
        value = _metavar(one)
        names = ", ".join(f"`{name}{' ' + value if value else ''}`" for name in one.option_strings) or f"`{value}`"
        return names, _filled(one), self._allowed(one)

    def _allowed(self, one: argparse.Action) -> str:
        found = [self.word("flag")] if one.option_strings and one.nargs == 0 else []
        if one.choices is not None:
            found.append(self.word("one_of", values=", ".join(f"`{choice}`" for choice in one.choices)))
        if one.nargs in ("?", "*", "+"):
            found.append(self.word(f"how_often_{one.nargs}"))
        if isinstance(one, argparse._AppendAction):
            found.append(self.word("repeated"))
        if one.required and one.option_strings:
            found.append(self.word("required"))
        if one.default not in (None, False, "", argparse.SUPPRESS):
            found.append(self.word("default_is", value=f"`{one.default}`"))
        return "; ".join(found)


def _metavar(one: argparse.Action) -> str:
    """How a value is written in the usage; empty where the option takes none."""
    if one.option_strings and one.nargs == 0:
        return ""
    if one.metavar is not None:
        return one.metavar if isinstance(one.metavar, str) else " ".join(one.metavar)
    return one.dest.upper() if one.option_strings else one.dest


def _filled(one: argparse.Action) -> str:
    """The help of an option with what argparse fills in."""
    facts: Mapping[str, Any] = {"default": one.default, "prog": "storeloom", "dest": one.dest}
    text = str(one.help or "").replace("\n", "; ")
    return text % facts if "%(" in text else text.replace("%%", "%")


def command_pages(parser: argparse.ArgumentParser, lang: str) -> dict[str, str]:
    """The pages of a command line by their place in the site; `parser` speaks `lang`."""
    found = commands_of(parser)
    pages = {f"commands/{file_of(name)}": CommandPage(name, sub, lang).markdown() for name, sub in found.items()}
    page = Page(lang)
    rows = [(f"[`storeloom {name}`]({file_of(name)})", str(sub.description or "")) for name, sub in found.items()]
    listed = page.table(("command_name", "does"), rows)
    below = contents(file_of(name) for name in found)
    pages["commands/index.md"] = whole([f"# {page.word('commands')}", page.word("commands_are"), listed, below])
    return pages
