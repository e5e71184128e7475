"""A catalogue in a folder: `catalogue.json` says what there is, `vectors-HASH.npz` holds the vectors; no pictures, no code.

The vectors are written first under a name of their own and the JSON replaced last, so that the JSON always names whole vectors.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from storeloom.workers.vision.items.faults import fault
from storeloom.workers.vision.items.memory import ItemClass

DOCUMENT = "items/1"
KINDS = ("enrolled", "corrected", "pending")


def save(folder: Path, embedding: list[dict[str, Any]], facts: Mapping[str, Any], classes: Iterable[ItemClass]) -> None:
    """Write classes and what else a catalogue knows of itself."""
    kept = list(classes)
    size = sum(part["size"] for part in embedding)
    arrays = {kind: np.concatenate([getattr(known, kind) for known in kept] or [np.zeros((0, size), np.float16)]) for kind in KINDS}
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **arrays)
    sha256 = hashlib.sha256(packed.getvalue()).hexdigest()
    vectors = f"vectors-{sha256[:16]}.npz"
    rows = [{"gtin": known.gtin} | {kind: len(getattr(known, kind)) for kind in KINDS} for known in kept]
    made = {"document": DOCUMENT, "embedding": embedding, **facts, "vectors": vectors, "sha256": sha256, "items": rows}
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / vectors, packed.getvalue())
    _write(folder / "catalogue.json", (json.dumps(made, indent=1, ensure_ascii=False) + "\n").encode())
    for old in folder.glob("vectors-*.npz"):
        if old.name != vectors:
            old.unlink()


def load(folder: Path, embedding: list[dict[str, Any]]) -> tuple[dict[str, Any], list[ItemClass]]:
    """What a catalogue knows of itself, and its classes; ItemFault where it is missing, damaged, or of another embedding."""
    path = folder / "catalogue.json"
    if not path.is_file():
        raise fault("SL-ITM-04", {}, file=path)
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        if made["document"] != DOCUMENT:
            raise ValueError(f"document is {made['document']!r}")
        stated = made["embedding"], made["items"], made["false_accept"], made["limits"], made["sha256"], made["vectors"]
        counts = [[int(row[kind]) for kind in KINDS] for row in made["items"]]
        names = [str(row["gtin"]) for row in made["items"]]
    except (ValueError, KeyError, TypeError) as error:
        raise fault("SL-ITM-05", {"reason": f"{type(error).__name__}: {error}"}, file=path) from error
    if stated[0] != embedding:
        known, wanted = ("+".join(f"{part['model']} {part['sha256'][:8]}" for part in parts) for parts in (stated[0], embedding))
        raise fault("SL-ITM-06", {"known": known, "wanted": wanted}, file=path)
    arrays = _arrays(folder / Path(str(made["vectors"])).name, str(made["sha256"]))
    size = sum(part["size"] for part in embedding)
    if any(array.dtype != np.float16 or array.ndim != 2 or array.shape[1] != size for array in arrays.values()):
        raise fault("SL-ITM-05", {"reason": f"the vectors are not float16 of {size} elements"}, file=path)
    if [len(arrays[kind]) for kind in KINDS] != [sum(count[n] for count in counts) for n in range(len(KINDS))]:
        raise fault("SL-ITM-05", {"reason": "the numbers of vectors are not those of the items"}, file=path)
    ends = np.cumsum(np.array(counts, np.int64).reshape(-1, len(KINDS)), axis=0)
    parts = [np.split(arrays[kind], ends[:-1, n]) for n, kind in enumerate(KINDS)]
    classes = [ItemClass(name, *(part[row] for part in parts)) for row, name in enumerate(names)]
    return made, classes


def _arrays(path: Path, sha256: str) -> dict[str, Any]:
    if not path.is_file():
        raise fault("SL-ITM-05", {"reason": f"{path.name} is missing"}, file=path)
    packed = path.read_bytes()
    if hashlib.sha256(packed).hexdigest() != sha256:
        raise fault("SL-ITM-05", {"reason": f"{path.name} is not the one that the catalogue names"}, file=path)
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            return {kind: arrays[kind] for kind in KINDS}
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise fault("SL-ITM-05", {"reason": f"{type(error).__name__}: {error}"}, file=path) from error


def _write(path: Path, content: bytes) -> None:
    """Write a file whole: under another name, kept on disk, then renamed."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
