"""The report of `plugin check` as a page: well-formed, complete in both languages, and no words of the package are HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from storeloom.core.commands.plugin_page import page
from storeloom.core.commands.plugin_report import figure
from storeloom.core.conformance.report import Report
from storeloom.core.conformance.running import Patience, examine
from storeloom.core.conformance.subject import subject_of
from tests.conformance.vendor_package import Vendor, forget

VOID = frozenset({"br", "meta"})


class Page(HTMLParser):
    """The words of a page, its table rows, and whether each element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.rows: list[str] = []
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)
        if "tr" in self._open:
            self.rows[-1] += data


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of a package with two faults, one of which quotes the package."""
    folder = tmp_path_factory.mktemp("acme")
    vendor = Vendor(folder)
    vendor.change("pyproject.toml", 'license = "Apache-2.0"', "license = \"<script>alert('x')</script>\"")
    vendor.change("pyproject.toml", 'version = "1.2.0"', 'version = "one&two"')
    subject = subject_of(str(folder), tmp_path_factory.mktemp("scratch"), against=vendor.last)
    verdicts = list(examine(subject, only=("packaged", "behaviour"), patience=Patience(60.0, {})))
    forget()
    return Report(subject, verdicts, partial=True)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_tells_all_of_it_and_nothing_of_the_package_is_html(report: Report, lang: str) -> None:
    read = Page(page(report, lang))
    assert "script" not in read.tags and not {"link", "img"} & read.tags  # it works without a network
    said = " ".join(read.words)
    assert "<script>alert('x')</script>" in said and "one&two" in said
    failed = report.failed
    assert {"packaged.licence", "packaged.version"} <= {one.rule.id for one in failed}
    for verdict in failed:
        assert verdict.rule.why_zh in said if lang == "zh" else verdict.rule.why_en in said
        for finding in verdict.found.findings:
            assert finding.text(lang) in said and finding.fix(lang) in said and finding.code in said
    listed = [row for row in read.rows if any(one.rule.id in row for one in report.verdicts)]
    assert len(listed) == len(report.verdicts)
    words = ("通过", "未通过", "不适用") if lang == "zh" else ("holds", "fails", "does not apply")
    for row, verdict in zip(listed, report.verdicts, strict=True):
        assert verdict.rule.id in row
        assert words[0 if verdict.held and not verdict.found.beside else 1 if not verdict.held else 2] in row


def test_figures_are_read_by_people() -> None:
    assert [figure(value) for value in (0, 2, 1234.5, 12.345, 0.00123, 9.91e-05)] == ["0", "2", "1,234", "12.3", "0.00123", "< 0.001"]
