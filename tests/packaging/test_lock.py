"""The locks: whole, within the ranges of pyproject.toml, of one mind, and of no registry. `make lock` makes them anew."""

import importlib.metadata
import re

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from storeloom.core.doctor import software
from tests.packaging.parts import LOCKS, ROOT, USES, canonical, locked, project


def asked(extra, seen=()):
    """What an extra names itself, and the extras in it."""
    for line in project()["optional-dependencies"][extra]:
        need = Requirement(line)
        if canonical(need.name) != "storeloom":
            yield need
            continue
        for other in need.extras - {*seen}:
            yield from asked(other, (*seen, extra))


@pytest.mark.parametrize("use", USES)
def test_a_lock_holds_all_that_is_asked_for_within_its_range(use):
    pinned = {}
    for part in locked(use):
        pinned.setdefault(part.name, []).append(part.version)
    needs = [*map(Requirement, project()["dependencies"]), *(need for extra in USES[use] for need in asked(extra))]
    wrong = [str(one) for one in needs if not all(map(one.specifier.contains, pinned.get(canonical(one.name), ["none"])))]
    assert len(needs) > 12 and not wrong, f"not in requirements/{use}.txt, or of another version (make lock): {wrong}"


@pytest.mark.parametrize("use", USES)
def test_every_line_is_one_version_by_its_hashes_and_names_no_host(use):
    text = (LOCKS / f"{use}.txt").read_text(encoding="utf-8")
    assert not re.search(r"https?://|index-url|find-links| @ ", text)
    assert len(locked(use)) == len(re.findall(r"^[A-Za-z0-9]", text, re.M))
    assert not [part.name for part in locked(use) if not part.hashes or not Version(part.version)]


def test_the_locks_are_of_one_mind():
    whole = {(part.name, part.version): part.hashes for part in locked("dev")}
    for use in USES:
        assert {(part.name, part.version): part.hashes for part in locked(use)}.items() <= whole.items()


def test_a_lock_names_what_its_packages_need():
    """By the metadata of those that are here: pip with --require-hashes refuses a lock that lacks one."""
    for use in USES:
        names, lacking = {part.name for part in locked(use)}, []
        for part in locked(use):
            try:
                here = importlib.metadata.distribution(part.name)
            except importlib.metadata.PackageNotFoundError:
                continue  # of another platform
            if here.version == part.version:
                lacking += [f"{part.name} needs {name}" for name in software.wanted(here.requires or ()) if name not in names]
        assert not lacking


def test_what_is_made_from_the_lock_is_what_the_makefile_says():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for use, extras in USES.items():
        words = " ".join(f"--extra {extra}" for extra in extras)
        assert re.search(rf"\$\(LOCK\) {words}(?: -c requirements/dev.txt)? -o requirements/{use}.txt", makefile), use
