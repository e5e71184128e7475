"""What the tests have workers do: importable by name, as workers need it."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def square(number: int) -> int:
    return number * number


def picky(number: int) -> int:
    if number % 10 == 3:
        raise ValueError(f"not {number}")
    return number


def total(row: int, table: NDArray[np.float64]) -> float:
    return float(table[row].sum())


def writes(row: int, table: NDArray[np.float64]) -> None:
    table[row] = 0


def where(_: int) -> int:
    return os.getpid()


def drawn(seed: int) -> float:
    return random.Random(seed).random()


def lost_once(item: tuple[int, str]) -> int:
    """Kill this worker the first time that the item's file is not there."""
    number, marker = item
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def deadly(number: int) -> int:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def unpicklable(_: int) -> Any:
    return threading.Lock()


def threads(_: int) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")
