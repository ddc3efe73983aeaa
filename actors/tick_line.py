"""A host's line to a venue's market data: one tick stream, opened again whenever it ends or falls silent."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

import structlog

from actors.handles import CallError, find_market
from actors.ticks import TickClient, TickStreamLost
from trading.ids import Symbol, VenueName
from trading.market import Quote, Reading
from trading.strategies.contract import Feed

RETRY_PAUSE_S = 0.5

log = structlog.get_logger()


class Seer(Protocol):
    """What a host does with what the market does."""

    def see(self, venue: VenueName, news: Quote | Reading) -> None: ...


class TickLine:
    def __init__(self, venue: VenueName, seer: Seer) -> None:
        self._venue = venue
        self._seer = seer
        self._symbols: frozenset[Symbol] = frozenset()
        self._feeds: frozenset[Feed] = frozenset()
        self._client: TickClient | None = None

    def want(self, symbols: Iterable[Symbol], feeds: Iterable[Feed]) -> None:
        wanted = frozenset(symbols), frozenset(feeds)
        if wanted == (self._symbols, self._feeds):
            return
        self._symbols, self._feeds = wanted
        if self._client is not None:
            self._client.subscribe(self._symbols, self._feeds)

    async def listen(self) -> None:
        while True:
            try:
                market = await find_market(self._venue)
                host, port, token = await market.stream()
                self._client = await TickClient.connect(host, port, token)
                self._client.subscribe(self._symbols, self._feeds)
                async for news in self._client.news():
                    self._seer.see(self._venue, news)
            except (CallError, TickStreamLost) as error:
                log.warning("tick stream lost", venue=self._venue, reason=str(error))
            finally:
                if self._client is not None:
                    self._client.close()
                    self._client = None
            await asyncio.sleep(RETRY_PAUSE_S)
