"""`docs`: a page for each solution in Chinese and English, generated from what is installed."""

from __future__ import annotations

import argparse
from pathlib import Path

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.registry import Registry

LANGUAGES = ("zh", "en")


def docs(arguments: argparse.Namespace) -> int:
    """Write `FOLDER/LANG/solutions/ID.md` with the plot of its sample run beside it, and an index in each language."""
    from storeloom.core.pages.solution import SolutionPage, sample_of
    from storeloom.core.pages.words import word

    registry, folder = Registry(), Path(arguments.folder)
    known = registry.catalogue.solutions
    chosen = [registry.catalogue.solution(name) for name in arguments.ids] if arguments.ids else list(known.values())
    samples = {entry.id: sample_of(registry, entry) for entry in chosen}
    written = []
    for lang in LANGUAGES:
        place = folder / lang / "solutions"
        place.mkdir(parents=True, exist_ok=True)
        for entry in chosen:
            page = SolutionPage(registry, entry, lang, samples[entry.id])
            (place / f"{entry.id}.md").write_text(page.markdown(), encoding="utf-8")
            if page.plot:
                (place / f"{entry.id}.svg").write_text(page.plot, encoding="utf-8")
            written.append(str(place / f"{entry.id}.md"))
        lines = [f"- [{entry['zh' if lang == 'zh' else 'en']}](solutions/{entry.id}.md)" for entry in chosen]
        (folder / lang / "index.md").write_text(f"# {word('solutions', lang)}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    if arguments.json:
        print_json({"pages": written})
    else:
        print(f"{folder}: {len(written)} {'页' if arguments.lang == 'zh' else 'pages'}")
    return 0
