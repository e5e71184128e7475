"""Log and outbox against a plain model, in any order of operations that hypothesis can think of."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.verify import verify
from tests.faults.model import NAMES, Model, fact, foretell, observe, perform


class LogMachine(RuleBasedStateMachine):
    """Every rule is one acknowledged operation, a restart, or a process death in the middle of one."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="machine-"))
        self.folder = self.root / "0"
        self.folder.mkdir()
        self.model = Model()
        self.log = StoreLog(self.folder / "store.db", store="s1")

    def both(self, *op):
        foretell(self.model, op)
        perform(self.log, op)

    @rule(new=st.integers(1, 4), again=st.lists(st.integers(0, 6), max_size=2))
    def accept(self, new, again):
        first = self.model.sent + 1
        self.both("accept", [*range(first, first + new), *(max(1, first - back) for back in again)])

    @rule(count=st.integers(1, 4), name=st.sampled_from(NAMES), key=st.integers(0, 2), failed=st.booleans())
    def take_and_append(self, count, name, key, failed):
        self.both("handle", count, name, key, failed)

    @precondition(lambda self: any(row[1] in ("waiting", "answered") for row in self.model.outbox.values()))
    @rule(data=st.data(), status=st.sampled_from(("sent", "dead", "waiting", "answered")))
    def settle(self, data, status):
        open_ones = sorted(name for name, row in self.model.outbox.items() if row[1] in ("waiting", "answered"))
        self.both("settle", data.draw(st.sampled_from(open_ones)), status)

    @precondition(lambda self: any(row[1] == "dead" for row in self.model.outbox.values()))
    @rule(data=st.data())
    def resend(self, data):
        dead = sorted(name for name, row in self.model.outbox.items() if row[1] == "dead")
        self.both("resend", data.draw(st.sampled_from(dead)))

    @rule(part=st.floats(0, 1))
    def consume(self, part):
        self.both("consume", int(part * self.model.last))

    @rule()
    def compact(self):
        self.both("compact")

    @precondition(lambda self: self.model.offsets)
    @rule(data=st.data(), what=st.sampled_from(("set", "back", "drop")))
    def swap(self, data, what):
        self.both("aside", what, data.draw(st.sampled_from(sorted(self.model.offsets))))

    @rule()
    def reopen(self):
        self.log.close()
        self.log = StoreLog(self.folder / "store.db", store="s1")

    @rule(count=st.integers(0, 4))
    def die_before_commit(self, count):
        self.log.begin()
        for number, event in self.log.pending(count):
            seq = self.log.append(event)
            self.log.taken(number)
            self.log.push(f"never-{number}", seq, "lamp", "light.set", 0)
        self.log.save_level(self.log.last + 7)
        self.log.forget(before=self.log.last, limit=3)
        self.die()

    @rule(new=st.integers(1, 3))
    def die_after_acceptance(self, new):
        self.both("accept", [self.model.sent + 1 + n for n in range(new)])
        self.die()

    def die(self):
        """What a killed process leaves: the files as they are, opened by the next one."""
        folder = self.root / str(int(self.folder.name) + 1)
        folder.mkdir()
        for name in ("store.db", "store.db-wal"):
            shutil.copyfile(self.folder / name, folder / name)
        self.log.rollback()
        self.log.close()
        shutil.rmtree(self.folder)
        self.folder = folder
        self.log = StoreLog(self.folder / "store.db", store="s1")

    @invariant()
    def log_and_model_agree(self):
        assert observe(self.log) == self.model.shown()
        assert self.log.last == self.model.last

    def teardown(self):
        again = [fact(number) for number in range(1, self.model.sent + 1) if number > self.model.oldest]
        known = {row[0] for row in self.model.records.values()} | set(self.model.inbox)
        assert self.log.accept(again) == [event.id not in known for event in again]
        self.log.close()
        assert verify(self.folder / "store.db").findings == []
        shutil.rmtree(self.root)


TestLogMachine = pytest.mark.usefixtures("small_slices")(LogMachine.TestCase)
TestLogMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
