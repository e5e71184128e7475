"""A release's folder: its vendors' packages stand behind what is installed, and its bundle is what the store starts with."""

import importlib.util
import sys

import pytest

from storeloom.core.kernel.contract import kpi
from storeloom.core.runtime import packages
from storeloom.core.runtime.requests import GIVEN, KEPT, chosen_bundle
from storeloom.core.runtime.state import FigureBook, State


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    packages.use_site(None)


def release(folder, name):
    place = folder / name
    (place / packages.SITE).mkdir(parents=True)
    (place / "bundle.json").write_text("{}")
    (place / packages.SITE / "only_here_module.py").write_text(f"NAME = {name!r}\n")
    (place / packages.SITE / "json.py").write_text("raise SystemExit\n")
    return place


def test_a_folder_is_what_it_leads_to_at_the_start_whatever_was_applied_before(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / KEPT).write_text("another")
    (data / GIVEN).write_text("")
    one, two = release(tmp_path, "one"), release(tmp_path, "two")
    link = tmp_path / "current"
    link.symlink_to(one)
    assert chosen_bundle(data, link) == one / "bundle.json"
    link.unlink()
    link.symlink_to(two)
    assert sys.path[-1] == str(one / packages.SITE), "the link was followed once"
    assert chosen_bundle(data, link) == two / "bundle.json"
    assert sys.path[-1] == str(two / packages.SITE) and str(one / packages.SITE) not in sys.path


def test_packages_of_a_release_are_found_behind_all_that_is_installed(tmp_path):
    place = release(tmp_path, "one") / packages.SITE
    assert packages.use_site(place) is None
    assert importlib.util.find_spec("only_here_module").origin == str(place / "only_here_module.py")
    assert not importlib.util.find_spec("json").origin.startswith(str(tmp_path))
    assert packages.use_site(None) == place
    assert importlib.util.find_spec("only_here_module") is None


def test_figures_of_a_day_come_with_what_they_average():
    declared = {name: kpi(unit, name, name) for name, unit in (("seen", "count"), ("kept", "%"), ("wait", "s"), ("never", "s"))}
    state = State({}, strict=True)
    book = FigureBook("cart", declared, state, lambda: "2026-03-02")
    book.add("seen", 3)
    book.share("kept", 1, 4)
    book.share("kept", 1, 1)
    for value in (10, 20, 60):
        book.sample("wait", value)
    state.keep()
    assert book.weighed("2026-03-02") == {"seen": (3.0, 1.0, "sum"), "kept": (40.0, 5.0, "mean"), "wait": (30.0, 3.0, "mean")}
    assert book.weighed("2026-03-01") == {}
