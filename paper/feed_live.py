"""A real venue's public quotes, followed as they come. Nothing is ever sent there but the wish to listen."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from paper.errors import PaperError
from paper.feed import Print, Tick
from paper.fixed import ONE, from_decimal
from paper.markets import Market
from trading.ids import Symbol
from trading.instruments import Instrument
from trading.market import Quote

log = logging.getLogger(__name__)

_STALE_S = 30.0
_RETRY_S = 2.0
_LEVEL_WORTH = 10_000 * ONE
_PRINT_WORTH = 500 * ONE


class LiveSource(Protocol):
    """Where the quotes come from: what `exchanges.port.PublicMarket` offers."""

    async def instruments(self, symbols: Sequence[Symbol] | None = None) -> Mapping[Symbol, Instrument]: ...
    def quote_stream(self, symbols: Sequence[Symbol]) -> AsyncIterator[Quote]:
        """Ends by raising when the stream is lost."""


class LiveFeed:
    """The newest quote of each market. Where it has gone stale, nobody quotes."""

    def __init__(self, source: LiveSource, markets: Sequence[Market]) -> None:
        self._source = source
        self._markets = {Symbol(market.name): market for market in markets}
        self._quotes: dict[str, tuple[Quote, float]] = {}
        self._printed: dict[str, int] = {}
        self.lost = 0
        """How often the stream was lost."""

    async def run(self) -> None:
        """Follow the source for ever. A lost stream is opened again after a while."""
        while True:
            try:
                async for quote in self._source.quote_stream(list(self._markets)):
                    self._quotes[quote.symbol] = (quote, asyncio.get_running_loop().time())
                problem: Exception = PaperError("the stream ended")
            except Exception as lost:  # noqa: BLE001 (whatever it was, the market goes on when the stream is back)
                problem = lost
            self.lost += 1
            log.warning("lost the live quotes (%s), trying again in %s s", problem, _RETRY_S)
            await asyncio.sleep(_RETRY_S)

    def step(self, number: int) -> Mapping[str, Tick]:  # noqa: ARG002 (the present has no numbers)
        oldest = asyncio.get_running_loop().time() - _STALE_S
        ticks = {}
        for name, (quote, received_at) in self._quotes.items():
            market = self._markets[Symbol(name)]
            ticks[market.symbol] = self._tick(market, quote) if received_at >= oldest else Tick(0, 0, 0)
        return ticks

    def memory(self) -> tuple[float, ...]:
        return ()

    def resume(self, step: int, *, memory: tuple[float, ...], remembered_at: int) -> None:
        """Nothing to do: the present remembers nothing."""

    def _tick(self, market: Market, quote: Quote) -> Tick:
        price_tick = market.price_tick
        bid = from_decimal(quote.bid) // price_tick * price_tick
        ask = max(-(-from_decimal(quote.ask) // price_tick) * price_tick, bid + price_tick)
        last = from_decimal(quote.last)
        before = self._printed.get(market.symbol)
        self._printed[market.symbol] = last
        prints = []
        if last > 0 and last != before:
            prints.append(Print(last >= (before or last), _lots(market, _PRINT_WORTH, last)))
        return Tick(bid, ask, _lots(market, _LEVEL_WORTH, bid), prints)


def _lots(market: Market, worth: int, price: int) -> int:
    """About how much of the base a worth in the quote is, in whole lots."""
    return max(1, worth * ONE // price // market.lot_step) * market.lot_step
