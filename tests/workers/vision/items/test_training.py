"""A catalogue from a folder of pictures: what comes of it, and each way in which the folder can be wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from storeloom.core.cli import main
from storeloom.workers.vision.items.faults import ItemFault
from storeloom.workers.vision.items.training import find_pictures, train
from tests.workers.vision.items.toys import Colours, plain

BLUE, GREEN, RED = (200, 30, 30), (30, 200, 30), (30, 30, 200)
Folder = Callable[..., Path]


def shade(colour: tuple[int, int, int], step: int) -> NDArray[np.uint8]:
    """The `step`-th of several pictures of nearly one colour, turned 0, 0.14, 0.28... in hue, so that none is a copy."""
    blue, green, red = colour
    return plain(min(blue + 9 * step, 255), green, red)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    def make(**classes: list[NDArray[np.uint8]]) -> Path:
        root = tmp_path / "goods"
        root.mkdir()
        for gtin, pictures in classes.items():
            (root / gtin).mkdir()
            for number, picture in enumerate(pictures):
                cv2.imwrite(str(root / gtin / f"{number}.png"), picture)
        return root

    return make


def several(colour: tuple[int, int, int]) -> list[NDArray[np.uint8]]:
    return [shade(colour, step) for step in range(4)]


def refused(root: Path) -> list[str]:
    """The codes and places of what is found, relative to the folder."""
    with pytest.raises(ItemFault) as caught:
        train(root, Colours(), lambda number, total: None)  # type: ignore[arg-type]
    return [f"{finding.code} {Path(finding.file or '').relative_to(root.parent)}" for finding in caught.value.findings]


def test_three_colours_become_a_catalogue_with_its_report(folder: Folder) -> None:
    root = folder(blue=several(BLUE), green=several(GREEN), red=several(RED))
    (root / "notes.txt").write_text("x", encoding="utf-8")
    steps: list[tuple[int, int]] = []
    made, report = train(root, Colours(), lambda number, total: steps.append((number, total)))  # type: ignore[arg-type]
    assert made.gtins == ("blue", "green", "red")
    assert made.recognise_vectors(np.stack([Colours().embed(plain(35, 190, 25))]))[0].gtin == "green"
    assert steps == [(number, 12) for number in range(1, 13)]
    assert (report.top1, report.top3, report.pictures, report.left_out) == (1.0, 1.0, (4, 4, 4), ("notes.txt",))
    assert report.matrix.tolist() == [[4, 0, 0], [0, 4, 0], [0, 0, 4]]
    assert report.confusions() == []
    assert report.as_json()["matrix"] == [["blue", "blue", 4], ["green", "green", 4], ["red", "red", 4]]


def test_a_picture_on_the_wrong_shelf_is_a_confusion(folder: Folder) -> None:
    root = folder(blue=[*several(BLUE), plain(90, 190, 75)], green=several(GREEN), red=several(RED))
    _, report = train(root, Colours(), lambda number, total: None)  # type: ignore[arg-type]
    (worst, *_) = report.confusions()
    assert (worst.gtin, worst.taken_for, worst.count) == ("blue", "green", 1)
    assert report.top1 == pytest.approx(12 / 13)


def test_no_folder_no_items_one_item(tmp_path: Path, folder: Folder) -> None:
    assert refused(tmp_path / "nowhere") == ["SL-ITM-08 nowhere"]
    root = folder()
    assert refused(root) == ["SL-ITM-09 goods"]
    (root / "blue").mkdir()
    with pytest.raises(ItemFault, match="sub-folders of 1 items; needed: 2 or more"):
        find_pictures(root)


def test_every_item_with_too_few_pictures_is_named(folder: Folder) -> None:
    root = folder(blue=several(BLUE)[:2], green=several(GREEN), red=[])
    assert refused(root) == ["SL-ITM-01 goods/blue", "SL-ITM-01 goods/red"]


def test_every_picture_that_cannot_be_used_is_named(folder: Folder) -> None:
    root = folder(blue=several(BLUE), green=several(GREEN))
    (root / "blue" / "0.png").write_bytes(b"")
    whole = (root / "green" / "2.png").read_bytes()
    (root / "green" / "2.png").write_bytes(whole[: len(whole) // 3])
    (root / "green" / "3.png").write_bytes(b"a letter")
    assert refused(root) == ["SL-ITM-07 goods/blue/0.png", "SL-ITM-07 goods/green/2.png", "SL-ITM-07 goods/green/3.png"]


def test_a_picture_that_stands_under_two_items_is_named(folder: Folder) -> None:
    root = folder(blue=several(BLUE), green=[*several(GREEN), shade(BLUE, 1)], red=several(RED))
    with pytest.raises(ItemFault) as caught:
        train(root, Colours(), lambda number, total: None)  # type: ignore[arg-type]
    (finding,) = caught.value.findings
    assert (finding.code, finding.file) == ("SL-ITM-10", str(root / "green" / "4.png"))
    assert "blue" in finding.text()


def textured(seed: int, number: int) -> NDArray[np.uint8]:
    """A picture of a coarse pattern, the same for a seed but for its place and light."""
    pattern = np.random.default_rng(seed).integers(40, 215, (6, 6, 3)).astype(np.uint8)
    large = cv2.resize(pattern, (96, 96), interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.roll(large, (7 * number, 11 * number), (0, 1)) + np.uint8(number), np.uint8)


def test_the_command_writes_a_catalogue_and_tells_of_it(folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder(**{f"690{seed}": [textured(seed, number) for number in range(3)] for seed in range(3)})
    assert main(["models", "train-items", str(root), "--data", str(tmp_path / "data"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["items"] == {"6900": 3, "6901": 3, "6902": 3}
    assert (told["ok"], told["top1"]) == (True, 1.0)
    assert (tmp_path / "data" / "items" / "goods" / "catalogue.json").is_file()
    assert main(["models", "train-items", str(root), "--data", str(tmp_path / "data"), "--name", "fruit", "--lang", "zh"]) == 0
    text = capsys.readouterr().out
    assert "3 种商品，9 张图片" in text
    assert "6901 (3): 6901 3" in text
    assert "类别或图片太少，无法校准" in text


def test_the_command_refuses_in_words(folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder(a=several(BLUE)[:1], b=several(GREEN)[:2])
    assert main(["models", "train-items", str(root), "--data", str(tmp_path), "--lang", "en"]) == 1
    text = capsys.readouterr().err
    assert "Item a has 1 pictures; needed: 3 or more." in text
    assert "Item b has 2 pictures" in text
    assert not (tmp_path / "items").exists()
    assert main(["models", "train-items", "--lang", "en"]) == 2


def test_a_catalogue_stands_nowhere_but_among_the_items(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert main(["models", "train-items", str(tmp_path / "in"), "--data", str(tmp_path / "data"), "--name", "../x", "--lang", "en"]) == 2
    assert "--name must be the name of a folder, such as produce, got ../x" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_corrections_and_other_items_of_the_catalogue_before_are_kept_beside_it(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(**{f"690{seed}": [textured(seed, number) for number in range(3)] for seed in range(3)})
    words = ["models", "train-items", str(root), "--data", str(tmp_path / "data"), "--json"]
    assert main(words) == 0 and main(words) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["before"] is None, "the same again loses nothing"
    path = tmp_path / "data" / "items" / "goods" / "catalogue.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["items"][0]["corrected"] = 1
    path.write_text(json.dumps(stored), encoding="utf-8")
    assert main(words) == 0
    before = Path(json.loads(capsys.readouterr().out.splitlines()[-1])["before"])
    assert before == path.parent.with_name(".goods.before-1")
    assert json.loads((before / "catalogue.json").read_text(encoding="utf-8")) == stored and (before / stored["vectors"]).is_file()
    assert json.loads(path.read_text(encoding="utf-8"))["items"][0]["corrected"] == 0
