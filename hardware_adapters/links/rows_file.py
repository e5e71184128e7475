"""Files of rows that another system drops into a folder: each row a fact of one stream, each file taken once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.drop import BadFile, DropConfig, DropDriver, Problem
from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.links.rows import BadRow, Rows, RowsConfig

MOST_BYTES = 64 << 20


class RowsFileConfig(RowsConfig, DropConfig):
    """The folder, and how its files are written."""

    patterns: list[str] = setting(
        lambda: ["*.csv", "*.txt", "*.json", "*.jsonl"],
        "File names (* and ? as wild cards)",
        "文件名（可用 * 与 ? 通配）",
        effect="restart",
        min_length=1,
    )


class RowsFileDriver(DropDriver):
    """Base of such drivers; `stream` is what the rows are."""

    def stream(self) -> str:
        return str(self.feeds[0])

    def read(self, path: Path) -> Iterator[Fact | Problem]:
        """The same row gives the same time and key again, whichever file it stands in."""
        if path.stat().st_size > MOST_BYTES:
            raise BadFile(Problem(f"{path.name}: more than {MOST_BYTES >> 20} MiB", f"{path.name}：超过 {MOST_BYTES >> 20} MiB"))
        try:
            for row in Rows(self.stream(), self.config).read(path.read_bytes()):
                if isinstance(row, BadRow):
                    yield Problem(f"{path.name}, {row.en}", f"{path.name} {row.zh}")
                else:
                    yield Fact(self.now(), self.stream(), self.device, row.data, row.time, row.key)
        except DeviceError as error:
            raise BadFile(Problem(f"{path.name}: {error.words['en']}", f"{path.name}：{error.words['zh']}")) from error
