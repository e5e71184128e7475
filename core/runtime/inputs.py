"""What may come in: events of known streams whose data fits its schema and can be kept as JSON."""

from __future__ import annotations

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.outputs import as_json


class Inputs:
    """The check of what comes in; with `lenient`, data may lack required fields (episodes leave out what does not matter to
    them), and the ids of such events stand in `incomplete`."""

    def __init__(self, *, lenient: bool = False) -> None:
        self._streams = schemas.streams()
        self._lenient = lenient
        self.incomplete: set[str] = set()

    def check(self, event: Event) -> None:
        """InputFault when an event does not fit its stream's schema. A picture is let by as it is: it stays in the process."""
        known = event.stream in self._streams
        path = schemas.stream_file(event.stream)
        data = {**event.data, "pixels": {}} if "pixels" in event.data else event.data
        try:
            reason = schemas.first_error(path, data) if known else "there is no such stream"
            as_json(data)
        except (TypeError, ValueError) as error:  # a value that no JSON can carry, or not the log's
            reason = str(error)
        if reason is None:
            return
        if known and self._lenient and schemas.only_incomplete(path, event.data):
            self.incomplete.add(event.id)
            return
        raise InputFault(Finding("SL-INP-02", {"stream": event.stream, "reason": reason, "source": event.source}))
