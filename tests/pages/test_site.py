"""The site is whole: a page for everything that is declared, in both languages, reached from the first one, and no link leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from storeloom.core.kernel import hooks, schemas
from storeloom.core.kernel.messages import MESSAGES
from storeloom.core.pages.commands import commands_of
from storeloom.core.pages.examples import faults
from storeloom.core.pages.guides import Guides
from storeloom.core.pages.links import anchors, dead, reachable
from storeloom.core.pages.operations import heading
from storeloom.core.pages.page import anchor

LANGUAGES = ("en", "zh")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_link_is_dead_and_every_page_is_reached(made, lang):
    pages = {place: text for place, text in made.pages[lang].items() if place.endswith(".md")}
    pictures = {path.relative_to(made.guides.docs).as_posix() for path in made.guides.pictures()}
    assert [str(one) for one in dead(pages, pictures | (made.pages[lang].keys() - pages.keys()))] == []
    assert sorted(pages.keys() - reachable(pages, "index.md")) == []


def test_both_languages_have_the_same_pages(made):
    assert made.pages["en"].keys() == made.pages["zh"].keys()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_everything_declared_has_its_page(made, lang):
    pages = made.pages[lang]
    wanted = [f"solutions/{name}.md" for name in made.facts.solutions] + [f"adapters/{name}.md" for name in made.facts.adapters]
    wanted += [f"streams/{name}.md" for name in schemas.streams()] + [f"tables/{name}.md" for name in schemas.tables()]
    wanted += [f"commands/storeloom-{name.replace(' ', '-')}.md" for name in commands_of(made.known.parsers[lang])]
    wanted += [f"python/{module}.md" for module in made.known.surface]
    assert sorted(set(wanted) - pages.keys()) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_code_operation_hook_and_name_has_its_heading(made, lang):
    pages = made.pages[lang]
    wanted = [(f"errors/{code.split('-')[1].lower()}.md", code) for code in MESSAGES]
    wanted += [(f"api/{one[2]['tags'][0]}.md", heading(made.known.api, *one[:2])) for one in made.known.api.operations()]
    wanted += [("hooks.md", name) for name in vars(hooks.Specs) if name.startswith("storeloom_")]
    wanted += [(f"python/{module}.md", name) for module, names in made.known.surface.items() for name in names]
    there = {place: anchors(pages[place]) for place, _ in wanted}
    assert [(place, head) for place, head in wanted if anchor(head) not in there[place]] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_config_key_field_and_option_is_told(made, lang):
    pages, wanted = made.pages[lang], []
    for group, entries in (("solutions", made.facts.solutions), ("adapters", made.facts.adapters)):
        for name, entry in entries.items():
            keys = schemas.load(entry.schema_file).get("properties", {})
            wanted += [(place, f"`{key}`") for key in keys for place in (f"config-keys/{group}.md", f"{group}/{name}.md")]
    for group, names, file in (("streams", schemas.streams(), schemas.stream_file), ("tables", schemas.tables(), schemas.table_file)):
        wanted += [(f"{group}/{name}.md", f"`{field}`") for name in names for field in schemas.load(file(name)).get("properties", {})]
    for name, parser in commands_of(made.known.parsers[lang]).items():
        options = [option for action in parser._actions for option in action.option_strings if action.dest != "help"]
        wanted += [(f"commands/storeloom-{name.replace(' ', '-')}.md", f"`{option}") for option in options]
    assert [(place, text) for place, text in wanted if text not in pages[place]] == []


def test_generated_pages_speak_the_language_that_they_are_in(made):
    """In English not a Chinese sign but in examples and in what a device or a chain calls itself; in Chinese every heading is."""
    generated = [place for place in made.pages["en"] if place.endswith(".md") and place not in made.guides.english]
    told = {place: re.sub(r"`[^`\n]*`|^```.*?^```", "", made.pages["en"][place], flags=re.M | re.S) for place in generated}
    own = ("adapters/", "config-keys/", "solutions/", "streams/", "tables/")  # values of settings and fields may be Chinese
    assert [place for place, text in told.items() if re.search(r"[\u4e00-\u9fff]", text) and not place.startswith(own)] == []
    heads = {place: re.findall(r"^#+ (.*)$", made.pages["zh"][place], re.M) for place in generated}
    named = (
        "commands/",
        "errors/",
        "api/",
        "streams/",
        "tables/",
        "adapters/",
        "python/",
        "hooks.md",
        "config-keys/",
    )  # headings are names
    assert [(p, one) for p, hs in heads.items() for one in hs if not re.search(r"[\u4e00-\u9fff]", one) and not p.startswith(named)] == []


def test_chinese_lists_are_punctuated_as_chinese(made):
    generated = {
        place: text for place, text in made.pages["zh"].items() if place.partition("/")[0] in ("solutions", "adapters", "streams", "errors")
    }
    assert len(generated) > 400
    odd = re.compile(r"^- [\u4e00-\u9fff]+: .*|[\u4e00-\u9fff] \([\u4e00-\u9fff`]+\)", re.MULTILINE)
    assert {place: found[0] for place, text in generated.items() if (found := odd.search(text))} == {}


def test_hand_written_pages_have_a_chinese_twin_or_title_and_link_to_what_is_there(made):
    untold = [place for place in made.guides.english if not re.search(r"[\u4e00-\u9fff]", made.guides.title(place, "zh"))]
    assert untold == [], "write docs/zh/PAGE, or name the page's Chinese title in docs/map.toml"
    assert sorted(made.guides.chinese.keys() - made.guides.english.keys()) == [], "a Chinese page without an English one"
    generated = made.pages["en"].keys() - made.guides.english.keys()
    assert [str(one) for one in made.guides.dead(generated)] == []
    listed = {name.removesuffix("?") for group in (*made.guides.map["sections"], *made.guides.map["audiences"]) for name in group["pages"]}
    named = made.guides.map["pages"].keys() - {place.removesuffix(".md") for place in made.pages["en"]} - listed
    assert sorted(named) == [], "docs/map.toml tells of pages that are not there"


def test_every_example_is_read(made):
    """Of all pages but those that tests/docs follows block by block."""
    pages = [made.guides.root / "README.md", *made.guides.english.values(), *made.guides.chinese.values()]
    pages = [page for page in pages if page.parent.name != "tutorials" and page.stem != "quick-start"]
    parser = made.known.parsers["en"]
    assert [f"{page.name}: {fault}" for page in pages for fault in faults(page.read_text(encoding="utf-8"), parser)] == []


@pytest.fixture
def tree(tmp_path: Path) -> Guides:
    """A small tree of hand-written pages with three faults: two dead links and a page that the map names and nobody wrote."""
    (tmp_path / "docs" / "zh").mkdir(parents=True)
    files = {
        "README.md": "[docs](docs/first.md) [gone](docs/gone.md)\n",
        "CHANGELOG.md": "# Changelog\n",
        "docs/first.md": "# First\n\n## A part\n\n[second](second.md#there) [a solution](solutions/smart_cart.md) [code](../setup.py)\n",
        "docs/second.md": "# Second\n\n## There\n\n[nowhere](third.md)\n",
        "docs/zh/second.md": "# 第二\n\n## 那里\n",
        "docs/map.toml": '[pages.first]\nzh = "第一"\n[[sections]]\nen = "Start"\npages = ["first", "third", "fourth?"]\n',
        "setup.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return Guides(tmp_path)


def test_what_leads_nowhere_is_named_with_page_and_line(tree):
    found = [(one.page, one.line, one.target) for one in tree.dead({"solutions/smart_cart.md"})]
    assert found == [("README.md", 1, "docs/gone.md"), ("docs/second.md", 5, "third.md")]


def test_a_page_that_the_map_names_must_be_there(tree):
    with pytest.raises(KeyError, match=r"docs/map\.toml, Start: no page third\.md"):
        tree.listed(tree.map["sections"][0], {"first.md", "second.md"})
    assert tree.listed(tree.map["sections"][0], {"first.md", "third.md"}) == ["first.md", "third.md"]


def test_an_english_page_stands_on_the_chinese_site_with_its_title_and_its_links_lead_to_chinese_headings(tree):
    page = tree.pages("zh", {"solutions/smart_cart.md"})["first.md"]
    assert page.startswith("# 第一\n\n```{note}\n本页尚无中文版")
    assert "[second](second.md#那里) [a solution](solutions/smart_cart.md) code\n" in page
