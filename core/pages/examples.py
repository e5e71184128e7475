"""The examples of hand-written pages: what stands in their fenced blocks is read, and what does not hold is told.

Tutorials are followed block by block (tests/docs); of every other page each block of data must be readable, each block of Python must
compile, and each command of a block, and every one of its options, must be one that the command line takes.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from storeloom.core.pages.commands import commands_of
from storeloom.core.pages.fences import Fence, fences

READERS: dict[str, Callable[[str], Any]] = {
    "json": json.loads,
    "python": lambda text: compile(text, "example", "exec"),
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
COMMANDS = ("", "bash", "console", "sh")
SHOWN = ("text",)
PROGRAM = "storeloom"


def faults(markdown: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """What does not hold of a page's examples, each with its line; `parser` is that of the command line."""
    for block in fences(markdown):
        if block.end is None:
            yield f"line {block.line}: the block has no end"
        elif block.language in READERS:
            try:
                READERS[block.language](block.text)
            except (SyntaxError, ValueError, yaml.YAMLError) as error:
                yield f"line {block.line}: {block.language} that cannot be read: {error}"
        elif block.language in COMMANDS:
            yield from _commands(block, parser)
        elif block.language not in SHOWN:
            known = ", ".join((*READERS, *COMMANDS[1:], *SHOWN))
            yield f"line {block.line}: nothing tests a block of {block.language}; tested or shown are: {known}"


def _commands(block: Fence, parser: argparse.ArgumentParser) -> Iterator[str]:
    known = commands_of(parser)
    text = block.text.replace("\\\n", " ")
    for number, line in enumerate(text.splitlines(), block.line + 1):
        for piece in re.split(r"&&|\||;", re.sub(r"\s#.*", "", line.removeprefix("$ "))):
            words = piece.split()
            if words[:1] != [PROGRAM]:
                continue
            if len(words) == 1 or words[1].startswith("-"):
                continue
            if words[1] not in known:
                yield f"line {number}: no command storeloom {words[1]}"
                continue
            parts = 2 if " ".join(words[1:3]) in known else 1
            name = " ".join(words[1 : 1 + parts])
            yield from (f"line {number}: {fault}" for fault in _command(name, words[1 + parts :], known[name]))


def _command(name: str, words: list[str], parser: argparse.ArgumentParser) -> Iterator[str]:
    """What a command does not take of these words: its action, its options. A word in capitals stands for a value of the reader's."""
    options = {option for action in parser._actions for option in action.option_strings}
    first = next((action for action in parser._actions if not action.option_strings), None)
    if words and first is not None and first.choices is not None and not words[0].startswith("-") and not words[0].isupper():
        choices = [str(choice) for choice in first.choices]
        if words[0] not in choices:
            yield f"storeloom {name} has no {words[0]}; it has {', '.join(choices)}"
    for word in words:
        option = re.match(r"\[?(--?[a-z][\w-]*)", word)
        if option and option[1] not in options:
            yield f"storeloom {name} has no option {option[1]}"
