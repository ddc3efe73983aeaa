"""News on its way to a host: kept until the host takes it, and given up when the host stays away."""

import asyncio
from collections.abc import Sequence

from trading.events import Event
from trading.ids import AccountId

WAIT_S = 10.0
NEWS_MAX = 50_000


class Mailbox:
    """One host's. When it overflows everything in it is dropped: the gap in the numbers makes traders resync."""

    def __init__(self) -> None:
        self._news: list[tuple[AccountId, Event]] = []
        self._ready = asyncio.Event()

    def put(self, account: AccountId, event: Event) -> None:
        if len(self._news) >= NEWS_MAX:
            self._news.clear()
        self._news.append((account, event))
        self._ready.set()

    async def take(self) -> Sequence[tuple[AccountId, Event]]:
        """All there is, as soon as there is something; nothing after a while, so that nobody waits for ever."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._ready.wait()
        except TimeoutError:
            return ()
        self._ready.clear()
        news, self._news = self._news, []
        return news
