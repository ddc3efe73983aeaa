"""Candles, and how small ones make large ones."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from paper.errors import Refused

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

INTERVALS = {
    "1s": SECOND,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": WEEK,
    "1M": 0,
}
_MONDAY = 4 * DAY
"""The epoch was a Thursday; weeks open on Mondays."""


class Candle(msgspec.Struct, array_like=True, gc=False):
    opened_at: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote_volume: int = 0
    trades: int = 0
    taker_volume: int = 0
    """Of the volume, what takers bought."""
    taker_quote_volume: int = 0

    def add(self, price: int, quantity: int, quote: int, *, taker_bought: bool) -> None:
        if not self.trades:
            self.open = self.high = self.low = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += quantity
        self.quote_volume += quote
        self.trades += 1
        if taker_bought:
            self.taker_volume += quantity
            self.taker_quote_volume += quote

    def extend(self, later: "Candle") -> None:
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.trades += later.trades
        self.taker_volume += later.taker_volume
        self.taker_quote_volume += later.taker_quote_volume


def joined(candles: Iterable[Candle]) -> Candle | None:
    """Candles that follow each other as one; None if there are none."""
    whole = None
    for candle in candles:
        if whole is None:
            whole = msgspec.structs.replace(candle)
        else:
            whole.extend(candle)
    return whole


def opening(interval: str, at: int) -> int:
    """When the candle that holds a moment opened."""
    length = INTERVALS.get(interval)
    if length is None:
        raise Refused(-1120, "Invalid interval.")
    if interval == "1M":
        moment = datetime.fromtimestamp(at / 1000, UTC)
        return int(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    offset = _MONDAY if interval == "1w" else 0
    return (at - offset) // length * length + offset


def closing(interval: str, opened_at: int) -> int:
    """The last millisecond of a candle."""
    if interval == "1M":
        return opening(interval, opened_at + 32 * DAY) - 1
    return opened_at + INTERVALS[interval] - 1


def merged(interval: str, candles: Iterable[Candle]) -> list[Candle]:
    """Smaller candles as larger ones, oldest first."""
    result: list[Candle] = []
    for candle in candles:
        opened_at = opening(interval, candle.opened_at)
        if result and result[-1].opened_at == opened_at:
            result[-1].extend(candle)
        else:
            larger = msgspec.structs.replace(candle, opened_at=opened_at)
            result.append(larger)
    return result
