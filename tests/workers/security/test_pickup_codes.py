"""One-time codes: six digits by draw, kept as a slow salted hash."""

from __future__ import annotations

import hashlib

from storeloom.workers.security import pickup_codes as codes


def test_a_code_is_drawn_from_its_parts() -> None:
    drawn = int(hashlib.sha256(b"store|event|0").hexdigest(), 16) % 1_000_000
    assert codes.new_code("store", "event", 0) == f"{drawn:06d}" and codes.is_code(codes.new_code("store", "event", 1))


def test_what_is_taken_is_drawn_again() -> None:
    first, kept = codes.fresh(lambda _: False, "salt", "a")
    second, other = codes.fresh(lambda one: one == kept, "salt", "a")
    assert first == codes.new_code("a", 0) and second == codes.new_code("a", 1) != first and other != kept


def test_the_hash_is_pbkdf2_by_salt() -> None:
    assert codes.hashed("012345", "s") == hashlib.pbkdf2_hmac("sha256", b"012345", b"s", codes.ROUNDS, 16).hex()
    assert codes.hashed("012345", "s") != codes.hashed("012345", "t")


def test_the_shape_of_a_code() -> None:
    assert [codes.is_code(text) for text in ("000000", "12345", "1234567", "12345a", "１２３４５６")] == [True, False, False, False, False]
