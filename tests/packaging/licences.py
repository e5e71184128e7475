"""Write docs/licences.md and its Chinese twin: every package that an installation can bring, its licence, and why it is there.

python -m tests.packaging.licences           # after `make lock`
"""

from __future__ import annotations

from tests.packaging.parts import ROOT, USES, locked, rules, weights

PAGES = {"en": ROOT / "docs" / "licences.md", "zh": ROOT / "docs" / "zh" / "licences.md"}
HEAD = {
    "en": """# Licences of all parts

Written by `python -m tests.packaging.licences` from `requirements/*.txt` and `requirements/licences.toml`. storeloom itself is under
Apache-2.0. Nothing in this table is part of its wheel: pip installs each from its own distribution, with the extra that asks for it.

**The rule.** What is shipped or installed by an extra is free to use in a closed product. A package under the LGPL is used unchanged, as a
library that anybody may replace, and says below what it is for. The GPL and the AGPL are not taken. A test fails for a licence that is not
known, not allowed, or other than the package's own metadata say.
""",
    "zh": """# 全部组成部分的许可证

由 `python -m tests.packaging.licences` 根据 `requirements/*.txt` 与 `requirements/licences.toml` 生成。storeloom 自身采用 Apache-2.0。
下表所列均不在其 wheel 之内：由 pip 按所选组件从各自的发行包安装。

**规则。** 随附或由组件安装的内容均可用于闭源产品。LGPL 软件包仅以未修改的独立库形式使用，任何人可自行替换，并在下文说明用途。
不使用 GPL 与 AGPL。许可证未知、不被允许或与软件包自身元数据不符时，测试即失败。
""",
}
WORDS = {
    "en": {
        "models": "Vision models that ship",
        "model_row": "| model | licence | source |",
        "lesser": "Under the LGPL, or in part under the GPL",
        "lesser_row": "| package | licence | what for |",
        "inside": "Libraries inside wheels",
        "inside_text": "They lie in the wheel as files of their own (x86-64 Linux), unchanged, and can be replaced. GCC's libraries are "
        "under the GPL with the exception that lets any program use them. What is linked into a wheel's own code stands in the notices "
        "that it brings. The container images add packages of Debian, whose licences lie in `/usr/share/doc/*/copyright` there.",
        "inside_row": "| wheel | licence | libraries |",
        "all": "All packages",
        "row": "| package | version | licence | in | asked for by |",
        "own": "storeloom",
    },
    "zh": {
        "models": "随附的视觉模型",
        "model_row": "| 模型 | 许可证 | 来源 |",
        "lesser": "LGPL，或部分为 GPL",
        "lesser_row": "| 软件包 | 许可证 | 用途 |",
        "inside": "wheel 内的共享库",
        "inside_text": "它们以独立文件随 wheel 提供（x86-64 Linux），未经修改，可自行替换。"
        "GCC 的运行库采用 GPL 并附带允许任何程序使用的例外条款。静态链接进 wheel 自身代码的部分，见其自带的声明文件。"
        "容器镜像另含 Debian 软件包，其许可证位于镜像内 `/usr/share/doc/*/copyright`。",
        "inside_row": "| wheel | 许可证 | 共享库 |",
        "all": "全部软件包",
        "row": "| 软件包 | 版本 | 许可证 | 所在清单 | 由谁引入 |",
        "own": "storeloom",
    },
}
MOST = 4


def page(lang: str) -> str:
    """The page in one language."""
    words, known, reasons = WORDS[lang], rules()["licences"], rules()["reasons"]
    lines = [HEAD[lang], f"## {words['models']}\n", words["model_row"], "|---|---|---|"]
    lines += [f"| `{one.name}` | {one.licence} | {one.made_from} |" for one in weights()]
    lines += ["", f"## {words['lesser']}\n", words["lesser_row"], "|---|---|---|"]
    lines += [f"| {name} | {known[name]} | {reasons[name][lang]} |" for name in sorted(reasons)]
    lines += ["", f"## {words['inside']}\n", f"{words['inside_text']}\n", words["inside_row"], "|---|---|---|"]
    for wheel, libraries in sorted(rules()["inside"].items()):
        for licence in sorted(set(libraries.values())):
            lines.append(f"| {wheel} | {licence} | {', '.join(name for name, own in libraries.items() if own == licence)} |")
    lines += ["", f"## {words['all']}\n", words["row"], "|---|---|---|---|---|"]
    for part in locked("dev"):
        uses = [use for use in USES if any(one.name == part.name for one in locked(use))]
        asking = [*([words["own"]] if part.direct else []), *part.via]
        more = f" … ({len(asking)})" if len(asking) > MOST else ""
        lines.append(
            f"| {part.name} | {part.version} | {known.get(part.name, '?')} | {', '.join(uses)} | {', '.join(asking[:MOST])}{more} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    for lang, path in PAGES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(lang), encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
