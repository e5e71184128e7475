"""The studio: `streamlit run studio/app.py`. Catalogue, composing and trying in a browser, in Chinese and English."""

from pathlib import Path

import streamlit as st

from storeloom.studio.common import language, say
from storeloom.studio.words import LANGUAGES, word

VIEWS = Path(__file__).parent / "views"
FILES = {
    "catalogue": ("catalogue.py", ":material/grid_view:"),
    "compose": ("compose.py", ":material/account_tree:"),
    "try": ("trial.py", ":material/play_circle:"),
}


def main() -> None:
    """Language switch and navigation around the chosen page."""
    st.set_page_config(page_title="storeloom", page_icon="🧵", layout="wide")
    if "lang" not in st.session_state:
        st.session_state["lang"] = language()
    with st.sidebar:
        st.radio(say("language"), list(LANGUAGES), format_func=LANGUAGES.__getitem__, key="lang", horizontal=True)
    lang = language()
    st.query_params["lang"] = lang
    pages = [
        st.Page(VIEWS / file, title=word(name, lang), icon=icon, url_path=name, default=name == "catalogue")
        for name, (file, icon) in FILES.items()
    ]
    st.navigation(pages).run()


main()
