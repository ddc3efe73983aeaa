"""An account's live stream: every report in the order received, by way of ccxt's caches."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from exchanges.calling import ask
from exchanges.errors import StreamLost, UnsupportedVenue, VenueError
from exchanges.feed import Feed
from exchanges.payloads import parse_balances, parse_fill, parse_order
from exchanges.port import StreamOpened, UserEvent


class _Tap(list[Any]):
    """Stands where ccxt keeps its cache of orders or trades, passes on each one as it is appended, and keeps none.

    ccxt's cache merges an order's reports into one, so whoever reads between two of them sees only the last. An empty
    one also keeps ccxt from adding up fees in floats.
    """

    def __init__(self, put: Callable[[UserEvent], None], parse: Callable[[Any], UserEvent]) -> None:
        super().__init__()
        self.hashmap: dict[str, Any] = {}
        self._put = put
        self._parse = parse

    def append(self, raw: Any) -> None:
        self._put(self._parse(raw))

    def getLimit(self, _symbol: Any, limit: Any) -> Any:  # noqa: N802 -- ccxt's name
        return limit


async def user_events(client: Any) -> AsyncIterator[UserEvent]:
    if not client.has.get("watchOrders"):
        raise UnsupportedVenue("", f"ccxt has no user stream for {client.id}")
    feed = Feed[UserEvent](StreamOpened())
    client.feed = feed
    client.orders = _Tap(feed.put, parse_order)
    client.myTrades = _Tap(feed.put, parse_fill)

    async def follow_balances() -> None:
        while True:
            feed.put(parse_balances(await client.watch_balance()))

    async def fail_with(watching: Awaitable[Any]) -> None:
        """ccxt's methods return at the first message; from then on the taps alone bring what comes."""
        try:
            await ask(watching)
        except VenueError as error:
            feed.fail(StreamLost(f"the user stream failed: {error}"))

    watched = [client.watch_orders(), follow_balances()]
    if client.has.get("watchMyTrades"):
        watched.append(client.watch_my_trades())
    watching = [asyncio.create_task(fail_with(each)) for each in watched]
    try:
        while True:
            yield await feed.get()
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await client.close()
