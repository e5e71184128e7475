"""Bundles of simulated stores as a release keeps them: real parts, so that a plan reads, compares and groups what it does in earnest.

Each store has a profile of its own with 20 devices; 40 designs of eight solutions serve all; six wheels belong to each. From one release to
the next a value changes in every design, to one of its own, and one solution becomes a newer version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from storeloom.core.control.design.parts import Parts, put_design

DESIGNS, SOLUTIONS, WHEELS, DEVICES = 40, 8, 6, 20


def make_bundles(session: Session, chain: str, number: int, stores: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Keep the parts of a release's bundles; for each store what `make_release` takes."""
    parts = Parts()
    designs = [put_design(_design(at, number), parts) for at in range(DESIGNS)]
    wheels = [{"name": f"vendor_{at}", "sha256": _sha(f"wheel-{at}"), "length": 50_000 + at, "target": f"w/{at}"} for at in range(WHEELS)]
    found: dict[str, dict[str, Any]] = {}
    for at, store in enumerate(stores):
        bundle = {"name": store, "digest": _sha(f"{store}/{number}"), "design": designs[at % DESIGNS], "store": parts.put(_profile(store))}
        found[store] = {"bundle": bundle, "packages": wheels, "sha256": _sha(f"bundle-{store}/{number}"), "length": 30_000}
    parts.write(session, chain)
    return found


def _design(at: int, number: int) -> dict[str, Any]:
    names = [f"solution_{one}" for one in range(SOLUTIONS)]
    config = {f"value_{one}": one for one in range(20)}
    body: dict[str, dict[str, Any]] = {
        name: {"solution": name, "config": {**config, "design": at}, "devices": {"label": ["esl-1"]}, "from": {}} for name in names
    }
    body[names[0]]["config"]["value_0"] = f"{at}/{number}"
    pins = {name: {"version": f"1.0.{at}", "package": "vendor", "source_sha256": _sha(name)} for name in names}
    pins[names[1]] = {"version": f"1.{number}.{at}", "package": "vendor", "source_sha256": _sha(f"{number}")}
    return {"order": names, "profiles": {}, "arbitrate": {}, "runtime": {}, "solutions": body, "lock": {"solutions": pins}}


def _profile(store: str) -> dict[str, Any]:
    devices = {f"esl-{at}": {"kind": "esl_gateway", "driver": "mqtt", "address": f"10.0.0.{at}"} for at in range(DEVICES)}
    return {"document": "store/1", "store": store, "zone": "Asia/Shanghai", "format": "supermarket", "devices": devices}


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
