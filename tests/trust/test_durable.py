"""Files that are whole or not there."""

import stat

import pytest

from storeloom.core.trust import durable


def test_a_file_is_replaced_whole(tmp_path):
    file = tmp_path / "a"
    durable.write(file, b"one", mode=0o600)
    durable.write(file, b"two", mode=0o600)
    assert file.read_bytes() == b"two" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "a"
    durable.write(file, b"one")

    def full(*words, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "replace", full)
    with pytest.raises(OSError):
        durable.write(file, b"two")
    with pytest.raises(OSError):
        durable.write_all([(tmp_path / "b" / "c", b"x"), (tmp_path / "b" / "d", b"y")])
    assert file.read_bytes() == b"one" and not list((tmp_path / "b").iterdir())


def test_many_files_at_once(tmp_path):
    durable.write_all((tmp_path / f"f{number % 3}" / str(number), b"%d" % number) for number in range(50))
    assert {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == {str(n): b"%d" % n for n in range(50)}
    durable.write_all([])
