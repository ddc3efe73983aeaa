"""What anybody may ask of a venue, over ccxt."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from exchanges.calling import ask
from exchanges.clock import measure_offset_ms
from exchanges.payloads import parse_candle, parse_instrument, parse_quote
from exchanges.quote_stream import quote_stream
from trading.ids import Symbol
from trading.instruments import Instrument
from trading.market import Candle, Quote

TICK_SIZE_MODE = 4
"""ccxt's constant for an exchange that states its precision as a step."""


class CcxtMarket:
    """Fulfils `exchanges.port.PublicMarket`."""

    def __init__(
        self,
        client: Any,
        prepare: Callable[[], Awaitable[None]],
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._client = client
        self._prepare = prepare
        self._close = close
        self._versions = itertools.count(1)

    async def instruments(self, symbols: Sequence[Symbol] | None = None) -> Mapping[Symbol, Instrument]:
        """Of the spot markets that trade now; those asked for that do not are left out."""
        await self._prepare()
        markets = self._client.markets
        ticks = self._client.precisionMode == TICK_SIZE_MODE
        return {
            Symbol(name): parse_instrument(markets[name], ticks=ticks)
            for name in (markets if symbols is None else symbols)
            if name in markets and markets[name]["spot"] and markets[name]["active"] is not False
        }

    async def quotes(self, symbols: Sequence[Symbol]) -> Sequence[Quote]:
        await self._prepare()
        tickers = await ask(self._client.fetch_bids_asks(list(symbols)))
        return [self._quote(tickers[symbol]) for symbol in symbols if symbol in tickers]

    async def candles(self, symbol: Symbol, timeframe: str, since: datetime | None, limit: int) -> Sequence[Candle]:
        await self._prepare()
        since_ms = None if since is None else int(since.timestamp() * 1000)
        rows = await ask(self._client.fetch_ohlcv(symbol, timeframe, since_ms, limit))
        return [parse_candle(row, symbol=symbol, timeframe=timeframe) for row in rows]

    async def quote_stream(self, symbols: Sequence[Symbol]) -> AsyncIterator[Quote]:
        await self._prepare()
        async for quote in quote_stream(self._client.copy_with(), symbols, self._quote):
            yield quote

    async def clock_offset_ms(self) -> int:
        return await measure_offset_ms(self._client)

    def _quote(self, ticker: Any) -> Quote:
        return parse_quote(ticker, received_at=datetime.now(UTC), version=next(self._versions))

    async def close(self) -> None:
        if self._close is not None:
            await self._close()
