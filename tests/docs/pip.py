"""A reader's `pip`: as pip, but offline, with what this environment has, and into the reader's own folder.

`python pip.py SITE COMMAND ARGUMENT...`: `install` puts packages into SITE (or where `--target` says), `wheel` builds them. Nothing is
fetched, so that what a package needs must be here.
"""

from __future__ import annotations

import subprocess
import sys

OFFLINE = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation")
OPTIONS = {"install": (*OFFLINE, "--no-compile", "--no-warn-script-location", "--upgrade"), "wheel": OFFLINE}


def main(site: str, command: str, *words: str) -> int:
    """The command; its exit code."""
    if command not in OPTIONS:
        print(f"pip {command}: the reader's pip knows {' and '.join(OPTIONS)} alone", file=sys.stderr)
        return 2
    where = ("--target", site) if command == "install" else ()
    return subprocess.run([sys.executable, "-m", "pip", command, *OPTIONS[command], *where, *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
