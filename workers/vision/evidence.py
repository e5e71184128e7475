"""How an incident names its evidence: a stretch of a camera's recording, for the recorder to keep with people made unrecognisable."""

from __future__ import annotations

from datetime import datetime

from storeloom.core.kernel.events import rfc3339


def clip(camera: str, start: datetime, end: datetime, *, until: datetime | None = None) -> str:
    """`camera/from/to?blur=person`, with `&until=` where the recording may not be kept for longer. Times are UTC."""
    keep = "" if until is None else f"&until={rfc3339(until)}"
    return f"{camera}/{rfc3339(start)}/{rfc3339(end)}?blur=person{keep}"
