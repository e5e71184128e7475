"""What every pool does alike: cuts items into chunks, keeps few in flight, orders results, redoes lost work, names what failed."""

from __future__ import annotations

import time
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Ticks = Callable[["Progress"], None]

TRIES = 3
AHEAD = 2
SHOWN = 5
LONGEST_TEXT = 200


@dataclass(frozen=True)
class Failed:
    """An item whose call raised, or whose worker was lost again and again: its number, its text, what was raised, and where."""

    number: int
    item: str
    error: str
    trace: str = ""


class PoolError(Exception):
    """Work of a pool that did not come to its end; `failed` names the items, all of them."""

    def __init__(self, what: str, failed: Sequence[Failed] = ()) -> None:
        shown = [f"item {one.number} ({one.item}): {one.error}" for one in failed[:SHOWN]]
        more = [f"and {len(failed) - SHOWN} more"] if len(failed) > SHOWN else []
        super().__init__("\n  ".join([what, *shown, *more]))
        self.failed = tuple(failed)


@dataclass(frozen=True)
class Progress:
    """How far a map is: items `done` of `total` (None: not known), `failed` among these, seconds since it began."""

    done: int
    total: int | None
    failed: int
    elapsed_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds to the end at the pace so far; None while that cannot be said."""
        if self.total is None or not self.done:
            return None
        return self.elapsed_s / self.done * (self.total - self.done)


class Shared(ABC, Generic[T]):
    """A large read-only value that goes to each worker once; hand it over in `shared`."""

    @abstractmethod
    def value(self) -> T:
        """The value, where the call runs."""


@dataclass(frozen=True)
class Chunk:
    """Items that one worker works off in one go; `first` is the number of the first."""

    call: Callable[..., Any]
    first: int
    items: tuple[Any, ...]
    shared: tuple[Any, ...]


@dataclass(frozen=True)
class Done:
    """What came of a chunk: a result or a `Failed` for each item; None when its worker was lost."""

    ticket: int
    results: tuple[Any, ...] | None


class Backend(ABC):
    """Where chunks run. A backend loses no ticket: each that was started comes back once from `finished`, unless it was dropped."""

    cores: int

    @abstractmethod
    def share(self, value: T) -> Shared[T]:
        """A value put where each worker reaches it once."""

    @abstractmethod
    def start(self, ticket: int, chunk: Chunk) -> None:
        """Begin a chunk, or queue it."""

    @abstractmethod
    def finished(self) -> Done:
        """Wait for the next chunk that is done, or lost with its worker."""

    @abstractmethod
    def drop(self, ticket: int) -> None:
        """Forget a chunk: it is not begun any more; if it runs already, its results come to nothing."""

    @abstractmethod
    def close(self) -> None:
        """Let go of all workers and shared values."""


def work(chunk: Chunk) -> tuple[Any, ...]:
    """Call a chunk's function on each of its items, in a worker: `call(item, *shared)`. What raises is a `Failed` and stops no other."""
    shared = [one.value() if isinstance(one, Shared) else one for one in chunk.shared]
    results: list[Any] = []
    for number, item in enumerate(chunk.items, chunk.first):
        try:
            results.append(chunk.call(item, *shared))
        except Exception as error:
            results.append(failure(number, item, error))
    return tuple(results)


def failure(number: int, item: object, error: BaseException) -> Failed:
    """What is kept of an exception: it need not be picklable."""
    text = "".join(traceback.format_exception(error))
    return Failed(number, short(item), short(f"{type(error).__name__}: {error}"), text)


def short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


@dataclass
class Job(Generic[R]):
    """One call under way; see `Pool.submit`."""

    _pool: Pool
    _ticket: int
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    _result: Any = None

    def result(self) -> R:
        """Its result, waited for. PoolError for a call that raised or was cancelled."""
        while self.state == "running":
            self._pool.turn()
        if self.state == "cancelled":
            raise PoolError("The job was cancelled.")
        if self.state == "failed":
            raise PoolError("The job failed.", [self._result])
        found: R = self._result
        return found

    def cancel(self) -> None:
        """End it if it has not begun; if it has, its result is dropped. Nothing where it is over."""
        if self.state == "running":
            self._pool.forget(self._ticket)
            self.state = "cancelled"

    def settle(self, results: Sequence[Any]) -> None:
        self._result = results[0]
        self.state = "failed" if isinstance(results[0], Failed) else "done"


@dataclass
class _Flight:
    """A chunk under way: who is told, how often its worker was lost."""

    chunk: Chunk
    settle: Callable[[Sequence[Any]], None]
    lost: int = 0


@dataclass
class _Place:
    """A chunk's place in the order of a stream."""

    ticket: int
    results: Sequence[Any] | None = None

    def settle(self, results: Sequence[Any]) -> None:
        self.results = results


@dataclass
class _Tally:
    """What a stream tells its caller."""

    total: int | None
    told: Ticks | None
    began: float = field(default_factory=time.perf_counter)
    done: int = 0
    failed: int = 0

    def add(self, results: Sequence[Any]) -> None:
        self.done += len(results)
        self.failed += sum(isinstance(one, Failed) for one in results)
        if self.told is not None:
            self.told(Progress(self.done, self.total, self.failed, time.perf_counter() - self.began))


class Pool:
    """Calls on items, wherever they run. For use from one thread.

    A worker that is lost (killed, out of memory, its node gone) costs nothing but time: its chunk is done again elsewhere. A chunk that
    loses its worker three times is cut into items, and an item that does so alone is a `Failed`. Calls must therefore be repeatable: no
    effects but their result.
    """

    def __init__(self, backend: Backend, progress: Ticks | None = None) -> None:
        """`progress` is told of every map and stream that names none of its own."""
        self._backend = backend
        self._progress = progress
        self._flights: dict[int, _Flight] = {}
        self._tickets = 0
        self._held: deque[int] = deque()
        self._alone: int | None = None

    @property
    def cores(self) -> int:
        """Chunks that run at the same time."""
        return self._backend.cores

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is under way and let go of the workers."""
        for ticket in list(self._flights):
            self.forget(ticket)
        self._backend.close()

    def share(self, value: T) -> Shared[T]:
        """Put a large value, as a table of all stores, where each worker reaches it once; workers must not change it."""
        return self._backend.share(value)

    def submit(self, call: Callable[..., R], item: Any, *shared: Any) -> Job[R]:
        """Begin `call(item, *shared)`."""
        ticket = self._next()
        job: Job[R] = Job(self, ticket)
        self._start(ticket, _Flight(Chunk(call, 0, (item,), shared), job.settle))
        return job

    def map(
        self,
        call: Callable[..., R],
        items: Iterable[Any],
        *shared: Any,
        chunk: int | None = None,
        progress: Ticks | None = None,
        errors: Literal["raise", "keep"] = "raise",
    ) -> list[R]:
        """`call(item, *shared)` of each item, in their order; as `stream`, but PoolError comes at the end and names all that failed."""
        results = list(self.stream(call, items, *shared, chunk=chunk, progress=progress, errors="keep"))
        failed = [one for one in results if isinstance(one, Failed)]
        if failed and errors == "raise":
            raise PoolError(f"{len(failed)} of {len(results)} calls failed.", failed)
        return results

    def stream(
        self,
        call: Callable[..., R],
        items: Iterable[Any],
        *shared: Any,
        chunk: int | None = None,
        progress: Ticks | None = None,
        errors: Literal["raise", "keep"] = "raise",
    ) -> Iterator[R]:
        """As `map`, item by item as results come, with no more in memory than the chunks in flight.

        `items` may be endless; `chunk` is the number of items that a worker gets at a time (by default so many that each worker gets eight
        chunks, 1 where the number of items is not known). With `errors="keep"` a `Failed` stands in the place of a result, otherwise the
        first one raises PoolError. Whoever stops reading drops what is under way.
        """
        total = len(items) if isinstance(items, Sequence) else None
        size = chunk or (1 if total is None else max(1, total // (8 * self.cores)))
        tally, source, first = _Tally(total, progress or self._progress), iter(items), 0
        places: deque[_Place] = deque()
        try:
            while True:
                while len(places) < AHEAD * self.cores and (part := tuple(islice(source, size))):
                    place = _Place(self._next())
                    places.append(place)
                    self._start(place.ticket, _Flight(Chunk(call, first, part, shared), place.settle))
                    first += len(part)
                if not places:
                    return
                while places[0].results is None:
                    self.turn()
                results = places.popleft().results or ()
                tally.add(results)
                yield from _sound(results) if errors == "raise" else results
        finally:
            for place in places:
                self.forget(place.ticket)

    def turn(self) -> None:
        """Wait until one chunk is done, and tell who waits for it."""
        done = self._backend.finished()
        flight = self._flights.pop(done.ticket, None)
        if done.ticket == self._alone:
            self._alone = None
        if flight is not None:
            if done.results is not None:
                flight.settle(done.results)
            else:
                self._again(done.ticket, flight)
        self._let_go()

    def forget(self, ticket: int) -> None:
        """Drop a chunk that is under way."""
        if self._flights.pop(ticket, None) is not None:
            if ticket in self._held:
                self._held.remove(ticket)
            else:
                self._backend.drop(ticket)
            if ticket == self._alone:
                self._alone = None
            self._let_go()

    def _next(self) -> int:
        self._tickets += 1
        return self._tickets

    def _start(self, ticket: int, flight: _Flight) -> None:
        """Begin a chunk; while one that loses its workers runs alone, others wait."""
        self._flights[ticket] = flight
        if self._alone is not None or self._held:
            self._held.append(ticket)
        else:
            self._backend.start(ticket, flight.chunk)

    def _again(self, ticket: int, flight: _Flight) -> None:
        """Redo a chunk whose worker was lost, alone: workers may go down together, and so it is known which one it was."""
        flight.lost += 1
        if flight.lost < TRIES:
            self._flights[ticket] = flight
            self._held.append(ticket)
        elif len(flight.chunk.items) == 1:
            chunk = flight.chunk
            what = f"its worker was lost {flight.lost} times (killed, or out of memory)"
            flight.settle([Failed(chunk.first, short(chunk.items[0]), what)])
        else:
            self._split(ticket, flight)

    def _split(self, ticket: int, flight: _Flight) -> None:
        """One chunk an item, in place of a chunk that loses its workers."""
        chunk, found = flight.chunk, [None] * len(flight.chunk.items)
        left = len(found)

        def settler(place: int) -> Callable[[Sequence[Any]], None]:
            def settle(results: Sequence[Any]) -> None:
                nonlocal left
                found[place] = results[0]
                left -= 1
                if not left:
                    flight.settle(found)

            return settle

        for place, item in enumerate(chunk.items):
            part = self._next()
            self._flights[part] = _Flight(Chunk(chunk.call, chunk.first + place, (item,), chunk.shared), settler(place), lost=1)
            self._held.append(part)

    def _let_go(self) -> None:
        """Begin chunks that were held back: suspects one at a time, with nothing beside them."""
        while self._held and self._alone is None:
            ticket = self._held[0]
            suspect = self._flights[ticket].lost > 0
            if suspect and len(self._flights) > len(self._held):
                return
            self._held.popleft()
            self._backend.start(ticket, self._flights[ticket].chunk)
            if suspect:
                self._alone = ticket


def _sound(results: Sequence[Any]) -> Sequence[Any]:
    failed = [one for one in results if isinstance(one, Failed)]
    if failed:
        raise PoolError(f"{len(failed)} of {len(results)} calls of a chunk failed.", failed)
    return results
