"""What is wrong with a catalogue of items, or with the pictures to learn it from, in words for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding
from storeloom.workers.vision.errors import VisionError


class ItemFault(VisionError):
    """A catalogue or pictures that cannot be used; `findings` holds all that is wrong, in zh and en."""

    def __init__(self, findings: Finding | Sequence[Finding]) -> None:
        self.findings: tuple[Finding, ...] = (findings,) if isinstance(findings, Finding) else tuple(findings)
        remedies = dict.fromkeys(fix for finding in self.findings if (fix := finding.fix()))
        what = " ".join(f"{finding.path}: {finding.text()}" if finding.path else finding.text() for finding in self.findings)
        super().__init__(what, str(self.findings[0].file or self.findings[0].path), " ".join(remedies))


def fault(code: str, args: Mapping[str, Any], *, file: Path | None = None, path: str = "") -> ItemFault:
    """A fault of one finding, about a file or about a place such as a gtin."""
    return ItemFault(Finding(code, args, path, file=str(file) if file else None))
