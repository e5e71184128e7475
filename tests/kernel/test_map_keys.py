"""Maps with keys of a form: the schema of a config refuses others, and the finding stands at the key and says what one may be."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel import schemas
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.index import config_schema


class Toy:
    zh, en = "玩具", "Toy"

    class Config(SolutionConfig):
        work: dict[str, dict[Annotated[str, Field(pattern="^(open|closed)$")], float]] = setting(dict, "Work", "工作")


def test_a_key_of_another_form_is_found_at_its_place(tmp_path: Path) -> None:
    schema = config_schema("toy", Toy, "solutions")
    inner = schema["properties"]["work"]["additionalProperties"]
    assert inner["propertyNames"] == {"pattern": "^(open|closed)$"} and inner["additionalProperties"] == {"type": "number"}
    file = tmp_path / "toy.json"
    file.write_text(json.dumps(schema), encoding="utf-8")
    assert schemas.check(file, {"work": {"stocker": {"open": 30}}}) == []
    (found,) = schemas.check(file, {"work": {"stocker": {"opened": 30}}})
    assert (found.code, found.path) == ("SL-CFG-03", "work.stocker.opened")
    assert found.text("zh") == '值 "opened" 超出允许范围：形如 ^(open|closed)$ 的文本。'
