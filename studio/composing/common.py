"""What the parts of composing share: the instances, their titles and findings, and money as a reader writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.overlay import Layer
from storeloom.core.kernel.quote import Span
from storeloom.core.kernel.registry import Entry
from storeloom.studio.common import language, registry, say, title_of
from storeloom.studio.locales import money_text


def about(name: str, composition: Composition) -> list[Finding]:
    """What is found about an instance."""
    at = f"solutions.{name}"
    return [f for f in composition.findings if f.path == at or f.path.startswith((f"{at}.", f"{at}["))]


def present(composition: Composition) -> dict[str, Entry | None]:
    """The instances that stand in the bundle and are not switched off; None for a solution that is not installed."""
    found = composition.sources.value.get("solutions", {})
    known = registry().catalogue.solutions
    return {name: known.get(body.get("solution", name)) for name, body in found.items() if body.get("enabled") is not False}


def instance_title(name: str, entry: Entry | None) -> str:
    """The solution's title, with the instance's name where that is another."""
    if entry is None:
        return name
    return title_of(entry.facts) if name == entry.id else f"{title_of(entry.facts)} ({name})"


def layer_title(layer: Layer, composition: Composition) -> str:
    """A layer in words: this bundle's own, the defaults, a template or overlay by its name."""
    if layer is composition.sources.layered.layers[-1]:
        return say("this_bundle")
    if layer.name == "default":
        return say("defaults")
    what, _, name = layer.name.partition(" ")
    return f"{say(what)} {name}" if what in ("template", "overlay") else layer.name


def profile_of(composition: Composition) -> Mapping[str, Any]:
    """The store's profile, empty where there is none."""
    found: Mapping[str, Any] = composition.sources.store.value if composition.sources.store else {}
    return found


def kinds_of(profile: Mapping[str, Any]) -> set[str]:
    """The kinds of devices that a store has."""
    devices = profile.get("devices")
    found = devices.values() if isinstance(devices, Mapping) else ()
    return {str(facts["kind"]) for facts in found if isinstance(facts, Mapping) and "kind" in facts}


def kind_title(kind: str) -> str:
    """A kind of device in words."""
    known = registry().catalogue.adapter_kinds
    return title_of(known[kind]) if kind in known else kind


def span_text(span: Span, form: str = ",.0f") -> str:
    """From least to most, once where both are the same."""
    low, high = format(span.low, form), format(span.high, form)
    return low if low == high else f"{low} – {high}"


def money_span(span: Span, currency: str) -> str:
    """Money from least to most."""
    low, high = (money_text(minor, currency, language(), rounded=True) for minor in (span.low, span.high))
    return low if low == high else f"{low} – {high}"


def file_name(path: str | Path) -> str:
    return Path(path).name


def listed(words: list[str]) -> str:
    """Words one after the other, as the language separates them."""
    return ("、" if language() == "zh" else ", ").join(words)
