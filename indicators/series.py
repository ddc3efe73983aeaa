"""The candles of one market and timeframe, and every indicator that anybody wants over them."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

import msgspec

from indicators.lines import Line
from trading.ids import Symbol
from trading.market import Candle, Reading
from trading.money import ZERO
from trading.strategies.contract import Feed, Indicator
from trading.timeframes import Timeframe

SETTLING = 15
"""So many times its periods an indicator must have run until nobody can tell from its value when it began."""
HISTORY_MIN = 100


class Series:
    """Takes candles in, gives readings out. Whoever feeds it asks the venue for what is missing:

    - at the beginning (`newest` is None) the last `history` candles,
    - from then on all that the venue has since `newest`. A venue leaves out candles in which nothing was traded; they
      are made up here, so what is fetched must be without gaps of our own.
    """

    def __init__(self, symbol: Symbol, timeframe: Timeframe) -> None:
        self._symbol = symbol
        self._timeframe = timeframe
        self._lines: dict[Indicator, Line] = {}
        self._depth = 1
        self._candles: deque[Candle] = deque(maxlen=HISTORY_MIN)

    @property
    def newest(self) -> datetime | None:
        """When the newest candle that it has was opened."""
        return self._candles[-1].opened_at if self._candles else None

    @property
    def history(self) -> int:
        return max((SETTLING * sum(indicator.periods) for indicator in self._lines), default=0) + HISTORY_MIN

    def follow(self, feeds: Iterable[Feed]) -> None:
        """Compute what these feeds ask for, and nothing else. Raises `UnknownIndicator`, and then changes nothing."""
        feeds = tuple(feeds)
        wanted = {indicator for feed in feeds for indicator in feed.indicators}
        fresh = {indicator: Line(indicator) for indicator in wanted - self._lines.keys()}
        known = {indicator: line for indicator, line in self._lines.items() if indicator in wanted}
        self._lines = known | fresh
        self._depth = max((feed.depth for feed in feeds), default=1)
        if self.history > (self._candles.maxlen or 0):
            # A longer past is needed than there is: begin again with it.
            self._candles = deque(maxlen=self.history)
            self._lines = {indicator: Line(indicator) for indicator in wanted}
        for line in fresh.values():
            for candle in self._candles:
                line.add(candle)

    def take(self, candles: Iterable[Candle], now: datetime) -> Reading | None:
        """Take in what is new and closed by now. A reading, if that changed it and enough is known for all."""
        before = self.newest
        for candle in sorted(candles, key=lambda candle: candle.opened_at):
            closed = self._timeframe.closed_at(candle.opened_at) <= now
            if closed and _sound(candle) and (self.newest is None or candle.opened_at > self.newest):
                self._add(candle)
        return self.reading() if self.newest != before else None

    def reading(self) -> Reading | None:
        """The newest; None while there are too few candles for one of the indicators."""
        values: dict[str, tuple[float, ...]] = {}
        for line in self._lines.values():
            if (of_line := line.values(self._depth)) is None:
                return None
            values |= of_line
        if len(self._candles) < self._depth:
            return None
        candles = tuple(self._candles)[-self._depth :]
        return Reading(symbol=self._symbol, timeframe=self._timeframe, candles=candles, values=values)

    def _add(self, candle: Candle) -> None:
        for one in (*self._made_up(candle.opened_at), candle):
            self._candles.append(one)
            for line in self._lines.values():
                line.add(one)

    def _made_up(self, until: datetime) -> Iterable[Candle]:
        """Candles without a trade, between the newest and this time. After a long gap the past begins anew."""
        if not self._candles:
            return
        last, length = self._candles[-1], self._timeframe.length
        if (until - last.opened_at) / length > HISTORY_MIN:
            self._candles.clear()
            self._lines = {indicator: Line(indicator) for indicator in self._lines}
            return
        at = last.opened_at + length
        while at < until:
            price = last.close
            yield msgspec.structs.replace(last, opened_at=at, open=price, high=price, low=price, volume=ZERO)
            at += length


def _sound(candle: Candle) -> bool:
    """Whether these can be prices. One that is not a number would stay in every average for good."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    if not all(price.is_finite() and price > 0 for price in prices):
        return False
    return candle.low <= min(candle.open, candle.close) and max(candle.open, candle.close) <= candle.high
