"""How the command line is read: its complaints as findings, its words in the reader's language, types of options."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from storeloom.core.kernel.errors import Finding, MisuseFault


class Parser(argparse.ArgumentParser):
    """An argument parser that raises its complaints, so that they read like every other finding."""

    def error(self, message: str) -> NoReturn:
        reason = message.rstrip(".")
        raise MisuseFault(Finding("SL-CLI-01", {"reason": {"en": reason, "zh": complaint_zh(reason)}, "command": self.prog}))


COMPLAINTS_ZH = (
    (r"the following arguments are required: (.+)", r"缺少参数：\1"),
    (r"unrecognized arguments: (.+)", r"未知的参数：\1"),
    (r"argument (.+?): invalid choice: (.+) \(choose from (.+)\)", r"参数 \1 不能为 \2（可选：\3）"),
    (r"argument (.+?): invalid (?:int|float) value: (.+)", r"参数 \1 应为数字，当前为 \2"),
    (r"argument (.+?): must be (.+), got (.*)", r"参数 \1 须 \2，当前为 \3"),
    (r"argument (.+?): expected (?:one|at least one) argument", r"参数 \1 缺少取值"),
)


def complaint_zh(reason: str) -> str:
    """What argparse complains of, in Chinese; its own words where they are others."""
    for pattern, words in COMPLAINTS_ZH:
        if re.fullmatch(pattern, reason):
            return re.sub(pattern, words, reason)
    return reason


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

    def command(self, name: str, target: str, en: str, words: str) -> argparse.ArgumentParser:
        """A new command; `en` and `words` (zh) say what it does."""
        sub = self._added(name, en, words)
        sub.set_defaults(target=target)
        self._leaves.append(sub)
        return sub

    def group(self, name: str, en: str, words: str) -> Commands:
        """A new command whose actions are commands of their own, each with its own options."""
        self._groups.append(Commands(self._added(name, en, words), self._lang, "ACTION"))
        return self._groups[-1]

    def option(self, sub: argparse.ArgumentParser, *names: str, en: str, words: str, **more: Any) -> None:
        """An option or argument of a command."""
        sub.add_argument(*names, help=words if self._zh else en, **more)

    def finish(self) -> None:
        """What every command can: print JSON, speak either language."""
        for sub in self._leaves:
            self.option(sub, "--json", action="store_true", en="print JSON", words="输出 JSON")
            self.option(sub, "--lang", choices=("zh", "en"), en="language of the output", words="输出语言")
        for group in self._groups:
            group.finish()

    def _added(self, name: str, en: str, words: str) -> argparse.ArgumentParser:
        text = words if self._zh else en
        sub: argparse.ArgumentParser = self._commands.add_parser(name, help=text, description=text)
        return sub
