"""The server under the API: waitress, with connections that stay open also after an answer without a body.

Most polls of agents are answered 304. As it comes, waitress closes the connection after each such answer, and the agent's next poll opens
another, through TLS where no proxy stands between.
"""

from __future__ import annotations

from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask


class KeptTask(WSGITask):  # type: ignore[misc]
    """One request's answer. One that has no body by its status (204, 304; RFC 9112 6.3) ends with its head: what follows is not misread."""

    def set_close_on_finish(self) -> None:
        """Close the connection after the answer, unless nobody asked for that and the answer's end is plain."""
        if self.has_body or self.version != "1.1" or self.request.headers.get("CONNECTION", "").lower() == "close":
            super().set_close_on_finish()


class KeptChannel(HTTPChannel):  # type: ignore[misc]
    """A client's connection."""

    task_class = KeptTask


def serve_with(app: Any, **adjustments: Any) -> Any:
    """A waitress server (`run`, `close`, `effective_port`) of a WSGI application; `adjustments` are waitress's own."""
    serving = create_server(app, **adjustments)
    for one in (serving, *getattr(serving, "map", {}).values()):
        if isinstance(one, BaseWSGIServer):
            one.channel_class = KeptChannel
    return serving
