"""Settings files: values, the line of every key, and one plain error for each way that a file can be wrong."""

import json
import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.core.kernel import documents
from storeloom.core.kernel.documents import DocumentError, parse_bytes, parse_json, parse_toml, parse_yaml, read

TOML = '''\
# a store
name = "Hu # 014"   # comment = 1
size.width_m = 20
"size".'depth m' = 30

[[solutions]]
type = "cold_chain"
config = {limit_c = 5.0, deep = {er = "}"}, list = [1, 2]}
note = """
fake = 1
""quoted" \\""""""
probes = [
  "p1", # ]
  # nothing = 3
  {id = "p2", places = [
    "a]",
  ]},
]

[solutions.store."x\\u0041.y"]
on = 1979-05-27 07:32:00

[[ solutions ]]
type = \'\'\'
[fake]
\'\'\'
[size."height"]
m=4
'''


def test_toml_lines():
    document = parse_toml(TOML, "store.toml")
    assert document.data == tomllib.loads(TOML)
    assert dict(document.lines) == {
        ("name",): 2,
        ("size",): 3,
        ("size", "width_m"): 3,
        ("size", "depth m"): 4,
        ("solutions",): 6,
        ("solutions", 0): 6,
        ("solutions", 0, "type"): 7,
        ("solutions", 0, "config"): 8,
        ("solutions", 0, "config", "limit_c"): 8,
        ("solutions", 0, "config", "deep"): 8,
        ("solutions", 0, "config", "deep", "er"): 8,
        ("solutions", 0, "config", "list"): 8,
        ("solutions", 0, "config", "list", 0): 8,
        ("solutions", 0, "config", "list", 1): 8,
        ("solutions", 0, "note"): 9,
        ("solutions", 0, "probes"): 12,
        ("solutions", 0, "probes", 0): 13,
        ("solutions", 0, "probes", 1): 15,
        ("solutions", 0, "probes", 1, "id"): 15,
        ("solutions", 0, "probes", 1, "places"): 15,
        ("solutions", 0, "probes", 1, "places", 0): 16,
        ("solutions", 0, "store"): 20,
        ("solutions", 0, "store", "xA.y"): 20,
        ("solutions", 0, "store", "xA.y", "on"): 21,
        ("solutions", 1): 23,
        ("solutions", 1, "type"): 24,
        ("size", "height"): 27,
        ("size", "height", "m"): 28,
    }


def test_toml_lines_of_a_windows_file():
    assert parse_bytes(b"\xef\xbb\xbfa = 1\r\n[b]\r\nc = '''\r\n'''\r\nd = 2\r\n", "w.TOML").line_of("b", "d") == 5


def test_json_lines_and_tabs():
    text = '{\n\t"a": {"b\\u0041": [1,\n\t\t{"c": "}\\"]"}]},\n\n"d": -1.5e3\n}'
    document = parse_json(text, "x.json")
    assert document.data == {"a": {"bA": [1, {"c": '}"]'}]}, "d": -1500.0}
    assert dict(document.lines) == {
        ("a",): 2,
        ("a", "bA"): 2,
        ("a", "bA", 0): 2,
        ("a", "bA", 1): 3,
        ("a", "bA", 1, "c"): 3,
        ("d",): 5,
    }


def test_yaml_lines():
    text = "# c\na:\n  - 1\n  - b: x\n    c: >\n      d: no\n'e f': {g: [h,\n i]}\n"
    document = parse_yaml(text, "x.yaml")
    assert document.data == {"a": [1, {"b": "x", "c": "d: no\n"}], "e f": {"g": ["h", "i"]}}
    assert dict(document.lines) == {
        ("a",): 2,
        ("a", 0): 3,
        ("a", 1): 4,
        ("a", 1, "b"): 4,
        ("a", 1, "c"): 5,
        ("e f",): 7,
        ("e f", "g"): 7,
        ("e f", "g", 0): 7,
        ("e f", "g", 1): 8,
    }


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("2026-03-02", "2026-03-02"),
        ("!!timestamp 2026-03-02", "2026-03-02"),
        ("22:00", "22:00"),
        ("014", "014"),
        ("no", "no"),
        ("on", "on"),
        ("=", "="),
        ("1_000", "1_000"),
        ("! 12", "12"),
        ("!!str 12", "12"),
        ("'12'", "12"),
        ("-12", -12),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("!!float 2", 2),
        ("True", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("!!null ''", None),
    ],
)
def test_yaml_scalars(written, value):
    found = parse_yaml(f"a: {written}\n", "x.yaml").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_yaml_keys_are_text_as_written():
    assert parse_yaml("on: 1\n014: 2\n2026-03-02: 3\n~: 4\n", "x.yml").data == {
        "on": 1,
        "014": 2,
        "2026-03-02": 3,
        "~": 4,
    }


@pytest.mark.parametrize(("text", "line"), [("? <<", 1), ("a: 1\n? <<\n", 2), ("<<:\nb: 1\n", 1), ("x:\n  <<: 1\n", 2)])
def test_a_merge_of_what_is_no_table_is_told_at_its_place(text, line):
    with pytest.raises(DocumentError) as caught:
        parse_yaml(text, "x.yaml")
    assert caught.value.line == line


def test_yaml_aliases_and_merges_keep_their_lines():
    text = "base: &b\n  limit: 5\n  grace: 9\none:\n  <<: *b\n  grace: 1\ntwo: [*b]\n"
    document = parse_yaml(text, "x.yaml")
    assert document.data["one"] == {"grace": 1, "limit": 5}
    assert document.data["two"] == [{"limit": 5, "grace": 9}]
    assert document.data["two"][0] is not document.data["base"]
    assert document.line_of("one", "limit") == 2
    assert document.line_of("one", "grace") == 6
    assert document.line_of("two", 0, "grace") == 3


def test_line_of_falls_back_to_the_nearest_parent():
    document = parse_toml("\n[a]\nb = [1]\n", "x.toml")
    assert document.line_of("a", "b", 0) == 3
    assert document.line_of("a", "b", 7, "c") == 3
    assert document.line_of("a", "z") == 2
    assert document.line_of("z") == document.line_of() == 1


@pytest.mark.parametrize("name", ["x.toml", "x.yaml", "x.yml"])
def test_an_empty_text_is_an_empty_table(name):
    assert parse_bytes(b"# nothing yet\n", name).data == {}


def test_a_document_marker_alone_is_an_empty_table():
    assert parse_yaml("---\n# nothing yet\n", "x.yaml").data == {}


DEEP = 100_000
LONG = "9" * 5000
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))


@pytest.mark.parametrize(
    ("name", "text", "kind", "line"),
    [
        ("x.toml", "a = 1\nb =\n", "syntax", 2),
        ("x.toml", "a = 1\n[b", "syntax", 2),
        ("x.toml", "a = 'x", "syntax", 1),
        ("x.toml", "a = 1\n\nb = 2\na = [\n]\n", "duplicate_key", 4),
        ("x.toml", "[a]\nb = 1\n[c]\n[a]\n", "duplicate_key", 4),
        ("x.toml", "a.b = 1\n[a]\n", "duplicate_key", 2),
        ("x.toml", "[[a]]\n[a]\n", "duplicate_key", 2),
        ("x.toml", "a = {b = 1}\na.c = 2\n", "duplicate_key", 2),
        ("x.toml", "x = [\n {a = 1, a = 2}]\n", "duplicate_key", 2),
        ("x.toml", "[a.b]\n[a]\nb.c = 1\n", "duplicate_key", 3),
        ("x.toml", f"a = 1\nb = {LONG}\n", "syntax", 2),
        ("x.toml", "a = " + "[" * DEEP, "syntax", None),
        ("x.toml", "b = 1\na = " + "[" * 150 + "]" * 150, "syntax", 2),
        ("x.toml", "\n" + ".".join("a" * 2000) + " = 1", "syntax", 2),
        ("x.json", "", "syntax", 1),
        ("x.json", '{"a": 1,\n}', "syntax", 2),
        ("x.json", '{"a": 1,\n"b": {"a": 2},\n"\\u0061": 3}', "duplicate_key", 3),
        ("x.json", '{"a":\nNaN}', "syntax", 2),
        ("x.json", '{"a":\n"\\ud800"}', "syntax", 2),
        ("x.json", f'{{"a":\n{LONG}}}', "syntax", 2),
        ("x.json", "[" * DEEP, "syntax", None),
        ("x.json", '{"a":\n' + "[" * 150 + "]" * 150 + "}", "syntax", 2),
        ("x.json", "\n[1]", "not_a_table", 2),
        ("x.yaml", "a: 1\nb: [\n\n", "syntax", 2),
        ("x.yaml", "a:\n\t- 1\n", "syntax", 2),
        ("x.yaml", "a: 1\nb:\n  a: 2\na: 3\n", "duplicate_key", 4),
        ("x.yaml", "a: 1\nb: *c\n", "syntax", 2),
        ("x.yaml", "a: &a\n - *a\n", "syntax", 2),
        ("x.yaml", "a: 1\n---\nb: 1\n", "syntax", 2),
        ("x.yaml", "a: 1\n? [b]\n: 2\n", "syntax", 2),
        ("x.yaml", "a: !!python/none x\n", "syntax", 1),
        ("x.yaml", "a: !!int x\n", "syntax", 1),
        ("x.yaml", "a: {<<: 3}\n", "syntax", 1),
        ("x.yaml", "é: 1\nb: \x01\n", "syntax", 2),
        ("x.yaml", f"a: 1\nb: {LONG}\n", "syntax", 2),
        ("x.yaml", "[" * DEEP, "syntax", 1),
        ("x.yaml", "\n" + "- " * DEEP, "syntax", 2),
        ("x.yaml", BOMB, "syntax", 1),
        ("x.yaml", "\n- 1\n", "not_a_table", 2),
        ("x.yaml", "null\n", "not_a_table", 1),
        ("x.ini", "a = 1", "wrong_suffix", None),
    ],
)
def test_errors(name, text, kind, line):
    with pytest.raises(DocumentError) as caught:
        parse_bytes(text.encode(), name)
    assert (caught.value.kind, caught.value.line, caught.value.path) == (kind, line, name)
    assert caught.value.reason
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["x.toml", "x.json", "x.yaml"])
def test_bytes_that_are_no_text(name):
    with pytest.raises(DocumentError) as caught:
        parse_bytes("é = 1\nü = ".encode() + b"\xff", name)
    assert str(caught.value) == f"{name}:2:5  The file is not UTF-8 text. Save it as UTF-8 in the editor."


def test_the_words_of_errors(tmp_path):
    with pytest.raises(DocumentError) as caught:
        parse_toml("[a]\nb = 1\n\nb = 2\n", "store.toml")
    assert str(caught.value) == "store.toml:4  The key 'a.b' is set twice, first in line 2. Keep one of the two."
    assert (caught.value.key, caught.value.first_line) == ("a.b", 2)
    with pytest.raises(DocumentError) as caught:
        parse_yaml("a:\n\té: 1\n", "store.yaml")
    assert caught.value.remedy == "Indent with spaces, not tabs"
    with pytest.raises(DocumentError) as caught:
        read(tmp_path / "none.toml")
    assert str(caught.value) == f"{tmp_path / 'none.toml'}  There is no such file. Check the name and the folder."


def test_read(tmp_path):
    file = tmp_path / "store.json"
    file.write_text('{"a": 1}')
    document = read(file)
    assert (document.path, document.data, document.lines) == (str(file), {"a": 1}, {("a",): 1})
    (tmp_path / "folder.toml").mkdir()
    for name, kind in (("folder.toml", "unreadable"), ("store.json/x.toml", "missing"), ("a\0.toml", "unreadable")):
        with pytest.raises(DocumentError) as caught:
            read(f"{tmp_path}/{name}")
        assert caught.value.kind == kind


def leaves(value, keys=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, item in items for leaf in leaves(item, (*keys, key))]
    return found or [keys]


def check_lines(text, name):
    """A text is refused or gives each leaf a line that shows its key, escapes aside."""
    try:
        document = documents.parse_bytes(text.encode("utf-8", "surrogatepass"), name)
    except DocumentError as refused:
        assert refused.line is None or 1 <= refused.line <= len(re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text))
        return None
    rows = re.split(r"\r\n|[\n\r\x85\u2028\u2029]" if name == "x.yaml" else "\n", text)
    for keys in leaves(document.data):
        if keys:
            row = rows[document.lines[keys] - 1]
            plain = not any(sign in text for sign in ("\\", "?", "''", "*", "\r"))
            assert not plain or isinstance(keys[-1], int) or keys[-1].split("\n")[0] in row
    json.dumps(document.data, default=str, ensure_ascii=False).encode()
    return document


TOML_BITS = [
    "a",
    "b.c",
    "'d'",
    '"e.f"',
    " = ",
    "=1",
    "\n",
    "\n",
    "[",
    "]",
    "[[a]]\n",
    "[b.c]\n",
    "{",
    "}",
    ", ",
    "#",
    '"""',
    "'''",
    "1979-05-27",
    '"x"',
]
JSON_BITS = ['"a"', '"b"', ": ", ",", "\n", "{", "}", "[", "]", "1", "null", '"\\ud800"', "NaN", "\t", "-1.5e3"]
YAML_BITS = [
    "a",
    "b",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&x ",
    "*x",
    "<<",
    "!!int ",
    "1",
    "'",
    '"',
    "#",
    "|",
    "? ",
    "---",
    "\t",
]


@settings(deadline=None, max_examples=300)
@given(st.data(), st.sampled_from([("x.toml", TOML_BITS), ("x.json", JSON_BITS), ("x.yaml", YAML_BITS)]))
def test_no_text_brings_a_traceback(data, case):
    name, bits = case
    check_lines("".join(data.draw(st.lists(st.sampled_from(bits) | st.text(max_size=3), max_size=25))), name)


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["x.toml", "x.json", "x.yaml"]))
def test_no_bytes_bring_a_traceback(raw, name):
    try:
        parse_bytes(raw, name)
    except DocumentError as refused:
        assert refused.kind in ("not_text", "syntax", "duplicate_key", "not_a_table")


names = st.text("ab-_0é .\n#'\"]}=", min_size=1, max_size=4)
plain = st.recursive(
    st.integers() | st.booleans() | st.text("a#'\"\n]}=,[é \\", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=15,
)
tables = st.dictionaries(names, plain, max_size=4)


def quoted(text, choice):
    if choice == 1 and not set(text) & set("'\n"):
        return f"'{text}'"
    if choice == 2 and text and "'''" not in text and text[0] != "\n" and text[-1] != "'":
        return f"'''{text}'''"
    if choice == 3 and '"""' not in text and "\\" not in text and text[-1:] != '"':
        return f'"""\n{text}"""'
    return json.dumps(text, ensure_ascii=False)


def toml_value(value, draw):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key, draw(1))} = {toml_value(item, draw)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        gap = ("", "\n", " # ]\n ")[draw(2)]
        return "[" + "".join(f"{gap}{toml_value(item, draw)}{gap}," for item in value) + gap + "]"
    return quoted(value, draw(3)) if isinstance(value, str) else json.dumps(value)


def toml_table(table, prefix, draw):
    """A table as TOML text with sub-tables and arrays of tables in any of the forms that TOML has for them."""
    later, rows = [], []
    for key, value in table.items():
        name = quoted(key, draw(1))
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict) and value and draw(2) == 0:
            later.append(f"[ {path} ] # x\n" + toml_table(value, path, draw))
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value) and draw(1):
            later += [f"[[{path}]]\n" + toml_table(item, path, draw) for item in value]
        elif isinstance(value, dict) and value and draw(1):
            rows += [f"{name} . {quoted(sub, draw(1))} = {toml_value(item, draw)}\n" for sub, item in value.items()]
        else:
            rows.append(f"{name} = {toml_value(value, draw)}\n")
    return "".join(rows + later)


@settings(deadline=None)
@given(tables, st.randoms(use_true_random=False))
def test_written_tables_come_back_with_their_lines(table, random):
    for name, text in (
        ("x.toml", toml_table(table, "", lambda most: random.randint(0, most))),
        ("x.json", json.dumps(table, indent=random.choice([None, 1]), ensure_ascii=False)),
        ("x.yaml", json.dumps(table, indent=1, ensure_ascii=False)),
    ):
        document = check_lines(text, name)
        assert document is not None, text
        assert document.data == table
