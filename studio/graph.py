"""The wiring of a bundle as a graph in the DOT language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from storeloom.core.kernel.wiring import Edge

MOST_NAMED = 2
MOST_KINDS = 4
MANY = "device:*"


def gathered(edges: Iterable[Edge]) -> list[Edge]:
    """The edges, where a stream that very many kinds of device feed to one instance comes from one node for them all."""
    edges = list(edges)
    feeds: dict[tuple[str, str], int] = {}
    for edge in edges:
        if edge.source.startswith("device:"):
            feeds[edge.stream, edge.target] = feeds.get((edge.stream, edge.target), 0) + 1
    many = {key for key, count in feeds.items() if count > MOST_KINDS}
    drawn = [
        edge._replace(source=MANY) if edge.source.startswith("device:") and (edge.stream, edge.target) in many else edge for edge in edges
    ]
    return list(dict.fromkeys(drawn))


def wiring_dot(edges: Iterable[Edge], titles: Mapping[str, str], streams: Mapping[str, str], marks: Mapping[str, str]) -> str:
    """Devices as boxes, instances rounded; one arrow for all streams between two. `marks` gives the worst severity of an instance."""
    between: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        between.setdefault((edge.source, edge.target), []).append(edge)
    names = dict.fromkeys([*titles, *(source for source, _ in between)])
    lines = ['rankdir=LR; bgcolor="transparent"; nodesep=0.18; ranksep=0.9', 'node [fontname="sans-serif", fontsize=12, color="#566070"]']
    lines.append('edge [fontname="sans-serif", fontsize=10, color="#566070", fontcolor="#566070"]')
    for name in names:
        lines.append(f"{_quoted(name)} [label={_quoted(titles.get(name, name))}, {_look(name, marks.get(name))}]")
    for (source, target), found in between.items():
        said = [streams.get(edge.stream, edge.stream) for edge in found]
        more = f" +{len(said) - MOST_NAMED}" if len(said) > MOST_NAMED else ""
        dashed = "" if any(edge.needed for edge in found) else ", style=dashed"
        lines.append(f"{_quoted(source)} -> {_quoted(target)} [label={_quoted(', '.join(said[:MOST_NAMED]) + more)}{dashed}]")
    return "digraph {\n" + "\n".join(lines) + "\n}"


def _look(name: str, mark: str | None) -> str:
    if name.startswith("device:"):
        return 'shape=box, style=filled, fillcolor="#e6ebf2", fontcolor="#1c2430"'
    fill = {"error": "#f6c9c2", "warning": "#f8e2b8"}.get(mark or "", "#cfe3f7")
    return f'shape=box, style="rounded,filled", fillcolor="{fill}", fontcolor="#1c2430"'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
