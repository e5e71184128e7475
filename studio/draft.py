"""The bundle being edited: its own values, kept in the session and in its file; everything else about it is asked of the kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storeloom.core.kernel.compose import Composition, compose_sources
from storeloom.core.kernel.documents import Document, Keys
from storeloom.core.kernel.errors import StoreloomError
from storeloom.core.kernel.overlay import Layered, diff_patch, merge_patch, same
from storeloom.core.kernel.registry import ROOT, Catalogue, Registry
from storeloom.core.kernel.sources import Sources, gather, open_document
from storeloom.core.virtual.formats import default_profile
from storeloom.studio.draft_file import DraftFile

EXAMPLE = ROOT / "examples" / "supermarket" / "bundle.toml"


@dataclass
class Draft:
    """A bundle document in work. `edition` rises whenever its values come from elsewhere than the form, so that forms start anew.

    With a `home`, each edit is kept there before it counts here; `at` is the number of the kept state that this is.
    """

    path: Path
    data: dict[str, Any]
    lines: Mapping[Keys, int] = field(default_factory=dict)
    edition: int = 0
    home: DraftFile | None = None
    at: int = 0
    _composed: tuple[Any, Composition] | None = field(default=None, repr=False, compare=False)

    def compose(self, registry: Registry) -> Composition:
        """The bundle as the kernel sees it now; asked once for the same values, files and plugins."""
        stamp = (id(registry), json.dumps(self.data, sort_keys=True, default=str), *self._files())
        if self._composed is None or self._composed[0] != stamp:
            self._composed = stamp, compose_sources(self.sources(registry.catalogue), registry)
        return self._composed[1]

    def sources(self, catalogue: Catalogue) -> Sources:
        """The bundle's layers merged, without a check."""
        return gather(Document(str(self.path), deepcopy(self.data), self.lines), catalogue)

    def _files(self) -> Iterator[tuple[str, int, int]]:
        """The files that the bundle names, as they stand."""
        overlays = self.data.get("overlays")
        named = [self.data.get("template"), self.data.get("store"), *(overlays if isinstance(overlays, list) else ())]
        for name in named:
            if isinstance(name, str):
                file = self.path.parent / name
                facts = file.stat() if file.is_file() else None
                yield name, facts.st_mtime_ns if facts else 0, facts.st_size if facts else 0

    def add(self, *solutions: str) -> None:
        """Take solutions in; one that the template has and this bundle switched off comes back."""
        new = deepcopy(self._latest())
        for solution in solutions:
            new.setdefault("solutions", {}).setdefault(solution, {}).pop("enabled", None)
        self._take(new, "did_add", {"solutions": list(solutions)})

    def remove(self, name: str, composition: Composition) -> None:
        """Take an instance out: what a template brings is switched off, what is this bundle's own is deleted."""
        new = deepcopy(self._latest())
        own = new.setdefault("solutions", {})
        if any(name in layer.data.get("solutions", {}) for layer in composition.sources.layered.layers[1:-1]):
            own[name] = {"enabled": False}
        else:
            own.pop(name, None)
        self._take(new, "did_remove", {"solutions": [name]})

    def configure(self, name: str, config: Mapping[str, Any], composition: Composition) -> bool:
        """Keep what the form says where it differs from the layers below; whether anything changed."""
        before = below(composition).get("solutions", {}).get(name, {}).get("config", {})
        patch = diff_patch(before, config)
        new = deepcopy(self._latest())
        body = new.setdefault("solutions", {}).setdefault(name, {})
        if patch == body.get("config", {}):
            return False
        body.pop("config", None)
        if patch:
            body["config"] = patch
        self._take(new, "did_configure", {"solutions": [name]}, form=True)
        return True

    def rename(self, name: str) -> None:
        """Give the bundle a name."""
        if name and name != self._latest().get("name"):
            self._take({**self.data, "name": name}, "did_rename", {"name": name}, form=True)

    def apply(self, patch: Mapping[str, Any]) -> None:
        """Apply the patch of a finding. One on a store profile that stands in its own file takes the profile into the bundle with it: the
        file stays as it is, and the fix can be undone."""
        self._latest()
        self._take(merge_patch(self._opened(patch), patch), "did_fix", {})

    def replace(self, data: Mapping[str, Any], word: str, facts: Mapping[str, Any]) -> None:
        """Put other values in place of all; `word` and `facts` say by which act."""
        self._latest()
        self._take(dict(data), word, facts)

    def takes(self, patch: Mapping[str, Any] | None) -> bool:
        """Whether a finding's patch changes this bundle: one that would take out what another layer brings does not."""
        if not patch:
            return False
        opened = self._opened(patch)
        return ("store" not in patch or isinstance(opened.get("store"), Mapping)) and not same(merge_patch(opened, patch), opened)

    def outside(self, patch: Mapping[str, Any]) -> bool:
        """Whether a patch is about a store profile that stands in its own file."""
        return "store" in patch and isinstance(self.data.get("store"), str)

    def _opened(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        """The values, with the store's profile among them where a patch is about one in its own file that can be read."""
        if not self.outside(patch):
            return self.data
        try:
            profile = open_document(self.path.parent / str(self.data["store"]), "store/1").data
        except StoreloomError:
            return self.data
        return {**self.data, "store": {key: value for key, value in profile.items() if key != "document"}}

    # what is kept

    def keep(self, word: str, facts: Mapping[str, Any]) -> None:
        """Keep a draft that is new, as it stands."""
        if self.home is not None and not self.at:
            self.at = self.home.add(self.path, self.data, word, facts, over=None)

    def refresh(self) -> None:
        """Take over what the same draft became elsewhere, in another window of the browser."""
        head = self.home.head() if self.home is not None and self.at else 0
        if self.home is not None and head and head != self.at:
            self._stand(head, *self.home.read(head))

    def go(self, n: int) -> None:
        """Go to a kept state."""
        if self.home is not None:
            self.home.go(n)
            self._stand(n, *self.home.read(n))

    def put_beside(self, name: str, value: Any) -> None:
        """Keep something with the draft that is no part of the bundle."""
        if self.home is not None:
            self.keep("did_open", {"file": self.path.name})
            self.home.put_beside(name, value)

    def _latest(self) -> dict[str, Any]:
        self.refresh()
        return self.data

    def _stand(self, n: int, path: Path, data: dict[str, Any]) -> None:
        self.at, self.path, self.data, self.lines, self.edition = n, path, data, {}, self.edition + 1

    def _take(self, data: dict[str, Any], word: str, facts: Mapping[str, Any], *, form: bool = False) -> None:
        """Let an edit count, after it is kept; a draft that is kept for the first time keeps what it was before, too."""
        if self.home is not None:
            self.keep("did_open", {"file": self.path.name})
            self.at = self.home.add(self.path, data, word, facts, over=self.at)
        self.data = data
        self.edition += not form


def below(composition: Composition) -> dict[str, Any]:
    """The bundle without its own layer: defaults, template, overlays, and the defaults of the solutions that it adds."""
    layers = composition.sources.layered.layers
    return Layered(layers[:-1]).value


def open_draft(path: str | Path) -> Draft:
    """A draft of a bundle file. DocumentFault where it cannot be read."""
    document = open_document(path, "bundle/1")
    return Draft(Path(document.path), document.data, document.lines or {})


def kept_draft(home: DraftFile) -> Draft:
    """The draft that a file keeps, as it stood last. InputFault where it cannot be read."""
    at = home.head()
    path, data = home.read(at)
    return Draft(path, data, home=home, at=at)


def new_draft(name: str, store_format: str, template: Path | None, profile: Mapping[str, Any] | None = None) -> Draft:
    """A bundle for a store's profile, else for a default store of a format, with a template's solutions or none."""
    store = dict(profile) if profile else default_profile(store_format)
    data: dict[str, Any] = {"document": "bundle/1", "name": name, "store": store, "solutions": {}}
    if template is not None:
        data["template"] = str(template)
    return Draft(Path("bundle.toml"), data)


def templates() -> dict[str, Path]:
    """The template files of the examples, by folder name."""
    return {path.parent.name: path for path in sorted((ROOT / "examples").glob("*/template.toml"))}
