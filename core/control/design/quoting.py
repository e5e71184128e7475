"""The chain's price book, as quotes read it (see `kernel.quote`)."""

from __future__ import annotations

from sqlmodel import Session, select

from storeloom.core.control.models.designs import Price


def read_prices(session: Session, chain: str) -> dict[tuple[str, str], Price]:
    """The chain's price book, by kind and currency."""
    return {(row.kind, row.currency): row for row in session.exec(select(Price).where(Price.chain == chain))}
