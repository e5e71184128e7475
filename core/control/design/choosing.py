"""Which stores a release, a plan or a template's next revision is for."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from storeloom.core.control.models.fleet import Region, Store
from storeloom.core.kernel.errors import Finding


class Choice(BaseModel):
    """Stores: those named, else all that are open; of a region and those within it, with a tag, of a ring."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stores: list[str] | None = Field(None, min_length=1, max_length=20_000)
    region: str | None = Field(None, max_length=63)
    tag: str | None = Field(None, max_length=100)
    ring: int | None = Field(None, ge=0, le=9)


def chosen(session: Session, chain: str, choice: Choice) -> tuple[list[Store], list[Finding]]:
    """The open stores that are meant, by their ids, and a finding for each that is named and not there."""
    rows = session.exec(select(Store).where(Store.chain == chain, col(Store.closed).is_(None)).order_by(col(Store.id))).all()
    findings = []
    found: Iterable[Store] = rows
    if choice.stores is not None:
        wanted = set(choice.stores)
        found = [row for row in rows if row.id in wanted]
        what = {"en": "open store", "zh": "营业中的门店"}
        findings = [Finding("SL-API-05", {"what": what, "name": name}, "stores") for name in sorted(wanted - {row.id for row in found})]
    if choice.region is not None:
        regions = within(session, chain, choice.region)
        if not regions:
            findings.append(Finding("SL-API-05", {"what": {"en": "region", "zh": "区域"}, "name": choice.region}, "region"))
        found = [row for row in found if row.region in regions]
    if choice.tag is not None:
        found = [row for row in found if choice.tag in row.tags]
    if choice.ring is not None:
        found = [row for row in found if row.ring == choice.ring]
    return list(found), findings


def within(session: Session, chain: str, region: str) -> set[str]:
    """A region and all that lie in it; none where there is no such region."""
    parents = dict(session.exec(select(Region.id, Region.parent).where(Region.chain == chain)).all())
    found = {region} & set(parents)
    while more := {name for name, parent in parents.items() if parent in found} - found:
        found |= more
    return found
