"""Words of the page catalogue, beside those that it had from the beginning."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "search_hint": {"en": "Chinese, English or pinyin: gouwuche, gwc", "zh": "中文、英文或拼音：gouwuche、gwc"},
    "device_kind": {"en": "Device", "zh": "设备"},
    "clear_filters": {"en": "Clear search and filters", "zh": "清除搜索与筛选"},
    "coverage": {"en": "Coverage by store format", "zh": "各业态覆盖"},
    "pillar_counts": {"en": "Solutions: {n}, scenarios: {scenarios}", "zh": "{scenarios} 个场景，{n} 个方案"},
    "in_all": {"en": "All", "zh": "合计"},
    "scenario_open": {"en": "Solutions of this scenario", "zh": "查看该场景的方案"},
    "not_yet": {"en": "none yet", "zh": "暂无"},
    "show_more": {"en": "Show {n} more", "zh": "再显示 {n} 个"},
    "nothing_installed": {
        "en": "No solution is installed. `plugins.toml` lists them; `storeloom index` makes them known.",
        "zh": "尚未安装任何方案。方案列于 `plugins.toml`，运行 `storeloom index` 后生效。",
    },
    "unusable": {"en": "Plugins that cannot be used: {n}", "zh": "不可用的插件：{n} 个"},
    "overview": {"en": "Overview", "zh": "概览"},
    "sample_run": {"en": "Sample run", "zh": "示例运行"},
    "documentation": {"en": "Documentation", "zh": "文档"},
    "flows": {"en": "Inputs and outputs", "zh": "输入与输出"},
    "direction": {"en": "Way", "zh": "方向"},
    "comes_from": {"en": "From or to", "zh": "来源或去向"},
    "by_solutions": {"en": "other solutions ({n})", "zh": "其他方案（{n} 个）"},
    "unit_number": {"en": "number", "zh": "数量"},
    "unit_money": {"en": "money", "zh": "金额"},
    "command_to": {"en": "command", "zh": "指令"},
    "device_drivers": {"en": "Drivers that are installed", "zh": "已安装的驱动"},
    "notes_kinds": {"en": "Alerts and tasks that it raises", "zh": "发出的告警与任务"},
    "all_as_json": {"en": "All of it as JSON", "zh": "完整 JSON"},
    "author_words": {"en": "The author's own words", "zh": "作者说明（英文）"},
    "not_readable": {"en": "The module's text cannot be read: {reason}.", "zh": "无法读取模块说明：{reason}。"},
    "sample_lead": {
        "en": "With its default settings, in a virtual {format}, with the solutions that provide what it needs.",
        "zh": "以默认配置在虚拟{format}中运行，并带上为它提供输入的方案。",
    },
    "sample_button": {"en": "Run a day", "zh": "试运行一天"},
    "sample_small": {"en": "A fifth of the usual shoppers, so that it is quick.", "zh": "客流为平时的五分之一，以便尽快得到结果。"},
    "add_to_draft": {"en": "Add to the draft", "zh": "加入草稿"},
    "in_draft": {"en": "In the draft “{name}”.", "zh": "已在草稿“{name}”中。"},
}
