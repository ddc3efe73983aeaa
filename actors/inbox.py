"""A trader's inbox: facts in order, quotes as the latest of each symbol."""

import asyncio
from collections import deque

from trading.events import Event, QuoteChanged, TimePassed
from trading.ids import Symbol
from trading.market import Quote

FACTS_MAX = 10_000


class InboxFull(Exception):
    """A trader fell so far behind its facts that starting again is cheaper than catching up."""


class Inbox:
    """Bounded: a slow trader skips quotes, and never a fact. Facts are handed out before quotes."""

    def __init__(self) -> None:
        self._facts: deque[Event] = deque()
        self._quotes: dict[Symbol, Quote] = {}
        self._time_passed = False
        self._ready = asyncio.Event()

    def put(self, event: Event) -> None:
        match event:
            case QuoteChanged(quote):
                self._quotes[quote.symbol] = quote
            case TimePassed():
                self._time_passed = True
            case _:
                if len(self._facts) >= FACTS_MAX:
                    raise InboxFull(f"{FACTS_MAX} facts wait for one trader")
                self._facts.append(event)
        self._ready.set()

    async def get(self) -> Event:
        while True:
            if self._facts:
                return self._facts.popleft()
            if self._quotes:
                symbol = next(iter(self._quotes))
                return QuoteChanged(self._quotes.pop(symbol))
            if self._time_passed:
                self._time_passed = False
                return TimePassed()
            self._ready.clear()
            await self._ready.wait()
