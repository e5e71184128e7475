"""A control plane whose chain north has its repository, with the vendors acme and bolt admitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from storeloom.core.control.trust import ceremony
from storeloom.core.control.trust.keys import make_key, read_signer
from storeloom.core.control.trust.signing import sign_wheels

VENDORS = ("acme", "bolt")


@dataclass
class Founded:
    """`plane` with its repository; the offline keys lie in `keys`."""

    plane: Any
    keys: Path

    def __post_init__(self) -> None:
        for chain in ("north", "south"):
            repository = self.plane.services.trust(chain)
            ceremony.found_alone(repository, self.keys / chain, bits=1)
            for vendor in VENDORS:
                file = ceremony.admit_vendor(repository, vendor, [make_key(self.keys / chain / f"{vendor}.pem")])
                ceremony.sign(file, read_signer(self.keys / chain / "targets.pem"))
                ceremony.accept(repository, [file])

    @property
    def repository(self) -> Any:
        return self.plane.services.trust("north")

    def signed(
        self, wheels: Mapping[str, bytes], vendor: str = "acme", base: bytes | None = None, by: str | None = None, days: int = 365
    ) -> bytes:
        """A vendor's metadata as it comes from the vendor."""
        signer = read_signer(self.keys / "north" / f"{by or vendor}.pem")
        return sign_wheels(base, vendor, wheels, self.plane.clock[0] + timedelta(days=days), [signer])
