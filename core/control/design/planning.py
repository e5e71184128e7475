"""Plans: what a release would change in each of its stores, before anything does. Nothing is written.

A plan is bound by its digest to the bundles (whose locks pin every plugin) and to what the stores run and are to run now: whoever applies
it gives the digest, and is refused once anything of that is another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.design.changes import NOTHING, Change, Side, change, first_change
from storeloom.core.control.design.parts import Parts
from storeloom.core.control.models.agents import Agent, SealedSecret
from storeloom.core.control.models.releases import Release, StoreRelease
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.lock import canonical
from storeloom.core.trust.seal import key_id


@dataclass(frozen=True)
class Standing:
    """A store's bundle of a release, and what it runs and is to run now. `before` is the bundle that it runs, None where it runs none."""

    store: str
    sha256: str
    length: int
    packages: Sequence[Mapping[str, Any]]
    bundle: Mapping[str, Any]
    actual: str | None
    desired: str | None
    before_sha256: str | None
    before_packages: Sequence[Mapping[str, Any]] | None
    before: Mapping[str, Any] | None

    @property
    def bound(self) -> list[str | None]:
        """What a plan is bound to."""
        return [self.store, self.sha256, self.actual, self.before_sha256, self.desired]

    @property
    def download(self) -> int:
        """The bytes that the store has to fetch: the bundle, and the wheels that it does not have."""
        if self.sha256 == self.before_sha256:
            return 0
        has = {one["sha256"] for one in self.before_packages or ()}
        return self.length + sum(int(one["length"]) for one in self.packages if one["sha256"] not in has)


@dataclass
class Group:
    """Stores that a release changes in the same way."""

    change: Change
    stores: list[str] = field(default_factory=list)
    download: int = 0


@dataclass(frozen=True)
class FleetPlan:
    """What a release changes. `lacking` are the secrets that a store's bundle names and its agent cannot open."""

    release: Release
    digest: str
    groups: tuple[Group, ...]
    lacking: Mapping[str, tuple[str, ...]]

    @property
    def stores(self) -> int:
        return sum(len(group.stores) for group in self.groups)

    @property
    def download(self) -> int:
        return sum(group.download for group in self.groups)


def plan(session: Session, chain: str, release: str, stores: Iterable[str] | None = None) -> FleetPlan:
    """The plan of a release for stores of it, all of them by default. ApiFault for a store that it has no bundle for."""
    row = usable(session, chain, release)
    standings = _standings(session, chain, release, stores)
    groups: dict[str, Group] = {}
    told: dict[int, str] = {}
    changes = list(_changes(session, chain, standings))  # kept, so that one's id is its own
    for one, made in zip(standings, changes, strict=True):
        group = groups.setdefault(_told(made, told), Group(made))
        group.stores.append(one.store)
        group.download += one.download
    ordered = sorted(groups.values(), key=lambda group: (-len(group.stores), group.stores[0]))
    return FleetPlan(row, _digest(release, standings), tuple(ordered), _lacking(session, chain, standings))


def plan_digest(session: Session, chain: str, release: str, stores: Iterable[str] | None = None) -> str:
    """The digest that a plan of this release for these stores has now."""
    return _digest(release, _standings(session, chain, release, stores))


def require_plan(session: Session, chain: str, release: str, stores: Iterable[str] | None, digest: str) -> None:
    """Refuse to apply a plan that is no longer what would happen (ApiFault 409)."""
    usable(session, chain, release)
    now = plan_digest(session, chain, release, stores)
    if now != digest:
        raise ApiFault(409, Finding("SL-REL-05", {"got": digest[:19], "now": now[:19]}))


def usable(session: Session, chain: str, release: str) -> Release:
    """A release that stores may run. ApiFault where it is not there, or was withdrawn."""
    row = session.get(Release, (chain, release))
    if row is None:
        raise missing("release", "发布版本", release)
    if row.state != "published":
        raise ApiFault(409, Finding("SL-REL-07", {"number": row.number}))
    return row


def _standings(session: Session, chain: str, release: str, stores: Iterable[str] | None) -> list[Standing]:
    before = aliased(StoreRelease)
    found = (
        select(  # type: ignore[call-overload]
            StoreRelease.store,
            StoreRelease.sha256,
            StoreRelease.length,
            StoreRelease.packages,
            StoreRelease.bundle,
            Agent.actual,
            Agent.desired,
            before.sha256,
            before.packages,
            before.bundle,
        )
        .outerjoin(Agent, (col(Agent.chain) == col(StoreRelease.chain)) & (col(Agent.store) == col(StoreRelease.store)))
        .outerjoin(
            before, (before.chain == col(StoreRelease.chain)) & (before.store == col(StoreRelease.store)) & (before.release == Agent.actual)
        )
        .where(StoreRelease.chain == chain, StoreRelease.release == release)
        .order_by(col(StoreRelease.store))
    )
    wanted = None if stores is None else set(stores)
    standings = [Standing(*row) for row in session.exec(found) if wanted is None or row[0] in wanted]
    if wanted is not None and len(standings) < len(wanted):
        strange = sorted(wanted - {one.store for one in standings})
        raise ApiFault(422, [Finding("SL-REL-08", {"store": name}, "stores") for name in strange[:100]])
    return standings


def _told(made: Change, known: dict[int, str]) -> str:
    """What tells a change from others: what it says. The same answer is looked at once."""
    if id(made) not in known:
        known[id(made)] = hashlib.sha256(canonical(made)).hexdigest()
    return known[id(made)]


def _digest(release: str, standings: Iterable[Standing]) -> str:
    bound = {"release": release, "stores": [one.bound for one in standings]}
    return "sha256:" + hashlib.sha256(canonical(bound)).hexdigest()


def _changes(session: Session, chain: str, standings: Sequence[Standing]) -> Iterator[Change]:
    """What changes in each store; stores whose bundles differ in the same parts share one answer, and only parts that differ are read."""
    pairs = [_pair(one) for one in standings]
    wanted = {pair for pair in pairs if pair.changes}
    parts = Parts()
    parts.read(session, chain, {name for pair in wanted for name in (pair.old_design, pair.new_design) if name is not None})
    parts.read(session, chain, {name for pair in wanted for name in (pair.old_store, pair.new_store) if name is not None})
    parts.read(session, chain, {name for pair in wanted for name in _differing(pair, parts)})
    known = {pair: _change(pair, parts) if pair.changes else NOTHING for pair in set(pairs)}
    yield from (known[pair] for pair in pairs)


class _Pair(NamedTuple):
    """The parts of two bundles of a store; its profile only where it differs. The old ones are None where it runs nothing."""

    old_design: str | None
    new_design: str
    old_store: str | None
    new_store: str | None
    wheels: bool

    @property
    def changes(self) -> bool:
        return self.old_design != self.new_design or self.new_store is not None or self.wheels


def _pair(one: Standing) -> _Pair:
    new = str(one.bundle["design"]), str(one.bundle["store"])
    if one.before is None:
        return _Pair(None, new[0], None, new[1], False)
    wheels = {package["sha256"] for package in one.packages} != {package["sha256"] for package in one.before_packages or ()}
    old = str(one.before["design"]), str(one.before["store"])
    stores = (None, None) if old[1] == new[1] else (old[1], new[1])
    return _Pair(old[0], new[0], stores[0], stores[1], wheels)


def _differing(pair: _Pair, parts: Parts) -> Iterator[str]:
    """The parts of a pair's designs that have to be looked into."""
    new = parts.get(pair.new_design)
    yield new["lock"]
    if pair.old_design is None:
        return
    old = parts.get(pair.old_design)
    yield old["lock"]
    for instance, (solution, name) in new["solutions"].items():
        before = old["solutions"].get(instance)
        if before is not None and before[0] == solution and before[1] != name:
            yield from (before[1], name)


def _change(pair: _Pair, parts: Parts) -> Change:
    def side(design: str, store: str | None) -> Side:
        body = parts.get(design)
        return Side(body, parts.get(body["lock"])["solutions"], {} if store is None else parts.get(store), parts.get)

    new = side(pair.new_design, pair.new_store)
    return first_change(new) if pair.old_design is None else change(side(pair.old_design, pair.old_store), new, pair.wheels)


def _lacking(session: Session, chain: str, standings: Sequence[Standing]) -> dict[str, tuple[str, ...]]:
    """The secrets that bundles name and that were not sealed to the stores' present agents."""
    asking = {one.store: set(one.bundle.get("secrets", ())) for one in standings if one.bundle.get("secrets")}
    if not asking:
        return {}
    keys = dict(session.exec(select(Agent.store, Agent.public_key).where(Agent.chain == chain)).all())
    for store, name, key in session.exec(
        select(SealedSecret.store, SealedSecret.name, SealedSecret.key_id).where(SealedSecret.chain == chain)
    ):
        if store in asking and store in keys and key == key_id(keys[store]):
            asking[store].discard(name)
    return {store: tuple(sorted(names)) for store, names in asking.items() if names}
