"""The vendors' wheels that a bundle needs: targets of the chain's repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from storeloom.core.control.design.composing import Made
from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.kernel.registry import BUILT_IN, Catalogue, Entry
from storeloom.core.trust import names


class Wheels:
    """A chain's wheels, the newest of each first."""

    def __init__(self, rows: Sequence[VendorPackage]) -> None:
        self._rows = rows

    def needed(self, made: Made, catalogue: Catalogue) -> list[dict[str, Any]]:
        """The wheels of a composition, by target. BundleFault names each package that was not uploaded, or was withdrawn."""
        plan = made.composition.require()
        entries = [catalogue.solution(one.solution) for one in plan.instances]
        drivers = [facts.get("adapter", "") for facts in plan.store.get("devices", {}).values()]
        entries += [catalogue.adapters[driver] for driver in drivers if driver in catalogue.adapters]
        vendors = {entry.package.name: entry for entry in entries if entry.package.name != BUILT_IN}
        found = {name: self._wheel(entry) for name, entry in sorted(vendors.items())}
        lacking = [Finding("SL-REL-04", {"package": name, "id": vendors[name].id}) for name, row in found.items() if row is None]
        if lacking:
            raise BundleFault(lacking)
        rows = [row for row in found.values() if row is not None]
        return [{"target": names.package(row.vendor, row.filename), "sha256": row.sha256, "length": row.length} for row in rows]

    def _wheel(self, entry: Entry) -> VendorPackage | None:
        """The wheel that brings a plugin: the one that lists it, else the one of its package's name."""
        listing = (row for row in self._rows if entry.id in row.solutions)
        named = (row for row in self._rows if row.name.replace("-", "_").replace(".", "_").lower() == entry.package.name.lower())
        return next(listing, next(named, None))


def read_wheels(session: Session, chain: str) -> Wheels:
    """The chain's wheels that were not withdrawn."""
    rows = select(VendorPackage).where(VendorPackage.chain == chain, col(VendorPackage.withdrawn).is_(None))
    return Wheels(list(session.exec(rows.order_by(col(VendorPackage.uploaded).desc(), col(VendorPackage.id)))))
