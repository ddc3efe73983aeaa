"""One account's trading day, all of it real but Ray: exchange, ccxt, gateway, database, trader, ledger.

The market stands where the test puts it, and time passes only when the test says so. Each step ends when nobody has
anything left to do: our books say what the venue says, and the trader, asked again, would send nothing.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from actors.ledger_book import LedgerBook
from actors.messages import Heartbeat, NewsLost
from actors.trader import Trader
from exchanges.errors import StreamLost
from exchanges.port import PublicMarket
from exchanges.venues import open_public
from indicators.series import Series
from paper.candles import MINUTE
from paper.candles import Candle as Minute
from paper.crowd import Crowd
from paper.feed import Print, Tick
from paper.fixed import units
from paper.markets import market
from paper.settings import PaperSettings
from tests.acceptance.strategies.truth import Truth
from tests.trading_floor import Customer, Floor, open_floor, until
from trading.decide import decide
from trading.events import (
    Answer,
    Assignment,
    CancelOrders,
    Checkpoint,
    Command,
    CommandReceived,
    Question,
    QuoteChanged,
    ReadingChanged,
    Record,
    SaveCheckpoint,
    Snapshot,
    SubmitOrders,
    TimePassed,
)
from trading.ids import Symbol
from trading.market import Quote
from trading.orders import Outcome
from trading.timeframes import Timeframe

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
VENUE = PaperSettings(
    feed="none",
    markets=(
        market("BTC", "USDT", start="100", tick="0.01", step="0.00001"),
        market("ETH", "USDT", start="10", tick="0.01", step="0.0001"),
        market("BNB", "USDT", start="500", tick="0.01", step="0.001"),
    ),
)
PLENTY = units("1000")
"""What rests at the best price, in the base asset."""
LIMITS = {"quote_age_max_s": 3600}
"""The clock jumps here, and a quote is as old as the jump was far."""
NOTHING_LEFT_TO_SAY = (Record, SaveCheckpoint)


class TradingDay:
    """A trader at its desk and the world around it."""

    def __init__(self, floor: Floor, customer: Customer, market: PublicMarket, assignment: Assignment) -> None:
        # A whole hour that has not come yet: candles begin on it, and nothing in the database is younger.
        self.now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
        self.records: list[Record] = []
        self.answers: dict[str, Answer] = {}
        """To questions, by their kind."""
        self.truth = Truth(floor, customer)
        self.trader = Trader(assignment, self, lambda: self.now)
        self._floor = floor
        self._customer = customer
        self._market = market
        self._ledger = LedgerBook(floor.config)
        self._crowds = {name: Crowd(floor.exchange.venue, name) for name in floor.exchange.venue.pits}
        self._series: dict[tuple[Symbol, Timeframe], Series] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._lines = itertools.count(1)
        self._moves = itertools.count(1)

    # The world

    async def move(self, *bids: str | Mapping[Symbol, str]) -> None:
        """Put the market at each of these bids in turn, the ask a tick above. Of BTC, if no market is named."""
        for bid in bids:
            await self._set({BTC: bid} if isinstance(bid, str) else bid)

    async def wait(self, seconds: float) -> None:
        """Time passes and the market stands where it stood."""
        self.now += timedelta(seconds=seconds)
        await self._set({symbol: str(self.truth.top(symbol)[0]) for symbol in self.trader.state.needs.symbols})

    async def tell(self, name: str, **detail: Any) -> None:
        """Give the strategy a command, as its owner may."""
        command = Command(
            id=f"cmd_{next(self._lines)}",
            name=name,
            detail=detail,
            at=self.now,
            expires_at=self.now + timedelta(minutes=1),
        )
        self.trader.inbox.put(CommandReceived(command))
        await until(lambda: command.id in self.trader.state.memory.commands, what="the command is heard")
        await self.calm()

    def remember(self, symbol: Symbol, closes: Sequence[str]) -> None:
        """Candles of the minutes before the day begins."""
        before = [units(close) for close in closes]
        minutes = self._floor.exchange.venue.state.minutes[symbol.replace("/", "")]
        opened_at = int(self.now.timestamp() * 1000) - len(before) * MINUTE
        for close, last in zip(before, [before[0], *before], strict=False):
            minutes.append(Minute(opened_at, last, max(last, close), min(last, close), close))
            opened_at += MINUTE

    # The trader

    async def begin(self) -> None:
        needs = self.trader.state.needs
        for feed in needs.feeds:
            key = feed.symbol, Timeframe(feed.timeframe)
            self._series.setdefault(key, Series(*key)).follow(
                other for other in needs.feeds if (other.symbol, other.timeframe) == key
            )
        self._tasks = [
            asyncio.create_task(work)
            for work in (self.trader.run(), self._listen(), self._watch_quotes(), self._beat())
        ]
        await self.calm()

    async def die(self) -> None:
        """The process is killed, and another takes over with nothing but what was written down."""
        await self.end()
        self._customer = self.truth.customer = await self._customer.take_over()
        self._series.clear()
        epoch = self._customer.assignment.epoch
        assignment = msgspec.structs.replace(self.trader.assignment, epoch=epoch)
        self.trader = Trader(assignment, self, lambda: self.now)
        await self.begin()
        await self._read_candles()
        await self.calm()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def calm(self) -> None:
        """Return when all that was set off has come to rest."""

        def rests() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return self._is_calm()

        await until(rests, 20, "everybody has come to rest")

    # The trader's desk: what a host's lines are, without Ray between

    async def open(self, assignment: Assignment) -> Snapshot:
        snapshot = await self._floor.desks.open(assignment, self._customer.host)
        assert isinstance(snapshot, Snapshot), snapshot
        return snapshot

    async def submit(self, assignment: Assignment, submission: SubmitOrders) -> tuple[Outcome, ...]:
        return await self._floor.desks.submit(assignment, submission.orders, submission.checkpoint)

    async def cancel(self, assignment: Assignment, cancellation: CancelOrders) -> None:
        await self._floor.desks.cancel(assignment, cancellation.orders)

    async def ask(self, _assignment: Assignment, question: Question, /) -> Answer:
        known = self.answers.get(question.kind, Answer(question=question.id, error="nobody is there to be asked"))
        return msgspec.structs.replace(known, question=question.id)

    def save(self, assignment: Assignment, checkpoint: Checkpoint) -> None:
        """Not every save reaches the ledger before the process dies: here none does, and the trader must not mind."""

    def record(self, assignment: Assignment, record: Record) -> None:
        self.records.append(record)

    def run_closed(self, assignment: Assignment, reason: str) -> None:
        raise AssertionError(f"nobody asked for the run to be closed: {reason}")

    # Within

    def _is_calm(self) -> bool:
        state, truth = self.trader.state, self.truth
        asked = None in state.answers.values()
        if not state.synced or state.awaited or state.cancelling or asked or not self._sees_the_market():
            return False
        for key, series in self._series.items():
            if series.reading() != state.readings.get(key):
                return False
        if truth.open_orders() != truth.known_open(state) or truth.balances() != truth.known_balances(state):
            return False
        if truth.totals() != truth.by_the_books(state.memory.books.flows):
            return False
        _, decisions = decide(state, TimePassed(), self.now)
        return all(isinstance(decision, NOTHING_LEFT_TO_SAY) for decision in decisions)

    def _sees_the_market(self) -> bool:
        quotes = [self.trader.state.quotes.get(symbol) for symbol in self.trader.state.needs.symbols]
        return all(
            quote is not None
            and quote.received_at == self.now
            and (quote.bid, quote.ask) == self.truth.top(quote.symbol)
            for quote in quotes
        )

    async def _set(self, bids: Mapping[Symbol, str]) -> None:
        for symbol, bid in bids.items():
            self.put(symbol, bid)
        await self._floor.exchange.commit()
        await until(self._sees_the_market, what="the trader sees the market")
        await self._read_candles()
        await self.calm()

    def put(self, symbol: Symbol, bid: str) -> None:
        """Have the market stand there, before anybody is told."""
        exchange = self._floor.exchange
        name = symbol.replace("/", "")
        rules = exchange.venue.pits[name].market
        # Each time a little more of it, so that every move is a change that the stream tells of.
        quantity = PLENTY + next(self._moves) * rules.lot_step
        price = units(bid)
        crowd, at = self._crowds[name], int(self.now.timestamp() * 1000)
        crowd.leave()
        prints = (Print(True, rules.lot_step),) if self._series else ()
        crowd.follow(Tick(price, price + rules.price_tick, quantity, prints, at), exchange.clock())
        exchange.venue.roll(exchange.venue.pits[name], exchange.clock())

    async def _read_candles(self) -> None:
        for (symbol, timeframe), series in self._series.items():
            candles = await self._market.candles(symbol, timeframe, series.newest, 1000)
            reading = series.take(candles, self.now)
            if reading is not None:
                self.trader.inbox.put(ReadingChanged(reading))

    async def _listen(self) -> None:
        mailbox = self._floor.desks.mailbox(self._customer.host)
        while True:
            for _, event in await mailbox.take():
                if isinstance(event, NewsLost):
                    self.trader.resync()
                else:
                    self.trader.inbox.put(event)

    async def _watch_quotes(self) -> None:
        symbols = self.trader.state.needs.symbols
        while True:
            for quote in await self._market.quotes(symbols):
                self._see(quote)
            try:
                async for quote in self._market.quote_stream(symbols):
                    self._see(quote)
            except StreamLost:
                continue  # a slow test: nothing moved for long

    def _see(self, quote: Quote) -> None:
        self.trader.inbox.put(QuoteChanged(msgspec.structs.replace(quote, at=self.now, received_at=self.now)))

    async def _beat(self) -> None:
        assignment = self.trader.assignment
        beat = Heartbeat(account=assignment.account, user=assignment.user, epoch=assignment.epoch, state="running")
        while True:
            assert await self._ledger.beat(self._customer.host, [beat]) == {assignment.account}, "the lease was lost"
            await asyncio.sleep(5)


@asynccontextmanager
async def trading_day(
    database_url: str,
    strategy: str,
    params: Mapping[str, Any],
    *,
    balances: Mapping[str, str] | None = None,
    discount: bool = False,
    prices: Mapping[Symbol, str] | None = None,
    history: Sequence[str] = (),
) -> AsyncIterator[TradingDay]:
    """An account with 1000 USDT, if nothing else is said, and a market at 100."""
    async with open_floor(database_url, VENUE) as floor:
        customer = await floor.customer(balances=balances or {"USDT": "1000"}, discount=discount)
        market = await open_public(floor.config.venues[0])
        assignment = msgspec.structs.replace(customer.assignment, strategy=strategy, params=params, limits=LIMITS)
        day = TradingDay(floor, customer, market, assignment)
        if history:
            day.remember(BTC, history)
        try:
            for symbol, bid in (prices or {BTC: "100"}).items():
                day.put(symbol, bid)
            await floor.exchange.commit()
            await day.begin()
            yield day
            await day.truth.holds(day.trader.state)
        finally:
            await day.end()
            await market.close()
