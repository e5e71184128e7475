"""The blocks of a page, what is refused in one, and a reader who follows it."""

import pytest

from storeloom.core.pages.tutorial import TutorialFault, blocks, listed, pattern
from tests.docs.following import Reader

PAGE = """# A page

Write this as `a/b.toml`:

<!-- file: a/b.toml -->
```toml
x = 1
```

and this behind it, in `b.toml`:

<!-- add to: a/b.toml -->
```toml
y = 2
```

<!-- ends with 3 -->
<!-- numbers vary -->
```console
$ cat a/b.toml
x = 1
...
$ echo 12 s of \\
> 3.5 &&
> return 3
7 s of 1,024
```

<!-- not run: needs a printer -->
```ini
[Service]
```
"""


def test_what_becomes_of_each_block_stands_in_the_page():
    first, second, third, fourth = blocks(PAGE)
    assert (first.language, first.text, first.file, first.adds, first.line) == ("toml", "x = 1\n", "a/b.toml", False, 6)
    assert (second.file, second.adds) == ("a/b.toml", True)
    assert (third.exit_code, third.numbers_vary, third.tested) == (3, True, True)
    assert [step.command for step in third.steps] == ["cat a/b.toml", "echo 12 s of \\\n3.5 &&\nreturn 3"]
    assert [step.output for step in third.steps] == ["x = 1\n...\n", "7 s of 1,024\n"]
    assert (fourth.tested, fourth.reason) == (False, "needs a printer")


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("```toml\nx = 1\n```", "line 1: a block of toml is a file (<!-- file: NAME -->) or not run (<!-- not run: WHY -->)"),
        ("```\nx\n```", "line 1: a block of no language is a file"),
        ("Save it:\n\n<!-- file: b.toml -->\n```toml\n```", "line 4: the paragraph above does not name the file `b.toml`"),
        ("<!-- ends with 1 -->\n```console\nstoreloom\n```", "line 3: a console block begins with a command: $ ..."),
        ("```console\n```", "line 1: a console block without a command"),
        ("<!-- ends in 1 -->\n```console\n$ x\n```", "line 2: the comment above says nothing known: 'ends in 1'"),
        ("x\n```console\n$ x\n", "line 2: the block has no end"),
    ],
)
def test_a_block_of_which_it_is_not_clear_is_refused(tmp_path, page, fault):
    file = tmp_path / "page.md"
    file.write_text(page, encoding="utf-8")
    with pytest.raises(TutorialFault) as told:
        listed(file)
    assert str(told.value).startswith(f"{file}, {fault}")


def test_an_output_must_come_as_it_stands_but_for_what_is_left_open():
    assert pattern("a b\n...\nz\n").fullmatch("a b\nanything\nat all\nz")
    assert not pattern("a b\n").fullmatch("a b c")
    assert not pattern("").fullmatch("an error")
    assert not pattern("12 s").fullmatch("13 s")
    varying = pattern("12 s  over 1,024.5 MB", numbers_vary=True)
    assert varying.fullmatch("7.25 s over 3 MB") and not varying.fullmatch("many s over 3 MB")


@pytest.fixture
def reader(tmp_path):
    one = Reader(tmp_path, "zh", longest_s=5)
    yield one
    one.close()


def page(reader, text):
    return [line for block in blocks(text) for line in reader.follow(block)]


def test_a_reader_has_one_folder_one_shell_and_the_languages_of_the_page(reader):
    assert page(reader, PAGE) == ["x = 1\ny = 2", "12 s of 3.5"]
    said = page(reader, "```console\n$ export A=5; cd a\n```\n```console\n$ echo $A; pwd; storeloom goals nothing | cat\n...\n```\n")
    assert said[1].startswith("5\n/home/me/work/a\n") and "没有名为“nothing”的目标" in said[1]
    assert page(reader, "```python\nx = 2\n```\n\n```python\nassert x == 2\n```\n") == ["", ""]


def test_what_does_not_hold_is_told_with_its_line(reader):
    with pytest.raises(AssertionError, match="line 2: echo a\n-- stands there:\nb\n-- came:\na"):
        page(reader, "```console\n$ echo a\nb\n```")
    with pytest.raises(AssertionError, match="line 2: false\nended with 1, not with 0"):
        page(reader, "```console\n$ false\n```")
    with pytest.raises(AssertionError, match="outside the reader's folder"):
        page(reader, "`../../x`\n\n<!-- file: ../../x -->\n```text\n```")
    with pytest.raises(AssertionError, match="sleep 9\ntook over 5 s"):
        page(reader, "```console\n$ sleep 9\n```")


def test_a_server_goes_on_behind_and_a_port_of_the_page_is_a_free_one(reader):
    serve = "python -u -m http.server --bind 127.0.0.1 ${A##*:}"
    page(reader, f"```console\n$ A=127.0.0.1:8080\n$ {serve} &\nServing HTTP on 127.0.0.1 port ...\n```")
    ask = "curl -s -o /dev/null -w '%{http_code} %{url_effective}\\n' http://127.0.0.1:8080/"
    assert page(reader, f"<!-- within 5 s -->\n```console\n$ {ask}\n200 http://127.0.0.1:8080/\n```") == ["200 http://127.0.0.1:8080/"]
    page(reader, "```console\n$ kill %1\n$ true\n```")
    with pytest.raises(AssertionError, match="did not print what stands there"):
        reader.longest_s = 0.5
        page(reader, "```console\n$ sleep 5 &\nready\n```")
