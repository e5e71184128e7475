"""What is shipped: every file of the tree that a running storeloom reads, and metadata that say what it is.

`make wheel` builds the wheel and the source archive twice, holds the bytes against each other, and tries them in a bare environment.
"""

import email
import os
import re
import subprocess
import sys

import pytest

from storeloom.core import __version__
from tests.packaging.parts import ROOT, project

PARTS = ("core", "plugins", "schemas", "studio", "workers", "hardware_adapters")
BESIDE = ("plugins.toml", "examples", "tests/episodes")
LEFT_OUT = ("workers/vision/build/", "examples/vendors/")  # scripts that make the models; packages that are not part of this one
QUIET = {**os.environ, "PYTHONWARNINGS": "ignore"}


def tracked(*places):
    """The files that git keeps there, or, where this is no repository, all of them."""
    done = subprocess.run(["git", "ls-files", "-z", *places], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}
    found = (path for place in places for path in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*")))
    return {str(path.relative_to(ROOT)) for path in found if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The tree of a wheel, without its packing; and its metadata."""
    folder = tmp_path_factory.mktemp("built")
    words = ["-q", "egg_info", "-e", str(folder), "build_py", "--build-lib", str(folder / "lib")]
    subprocess.run([sys.executable, "setup.py", *words], cwd=ROOT, check=True, capture_output=True, env=QUIET)
    return folder


def test_all_that_is_in_the_tree_is_in_the_wheel_and_nothing_else(built):
    library = built / "lib" / "storeloom"
    shipped = {str(path.relative_to(library)) for path in library.rglob("*") if path.is_file()}
    tree = {name for name in tracked(*PARTS, *BESIDE) if not name.startswith(LEFT_OUT)}
    assert (sorted(tree - shipped), sorted(shipped - tree)) == ([], [])
    assert {f"{part}/py.typed" for part in PARTS} <= shipped
    assert "core/control/migrations/script.py.mako" in shipped and "studio/.streamlit/config.toml" in shipped


def test_the_metadata_say_what_it_is(built):
    text = (built / "storeloom.egg-info" / "PKG-INFO").read_text(encoding="utf-8")
    facts = email.message_from_string(text)
    assert (facts["Name"], facts["Version"], facts["License-Expression"]) == ("storeloom", __version__, "Apache-2.0")
    assert facts.get_all("License-File") == ["LICENSE"] and facts["Requires-Python"] == ">=3.11"
    assert facts["Description-Content-Type"] == "text/markdown"
    assert text.rstrip().endswith((ROOT / "README.md").read_text(encoding="utf-8").rstrip()[-200:])
    assert set(facts.get_all("Provides-Extra")) == set(project()["optional-dependencies"])
    assert "Typing :: Typed" in facts.get_all("Classifier") and not [
        one for one in facts.get_all("Classifier") if one.startswith("License")
    ]
    assert facts.get_all("Project-URL") is None and facts["Home-page"] is None
    assert (built / "storeloom.egg-info" / "entry_points.txt").read_text(encoding="utf-8").split() == [
        *("[console_scripts]", "storeloom", "=", "storeloom.core.cli:main")
    ]


def test_the_base_is_lean():
    base = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in project()["dependencies"]}
    assert not base & {"numpy", "polars", "opencv-python-headless", "onnxruntime", "streamlit", "flask", "ray", "pandas", "scipy"}
    assert len(base) <= 13
