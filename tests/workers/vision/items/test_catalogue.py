"""A shop's catalogue: enrol, recognise, correct, forget, keep."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storeloom.workers.vision.items import storage
from storeloom.workers.vision.items.catalogue import ItemCatalogue
from storeloom.workers.vision.items.faults import ItemFault
from storeloom.workers.vision.items.memory import Limits
from storeloom.workers.vision.items.results import NOTHING
from tests.workers.vision.items.toys import Colours, goods, plain

SIZE = 32


def catalogue_of(shop: dict[str, Any], **more: Any) -> ItemCatalogue:
    made = ItemCatalogue(Colours(SIZE), **more)  # type: ignore[arg-type]
    for gtin, vectors in shop.items():
        made.enrol_vectors(gtin, vectors)
    return made


@pytest.fixture
def shop() -> dict[str, Any]:
    return goods(12, 6, SIZE, seed=1)


def test_nothing_enrolled_is_said() -> None:
    empty = ItemCatalogue(Colours())  # type: ignore[arg-type]
    assert empty.recognise(plain(10, 20, 30)) is NOTHING
    assert (empty.calibration, empty.gtins) == (None, ())


def test_three_colours_are_told_apart_and_ranked() -> None:
    shop = ItemCatalogue(Colours())  # type: ignore[arg-type]
    for gtin, colour in (("blue", (200, 20, 20)), ("green", (20, 200, 20)), ("red", (20, 20, 200))):
        shop.enrol(gtin, [plain(*colour), plain(*(value + 5 for value in colour))])
    ranking = shop.recognise(plain(40, 180, 30), k=2)
    assert ranking.gtin == "green"
    assert [gtin for gtin, _ in ranking.candidates] == ["green", "blue"]
    assert ranking.score > 0.9
    assert not ranking.unknown


def test_made_up_goods_are_recognised_and_strangers_are_not(shop: dict[str, Any]) -> None:
    made = catalogue_of({gtin: vectors[:4] for gtin, vectors in shop.items()})
    for gtin, vectors in shop.items():
        assert [ranking.gtin for ranking in made.recognise_vectors(vectors[4:])] == [gtin, gtin]
    strangers = np.concatenate(list(goods(40, 2, SIZE, seed=2).values()))
    rankings = made.recognise_vectors(strangers)
    assert sum(not ranking.unknown for ranking in rankings) <= 8  # 5 % of 80 are 4
    assert {ranking.reason for ranking in rankings} >= {"unlike_all"}
    assert made.calibration is not None
    assert (made.calibration.pictures, made.calibration.false_accept) == (48, 0.05)


def test_between_two_that_are_alike_it_is_undecided(shop: dict[str, Any]) -> None:
    first, second, *_ = shop.values()
    half = first.mean(axis=0) / np.linalg.norm(first.mean(axis=0)) + second.mean(axis=0) / np.linalg.norm(second.mean(axis=0))
    ranking = catalogue_of(shop).recognise_vectors(half[None] / np.linalg.norm(half))[0]
    assert (ranking.unknown, ranking.reason) == (True, "undecided")
    assert {gtin for gtin, _ in ranking.candidates[:2]} == {"1-0", "1-1"}


def test_candidates_are_at_most_k_and_their_probabilities_fall(shop: dict[str, Any]) -> None:
    candidates = catalogue_of(shop).recognise_vectors(shop["1-0"][:1], 4)[0].candidates
    shares = [share for _, share in candidates]
    assert len(candidates) == 4
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1 + 1e-9


def test_a_stricter_shop_lets_fewer_through(shop: dict[str, Any]) -> None:
    strict, loose = (catalogue_of(shop, false_accept=share).calibration for share in (0.01, 0.3))
    assert strict is not None
    assert loose is not None
    assert strict.threshold > loose.threshold


def test_one_wrong_pick_changes_nothing_at_all(shop: dict[str, Any]) -> None:
    made = catalogue_of(shop)
    every = np.concatenate(list(shop.values()))
    before = made.recognise_vectors(every)
    assert made.correct_vector(shop["1-3"][0], "1-7") == "pending"
    assert made.waiting == {"1-7": 1}
    assert made.recognise_vectors(every) == before


def test_the_same_wrong_pick_again_and_again_is_never_learnt(shop: dict[str, Any]) -> None:
    made = catalogue_of({gtin: vectors[:3] for gtin, vectors in shop.items()})
    assert {made.correct_vector(vector, "1-7") for vector in [*shop["1-3"][3:], *shop["1-3"][3:]]} == {"pending"}
    assert {ranking.gtin for ranking in made.recognise_vectors(shop["1-3"])} == {"1-3"}


def test_a_new_look_is_learnt_from_two_corrections(shop: dict[str, Any]) -> None:
    look = goods(1, 6, SIZE, seed=9, spread=0.2)["9-0"]
    made = catalogue_of(shop)
    assert made.recognise_vectors(look[5:])[0].gtin != "1-5"
    assert [made.correct_vector(vector, "1-5") for vector in look[:2]] == ["pending", "learnt"]
    for vector in look[2:5]:
        made.correct_vector(vector, "1-5")
    assert made.recognise_vectors(look[5:])[0].candidates[0][0] == "1-5"
    assert {ranking.gtin for ranking in made.recognise_vectors(shop["1-5"])} == {"1-5"}


def test_a_new_item_comes_from_three_corrections(shop: dict[str, Any]) -> None:
    new = goods(1, 5, SIZE, seed=8)["8-0"]
    made = catalogue_of(shop)
    assert [made.correct_vector(vector, "new") for vector in new[:3]] == ["pending", "pending", "enrolled"]
    assert made.gtins[-1] == "new"
    assert [ranking.gtin for ranking in made.recognise_vectors(new[3:])] == ["new", "new"]


def test_a_shop_can_begin_with_corrections_alone(shop: dict[str, Any]) -> None:
    made = catalogue_of({})
    assert [made.correct_vector(vector, "a") for vector in shop["1-0"][:3]] == ["pending", "pending", "enrolled"]
    assert made.gtins == ("a",)


def test_what_is_kept_does_not_grow_with_sales(shop: dict[str, Any], tmp_path: Path) -> None:
    made = catalogue_of(shop, limits=Limits(enrolled=6, corrected=4))
    for _ in range(10):
        for vector in shop["1-0"]:
            made.correct_vector(vector, "1-0")
    made.enrol_vectors("1-1", np.repeat(shop["1-1"], 5, axis=0))
    made.save(tmp_path)
    rows = {row["gtin"]: row for row in json.loads((tmp_path / "catalogue.json").read_text(encoding="utf-8"))["items"]}
    assert rows["1-0"] == {"gtin": "1-0", "enrolled": 6, "corrected": 4, "pending": 0}
    assert rows["1-1"]["enrolled"] == 6


def test_one_more_item_needs_no_new_space_but_a_quarter_more_do(shop: dict[str, Any]) -> None:
    made = catalogue_of(shop)
    before = made.calibration
    new = goods(4, 6, SIZE, seed=6)
    for gtin, vectors in list(new.items())[:3]:
        made.enrol_vectors(gtin, vectors[:4])
        assert made.calibration is before
        assert {ranking.gtin for ranking in made.recognise_vectors(vectors[4:])} == {gtin}
    made.enrol_vectors("6-3", new["6-3"])
    assert made.calibration != before  # 16 items, fitted on 12
    assert made.calibration is not None
    assert made.calibration.pictures == 12 * 6 + 3 * 4 + 6


def test_what_is_forgotten_is_gone(shop: dict[str, Any]) -> None:
    made = catalogue_of(shop)
    made.forget("1-2")
    assert "1-2" not in made.gtins
    assert all("1-2" not in dict(ranking.candidates) for ranking in made.recognise_vectors(shop["1-2"], 12))
    with pytest.raises(ItemFault, match="Item 1-2 is not in the catalogue of 11 items"):
        made.forget("1-2")


def test_an_item_needs_an_id_and_a_picture() -> None:
    made = catalogue_of({})
    for call in (
        lambda: made.enrol_vectors("", np.ones((1, SIZE), np.float32)),
        lambda: made.correct_vector(np.ones(SIZE, np.float32), ""),
    ):
        with pytest.raises(ItemFault, match="An item has no id"):
            call()
    with pytest.raises(ItemFault, match="Item a has 0 pictures"):
        made.enrol("a", [])
    with pytest.raises(ValueError, match="between 0 and 1"):
        catalogue_of({}, false_accept=0.0)


def test_a_saved_catalogue_answers_the_same(shop: dict[str, Any], tmp_path: Path) -> None:
    made = catalogue_of(shop, false_accept=0.1)
    made.correct_vector(shop["1-0"][0], "1-0")
    made.correct_vector(shop["1-3"][0], "1-7")
    made.refit()
    made.save(tmp_path)
    again = ItemCatalogue.load(tmp_path, Colours(SIZE))  # type: ignore[arg-type]
    every = np.concatenate([*shop.values(), *goods(5, 2, SIZE, seed=3).values()])
    assert again.recognise_vectors(every) == made.recognise_vectors(every)
    assert (again.calibration, again.waiting, again.false_accept) == (made.calibration, {"1-7": 1}, 0.1)


def test_an_empty_catalogue_can_be_kept(tmp_path: Path) -> None:
    catalogue_of({}).save(tmp_path)
    assert ItemCatalogue.load(tmp_path, Colours(SIZE)).gtins == ()  # type: ignore[arg-type]


def test_saving_again_leaves_one_file_of_vectors(shop: dict[str, Any], tmp_path: Path) -> None:
    made = catalogue_of(shop)
    made.save(tmp_path)
    made.forget("1-0")
    made.save(tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npz"]
    assert len(ItemCatalogue.load(tmp_path, Colours(SIZE)).gtins) == 11  # type: ignore[arg-type]


def test_a_kill_between_vectors_and_json_leaves_the_old_catalogue(
    shop: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = catalogue_of(shop)
    made.save(tmp_path)
    made.forget("1-0")
    real = storage._write

    def killed(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(storage, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        made.save(tmp_path)
    assert len(ItemCatalogue.load(tmp_path, Colours(SIZE)).gtins) == 12  # type: ignore[arg-type]


def damage(folder: Path, **changes: Any) -> None:
    path = folder / "catalogue.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_each_damage_is_told(shop: dict[str, Any], tmp_path: Path) -> None:
    def told() -> str:
        with pytest.raises(ItemFault) as caught:
            ItemCatalogue.load(tmp_path, Colours(SIZE))  # type: ignore[arg-type]
        return f"{caught.value.findings[0].code} {caught.value.what}"

    assert told().startswith("SL-ITM-04")
    catalogue_of(shop).save(tmp_path)
    whole = (tmp_path / "catalogue.json").read_text(encoding="utf-8")
    vectors = next(tmp_path.glob("*.npz"))
    damage(tmp_path, document="items/9")
    assert "document is 'items/9'" in told()
    (tmp_path / "catalogue.json").write_text(whole, encoding="utf-8")
    damage(tmp_path, limits={"enrolled": 0})
    assert "limits must be 1 or more" in told()
    damage(tmp_path, limits={}, calibration={"temperature": "warm"})
    assert "could not convert string to float" in told()
    (tmp_path / "catalogue.json").write_text(whole[:-40], encoding="utf-8")
    assert told().startswith("SL-ITM-05")
    (tmp_path / "catalogue.json").write_text(whole, encoding="utf-8")
    damage(tmp_path, items=json.loads(whole)["items"][1:])
    assert "the numbers of vectors are not those of the items" in told()
    (tmp_path / "catalogue.json").write_text(whole, encoding="utf-8")
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"?")
    assert "is not the one that the catalogue names" in told()
    vectors.unlink()
    assert "is missing" in told()


def test_vectors_of_another_embedding_are_refused(shop: dict[str, Any], tmp_path: Path) -> None:
    catalogue_of(shop).save(tmp_path)
    with pytest.raises(ItemFault, match="The catalogue was made with colours 00000000, not with shapes 00000000"):
        ItemCatalogue.load(tmp_path, Colours(SIZE, "shapes"))  # type: ignore[arg-type]
