"""The virtual store: a store's day from a seed, for trying bundles without a store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.virtual.abuse import Abuse
from storeloom.core.virtual.bookings import Bookings
from storeloom.core.virtual.building import Building
from storeloom.core.virtual.cameras import Cameras
from storeloom.core.virtual.checkout import Checkout
from storeloom.core.virtual.consents import Consents
from storeloom.core.virtual.creators import Creators
from storeloom.core.virtual.demand import Demand, Prices
from storeloom.core.virtual.devices import Devices
from storeloom.core.virtual.facts import Fact, Row, Tables, at_local
from storeloom.core.virtual.fitting import Fitting
from storeloom.core.virtual.formats import default_devices_of, default_profile
from storeloom.core.virtual.gift_cards import GiftCards
from storeloom.core.virtual.groups import Groups
from storeloom.core.virtual.live_rooms import LiveRooms
from storeloom.core.virtual.machines import WATCHED_S, Machines
from storeloom.core.virtual.online import Online
from storeloom.core.virtual.outside import PROBED_S, Outside
from storeloom.core.virtual.parcels import Parcels
from storeloom.core.virtual.plans import Plans
from storeloom.core.virtual.presence import Presence
from storeloom.core.virtual.price_changes import PriceChanges
from storeloom.core.virtual.price_slips import PriceSlips
from storeloom.core.virtual.receipt_photos import ReceiptPhotos
from storeloom.core.virtual.rounds import Rounds
from storeloom.core.virtual.skin_tests import SkinTests
from storeloom.core.virtual.staffing import Staffing
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.supply import Supply
from storeloom.core.virtual.tables import build_tables
from storeloom.core.virtual.tables_club import add_programme
from storeloom.core.virtual.trade import Trade
from storeloom.core.virtual.truth import Truth
from storeloom.core.virtual.wallets import Wallets
from storeloom.core.virtual.weather import Weather
from storeloom.core.virtual.world import World


class VirtualStore:
    """Shoppers, stock, staff, building and devices of one store.

    `profile` needs a `format`; what it leaves out is taken from `default_profile`. `scale` multiplies traffic (1.0 is a
    supermarket of about 3,000 receipts a day). `tables` replaces whole tables, the others are derived to fit. The same
    arguments give the same facts, whatever streams are asked for. `beats`: see `Machines`. Raises ValueError for an unknown format or
    table.
    """

    def __init__(
        self,
        profile: Mapping[str, Any],
        *,
        seed: int = 1,
        scale: float = 1.0,
        tables: Mapping[str, list[Row]] | None = None,
        beats: Mapping[str, float] | None = None,
    ) -> None:
        store_format = profile.get("format", "supermarket")
        self.profile: Row = {**default_profile(store_format), **profile}
        self.tables: Tables = build_tables(store_format, seed, tables, scale=scale, store=self.profile["store"])
        add_programme(self.tables, store_format, seed, tables or ())
        self.world = World(self.profile, self.tables, seed, scale)
        self.stock = Stock(self.world)
        self.supply = Supply(self.world, self.stock)
        self.weather = Weather(self.world)
        self.staffing = Staffing(self.world)
        self.prices = Prices(self.world)
        self.demand = Demand(self.world, self.stock, self.prices)
        self.price_changes = PriceChanges(self.world, self.prices, self.demand)
        self.wallets = Wallets(self.world)
        self.gift_cards = GiftCards(self.world, self.staffing)
        self.price_slips = PriceSlips(self.world, self.stock, self.prices, self.demand)
        self.checkout = Checkout(self.world, self.stock, self.prices, self.staffing, self.wallets, self.gift_cards)
        self.trade = Trade(self.world, self.stock, self.demand, self.weather, self.checkout)
        self.cameras = Cameras(self.world, self.stock)
        self.machines = Machines(self.world, self.stock, beats)
        self.online = Online(self.world, self.stock, self.demand, self.staffing, self.checkout)
        self.groups = Groups(self.world)
        self.live_rooms = LiveRooms(self.world, self.stock, self.prices, self.online)
        self.bookings = Bookings(self.world, self.stock, self.online)
        self.parcels = Parcels(self.world)
        self.fitting = Fitting(self.world, self.stock)
        self.skin_tests = SkinTests(self.world)
        self.creators = Creators(self.world, self.stock, self.online)
        self.consents = Consents(self.world)
        self.receipt_photos = ReceiptPhotos(self.world)
        self.plans = Plans(self.world, self.online)
        self.abuse = Abuse(self.world, self.wallets, self.trade)
        self.checkout.banked = self.abuse.banked
        self.outside = Outside(self.world, PROBED_S if beats is None else WATCHED_S)
        self.rounds = Rounds(self.world, self.staffing)
        self.building = Building(self.world, self.weather, self.cameras.occupancy)
        self.checkout.trade = self.trade
        self.checkout.waiting = self.cameras.visit
        self.presence = Presence(self.world)
        self.trade.watchers += [self.fitting.watch, self.cameras.watch, self.outside.watch, self.presence.watch]
        self.trade.leavers += [self.cameras.left, self.outside.left, self.fitting.left]
        self._devices = Devices(self)
        self._started = False

    @property
    def truth(self) -> Truth:
        """What really happened so far; balances and lifts as of now."""
        self.world.truth.balance = self.stock.balance()
        self.demand.links.close()
        return self.world.truth

    def default_devices(self) -> dict[str, Row]:
        """Device id to {kind, zone, ...}, with every adapter kind at least once."""
        return default_devices_of(self.profile["format"])

    def run(self, start: date, days: int, streams: Collection[str]) -> Iterator[Fact]:
        """Facts of the asked streams in order of arrival, from the local midnight that begins `start`, for whole store days.

        Facts that arrive after the last midnight come with the next run, which may go on where this one ended.
        Raises ValueError for a start before the clock or a negative number of days.
        """
        if days < 0:
            raise ValueError(f"days must not be negative, got {days}")
        if at_local(start, "00:00", self.world.zone) < self.world.now:
            raise ValueError(f"the store's clock is already past {start}")
        return self._run(start, days, frozenset(streams))

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> list[Fact]:
        """The answers of devices and people to a command, at or after `at`, in order; none for a stream that nobody answers.

        The caller merges them into the run. What the command changes in the world happens as the run goes on.
        Raises ValueError for a time without a zone.
        """
        if at.tzinfo is None:
            raise ValueError("the time of a command needs a zone")
        return self._devices.command(stream, data, at)

    def _run(self, start: date, days: int, streams: frozenset[str]) -> Iterator[Fact]:
        self.world.wanted = streams
        for number in range(days):
            day = start + timedelta(days=number)
            midnight = self.world.begin_day(day)
            self.world.now = max(self.world.now, midnight)
            if not self._started:
                self.stock.open_books()
                self.staffing.first_day(midnight)
                self._started = True
            self._start_day(midnight)
            yield from self.world.advance(at_local(day + timedelta(days=1), "00:00", self.world.zone))

    def _start_day(self, midnight: float) -> None:
        self.staffing.start_day(midnight)
        self.weather.start_day(midnight)
        self.demand.start_day(midnight)
        self.stock.start_day(midnight)
        self.supply.start_day(midnight)
        self.checkout.start_day(midnight)
        self.trade.start_day(midnight)
        self.cameras.start_day(midnight)
        self.machines.start_day(midnight)
        self.online.start_day(midnight)
        self.building.start_day(midnight)
        self.outside.start_day(midnight)
        self.price_changes.start_day(midnight)
        self.rounds.start_day(midnight)
        self.groups.start_day(midnight)
        self.live_rooms.start_day(midnight)
        self.bookings.start_day(midnight)
        self.parcels.start_day(midnight)
        self.skin_tests.start_day(midnight)
        self.creators.start_day(midnight)
        self.consents.start_day(midnight)
        self.receipt_photos.start_day(midnight)
        self.plans.start_day(midnight)
        self.abuse.start_day(midnight)
        self.gift_cards.start_day(midnight)
        self.price_slips.start_day(midnight)
