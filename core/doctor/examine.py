"""All checks of a machine, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storeloom.core.doctor import folder, machine, reach, software
from storeloom.core.doctor.probes import Probes
from storeloom.core.doctor.uses import USES
from storeloom.core.kernel.errors import Finding, worst
from storeloom.core.kernel.registry import read_catalogue


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be looked at: for which uses (none: the base alone), which data folder, which control plane by whose authority."""

    uses: tuple[str, ...] = ()
    data: Path | None = None
    server: str = ""
    ca: str = ""


@dataclass(frozen=True)
class Checked:
    """One check: what it saw, and what it finds."""

    check: str
    facts: Mapping[str, Any]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def status(self) -> str:
        gravest = worst(self.findings)
        return "ok" if gravest in (None, "info") else str(gravest)


def examine(asked: Asked, probes: Probes | None = None) -> list[Checked]:
    """Look at everything, and say all that is wrong."""
    probes = probes or Probes()
    rows = [*_software(asked, probes), *_machine(asked, probes)]
    if asked.data is not None:
        rows.append(_folder(asked.data, probes))
    return [*rows, *_network(asked, probes)]


def _software(asked: Asked, probes: Probes) -> list[Checked]:
    uses = [USES[name] for name in asked.uses]
    extras = list(dict.fromkeys(extra for use in uses for extra in use.extras))
    installed, database = probes.installed(), probes.environ.get("DATABASE_URL", "")
    version = probes.python()
    rows = [Checked("python", {"version": _dots(version)}, _all(software.python_findings(version, probes.system())))]
    rows.append(Checked("packages", _extras(installed), _all(software.package_findings(installed, extras))))
    catalogue = read_catalogue()
    plugins = {"solutions": len(catalogue.solutions), "adapters": len(catalogue.adapters), "vendors": list(installed.vendors)}
    rows.append(Checked("plugins", plugins, (*catalogue.findings, *software.vendor_findings(installed))))
    libraries = _all(software.library_findings(extras, probes.library, installed.own))
    programs = [program for use in uses for program in use.programs]
    missing = (*software.program_findings(programs, probes.program), *software.postgres_findings(database, probes.program))
    rows.append(Checked("native", {}, (*libraries, *missing)))
    versions = probes.sqlite()
    logs, server = not uses or any(use.plugins for use in uses), "server" in asked.uses
    rows.append(Checked("sqlite", versions, _all(software.sqlite_findings(versions, database, logs=logs, server=server))))
    return rows


def _machine(asked: Asked, probes: Probes) -> list[Checked]:
    uses = [USES[name] for name in asked.uses]
    clock, zones, room = probes.clock(), probes.zones(), probes.room()
    encodings = probes.encodings()
    facts = {"synchronised": clock.synchronised}
    rows = [Checked("clock", facts, (*machine.clock_findings(clock), *machine.zone_findings(zones)))]
    rows.append(Checked("encoding", {"encodings": sorted(set(encodings))}, _all(machine.encoding_findings(encodings))))
    memory, files = max((use.memory_mb for use in uses), default=0), max((use.files for use in uses), default=0)
    seen = {"cores": room.cores, "memory_mb": room.memory_mb, "free_mb": room.free_mb, "files": room.files}
    rows.append(Checked("room", seen, _all(machine.room_findings(room, memory, files))))
    if any(use.plugins for use in uses):
        rows.append(Checked("sandbox", {}, _all(machine.sandbox_findings(probes.shut_in()))))
    if {"store", "worker"} & set(asked.uses):
        gpus = probes.gpus()
        rows.append(Checked("gpu", {"found": gpus}, _all(machine.gpu_findings(gpus))))
    kinds = [use.unit for use in uses if use.unit]
    if kinds:
        # a store that an agent runs has no unit of its own
        kinds = [kind for kind in kinds if kind != "store" or "agent" not in kinds]
        rows.append(Checked("unit", {}, _all(machine.unit_findings(probes.units(), kinds))))
    return rows


def _folder(data: Path, probes: Probes) -> Checked:
    found = probes.folder(data)
    facts = {"folder": str(found.folder), "kind": found.kind or "?", "free_mb": found.free_mb, "sync_ms": found.sync_ms}
    return Checked("folder", facts, _all(folder.folder_findings(found)))


def _network(asked: Asked, probes: Probes) -> list[Checked]:
    rows = []
    listening = {name: USES[name].port for name in asked.uses if USES[name].port}
    if listening:
        found = [one for use, port in listening.items() for one in reach.port_findings(use, port, probes.taken("127.0.0.1", port))]
        rows.append(Checked("ports", listening, tuple(found)))
    if asked.server:
        if not reach.fit_address(asked.server):
            return [*rows, Checked("server", {"url": asked.server}, (Finding("SL-AGT-05", {"url": asked.server}),))]
        facts = probes.server(asked.server, asked.ca)
        seen = {"url": asked.server, "status": facts.status, "days": facts.days}
        rows.append(Checked("server", seen, _all(reach.server_findings(asked.server, facts))))
    return rows


def _extras(installed: software.Installed) -> dict[str, Any]:
    """Which extras are whole here."""
    lines = installed.own or ()
    whole = [extra for extra in software.extras(lines) if not any(software.state(software.wanted(lines, extra), installed.versions))]
    return {"storeloom": installed.versions.get(software.OWN, ""), "extras": whole}


def _all(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(findings)


def _dots(version: Iterable[int]) -> str:
    return ".".join(map(str, version))
