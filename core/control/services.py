"""What the calls of the control plane stand on: database, clock, catalogue, folders, the repository of signed targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine

from storeloom.core.kernel.registry import Registry


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass
class Services:
    """One control plane. `folder` holds what is no row: files by hash, wheels, the repositories' metadata and keys."""

    engine: Engine
    folder: Path
    now: Callable[[], datetime] = utc_now

    @cached_property
    def registry(self) -> Registry:
        """The plugins that this control plane composes with."""
        return Registry()
