"""The Containerfile, read as it stands: three images without rights, without secrets, of one base, each with a sign of health.

What builds and runs them is podman or buildah (docs/operations/install.md says how it was tried); here its form is checked.
"""

import fnmatch
import json
import re
import shlex

import pytest

from storeloom.core import __version__
from storeloom.core.cli import build_parser
from tests.packaging.parts import ROOT, USES

TARGETS = ("store", "server", "studio")


def stages():
    """Each stage's instructions, in order: name to a list of (word, rest)."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Containerfile").read_text(encoding="utf-8"), flags=re.M)
    found, now = {}, []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            now = found.setdefault(rest.split(" AS ")[1], [])
        if word:
            now.append((word, rest))
    return found


STAGES = stages()


def inherited(name):
    """A stage's instructions, after those of the stages that it stands on."""
    under = STAGES[name][0][1].split()[0]
    return [*(inherited(under) if under in STAGES else []), *STAGES[name]]


def one(name, word):
    return [rest for found, rest in STAGES[name] if found == word]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_without_rights_and_says_how_it_is(target):
    assert one(target, "USER") == ["10001:10001"] and "useradd --system --uid 10001" in dict(inherited(target))["RUN"]
    assert one(target, "HEALTHCHECK") and one(target, "VOLUME") == ["/var/lib/storeloom"] and one(target, "STOPSIGNAL") == ["SIGTERM"]
    assert [line.split()[0] for line in one(target, "COPY")] == [f"--from={target}-build"]
    labels = dict(word.split("=", 1) for word in shlex.split(one(target, "LABEL")[0]))
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0" and labels["org.opencontainers.image.version"] == __version__
    assert not one(target, "RUN"), "nothing is put together in the image itself"


@pytest.mark.parametrize("target", TARGETS)
def test_it_stands_on_the_lock(target):
    said = " ".join(rest for word, rest in STAGES[f"{target}-build"] if word == "RUN")
    assert f"--require-hashes -r requirements/{target}.txt" in said and "--no-deps" in said and target in USES


@pytest.mark.parametrize("target", ["store", "server"])
def test_what_it_runs_are_commands_of_storeloom(target):
    assert json.loads(one(target, "ENTRYPOINT")[0]) == ["storeloom"]
    build_parser("en").parse_args(json.loads(one(target, "CMD")[0]))
    health = json.loads(one(target, "HEALTHCHECK")[0].partition("CMD ")[2])
    if health[0] == "storeloom":
        build_parser("en").parse_args(health[1:])


def test_the_base_is_pinned_by_name_and_no_secret_no_registry_is_in_it():
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    assert re.findall(r"^ARG (.+)", text, re.M) == ["BASE=debian:bookworm-slim"]
    froms = [rest.split()[0] for stage in STAGES.values() for word, rest in stage if word == "FROM"]
    assert set(froms) <= {"${BASE}", *STAGES} and ":latest" not in text
    assert not re.search(r"(?i)password|token|secret\s*=|index-url|trusted-host|find-links|^ADD|\bsudo\b|curl |wget ", text, re.M)


def test_the_builder_is_given_what_a_wheel_is_built_from_and_no_more():
    lines = [line for line in (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*" and all(line.startswith("!") or "**" in line for line in lines[1:])
    given = {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / name).exists() for name in given)
    needed = {"core", "plugins", "schemas", "studio", "workers", "hardware_adapters", "examples", "tests/episodes", "plugins.toml"}
    assert needed | {"pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements"} <= given
    assert not any(fnmatch.fnmatch(name, pattern) for name in (".git", ".venv", "out") for pattern in given)
