"""Live best bids and asks, by way of ccxt: the latest of each symbol, however slow the reader."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from exchanges.calling import ask
from exchanges.errors import StreamLost, UnsupportedVenue, VenueError
from exchanges.feed import Feed
from trading.ids import Symbol
from trading.market import Quote

SILENCE_MAX_S = 10.0
"""A half-dead stream answers pings and delivers nothing. Longer without a quote of any symbol, and it is lost."""


class _Tap(dict[str, Any]):
    """Stands where ccxt keeps its table of tickers, and tells which of them were set."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        super().__init__()
        self._changed = changed

    def __setitem__(self, symbol: str, ticker: Any) -> None:
        super().__setitem__(symbol, ticker)
        self._changed(symbol)


async def quote_stream(
    client: Any, symbols: Sequence[Symbol], parse: Callable[[Any], Quote], silence_max_s: float = SILENCE_MAX_S
) -> AsyncIterator[Quote]:
    if not client.has.get("watchBidsAsks"):
        raise UnsupportedVenue("", f"ccxt has no stream of best bids and asks for {client.id}")
    feed = Feed[str]()
    waiting: set[str] = set()

    def changed(symbol: str) -> None:
        if symbol not in waiting:
            waiting.add(symbol)
            feed.put(symbol)

    client.feed = feed
    client.bidsasks = latest = _Tap(changed)

    async def watch() -> None:
        """ccxt's method returns at the first message; from then on the tap alone brings what comes."""
        try:
            await ask(client.watch_bids_asks(list(symbols)))
        except VenueError as error:
            feed.fail(StreamLost(f"the quote stream failed: {error}"))

    watching = asyncio.create_task(watch())
    try:
        while True:
            try:
                async with asyncio.timeout(silence_max_s):
                    symbol = await feed.get()
            except TimeoutError:
                raise StreamLost(f"no quote for {silence_max_s:g} s") from None
            waiting.discard(symbol)
            yield parse(latest[symbol])
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await client.close()
