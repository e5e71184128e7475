"""Opens a page of a chain in Streamlit's AppTest, as somebody who is signed in at a test's control plane."""

from __future__ import annotations

from typing import Any

import pytest

from storeloom.core.kernel.registry import ROOT
from tests.studio.plane import Plane

testing = pytest.importorskip("streamlit.testing.v1", reason="the extra studio is absent")


def opened(page: str, plane: Plane | None, role: str | None = "admin", lang: str = "en", **query: str) -> Any:
    """A page that has run."""
    app = testing.AppTest.from_file(str(ROOT / "studio" / page), default_timeout=60)
    app.session_state["lang"] = lang
    for key, value in query.items():
        app.query_params[key] = value
    if plane is not None and role is not None:
        app.session_state["member"] = plane.member(role)
    return run(app)


def run(app: Any) -> Any:
    app.run()
    assert not app.exception, app.exception
    return app


def asked(app: Any, name: str) -> str:
    """What the page's address says; Streamlit's versions give text or a list."""
    said = app.query_params.get(name, "")
    return str(said[0] if isinstance(said, list) and said else said or "")


def texts(app: Any) -> str:
    """All text of the page."""
    kinds = ("markdown", "caption", "error", "warning", "info", "success", "title", "subheader", "header")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app, kind))


def keys(app: Any) -> set[str]:
    """The keys of the page's buttons that can be pressed."""
    return {button.key for button in app.button if not button.disabled}
