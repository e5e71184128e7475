"""Time clock files: lines in the clock's own words and encoding; a line that comes in a later file again is told as a repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.drop import Problem
from storeloom.hardware_adapters.terminal.terminal_file import TerminalFile

COLUMNS = {"staff": "工号", "time": "打卡时间", "kind": "类型"}


def read(folder: Path, name: str, text: str, **config: Any) -> list[Fact | Problem]:
    file = folder / name
    file.write_bytes(text.encode("gb18030"))
    driver = TerminalFile("clock-1", TerminalFile.Config(address=str(folder), columns=COLUMNS, **config))
    return list(driver.read(file))


def test_a_later_export_tells_its_old_lines_as_they_were(tmp_path: Path) -> None:
    first = read(tmp_path, "a.csv", "工号,打卡时间,类型\n1007,2026/03/02 08:00:05,上班\n")
    second = read(tmp_path, "b.csv", "工号,打卡时间,类型\n1007,2026/03/02 08:00:05,上班\n1007,2026/03/02 17:31:00,下班\n")
    told = [(one.time, one.key, one.data) for one in (*first, *second) if isinstance(one, Fact)]
    assert told[0] == told[1] and len({key for _, key, _ in told}) == 2
    assert told[2][2] == {"staff": "1007", "kind": "out", "terminal": "time-clock"}
    assert told[2][0] is not None and told[2][0].isoformat() == "2026-03-02T09:31:00+00:00"


def test_a_line_that_makes_no_sense_is_told_with_its_place(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "工号,打卡时间,类型\n1007,昨天,上班\n1008,2026/03/02 08:01:00,路过\n1009,2026/03/02 08:02:00,上班\n")
    assert [one.zh for one in found if isinstance(one, Problem)] == [
        "a.csv 第 1 行 time：应为时间，如 2026-03-02T18:05:00",
        "a.csv 第 2 行 kind：`words` 中没有的取值",
    ]
    assert [one.data["staff"] for one in found if isinstance(one, Fact)] == ["1009"]
