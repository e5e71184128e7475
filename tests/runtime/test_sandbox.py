"""The filter of system calls, run instruction by instruction as the kernel would."""

import os
import platform
import struct

import pytest

from storeloom.core.runtime import sandbox

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID = 4711
THREAD, NEW_USER = 0x3D0F00, 0x10000000


def decide(machine: str, number: int, argument: int = 0, *, children: bool = False, arch: int | None = None) -> int:
    """What the filter answers to a call: classic BPF over `struct seccomp_data`."""
    data = struct.pack("=iIQ6Q", number, ARCH[machine] if arch is None else arch, 0, argument, 0, 0, 0, 0, 0)
    ops = [struct.unpack("=HBBI", op) for op in sandbox.program(machine, PID, children=children)]
    assert len(ops) < 4096
    at, held = 0, 0
    while True:
        code, yes, no, value = ops[at]
        at += 1
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        elif code == 0x15:
            at += yes if held == value else no
        elif code == 0x45:
            at += yes if held & value else no
        else:
            assert code == 0x06
            return value


@pytest.mark.parametrize(
    ("machine", "calls"),
    [
        ("x86_64", {"read": 0, "socketpair": 53, "socket": 41, "setsid": 112, "ptrace": 101, "chmod": 90, "io_uring_setup": 425}),
        ("aarch64", {"read": 63, "socketpair": 199, "socket": 198, "setsid": 157, "ptrace": 117, "chmod": 53, "io_uring_setup": 425}),
    ],
)
def test_work_is_allowed_and_the_way_out_is_not(machine, calls):
    verdicts = {name: decide(machine, number) for name, number in calls.items()}
    assert verdicts == {name: ALLOW if name in ("read", "socketpair") else EPERM for name in calls}


@pytest.mark.parametrize(
    ("machine", "clone", "execve", "kill", "tgkill", "prlimit"), [("x86_64", 56, 59, 62, 234, 302), ("aarch64", 220, 221, 129, 131, 261)]
)
def test_threads_yes_processes_only_with_leave_signals_only_to_itself(machine, clone, execve, kill, tgkill, prlimit):
    assert decide(machine, clone, THREAD) == ALLOW
    assert decide(machine, clone, 17) == EPERM and decide(machine, clone, 17, children=True) == ALLOW
    assert decide(machine, clone, NEW_USER | 17, children=True) == EPERM
    assert decide(machine, 435) == ENOSYS  # clone3, whose flags cannot be seen
    assert decide(machine, execve) == EPERM and decide(machine, execve, children=True) == ALLOW
    for number in (kill, tgkill):
        assert decide(machine, number, PID) == ALLOW and decide(machine, number, PID + 1) == EPERM
    assert decide(machine, prlimit, 0) == ALLOW and decide(machine, prlimit, PID) == EPERM


def test_a_call_of_another_architecture_ends_the_process():
    assert decide("x86_64", 41, arch=0x40000003) == KILL  # 32-bit calls have other numbers
    assert decide("x86_64", 0x40000000 | 41) == EPERM  # and so have those of x32


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64")
def test_the_kernels_own_header_has_the_same_numbers():
    header = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
    if not os.path.exists(header):
        pytest.skip("no kernel headers here")
    with open(header, encoding="utf-8") as file:
        known = dict(line.split()[1:3] for line in file if line.startswith("#define __NR_"))
    table = {**sandbox._REFUSED, **sandbox._NO_CHILDREN}
    wrong = {name: numbers[0] for name, numbers in table.items() if known.get(f"__NR_{name}", str(numbers[0])) != str(numbers[0])}
    assert wrong == {}
