"""The chain's repository over HTTP: signed metadata, and the files that it names.

What is served proves itself by its signatures; who may fetch it still matters. An agent gets its own store's bundles and all packages, a
vendor its own packages and no store's bundle, the chain's people all that they may read as releases or packages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.api.route import Answer, Call, Resource
from storeloom.core.control.identity.scopes import Principal
from storeloom.core.control.trust import packages
from storeloom.core.kernel.errors import Finding
from storeloom.core.trust import names

tuf = Resource("tuf")
FILE = re.compile(r"([1-9][0-9]{0,8})\.([a-z][a-z0-9/-]{0,80})\.json|timestamp\.json")
CHUNK = 1 << 18
FOR_EVER, ASK_AGAIN = "private, max-age=31536000, immutable", "private, no-cache"
BYTES = "application/octet-stream"


@tuf.route(
    *("GET", "/tuf/metadata/{path}", "trust:read", "Signed metadata (TUF)", "已签名的元数据（TUF）"),
    raw_out="application/json",
    conditional=True,
)
def get_metadata(call: Call) -> Answer:
    """A metadata file as TUF names it: `timestamp.json`, `12.snapshot.json`, `3.vendors/acme.json` (its slash as it is or as %2F)."""
    name = unquote(call.path["path"])
    found = FILE.fullmatch(name)
    role = "timestamp" if found is None or found.group(2) is None else found.group(2)
    if found is None or not _may_know(call.principal, role):
        raise missing("metadata", "元数据", name)
    version = found.group(1)
    file = names.file_name(role, int(version) if version else None)
    try:
        data = (call.services.trust(call.chain).metadata / file).read_bytes()
    except FileNotFoundError as error:
        raise missing("metadata", "元数据", name) from error
    tag = hashlib.sha256(data).hexdigest()[:32]
    head = {"Cache-Control": FOR_EVER if version else ASK_AGAIN}
    return Answer(None, 304, tag, head) if call.if_none_match == tag else Answer(data, None, tag, head)


@tuf.route(
    *("GET", "/tuf/targets/{path}", "trust:read", "A signed file", "已签名的文件"),
    raw_out=BYTES,
    conditional=True,
    ranges=True,
)
def get_target(call: Call) -> Answer:
    """A target's file under its hash, `stores/s-1/SHA256.12.json`, or the stretch of it that a `Range` names."""
    known = names.unhashed(call.path["path"])
    owner = names.owner(known[0]) if known else None
    if known is None or owner is None or not _may_have(call.principal, owner):
        raise missing("target", "目标文件", call.path["path"])
    target, sha256 = known
    file = call.services.trust(call.chain).targets / names.hashed(target, sha256)
    if not file.is_file() or (owner.vendor is not None and packages.withdrawn(call.session, call.chain, target, sha256)):
        raise missing("target", "目标文件", call.path["path"])
    head = {"Cache-Control": FOR_EVER, "Accept-Ranges": "bytes"}
    if call.if_none_match == sha256:
        return Answer(None, 304, sha256, head)
    size = file.stat().st_size
    begin, end = _stretch(call.range, size)
    head["Content-Length"] = str(end - begin)
    if call.range is not None and (begin, end) != (0, size):
        head["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        return Answer(_read(file, begin, end), 206, sha256, head)
    return Answer(_read(file, begin, end), None, sha256, head)


def _may_know(who: Principal, role: str) -> bool:
    """A vendor has no business with the stores' bundles, nor with what other vendors sign."""
    if who.vendor is None:
        return True
    return role in ("root", "targets", "snapshot", "timestamp", names.vendor_role(who.vendor))


def _may_have(who: Principal, owner: names.Owner) -> bool:
    if who.store is not None:
        return owner.store in (None, who.store)
    if who.vendor is not None:
        return owner.vendor == who.vendor
    return ("packages:read" if owner.vendor is not None else "releases:read") in who.scopes


def _stretch(wanted: str | None, size: int) -> tuple[int, int]:
    """The bytes that a `Range` asks for, from and up to; all of them where it has another form, as HTTP has it. 416 beyond the end."""
    found = re.fullmatch(r"bytes=(\d{1,18})-(\d{0,18})", wanted or "")
    if found is None:
        return 0, size
    begin, last = int(found.group(1)), int(found.group(2) or size - 1)
    if begin > last and found.group(2):
        return 0, size
    if begin >= size:
        allowed = Finding("SL-API-06", {"header": "Range", "allowed": f"bytes=0-{size - 1}"})
        raise ApiFault(416, allowed, {"Content-Range": f"bytes */{size}"})
    return begin, min(last + 1, size)


def _read(file: Path, begin: int, end: int) -> Iterator[bytes]:
    """The bytes of a file from `begin` up to `end`, a chunk at a time. The file is opened at once: one deleted meanwhile is still sent."""
    opened = open(file, "rb")  # noqa: SIM115

    def chunks() -> Iterator[bytes]:
        with opened:
            opened.seek(begin)
            left = end - begin
            while left and (chunk := opened.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk

    return chunks()
