"""Vendors' packages: upload a wheel, publish it by the vendor's own signed metadata, list, withdraw. A vendor sees its own alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlmodel import col, select

from storeloom.core.control import audit
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import missing
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.control.trust import packages as rules
from storeloom.core.trust import names

packages = Resource("packages")
LARGEST = 256 << 20


class PackageOut(Wire):
    """A published package. `target` is its path in the chain's repository, `solutions` what its catalogue says of each that it brings
    (none: a library), `requires` and `python` what it needs by its own metadata."""

    id: str
    vendor: str
    name: str
    version: str
    filename: str
    target: str
    sha256: str
    length: int
    solutions: dict[str, Any]
    requires: list[str]
    python: str
    uploaded: datetime
    withdrawn: datetime | None


class UploadOut(Wire):
    """What an uploaded wheel brings and needs; it is published when its vendor's metadata names it. A library has no `package`."""

    filename: str
    sha256: str
    length: int
    name: str
    version: str
    package: str
    solutions: list[str]
    adapters: list[str]
    requires: list[str]
    python: str


class WaitingOut(Wire):
    """An uploaded wheel that its vendor's metadata does not name yet."""

    filename: str
    sha256: str
    length: int


class UploadsOut(Wire):
    """What was uploaded and waits."""

    waiting: list[WaitingOut]


class PublishedOut(Wire):
    """The packages that metadata made new."""

    published: list[PackageOut]


class PackageQuery(PageQuery):
    """Which packages: of a vendor, those that are withdrawn too."""

    vendor: str | None = Field(None, max_length=63)
    withdrawn: bool = False


@packages.route("GET", "/packages", "packages:read", "List packages", "供应商包列表", query=PackageQuery, answer=Page[PackageOut])
def list_packages(call: Call) -> Answer:
    """The chain's packages in order of their ids; to a vendor its own."""
    found = select(VendorPackage).where(VendorPackage.chain == call.chain)
    vendor = call.principal.vendor or call.query.vendor
    if vendor is not None:
        found = found.where(VendorPackage.vendor == vendor)
    if not call.query.withdrawn:
        found = found.where(col(VendorPackage.withdrawn).is_(None))
    return Answer(page(call.session, found, [col(VendorPackage.id)], call.query, show))


@packages.route("GET", "/packages/{package}", "packages:read", "One package", "供应商包详情", answer=PackageOut)
def get_package(call: Call) -> Answer:
    """A package."""
    return Answer(show(_one(call)))


@packages.route("DELETE", "/packages/{package}", "packages:write", "Withdraw a package", "撤回供应商包", status=204)
def withdraw_package(call: Call) -> Answer:
    """Withdraw a package: nobody can fetch it any more, no new release takes it up. Stores that have it keep what they run."""
    row = _one(call, lock=True)
    if row.withdrawn is None:
        row.withdrawn = call.now
        call.session.add(row)
        audit.note(call.session, call.chain, call.now, call.principal.actor, "package.withdraw", names.package(row.vendor, row.filename))
    return Answer()


@packages.route(
    *("PUT", "/vendors/{vendor}/wheels/{file}", "packages:write", "Upload a wheel", "上传 wheel"),
    raw_in="application/octet-stream",
    answer=UploadOut,
    own_session=True,
    max_body=LARGEST,
)
def upload_wheel(call: Call) -> Answer:
    """Keep a wheel until the vendor's metadata names it, and say what it brings. 422 where it cannot be read; none of its code is run."""
    vendor = _vendor(call)
    wheel, sha256 = rules.upload(call.services.trust(call.chain), vendor, call.path["file"], call.body)
    told = {"filename": call.path["file"], "sha256": sha256, "length": len(call.body)}
    brought = {"name": wheel.name, "version": wheel.version, "package": wheel.package}
    needs = {"requires": wheel.requires, "python": wheel.python}
    return Answer({**told, **brought, **needs, "solutions": sorted(wheel.solutions), "adapters": sorted(wheel.adapters)})


@packages.route("GET", "/vendors/{vendor}/wheels", "packages:read", "Uploaded wheels that wait", "待发布的 wheel", answer=UploadsOut)
def list_uploads(call: Call) -> Answer:
    """The wheels that were uploaded and that no metadata names yet: who publishes again sends these no more."""
    found = rules.waiting(call.services.trust(call.chain), _vendor(call))
    return Answer({"waiting": [{"filename": name, "sha256": sha256, "length": length} for name, sha256, length in found]})


@packages.route(
    *("GET", "/vendors/{vendor}/metadata", "packages:read", "A vendor's signed metadata", "供应商的已签名元数据"),
    raw_out="application/json",
)
def get_vendor_metadata(call: Call) -> Answer:
    """What the vendor signed last, which its next metadata builds on."""
    vendor = _vendor(call)
    found = rules.current(call.services.trust(call.chain), vendor)
    if found is None:
        raise missing("metadata", "元数据", vendor)
    return Answer(found)


@packages.route(
    *("PUT", "/vendors/{vendor}/metadata", "packages:write", "Publish packages", "发布供应商包"),
    raw_in="application/json",
    answer=PublishedOut,
    max_body=8 << 20,
)
def publish_packages(call: Call) -> Answer:
    """Publish the vendor's new metadata with the wheels that it names. 422 with every finding where it is not in order."""
    vendor = _vendor(call)
    rows = rules.submit(call.session, call.services.trust(call.chain), vendor, call.body, call.now, call.principal.actor)
    for row in rows:
        what = names.package(vendor, row.filename)
        audit.note(call.session, call.chain, call.now, call.principal.actor, "package.publish", what, {"sha256": row.sha256})
    return Answer({"published": [show(row) for row in rows]})


def show(row: VendorPackage) -> dict[str, Any]:
    """A package as it goes out."""
    return {**row.model_dump(exclude={"chain", "uploaded_by"}), "target": names.package(row.vendor, row.filename)}


def _vendor(call: Call) -> str:
    """The vendor that a path names; to a vendor's people all others are not there."""
    vendor = call.path["vendor"]
    if names.VENDOR.fullmatch(vendor) is None or call.principal.vendor not in (None, vendor):
        raise missing("vendor", "供应商", vendor)
    return vendor


def _one(call: Call, *, lock: bool = False) -> VendorPackage:
    row = call.session.get(VendorPackage, (call.chain, call.path["package"]), with_for_update=lock or None)
    if row is None or call.principal.vendor not in (None, row.vendor):
        raise missing("package", "供应商包", call.path["package"])
    return row
