"""Starts host processes, watches what they use, ends those that break a limit, and leaves nothing behind.

One thread watches all hosts: resident memory, CPU, threads, open files, children and temporary files, and the time of the call at hand.
A host and all that it started are one session, which a host cannot leave (see `sandbox`); who breaks a limit is killed with all of it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from storeloom.core.kernel.errors import Finding
from storeloom.core.runtime.frames import Frames
from storeloom.core.runtime.limits import MIB, Limits, call_cores
from storeloom.core.runtime.sandbox import PR_SET_CHILD_SUBREAPER, prctl

TICK_S, LONGEST_TICK_S, WINDOW_S, DISK_EVERY = 0.2, 0.5, 10.0, 5
SWITCH_S = 0.0005
STDERR = "stderr.txt"
NICENESS = 15  # plugins give way to the engine
_SENT_BYTES, BLOCK = 1 << 20, 4096

logger = logging.getLogger("storeloom.hosts")


def give_way(pid: int) -> None:
    """Let a session's leader, and so its session, have the processor after the engine.

    Where Linux schedules by session (sched_autogroup), a process's own niceness counts only inside it: the group's is set as well.
    """
    os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
    group = Path(f"/proc/{pid}/autogroup")
    with contextlib.suppress(OSError):  # no such scheduling, or asked for too often by one without privileges
        group.write_text(str(NICENESS), encoding="ascii")


class Host:
    """One host process. `verdict` is why the guard ended it; `memory_mb` is its resident memory at the last look.

    It is there before its process is: what is sent to it waits. `failure` says why there will be none.
    """

    def __init__(self, name: str, load: str, limits: Limits, end: socket.socket, folder: Path) -> None:
        self.name, self.load, self.limits = name, load, limits
        self.socket, self.folder = end, folder
        self.process: subprocess.Popen[bytes] | None = None
        self.verdict: Finding | None = None
        self.failure = ""
        self.memory_mb = 0.0
        self.what = "start"
        self.limit_s: float | None = limits.start_s
        self.spent_s = self.calls_s = 0.0
        self.uses: deque[tuple[float, float, float, float]] = deque()

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None

    @property
    def alive(self) -> bool:
        return not self.failure and self.code() is None

    def code(self) -> int | None:
        """How it ended, as subprocess tells it (a signal is negative); None while it runs.

        One that has ended is not reaped by asking: its id stays its own until its session is swept.
        """
        if self.process is None or self.process.returncode is not None:
            return self.process.returncode if self.process is not None else None
        try:
            end = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # reaped just now
            return self.process.returncode
        if end is None:
            return None
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status

    def busy(self, what: str, limit_s: float) -> None:
        """It begins with something that may take so long. The look that comes next counts for nothing: it began before this."""
        self.what, self.spent_s, self.limit_s = what, -TICK_S, limit_s

    def idle(self) -> None:
        self.limit_s = None

    def last_words(self) -> str:
        """The last line that it wrote to its error stream; empty where there is none."""
        try:
            with open(self.folder / STDERR, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")


class HostGuard:
    """Watches the hosts of one store process. `folder` holds their temporary folders; what lies in it from before is removed.

    `frames` are the pictures that hosts share. Making one lets this process adopt orphans (a Linux subreaper), until `close`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder if folder is not None else Path(tempfile.mkdtemp(prefix="storeloom-hosts-"))
        if folder is not None:
            remove(folder)
            folder.mkdir(parents=True)
        self.frames = Frames()
        self._hosts: set[Host] = set()
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ticks = self._made = 0
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        sys.setswitchinterval(SWITCH_S)  # this thread's looking round must not hold up the engine's
        self._thread = threading.Thread(target=self._run, name="host-guard", daemon=True)
        self._thread.start()

    def spawn(self, name: str, load: str, limits: Limits, env: Mapping[str, str]) -> Host:
        """A host, whose process starts at once; nobody waits for that.

        The guard's own thread starts it: the kernel ends a host when the thread that started it ends.
        """
        if not self._thread.is_alive():
            raise RuntimeError("the watching of host processes has ended")
        ours, theirs = socket.socketpair()
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            ours.setsockopt(socket.SOL_SOCKET, option, _SENT_BYTES)
        ours.setblocking(False)
        self._made += 1
        host = Host(name, load, limits, ours, self._folder / str(self._made))
        with self._lock:
            self._hosts.add(host)
        self._jobs.put(lambda: self._start(host, theirs, env))
        return host

    def release(self, host: Host, verdict: Finding | None = None) -> None:
        """Have a host ended with all that it started, and its folder taken away; nobody waits for that."""
        if host.verdict is None:
            host.verdict = verdict
        host.socket.close()
        self._jobs.put(lambda: self._finish(host))

    def pids(self) -> dict[str, int]:
        """The hosts' process ids by instance."""
        with self._lock:
            return {host.name: host.process.pid for host in self._hosts if host.process is not None and host.alive}

    def close(self) -> None:
        """End all hosts and the watching; on return nothing of them is left."""
        with self._lock:
            left = list(self._hosts)
        for host in left:
            self.release(host)
        self._jobs.put(None)
        self._thread.join()
        self.frames.close()
        remove(self._folder)
        prctl(PR_SET_CHILD_SUBREAPER, 0)

    # --- in the guard's thread ---

    def _run(self) -> None:
        last = due = time.monotonic()
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                now = time.monotonic()
                due = max(due + TICK_S, now)
                self._look(min(now - last, LONGEST_TICK_S), now)
                last = now
                continue
            if job is None:
                return
            job()

    def _start(self, host: Host, theirs: socket.socket, env: Mapping[str, str]) -> None:
        try:
            with theirs:
                host.folder.mkdir(mode=0o700)
                host.process = self._popen(host.folder, theirs.fileno(), env)
                give_way(host.process.pid)
        except OSError as error:
            host.failure = str(error)

    def _popen(self, folder: Path, wire: int, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with open(folder / STDERR, "wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "storeloom.core.runtime.host", str(wire), str(os.getpid())],
                cwd=folder,
                env={**env, "TMPDIR": str(folder), "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=(wire,),
                start_new_session=True,
            )

    def _finish(self, host: Host) -> None:
        self._end(host)
        remove(host.folder)
        with self._lock:
            self._hosts.discard(host)

    def _look(self, passed: float, now: float) -> None:
        """One look at all hosts. `passed` is bounded, so that a suspended machine is not held against a host."""
        self._ticks += 1
        with self._lock:
            hosts = [host for host in self._hosts if host.process is not None and host.process.returncode is None]
        sessions = members([host.process.pid for host in hosts if host.process is not None]) if hosts else {}
        for host in hosts:
            if host.limit_s is not None:
                host.spent_s += passed
                host.calls_s += passed
            broken = self._broken(host, sessions[host.pid or 0], now) if host.alive else None
            if broken is not None:
                logger.warning("%s", broken.text())
                host.verdict = host.verdict or broken
            if broken is not None or not host.alive:
                self._end(host)

    def _broken(self, host: Host, session: list[int], now: float) -> Finding | None:
        """The limit that a host breaks; None where it keeps all."""
        limits = host.limits
        if host.limit_s is not None and host.spent_s > host.limit_s:
            return Finding("SL-HST-02", {"instance": host.name, "what": host.what, "limit": f"{host.limit_s:g}"})
        used = _usage(session, host.pid)
        host.memory_mb = used["memory_mb"]
        used["cpu_share"] = self._share(host, used.pop("cpu_s"), used.pop("main_s", 0.0), now)
        if self._ticks % DISK_EVERY == 0:
            used["disk_mb"] = _size(host.folder, limits.disk_mb * MIB) / MIB
        for key, value in used.items():
            limit = getattr(limits, key)
            if value > limit:
                args = {"instance": host.name, "key": key, "limit": f"{limit:g}", "got": f"{value:.3g}" if value < 10 else f"{value:.0f}"}
                return Finding("SL-HST-03", args)
        return None

    def _share(self, host: Host, cpu_s: float, main_s: float, now: float) -> float:
        """Cores used over the last ten seconds beside what its calls may use.

        A call of a light solution runs in the main thread; what other threads use is beside it, even while the call lasts.
        """
        host.uses.append((now, cpu_s, main_s, host.calls_s))
        while now - host.uses[0][0] > WINDOW_S:
            host.uses.popleft()
        _, cpu_before, main_before, calls_before = host.uses[0]
        own = call_cores(host.load) * (host.calls_s - calls_before)
        if host.load == "light":
            own = min(own, main_s - main_before)
        return max(0.0, cpu_s - cpu_before - own) / WINDOW_S

    def _end(self, host: Host) -> None:
        """Only here a host is reaped, after its session is swept, so that no other process can have its id before that."""
        if host.process is not None and host.process.returncode is None:
            kill_session(host.process.pid)
            host.process.wait()


def _usage(session: list[int], leader: int | None) -> dict[str, float]:
    """What a session uses in all: memory and CPU of every process, threads and open files of the leader."""
    import psutil

    memory = cpu = 0.0
    used: dict[str, float] = {"processes": len(session) - 1}
    for pid in session:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                memory += process.memory_info().rss
                times = process.cpu_times()
                cpu += times.user + times.system
                if pid == leader:
                    threads = process.threads()
                    used["main_s"] = sum(one.user_time + one.system_time for one in threads if one.id == pid)
                    used["threads"] = len(threads)
                    used["open_files"] = process.num_fds()
        except psutil.Error:  # it has just ended
            continue
    return {"memory_mb": memory / MIB, "cpu_s": cpu, **used}


def _size(folder: Path, most: float) -> int:
    """Bytes that a folder's files and folders take, counted no further than `most`; an empty file takes a block too."""
    total = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            try:
                total += max(os.lstat(os.path.join(place, name)).st_blocks * 512, BLOCK)
            except OSError:  # it has just been removed
                continue
        if total > most:
            break
    return total


def members(leaders: list[int]) -> dict[int, list[int]]:
    """The processes of each session, the leader's own among them."""
    found: dict[int, list[int]] = {leader: [] for leader in leaders}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                session = os.getsid(int(name))
            except OSError:  # it has just ended
                continue
            if session in found:
                found[session].append(int(name))
    return found


def kill_session(leader: int, wait_s: float = 5.0) -> None:
    """End every process of a session and reap those that became this process's children; the leader is left to whoever started it."""
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        left = [pid for pid in members([leader])[leader] if not _ended(pid)]
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for pid in members([leader])[leader]:
            if pid != leader:
                _reap(pid)
        if not left:
            return
        time.sleep(0.005)


def _ended(pid: int) -> bool:
    """Whether a process is gone, or waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # its own parent reaps it
        return


def remove(folder: Path) -> None:
    """Take a folder away with all that is in it; one that is not there needs nothing."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except PermissionError:  # folders within it were closed to their owner
        for place, names, _ in os.walk(folder):
            for name in names:
                inner = os.path.join(place, name)
                if not os.path.islink(inner):
                    os.chmod(inner, 0o700)
        shutil.rmtree(folder)
