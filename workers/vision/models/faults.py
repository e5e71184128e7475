"""What is wrong with a model, in words for a person: the vision engine's ModelError with findings in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding
from storeloom.workers.vision.errors import ModelError


class ModelFault(ModelError):
    """A model that cannot be used; `findings` holds all that is wrong with it, in zh and en."""

    def __init__(self, findings: Finding | Sequence[Finding]) -> None:
        self.findings: tuple[Finding, ...] = (findings,) if isinstance(findings, Finding) else tuple(findings)
        what, zh = (
            " ".join(f"{one.path}: {one.text(lang)}" if one.path else one.text(lang) for one in self.findings) for lang in ("en", "zh")
        )
        remedies = dict.fromkeys(fix for finding in self.findings if (fix := finding.fix()))
        super().__init__(what, str(self.findings[0].file), " ".join(remedies), zh=zh)


def fault(code: str, file: Path, args: Mapping[str, Any] | None = None) -> ModelFault:
    """A fault of one finding about a file or folder."""
    return ModelFault(Finding(code, args or {}, file=str(file)))


def shape_text(kind: str, shape: Sequence[object]) -> str:
    """A tensor's type and shape as a person reads them, `float 1x3x416x416`; an open dimension is `?`."""
    return f"{kind} " + "x".join(str(size) if isinstance(size, int) and size >= 0 else "?" for size in shape)
