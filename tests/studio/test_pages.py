"""The studio's pages in both languages, and what a retailer does on them."""

import subprocess
import sys

import pytest

from storeloom.core.kernel.registry import ROOT
from tests.studio.pages import opened, run

testing = pytest.importorskip("streamlit.testing.v1", reason="the extra studio is absent")
STUDIO = ROOT / "studio"
PAGES = ("app.py", "views/catalogue.py", "views/compose.py", "views/trial.py", "views/stores.py")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_each_page_loads_in_both_languages(page: str, lang: str) -> None:
    assert opened(page, lang).title


def test_the_language_stands_in_the_address_and_switches_the_page() -> None:
    app = testing.AppTest.from_file(str(STUDIO / "app.py"), default_timeout=60)
    app.query_params["lang"] = "en"
    assert run(app).title[0].value == "Catalogue"
    app.sidebar.radio(key="lang").set_value("zh")
    assert run(app).title[0].value == "方案目录"
    assert app.query_params["lang"] in ("zh", ["zh"])  # text or list by Streamlit's version


def test_no_engine_is_imported_at_the_start() -> None:
    script = (
        "import sys, runpy\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"AppTest.from_file({str(STUDIO / 'app.py')!r}, default_timeout=60).run()\n"
        "print(sorted({'cv2', 'onnxruntime', 'ray', 'matplotlib', 'ortools', 'statsforecast'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
