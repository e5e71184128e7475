"""Write a bill of materials (CycloneDX, JSON) for each lock: out/sbom.store.cdx.json and so on, with hashes and licences.

    python -m tests.packaging.sbom [FOLDER]

The same locks give the same bytes. cyclonedx-py reads a lock; the licences come from requirements/licences.toml.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.packaging.parts import LOCKS, ROOT, USES, rules


def bill(use: str) -> dict[str, Any]:
    """The bill of one lock."""
    words = ["requirements", str(LOCKS / f"{use}.txt"), "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"]
    command = [sys.executable, "-m", "cyclonedx_py", *words, "--output-reproducible", "--spec-version", "1.6", "-o", "-"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for component in found["components"]:
        component["licenses"] = [{"expression": rules()["licences"][component["name"]]}]
        component.pop("description", None)  # the lock's line, hashes and all, once more
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(found))
    if wrong is not None:
        raise ValueError(f"{use}: {wrong}")
    return found


def write(folder: Path) -> list[Path]:
    """Write them all; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for use in USES:
        files.append(folder / f"sbom.{use}.cdx.json")
        files[-1].write_text(json.dumps(bill(use), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return files


if __name__ == "__main__":
    for file in write(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "out")):
        print(file)
