"""Files: kept under their hash, given back whole, each chain its own; no name from outside becomes a path."""

import hashlib
import os
from urllib.parse import quote

import pytest
from sqlmodel import select

from storeloom.core.control.api.serve import PREFIX
from storeloom.core.control.database import reading
from storeloom.core.control.models.audit import AuditEntry
from storeloom.core.control.reports import files, retention

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def upload(plane, data=PNG, name="shelf 1 货架.png", role="operator", chain="north", kind="image/png", content="application/octet-stream"):
    query = f"name={quote(name, safe='')}&media_type={quote(kind, safe='')}"
    head = {"Authorization": f"Bearer {plane.tokens[chain, role]}", "Accept-Language": "en"}
    return plane.client.post(f"{PREFIX}/files?{query}", data=data, content_type=content, headers=head)


def on_disk(plane):
    return sorted(path for path in (plane.services.folder / "files").rglob("*") if path.is_file())


def test_a_file_is_kept_listed_given_back_and_deleted(plane):
    added = upload(plane)
    sha256 = hashlib.sha256(PNG).hexdigest()
    assert added.status_code == 201 and added.headers["Location"] == f"/api/v1/files/{added.json['id']}"
    told = {key: added.json[key] for key in ("name", "media_type", "sha256", "length", "uploaded_by")}
    assert told == {"name": "shelf 1 货架.png", "media_type": "image/png", "sha256": sha256, "length": 264, "uploaded_by": "user:operator"}
    ask = plane.as_("viewer")
    path = f"/files/{added.json['id']}"
    assert ask("GET", path).json == added.json and ask("GET", f"/files?sha256={sha256}").json["items"] == [added.json]
    assert ask("GET", "/files?name=other").json["items"] == []
    got = ask("GET", f"{path}/content")
    assert (got.data, got.content_type, got.headers["ETag"]) == (PNG, "application/octet-stream", f'"{sha256}"')
    assert got.headers["Content-Disposition"] == "attachment; filename*=UTF-8''shelf%201%20%E8%B4%A7%E6%9E%B6.png"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert ask("GET", f"{path}/content", If_None_Match=f'"{sha256}"').status_code == 304
    assert plane.as_("viewer")("DELETE", path).status_code == 403
    assert plane.as_("operator")("DELETE", path).status_code == 204
    assert ask("GET", path).status_code == ask("GET", f"{path}/content").status_code == 404
    with reading(plane.services.engine) as session:
        assert [one.action for one in session.exec(select(AuditEntry))] == ["file.upload", "file.delete"]


def test_the_same_file_again_is_the_one_that_is_there(plane):
    first = upload(plane).json
    again = upload(plane, role="integrator")
    assert (again.status_code, again.json) == (201, first) and len(plane.as_("viewer")("GET", "/files").json["items"]) == 1
    assert upload(plane, name="other.png").json["id"] != first["id"] and upload(plane, chain="south").json["id"] != first["id"]
    assert plane.as_("operator")("DELETE", f"/files/{first['id']}").status_code == 204
    assert upload(plane).json["id"] != first["id"]
    with reading(plane.services.engine) as session:
        uploads = [one for one in session.exec(select(AuditEntry)) if one.action == "file.upload"]
        assert len(uploads) == 4, "three of one chain, one of the other"


def test_another_chains_files_are_not_there(plane):
    mine = upload(plane).json
    theirs = upload(plane, chain="south").json
    stranger = plane.as_("operator", "south")
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        assert stranger(method, f"/files/{mine['id']}{path}").status_code == 404
    assert [one["id"] for one in stranger("GET", "/files").json["items"]] == [theirs["id"]]
    assert stranger("DELETE", f"/files/{theirs['id']}").status_code == 204
    assert plane.as_("viewer")("GET", f"/files/{mine['id']}/content").data == PNG and len(on_disk(plane)) == 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\x", "a/b", "a\nb", "", "x" * 201, "a\0b"])
def test_a_name_that_could_be_a_path_is_refused(plane, name):
    assert upload(plane, name=name).status_code == 400 and on_disk(plane) == []


def test_names_are_never_paths(plane):
    for name in ("..", ".", "CON", "~root", "%2e%2e%2f", "$(x)"):
        assert upload(plane, data=name.encode(), name=name).status_code == 201
    root = plane.services.folder / "files"
    for path in on_disk(plane):
        chain, first, sha256 = path.relative_to(root).parts
        assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest() and first == sha256[:2] and len(chain) == 32
    for name in ("..%2f..%2fcontrol.db", "%2e%2e", "."):
        assert plane.as_("viewer")("GET", f"/files/{name}/content").status_code in (404, 308)


def test_limits_and_kinds(plane, monkeypatch):
    assert upload(plane, kind="text/html").status_code == 400
    assert upload(plane, content="multipart/form-data").status_code == 415
    large = upload(plane, data=bytes(files.LARGEST + 1))
    assert large.status_code == 413 and large.content_type == "application/problem+json" and on_disk(plane) == []
    monkeypatch.setattr(files, "QUOTA", 500)
    assert upload(plane).status_code == 201
    full = upload(plane, name="another.png")
    assert (full.status_code, full.json["findings"][0]["code"]) == (413, "SL-REP-01")
    assert upload(plane, chain="south").status_code == 201


def test_bytes_that_were_spoilt_are_not_given_out(plane):
    name = upload(plane).json["id"]
    (path,) = on_disk(plane)
    path.write_bytes(PNG[:-1] + b"x")
    assert plane.as_("viewer")("GET", f"/files/{name}/content").status_code == 404
    assert upload(plane).status_code == 201
    assert plane.as_("viewer")("GET", f"/files/{name}/content").data == PNG


def test_bytes_go_when_nothing_has_named_them_for_a_day(plane):
    one, other = upload(plane).json, upload(plane, name="again").json
    lone = upload(plane, data=b"lone").json
    ask = plane.as_("operator")
    for name in (one, lone):
        ask("DELETE", f"/files/{name['id']}")
    age = {path.name: path for path in on_disk(plane)}
    os.utime(age[lone["sha256"]], (0, plane.clock[0].timestamp() - 3600))
    retention.tick(plane.services)
    assert len(on_disk(plane)) == 2, "an hour old: its row may be on its way"
    for path in on_disk(plane):
        os.utime(path, (0, plane.clock[0].timestamp() - 2 * 86400))
    retention.tick(plane.services)
    assert [path.name for path in on_disk(plane)] == [one["sha256"]] and ask("GET", f"/files/{other['id']}/content").data == PNG
