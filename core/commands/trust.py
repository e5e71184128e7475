"""`trust`: the chain's repository of signed targets: keys, the ceremonies of the offline ones, what stands in it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import Finding, MisuseFault

if TYPE_CHECKING:
    from storeloom.core.control.trust.repository import Repository

WORDS = {
    "made": ("Made {file}; its public half is {file}.pub, key id {keyid}.", "已生成 {file}；公钥为 {file}.pub，密钥 id {keyid}。"),
    "draft": (
        "Draft {file}: carry it to the holders of its keys, then storeloom trust publish.",
        "草稿 {file}：请交密钥持有人签署，然后 storeloom trust publish。",
    ),
    "signed": ("Signed {file}: {role} {version}, good until {ends}.", "已签署 {file}：{role} 版本 {version}，有效期至 {ends}。"),
    "holder": ("  {role}: {threshold} of {keys}", "  {role}：{keys} 中的 {threshold} 把"),
    "published": ("Published: {roles}.", "已发布：{roles}。"),
    "alone": (
        "The chain {chain} has its repository. Take the keys in {folder} away from this machine.",
        "连锁 {chain} 的仓库已建立。请将 {folder} 中的密钥移离本机。",
    ),
    "status": ("{role:<24} version {version:>5}  good until {ends}  {left}", "{role:<24} 版本 {version:>5}  有效期至 {ends}  {left}"),
    "soon": ("ends soon", "即将到期"),
}


def trust(arguments: argparse.Namespace) -> int:
    """Carry out one action of `storeloom trust`."""
    return ACTIONS[arguments.action](arguments)


def _key(arguments: argparse.Namespace) -> int:
    from storeloom.core.control.trust.keys import make_key

    for name in _named(arguments, "FILE"):
        public = make_key(Path(name), _passphrase())
        _say(arguments, "made", file=name, keyid=public.keyid[:12])
    return 0


def _init(arguments: argparse.Namespace) -> int:
    from storeloom.core.control.trust import ceremony

    repository = _repository(arguments)
    if arguments.alone:
        ceremony.found_alone(repository, Path(arguments.alone), _passphrase(), arguments.bits)
        _say(arguments, "alone", chain=repository.chain, folder=arguments.alone)
        return 0
    root, targets = _publics(arguments.root), _publics(arguments.targets)
    thresholds = (arguments.threshold or len(root), arguments.targets_threshold or len(targets))
    for file in ceremony.found(repository, root, thresholds[0], targets, thresholds[1], arguments.bits):
        _say(arguments, "draft", file=file)
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    from storeloom.core.control.trust import ceremony
    from storeloom.core.control.trust.keys import read_signer
    from storeloom.core.trust import clock

    signer = read_signer(Path(_option(arguments.key, "--key")), _passphrase())
    for name in _named(arguments, "FILE"):
        signed = ceremony.sign(Path(name), signer).signed
        _say(arguments, "signed", file=name, role=signed.type, version=signed.version, ends=clock.text(signed.expires))
        for role, holder in _holders(signed).items():
            _say(arguments, "holder", role=role, threshold=holder.threshold, keys=", ".join(keyid[:12] for keyid in holder.keyids))
    return 0


def _publish(arguments: argparse.Namespace) -> int:
    from storeloom.core.control.trust import ceremony

    repository = _repository(arguments)
    files = [Path(name) for name in arguments.names] or sorted(repository.drafts.glob("*.json"))
    _say(arguments, "published", roles=", ".join(ceremony.accept(repository, files)))
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    from storeloom.core.control.trust import ceremony
    from storeloom.core.control.trust.repository import TOP_ONLINE
    from storeloom.core.trust import names

    repository = _repository(arguments)
    for role in _named(arguments, "ROLE"):
        if role in (*TOP_ONLINE, names.RELEASES):
            file = ceremony.change_online(repository, role)
        else:
            file = ceremony.change_holders(repository, role, _publics(arguments.add), arguments.remove or (), arguments.threshold)
        _say(arguments, "draft", file=file)
    return 0


def _renew(arguments: argparse.Namespace) -> int:
    from storeloom.core.control.trust import ceremony

    repository = _repository(arguments)
    for role in _named(arguments, "root|targets"):
        _say(arguments, "draft", file=ceremony.put(repository, role, ceremony.draft(repository, role)))
    return 0


def _vendor(arguments: argparse.Namespace) -> int:
    from storeloom.core.control.trust import ceremony

    repository = _repository(arguments)
    for vendor in _named(arguments, "VENDOR"):
        if arguments.dismiss:
            file = ceremony.dismiss_vendor(repository, vendor)
        else:
            file = ceremony.admit_vendor(repository, vendor, _publics(arguments.add), arguments.threshold or 1)
        _say(arguments, "draft", file=file)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    """What stands, and until when; exit code 1 where offline keys must sign within 30 days."""
    from storeloom.core.trust import clock

    repository = _repository(arguments)
    state = repository.state()
    rows: dict[str, Any] = {"root": state.root.signed, "snapshot": state.snapshot.signed, "timestamp": state.timestamp.signed}
    bins = set(repository.bins(state).get_roles())
    for file in state.snapshot.signed.meta:
        role = file.removesuffix(".json")
        if role not in bins:
            rows[role] = repository.load(role, state.version(role)).signed
    offline = {role for role in rows if role in ("root", "targets") or role.startswith("vendors/")}
    soon = {role for role in offline if rows[role].expires - repository.now < timedelta(days=30)}
    if arguments.json:
        told = [
            {"role": role, "version": one.version, "expires": clock.text(one.expires), "soon": role in soon} for role, one in rows.items()
        ]
        print_json({"chain": repository.chain, "bins": len(bins), "roles": told})
        return 1 if soon else 0
    for role, one in rows.items():
        left = WORDS["soon"][arguments.lang == "zh"] if role in soon else ""
        _say(arguments, "status", role=role, version=one.version, ends=clock.text(one.expires), left=left)
    return 1 if soon else 0


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "key": _key,
    "init": _init,
    "sign": _sign,
    "publish": _publish,
    "rotate": _rotate,
    "renew": _renew,
    "vendor": _vendor,
    "status": _status,
}


def _repository(arguments: argparse.Namespace) -> Repository:
    from storeloom.core.control.trust.repository import Repository

    chain = _option(arguments.chain, "--chain")
    return Repository(Path(arguments.folder) / "trust" / chain, chain, lambda: datetime.now(UTC))


def _holders(signed: Any) -> dict[str, Any]:
    """Who signs what by a root or a list of targets: shown to a holder before the file goes on."""
    if hasattr(signed, "roles"):
        return dict(signed.roles)
    return dict(signed.delegations.roles or {}) if getattr(signed, "delegations", None) else {}


def _publics(files: Sequence[str] | None) -> list[Any]:
    from storeloom.core.control.trust.keys import read_public

    return [read_public(Path(file)) for file in files or ()]


def _passphrase() -> str | None:
    from storeloom.core.control.trust.keys import PASSPHRASE

    return os.environ.get(PASSPHRASE)


def _named(arguments: argparse.Namespace, what: str) -> list[str]:
    return [_option(name, what) for name in arguments.names or [None]]


def _option(value: str | None, name: str) -> str:
    if not value:
        reason = {"en": f"the following arguments are required: {name}", "zh": f"缺少参数：{name}"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom trust"}))
    return value


def _say(arguments: argparse.Namespace, key: str, **words: Any) -> None:
    if arguments.json and key != "status":
        print_json({"did": key, **{name: str(value) for name, value in words.items()}})
    else:
        print(WORDS[key][arguments.lang == "zh"].format(**words))
