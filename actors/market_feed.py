"""What the market-data actor does: follow the quotes that anybody wants, keep candles, compute indicators once."""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from actors.config import FleetConfig
from actors.handles import node_address
from actors.ledger_line import LedgerLine
from actors.ticks import TickServer
from exchanges.errors import VenueError
from exchanges.port import PublicMarket
from exchanges.venues import open_public
from indicators.errors import IndicatorError
from indicators.series import Series
from trading.ids import Symbol, VenueName
from trading.instruments import Instrument
from trading.market import Candle, Quote
from trading.strategies.contract import Feed
from trading.timeframes import Timeframe

RECONNECT_FIRST_S = 0.2
RECONNECT_MOST_S = 5.0
CANDLES_ASKED_MAX = 1000
CANDLE_SETTLES = timedelta(seconds=1)
"""A venue needs a moment after the full minute until its candle is final."""
CANDLE_RETRY_S = 5.0
SHOWN = Timeframe.MINUTE_1
"""Kept of every symbol that is traded, whether or not a strategy asks: charts are drawn from it."""

log = structlog.get_logger()


class MarketFeed:
    """One connection to the venue feeds every host. Candles are fetched once and written down by the ledger."""

    def __init__(self, venue: VenueName, market: PublicMarket, instruments: Mapping[Symbol, Instrument]) -> None:
        self.instruments = instruments
        self.quotes: dict[Symbol, Quote] = {}
        self.received = 0
        self.address = ("", 0, secrets.token_urlsafe(32))
        self._venue = venue
        self._market = market
        self._ticks = TickServer(self.address[2])
        self._series: dict[tuple[Symbol, Timeframe], Series] = {}
        self._ledger = LedgerLine(f"market:{venue}", heartbeat_s=0)
        self._wanted_changed = asyncio.Event()

    @classmethod
    async def start(cls, config: FleetConfig, venue: str) -> "MarketFeed":
        market = await open_public(config.venue(venue))
        feed = cls(VenueName(venue), market, await market.instruments())
        host = node_address()
        feed.address = (host, await feed._ticks.start(host), feed.address[2])
        return feed

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_quotes())
            group.create_task(self._keep_candles())
            group.create_task(self._ledger.write())

    async def _follow_quotes(self) -> None:
        """Follow what anybody wants, through every disconnection, with a growing pause between tries."""
        pause_s = RECONNECT_FIRST_S
        while True:
            self._ticks.wanted.clear()
            self._wanted_changed.set()
            symbols = sorted(self._ticks.symbols & self.instruments.keys())
            if not symbols:
                await self._ticks.wanted.wait()
                continue
            before = self.received
            try:
                await self._read_until_others_are_wanted(symbols)
            except VenueError as error:
                if self.received > before:
                    pause_s = RECONNECT_FIRST_S
                log.warning("market feed lost", venue=self._venue, reason=str(error), again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RECONNECT_MOST_S)

    async def _read_until_others_are_wanted(self, symbols: Sequence[Symbol]) -> None:
        reading = asyncio.create_task(self._read(symbols))
        try:
            while frozenset(symbols) == self._ticks.symbols & self.instruments.keys():
                self._ticks.wanted.clear()
                self._wanted_changed.set()
                changing = asyncio.create_task(self._ticks.wanted.wait())
                await asyncio.wait({reading, changing}, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
                if reading.done():
                    reading.result()
                    return
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, VenueError):
                await reading

    async def _read(self, symbols: Sequence[Symbol]) -> None:
        # The stream says what changes; what is there already has to be asked for once.
        for quote in await self._market.quotes(symbols):
            self._publish(quote)
        async for quote in self._market.quote_stream(symbols):
            self._publish(quote)

    def _publish(self, quote: Quote) -> None:
        self.received += 1
        self.quotes[quote.symbol] = quote
        self._ticks.publish(quote)

    async def _keep_candles(self) -> None:
        """Fetch each candle once it has closed, and at the beginning as many as the indicators need."""
        while True:
            self._wanted_changed.clear()
            self._choose_series()
            retry = False
            for (symbol, timeframe), series in self._series.items():
                if self._is_due(series, timeframe):
                    try:
                        await self._fetch(symbol, timeframe, series)
                    except VenueError as error:
                        log.warning("candles not fetched", symbol=symbol, timeframe=timeframe, reason=str(error))
                        retry = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CANDLE_RETRY_S if retry else self._next_close_in_s()):
                    await self._wanted_changed.wait()

    def _choose_series(self) -> None:
        feeds: dict[tuple[Symbol, Timeframe], list[Feed]] = {
            (symbol, SHOWN): [] for symbol in self._ticks.symbols & self.instruments.keys()
        }
        for feed in self._ticks.feeds:
            if feed.symbol in self.instruments:
                feeds.setdefault((feed.symbol, Timeframe(feed.timeframe)), []).append(feed)
        self._series = {key: self._series.get(key) or Series(*key) for key in feeds}
        for key, asked in feeds.items():
            series = self._series[key]
            try:
                series.follow(asked)
            except IndicatorError as error:
                log.warning("indicator not computed", symbol=key[0], timeframe=key[1], reason=str(error))
            if series.newest is not None and (reading := series.reading()) is not None:
                self._ticks.publish_reading(reading)

    def _is_due(self, series: Series, timeframe: Timeframe) -> bool:
        newest = series.newest
        return newest is None or timeframe.replaced_at(newest) + CANDLE_SETTLES <= _now()

    async def _fetch(self, symbol: Symbol, timeframe: Timeframe, series: Series) -> None:
        """Page forward from the newest candle that is known until the venue has no more."""
        since = series.newest or _now() - timeframe.length * series.history
        while True:
            candles = await self._market.candles(symbol, timeframe, since, CANDLES_ASKED_MAX)
            reading = series.take(candles, _now())
            self._write_down(candles)
            if reading is not None:
                self._ticks.publish_reading(reading)
            if len(candles) < CANDLES_ASKED_MAX:
                return
            since = candles[-1].opened_at

    def _write_down(self, candles: Sequence[Candle]) -> None:
        now = _now()
        closed = [candle for candle in candles if Timeframe(candle.timeframe).closed_at(candle.opened_at) <= now]
        self._ledger.keep_candles(self._venue, closed)

    def _next_close_in_s(self) -> float:
        """Until the next candle of any series will have closed."""
        now = _now()
        closes = [
            (timeframe.replaced_at(series.newest) if series.newest else now + timedelta(seconds=CANDLE_RETRY_S))
            + CANDLE_SETTLES
            for (_, timeframe), series in self._series.items()
        ]
        return max((min(closes) - now).total_seconds(), 0.1) if closes else SHOWN.length.total_seconds()


def _now() -> datetime:
    return datetime.now(UTC)
