"""The log against power cuts, kills, full and broken disks and flipped bits: the short form of `python -m tests.faults`."""

import pytest

from storeloom.core.kernel.errors import LogFault
from storeloom.core.runtime.log import StoreLog
from tests.faults import campaigns
from tests.faults.kills import kills
from tests.faults.model import Model, Workload, fact, foretell, observe, perform

pytestmark = pytest.mark.usefixtures("small_slices")


def whole(outcome, least):
    assert outcome.wrong == [] and outcome.cases >= least, (outcome.cases, outcome.wrong[:3])
    return outcome.ends


def test_the_workload_meets_every_kind_of_operation_and_log_and_model_agree_on_each(tmp_path):
    log, model, workload, kinds, met = campaigns.new_log(tmp_path), Model(), Workload(3), set(), set()
    for _ in range(400):
        op = workload.next(model)
        foretell(model, op)
        perform(log, op)
        kinds.add(op[:2] if op[0] == "aside" else op[0])
        met |= {row[1] for row in model.outbox.values()}
        assert observe(log) == model.shown(), op
    asides = {("aside", what) for what in ("set", "back", "drop")}
    assert kinds == {"accept", "handle", "settle", "resend", "consume", "compact"} | asides
    assert model.oldest > 50 and met == {"waiting", "sent", "dead", "answered"}


def test_after_a_power_cut_nothing_acknowledged_is_lost_or_counts_twice(tmp_path):
    ends = whole(campaigns.power(tmp_path / "c", seed=1, operations=120, every=5), 200)
    assert ends["before"] > 20 and ends["whole"] > 20, "cuts on both sides of the commit"


def test_after_many_power_cuts_on_one_store_nothing_is_lost(tmp_path):
    whole(campaigns.chain(tmp_path / "c", seed=1, count=60), 60)


def test_with_weaker_syncs_the_harness_shows_the_loss(tmp_path):
    """synchronous=NORMAL does not sync each commit: were nothing lost here, the harness could not see a loss at all."""
    outcome = campaigns.power(tmp_path / "c", seed=1, operations=80, every=8, synchronous="NORMAL")
    assert outcome.ends["lost"] > 5 and len(outcome.wrong) > outcome.cases / 10


def test_after_a_process_death_at_any_write_nothing_is_lost(tmp_path):
    whole(campaigns.power(tmp_path / "c", seed=2, operations=100, every=6, how="kill"), 80)


@pytest.mark.parametrize("kind", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("forever", [False, True], ids=["once", "from then on"])
def test_a_disk_that_is_full_or_broken_stops_the_log_and_takes_nothing_from_it(tmp_path, kind, forever):
    ends = whole(campaigns.refusals(tmp_path / "c", 3, 30, 7, kind, forever), 30)
    assert ends["SL-LOG-05" if kind == "ENOSPC" else "SL-LOG-01"] > 10


@pytest.mark.parametrize("kind", ["ENOSPC", "EIO"])
def test_a_snapshot_that_fails_leaves_the_older_one_and_the_log(tmp_path, kind):
    ends = whole(campaigns.snapshots(tmp_path / "c", 6, 60, 3, kind), 5)
    assert ends["made"] == 1


def test_every_flipped_bit_is_found_or_harmless(tmp_path):
    ends = whole(campaigns.flips(tmp_path / "c", 4, 150, 120), 150)
    assert ends["read"] > 5 and ends["verify"] > 2


def test_a_flipped_bit_in_the_write_ahead_log_loses_no_acknowledged_transaction_unseen_but_the_last(tmp_path):
    ends = whole(campaigns.wal_flips(tmp_path / "c", 5, 120), 120)
    assert ends["open"] > 80 and ends["last transaction"] < 25


def test_a_damaged_write_ahead_log_is_left_as_it_is(tmp_path):
    log = StoreLog(tmp_path / "store.db", store="s1")
    for number in range(1, 6):
        log.accept([fact(number)])
    raw = {name: (tmp_path / name).read_bytes() for name in ("store.db", "store.db-wal")}
    log.close()
    wal = campaigns.flipped(raw["store.db-wal"], 8 * (len(raw["store.db-wal"]) // 2))
    (tmp_path / "store.db").write_bytes(raw["store.db"])
    (tmp_path / "store.db-wal").write_bytes(wal)
    for _ in range(2):
        with pytest.raises(LogFault) as caught:
            StoreLog(tmp_path / "store.db")
        assert caught.value.findings[0].code == "SL-LOG-02" and "table 'wal'" in str(caught.value)
        assert (tmp_path / "store.db-wal").read_bytes() == wal


def test_a_writer_that_is_killed_goes_on_where_it_stood(tmp_path):
    whole(kills(tmp_path / "c", seed=7, count=3, longest=40), 3)
