"""The systemd units of what runs for good: a store alone, a chain's control plane, a store's agent, a computing machine, cameras alone.

All are shut in alike (systemd.exec(5)); what one of them cannot bear is left out for it, with the reason beside it. `storeloom unit KIND`
prints one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HEAD = """[Unit]
Description=storeloom {kind}: {description}
After=network.target time-sync.target
{unit}
[Service]
Type=exec
ExecStart={command}
User={user}
{service}UMask=0077
"""
TAIL = """
[Install]
WantedBy=multi-user.target
"""
SHUT_IN = """NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
# Landlock and seccomp: a plugin's own process shuts itself in further.
SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp
"""
# Not where devices are: ProtectClock and PrivateDevices take cameras, scales and printers away.
NO_DEVICES = "PrivateDevices=yes\nProtectClock=yes\n"
# Not where forecasts are made: they are compiled as they run (numba).
NO_COMPILING = "MemoryDenyWriteExecute=yes\n"
# Not where processes outlive their unit: what they have in /tmp would be taken away under them. These share the machine's.
OWN_TMP, SHARED_TMP = "PrivateTmp=yes\n", "ReadWritePaths=/tmp /var/tmp\n"
# One process that takes too much memory is ended alone; who watches over it starts it again.
ALONE = "OOMPolicy=continue\n"
NEVER_GIVE_UP = "StartLimitIntervalSec=0\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a unit starts: `command`, of storeloom or of another program beside this Python; `writable` the names of the folders that it may
    write; `needs` the names of the values that must be given, `takes` those that may be, with what they are otherwise; then lines for the
    sections Unit and Service, and more that shuts it in."""

    description: str
    command: str
    writable: tuple[str, ...]
    needs: tuple[str, ...]
    takes: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    service: str = ""
    more: str = ""


KINDS = {
    "store": Kind(
        "runs one store by itself",
        "storeloom run {file} --data {data} --listen {listen}",
        ("data",),
        ("file", "data"),
        {"listen": "127.0.0.1:9464"},
        "# No Wants=network-online.target: the store sells without a network.\n" + NEVER_GIVE_UP,
        "Restart=on-failure\nRestartSec=10\nKillMode=mixed\nTimeoutStopSec=30\n" + ALONE + "OOMScoreAdjust=-100\nLimitNOFILE=4096\n",
        OWN_TMP,
    ),
    "agent": Kind(
        "runs this store and keeps it at the release that its chain wants",
        "storeloom agent run --home {home}",
        ("home", "data"),
        ("home",),
        {"data": "{home}/store"},
        "# No Wants=network-online.target: the store sells without a network.\n" + NEVER_GIVE_UP,
        "Restart=always\nRestartSec=2\n# The store is not the agent's to take down: it goes on while the agent is restarted or updated.\n"
        "KillMode=process\nTimeoutStopSec=30\n" + ALONE + "OOMScoreAdjust=-100\nLimitNOFILE=4096\n",
        SHARED_TMP,
    ),
    "server": Kind(
        "a chain's control plane; a proxy before it does TLS",
        "storeloom server run --folder {folder} --listen {listen}",
        ("folder",),
        ("folder",),
        {"listen": "127.0.0.1:8080"},
        NEVER_GIVE_UP,
        "Restart=on-failure\nRestartSec=5\nTimeoutStopSec=30\nLimitNOFILE=4096\n"
        "# DATABASE_URL and what else is secret, for its owner alone (mode 0600).\nEnvironmentFile=-/etc/storeloom/server.env\n",
        NO_DEVICES + NO_COMPILING + OWN_TMP,
    ),
    "vision": Kind(
        "cameras at work without a store",
        "storeloom vision run {file}",
        ("data",),
        ("file", "data"),
        {},
        NEVER_GIVE_UP,
        "WorkingDirectory={data}\nRestart=always\nRestartSec=5\nKillMode=mixed\nTimeoutStopSec=30\n" + ALONE,
        OWN_TMP,
    ),
    "worker": Kind(
        "a machine of a Ray cluster that computes for stores and cameras",
        "ray start --block --address={address} --disable-usage-stats --temp-dir={data}",
        ("data",),
        ("address", "data"),
        {},
        NEVER_GIVE_UP,
        "Restart=always\nRestartSec=10\nKillMode=mixed\nTimeoutStopSec=60\nLimitNOFILE=65536\n" + ALONE,
        SHARED_TMP,
    ),
}


def unit_name(kind: str) -> str:
    """The file name of a kind's unit."""
    return f"storeloom-{kind}.service"


def make_unit(kind: str, user: str, values: Mapping[str, str], python: str = sys.executable) -> str:
    """A unit's text. `values` are what the kind needs and takes, paths absolute; `python` is that of this installation.

    KeyError names a value that is missing; ValueError one that systemd would read otherwise.
    """
    what = KINDS[kind]
    given = {name: text for name, text in values.items() if text}
    for name in what.needs:
        if name not in given:
            raise KeyError(name)
    facts = dict(given)
    facts |= {name: text.format(**given) for name, text in what.takes.items() if name not in given}
    for value in (python, user, *facts.values()):
        if not value or any(mark in value for mark in " %\"'\\\n;$"):
            raise ValueError(value)
    writable = " ".join(facts[name] for name in what.writable)
    program, _, words = what.command.partition(" ")
    start = f"{python} -m storeloom.core.cli" if program == "storeloom" else str(Path(python).with_name(program))
    command = f"{start} {words.format(**facts)}"
    head = HEAD.format(
        kind=kind, description=what.description, unit=what.unit, command=command, user=user, service=what.service.format(**facts)
    )
    return head + SHUT_IN.format(writable=writable) + what.more + TAIL
