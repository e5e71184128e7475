"""What a host process cannot reach: files outside its own, the network, other processes. Linux only.

Three layers, put on before any plugin code is imported and never taken off: no privileges (capabilities dropped, `no_new_privs`), Landlock
(kernel 5.13 and later, docs.kernel.org/userspace-api/landlock.html) for the file system and signals, and a seccomp filter for system calls
that would get around both. Where a layer is missing the process runs all the same and says so.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
_SECCOMP_MODE_FILTER = 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_LANDLOCK_VERSION, _RULE_PATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # Landlock version: how many file-system rights it knows
_EPERM, _ENOSYS = 1, 38
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/ssl", "/etc/ld.so.cache", "/etc/localtime", "/sys/devices/system")
_PROC = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys")

# System calls by number, x86-64 and arm64 (asm/unistd_64.h, asm-generic/unistd.h); None: that machine has no such call.
_ARCHES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "setsid": (112, 157),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "ioprio_set": (251, 30),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
_NO_CHILDREN: dict[str, tuple[int | None, int | None]] = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
}
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
_KILL, _TKILL, _TGKILL = (62, 129), (200, 130), (234, 131)
_CLONE_THREAD, _CLONE_NEW = 0x10000, 0x7E020000


def prctl(option: int, value: int) -> None:
    """Set one of this process's attributes; OSError when the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when the thread that started it ends; it ends now if `parent` is gone already."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def confine(readable: Iterable[Path], writable: Path, *, children: bool) -> list[str]:
    """Shut this process in for good; in words, what could not be shut. Paths that do not exist are left out."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    _drop_capabilities()
    return [trouble for trouble in (_landlock(readable, writable), _filter_calls(children=children)) if trouble]


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", 0x20080522, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, bytes(24)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


# --- Landlock ---


def landlock_version() -> int:
    """The kernel's Landlock version, 0 where it has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_LANDLOCK_VERSION))))


def _landlock(readable: Iterable[Path], writable: Path) -> str:
    version = landlock_version()
    if version == 0:
        return "Landlock"
    rights = (1 << _FILE_RIGHTS[min(version, max(_FILE_RIGHTS))]) - 1
    libc = ctypes.CDLL(None, use_errno=True)
    net = 3 if version >= 4 else 0  # bind and connect by TCP
    scoped = 3 if version >= 6 else 0  # abstract sockets and signals
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(_CREATE_RULESET, struct.pack("=QQQ", rights, net, scoped), ctypes.c_size_t(size), ctypes.c_uint(0))
    if rules < 0:
        return f"Landlock ({os.strerror(ctypes.get_errno())})"
    everything = [*map(Path, (*_SYSTEM, *_PROC)), *readable]
    allowed = [(path, _READ) for path in everything]
    allowed += [(Path(path), _READ_FILE | _WRITE_FILE) for path in _DEVICES]
    allowed.append((writable, rights & ~_EXECUTE))
    for path, wanted in allowed:
        _allow(libc, rules, path, wanted & rights)
    failed = libc.syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint(0)) != 0
    number = ctypes.get_errno()
    os.close(rules)
    return f"Landlock ({os.strerror(number)})" if failed else "" if scoped else "Landlock's scopes (kernel 6.12)"


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    """Let a path and all beneath it be reached; one that is not there needs no rule."""
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = struct.pack("=Qi", rights if path.is_dir() else rights & _ON_FILES, target)
        if libc.syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_RULE_PATH), rule, ctypes.c_uint(0)) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(target)


# --- seccomp ---

_LOAD, _JUMP_EQUAL, _JUMP_ANY, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16
_X32 = 0x40000000


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _refuse(number: int, error: int = _EPERM) -> list[bytes]:
    return [_op(_JUMP_EQUAL, number, 0, 1), _op(_RETURN, _ERRNO | error)]


def _on_argument(number: int, tests: Sequence[bytes]) -> list[bytes]:
    """For one call: load its first argument (the low half, which is all of an `int`), run the tests, go on with the number loaded again."""
    body = [_op(_LOAD, _ARGUMENT_AT), *tests, _op(_LOAD, _NUMBER_AT)]
    return [_op(_JUMP_EQUAL, number, 0, len(body)), *body]


def _only(value: int) -> list[bytes]:
    return [_op(_JUMP_EQUAL, value, 1, 0), _op(_RETURN, _ERRNO | _EPERM)]


def program(machine: str, pid: int, *, children: bool) -> list[bytes]:
    """The filter, instruction by instruction (classic BPF over `struct seccomp_data`), for a process of this id."""
    column, arch = _ARCHES[machine]
    ops = [_op(_LOAD, _ARCH_AT), _op(_JUMP_EQUAL, arch, 1, 0), _op(_RETURN, _KILL_PROCESS), _op(_LOAD, _NUMBER_AT)]
    if machine == "x86_64":
        ops += [_op(_JUMP_ANY, _X32, 0, 1), _op(_RETURN, _ERRNO | _EPERM)]
    for numbers in [*_REFUSED.values(), *([] if children else _NO_CHILDREN.values())]:
        number = numbers[column]
        if number is not None:
            ops += _refuse(number)
    ops += _refuse(_CLONE3[column], _ENOSYS)  # libc falls back to clone, whose flags can be seen here
    ops += _on_argument(_CLONE[column], [_op(_JUMP_ANY, _CLONE_NEW, 0, 1), _op(_RETURN, _ERRNO | _EPERM)])
    if not children:
        ops += _on_argument(_CLONE[column], [_op(_JUMP_ANY, _CLONE_THREAD, 1, 0), _op(_RETURN, _ERRNO | _EPERM)])
        ops += _on_argument(_KILL[column], _only(pid))
        ops += _on_argument(_TGKILL[column], _only(pid))
        ops += _refuse(_TKILL[column])
    ops += _on_argument(_PRLIMIT[column], _only(0))
    return [*ops, _op(_RETURN, _ALLOW)]


def _filter_calls(*, children: bool) -> str:
    machine = platform.machine()
    if machine not in _ARCHES:
        return f"seccomp (no table of system calls for {machine})"
    ops = b"".join(program(machine, os.getpid(), children=children))
    code = ctypes.create_string_buffer(ops, len(ops))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    given = Program(len(ops) // 8, ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    rest = ctypes.c_ulong(0)
    if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(given), rest, rest) != 0:
        return f"seccomp ({os.strerror(ctypes.get_errno())})"
    return ""
