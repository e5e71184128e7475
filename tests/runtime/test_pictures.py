"""Pictures that an instance keeps: with purpose and end, in a folder or in memory, gone when they must be."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storeloom.core.runtime.context import Workers
from storeloom.core.runtime.pictures import Label, Pictures

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(params=["folder", "memory"])
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Pictures:
    return Pictures(tmp_path / "pictures" / "audit" if request.param == "folder" else None)


def test_a_picture_is_there_until_its_end(pictures: Pictures) -> None:
    pictures.keep("a.jpg", b"first", purpose="audit", delete_by=NOW + DAY)
    pictures.keep("a.jpg", b"again", purpose="audit", delete_by=NOW + DAY)
    assert pictures.read("a.jpg") == b"again"
    assert pictures.label("a.jpg") == Label("audit", NOW + DAY)
    pictures.tidy(NOW + DAY - timedelta(seconds=1))
    assert pictures.names() == ["a.jpg"]
    pictures.tidy(NOW + DAY)
    assert pictures.names() == [] and pictures.read("a.jpg") is None and pictures.label("a.jpg") is None


def test_one_kept_after_a_look_goes_in_time(pictures: Pictures) -> None:
    pictures.tidy(NOW)
    pictures.keep("b.jpg", b"x", purpose="review", delete_by=NOW + timedelta(minutes=1))
    pictures.tidy(NOW + timedelta(minutes=1))
    assert pictures.names() == []


def test_deleting_twice_does_no_harm(pictures: Pictures) -> None:
    pictures.keep("a.jpg", b"x", purpose="audit", delete_by=NOW + DAY)
    pictures.delete("a.jpg")
    pictures.delete("a.jpg")
    assert pictures.read("a.jpg") is None


@pytest.mark.parametrize("name", ["", "../a.jpg", "/etc/passwd", ".hidden", "a/b.jpg", "a.label", "x" * 81])
def test_names_that_are_none_are_refused(pictures: Pictures, name: str) -> None:
    with pytest.raises(ValueError, match="picture name"):
        pictures.keep(name, b"x", purpose="audit", delete_by=NOW + DAY)
    assert pictures.read(name) is None


def test_a_picture_needs_purpose_and_end(pictures: Pictures) -> None:
    with pytest.raises(ValueError, match="purpose"):
        pictures.keep("a.jpg", b"x", purpose=" ", delete_by=NOW + DAY)
    with pytest.raises(ValueError, match="zone"):
        pictures.keep("a.jpg", b"x", purpose="audit", delete_by=datetime(2026, 3, 3))
    assert pictures.names() == []


def test_the_folder_is_the_stores_alone_and_outlives_the_process(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    Pictures(folder).keep("a.jpg", b"x", purpose="audit", delete_by=NOW + DAY)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and stat.S_IMODE((folder / "a.jpg").stat().st_mode) == 0o600
    assert json.loads((folder / "a.jpg.label").read_text()) == {"purpose": "audit", "delete_by": "2026-03-03T10:00:00Z"}
    later = Pictures(folder)
    assert later.read("a.jpg") == b"x"
    later.tidy(NOW + DAY)
    assert list(folder.iterdir()) == []


def test_what_was_handed_in_stays_a_day(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"member's")
    (tmp_path / "link.jpg").symlink_to("/etc/hostname")
    pictures = Pictures(tmp_path)
    assert pictures.read("photo.jpg") == b"member's" and pictures.read("link.jpg") is None
    pictures.tidy(NOW)
    assert pictures.label("photo.jpg") == Label("handed in", NOW + DAY)
    pictures.tidy(NOW + DAY)
    assert pictures.names() == []


def test_each_instance_has_its_own(tmp_path: Path) -> None:
    workers = Workers(tmp_path)
    workers.pictures("one").keep("a.jpg", b"x", purpose="audit", delete_by=NOW + DAY)
    assert workers.pictures("two").read("a.jpg") is None
    assert (tmp_path / "pictures" / "one" / "a.jpg").read_bytes() == b"x"
    assert Workers().pictures("one").read("a.jpg") is None


def test_no_instances_name_leads_out_of_its_folder(tmp_path: Path) -> None:
    for instance in ("..", "../../x", "a/b"):
        Workers(tmp_path).pictures(instance).keep("a.jpg", b"x", purpose="audit", delete_by=NOW + DAY)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["%2E%2E", "%2E%2E%2F%2E%2E%2Fx", "a%2Fb"]
