"""What argparse complains of, as a person would say it in either language: what was given, what may be, what was perhaps meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Words = tuple[str, str]


def complaint(message: str, options: Sequence[str] = ()) -> dict[str, str]:
    """A complaint of argparse's in English and Chinese; its own words where they are none of the known ones.

    `options` are those that the command takes, for what was perhaps meant.
    """
    told = message.rstrip(".")
    for pattern, say in KINDS:
        found = re.fullmatch(pattern, told, re.S)
        if found:
            en, zh = say(*found.groups(), options)
            return {"en": en, "zh": zh}
    return {"en": told, "zh": told}


def _choice(name: str, value: str, choices: str, _: Sequence[str]) -> Words:
    given, known = value.strip("'\""), re.findall(r"[^\s,'\"]+", choices)
    en, zh = _meant(given, known)
    return f"{name} cannot be '{given}'{en}. Allowed: {', '.join(known)}", f"{name} 不能为“{given}”{zh}。可选：{'、'.join(known)}"


def _unknown(words: str, options: Sequence[str]) -> Words:
    given = words.split()
    option = given[0].partition("=")[0]
    if option.startswith("-"):
        en, zh = _meant(option, options)
        return f"there is no option {option}{en}. Options: {', '.join(options)}", f"没有选项 {option}{zh}。可用选项：{'、'.join(options)}"
    return f"more was given than the command takes: {words}", f"多出的参数：{words}"


def _meant(given: str, known: Sequence[str]) -> Words:
    import difflib

    close = difflib.get_close_matches(given, known, n=1, cutoff=0.6)
    return (f" (did you mean {close[0]}?)", f"（是否想写 {close[0]}？）") if close else ("", "")


def _plain(en: str, zh: str) -> Callable[..., Words]:
    """Words around what the pattern found."""
    return lambda *found: (en.format(*found), zh.format(*found))


KINDS: tuple[tuple[str, Callable[..., Words]], ...] = (
    (r"argument (.+?): invalid choice: (.+) \(choose from (.+)\)", _choice),
    (r"unrecognized arguments: (.+)", _unknown),
    (r"the following arguments are required: (.+)", _plain("missing: {0}", "缺少：{0}")),
    (r"argument (.+?): must be (.+), got (.*)", _plain("{0} must be {1}, got '{2}'", "{0} 须 {1}，当前为“{2}”")),
    (r"argument (.+?): invalid (?:int|float) value: '(.*)'", _plain("{0} must be a number, got '{1}'", "{0} 须为数字，当前为“{1}”")),
    (r"argument (.+?): expected (?:one|at least one) argument", _plain("{0} needs a value", "{0} 缺少取值")),
    (r"argument (.+?): ignored explicit argument '(.*)'", _plain("{0} takes no value, got '{1}'", "{0} 不接受取值，当前为“{1}”")),
    (r"ambiguous option: (.+?) could match (.+)", _plain("{0} is short for several options: {1}", "{0} 可指多个选项：{1}")),
)
