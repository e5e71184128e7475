"""Words of the site as a whole."""

from __future__ import annotations

WORDS = {
    "reference": ("Reference", "参考"),
    "reference_is": (
        "All that stands here is generated from the code of this version, with how many there are of each.",
        "本部分全部由当前版本的代码生成，并注明各有多少项。",
    ),
    "solution": ("Solution", "方案"),
    "solutions_are": (
        "A solution is one kind of store digitisation: one small plugin with its config, streams and figures. Five pillars hold them.",
        "方案是门店数字化的一个种类：一个小插件，带有配置、数据流与指标，归入五大支柱。",
    ),
    "and": (", ", "、"),
    "more": ("More guides", "更多指南"),
    "not_translated": ("This page is in English only for now.", "本页尚无中文版，以下为英文原文。"),
    "all_of": ("{number} solutions in {scenarios} scenarios.", "{scenarios} 个场景，{number} 个方案。"),
}
