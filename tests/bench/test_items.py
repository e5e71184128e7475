"""The area `items` on a small made-up data set: what it names, what it holds to a goal, and what it refuses."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from storeloom.core.bench import items
from storeloom.core.cli import main
from storeloom.core.kernel.errors import InputFault
from storeloom.workers.vision.items.grocery import Figures


def test_a_line_gives_its_shares_and_the_test_split_its_goal() -> None:
    made = {result.name: result for result in items.rows("whole", Figures(0.85, 0.97), "test", "")}
    assert sorted(made) == ["items_whole_top1", "items_whole_top3"]
    assert (made["items_whole_top1"].goal, made["items_whole_top1"].met) == (">= 0.86", False)
    assert items.rows("whole", Figures(0.85, 0.97), "val", "")[0].met


def test_a_data_set_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputFault) as caught:
        items.measure(tmp_path)
    assert caught.value.findings[0].code == "SL-INP-01"
    (tmp_path / "train.txt").write_text("a.jpg, 0, 0\n", encoding="utf-8")
    (tmp_path / "a.jpg").write_bytes(b"a letter")
    assert main(["bench", "items", "--data", str(tmp_path), "--lang", "en"]) == 1
    assert "it is no picture" in capsys.readouterr().err
    (tmp_path / "train.txt").write_text("a.jpg, 0\n", encoding="utf-8")
    assert main(["bench", "items", "--data", str(tmp_path), "--lang", "en"]) == 1
    assert "line 1 is not `path, class, coarse class`" in capsys.readouterr().err
    assert main(["bench", "log", "--data", str(tmp_path), "--lang", "en"]) == 2


def test_a_made_data_set_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for split, count in (("train", 4), ("test", 2)):
        lines = []
        for kind, colour in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200)]):
            for number in range(count):
                name = f"{split}-{kind}-{number}.png"
                cv2.imwrite(str(tmp_path / name), np.full((32, 32, 3), np.array(colour) + 7 * number, np.uint8))
                lines.append(f"{name}, {kind}, 0")
        (tmp_path / f"{split}.txt").write_text("\n".join(lines), encoding="utf-8")
    line = [("whole training split, 81 classes", Figures(1.0, 1.0))]
    monkeypatch.setattr("storeloom.workers.vision.items.grocery.table", lambda embedding, train, test: line)
    assert main(["bench", "items", "--data", str(tmp_path), "--split", "test", "--json"]) in (0, 1)  # 1: a slow machine
    results = {row["name"]: row for row in json.loads(capsys.readouterr().out)["results"]}
    assert sorted(results) == ["items_kept_mib", "items_ms", "items_refit_s", "items_whole_top1", "items_whole_top3"]
    assert "6 pictures of the split test" in results["items_whole_top1"]["against"]
    # 12 vectors of 2,560 halves: 60 kB.
    assert 0.058 < results["items_kept_mib"]["value"] < 0.07
