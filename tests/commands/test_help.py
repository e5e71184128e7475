"""Help and complaints of the command line as a newcomer reads them, in either language."""

import argparse
import re

import pytest

from storeloom.core.arguments.complaints import complaint
from storeloom.core.arguments.formatter import width, wrapped
from storeloom.core.cli import build_parser
from storeloom.core.pages.commands import commands_of

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def parsers():
    return {lang: {"": build_parser(lang), **commands_of(build_parser(lang))} for lang in ("en", "zh")}


def test_every_word_of_help_is_of_its_language(parsers):
    """Values of options may be of either; what is said of them is not."""
    told = {lang: {name: parser.format_help() for name, parser in known.items()} for lang, known in parsers.items()}
    assert not [name for name, text in told["en"].items() if CHINESE.search(text)]
    assert not [name for name, text in told["zh"].items() if re.search("usage:|positional|options:|show this help", text)]
    texts = [(name, one.help) for name, parser in parsers["zh"].items() for one in parser._actions if one.help]
    assert len(texts) > 250 and not [at for at in texts if not CHINESE.search(at[1])]


def test_every_action_of_a_command_says_what_it_does(parsers):
    for known in parsers.values():
        for name, parser in known.items():
            for one in parser._actions:
                if one.choices and not one.option_strings and not isinstance(one, argparse._SubParsersAction):
                    told = [line.split()[0].rstrip(":") for line in one.help.splitlines()]
                    assert told == list(one.choices) and all(": " in line for line in one.help.splitlines()), name


def test_the_help_tells_where_to_begin(parsers):
    text = parsers["zh"][""].format_help()
    assert text.startswith("用法：storeloom") and "storeloom show smart_cart   查看一个方案" in text and "退出码：0 正常" in text
    assert parsers["en"][""].format_help().rstrip().endswith("Language: --lang, else the system's.")


@pytest.mark.parametrize(
    ("said", "en", "zh"),
    [
        (
            "argument ACTION: invalid choice: 'chek' (choose from 'new', 'check')",
            "ACTION cannot be 'chek' (did you mean check?). Allowed: new, check",
            "ACTION 不能为“chek”（是否想写 check？）。可选：new、check",
        ),
        (
            "unrecognized arguments: --dat=x y",
            "there is no option --dat (did you mean --data?). Options: --data, --lang",
            "没有选项 --dat（是否想写 --data？）。可用选项：--data、--lang",
        ),
        ("unrecognized arguments: b c", "more was given than the command takes: b c", "多出的参数：b c"),
        ("the following arguments are required: BUNDLE, --data", "missing: BUNDLE, --data", "缺少：BUNDLE, --data"),
        ("argument --days: must be >= 1, got 0", "--days must be >= 1, got '0'", "--days 须 >= 1，当前为“0”"),
        ("argument --seed: invalid int value: 'x'", "--seed must be a number, got 'x'", "--seed 须为数字，当前为“x”"),
        ("argument --data: expected one argument", "--data needs a value", "--data 缺少取值"),
        ("argument --json: ignored explicit argument '5'", "--json takes no value, got '5'", "--json 不接受取值，当前为“5”"),
        (
            "ambiguous option: --s could match --start, --seed",
            "--s is short for several options: --start, --seed",
            "--s 可指多个选项：--start, --seed",
        ),
    ],
)
def test_a_complaint_says_what_was_given_and_what_may_be(said, en, zh):
    assert complaint(said, ("--data", "--lang")) == {"en": en, "zh": zh}


def test_an_option_that_is_not_there_is_told_by_its_own_command(call):
    told = call("plugin", "sign", "--keey", "f", "--vendor", "v", "--key", "k", "--output", "o").err
    assert "there is no option --keey (did you mean --key?)" in told and "See: storeloom plugin sign --help" in told
    assert "missing: ACTION" in call("plugin", "--lang", "en").err and "缺少：ACTION" in call("plugin", "--lang", "zh").err


def test_lines_are_parted_by_the_columns_that_they_take():
    text = "  数据库（默认 DATABASE_URL，否则为目录内的 SQLite），用于测量。"
    lines = wrapped(text, 20)
    assert all(width(line) <= 20 and line.startswith("  ") for line in lines)
    assert len(lines) > 2 and re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
    assert not [line for line in lines if re.match(r"\s*[，。）]", line)]
    assert wrapped("one two\nthree", 5) == ["one", "two", "three"]
