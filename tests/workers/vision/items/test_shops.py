"""A store's catalogues: loaded when asked for, saved after changes, never lost; and what a person's answer to a frame teaches."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.items.catalogue import ItemCatalogue
from storeloom.workers.vision.items.faults import ItemFault
from storeloom.workers.vision.items.shops import Shops
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Detection
from tests.workers.vision.items.toys import Colours

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
BLUE, GREEN, RED = (np.eye(3, dtype=np.float32)[n] for n in range(3))


def shops(root: Path | None, **more: Any) -> Shops:
    return Shops(root, embedding=Colours, **{"save_after_s": 3600.0} | more)  # type: ignore[arg-type]


def stocked(root: Path | None, **more: Any) -> Shops:
    made = shops(root, **more)
    made.enrol("produce", "apple", [RED])
    made.enrol("produce", "pear", [GREEN])
    return made


def gtins(made: Shops, vector: Any, shop: str = "produce") -> list[str]:
    return [gtin for gtin, _ in made.rank([vector], shop)[0].candidates]


def test_an_item_is_recognised_once_enrolled_and_only_in_its_shop() -> None:
    made = stocked(None)
    assert gtins(made, RED)[0] == "apple" and gtins(made, GREEN)[0] == "pear"
    (elsewhere,) = made.rank([RED], "bakery")
    assert elsewhere.unknown and elsewhere.reason == "nothing_enrolled"
    assert made.rank([RED], "")[0].reason == "nothing_enrolled" and made.rank([], "produce") == []
    made.forget("produce", "apple")
    assert made.gtins("produce") == ("pear",)
    with pytest.raises(ItemFault):
        made.forget("produce", "apple")


@pytest.mark.parametrize("name", [".", "..", ".hidden", "a/b", "a\\b"])
def test_a_shop_is_named_as_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="the name of a folder"):
        shops(tmp_path).gtins(name)


def test_closing_saves_and_the_next_start_loads_when_asked(tmp_path: Path) -> None:
    made = stocked(tmp_path)
    assert not (tmp_path / "produce").exists()
    made.close()
    assert shops(tmp_path).names == ("produce",)
    assert gtins(shops(tmp_path), RED)[0] == "apple"


def test_in_memory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stocked(None).close()
    assert list(tmp_path.iterdir()) == []


def test_changes_are_saved_some_time_later_and_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[Path] = []
    real = ItemCatalogue.save
    monkeypatch.setattr(ItemCatalogue, "save", lambda self, folder: (saved.append(folder), real(self, folder)))
    made = stocked(tmp_path, save_after_s=0.05)
    saver = made._saver
    assert saver is not None and saved == []
    saver.join()
    assert saved == [tmp_path / "produce"]
    made.close()
    assert len(saved) == 1
    assert gtins(shops(tmp_path), GREEN)[0] == "pear"


def test_one_that_cannot_be_read_is_set_aside_and_told(tmp_path: Path) -> None:
    stocked(tmp_path).close()
    file = tmp_path / "produce" / "catalogue.json"
    file.write_text(file.read_text()[:-20])
    damaged = file.read_bytes()
    made = shops(tmp_path)
    assert made.gtins("produce") == ()
    (finding,) = made.troubles()
    assert finding.code == "SL-ITM-11" and finding.args["aside"] == ".produce.unread-1"
    made.enrol("produce", "plum", [BLUE])
    made.close()
    assert (tmp_path / ".produce.unread-1" / "catalogue.json").read_bytes() == damaged
    again = shops(tmp_path)
    assert again.gtins("produce") == ("plum",) and again.names == ("produce",) and again.troubles() == ()
    file.unlink()  # vectors without their list: nothing is known of them, and yet they stay
    assert shops(tmp_path).gtins("produce") == ()
    assert list((tmp_path / ".produce.unread-2").glob("vectors-*.npz"))


def test_one_of_another_embedding_is_set_aside(tmp_path: Path) -> None:
    stocked(tmp_path).close()
    made = Shops(tmp_path, embedding=lambda: Colours(4, "other"))  # type: ignore[arg-type, return-value]
    assert made.gtins("produce") == ()
    assert "colours" in made.troubles()[0].text() and (tmp_path / ".produce.unread-1").is_dir()


def test_one_that_another_program_writes_takes_over_at_once(tmp_path: Path) -> None:
    made = stocked(tmp_path)
    made.save()
    other = ItemCatalogue(Colours())  # type: ignore[arg-type]
    other.enrol_vectors("plum", BLUE[None])
    other.save(tmp_path / "produce")
    assert made.gtins("produce") == ("plum",)
    made.enrol("produce", "apple", [RED])
    other.save(tmp_path / "produce")
    made.close()  # what the other wrote is not written over
    assert shops(tmp_path).gtins("produce") == ("plum",)


def test_one_that_cannot_be_written_is_told_and_tried_again(tmp_path: Path) -> None:
    root = tmp_path / "items"
    root.write_text("a file where the folder should be")
    made = stocked(root)
    made.save()
    (finding,) = made.troubles()
    assert finding.code == "SL-ITM-12" and finding.args["shop"] == "produce"
    assert gtins(made, RED)[0] == "apple"
    root.unlink()
    made.close()
    assert made.troubles() == () and gtins(shops(root), RED)[0] == "apple"


def test_refit_runs_beside_recognition_and_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = stocked(tmp_path)
    made.save()
    fitted: list[tuple[str, ...]] = []
    real = ItemCatalogue.refit
    monkeypatch.setattr(ItemCatalogue, "refit", lambda self: (fitted.append(self.gtins), real(self))[1])
    made.enrol("bakery", "bun", [BLUE])
    fitting = made.refit(["produce", "nowhere"])
    made.refit(["bakery"]).join()
    fitting.join()
    made.close()
    assert sorted(fitted) == [("apple", "pear"), ("bun",)]
    assert json.loads((tmp_path / "produce" / "catalogue.json").read_text())["items"][0]["gtin"] == "apple"


def test_the_number_of_samples_bounds_each_item() -> None:
    made = shops(None)
    made.enrol("produce", "apple", [RED + 0.01 * n * BLUE for n in range(20)], samples=10)
    catalogue = made._catalogue("produce")
    # ten in all: eight enrolled, two corrected
    assert len(catalogue._classes["apple"].enrolled) == 8
    for n in range(5):
        made.correct("produce", "apple", RED + 0.01 * n * GREEN, samples=10)
    assert len(catalogue._classes["apple"].corrected) <= 2


class Still:
    """Sees a person where it is told."""

    score = 0.5

    def __init__(self, *people: Box) -> None:
        self.people = people

    def detect(self, frame: Any, *, min_score: float | None = None) -> list[Detection]:
        return [Detection("person", 0.9, box) for box in self.people]


def look_at(worker: VisionWorker, seq: int, colour: Sequence[int], s: float = 0, box: Box = WHOLE) -> Any:
    pixels = np.full((32, 32, 3), colour, np.uint8)
    data = {"camera": "cam", "seq": seq, "width": 32, "height": 32, "pixels": pixels}
    return worker.view(data, AT + timedelta(seconds=s)).items([box], "produce")[0]


def worker_of(root: Path | None = None, *people: Box) -> VisionWorker:
    return VisionWorker(lambda: Still(*people), items=shops(root))


def test_what_a_frame_showed_can_be_enrolled_and_is_then_recognised(tmp_path: Path) -> None:
    worker = worker_of(tmp_path)
    assert look_at(worker, 1, (0, 0, 200)).unknown
    assert worker.enrol("cam", 1, WHOLE, "produce", "apple") == "enrolled"
    assert look_at(worker, 2, (0, 0, 180)).candidates[0][0] == "apple"
    worker.close()
    assert gtins(shops(tmp_path), RED)[0] == "apple"


def test_corrections_make_a_class_when_enough_agree_and_a_repeat_counts_once() -> None:
    worker = worker_of()
    # three corrections make a new class; pictures of cosine 0.98 and more are the same picture
    colours = [(0, 0, 200), (0, 90, 200), (90, 0, 200)]
    taught = []
    for seq, colour in enumerate(colours, 1):
        look_at(worker, seq, colour)
        taught += [worker.teach("cam", seq, [0.0, 0.0, 1.0, 1.0], "produce", "apple") for _ in range(2)]
    assert taught == ["pending", "pending", "pending", "pending", "enrolled", "enrolled"]
    assert worker.items.gtins("produce") == ("apple",)


def test_a_picture_that_is_gone_teaches_nothing() -> None:
    worker = worker_of()
    look_at(worker, 1, (0, 0, 200))
    look_at(worker, 2, (0, 200, 0), s=61)
    assert worker.teach("cam", 1, WHOLE, "produce", "apple") is None
    assert worker_of().teach("cam", 1, WHOLE, "produce", "apple") is None
    assert worker.enrol("cam", 2, WHOLE, "produce", "pear") == "enrolled"
    worker.forget("cam")
    assert worker.enrol("cam", 2, WHOLE, "produce", "plum") is None


def test_a_person_is_never_learnt() -> None:
    worker = worker_of(None, (0.0, 0.0, 0.5, 1.0))
    look_at(worker, 1, (0, 0, 200))
    assert worker.enrol("cam", 1, WHOLE, "produce", "apple") is None
    look_at(worker, 2, (0, 0, 200), box=(0.6, 0.0, 0.4, 1.0))
    assert worker.enrol("cam", 2, (0.6, 0.0, 0.4, 1.0), "produce", "apple") == "enrolled"


def test_a_scene_answers_as_if_learnt_and_learns_nothing() -> None:
    worker = worker_of()
    goods = {"class": "bag", "box": [0.4, 0.4, 0.2, 0.2], "gtins": [["apple", 0.7]]}
    person = {"class": "person", "box": [0.0, 0.0, 0.2, 1.0]}
    view = worker.view({"camera": "cam", "seq": 1, "scene": {"objects": [goods, person]}}, AT)
    box, other = (0.4, 0.4, 0.2, 0.2), (0.0, 0.2, 0.2, 0.2)
    assert [ranking.gtin for ranking in view.items([box, other], "produce")] == ["apple", None]
    assert worker.teach("cam", 1, box, "produce", "pear") == "learnt" and worker.enrol("cam", 1, box, "produce", "plum") == "enrolled"
    assert worker.teach("cam", 1, other, "produce", "pear") is None
    assert worker.items.names == ()
