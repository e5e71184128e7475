"""The shipped embeddings on pictures, and the making of their graphs."""

import hashlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.items.catalogue import ItemCatalogue
from storeloom.workers.vision.items.embedding import SHIPPED, Embedding, cut, unit
from storeloom.workers.vision.models import BUILT_IN, read_card

GROCERY = Path(__file__).resolve().parents[5] / "shared" / "data" / "grocery-store"
SHELF = ("Fruit/Banana", "Fruit/Pineapple", "Vegetables/Carrots", "Fruit/Kiwi")


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return Embedding()


@pytest.fixture(scope="module")
def photos() -> Callable[[str, str, int], list[NDArray[np.uint8]]]:
    if not (GROCERY / "train.txt").is_file():
        pytest.skip("data set grocery-store absent")

    def read(split: str, name: str, count: int) -> list[NDArray[np.uint8]]:
        paths = sorted((GROCERY / split / name).glob("*.jpg"))[:count]
        assert paths
        return [np.asarray(cv2.imread(str(path)), np.uint8) for path in paths]

    return read


def test_the_shipped_networks_are_those_of_their_cards() -> None:
    for name, licence in zip((*SHIPPED, "efficientnet_lite2"), ("MIT", "Apache-2.0", "Apache-2.0"), strict=True):
        card = read_card(BUILT_IN / name)
        assert (card.task, card.licence, card.output["size"]) == ("embed", licence, 1280)
        assert hashlib.sha256(card.path.read_bytes()).hexdigest() == card.sha256
        assert card.path.stat().st_size < 10_000_000
        assert card.speed["run_ms"] > 0


def test_the_network_of_goods_says_what_it_was_taught_on() -> None:
    taught = read_card(BUILT_IN / "goods_lite2").source["taught_on"]
    assert (taught["licence"], taught["classes_left_out"], taught["plan"]["seed"]) == ("MIT", [], 0)


def test_a_vector_has_length_one_and_a_mirror_image_the_same(embedding: Embedding) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 90, 3)).astype(np.uint8)
    vector = embedding.embed(picture)
    assert vector.shape == (embedding.size,) == (2560,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(vector[:1280]) == pytest.approx(np.sqrt(0.5), abs=1e-5)  # each network counts alike
    assert embedding.embed(picture[:, ::-1]) @ vector == pytest.approx(1.0, abs=1e-4)


def test_a_large_picture_of_fine_stripes_is_averaged_not_sampled(embedding: Embedding) -> None:
    stripes = np.zeros((1040, 1040, 3), np.uint8)
    stripes[:, ::2] = 255
    grey = np.full((260, 260, 3), 128, np.uint8)
    assert embedding.embed(stripes) @ embedding.embed(grey) > 0.98


def test_pixels_that_are_no_picture_are_refused(embedding: Embedding) -> None:
    with pytest.raises(FrameError, match="Pixels are float64"):
        embedding.embed(np.zeros((4, 4, 3)))  # type: ignore[arg-type]
    with pytest.raises(FrameError, match="finds nothing"):
        unit(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="needs a model"):
        Embedding(())


def test_a_box_is_cut_with_a_margin_and_clipped() -> None:
    frame = np.arange(100 * 200 * 3, dtype=np.uint8).reshape(100, 200, 3)
    # 40 wide, 20 high; a tenth of each around it: 4 and 2 pixels.
    assert np.array_equal(cut(frame, (0.2, 0.5, 0.2, 0.2), margin=0.1), frame[48:72, 36:84])
    assert cut(frame, (0.9, 0.9, 0.5, 0.5)).shape[:2] == (12, 25)
    with pytest.raises(FrameError, match="covers no pixel"):
        cut(frame, (1.5, 0.0, 0.1, 0.1))


def test_four_kinds_of_fruit_are_told_apart_from_five_photos_each(
    embedding: Embedding, photos: Callable[[str, str, int], list[NDArray[np.uint8]]]
) -> None:
    shop = ItemCatalogue(embedding)
    for name in SHELF:
        shop.enrol(name, photos("train", name, 5))
    found = [(name, shop.recognise(picture)) for name in SHELF for picture in photos("val", name, 3)]
    right = [ranking.candidates[0][0] == name for name, ranking in found]
    assert sum(right) >= len(right) - 1
    strangers = [shop.recognise(picture) for picture in photos("val", "Vegetables/Cabbage", 3)]
    assert all(ranking.unknown for ranking in strangers)


def test_a_state_dictionary_that_would_run_code_is_refused() -> None:
    pytest.importorskip("onnx")
    from storeloom.workers.vision.build.embedding import Storages

    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, ("1",)

    with pytest.raises(pickle.UnpicklingError, match=r"eval has no place"):
        Storages(io.BytesIO(pickle.dumps(Harm(), protocol=2))).load()


def test_batch_normalisation_is_folded_into_the_convolution() -> None:
    onnx = pytest.importorskip("onnx")
    from storeloom.workers.vision.build.embedding import NETWORKS, Graph, Layer

    weights = {
        "c.weight": np.array([[[[2.0]]]], np.float32),
        "n.weight": np.array([3.0], np.float32),
        "n.bias": np.array([1.0], np.float32),
        "n.running_mean": np.array([0.5], np.float32),
        "n.running_var": np.array([4.0], np.float32),
    }
    graph = Graph(NETWORKS[0], weights)
    made = graph.conv("image", Layer("c", "n"))
    shape = [1, 1, 1, 3]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("image", made)]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "one", ends[:1], ends[1:], graph.tensors), opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": np.array([-1.0, 0.5, 9.0], np.float32).reshape(shape)})
    # 3 * (2 x - 0.5) / 2 + 1 = 3 x + 0.25, then bounded to 0..6.
    assert found.ravel() == pytest.approx([0.0, 1.75, 6.0], abs=1e-4)
