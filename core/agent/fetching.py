"""The chain's repository as an agent uses it: TUF's client, its refusals sorted by what follows from them."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from storeloom.core.agent.faults import Unreached, Untrusted, no_room
from storeloom.core.agent.home import Home
from storeloom.core.kernel.errors import TrustFault
from storeloom.core.trust import durable
from storeloom.core.trust.client import PINNED, TufClient, pin
from storeloom.core.trust.wire import PREFIX

DOWNLOADS = "downloads"
LINE_FAILS = frozenset({"SL-TRU-07", "SL-TRU-08"})
DISK, DAMAGED = "SL-TRU-11", "SL-TRU-04"
LOG = logging.getLogger(__name__)


class Repository:
    """See `releases.Fetches`. `token` gives the agent's newest."""

    def __init__(self, home: Home, server: str, token: Callable[[], str], client: TufClient | None = None, *, ca: str = "") -> None:
        self._home = home
        pinned = home.tuf / PINNED
        if client is None and (not pinned.is_file() or pinned.read_bytes() != home.root_file.read_bytes()):
            pin(home.tuf, home.root_file.read_bytes())
        base = f"{server}{PREFIX}/tuf"
        context = ssl.create_default_context(cafile=ca) if ca else None
        self._client = client or TufClient(home.tuf, f"{base}/metadata", f"{base}/targets", token=token, context=context)

    def refresh(self) -> None:
        """Bring the trusted metadata up to date."""
        with self._sorted():
            self._client.refresh()

    def fetch(self, target: str, into: Path) -> None:
        """A target's bytes, verified, as the file `into`."""
        with self._sorted():
            signed = self._client.find(target)
            if into.is_file() and into.stat().st_size == signed.length and _sha256(into) == signed.sha256:
                return
            os.replace(self._downloaded(target), into)
            durable.sync_folder(into.parent)

    def _downloaded(self, target: str) -> Path:
        """A target; one that came damaged is fetched once more from its beginning before it is distrusted, for lines and disks err."""
        try:
            return self._client.download(target, self._home.tuf / DOWNLOADS)
        except TrustFault as fault:
            if all(finding.code != DAMAGED for finding in fault.findings):
                raise
            LOG.warning("%s came damaged, it is fetched anew: %s", target, fault)
        return self._client.download(target, self._home.tuf / DOWNLOADS)

    @contextmanager
    def _sorted(self) -> Iterator[None]:
        try:
            yield
        except TrustFault as fault:
            codes = {finding.code for finding in fault.findings}
            cause = fault.__cause__
            if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_room(self._home.folder) from fault
            raise (Unreached if codes <= LINE_FAILS | {DISK} else Untrusted)(fault.findings) from fault


def _sha256(file: Path) -> str:
    with file.open("rb") as open_file:
        return hashlib.file_digest(open_file, "sha256").hexdigest()
