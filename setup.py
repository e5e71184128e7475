"""Packaging of storeloom: the folders of this tree become the sub-packages of the import name `storeloom`.

What the package is called and needs stands in pyproject.toml. A wheel and a source archive built from the same files with the same
`SOURCE_DATE_EPOCH` are the same bytes.
"""

import gzip
import os
import shutil
import tarfile
import time
from pathlib import Path

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
PARTS = ("core", "plugins", "schemas", "studio", "workers", "hardware_adapters")
# The kernel looks for these beside the sub-packages, in a source tree and installed: the listing, the examples, the sample episodes.
BESIDE = ("plugins.toml", "examples", "tests/episodes")
APART = "vendors"  # examples of packages that are not part of this one


class BuildWithCatalogue(build_py):
    """Ship what stands beside the sub-packages."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for name in BESIDE:
            source, target = ROOT / name, Path(self.build_lib) / "storeloom" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(APART))
            else:
                shutil.copy2(source, target)


class SameBytes(sdist):
    """A source archive that depends on its files alone: in order, of one time, of nobody."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)
        moment = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))

        def plain(entry):
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = moment, 0, 0, "", ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            return entry

        name = f"{base_name}.tar.gz"
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        with (
            open(name, "wb") as file,
            gzip.GzipFile("", "wb", 9, file, moment) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted([Path(base_dir), *Path(base_dir).rglob("*")]):
                archive.add(path, recursive=False, filter=plain)
        return name


def packages():
    """Every folder, for data lies in folders without code too; but for the scripts that make what is shipped."""
    found = []
    for part in PARTS:
        folders = find_namespace_packages(part, exclude=["*__pycache__*", "vision.build*"])
        found += [f"storeloom.{part}", *(f"storeloom.{part}.{name}" for name in folders)]
    return found


setup(
    packages=packages(),
    package_dir={f"storeloom.{part}": part for part in PARTS},
    package_data={
        **{f"storeloom.{part}": ["py.typed"] for part in PARTS},
        "storeloom.schemas": ["py.typed", "**/*.json"],
        "storeloom.core": ["py.typed", "scaffold/templates/*", "control/migrations/*", "control/migrations/versions/*.py"],
        "storeloom.hardware_adapters": ["py.typed", "**/*.html", "**/*.js", "**/*.json"],
        "storeloom.studio": ["py.typed", ".streamlit/config.toml", "**/*.js", "**/*.css"],
        "storeloom.workers": ["py.typed", "**/*.onnx", "**/*.json", "**/*.npz"],
    },
    cmdclass={"build_py": BuildWithCatalogue, "sdist": SameBytes},
)
