"""Wheels made on the spot (PyPA's binary distribution format)."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from storeloom.core.trust.wire import Wheel


def wheel(
    folder: Path,
    name: str,
    version: str,
    files: dict[str, str],
    *,
    requires: tuple[str, ...] = (),
    python: str = "",
    entry_points: str = "",
) -> Path:
    """A pure wheel of some files."""
    info = f"{name}-{version}.dist-info"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {one}\n" for one in requires)
    meta += f"Requires-Python: {python}\n" if python else ""
    whole = {**files, f"{info}/METADATA": meta, f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    if entry_points:
        whole[f"{info}/entry_points.txt"] = entry_points
    rows = []
    for path, text in whole.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(text.encode())}")
    whole[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in whole.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return made


def packed_folder(root: Path) -> dict[str, str]:
    """The files of a package's folder, under its own name."""
    found = (path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(root.parent).as_posix(): path.read_text(encoding="utf-8") for path in found}


def named(made: Path, vendor: str = "acme") -> Wheel:
    """A wheel as a release names it."""
    body = made.read_bytes()
    return Wheel(target=f"packages/{vendor}/{made.name}", sha256=hashlib.sha256(body).hexdigest(), length=len(body))
