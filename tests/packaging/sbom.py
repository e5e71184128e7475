"""Write a bill of materials (CycloneDX, JSON) for each lock: out/sbom.store.cdx.json and so on, with hashes and licences.

Each names the packages of the lock and who asks for which, the shared libraries inside their wheels, and the models that storeloom's own
wheel holds.

    python -m tests.packaging.sbom [FOLDER]

The same locks give the same bytes. cyclonedx-py reads a lock; the licences come from requirements/licences.toml.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from storeloom.core import __version__
from tests.packaging.parts import LOCKS, ROOT, USES, Weights, locked, rules, weights


def bill(use: str) -> dict[str, Any]:
    """The bill of one lock."""
    words = ["requirements", str(LOCKS / f"{use}.txt"), "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"]
    command = [sys.executable, "-m", "cyclonedx_py", *words, "--output-reproducible", "--spec-version", "1.6", "-o", "-"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for component in found["components"]:
        component["licenses"] = [{"expression": rules()["licences"][component["name"]]}]
        component.pop("description", None)  # the lock's line, hashes and all, once more
        inside = rules()["inside"].get(component["name"], {})
        if inside:
            component["components"] = [
                {"type": "library", "bom-ref": f"{component['name']}/{name}", "name": name, "licenses": [{"expression": licence}]}
                for name, licence in sorted(inside.items())
            ]
    found["metadata"]["component"]["version"] = __version__
    found["dependencies"] = _dependencies(use, found)
    found["components"] += map(_model, weights())
    return found


def _dependencies(use: str, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Who asks for which, by the lock's own words; a name with two versions is asked for in both."""
    root = found["metadata"]["component"]["bom-ref"]
    references = {(one["name"], one["version"]): one["bom-ref"] for one in found["components"]}
    asked: dict[str, set[str]] = {root: set(), **{reference: set() for reference in references.values()}}
    for part in locked(use):
        asking = [reference for (name, _), reference in references.items() if name in part.via]
        for reference in [*asking, *([root] if part.direct else [])]:
            asked[reference].add(references[part.name, part.version])
    return [{"ref": reference, **({"dependsOn": sorted(others)} if others else {})} for reference, others in sorted(asked.items())]


def _model(one: Weights) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": one.file,
        "name": one.name,
        "hashes": [{"alg": "SHA-256", "content": one.sha256}],
        "licenses": [{"expression": one.licence}],
        "externalReferences": [{"type": "source-distribution", "url": one.origin, "comment": one.made_from}],
    }


def write(folder: Path) -> list[Path]:
    """Write them all; the files. ValueError for one that CycloneDX's own schema does not take."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for use in USES:
        text = json.dumps(bill(use), indent=1, ensure_ascii=False) + "\n"
        wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
        if wrong is not None:
            raise ValueError(f"{use}: {wrong}")
        files.append(folder / f"sbom.{use}.cdx.json")
        files[-1].write_text(text, encoding="utf-8")
    return files


if __name__ == "__main__":
    for file in write(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "out")):
        print(file)
