"""Generated pages of solutions: whole in both languages, with what is declared and what the sample run brought."""

import re

import pytest

from storeloom.core.cli import main
from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Registry
from storeloom.core.pages.solution import SolutionPage, sample_of
from storeloom.core.pages.words import WORDS

REGISTRY = Registry()
KNOWN = REGISTRY.catalogue.solutions
SECTIONS = ("inputs", "outputs", "kinds", "devices", "tables", "config", "kpis", "sample", "limits")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("solution", list(KNOWN))
def test_every_page_is_whole(solution: str, lang: str) -> None:
    entry = KNOWN[solution]
    page = SolutionPage(REGISTRY, entry, lang, None).markdown()
    assert page.startswith(f"# {entry[lang]}\n") and entry[f"purpose_{lang}"] in page
    assert all(f"\n## {WORDS[key][lang == 'zh']}\n" in page for key in SECTIONS)
    named = [spec.rstrip("?") for way in ("consumes", "produces", "reads") for spec in entry[way]]
    named += [*entry["kpis"], *entry["kinds"], *schemas.load(entry.schema_file).get("properties", {})]
    assert [name for name in named if f"`{name}`" not in page] == []
    assert lang == "zh" or not re.search(r"[\u4e00-\u9fff]", page.split("## Config")[0])


def test_the_sample_run_is_told_and_drawn() -> None:
    entry = KNOWN["near_expiry_markdown"]
    sample = sample_of(REGISTRY, entry)
    page = SolutionPage(REGISTRY, entry, "en", sample)
    assert sample is not None and f"*{sample.title}*: {len(sample.given):,} inputs, {len(sample.made):,} outputs." in page.markdown()
    assert page.plot.count("<circle") == len(sample.given) + len(sample.made)
    assert sample.made[0].stream in page.markdown().split("## Sample run")[1]


def test_what_looks_at_pictures_says_so_and_what_sees_nobody_too() -> None:
    assert "camera pictures" in SolutionPage(REGISTRY, KNOWN["entrance_traffic"], "en", None).markdown()
    assert "no personal data" in SolutionPage(REGISTRY, KNOWN["water_gas_leak_watch"], "en", None).markdown()


def test_the_command_writes_both_languages_and_an_index(tmp_path) -> None:
    assert main(["docs", str(tmp_path), "near_expiry_markdown", "--json"]) == 0
    for lang in ("zh", "en"):
        assert (tmp_path / lang / "solutions" / "near_expiry_markdown.md").is_file()
        assert (tmp_path / lang / "solutions" / "near_expiry_markdown.svg").read_text(encoding="utf-8").startswith("<svg")
        assert "(solutions/near_expiry_markdown.md)" in (tmp_path / lang / "index.md").read_text(encoding="utf-8")
