"""The `storeloom` command: language, exit codes. Options stand in `core/arguments/`, what a command does in `core/commands/`.

A command's module is imported when it is called. Exit codes: 0 fine, 1 findings, 2 misuse.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

from storeloom.core.arguments import chain, composing, devices, fleet, machines, running, seeing, vendors
from storeloom.core.arguments.parser import Commands, Parser, language
from storeloom.core.kernel.errors import DocumentFault, Finding, StoreloomError

BEGIN = """begin with:
  storeloom catalogue         what is installed
  storeloom show smart_cart   one solution: what it does, needs and takes as config
  storeloom try               a supermarket on one virtual day
  storeloom check FILE        every finding in a bundle: where, why, what to do
  storeloom COMMAND --help    what a command takes

Exit codes: 0 fine, 1 findings, 2 misuse. Language: --lang, else the system's."""
BEGIN_ZH = """入门：
  storeloom catalogue         查看已安装的内容
  storeloom show smart_cart   查看一个方案：用途、所需设备与配置
  storeloom try               用超市示例试跑一个虚拟日
  storeloom check FILE        列出方案包的全部问题：位置、原因、处理办法
  storeloom COMMAND --help    查看某命令的参数

退出码：0 正常，1 有问题，2 用法错误。语言：--lang，否则随系统。"""


def build_parser(lang: str) -> Parser:
    """The whole command line, its help in one language."""
    zh = lang == "zh"
    parser = Parser(
        prog="storeloom",
        lang=lang,
        description="按门店组合、试跑并发布方案包。" if zh else "Compose, try, pack and run a store's bundle of solutions.",
        epilog=BEGIN_ZH if zh else BEGIN,
    )
    parser.add_argument("--lang", choices=("zh", "en"), help="输出语言" if zh else "language of the output")
    commands = Commands(parser, lang)
    for group in (composing, running, devices, vendors, seeing, fleet, chain, machines):
        group.add(commands)
    commands.command("version", "catalogue:version", "the version", "版本")
    commands.finish()
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code. What a user could not foresee is a finding, never a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    lang = language(words)
    try:
        arguments = build_parser(lang).parse_args(words)
        arguments.lang = lang
        module, _, function = arguments.target.partition(":")
        import importlib

        code: int = getattr(importlib.import_module(f"storeloom.core.commands.{module}"), function)(arguments)
        return code
    except StoreloomError as fault:
        return complain(fault, lang, "--json" in words)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        return complain(file_fault(error), lang, "--json" in words)
    except KeyboardInterrupt:
        return 130


REASONS_ZH = {
    errno.ENOENT: "路径不存在",
    errno.EACCES: "没有权限",
    errno.EPERM: "不允许该操作",
    errno.EEXIST: "同名文件已存在",
    errno.ENOTDIR: "上级路径不是目录",
    errno.EISDIR: "这是一个目录",
    errno.ENOSPC: "磁盘空间不足",
    errno.EROFS: "文件系统为只读",
}


def file_fault(error: OSError) -> DocumentFault:
    """The fault of a file or folder that cannot be used; an error that is about none is raised on."""
    if error.filename is None:
        raise error
    reason = error.strerror or str(error)
    args = {"file": str(error.filename), "reason": {"en": reason, "zh": REASONS_ZH.get(error.errno or 0, reason)}}
    return DocumentFault(Finding("SL-DOC-05", args, file=str(error.filename)))


def complain(fault: StoreloomError, lang: str, as_json: bool) -> int:
    """Print what went wrong; the exit code."""
    if as_json:
        import json

        print(json.dumps({"ok": False, "findings": [f.as_dict(lang) for f in fault.findings]}, ensure_ascii=False))
    else:
        print("\n".join(finding.render(lang) for finding in fault.findings), file=sys.stderr)
    return fault.exit_code


if __name__ == "__main__":
    sys.exit(main())
