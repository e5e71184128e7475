"""What the locks name: packages with version, marker, hashes and who asks for them; and the licence of each."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "requirements"
# Which extras a lock is made of, as the Makefile makes it.
USES = {"store": ("store", "agent"), "studio": ("demo",), "server": ("server", "postgres"), "dev": ("dev",)}


@dataclass(frozen=True, slots=True)
class Part:
    """One package of a lock. `via` names the packages that ask for it; `direct`: storeloom does."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: tuple[str, ...]
    direct: bool


@dataclass(frozen=True, slots=True)
class Weights:
    """What somebody else made and storeloom's own wheel holds: a model, or figures of one. `file` is relative to the tree."""

    name: str
    file: str
    sha256: str
    licence: str
    made_from: str
    origin: str


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def locked(use: str) -> tuple[Part, ...]:
    """The packages of a lock; a name that is there twice has two versions for different machines."""
    return tuple(_parts((LOCKS / f"{use}.txt").read_text(encoding="utf-8")))


def _parts(text: str) -> list[Part]:
    found = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        head = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*(?:\\|\n|$)", block)
        if head is None:
            continue
        asked = [name.strip() for name in (re.findall(r"# via (.+)", block) or [""])[0].split(",")]
        via = tuple(name for name in asked if name and not name.startswith(("-c ", "storeloom")))
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        found.append(Part(head[1], head[2], head[3] or "", hashes, via, any(name.startswith("storeloom") for name in asked)))
    return found


@cache
def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


@cache
def rules() -> dict[str, Any]:
    """requirements/licences.toml."""
    return tomllib.loads((LOCKS / "licences.toml").read_text(encoding="utf-8"))


@cache
def weights() -> tuple[Weights, ...]:
    """The vision models that ship, and the figures of other shops' items, by the cards beside them."""
    vision = ROOT / "workers" / "vision"
    found = []
    for card in (*sorted((vision / "models").glob("*/card.json")), vision / "items" / "background.json"):
        facts = json.loads(card.read_text(encoding="utf-8"))
        source, file = facts["source"], card.parent / facts["file"]
        name = facts.get("name") or f"{card.parent.name}/{card.stem}"
        made_from = source.get("package") or source["data"]
        found.append(Weights(name, str(file.relative_to(ROOT)), facts["sha256"], facts["licence"], made_from, source["origin"]))
    return tuple(found)
