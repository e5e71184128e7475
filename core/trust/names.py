"""The names that both ends use for what stands in a chain's repository: paths of targets, names of roles, fields of our own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

RELEASES = "releases"  # the role that may name stores' bundles, signed online
BINS = "releases-bin"  # the hash bins below it (TAP 15): releases-bin-00 and on
VENDORS = "vendors/"  # the role of a vendor is vendors/<vendor>
STORE_PATHS = "stores/*/*"
SIGNED_AT = "x-storeloom-signed-at"  # when metadata was signed, RFC 3339 in UTC: TUF says only when it ends

VENDOR = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_STORE = r"[a-z0-9][a-z0-9._-]{0,62}"
_TAGS = r"[A-Za-z0-9_.]{1,50}-[A-Za-z0-9_.]{1,50}-[A-Za-z0-9_.]{1,200}"
_WHEEL = rf"[A-Za-z0-9_.]{{1,100}}-[A-Za-z0-9_.!+]{{1,50}}(?:-[0-9][A-Za-z0-9_.]{{0,20}})?-{_TAGS}\.whl"
WHEEL = re.compile(_WHEEL)
BUNDLE = re.compile(rf"stores/({_STORE})/([1-9][0-9]{{0,8}})\.json")
PACKAGE = re.compile(rf"packages/({VENDOR.pattern})/({_WHEEL})")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a target is: a store's bundle, or a vendor's package."""

    store: str | None = None
    vendor: str | None = None


def bundle(store: str, number: int) -> str:
    """The target that is a store's bundle of a release."""
    return f"stores/{store}/{number}.json"


def package(vendor: str, filename: str) -> str:
    """The target that is a vendor's wheel."""
    return f"packages/{vendor}/{filename}"


def package_paths(vendor: str) -> str:
    """The paths that a vendor may sign for."""
    return f"packages/{vendor}/*"


def vendor_role(vendor: str) -> str:
    """The role that signs for a vendor's packages."""
    return VENDORS + vendor


def owner(target: str) -> Owner | None:
    """Whose a target is, None for what is no path of ours."""
    found = BUNDLE.fullmatch(target)
    if found is not None:
        return Owner(store=found.group(1))
    found = PACKAGE.fullmatch(target)
    return None if found is None else Owner(vendor=found.group(1))


def file_name(role: str, version: int | None = None) -> str:
    """The file that a role's metadata stands in; TUF's timestamp alone has no version in its name."""
    return f"{quote(role, safe='')}.json" if version is None else f"{version}.{quote(role, safe='')}.json"


def hashed(target: str, sha256: str) -> str:
    """The path under which a target's file is served: its hash before its name, so that what is there never changes."""
    folder, _, name = target.rpartition("/")
    return f"{folder}/{sha256}.{name}" if folder else f"{sha256}.{name}"


def unhashed(path: str) -> tuple[str, str] | None:
    """The target and the hash of a served path, None where it has no such form."""
    folder, _, name = path.rpartition("/")
    sha256, dot, plain = name.partition(".")
    return (f"{folder}/{plain}" if folder else plain, sha256) if dot and re.fullmatch(r"[0-9a-f]{64}", sha256) else None
