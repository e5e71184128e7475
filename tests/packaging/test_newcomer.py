"""The README's commands exist, with those options; `make newcomer` runs each of them in a fresh clone."""

import re

import pytest

from storeloom.core.cli import build_parser
from storeloom.core.kernel.errors import MisuseFault
from tests.packaging.newcomer import CASES, case_of
from tests.packaging.readme import ROOT, commands, readme

LINES = [" ".join(words) for words in readme()]


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_readme_can_be_given(line):
    words = line.split()
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), f"no target {words[1]}"
    else:
        try:
            build_parser("en").parse_args(words[1:])
        except MisuseFault as fault:
            pytest.fail(f"{line}: {fault}")


def test_each_has_its_case_and_each_case_its_command():
    used = {case_of(line.split()).words for line in LINES}
    assert len(LINES) > 15 and used == {case.words for case in CASES}


def test_files_and_folders_that_the_readme_names_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r"^\| `([a-z_]+/[a-z_/]*)`", text, re.M)
    assert len(links) > 20 and not [name for name in links if not (ROOT / name).exists()]


def test_commands_are_read_without_the_words_beside_them():
    page = (
        "```\nmake demo   # it\n```\ntext `make x`\n```console\n$ storeloom show 'a b'  # (--json)\nanswer\n```\n```toml\nmake = 1\n```\n"
    )
    assert commands(page) == [["make", "demo"], ["storeloom", "show", "a b"]]
