"""What the log keeps of each instance: where it stands, state, figures, ticks and alarms; and the copy that a hot swap can go back to."""

from __future__ import annotations

from collections.abc import Iterable

from storeloom.core.runtime.log_file import LogFile
from storeloom.core.runtime.runner import AlarmRow, Changes, Stored

FIGURES, TICKS, ASIDE = "#figures", "#ticks", "#aside"
_BOOKS = ("", FIGURES, TICKS)


class InstanceRows(LogFile):
    """The instances' rows. Writes belong into the transaction of the step that they are part of."""

    def instances(self) -> dict[str, int | None]:
        """The offset of each instance that ever ran here; None: it is level with the log."""
        return {row[0]: row[3] for row in self.get("instance") if not row[0].endswith(ASIDE)}

    def asides(self) -> list[str]:
        """The instances of which a copy is kept aside."""
        return [row[0].removesuffix(ASIDE) for row in self.get("instance") if row[0].endswith(ASIDE)]

    def aside_offsets(self) -> dict[str, int]:
        """Where each copy that is kept aside stands."""
        return {row[0].removesuffix(ASIDE): row[3] for row in self.get("instance") if row[0].endswith(ASIDE)}

    def level(self) -> int:
        """The sequence up to which every instance without an offset of its own has handled the log."""
        return int(self.meta().get("level", 0))

    def save_level(self, seq: int) -> None:
        """Note how far the instances without an offset of their own are."""
        self.mark("level", seq)

    def load_instance(self, name: str) -> Stored | None:
        """All that is kept of an instance, None for one that never ran here. LogFault when any of its rows is damaged."""
        found = self.get("instance", "WHERE name = ?", (name,))
        if not found:
            return None
        _, solution, version, offset, clock, started = found[0]
        state, figures, ticks = (self.load_state(name + book) for book in _BOOKS)
        alarms = [AlarmRow(*row[1:]) for row in self.get("alarm", "WHERE instance = ?", (name,))]
        return Stored(solution, version, offset, clock, started, state, figures, ticks, alarms)

    def save_instance(self, name: str, solution: str, version: str, offset: int | None, clock: int, started: int) -> None:
        """Where an instance stands; an `offset` of None: level with all others."""
        self.put("instance", name, solution, version, offset, clock, started)

    def save_changes(self, name: str, changes: Changes) -> None:
        """What an instance changed since it was last saved."""
        for book, rows in zip(_BOOKS, (changes.state, changes.figures, changes.ticks), strict=True):
            self.save_state(name + book, rows)
        for alarm in changes.alarms:
            if alarm.due is None:
                self.run("DELETE FROM alarm WHERE instance = ? AND name = ? AND key = ?", (name, alarm.name, alarm.key))
            else:
                self.put("alarm", name, *alarm)

    def load_state(self, instance: str) -> dict[str, bytes]:
        """One book of state by key. LogFault when a row of it is damaged."""
        return {key: value for _, key, value in self.get("state", "WHERE instance = ?", (instance,))}

    def state_value(self, instance: str, key: str) -> bytes:
        """One value of a book of state. KeyError when there is none, LogFault when its row is damaged."""
        rows = self.get("state", "WHERE instance = ? AND key = ?", (instance, key))
        if not rows:
            raise KeyError(key)
        return bytes(rows[0][2])

    def save_state(self, instance: str, changed: Iterable[tuple[str, bytes | None]]) -> None:
        """Write keys of one book of state; a value of None deletes its key."""
        for key, value in changed:
            if value is None:
                self.run("DELETE FROM state WHERE instance = ? AND key = ?", (instance, key))
            else:
                self.put("state", instance, key, value)

    def drop_instance(self, name: str) -> None:
        """Forget an instance and all that it remembers; the copy aside stays."""
        with self.together():
            self.run("DELETE FROM instance WHERE name = ?", (name,))
            self.run("DELETE FROM alarm WHERE instance = ?", (name,))
            for book in _BOOKS:
                self.run("DELETE FROM state WHERE instance = ?", (name + book,))

    def set_aside(self, name: str) -> bool:
        """Keep a copy of an instance as it stands now, in place of an older copy; False when it never ran here.

        The copy has an offset of its own: a level instance's is the saved level, so save that first.
        """
        with self.together():
            self.drop_instance(name + ASIDE)
            return self._copy(name, name + ASIDE)

    def bring_back(self, name: str) -> bool:
        """Put the copy in place of the instance, which is then behind by what came since; False when there is none."""
        with self.together():
            if name not in self.asides():
                return False
            self.drop_instance(name)
            self._copy(name + ASIDE, name)
            self.drop_instance(name + ASIDE)
            return True

    def drop_aside(self, name: str) -> None:
        """The copy is needed no more."""
        self.drop_instance(name + ASIDE)

    def _copy(self, name: str, to: str) -> bool:
        kept = self.load_instance(name)
        if kept is None:
            return False
        offset = self.level() if kept.offset is None else kept.offset
        self.save_instance(to, kept.solution, kept.version, offset, kept.clock, kept.started)
        self.save_changes(to, Changes([*kept.state.items()], [*kept.figures.items()], [*kept.ticks.items()], kept.alarms))
        return True
