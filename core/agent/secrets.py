"""The store's secrets: opened with the agent's key when the store is switched, written for the store alone, nowhere else in the clear."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from storeloom.core.agent.faults import room
from storeloom.core.agent.home import PRIVATE
from storeloom.core.kernel.errors import AgentFault, Finding, TrustFault
from storeloom.core.kernel.sources import open_document
from storeloom.core.runtime.secret_file import FILE, open_secrets
from storeloom.core.trust import durable, seal
from storeloom.core.trust.wire import Desired


def opened(desired: Desired, key: bytes) -> dict[str, str]:
    """The values of a release's secrets by name. AgentFault names those that were sealed to another key."""
    values, findings = {}, []
    for name, one in sorted(desired.secrets.items()):
        try:
            values[name] = seal.unseal(seal.from_text(one.sealed), key).decode()
        except (TrustFault, UnicodeDecodeError):
            findings.append(Finding("SL-AGT-11", {"secret": name}))
    if findings:
        raise AgentFault(findings)
    return values


def uplink_name(bundle: Path) -> str | None:
    """Under which name a bundle wants the token with which its events go up."""
    uplink = open_document(bundle).data.get("runtime", {}).get("uplink")
    return None if uplink is None else str(uplink["token"])


def managed(known: Iterable[Desired | None]) -> set[str]:
    """The names that came from the control plane; others in the file are the operator's own, and stay."""
    return {name for one in known if one is not None for name in one.secrets}


def put(data: Path, values: Mapping[str, str], ours: Collection[str]) -> bool:
    """Write the store's secrets: `values`, and what stands there that is not `ours`. Whether anything is another; NoRoom on a full disk."""
    before = open_secrets(data)
    after = {name: value for name, value in before.items() if name not in ours} | dict(values)
    file = data / FILE
    if after == before and file.is_file() and file.stat().st_mode & 0o777 == PRIVATE:
        return False
    with room(data):
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.write(file, json.dumps(after, sort_keys=True).encode(), mode=PRIVATE)
    return True
