"""`plugin publish`: a vendor's wheels and signed metadata into a chain's trusted repository, over its control plane's API.

Done twice it changes nothing; broken off it goes on where it was.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from storeloom.core.commands import fleet_client
from storeloom.core.commands.catalogue import print_findings, print_json
from storeloom.core.commands.plugin_sign import facts, print_wheels, say, vendor_id
from storeloom.core.control.client import FleetClient
from storeloom.core.kernel.errors import TrustFault
from storeloom.core.kernel.sources import open_document

WORDS = {
    "sending": ("Sending {file} ({mib:.1f} MiB)", "正在上传 {file}（{mib:.1f} MiB）"),
    "again": (
        "{server} has version {version} of {vendor} already; nothing was changed.",
        "{server} 已有 {vendor} 的版本 {version}；未作更改。",
    ),
    "published": (
        "Published at {server}: {vendor} version {version}, {count} new wheels.",
        "已发布到 {server}：{vendor} 版本 {version}，新增 {count} 个 wheel。",
    ),
}


def publish(arguments: argparse.Namespace) -> int:
    """Publish what was signed; 1 with every finding where it cannot be."""
    from storeloom.core.control import publishing
    from storeloom.core.control.trust.signing import read_signed

    file = Path(arguments.metadata)
    document = open_document(file)
    vendor = arguments.vendor or publishing.vendor_of(document.data)
    vendor_id(vendor)
    data = file.read_bytes()
    metadata = read_signed(data, vendor, file)
    wheels = publishing.read_wheels(map(Path, arguments.names))
    where = fleet_client.access(arguments)
    client = FleetClient(where, arguments.lang)
    there = publishing.standing(client, vendor)
    findings = publishing.examine(vendor, metadata, wheels, there, datetime.now(UTC), where.server)
    if any(finding.severity == "error" for finding in findings):
        raise TrustFault(findings)
    again = there.has(metadata)

    def sending(one: publishing.Brought) -> None:
        if not arguments.json:
            say(arguments, WORDS["sending"], file=one.name, mib=one.length / (1 << 20))

    fresh = [] if again else publishing.send(client, vendor, data, wheels, there, sending)
    version = metadata.signed.version
    if arguments.json:
        told = {"vendor": vendor, "version": version, "server": where.server, "again": again, "published": fresh}
        print_json({**told, "wheels": [facts(one) for one in wheels], "findings": [one.as_dict(arguments.lang) for one in findings]})
        return 0
    print_findings(findings, arguments.lang)
    say(arguments, WORDS["again" if again else "published"], server=where.server, vendor=vendor, version=version, count=len(fresh))
    print_wheels(arguments, wheels)
    return 0
