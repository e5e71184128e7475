"""What a module reaches for outside of its own values: network, ports, files, processes, native code, code made at run time, threads, the
wall clock, chance. Found in its syntax tree, by the names that its imports give; how a name came about otherwise cannot be seen there, and
so reaching for one by a text is a use of its own (`code`). A store shuts a solution in besides: what is missed here is refused there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from storeloom.core.conformance.plugin_code import Module, imports


class Use(StrEnum):
    """What code may reach for."""

    NETWORK = "network"
    PORTS = "ports"
    READS = "reads"
    WRITES = "writes"
    PROCESSES = "processes"
    NATIVE = "native"
    CODE = "code"
    THREADS = "threads"
    CLOCK = "clock"
    CHANCE = "chance"


WORDS: Mapping[Use, Mapping[str, str]] = {
    Use.NETWORK: {"en": "the network", "zh": "网络"},
    Use.PORTS: {"en": "serial and USB ports", "zh": "串口与 USB"},
    Use.READS: {"en": "files, to read", "zh": "读取文件"},
    Use.WRITES: {"en": "files, to write", "zh": "写入文件"},
    Use.PROCESSES: {"en": "other processes", "zh": "其他进程"},
    Use.NATIVE: {"en": "native code", "zh": "本机代码"},
    Use.CODE: {"en": "code made at run time", "zh": "运行时生成的代码"},
    Use.THREADS: {"en": "threads", "zh": "线程"},
    Use.CLOCK: {"en": "the wall clock", "zh": "系统时钟"},
    Use.CHANCE: {"en": "unseeded chance", "zh": "无种子的随机数"},
}


@dataclass(frozen=True)
class Reach:
    """One use, with the name that shows it, where it stands."""

    use: Use
    name: str
    file: str
    line: int


# Importing one of these is the use.
_MODULES: Mapping[Use, str] = {
    Use.NETWORK: "socket ssl socketserver http.client http.server urllib.request urllib3 requests httpx aiohttp websockets websocket ftplib"
    " smtplib imaplib poplib telnetlib xmlrpc paho pymodbus zmq grpc pika amqtt pysnmp bacpypes3 zeroconf",
    Use.PORTS: "serial usb hid pyudev evdev bluetooth bleak smbus spidev",
    Use.WRITES: "shutil sqlite3 tempfile dbm fileinput logging.handlers",
    Use.PROCESSES: "subprocess multiprocessing pty pexpect psutil",
    Use.NATIVE: "ctypes cffi mmap resource fcntl",
    Use.CODE: "pickle marshal shelve dill cloudpickle joblib runpy code codeop imp zipimport importlib.machinery",
    Use.THREADS: "threading _thread asyncio concurrent.futures queue sched signal",
    Use.CHANCE: "secrets",
}
_BY_MODULE = {name: use for use, names in _MODULES.items() for name in names.split()}
_OS_WRITES = (
    "remove unlink rename renames replace mkdir makedirs rmdir removedirs truncate link symlink chmod chown mkfifo mknod utime write"
)
_OS_PROCESSES = "system popen fork forkpty kill killpg posix_spawn posix_spawnp startfile abort _exit setuid setgid nice"
_EXEC = ("os.exec", "os.spawn")
# Naming one of these is the use.
_NAMES: Mapping[str, Use] = {
    **{f"os.{name}": Use.WRITES for name in _OS_WRITES.split()},
    **{f"os.{name}": Use.PROCESSES for name in _OS_PROCESSES.split()},
    **{f"asyncio.{name}": Use.NETWORK for name in ("open_connection", "start_server", "open_unix_connection", "start_unix_server")},
    **{f"asyncio.{name}": Use.PROCESSES for name in ("create_subprocess_exec", "create_subprocess_shell")},
    "concurrent.futures.ProcessPoolExecutor": Use.PROCESSES,
    **dict.fromkeys(("eval", "exec", "compile", "__import__", "__builtins__", "breakpoint", "importlib.import_module"), Use.CODE),
    **dict.fromkeys(("importlib.util.spec_from_file_location", "importlib.util.module_from_spec"), Use.CODE),
    **dict.fromkeys(("builtins.eval", "builtins.exec", "builtins.compile", "builtins.open", "builtins.__import__"), Use.CODE),
    **{f"time.{name}": Use.CLOCK for name in ("time", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime", "sleep")},
    **{f"datetime.datetime.{name}": Use.CLOCK for name in ("now", "utcnow", "today")},
    "datetime.date.today": Use.CLOCK,
    **dict.fromkeys(("uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom", "random.SystemRandom"), Use.CHANCE),
}
_HIDDEN = {"__subclasses__", "__globals__", "__code__", "__builtins__", "__loader__", "__bases__", "__mro__"}
_PATH_WRITES = {"write_text", "write_bytes", "unlink", "rmdir", "symlink_to", "hardlink_to", "touch", "chmod", "mkdir"}
_PATH_READS = {"read_text", "read_bytes"}
_SEEDED = {"random.Random", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence", "numpy.random.Generator"}
_KEPT_OUT = {"random.Random", "numpy.random.Generator", "numpy.random.PCG64"}


def reaches(module: Module) -> Iterator[Reach]:
    """All uses in a module, by line; one line and use is told once."""
    if module.tree is None:
        return
    seen: set[tuple[Use, int]] = set()
    found = sorted([*_imports(module), *_names(module)], key=lambda one: (one.line, one.use, one.name))
    for one in found:
        if (one.use, one.line) not in seen:
            seen.add((one.use, one.line))
            yield one


def _imports(module: Module) -> Iterator[Reach]:
    for node in imports(module.tree) if module.tree else ():
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [f"{node.module}.{alias.name}" for alias in node.names] if not node.level and node.module else []
        for name in names:
            parts = name.split(".")
            for end in range(len(parts), 0, -1):
                use = _BY_MODULE.get(".".join(parts[:end]))
                if use is not None:
                    yield Reach(use, name, module.file, node.lineno)
                    break
            else:
                if name in _NAMES or name.startswith(_EXEC):
                    yield Reach(_NAMES.get(name, Use.PROCESSES), name, module.file, node.lineno)


def _names(module: Module) -> Iterator[Reach]:
    called = {id(node.func): node for node in ast.walk(module.tree) if isinstance(node, ast.Call)} if module.tree else {}
    for node in ast.walk(module.tree) if module.tree else ():
        if not isinstance(node, (ast.Attribute, ast.Name)) or not isinstance(node.ctx, ast.Load):
            continue
        call = called.get(id(node))
        name = module.dotted(node)
        use = _by_name(name) or (_by_chance(name, call) if name else None) or _by_method(node, call, name)
        if use is not None:
            yield Reach(use, name or f".{node.attr}" if isinstance(node, ast.Attribute) else name, module.file, node.lineno)


def _by_name(name: str) -> Use | None:
    if name.startswith(_EXEC):
        return Use.PROCESSES
    return _NAMES.get(name)


def _by_chance(name: str, call: ast.Call | None) -> Use | None:
    """Chance is seeded where its maker is given a seed; the functions of the modules themselves have none."""
    if name in _SEEDED:
        return Use.CHANCE if call is not None and not (call.args or call.keywords) else None
    modules = ("random.", "numpy.random.")
    return Use.CHANCE if call is not None and name.startswith(modules) and name not in _KEPT_OUT else None


def _by_method(node: ast.Attribute | ast.Name, call: ast.Call | None, name: str) -> Use | None:
    """Files, by the builtin or by a path's methods; names that lead to Python's own insides."""
    attribute = node.attr if isinstance(node, ast.Attribute) else ""
    if attribute in _HIDDEN:
        return Use.CODE
    if call is None:
        return None
    if name in ("open", "io.open", "os.open"):
        return Use.WRITES if _mode(call, 1) is None or _writes(_mode(call, 1)) else Use.READS
    if attribute == "open" and isinstance(_mode(call, 0), str) and set(str(_mode(call, 0))) <= set("rwaxbt+"):
        return Use.WRITES if _writes(_mode(call, 0)) else Use.READS
    if name.startswith(("storeloom.", "self.workers.")):
        return None  # an engine's function, no path's method
    return Use.WRITES if attribute in _PATH_WRITES else Use.READS if attribute in _PATH_READS else None


def _mode(call: ast.Call, place: int) -> str | None:
    """The mode that an `open` is given, "r" where none is; None where it is no constant."""
    mode = next((one.value for one in call.keywords if one.arg == "mode"), call.args[place] if len(call.args) > place else None)
    if mode is None:
        return "r"
    return mode.value if isinstance(mode, ast.Constant) and isinstance(mode.value, str) else None


def _writes(mode: str | None) -> bool:
    return bool(set(mode or "w") & set("wax+"))
