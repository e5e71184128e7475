"""The bench area: a folder without the data set is an error that names the file; small instances; the virtual store runs."""

import pytest

from storeloom.core.bench import optimise_stock, optimise_virtual
from storeloom.core.kernel.errors import InputFault
from storeloom.workers.optimise.policies import fixed_s_s


def test_a_folder_without_the_data_set(tmp_path):
    with pytest.raises(InputFault, match=r"transactions\.parquet"):
        optimise_stock.measure(tmp_path)


def test_small_instances_agree_with_brute_force(monkeypatch):
    monkeypatch.setattr(optimise_stock, "SMALL", 4)
    monkeypatch.setattr(optimise_stock, "SMALL_TASKS", 4)
    assert all(one.met and one.value == 0 for one in optimise_stock.agreement())


def test_made_orders_are_solved_within_the_gap(monkeypatch):
    monkeypatch.setattr(optimise_stock, "ITEMS", 60)
    results = {one.name: one for one in optimise_stock.joint()}
    assert results["joint_orders_gap"].value < 0.02 and results["one_by_one_to_joint"].met
    assert optimise_stock.lots()[0].value < 1


def test_a_policy_orders_for_the_virtual_store():
    short = {"store_format": "convenience", "scale": 0.01, "history": 14, "judged": 2}
    own, ours = optimise_virtual.trial(None, **short), optimise_virtual.trial(fixed_s_s, **short)
    assert 0 < own.served <= 1 and 0 < ours.served <= 1 and own.stock > 0
    assert ours.stock > own.stock
