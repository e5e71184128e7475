"""`plugin sign`: a vendor's next signed metadata, made where its key is. No server is needed where `--base` gives what was signed last."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.trust import clock, durable, names

if TYPE_CHECKING:
    from storeloom.core.control.publishing import Brought

WORDS = {
    "first": ("It is your first: {server} has none of {vendor}.", "这是首次签署：{server} 尚无 {vendor} 的元数据。"),
    "first_offline": (
        "It is taken for your first: no --base is given, and no control plane is known.",
        "视为首次签署：未给出 --base，也没有已知的控制平面。",
    ),
    "based": ("It follows version {version}, from {place}.", "基于版本 {version}（{place}）。"),
    "signed": (
        "Signed {file}: {role} version {version}, {count} wheels, good until {ends}.",
        "已签署 {file}：{role} 版本 {version}，{count} 个 wheel，有效期至 {ends}。",
    ),
    "next": ("Next: storeloom plugin publish {wheels} --metadata {file}", "下一步：storeloom plugin publish {wheels} --metadata {file}"),
}
BRINGS = {
    "solutions": ("solutions {}", "方案 {}"),
    "adapters": ("adapters {}", "适配器 {}"),
    "requires": ("needs {}", "依赖 {}"),
    "library": ("a library, no plugins", "库，不含插件"),
}


def sign(arguments: argparse.Namespace) -> int:
    """Sign wheels, or the same ones for longer where none is named."""
    from storeloom.core.control.publishing import read_wheels
    from storeloom.core.control.trust.keys import PASSPHRASE, read_signer
    from storeloom.core.control.trust.signing import read_signed, sign_wheels

    vendor, key, output = arguments.vendor, arguments.key, arguments.output
    vendor_id(vendor)
    wheels = read_wheels(map(Path, arguments.names))
    signer = read_signer(Path(key), os.environ.get(PASSPHRASE))
    base, place = _base(arguments, vendor)
    if base is None and not wheels:
        raise TrustFault(Finding("SL-PUB-02", {"vendor": vendor}))
    version = 0 if base is None else read_signed(base, vendor, Path(place)).signed.version
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=arguments.days)
    data = sign_wheels(base, vendor, {one.name: one.file.read_bytes() for one in wheels}, ends, [signer])
    durable.write(Path(output), data)
    count = len(read_signed(data, vendor).signed.targets)
    told = {"file": output, "role": names.vendor_role(vendor), "version": version + 1, "count": count, "ends": clock.text(ends)}
    if arguments.json:
        print_json({**told, "base": version or None, "wheels": [facts(one) for one in wheels]})
        return 0
    key_of_base = "based" if base is not None else "first" if place else "first_offline"
    say(arguments, WORDS[key_of_base], version=version, place=place, server=place, vendor=vendor)
    print_wheels(arguments, wheels)
    say(arguments, WORDS["signed"], **told)
    say(arguments, WORDS["next"], wheels=" ".join(str(one.file) for one in wheels), file=output)
    return 0


def _base(arguments: argparse.Namespace, vendor: str) -> tuple[bytes | None, str]:
    """What was signed last, and where that is from: `--base`, else a known control plane (FleetFault where that gives no answer)."""
    if arguments.base:
        return Path(arguments.base).read_bytes(), str(arguments.base)
    from storeloom.core.commands import fleet_client
    from storeloom.core.control.client import FleetClient
    from storeloom.core.control.publishing import published_metadata

    if not fleet_client.is_known(arguments):
        return None, ""
    where = fleet_client.access(arguments)
    return published_metadata(FleetClient(where, arguments.lang), vendor), where.server


def vendor_id(vendor: str) -> None:
    """TrustFault (SL-PUB-10) for what cannot be a vendor's id."""
    if names.VENDOR.fullmatch(vendor) is None:
        raise TrustFault(Finding("SL-PUB-10", {"vendor": vendor}))


def facts(one: Brought) -> dict[str, Any]:
    """What a wheel brings, as JSON."""
    wheel = one.wheel
    brought: dict[str, Any] = {"name": wheel.name, "version": wheel.version, "package": wheel.package, "requires": list(wheel.requires)}
    plugins = {"solutions": sorted(wheel.solutions), "adapters": sorted(wheel.adapters)}
    return {"filename": one.name, "sha256": one.sha256, "length": one.length, **brought, **plugins}


def print_wheels(arguments: argparse.Namespace, wheels: Sequence[Brought]) -> None:
    """A line a wheel: what it brings and needs, in the reader's language."""
    zh = arguments.lang == "zh"
    for one in wheels:
        parts: dict[str, list[str]] = {
            "solutions": _titles(one.wheel.solutions, arguments.lang),
            "adapters": _titles(one.wheel.adapters, arguments.lang),
            "requires": list(one.wheel.requires),
        }
        said = [BRINGS[name][zh].format(("、" if zh else ", ").join(words)) for name, words in parts.items() if words]
        if not one.wheel.package:
            said.insert(0, BRINGS["library"][zh])
        print(f"  {one.name}{'：' if zh else ': '}{('；' if zh else '; ').join(said)}")


def _titles(plugins: Mapping[str, Mapping[str, Any]], lang: str) -> list[str]:
    return [
        f"{name}（{entry.get(lang, name)}）" if lang == "zh" else f"{name} ({entry.get(lang, name)})" for name, entry in plugins.items()
    ]


def say(arguments: argparse.Namespace, words: tuple[str, str], **more: Any) -> None:
    """A line in the reader's language."""
    print(words[arguments.lang == "zh"].format(**more))
