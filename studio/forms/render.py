"""A form drawn on Streamlit's own widgets.

The form's value is the truth: each run gives every widget what the value says, a changed widget hands its edit to the value by a callback,
and only text that is no JSON yet is held beside it. Keys are places in the schema, so they last over edits, undo and languages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.studio.common import held, language, say, show_findings
from storeloom.studio.forms.kinds import MISSING, SIMPLE, into, out_of
from storeloom.studio.forms.model import Form, Node, Option, Path
from storeloom.studio.forms.schema import blank, settle
from storeloom.studio.forms.widgets import branch_words, chooser, entry
from storeloom.studio.pictures import Camera
from storeloom.studio.regions import region_field

UNREAD = "forms/unread"
WORDED = ("choice", "choices", "pick")  # the browser knows their values by their words, which change with the language
WHY = {"keywords": "json_for_keywords", "value": "json_for_value"}
Store = Callable[[dict[str, Any]], None]


def config_form(
    form: Form, key: str, store: Store, *, cameras: Sequence[Camera] = (), offered: Mapping[str, Sequence[Option]] | None = None
) -> None:
    """Draw a form. `key` is unique on the page; `store` gets the whole value after each edit, before the page is drawn anew; `cameras`
    are those whose pictures may be drawn on, `offered` the choices of the pickers."""
    _Drawing(form, key, store, tuple(cameras), offered or {}).draw()


@dataclass
class _Drawing:
    """One form while it is drawn, and afterwards while its widgets' edits come in."""

    form: Form
    key: str
    store: Store
    cameras: tuple[Camera, ...] = ()
    offered: Mapping[str, Sequence[Option]] = field(default_factory=dict)

    def draw(self) -> None:
        root = self.form.root
        if not root.children:
            st.caption(say("no_settings"))
            return
        raw = st.toggle(say("whole_as_json"), key=f"{self.key}//raw")
        show_findings(root.own_findings, fixable=True)
        if raw:
            self.json(root, say("json"))
            show_findings([f for f in root.findings if f not in root.own_findings], fixable=True)
            return
        self.nodes(self.page())

    def page(self) -> Sequence[Node]:
        """The settings of the page that is open, and the ways to the others."""
        pages = self.form.pages
        if len(pages) < 2:
            return pages[0]
        names = list(range(len(pages)))
        key = f"{self.key}//page"
        held(key, names)
        words = [self.page_words(at) for at in names]
        return pages[st.selectbox(say("part"), names, format_func=words.__getitem__, key=key)]

    def page_words(self, at: int) -> str:
        nodes, lang = self.form.pages[at], language()
        first, last = nodes[0].title(lang), nodes[-1].title(lang)
        words = first if len(nodes) == 1 else f"{first} … {last}"
        faults = sum(len(node.findings) for node in nodes)
        return f"{at + 1}/{len(self.form.pages)} · {words}" + (f" · {say('to_mend', n=faults)}" if faults else "")

    # places

    def nodes(self, nodes: Sequence[Node]) -> None:
        """Plain settings two in a row, the others one below the other, in their order."""
        for simple, group in groupby(nodes, key=lambda node: node.kind in SIMPLE):
            found = list(group)
            if not simple:
                for node in found:
                    self.node(node)
                continue
            for at in range(0, len(found), 2):
                for column, node in zip(st.columns(2), found[at : at + 2], strict=False):
                    with column:
                        self.node(node)

    def node(self, node: Node) -> None:
        """A setting with what is found about it and who set it. One that cannot be drawn is said so, and edited as JSON."""
        try:
            self.widget(node)
        except Exception as error:  # a schema that a widget refuses must not take the page down
            st.warning(say("form_broken", name=node.title(language()), reason=f"{type(error).__name__}: {error}"))
            self.json(node, node.label(language()))
        self.below(node)

    def widget(self, node: Node) -> None:
        if node.kind in SIMPLE or node.kind in ("code", "lines", "choices"):
            self.simple(node)
        elif node.kind == "json":
            self.fallback(node)
        elif node.kind == "region":
            self.region(node)
        else:
            with st.container(border=True):
                st.markdown(f"**{node.label(language())}**", help=self.help(node))
                self.nested(node)

    def nested(self, node: Node) -> None:
        """What stands inside a nested setting."""
        if node.absent:
            st.caption(say("not_set"))
            self.button(node, "fill_in", ":material/add:", node.path, self.first(node))
            return
        if node.kind == "list":
            self.rows(node)
        elif node.kind == "map":
            self.map(node)
        elif node.kind == "union":
            self.union(node)
        elif node.kind == "tuple":
            for column, one in zip(st.columns(len(node.children) or 1), node.children, strict=False):
                with column:
                    self.node(one)
        else:
            self.nodes(node.children)
        if node.nullable and node.value not in (MISSING, None) and node.kind not in ("list", "map"):
            self.button(node, "take_out", ":material/close:", node.path, MISSING)

    def first(self, node: Node) -> Any:
        plain = {name: one for name, one in node.facts.items() if name != "default"}
        return blank(node.settled.branches[0] if node.settled.branches else plain, self.form.schema)

    def below(self, node: Node) -> None:
        """Findings about the place itself, and the mark of the layer that set it."""
        show_findings(node.own_findings, fixable=True, placed=False)
        if node.reason == "unknown":
            self.button(node, "remove", ":material/delete:", node.path, MISSING)
        elif node.changed_here and (node.kind in SIMPLE or not node.children or node.kind in ("list", "map", "union", "tuple")):
            before = node.parent if self.form.parent is not None else node.fallback
            words = say("changed_here") + ("" if before is MISSING else f" · {say('below', value=schemas.show(before, 40))}")
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(f":blue[:material/edit:] {words.replace('$', chr(92) + '$')}")
                st.button(
                    say("reset"),
                    key=f"{self.at(node)}//reset",
                    type="tertiary",
                    icon=":material/undo:",
                    on_click=self.reset,
                    args=(node.path,),
                )
        elif node.layer:
            st.caption(say("set_here", layer=node.layer))

    # widgets

    def simple(self, node: Node) -> None:
        """One of Streamlit's widgets, given what the value says."""
        label, lang, kind = node.label(language()), language(), node.kind
        options = self.options(node)
        if kind == "pick" and not options:
            kind = "text"
        key = self.given(node, kind)
        common: dict[str, Any] = {"key": key, "help": self.help(node), "on_change": self.edited, "args": (node, kind, key)}
        if kind == "const":
            st.text_input(label, key=key, help=common["help"], disabled=True)
        elif kind in ("choice", "pick", "choices"):
            chooser(kind, label, options, lang, free="enum" not in self.items(node), **common)
        else:
            entry(kind, label, node, **common)

    def items(self, node: Node) -> Mapping[str, Any]:
        return settle(node.facts.get("items", True), self.form.schema).facts

    def options(self, node: Node) -> tuple[Option, ...]:
        """The choices of a choice or picker, what the value names among them."""
        if node.kind == "choice":
            return node.options
        if node.kind == "choices":
            items = self.items(node)
            widget = items.get("x-widget") or node.facts.get("x-widget")
            given = [Option(one, str(one), str(one)) for one in items.get("enum", ())] or list(self.offered.get(str(widget), ()))
            named = node.shown if isinstance(node.shown, list) else []
        elif node.kind == "pick":
            given = list(self.offered.get(str(node.facts.get("x-widget")), ()))
            named = [node.shown] if given and node.shown and isinstance(node.shown, str) else []
        else:
            return ()
        known = [one.value for one in given]
        return (*given, *(Option(one, one, one) for one in named if one not in known))

    def help(self, node: Node) -> str | None:
        """Explanation, range, default and when a change counts."""
        facts, lang = node.facts, language()
        default = facts.get("default", MISSING)
        parts = [
            node.help(lang),
            say("secret_note") if facts.get("x-widget") == "secret" else "",
            f"{say('allowed')}{say('colon')}{node.span}" if node.span else "",
            f"{say('default')}{say('colon')}{schemas.show(default)}" if default not in (MISSING, None, "") else "",
            say(f"effect_{facts['x-effect']}") if facts.get("x-effect") in ("live", "reload", "restart") else "",
        ]
        return "  \n".join(part.replace("$", r"\$") for part in parts if part) or None

    def region(self, node: Node) -> None:
        """Places drawn on a camera's picture."""
        items = self.items(node)
        inner = {part: settle(one, self.form.schema).facts for part, one in items.get("properties", {}).items()}
        value = node.shown if isinstance(node.shown, list) else None
        label, note = node.label(language()), self.help(node)

        def keep(drawn: list[Any]) -> None:
            self.put(node.path, drawn)

        items = {**items, "properties": inner}
        region_field(label, node.facts, items, value, keep, key=self.at(node), note=note, cameras=self.cameras)

    def fallback(self, node: Node) -> None:
        if node.reason != "unknown":
            st.caption(say(WHY[node.reason], what=", ".join(node.settled.unshown)))
        self.json(node, f"{node.label(language())} · {say('json')}")

    def json(self, node: Node, label: str) -> None:
        """A place as JSON text; text that is no JSON stays in its box, with the reason, and the last good value counts."""
        key = self.given(node, "json", "//json")
        height = 110 if node.path else 420
        st.text_area(label, key=key, on_change=self.edited, args=(node, "json", key), height=height, help=self.help(node))
        unread = st.session_state.get(UNREAD, {}).get(key)
        if unread is not None:
            st.error(say("bad_json", reason=unread[1]))

    # rows, keys and alternatives

    def rows(self, node: Node) -> None:
        """A list: one row open, all of them to choose from."""
        lang, count = language(), len(node.children)
        key = f"{self.at(node)}//row"
        if count:
            held(key, range(count))
            marks = ["⚠ " if one.findings else "" for one in node.children]
            words = [f"{marks[k]}{k + 1}. {one.summary(lang)}" for k, one in enumerate(node.children)]
            at = st.selectbox(say("row_of", n=count), range(count), format_func=words.__getitem__, key=key)
            inner = node.children[at]
            if inner.kind == "record":
                self.nodes(inner.children)
                show_findings(inner.own_findings, fixable=True, placed=False)
            else:
                self.node(inner)
        else:
            st.caption(say("no_rows"))
        with st.container(horizontal=True, gap="small"):
            self.button(node, "add_row", ":material/add:", node.path, node.added(), (key, count))
            if count:
                self.button(node, "copy_row", ":material/content_copy:", node.path, node.copied(at), (key, at + 1))
                self.button(node, "drop_row", ":material/delete:", node.path, node.dropped(at), (key, max(at - 1, 0)))
            if count > 1:
                self.button(node, "row_up", ":material/arrow_upward:", node.path, node.moved(at, -1), (key, max(at - 1, 0)))
                self.button(node, "row_down", ":material/arrow_downward:", node.path, node.moved(at, 1), (key, min(at + 1, count - 1)))

    def map(self, node: Node) -> None:
        """A table of free keys: plain values all at once, others one at a time; a new key is typed or chosen."""
        shown = list(node.children)
        if shown and any(one.kind not in SIMPLE for one in shown):
            key = f"{self.at(node)}//key"
            names = [one.name for one in shown]
            held(key, names)
            chosen = st.selectbox(say("key_of", n=len(names)), names, key=key)
            shown = [one for one in shown if one.name == chosen]
        self.nodes(shown)
        if not node.children:
            st.caption(say("no_rows"))
        if len(shown) == 1:
            self.button(shown[0], "drop_key", ":material/delete:", shown[0].path, MISSING, words={"key": shown[0].name})
        elif shown:
            with st.container(horizontal=True, gap="small"):
                for one in shown:
                    self.button(one, "drop_key", ":material/delete:", one.path, MISSING, words={"key": one.name})
        self.new_key(node)

    def new_key(self, node: Node) -> None:
        free, key = node.free_keys, f"{self.at(node)}//new"
        if free is None:
            st.text_input(say("new_key"), key=key, on_change=self.keyed, args=(node.path, key), placeholder=say("new_key_note"))
        elif free:
            st.selectbox(say("new_key"), free, index=None, key=key, on_change=self.keyed, args=(node.path, key), placeholder=say("choose"))

    def union(self, node: Node) -> None:
        """The choice of an alternative, and the chosen one."""
        key = f"{self.at(node)}//branch"
        names = [branch_words(settle(one, self.form.schema).facts) for one in node.settled.branches]
        st.session_state[key] = node.branch
        st.selectbox(
            say("form_of"),
            range(len(names)),
            index=node.branch,
            format_func=names.__getitem__,
            key=key,
            on_change=self.switched,
            args=(node.path, key),
        )
        (inner,) = node.children
        if inner.kind == "record":
            self.nodes(inner.children)
        else:
            self.widget(inner)

    # edits

    def at(self, node: Node) -> str:
        return "/".join([self.key, *map(str, node.path)])

    def given(self, node: Node, kind: str, suffix: str = "") -> str:
        """The widget's key, after the widget has been given what the value says, unless it holds text that could not be read."""
        key = f"{self.at(node)}{suffix}"
        value = node.shown
        wanted = str(value) if kind == "const" else into(kind, value)
        unread = st.session_state.get(UNREAD, {}).get(key)
        if unread is not None and unread[2] == wanted:
            wanted = unread[0]
        elif unread is not None:
            del st.session_state[UNREAD][key]
        if kind in WORDED or key not in st.session_state or st.session_state[key] != wanted:
            st.session_state[key] = wanted
        return key

    def edited(self, node: Node, kind: str, key: str) -> None:
        """Take over what a widget says."""
        raw = st.session_state[key]
        unread = st.session_state.setdefault(UNREAD, {})
        try:
            new = out_of(kind, node.settled, raw)
            if not node.path and not isinstance(new, dict):
                raise ValueError(say("not_a_table"))
        except ValueError as error:
            unread[key] = (raw, str(error), into(kind, node.shown))
            return
        unread.pop(key, None)
        self.put(node.path, new)

    def put(self, path: Path, value: Any) -> None:
        """Change the value, and hand the whole of it on."""
        self.form = self.form.put(path, value)
        self.store(dict(self.form.value))

    def reset(self, path: Path) -> None:
        self.form = self.form.reset(path)
        self.store(dict(self.form.value))

    def keyed(self, path: Path, key: str) -> None:
        """Take a new key into a map, and open it."""
        name = (st.session_state[key] or "").strip()
        st.session_state[key] = None
        if name:
            st.session_state["/".join([self.key, *map(str, path)]) + "//key"] = name
            self.put(path, self.form.node(path).keyed(name))

    def switched(self, path: Path, key: str) -> None:
        self.put(path, self.form.node(path).branched(st.session_state[key]))

    def turned(self, path: Path, value: Any, then: tuple[str, int] | None) -> None:
        """Put a value, and open a row."""
        self.put(path, value)
        if then is not None:
            st.session_state[then[0]] = then[1]

    def button(
        self,
        node: Node,
        word: str,
        icon: str,
        path: Path,
        value: Any,
        then: tuple[str, int] | None = None,
        words: Mapping[str, object] | None = None,
    ) -> None:
        key = f"{self.at(node)}//{word}"
        st.button(say(word, **(words or {})), key=key, icon=icon, type="tertiary", on_click=self.turned, args=(path, value, then))
