"""The shared market data: one feed per venue for the whole cluster, cached with its age, streamed to every host."""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping, Sequence

import structlog

from actors.config import FleetConfig
from actors.handles import node_address, process
from actors.ticks import TickServer
from exchanges.errors import VenueError
from exchanges.port import PublicMarket
from trading.ids import Symbol
from trading.instruments import Instrument
from trading.market import Quote

RECONNECT_FIRST_S = 0.2
RECONNECT_MOST_S = 5.0

log = structlog.get_logger()


class MarketData:
    """Feeds every host from one connection to the venue. A reader never waits for the feed: it gets what there is."""

    def __init__(self, config: FleetConfig, venue: str) -> None:
        self._address = config.venue(venue)
        self._token = secrets.token_urlsafe(32)
        self._ticks = TickServer(self._token)
        self._quotes: dict[Symbol, Quote] = {}
        self._received = 0
        self._market: PublicMarket | None = None
        self._port: int | None = None
        self._instruments: Mapping[Symbol, Instrument] = {}
        self._starting = asyncio.Lock()
        self._feeding: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """Feed until the process ends; raises what ended the feed for good."""
        await self._start()
        assert self._feeding is not None
        await self._feeding

    async def pid(self) -> int:
        return process()[0]

    async def stream(self) -> tuple[str, int, str]:
        await self._start()
        assert self._port is not None
        return node_address(), self._port, self._token

    async def instruments(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Instrument]:
        await self._start()
        return {symbol: self._instruments[symbol] for symbol in symbols if symbol in self._instruments}

    async def quotes(self, symbols: Sequence[Symbol]) -> Sequence[Quote]:
        return [self._quotes[symbol] for symbol in symbols if symbol in self._quotes]

    async def ticks(self) -> int:
        """How many quotes the venue has sent since this actor began."""
        return self._received

    async def _start(self) -> None:
        async with self._starting:
            if self._port is None:
                # Imported here, so that the supervisor, which names this class to start it, does not load ccxt.
                from exchanges.venues import open_public  # noqa: PLC0415

                self._market = await open_public(self._address)
                self._instruments = await self._market.instruments()
                self._port = await self._ticks.start(node_address())
                self._feeding = asyncio.create_task(self._feed(self._market))

    async def _feed(self, market: PublicMarket) -> None:
        """Follow the symbols that anybody wants, through every disconnection, with a growing pause between tries."""
        pause_s = RECONNECT_FIRST_S
        while True:
            self._ticks.wanted.clear()
            symbols = sorted(self._ticks.symbols & self._instruments.keys())
            if not symbols:
                await self._ticks.wanted.wait()
                continue
            before = self._received
            try:
                await self._follow(market, symbols)
            except VenueError as error:
                if self._received > before:
                    pause_s = RECONNECT_FIRST_S
                log.warning("market feed lost", venue=self._address.name, reason=str(error), again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RECONNECT_MOST_S)

    async def _follow(self, market: PublicMarket, symbols: Sequence[Symbol]) -> None:
        """Publish quotes until the stream is lost or somebody wants other symbols."""
        reading = asyncio.create_task(self._read(market, symbols))
        try:
            while frozenset(symbols) == self._ticks.symbols & self._instruments.keys():
                self._ticks.wanted.clear()
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

    async def _read(self, market: PublicMarket, symbols: Sequence[Symbol]) -> None:
        # The stream says what changes; what is there already has to be asked for once.
        for quote in await market.quotes(symbols):
            self._publish(quote)
        async for quote in market.quote_stream(symbols):
            self._publish(quote)

    def _publish(self, quote: Quote) -> None:
        self._received += 1
        self._quotes[quote.symbol] = quote
        self._ticks.publish(quote)
