"""Every output layout decoded from a network with known outputs; expectations worked out by hand.

The inputs are 64 x 32 pixels, the pictures 128 x 64 (half scale, nothing beside them) or 32 x 32.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.workers.vision.detect import Classifier, Detector, Embedder
from storeloom.workers.vision.errors import ModelError
from storeloom.workers.vision.models import InputSpec, read_model
from storeloom.workers.vision.models.fit import FITS, Fitter, place
from storeloom.workers.vision.models.importing import Request, import_model
from tests.workers.vision.networks import file_of, grid_rows

WIDE = np.zeros((64, 128, 3), np.uint8)
SQUARE = np.zeros((32, 32, 3), np.uint8)
CELLS = 8 * 4 + 4 * 2 + 2 * 1  # of a 64 x 32 input at strides 8, 16, 32
TWO = ("cup", "jar")


def imported(folder: Path, outputs: dict[str, np.ndarray], classes: tuple[str, ...] | None = TWO, **changes: object) -> Path:
    """The folder of an imported network, its layout guessed."""
    file = file_of(folder, outputs)
    fields = {path.replace("__", "."): value for path, value in changes.items()}
    import_model(Request(file, "own", classes, changes=fields), folder / "own")
    return folder / "own"


def look(folder: Path, picture: np.ndarray = WIDE) -> list[tuple[str, float, list[float]]]:
    """What the imported detector finds: class, score, box in pixels of the picture."""
    height, width = picture.shape[:2]
    found = Detector(read_model(folder)).detect(picture)
    return [(d.cls, round(d.score, 4), [round(float(v) * s, 3) for v, s in zip(d.box, (width, height) * 2, strict=True)]) for d in found]


def layout(folder: Path) -> str:
    return str(json.loads((folder / "card.json").read_text(encoding="utf-8"))["output"]["layout"])


def test_gfl(tmp_path: Path) -> None:
    scores, sides = np.full((1, CELLS, 2), 0.01, np.float32), np.full((1, CELLS, 4, 3), -50, np.float32)
    scores[0, 9, 1] = 0.9
    sides[0, 9, 0, 1] = sides[0, 9, 1, 0] = sides[0, 9, 2, 2] = 50  # left 1 stride, top 0, right 2
    sides[0, 9, 3, :2] = 50  # bottom half a stride
    folder = imported(tmp_path, {"cls": scores, "reg": sides.reshape(1, CELLS, 12)})
    assert layout(folder) == "gfl"
    # cell 9 is column 1 of row 1: centre (12, 12); box 4..28 x 12..16 in the input, twice that in the picture
    assert look(folder) == [("jar", 0.9, [8, 24, 48, 8])]


def test_yolov5_multiplies_by_objectness_and_suppresses(tmp_path: Path) -> None:
    rows = {5: [20, 16, 8, 4, 0.9, 0.1, 0.8], 6: [20.5, 16, 8, 4, 0.8, 0.1, 0.8], 7: [40, 10, 4, 4, 0.3, 0.9, 0.1]}
    folder = imported(tmp_path, {"output0": grid_rows(rows, 3 * CELLS, 7)})
    assert layout(folder) == "yolov5"
    # row 6 overlaps row 5, row 7 scores 0.27; 16..24 x 14..18, doubled
    assert look(folder) == [("jar", 0.72, [32, 28, 16, 8])]


def test_yolov8_in_a_centred_letterbox(tmp_path: Path) -> None:
    table = grid_rows({4: [32, 16, 16, 8, 0.7, 0.2]}, CELLS, 6).transpose(0, 2, 1).copy()
    folder = imported(tmp_path, {"output0": table})
    assert layout(folder) == "yolov8"
    # the square picture lies at columns 16..48 of the input: 24..40 less 16
    assert look(folder, SQUARE) == [("cup", 0.7, [8, 12, 16, 8])]


def test_yolox_lays_its_rows_on_the_grid(tmp_path: Path) -> None:
    # row 32 is the first cell of stride 16; 33 the next, column 1: centre ((0.5 + 1) x 16, 0.25 x 16), size (16, e^0.5 x 16)
    folder = imported(tmp_path, {"out": grid_rows({33: [0.5, 0.25, 0.0, 0.5, 0.8, 0.9, 0.0]}, CELLS, 7)})
    assert layout(folder) == "yolox"
    high = 16 * np.exp(0.5)
    assert look(folder) == [("cup", 0.72, [32, 0, 32, pytest.approx(2 * (4 + high / 2), abs=1e-3)])]


def test_rows_of_a_grid_that_are_decoded_already_are_read_so(tmp_path: Path) -> None:
    rows = np.tile(np.array([32, 16, 4, 4, 0.0, 0.0, 0.0], np.float32), (1, CELLS, 1))
    rows[0, 3] = [10, 10, 4, 4, 0.9, 0.9, 0]
    folder = imported(tmp_path, {"out": rows})
    assert layout(folder) == "yolov5"
    assert look(folder) == [("cup", 0.81, [16, 16, 8, 8])]


@pytest.mark.parametrize("columns", [[0.1, 0.2, 0.7], [0.2, 0.7]], ids=["with background", "without"])
def test_ssd_without_suppression_in_the_graph(tmp_path: Path, columns: list[float]) -> None:
    boxes = np.tile(np.array([0.25, 0.25, 0.5, 0.75], np.float32), (1, 5, 1))
    scores = np.tile(np.array([0.99, 0.0, 0.0][: len(columns)] if len(columns) == 3 else [0.0, 0.0], np.float32), (1, 5, 1))
    scores[0, 2] = columns
    folder = imported(tmp_path, {"boxes": boxes, "scores": scores})
    assert layout(folder) == "ssd"
    assert look(folder) == [("jar", 0.7, [32, 16, 32, 32])]


def test_ssd_with_suppression_in_the_graph_as_tensorflow_names_it(tmp_path: Path) -> None:
    outputs: dict[str, np.ndarray] = {
        "detection_boxes": np.array([[[0.5, 0.25, 1.0, 0.75], [0, 0, 0.1, 0.1], [0.5, 0.3, 1.0, 0.8]]], np.float32),
        "detection_classes": np.array([[2, 1, 2]], np.float32),
        "detection_scores": np.array([[0.6, 0.2, 0.9]], np.float32),
        "num_detections": np.array([3], np.float32),
    }
    folder = imported(tmp_path, outputs)
    assert layout(folder) == "ssd_nms"
    # y before x; labels from 1; both of the same place stay, best first: the graph has suppressed already
    assert look(folder) == [("jar", 0.9, [38.4, 32, 64, 32]), ("jar", 0.6, [32, 32, 64, 32])]


def test_ssd_with_suppression_in_the_graph_as_torchvision_names_it(tmp_path: Path) -> None:
    outputs: dict[str, np.ndarray] = {
        "boxes": np.array([[8, 4, 24, 20], [1, 1, 2, 2]], np.float32),
        "labels": np.array([1, 2], np.int64),
        "scores": np.array([0.8, 0.1], np.float32),
    }
    assert look(imported(tmp_path, outputs)) == [("cup", 0.8, [16, 8, 32, 32])]


def test_a_label_beyond_the_list_is_told(tmp_path: Path) -> None:
    outputs: dict[str, np.ndarray] = {
        "boxes": np.array([[8, 4, 24, 20]], np.float32),
        "labels": np.array([2], np.int64),
        "scores": np.array([0.8], np.float32),
    }
    with pytest.raises(ModelError, match="class number 1; the card lists 1 classes"):
        imported(tmp_path, outputs, ("cup",))
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(("logits", "score"), [([0.0, 2.0, 0.0], 0.787), ([0.0, 2.0], 0.8808)], ids=["softmax", "sigmoid"])
def test_detr(tmp_path: Path, logits: list[float], score: float) -> None:
    quiet = [0.0, 0.0, 9.0] if len(logits) == 3 else [-9.0, -9.0]
    values = np.tile(np.array(quiet, np.float32), (1, 7, 1))
    values[0, 4] = logits
    boxes = np.full((1, 7, 4), 0.5, np.float32)
    boxes[0, 4] = [0.5, 0.5, 0.25, 0.5]
    folder = imported(tmp_path, {"logits": values, "pred_boxes": boxes})
    assert layout(folder) == "detr"
    # e^2 / (1 + e^2 + 1) = 0.787, 1 / (1 + e^-2) = 0.8808; centre (64, 32), size (32, 32)
    assert look(folder) == [("jar", score, [48, 16, 32, 32])]


def test_classify(tmp_path: Path) -> None:
    folder = imported(tmp_path, {"logits": np.array([[0.0, np.log(3.0), -np.inf]], np.float32).clip(-99)}, ("a", "b", "c"))
    found = Classifier(read_model(folder)).classify(WIDE, most=2)
    assert [(name, round(share, 4)) for name, share in found] == [("b", 0.75), ("a", 0.25)]


def test_embed_has_length_one(tmp_path: Path) -> None:
    folder = imported(tmp_path, {"features": np.array([[3.0, 0.0, 4.0]], np.float32)}, None)
    assert Embedder(read_model(folder)).embed(WIDE).tolist() == pytest.approx([0.6, 0.0, 0.8])


def test_nan_in_an_output_is_no_empty_picture(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="output0 holds NaN"):
        imported(tmp_path, {"output0": grid_rows({5: [np.nan] * 7}, 3 * CELLS, 7)})


def test_crop_takes_the_middle_and_stretch_all() -> None:
    # 100 x 40 into 64 x 32: the middle 80 x 40
    assert place("crop", (100, 40), (64, 32)).source == (10, 0, 80, 40)
    placed = place("stretch", (100, 40), (64, 32))
    assert (placed.source, placed.target) == ((0, 0, 100, 40), (0, 0, 64, 32))
    # a third of 100 x 100: 32 x 32, with 16 columns on either side, 0 on the left of the other fit
    assert place("letterbox_centre", (100, 100), (64, 32)).target == (16, 0, 32, 32)
    assert place("letterbox_top_left", (100, 100), (64, 32)).target == (0, 0, 32, 32)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_channels_last_and_padding(dtype: str) -> None:
    spec = InputSpec(4, 2, "NHWC", "RGB", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "letterbox_centre", 114, dtype)
    blob, _ = Fitter(spec).fit(np.full((2, 2, 3), (10, 20, 30), np.uint8))
    assert (blob.shape, str(blob.dtype)) == ((1, 2, 4, 3), dtype)
    assert blob[0, 1].tolist() == [[114] * 3, [30, 20, 10], [30, 20, 10], [114] * 3]


sides = st.integers(1, 4000)
share = st.floats(0, 1)


@given(fit=st.sampled_from(FITS), picture=st.tuples(sides, sides), size=st.tuples(st.integers(8, 800), st.integers(8, 800)), data=st.data())
def test_from_picture_to_input_and_back(fit: str, picture: tuple[int, int], size: tuple[int, int], data: st.DataObject) -> None:
    placed = place(fit, picture, size)
    left, top, wide, high = placed.target
    assert left >= 0 and top >= 0 and left + wide <= size[0] and top + high <= size[1]
    assert placed.source[0] + placed.source[2] <= picture[0] and placed.source[1] + placed.source[3] <= picture[1]
    box = np.array([[data.draw(share), data.draw(share), data.draw(share), data.draw(share)]])
    assert np.allclose(placed.to_picture(placed.to_input(box)), box, atol=1e-6)
    if fit != "crop":  # the whole picture fills the whole target
        assert np.allclose(placed.to_input(np.array([[0.0, 0.0, 1.0, 1.0]])), [[left, top, wide, high]])
