"""The studio: `streamlit run studio/serve.py`. Catalogue, composing and trying in a browser, in Chinese and English."""

from pathlib import Path
from typing import Any

import streamlit as st

from storeloom.studio.chain import account, may
from storeloom.studio.common import address_draft, draft, faults_shown, first, language, say
from storeloom.studio.composing.drafts import claim
from storeloom.studio.members import member
from storeloom.studio.words import LANGUAGES, word

PLAIN = "<style>[data-testid=InputInstructions] { display: none; }</style>"  # a hint of Streamlit's that is always in English
VIEWS = Path(__file__).parent / "views"
FILES = {
    "catalogue": ("catalogue.py", ":material/grid_view:"),
    "stores": ("stores.py", ":material/add_business:"),
    "compose": ("compose.py", ":material/account_tree:"),
    "try": ("trial.py", ":material/play_circle:"),
}
CHAIN = {
    "releases": ("releases.py", ":material/rocket_launch:", "releases:read"),
    "store": ("store.py", ":material/storefront:", "stores:read"),
    "pilots": ("pilots.py", ":material/science:", "pilots:read"),
    "vendors": ("vendors.py", ":material/handyman:", ""),
    "signin": ("signin.py", ":material/login:", ""),
}


def main() -> None:
    """Language switch and navigation around the chosen page."""
    st.set_page_config(page_title="storeloom", page_icon="🧵", layout="wide")
    st.html(PLAIN)
    names = list(LANGUAGES)
    at = names.index(first("lang", language()))
    with st.sidebar:
        st.radio(say("language"), names, at, format_func=LANGUAGES.__getitem__, key="lang", horizontal=True)
    lang = language()
    st.query_params["lang"] = lang
    address_draft()
    with faults_shown():
        claim(draft().home)
    pages = [
        st.Page(VIEWS / file, title=word(name, lang), icon=icon, url_path=name, default=name == "catalogue")
        for name, (file, icon) in FILES.items()
    ]
    chosen = st.navigation({say("design_section"): pages, say("chain_section"): _chain_pages(lang)})
    with st.sidebar:
        account()
    chosen.run()


def _chain_pages(lang: str) -> list[Any]:
    """The pages of a chain. Those that are not for the reader's role, or for nobody yet, have an address and stand in no list: a link to
    one says what is missing."""
    shown = {name for name, (_, _, scope) in CHAIN.items() if not scope or may(scope)} - ({"signin"} if member() else set())
    return [
        st.Page(VIEWS / file, title=word(name, lang), icon=icon, url_path=name, visibility="visible" if name in shown else "hidden")
        for name, (file, icon, _) in CHAIN.items()
    ]


main()
