"""The vendors' wheels that a bundle needs, with the libraries that those need: targets of the chain's repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from storeloom.core.control.agents import machines
from storeloom.core.control.design.catalogues import Published
from storeloom.core.control.design.composing import Made
from storeloom.core.control.design.libraries import Book, Place, Shelf
from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.kernel.registry import BUILT_IN, Catalogue, Entry
from storeloom.core.trust import names
from storeloom.core.trust.wire import Machine


class Wheels:
    """A chain's wheels, the newest of each first."""

    def __init__(self, rows: Sequence[VendorPackage]) -> None:
        self._shelf = Shelf(rows)
        self._places: dict[str, Place] = {}
        self._chosen: dict[tuple[Any, ...], list[dict[str, Any]]] = {}

    def needed(self, made: Made, catalogue: Catalogue, machine: Machine | None = None) -> list[dict[str, Any]]:
        """The wheels of a composition on a machine, by target; None: one like the server's own.

        BundleFault names each package that was not uploaded, or was withdrawn, and each requirement of a wheel that no wheel meets.
        """
        plan = made.composition.require()
        entries = [catalogue.solution(one.solution) for one in plan.instances]
        drivers = [facts.get("adapter", "") for facts in plan.store.get("devices", {}).values()]
        entries += [catalogue.adapters[driver] for driver in drivers if driver in catalogue.adapters]
        vendors = {entry.package.name: entry for entry in entries if entry.package.name != BUILT_IN}
        if not vendors:
            return []
        place = self._place(machine or machines.assumed())
        found = {name: self._wheel(entry, place) for name, entry in sorted(vendors.items())}
        lacking = [Finding("SL-REL-04", {"package": name, "id": vendors[name].id}) for name, book in found.items() if book is None]
        if lacking:
            raise BundleFault(lacking)
        return self._chosen_for([book for book in found.values() if book is not None], place)

    def _place(self, machine: Machine) -> Place:
        key = machine.model_dump_json()
        return self._places.setdefault(key, self._places.get(key) or Place(machine))

    def _chosen_for(self, roots: list[Book], place: Place) -> list[dict[str, Any]]:
        """Wheels with their libraries, worked out once for all stores that are alike."""
        key = (id(place), *sorted(book.id for book in roots))
        if key not in self._chosen:
            rows = [book.row for book in self._shelf.with_libraries(roots, place)]
            told = [{"target": names.package(row.vendor, row.filename), "sha256": row.sha256, "length": row.length} for row in rows]
            self._chosen[key] = sorted(told, key=lambda one: str(one["target"]))
        return self._chosen[key]

    def _wheel(self, entry: Entry, place: Place) -> Book | None:
        """The wheel that brings a plugin: of those that list it, else of its package's name, the newest that fits, or where none does the
        newest, so that it can be told."""
        if isinstance(entry.package, Published):  # the version that was composed with, which the lock pins
            books = [one for one in self._shelf.books if entry.package.brought_by(one.row)]
            return next((one for one in books if place.fits(one) is not None), books[0] if books else None)
        plain = entry.package.name.lower()
        listing = [one for one in self._shelf.books if entry.id in one.row.solutions]
        named = [one for one in self._shelf.books if one.row.name.replace("-", "_").replace(".", "_").lower() == plain]
        books = listing or named
        return next((one for one in books if place.fits(one) is not None), books[0] if books else None)


def read_wheels(session: Session, chain: str) -> Wheels:
    """The chain's wheels that were not withdrawn."""
    rows = select(VendorPackage).where(VendorPackage.chain == chain, col(VendorPackage.withdrawn).is_(None))
    return Wheels(list(session.exec(rows.order_by(col(VendorPackage.uploaded).desc(), col(VendorPackage.id)))))


def wheel_findings(session: Session, chain: str, store: str, made: Made, catalogue: Catalogue) -> tuple[Finding, ...]:
    """What a composition needs of vendors' wheels in a store and does not find."""
    if made.composition.plan is None:
        return ()
    where = machines.known_to(session, chain, [store])
    machine = machines.read(session, chain, where.values()).get(where.get(store, ""))
    try:
        read_wheels(session, chain).needed(made, catalogue, machine)
    except BundleFault as fault:
        return tuple(fault.findings)
    return ()
