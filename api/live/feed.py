"""One listener a process, many watchers. A watcher is only woken; what there is to see it reads for itself."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import chain

import structlog

from api.errors import too_many
from storage.errors import DatabaseUnreachable
from trading.ids import UserId

log = structlog.get_logger("api.live")

WATCHERS_PER_USER_MAX = 20

Hear = Callable[[], AsyncIterator[str]]
"""Brings the user of every change that is committed, or an empty word when something may have been missed."""


class Feed:
    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._watchers: defaultdict[UserId, set[asyncio.Event]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None
        self.closed = False

    async def start(self) -> None:
        self._listening = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        self.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def close(self) -> None:
        """End every stream: a server that stops waits for the connections that it has."""
        self.closed = True
        self._wake(None)

    def refuse_too_many(self, user: UserId) -> None:
        if len(self._watchers.get(user, ())) >= WATCHERS_PER_USER_MAX:
            raise too_many(30)

    @contextmanager
    def watch(self, user: UserId) -> Iterator[asyncio.Event]:
        """An event that is set whenever there may be something new for this user."""
        woken = asyncio.Event()
        self._watchers[user].add(woken)
        try:
            yield woken
        finally:
            self._watchers[user].discard(woken)
            if not self._watchers[user]:
                del self._watchers[user]

    @property
    def watching(self) -> int:
        return sum(map(len, self._watchers.values()))

    async def _listen(self) -> None:
        async for user in self._hear():
            self._wake(UserId(user) if user else None)

    def _wake(self, user: UserId | None) -> None:
        watchers = self._watchers.values() if user is None else [self._watchers.get(user, set())]
        for woken in chain.from_iterable(watchers):
            woken.set()


async def until_lost(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream that ends when the database is not there: its watcher comes back by itself, to where it was."""
    try:
        async for frame in frames:
            yield frame
    except DatabaseUnreachable as error:
        log.warning("stream ended", error=str(error))


async def every_second() -> AsyncIterator[str]:
    """For who cannot listen to the database."""
    while True:
        yield ""
        await asyncio.sleep(1)
