"""Composing stores from their layers. Stores that differ in nothing that composing looks at are composed once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from storeloom.core.control.design.layers import StoreLayers
from storeloom.core.kernel import lock
from storeloom.core.kernel.compose import Composition, compose_sources
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.overlay import merge_patch
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Catalogue, Registry
from storeloom.core.kernel.sources import Sources, gather_documents
from storeloom.core.runtime.secret_file import SecretUse, secret_uses

WHO = ("store", "name", "geo")  # of a profile, what only a solution's own check may look at


@dataclass(frozen=True)
class Made:
    """A composition and what follows from it. It stands for all stores of its key, or where it is `personal`, for one."""

    composition: Composition
    lock: Mapping[str, Any]
    secrets: tuple[SecretUse, ...]
    personal: bool

    @property
    def errors(self) -> tuple[Finding, ...]:
        return self.composition.errors

    def plan_for(self, store: StoreLayers) -> Plan:
        """The plan of one of its stores. BundleFault when it has errors."""
        profile = store.store.profile
        plain = merge_patch({}, profile) if b"null" in lock.canonical(profile) else profile
        return replace(self.composition.require(), store=plain)


def sources_of(store: StoreLayers, registry: Registry) -> Sources:
    """A store's layers over the defaults of what they name, each value with its origin."""
    documents = [(layer.label, layer.document) for layer in store.layers]
    return gather_documents(store.store.name, documents, store.profile, registry.catalogue)


class Composer:
    """Composes stores. `key` tells which of them one composition stands for; nothing is remembered of the compositions themselves."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def catalogue(self) -> Catalogue:
        return self._registry.catalogue

    def compose(self, store: StoreLayers) -> Made:
        """A store's composition."""
        composition = compose_sources(sources_of(store, self._registry), self._registry)
        plan = composition.plan
        personal = self._personal(composition)
        if plan is None:
            return Made(composition, {}, (), personal)
        return Made(composition, lock.lock_of(plan, self.catalogue), tuple(secrets_of(plan, self._registry)), personal)

    def key(self, store: StoreLayers) -> tuple[Any, ...]:
        """Stores of one key compose alike, unless what is made of them is personal: their layers say the same, and their profiles too.

        What a profile says of who the store is counts for nothing in composing itself.
        """
        layers = (*((layer.level, layer.id, layer.version) for layer in store.shared), _digest(store.own.body))
        return (*layers, _digest({key: value for key, value in store.store.profile.items() if key not in WHO}))

    def _personal(self, composition: Composition) -> bool:
        """Whether some solution's own check looks at who the store is."""
        store = composition.sources.store
        watched = _Watched({} if store is None else store.value)
        for one in composition.instances:
            if one.valid:
                self._registry.config_problems(one.entry.id, one.config, watched)
        return watched.asked


class _Watched(Mapping[str, Any]):
    """A store profile that notices whether it is asked who the store is."""

    def __init__(self, profile: Mapping[str, Any]) -> None:
        self._profile, self.asked = profile, False

    def __getitem__(self, key: str) -> Any:
        self.asked = self.asked or key in WHO
        return self._profile[key]

    def __iter__(self) -> Iterator[str]:
        self.asked = True
        return iter(self._profile)

    def __len__(self) -> int:
        return len(self._profile)


def secrets_of(plan: Plan, registry: Registry) -> Iterator[SecretUse]:
    """The secrets that a plan's solutions and devices name; the token of the way up is the agent's own, which brings it along."""
    uplink = plan.runtime.get("uplink")
    own = None if uplink is None else uplink["token"]
    return (use for use in secret_uses(plan, registry) if use.name != own)


def _digest(value: Any) -> str:
    return hashlib.sha256(lock.canonical(value)).hexdigest()
