"""Points for charts. Here, and only here, money becomes floats: a picture needs no last digit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from storage.accounts import AccountRecord
from storage.worth import EquityPoint

STEP_MIN = timedelta(seconds=15)
WIDTH, HEIGHT, EDGE = 120, 32, 2


class Range(StrEnum):
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1m"
    YEAR = "1y"

    @property
    def length(self) -> timedelta:
        return _LENGTHS[self]


_LENGTHS = {
    Range.HOUR: timedelta(hours=1),
    Range.DAY: timedelta(days=1),
    Range.WEEK: timedelta(days=7),
    Range.MONTH: timedelta(days=30),
    Range.YEAR: timedelta(days=365),
}


def steps_of(
    span: Range, records: Sequence[AccountRecord], now: datetime, *, points: int
) -> tuple[datetime, timedelta]:
    """Since when, and in which steps, so that about so many points fill the picture: young accounts get finer steps."""
    born = min((record.created_at for record in records), default=now)
    since = max(now - span.length, born)
    return since, max((now - since) / points, STEP_MIN)


def total_curve(points: Sequence[EquityPoint], step: timedelta) -> list[dict[str, float]]:
    """The sum over accounts at each step. An account that was not weighed in a step is worth what it was before; the
    curve begins where every account has a value, since a sum that leaves one out would be a jump and not a gain."""
    if not points:
        return []
    by_time: dict[datetime, dict[str, Decimal]] = {}
    for point in points:
        by_time.setdefault(point.at, {})[point.account_id] = point.equity
    everybody = {point.account_id for point in points}
    latest: dict[str, Decimal] = {}
    curve = []
    at, end = min(by_time), max(by_time)
    while at <= end:
        latest |= by_time.get(at, {})
        if len(latest) == len(everybody):
            curve.append({"time": seconds(at), "value": float(sum(latest.values(), Decimal(0)))})
        at += step
    return curve


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def sparkline(values: Sequence[Decimal]) -> str:
    """The `points` of an SVG polyline in a box of 120 by 32; empty when there is nothing to draw."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    spread = high - low or Decimal(1)
    across = Decimal(WIDTH) / (len(values) - 1)
    inside = HEIGHT - 2 * EDGE
    return " ".join(
        f"{across * place:.1f},{HEIGHT - EDGE - (value - low) / spread * inside:.1f}"
        for place, value in enumerate(values)
    )
