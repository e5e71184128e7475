"""`plugin new`: a vendor's own package, or a solution or adapter more in the one that is there."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.scaffold.making import Made, make

NEXT = {
    "en": ("Next:", "install it so that storeloom finds it", "write the schemas after each change", "see that all of it holds"),
    "zh": ("下一步：", "安装后 storeloom 即可发现", "每次修改后重新生成 schema", "检查是否全部符合约定"),
}


def new(arguments: argparse.Namespace) -> int:
    """Make it and say what was written."""
    from storeloom.core import __version__

    made = make(
        arguments.name, arguments.solution, arguments.adapter, vendor=arguments.vendor, output=arguments.output, version=__version__
    )
    if arguments.json:
        print_json(
            {
                "ok": True,
                "package": made.project.name,
                "module": made.project.package.name,
                "folder": str(made.project.folder),
                "solutions": [one.id for one in made.wanted if one.group == "solution"],
                "adapters": [one.id for one in made.wanted if one.group == "adapter"],
                "written": [str(path) for path in made.files],
                "changed": [str(path) for path in made.changed],
            }
        )
    else:
        print("\n".join(_told(made, arguments.lang)))
    return 0


def _told(made: Made, lang: str) -> list[str]:
    folder = made.project.folder.resolve()
    head, install, index, check = NEXT[lang]
    source = made.project.package.root.relative_to(folder)
    here = "" if folder == Path.cwd() else f"cd {os.path.relpath(folder)} && "
    commands = (("pip install -e .", install), (f"storeloom index --package {source}", index), ("storeloom plugin check .", check))
    return [
        *(f"+ {path.resolve().relative_to(folder)}" for path in made.files),
        *(f"~ {path.resolve().relative_to(folder)}" for path in made.changed),
        head,
        *(f"  {here}{command}  # {words}" for command, words in commands),
    ]
