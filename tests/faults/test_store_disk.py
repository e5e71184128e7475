"""A disk that is full for a while: the store ends with words each time it is started; with room again nothing is missing."""

import pytest

from storeloom.core.runtime.live import newest_instant
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.log_file import LogFile
from tests.faults.lives import acks, nursery, told
from tests.faults.store_kills import Killed, differences, end_s
from tests.faults.store_sweep import FOREVER, HOW, built, compiler

FACTS = 240


@pytest.mark.skipif(compiler() is None, reason="no C compiler: what lets a system call fail cannot be built")
def test_a_full_disk_ends_the_store_in_words_and_with_room_again_it_holds_all(tmp_path):
    data, acked, faults = tmp_path / "data", [], []
    with nursery(built(tmp_path)) as cradle:
        for room in (0, 60, 5, 90, 0):  # writes until the disk is full
            life = cradle.life(data, full={"how": HOW["ENOSPC"], "first": room + 1, "last": FOREVER})
            life.order(feed=list(range(FACTS)))
            words = life.last_words()
            faults.append(told(words, "fault"))
            acked += acks([one for one in words if "fault" not in one])
        assert [one["fault"] for one in faults] == ["SL-LOG-05"] * 5 and "store.db is full" in faults[0]["words"], faults
        assert acked, "what was acknowledged before the disk was full"
        life = cradle.life(data)
        life.order(feed=list(reversed(range(FACTS))))
        life.order(finish=end_s(FACTS))
        words = life.last_words()
        assert told(words, "done") and set(acks(words)) == set(range(FACTS))
    log = StoreLog(data / "store.db")
    records = list(log.read())
    log.close()
    assert differences(data, records, FACTS, Killed()) == []


@pytest.mark.parametrize("begun", [False, True], ids=["empty", "without tables"])
def test_a_log_whose_first_start_ended_early_is_no_obstacle_to_the_next(tmp_path, begun):
    file = tmp_path / "store.db"
    file.touch()
    if begun:
        LogFile(file).close()
        assert file.stat().st_size > 0
    assert newest_instant(file) is None
    log = StoreLog(file, store="s1")
    assert log.last == 0
    log.close()
