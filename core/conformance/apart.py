"""A twin in a process of its own: so what a driver's process keeps is the driver's, and the two do not wait for each other's turn."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, Pipe
from typing import Any, Self

START_S, ANSWER_S, END_S = 60.0, 30.0, 5.0


class TwinApart:
    """The twin `module:Class` in another process; the methods are its own, `taken` the number of what it `took`.

    RuntimeError with what it raised, or that it did not answer.
    """

    def __init__(self, twin: str) -> None:
        self._name = twin
        self._line: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._line, theirs = Pipe()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-m", __name__, self._name, str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        theirs.close()
        try:
            self._ask("start", wait_s=START_S)
        except BaseException:
            self.close()
            raise
        return self

    def settings(self) -> Mapping[str, Any]:
        return dict(self._ask("settings"))

    def secrets(self) -> Mapping[str, str]:
        return dict(self._ask("secrets"))

    def burst(self, first: int, count: int) -> Sequence[Sequence[tuple[str, Mapping[str, Any]]]]:
        return list(self._ask("burst", first, count))

    def command(self, number: int) -> tuple[str, Mapping[str, Any]] | None:
        told: tuple[str, Mapping[str, Any]] | None = self._ask("command", number)
        return told

    def taken(self) -> int:
        return int(self._ask("taken"))

    def _ask(self, name: str, *arguments: Any, wait_s: float = ANSWER_S) -> Any:
        assert self._line is not None, "the twin has not been started"
        try:
            self._line.send((name, arguments))
            if not self._line.poll(wait_s):
                raise RuntimeError(f"the twin did not answer '{name}' within {wait_s:g} s")
            good, answer = self._line.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError(f"the twin's process ended at '{name}'") from error
        if not good:
            raise RuntimeError(f"the twin: {answer}")
        return answer

    def close(self) -> None:
        """End it; it closes its twin where it still answers."""
        line, self._line = self._line, None
        process, self._process = self._process, None
        if line is not None:
            line.close()
        if process is not None:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __exit__(self, *error: object) -> None:
        self.close()


def serve(twin: Any, line: Connection) -> None:
    """Do what is asked over the line until it is closed."""
    while True:
        try:
            name, arguments = line.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (True, len(twin.took()) if name == "taken" else getattr(twin, name)(*arguments))
        except Exception as error:  # the one that asks is told
            answer = (False, f"{type(error).__name__}: {error}")
        line.send(answer)


def main(name: str, descriptor: str) -> None:
    """The other process: a twin on the line of this descriptor."""
    module, _, class_name = name.partition(":")
    twin = getattr(importlib.import_module(module), class_name)()
    try:
        serve(twin, Connection(int(descriptor)))
    finally:
        twin.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
