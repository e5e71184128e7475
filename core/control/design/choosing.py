"""Which stores a release, a plan or a template's next revision is for."""

from __future__ import annotations

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


def chosen(session: Session, chain: str, choice: Choice) -> tuple[list[str], list[Finding]]:
    """The open stores that are meant, in order of their ids, and a finding for each that is named and not there."""
    columns = select(Store.id, Store.region, Store.tags, Store.ring)
    rows = list(session.exec(columns.where(Store.chain == chain, col(Store.closed).is_(None)).order_by(col(Store.id))))
    findings, found = [], rows
    if choice.stores is not None:
        wanted = set(choice.stores)
        found = [row for row in rows if row[0] in wanted]
        what = {"en": "open store", "zh": "营业中的门店"}
        findings = [Finding("SL-API-05", {"what": what, "name": name}, "stores") for name in sorted(wanted - {row[0] for row in found})]
    if choice.region is not None:
        regions = within(session, chain, choice.region)
        if not regions:
            findings.append(Finding("SL-API-05", {"what": {"en": "region", "zh": "区域"}, "name": choice.region}, "region"))
        found = [row for row in found if row[1] in regions]
    if choice.tag is not None:
        found = [row for row in found if choice.tag in row[2]]
    if choice.ring is not None:
        found = [row for row in found if row[3] == choice.ring]
    return [row[0] for row in found], findings


def within(session: Session, chain: str, region: str) -> set[str]:
    """A region and all that lie in it; none where there is no such region."""
    parents = dict(session.exec(select(Region.id, Region.parent).where(Region.chain == chain)).all())
    found = {region} & set(parents)
    while more := {name for name, parent in parents.items() if parent in found} - found:
        found |= more
    return found
