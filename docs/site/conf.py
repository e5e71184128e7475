"""How Sphinx builds the site of one language from what `storeloom docs` wrote: STORELOOM_LANG=en|zh sphinx-build -c docs/site PAGES OUT."""

import logging
import os
import sys
from pathlib import Path

import jieba

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
jieba.setLogLevel(logging.WARNING)  # it tells of its dictionary on stderr

lang = os.environ.get("STORELOOM_LANG", "en")
project = "storeloom 智店织机" if lang == "zh" else "storeloom"
html_title = "storeloom 智店织机文档" if lang == "zh" else "storeloom documentation"
author = "storeloom"
language = "zh_CN" if lang == "zh" else "en"
extensions = ["myst_parser", "sphinx_copybutton", "reading"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["Thumbs.db"]

# Anchors of headings as GitHub makes them, to the third level; tables and messages may hold any text, so nothing else is read into them.
myst_heading_anchors = 3
myst_enable_extensions = []
myst_linkify_fuzzy_links = False
myst_url_schemes = ["http", "https", "mailto"]
copybutton_prompt_text = r"^\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"

html_theme = "furo"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
templates_path = [str(HERE / "templates")]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_use_index = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#14532d", "color-brand-content": "#166534"},
    "dark_css_variables": {"color-brand-primary": "#86efac", "color-brand-content": "#86efac"},
    "top_of_page_buttons": [],
}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
