"""The bundle being edited: its own values, kept in the session; everything else about it is asked of the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storeloom.core.kernel.compose import Composition, compose_sources
from storeloom.core.kernel.documents import Document, Keys
from storeloom.core.kernel.overlay import Layered, diff_patch, merge_patch
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.kernel.sources import gather, open_document
from storeloom.core.virtual.formats import default_profile

EXAMPLE = ROOT / "examples" / "supermarket" / "bundle.toml"


@dataclass
class Draft:
    """A bundle document in work. `edition` rises whenever its values come from elsewhere than the form, so that forms start anew."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[Keys, int] = field(default_factory=dict)
    edition: int = 0

    def compose(self, registry: Registry) -> Composition:
        """The bundle as the kernel sees it now."""
        document = Document(str(self.path), deepcopy(self.data), self.lines)
        return compose_sources(gather(document, registry.catalogue), registry)

    def add(self, solution: str) -> None:
        """Take a solution in; one that the template has and this bundle switched off comes back."""
        body = self.data.setdefault("solutions", {}).setdefault(solution, {})
        body.pop("enabled", None)
        self.edition += 1

    def remove(self, name: str, composition: Composition) -> None:
        """Take an instance out: what a template brings is switched off, what is this bundle's own is deleted."""
        own = self.data.setdefault("solutions", {})
        if any(name in layer.data.get("solutions", {}) for layer in composition.sources.layered.layers[1:-1]):
            own[name] = {"enabled": False}
        else:
            own.pop(name, None)
        self.edition += 1

    def configure(self, name: str, config: Mapping[str, Any], composition: Composition) -> bool:
        """Keep what the form says where it differs from the layers below; whether anything changed."""
        before = below(composition).get("solutions", {}).get(name, {}).get("config", {})
        patch = diff_patch(before, config)
        body = self.data.setdefault("solutions", {}).setdefault(name, {})
        if patch == body.get("config", {}):
            return False
        body.pop("config", None)
        if patch:
            body["config"] = patch
        return True

    def apply(self, patch: Mapping[str, Any]) -> None:
        """Apply the patch of a finding."""
        self.data = merge_patch(self.data, patch)
        self.edition += 1

    def takes(self, patch: Mapping[str, Any] | None) -> bool:
        """Whether a finding's patch is about this file: one on a store profile that stands in its own file is not."""
        return bool(patch) and ("store" not in (patch or {}) or isinstance(self.data.get("store"), Mapping))


def below(composition: Composition) -> dict[str, Any]:
    """The bundle without its own layer: defaults, template, overlays, and the defaults of the solutions that it adds."""
    layers = composition.sources.layered.layers
    return Layered(layers[:-1]).value


def open_draft(path: str | Path) -> Draft:
    """A draft of a bundle file. DocumentFault where it cannot be read."""
    document = open_document(path, "bundle/1")
    return Draft(Path(document.path), document.data, document.lines or {})


def new_draft(name: str, store_format: str, template: Path | None) -> Draft:
    """A bundle for a default store of a format, with a template's solutions or none."""
    data: dict[str, Any] = {"document": "bundle/1", "name": name, "store": default_profile(store_format), "solutions": {}}
    if template is not None:
        data["template"] = str(template)
    return Draft(Path("bundle.toml"), data)


def templates() -> dict[str, Path]:
    """The template files of the examples, by folder name."""
    return {path.parent.name: path for path in sorted((ROOT / "examples").glob("*/template.toml"))}
