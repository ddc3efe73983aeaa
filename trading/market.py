"""What the market looks like to a trader: quotes and candles, each with its age."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from trading.ids import Symbol


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The best bid and ask. `at` is the venue's time of it, `received_at` ours; age is counted from ours."""

    symbol: Symbol
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: datetime
    received_at: datetime
    version: int

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2

    def age(self, now: datetime) -> timedelta:
        return now - self.received_at

    @property
    def sound(self) -> bool:
        """Whether these can be prices: finite, above zero, and not crossed."""
        if not (self.bid.is_finite() and self.ask.is_finite() and self.last.is_finite()):
            return False
        return 0 < self.bid <= self.ask and self.last > 0


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    symbol: Symbol
    timeframe: str
    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The newest closed candles of one feed, oldest first, and each indicator's value at each of them.

    Indicator values are floats, the one place where they may be: they say when to act. What is
    reckoned from one, as a stop from an ATR, is cut to the tick and the lot before it is a price or a quantity.
    """

    symbol: Symbol
    timeframe: str
    candles: tuple[Candle, ...]
    values: Mapping[str, tuple[float, ...]]
    """By `Indicator.key`, with `.signal` or the like behind it where an indicator has several lines."""
