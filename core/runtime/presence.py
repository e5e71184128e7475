"""How a running store is found: `run.json` in its data folder says which process runs and where it answers.

The file is there while the store runs; one left behind by a process that was killed is told from a live one by asking: only the process
that it names, answering at the address that it names, is the store. Who runs on the folder holds its `lock`.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import DocumentFault, Finding, PresenceFault
from storeloom.core.runtime.status import DeviceStatus, FigureStatus, InstanceStatus, QueueStatus, StoreStatus

NAME, LOCK = "run.json", "lock"
TIMEOUT_S = 5.0
LARGEST_ANSWER = 8_000_000


@dataclass(frozen=True, slots=True)
class Presence:
    """Which process runs a store: `address` is HOST:PORT, `started` RFC 3339."""

    pid: int
    address: str
    bundle: str
    started: str


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of HOST:PORT ([HOST]:PORT for IPv6). ValueError when it is none."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"no HOST:PORT: {address}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def hold(folder: Path) -> int:
    """Claim a data folder; the descriptor that holds the claim, until this process and all that inherit it have closed it or ended.

    PresenceFault when another process holds it.
    """
    claim = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.pread(claim, 20, 0).decode(errors="replace") or "?"
        os.close(claim)
        raise PresenceFault(Finding("SL-OBS-11", {"folder": str(folder), "pid": pid})) from error
    os.truncate(claim, 0)
    os.pwrite(claim, str(os.getpid()).encode(), 0)
    return claim


def announce(folder: Path, presence: Presence) -> None:
    """Write `run.json`, for its owner alone, whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=".run-", dir=folder)  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(presence), file)
        os.replace(name, folder / NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def withdraw(folder: Path, pid: int) -> None:
    """Remove `run.json` at a clean end, unless another process has put its own there."""
    presence = read_presence(folder)
    if presence is not None and presence.pid == pid:
        (folder / NAME).unlink(missing_ok=True)


def read_presence(folder: Path) -> Presence | None:
    """What `run.json` says, None where there is none. DocumentFault when it is no such file."""
    path = folder / NAME
    try:
        facts = json.loads(path.read_bytes())
        presence = Presence(int(facts["pid"]), str(facts["address"]), str(facts["bundle"]), str(facts["started"]))
        host_and_port(presence.address)
        return presence
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        args = {
            "file": str(path),
            "reason": {"en": "it is not what a store writes", "zh": "不是门店进程写出的内容"},
            "remedy": "Delete it.",
        }
        raise DocumentFault(Finding("SL-DOC-02", args, file=str(path))) from error


def fetch(folder: Path, path: str, lang: str = "en") -> Any:
    """The JSON that the running store answers to GET `path`, whatever its HTTP status. PresenceFault when no store answers."""
    presence = read_presence(folder)
    if presence is None:
        raise PresenceFault(Finding("SL-OBS-01", {"folder": str(folder)}))
    host, port = host_and_port(presence.address)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Accept-Language": lang})
        response = connection.getresponse()
        answered_by = response.headers.get("X-Storeloom-Pid", "")
        body = response.read(LARGEST_ANSWER)
        answer = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PresenceFault(_unanswered(folder, presence, error)) from error
    finally:
        connection.close()
    if answered_by != str(presence.pid):
        raise PresenceFault(Finding("SL-OBS-03", {"folder": str(folder), "pid": presence.pid}))
    if isinstance(answer, dict) and answer.get("ok") is False:
        args = {
            "folder": str(folder),
            "pid": presence.pid,
            "address": presence.address,
            "reason": answer["findings"][0]["reason"].rstrip(".。"),
        }
        raise PresenceFault(Finding("SL-OBS-02", args))
    return answer


def _unanswered(folder: Path, presence: Presence, error: Exception) -> Finding:
    args: dict[str, Any] = {"folder": str(folder), "pid": presence.pid}
    if not is_alive(presence.pid):
        return Finding("SL-OBS-03", args)
    if isinstance(error, TimeoutError):
        reason: Any = {"en": f"no answer within {TIMEOUT_S:.0f} s", "zh": f"{TIMEOUT_S:.0f} 秒内没有应答"}
    elif isinstance(error, ConnectionRefusedError):
        reason = {"en": "nothing listens there", "zh": "该地址无人监听"}
    else:
        reason = str(error) or type(error).__name__
    return Finding("SL-OBS-02", {**args, "address": presence.address, "reason": reason})


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs (it need not be the same program)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def fetch_status(folder: Path) -> StoreStatus:
    """The running store's status; what only a newer version tells is left out. PresenceFault when no store answers."""
    facts = fetch(folder, "/status")
    given = _known(StoreStatus, facts)
    given["instances"] = tuple(InstanceStatus(**_known(InstanceStatus, one)) for one in facts["instances"])
    given["queues"] = tuple(QueueStatus(**_known(QueueStatus, one)) for one in facts["queues"])
    given["devices"] = tuple(DeviceStatus(**_known(DeviceStatus, one)) for one in facts.get("devices", ()))
    given["figures"] = tuple(FigureStatus(**_known(FigureStatus, one)) for one in facts.get("figures", ()))
    given["troubles"] = tuple(facts["troubles"])
    return StoreStatus(**given)


def _known(kind: type[StoreStatus | InstanceStatus | QueueStatus | DeviceStatus | FigureStatus], facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name in kind.__dataclass_fields__}
