"""What the market looks like to a trader: quotes and candles, each with its age."""

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


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    symbol: Symbol
    timeframe: str
    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
