"""Checking the configs of a whole chain: verdicts at the speed of the compiled schemas, words only for what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import orjson

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import Catalogue, unknown


def check_fleet(stores: Iterable[tuple[str, Mapping[str, bytes]]], catalogue: Catalogue) -> Iterator[tuple[str, list[Finding]]]:
    """Check the configs (solution id to JSON text) of many stores; yields only the stores with findings.

    A store's configs are whole ones, as a packed bundle holds them. Text that is no JSON is a finding too.
    """
    compiled = {name: (schemas.validator(entry.schema_file).is_valid, entry.schema_file) for name, entry in catalogue.solutions.items()}
    loads = orjson.loads
    for store, configs in stores:
        findings: list[Finding] = []
        for solution, text in configs.items():
            known = compiled.get(solution)
            if known is None:
                findings.append(unknown("solution", "方案", solution, catalogue.solutions))
                continue
            try:
                config = loads(text)
            except orjson.JSONDecodeError as error:
                args = {"file": store, "reason": str(error), "remedy": "Write the config as JSON."}
                findings.append(Finding("SL-DOC-03", args, f"solutions.{solution}.config", store))
                continue
            if not known[0](config):
                at = f"solutions.{solution}.config"
                findings += schemas.check(known[1], config, at=at, place=lambda *keys, store=store: (store, None))
        if findings:
            yield store, findings
