"""How the command line is read: its complaints as findings, its words in the reader's language, types of options."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from storeloom.core.arguments.complaints import complaint
from storeloom.core.arguments.formatter import ChineseFormatter, Formatter
from storeloom.core.kernel.errors import Finding, MisuseFault


class Parser(argparse.ArgumentParser):
    """An argument parser that speaks either language and raises its complaints, so that they read like every other finding."""

    def __init__(self, *, lang: str = "en", **more: Any) -> None:
        super().__init__(formatter_class=ChineseFormatter if lang == "zh" else Formatter, add_help=False, **more)
        if lang == "zh":
            self._positionals.title, self._optionals.title = "参数", "选项"
        self.add_argument("-h", "--help", action="help", help="显示本帮助" if lang == "zh" else "show this help")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but words of a list may stand behind options too, and what a command does not take is its own complaint, not the
        whole command line's."""
        known, others = super().parse_known_args(args, namespace)
        takes = next((one for one in reversed(self._actions) if not one.option_strings and one.nargs == "*"), None)
        if others and takes and not getattr(known, takes.dest) and not any(word.startswith("-") for word in others):
            setattr(known, takes.dest, self._get_values(takes, others))
            return known, []
        if others:
            self.error(f"unrecognized arguments: {' '.join(others)}")
        return known, others

    def error(self, message: str) -> NoReturn:
        """Raise MisuseFault for what argparse complains of."""
        options = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
        raise MisuseFault(Finding("SL-CLI-01", {"reason": complaint(message, options), "command": self.prog}))


def language(argv: Sequence[str]) -> str:
    """zh or en: what `--lang` says, else the locale."""
    for index, word in enumerate(argv):
        if word == "--lang" and index + 1 < len(argv) and argv[index + 1] in ("zh", "en"):
            return argv[index + 1]
        if word in ("--lang=zh", "--lang=en"):
            return word[-2:]
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.startswith("zh") else "en"


def whole(least: int) -> Callable[[str], int]:
    """The type of an option: a whole number, not below `least`."""

    def number(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be >= {least}, got {text}")
        return int(text)

    return number


def positive(text: str) -> float:
    """The type of an option: a number above zero."""
    if not re.fullmatch(r"\d{1,9}(\.\d+)?|\.\d+", text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"must be > 0, got {text}")
    return float(text)


class Commands:
    """The commands of a command line in one language. A `target` is `module:function` under `core/commands/`."""

    def __init__(self, parser: argparse.ArgumentParser, lang: str, metavar: str = "COMMAND") -> None:
        self._zh, self._lang = lang == "zh", lang
        self._commands = parser.add_subparsers(dest=metavar.lower(), metavar=metavar, required=True)
        self._groups: list[Commands] = []
        self._leaves: list[argparse.ArgumentParser] = []
        self._parents: list[argparse.ArgumentParser] = []

    def command(self, name: str, target: str, en: str, words: str) -> argparse.ArgumentParser:
        """A new command; `en` and `words` (zh) say what it does."""
        sub = self._added(name, en, words)
        sub.set_defaults(target=target)
        self._leaves.append(sub)
        return sub

    def group(self, name: str, en: str, words: str) -> Commands:
        """A new command whose actions are commands of their own, each with its own options."""
        self._parents.append(self._added(name, en, words))
        self._groups.append(Commands(self._parents[-1], self._lang, "ACTION"))
        return self._groups[-1]

    def actions(self, sub: argparse.ArgumentParser, known: Mapping[str, tuple[str, str]], name: str = "action") -> None:
        """What a command can be told to do, as its first argument: each word and what goes with it, with what it does (en, zh)."""
        told = "\n".join(f"{words}: {texts[self._zh]}" for words, texts in known.items())
        sub.add_argument(name, choices=tuple(words.split()[0] for words in known), metavar=name.upper(), help=told)

    def option(self, sub: argparse.ArgumentParser, *names: str, en: str, words: str, **more: Any) -> None:
        """An option or argument of a command."""
        if more.get("nargs") == "*":
            more.setdefault("default", [])  # else argparse calls it required where something else is missing
        sub.add_argument(*names, help=words if self._zh else en, **more)

    def finish(self) -> None:
        """What every command can: print JSON, speak either language."""
        for sub in self._leaves:
            self.option(sub, "--json", action="store_true", en="print JSON", words="输出 JSON")
            self.option(sub, "--lang", choices=("zh", "en"), en="language of the output", words="输出语言")
        for group in self._groups:
            group.finish()
        for sub in self._parents:
            self.option(sub, "--lang", choices=("zh", "en"), en="language of the output", words="输出语言")

    def _added(self, name: str, en: str, words: str) -> argparse.ArgumentParser:
        text = words if self._zh else en
        sub: argparse.ArgumentParser = self._commands.add_parser(name, lang=self._lang, help=text, description=text)
        return sub
