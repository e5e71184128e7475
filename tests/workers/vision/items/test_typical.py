"""How like its class a picture is."""

import math

import numpy as np
import pytest

from storeloom.workers.vision.items.catalogue import ItemCatalogue
from storeloom.workers.vision.items.shops import Shops
from storeloom.workers.vision.items.typical import typical
from tests.workers.vision.items.toys import Colours, plain


def test_likenesses_are_cosines_to_the_centre_of_the_others() -> None:
    tilted = np.array([[1.0, 0.0], [math.cos(0.2), math.sin(0.2)], [math.cos(0.4), math.sin(0.4)]])
    found = typical(tilted, np.array([0.0, 2.0]))
    assert found is not None
    # the outer two lie 0.3 from the centre of the others, the middle one on it; the centre of all lies at 0.2
    own = [math.cos(0.3), 1.0, math.cos(0.3)]
    mean = sum(own) / 3
    assert found.likeness == pytest.approx(math.sin(0.2))
    assert (found.samples, found.mean) == (3, pytest.approx(mean))
    assert found.sd == pytest.approx(math.sqrt(sum((one - mean) ** 2 for one in own) / 2))


def test_two_pictures_tell_nothing() -> None:
    assert typical(np.eye(2), np.array([1.0, 0.0])) is None


def test_a_shop_tells_a_bad_specimen_from_a_good_one() -> None:
    shops = Shops(embedding=Colours)  # type: ignore[arg-type]
    pictures = [plain(20 + step, 200, 20) for step in range(0, 20, 2)]
    made = ItemCatalogue(Colours())  # type: ignore[arg-type]
    shops.enrol("dishes", "greens", [made.embedding.embed(picture) for picture in pictures])
    good = shops.typical("dishes", "greens", made.embedding.embed(plain(25, 200, 20)))
    burnt = shops.typical("dishes", "greens", made.embedding.embed(plain(60, 90, 90)))
    assert good is not None
    assert burnt is not None
    assert (good.samples, good.likeness >= good.mean - 3 * good.sd) == (10, True)
    assert burnt.likeness < burnt.mean - 3 * burnt.sd
    assert shops.typical("dishes", "soup", made.embedding.embed(plain(25, 200, 20))) is None
