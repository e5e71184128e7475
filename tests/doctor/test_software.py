"""What is installed against what is needed; metadata are given, nothing is installed."""

import pytest

from storeloom.core.doctor import software
from storeloom.core.doctor.software import Installed
from storeloom.core.doctor.uses import USES, Program

LINES = (
    "orjson<4,>=3.10",
    "tzdata>=2024.1",
    "winthing>=1; sys_platform == 'win32'",
    'numpy<3,>=1.26; extra == "vision"',
    'Open_CV.headless<6,>=4.10; extra == "vision"',
    "evdev>=1; sys_platform == 'linux' and extra == 'input'",
    "winput>=1; sys_platform == 'win32' and extra == 'input'",
    'storeloom[input,vision]; extra == "store"',
)
WHOLE = {"storeloom": "1.0", "orjson": "3.11.0", "tzdata": "2026.1", "numpy": "2.4.1", "open-cv-headless": "5.0", "evdev": "1.9"}


def codes(findings):
    return [finding.code for finding in findings]


def test_an_extra_is_what_it_and_the_extras_in_it_need_on_this_machine():
    assert sorted(software.wanted(LINES)) == ["orjson", "tzdata"]
    assert sorted(software.wanted(LINES, "vision")) == ["numpy", "open-cv-headless"]
    assert sorted(software.wanted(LINES, "store")) == ["evdev", "numpy", "open-cv-headless"]
    assert software.extras(LINES) == ["input", "store", "vision"]
    turning = ('storeloom[a]; extra == "b"', 'storeloom[b]; extra == "a"', 'numpy; extra == "a"')
    assert sorted(software.wanted(turning, "b")) == ["numpy"]


def test_what_is_missing_is_named_at_once_and_what_does_not_fit_once():
    assert codes(software.package_findings(Installed(WHOLE, LINES), ["store"])) == []
    some = {name: version for name, version in WHOLE.items() if name not in ("evdev", "open-cv-headless")} | {
        "numpy": "3.0.0",
        "orjson": "3.9",
    }
    found = list(software.package_findings(Installed(some, LINES), ["store", "vision"]))
    assert codes(found) == ["SL-MCH-05", "SL-MCH-04", "SL-MCH-05", "SL-MCH-04"]
    assert found[0].text() == "orjson 3.9 does not fit; storeloom takes <4,>=3.10."
    assert found[1].text() == "storeloom[store] is not whole; missing: evdev, Open_CV.headless."
    assert found[2].args["name"] == "numpy" and found[3].args["target"] == "storeloom[vision]"


def test_a_tree_that_is_not_installed_and_an_extra_that_is_not_there_are_said():
    assert codes(software.package_findings(Installed({}, None), ["store"])) == ["SL-MCH-03"]
    assert codes(software.package_findings(Installed(WHOLE, LINES), ["robots"])) == ["SL-MCH-36"]


@pytest.mark.parametrize(
    ("origin", "given"),
    [
        ({}, "'storeloom[store]'"),
        ({"url": "file:///srv/my%20loom", "dir_info": {"editable": True}}, "-e '/srv/my loom[store]'"),
        ({"url": "file:///srv/loom", "dir_info": {}}, "'/srv/loom[store]'"),
        ({"url": "file:///tmp/loom.whl", "archive_info": {}}, "'storeloom[store] @ file:///tmp/loom.whl'"),
        ({"url": "ssh://code.example/loom", "vcs_info": {"vcs": "git"}}, "'storeloom[store] @ git+ssh://code.example/loom'"),
    ],
)
def test_it_is_installed_anew_from_where_it_came(origin, given):
    assert software.anew(origin, "store") == given


def test_every_use_stands_on_extras_that_there_are():
    import tomllib

    from storeloom.core.arguments import machines
    from storeloom.core.kernel.registry import ROOT

    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {extra for use in USES.values() for extra in use.extras} <= known.keys()
    assert tuple(USES) == machines.USES


def test_a_vendors_package_is_told_what_it_lacks():
    vendors = {"acme": ("numpy>=3", "tinylib", 'big; extra == "more"'), "tidy": ("orjson",)}
    found = list(software.vendor_findings(Installed(WHOLE, LINES, vendors)))
    assert [finding.args for finding in found] == [{"vendor": "acme", "missing": ["tinylib", "numpy>=3 (2.4.1)"], "pip": software.PIP}]


def test_libraries_and_programs():
    lines = ('lightgbm>=4.5; extra == "forecast"',)
    assert codes(software.library_findings(["forecast"], lambda name: False, lines)) == ["SL-MCH-07"]
    assert codes(software.library_findings(["forecast"], lambda name: True, lines)) == []
    both = ('implicit; extra == "store"', 'lightgbm; extra == "store"', 'pyusb; extra == "store"')
    found = list(software.library_findings(["store"], lambda name: False, both))
    assert codes(found) == ["SL-MCH-07", "SL-MCH-37"] and found[0].args["whose"] == ["implicit", "lightgbm"]
    assert codes(software.library_findings(["vision"], lambda name: False, LINES)) == []
    browser = Program(("chromium", "google-chrome"), "chromium", "pages", "页面")
    assert codes(software.program_findings([browser], {"google-chrome"}.__contains__)) == []
    assert codes(software.program_findings([browser], {"psql"}.__contains__)) == ["SL-MCH-08"]
    assert codes(software.postgres_findings("postgresql://db/loom", lambda name: False)) == ["SL-MCH-08"]
    assert codes(software.postgres_findings("sqlite:///x.db", lambda name: False)) == []


@pytest.mark.parametrize(
    ("versions", "database", "expected"),
    [
        ({"apsw": "3.54.1", "sqlite3": "3.40.1", "pysqlite3": "3.53.4"}, "", []),
        ({"apsw": "3.51.2", "sqlite3": "3.54.0"}, "", ["SL-MCH-09"]),
        ({"apsw": "3.51.3", "sqlite3": "3.40.1"}, "", ["SL-MCH-10"]),
        ({"apsw": "3.51.3", "sqlite3": "3.54.0", "pysqlite3": "3.51.1"}, "", ["SL-MCH-10"]),
        ({"apsw": "3.51.3", "sqlite3": "3.40.1"}, "postgresql://db/loom", []),
    ],
)
def test_the_fault_of_sqlite(versions, database, expected):
    assert codes(software.sqlite_findings(versions, database, logs=True, server=True)) == expected


def test_a_store_does_not_mind_pythons_own_sqlite_nor_a_server_the_logs():
    assert codes(software.sqlite_findings({"apsw": "3.54.1", "sqlite3": "3.40.1"}, "", logs=True, server=False)) == []
    assert codes(software.sqlite_findings({"apsw": "3.40.0", "sqlite3": "3.54.1"}, "", logs=False, server=True)) == []


def test_python_and_the_system():
    assert codes(software.python_findings((3, 10, 9), "Darwin")) == ["SL-MCH-01", "SL-MCH-02"]
    assert codes(software.python_findings((3, 11, 0), "Linux")) == []
