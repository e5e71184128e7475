"""The virtual twin of a customer display behind a printer: keeps what it has shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.escpos_stream import Reader
from storeloom.hardware_adapters.links.escpos_twin import EscposTwin
from storeloom.hardware_adapters.links.twin import Said


class EscposDisplayTwin(EscposTwin):
    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "answers": True, "behind_printer": True, "idle_lines": ["欢迎光临"]}

    def read(self, reader: Reader) -> None:
        text = reader.shown()
        if text and (not self.jobs or self.jobs[-1]["text"] != text):
            self.jobs.append({"text": text})

    def act(self, number: int) -> Sequence[Said]:
        return ()

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "display.show", {"display": "unit-1", "lines": ["合计", f"¥ {number + 1}9.90"], "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.jobs)
