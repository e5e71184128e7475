"""Size runs on a sales floor: in which zone a tag is, which sizes of a style are missing, and which pieces bring broken runs back first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

Reads = Mapping[str, Mapping[str, float]]
"""By zone `{"n": reads, "w": signal}`, the sum of amplitudes 10^(dBm / 20) over the reads of a window."""


def add_read(reads: dict[str, dict[str, float]], zone: str, rssi_dbm: float, times: int = 1) -> None:
    """Enter reads of a tag in a zone; amplitudes, so that near and far reads differ by less than their powers do."""
    cell = reads.setdefault(zone, {"n": 0, "w": 0.0})
    cell["n"] += times
    cell["w"] += times * 10 ** (rssi_dbm / 20)


def decide(reads: Reads, present: str | None, switch_reads: int) -> str | None:
    """The zone of a tag after a window: the strongest, if it has `switch_reads` more reads than the present one; of equal ones the present
    one stays, else the first by name."""
    if not reads:
        return present
    strongest = min(reads, key=lambda zone: (-reads[zone]["w"], zone != present, zone))
    if present is None or strongest == present:
        return strongest
    before = reads[present]["n"] if present in reads else 0
    return strongest if reads[strongest]["n"] - before >= switch_reads else present


@dataclass(frozen=True)
class Size:
    """An item of a style: pieces on the floor and least there, free behind it, units sold a week, and pieces under way up."""

    gtin: str
    style: str
    size: str
    floor: float
    least: float
    behind: float
    rate: float
    coming: float = 0.0

    @property
    def missing(self) -> float:
        return max(0.0, self.least - self.floor)

    @property
    def wanted(self) -> float:
        """Missing pieces that are not under way."""
        return max(0.0, self.missing - self.coming)


def core_missing(sizes: Iterable[Size], core: Collection[str]) -> float:
    """Share of the core sizes that are missing on the floor."""
    return len({one.size for one in sizes if one.size in core and one.missing > 0}) / len(core) if core else 0.0


def is_whole(sizes: Iterable[Size], core: Collection[str]) -> bool:
    """Whether every planned core size of a style is on the floor; of a style that has none of them, every size."""
    known = list(sizes)
    counting = [one for one in known if one.size in core] or known
    return all(one.missing <= 0 for one in counting)


def fill(styles: Mapping[str, list[Size]], core: Collection[str]) -> list[tuple[Size, int, float]]:
    """Pieces to bring up as (size, pieces, priority): rate of the size x (1 + missing core sizes / core sizes), highest first, ties by
    style and gtin."""
    ranked = []
    for sizes in styles.values():
        factor = 1 + core_missing(sizes, core)
        ranked += [(one, int(min(one.wanted, one.behind)), one.rate * factor) for one in sizes]
    return sorted((row for row in ranked if row[1] > 0), key=lambda row: (-row[2], row[0].style, row[0].gtin))
