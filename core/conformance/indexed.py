"""Whether the static index says of each plugin what its class says: a store composes from the index and runs the class."""

from __future__ import annotations

from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.kernel import index
from storeloom.core.kernel.errors import Finding


def fresh(subject: Subject, plugin: str) -> Found:
    """Import the plugin and hold its declaration and schema against what is written."""
    known = subject.registry.catalogue
    entry = known.solutions.get(plugin) or known.adapters[plugin]
    facts, text = index.of_plugin(entry.package, plugin)
    stale = []
    if dict(entry.facts) != facts:
        stale.append(entry.package.index)
    if not entry.schema_file.is_file() or entry.schema_file.read_text(encoding="utf-8") != text:
        stale.append(entry.schema_file)
    why = {"en": f"it does not say of '{plugin}' what its class says", "zh": f"与“{plugin}”的类声明不符"}
    return Found(tuple(Finding("SL-PLG-08", {"file": str(file), "reason": why}, path=plugin, file=str(file)) for file in stale))


_WORDS = {
    "en": "It can be imported, and the index says what its class says",
    "zh": "可以导入，且索引与类声明一致",
    "why_en": "Catalogue, studio and composing read the index and never the code: a stale one promises what does not run.",
    "why_zh": "目录、工作台与组合只读索引、不运行代码：索引过期则承诺与实际不符。",
}
RULES: tuple[Rule, ...] = (
    Rule("indexed.solution", Grade.BRONZE, Scope.SOLUTION, _WORDS["en"], _WORDS["zh"], _WORDS["why_en"], _WORDS["why_zh"], fresh),
    Rule("indexed.adapter", Grade.BRONZE, Scope.ADAPTER, _WORDS["en"], _WORDS["zh"], _WORDS["why_en"], _WORDS["why_zh"], fresh),
)
