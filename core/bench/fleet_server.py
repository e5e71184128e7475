"""The server of the bench `fleet`: waitress, with bare Flask and the control plane side by side in one process.

`/bare` is Flask's own answer to the same body as `/api/v1/plain`, which is a declared address like all others. Run as a module: folder,
threads; reads the database's address from standard input, prints its port.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Flask, Response

from storeloom.core.control.api.agents import agents
from storeloom.core.control.api.route import ANYBODY, Answer, Call, Resource, Wire
from storeloom.core.control.api.serve import create_app
from storeloom.core.control.api.serving import serve_with
from storeloom.core.control.database import connect
from storeloom.core.control.services import Services

BODY = {"name": "storeloom", "version": "1", "stores": 10_000}


class Plain(Wire):
    """What the plain address answers."""

    name: str
    version: str
    stores: int


def bare() -> Flask:
    """Flask, and one view that answers JSON."""
    app = Flask("bare", static_folder=None)
    app.add_url_rule("/bare", "bare", lambda: app.json.response(BODY))
    app.add_url_rule("/usage", "usage", usage)
    return app


def usage() -> Response:
    """The processor seconds that the server took so far, and its peak memory in KiB."""
    return Response(f"{time.process_time()} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


def plain() -> Resource:
    """A resource of one plain address."""
    found = Resource("plain")

    @found.route("GET", "/plain", ANYBODY, "Plain", "简单应答", answer=Plain, own_session=True)
    def show(call: Call) -> Answer:
        return Answer(BODY)

    return found


def application(folder: Path, url: str, threads: int) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """Both, by the beginning of the path."""
    services = Services(connect(url), folder, threads=threads)
    ours, theirs = create_app(services, (agents, plain())), bare()

    def both(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return (ours if environ["PATH_INFO"].startswith("/api/") else theirs)(environ, start)

    return both


def main(folder: str, threads: str) -> None:
    """Serve until the process is ended; the database's address comes by standard input, for it may hold a password."""
    serving = serve_with(
        application(Path(folder), sys.stdin.readline().strip(), int(threads)), host="127.0.0.1", port=0, threads=int(threads)
    )
    print(serving.effective_port, flush=True)
    serving.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
