"""Norms of the skin advisor may be written by name or as a pair."""

import pytest
from pydantic import ValidationError

from storeloom.plugins.people.experience_interaction.skin_advisor import SkinAdvisor


def test_a_pair_is_a_mean_and_a_deviation():
    config = SkinAdvisor.Config(norms={"30s": {"moisture": [50, 10], "oil": {"mean": 50, "deviation": 10}}, "60+": {}})
    assert config.norms["30s"]["moisture"] == config.norms["30s"]["oil"] and config.norms["60+"] == {}
    assert (config.norms["30s"]["moisture"].mean, config.norms["30s"]["moisture"].deviation) == (50, 10)


@pytest.mark.parametrize("norm", [[50], [50, 0], [50, 10, 1], [101, 10], {"mean": 50}, 50])
def test_other_norms_are_refused(norm):
    with pytest.raises(ValidationError):
        SkinAdvisor.Config(norms={"30s": {"moisture": norm}})
