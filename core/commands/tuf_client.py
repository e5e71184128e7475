"""`tuf-client`: the agent's own TUF client by hand, spoken to as the public conformance suite for TUF clients does."""

from __future__ import annotations

import argparse
from pathlib import Path

from storeloom.core.kernel.errors import Finding, MisuseFault


def tuf_client(arguments: argparse.Namespace) -> int:
    """`init ROOT`: pin a root; `refresh`: learn what is signed; `download`: fetch a target into a folder. TrustFault for all else."""
    from storeloom.core.trust.client import TufClient, pin

    folder = Path(arguments.metadata_dir)
    if arguments.action == "init":
        pin(folder, Path(_given(arguments.root, "ROOT")).read_bytes())
        return 0
    client = TufClient(folder, _given(arguments.metadata_url, "--metadata-url"), arguments.target_base_url or "")
    client.refresh()
    if arguments.action == "download":
        _given(arguments.target_base_url, "--target-base-url")
        into = Path(_given(arguments.target_dir, "--target-dir"))
        print(client.download(_given(arguments.target_name, "--target-name"), into))
    return 0


def _given(value: str | None, name: str) -> str:
    if not value:
        reason = {"en": f"the following arguments are required: {name}", "zh": f"缺少参数：{name}"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom tuf-client"}))
    return value
