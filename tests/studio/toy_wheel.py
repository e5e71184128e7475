"""Wheels of a vendor's toys, made on the spot, and a vendor's signature."""

from __future__ import annotations

import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storeloom.core.control.trust import ceremony
from storeloom.core.control.trust.keys import make_key, read_signer
from storeloom.core.control.trust.signing import sign_wheels
from tests.agent.wheels import packed_folder, wheel
from tests.conftest import ToyPackage
from tests.studio.plane import CHAIN, Plane

HANDLER = """
@on("sensor.reading")
def follow(self, event):
    if event["value"] > self.config.limit_c:
        return out("alert.raise", alert="w", kind="hot", severity="high", state="open", text="warm", subject=event["asset"])
"""
EPISODE = """
solution: {solution}
title: a warm reading alerts
given:
  - {{at: 2026-03-02T10:00:00Z, stream: sensor.reading, data: {{sensor: s1, asset: a1, kind: temperature, value: {value}, unit: "C"}}}}
until: 2026-03-02T11:00:00Z
expect:
  - {{stream: alert.raise, times: 1}}
"""

SILENT = """
solution: {solution}
title: a cool reading is no alert
given:
  - {{at: 2026-03-02T10:00:00Z, stream: sensor.reading, data: {{sensor: s1, asset: a1, kind: temperature, value: 1.0, unit: "C"}}}}
until: 2026-03-02T11:00:00Z
never:
  - {{stream: alert.raise}}
"""


def toy_wheel(folder: Path, *, head: str = "", value: float = 9.0, name: str = "toyshop") -> Path:
    """A wheel of one solution with an episode; `head` is put before all else of its module, `value` the episode's reading."""
    toys = ToyPackage(folder / "site", name)
    toys.add("warm", HANDLER, adapters='"sensor",', purpose="Warm readings alert.")
    sys.path.insert(0, str(toys.site))
    try:
        toys.registry()
    finally:
        sys.path.remove(str(toys.site))
        toys.forget()
    module = toys.root / "solutions" / "warm.py"
    module.write_text(module.read_text(encoding="utf-8") + textwrap.dedent(head), encoding="utf-8")
    episodes = toys.root / "tests" / "episodes" / "warm"
    episodes.mkdir(parents=True)
    (episodes / "warm.yaml").write_text(EPISODE.format(solution="warm", value=value), encoding="utf-8")
    (episodes / "cool.yaml").write_text(SILENT.format(solution="warm"), encoding="utf-8")
    group = f"[storeloom.plugins]\n{name} = {name}\n"
    files = packed_folder(toys.root)
    return wheel(folder / "wheels", name, "1.0.0", files, requires=("storeloom>=0.1,<1",), python=">=3.11", entry_points=group)


def admit(plane: Plane, folder: Path, vendor: str = "acme") -> Path:
    """The chain's word that a vendor may sign; the vendor's key. The chain's own keys lie in `folder`/offline."""
    repository, key = plane.services.trust(CHAIN), folder / f"{vendor}.pem"
    file = ceremony.admit_vendor(repository, vendor, [make_key(key)])
    ceremony.sign(file, read_signer(folder / "offline" / "targets.pem"))
    ceremony.accept(repository, [file])
    return key


def signed(made: Path, key: Path, vendor: str = "acme") -> bytes:
    """The vendor's metadata that names a wheel."""
    until = datetime.now(UTC) + timedelta(days=300)
    return sign_wheels(None, vendor, {made.name: made.read_bytes()}, until, [read_signer(key)])
