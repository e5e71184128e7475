"""A vendor's wheel, made by hand."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

LISTING = '[scenario.carts.solutions]\n{name} = "plugins/{name}.py"\n'


def wheel(name: str = "acme_carts", version: str = "1.0", solution: str = "acme_cart", **files: Any) -> tuple[str, bytes]:
    """File name and bytes of a wheel with one solution; `files` replace its files by their last name's stem, None leaves one out."""
    words = {"zh": "购物车", "en": "Cart", "purpose_zh": "测试用", "purpose_en": "A cart.", "pillar": "product", "scenario": "carts"}
    lists = {"formats": ["supermarket"], "consumes": ["pos.sale"], "produces": ["alert.raise"], "adapters": [], "hooks": []}
    places = {"path": f"plugins/{solution}.py", "schema": f"schemas/solutions/{solution}.json", "schema_sha256": "0" * 64}
    facts = {**words, **lists, **places, "number": None, "load": "light", "version": "1", "kpis": {}}
    info = f"{name}-{version}.dist-info"
    content: dict[str, str | bytes | None] = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n",
        f"{info}/entry_points.txt": f"[storeloom.plugins]\n{name} = {name}\n",
        f"{name}/plugins.toml": LISTING.format(name=solution),
        f"{name}/schemas/catalogue.json": json.dumps({"version": 1, "solutions": {solution: facts}, "adapters": {}}),
        f"{name}/__init__.py": "raise SystemExit('vendor code was run')\n",
        f"{name}/schemas/solutions/{solution}.json": json.dumps({"type": "object", "properties": {}, "additionalProperties": False}),
        f"{name}/plugins/{solution}.py": "raise SystemExit('vendor code was run')\n",
    }
    for stem, text in files.items():
        place = next(place for place in content if place.rpartition("/")[2].split(".")[0] == stem)
        content[place] = text
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, text in content.items():
            if text is not None:
                archive.writestr(zipfile.ZipInfo(place, (2026, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return f"{name}-{version}-py3-none-any.whl", made.getvalue()
