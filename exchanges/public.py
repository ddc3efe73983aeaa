"""What anybody may ask of a venue, over ccxt."""

import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from exchanges.calling import ask
from exchanges.errors import Unparsable
from exchanges.payloads import parse_candle, parse_instrument, parse_quote
from exchanges.quote_stream import quote_stream
from trading.ids import Symbol
from trading.instruments import Instrument
from trading.market import Candle, Quote

CLOCK_SAMPLES = 5
TICK_SIZE_MODE = 4
"""ccxt's constant for an exchange that states its precision as a step."""


class CcxtMarket:
    """Fulfils `exchanges.port.PublicMarket`."""

    def __init__(
        self,
        client: Any,
        load_markets: Callable[[], Awaitable[None]],
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._client = client
        self._load_markets = load_markets
        self._close = close
        self._versions = itertools.count(1)

    async def instruments(self, symbols: Sequence[Symbol] | None = None) -> Mapping[Symbol, Instrument]:
        """Of the spot markets that trade now; those asked for that do not are left out."""
        await self._load_markets()
        markets = self._client.markets
        ticks = self._client.precisionMode == TICK_SIZE_MODE
        return {
            Symbol(name): parse_instrument(markets[name], ticks=ticks)
            for name in (markets if symbols is None else symbols)
            if name in markets and markets[name]["spot"] and markets[name]["active"] is not False
        }

    async def quotes(self, symbols: Sequence[Symbol]) -> Sequence[Quote]:
        await self._load_markets()
        tickers = await ask(self._client.fetch_bids_asks(list(symbols)))
        return [self._quote(tickers[symbol]) for symbol in symbols if symbol in tickers]

    async def candles(self, symbol: Symbol, timeframe: str, since: datetime | None, limit: int) -> Sequence[Candle]:
        await self._load_markets()
        since_ms = None if since is None else int(since.timestamp() * 1000)
        rows = await ask(self._client.fetch_ohlcv(symbol, timeframe, since_ms, limit))
        return [parse_candle(row, symbol=symbol, timeframe=timeframe) for row in rows]

    async def quote_stream(self, symbols: Sequence[Symbol]) -> AsyncIterator[Quote]:
        await self._load_markets()
        async for quote in quote_stream(self._client.copy_with(), symbols, self._quote):
            yield quote

    async def clock_offset_ms(self) -> int:
        """The median of several: one slow answer makes one bad sample, not a bad clock."""
        offsets = [await self._clock_sample_ms() for _ in range(CLOCK_SAMPLES)]
        offset = round(statistics.median(offsets))
        self._client.line.clock_offset_ms = offset
        return offset

    async def _clock_sample_ms(self) -> float:
        asked_at = time.time() * 1000
        venue_ms = await ask(self._client.fetch_time())
        answered_at = time.time() * 1000
        if not isinstance(venue_ms, int):
            raise Unparsable("the venue did not tell its time")
        return venue_ms - (asked_at + answered_at) / 2

    def _quote(self, ticker: Any) -> Quote:
        return parse_quote(ticker, received_at=datetime.now(UTC), version=next(self._versions))

    async def close(self) -> None:
        if self._close is not None:
            await self._close()
