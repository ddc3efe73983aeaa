"""The shared market data: one feed per venue for the whole cluster, cached with its age, streamed to every host."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from actors.config import FleetConfig
from actors.handles import process
from actors.logs import set_up_logs
from trading.ids import Symbol
from trading.instruments import Instrument
from trading.market import Quote

if TYPE_CHECKING:
    from actors.market_feed import MarketFeed


class MarketData:
    """A shell: `actors.market_feed` does the work. A reader never waits for the feed: it gets what there is."""

    def __init__(self, config: FleetConfig, venue: str) -> None:
        set_up_logs(config.log_level)
        self._config = config
        self._venue = venue
        self._feed: MarketFeed | None = None
        self._starting = asyncio.Lock()

    async def watch(self) -> None:
        """Feed until the process ends; raises what ended the feed for good."""
        feed = await self._started()
        await feed.run()

    async def pid(self) -> int:
        return process()[0]

    async def stream(self) -> tuple[str, int, str]:
        return (await self._started()).address

    async def instruments(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Instrument]:
        known = (await self._started()).instruments
        return {symbol: known[symbol] for symbol in symbols if symbol in known}

    async def quotes(self, symbols: Sequence[Symbol]) -> Sequence[Quote]:
        known = (await self._started()).quotes
        return [known[symbol] for symbol in symbols if symbol in known]

    async def ticks(self) -> int:
        """How many quotes the venue has sent since this actor began."""
        return (await self._started()).received

    async def _started(self) -> "MarketFeed":
        async with self._starting:
            if self._feed is None:
                # Imported here: whoever looks an actor up loads its class, and need not load ccxt for that.
                from actors.market_feed import MarketFeed  # noqa: PLC0415

                self._feed = await MarketFeed.start(self._config, self._venue)
            return self._feed
