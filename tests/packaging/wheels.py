"""Build a wheel and a source archive twice, hold the bytes against each other, and try the wheel in a bare environment outside the tree.

    SOURCE_DATE_EPOCH=... python -m tests.packaging.wheels [FOLDER]

The wheel is built from the source archive, so that what the archive lacks is missed at once. What is not committed is not in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from tests.packaging.parts import ROOT


def main(target: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="storeloom-wheel-") as name:
        folder = Path(name)
        first, second = (built(folder / str(number)) for number in (1, 2))
        for one, other in zip(first, second, strict=True):
            digest = hashlib.sha256(one.read_bytes()).hexdigest()
            if digest != hashlib.sha256(other.read_bytes()).hexdigest():
                print(f"{one.name}: two builds differ", file=sys.stderr)
                return 1
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one, target / one.name)
            print(f"{one.name}  {one.stat().st_size / 1e6:.1f} MB  sha256:{digest}")
        tried(next(path for path in first if path.suffix == ".whl"), folder)
    return 0


def built(folder: Path) -> list[Path]:
    """What the build of what is committed makes: the wheel and the source archive."""
    tree, out = folder / "tree", folder / "dist"
    tree.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", "--format=tar", "-o", str(folder / "tree.tar"), "HEAD"], cwd=ROOT, check=False)
    if packed.returncode:
        raise SystemExit("a wheel is built from what git has committed")
    with tarfile.open(folder / "tree.tar") as archive:
        archive.extractall(tree, filter="data")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    if done.returncode:
        raise SystemExit(done.stdout[-4000:] + done.stderr[-4000:])
    return sorted(out.iterdir())


def tried(wheel: Path, folder: Path) -> None:
    """Install the base alone and ask it what a newcomer asks first."""
    bare, home = folder / "bare", folder / "home"
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(bare)], check=True)
    subprocess.run([str(bare / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", str(wheel)], check=True)
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

    def ask(*words: str) -> str:
        command = [str(bare / "bin" / "storeloom"), *words]
        return subprocess.run(command, cwd=home, env=env, check=True, capture_output=True, text=True).stdout

    ask("catalogue", "--json")  # the first start writes bytecode
    began = time.perf_counter()
    found = json.loads(ask("catalogue", "--json"))
    spent = time.perf_counter() - began
    library = next(bare.glob("lib/python*/site-packages"))
    ask("check", str(library / "storeloom" / "examples" / "supermarket" / "bundle.toml"))
    ask("pack", str(library / "storeloom" / "examples" / "supermarket" / "bundle.toml"), "-o", str(home / "b.bundle.json"))
    ask("doctor", "--data", str(home))
    packages = len(list(library.glob("*.dist-info")))
    size = sum(path.stat().st_size for path in library.rglob("*") if path.is_file()) / 1e6
    print(f"bare: {packages} packages, {size:.0f} MB; catalogue of {len(found['solutions'])} solutions in {spent:.2f} s")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
