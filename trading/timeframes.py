"""How long a candle lasts."""

from datetime import datetime, timedelta
from enum import StrEnum


class Timeframe(StrEnum):
    """The ones that practically every venue has."""

    MINUTE_1 = "1m"
    MINUTE_5 = "5m"
    MINUTE_15 = "15m"
    MINUTE_30 = "30m"
    HOUR_1 = "1h"
    HOUR_4 = "4h"
    DAY_1 = "1d"

    @property
    def length(self) -> timedelta:
        return _LENGTHS[self]

    def closed_at(self, opened_at: datetime) -> datetime:
        return opened_at + self.length

    def replaced_at(self, opened_at: datetime) -> datetime:
        """When the next candle has closed, and what this one says is old."""
        return opened_at + 2 * self.length


_LENGTHS = {
    Timeframe.MINUTE_1: timedelta(minutes=1),
    Timeframe.MINUTE_5: timedelta(minutes=5),
    Timeframe.MINUTE_15: timedelta(minutes=15),
    Timeframe.MINUTE_30: timedelta(minutes=30),
    Timeframe.HOUR_1: timedelta(hours=1),
    Timeframe.HOUR_4: timedelta(hours=4),
    Timeframe.DAY_1: timedelta(days=1),
}
