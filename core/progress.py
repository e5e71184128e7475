"""How far long work is: a bar on the terminal, nothing where the output goes elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storeloom.workers.pool import Progress, Ticks


@contextmanager
def bar(what: str) -> Iterator[Ticks | None]:
    """What a pool tells its progress to; None where standard error is no terminal. The bar goes when the work ends."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)

        def tick(one: Progress) -> None:
            shown.update(task, completed=one.done, total=one.total)

        yield tick
