"""Vendors' packages and other files: known by their hash, kept as files beside the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain


class VendorPackage(OfChain, table=True):
    """A wheel that a vendor signed: the target `packages/<vendor>/<filename>` of the chain's repository.

    `solutions` is empty for a library, a wheel that others need. `requires` and `python` are what its metadata says that it needs
    (Requires-Dist, Requires-Python).
    """

    __tablename__ = "vendor_package"
    __table_args__ = (UniqueConstraint("chain", "vendor", "filename"), CheckConstraint("length(sha256) = 64", name="sha256_is_hex"))
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    vendor: str
    name: str
    version: str
    filename: str
    sha256: str
    length: int
    solutions: dict[str, Any] = document()
    requires: list[str] = document()
    python: str = ""
    uploaded: datetime = moment()
    uploaded_by: str
    withdrawn: datetime | None = moment(null=True)


class StoredFile(OfChain, table=True):
    """A file of a chain (a planogram, a picture, a report); its bytes lie under its SHA-256."""

    __tablename__ = "stored_file"
    __table_args__ = (CheckConstraint("length(sha256) = 64", name="sha256_is_hex"), CheckConstraint("length >= 0", name="length_counts"))
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    name: str
    media_type: str
    sha256: str
    length: int
    uploaded: datetime = moment()
    uploaded_by: str
