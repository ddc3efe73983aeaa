"""News on its way to a host: kept until the host takes it, and given up when the host stays away."""

import asyncio
from collections.abc import Sequence

from actors.messages import NewsLost
from trading.events import Event
from trading.ids import AccountId

WAIT_S = 10.0
NEWS_MAX = 10_000
AWAY_S = 60.0
"""A host that has not asked for so long is gone, or it will have to begin anew."""

Letter = tuple[AccountId, Event | NewsLost]


class Mailbox:
    """One host's. What it cannot keep it replaces by a word to each account concerned that there was something."""

    def __init__(self) -> None:
        self._news: list[Letter] = []
        self._lost: set[AccountId] = set()
        self._ready = asyncio.Event()
        self._taken_at = asyncio.get_running_loop().time()
        self._takers = 0

    @property
    def forsaken(self) -> bool:
        return not self._takers and asyncio.get_running_loop().time() - self._taken_at > AWAY_S

    def put(self, account: AccountId, event: Event | NewsLost) -> None:
        if len(self._news) >= NEWS_MAX or self.forsaken:
            self._lost.update(addressee for addressee, _ in self._news)
            self._news.clear()
        # Nothing more for an account that must begin anew: the snapshot that it will ask for has all of it.
        if isinstance(event, NewsLost) or self.forsaken:
            self._lost.add(account)
        elif account not in self._lost:
            self._news.append((account, event))
        self._ready.set()

    async def take(self) -> Sequence[Letter]:
        """All there is, as soon as there is something; nothing after a while, so that nobody waits for ever."""
        self._takers += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._ready.wait()
        except TimeoutError:
            return ()
        finally:
            self._takers -= 1
            self._taken_at = asyncio.get_running_loop().time()
        self._ready.clear()
        news, self._news = self._news, []
        lost, self._lost = self._lost, set()
        return [*news, *((account, NewsLost()) for account in sorted(lost))]
