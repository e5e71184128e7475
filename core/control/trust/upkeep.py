"""What a server does for its chains' repositories by itself: it completes what a crash cut off, and signs anew what would end soon."""

from __future__ import annotations

from storeloom.core.control.services import Services
from storeloom.core.control.trust import ceremony


def sign_anew(services: Services) -> None:
    """Renew timestamps, and what else is near its end, of every chain; every some minutes."""
    folder = services.folder / "trust"
    for chain in sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ():
        repository = services.trust(chain)
        ceremony.complete(repository)
        repository.refresh()
