"""Watches a run's profit and loss as a whole, and says when it has lost enough."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from trading.books import Books
from trading.limits import Consequence, Limits
from trading.money import ZERO


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard must not forget. Amounts are in the asset that limits are in, days are the owner's."""

    capital: Decimal | None = None
    day: str = ""
    day_began_at: Decimal = ZERO
    """Profit when the day began: what is below it was lost today."""
    peak: Decimal = ZERO
    daily_loss_day: str = ""
    """The day whose loss was reported."""
    below_peak: bool = False
    """A drawdown was reported, and no new peak has been reached since."""
    reduce_only_day: str = ""
    """No entry while it is still this day."""
    cool_until: datetime | None = None
    losses_counted: int = 0
    """Losing trades in all when the last cool-down began: each loss starts one at most."""


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    rule: str
    value: Decimal
    limit: Decimal
    then: Consequence


def watch(
    before: Watch, limits: Limits, books: Books, profit: Decimal, *, now: datetime, zone: ZoneInfo
) -> tuple[Watch, tuple[Breach, ...]]:
    """Look at the profit of this moment. A breach is reported when it happens, not as long as it lasts."""
    today = day_of(now, zone)
    after = before
    if before.day != today:
        after = msgspec.structs.replace(after, day=today, day_began_at=profit)
    if profit > after.peak:
        after = msgspec.structs.replace(after, peak=profit, below_peak=False)
    breaches: list[Breach] = []
    capital = limits.capital or after.capital
    if capital:
        lost = (after.day_began_at - profit) / capital * 100
        if lost >= limits.daily_loss_max_pct and after.daily_loss_day != today:
            after = msgspec.structs.replace(after, daily_loss_day=today)
            breaches.append(
                Breach(rule="daily_loss", value=lost, limit=limits.daily_loss_max_pct, then=limits.daily_loss_then)
            )
        fallen = (after.peak - profit) / (capital + after.peak) * 100
        if fallen >= limits.drawdown_max_pct and not after.below_peak:
            after = msgspec.structs.replace(after, below_peak=True)
            breaches.append(
                Breach(rule="drawdown", value=fallen, limit=limits.drawdown_max_pct, then=limits.drawdown_then)
            )
        if any(breach.then is Consequence.REDUCE_ONLY for breach in breaches):
            after = msgspec.structs.replace(after, reduce_only_day=today)
    after, streak = _count_losses(after, limits, books, now)
    return after, (*breaches, *streak)


def entries_allowed(state: Watch, now: datetime, zone: ZoneInfo) -> bool:
    if state.cool_until is not None and now < state.cool_until:
        return False
    return not state.reduce_only_day or state.reduce_only_day != day_of(now, zone)


def day_of(now: datetime, zone: ZoneInfo) -> str:
    return now.astimezone(zone).date().isoformat()


def _count_losses(after: Watch, limits: Limits, books: Books, now: datetime) -> tuple[Watch, tuple[Breach, ...]]:
    if not limits.losses_in_row_max:
        return after, ()
    streak = max((position.losses_in_row for position in books.positions.values()), default=0)
    losses = sum(position.losses for position in books.positions.values())
    if streak < limits.losses_in_row_max or losses <= after.losses_counted:
        return after, ()
    cool_until = now + timedelta(seconds=limits.cool_down_s)
    breach = Breach(
        rule="losses_in_row",
        value=Decimal(streak),
        limit=Decimal(limits.losses_in_row_max),
        then=Consequence.REFUSE,
    )
    return msgspec.structs.replace(after, cool_until=cool_until, losses_counted=losses), (breach,)
