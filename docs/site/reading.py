"""What the site adds to Sphinx: the same page in the other language, a contents list that opens where the reader is, search in Chinese."""

from __future__ import annotations

from typing import Any

from furo.navigation import get_navigation_tree
from sphinx.application import Sphinx
from sphinx.search import zh

# Chinese has no spaces: pages are cut into words by jieba, and a query by the longest words that the index knows.
SPLIT = """
var splitQuery = (query) => {
  const known = (word) => Search._index !== null && (word in Search._index.terms || word in Search._index.titleterms);
  const cut = (text) => {
    const words = [];
    for (let from = 0; from < text.length; ) {
      let to = Math.min(text.length, from + 8);
      while (to > from + 1 && !known(text.slice(from, to))) to--;
      if (to > from + 1) words.push(text.slice(from, to));
      from = to;
    }
    return words.length > 0 ? words : [text];
  };
  const parts = query.match(/\\p{Script=Han}+|[^\\P{Letter}\\p{Script=Han}]+[\\p{Number}_]*|[\\p{Number}_]+/gu) || [];
  return parts.flatMap((part) => (/\\p{Script=Han}/u.test(part) ? cut(part) : [part]));
};
"""


class SearchChinese(zh.SearchChinese):
    """Sphinx's search in Chinese, with a query cut into words too."""

    js_splitter_code = SPLIT


def on_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the page's templates the address of its twin, and a contents list of which only the reader's branch is open."""
    here = "zh" if app.config.language == "zh_CN" else "en"
    other = "en" if here == "zh" else "zh"
    up = "../" * (pagename.count("/") + 1)
    context["twin"] = {"url": f"{up}{other}/{pagename}.html", "lang": other, "name": "English" if other == "en" else "中文"}
    if "toctree" in context:
        tree = context["toctree"](collapse=True, titles_only=True, maxdepth=-1, includehidden=True)
        context["furo_navigation_tree"] = get_navigation_tree(tree)


def open_only_here(app: Sphinx) -> None:
    """Furo asks for the whole contents on every page: with hundreds of pages each would be mostly contents."""
    import furo

    furo._compute_navigation_tree = lambda context: ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the above."""
    app.add_search_language(SearchChinese)
    app.connect("builder-inited", open_only_here)
    app.connect("html-page-context", on_page, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
