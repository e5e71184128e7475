"""Segments: planted ones are found, one cloud, a long tail and an even field are said to have none."""

import numpy as np
import polars as pl
import pytest

from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.segments import segment


def table(values):
    return pl.DataFrame({"member": [f"m{n}" for n in range(len(values))], **{f"f{i}": values[:, i] for i in range(values.shape[1])}})


def planted(seed=0):
    rng = np.random.default_rng(seed)
    centres = ((6, 0, 0), (0, 6, 0), (0, 0, 6))
    return np.concatenate([rng.normal(centre, 1, (size, 3)) for centre, size in zip(centres, (120, 80, 50), strict=True)])


def test_planted_segments_are_found_by_size():
    found = segment(table(planted()), draws=10)
    assert found.found and found.parts == 3
    assert found.profile["members"].to_list() == pytest.approx([120, 80, 50], abs=3)
    assert [found.frame["segment"][at] for at in (0, 150, 249)] == [0, 1, 2]
    assert found.stability[0] > 0.95 and found.p_value < 0.01
    assert found.profile["f0"].to_list() == pytest.approx([6, 0, 0], abs=0.5)
    assert found.verdict() == f"3 segments: silhouette {found.silhouette:.2f}, adjusted Rand index {found.stability[0]:.2f}."
    assert found.verdict("zh").startswith("3 个分群")


def test_a_mixture_finds_them_too_and_says_how_certain():
    found = segment(table(planted()), method="gmm", parts=3, draws=5)
    assert found.found
    assert found.frame["certainty"].min() > 0.3 and found.frame["certainty"].mean() > 0.97


@pytest.mark.parametrize("kind", ["cloud", "tail", "even", "ridge"])
def test_a_continuum_has_no_segments_and_it_is_said(kind):
    rng = np.random.default_rng(3)
    values = {
        "cloud": rng.normal(size=(300, 3)),
        "tail": np.exp(rng.normal(size=(300, 3))),
        "even": rng.random((300, 2)),
        "ridge": rng.normal(size=(300, 1)) + rng.normal(0, 0.2, (300, 3)),
    }[kind]
    found = segment(table(values), draws=10)
    assert not found.found
    assert found.verdict().startswith("No segments") and found.verdict("zh").startswith("没有分群")
    assert found.frame.height == 300, "the slices are there all the same"


def test_the_same_seed_gives_the_same_segments():
    one, two = (segment(table(planted(2)), parts=3, draws=3, seed=4) for _ in range(2))
    assert one.frame.equals(two.frame) and one.stability == two.stability and one.p_value == two.p_value


def test_what_cannot_be_split_is_refused():
    with pytest.raises(InsightFault, match="There are 59 members; needed: 60"):
        segment(table(np.zeros((59, 2))))
    with pytest.raises(InsightFault, match="features that vary"):
        segment(table(np.zeros((80, 2))))
    with pytest.raises(InsightFault, match="Column f1 holds missing or infinite values in 2 rows"):
        values = np.random.default_rng(0).random((80, 2))
        values[:2, 1] = np.nan
        segment(table(values))
    with pytest.raises(InsightFault, match="Setting method is dbscan; allowed: kmeans, gmm"):
        segment(table(planted()), method="dbscan")
