"""The agent's loop: brings the store from what runs to what is wanted, one journalled step at a time, and falls back by itself.

Each state has a step that may be done again from its beginning at any time: so a SIGKILL or a power cut, wherever it falls, leaves either
the state before or the state after. What the store starts with is one link, which only ever leads to a release that is whole and verified.
Whatever fails on the way to a release (line, disk, trust, the release itself) leaves the store as it runs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storeloom.core.agent import secrets
from storeloom.core.agent.checking import Checked, Question, dry_check, joined, words_of
from storeloom.core.agent.faults import NoRoom, Unreached, Untrusted
from storeloom.core.agent.home import Home, Identity
from storeloom.core.agent.journal import Journal, Standing
from storeloom.core.agent.line import Pace
from storeloom.core.agent.releases import Fetches, Releases, same
from storeloom.core.agent.store import Store
from storeloom.core.agent.watching import Limits, Watch, state_before
from storeloom.core.kernel.errors import AgentFault, Finding, StoreloomError
from storeloom.core.kernel.sources import open_document
from storeloom.core.runtime.requests import BUNDLE
from storeloom.core.runtime.secret_file import open_secrets
from storeloom.core.trust import names
from storeloom.core.trust.wire import Desired

LOG = logging.getLogger(__name__)
STARTS = 3
KEPT_GOOD = 3
DAMAGED = "its files are not as they were installed"


@dataclass(frozen=True, slots=True)
class Times:
    """How often the agent looks, in seconds, and how long it waits before it starts a store that ended, or tries again what failed."""

    look_s: float = 5.0
    steady_s: float = 10.0
    again_s: float = 2.0
    longest_s: float = 60.0
    distrust_s: float = 300.0


@dataclass
class Parts:
    """What an agent is put together from. `pace` spreads its tries to download; `now` is the machine's clock."""

    home: Home
    identity: Identity
    journal: Journal
    releases: Releases
    fetches: Fetches
    store: Store
    pace: Pace
    check: Callable[[Question], Checked] = dry_check
    times: Times = field(default_factory=Times)
    limits: Limits = field(default_factory=Limits)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic


class Agent:
    """One store's agent. `step` does what is next; `run` goes on until told to stop, and leaves the store running."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.journal, self._releases, self._store, self._times = parts.journal, parts.releases, parts.store, parts.times
        self._offered: Desired | None = None
        self._lock = threading.Lock()
        self.wake = threading.Event()
        self.stopping = threading.Event()
        self.skew = timedelta(0)
        self.look_again = threading.Event()  # the windows are past: what is wanted is to be asked for anew
        self._watch: Watch | None = None
        self._looked: float | None = None
        self._next_start = 0.0
        self._distrusts = 0
        self._told: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        return self.journal.standing

    def now(self) -> datetime:
        """The time, by the control plane's clock where this machine's is far from it. For windows and reports; trust has its own."""
        return self.parts.now() + (self.skew if abs(self.skew) > timedelta(minutes=1) else timedelta(0))

    def offer(self, desired: Desired) -> None:
        """What the control plane wants, from another thread; what is older than what is known counts for nothing."""
        with self._lock:
            known = self._offered.number if self._offered is not None else self.standing.number
            if desired.number >= known:
                self._offered = desired
        self.wake.set()

    def run(self) -> None:
        """Until `stopping` is set."""
        while not self.stopping.is_set():
            self.wake.clear()
            try:
                pause = self.step()
            except (StoreloomError, OSError) as error:  # a full disk, a damaged file: the store goes on, and this tries again
                LOG.warning("%s: %s", self.standing.state, error)
                pause = self._times.longest_s
            self.wake.wait(pause)

    def step(self) -> float:
        """Do what is next; after how many seconds to come again."""
        if self.standing.state not in ("switching", "falling_back"):
            try:
                self._take_up()
            finally:
                self._keep_selling()  # also where the journal has no room for what is wanted now
        try:
            steps: dict[str, Callable[[Standing], float]] = {
                "enrolled": self._idle,
                "downloading": self._downloading,
                "installing": self._installing,
                "checking": self._checking,
                "waiting": self._waiting,
                "switching": self._switching,
                "watching": self._watching,
                "good": self._idle,
                "falling_back": self._falling_back,
                "refused": self._refused,
            }
            return steps[self.standing.state](self.standing)
        except (NoRoom, Unreached) as fault:
            self._tell(fault)
            if isinstance(fault, NoRoom):
                self._tidy()
            return self.parts.pace.failed()
        except Untrusted as fault:
            return self._refuse(words_of(fault.findings), again=True)
        except AgentFault as fault:
            if self.standing.state == "falling_back":
                raise
            return self._refuse(words_of(fault.findings))

    def _tell(self, fault: StoreloomError) -> None:
        """Report why a state lasts, once for each kind of reason."""
        codes = tuple(finding.code for finding in fault.findings)
        LOG.warning("%s: %s", self.standing.state, fault)
        if codes != self._told:
            kept = self.standing
            self.journal.move(kept.state, self.now(), reason=words_of(fault.findings), again=kept.again)
            self._told = codes

    def _go(self, state: Any, **changes: Any) -> float:
        """Over to another state."""
        LOG.info("%s -> %s", self.standing.state, state)
        self.journal.move(state, self.now(), **changes)
        self._told, self._watch, self._looked = (), None, None
        return 0.0

    def _refuse(self, reason: dict[str, str], *, again: bool = False) -> float:
        """It will not be; what runs goes on."""
        LOG.warning("refused: %s", reason["en"])
        if self.standing.state == "refused" and self.standing.reason == reason:
            return self._distrusted()
        self._go("refused", reason=reason, again=again, target=None)
        return self._distrusted() if again else self._times.steady_s

    def _distrusted(self) -> float:
        self._distrusts += 1
        return min(3600.0, self._times.distrust_s * 2.0 ** min(self._distrusts - 1, 10))

    def _take_up(self) -> None:
        """Turn to what is wanted now, where it is another than what is under way; it is wanted on until that is written down."""
        wanted = self._offered
        if wanted is None:
            return
        self._turn_to(wanted)
        with self._lock:
            if self._offered is wanted:
                self._offered = None

    def _turn_to(self, wanted: Desired) -> None:
        standing = self.standing
        if wanted == standing.wanted:
            return
        if wanted.release is None or wanted.target is None:
            self.journal.note(wanted=wanted)
            return
        known = standing.wanted
        if standing.state == "refused" and same(wanted, known) and not _wished_anew(wanted, known):
            self.journal.note(wanted=wanted, running=wanted if same(wanted, standing.running) else standing.running)
        elif same(wanted, standing.running) and standing.state != "watching":
            proved = any(same(wanted, one) for one in standing.goods)
            self._go("good" if proved else "watching", wanted=wanted, running=wanted, watched_s=0.0, starts=0)
        elif same(wanted, known) and standing.state != "refused":
            self.journal.note(wanted=wanted, running=wanted if same(wanted, standing.running) else standing.running)
        else:
            self._distrusts = 0
            self._go("downloading", wanted=wanted, target=None)

    # the store, whatever is under way

    def _keep_selling(self) -> None:
        """Start the store where nothing runs it. What fails to start three times makes way for what proved good before it."""
        standing, clock = self.standing, self.parts.clock
        if standing.running is None or self._store.holder() is not None or clock() < self._next_start:
            return
        why = self._start(standing.running)
        if why is None:
            self._next_start = 0.0
            self.journal.note(starts=0)
            return
        starts = standing.starts + 1
        LOG.warning("the store did not start (%d): %s", starts, why)
        self._next_start = clock() + min(self._times.longest_s, self._times.again_s * 2.0 ** min(starts - 1, 20))
        self.journal.note(starts=starts)
        if starts >= STARTS and self._next_good(standing.running) is not None:
            self._fall_back(Finding("SL-AGT-12", {"tries": starts, "reason": why.rstrip(".")}))

    def _start(self, running: Desired) -> str | None:
        """Start what is linked, where that is what should run and is as it was verified; why not."""
        if not self._releases.whole(running):
            return DAMAGED
        if self._releases.linked() != self._releases.folder(running):
            self._releases.link(running)
        return self._store.start(self.stopping.is_set)

    # one state each

    def _idle(self, standing: Standing) -> float:
        """Nothing to do but to see to the store. One that runs something else than it should is switched anew."""
        look = self._store.look() if standing.running is not None else None
        if look is not None and standing.running is not None:
            digest = self._releases.bundle_digest(standing.running)
            if digest and look.status.digest and look.status.digest != digest:
                before = self._looked
                self._looked = self.parts.clock()
                if before is not None:
                    return self._go("switching", target=standing.running, before=state_before(look))
            else:
                self._looked = None
        return self._times.steady_s

    def _refused(self, standing: Standing) -> float:
        """See to the store; try again what may go better later."""
        if not standing.again or standing.wanted is None:
            return self._idle(standing)
        self._releases.download(standing.wanted, self.parts.fetches)
        self._distrusts = 0
        return self._go("installing")

    def _downloading(self, standing: Standing) -> float:
        wanted = standing.wanted
        assert wanted is not None
        if wanted.release in wanted.withdrawn:
            raise AgentFault(Finding("SL-AGT-22", {"release": wanted.release}))
        owner = names.owner(wanted.target or "")
        if owner is None or owner.store != self.parts.identity.store:
            raise AgentFault(Finding("SL-AGT-21", {"got": wanted.target, "wanted": self.parts.identity.store}))
        self._releases.download(wanted, self.parts.fetches)
        self.parts.pace.went()
        return self._go("installing")

    def _installing(self, standing: Standing) -> float:
        assert standing.wanted is not None
        self._releases.install(standing.wanted)
        return self._go("checking")

    def _checking(self, standing: Standing) -> float:
        wanted = standing.wanted
        assert wanted is not None
        if not self._releases.whole(wanted):
            return self._go("downloading")
        look, running, data = self._store.look(), standing.running, self._data
        changed: dict[str, Any] = {}
        if running is not None and self._releases.whole(running):
            changed = dict(open_document(self._releases.folder(running) / BUNDLE).data["store"].get("devices", {}))
        known = {*wanted.secrets, *(set(open_secrets(data)) - secrets.managed(self._known()))}
        checked = self.parts.check(Question(self._releases.folder(wanted), self.parts.identity.store, data, sorted(known), changed))
        before = state_before(look)
        refusal = checked.refusal(before["online"])
        if refusal is not None:
            return self._refuse(refusal)
        told = joined(checked.warnings())
        before["apart"] = checked.apart or (running is not None and sorted(_hashes(running)) == sorted(_hashes(wanted)))
        return self._go("waiting", before=before, told={} if told is None else {"warning": told})

    def _waiting(self, standing: Standing) -> float:
        wanted, now = standing.wanted, self.now()
        assert wanted is not None
        windows = None if standing.running is None else wanted.windows  # a store that runs nothing yet waits for no window
        if windows is not None and not any(one.begins <= now < one.ends for one in windows):
            coming = [one.begins for one in windows if one.begins > now]
            if not coming:
                self.look_again.set()
                return self._times.steady_s
            return max(0.1, min(self._times.steady_s, (min(coming) - now).total_seconds()))
        return self._go("switching", target=wanted, starts=0, before={**standing.before, **state_before(self._store.look())})

    def _switching(self, standing: Standing) -> float:
        target = standing.target
        assert target is not None
        if not self._releases.whole(target):
            return self._go("downloading")
        refused, why = self._bring(target, restart=not standing.before.get("apart", False))
        if refused is None and why is None:
            return self._go("watching", running=target, watched_s=0.0, starts=0)
        if refused is not None:
            return self._fall_back(Finding("SL-AGT-16", {"reason": refused}))
        starts = self.journal.note(starts=standing.starts + 1).starts
        LOG.warning("the store did not start with the release (%d): %s", starts, why)
        if starts >= STARTS:
            return self._fall_back(Finding("SL-AGT-12", {"tries": starts, "reason": (why or "").rstrip(".")}))
        return self._times.again_s

    def _bring(self, target: Desired, *, restart: bool) -> tuple[dict[str, str] | None, str | None]:
        """Switch the store to a release that is whole: why it refuses it, and why it does not start with it."""
        folder = self._releases.folder(target)
        values = secrets.opened(target, self.parts.home.key())
        uplink = secrets.uplink_name(folder / BUNDLE)
        if uplink is not None:
            values[uplink] = self.parts.identity.token
        changed = secrets.put(self._data, values, secrets.managed(self._known()))
        self._releases.link(target)
        if self._store.holder() is not None:
            try:
                refused = self._store.apply(folder, restart=restart or changed)
                if refused is not None or self._store.look() is not None:
                    return (None if refused is None else dict(refused)), None
            except StoreloomError as fault:
                LOG.warning("the running store could not be asked, it is started anew: %s", fault)
            self._store.stop()
        return None, self._start(target)

    def _watching(self, standing: Standing) -> float:
        running = standing.running
        assert running is not None
        if self._watch is None:
            self._watch = Watch(self._releases.bundle_digest(running), standing.before, self.parts.limits)
        clock = self.parts.clock()
        passed = 0.0 if self._looked is None else min(clock - self._looked, 3 * self._times.look_s)
        self._looked = clock
        found = self._watch.look(self._store.look(), clock)
        if found is None and standing.starts >= STARTS:
            found = Finding("SL-AGT-12", {"tries": standing.starts, "reason": self._store.written() or DAMAGED})
        watched = self.journal.note(watched_s=standing.watched_s + passed).watched_s
        health_s = standing.wanted.health_s if standing.wanted is not None and same(standing.wanted, running) else running.health_s
        if found is None and watched >= health_s and self._watch.well:
            found = self._watch.over(clock)
            if found is None:
                goods = (running, *(one for one in standing.goods if not same(one, running)))[:KEPT_GOOD]
                self._go("good", goods=goods, target=None, starts=0)
                self._tidy()
                return self._times.steady_s
        return self._times.look_s if found is None else self._fall_back(found)

    # the way back

    def _next_good(self, failed: Desired | None, *, after: Desired | None = None) -> Desired | None:
        """The newest release that proved good, is here and whole, and may run; `after`: the next one behind that."""
        goods = [one for one in self.standing.goods if not same(one, failed)]
        if after is not None:
            places = [place for place, one in enumerate(goods) if same(one, after)]
            goods = goods[places[0] + 1 :] if places else goods
        withdrawn = set(self.standing.wanted.withdrawn) if self.standing.wanted is not None else set()
        return next((one for one in goods if one.release not in withdrawn and self._releases.whole(one)), None)

    def _fall_back(self, why: Finding) -> float:
        """Back to what proved good; where there is nothing, what runs is kept running, for it is all that the store has."""
        standing, reason = self.standing, words_of([why])
        LOG.warning("taken back: %s", reason["en"])
        failed = standing.target if standing.state == "switching" else standing.running
        target = self._next_good(failed)
        if target is None:
            return self._go("refused", reason=reason, running=failed, target=None, starts=0)
        return self._go("falling_back", reason=reason, target=target, running=failed, starts=0)

    def _falling_back(self, standing: Standing) -> float:
        target, reason = standing.target, standing.reason
        assert target is not None
        refused, why = self._bring(target, restart=True)
        if refused is not None:  # it proved good before: let it start by itself
            self._store.stop()
            why = self._start(target)
        if why is None:
            return self._fallen(standing, target)
        starts = self.journal.note(starts=standing.starts + 1).starts
        LOG.warning("the store did not start with what proved good (%d): %s", starts, why)
        if starts >= STARTS:
            other = self._next_good(standing.running, after=target) or self._next_good(standing.running)
            self._go("falling_back", reason=reason, target=other or target, starts=0)
        return min(self._times.longest_s, self._times.again_s * 2.0**starts)

    def _fallen(self, standing: Standing, target: Desired) -> float:
        """It runs what proved good. What is wanted is refused where that was what failed; else the way goes on."""
        wanted, failed = standing.wanted, standing.running
        changes: dict[str, Any] = {"running": target, "target": None, "starts": 0}
        if same(wanted, target):
            return self._go("good", **changes)
        if wanted is not None and wanted.target is not None and not same(wanted, failed):
            return self._go("downloading", **changes)
        return self._go("refused", reason=standing.reason, **changes)

    # small things

    @property
    def _data(self) -> Path:
        return Path(self.parts.identity.data)

    def _known(self) -> list[Desired | None]:
        standing = self.standing
        return [standing.wanted, standing.target, standing.running, *standing.goods]

    def _tidy(self) -> None:
        self._releases.tidy(self._known())

    def renewed(self, identity: Identity) -> None:
        """There is a new token: the store's events go up with it too."""
        self.parts.identity = identity
        running = self.standing.running
        name = None
        try:
            name = None if running is None else secrets.uplink_name(self._releases.folder(running) / BUNDLE)
            if name is not None:
                secrets.put(self._data, {**open_secrets(self._data), name: identity.token}, ())
        except (StoreloomError, OSError) as error:
            LOG.warning("the store's token for its events could not be renewed: %s", error)


def _wished_anew(wanted: Desired, known: Desired | None) -> bool:
    """Whether somebody wants the same release once more; a control plane that does not tell wishes from other changes may mean that."""
    return wanted.wish is None or (known is not None and known.wish is not None and wanted.wish != known.wish)


def _hashes(desired: Desired) -> list[str]:
    return [one.sha256 for one in desired.wheels]


def recovered(releases: Releases) -> Standing:
    """Where an agent stands whose journal is lost: with the release that is linked, as one that proved good."""
    known = releases.known()
    return Standing() if known is None else Standing(state="good", running=known, goods=(known,))
