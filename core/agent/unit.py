"""The systemd unit of an agent, as `storeloom agent unit` prints it."""

from __future__ import annotations

import sys
from pathlib import Path

UNIT = """[Unit]
Description=storeloom agent: runs this store and keeps it at the release that its chain wants
Documentation=https://www.freedesktop.org/software/systemd/man/systemd.service.html
After=network.target time-sync.target
# No Wants=network-online.target: the store sells without a network.
StartLimitIntervalSec=0

[Service]
ExecStart={python} -m storeloom.core.cli agent run --home {home}
User={user}
Restart=always
RestartSec=2
# The store is not the agent's to take down: it goes on while the agent is restarted or updated.
KillMode=process
TimeoutStopSec=30
UMask=0077
OOMScoreAdjust=-100
ProtectSystem=full
ProtectHome=read-only
ReadWritePaths={home} {data}
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
"""


def unit(home: Path, data: Path, user: str) -> str:
    """The unit's text for this installation of Python. ValueError for a path that systemd would read otherwise."""
    python = sys.executable
    for value in (python, str(home), str(data), user):
        if not value or any(mark in value for mark in " %\"'\\\n;$"):
            raise ValueError(value)
    return UNIT.format(python=python, home=home, data=data, user=user)
