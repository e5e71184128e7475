"""The memory of a process that runs for long."""

from __future__ import annotations

import gc


def settle() -> None:
    """Take what a start leaves (modules, catalogue, schemas, tables) out of garbage collection, for a process that will need it to its end.
    A full collection, which looks at all that lives, otherwise holds up a store of many solutions for a good part of a second."""
    gc.collect()
    gc.freeze()
