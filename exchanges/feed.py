"""What arrived on a stream and was not read yet."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from exchanges.errors import StreamLost

WAITING_MAX = 20_000

Item = TypeVar("Item")


class Feed(Generic[Item]):
    """Keeps everything in the order received, between one read and the next. Ends by raising what ended it.

    A reader who stays away for too long loses the stream rather than all of our memory.
    """

    def __init__(self, first: Item | None = None) -> None:
        self._first = first
        self._items: deque[Item] = deque()
        self._arrived = asyncio.Event()
        self._failure: StreamLost | None = None

    def open(self) -> None:
        """The venue has begun to answer: the feed's first item, if it has one, may be read."""
        if self._first is not None:
            self.put(self._first)
            self._first = None

    def put(self, item: Item) -> None:
        if len(self._items) >= WAITING_MAX:
            self.fail(StreamLost("the stream brought more than was read"))
        if self._failure is None:
            self._items.append(item)
            self._arrived.set()

    def fail(self, failure: StreamLost) -> None:
        """The first failure is the one that is told, after all that came before it."""
        if self._failure is None:
            self._failure = failure
            self._arrived.set()

    async def get(self) -> Item:
        while not self._items:
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()
        return self._items.popleft()
