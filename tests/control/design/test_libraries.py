"""Which wheels of a vendor's libraries a store is given: by version, platform, marker and vendor; what lacks is told with who needs it."""

import pytest

from storeloom.core.control.design.libraries import Place, Shelf
from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.kernel.errors import BundleFault
from storeloom.core.trust.wire import Machine
from tests.control.conftest import T0

MARKERS = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
}
STORE = Machine(
    python="3.11.2",
    platforms=["manylinux_2_36_x86_64", "manylinux_2_17_x86_64", "linux_x86_64"],
    markers=MARKERS,
    installed={"orjson": "3.10.0"},
)


class Uploads:
    """A shelf in the making; each wheel is a row."""

    def __init__(self):
        self.rows = []

    def add(self, name, version, *requires, tag="py3-none-any", vendor="acme", python=""):
        file = f"{name}-{version}-{tag}.whl"
        row = VendorPackage(
            chain="c",
            id=f"{len(self.rows):03}",
            vendor=vendor,
            name=name,
            version=version,
            filename=file,
            sha256="0" * 64,
            length=1,
            solutions={},
            requires=list(requires),
            python=python,
            uploaded=T0,
            uploaded_by="x",
        )
        self.rows.append(row)
        return self

    def given(self, *roots, machine=STORE):
        """The files that go to a store for these plugins' wheels (by name)."""
        shelf = Shelf(self.rows)
        found = shelf.with_libraries([one for one in shelf.books if one.row.name in roots], Place(machine))
        return sorted(one.row.filename for one in found)

    def lacks(self, *roots, machine=STORE):
        """What is told where it cannot be: wheel, requirement, reason."""
        with pytest.raises(BundleFault) as caught:
            self.given(*roots, machine=machine)
        assert {one.code for one in caught.value.findings} == {"SL-REL-09"}
        return [(one.args["wheel"], one.args["requirement"], one.args["reason"]["en"]) for one in caught.value.findings]


ANY = "py3-none-any.whl"


def test_a_plugins_wheel_brings_what_it_needs_and_what_that_needs_and_nothing_else():
    shelf = Uploads().add("toys", "1.0", "mid>=1").add("mid", "1.5", "low").add("low", "0.1").add("other", "9")
    assert shelf.given("toys") == [f"low-0.1-{ANY}", f"mid-1.5-{ANY}", f"toys-1.0-{ANY}"]


def test_names_are_compared_as_the_index_of_packages_does():
    assert Uploads().add("toys", "1.0", "My.Lib_x").add("my_lib_x", "1").given("toys") == [f"my_lib_x-1-{ANY}", f"toys-1.0-{ANY}"]


def test_the_newest_that_fits_all_is_taken_also_where_the_newest_of_one_does_not():
    shelf = (
        Uploads().add("toys", "1.0", "a", "b").add("a", "2", "c>=2").add("a", "1", "c>=1").add("b", "1", "c<2").add("c", "1").add("c", "2")
    )
    assert shelf.given("toys") == [f"a-1-{ANY}", f"b-1-{ANY}", f"c-1-{ANY}", f"toys-1.0-{ANY}"]


def test_a_version_before_its_release_is_taken_only_where_it_is_asked_for_or_nothing_else_is_there():
    shelf = Uploads().add("toys", "1.0", "a").add("a", "2rc1").add("a", "1")
    assert f"a-1-{ANY}" in shelf.given("toys")
    assert f"a-2rc1-{ANY}" in Uploads().add("toys", "1.0", "a>=2rc0").add("a", "2rc1").add("a", "1").given("toys")
    assert f"a-2rc1-{ANY}" in Uploads().add("toys", "1.0", "a").add("a", "2rc1").given("toys")


def test_of_one_version_the_wheel_that_fits_the_platform_best_is_taken():
    shelf = Uploads().add("toys", "1.0", "a").add("a", "1")
    shelf.add("a", "1", tag="cp311-cp311-manylinux_2_17_x86_64").add("a", "1", tag="cp312-cp312-manylinux_2_17_x86_64")
    shelf.add("a", "1", tag="cp311-cp311-win_amd64").add("a", "1", tag="cp39-abi3-manylinux_2_36_x86_64")
    assert shelf.given("toys") == ["a-1-cp311-cp311-manylinux_2_17_x86_64.whl", f"toys-1.0-{ANY}"]
    arm = STORE.model_copy(update={"platforms": ["manylinux_2_36_aarch64"]})
    assert shelf.given("toys", machine=arm) == [f"a-1-{ANY}", f"toys-1.0-{ANY}"]


def test_markers_and_python_are_judged_by_the_store_and_not_by_the_server():
    shelf = Uploads().add("toys", "1.0", "a; sys_platform == 'win32'", "b; python_version < '3.12'", "c; extra == 'more'").add("b", "1")
    shelf.add("b", "2", python=">=3.12").add("a", "7")
    assert shelf.given("toys") == [f"b-1-{ANY}", f"toys-1.0-{ANY}"]
    windows = STORE.model_copy(update={"markers": {**MARKERS, "sys_platform": "win32"}})
    assert f"a-7-{ANY}" in shelf.given("toys", machine=windows)


def test_an_extra_brings_what_it_adds_and_the_library_itself():
    shelf = (
        Uploads()
        .add("toys", "1.0", "a[fast]>=1")
        .add("a", "1", "b; extra == 'fast'", "c; extra == 'slow'", "d")
        .add("b", "1")
        .add("d", "1")
    )
    assert shelf.given("toys") == [f"a-1-{ANY}", f"b-1-{ANY}", f"d-1-{ANY}", f"toys-1.0-{ANY}"]


def test_what_storeloom_is_installed_with_is_not_brought_again():
    shelf = Uploads().add("toys", "1.0", "orjson>=3").add("orjson", "4")
    assert shelf.given("toys") == [f"toys-1.0-{ANY}"]
    told = Uploads().add("toys", "1.0", "orjson>=4").add("orjson", "4").lacks("toys")
    assert told == [(f"toys-1.0-{ANY}", "orjson>=4", "the store's storeloom is installed with 3.10.0")]


def test_nobodys_code_comes_in_under_anothers_requirement():
    shelf = Uploads().add("toys", "1.0", "lib").add("lib", "1").add("lib", "99", vendor="bolt")
    assert shelf.given("toys") == [f"lib-1-{ANY}", f"toys-1.0-{ANY}"]
    alone = Uploads().add("toys", "1.0", "lib").add("lib", "99", vendor="bolt")
    assert alone.lacks("toys") == [(f"toys-1.0-{ANY}", "lib", "its vendor uploaded nothing of this name")]
    both = Uploads().add("toys", "1.0", "lib").add("lib", "1").add("bots", "1", "lib", vendor="bolt").add("lib", "99", vendor="bolt")
    assert both.given("toys", "bots") == [f"bots-1-{ANY}", f"lib-99-{ANY}", f"toys-1.0-{ANY}"], "one environment, one version"


def test_all_that_lacks_is_told_with_the_wheel_that_needs_it():
    shelf = (
        Uploads()
        .add("toys", "1.0", "gone", "old>=2", "alien")
        .add("old", "1.5")
        .add("old", "1.0")
        .add("alien", "1", tag="cp311-cp311-win_amd64")
    )
    file = f"toys-1.0-{ANY}"
    assert sorted(shelf.lacks("toys")) == [
        (file, "alien", "no wheel of it fits the store's Python 3.11.2, manylinux_2_36_x86_64"),
        (file, "gone", "its vendor uploaded nothing of this name"),
        (file, "old>=2", "its vendor uploaded 1.0, 1.5"),
    ]


def test_a_library_that_lacks_something_is_named_and_not_the_plugin():
    assert Uploads().add("toys", "1.0", "mid").add("mid", "1", "low>=3").lacks("toys") == [
        (f"mid-1-{ANY}", "low>=3", "its vendor uploaded nothing of this name")
    ]


def test_needs_that_exclude_each_other_are_told_with_one_another():
    shelf = Uploads().add("toys", "1.0", "a", "b").add("a", "1", "c<2").add("b", "1", "c>=2").add("c", "1").add("c", "2")
    assert sorted(shelf.lacks("toys")) == [
        (f"a-1-{ANY}", "c<2", f"'c>=2' (b-1-{ANY}) exclude it"),
        (f"b-1-{ANY}", "c>=2", f"'c<2' (a-1-{ANY}) exclude it"),
    ]


def test_libraries_that_need_each_other_come_together():
    assert len(Uploads().add("toys", "1.0", "a").add("a", "1", "b").add("b", "1", "a", "toys").given("toys")) == 3


def test_a_plugins_own_wheel_that_fits_no_machine_of_the_store_is_told():
    told = Uploads().add("toys", "1.0", tag="cp311-cp311-win_amd64").lacks("toys")
    assert told == [
        (
            {"en": "The design", "zh": "方案"},
            "toys-1.0-cp311-cp311-win_amd64.whl",
            "no wheel of it fits the store's Python 3.11.2, manylinux_2_36_x86_64",
        )
    ]
