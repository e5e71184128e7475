"""The studio as it is served: `streamlit run studio/serve.py`. The app, and a cookie by which a reload of the page stays signed in."""

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from storeloom.studio.browser import NamedBrowser

app = App(Path(__file__).with_name("app.py"), middleware=[Middleware(NamedBrowser)])
