"""A chain's files: planograms, pictures, reports. What is uploaded is kept under its SHA-256 and given back as bytes, never shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import Field
from sqlmodel import col, select

from storeloom.core.control import audit
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import missing
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.packages import StoredFile
from storeloom.core.control.reports import files as rules

files = Resource("files")
BYTES = "application/octet-stream"


class FileOut(Wire):
    """A file."""

    id: str
    name: str
    media_type: str
    sha256: str
    length: int
    uploaded: datetime
    uploaded_by: str


class FileNew(Wire):
    """What a file is called, and of what kind its uploader says it is; the kind is told again, not believed."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f\x7f]+$")
    media_type: rules.MediaType = "application/octet-stream"


class FileQuery(PageQuery):
    """Which files: of a name, of a content."""

    name: str | None = Field(None, max_length=200)
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")


@files.route("GET", "/files", "files:read", "List files", "文件列表", query=FileQuery, answer=Page[FileOut])
def list_files(call: Call) -> Answer:
    """The chain's files in the order in which they came."""
    found = select(StoredFile).where(StoredFile.chain == call.chain)
    if call.query.name is not None:
        found = found.where(StoredFile.name == call.query.name)
    if call.query.sha256 is not None:
        found = found.where(StoredFile.sha256 == call.query.sha256)
    return Answer(page(call.session, found, [col(StoredFile.id)], call.query, show))


@files.route(
    *("POST", "/files", "files:write", "Upload a file", "上传文件"),
    query=FileNew,
    raw_in=BYTES,
    answer=FileOut,
    status=201,
    own_session=True,
    max_body=rules.LARGEST,
)
def upload_file(call: Call) -> Answer:
    """Keep a file of at most 32 MiB; one that is there already, with this name, kind and content, is the answer. 413 for a larger one, and
    where the chain's files would be too many."""
    given: FileNew = call.query
    sha256 = rules.put(call.services, call.chain, call.body)
    with writing(call.services.engine) as session:
        row = rules.add(session, call.chain, given.name, given.media_type, sha256, len(call.body), call.principal.actor, call.now)
        if row in session.new:
            detail = {"name": row.name, "sha256": sha256, "length": row.length}
            audit.note(session, call.chain, call.now, call.principal.actor, "file.upload", row.id, detail)
    return Answer(show(row), headers={"Location": f"/api/v1/files/{row.id}"})


@files.route("GET", "/files/{file}", "files:read", "One file", "文件详情", answer=FileOut)
def get_file(call: Call) -> Answer:
    """What is known of a file."""
    return Answer(show(_one(call)))


@files.route(
    *("GET", "/files/{file}/content", "files:read", "Download a file", "下载文件"), raw_out=BYTES, conditional=True, own_session=True
)
def download_file(call: Call) -> Answer:
    """A file's bytes, to be saved; no browser shows them as a page. 304 where they are known."""
    with reading(call.services.engine) as session:
        row = session.get(StoredFile, (call.chain, call.path["file"]))
    if row is None:
        raise missing("file", "文件", call.path["file"])
    if call.if_none_match == row.sha256:
        return Answer(status=304, version=row.sha256)
    data = rules.read(call.services, row)
    if data is None:
        raise missing("file", "文件", call.path["file"])
    head = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }
    return Answer(data, version=row.sha256, headers=head)


@files.route("DELETE", "/files/{file}", "files:write", "Delete a file", "删除文件", status=204)
def delete_file(call: Call) -> Answer:
    """Delete a file; its bytes go with the next sweep, unless another file has the same."""
    row = _one(call)
    call.session.delete(row)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "file.delete", row.id, {"name": row.name, "sha256": row.sha256})
    return Answer()


def show(row: StoredFile) -> dict[str, Any]:
    """A file as it goes out."""
    return row.model_dump(exclude={"chain"})


def _one(call: Call) -> StoredFile:
    row = call.session.get(StoredFile, (call.chain, call.path["file"]))
    if row is None:
        raise missing("file", "文件", call.path["file"])
    return row
