"""One market as it trades: its book, the conditional orders that wait beside it, and its tape."""

from collections import deque

from paper.candles import Candle
from paper.markets import Market
from paper.matching import Book
from paper.tape import Tape
from paper.triggers import Triggers


class Pit:
    def __init__(self, market: Market, history: deque[Candle]) -> None:
        self.market = market
        self.book = Book()
        self.triggers = Triggers()
        self.tape = Tape(market, history)
        self.halted = False
        self.diffs: list[set[tuple[bool, int]]] = []
        """Where changes of the book are collected, one set for each who publishes them at a pace of its own."""
        self.market_time: int | None = None
        """The time that the market lives in, if a recording drives it; else it is the venue's."""
        self._update_id = 0

    def time(self, now: int) -> int:
        return now if self.market_time is None else self.market_time

    @property
    def update_id(self) -> int:
        """The book's version: every change of a level is one. Looking collects what has changed since."""
        changed = self.book.changed
        if changed:
            self._update_id += len(changed)
            for diff in self.diffs:
                diff.update(changed)
            changed.clear()
        return self._update_id
