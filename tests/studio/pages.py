"""What the tests of pages share: a page opened with a bundle in work."""

from typing import Any

from storeloom.core.kernel.registry import ROOT
from storeloom.studio.draft import Draft, new_draft

STUDIO = ROOT / "studio"


def opened(page: str, lang: str = "en", *solutions: str, store_format: str = "supermarket", **query: str) -> Any:
    """A page that has run, with a bundle of the named solutions in work (or the example)."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(STUDIO / page), default_timeout=60)
    app.session_state["lang"] = lang
    for key, value in query.items():
        app.query_params[key] = value
    if solutions:
        bundle = new_draft("B", store_format, None)
        bundle.add(*solutions)
        bundle.data["store"]["edge"] = {"cores": 64, "memory_mb": 65536}
        app.session_state["draft"] = bundle
    return run(app)


def run(app: Any) -> Any:
    """The page after a run that raised nothing."""
    app.run()
    assert not app.exception, app.exception
    return app


def draft(app: Any) -> Draft:
    """The bundle in work of a page."""
    found: Draft = app.session_state["draft"]
    return found


def texts(app: Any) -> str:
    """All that a page says in running text."""
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.success, app.title, app.subheader)
    return "\n".join(one.value for kind in kinds for one in kind)
