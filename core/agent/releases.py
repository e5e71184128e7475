"""A release in an agent's folder: fetched, its packages installed into an environment of its own, and the link to the one that runs.

A release is whole once `release.json` stands in its folder: the hashes of its bundle and of all that is installed. That file is written
last, after everything before it is durable, and is checked again before every start, so that a half-written or changed release never runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from storeloom.core.agent.faults import MEGABYTE, no_room, room
from storeloom.core.agent.home import Home
from storeloom.core.kernel.errors import AgentFault, DocumentFault, Finding
from storeloom.core.kernel.lock import canonical, digest_of
from storeloom.core.runtime.packages import SITE, tree_digest
from storeloom.core.runtime.requests import BUNDLE
from storeloom.core.trust import durable
from storeloom.core.trust.wire import Desired

MANIFEST, WHEELS, PART = "release.json", "wheels", ".part"
SPARE_MB = 128.0  # what a download leaves free: the running store needs 64
GROWS = 5  # an installed wheel is so many times as large, at most
INSTALL_S = 600.0


class Fetches(Protocol):
    """The chain's repository, as far as an agent needs it."""

    def refresh(self) -> None:
        """Bring the trusted metadata up to date. Unreached, NoRoom or Untrusted where it cannot."""

    def fetch(self, target: str, into: Path) -> None:
        """A target's bytes, verified, as the file `into`; what was fetched before a cut is not fetched again.

        Unreached, NoRoom or Untrusted where it cannot; then `into` is as it was.
        """


def content_key(desired: Desired) -> str:
    """What tells a release's files from all others'."""
    value = [desired.release, desired.target, sorted((one.target, one.sha256) for one in desired.wheels)]
    return hashlib.sha256(canonical(value)).hexdigest()


def same(one: Desired | None, other: Desired | None) -> bool:
    """Whether two ask for the same store: the same release, with the same secrets."""
    if one is None or other is None:
        return one is other
    return content_key(one) == content_key(other) and one.secrets == other.secrets


class Releases:
    """The releases in an agent's folder."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._digests: dict[Path, str] = {}
        home.releases.mkdir(parents=True, exist_ok=True)

    def folder(self, desired: Desired) -> Path:
        """Where a release's files lie."""
        return self._home.releases / f"{desired.release_number or 0:06d}-{content_key(desired)[:16]}"

    def bundle_digest(self, desired: Desired) -> str:
        """The digest that a running store tells of itself when it runs this release; empty where its bundle cannot be read."""
        folder = self.folder(desired)
        if folder not in self._digests:
            try:
                self._digests[folder] = digest_of(folder / BUNDLE)
            except DocumentFault:
                return ""
        return self._digests[folder]

    def download(self, desired: Desired, fetches: Fetches) -> None:
        """Bring a release's files here, each verified. AgentFault where one is not what the release names."""
        folder = self.folder(desired)
        with room(self._home.folder):
            (folder / WHEELS).mkdir(parents=True, exist_ok=True)
            self._leave_room(desired, folder)
            fetches.refresh()
            assert desired.target is not None
            fetches.fetch(desired.target, folder / BUNDLE)
            for wheel in desired.wheels:
                file = folder / WHEELS / wheel.target.rpartition("/")[2]
                fetches.fetch(wheel.target, file)
                if file.stat().st_size != wheel.length or _sha256(file) != wheel.sha256:
                    reason = {"en": "its length or SHA-256 is another", "zh": "长度或 SHA-256 不一致"}
                    raise AgentFault(Finding("SL-AGT-07", {"target": wheel.target, "reason": reason}))
            try:
                digest_of(folder / BUNDLE)
            except DocumentFault as fault:
                reason = {lang: fault.findings[0].text(lang).rstrip(".。") for lang in ("en", "zh")}
                raise AgentFault(Finding("SL-AGT-07", {"target": desired.target, "reason": reason})) from fault
            durable.sync_folder(folder / WHEELS)
            durable.sync_folder(folder)
            durable.sync_folder(self._home.releases)

    def _leave_room(self, desired: Desired, folder: Path) -> None:
        """NoRoom where the release and its packages would not leave the store enough."""
        needed = SPARE_MB + sum(one.length for one in desired.wheels) * (1 + GROWS) / MEGABYTE
        if self.whole(desired) or shutil.disk_usage(folder).free / MEGABYTE >= needed:
            return
        raise no_room(self._home.folder, needed)

    def install(self, desired: Desired) -> None:
        """Make the release's own environment of its wheels, by hash and without a network; then it is whole."""
        if self.whole(desired):
            return
        folder = self.folder(desired)
        site, part = folder / SITE, folder / f"{SITE}{PART}"
        with room(self._home.folder):
            (folder / MANIFEST).unlink(missing_ok=True)
            for place in (site, part):
                shutil.rmtree(place, ignore_errors=True)
            part.mkdir()
            if desired.wheels:
                self._pip(desired, folder, part)
            sync_tree(part)
            part.rename(site)
            durable.sync_folder(folder)
            facts = {"desired": desired.model_dump(mode="json"), "bundle": _sha256(folder / BUNDLE), "site": tree_digest(site)}
            durable.write(folder / MANIFEST, json.dumps(facts).encode())

    def _pip(self, desired: Desired, folder: Path, part: Path) -> None:
        """Let pip install the wheels: each must have the hash that the release names, and nothing else comes in."""
        lines = [f"{folder / WHEELS / one.target.rpartition('/')[2]} --hash=sha256:{one.sha256}" for one in desired.wheels]
        wanted = folder / "requirements.txt"
        wanted.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
        command += ["--no-index", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile", "--no-cache-dir"]
        command += ["--no-warn-conflicts", "--requirement", str(wanted), "--target", str(part)]
        scratch = folder / "scratch"
        scratch.mkdir(exist_ok=True)
        env = {"PATH": os.defpath, "HOME": str(scratch), "TMPDIR": str(scratch), "PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired as error:
            reason = {"en": f"it took over {INSTALL_S:.0f} s", "zh": f"超过 {INSTALL_S:.0f} 秒"}
            raise AgentFault(Finding("SL-AGT-08", {"reason": reason})) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            if any("No space left" in line or "Disk quota" in line for line in said):
                raise no_room(self._home.folder)
            words = " / ".join(said[-3:])[:500].rstrip(".") or f"exit code {done.returncode}"
            raise AgentFault(Finding("SL-AGT-08", {"reason": words}))

    def whole(self, desired: Desired) -> bool:
        """Whether a release is here, verified, and as it was installed."""
        folder = self.folder(desired)
        try:
            facts = json.loads((folder / MANIFEST).read_bytes())
            return bool(facts["bundle"] == _sha256(folder / BUNDLE) and facts["site"] == tree_digest(folder / SITE))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def link(self, desired: Desired) -> None:
        """From now on the store starts with this release; one step, durable."""
        folder, beside = self.folder(desired), self._home.folder / "current.new"
        with room(self._home.folder):
            beside.unlink(missing_ok=True)
            beside.symlink_to(folder.relative_to(self._home.folder), target_is_directory=True)
            beside.rename(self._home.current)
            durable.sync_folder(self._home.folder)

    def linked(self) -> Path | None:
        """The folder of the release that the store starts with."""
        return self._home.current.resolve() if self._home.current.is_symlink() else None

    def known(self) -> Desired | None:
        """The release that is linked, as it was wanted when it was installed; None where none is, or it is not whole."""
        place = self.linked()
        try:
            desired = Desired.model_validate(json.loads((place / MANIFEST).read_bytes())["desired"]) if place is not None else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return desired if desired is not None and self.whole(desired) else None

    def tidy(self, kept: Iterable[Desired | None]) -> None:
        """Remove the releases that nothing needs; never the one that is linked."""
        needed = {self.folder(one) for one in kept if one is not None} | {self.linked()}
        for place in self._home.releases.iterdir():
            if place not in needed:
                (place / MANIFEST).unlink(missing_ok=True)  # first, so that what is half removed is not taken for whole
                shutil.rmtree(place, ignore_errors=True)


def sync_tree(root: Path) -> None:
    """Make every file and folder below `root` durable."""
    for folder, _, names in os.walk(root):
        for name in names:
            handle = os.open(os.path.join(folder, name), os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        durable.sync_folder(Path(folder))


def _sha256(file: Path) -> str:
    with file.open("rb") as open_file:
        return hashlib.file_digest(open_file, "sha256").hexdigest()
