"""Plans: what a release would change, before anything does."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from storeloom.core.control.api.route import Answer, Call, Resource, Wire
from storeloom.core.control.database import reading
from storeloom.core.control.design.choosing import Choice, chosen
from storeloom.core.control.design.planning import FleetPlan, Group, plan
from storeloom.core.control.design.releasing import stores_of
from storeloom.core.kernel.errors import StoreloomError

plans = Resource("plans")


class PlanAsked(Wire):
    """Which release, for which of its stores (all by default); `groups` of them from the `skip`-th on are told in full."""

    release: str = Field(max_length=63)
    choice: Choice = Field(default_factory=Choice)
    skip: int = Field(0, ge=0, le=1_000_000)
    groups: int = Field(100, ge=1, le=1000)


class ValueOut(Wire):
    """A value that changes (JSON Pointer); null: not there."""

    path: str
    before: Any
    after: Any


class PlannedInstance(Wire):
    """A solution that comes or goes."""

    instance: str
    solution: str
    version: str


class PlannedChange(Wire):
    """A solution that goes on otherwise."""

    instance: str
    solution: str
    config: list[ValueOut]
    devices: list[ValueOut]
    sources: list[ValueOut]
    version_before: str
    version_after: str
    code: bool


class PlannedDevice(Wire):
    """A device that comes, goes, or is described anew."""

    id: str
    kind: str
    values: list[ValueOut]


class PlannedMigration(Wire):
    """State and config that another version takes over."""

    instance: str
    solution: str
    before: str
    after: str
    direction: str


class GroupOut(Wire):
    """Stores that a release changes in the same way. Where `restart` is empty they sell on while solutions are swapped one by one."""

    stores: list[str]
    nothing: bool
    first: bool
    added: list[PlannedInstance]
    removed: list[PlannedInstance]
    changed: list[PlannedChange]
    devices_added: list[PlannedDevice]
    devices_removed: list[PlannedDevice]
    devices_changed: list[PlannedDevice]
    store: list[ValueOut]
    migrations: list[PlannedMigration]
    restart: list[str]
    download: int


class PlanOut(Wire):
    """The plan. `digest` binds it: who starts a roll-out gives it, and is refused once something is no longer as it is here.

    Counts are of stores; `download` is bytes in all; `secrets` names what stores lack.
    """

    release: str
    number: int
    digest: str
    stores: int
    unchanged: int
    swapped_live: int
    restarted: int
    first: int
    migrations_up: int
    migrations_down: int
    download: int
    secrets: dict[str, list[str]]
    groups: list[GroupOut]
    groups_in_all: int


@plans.route("POST", "/plans", "releases:read", "Plan a release", "生成发布计划", body=PlanAsked, answer=PlanOut, own_session=True)
def make_plan(call: Call) -> Answer:
    """What a release would change in each of its stores. Nothing is written, nothing is sent to a store."""
    asked: PlanAsked = call.body
    with reading(call.services.engine) as session:
        stores = None
        if asked.choice != Choice():
            stores, findings = chosen(session, call.chain, asked.choice)
            if findings:
                raise StoreloomError(findings)
            if asked.choice.stores is None:  # of a region or tag, those that the release is for
                known = set(stores_of(session, call.chain, asked.release))
                stores = [store for store in stores if store in known]
        return Answer(_show(plan(session, call.chain, asked.release, stores), asked))


def _show(found: FleetPlan, asked: PlanAsked) -> dict[str, Any]:
    groups = found.groups

    def count(wanted: Any) -> int:
        return sum(len(group.stores) for group in groups if wanted(group.change))

    def migrating(direction: str) -> int:
        return count(lambda change: any(one.direction == direction for one in change.migrations))

    return {
        "release": found.release.id,
        "number": found.release.number,
        "digest": found.digest,
        "stores": found.stores,
        "unchanged": count(lambda change: change.nothing),
        "swapped_live": count(lambda change: not change.nothing and not change.restart),
        "restarted": count(lambda change: change.restart and not change.first),
        "first": count(lambda change: change.first),
        "migrations_up": migrating("up"),
        "migrations_down": migrating("down"),
        "download": found.download,
        "secrets": {store: list(names) for store, names in found.lacking.items()},
        "groups": [_group(group) for group in groups[asked.skip : asked.skip + asked.groups]],
        "groups_in_all": len(groups),
    }


def _group(group: Group) -> dict[str, Any]:
    made = group.change
    told = {key: getattr(made, key) for key in GroupOut.model_fields if hasattr(made, key)}
    return {**told, "stores": group.stores, "download": group.download, "store": made.store}
